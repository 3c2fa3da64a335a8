//! X-21: what is captured plays to the recorded outcome, wherever it is played.

use std::time::{Duration, Instant};

use fishpond::model::Limits;
use fishpond::model::ports::{Capture, CaptureError, CaptureRequest, CaptureWhat};
use fishpond::scenario::{Capturer, Checked, Run, RunOptions, Scenario, check, small_limits};
use fishpond_tests::modules;

/// A host that a scenario has left, and what captures from it.
fn played(text: &str, limits: Limits) -> (tempfile::TempDir, Run<'static>, Capturer) {
    let folder = tempfile::tempdir().expect("a folder");
    let options = RunOptions { limits: limits.clone(), ..RunOptions::default() };
    let mut run = Run::open(folder.path(), modules(), options).expect("a host");
    let scenario = Scenario::parse(text).expect("a scenario");
    scenario.steps.iter().for_each(|(line, step)| run.step(step).unwrap_or_else(|error| panic!("{line}: {error:#}")));
    let parts = &run.host().expect("it is open").parts;
    parts.log.wait_committed(parts.log.last()).expect("durable");
    let capturer = Capturer { log: parts.log.clone(), registry: parts.registry.clone(), limits: limits.into() };
    (folder, run, capturer)
}

/// `HH:MM:SS` of the scenario's day, milliseconds.
fn at(time: &str) -> u64 {
    let full = format!("2026-01-01T{time}Z");
    full.parse::<jiff::Timestamp>().expect("a time").as_millisecond() as u64
}

fn around(key: &str, from: &str, to: &str) -> CaptureRequest {
    CaptureRequest {
        business: "scenario".into(),
        key: Some(key.into()),
        deployment: None,
        what: CaptureWhat::Around { from: at(from), to: at(to) },
        deadline: Instant::now() + Duration::from_secs(60),
    }
}

/// Captures, and plays what came to the same lines; twice the same text.
fn captured(capturer: &Capturer, request: &CaptureRequest) -> String {
    let text = capturer.capture(request).unwrap_or_else(|error| panic!("{error}")).text;
    assert_eq!(capturer.capture(request).expect("again").text, text, "the same past makes the same text");
    assert_passes(&text);
    text
}

fn assert_passes(text: &str) {
    match plays(text) {
        Checked::Passed | Checked::Blessed => {}
        Checked::Differs(lines) => panic!("{text}\ndiffers:\n{}", lines.join("\n")),
    }
}

fn plays(text: &str) -> Checked {
    let scenario = Scenario::parse(text).unwrap_or_else(|error| panic!("{text}\n{error}"));
    check(&scenario, modules(), true).unwrap_or_else(|error| panic!("{text}\n{error:#}"))
}

fn expected(text: &str) -> Vec<&str> {
    let (_, lines) = text.split_once("---\n").expect("an expected part");
    lines.lines().collect()
}

#[test]
fn x_21_a_match_by_a_window_comes_with_the_window_as_it_was() {
    let text = "deploy risk = c2c-blacklist {}\nevent 10:00:00 blacklist id=e1 subject=carl actor=bea\n\
                event 10:00:20 blacklist id=x subject=dora actor=bea\n\
                event 10:00:30 blacklist id=e2 subject=carl actor=abe\nevent 10:05:00 blacklist id=e3 subject=carl actor=dan\n";
    let (_folder, _run, capturer) = played(text, small_limits());
    let text = captured(&capturer, &around("carl", "10:00:25", "10:00:40"));
    let match_line =
        r#"10:00:30.000 risk@1 match high_risk person=carl {"by":["abe","bea"]} events=[e1 e2] once=20454"#;
    assert_eq!(expected(&text), [match_line]);
    assert!(text.contains("document risk carl") && !text.contains("id=e1 ") && !text.contains("dora"), "{text}");
    // Without what was there before there is no match, and that is told.
    let without: String =
        text.lines().filter(|line| !line.starts_with("document")).map(|line| format!("{line}\n")).collect();
    assert_eq!(plays(&without), Checked::Differs(vec![format!("- {match_line}")]));
    assert_eq!(captured(&capturer, &around("user:carl", "10:00:25", "10:00:40")), text, "bare keys are found too");
}

