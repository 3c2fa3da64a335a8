//! Streams and scripted channels.

use std::io::Write;
use std::sync::{Arc, Mutex};

use super::*;
use crate::model::outreach::{ActionId, Class, Offline, Origin};
use crate::model::ports::Presence;
use crate::model::{Digest, Lsn};
use crate::telemetry::Metrics;

fn action(person: &str) -> Action {
    let origin = Origin {
        lsn: Lsn(1),
        match_id: 7,
        hops: 0,
        match_name: "browsed".into(),
        deployment: "rule".into(),
        revision: 1,
        digest: Digest([1; 32]),
    };
    Action {
        id: ActionId(0xab),
        business: "demo".into(),
        person: person.into(),
        origin,
        policy: "hello".into(),
        policy_revision: 2,
        class: Class::Marketing,
        channel: Channel::App,
        scene: "home".into(),
        priority: 0,
        content: r#"{"text":"hi"}"#.into(),
        fields: r#"{"n":3}"#.into(),
        time: 5,
        expires: 10,
        offline: Offline::Keep,
    }
}

fn delivery(channel: Channel) -> Delivery {
    Delivery { sequence: 1, action: Arc::new(action("ann")), channel, attempt: 1 }
}

fn numbered(sequence: u64) -> Delivery {
    Delivery { sequence, ..delivery(Channel::App) }
}

fn hub(limit: u64) -> (Arc<Hub>, Arc<Metrics>) {
    let metrics = Arc::new(Metrics::new().expect("metrics"));
    (Arc::new(Hub::new(limit, 8, metrics.clone())), metrics)
}

#[tokio::test]
async fn every_stream_of_a_person_gets_a_delivery_and_nobody_elses() {
    let (hub, metrics) = hub(10);
    let mut phone = hub.join("demo", "ann").expect("joined");
    let mut tablet = hub.join("demo", "ann").expect("joined");
    let elsewhere = hub.join("other", "ann").expect("joined");
    assert_eq!((hub.streams(), metrics.streams.get()), (3, 3));
    assert_eq!(hub.push("demo", "ann", delivery(Channel::App)), 2);
    assert_eq!(hub.push("demo", "bob", delivery(Channel::App)), 0);
    assert_eq!(phone.next().await, Some(Arc::new(delivery(Channel::App))));
    assert_eq!(tablet.next().await, Some(Arc::new(delivery(Channel::App))));
    drop(elsewhere);
    assert!(hub.is_present("demo", "ann") && !hub.is_present("other", "ann"));
    drop(phone);
    assert!(hub.is_present("demo", "ann"));
    drop(tablet);
    assert!(!hub.is_present("demo", "ann"));
    assert_eq!((hub.streams(), metrics.streams.get()), (0, 0));
}

#[tokio::test]
async fn a_stream_that_does_not_keep_up_is_closed_and_keeps_what_was_put_in() {
    let (hub, metrics) = hub(10);
    let mut slow = hub.join("demo", "ann").expect("joined");
    for sequence in 0..STREAM_BUFFER as u64 {
        assert_eq!(hub.push("demo", "ann", numbered(sequence)), 1);
    }
    assert_eq!(hub.push("demo", "ann", numbered(99)), 0);
    assert!(!hub.is_present("demo", "ann"));
    assert_eq!((hub.streams(), metrics.streams_overrun.get()), (0, 1));
    for sequence in 0..STREAM_BUFFER as u64 {
        assert_eq!(slow.next().await.map(|delivery| delivery.sequence), Some(sequence));
    }
    assert_eq!(slow.next().await, None);
    // Leaving late takes nobody else's place.
    let again = hub.join("demo", "ann").expect("joined");
    drop(slow);
    assert_eq!(hub.streams(), 1);
    drop(again);
}

#[tokio::test]
async fn the_limit_is_refused_by_its_name_and_a_host_that_ends_closes_all() {
    let (hub, _) = hub(1);
    let mut first = hub.join("demo", "ann").expect("joined");
    let error = hub.join("demo", "bob").map(drop).expect_err("one is the limit");
    assert!(error == Full::Limit { limit: 1 } && error.to_string().contains("`streams`"), "{error}");
    hub.close();
    assert_eq!(first.next().await, None);
    assert_eq!(hub.join("demo", "bob").map(drop), Err(Full::Ending));
    drop(first);
    assert_eq!(hub.streams(), 0);
}

