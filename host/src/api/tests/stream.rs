//! The stream of a person's actions: what comes first, what comes once, and how it ends.

use axum::body::BodyDataStream;
use futures_util::StreamExt;
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::channels::Delivery;

const PATH: &str = "/v1/demo/users/u:1/actions";
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(20);

fn delivery(id: u128, sequence: u64) -> Delivery {
    Delivery { sequence, action: Arc::new(action(id)), channel: Channel::App, attempt: 1 }
}

fn waits(id: u128, sequence: u64, channel: Channel, attempted: bool) -> Waiting {
    Waiting {
        action: action(id),
        attempt: 1,
        state: WaitingState::Inbox { sequence, channel, attempted },
        asked: vec![],
    }
}

/// A stream that was answered.
struct Open {
    headers: HeaderMap,
    body: BodyDataStream,
    text: String,
}

async fn open(harness: &Harness, path: &str, last_event_id: Option<&str>) -> Open {
    let mut request = request("GET", path, None, "");
    if let Some(id) = last_event_id {
        request.headers_mut().insert("last-event-id", id.parse().expect("a value"));
    }
    let response = harness.router.clone().oneshot(request).await.expect("infallible");
    assert_eq!(response.status(), StatusCode::OK);
    let (parts, body) = response.into_parts();
    Open { headers: parts.headers, body: body.into_data_stream(), text: String::new() }
}

impl Open {
    /// The `id` of so many further events.
    async fn next(&mut self, count: usize) -> Vec<u64> {
        tokio::time::timeout(PATIENCE, self.ids(count)).await.expect("so many events")
    }

    async fn ids(&mut self, count: usize) -> Vec<u64> {
        let mut ids = Vec::new();
        while ids.len() < count {
            while let Some((event, rest)) = self.text.split_once("\n\n") {
                let id = event.lines().find_map(|line| line.strip_prefix("id: "));
                ids.extend(id.map(|id| id.parse::<u64>().expect("a number")));
                self.text = rest.to_owned();
            }
            if ids.len() < count {
                assert!(self.more().await, "it has ended: {}", self.text);
            }
        }
        ids
    }

    /// Waits for what comes next; false at the end.
    async fn more(&mut self) -> bool {
        let Some(chunk) = self.body.next().await else { return false };
        self.text += std::str::from_utf8(&chunk.expect("readable")).expect("UTF-8");
        true
    }

    /// Everything until the end.
    async fn rest(mut self) -> String {
        let ended = async { while self.more().await {} };
        tokio::time::timeout(PATIENCE, ended).await.expect("it ends");
        self.text
    }

    async fn is_silent(&mut self) -> bool {
        is_waiting(std::pin::pin!(self.body.next())).await
    }
}

#[tokio::test]
async fn s1_15_first_comes_what_was_handed_over_and_not_acknowledged_then_what_is_new_each_once() {
    let harness = Harness::new();
    harness.holds(vec![
        waits(1, 9, Channel::App, true),
        waits(2, 4, Channel::App, true),
        waits(3, 5, Channel::App, false),
        waits(4, 6, Channel::Slot("top".into()), true),
    ]);
    // What the arrival sets free comes over the stream that was opened before.
    let hub = harness.hub.clone();
    *harness.shards.at_arrival.lock().expect("no panic") = Some(Box::new(move || {
        assert_eq!(hub.push("demo", "u:1", delivery(5, 7)), 1, "the stream is there first");
        hub.push("demo", "u:1", delivery(1, 9));
    }));
    let mut stream = open(&harness, PATH, None).await;
    assert_eq!(stream.headers["content-type"], "text/event-stream");
    assert_eq!(stream.headers["cache-control"], "no-store");
    assert_eq!(stream.next(3).await, [4, 9, 7]);
    assert_eq!(*harness.shards.arrivals.lock().expect("no panic"), [None]);
    for (id, sequence) in [(5, 7), (6, 12), (6, 12), (7, 3), (8, 13)] {
        harness.hub.push("demo", "u:1", delivery(id, sequence));
    }
    assert_eq!(stream.next(3).await, [12, 3, 13], "a smaller one that was judged again comes too");
    harness.hub.push("demo", "u:2", delivery(9, 14));
    assert!(stream.is_silent().await, "nothing of others");
}

