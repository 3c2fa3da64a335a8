//! Timers, settlements and actions: what they are to the imports, and what becomes of them.

use super::signalling::signalled;
use super::*;
use crate::engine::bindings::imports::fishpond::plugin::{timing, verdicts};
use crate::engine::call::Finished;
use crate::engine::input::Judged;
use crate::model::outreach::{Action, ActionId, Channel, Class, Offline, Origin, Settled, Verdict, VerdictKind};
use crate::model::{DeploymentId, Digest, End, InputOutcome, Timer, TimerClock, Via};

fn timer(due: u64, number: u32) -> Timer {
    Timer { clock: TimerClock::Receive, due, context: "c".into(), at: Lsn(1), number, state_version: 3, hops: 7 }
}

/// A document with these timers, numbered in this order.
fn with_timers(names: &[&str]) -> Document {
    let mut document = Document::default();
    for (number, name) in (0..).zip(names) {
        document.apply(Op::SetTimer { name: (*name).into(), timer: timer(2_000, number) });
    }
    document
}

fn due(name: &str, number: u32) -> Input {
    input(9, What::Timer { name: name.into(), timer: timer(2_000, number), now: 2_500 })
}

fn settlement() -> Input {
    let settled = Settled {
        deployment: DeploymentId(1),
        key: "k".into(),
        action: ActionId(0xab),
        status: "failed".into(),
        context: "c".into(),
        answer: "{}".into(),
        time: 3_000,
        state_version: 3,
        hops: 2,
    };
    input(9, What::Settlement(Arc::new(settled)))
}

pub(super) fn action() -> Input {
    let origin = Origin {
        lsn: Lsn(5),
        match_id: 1,
        match_name: "m".into(),
        deployment: "rule".into(),
        revision: 1,
        digest: Digest([0; 32]),
        hops: 1,
    };
    let action = Action {
        id: ActionId(0xac),
        business: "b".into(),
        person: "k".into(),
        origin,
        policy: "p".into(),
        policy_revision: 1,
        class: Class::Marketing,
        channel: Channel::App,
        scene: "".into(),
        priority: 0,
        content: "{}".into(),
        fields: "{}".into(),
        time: 3_900,
        expires: 9_000,
        offline: Offline::Keep,
    };
    let judged = Judged { action: Arc::new(action), channel: Channel::Log, time: 4_000, attempt: 2 };
    input(9, What::Action(Arc::new(judged)))
}

fn finish(host: HostState) -> (Vec<InputOutcome>, Document) {
    let Finished { outcomes, mut documents, .. } = host.call.expect("a call").finish();
    (outcomes, documents.pop().expect("a document"))
}

fn cancelled(name: &str) -> Op {
    Op::CancelTimer { name: name.into() }
}

#[test]
fn an_input_of_any_kind_has_its_time_and_its_way() {
    let all = [
        event(9, Event { time: 1, received: 2, hops: 3, ..Event::default() }),
        due("remind", 0),
        signalled(1, 4),
        settlement(),
        action(),
    ];
    let times = all.each_ref().map(|input| (input.time(), input.received(), input.hops()));
    assert_eq!(times, [(1, 2, 3), (2_000, 2_500, 7), (5_000, 5_500, 4), (3_000, 3_000, 2), (4_000, 4_000, 1)]);
    let ways = all.each_ref().map(Input::via);
    let settled = Via::Settlement(ActionId(0xab));
    let signal = Via::Signal { id: 1, name: "word".into(), sender: "a".into() };
    assert_eq!(
        ways,
        [Some(Via::Subscription(0)), Some(Via::Timer("remind".into())), Some(signal), Some(settled), None]
    );
}

