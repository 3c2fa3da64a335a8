//! Every kind of frame with every variant of every enum in it: written, read, cut short.

mod outreach;

use super::*;
use crate::codec::samples::{action, channels, comes_back, event_ref, offlines, ops, published, signal};
use crate::model::outreach::{
    Act, ActionId, ChainEntry, ChainPart, Class, Fail, MessageAct, Policy, PublishAct, Report, Reported, TagAct,
    Verdict, VerdictKind,
};
use crate::model::{
    Change, Control, DeploymentId, Digest, End, Event, Gap, Guard, InputOutcome, InputRecord, LogLine, Lsn, Match,
    OnError, OnLag, OnQuarantine, Outcome, PauseCause, Reply, Resend, Start, Via, Whole,
};

fn check(frame: Frame) {
    let mut interner = Interner::new(100);
    comes_back(&frame, encode_frame, |bytes| decode_frame(bytes, &mut interner));
}

fn event() -> Event {
    Event {
        business: "demo".into(),
        source: "app".into(),
        id: "1".into(),
        kind: "blacklist".into(),
        subject: "user:1".into(),
        actor: "user:2".into(),
        scene: "home".into(),
        time: 5,
        received: 10,
        time_replaced: true,
        extensions: vec![("a".into(), "b".into())],
        data: r#"{"x":1}"#.into(),
        hops: 3,
        intake: "batch".into(),
        claimed: Some(1 << 30),
        undeduplicated: true,
    }
}

#[test]
fn inputs_marks_and_ticks_come_back_whole() {
    check(Frame::Input(Arc::new(event())));
    check(Frame::Input(Arc::default()));
    check(Frame::Input(Arc::new(Event { claimed: None, ..event() })));
    check(Frame::Input(Arc::new(Event { undeduplicated: false, ..event() })));
    check(Frame::Input(Arc::new(Event { intake: Arc::default(), time_replaced: false, ..event() })));
    check(Frame::Mark(Mark { shards: ShardSet::ALL }));
    check(Frame::Tick(Tick { now: 1 << 40, watermark: (1 << 40) - 90_000 }));
    check(Frame::Tick(Tick { now: 5, watermark: 0 }));
}

#[test]
fn reports_come_back_whole() {
    let action = ActionId(1 << 120);
    for what in [
        Reported::Arrived { slot: None },
        Reported::Arrived { slot: Some("banner".into()) },
        Reported::Acknowledged { action },
        Reported::Delivered { action },
        Reported::NotNow { action, reason: "busy".into() },
        Reported::Failed { action, reason: "gone".into() },
        Reported::Unknown { action, reason: "no answer".into() },
    ] {
        check(Frame::Report(Arc::new(Report { business: "demo".into(), person: "user:1".into(), at: 1 << 40, what })));
    }
}

fn check_change(change: Change) {
    check(Frame::Control(Arc::new(Control { at: 1, by: "ops".into(), change })));
}

fn revised(on_error: OnError, start: Start, backlog: Vec<(ShardSet, Lsn)>) -> Change {
    Change::DeploymentRevised {
        business: "demo".into(),
        name: "n".into(),
        revision: 1,
        digest: Digest([3; 32]),
        configuration: "{}".into(),
        envelope: r#"{"configuration":{}}"#.into(),
        plan: "{}".into(),
        permissions: vec!["matches".into()],
        on_error,
        guard: Guard { on_quarantine: OnQuarantine::Rollback, on_lag: OnLag::Block },
        start,
        begins: Lsn(70_000),
        backlog,
    }
}

