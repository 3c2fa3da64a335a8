//! Handing over: once it is durable, with the report of it.

use super::*;
use crate::channels::{Hub, Script, ScriptedEnd, Ways};
use crate::journal::{Failpoint, Failpoints};
use crate::model::Limits;
use crate::model::outreach::{Report, Reported};
use crate::registry::fixture::Past;
use crate::telemetry::Metrics;

struct Way {
    past: Past,
    hub: Arc<Hub>,
    script: Arc<Script>,
    index: Arc<Index>,
    metrics: Arc<Metrics>,
}

impl Way {
    fn new() -> Way {
        Way::with(Past::new())
    }

    fn with(past: Past) -> Way {
        let metrics = Arc::new(Metrics::new().expect("metrics"));
        let hub = Arc::new(Hub::new(10, 10, metrics.clone()));
        let index = Arc::new(Index::new(metrics.clone()));
        Way { past, hub, script: Arc::default(), index, metrics }
    }

    fn dispatcher(&self) -> Dispatcher {
        let ways = Ways { hub: self.hub.clone(), script: Some(self.script.clone()) };
        let (log, from) = (self.past.log.clone(), self.past.log.last().next());
        Dispatcher::new(log, ways, self.index.clone(), self.metrics.clone(), self.past.clock(), from)
    }

    fn append(&self, deeds: Vec<Deed>) -> Lsn {
        self.past.append(frame(1, deeds))
    }

    fn run(&self, dispatcher: &mut Dispatcher) {
        self.past.durable();
        while dispatcher.step().expect("a step") {}
    }

    /// What was reported behind a position.
    fn reports(&self, behind: Lsn) -> Vec<Report> {
        self.past.durable();
        let frames = self.past.log.scan(behind.next()).map(|item| item.expect("readable").1);
        let report = |frame| if let Frame::Report(report) = frame { Some((*report).clone()) } else { None };
        frames.filter_map(report).collect()
    }
}

#[tokio::test]
async fn a_message_for_the_app_is_pushed_once_it_is_durable_and_can_be_found_by_then() {
    let way = Way::new();
    let mut dispatcher = way.dispatcher();
    let mut stream = way.hub.join("demo", "ann").expect("joined");
    let waiting = Status::Sent { sequence: 2, channel: Channel::App, attempted: false };
    let slot = Channel::Slot("home".into());
    let lsn = way.append(vec![
        decided(decision(1, "ann", sent(Channel::App))),
        decided(decision(2, "ann", waiting)),
        decided(decision(3, "ann", sent(slot))),
        decided(denied(4, "ann", "enough")),
    ]);
    way.run(&mut dispatcher);
    let delivery = stream.next().await.expect("a delivery");
    assert_eq!((delivery.action.id, delivery.sequence, delivery.attempt), (ActionId(1), 1, 1));
    assert_eq!(way.index.position(), lsn);
    assert_eq!(way.index.wait(lsn).await, Ok(()));
    assert!(way.reports(lsn).is_empty(), "the client's acknowledgement is its end");
    drop(dispatcher);
    way.hub.close();
    assert_eq!(stream.next().await, None, "nothing else was pushed");
    let delivered =
        |channel: &str, result: &str| way.metrics.deliveries.with_label_values(&["demo", channel, result]).get();
    assert_eq!((delivered("app", "pushed"), delivered("slot", "waiting")), (1, 1));
    assert_eq!(way.metrics.decisions.with_label_values(&["demo", "denied"]).get(), 1);
}

#[tokio::test]
async fn what_never_becomes_durable_is_never_handed_over() {
    let no_disk: Failpoint = Arc::new(|_| Err(std::io::Error::other("no disk")));
    let failpoints = Failpoints { before_sync: Some(no_disk), ..Failpoints::default() };
    let way = Way::with(Past::open(Limits::default(), failpoints));
    let mut dispatcher = way.dispatcher();
    let mut stream = way.hub.join("demo", "ann").expect("joined");
    let lsn = way.append(vec![decided(decision(1, "ann", sent(Channel::App)))]);
    way.past.log.wait_committed(lsn).expect_err("no disk");
    assert!(!dispatcher.step().expect("a step"));
    assert_eq!(way.index.position(), Lsn::ZERO);
    assert!(!Dispatching::start(dispatcher).expect("a thread").stop(), "the thread ends with the journal's error");
    way.hub.close();
    assert_eq!(stream.next().await, None);
}

#[test]
fn what_the_log_channel_answers_is_reported() {
    let way = Way::new();
    let mut dispatcher = way.dispatcher();
    let (action, reason) = (ActionId(1), || Box::from("scripted"));
    for (end, reported) in [
        (ScriptedEnd::Ok, Reported::Delivered { action }),
        (ScriptedEnd::Fail, Reported::Failed { action, reason: reason() }),
        (ScriptedEnd::NotNow, Reported::NotNow { action, reason: reason() }),
        (ScriptedEnd::Unknown, Reported::Unknown { action, reason: reason() }),
    ] {
        way.script.set(Channel::Log, end);
        let lsn = way.append(vec![decided(decision(1, "ann", sent(Channel::Log)))]);
        way.run(&mut dispatcher);
        let report = Report { business: "demo".into(), person: "ann".into(), at: 1_000, what: reported };
        assert_eq!(way.reports(lsn), [report]);
    }
}

#[test]
fn what_was_there_before_is_the_workers_to_try_again() {
    let way = Way::new();
    let lsn = way.append(vec![decided(decision(1, "ann", sent(Channel::Log)))]);
    let mut dispatcher = way.dispatcher();
    assert_eq!(way.index.position(), lsn);
    way.run(&mut dispatcher);
    assert!(way.reports(lsn).is_empty());
}

#[tokio::test]
async fn the_thread_wakes_by_itself_and_whoever_waits_learns_of_its_end() {
    let way = Way::new();
    let mut stream = way.hub.join("demo", "ann").expect("joined");
    let dispatching = Dispatching::start(way.dispatcher()).expect("a thread");
    for sequence in 1..=3 {
        let lsn = way.append(vec![decided(decision(sequence, "ann", sent(Channel::App)))]);
        assert_eq!(stream.next().await.map(|delivery| delivery.action.id), Some(ActionId(sequence)));
        assert_eq!(way.index.wait(lsn).await, Ok(()));
    }
    assert!(way.index.is_running());
    // Not durable yet, perhaps, but given: it is handed over before the end.
    let lsn = way.append(vec![decided(decision(4, "ann", sent(Channel::App)))]);
    assert!(dispatching.stop());
    assert_eq!((way.index.position(), stream.next().await.map(|last| last.action.id)), (lsn, Some(ActionId(4))));
    assert!(!way.index.is_running());
    assert_eq!(way.index.wait(Lsn(1_000)).await, Err(Stopped));
}

#[tokio::test]
async fn a_journal_that_ends_first_ends_the_thread_with_an_error() {
    let way = Way::new();
    let dispatcher = way.dispatcher();
    let lsn = way.append(vec![decided(decision(1, "ann", sent(Channel::Log)))]);
    way.past.durable();
    way.past.log.journal().clone().close().expect("closed");
    let dispatching = Dispatching::start(dispatcher).expect("a thread");
    // It can still be found, but its report has no place any more.
    assert_eq!(way.index.wait(lsn.next()).await, Err(Stopped));
    assert_eq!(way.index.position(), lsn);
    assert!(!dispatching.stop());
}
