//! What happens to the host whose power goes: keys with large documents that count, windows that fill, checkpoints one after
//! the other; and what all of that must come to.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use fastrand::Rng;
use fishpond::model::ports::Submitted;
use fishpond::model::{Document, Frame, Limits, Lsn};
use fishpond_tests::{Deploy, Setup, World, parts_equal};

use super::disk::{Disk, LeavesOut};
use super::image::Cut;

/// The store's size in MiB; the environment variable of this name asks for more.
const MEGABYTES: (&str, u64) = ("FISHPOND_POWER_MB", 2);
/// What `some_state` leaves in a document, bytes.
const STATE: u64 = 12 << 10;
/// How long all of it takes by the events' own clocks: less than an identity is remembered.
const SECONDS: u64 = 300;
/// Base copies of a run, each with a look at what retention may release.
const KEPT: usize = 4;
/// Lines that are sent before the power goes for the second time.
const AGAIN: usize = 60;
/// Events of 60 KiB that come before everything: more than a segment.
const PADDED: u64 = 75;
const FILLER: &str = "filler";
const DEPLOYMENTS: [(&str, &str); 2] = [("count", "misbehave"), ("risk", "c2c-blacklist")];

/// Cuts that are kept of each kind of moment. Of a large store they take much memory.
fn of_a_kind() -> usize {
    if is_large() { 1 } else { 3 }
}

/// Of a larger store no two trials have room side by side: one of 1 GiB takes 14 to 23 GiB of memory with all its states.
pub fn is_large() -> bool {
    asked(MEGABYTES) > 128
}