#[tokio::test]
async fn an_event_is_one_line_of_json_with_its_number() {
    let harness = Harness::new();
    harness.holds(vec![waits(1, 9, Channel::App, true)]);
    let mut stream = open(&harness, PATH, None).await;
    let mut text = String::new();
    while text.matches("\n\n").count() < 2 {
        text += std::str::from_utf8(&stream.body.next().await.expect("open").expect("readable")).expect("UTF-8");
    }
    let (first, event) = text.split_once("\n\n").expect("two");
    assert_eq!(first, "retry: 2000");
    let data = event.lines().find_map(|line| line.strip_prefix("data: ")).expect("data");
    assert!(event.contains("event: action\n") && event.contains("id: 9\n"), "{event}");
    assert_eq!(
        data,
        concat!(
            r#"{"action":"00000000000000000000000000000001","sequence":9,"match":"high_risk","policy":"warn","class":"marketing","#,
            r#""channel":"app","scene":"home","content":{"title": "Take care"},"fields":{"n":5},"#,
            r#""time":"2026-02-28T12:00:00.000Z","expires":"2026-02-28T12:01:00.000Z","attempt":1}"#
        )
    );
}

#[tokio::test]
async fn who_comes_again_gets_only_what_is_behind() {
    let harness = Harness::new();
    harness.holds([4, 9, 11].map(|sequence| waits(sequence.into(), sequence, Channel::App, true)).into());
    assert_eq!(open(&harness, PATH, Some("4")).await.next(2).await, [9, 11]);
    assert_eq!(open(&harness, &format!("{PATH}?last_event_id=9"), None).await.next(1).await, [11]);
    assert_eq!(open(&harness, &format!("{PATH}?last_event_id=0"), Some("9")).await.next(1).await, [11]);
    let mut again = waits(5, 5, Channel::App, true);
    again.attempt = 2;
    harness.holds(vec![waits(4, 4, Channel::App, true), again, waits(11, 11, Channel::App, true)]);
    let mut judged_again = open(&harness, PATH, Some("9")).await;
    assert_eq!(
        judged_again.next(2).await,
        [5, 11],
        "5 may have been handed over behind 9, and nobody has acknowledged it"
    );
    let mut late = open(&harness, PATH, Some("11")).await;
    assert_eq!(late.next(1).await, [5]);
    harness.hub.push("demo", "u:1", delivery(4, 4));
    assert_eq!(late.next(1).await, [4], "what is handed over now is new, whatever its number");
    let mut bad = request("GET", PATH, None, "");
    bad.headers_mut().insert("last-event-id", "nine".parse().expect("a value"));
    assert_eq!(harness.send(bad).await.refusal(), (400, "bad_query".to_owned()));
    harness.past.later(60_000);
    let mut expired = open(&harness, PATH, None).await;
    harness.hub.push("demo", "u:1", delivery(12, 12));
    assert_eq!(expired.next(1).await, [12], "what has expired is not shown");
}

#[tokio::test]
async fn an_arrival_may_set_free_more_than_a_stream_holds() {
    let harness = Harness::new();
    harness.past.durable();
    let many = crate::channels::STREAM_BUFFER as u64 + 20;
    // No answer is prepared yet: the arrival is answered behind what it sets free.
    let (sender, receiver) = std::sync::mpsc::channel();
    *harness.shards.held.lock().expect("no panic") = Some(sender);
    let opening = open(&harness, PATH, None);
    let worker = async {
        let answer = loop {
            match receiver.try_recv() {
                Ok(answer) => break answer,
                Err(_) => tokio::task::yield_now().await,
            }
        };
        for sequence in 1..=many {
            assert_eq!(harness.hub.push("demo", "u:1", delivery(sequence.into(), sequence)), 1, "it is still open");
            tokio::task::yield_now().await;
        }
        answer(Ok(PersonView { position: Lsn::ZERO, tags: vec![], waiting: vec![] }));
    };
    let (mut stream, ()) = tokio::join!(opening, worker);
    assert_eq!(stream.next(many as usize).await, Vec::from_iter(1..=many));
}

