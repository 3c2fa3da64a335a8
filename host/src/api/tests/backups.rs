//! A backup over HTTP: one at a time, for the operator alone, and a client that stands still keeps nobody waiting for ever.

use futures_util::StreamExt;

use super::*;

const PATH: &str = "/v1/backup";
/// It ends only with its client.
const ENDLESS: &str = "/v1/backup?secrets=true";

/// Asks until no other backup is being taken.
async fn taken(harness: &Harness) -> Told {
    loop {
        let told = harness.send(request("POST", PATH, None, "")).await;
        if told.status != StatusCode::CONFLICT {
            return told;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn x_31_one_backup_at_a_time_for_the_operator() {
    let harness = Harness::new();
    let told = taken(&harness).await;
    assert_eq!((told.status, &*told.text), (StatusCode::OK, "a backup"));
    assert_eq!(told.headers["content-type"], "application/octet-stream");
    let stranger = Request::builder().method("POST").uri(PATH).body(Body::empty()).expect("a request");
    assert_eq!(harness.send(stranger).await.status, StatusCode::UNAUTHORIZED);
    let unknown = harness.send(request("POST", "/v1/backup?secret=true", None, "")).await;
    assert_eq!(unknown.refusal(), (400, "bad_query".to_owned()));
    let running = harness.router.clone().oneshot(request("POST", ENDLESS, None, "")).await.expect("infallible");
    assert_eq!(running.status(), StatusCode::OK);
    let second = harness.send(request("POST", PATH, None, "")).await;
    assert_eq!(second.refusal(), (409, "backup_running".to_owned()));
    // Its client leaves.
    drop(running);
    assert_eq!(taken(&harness).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_backup_whose_client_takes_nothing_ends() {
    let limits = Limits { http_write_ms: 20, ..Limits::default() };
    let harness = Harness::with(Past::new(), limits);
    let running = harness.router.clone().oneshot(request("POST", ENDLESS, None, "")).await.expect("infallible");
    assert_eq!(taken(&harness).await.status, StatusCode::OK);
    let read = axum::body::to_bytes(running.into_body(), usize::MAX).await;
    assert!(read.is_err() || read.is_ok_and(|bytes| bytes.len() < 4 << 20), "it went on");
}

#[tokio::test]
async fn a_backup_whose_client_is_too_slow_ends() {
    let limits = Limits { http_write_ms: 300, backup_bytes_per_s: 1 << 30, ..Limits::default() };
    let harness = Harness::with(Past::new(), limits);
    let running = harness.router.clone().oneshot(request("POST", ENDLESS, None, "")).await.expect("infallible");
    let (mut body, mut pieces) = (running.into_body().into_data_stream(), 0);
    // It never stands still for as long as it may, and takes 25 MB a second.
    let mut pace = tokio::time::interval(std::time::Duration::from_millis(10));
    while let Some(Ok(_)) = body.next().await {
        pieces += 1;
        assert!(pieces < 400, "it goes on");
        pace.tick().await;
    }
    assert!(pieces > 8, "{pieces} pieces");
    assert_eq!(taken(&harness).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_backup_that_fails_at_once_is_a_refusal() {
    let harness = Harness::new();
    *harness.shards.unhealthy.lock().expect("no panic") = Some("no disk".to_owned());
    let told = harness.send(request("POST", PATH, None, "")).await;
    assert_eq!(told.refusal(), (500, "host_failure".to_owned()));
    assert!(told.text.contains("no disk"), "{}", told.text);
}