/// A number from the environment, for longer runs.
pub fn asked(variable: (&str, u64)) -> u64 {
    let (name, default) = variable;
    std::env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

/// New segments and evictions come many times, whatever the size, and checkpoints end in between.
fn limits() -> Limits {
    let bytes = asked(MEGABYTES) << 20;
    Limits {
        workers: 2,
        journal_segment_bytes: ((4 << 20) + (64 << 10)).max(bytes / 16),
        // Nobody waits for the disk here.
        journal_queue_bytes: Setup::default().limits.journal_queue_bytes.max(bytes),
        checkpoint_bytes: bytes / 10,
        write_back_rows: 16.max(bytes / (500 << 10)),
        store_directories: 3,
        documents_memory_bytes: bytes / 2,
        journal_tail_bytes: 1 << 20,
        retention_bytes: 1,
        ..Setup::default().limits
    }
}

pub fn setup(seed: u64) -> Setup {
    Setup { limits: limits(), ..Setup::seed(seed, 1 + seed as usize % 9) }
}

fn keys() -> u64 {
    (asked(MEGABYTES) << 20) / STATE
}

fn events() -> u64 {
    800.max(asked(MEGABYTES) * 10)
}

fn key(number: u64) -> String {
    format!("k{number}")
}

/// Makes each document, and fills segments of the journal: longer ago than an identity is remembered, so that retention
/// may let go of them.
fn fill() -> Vec<String> {
    let line = |n| format!("09:30:00 do id=fill{n} actor={} {{\"do\": \"some_state\"}}", key(n));
    let pad = "x".repeat(60 << 10);
    let padded = |n| format!("09:30:00 do id=pad{n} actor={FILLER} {{\"do\": \"count\", \"pad\": \"{pad}\"}}");
    (0..keys()).map(line).chain((0..PADDED).map(padded)).collect()
}

/// Identities are long, so that windows are no zeros, and tell which event a page belongs to.
fn lines(seed: u64) -> Vec<String> {
    let mut rng = Rng::with_seed(seed);
    let mut lines: Vec<String> = Vec::new();
    let count = events();
    for number in 0..count {
        let now = 36_000 + number * SECONDS / count;
        let time = format!("{:02}:{:02}:{:02}", now / 3_600, now / 60 % 60, now % 60);
        let noise: String = (0..12).map(|_| format!("{:016x}", rng.u64(..))).collect();
        let (one, other) = (key(rng.u64(..keys())), key(rng.u64(..keys().min(9))));
        lines.push(match rng.u8(..8) {
            0..=2 => format!("{time} do id=e{number}-{noise} actor={one} {{\"do\": \"count\"}}"),
            3..=5 => format!("{time} do id=e{number}-{noise} actor={one} {{\"do\": \"observe\"}}"),
            _ => format!("{time} blacklist id=e{number}-{noise} subject={other} actor={one}"),
        });
        if rng.u8(..10) == 0 {
            lines.push(lines[rng.usize(..lines.len())].clone());
        }
    }
    lines
}

/// What was sent, where it was accepted, and what the journal held at any time.
pub struct Course {
    /// For each line its place, or its original's; [`NOWHERE`] if it was not sent.
    accepted: Vec<Lsn>,
    pub frames: BTreeMap<Lsn, Frame>,
}

const NOWHERE: Lsn = Lsn(u64::MAX);

impl Course {
    /// All frames up to this one, also those that retention has taken since.
    fn before(&self, last: Lsn) -> BTreeMap<Lsn, Frame> {
        self.frames.range(..=last).map(|(lsn, frame)| (*lsn, frame.clone())).collect()
    }

    /// What a journal that was opened again holds is what was in it, each frame at its place. Answers the last.
    fn check(&self, world: &World, cut: &Cut) -> Lsn {
        let (first, last) = (world.host.parts.log.first(), world.host.report.journal.last);
        assert!(last >= cut.durable, "{} was durable, it ends at {last}", cut.durable);
        let kept = world.frames();
        let other = kept.iter().find(|(lsn, frame)| *lsn <= last && self.frames.get(lsn) != Some(frame));
        assert!(other.is_none(), "not what was written: {other:?}");
        let newest = kept.last().map_or(Lsn::ZERO, |(lsn, _)| *lsn);
        assert!(
            newest >= last && kept.len() as u64 == newest.0 + 1 - first.0,
            "{} frames of {first}-{last}",
            kept.len()
        );
        last
    }
}

/// A run to the end, and moments at which its power might have gone.
pub struct Run {
    pub folder: tempfile::TempDir,
    pub cuts: Vec<Arc<Cut>>,
    lines: Vec<String>,
    pub course: Course,
    result: Result,
}

impl Run {
    pub fn new(seed: u64, leaves_out: LeavesOut) -> Run {
        let folder = tempfile::tempdir().expect("a folder");
        let (mut frames, durable) = prepared(folder.path(), seed);
        let disk = Disk::new(folder.path(), durable, seed, of_a_kind(), leaves_out).expect("a disk");
        let mut world = World::open(folder.path(), &disk.under(setup(seed))).expect("it opens again");
        follow(&disk, &world);
        let (lines, mut accepted) = (lines(seed), Vec::new());
        for part in lines.chunks(lines.len().div_ceil(KEPT)) {
            accepted.extend(load(&mut world, &disk, part, seed));
            world.rest();
            world.sync();
            // Before retention takes some of them.
            frames.extend(world.frames());
            keep(&mut world);
        }
        world.rest();
        world.sync();
        disk.taking(false);
        assert!(world.host.parts.log.first() > Lsn(1), "retention has released nothing");
        frames.extend(world.frames());
        let result = Result::of(&mut world, &frames);
        world.close();
        Run { folder, cuts: disk.cuts(), lines, course: Course { accepted, frames }, result }
    }

    /// The folder that a cut leaves is opened, and everything is sent again. Fails by a panic.
    pub fn goes_on(&self, course: &Course, cut: &Cut, seed: u64, folder: &Path) -> Lsn {
        let mut world = World::open(folder, &setup(seed)).expect("it opens again");
        let last = course.check(&world, cut);
        world.rest();
        for (lines, places) in self.lines.chunks(100).zip(course.accepted.chunks(100)) {
            for (answer, place) in submit(&world, lines).into_iter().zip(places) {
                let found = *place > last || answer == Submitted::Duplicate(*place);
                assert!(found, "what is at {place} was sent again and answered {answer:?}");
            }
            world.rest();
        }
        let mut frames = course.before(last);
        world.sync();
        frames.extend(world.frames());
        self.result.compare(&Result::of(&mut world, &frames));
        last
    }

    /// The folder that a cut leaves is opened, a little more is sent, and the power goes again, perhaps while it opens.
    pub fn cut_again(&self, cut: &Cut, seed: u64, folder: &Path) -> (Arc<Cut>, Course) {
        let disk = Disk::new(folder, cut.durable, seed, 1, LeavesOut::Nothing).expect("a disk");
        let mut world = World::open(folder, &disk.under(setup(seed))).expect("it opens again");
        follow(&disk, &world);
        let last = self.course.check(&world, cut);
        let mut accepted: Vec<Lsn> = self.course.accepted.clone();
        accepted.iter_mut().filter(|place| **place > last).for_each(|place| *place = NOWHERE);
        let next = accepted.iter().position(|place| *place == NOWHERE).unwrap_or(accepted.len());
        let part = &self.lines[next..self.lines.len().min(next + AGAIN)];
        let places = load(&mut world, &disk, part, seed);
        accepted[next..next + part.len()].copy_from_slice(&places);
        disk.taking(false);
        let mut frames = self.course.before(last);
        frames.extend(world.frames());
        world.close();
        let mut cuts = disk.cuts();
        cuts.retain(|cut| cut.open_pages() > 0);
        (cuts[Rng::with_seed(seed).usize(..cuts.len())].clone(), Course { accepted, frames })
    }
}

/// A store of some size with a checkpoint, behind segments that retention may let go of; what is in the journal, and its
/// last position.
fn prepared(folder: &Path, seed: u64) -> (BTreeMap<Lsn, Frame>, Lsn) {
    let mut world = World::open(folder, &setup(seed)).expect("a world");
    for (name, module) in DEPLOYMENTS {
        world.deploy(&Deploy::new(name, module, "{}")).expect("it deploys");
    }
    for lines in fill().chunks(200) {
        submit(&world, lines);
        world.rest();
    }
    world.checkpoint();
    world.sync();
    let (frames, last) = (world.frames().into_iter().collect(), world.host.parts.log.last());
    world.close();
    (frames, last)
}

/// Nothing is waited for, so that the journal and the store are written while more comes.
fn load(world: &mut World, disk: &Disk, lines: &[String], seed: u64) -> Vec<Lsn> {
    let (mut rng, mut accepted) = (Rng::with_seed(seed), Vec::new());
    while accepted.len() < lines.len() {
        let next = &lines[accepted.len()..];
        let answers = submit(world, &next[..rng.usize(1..=6).min(next.len())]);
        accepted.extend(answers.into_iter().map(Submitted::lsn));
        for _ in 0..rng.usize(..4) {
            world.host.workers.step().expect("the workers work");
            disk.moment("between two steps").expect("a cut");
        }
        if rng.u64(..events()) < 100 {
            // The write-back is slower than those who make work for it. It takes many rounds before sled writes
            // over what it has given up, and only then a lost page costs more than the newest rows.
            world.checkpoint();
        }
    }
    accepted
}

fn follow(disk: &Disk, world: &World) {
    let journal = world.host.parts.log.journal().clone();
    disk.follow(move || journal.durable());
}

/// A base copy, and retention behind the older one.
fn keep(world: &mut World) {
    world.rest();
    world.checkpoint();
    while world.host.dispatcher.step().expect("it hands over") {}
    world.host.keeper.copy().expect("a base copy").expect("the store has a newer checkpoint");
    world.host.keeper.retain();
}

fn submit(world: &World, lines: &[String]) -> Vec<Submitted> {
    world.events(&lines.iter().map(String::as_str).collect::<Vec<_>>())
}

/// What a run comes to, without positions: those differ after a cut.
struct Result {
    /// Per (deployment, key): each input of [`lines`] in order, with its end and its matches.
    outcomes: BTreeMap<(String, String), Vec<String>>,
    documents: BTreeMap<(String, String), Document>,
}

impl Result {
    fn of(world: &mut World, frames: &BTreeMap<Lsn, Frame>) -> Result {
        let (mut outcomes, mut ids) = (BTreeMap::<_, Vec<String>>::new(), BTreeMap::new());
        for (lsn, frame) in frames {
            match frame {
                Frame::Input(event) => drop(ids.insert(*lsn, event.id.clone())),
                Frame::Outcome(outcome) => {
                    let by =
                        world.host.parts.registry.by_id(outcome.deployment).expect("a deployment").name.to_string();
                    for record in &outcome.inputs {
                        let Some(id) = ids.get(&record.lsn).filter(|id| id.starts_with('e')) else { continue };
                        let found = record.outcome.matches.iter();
                        let found: Vec<_> =
                            found.map(|found| (&found.person, &found.fields, found.events.len())).collect();
                        let line = format!("{id} {:?} {found:?}", record.outcome.end);
                        outcomes.entry((by.clone(), record.key.to_string())).or_default().push(line);
                    }
                }
                _ => {}
            }
        }
        let mut documents = BTreeMap::new();
        for key in (0..keys()).map(key).chain([FILLER.to_owned()]) {
            for view in world.documents(&key) {
                documents.insert((view.deployment.to_string(), key.clone()), view.document);
            }
        }
        Result { outcomes, documents }
    }

    fn compare(&self, other: &Result) {
        for (place, inputs) in &self.outcomes {
            assert_eq!(Some(inputs), other.outcomes.get(place), "outcomes of {place:?}");
        }
        assert_eq!(self.outcomes.len(), other.outcomes.len());
        for (place, document) in &self.documents {
            let other = other.documents.get(place).unwrap_or_else(|| panic!("the document of {place:?} is gone"));
            assert!(parts_equal(document, other), "the document of {place:?}: {document:?} and {other:?}");
        }
        assert_eq!(self.documents.len(), other.documents.len());
    }
}