#[tokio::test]
async fn a_stream_ends_with_the_host_and_gives_its_place_back_when_its_client_leaves() {
    let harness = Harness::with(Past::new(), Limits { streams: 2, ..Limits::default() });
    harness.holds(vec![]);
    let first = open(&harness, PATH, None).await;
    let mut second = open(&harness, PATH, None).await;
    let told = harness.get(PATH).await;
    assert_eq!(told.refusal(), (503, "streams".to_owned()));
    assert_eq!(told.headers["retry-after"], "1");
    drop(first);
    assert_eq!(harness.hub.streams(), 1);
    harness.hub.close();
    let chunk = second.body.next().await.expect("the first event").expect("readable");
    assert_eq!(&chunk[..], b"retry: 2000\n\n");
    assert!(second.body.next().await.is_none());
    assert_eq!(harness.get(PATH).await.refusal(), (503, "shutting_down".to_owned()));
}

#[tokio::test]
async fn the_newest_stream_of_a_person_takes_the_place_of_the_oldest_which_is_told() {
    let harness = Harness::with(Past::new(), Limits { streams_per_person: 2, ..Limits::default() });
    harness.holds(vec![]);
    let [lost, mut tablet, mut phone] =
        [open(&harness, PATH, None).await, open(&harness, PATH, None).await, open(&harness, PATH, None).await];
    assert_eq!(harness.hub.push("demo", "u:1", delivery(1, 1)), 2);
    assert_eq!((tablet.next(1).await, phone.next(1).await), (vec![1], vec![1]));
    let text = lost.rest().await;
    assert!(text.contains("event: bye\ndata: {\"reason\":\"streams_per_person\","), "{text}");
    assert!(!text.contains("id: "), "the client's last id stays: {text}");
    assert_eq!(harness.hub.streams(), 2);
}

#[tokio::test]
async fn a_stream_ends_with_the_token_that_opened_it() {
    let harness = Harness::new();
    harness.holds(vec![waits(1, 9, Channel::App, true)]);
    let keys = UserKeys::new([7; 32]);
    let user = user_token::User { business: "demo".into(), id: "u:1".into() };
    let token = keys.issue(&user, START, START + 60_000).expect("a token");
    let path = format!("{PATH}?access_token={token}");
    let asked = || Request::builder().uri(&path).body(Body::empty()).expect("a request");
    // It has 30 ms left. The entry has expired meanwhile, so that it is not in the way.
    harness.past.later(59_970);
    let response = harness.router.clone().oneshot(asked()).await.expect("infallible");
    assert_eq!((response.status(), harness.hub.streams()), (StatusCode::OK, 1));
    let stream = Open { headers: HeaderMap::new(), body: response.into_body().into_data_stream(), text: String::new() };
    let lasting = open(&harness, PATH, None).await;
    let text = stream.rest().await;
    assert!(text.contains("\nid: 9\n"), "what waits comes first: {text}");
    assert!(text.contains("event: bye\ndata: {\"reason\":\"token_expired\","), "{text}");
    assert_eq!(harness.hub.streams(), 1, "the host's own token does not expire");
    drop(lasting);
    harness.past.later(30);
    assert_eq!(harness.send(asked()).await.refusal(), (401, "token_expired".to_owned()));
}

#[tokio::test]
async fn the_end_of_the_host_does_not_wait_for_streams() {
    let harness = Harness::with(Past::new(), Limits { request_ms: 50, ..Limits::default() });
    harness.holds(vec![]);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let hub = harness.hub.clone();
    let ending = async move {
        drop(stopped.await);
        hub.close();
    };
    let server = harness.serve(listener, ending);
    let client = TcpStream::connect(address).await.expect("connected");
    let asked = format!("GET {PATH} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {TOKEN}\r\n\r\n");
    client.writable().await.expect("open");
    assert_eq!(client.try_write(asked.as_bytes()).expect("written"), asked.len());
    let mut text = String::new();
    while !text.contains("retry: 2000") {
        client.readable().await.expect("open");
        let mut bytes = vec![0; 4_096];
        if let Ok(read) = client.try_read(&mut bytes) {
            text += std::str::from_utf8(&bytes[..read]).expect("UTF-8");
        }
    }
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    // Longer than a request may take.
    let more = async {
        loop {
            client.readable().await.expect("open");
            if let Ok(read) = client.try_read(&mut [0; 64]) {
                return read;
            }
        }
    };
    let more = tokio::time::timeout(std::time::Duration::from_millis(100), more).await;
    assert!(more.is_err(), "neither an end nor an event: {more:?}");
    stop.send(()).expect("running");
    server.await.expect("no panic").expect("a clean end");
}