#[test]
fn changes_of_deployments_come_back_whole() {
    let deployment = DeploymentId(300);
    let shards = ShardSet(5);
    check_change(Change::ModuleUploaded {
        business: "demo".into(),
        digest: Digest([3; 32]),
        name: "n".into(),
        version: "1".into(),
    });
    check_change(revised(OnError::Skip, Start::Latest, vec![]));
    check_change(revised(OnError::Pause, Start::Earliest, vec![(shards, Lsn(900)), (ShardSet::ALL, Lsn(2))]));
    check_change(revised(OnError::Skip, Start::At(1 << 41), vec![]));
    for cause in PauseCause::ALL {
        check_change(Change::Paused { deployment, shards, cause, reason: "r".into() });
    }
    check_change(Change::Quarantined { deployment, revision: 3, reason: "r".into() });
    check_change(Change::GapAccepted { deployment, gap: Gap { shards, from: Lsn(900), to: Lsn(70_000) } });
    for raised in [true, false] {
        let (business, name, subject) = ("demo".into(), "lag".into(), "n".into());
        check_change(Change::Alert { business, name, subject, raised, message: "m".into() });
    }
    check_change(Change::Resumed { deployment, shards });
    check_change(Change::Retired { deployment });
    for handed_over in [false, true] {
        let (position, event) = (Lsn(1 << 40), Arc::new(event()));
        let (subscription, key) = ("by_actor".into(), "k".into());
        check_change(Change::Resent(Resend { deployment, position, subscription, key, event, handed_over }.into()));
    }
}

