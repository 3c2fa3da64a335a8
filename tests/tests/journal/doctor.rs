//! X-11, failure: what is damaged is told with its place and remedy, a damaged store is made again and the host is what it
//! was, a damaged journal is cut on a copy only and what that loses is told.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use fishpond::doctor::{Examined, Loss, Part, StoreFound, StoreOf, Told, examine, rebuild, repair};
use fishpond::model::Lsn;
use fishpond::store::{Row, Store, row_key};
use fishpond_tests::damage::{flip, groups};
use fishpond_tests::{Setup, World, copy_folder};

use super::bounded::{assert_same_documents, begun, dumps, fill, keep, paused, setup};

fn quiet(_: Told) {}

/// A closed host whose journal has lost its beginning, with two base copies, timers, and work behind the last checkpoint.
fn played() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let mut world = begun(folder.path());
    for hour in [11, 12, 13] {
        fill(&mut world, hour);
        world.events(&[&format!("{hour}:30:00 do id=c{hour} actor=ann {{\"do\": \"count\"}}")]);
        world.rest();
        keep(&mut world);
    }
    world.events(&["14:00:00 do id=late actor=ann {\"do\": \"count\"}"]);
    world.rest();
    world.close();
    folder
}

fn copy(of: &Path) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    copy_folder(of, folder.path()).expect("a copy");
    folder
}

fn names(folder: &Path) -> Vec<PathBuf> {
    let mut names: Vec<_> =
        fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    names.sort();
    names
}

fn refusal(folder: &Path, setup: &Setup) -> String {
    let Err(error) = World::open(folder, setup) else { panic!("{} opens", folder.display()) };
    format!("{error:#}")
}

/// Both tell the same past, hold the same documents, stand still at the same place, wait for the same tick.
fn assert_same(mut one: World, mut other: World) {
    assert!(one.frames() == other.frames(), "other frames");
    assert!(one.handled() == other.handled());
    assert_eq!(paused(&one), paused(&other));
    assert_eq!(one.host.workers.next_tick(), other.host.workers.next_tick());
    assert!(one.host.workers.next_tick().is_some(), "a timer waits");
    assert_same_documents(&mut one, &mut other);
    // And both go on alike.
    goes_on(&mut one);
    goes_on(&mut other);
    assert!(one.frames() == other.frames(), "they go on otherwise");
    one.close();
    other.close();
}

/// A new event is handled.
fn goes_on(world: &mut World) {
    let lsn = world.events(&["15:00:00 do id=after actor=ann {\"do\": \"count\"}"])[0].lsn();
    world.rest();
    let own = world.handled().into_iter().find(|one| one.deployment == "bad" && one.record.lsn == lsn);
    assert_eq!(own.expect("it was handled").record.outcome.end.code(), "done");
}

fn store_findings(examined: &Examined) -> usize {
    examined.findings.iter().filter(|finding| finding.part == Part::Store && finding.remedy.contains("rebuild")).count()
}

/// Changes half of the database of a directory.
fn wipe(database: &Path) {
    let mut bytes = fs::read(database).expect("a database");
    let written = bytes.iter().rposition(|byte| *byte != 0).expect("it is not empty");
    bytes[written / 4..written * 3 / 4].iter_mut().for_each(|byte| *byte ^= 0x55);
    fs::write(database, bytes).expect("written");
}

