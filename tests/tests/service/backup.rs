//! `fishpond backup` of a host under load, `fishpond restore`, `fishpond doctor`: the commands as an operator runs them.

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use fishpond::model::Frame;
use fishpond_tests::service::{Crowd, Pace, Producer, Service, program};
use serde_json::Value;

use super::{BUSINESS, check_found, check_journal, deploy_both, small, some_days_ago};

fn run(command: &mut Command) -> Output {
    command.output().expect("the program runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn backup(service: &Service, to: &Path) -> Output {
    let url = format!("http://{}", service.address());
    run(program().args(["backup", "--json", "--url", &url, "--token", &service.token(), "--to"]).arg(to))
}

#[test]
fn x_31_a_backup_under_load_is_restored_elsewhere_as_it_was_at_its_position() {
    let (folder, settings) = (tempfile::tempdir().expect("a folder"), small());
    let mut service = Service::start(folder.path(), &settings);
    let mut model = deploy_both(&service.client());
    let pace = Pace { batch: 150, every: Duration::ZERO };
    let producer = Producer::start(service.client(), BUSINESS, 31, Crowd::new(31, 200, some_days_ago()), pace);
    producer.wait_for(30);
    service.heard("checkpoint complete", 1);
    let elsewhere = tempfile::tempdir().expect("a folder");
    let file = elsewhere.path().join("under-load.backup");
    let made = backup(&service, &file);
    assert!(made.status.success(), "{}", text(&made.stderr));
    let manifest: Value = serde_json::from_slice(&made.stdout).expect("a manifest");
    producer.wait_for(10);
    let record = producer.finish();
    service.settle(BUSINESS);
    assert_eq!(service.terminate().code, Some(0));

    let again = run(program().args(["restore", "--verify"]).arg(&file));
    assert!(again.status.success() && text(&again.stdout).contains("is whole"), "{again:?}");
    let restored = elsewhere.path().join("restored");
    let done = run(program().args(["restore", "--to"]).arg(&restored).arg(&file));
    assert!(done.status.success(), "{}", text(&done.stderr));
    let found = run(program().args(["doctor", "verify"]).arg(&restored));
    assert!(found.status.success() && text(&found.stdout).contains("nothing is damaged"), "{found:?}");

    // The restored journal is the original's up to its position, frame by frame.
    let last = manifest["last"].as_u64().expect("a position");
    let (original, copy) = (Service::frames(folder.path(), &settings), Service::frames(&restored, &settings));
    let upto: Vec<_> = original.into_iter().filter(|(lsn, _)| lsn.0 <= last).collect();
    assert!(upto == copy, "{} frames, not {}", copy.len(), upto.len());
    let inputs = copy.iter().filter(|(_, frame)| matches!(frame, Frame::Input(_))).count();
    assert!(inputs > 2_000 && inputs < record.acts.len(), "{inputs} of {}", record.acts.len());
    // And a host on it has found what was to be found in that, once.
    let mut service = Service::start(&restored, &settings);
    service.settle(BUSINESS);
    record.acts[..inputs].iter().for_each(|act| model.see(act));
    check_found(&service.client(), &model);
    assert!(model.found.len() > 20, "{} matches", model.found.len());
    // It goes on: the rest is sent to it, and the last of what it has once more.
    for part in record.acts[inputs - 100..].chunks(500) {
        let events: Vec<String> = part.iter().map(|act| act.json()).collect();
        assert_eq!(service.client().try_events(BUSINESS, &events).expect("an answer").status, 202);
    }
    service.settle(BUSINESS);
    record.acts[inputs..].iter().for_each(|act| model.see(act));
    check_found(&service.client(), &model);
    assert_eq!(service.terminate().code, Some(0));
    check_journal(&restored, &settings, &record);
}

#[test]
fn x_31_the_commands_refuse_what_they_must_not_touch() {
    let (folder, elsewhere) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let service = Service::start(folder.path(), &small());
    let file = elsewhere.path().join("one.backup");
    assert!(backup(&service, &file).status.success());
    let over = backup(&service, &file);
    assert!(!over.status.success() && text(&over.stderr).contains("is there already"), "{over:?}");
    let running = run(program().args(["doctor", "verify"]).arg(folder.path()));
    assert!(!running.status.success() && text(&running.stderr).contains("in use by another process"), "{running:?}");
    let full = run(program().args(["restore", "--to"]).arg(folder.path()).arg(&file));
    assert!(!full.status.success() && text(&full.stderr).contains("is not empty"), "{full:?}");
    let bytes = std::fs::read(&file).expect("a file");
    std::fs::write(&file, &bytes[..bytes.len() / 2]).expect("written");
    let to = elsewhere.path().join("new");
    let cut = run(program().args(["restore", "--to"]).arg(&to).arg(&file));
    let said = text(&cut.stderr);
    assert!(!cut.status.success() && said.contains("the backup is damaged in") && said.contains("at byte"), "{said}");
    assert!(std::fs::read_dir(&to).expect("a folder").next().is_none(), "something was left");
    assert_eq!(service.terminate().code, Some(0));
}

#[test]
fn x_11_a_host_whose_store_was_damaged_names_the_doctor_and_is_what_it_was_behind_it() {
    let (folder, settings) = (tempfile::tempdir().expect("a folder"), small());
    let mut service = Service::start(folder.path(), &settings);
    let mut model = deploy_both(&service.client());
    let pace = Pace { batch: 150, every: Duration::ZERO };
    let producer = Producer::start(service.client(), BUSINESS, 12, Crowd::new(12, 200, some_days_ago()), pace);
    producer.wait_for(30);
    let record = producer.finish();
    service.settle(BUSINESS);
    assert_eq!(service.terminate().code, Some(0));
    std::fs::remove_dir_all(folder.path().join("store/1")).expect("removed");
    let Err(ended) = Service::try_start(folder.path(), &settings, "127.0.0.1:0") else { panic!("it was started") };
    assert!(ended.code == Some(1) && ended.text().contains("fishpond doctor rebuild"), "{}", ended.text());
    let found = run(program().args(["doctor", "verify", "--json"]).arg(folder.path()));
    let told: Value = serde_json::from_slice(&found.stdout).expect("JSON");
    assert_eq!((found.status.code(), &told["store"]["state"]), (Some(1), &Value::from("damaged")), "{told}");
    assert!(told["findings"][0]["remedy"].as_str().is_some_and(|text| text.contains("doctor rebuild")), "{told}");
    let rebuilt = run(program().args(["doctor", "rebuild"]).arg(folder.path()));
    assert!(rebuilt.status.success(), "{}", text(&rebuilt.stderr));
    let mut service = Service::start(folder.path(), &settings);
    service.settle(BUSINESS);
    record.acts.iter().for_each(|act| model.see(act));
    check_found(&service.client(), &model);
    assert_eq!(service.terminate().code, Some(0));
    check_journal(folder.path(), &settings, &record);
}
