//! A crash behind every frame of a run with chains, holds, arrivals, acknowledgements, deliveries that are tried again and fail, a
//! swap, a repair and a rollback: the folder as it would be, opened again, the rest of the run played. What was decided must be what is decided without a crash (DECISIONS 27).

use std::collections::{BTreeMap, BTreeSet};

use fishpond::model::outreach::{ActionId, Answered, Cause, Deed, Outreach};
use fishpond::model::{Frame, Limits, Lsn};
use fishpond::scenario::{Run, RunOptions, Scenario, Step, small_limits};
use fishpond::shards::Batching;
use fishpond_tests::{copy_folder, crashed, frames, highest, modules};

const PEOPLE: [&str; 4] = ["ann", "bob", "cid", "dan"];

const FLOW: &str = r#"
deploy found = herald {}
deploy caps = fatigue {"caps": [{"name": "few", "at_most": 2, "window": {"rolling_s": 3600}, "on_exceed": "hold"}]}
deploy names = lists {"block": ["dan"]}
deploy wishes = preference {}
policy tag {"match": "offer", "tag": {"name": "seen", "lasts_s": 3600}}
policy tell {"match": "offer", "message": {"class": "marketing", "channel": "app", "content": {"text": "hi"}}}
policy more {"match": "news", "message": {"class": "transactional", "channel": "slot:top", "content": {}, "lasts_s": 3600}}
policy pass {"match": "news", "publish": {"type": "herald.again"}}
chain wishes:closed:marketing names:closed caps:open
event 10:00:00 herald actor=ann {"match": "offer", "find": 3}
event 10:00:01 herald actor=bob {"match": "offer", "once": "today"}
event 10:00:01 herald actor=dan {"match": "offer"}
connect ann
disconnect ann
ack ann #1
checkpoint
event 10:05:00 preference.opt_out actor=bob
event 10:05:01 herald actor=bob {"match": "offer", "once": "today"}
event 10:05:02 herald actor=cid {"match": "news", "find": 2}
connect bob
disconnect bob
deploy caps = fatigue@0.1.1 {"caps": [{"name": "few", "at_most": 3, "window": {"rolling_s": 3600}, "on_exceed": "hold"}]}
event 10:06:00 herald actor=ann {"match": "offer", "n": 7}
chain names:closed caps:open
event 10:07:00 herald actor=ann {"match": "offer", "find": 2}
slot cid top
advance 2h
checkpoint
event 12:30:00 herald actor=cid {"match": "offer", "find": 2}
connect cid
disconnect cid
ack cid #3
event 12:31:00 herald actor=cid {"match": "offer", "find": 2}
policy tell remove
advance 2h
policy tell {"match": "offer", "message": {"class": "marketing", "channel": "app", "content": {"text": "hi"}}}
policy note {"match": "alarm", "message": {"class": "critical", "channel": "log", "content": {}}}
channel log = not_now
event 14:40:00 herald actor=bob {"match": "alarm"}
advance 10s
deploy found = herald on_error=pause {}
event 14:41:00 herald actor=dan {"do": "trap"}
event 14:41:01 herald actor=dan {"match": "news"}
event 14:41:01 herald actor=ann {"match": "offer", "find": 2}
repair found = herald@0.1.1 {}
rollback caps
channel log = fail
advance 20s
event 14:42:00 herald actor=cid {"match": "offer", "find": 4}
connect cid
disconnect cid
advance 3m
"#;

/// What was decided about each action, with all that was said, and how deliveries ended; without positions. A person's arrival that
/// a crash has interrupted is judged again at the next one, with the same words. What a crash has kept from a channel is tried
/// again later, so the tries of such a delivery are neither counted nor timed, but its end is one and the same.
#[derive(PartialEq, Debug, Default)]
struct Result {
    tried_again: BTreeSet<ActionId>,
    decisions: BTreeMap<String, BTreeSet<String>>,
    ends: BTreeMap<String, String>,
    tags: BTreeSet<String>,
    /// What each filter was told of the end of a delivery.
    settled: BTreeMap<(u64, String), String>,
    published: BTreeMap<u128, String>,
    persons: BTreeMap<String, Vec<String>>,
    fatigue: BTreeMap<String, String>,
}