#[tokio::test]
async fn the_newest_stream_of_a_person_replaces_the_oldest_of_too_many() {
    let metrics = Arc::new(Metrics::new().expect("metrics"));
    let hub = Arc::new(Hub::new(3, 2, metrics.clone()));
    let [mut lost, mut tablet] = [(); 2].map(|()| hub.join("demo", "ann").expect("joined"));
    let mut other = hub.join("demo", "bob").expect("joined");
    assert_eq!(hub.push("demo", "ann", numbered(1)), 2);
    // The host is full, but this takes no further place.
    let mut phone = hub.join("demo", "ann").expect("joined");
    assert_eq!((hub.streams(), metrics.streams_replaced.get(), metrics.streams.get()), (3, 1, 3));
    assert_eq!(hub.push("demo", "ann", numbered(2)), 2);
    let number = |came: Option<Arc<Delivery>>| came.map(|delivery| delivery.sequence);
    assert_eq!((number(lost.next().await), lost.is_replaced()), (Some(1), false), "what had been put in comes first");
    assert_eq!((number(lost.next().await), lost.is_replaced()), (None, true));
    assert_eq!(lost.why(), Full::Person { limit: 2 });
    drop(lost);
    assert_eq!((number(tablet.next().await), number(tablet.next().await)), (Some(1), Some(2)));
    assert_eq!(number(phone.next().await), Some(2));
    assert_eq!((hub.push("demo", "bob", numbered(7)), number(other.next().await)), (1, Some(7)));
    assert_eq!(hub.join("demo", "cy").map(drop), Err(Full::Limit { limit: 3 }));
}

#[test]
fn channels_without_an_inbox_answer_as_the_script_says() {
    let script = Arc::new(Script::default());
    let ways = Ways { hub: hub(1).0, script: Some(script.clone()) };
    assert_eq!(ways.hand_over(delivery(Channel::Log)), Handed::Delivered);
    for (text, handed) in [
        ("fail", Handed::Failed("scripted")),
        ("not_now", Handed::NotNow("scripted")),
        ("unknown", Handed::Unknown("scripted")),
        ("ok", Handed::Delivered),
    ] {
        script.set(Channel::Log, text.parse().expect(text));
        assert_eq!(ways.hand_over(delivery(Channel::Log)), handed, "{text}");
    }
    let error = "maybe".parse::<ScriptedEnd>().expect_err("no end");
    assert!(error.to_string().contains("not_now"), "{error}");
}

#[test]
fn what_waits_in_an_inbox_has_no_end_yet() {
    let (hub, _) = hub(2);
    let ways = Ways { hub: hub.clone(), script: None };
    assert_eq!(ways.hand_over(delivery(Channel::App)), Handed::Waits { streams: 0 });
    let stream = hub.join("demo", "ann").expect("joined");
    assert_eq!(ways.hand_over(delivery(Channel::App)), Handed::Waits { streams: 1 });
    assert_eq!(ways.hand_over(delivery(Channel::Slot("home".into()))), Handed::Waits { streams: 0 });
    drop(stream);
}

/// Keeps what is written.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("not poisoned").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn the_log_gets_one_line_with_everything_about_the_action() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt().json().with_writer(move || writer.clone()).finish();
    tracing::subscriber::with_default(subscriber, || deliver_log(&delivery(Channel::Log)));
    let text = String::from_utf8(lines.0.lock().expect("not poisoned").clone()).expect("text");
    let line: serde_json::Value = serde_json::from_str(&text).expect("one JSON line");
    assert_eq!(line["target"], "fishpond::actions");
    let fields = &line["fields"];
    assert_eq!((&fields["person"], &fields["match"]), (&"ann".into(), &"browsed".into()));
    assert_eq!(fields["action"], "000000000000000000000000000000ab");
    assert_eq!((&fields["content"], &fields["attempt"]), (&r#"{"text":"hi"}"#.into(), &1.into()));
}
