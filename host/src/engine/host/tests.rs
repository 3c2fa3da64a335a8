//! The imports, called as a guest would, without a guest.

use super::*;
use crate::engine::bindings::imports::fishpond::plugin::{inputs, logging, matches, state, windows};
use crate::engine::identity::Scope;
use crate::engine::input::{Input, QueryInput, What};
use crate::engine::module::Configured;
use crate::engine::settings::Settings;
use crate::model::outcome::HOST_CODES;
use crate::model::{Document, Entry, Event, EventRef, Lsn, Op, Value};

mod bounds;
mod kinds;
mod signalling;
mod telling;

const PLAN: &str = r#"{"state":{"writes":3,"reads":[3]},"windows":[{"name":"w","kind":"sliding","length_ms":1000}],
    "subscriptions":[{"name":"s","types":["t"],"key":"actor"},{"name":"other","types":["t"],"key":"actor"}],
    "permissions":["matches","publish","signals"],"signals":["word","reply"],"attributes":["scene","time","receivedat","now","hops","late","id"],
    "timers":{"remind":"receive","close":"event"},"filter":{"verdicts":["allow","hold","downgrade"]},
    "matches":{"m":{"type":"object","properties":{"n":{"type":"string"}}}}}"#;

fn settings_with(scope: &str, permissions: &[&str]) -> Arc<Settings> {
    let scope = Scope { business: "b".into(), deployment: scope.into() };
    let configured = Configured::stored(PLAN).expect("a plan");
    let permissions = permissions.iter().map(|name| (*name).into()).collect();
    Arc::new(Settings::new(scope, configured, permissions).expect("good schemas"))
}

fn settings() -> Arc<Settings> {
    settings_with("d", &["matches", "publish", "signals"])
}

fn host(call: Call, units: u64) -> HostState {
    let limits = Limits { host_work_per_input: units, ..Limits::default() };
    HostState { call: Some(call), ..HostState::new(Bounds::new(&limits), Arc::new(limits)) }
}

fn input(lsn: u64, what: What) -> Input {
    Input { lsn: Lsn(lsn), replay_of: None, key: "k".into(), document: 0, what }
}

fn event(lsn: u64, event: Event) -> Input {
    input(lsn, What::Event { event: Arc::new(event), subscription: 0, data: None, from: None })
}

/// Inputs of one key, and as much work as they like.
fn calling(inputs: Vec<Input>, document: Document) -> HostState {
    host(Call::new(settings(), Arc::new(inputs), vec![document]), u64::MAX)
}

/// Inputs of one key, one millisecond apart.
fn with_inputs(count: u64, document: Document, units: u64) -> HostState {
    let input = |n: u64| event(1_000 + n, Event { time: 1_000 + n, received: 1_000 + n, ..Event::default() });
    host(Call::new(settings(), Arc::new((0..count).map(input).collect()), vec![document]), units)
}

fn with_query(document: Document, units: u64) -> HostState {
    let query = QueryInput { name: "q".into(), key: "k".into(), parameters: "{}".into(), time: 1_000 };
    host(Call::for_query(settings(), query, document), units)
}

/// A document with one value of so many bytes and a window of so many entries.
fn document(bytes: usize, entries: u64) -> Document {
    let mut document = Document::default();
    document.apply(Op::Set { name: "v".into(), value: Value { bytes: vec![0; bytes].into(), expires: None } });
    for n in 0..entries {
        let event = EventRef { lsn: Lsn(n + 1), source: "s".into(), id: "i".into() };
        let entry = Entry { time: 500, amount: 1, member: n.to_string().into(), event };
        document.apply(Op::Observe { window: "w".into(), length_ms: 1_000, received: 500, entry });
    }
    document
}

fn work(host: &HostState) -> u64 {
    host.call.as_ref().expect("a call").host_work
}

fn code(host: &HostState) -> Option<&'static str> {
    host.call.as_ref().and_then(|call| call.violation.as_ref()).map(|violation| violation.code)
}

/// Units that one host call takes.
fn units(mut host: HostState, call: impl FnOnce(&mut HostState) -> Answer<()>) -> u64 {
    call(&mut host).expect("it is allowed");
    work(&host)
}

