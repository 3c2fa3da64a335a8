//! The life of a service: what refuses a start, how it ends, what it shows of itself.

use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use fishpond_tests::service::{Crowd, Ended, Pace, Producer, Service, Settings};
use serde_json::json;

use super::{BUSINESS, check_found, check_journal, deploy_both, small, some_days_ago};

fn refused(folder: &Path, settings: &Settings, listen: &str) -> Ended {
    match Service::try_start(folder, settings, listen) {
        Ok(service) => panic!("it was started on {}", service.address()),
        Err(ended) => {
            assert_eq!(ended.code, Some(1), "{ended:?}");
            ended
        }
    }
}

#[test]
fn x_10_a_taken_port_is_said_before_anything_is_touched() {
    let folder = tempfile::tempdir().expect("a folder");
    let other = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = other.local_addr().expect("an address").to_string();
    let data = folder.path().join("data");
    let ended = refused(&data, &Settings::default(), &address);
    assert!(
        ended.text().contains(&format!("cannot listen on {address}")) && ended.text().contains("--listen"),
        "{ended:?}"
    );
    assert!(!data.exists(), "a host that cannot listen has made its folder");
}

#[test]
fn x_10_a_folder_in_use_is_said_and_its_host_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = Service::start(folder.path(), &Settings::default());
    let ended = refused(folder.path(), &Settings::default(), "127.0.0.1:0");
    let text = ended.text();
    assert!(text.contains(&folder.path().display().to_string()) && text.contains("in use by another"), "{text}");
    assert_eq!(first.client().get("/readyz").status, 200);
    assert_eq!(first.terminate().code, Some(0));
}

#[test]
fn x_10_a_wrong_setting_is_named_before_a_port_is_opened() {
    // A port that is taken: a host that came that far would complain about it instead.
    let other = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = other.local_addr().expect("an address").to_string();
    let wrong = [
        ("no_such_key = 1", "no_such_key"),
        ("[limits]\nevent_byte = 5", "limits.event_byte"),
        ("[limits]\nevent_bytes = \"many\"", "limits.event_bytes"),
        ("[limits]\nevent_bytes = 0", "limits.event_bytes"),
        ("[limits]\njournal_segment_bytes = 8192", "limits.journal_segment_bytes"),
        ("log = \"fishpond=loud\"", "log"),
        ("listen = ", "fishpond.toml"),
    ];
    for (settings, key) in wrong {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("fishpond.toml"), settings).expect("a file");
        let ended = refused(folder.path(), &Settings::default(), &address);
        let text = ended.text();
        assert!(
            text.contains(key) && text.contains("fishpond.toml") && !text.contains("cannot listen"),
            "{settings}: {text}"
        );
        assert!(
            !folder.path().join("token").exists() && !folder.path().join("journal").exists(),
            "{settings}: it began"
        );
    }
}

#[test]
fn x_10_a_wrong_variable_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let environment = vec![("FISHPOND_LIMITS_EVENT_BYTE", "5".to_owned())];
    let ended = refused(folder.path(), &Settings { environment, ..Settings::default() }, "127.0.0.1:0");
    let text = ended.text();
    assert!(
        text.contains("FISHPOND_LIMITS_EVENT_BYTE") && text.contains("did you mean `FISHPOND_LIMITS_EVENT_BYTES`"),
        "{text}"
    );
}

#[test]
fn x_10_sigterm_under_load_ends_with_0_and_everything_acknowledged_is_there() {
    let (folder, settings) = (tempfile::tempdir().expect("a folder"), small());
    let service = Service::start(folder.path(), &settings);
    let mut model = deploy_both(&service.client());
    let pace = Pace { batch: 150, every: Duration::ZERO };
    let producer = Producer::start(service.client(), BUSINESS, 10, Crowd::new(10, 200, some_days_ago()), pace);
    producer.wait_for(40);
    let begun = std::time::Instant::now();
    let ended = service.terminate();
    let lasted = begun.elapsed();
    assert_eq!(ended.code, Some(0), "{}", ended.text());
    assert!(lasted < Duration::from_secs(30), "{lasted:?}");
    // What the next host finds is complete: nothing is cut, nothing is left to be handled.
    let mut service = Service::start(folder.path(), &settings);
    let opened = service.said("opened");
    assert_eq!((&opened[0]["redone"], &opened[0]["cut"]), (&json!(0), &json!("None")), "{opened:?}");
    producer.moved(service.client());
    producer.wait_for(2);
    let record = producer.finish();
    service.settle(BUSINESS);
    record.acts.iter().for_each(|act| model.see(act));
    check_found(&service.client(), &model);
    assert_eq!(service.terminate().code, Some(0));
    check_journal(folder.path(), &settings, &record);
    assert!(model.found.len() > 20, "{} matches", model.found.len());
}