#[test]
fn an_input_of_any_kind_can_be_asked() {
    let ask = |input: Input, name: &str| {
        inputs::Host::attribute(&mut calling(vec![input], Document::default()), 0, name.into()).expect("it is declared")
    };
    let names = ["time", "receivedat", "now", "hops", "id", "late"];
    let answers = |input: Input| names.map(|name| ask(input.clone(), name).unwrap_or_default());
    let outside = Event { time: 1, received: 2, hops: 3, id: "e".into(), ..Event::default() };
    assert_eq!(answers(event(9, outside)), ["1", "2", "2", "3", "e", "false"]);
    assert_eq!(answers(due("remind", 0)), ["2000", "2500", "2500", "7", "", ""]);
    assert_eq!(answers(signalled(1, 4)), ["5000", "5500", "5500", "4", "", ""]);
    assert_eq!(answers(settlement()), ["3000", "3000", "3000", "2", "", ""]);
    assert_eq!(answers(action()), ["4000", "4000", "4000", "1", "", ""]);
}

#[test]
fn a_window_names_who_observed_and_a_match_only_events() {
    for (observer, id) in [
        (due("remind", 7), "timer:remind:7".to_owned()),
        (signalled(0xad, 1), format!("signal:{:032x}", 0xad)),
        (settlement(), format!("settlement:{}", ActionId(0xab))),
    ] {
        let mut host = calling(vec![observer], Document::default());
        windows::Host::observe(&mut host, 0, 0, "m".into(), 1).expect("it fits");
        let emit = |host: &mut HostState, windows: Vec<u32>| {
            matches::Host::emit(host, 0, "m".into(), "p".into(), "{}".into(), windows, Vec::new(), None)
        };
        emit(&mut host, Vec::new()).expect("it is granted");
        emit(&mut host, vec![0]).expect("it is granted");
        let (outcomes, _) = finish(host);
        let observed = EventRef { lsn: Lsn(9), source: "fishpond".into(), id: id.into() };
        assert_eq!(outcomes[0].matches[0].events, []);
        assert_eq!(outcomes[0].matches[1].events, [observed]);
    }
}

#[test]
fn timers_of_one_tick_are_different_inputs() {
    let mut host = calling(vec![due("remind", 0), due("close", 1)], with_timers(&["remind", "close"]));
    for at in 0..2 {
        windows::Host::observe(&mut host, at, 0, "m".into(), 1).expect("it fits");
    }
    matches::Host::emit(&mut host, 1, "m".into(), "p".into(), "{}".into(), vec![0, 0], Vec::new(), None)
        .expect_err("each window once");
    host.call.as_mut().expect("a call").violation = None;
    matches::Host::emit(&mut host, 1, "m".into(), "p".into(), "{}".into(), vec![0], Vec::new(), None)
        .expect("it is granted");
    assert_eq!(finish(host).0[1].matches[0].events.len(), 2);
}

#[test]
fn a_timer_is_set_with_all_it_needs() {
    let mut host = calling(vec![event(9, Event::default())], with_timers(&["close"]));
    timing::Host::set_timer(&mut host, 0, "remind".into(), 7_000, "later".into()).expect("the plan has it");
    timing::Host::cancel_timer(&mut host, 0, "remind2".into()).expect("nothing happens");
    timing::Host::cancel_timer(&mut host, 0, "close".into()).expect("it is there");
    let (outcomes, document) = finish(host);
    let set = Timer {
        clock: TimerClock::Receive,
        due: 7_000,
        context: "later".into(),
        at: Lsn(9),
        number: 1,
        state_version: 3,
        hops: 0,
    };
    assert_eq!(document.timers(), [("remind".into(), set.clone())]);
    assert_eq!(outcomes[0].ops, [Op::SetTimer { name: "remind".into(), timer: set }, cancelled("close")]);
}

#[test]
fn a_timer_that_may_not_be_set_is_refused_by_name() {
    let set = |name: &str, context: usize| {
        let mut host = calling(vec![event(9, Event::default())], Document::default());
        let set = timing::Host::set_timer(&mut host, 0, name.into(), 1, "x".repeat(context));
        (set.is_ok(), code(&host))
    };
    assert_eq!(set("remind", 4_096), (true, None));
    assert_eq!(set("remind", 4_097), (false, Some("context_bytes")));
    assert_eq!(set("unheard_of", 0), (false, Some("unknown_timer")));
    let mut query = with_query(Document::default(), u64::MAX);
    let error = timing::Host::set_timer(&mut query, 0, "remind".into(), 1, String::new()).expect_err("a query");
    assert!(error.to_string().contains("a query may only read"), "{error}");
}