impl Result {
    fn of(run: &mut Run<'_>) -> Result {
        let parts = run.host().expect("it is open").parts.clone();
        let mut result = Result::default();
        let mut looks = BTreeSet::new();
        for (lsn, frame) in frames(&parts) {
            if let Frame::Outreach(outreach) = frame {
                result.frame(lsn, &outreach, &mut looks);
            }
        }
        let shown = |run: &mut Run<'_>, lines: &[String]| {
            run.output.clear();
            for (_, step) in Scenario::parse(&lines.join("\n")).expect("steps").steps {
                run.step(&step).expect("an answer");
            }
            run.output.clone()
        };
        for person in PEOPLE {
            let lines = shown(run, &[format!("inbox {person}"), format!("tags {person}")]);
            result.persons.insert(person.to_owned(), lines);
            let counters = shown(run, &[format!("query caps fatigue {person}")]);
            result.fatigue.insert(person.to_owned(), without_starts(&counters.join("\n")));
        }
        result
    }

    fn frame(&mut self, lsn: Lsn, outreach: &Outreach, looks: &mut BTreeSet<(ActionId, u32)>) {
        for deed in &outreach.deeds {
            match deed {
                Deed::Decided(decision) => {
                    let said: Vec<String> = decision
                        .verdicts
                        .iter()
                        .map(|reached| match &reached.answer {
                            Answered::Verdict(verdict) => {
                                format!("{}@{} {} {verdict:?}", reached.filter, reached.revision, reached.digest)
                            }
                            other => format!("{}@{} {} {other:?}", reached.filter, reached.revision, reached.digest),
                        })
                        .collect();
                    let action = &decision.action;
                    let origin = &action.origin;
                    let line = format!(
                        "{} {} {}@{} {} {:?} {:?} {} {said:?}",
                        action.person,
                        origin.match_name,
                        origin.deployment,
                        origin.revision,
                        origin.digest,
                        decision.cause,
                        decision.status,
                        decision.time
                    );
                    assert!(looks.insert((action.id, decision.attempt)), "decided twice, again at {lsn}");
                    if decision.cause == Cause::Retry {
                        self.tried_again.insert(action.id);
                        continue;
                    }
                    self.decisions.entry(action.id.to_string()).or_default().insert(line);
                }
                Deed::Ended(ended) => {
                    let time = self.time(ended.action, ended.time);
                    let twice = self.ends.insert(ended.action.to_string(), format!("{:?} {time:?}", ended.end));
                    assert_eq!(twice, None, "ended twice, again at {lsn}");
                }
                Deed::Tagged { person, tag, .. } => {
                    let origin = &tag.origin;
                    let caused = format!("{:032x} {}@{}", origin.match_id, origin.deployment, origin.revision);
                    let new =
                        self.tags.insert(format!("{person} {} {} {:?} {caused}", tag.name, tag.since, tag.expires));
                    assert!(new, "tagged twice, again at {lsn}");
                }
                Deed::Published { event, .. } => {
                    let twice = self.published.insert(event.id, format!("{} {}", event.event_type, event.actor));
                    assert_eq!(twice, None, "published twice, again at {lsn}");
                }
                Deed::Settled(settled) => {
                    let whom = (settled.deployment.0, settled.action.to_string());
                    let time = self.time(settled.action, settled.time);
                    let twice = self.settled.insert(whom, format!("{} {time:?}", settled.status));
                    assert_eq!(twice, None, "settled twice, again at {lsn}");
                }
            }
        }
    }
}

