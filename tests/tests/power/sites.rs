//! Every place at which the host writes or syncs fails: nothing is acknowledged behind it, the host says so, what is durable
//! can be read, and a restart with a sound disk is complete. A new place does not compile until it has a line here.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use fishpond::journal::{self, Site};
use fishpond::model::ports::{Ask, Submit, SubmitError, Submitted, Watch};
use fishpond::model::{Event, Frame, Limits, Lsn};
use fishpond::scenario::BUSINESS;
use fishpond::shards::{Intake, Shards};
use fishpond::store;
use fishpond_tests::{Deploy, Setup, World, event};

const NO_SPACE: i32 = 28;
const PATIENCE: Duration = Duration::from_secs(60);
/// Until more is sent.
const ROUND: Duration = Duration::from_secs(2);
const KEY: &str = "ann";
/// Keys with large documents.
const KEYS: u64 = 150;

/// What follows from a failure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Then {
    /// The journal takes nothing more.
    Ends,
    /// The host does not open, and may be started again.
    NotOpened,
    /// A warning: the next start has more to read.
    GoesOn,
    /// Whoever releases is told, and the host goes on. The host itself releases nothing yet.
    NotReleased,
    /// Whoever releases is told, and the journal takes nothing more.
    NotReleasedAndEnds,
}

fn follows(site: Site) -> &'static [Then] {
    use Site::*;
    match site {
        SegmentCreate | SegmentReserve | SegmentHeader | SegmentSync | SegmentEntry => &[Then::Ends, Then::NotOpened],
        GroupWrite | GroupSync => &[Then::Ends],
        TailRepair | TailSync => &[Then::NotOpened],
        IndexWrite | IndexSync | IndexRename | IndexEntry => &[Then::GoesOn],
        ReleasedWrite | ReleasedSync | ReleasedRename | SegmentRemove => &[Then::NotReleased],
        ReleasedEntry => &[Then::NotReleasedAndEnds],
        RemovedEntry => &[Then::NotReleasedAndEnds, Then::NotOpened],
    }
}

/// A disk that fails while it is switched on, and tells how often it did.
struct Broken {
    on: Arc<AtomicBool>,
    failed: Sender<()>,
}

impl Broken {
    fn new() -> (Arc<Broken>, Receiver<()>) {
        let (failed, met) = channel();
        (Arc::new(Broken { on: Arc::default(), failed }), met)
    }

    fn switch(&self, on: bool) {
        self.on.store(on, Ordering::SeqCst);
    }

    fn meet(&self) -> io::Result<()> {
        if !self.on.load(Ordering::SeqCst) {
            return Ok(());
        }
        // Nobody may listen any more.
        let _ = self.failed.send(());
        Err(io::Error::from_raw_os_error(NO_SPACE))
    }
}

/// Small segments, so that few events go through several.
fn limits() -> Limits {
    Limits { journal_segment_bytes: (4 << 20) + (64 << 10), ..Setup::default().limits }
}

fn under(broken: &Arc<Broken>, site: Site) -> Setup {
    let broken = broken.clone();
    let at: journal::SiteHook = Arc::new(move |here, _| if here == site { broken.meet() } else { Ok(()) });
    let failpoints = journal::Failpoints { at: Some(at), ..journal::Failpoints::default() };
    Setup { limits: limits(), failpoints, ..Setup::default() }
}

/// One for each number, all of one key, so large that some 70 of them fill a segment.
fn counted(numbers: std::ops::Range<u64>) -> Vec<Event> {
    let pad = "x".repeat(60 << 10);
    let line = |n| format!("10:00:00 do id=e{n} actor={KEY} {{\"do\": \"count\", \"pad\": \"{pad}\"}}");
    numbers.map(|n| event(&line(n), &limits())).collect()
}

fn begun(folder: &Path, setup: &Setup) -> World {
    let mut world = World::open(folder, setup).expect("a world");
    world.deploy(&Deploy::new("count", "misbehave", "{}")).expect("it deploys");
    world.submit(counted(0..3)).expect("accepted");
    world.rest();
    world.sync();
    world
}

/// More than a segment.
fn fill(world: &World, from: u64) {
    for part in 0..8 {
        world.submit(counted(from + part * 10..from + part * 10 + 10)).expect("accepted");
        world.sync();
    }
}

/// A start with a sound disk: everything that was durable is there, each event once, and it goes on.
fn whole(folder: &Path, durable: Lsn) {
    let mut world = World::open(folder, &Setup { limits: limits(), ..Setup::default() }).expect("it opens again");
    assert!(world.host.report.journal.last >= durable, "{durable} was durable");
    world.rest();
    let answers = world.submit(counted(0..3)).expect("answers");
    assert!(answers.iter().all(|answer| matches!(answer, Submitted::Duplicate(_))), "{answers:?}");
    world.submit(counted(1_000..1_001)).expect("accepted");
    world.rest();
    let inputs = world.frames().iter().filter(|(_, frame)| matches!(frame, Frame::Input(_))).count();
    assert_eq!(world.handled().len(), inputs);
    assert_eq!(count(&mut world), inputs.to_string());
    world.close();
}