#[test]
fn a_timer_is_gone_when_it_is_handled_and_can_be_set_anew() {
    let mut host = calling(vec![due("remind", 0), due("close", 1)], with_timers(&["remind", "close"]));
    timing::Host::set_timer(&mut host, 0, "remind".into(), 7_000, String::new()).expect("the plan has it");
    let (outcomes, document) = finish(host);
    assert_eq!(document.timer("remind").map(|timer| (timer.due, timer.number)), Some((7_000, 2)));
    assert_eq!(document.timer("close"), None);
    assert_eq!((&outcomes[0].ops[0], outcomes[0].ops.len()), (&cancelled("remind"), 2));
    assert_eq!(outcomes[1].ops, [cancelled("close")]);
}

#[test]
fn a_refused_timer_is_gone_and_nothing_else_is_changed() {
    let mut host = calling(vec![due("remind", 0), due("close", 1)], with_timers(&["remind", "close"]));
    state::Host::set(&mut host, 0, "kept".into(), vec![1], None).expect("it fits");
    state::Host::set(&mut host, 1, "lost".into(), vec![1], None).expect("it fits");
    timing::Host::set_timer(&mut host, 1, "close".into(), 7_000, String::new()).expect("the plan has it");
    inputs::Host::refuse(&mut host, 1, "not_today".into(), String::new()).expect("a code of its own");
    let (outcomes, document) = finish(host);
    assert_eq!((outcomes[1].end.code(), &*outcomes[1].ops), ("not_today", &[cancelled("close")][..]));
    assert_eq!(outcomes[0].end, End::Done);
    assert_eq!((document.timers().len(), document.values().len()), (0, 1));
    assert_eq!(document.timers_set(), 2);
}

/// What a later input of the same tick is about may have been moved by an earlier one: redo must end as the call did.
#[test]
fn a_timer_that_was_moved_meanwhile_is_another_one() {
    let before = with_timers(&["remind", "close"]);
    let mut host = calling(vec![due("remind", 0), due("close", 1)], before.clone());
    timing::Host::set_timer(&mut host, 0, "close".into(), 7_000, String::new()).expect("the plan has it");
    let (outcomes, document) = finish(host);
    assert_eq!(document.timer("close").map(|timer| timer.due), Some(7_000));
    let mut redone = before;
    outcomes.into_iter().flat_map(|outcome| outcome.ops).for_each(|op| redone.apply(op));
    assert_eq!(redone, document);
}

fn judge(says: impl FnOnce(&mut HostState) -> Answer<()>) -> (Answer<()>, HostState) {
    let mut host = calling(vec![action(), action()], Document::default());
    let said = says(&mut host);
    (said, host)
}

