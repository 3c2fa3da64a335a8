//! What bounds connections and requests, over real sockets. More of it is in tests/tests/service/bounds.rs.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use super::*;

/// Sends a short request and answers the head of what comes back, with as much of the body as came with it.
async fn talk(stream: &mut TcpStream, text: &str) -> String {
    stream.write_all(text.as_bytes()).await.expect("open");
    let mut answer = Vec::new();
    while !answer.windows(4).any(|bytes| bytes == b"\r\n\r\n") {
        assert_ne!(stream.read_buf(&mut answer).await.expect("open"), 0, "{}", String::from_utf8_lossy(&answer));
    }
    String::from_utf8(answer).expect("UTF-8")
}

/// Everything until the end.
async fn rest(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).await.expect("an end");
    text
}

const HEALTH: &str = "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";

#[tokio::test]
async fn connections_are_bounded_and_finished_at_the_end() {
    let harness = Harness::with(Past::new(), Limits { request_bytes: 100, connections: 1, ..Limits::default() });
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (stop, stopped) = oneshot::channel::<()>();
    let server = harness.serve(listener, async { drop(stopped.await) });
    let mut first = TcpStream::connect(address).await.expect("connected");
    assert!(talk(&mut first, HEALTH).await.starts_with("HTTP/1.1 200"));
    // One more is told at once, before it has said anything, and closed.
    let told = rest(&mut TcpStream::connect(address).await.expect("connected")).await;
    assert!(told.starts_with("HTTP/1.1 503") && told.contains("retry-after: 1\r\n"), "{told}");
    assert!(told.contains(r#""limit":"connections""#), "{told}");
    assert!(talk(&mut first, HEALTH).await.starts_with("HTTP/1.1 200"), "the first is not disturbed");
    assert_eq!(harness.metrics.connections.get(), 1);
    assert_eq!(harness.metrics.shed.with_label_values(&["connections"]).get(), 1);
    let chunk = "y".repeat(0x80);
    let chunked = format!(
        "POST /v1/demo/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {TOKEN}\r\n\
         content-type: application/cloudevents+json\r\ntransfer-encoding: chunked\r\n\r\n80\r\n{chunk}\r\n0\r\n\r\n"
    );
    assert!(talk(&mut first, &chunked).await.starts_with("HTTP/1.1 413"), "also a body of unknown length has a bound");
    stop.send(()).expect("running");
    server.await.expect("no panic").expect("a clean end");
    assert_eq!(harness.metrics.connections.get(), 0);
}

/// Longer than a connection is waited for in these tests.
const SOON: std::time::Duration = std::time::Duration::from_secs(20);

#[tokio::test]
async fn who_takes_nothing_of_a_stream_loses_the_connection() {
    let harness = Harness::with(Past::new(), Limits { http_write_ms: 200, ..Limits::default() });
    harness.holds(vec![]);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (_stop, stopped) = oneshot::channel::<()>();
    let server = harness.serve(listener, async { drop(stopped.await) });
    let mut client = TcpStream::connect(address).await.expect("connected");
    let stream = format!("GET /v1/demo/users/u:1/actions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {TOKEN}\r\n\r\n");
    assert!(talk(&mut client, &stream).await.starts_with("HTTP/1.1 200"));
    // More than any buffer between takes; the stream itself is full and closed long before.
    let mut large = action(1);
    large.content = format!("{{\"title\":\"{}\"}}", "x".repeat(1 << 20)).into();
    let large = Arc::new(large);
    for sequence in 1..=100 {
        let (action, channel) = (large.clone(), Channel::App);
        harness.hub.push("demo", "u:1", crate::channels::Delivery { sequence, action, channel, attempt: 1 });
    }
    assert_eq!(
        (harness.hub.streams(), harness.metrics.connections.get()),
        (0, 1),
        "it is not counted, and still there"
    );
    let gone = async {
        while harness.metrics.connections.get() > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(SOON, gone).await.expect("the connection is closed");
    assert_eq!(harness.metrics.shed.with_label_values(&["http_write_ms"]).get(), 1);
    drop(client);
    server.abort();
}

#[tokio::test]
async fn a_head_is_refused_by_the_limit_that_it_exceeds() {
    let limits = Limits { http_headers: 4, http_header_bytes: 200, ..Limits::default() };
    let harness = Harness::with(Past::new(), limits);
    let with = |headers: usize, bytes: usize| {
        let mut request = Request::builder().uri("/healthz");
        for header in 1..headers {
            request = request.header(format!("h{header}"), "x");
        }
        // `GET /healthz HTTP/1.1`, its end and that of the head are 25 bytes, `h1: x` is 7, `long: ` is 8.
        let filling = bytes - 25 - 7 * (headers - 1) - 8;
        request.header("long", "y".repeat(filling)).body(Body::empty()).expect("a request")
    };
    assert_eq!(harness.send(with(4, 200)).await.status, StatusCode::OK, "both limits are reached");
    let told = harness.send(with(5, 200)).await;
    assert_eq!(told.refusal(), (431, "http_headers".to_owned()));
    assert_eq!(told.headers["connection"], "close");
    let told = harness.send(with(4, 201)).await;
    assert_eq!(told.refusal(), (431, "http_header_bytes".to_owned()));
    assert!(told.text.contains("201 bytes") && told.text.contains("at most 200"), "{}", told.text);
}

#[tokio::test]
async fn a_full_host_says_how_it_is_and_who_has_no_token_takes_no_place() {
    let (wall, past) = Wall::past();
    let harness = Harness::with(past, Limits { requests_in_flight: 1, ..Limits::default() });
    let wall = Open(wall);
    wall.0.set(true);
    // Waits for the disk.
    let sent = event("1", "1");
    let mut first = Box::pin(harness.event(&sent));
    assert!(is_waiting(first.as_mut()).await);
    let told = harness.get("/v1/limits").await;
    assert_eq!(told.refusal(), (503, "requests_in_flight".to_owned()));
    assert_eq!(told.headers["retry-after"], "1");
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(harness.get(path).await.status, StatusCode::OK, "{path}");
    }
    assert_eq!(harness.metrics.shed.with_label_values(&["requests_in_flight"]).get(), 1);
    wall.0.set(false);
    assert_eq!(first.await.status, StatusCode::ACCEPTED);
    assert_eq!(harness.get("/v1/limits").await.status, StatusCode::OK, "the place is given back");
}