/// A window begins so long before a query's time, which is that of the last tick, and there may be one for another try.
fn without_starts(counters: &str) -> String {
    let mut parts = counters.split(r#""window_start":"#);
    let first = parts.next().unwrap_or_default().to_owned();
    first
        + &parts
            .map(|part| part.split_once('"').and_then(|(_, rest)| rest.split_once('"')).map_or("", |(_, rest)| rest))
            .collect::<String>()
}

impl Result {
    /// Of an end; none of what was tried again.
    fn time(&self, action: ActionId, time: u64) -> Option<u64> {
        (!self.tried_again.contains(&action)).then_some(time)
    }
}

/// One step of the run without a crash: the last frame behind it, and the clock at which its frames were made.
struct Played {
    last: Lsn,
    clock: u64,
}

struct Uncut {
    folder: tempfile::TempDir,
    steps: Vec<Step>,
    played: Vec<Played>,
    stores: Vec<(Lsn, tempfile::TempDir)>,
    last: Lsn,
    result: Result,
}

fn options(seed: u64, most: usize, workers: u64) -> RunOptions {
    let limits = Limits { workers, ..small_limits() };
    RunOptions { limits, batching: Batching::Seeded { seed, most }, ..RunOptions::default() }
}

/// A host that is opened again may have another number of workers: shards go where they are.
fn workers(crash: Lsn) -> u64 {
    [1, 2, 4][crash.0 as usize % 3]
}

fn uncut() -> Uncut {
    let folder = tempfile::tempdir().expect("a folder");
    let steps: Vec<Step> = Scenario::parse(FLOW).expect("a flow").steps.into_iter().map(|(_, step)| step).collect();
    let mut run = Run::open(folder.path(), modules(), options(7, 5, 1)).expect("a host");
    let (mut played, mut stores) = (Vec::new(), vec![(Lsn::ZERO, tempfile::tempdir().expect("a folder"))]);
    for step in &steps {
        let before = run.now();
        run.step(step).expect("a step");
        let log = run.host().expect("it is open").parts.log.clone();
        log.wait_committed(log.last()).expect("it becomes durable");
        // Ticks carry the times that pass; the frames of any other step are made at one time.
        let clock = if matches!(step, Step::Advance(_)) { before } else { run.now() };
        played.push(Played { last: log.last(), clock });
        if matches!(step, Step::Checkpoint) {
            let copy = tempfile::tempdir().expect("a folder");
            copy_folder(&folder.path().join("store"), copy.path()).expect("a copy");
            stores.push((highest(copy.path()), copy));
        }
    }
    let result = Result::of(&mut run);
    let last = played.last().expect("steps").last;
    run.close().expect("it closes");
    Uncut { folder, steps, played, stores, last, result }
}

#[test]
fn a_crash_behind_every_frame_decides_nothing_twice_and_nothing_otherwise() {
    let uncut = uncut();
    check_uncut(&uncut);
    for last in 0..=uncut.last.0 {
        let last = Lsn(last);
        let folder = tempfile::tempdir().expect("a folder");
        crashed(uncut.folder.path(), &uncut.stores, last, folder.path());
        // The step that the crash interrupted is played again, as a producer or an operator would.
        let interrupted = uncut.played.iter().position(|played| played.last > last).unwrap_or(uncut.steps.len());
        let clock = uncut.played.get(interrupted).or(uncut.played.last()).expect("steps").clock;
        let options = options(last.0, 1 + last.0 as usize % 9, workers(last));
        // How channels end is no state of the host's.
        let (before, behind) = uncut.steps.split_at(interrupted);
        let scripted = before.iter().rev().find_map(|step| match step {
            Step::Channel { end } => Some(*end),
            _ => None,
        });
        let options = RunOptions { log_ends: scripted.unwrap_or_default(), ..options };
        let mut run = Run::open_at(folder.path(), modules(), options, clock).expect("it opens again");
        for step in behind {
            run.step(step).expect("a step");
        }
        let result = Result::of(&mut run);
        assert_eq!(result.decisions, uncut.result.decisions, "decisions after a crash behind {last}");
        assert_eq!(result, uncut.result, "after a crash behind {last}");
    }
}

#[test]
fn one_two_and_four_workers_decide_the_same() {
    let played = |count| {
        let folder = tempfile::tempdir().expect("a folder");
        let mut run = Run::open(folder.path(), modules(), options(3, 4, count)).expect("a host");
        for (_, step) in Scenario::parse(FLOW).expect("a flow").steps {
            run.step(&step).expect("a step");
        }
        Result::of(&mut run)
    };
    let one = played(1);
    assert!(one.decisions.len() > 8, "the flow is too thin to prove anything");
    for count in [2, 4] {
        assert_eq!(played(count), one, "{count} workers");
    }
}

/// The run must hold what a crash could break.
fn check_uncut(uncut: &Uncut) {
    let all: Vec<&String> = uncut.result.decisions.values().flatten().collect();
    let parts = [
        "Held",
        "Release",
        "Arrival",
        "opted_out",
        "blocked",
        "Repeated",
        "Cancelled",
        "caps@1",
        "caps@2",
        "caps@3",
        "found@3",
    ];
    for part in parts.into_iter().chain(["attempted: true", "attempted: false"]) {
        assert!(all.iter().any(|line| line.contains(part)), "the flow holds no {part}: {all:#?}");
    }
    for end in ["Acknowledged", "Expired", "Failed"] {
        assert!(uncut.result.ends.values().any(|line| line.contains(end)), "{:#?}", uncut.result.ends);
    }
    assert!(uncut.result.tags.len() >= 3 && uncut.result.published.len() == 3, "{:?}", uncut.result);
    for status in ["delivered", "failed"] {
        assert!(uncut.result.settled.values().any(|line| line.starts_with(status)), "{:#?}", uncut.result.settled);
    }
    // What a crash could lose must be there at the end.
    let left = |what: &BTreeMap<String, String>, part: &str| what.values().any(|line| line.contains(part));
    assert!(left(&uncut.result.fatigue, r#""used":2"#), "{:#?}", uncut.result.fatigue);
    let shown: BTreeMap<String, String> =
        uncut.result.persons.iter().map(|(person, lines)| (person.clone(), lines.join("\n"))).collect();
    for part in ["held until", "attempted", "tag"] {
        assert!(left(&shown, part), "nobody has {part}: {shown:#?}");
    }
    assert!(!uncut.result.tried_again.is_empty(), "no delivery was tried again");
    assert_eq!(uncut.stores.len(), 3);
}
