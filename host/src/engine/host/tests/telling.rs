//! Matches and published events: who may, how many, how far from the outside, and by which identity.

use super::*;
use crate::engine::bindings::imports::fishpond::plugin::{calendar, publishing};
use crate::model::outreach::Published;
use crate::model::{InputOutcome, Match, Timer, TimerClock};

pub(super) fn publish(host: &mut HostState, kind: &str, data: &str) -> Answer<()> {
    publishing::Host::publish(host, 0, kind.into(), "s".into(), "a".into(), data.into())
}

fn emit(host: &mut HostState) -> Answer<()> {
    matches::Host::emit(host, 0, "m".into(), "p".into(), "{}".into(), Vec::new(), Vec::new(), None)
}

fn outcome(host: HostState) -> InputOutcome {
    host.call.expect("a call").finish().outcomes.remove(0)
}

fn hopped(hops: u8) -> HostState {
    let derived = Event { time: 5, received: 6, hops, source: "s".into(), id: "e".into(), ..Event::default() };
    calling(vec![event(9, derived)], Document::default())
}

#[test]
fn what_is_published_is_one_hop_further() {
    let mut host = hopped(3);
    publish(&mut host, "t", r#"{"n":1}"#).expect("it is granted");
    let published = outcome(host).published.remove(0);
    let expected = Published {
        id: published.id,
        event_type: "t".into(),
        subject: "s".into(),
        actor: "a".into(),
        data: r#"{"n":1}"#.into(),
        time: 5,
        hops: 4,
    };
    assert_eq!(published, expected);
}

#[test]
fn a_count_of_hops_does_not_begin_anew() {
    let mut host = hopped(255);
    publish(&mut host, "t", "{}").expect("whoever would handle it refuses it");
    assert_eq!(outcome(host).published[0].hops, 255);
}

#[test]
fn what_may_not_be_published_is_refused_by_name() {
    let long = "x".repeat(257);
    let large = format!(r#"{{"n":"{}"}}"#, "x".repeat(16 << 10));
    for (kind, data, expected) in [
        ("", "{}", "bad_event_type"),
        ("fishpond.tick", "{}", "bad_event_type"),
        (&*long, "{}", "bad_event_type"),
        ("t", &*large, "match_bytes"),
    ] {
        let mut host = hopped(0);
        assert!(publish(&mut host, kind, data).is_err(), "{expected}");
        assert_eq!(code(&host), Some(expected));
    }
    let mut host = hopped(0);
    publishing::Host::publish(&mut host, 0, "t".into(), long, String::new(), "{}".into()).expect_err("too long");
    assert_eq!(code(&host), Some("attribute_bytes"));
    for data in ["", "[]", "{"] {
        let error = publish(&mut hopped(0), "t", data).expect_err("no object").to_string();
        assert!(error.contains("no JSON object"), "{error}");
    }
}

#[test]
fn each_needs_its_own_permission() {
    let with = |permission: &str| {
        let inputs = Arc::new(vec![event(9, Event::default())]);
        host(Call::new(settings_with("d", &[permission]), inputs, vec![Document::default()]), u64::MAX)
    };
    let (mut matching, mut publishing) = (with("matches"), with("publish"));
    assert!(emit(&mut matching).is_ok() && publish(&mut publishing, "t", "{}").is_ok());
    assert!(emit(&mut publishing).is_err() && publish(&mut matching, "t", "{}").is_err());
    assert_eq!([&matching, &publishing].map(code), [Some("not_permitted"); 2]);
}

#[test]
fn matches_and_events_count_together() {
    let mut host = hopped(0);
    for _ in 0..8 {
        emit(&mut host).expect("there is room");
        publish(&mut host, "t", "{}").expect("there is room");
    }
    assert!(publish(&mut host, "t", "{}").is_err());
    assert_eq!(code(&host), Some("matches_per_input"));
    let effects = &host.call.as_ref().expect("a call").effects[0];
    let bytes = effects.matches.iter().map(Match::bytes).chain(effects.published.iter().map(Published::bytes));
    assert_eq!(effects.bytes, bytes.sum::<usize>());
}

/// The identities of two matches and two events of one input.
fn identities(scope: &str, input: Input) -> [u128; 4] {
    let call =
        Call::new(settings_with(scope, &["matches", "publish"]), Arc::new(vec![input]), vec![Document::default()]);
    let mut host = host(call, u64::MAX);
    for _ in 0..2 {
        emit(&mut host).expect("it is granted");
        publish(&mut host, "m", "{}").expect("it is granted");
    }
    let outcome = outcome(host);
    [outcome.matches[0].id, outcome.matches[1].id, outcome.published[0].id, outcome.published[1].id]
}

#[test]
fn an_identity_is_made_from_everything_but_the_position() {
    let of = |lsn: u64, source: &str, id: &str| {
        event(lsn, Event { source: source.into(), id: id.into(), ..Event::default() })
    };
    let due = |lsn: u64, due: u64, number: u32| {
        let timer = Timer {
            clock: TimerClock::Event,
            due,
            context: "".into(),
            at: Lsn(lsn),
            number,
            state_version: 1,
            hops: 0,
        };
        input(lsn, What::Timer { name: "remind".into(), timer, now: due })
    };
    let mut other_subscription = of(1, "s", "e");
    if let What::Event { subscription, .. } = &mut other_subscription.what {
        *subscription = 1;
    }
    let other_key = Input { key: "l".into(), ..of(1, "s", "e") };
    let mut seen = Vec::new();
    for (scope, input) in [
        ("d", of(1, "s", "e")),
        ("e", of(1, "s", "e")),
        ("d", of(1, "se", "")),
        ("d", other_subscription),
        ("d", other_key),
        ("d", due(1, 5, 0)),
        ("d", due(1, 5, 1)),
        ("d", due(1, 6, 0)),
    ] {
        seen.extend(identities(scope, input));
    }
    assert_eq!(identities("d", of(77, "s", "e")), seen[..4]);
    assert_eq!(identities("d", due(77, 5, 0)), seen[20..24]);
    let all = seen.len();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), all);
}

/// Stored in journals and in what others keep: it must never change.
#[test]
fn an_identity_is_what_it_was() {
    let input = event(1, Event { source: "s".into(), id: "e".into(), ..Event::default() });
    let [id, ..] = identities("d", input);
    assert_eq!(format!("{id:032x}"), "911707bb6f328f774c19c6af1df944c6");
}

#[test]
fn a_clock_is_read_before_any_call_and_paid_within_one() {
    let limits = Arc::new(Limits::default());
    let mut configuring = HostState::new(Bounds::new(&limits), limits);
    let shown = calendar::Host::local(&mut configuring, 0, "UTC".into()).expect("no trap").expect("it is known");
    assert_eq!((shown.year, shown.weekday), (1970, 4));
    assert!(state::Host::get(&mut configuring, 0, "v".into()).is_err());
    let mut host = with_query(Document::default(), 100);
    let done = (0..1_000).take_while(|_| calendar::Host::next(&mut host, 0, "UTC".into(), 0).is_ok()).count();
    assert_eq!((done, code(&host)), (3, Some("host_work_per_input")));
}