#[test]
fn x_11_a_damaged_store_is_refused_and_rebuilt_from_base_copy_and_journal() {
    let whole = played();
    let found = examine(whole.path(), &mut quiet).expect("it can be examined");
    assert!(found.findings.is_empty(), "{:?}", found.findings);
    assert!(matches!(found.store, StoreFound::Whole { rows: 10.., .. }), "{:?}", found.store);
    assert!(found.journal.first > Lsn(200) && (found.base_copies, found.modules) == (2, 2));
    type Damaging = fn(&Path);
    let ways: [(&str, Damaging); 4] = [
        ("flipped bytes", |data| wipe(&data.join("store/0/db"))),
        ("a directory is gone", |data| fs::remove_dir_all(data.join("store/0")).expect("removed")),
        ("all of it is gone", |data| fs::remove_dir_all(data.join("store")).expect("removed")),
        ("the newest base copy is damaged too", |data| {
            wipe(&data.join("store/0/db"));
            let newest = dumps(data).pop().expect("a copy");
            flip(&newest, newest.metadata().expect("a file").len() / 2);
        }),
    ];
    for (number, (way, damage)) in ways.into_iter().enumerate() {
        let data = copy(whole.path());
        damage(data.path());
        let found = examine(data.path(), &mut quiet).expect("it can be examined");
        assert!(store_findings(&found) > 0, "{way}: {:?}", found.findings);
        let said = refusal(data.path(), &setup(2));
        assert!(said.contains("`fishpond doctor rebuild`"), "{way}: {said}");
        let newest = usize::from(number != 3);
        let copies = dumps(data.path());
        let rebuilt = rebuild(data.path(), None, &mut quiet).expect("it can be rebuilt");
        assert_eq!(rebuilt.from.as_ref(), Some(&copies[newest]), "{way}");
        assert_eq!(rebuilt.put_aside.len(), 1 - newest, "{way}");
        assert!(rebuilt.replaced.as_ref().is_some_and(|old| old.is_dir()), "{way}: {rebuilt:?}");
        assert!(examine(data.path(), &mut quiet).expect("it can be examined").findings.is_empty(), "{way}");
        let untouched = copy(whole.path());
        let never_damaged = World::open(untouched.path(), &setup(2)).expect("it opens");
        let mended = World::open(data.path(), &setup(2)).expect("it opens");
        assert!(mended.host.report.redone > 0, "{way}: nothing was redone over the base copy");
        assert_same(never_damaged, mended);
    }
}

#[test]
fn a_store_is_rebuilt_into_a_copy_and_the_original_stays() {
    let data = played();
    fs::remove_dir_all(data.path().join("store/0")).expect("removed");
    let (before, to) = (names(data.path()), tempfile::tempdir().expect("a folder"));
    let new = to.path().join("new");
    let rebuilt = rebuild(data.path(), Some(&new), &mut quiet).expect("it can be rebuilt");
    assert!(rebuilt.replaced.is_none() && rebuilt.from.is_some_and(|from| from.starts_with(&new)));
    assert_eq!(names(data.path()), before);
    assert!(refusal(data.path(), &setup(1)).contains("missing"));
    World::open(&new, &setup(1)).expect("it opens").close();
    let again = rebuild(data.path(), Some(&new), &mut quiet).expect_err("the folder is taken");
    assert!(again.to_string().contains("is not empty"), "{again}");
}

#[test]
fn a_rebuild_is_refused_while_a_host_runs_and_where_nothing_reaches_the_journal() {
    let data = played();
    let world = World::open(data.path(), &setup(1)).expect("it opens");
    for refused in [rebuild(data.path(), None, &mut quiet).map(drop), examine(data.path(), &mut quiet).map(drop)] {
        let text = format!("{:#}", refused.expect_err("a host runs"));
        assert!(text.contains("in use by another process"), "{text}");
    }
    world.close();
    for dump in dumps(data.path()) {
        flip(&dump, dump.metadata().expect("a file").len() / 2);
    }
    let (before, store) = (names(data.path()), names(&data.path().join("store")));
    let error = rebuild(data.path(), None, &mut quiet).expect_err("no copy is whole").to_string();
    assert!(error.contains("the journal begins with position") && error.contains("is damaged in chunk"), "{error}");
    assert!(error.contains("fishpond restore"), "{error}");
    assert_eq!((names(data.path()), names(&data.path().join("store"))), (before, store), "something was changed");
    let copies = examine(data.path(), &mut quiet).expect("it can be examined").findings;
    assert!(copies.len() == 2 && copies.iter().all(|finding| finding.part == Part::BaseCopies), "{copies:?}");
    World::open(data.path(), &setup(1)).expect("the store itself is whole").close();
}

#[test]
fn nobody_else_uses_a_folder_while_its_store_is_made_again_though_it_has_none() {
    let data = played();
    fs::remove_dir_all(data.path().join("store")).expect("removed");
    let mut refused = Vec::new();
    let mut meanwhile = |told: Told| {
        if told.part == Part::Store && refused.is_empty() {
            let second = rebuild(data.path(), None, &mut quiet).expect_err("one at a time");
            refused = vec![format!("{second:#}"), refusal(data.path(), &setup(1))];
        }
    };
    rebuild(data.path(), None, &mut meanwhile).expect("it can be rebuilt");
    assert_eq!(refused.len(), 2, "nothing was told of the store");
    assert!(refused.iter().all(|text| text.contains("in use by another process")), "{refused:?}");
    World::open(data.path(), &setup(1)).expect("it opens").close();
}

