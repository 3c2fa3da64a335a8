//! Nothing is acknowledged or shown before it is durable.

use std::pin::pin;

use super::*;

/// The wall comes last, so that it is gone before the journal is closed.
fn walled() -> (Harness, Open) {
    let (wall, past) = Wall::past();
    (Harness::with(past, Limits::default()), Open(wall))
}

#[tokio::test]
async fn x_28_no_answer_comes_before_the_event_is_durable() {
    let (harness, wall) = walled();
    wall.0.set(true);
    let json = event("1", "1");
    let mut first = pin!(harness.event(&json));
    let mut again = pin!(harness.event(&json));
    let other = event("1", "2");
    let mut reused = pin!(harness.event(&other));
    assert!(is_waiting(first.as_mut()).await);
    assert!(is_waiting(again.as_mut()).await);
    assert!(is_waiting(reused.as_mut()).await, "a refusal that speaks of the original waits for it too");
    assert_eq!(harness.shards.submissions.load(Ordering::SeqCst), 3, "all three wait for the disk and nothing else");
    assert_eq!(harness.past.log.journal().durable(), Lsn::ZERO);
    wall.0.set(false);
    let expected = |accepted: u64, duplicates: u64| serde_json::json!({"accepted": accepted, "duplicates": duplicates, "position": 1, "rejected": []});
    let (first, again, reused) = (first.await, again.await, reused.await);
    assert_eq!((first.status, first.json()), (StatusCode::ACCEPTED, expected(1, 0)));
    assert_eq!((again.status, again.json()), (StatusCode::ACCEPTED, expected(0, 1)));
    assert_eq!(reused.refusal(), (409, "id_reused".to_owned()));
    assert_eq!(harness.past.log.journal().durable(), Lsn(1));
}

#[tokio::test]
async fn x_28_nobody_holds_an_answer_for_an_event_that_the_disk_lost() {
    let (harness, wall) = walled();
    wall.0.set(true);
    wall.0.broken.store(true, Ordering::SeqCst);
    let json = event("1", "1");
    let mut first = pin!(harness.event(&json));
    let mut again = pin!(harness.event(&json));
    assert!(is_waiting(first.as_mut()).await && is_waiting(again.as_mut()).await);
    wall.0.set(false);
    assert_eq!(first.await.refusal(), (503, "journal_failed".to_owned()));
    assert_eq!(again.await.refusal(), (503, "journal_failed".to_owned()));
    assert_eq!(harness.event(&event("2", "1")).await.refusal(), (503, "journal_failed".to_owned()));
    let answers = ["/healthz", "/metrics", "/v1/demo/matches", "/v1/demo/trace/u1"];
    for path in answers {
        assert_eq!(harness.get(path).await.status, StatusCode::OK, "{path}: what is durable can still be read");
    }
}

#[tokio::test]
async fn a_batch_waits_for_the_highest_position_it_speaks_of() {
    let (harness, wall) = walled();
    assert_eq!(harness.event(&event("1", "1")).await.status, StatusCode::ACCEPTED);
    wall.0.set(true);
    let batch = format!("[{},{},{}]", event("2", "1"), event("1", "1"), event("1", "other"));
    let batch = batch.replace("other", "2");
    let mut answer = pin!(harness.batch(&batch));
    assert!(is_waiting(answer.as_mut()).await);
    wall.0.set(false);
    let answer: body::EventsAnswer = answer.await.parse();
    assert_eq!((answer.accepted(), answer.duplicates(), answer.position()), (1, 1, 2));
    assert_eq!((answer.rejected()[0].item, &*answer.rejected()[0].code), (2, "id_reused"));
}

#[tokio::test]
async fn changes_and_answers_wait_for_their_positions() {
    let (harness, wall) = walled();
    let plan = crate::trace::fixture::plan(r#""browse""#, "subject", "");
    harness.past.deploy("demo", "risk", &plan, crate::model::Start::Latest);
    harness.past.durable();
    wall.0.set(true);
    let lsn = harness.past.event(Event { kind: "browse".into(), ..Event::default() });
    *harness.shards.answer.lock().expect("no panic") = Some(Ok(reply(lsn)));
    let mut asked = pin!(harness.get("/v1/demo/deployments/risk/queries/q?key=u1"));
    assert!(is_waiting(asked.as_mut()).await);
    assert_eq!(harness.shards.asked.lock().expect("no panic").len(), 1, "it was answered, and is not shown");
    let mut paused =
        tokio::spawn(tell(harness.router.clone(), request("POST", "/v1/demo/deployments/risk/pause", None, "")));
    let deployment = || harness.past.registry.deployment("demo", "risk").expect("it");
    while deployment().paused.shards.is_empty() {
        tokio::task::yield_now().await;
    }
    // The change is made; time enough to answer it, if that did not wait for the disk.
    let early = tokio::time::timeout(std::time::Duration::from_millis(100), &mut paused).await;
    assert!(early.is_err(), "{early:?}");
    assert!(is_waiting(asked.as_mut()).await);
    wall.0.set(false);
    assert_eq!(asked.await.status, StatusCode::OK);
    let view: body::DeploymentView = paused.await.expect("no panic").parse();
    assert_eq!((&*view.state, view.paused.expect("paused").reason.as_str()), ("paused", "no reason given"));
}