fn policies() -> Vec<Policy> {
    let tag = |lasts_ms| Act::Tag(TagAct { tag: "risk".into(), value: "high".into(), lasts_ms });
    let message = |class, channel, offline| {
        let (scene, content) = ("home".into(), r#"{"title":"Hi"}"#.into());
        Act::Message(MessageAct { class, channel, scene, content, lasts_ms: 60_000, offline })
    };
    let messages = Class::ALL.into_iter().zip(channels()).zip(offlines());
    let messages = messages.map(|((class, channel), offline)| message(class, channel, offline));
    let publish = Act::Publish(PublishAct { event_type: "risk.raised".into() });
    [tag(None), tag(Some(9)), publish]
        .into_iter()
        .chain(messages)
        .map(|act| Policy {
            match_name: "high_risk".into(),
            deployment: matches!(act, Act::Tag(_)).then(|| "blacklist".into()),
            priority: if matches!(act, Act::Message(_)) { i32::MIN } else { i32::MAX },
            valid_from: matches!(act, Act::Message(_)).then_some(1 << 40),
            valid_until: matches!(act, Act::Publish(_)).then_some(1 << 41),
            enabled: matches!(act, Act::Message(_)),
            act,
        })
        .collect()
}

#[test]
fn changes_of_policies_and_chains_come_back_whole() {
    for policy in policies().into_iter().map(Some).chain([None]) {
        let policy = policy.map(Box::new);
        check_change(Change::PolicyRevised { business: "demo".into(), id: "welcome".into(), revision: 2, policy });
    }
    let entry = |on_error, classes, allow_final| ChainEntry {
        filter: "quiet-hours".into(),
        deployment: DeploymentId(300),
        on_error,
        classes,
        allow_final,
    };
    let entries = vec![entry(Fail::Open, vec![], true), entry(Fail::Closed, Class::ALL.into(), false)];
    for part in [ChainPart::Platform, ChainPart::Business, ChainPart::Policy("welcome".into())] {
        let entries = entries.clone();
        check_change(Change::ChainRevised { business: "demo".into(), part, revision: 7, entries });
    }
}

fn found(once: Option<&str>) -> Match {
    Match {
        id: u128::MAX / 3,
        name: "high_risk".into(),
        person: "p".into(),
        fields: "{}".into(),
        events: vec![event_ref(1), event_ref(4)],
        also: vec!["x".into()],
        once: once.map(Into::into),
    }
}

fn record(lsn: u64, via: Via, end: End) -> InputRecord {
    let outcome = InputOutcome { late: lsn == 2, undeduplicated: lsn == 2, ..InputOutcome::without_effects(end) };
    let replay_of = (lsn > 300).then(|| Lsn(lsn - 300));
    InputRecord { lsn: Lsn(lsn), replay_of, time: 5, via, hops: u8::MAX - lsn as u8, key: "k".into(), outcome }
}

fn outcome(inputs: Vec<InputRecord>) -> Outcome {
    Outcome {
        deployment: DeploymentId(2),
        revision: 3,
        digest: Digest([3; 32]),
        shards: ShardSet::ALL,
        position: Lsn(9),
        now: 1 << 40,
        state_version: 4,
        inputs,
        wholes: vec![Whole { key: "k".into(), bytes: Box::new([9]) }],
    }
}

#[test]
fn outcomes_come_back_whole() {
    let mut full = record(1, Via::Subscription(0), End::Done);
    full.outcome.ops = ops();
    full.outcome.matches = vec![found(None), found(Some("o"))];
    full.outcome.published = vec![published(), published()];
    full.outcome.signals = vec![signal(), signal()];
    let refused = End::Refused { code: "bad_event".into(), message: "m".into() };
    check(Frame::Outcome(Arc::new(outcome(vec![
        full,
        record(2, Via::Timer("t".into()), refused),
        record(2, Via::Timer("".into()), End::Trapped { message: "t".into() }),
        record(300, Via::Settlement(action().id), End::OutOfFuel { limit: 5 }),
        record(301, Via::Subscription(u32::MAX), End::Done),
        record(301, Via::Signal { id: u128::MAX - 1, name: "word".into(), sender: "user:9".into() }, End::Done),
    ]))));
}

#[test]
fn of_outcomes_from_which_nothing_follows_the_head_is_enough() {
    let plain = record(1, Via::Subscription(0), End::Done);
    let with = |change: fn(&mut InputOutcome)| {
        let mut telling = plain.clone();
        change(&mut telling.outcome);
        Frame::Outcome(Arc::new(outcome(vec![plain.clone(), telling])))
    };
    let read = |frame: &Frame, matches| {
        let needs = Needs::Telling { matches };
        decode_needed(&encode_frame(frame), needs, &mut Interner::new(100)).expect("it is whole")
    };
    let nothing = with(|outcome| outcome.ops = ops());
    let head = Frame::Outcome(Arc::new(Outcome { wholes: Vec::new(), ..outcome(Vec::new()) }));
    assert_eq!([read(&nothing, false), read(&nothing, true)], [head.clone(), head.clone()]);
    let matched = with(|outcome| outcome.matches = vec![found(None)]);
    assert_eq!([read(&matched, false), read(&matched, true)], [head, matched]);
    for frame in
        [with(|outcome| outcome.published = vec![published()]), with(|outcome| outcome.signals = vec![signal()])]
    {
        assert_eq!([read(&frame, false), read(&frame, true)], [frame.clone(), frame]);
    }
}

#[test]
fn verdict_reply_and_logs_are_not_journalled() {
    let plain = record(1, Via::Subscription(0), End::Done);
    let mut told = plain.clone();
    let (reason, numbers) = ("r".into(), "{}".into());
    told.outcome.verdict = Some(Verdict { kind: VerdictKind::Deny, reason, numbers, context: None });
    told.outcome.reply = Some(Reply { status: "ok".into(), body: "{}".into(), retry: false });
    told.outcome.logs = vec![LogLine { level: "info", message: "m".into() }];
    let [plain, told] = [plain, told].map(|record| encode_frame(&Frame::Outcome(Arc::new(outcome(vec![record])))));
    assert_eq!(told, plain);
}

#[test]
fn an_ordinary_input_is_a_few_bytes_of_an_outcome() {
    let [none, one] = [vec![], vec![record(1, Via::Subscription(0), End::Done)]].map(outcome);
    let [none, one] = [none, one].map(|outcome| encode_frame(&Frame::Outcome(Arc::new(outcome))).len());
    let position_time_via_hops = 4;
    let key = 2;
    let late_end_ops_matches_published_signals = 6;
    assert_eq!(one - none, position_time_via_hops + key + late_end_ops_matches_published_signals);
}

#[test]
fn the_kind_is_known_without_reading_the_frame() {
    let bytes = encode_frame(&Frame::Tick(Tick::default()));
    assert_eq!(kind_of(&bytes), Some(Kind::Tick));
    assert_eq!(kind_of(&[VERSION, 7]), None);
    assert_eq!(kind_of(&[VERSION]), None);
}

#[test]
fn another_version_is_refused() {
    let mut bytes = encode_frame(&Frame::Tick(Tick::default()));
    bytes[0] = 1;
    assert_eq!(kind_of(&bytes), None);
    assert!(decode_frame(&bytes, &mut Interner::new(1)).is_err());
}