fn count(world: &mut World) -> String {
    world.query("count", "count", KEY).expect("an answer").reply.body.to_string()
}

/// It takes nothing more, whatever the disk says now, and still answers.
fn ended(world: &mut World, place: &str) {
    let durable = world.host.parts.log.journal().durable();
    let reason = world.unhealthy().unwrap_or_else(|| panic!("{place}: it says nothing"));
    assert!(reason.contains("the journal has failed") && reason.contains("No space left"), "{place}: {reason}");
    let error = world.submit(counted(900..901)).expect_err("nothing is accepted");
    assert!(matches!(&error, SubmitError::Failed(reason) if reason.contains("No space left")), "{place}: {error}");
    world.deploy(&Deploy::new("other", "misbehave", "{}")).expect_err("nothing is deployed");
    world.host.parts.log.wait_committed(durable.next()).expect_err("nothing more is durable");
    assert_eq!(world.host.parts.log.journal().durable(), durable, "{place}");
    assert!(!count(world).is_empty(), "{place}: no answer");
}

fn ends(site: Site) {
    let ((broken, _met), folder) = (Broken::new(), tempfile::tempdir().expect("a folder"));
    let mut world = begun(folder.path(), &under(&broken, site));
    assert_eq!(world.unhealthy(), None);
    broken.switch(true);
    let failed = (1..20).any(|part| {
        let last = world.submit(counted(part * 10..part * 10 + 10)).map(|answers| answers[9].lsn());
        last.map_or(true, |last| world.host.parts.log.wait_committed(last).is_err())
    });
    assert!(failed, "{site:?} was not met");
    broken.switch(false);
    let durable = world.host.parts.log.journal().durable();
    ended(&mut world, &format!("{site:?}"));
    drop(world);
    whole(folder.path(), durable);
}

fn not_opened(site: Site) {
    let ((broken, _met), folder) = (Broken::new(), tempfile::tempdir().expect("a folder"));
    let tail = matches!(site, Site::TailRepair | Site::TailSync | Site::RemovedEntry);
    if tail {
        begun(folder.path(), &under(&broken, site)).close();
    }
    broken.switch(true);
    let Err(error) = World::open(folder.path(), &under(&broken, site)) else { panic!("{site:?}: it opened") };
    let text = format!("{error:#}");
    assert!(text.contains("No space left") && text.contains("journal"), "{site:?}: {text}");
    if !tail {
        begun(folder.path(), &Setup { limits: limits(), ..Setup::default() }).close();
    }
    whole(folder.path(), Lsn(4));
}

fn goes_on(site: Site) {
    let ((broken, met), folder) = (Broken::new(), tempfile::tempdir().expect("a folder"));
    let world = begun(folder.path(), &under(&broken, site));
    broken.switch(true);
    fill(&world, 10);
    met.recv_timeout(PATIENCE).unwrap_or_else(|error| panic!("{site:?} was not met: {error}"));
    fill(&world, 100);
    assert_eq!(world.unhealthy(), None, "{site:?}");
    let last = world.host.parts.log.last();
    world.close();
    whole(folder.path(), last);
}

fn not_released(site: Site, ends: bool) {
    let ((broken, _met), folder) = (Broken::new(), tempfile::tempdir().expect("a folder"));
    let mut world = begun(folder.path(), &under(&broken, site));
    fill(&world, 10);
    broken.switch(true);
    let log = world.host.parts.log.clone();
    let error = log.release(log.last()).expect_err("it cannot be released").to_string();
    assert!(error.contains("No space left"), "{site:?}: {error}");
    broken.switch(false);
    let durable = log.journal().durable();
    if ends {
        return ended(&mut world, &format!("{site:?}"));
    }
    assert_eq!(world.unhealthy(), None, "{site:?}");
    fill(&world, 100);
    world.rest();
    assert_eq!(count(&mut world), "163", "{site:?}");
    world.close();
    if site != Site::SegmentRemove {
        whole(folder.path(), durable);
    }
}

#[test]
fn x_11_every_place_where_the_journal_writes_or_syncs_may_fail() {
    for site in Site::ALL {
        for then in follows(*site) {
            println!("{site:?}: {then:?}");
            match then {
                Then::Ends => ends(*site),
                Then::NotOpened => not_opened(*site),
                Then::GoesOn => goes_on(*site),
                Then::NotReleased => not_released(*site, false),
                Then::NotReleasedAndEnds => not_released(*site, true),
            }
        }
    }
}

