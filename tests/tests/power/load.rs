//! What happens to the host whose power goes: keys with large documents that count, windows that fill, checkpoints one after
//! the other; and what all of that must come to.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use fastrand::Rng;
use fishpond::model::ports::Submitted;
use fishpond::model::{Document, Frame, Limits, Lsn};
use fishpond_tests::{Deploy, Setup, World, parts_equal};

use super::disk::Disk;
use super::image::Cut;

/// The store's size in MiB; the environment variable of this name asks for more.
const MEGABYTES: (&str, u64) = ("FISHPOND_POWER_MB", 2);
/// What `some_state` leaves in a document, bytes.
const STATE: u64 = 12 << 10;
/// How long all of it takes by the events' own clocks: less than an identity is remembered.
const SECONDS: u64 = 300;
const DEPLOYMENTS: [(&str, &str); 2] = [("count", "misbehave"), ("risk", "c2c-blacklist")];

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
        checkpoint_bytes: bytes / 10,
        write_back_rows: 16.max(bytes / (500 << 10)),
        store_directories: 3,
        documents_memory_bytes: bytes / 2,
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
    1_200.max(asked(MEGABYTES) * 10)
}

fn key(number: u64) -> String {
    format!("k{number}")
}

/// Makes each document, and writes it back.
fn fill() -> Vec<String> {
    let line = |n| format!("10:00:00 do id=fill{n} actor={} {{\"do\": \"some_state\"}}", key(n));
    (0..keys()).map(line).collect()
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

/// A run to the end, and moments at which its power might have gone.
pub struct Run {
    pub folder: tempfile::TempDir,
    pub cuts: Vec<Arc<Cut>>,
    lines: Vec<String>,
    /// For each line where it was accepted, or its original.
    accepted: Vec<Lsn>,
    pub frames: Vec<(Lsn, Frame)>,
    result: Result,
}

impl Run {
    pub fn new(seed: u64, leave_out_sync: bool) -> Run {
        let folder = tempfile::tempdir().expect("a folder");
        let mut world = World::open(folder.path(), &setup(seed)).expect("a world");
        for (name, module) in DEPLOYMENTS {
            world.deploy(&Deploy::new(name, module, "{}")).expect("it deploys");
        }
        fill().chunks(200).for_each(|lines| {
            submit(&world, lines);
            world.rest();
        });
        world.checkpoint();
        world.sync();
        let durable = world.host.parts.log.last();
        world.close();
        let disk = Disk::new(folder.path(), durable, seed).expect("a disk");
        let mut world = World::open(folder.path(), &disk.under(setup(seed), leave_out_sync)).expect("it opens again");
        disk.follow(world.host.parts.log.journal());
        let lines = lines(seed);
        let accepted = Run::load(&mut world, &disk, &lines, seed);
        world.rest();
        world.sync();
        disk.taking(false);
        let (frames, result) = (world.frames(), Result::of(&mut world));
        world.close();
        Run { folder, cuts: disk.cuts(), lines, accepted, frames, result }
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

    /// The folder that a cut leaves is opened, and everything is sent again. Fails by a panic.
    pub fn goes_on(&self, cut: &Cut, seed: u64, folder: &Path) -> Lsn {
        let mut world = World::open(folder, &setup(seed)).expect("it opens again");
        let last = world.host.report.journal.last;
        assert!(last >= cut.durable, "{} was durable, it ends at {last}", cut.durable);
        let kept = world.frames();
        let lost = kept.iter().zip(&self.frames).find(|(one, other)| one != other);
        assert!(lost.is_none() && kept.len() as u64 == last.0, "{} frames up to {last}; {lost:?}", kept.len());
        world.rest();
        for (lines, places) in self.lines.chunks(40).zip(self.accepted.chunks(40)) {
            for (answer, place) in submit(&world, lines).into_iter().zip(places) {
                let found = *place > last || answer == Submitted::Duplicate(*place);
                assert!(found, "what is at {place} was sent again and answered {answer:?}");
            }
            world.rest();
        }
        self.result.compare(&Result::of(&mut world));
        last
    }
}

fn submit(world: &World, lines: &[String]) -> Vec<Submitted> {
    world.events(&lines.iter().map(String::as_str).collect::<Vec<_>>())
}

/// What a run comes to, without positions: those differ after a cut.
struct Result {
    /// Per (deployment, key): each input in order, with its end and its matches.
    outcomes: BTreeMap<(String, String), Vec<String>>,
    documents: BTreeMap<(String, String), Document>,
}

impl Result {
    fn of(world: &mut World) -> Result {
        let (mut outcomes, mut ids) = (BTreeMap::<_, Vec<String>>::new(), BTreeMap::new());
        for (lsn, frame) in world.frames() {
            match frame {
                Frame::Input(event) => drop(ids.insert(lsn, event.id.clone())),
                Frame::Outcome(outcome) => {
                    let by =
                        world.host.parts.registry.by_id(outcome.deployment).expect("a deployment").name.to_string();
                    for record in &outcome.inputs {
                        let found = record.outcome.matches.iter();
                        let found: Vec<_> =
                            found.map(|found| (&found.person, &found.fields, found.events.len())).collect();
                        let line = format!("{} {:?} {found:?}", ids[&record.lsn], record.outcome.end);
                        outcomes.entry((by.clone(), record.key.to_string())).or_default().push(line);
                    }
                }
                _ => {}
            }
        }
        let mut documents = BTreeMap::new();
        for key in (0..keys()).map(key) {
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
