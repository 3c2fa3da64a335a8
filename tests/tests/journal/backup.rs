//! a backup that is taken while the host works is the host at its position, and one that was cut or altered anywhere is
//! refused with the place.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use fishpond::backup::{FormatError, Manifest, Taker, restore, verify};
use fishpond::doctor::MARKER;
use fishpond::model::{Frame, Lsn};
use fishpond_tests::damage::{flip, groups, last_segment};
use fishpond_tests::{Deploy, Setup, World, flow};

use super::bounded::{assert_same_documents, begun, fill, keep, paused, setup};

fn taker(world: &World, folder: &Path) -> Taker {
    let parts = &world.host.parts;
    Taker { log: parts.log.clone(), store: parts.store.clone(), data: folder.to_owned(), clock: parts.clock.clone() }
}

fn taken(world: &World, folder: &Path) -> (Vec<u8>, Manifest) {
    let mut bytes = Vec::new();
    let manifest = taker(world, folder).take(false, &mut bytes).expect("a backup");
    (bytes, manifest)
}

fn filed(bytes: &[u8]) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().expect("a file");
    fs::write(file.path(), bytes).expect("written");
    file
}

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).expect("a folder").next().is_none()
}

/// Lets the host work on while the backup is written: events, checkpoints, base copies, retention.
struct Working<'a> {
    world: &'a mut World,
    bytes: Vec<u8>,
    writes: u32,
    first: Lsn,
}

impl Write for Working<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writes += 1;
        if self.writes.is_multiple_of(8) && self.writes < 200 {
            let minute = self.writes / 8;
            let line = format!("20:{minute:02}:00 do id=during-{minute} actor=ann {{\"do\": \"count\"}}");
            self.world.events(&[&line]);
            self.world.rest();
            self.world.checkpoint();
            while self.world.host.dispatcher.step().expect("it hands over") {}
            drop(self.world.host.keeper.copy());
            self.world.host.keeper.retain();
            let first = self.world.host.parts.log.first();
            assert_eq!(first, self.first, "the journal was released while a backup reads it");
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn x_31_a_backup_is_the_host_at_its_position_whatever_happens_meanwhile() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut world = begun(folder.path());
    for hour in [11, 12, 13] {
        fill(&mut world, hour);
        keep(&mut world);
    }
    fill(&mut world, 14);
    world.checkpoint();
    let taker = taker(&world, folder.path());
    let first = world.host.parts.log.first();
    assert!(first > Lsn(200), "nothing was released before");
    let mut working = Working { world: &mut world, bytes: Vec::new(), writes: 0, first };
    let manifest = taker.take(false, &mut working).expect("a backup");
    let Working { bytes, writes, .. } = working;
    assert!(writes > 50, "{writes} writes");
    world.rest();
    world.sync();
    // Before retention takes some of them.
    let frames = world.frames();
    let during = frames.iter().filter(|(lsn, _)| lsn.0 <= manifest.last).count();
    keep(&mut world);
    assert!(world.host.parts.log.first() > first, "retention goes on when the backup is done");
    let file = filed(&bytes);
    assert_eq!(verify(file.path(), &mut |_| {}).expect("it is whole"), manifest);
    let to = tempfile::tempdir().expect("a folder");
    assert_eq!(restore(file.path(), to.path(), &mut |_| {}).expect("it is whole"), manifest);
    let mut restored = World::open(to.path(), &setup(4)).expect("it opens");
    assert_eq!(restored.host.report.journal.last, Lsn(manifest.last));
    assert!(manifest.last > manifest.checkpoint, "the journal goes on behind the store");
    assert_eq!((restored.frames().len(), restored.host.parts.log.first()), (during, first));
    assert_eq!(paused(&restored), paused(&world));
    // What came behind the position, in the order in which the host took it.
    let rest: Vec<_> = frames.into_iter().filter(|(lsn, _)| lsn.0 > manifest.last).collect();
    let events = rest.iter().filter_map(|(_, frame)| match frame {
        Frame::Input(event) => Some((**event).clone()),
        _ => None,
    });
    let events: Vec<_> = events.collect();
    restored.rest();
    if !events.is_empty() {
        restored.submit(events).expect("the journal takes them");
        restored.rest();
    }
    assert_same_documents(&mut world, &mut restored);
    assert!(restored.host.workers.next_tick().is_some(), "a timer waits, from before the base copy");
    restored.close();
    world.close();
}

/// A small host with settings and a backup of it.
fn small() -> (Vec<u8>, Manifest) {
    let (folder, mut world) = World::temporary(&Setup::default());
    world.deploy(&Deploy::new("risk", "c2c-blacklist", "{}")).expect("it deploys");
    world.events(&flow::lines(3, 20).iter().map(String::as_str).collect::<Vec<_>>());
    world.rest();
    world.checkpoint();
    fs::write(folder.path().join("fishpond.toml"), "log = \"warn\"\n").expect("written");
    fs::write(folder.path().join("token"), "a secret\n").expect("written");
    let (bytes, manifest) = taken(&world, folder.path());
    world.close();
    (bytes, manifest)
}