/// One place of the store fails: its name, and the hooks of a disk that fails there.
type Place = (&'static str, fn(Arc<Broken>) -> store::Failpoints);

fn places() -> Vec<Place> {
    // Whatever is new is one of these, or does not compile. Nobody writes blocks yet: the store's own tests do.
    let store::Failpoints {
        before_rows: _,
        before_blocks: _,
        before_checkpoint: _,
        before_flush: _,
        behind_flush: _,
        at_sync: _,
        leave_out_sync: _,
    } = store::Failpoints::default();
    fn at(broken: Arc<Broken>) -> Option<store::Failpoint> {
        Some(Arc::new(move |_| broken.meet()))
    }
    fn sync(broken: Arc<Broken>, name: &'static str) -> store::Failpoints {
        let hook: store::SyncHook = Arc::new(move |path: &Path, moment| {
            let blob = path.parent().is_some_and(|above| above.ends_with("blobs"));
            let here = if blob { name == "blob" } else { path.ends_with(name) };
            if here && moment == store::Moment::Before { broken.meet() } else { Ok(()) }
        });
        store::Failpoints { at_sync: Some(hook), ..store::Failpoints::default() }
    }
    vec![
        ("rows", |broken| store::Failpoints { before_rows: at(broken), ..store::Failpoints::default() }),
        ("checkpoint", |broken| store::Failpoints { before_checkpoint: at(broken), ..store::Failpoints::default() }),
        ("flush", |broken| store::Failpoints { before_flush: at(broken), ..store::Failpoints::default() }),
        ("flushed", |broken| store::Failpoints { behind_flush: at(broken), ..store::Failpoints::default() }),
        ("sync of the database", |broken| sync(broken, "db")),
        ("sync of a file beside it", |broken| sync(broken, "blob")),
        ("sync of their folder", |broken| sync(broken, "blobs")),
    ]
}

/// Documents of some 12 KiB, more than one page of sled's holds: it gives some of its pages files of their own.
fn large(round: usize) -> Vec<Event> {
    let line = |n| format!("10:00:01 do id=s{round}-{n} actor=k{} {{\"do\": \"some_state\"}}", n % KEYS);
    (0..KEYS * 3).map(|n| event(&line(n), &limits())).collect()
}

/// More and more documents, until the place is met: when sled makes a file of a page is its own affair. Answers the rounds.
fn until_met(place: &str, met: &Receiver<()>, intake: &Intake) -> usize {
    let begun = Instant::now();
    let mut rounds = 1;
    loop {
        match met.recv_timeout(ROUND) {
            Ok(()) => return rounds,
            Err(error) => assert!(begun.elapsed() < PATIENCE, "{place} was not met: {error}"),
        }
        intake.submit(large(rounds)).expect("accepted");
        rounds += 1;
    }
}

/// The journal holds everything: events are accepted, and nothing is written back behind the failure.
#[test]
fn x_11_every_place_where_the_store_writes_or_syncs_may_fail() {
    for (place, hooks) in places() {
        println!("{place}");
        let ((broken, met), folder) = (Broken::new(), tempfile::tempdir().expect("a folder"));
        let setup = Setup { store_failpoints: hooks(broken.clone()), ..Setup::default() };
        // One directory with documents so large that sled puts some of them into files of their own.
        let limits = Limits { checkpoint_bytes: 256 << 10, store_directories: 1, ..limits() };
        let world = begun(folder.path(), &Setup { limits, ..setup });
        broken.switch(true);
        world.submit(large(0)).expect("accepted");
        let World { host, .. } = world;
        let (parts, intake, board) = (host.parts, host.intake, host.workers.board.clone());
        let asker = host.workers.asker();
        let shards = Shards::start(host.workers).expect("threads");
        let rounds = until_met(place, &met, &intake);
        let (checkpoints, begun) = (parts.store.checkpoints(), Instant::now());
        let reason = loop {
            match board.unhealthy() {
                Some(reason) => break reason,
                None => assert!(begun.elapsed() < PATIENCE, "{place}: the host says nothing"),
            }
            std::thread::yield_now();
        };
        assert!(reason.contains("mend the disk and restart") && reason.contains("No space left"), "{place}: {reason}");
        let accepted = intake.submit(counted(20..23)).expect("the journal takes them");
        parts.log.wait_committed(accepted[2].lsn()).expect("durable");
        let (send, receive) = channel();
        asker.documents(BUSINESS, KEY, Box::new(move |views| send.send(views.len()).expect("it waits")));
        assert_eq!(receive.recv_timeout(PATIENCE), Ok(1), "{place}: what is durable can be read");
        assert!(!shards.stop(), "{place}: it ended well");
        assert_eq!(parts.store.checkpoints(), checkpoints, "{place}: a checkpoint behind the failure");
        let (journal, last) = (parts.log.journal().clone(), parts.log.last());
        drop((parts, intake, board, asker, host.book, host.decisions, host.dispatcher, host.hub, host.keeper));
        journal.close().expect("it closes");
        whole_store(folder.path(), last, rounds);
    }
}

fn whole_store(folder: &Path, durable: Lsn, rounds: usize) {
    let mut world = World::open(folder, &Setup { limits: limits(), ..Setup::default() }).expect("it opens again");
    assert!(world.host.report.journal.last >= durable);
    world.rest();
    assert_eq!((count(&mut world), world.handled().len()), ("6".to_owned(), 6 + KEYS as usize * 3 * rounds));
    world.checkpoint();
    world.close();
}
