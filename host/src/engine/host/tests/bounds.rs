//! The bounds of single host calls, each on both of its sides.

use super::*;
use crate::engine::bindings::imports::fishpond::plugin::replies;

fn lowered(mut host: HostState, change: impl FnOnce(&mut Limits)) -> HostState {
    let mut limits = Limits::clone(&host.limits);
    change(&mut limits);
    host.limits = Arc::new(limits);
    host
}

/// A call at its bound passes; with a bound that is smaller by one it is refused by that name.
fn bounded(name: &'static str, at: u64, host: fn() -> HostState, call: impl Fn(&mut HostState) -> Answer<()>) {
    let set = |value: u64| lowered(host(), |limits| *limits.get_mut(name).expect(name) = value);
    let mut enough = set(at);
    assert!(call(&mut enough).is_ok(), "{name} = {at}: {:?}", code(&enough));
    let mut short = set(at - 1);
    assert!(call(&mut short).is_err() && code(&short) == Some(name), "{name}: {:?}", code(&short));
    let message = short.call.and_then(|call| call.violation).expect("a violation").message;
    assert!(message.contains(&(at - 1).to_string()), "it says how much is allowed: {message}");
}

fn one() -> HostState {
    with_inputs(1, Document::default(), u64::MAX)
}

fn emit(host: &mut HostState, also: &[&str]) -> Answer<()> {
    let also = also.iter().map(|id| (*id).to_owned()).collect();
    matches::Host::emit(host, 0, "m".into(), "person".into(), r#"{"n":"1"}"#.into(), vec![], also, None)
}

#[test]
fn a_host_call_over_its_bound_is_refused_by_its_name() {
    bounded("member_bytes", 6, one, |host| windows::Host::observe(host, 0, 0, "member".into(), 1).map(drop));
    bounded("value_name_bytes", 4, one, |host| state::Host::set(host, 0, "name".into(), vec![], None));
    bounded("match_bytes", 9, one, |host| emit(host, &[]));
    bounded("attribute_bytes", 6, one, |host| emit(host, &[]));
    bounded("match_also", 2, one, |host| emit(host, &["a", "b"]));
    bounded("matches_per_input", 2, one, |host| emit(host, &[]).and_then(|()| emit(host, &[])));
    let question = || with_query(Document::default(), u64::MAX);
    bounded("reply_bytes", 8, question, |host| replies::Host::reply(host, 0, "ok".into(), r#"{"n": 1}"#.into(), false));
    let mut host = one();
    emit(&mut host, &[]).expect("it is allowed");
    let bytes = host.call.expect("a call").effects[0].bytes as u64;
    bounded("effect_bytes", bytes, one, |host| emit(host, &[]));
    let set = |host: &mut HostState| state::Host::set(host, 0, "v".into(), vec![0; 50], None);
    let mut host = one();
    set(&mut host).expect("it is allowed");
    let bytes = host.call.expect("a call").document(0).bytes() as u64;
    bounded("document_bytes", bytes, one, set);
}

#[test]
fn what_is_read_and_what_is_logged_is_cut_at_its_bound() {
    let mut host = lowered(with_inputs(1, document(0, 9), u64::MAX), |limits| limits.window_entries = 4);
    assert_eq!(windows::Host::entries(&mut host, 0, 0, 100).expect("entries").len(), 4);
    let mut host = lowered(one(), |limits| (limits.log_lines, limits.log_bytes) = (2, 3));
    for line in ["äöü", "b", "c"] {
        logging::Host::write(&mut host, 0, "info".into(), line.into()).expect("it is taken");
    }
    let lines: Vec<&str> = host.call.as_ref().expect("a call").effects[0].logs.iter().map(|l| &*l.message).collect();
    assert_eq!(lines, ["ä", "b"], "whole characters, and no more lines than allowed");
}
