//! Too many traps within a while, and the whole deployment stands still, with an alert, until somebody helps.

use std::collections::BTreeSet;

use fishpond::model::{Frame, Guard, InputRecord, Limits, OnError, OnQuarantine, ShardSet, Via};
use fishpond::registry::Deployment;
use fishpond::scenario::{BUSINESS, small_limits};
use fishpond_tests::{Deploy, Setup, World};

fn setup(seed: u64, most: usize, workers: u64) -> Setup {
    let limits = Limits { quarantine_faults: 5, workers, ..small_limits() };
    Setup { limits, ..Setup::seed(seed, most) }
}

fn deployment(world: &World, name: &str) -> Deployment {
    (*world.host.parts.registry.deployment(BUSINESS, name).expect("a deployment")).clone()
}

/// One event of each of some people, doing the same.
fn each(world: &World, time: &str, people: &[&str], deed: &str) {
    let line = |person: &&str| format!("{time} do id={person}-{time} actor={person} {{\"do\": \"{deed}\"}}");
    let lines: Vec<String> = people.iter().map(line).collect();
    world.events(&lines.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn x_04_five_traps_within_ten_minutes_stop_a_deployment_and_nobody_else() {
    for (seed, most, workers) in [(1, 1, 1), (2, 4, 4), (3, 64, 2)] {
        let folder = tempfile::tempdir().expect("a folder");
        let mut world = World::open(folder.path(), &setup(seed, most, workers)).expect("a world");
        world.deploy(&Deploy::new("bad", "misbehave", "{}")).expect("it deploys");
        world.deploy(&Deploy::new("good", "misbehave", r#"{"filter": true}"#)).expect("it deploys");
        // Neither bad events nor what breaks a limit counts.
        each(&world, "10:00:00", &["ann", "bo", "cy", "di", "ed", "flo"], "fly");
        each(&world, "10:00:01", &["ann", "bo", "cy", "di", "ed", "flo"], "big_state");
        each(&world, "10:00:02", &["ann", "bo", "cy", "di"], "trap");
        world.rest();
        // Those of ten minutes ago are forgotten.
        each(&world, "10:10:02", &["ann"], "trap");
        world.rest();
        assert!(!deployment(&world, "bad").is_quarantined());
        assert_eq!(world.alerts(), []);
        each(&world, "10:10:03", &["bo", "cy", "di"], "trap");
        each(&world, "10:10:04", &["ed"], "loop");
        each(&world, "10:10:05", &["ann", "bo", "cy", "di", "ed", "flo"], "count");
        world.rest();
        let bad = deployment(&world, "bad");
        assert!(bad.is_quarantined(), "{:?}", bad.paused);
        assert_eq!((bad.paused.shards, bad.quarantined.clone()), (ShardSet::ALL, vec![1]));
        assert!(bad.paused.reason.starts_with("5 faults within 600000 ms"), "{}", bad.paused.reason);
        // Both have read the same events, so both have trapped as often; both stand still, each for itself.
        let both = ["bad", "good"].map(|name| ("quarantined".to_owned(), name.to_owned()));
        assert_eq!(world.alerts(), both);
        world.sync();
        world.close();
        let world = World::open(folder.path(), &setup(seed, most, workers)).expect("it opens again");
        assert!(deployment(&world, "bad").is_quarantined());
        assert_eq!(world.alerts(), both, "the same ones are open");
        let raised = world.alerted().iter().filter(|(_, raised)| *raised).count();
        assert_eq!((raised, world.alerted().len()), (2, 2), "each was said once");
    }
}

#[test]
fn x_04_a_neighbour_of_what_is_quarantined_reads_on() {
    let (_folder, mut world) = World::temporary(&setup(4, 8, 1));
    world.deploy(&Deploy::new("bad", "misbehave", r#"{"do": "trap"}"#)).expect("it deploys");
    world.deploy(&Deploy::new("good", "misbehave", "{}")).expect("it deploys");
    let lines: Vec<String> = (0..60).map(|n| format!("10:00:00 do id=e{n} actor=p{}", n % 9)).collect();
    world.events(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    world.rest();
    assert!(deployment(&world, "bad").is_quarantined());
    assert_eq!(world.ends("good").len(), 60);
    assert!(world.ends("bad").len() < 20, "it stopped at once: {}", world.ends("bad").len());
}

#[test]
fn x_04_a_mended_revision_or_an_operator_ends_a_quarantine() {
    let (_folder, mut world) = World::temporary(&setup(1, 3, 2));
    world.deploy(&Deploy::new("bad", "misbehave", r#"{"do": "trap"}"#)).expect("it deploys");
    let people = ["ann", "bo", "cy", "di", "ed", "flo", "gus"];
    let send = |world: &World, time: &str| {
        let lines: Vec<String> = people.iter().map(|who| format!("{time} do id={who}-{time} actor={who}")).collect();
        world.events(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    };
    send(&world, "10:00:00");
    world.rest();
    let before = world.ends("bad").len();
    assert!(deployment(&world, "bad").is_quarantined() && before < people.len());
    // An operator lets it try again: counting begins anew, and it fails again.
    world.resume("bad");
    send(&world, "10:00:01");
    send(&world, "10:00:02");
    world.rest();
    assert_eq!(deployment(&world, "bad").quarantined, [1, 1]);
    let expected = [("quarantined", true), ("quarantined", false), ("quarantined", true)];
    assert_eq!(world.alerted(), expected.map(|(name, raised)| (name.to_owned(), raised)));
    // What runs on the old revision does not count against the new one.
    let again = Deploy::new("bad", "misbehave", "{}");
    world.deploy(&again).expect("it deploys");
    world.rest();
    assert!(!deployment(&world, "bad").is_quarantined());
    assert_eq!((world.ends("bad").len(), world.alerts()), (3 * people.len(), vec![]));
    send(&world, "10:00:03");
    world.rest();
    let done = world.ends("bad").into_iter().filter(|(_, end)| end == "done").count();
    assert_eq!(done, people.len(), "the mended one handles what comes now");
}

#[test]
fn x_04_pauses_on_error_count_too_and_end_in_quarantine() {
    let (_folder, mut world) = World::temporary(&setup(1, 4, 1));
    world.deploy(&Deploy::new("bad", "misbehave", "{}").pausing()).expect("it deploys");
    world.events(&["10:00:00 do id=b1 actor=bo {\"do\": \"trap\"}", "10:00:00 do id=a1 actor=ann"]);
    world.rest();
    assert_eq!(world.alerts(), [("paused".to_owned(), "bad".to_owned())]);
    for _ in 0..4 {
        assert!(!deployment(&world, "bad").is_quarantined());
        world.resume("bad");
        world.rest();
    }
    assert_eq!(deployment(&world, "bad").paused.shards, ShardSet::ALL);
    assert_eq!(world.alerts(), [("quarantined".to_owned(), "bad".to_owned())]);
    assert!(world.frames().iter().any(|(_, frame)| matches!(frame, Frame::Outcome(_))));
    assert_eq!(world.ends("bad"), [("a1".to_owned(), "done".to_owned())]);
}

#[test]
fn x_04_a_rollback_goes_back_to_the_last_good_revision_from_the_backlog() {
    for workers in [1, 4] {
        let (_folder, mut world) = World::temporary(&setup(2, 3, workers));
        let guard = Guard { on_quarantine: OnQuarantine::Rollback, ..Guard::default() };
        let deploy = |configuration| Deploy { guard, ..Deploy::new("rule", "misbehave", configuration) };
        world.deploy(&deploy("{}")).expect("it deploys");
        world.deploy(&Deploy { on_error: OnError::Pause, ..deploy(r#"{"do": "trap", "filter": true}"#) }).expect("it");
        world.deploy(&deploy(r#"{"do": "trap"}"#)).expect("it deploys");
        let lines: Vec<String> = (0..40).map(|n| format!("10:00:00 do id=e{n} actor=p{}", n % 13)).collect();
        world.events(&lines.iter().map(String::as_str).collect::<Vec<_>>());
        world.rest();
        // Revision 4 is revision 2 again, which is no better; so 5 is revision 1 again.
        let rule = deployment(&world, "rule");
        assert_eq!((rule.newest().number, &*rule.newest().configuration), (5, "{}"), "{:?}", rule.quarantined);
        assert_eq!((rule.quarantined.clone(), rule.paused.shards), (vec![3, 4], ShardSet::EMPTY));
        assert!(rule.newest().by.starts_with("host"));
        let ends = world.ends("rule");
        let trapped = ends.iter().filter(|(_, end)| end == "trap").count();
        assert!(ends.len() == 40 && (5..40).contains(&trapped), "{trapped} of {}", ends.len());
        assert_eq!(world.alerts(), []);
        // When none is left that was not quarantined, it stands still.
        let lines: Vec<String> =
            (0..9).map(|n| format!("10:00:01 do id=f{n} actor=p{n} {{\"do\": \"trap\"}}")).collect();
        world.events(&lines.iter().map(String::as_str).collect::<Vec<_>>());
        world.rest();
        assert!(deployment(&world, "rule").is_quarantined());
        assert_eq!(deployment(&world, "rule").newest().number, 5);
    }
}

/// The timers of 200 people, all due at the same time.
fn timers(world: &World) -> Vec<InputRecord> {
    let handled = world.handled().into_iter().map(|handled| handled.record);
    let first = handled.filter(|record| matches!(record.via, Via::Timer(_)) && record.time % 60_000 == 1_000);
    first.collect()
}

fn fire(world: &mut World, time: &str) {
    world.events(&[&format!("{time} unheard id={time} actor=ann")]);
    world.rest();
    assert!(world.host.workers.tick().expect("the journal takes it"), "a timer waits");
    world.rest();
}

/// All timers that a tick fires are one position. What is left is handled when somebody has helped, each once.
#[test]
fn x_04_faults_within_one_tick_stop_a_deployment_before_its_other_timers() {
    for workers in [1, 2, 4] {
        let folder = tempfile::tempdir().expect("a folder");
        let mut world = World::open(folder.path(), &setup(2, 1_000, workers)).expect("a world");
        world.deploy(&Deploy::new("bad", "misbehave", "{}")).expect("it deploys");
        let set = |n| format!("10:00:00 do id=s{n} actor=p{n} {{\"do\": \"set_timer\"}}");
        let lines: Vec<String> = (0..200).map(set).collect();
        world.events(&lines.iter().map(String::as_str).collect::<Vec<_>>());
        world.rest();
        world.close();
        // Every input spends its fuel now.
        let mut starving = setup(2, 1_000, workers);
        starving.limits.fuel_per_input = 1_000;
        let mut world = World::open(folder.path(), &starving).expect("it opens again");
        fire(&mut world, "10:00:05");
        assert!(deployment(&world, "bad").is_quarantined());
        let faults = timers(&world);
        assert!(faults.iter().all(|record| record.outcome.end.is_fault()));
        let most = 5 * workers as usize;
        assert!((5..=most).contains(&faults.len()), "{} of {workers} workers", faults.len());
        world.close();
        let mut world = World::open(folder.path(), &setup(3, 7, 2)).expect("it opens again");
        assert_eq!(timers(&world), faults, "nothing is handled again");
        world.resume("bad");
        world.rest();
        let all = timers(&world);
        let keys: BTreeSet<&str> = all.iter().map(|record| &*record.key).collect();
        assert_eq!((all.len(), keys.len()), (200, 200), "each has fired once");
        assert!(all[faults.len()..].iter().all(|record| !record.outcome.end.is_fault()));
    }
}
