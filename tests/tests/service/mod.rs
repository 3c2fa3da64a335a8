//! The service as it is run: the real program in a process of its own, over HTTP, killed and ended.

mod backfill;
mod backup;
mod bench;
mod bounds;
mod clients;
mod commands;
mod delivery;
mod duplicate;
mod failed;
mod failing_sync;
mod foreign;
mod full_disk;
mod full_load;
mod identity;
mod idle;
mod kill;
mod life;
mod list_size;
mod older;
mod revisions;
mod swap;
mod telling;

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fishpond::model::Frame;
use fishpond_tests::component;
use fishpond_tests::service::{Act, Client, Found, Model, Record, Rule, Service, Settings};
use serde_json::{Value, json};

const BUSINESS: &str = "demo";

/// Segments roll and checkpoints end many times within a few megabytes.
fn small() -> Settings {
    Settings { limits: vec![("journal_segment_bytes", 5 << 20), ("checkpoint_bytes", 1 << 20)], ..Settings::default() }
}

/// Milliseconds, some days ago: the crowd's time goes faster than ours and must not overtake it.
fn some_days_ago() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock behind 1970");
    (now - Duration::from_secs(6 * 86_400)).as_millis() as u64
}

/// The same module under another version: other bytes, another digest, the same code.
fn other_version(name: &str) -> Vec<u8> {
    component(&format!("{name}@0.1.1"))
}

/// A revision as an operator writes it, and as the model runs it.
fn activate(client: &Client, rule: &Rule, module: &str, digest: Option<&str>) -> (Rule, Value) {
    let members = if rule.deployment == "risk" { "different_users" } else { "different_houses" };
    let seconds = |ms: u64| ms / 1_000;
    let configuration =
        json!({ "window_s": seconds(rule.window_ms), members: rule.needed, "cooldown_s": seconds(rule.cooldown_ms) });
    let view = client.deploy(BUSINESS, rule.deployment, digest.unwrap_or(module), &configuration).ok();
    let digest = view["module"]["digest"].as_str().expect("a digest").to_owned();
    (Rule { revision: view["revision"].as_u64().expect("a revision"), digest, ..rule.clone() }, view)
}

/// Uploads and deploys both shipped modules; answers what they must find.
fn deploy_both(client: &Client) -> Model {
    let rule = |deployment, window_ms, needed, cooldown_ms| Rule {
        deployment,
        revision: 0,
        digest: String::new(),
        window_ms,
        needed,
        cooldown_ms,
    };
    let rules =
        [(rule("risk", 60_000, 3, 120_000), "c2c-blacklist"), (rule("rental", 1_800_000, 4, 600_000), "rental-browse")];
    let [risk, rental] = rules.map(|(rule, module)| {
        client.upload(BUSINESS, &component(module));
        activate(client, &rule, module, None).0
    });
    Model::new(risk, rental)
}

fn matches(client: &Client) -> Vec<Found> {
    client.pages(&format!("/v1/{BUSINESS}/matches"), "matches").iter().map(Found::told).collect()
}

fn refused(client: &Client) -> Vec<String> {
    let failed = client.pages(&format!("/v1/{BUSINESS}/failed-events"), "failed");
    failed.iter().map(|one| one["event"]["id"].as_str().expect("an event").to_owned()).collect()
}

/// Every match, every refusal and every window is the model's: none is missing, none is twice.
fn check_found(client: &Client, model: &Model) {
    let count = |all: Vec<Found>| {
        all.into_iter().fold(BTreeMap::new(), |mut counts: BTreeMap<Found, u32>, one| {
            *counts.entry(one).or_default() += 1;
            counts
        })
    };
    let (told, expected) = (count(matches(client)), count(model.found.clone()));
    let twice: Vec<_> = told.iter().filter(|(_, times)| **times > 1).collect();
    assert!(twice.is_empty(), "more than once: {twice:?}");
    let lost: Vec<_> = expected.keys().filter(|one| !told.contains_key(one)).take(3).collect();
    let invented: Vec<_> = told.keys().filter(|one| !expected.contains_key(one)).take(3).collect();
    assert!(lost.is_empty() && invented.is_empty(), "lost: {lost:#?}\ninvented: {invented:#?}");
    let (mut told, mut expected) = (refused(client), model.refused.clone());
    told.sort();
    expected.sort();
    assert_eq!(told, expected, "refused events");
    for (person, members) in model.windows() {
        let answer = client.get(&format!("/v1/{BUSINESS}/deployments/risk/queries/window?key={person}")).ok();
        assert_eq!(answer["body"]["by"], json!(members), "the window of {person}: {answer}");
    }
}

/// The journal holds exactly what was sent, in order, once, as it was sent.
fn check_journal(folder: &std::path::Path, settings: &Settings, record: &Record) {
    let events = Service::frames(folder, settings).into_iter().filter_map(|(_, frame)| match frame {
        Frame::Input(event) => Some(event),
        _ => None,
    });
    let kept: Vec<_> = events.collect();
    for (kept, act) in kept.iter().zip(&record.acts) {
        let Act { id, kind, subject, actor, time, .. } = act;
        let kept = (&*kept.id, &*kept.kind, &*kept.subject, &*kept.actor, kept.time, kept.time_replaced);
        assert_eq!(kept, (&**id, *kind, &**subject, &**actor, *time, false));
    }
    assert_eq!(kept.len(), record.acts.len(), "events in the journal, and events that were acknowledged");
}
