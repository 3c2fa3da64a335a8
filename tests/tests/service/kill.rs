//! a host that is killed under load, again and again, applies every accepted event once.

use std::time::Duration;

use fastrand::Rng;
use fishpond_tests::checker::{checked, exported_by_program};
use fishpond_tests::service::{Crowd, Pace, Producer, Service, Settings};

use super::{BUSINESS, check_found, check_journal, deploy_both, some_days_ago};

/// Two workers, and checkpoints so often that most kills fall into one or soon behind it.
fn settings() -> Settings {
    Settings {
        limits: vec![
            ("workers", 2),
            ("journal_segment_bytes", 5 << 20),
            ("checkpoint_bytes", 256 << 10),
            ("skew_past_ms", 100 * DAY_MS),
        ],
        ..Settings::default()
    }
}

/// The crowd's time goes faster than ours: it may live through hundreds of kills before it overtakes it.
fn months_ago() -> u64 {
    some_days_ago() - 90 * DAY_MS
}

/// How often the host is killed; the environment variable of this name asks for more.
const KILLS: (&str, usize) = ("FISHPOND_KILLS", 20);
const SEED: u64 = 11;
const DAY_MS: u64 = 86_400_000;
const USERS: u64 = 300;

fn kills() -> usize {
    let (name, default) = KILLS;
    std::env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

#[test]
fn x_11_kills_under_load_lose_nothing_and_double_nothing() {
    let (folder, settings, mut rng) = (tempfile::tempdir().expect("a folder"), settings(), Rng::with_seed(SEED));
    let mut service = Service::start(folder.path(), &settings);
    let mut model = deploy_both(&service.client());
    let pace = Pace { batch: 150, every: Duration::ZERO };
    let crowd = Crowd::new(SEED, USERS, months_ago());
    let producer = Producer::start(service.client(), BUSINESS, SEED, crowd, pace);
    let kills = kills();
    for _ in 0..kills {
        producer.wait_for(rng.usize(1..14));
        // So that it falls on different places of the next batch's way.
        for _ in 0..rng.usize(..8) {
            service.client().get("/healthz");
        }
        service.kill_and_restart();
        producer.moved(service.client());
    }
    let record = producer.finish();
    service.settle(BUSINESS);
    record.acts.iter().for_each(|act| model.see(act));
    check_found(&service.client(), &model);
    let (checkpoints, opened) = (service.said("checkpoint complete").len(), service.said("opened"));
    let ended = service.terminate();
    assert_eq!(ended.code, Some(0), "{}", ended.text());
    check_journal(folder.path(), &settings, &record);
    // Nor does a program that knows none of our types find anything wrong.
    checked(&exported_by_program(folder.path()), &["--settled"]).unwrap_or_else(|broken| panic!("{broken}"));

    // The run must hold what kills could break.
    let segments = std::fs::read_dir(folder.path().join("journal")).expect("a journal").count();
    let redone = opened.iter().filter(|opened| opened["redone"].as_u64() > Some(0)).count();
    let seen = format!(
        "{kills} kills: {} events, {} matches ({} on the edge, {} just behind), {} refused, {} requests sent again, {} events \
         durable without an answer, {checkpoints} checkpoints, {redone} restarts that had to redo, {segments} files",
        record.acts.len(),
        model.found.len(),
        model.on_the_edge,
        model.behind_the_edge,
        model.refused.len(),
        record.resent,
        record.known
    );
    println!("{seen}");
    assert_eq!(opened.len(), kills + 1, "{seen}");
    assert!(model.found.len() > 20 * kills && model.on_the_edge >= 5 && model.behind_the_edge >= 5, "{seen}");
    assert!(record.resent as usize > kills / 2 && record.known > 0 && model.refused.len() > kills, "{seen}");
    assert!(checkpoints >= kills && redone >= kills / 2 && segments >= 3, "{seen}");
}
