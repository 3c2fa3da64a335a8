//! Signals: who may send them, how many, and by which identity, however long the path to them is.

use super::*;
use crate::engine::bindings::imports::fishpond::plugin::{signalling, timing};
use crate::model::{InputOutcome, Signal, Signalled};

fn send(host: &mut HostState, key: &str, name: &str, payload: &str) -> Answer<()> {
    signalling::Host::send(host, 0, key.into(), name.into(), payload.into())
}

fn outside() -> Input {
    event(9, Event { time: 5, received: 6, source: "s".into(), id: "e".into(), ..Event::default() })
}

pub(super) fn signalled(id: u128, hops: u8) -> Input {
    let signal = Signalled {
        id,
        name: "word".into(),
        payload: "p".into(),
        sender: "a".into(),
        time: 5_000,
        received: 5_500,
        state_version: 3,
        hops,
    };
    input(9, What::Signal(Arc::new(signal)))
}

fn outcome(host: HostState) -> InputOutcome {
    host.call.expect("a call").finish().outcomes.remove(0)
}

/// The signals that an input sends.
fn sent(scope: &str, input: Input, names: &[&str]) -> Vec<Signal> {
    let call = Call::new(settings_with(scope, &["signals"]), Arc::new(vec![input]), vec![Document::default()]);
    let mut host = host(call, u64::MAX);
    names.iter().for_each(|name| send(&mut host, "l", name, "p").expect("it is granted"));
    outcome(host).signals
}

#[test]
fn a_signal_is_kept_with_its_input_and_counted() {
    let mut host = calling(vec![outside()], Document::default());
    send(&mut host, "l", "word", "hello").expect("it is granted");
    send(&mut host, "k", "reply", "").expect("its own key is a key like others");
    let bytes = host.call.as_ref().expect("a call").effects[0].bytes;
    let signals = outcome(host).signals;
    let texts: Vec<_> = signals.iter().map(|signal| (&*signal.key, &*signal.name, &*signal.payload)).collect();
    assert_eq!(texts, [("l", "word", "hello"), ("k", "reply", "")]);
    assert_eq!(bytes, signals.iter().map(Signal::bytes).sum::<usize>());
    let mut refused = calling(vec![outside()], Document::default());
    send(&mut refused, "l", "word", "hello").expect("it is granted");
    inputs::Host::refuse(&mut refused, 0, "not_today".into(), String::new()).expect("a code of its own");
    assert_eq!(outcome(refused).signals, []);
}

#[test]
fn what_may_not_be_sent_is_refused_by_name() {
    let (long, large) = ("x".repeat(257), "x".repeat(4_097));
    for (key, name, payload, expected) in [
        ("l", "unheard_of", "", "unknown_signal"),
        ("l", "word", &*large, "signal_bytes"),
        (&*long, "word", "", "attribute_bytes"),
        ("", "word", "", "no_key"),
    ] {
        let mut host = calling(vec![outside()], Document::default());
        assert!(send(&mut host, key, name, payload).is_err(), "{expected}");
        assert_eq!(code(&host), Some(expected));
    }
    let mut many = calling(vec![outside()], Document::default());
    let done = (0..100).take_while(|_| send(&mut many, "l", "word", &large[1..]).is_ok()).count();
    assert_eq!((done, code(&many)), (16, Some("signals_per_input")));
    let mut granted = host(
        Call::new(settings_with("d", &["publish"]), Arc::new(vec![outside()]), vec![Document::default()]),
        u64::MAX,
    );
    let error = send(&mut granted, "l", "word", "").expect_err("it is not granted").to_string();
    assert_eq!(code(&granted), Some("not_permitted"));
    assert!(error.starts_with("not_permitted: signals"), "{error}");
    let error = send(&mut with_query(Document::default(), 100), "l", "word", "").expect_err("a query").to_string();
    assert!(error.contains("a query may only read"), "{error}");
}

#[test]
fn a_filter_that_judges_sends_none() {
    let mut host = calling(vec![kinds::action()], Document::default());
    assert!(send(&mut host, "l", "word", "").is_err());
    assert_eq!(code(&host), Some("not_in_filter"));
}

#[test]
fn a_timer_has_the_hops_of_what_set_it() {
    let mut host = calling(vec![signalled(1, 7)], Document::default());
    timing::Host::set_timer(&mut host, 0, "remind".into(), 7_000, String::new()).expect("the plan has it");
    let document = host.call.expect("a call").finish().documents.remove(0);
    assert_eq!(document.timer("remind").map(|timer| timer.hops), Some(7));
}

/// The identity of a signal is the path that led to it: who sent it, in answer to what, as which of its signals; and never
/// a position. So are those of what it leads to.
#[test]
fn an_identity_is_the_path() {
    let first = sent("d", outside(), &["word", "word", "reply"]);
    let at = |lsn: u64, input: Input| Input { lsn: Lsn(lsn), ..input };
    assert_eq!(sent("d", at(77, outside()), &["word", "word", "reply"]), first);
    let second = sent("d", signalled(first[0].id, 1), &["word"]);
    assert_eq!(sent("d", at(77, signalled(first[0].id, 1)), &["word"]), second);
    let mut all: Vec<u128> = first.iter().chain(&second).map(|signal| signal.id).collect();
    all.extend(sent("d", signalled(first[1].id, 1), &["word"]).iter().map(|signal| signal.id));
    all.extend(sent("e", outside(), &["word"]).iter().map(|signal| signal.id));
    all.extend(sent("d", Input { key: "m".into(), ..outside() }, &["word"]).iter().map(|signal| signal.id));
    let count = all.len();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), count);
}

/// Stored in journals and in what others keep: it must never change.
#[test]
fn an_identity_is_what_it_was() {
    let first = sent("d", outside(), &["word"]).remove(0).id;
    let second = sent("d", signalled(first, 1), &["word"]).remove(0).id;
    assert_eq!(
        [first, second].map(|id| format!("{id:032x}")),
        ["58ac2c979152478aeaf50c4ace8ea900", "a042723c99e55cad692d35489c053ea4"]
    );
}
