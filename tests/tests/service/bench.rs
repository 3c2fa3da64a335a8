//! `fishpond bench`, small: figures of a debug build are worth nothing, but they are all there.

use fishpond_tests::service::program;
use serde_json::Value;

/// The parts that a bench measures, by their JSON.
fn measured(arguments: &[&str]) -> Vec<Value> {
    let output = program().args(arguments).arg("--json").output().expect("the program runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("text");
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
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
