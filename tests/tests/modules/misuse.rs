//! X-05: three failures, three fates. A misuse is a typed outcome of its own input, and of nothing else.

use fishpond::model::{End, OnError};
use fishpond::registry::Error;
use fishpond_tests::{Deploy, Setup, World, component};

/// One batch takes all that is there.
fn whole_batches() -> Setup {
    Setup::seed(1, 1 << 20)
}

fn calls(world: &World) -> u64 {
    world.host.parts.metrics.calls.with_label_values(&["scenario", "bad"]).get()
}

/// Two good inputs around one that does `what`, in one batch. Answers how the middle one ended, and the calls made.
fn between_good_ones(what: &str) -> (End, u64) {
    let (_folder, mut world) = World::temporary(&whole_batches());
    world.deploy(&Deploy::new("bad", "misbehave", "{}")).expect("it deploys");
    let middle = format!("10:00:01 do id=middle actor=ann {{\"do\": \"{what}\"}}");
    world.events(&[
        "10:00:00 do id=first actor=ann",
        &middle,
        "10:00:02 do id=last actor=ann",
        "10:00:03 do id=bo actor=bo",
    ]);
    world.rest();
    let handled = world.handled();
    let numbers = |index: usize| -> Vec<&str> {
        handled[index].record.outcome.matches.iter().map(|found| &*found.fields).collect()
    };
    assert_eq!(handled.len(), 4, "{what}");
    assert_eq!(numbers(0), [r#"{"n": 1}"#], "{what}");
    let counted = if handled[1].record.outcome.end == End::Done { r#"{"n": 3}"# } else { r#"{"n": 2}"# };
    assert_eq!((numbers(2), numbers(3)), (vec![counted], vec![r#"{"n": 1}"#]), "{what}");
    let middle = &handled[1].record.outcome;
    if middle.end != End::Done {
        assert!(middle.ops.is_empty() && middle.matches.is_empty(), "{what} left a trace: {middle:?}");
    }
    (middle.end.clone(), calls(&world))
}

/// The batch, what is before the bad input, that one alone, and what is behind it. If the module says nothing of it to the host
/// first, the one before it runs alone, to no avail, and so do the others then.
const AROUND_A_FAILURE: std::ops::RangeInclusive<u64> = 4..=5;

#[test]
fn x_05_a_trap_ends_its_own_input_alone() {
    let traps = [
        "trap",
        "trap_after_effects",
        "recurse",
        "grow",
        "at_beyond",
        "after_refuse",
        "bad_code",
        "host_code",
        "no_window",
        "reply",
        "verdict",
    ];
    for what in traps {
        let (end, calls) = between_good_ones(what);
        assert!(matches!(&end, End::Trapped { message } if !message.is_empty()), "{what}: {end:?}");
        assert!(AROUND_A_FAILURE.contains(&calls), "{what}: {calls}");
    }
}

#[test]
fn x_05_traps_say_what_was_misused() {
    for (what, word) in [
        ("at_beyond", "`at` 1000000 is out of range"),
        ("after_refuse", "after the input was refused"),
        ("bad_code", "no refusal code"),
        ("host_code", "the host's own"),
        ("verdict", "`verdicts` are for the export `filter`"),
    ] {
        let (end, _) = between_good_ones(what);
        assert!(end.message().contains(word), "{what}: {end:?}");
    }
}

#[test]
fn x_05_a_loop_ends_by_its_fuel() {
    let (end, calls) = between_good_ones("loop");
    assert!(matches!(end, End::OutOfFuel { .. }) && end.message().contains("fuel_per_input"), "{end:?}");
    assert!(AROUND_A_FAILURE.contains(&calls), "{calls}");
}

#[test]
fn x_05_a_broken_limit_or_schema_refuses_its_input_by_name() {
    let codes = [
        ("emit_unknown", "unknown_match"),
        ("break_schema", "match_schema"),
        ("emit_much", "matches_per_input"),
        ("big_state", "document_bytes"),
        ("long_name", "value_name_bytes"),
        ("undeclared", "undeclared_attribute"),
        ("unknown_timer", "unknown_timer"),
        ("long_context", "context_bytes"),
        ("publish", "not_permitted"),
        ("signal", "not_permitted"),
        ("hand_over_much", "host_call_bytes"),
        ("read_much", "host_work_per_input"),
    ];
    for (what, code) in codes {
        let (end, calls) = between_good_ones(what);
        assert!(
            matches!(&end, End::Refused { .. }) && end.code() == code && !end.message().is_empty(),
            "{what}: {end:?}"
        );
        match what {
            // It would come to the same alone.
            "big_state" => assert_eq!(calls, 3),
            _ => assert!(AROUND_A_FAILURE.contains(&calls), "{what}: {calls}"),
        }
    }
}

/// One event, then whatever it leads to. Answers key, way and end of each input.
fn signalled(what: &str) -> Vec<(String, bool, String)> {
    let (_folder, mut world) = World::temporary(&whole_batches());
    let configuration = r#"{"permissions": ["matches", "signals"]}"#;
    world.deploy(&Deploy::new("bad", "misbehave", configuration)).expect("it deploys");
    world.events(&[&format!("10:00:01 do id=e1 actor=ann {{\"do\": \"{what}\"}}")]);
    world.rest();
    let records = world.handled().into_iter().map(|handled| handled.record);
    let is_signal = |record: &fishpond::model::InputRecord| matches!(record.via, fishpond::model::Via::Signal { .. });
    records.map(|record| (record.key.to_string(), is_signal(&record), record.outcome.end.code().to_owned())).collect()
}

#[test]
fn x_05_a_signal_is_bounded_and_ends_as_an_event_does() {
    for (what, code) in [
        ("signal_much", "signals_per_input"),
        ("signal_large", "signal_bytes"),
        ("signal_nobody", "no_key"),
        ("unknown_signal", "unknown_signal"),
        ("signal_refused", "not_today"),
    ] {
        assert_eq!(signalled(what), [("ann".to_owned(), false, code.to_owned())], "{what}");
    }
    let [first, then] = &signalled("signal_trap")[..] else { panic!("two inputs") };
    assert_eq!((&*first.2, &*then.0, then.1, &*then.2), ("done", "bo", true, "trap"));
    let circle = signalled("signal_circle");
    let ends: Vec<&str> = circle.iter().map(|(_, _, end)| &**end).collect();
    assert_eq!((ends.len(), ends[16], ends[17]), (18, "done", "hops"));
}

#[test]
fn x_05_a_refusal_by_the_module_undoes_its_input_within_the_batch() {
    for (what, code) in [("refuse", "not_today"), ("fly", "bad_event")] {
        let (end, calls) = between_good_ones(what);
        assert_eq!((end.code(), calls), (code, 1), "{end:?}");
    }
}

/// Alone an input has none before it, and single runs are canonical.
#[test]
fn x_05_a_falling_at_ends_the_call_and_not_the_input() {
    let (end, calls) = between_good_ones("at_back");
    assert!(end == End::Done && AROUND_A_FAILURE.contains(&calls), "{end:?}, {calls}");
}

#[test]
fn x_05_what_was_not_granted_is_refused_by_name() {
    let (_folder, mut world) = World::temporary(&whole_batches());
    world
        .deploy(&Deploy { permissions: Some(Vec::new()), ..Deploy::new("bad", "misbehave", "{}") })
        .expect("it deploys");
    world.events(&["10:00:00 do id=e1 actor=ann"]);
    world.rest();
    let end = &world.handled()[0].record.outcome.end;
    assert_eq!(end.code(), "not_permitted");
    assert!(end.message().contains("matches"), "{end:?}");
    assert!(world.documents("ann").is_empty());
    let unknown = Deploy {
        permissions: Some(vec!["ledger".to_owned()]),
        on_error: OnError::Skip,
        ..Deploy::new("bad", "misbehave", "{}")
    };
    assert!(matches!(world.deploy(&unknown), Err(Error::Permission(name)) if name == "ledger"));
}

/// Nothing that a batch or an instance was through may be seen in what follows.
#[test]
fn x_05_not_a_number_has_the_same_bits_on_every_run() {
    const CANONICAL: u64 = 0x7ff8_0000_0000_0000;
    assert!(!component("misbehave").is_empty());
    for singly in [false, true] {
        let (_folder, mut world) = World::temporary(&Setup { singly, ..whole_batches() });
        world.deploy(&Deploy::new("bad", "misbehave", "{}")).expect("it deploys");
        world.events(&["10:00:00 do id=e1 actor=ann {\"do\": \"nan\"}"]);
        world.rest();
        let handled = world.handled();
        let fields: Vec<&str> = handled[0].record.outcome.matches.iter().map(|found| &*found.fields).collect();
        // Without the sign, and the signs: all of the canonical NaN.
        let bits = format!(r#"{{"n": {}}}"#, CANONICAL >> 1);
        assert_eq!(fields, [&*bits, &bits, r#"{"n": 0}"#, r#"{"n": 0}"#]);
    }
}

/// A batch with only such inputs gives all but the last what belongs to their neighbours.
#[test]
fn x_05_what_is_done_in_the_name_of_another_input_does_not_stay() {
    let (_folder, mut world) = World::temporary(&whole_batches());
    world.deploy(&Deploy::new("bad", "misbehave", "{}")).expect("it deploys");
    let lines: Vec<String> =
        ["ann", "bo", "cy"].map(|key| format!("10:00:00 do id={key} actor={key} {{\"do\": \"at_next\"}}")).into();
    world.events(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    world.rest();
    let handled = world.handled();
    assert_eq!(handled.len(), 3);
    for one in handled {
        let outcome = one.record.outcome;
        assert!(matches!(outcome.end, End::Trapped { .. }) && outcome.ops.is_empty(), "{outcome:?}");
    }
}
