//! X-05: timers, settlements and actions reach the export that handles them, and end as events do; and a timer that was
//! handled is gone, however that ended.

use std::sync::Arc;

use fishpond::engine::{Engine, Input, Judged, Ran, Runner, Scope, What, envelope};
use fishpond::model::outreach::{Action, ActionId, Channel, Class, Offline, Origin, Settled, VerdictKind};
use fishpond::model::{DeploymentId, Digest, Document, End, Event, Limits, Lsn, Op, Signalled, Timer, TimerClock};
use fishpond_tests::{component, native};

fn runner(configuration: &str) -> Runner {
    let limits = Arc::new(Limits::default());
    let engine = Arc::new(Engine::new(&native(), limits.clone()).expect("an engine"));
    let module = Arc::new(engine.load(&component("misbehave")).expect("it is a module"));
    let envelope = envelope("demo", "bad", configuration, &limits).expect("it is JSON");
    let configured = module.configure(&envelope).expect("it accepts it");
    let scope = Scope { business: "demo".into(), deployment: "bad".into() };
    Runner::new(module, &scope, &envelope, configured, vec!["matches".into()]).expect("a good plan")
}

fn input(document: usize, what: What) -> Input {
    Input { lsn: Lsn(9), replay_of: None, key: "ann".into(), document, what }
}

fn timer(name: &str, does: &str, number: u32) -> (Box<str>, Timer) {
    let set = Timer {
        clock: TimerClock::Receive,
        due: 5,
        context: does.into(),
        at: Lsn(1),
        number,
        state_version: 1,
        hops: 0,
    };
    (name.into(), set)
}

/// One document for each timer, and the input that says it is due.
fn due(does: &[&str]) -> (Vec<Document>, Vec<Input>) {
    let one = |(index, does): (usize, &&str)| {
        let (name, timer) = timer("wake", does, 0);
        let mut document = Document::default();
        document.apply(Op::SetTimer { name: name.clone(), timer: timer.clone() });
        (document, input(index, What::Timer { name, timer, now: 6 }))
    };
    does.iter().enumerate().map(one).unzip()
}

fn settlement(does: &str) -> What {
    What::Settlement(Arc::new(Settled {
        deployment: DeploymentId(1),
        key: "ann".into(),
        action: ActionId(7),
        status: "failed".into(),
        context: does.into(),
        answer: "{}".into(),
        time: 5,
        state_version: 1,
        hops: 0,
    }))
}