#[test]
fn x_21_a_trapped_input_traps_again_and_a_mended_module_shows_the_difference() {
    let text = "deploy bad = misbehave {}\nevent 10:00:00 do id=a0 actor=ann {\"do\": \"count\"}\n\
                deploy bad = misbehave {\"do\": \"trap\"}\n\
                event 10:00:01 do id=a1 actor=ann source=other zone=x +id=\"two words\" {}\n\
                event - \"do\" id=n1 {\"do\": \"count\"}\n";
    let (_folder, mut run, capturer) = played(text, small_limits());
    let position = |id: &str| {
        let log = run.host().expect("open").parts.log.clone();
        let found = log.scan(fishpond::model::Lsn(1)).find_map(|item| match item.expect("a frame") {
            (lsn, fishpond::model::Frame::Input(event)) if *event.id == *id => Some(lsn),
            _ => None,
        });
        CaptureRequest {
            key: None,
            deployment: Some("bad".into()),
            what: CaptureWhat::Position(found.expect("the event")),
            ..around("", "10:00:00", "10:00:00")
        }
    };
    let mut position = position;
    let text = captured(&capturer, &position("a1"));
    assert_eq!(
        expected(&text),
        ["10:00:01.000 bad@1 failed trap event=a1 key=ann: wasm trap: wasm `unreachable` instruction executed"]
    );
    let mended = text.replace(r#"{"do": "trap"}"#, "{}");
    let Checked::Differs(lines) = plays(&mended) else { panic!("a mended module plays otherwise") };
    assert!(lines[1].starts_with(r#"+ 10:00:01.000 bad@1 match seen person=ann {"n": 2}"#), "{lines:?}");
    assert!(expected(&captured(&capturer, &position("n1")))[0].contains("refused no_key event=n1"));
}

#[test]
fn x_21_an_event_near_a_timer_comes_with_the_tick() {
    let text = "deploy found = herald {}\n\
                event 10:00:03 herald id=e4 actor=ann {\"do\": \"timer\", \"match\": \"news\", \"at\": 1767261664000}\n\
                event 10:00:50 herald id=e5 actor=bob {\"match\": \"offer\", \"n\": 1}\nadvance 2m\n\
                event 10:02:04 herald id=e6 actor=ann {\"do\": \"publish\"}\n";
    let (_folder, _run, capturer) = played(text, small_limits());
    let text = captured(&capturer, &around("ann", "10:01:00", "10:05:00"));
    assert!(text.contains("tick 10:01:04.000 watermark="), "{text}");
    let lines = expected(&text);
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(lines[0].starts_with("10:01:04.000 found@1 match news person=ann"), "{lines:?}");
    // What it published itself is found again, not sent.
    assert!(lines[2].contains("match again person=ann") && text.matches("\nevent ").count() == 1, "{text}");
}

#[test]
fn x_21_a_decision_comes_with_policies_chain_filters_and_the_person() {
    let text = r#"deploy found = herald {}
deploy share = gray {"percent": 100, "salt": "s"}
deploy caps = fatigue {"caps": [{"name": "day", "at_most": 2, "window": {"rolling_s": 86400}}]}
policy other {"match": "news", "message": {"class": "marketing", "channel": "app", "content": {"a": 1}}}
policy tell {"match": "offer", "message": {"class": "marketing", "channel": "app", "content": {"a": 0}}}
policy tell {"match": "offer", "message": {"class": "marketing", "channel": "app", "content": {"a": 1}}}
policy note {"match": "offer", "tag": {"name": "seen", "value": "yes"}}
chain share
chain share caps
event 10:00:00 herald id=e1 actor=ann {"match": "offer", "n": 1}
event 10:00:10 herald id=e2 actor=ann {"match": "offer", "n": 2}
connect ann
event 10:00:20 herald id=e3 actor=ann {"match": "news", "n": 3}
ack ann #1
event 10:01:00 herald id=e4 actor=ann {"match": "offer", "n": 4}
"#;
    let (_folder, mut run, capturer) = played(text, small_limits());
    let seen: Vec<String> = std::mem::take(&mut run.output);
    let decisions = |from: &str| -> Vec<String> {
        let is = |line: &&String| line.contains(" decision ") && line.as_str() >= from;
        seen.iter().filter(is).cloned().collect()
    };
    assert_eq!(decisions("").len(), 6, "{seen:#?}");
    let first = captured(&capturer, &around("ann", "09:59:00", "10:00:05"));
    assert!(!first.contains("\ndocument"), "{first}");
    let second = captured(&capturer, &around("ann", "10:00:05", "10:00:12"));
    assert!(second.contains("document caps ann") && second.contains("document ~person ann"), "{second}");
    let last = captured(&capturer, &around("ann", "10:00:30", "10:02:00"));
    let shown: Vec<&str> = expected(&last).into_iter().filter(|line| line.contains(" decision ")).collect();
    assert_eq!(shown, decisions("10:00:30"), "{last}");
    assert!(shown[0].contains("rev=2") && shown[0].contains("business@2"), "{shown:?}");
    // Everything at once, with the arrival and the acknowledgement.
    let all = captured(&capturer, &around("ann", "09:00:00", "11:00:00"));
    let shown = expected(&all).into_iter().filter(|line| line.contains(" decision "));
    assert_eq!(shown.count(), 6, "{all}");
    // With another chain the difference is told.
    let Checked::Differs(lines) = plays(&last.replace(r#""at_most": 2"#, r#""at_most": 200"#)) else {
        panic!("another cap decides otherwise")
    };
    assert!(lines.iter().any(|line| line.starts_with("+ ")), "{lines:?}");
}

#[test]
fn x_21_a_resent_input_is_captured_with_its_replay() {
    let text = "deploy bad = misbehave {\"do\": \"trap\"}\nevent 10:00:00 do id=a0 actor=ann {}\n\
                event 10:00:05 do id=a1 actor=ann {\"do\": \"count\"}\ndeploy bad = misbehave {}\n\
                resend bad event=a0\nevent 10:00:10 do id=a2 actor=ann {\"do\": \"count\"}\n";
    let (_folder, _run, capturer) = played(text, small_limits());
    let all = captured(&capturer, &around("ann", "09:59:00", "10:01:00"));
    assert!(all.contains("resend bad event=a0\n") && all.contains("bad@2 replay event=a0 key=ann"), "{all}");
}

#[test]
fn x_21_what_was_never_recorded_or_is_no_longer_kept_is_said() {
    let limits = Limits { journal_segment_bytes: 5 << 20, ..small_limits() };
    let text = "deploy bad = misbehave {}\nevent 10:00:00 do id=a0 actor=ann {\"do\": \"trap\"}\n";
    let data = format!("{{\"do\": \"count\", \"x\": \"{}\"}}", "x".repeat(60_000));
    let many: String = (0..200)
        .map(|n| format!("event 10:0{}:{:02} do id=m{n} actor=user:{n} {data}\n", 1 + n / 60, n % 60))
        .collect::<Vec<_>>()
        .concat();
    let (_folder, mut run, capturer) = played(&format!("{text}{many}"), limits);
    let request = around("ann", "09:59:00", "10:00:30");
    assert_eq!(expected(&captured(&capturer, &request)).len(), 1);
    let nobody = capturer.capture(&around("nobody", "09:59:00", "10:00:30")).expect_err("nothing");
    assert!(matches!(nobody, CaptureError::Nothing { .. }), "{nobody}");
    let log = run.host().expect("open").parts.log.clone();
    log.release(log.last()).expect("released");
    assert!(log.first().0 > 5, "the test needs a segment that has left: {}", log.first());
    let gone = capturer.capture(&request).expect_err("it is gone");
    let first = log.first();
    assert!(matches!(gone, CaptureError::BeyondRetention { first: named, .. } if named == first), "{gone}");
    assert!(gone.to_string().contains("2026-01-01T10:0"), "{gone}");
}