#[test]
fn a_verdict_is_recorded_as_it_was_given() {
    let (said, mut host) = judge(|host| {
        verdicts::Host::downgrade(host, 0, "slot:top".into(), "quiet".into(), r#"{"n":1}"#.into(), Some("c".into()))
    });
    said.expect("the plan has it");
    verdicts::Host::hold(&mut host, 1, 7_000, "night".into(), "{}".into()).expect("the plan has it");
    let (outcomes, _) = finish(host);
    let verdict = Verdict {
        kind: VerdictKind::Downgrade(Channel::Slot("top".into())),
        reason: "quiet".into(),
        numbers: r#"{"n":1}"#.into(),
        context: Some("c".into()),
    };
    assert_eq!(outcomes[0].verdict, Some(verdict));
    assert_eq!(outcomes[1].verdict.as_ref().map(|verdict| &verdict.kind), Some(&VerdictKind::Hold(7_000)));
}

#[test]
fn an_action_without_one_verdict_is_refused_alone() {
    let (said, mut host) = judge(|host| verdicts::Host::allow(host, 0, "{}".into(), None));
    said.expect("the plan has it");
    state::Host::set(&mut host, 1, "n".into(), vec![1], None).expect("it fits");
    for _ in 0..2 {
        verdicts::Host::allow(&mut host, 1, "{}".into(), None).expect("it is known only at the end");
    }
    let (outcomes, document) = finish(host);
    assert_eq!(outcomes[0].end, End::Done);
    assert_eq!((outcomes[1].end.code(), &outcomes[1].verdict, outcomes[1].ops.len()), ("no_verdict", &None, 0));
    assert!(outcomes[1].end.message().contains("two verdicts"), "{:?}", outcomes[1].end);
    assert!(document.values().is_empty());
    let (outcomes, _) = finish(judge(|host| inputs::Host::refuse(host, 0, "not_today".into(), String::new())).1);
    assert_eq!([&outcomes[0], &outcomes[1]].map(|outcome| outcome.end.code()), ["not_today", "no_verdict"]);
    assert!(outcomes[1].end.message().contains("no verdict"), "{:?}", outcomes[1].end);
}

#[test]
fn a_verdict_that_the_plan_does_not_have_or_that_is_too_long_is_refused_by_name() {
    let long = || format!(r#"{{"n":"{}"}}"#, "x".repeat(4_096));
    let codes = [
        judge(|host| verdicts::Host::deny(host, 0, "no".into(), "{}".into())),
        judge(|host| verdicts::Host::allow(host, 0, long(), None)),
        judge(|host| verdicts::Host::allow(host, 0, "{}".into(), Some(long()))),
    ]
    .map(|(said, host)| (said.is_err(), code(&host)));
    assert_eq!(codes, ["undeclared_verdict", "context_bytes", "context_bytes"].map(|code| (true, Some(code))));
}

#[test]
fn a_verdict_that_is_none_traps_with_what_is_wrong() {
    let allow = |host: &mut HostState| verdicts::Host::allow(host, 0, "{}".into(), None);
    let traps = [
        (judge(|host| verdicts::Host::allow(host, 0, "[1]".into(), None)), "no JSON object"),
        (judge(|host| verdicts::Host::hold(host, 0, 1, "Too late".into(), "{}".into())), "`Too late` is no reason"),
        (
            judge(|host| verdicts::Host::downgrade(host, 0, "mail".into(), "no".into(), "{}".into(), None)),
            "`app`, `log` or `slot:`",
        ),
        (
            (allow(&mut with_query(Document::default(), u64::MAX)), with_query(Document::default(), u64::MAX)),
            "no action",
        ),
    ];
    for ((said, host), word) in traps {
        let error = said.expect_err(word).to_string();
        assert!(error.contains(word), "{error}");
        assert_eq!(code(&host), None);
    }
    for input in [event(9, Event::default()), due("remind", 0), settlement()] {
        let error = allow(&mut calling(vec![input], Document::default())).expect_err("no action").to_string();
        assert!(error.contains("`filter`"), "{error}");
    }
}

#[test]
fn a_filter_may_only_keep_state() {
    let calls: [fn(&mut HostState) -> Answer<()>; 4] = [
        |host| matches::Host::emit(host, 0, "m".into(), "p".into(), "{}".into(), Vec::new(), Vec::new(), None),
        |host| timing::Host::set_timer(host, 0, "remind".into(), 1, String::new()),
        |host| timing::Host::cancel_timer(host, 0, "remind".into()),
        |host| telling::publish(host, "t", "{}"),
    ];
    for call in calls {
        let error = judge(call).0.expect_err("a filter").to_string();
        assert!(error.contains("may only give verdicts and keep state"), "{error}");
    }
    let (set, mut host) = judge(|host| state::Host::set(host, 0, "n".into(), vec![1], None));
    set.expect("a filter counts");
    windows::Host::observe(&mut host, 0, 0, "m".into(), 1).expect("a filter counts");
}
