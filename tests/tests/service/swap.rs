//! X-01 through the public interface: revisions go live while events flow.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use fishpond_tests::service::{Client, Crowd, Found, Pace, Producer, Rule, Service};
use serde_json::json;

use super::{
    BUSINESS, activate, check_found, check_journal, deploy_both, matches, other_version, small, some_days_ago,
};

const SEED: u64 = 1;
const USERS: u64 = 150;

/// About a thousand events a second: at most 100, 50 on average, each 50 ms.
const PACE: Pace = Pace { batch: 100, every: Duration::from_millis(50) };

/// Until a match of the new revision can be read.
const VISIBLE: Duration = Duration::from_secs(5);

#[test]
fn x_01_ten_activations_under_flow_over_http() {
    let (folder, settings) = (tempfile::tempdir().expect("a folder"), small());
    let mut service = Service::start(folder.path(), &settings);
    let client = service.client();
    let mut model = deploy_both(&client);
    let first = model.risk.digest.clone();
    let second = client.upload(BUSINESS, &other_version("c2c-blacklist"));
    let digests = [first, second["digest"].as_str().expect("a digest").to_owned()];
    assert_ne!(digests[0], digests[1]);
    let begun = Instant::now();
    let producer = Producer::start(client.clone(), BUSINESS, SEED, Crowd::new(SEED, USERS, some_days_ago()), PACE);
    // Revisions of `risk` by the positions from which they hold.
    let mut revisions: BTreeMap<u64, Rule> = BTreeMap::from([(0, model.risk.clone())]);
    for number in 1..=10 {
        producer.wait_for(4);
        // Now and then the worker is behind: what came before the activation still belongs to the revision before it.
        let behind = number % 3 == 2;
        if behind {
            stop_or_go(&client, "pause");
            producer.wait_for(4);
        }
        // Windows between one and two lengths of the shortest: what one revision forgets, no other may need.
        let rule =
            Rule { window_ms: [45_000, 60_000, 80_000][number % 3], needed: 2 + number % 2, ..model.risk.clone() };
        let asked = Instant::now();
        let (rule, view) = activate(&client, &rule, "c2c-blacklist", Some(&digests[number % 2]));
        assert_eq!((rule.revision, &rule.digest), (number as u64 + 1, &digests[number % 2]));
        if behind {
            producer.wait_for(1);
            stop_or_go(&client, "resume");
        }
        let revision = rule.revision;
        revisions.insert(view["activated_at_lsn"].as_u64().expect("a position"), rule);
        let is_new = |found: &Found| found.deployment == "risk" && found.revision == revision;
        service.wait_until("a match of the new revision", |client| matches(client).iter().any(is_new));
        let visible = asked.elapsed();
        assert!(visible < VISIBLE, "revision {revision} was visible after {visible:?}");
        refused_revision(&client, revision);
    }
    let record = producer.finish();
    let flowed = begun.elapsed().as_secs_f64();
    assert_eq!((record.resent, record.known), (0, 0), "nobody had to wait or ask twice");
    service.settle(BUSINESS);
    let mut seen = 0;
    for (last, position) in &record.positions {
        // A batch has its positions in one piece, and its highest is told.
        let (_, rule) = revisions.range(..position).next_back().expect("the first holds from the beginning");
        model.risk = rule.clone();
        record.acts[seen..=*last].iter().for_each(|act| model.see(act));
        seen = last + 1;
    }
    check_found(&client, &model);
    let of =
        |revision| model.found.iter().filter(|found| found.deployment == "risk" && found.revision == revision).count();
    let of_each: Vec<usize> = revisions.values().map(|rule| of(rule.revision)).collect();
    println!("{} events in {flowed:.1} s; matches of each revision: {of_each:?}", record.acts.len());
    assert!(of_each.len() == 11 && of_each.iter().all(|count| *count > 0), "{of_each:?}");
    assert_eq!(service.terminate().code, Some(0));
    check_journal(folder.path(), &settings, &record);
}

fn stop_or_go(client: &Client, what: &str) {
    client.post(&format!("/v1/{BUSINESS}/deployments/risk/{what}"), "application/json", b"{}").ok();
}

/// A configuration that the module refuses changes nothing, and says where it is wrong.
fn refused_revision(client: &Client, running: u64) {
    let told = client.deploy(BUSINESS, "risk", "c2c-blacklist", &json!({ "window_s": 0, "cooldown_s": 99_999_999 }));
    let problem = told.json();
    assert_eq!((told.status, &problem["code"]), (422, &json!("configuration_refused")), "{told:?}");
    let places: Vec<_> =
        problem["diagnostics"].as_array().expect("diagnostics").iter().map(|one| &one["place"]).collect();
    assert_eq!(places[..2], ["/window_s", "/cooldown_s"]);
    assert_eq!(problem["diagnostics"][0]["hint"], "choose a value from 1 to 2678400");
    let view = client.get(&format!("/v1/{BUSINESS}/deployments/risk")).ok();
    assert_eq!((&view["revision"], &view["state"]), (&json!(running), &json!("active")));
}