/// Damages a group in the middle of the last segment. Answers the segment, and where the group is.
fn damage_journal(data: &Path) -> (PathBuf, Range<u64>) {
    let segment = names(&data.join("journal")).into_iter().rfind(|path| path.to_string_lossy().ends_with(".seg"));
    let segment = segment.expect("a segment");
    let places = groups(&segment);
    let group = &places[places.len() / 2];
    flip(&segment, group.end - 1);
    (segment, group.start..group.end)
}

/// What the journal must hold is said by a store with faults as well; by one that cannot be read by nobody.
#[test]
fn a_loss_is_not_told_too_small_because_the_store_has_faults() {
    let data = played();
    let blind = copy(data.path());
    let refused = |data: &Path| {
        let to = tempfile::tempdir().expect("a folder");
        repair(data, &to.path().join("new"), false, &mut quiet).expect_err("it loses something").to_string()
    };
    // The journal has lost its end, and only the store knows how far it went.
    let (segment, group) = damage_journal(data.path());
    let mut bytes = fs::read(&segment).expect("a segment");
    bytes[group.start as usize..].fill(0);
    fs::write(&segment, bytes).expect("written");
    let store = Store::open(&data.path().join("store"), 1, 1 << 20).expect("it opens");
    let last = store.highest();
    let row = Row { key: row_key("demo", "bad", "ann"), bytes: Some(b"none".to_vec()), lsn: last, timers: false };
    store.write(&[row]).expect("written");
    drop(store);
    let found = examine(data.path(), &mut quiet).expect("it can be examined");
    assert!(found.store == StoreFound::Damaged && found.journal.last < last, "{:?}, {last}", found.journal);
    let text = refused(data.path());
    assert!(text.contains(&format!(" to {last} (")) && !text.contains("or more"), "{text}");
    damage_journal(blind.path());
    fs::remove_dir_all(blind.path().join("store/0")).expect("removed");
    let text = refused(blind.path());
    assert!(text.contains("or more: the store cannot say how far the journal reached"), "{text}");
}

#[test]
fn x_11_a_damaged_journal_is_cut_on_a_copy_only_and_the_loss_is_told() {
    let data = played();
    let last = examine(data.path(), &mut quiet).expect("it can be examined").journal.last;
    let (segment, group) = damage_journal(data.path());
    let found = examine(data.path(), &mut quiet).expect("it can be examined");
    let damage = &found.journal.damaged[0];
    assert_eq!((damage.offset, found.journal.damaged.len()), (group.start, 1));
    let told = found.findings.iter().find(|finding| finding.part == Part::Journal).expect("a finding");
    assert!(told.place.contains(&format!("byte {} (position {})", group.start, damage.lsn)), "{told:?}");
    assert!(told.remedy.contains("fishpond doctor repair"), "{told:?}");
    let to = tempfile::tempdir().expect("a folder");
    let new = to.path().join("new");
    let error = repair(data.path(), &new, false, &mut quiet).expect_err("it loses something").to_string();
    let lost = Loss { first: damage.lsn, last, perhaps_more: false };
    let said = format!("loses positions {} to {last} ({} frames", damage.lsn, lost.count());
    assert!(error.contains(&said) && error.contains("--accept-loss"), "{error}");
    assert!(!new.exists(), "something was made");
    let before = fs::read(&segment).expect("a segment");
    let repaired = repair(data.path(), &new, true, &mut quiet).expect("it can be cut");
    assert_eq!((repaired.lost, repaired.last.next()), (Some(lost), damage.lsn));
    assert!(fs::read(&segment).expect("a segment") == before, "the original was changed");
    assert!(repaired.store != StoreOf::Original, "the store holds what is lost");
    assert!(examine(&new, &mut quiet).expect("it can be examined").findings.is_empty());
    let mut world = World::open(&new, &setup(2)).expect("it opens");
    assert_eq!(world.host.report.journal.last, repaired.last);
    goes_on(&mut world);
    world.close();
}

#[test]
fn a_module_file_that_was_changed_or_is_gone_is_told() {
    let data = played();
    let modules = names(&data.path().join("modules"));
    assert_eq!(modules.len(), 2);
    flip(&modules[0], 100);
    fs::remove_file(&modules[1]).expect("removed");
    let findings = examine(data.path(), &mut quiet).expect("it can be examined").findings;
    let told: Vec<_> = findings.iter().map(|finding| (finding.part, finding.place.clone())).collect();
    let place = |path: &PathBuf| (Part::Modules, path.display().to_string());
    assert_eq!(told, modules.iter().map(place).collect::<Vec<_>>());
    assert!(findings[0].what.contains("digest") && findings[1].what.contains("missing"), "{findings:?}");
}
