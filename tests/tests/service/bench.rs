//! `fishpond bench`, small: figures of a debug build are worth nothing, but they are all there.

use fishpond_tests::house;
use fishpond_tests::service::program;
use serde_json::Value;

/// The parts that a bench measures, by their JSON.
fn measured(arguments: &[&str]) -> Vec<Value> {
    let output = program().args(arguments).arg("--json").output().expect("the program runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("text");
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

/// Folder of the built modules.
fn components() -> String {
    fishpond_build::components_dir(&house::root()).display().to_string()
}

fn is_positive(line: &Value, name: &str) -> bool {
    line[name].as_f64().is_some_and(|value| value > 0.0)
}

#[test]
fn a_bench_over_http_tells_batches_and_single_events() {
    let lines = measured(&["bench", "http", "--events", "2000", "--batch", "100", "--singles", "100", "--keys", "50"]);
    let sent: Vec<&Value> = lines.iter().filter(|line| is_positive(line, "events_per_second_acknowledged")).collect();
    assert_eq!(sent.len(), 2, "{lines:?}");
    for line in sent {
        for name in ["events_per_second_handled", "request_p99_ms", "host_peak_memory_mib"] {
            assert!(is_positive(line, name), "{name} of {line}");
        }
    }
}

/// With more streams than a host has by default.
#[test]
fn a_bench_of_outreach_tells_decisions_and_frames() {
    let components = components();
    let small = ["--events", "3000", "--persons", "700", "--streams", "600", "--components", &components];
    let lines = measured(&[&["bench", "outreach"], &small[..]].concat());
    let [_, line] = &lines[..] else { panic!("{lines:?}") };
    for name in ["decisions_per_second_durable", "paced_of_what_was_asked", "deliveries"] {
        assert!(is_positive(line, name), "{name} of {line}");
    }
    let [decided, frame] = ["paced_due_to_decided_p50_ms", "paced_due_to_frame_p50_ms"].map(|name| line[name].as_f64());
    assert!(decided > Some(0.0) && frame > Some(0.0), "{line}");
}

#[test]
fn a_bench_of_lists_fills_one() {
    let components = components();
    let small =
        ["--rule", "lists", "--events", "2000", "--keys", "2000", "--spread", "turns", "--components", &components];
    let lines = measured(&[&["bench"], &small[..]].concat());
    let [_, line] = &lines[..] else { panic!("{lines:?}") };
    for name in ["events_per_second_durable", "peak_memory_mib", "recovery_seconds", "store_mib"] {
        assert!(is_positive(line, name), "{name} of {line}");
    }
}