/// The refusal names part and byte, and nothing is left in the folder.
fn refused(bytes: &[u8], at: usize) -> FormatError {
    let file = filed(bytes);
    let to = tempfile::tempdir().expect("a folder");
    let text = match restore(file.path(), to.path(), &mut |_| {}) {
        Ok(_) => panic!("byte {at} was not missed"),
        Err(error) => format!("{error:#}"),
    };
    assert!(is_empty(to.path()), "byte {at}: something was left");
    let error = verify(file.path(), &mut |_| {}).expect_err("verify sees it too");
    assert_eq!(text, format!("{error:#}"), "byte {at}");
    error.downcast().unwrap_or_else(|error| panic!("byte {at}: {error:#}"))
}

#[test]
fn x_31_a_backup_that_was_cut_or_altered_anywhere_is_refused_with_its_place() {
    let (bytes, manifest) = small();
    let names: Vec<_> = manifest.parts.iter().map(|part| &*part.name).collect();
    assert!(names[0] == "base.dump" && names.contains(&"fishpond.toml") && !names.contains(&"token"), "{names:?}");
    let to = tempfile::tempdir().expect("a folder");
    restore(filed(&bytes).path(), &to.path().join("new"), &mut |_| {}).expect("undamaged it is restored");
    let settings = fs::read_to_string(to.path().join("new/fishpond.toml")).expect("a file");
    assert!(settings == "log = \"warn\"\n" && !to.path().join("new/token").exists());
    let mut rng = fastrand::Rng::with_seed(31);
    let mut parts = std::collections::BTreeSet::new();
    let places = (0..60).map(|_| rng.usize(..bytes.len())).chain([0, 9, 13, 16, 20, 40, 47, 48, bytes.len() - 1]);
    for at in places.collect::<Vec<_>>() {
        let mut altered = bytes.clone();
        altered[at] ^= 1 << rng.u8(..8);
        for (what, damaged) in [("altered", &altered[..]), ("cut", &bytes[..at])] {
            match refused(damaged, at) {
                FormatError::Damaged { part, offset, .. } => {
                    let within = offset as usize <= at && at - (offset as usize) < 33 + (256 << 10);
                    assert!(within, "{what} at {at}, said to be in the record at {offset}");
                    parts.insert(part);
                }
                FormatError::NotABackup => assert!(at < 16, "{what} at {at}"),
                FormatError::Version { .. } => assert!((8..12).contains(&at), "{what} at {at}"),
                other => panic!("{what} at {at}: {other}"),
            }
        }
    }
    assert!(parts.len() >= 3, "{parts:?}");
    let longer = [&bytes[..], b"more"].concat();
    assert!(
        matches!(refused(&longer, bytes.len()), FormatError::Damaged { offset, .. } if offset == bytes.len() as u64)
    );
}

#[test]
fn a_backup_is_restored_into_an_empty_folder_only_and_half_of_one_does_not_start() {
    let file = filed(&small().0);
    let to = tempfile::tempdir().expect("a folder");
    fs::write(to.path().join("mine"), "mine").expect("written");
    let error = restore(file.path(), to.path(), &mut |_| {}).expect_err("it is taken").to_string();
    assert!(error.contains("is not empty (it holds `mine`)"), "{error}");
    assert_eq!(fs::read_dir(to.path()).expect("a folder").count(), 1);
    let half = tempfile::tempdir().expect("a folder");
    restore(file.path(), half.path(), &mut |_| {}).expect("it is restored");
    // As a crash leaves it before the end.
    fs::write(half.path().join(MARKER), "").expect("written");
    let Err(error) = World::open(half.path(), &Setup::default()) else { panic!("half of a restore was opened") };
    assert!(error.to_string().contains("restore into") && error.to_string().contains("was not finished"), "{error}");
    fs::remove_file(half.path().join(MARKER)).expect("removed");
    let mut world = World::open(half.path(), &Setup::default()).expect("it opens");
    assert!(!world.handled().is_empty(), "nothing was handled");
    world.rest();
    world.close();
}

#[test]
fn a_damaged_journal_or_module_is_not_backed_up_as_if_it_were_whole() {
    let (folder, mut world) = World::temporary(&Setup::default());
    world.deploy(&Deploy::new("risk", "c2c-blacklist", "{}")).expect("it deploys");
    for line in flow::lines(3, 20) {
        world.events(&[&line]);
        world.rest();
        world.sync();
    }
    let segment = last_segment(&folder.path().join("journal"));
    let group = groups(&segment)[2].clone();
    flip(&segment, group.end - 1);
    let mut bytes = Vec::new();
    let error = taker(&world, folder.path()).take(false, &mut bytes).expect_err("the journal is damaged");
    assert!(format!("{error:#}").contains(&format!("is damaged at byte {}", group.start)), "{error:#}");
    let error = verify(filed(&bytes).path(), &mut |_| {}).expect_err("it is not whole");
    assert!(matches!(error.downcast_ref(), Some(FormatError::GivenUp { .. })), "{error:#}");
    flip(&segment, group.end - 1);
    let module =
        fs::read_dir(folder.path().join("modules")).expect("modules").next().expect("one").expect("one").path();
    flip(&module, 100);
    let (bytes, _) = taken(&world, folder.path());
    let error = verify(filed(&bytes).path(), &mut |_| {}).expect_err("a module is damaged");
    let text = format!("{error:#}");
    assert!(text.contains("in the part modules/") && text.contains("have the digest"), "{text}");
    world.close();
}