#[test]
fn x_10_an_interrupt_ends_it_too_and_a_restart_redoes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut service = Service::start(folder.path(), &Settings::default());
    let client = service.client();
    deploy_both(&client);
    let events: Vec<String> = Crowd::new(3, 50, some_days_ago()).take(500).map(|act| act.json()).collect();
    assert_eq!(client.try_events(BUSINESS, &events).expect("an answer").status, 202);
    service.settle(BUSINESS);
    let ended = service.end("INT");
    assert_eq!(ended.code, Some(0), "{}", ended.text());
    let mut service = Service::start(folder.path(), &Settings::default());
    let opened = service.said("opened");
    assert_eq!((&opened[0]["redone"], &opened[0]["cut"]), (&json!(0), &json!("None")), "{opened:?}");
    assert_eq!(service.terminate().code, Some(0));
}

#[test]
fn health_and_metrics_tell_what_happens() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut service = Service::start(folder.path(), &Settings::default());
    let client = service.client();
    deploy_both(&client);
    for (path, text) in [("/healthz", "ok\n"), ("/readyz", "ready\n")] {
        let told = client.get(path);
        assert_eq!((told.status, &*told.text), (200, text));
    }
    let moving = [
        "fishpond_events_total",
        "fishpond_inputs_total",
        "fishpond_matches_total",
        "fishpond_guest_calls_total",
        "fishpond_guest_fuel_total",
        "fishpond_guest_microseconds_total",
        "fishpond_dedup_ids",
        "fishpond_documents",
        "fishpond_document_bytes",
        "fishpond_journal_last_position",
        "fishpond_journal_durable_position",
        "fishpond_journal_syncs",
        "fishpond_http_request_seconds_count",
    ];
    let before: Vec<f64> = moving.iter().map(|name| client.metric(name)).collect();
    let acts: Vec<_> = Crowd::new(3, 50, some_days_ago()).take(1_000).collect();
    let events: Vec<String> = acts.iter().map(|act| act.json()).collect();
    for _ in 0..2 {
        assert_eq!(client.try_events(BUSINESS, &events).expect("an answer").status, 202);
    }
    service.settle(BUSINESS);
    for (name, before) in moving.iter().zip(before) {
        assert!(client.metric(name) > before, "{name} was {before} and is {}", client.metric(name));
    }
    let text = client.get("/metrics").text;
    let bad = acts.iter().filter(|act| act.kind == "blacklist" && act.actor.is_empty()).count();
    let known = [
        r#"fishpond_events_total{business="demo",result="accepted"} 1000"#.to_owned(),
        r#"fishpond_events_total{business="demo",result="duplicate"} 1000"#.to_owned(),
        r#"fishpond_lag_events{business="demo",deployment="risk"} 0"#.to_owned(),
        r#"fishpond_paused_shards{business="demo",deployment="rental"} 0"#.to_owned(),
        format!(r#"fishpond_inputs_total{{business="demo",deployment="risk",end="bad_event"}} {bad}"#),
    ];
    for line in known {
        assert!(text.lines().any(|found| *found == *line), "{line} in {text}");
    }
    for name in [
        "fishpond_journal_queue_bytes",
        "fishpond_journal_commit_microseconds",
        "fishpond_dirty_documents",
        "fishpond_dedup_horizon_seconds",
        "fishpond_undeduplicated_events_total",
    ] {
        assert!(text.contains(&format!("# TYPE {name} ")), "{name}");
    }
    assert_eq!(service.terminate().code, Some(0));
}