#[test]
fn work_is_paid_in_proportion() {
    const ALL: u64 = u64::MAX;
    let large = || with_inputs(1, document(6_400, 300), ALL);
    let small = || with_inputs(1, Document::default(), ALL);
    let get = |host: &mut HostState| state::Host::get(host, 0, "v".into()).map(drop);
    assert_eq!((units(small(), get), units(large(), get)), (1, 101));
    let observe = |host: &mut HostState| windows::Host::observe(host, 0, 0, "m".into(), 1).map(drop);
    assert_eq!(units(small(), observe), 1);
    assert!(units(large(), observe) > 600);
    let current = |host: &mut HostState| windows::Host::current(host, 0, 0).map(drop);
    assert_eq!((units(small(), current), units(large(), current)), (1, 301));
    let entries = |host: &mut HostState| windows::Host::entries(host, 0, 0, 200).map(drop);
    assert_eq!((units(small(), entries), units(large(), entries)), (1, 201));
    let log = |host: &mut HostState| logging::Host::write(host, 0, "info".into(), "x".repeat(640));
    assert_eq!(units(small(), log), 11);
    let emit = |fields: usize| {
        move |host: &mut HostState| {
            let fields = format!(r#"{{"n":"{}"}}"#, "x".repeat(fields));
            matches::Host::emit(host, 0, "m".into(), "p".into(), fields, vec![0], Vec::new(), None)
        }
    };
    let (short, long, window) = (units(small(), emit(1)), units(small(), emit(6_400)), units(large(), emit(1)));
    assert!(short < 10 && long > short + 6_400 / 64 && window > short + 300, "{short} {long} {window}");
}

#[test]
fn only_the_first_write_pays_for_the_copy() {
    let mut host = with_inputs(1, document(6_400, 0), u64::MAX);
    let mut set = |value: &[u8]| {
        let before = work(&host);
        state::Host::set(&mut host, 0, "n".into(), value.to_vec(), None).expect("it fits");
        work(&host) - before
    };
    assert!(set(b"1") > 100);
    assert!(set(b"2") < 10);
}

#[test]
fn too_much_work_is_a_violation_by_its_name() {
    let mut host = with_inputs(1, document(6_400, 0), 1_000);
    let done = (0..1_000).take_while(|_| state::Host::get(&mut host, 0, "v".into()).is_ok()).count();
    assert_eq!((done, code(&host)), (9, Some("host_work_per_input")));
}

#[test]
fn a_query_pays_too() {
    let mut host = with_query(document(6_400, 300), 1_000);
    let done = (0..1_000).take_while(|_| windows::Host::current(&mut host, 0, 0).is_ok()).count();
    assert_eq!((done, code(&host)), (3, Some("host_work_per_input")));
}

#[test]
fn refusing_pays_for_the_undoing_and_gives_nothing_back() {
    let mut host = with_inputs(3, document(6_400, 0), u64::MAX);
    for at in 0..3 {
        let before = work(&host);
        state::Host::set(&mut host, at, "n".into(), vec![1], None).expect("it fits");
        inputs::Host::refuse(&mut host, at, "not_today".into(), String::new()).expect("a code of its own");
        assert!(work(&host) > before + 100, "input {at}");
    }
}

#[test]
fn codes_of_the_host_are_not_for_modules() {
    let refuse = |code: &str| {
        let mut host = with_inputs(1, Document::default(), 1_000);
        let ended = inputs::Host::refuse(&mut host, 0, code.into(), String::new());
        ended.map_err(|error| error.to_string())
    };
    let limits = Limits::default().table();
    let reserved = HOST_CODES.into_iter().chain(limits.iter().map(|(name, ..)| *name));
    for code in reserved {
        let error = refuse(code).expect_err(code);
        assert!(error.contains("the host's own") && error.contains(code), "{error}");
    }
    for code in ["bad_event", "not_today", "fuel_tank_empty"] {
        assert_eq!(refuse(code), Ok(()), "{code}");
    }
}

#[test]
fn a_violation_does_not_quote_without_end() {
    let mut host = with_inputs(1, Document::default(), u64::MAX);
    assert!(inputs::Host::attribute(&mut host, 0, "x".repeat(100_000)).is_err());
    let message = host.call.and_then(|call| call.violation).expect("not declared").message;
    assert_eq!(message.len(), 1_024);
}
