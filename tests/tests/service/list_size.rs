//! S2-13a: a long list. As many entries as the test command has time for; `FISHPOND_LIST` makes it longer. Memory and time are
//! printed; docs/BENCHMARKS.md has those of ten million.

use std::time::Instant;

use fishpond_tests::component;
use fishpond_tests::service::Settings;
use serde_json::json;

use super::BUSINESS;
use super::telling::{decided, tell, telling};

const ENTRIES: u64 = 100_000;

/// In one request.
const BATCH: u64 = 500;

fn person(number: u64) -> String {
    format!("user-{number}")
}

fn block(number: u64) -> String {
    json!({ "specversion": "1.0", "id": number.to_string(), "source": "/list", "type": "list.block.add",
        "subject": person(number) })
    .to_string()
}

fn denied(look: &serde_json::Value) -> bool {
    look["status"] == "denied" && look["verdicts"].to_string().contains("blocked")
}

#[test]
fn s2_13a_a_long_list_is_obeyed_in_every_place_and_its_memory_and_time_are_told() {
    let entries = std::env::var("FISHPOND_LIST").map_or(ENTRIES, |text| text.parse().expect("a number"));
    let folder = tempfile::tempdir().expect("a folder");
    let mut service = telling(folder.path(), &Settings::default());
    let client = service.client();
    client.upload(BUSINESS, &component("lists"));
    client.deploy(BUSINESS, "names", "lists", &json!({})).ok();
    let chain = json!({ "entries": [{ "filter": "names", "on_error": "closed" }] });
    client.put(&format!("/v1/{BUSINESS}/chain"), &chain).ok();

    let (before, begun) = (service.resident_bytes(), Instant::now());
    for from in (0..entries).step_by(BATCH as usize) {
        let events: Vec<String> = (from..(from + BATCH).min(entries)).map(block).collect();
        let told = client.try_events(BUSINESS, &events).expect("an answer");
        assert_eq!(told.ok()["accepted"], events.len(), "{told:?}");
    }
    service.settle(BUSINESS);
    let (loaded, after) = (begun.elapsed(), service.resident_bytes());
    println!("{entries} entries loaded in {loaded:.1?}; the host has {} MiB, {} before", after >> 20, before >> 20);

    let samples: Vec<u64> = (0..20).map(|part| part * (entries - 1) / 19).collect();
    for (round, n) in [1, 2].into_iter().enumerate() {
        let client = service.client();
        for number in &samples {
            tell(&client, &person(*number), "offer", n);
        }
        tell(&client, "somebody", "offer", n);
        for number in &samples {
            let looks = decided(&mut service, &person(*number), round + 1);
            assert!(looks.iter().all(denied), "{looks:?}");
        }
        let free = decided(&mut service, "somebody", round + 1);
        assert!(free.iter().all(|look| look["status"] == "waiting"), "{free:?}");
        service.kill_and_restart();
    }
}