fn action(does: &str) -> What {
    let origin = Origin {
        lsn: Lsn(5),
        match_id: 1,
        match_name: "seen".into(),
        deployment: "rule".into(),
        revision: 1,
        digest: Digest([0; 32]),
        hops: 0,
    };
    let action = Action {
        id: ActionId(7),
        business: "demo".into(),
        person: "ann".into(),
        origin,
        policy: "p".into(),
        policy_revision: 1,
        class: Class::Marketing,
        channel: Channel::App,
        scene: "".into(),
        priority: 0,
        content: "{}".into(),
        fields: format!(r#"{{"do": "{does}"}}"#).into(),
        time: 5,
        expires: 9_000,
        offline: Offline::Keep,
    };
    What::Action(Arc::new(Judged { action: action.into(), channel: Channel::App, time: 5, attempt: 1 }))
}

fn codes(ran: &Ran) -> Vec<&str> {
    ran.outcomes.iter().map(|outcome| outcome.end.code()).collect()
}

/// Runs inputs of one document each, in one batch.
fn run(configuration: &str, whats: impl IntoIterator<Item = What>) -> (Ran, Vec<Document>) {
    let inputs: Vec<Input> = whats.into_iter().enumerate().map(|(index, what)| input(index, what)).collect();
    let mut documents = vec![Document::default(); inputs.len()];
    let ran = runner(configuration).run(&Arc::new(inputs), &mut documents, false).expect("it runs");
    (ran, documents)
}

#[test]
fn x_05_a_timer_is_gone_however_handling_it_ended() {
    let does = ["count", "refuse", "trap", "loop", "emit_unknown", "set_timer"];
    for singly in [false, true] {
        let (mut documents, inputs) = due(&does);
        let mut runner = runner("{}");
        if singly {
            runner.run_singly();
        }
        let ran = runner.run(&Arc::new(inputs), &mut documents, false).expect("it runs");
        assert_eq!(codes(&ran), ["done", "not_today", "trap", "fuel", "unknown_match", "done"]);
        for (does, outcome) in does.iter().zip(&ran.outcomes) {
            assert_eq!(outcome.ops[0], Op::CancelTimer { name: "wake".into() }, "{does}");
        }
        let left: Vec<Option<u64>> =
            documents.iter().map(|document| document.timer("wake").map(|timer| timer.due)).collect();
        assert_eq!(left, [None, None, None, None, None, Some(1_005)]);
        assert_eq!(ran.outcomes[0].matches.len(), 1);
        assert!(ran.outcomes[1..5].iter().all(|outcome| outcome.ops.len() == 1 && outcome.matches.is_empty()));
    }
}

#[test]
fn x_05_a_timer_that_stops_its_shard_is_not_gone() {
    let (mut documents, inputs) = due(&["count", "trap"]);
    let before = documents.clone();
    let ran = runner("{}").run(&Arc::new(inputs), &mut documents, true).expect("it runs");
    assert!(ran.outcomes.is_empty(), "both have one position");
    assert!(ran.fault.is_some_and(|fault| matches!(fault.end, End::Trapped { .. })));
    assert_eq!(documents, before);
}

#[test]
fn x_05_a_settlement_ends_as_an_event_does() {
    let (ran, documents) = run("{}", ["count", "trap", "weekday"].map(settlement));
    assert_eq!(codes(&ran), ["done", "trap", "done"]);
    assert!(documents[0].value("count", 0).is_some());
    // The first of January 1970 was a Thursday.
    assert_eq!(&*ran.outcomes[2].matches[0].fields, r#"{"n": 4}"#);
    assert!(ran.outcomes[2].matches[0].events.is_empty());
}

fn signal(does: &str, name: &str, hops: u8) -> What {
    What::Signal(Arc::new(Signalled {
        id: 1,
        name: name.into(),
        payload: does.into(),
        sender: "bo".into(),
        time: 5,
        received: 6,
        state_version: 1,
        hops,
    }))
}

#[test]
fn x_05_a_signal_ends_as_an_event_does_and_goes_no_further_than_allowed() {
    let whats = [
        signal("count", "word", 1),
        signal("trap", "word", 16),
        signal("count", "word", 17),
        signal("count", "unheard_of", 1),
    ];
    let (ran, documents) = run("{}", whats);
    assert_eq!(codes(&ran), ["done", "trap", "hops", "unknown_signal"]);
    let kept: Vec<bool> = documents.iter().map(|document| document.value("count", 0).is_some()).collect();
    assert_eq!(kept, [true, false, false, false]);
}

#[test]
fn x_05_a_filter_says_one_thing_about_each_action() {
    let does = ["allow", "deny", "no_verdict", "two_verdicts"];
    let (ran, documents) = run(r#"{"filter": true}"#, does.map(action));
    assert_eq!((codes(&ran), ran.calls), (vec!["done", "done", "no_verdict", "no_verdict"], 1));
    let verdicts: Vec<Option<&VerdictKind>> =
        ran.outcomes.iter().map(|outcome| outcome.verdict.as_ref().map(|verdict| &verdict.kind)).collect();
    assert_eq!(verdicts, [Some(&VerdictKind::Allow), Some(&VerdictKind::Deny), None, None]);
    let verdict = ran.outcomes[0].verdict.as_ref().expect("it allows");
    assert_eq!((&*verdict.numbers, verdict.context.as_deref()), (r#"{"n": 1}"#, Some("count")));
    assert!(documents[0].value("count", 0).is_some());
    assert!(documents[2..].iter().all(|document| document.values().is_empty()));
}

#[test]
fn x_05_what_no_filter_may_do_is_a_typed_outcome() {
    let does = ["hold", "bad_reason", "count", "set_timer", "publish", "signal", "allow"];
    let (ran, documents) = run(r#"{"filter": true}"#, does.map(action));
    assert_eq!(
        codes(&ran),
        ["undeclared_verdict", "trap", "not_in_filter", "not_in_filter", "not_in_filter", "not_in_filter", "done"]
    );
    for (outcome, word) in
        ran.outcomes.iter().zip(["`hold`", "`Not Today`", "emit a match", "set a timer", "publish", "send a signal"])
    {
        assert!(outcome.end.message().contains(word), "{:?}", outcome.end);
    }
    assert!(documents[..6].iter().all(|document| document.values().is_empty()));
}

#[test]
fn x_05_what_this_revision_does_not_handle_is_refused_by_name() {
    let (name, other) = timer("unheard_of", "trap", 0);
    let mut known = due(&["count"]);
    known.0.push(Document::default());
    known.0[1].apply(Op::SetTimer { name: name.clone(), timer: other.clone() });
    known.1.push(input(1, What::Timer { name, timer: other, now: 6 }));
    let ran = runner("{}").run(&Arc::new(known.1), &mut known.0, false).expect("it runs");
    assert_eq!((codes(&ran), ran.calls), (vec!["done", "unknown_timer"], 1));
    assert!(known.0.iter().all(|document| document.timers().is_empty()));
    let (ran, _) = run("{}", [action("allow")]);
    assert_eq!((codes(&ran), ran.calls), (vec!["no_handler"], 0));
}

#[test]
fn x_05_inputs_of_several_kinds_are_no_batch() {
    let (mut documents, mut inputs) = due(&["count"]);
    let before = documents.clone();
    let event = Event { actor: "ann".into(), ..Event::default() };
    inputs.push(input(0, What::Event { event: event.into(), subscription: 0, data: None, from: None }));
    let failure = runner("{}").run(&Arc::new(inputs), &mut documents, false).err().expect("a failure of the host");
    assert!(failure.0.contains("several kinds"), "{failure}");
    assert_eq!(documents, before);
}
