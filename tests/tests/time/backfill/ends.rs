//! How backfills end before they are done, and what stays then: readers that leave, folders and disks that are full.

use std::io::{self, Write};
use std::sync::atomic::Ordering;
use std::time::Duration;

use fishpond::backfill::{Backfiller, Stop};
use fishpond::model::ports::BackfillRequest;

use super::*;

/// Events of many keys between two ticks, so that the first time to rest is behind all of them.
fn within_a_tick(count: u64, data: &str) -> Vec<Event> {
    let tick = format!(r#"10:00:00 herald id=tick actor=ann {{"do": "timer", "at": {}, "match": "offer"}}"#, TEN + 1);
    let then = (0..count).map(|n| format!("10:00:00.050 herald id=n{n} actor=p{n} {data}"));
    std::iter::once(tick).chain(then).map(|line| event(&line, &Limits::default())).collect()
}

#[test]
fn a_backfill_that_outgrows_its_folder_is_refused_by_the_limits_name() {
    let pad = "x".repeat(60_000);
    let events = within_a_tick(300, &format!(r#"{{"do": "remember", "match": "x", "n": 1000, "once": "{pad}"}}"#));
    let told = |backfill_bytes| {
        let limits = Arc::new(Limits { backfill_bytes, ..small_limits() });
        let mut source = Lines::new(lines(&events).into_iter(), BUSINESS, limits.clone());
        // One rest, that takes some seconds.
        let slowly: Change = |setting| {
            let batching = Batching::Seeded { seed: 1, most: 1 };
            Setting { batching, at_once: 1_000, percent: 10, ..setting }
        };
        let told = Told::of(&job(("herald", "herald", "{}"), 0), &mut source, &limits, slowly);
        let Err(Error::Bytes { bytes, .. }) = told.done else { panic!("{:?}", told.done) };
        assert_eq!(told.lines("error")[0]["code"], "backfill_bytes");
        assert!(told.lines("summary").is_empty());
        (bytes, source.next(TEN, &mut || Ok(())).expect("readable").is_some())
    };
    // It begins with something already, and with a little more it gets as far as to its events.
    let (empty, unread) = told(1 << 20);
    assert!(unread);
    let (full, unread) = told(empty + (4 << 20));
    assert!(full > empty + (4 << 20) && !unread, "{empty} {full} {unread}");
}

/// Takes so many lines and leaves, or has the backfill ended.
struct Reader<'a> {
    left: usize,
    stop: Option<&'a AtomicBool>,
}

impl Write for Reader<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.left = self.left.saturating_sub(bytes.iter().filter(|byte| **byte == b'\n').count());
        match (self.left, self.stop) {
            (0, Some(stop)) => stop.store(true, Ordering::Release),
            (0, None) => return Err(io::ErrorKind::BrokenPipe.into()),
            _ => {}
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_backfill_that_nobody_reads_or_that_is_ended_leaves_nothing() {
    let mut live = Live::new(&[TIMED]);
    live.events(&timed(4, 100));
    let parts = live.run.host().expect("it is open").parts.clone();
    let folder = tempfile::tempdir().expect("a folder");
    let place = Place { folder: folder.path().to_owned(), native: Some(native()) };
    for leaves in [true, false] {
        let stop = AtomicBool::new(false);
        let mut source = Journal::new(&parts.log, None, None).expect("a source");
        let mut reader = Reader { left: 3, stop: (!leaves).then_some(&stop) };
        let done = run(&job(TIMED, 0), &mut source, &Setting::new(&place, &parts.limits, 100, &stop), &mut reader);
        match leaves {
            true => assert!(matches!(done, Err(Error::Write(_))), "{done:?}"),
            false => assert!(matches!(done, Err(Error::Stopped)), "{done:?}"),
        }
        assert!(source.next(0, &mut || Ok(())).expect("readable").is_some(), "it read to the end all the same");
        assert!(is_empty(folder.path()), "something is left in the scratch folder");
    }
}

#[test]
fn a_start_removes_what_a_killed_host_has_left_of_its_backfills() {
    let mut live = Live::new(&[]);
    let left = live.folder.path().join("backfill").join("run-left");
    std::fs::create_dir_all(left.join("journal")).expect("a folder");
    std::fs::write(left.join("journal/1.segment"), "left").expect("a file");
    let parts = live.run.host().expect("it is open").parts.clone();
    Backfiller::new(parts.log, parts.registry, parts.limits, live.folder.path(), Stop::default());
    assert!(is_empty(&live.folder.path().join("backfill")));
}

#[test]
fn a_folder_that_cannot_be_cleaned_fails_backfills_and_not_the_start() {
    let mut live = Live::new(&[RISK]);
    live.events(&flow::lines(1, 20));
    let parts = live.run.host().expect("it is open").parts.clone();
    let folder = live.folder.path().join("backfill");
    std::fs::write(&folder, "no folder").expect("a file");
    let backfiller =
        Backfiller::new(parts.log, parts.registry.clone(), parts.limits, live.folder.path(), Stop::default());
    let revision = parts.registry.deployment(BUSINESS, "risk").expect("it is deployed").newest().clone();
    let asked = BackfillRequest {
        business: BUSINESS.into(),
        deployment: "risk".into(),
        digest: revision.digest,
        configuration: "{}".into(),
        permissions: None,
        since: None,
        until: None,
        advance_ms: 0,
    };
    let mut told = Vec::new();
    assert!(matches!(backfiller.run(&asked, &mut told), Err(Error::Host(_))));
    let told = String::from_utf8(told).expect("text");
    assert!(told.starts_with(r#"{"error":{"code":"host_failure""#) && told.contains("cannot be cleaned"), "{told}");
    std::fs::remove_file(&folder).expect("it is there");
    backfiller.run(&asked, &mut Vec::new()).expect("it can be cleaned now");
}

/// For whom a word is due behind every piece of work.
fn without_silence(setting: Setting<'_>) -> Setting<'_> {
    Setting { silence: Duration::ZERO, ..setting }
}

/// Of a reader that leaves behind so many lines.
fn leaving(events: &[Event], advance_ms: u64, left: usize, change: Change) -> Result<(), Error> {
    let limits = Arc::new(small_limits());
    let (folder, stop) = (tempfile::tempdir().expect("a folder"), AtomicBool::new(false));
    let place = Place { folder: folder.path().to_owned(), native: Some(native()) };
    let mut source = Lines::new(lines(events).into_iter(), BUSINESS, limits.clone());
    let mut reader = Reader { left, stop: None };
    let setting = without_silence(change(Setting::new(&place, &limits, 100, &stop)));
    run(&job(("herald", "herald", "{}"), advance_ms), &mut source, &setting, &mut reader)
}

#[test]
fn a_reader_that_leaves_while_only_timers_fire_ends_the_backfill() {
    // Each due at a tick of its own, and finding nothing.
    let timer = |n: u64| {
        let told = serde_json::json!({"do": "timer", "at": TEN + n * 1_000, "match": r#"{"do": "cancel"}"#});
        event(&format!("10:00:00 herald id=t{n} actor=p{n} {told}"), &Limits::default())
    };
    let done = leaving(&(1..=300).map(timer).collect::<Vec<_>>(), 10 * MINUTE, 100, plain);
    assert!(matches!(done, Err(Error::Write(_))), "{done:?}");
}

#[test]
fn a_reader_that_leaves_in_the_middle_of_one_rest_ends_the_backfill() {
    let events = within_a_tick(400, r#"{"do": "remember", "match": "x", "n": 1000}"#);
    let singly: Change =
        |setting| Setting { batching: Batching::Seeded { seed: 1, most: 1 }, at_once: 1_000, ..setting };
    let done = leaving(&events, 0, 100, singly);
    assert!(matches!(done, Err(Error::Write(_))), "{done:?}");
}

#[test]
fn a_clock_that_would_go_on_for_ever_is_refused() {
    let longest = small_limits().backfill_advance_ms;
    let mut live = Live::new(&[RISK]);
    let done = live.backfill(&job(RISK, longest + 1));
    assert!(matches!(done.done, Err(Error::Advance { .. })), "{:?}", done.done);
    assert_eq!(done.lines("error")[0]["code"], "backfill_advance_ms");
}

#[test]
fn a_backfill_leaves_on_the_disk_what_the_live_host_needs() {
    let mut live = Live::new(&[RISK]);
    let parts = live.run.host().expect("it is open").parts.clone();
    let mut source = Journal::new(&parts.log, None, None).expect("a source");
    let limits = Limits { journal_segment_bytes: 1 << 60, ..small_limits() };
    let told = Told::of(&job(RISK, 0), &mut source, &limits, plain);
    assert!(matches!(told.done, Err(Error::Disk { reserve, .. }) if reserve > 2 << 60), "{:?}", told.done);
    assert_eq!(told.lines("error")[0]["code"], "disk_low");
}

#[test]
fn a_range_does_not_end_where_a_clock_was_set_back() {
    let mut live = Live::new(&[]);
    let parts = live.run.host().expect("it is open").parts.clone();
    for time in ["10:00:00", "14:00:00", "10:01:00"] {
        let event = event(&format!("{time} herald id=at-{time} actor=ann {{}}"), &Limits::default());
        parts.log.append(Frame::Input(Arc::new(event))).expect("it is accepted");
    }
    let mut source = Journal::new(&parts.log, None, Some(TEN + 5 * MINUTE)).expect("a source");
    let events = std::iter::from_fn(|| source.next(0, &mut || Ok(())).expect("readable"));
    let ids: Vec<String> = events.map(|(_, event)| event.id.to_string()).collect();
    assert_eq!(ids, ["at-10:00:00", "at-10:01:00"]);
}
