//! What becomes of the inputs: lines of JSON for what was found and what failed, and sums for the rest.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};
use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64;

use super::source::Origin;
use crate::api::body::{BackfillEvent, BackfillFailed, BackfillInput, BackfillLine, BackfillMatch};
use crate::api::{json_on_one_line, time};
use crate::model::outcome::LATE;
use crate::model::{End, Event, InputRecord, Lsn, Match, Outcome, Via};

/// Why an input that was handled is listed.
const NOT_OBSERVED: &str = "it was handled, but it is older than a window of its document accepts, and was not added";

/// Names that are counted each; what modules call by further ones is counted together.
const NAMES: usize = 1_000;
const OTHER: &str = "other";

/// Lines that wait for the next rest, bytes; beyond it they are written as they are.
const WAITING_BYTES: usize = 8 << 20;

/// What the summary counts.
#[derive(Default)]
pub struct Tally {
    pub inputs: u64,
    pub late: u64,
    pub matches: BTreeMap<String, u64>,
    pub failed: BTreeMap<String, u64>,
    pub published: BTreeMap<String, u64>,
    /// By a hash of the key: was anything stored for it? There are at most as many as inputs, each 16 bytes.
    keys: HashMap<u64, bool>,
}

impl Tally {
    pub fn keys(&self) -> u64 {
        self.keys.len() as u64
    }

    pub fn documents(&self) -> u64 {
        self.keys.values().filter(|stored| **stored).count() as u64
    }

    fn count(&mut self, record: &InputRecord) {
        let outcome = &record.outcome;
        if !record.key.is_empty() {
            *self.keys.entry(xxh3_64(record.key.as_bytes())).or_default() |= !outcome.ops.is_empty();
        }
        let waits = matches!(record.via, Via::Kept(_)) && outcome.end == End::Done;
        self.inputs += u64::from(!waits);
        self.late += u64::from(outcome.late || outcome.end.code() == LATE);
        let mut one = |counts: fn(&mut Tally) -> &mut BTreeMap<String, u64>, name: &str| {
            let counts = counts(self);
            let name = if counts.len() < NAMES || counts.contains_key(name) { name } else { OTHER };
            *counts.entry(name.to_owned()).or_default() += 1;
        };
        if outcome.end != End::Done {
            one(|tally| &mut tally.failed, outcome.end.code());
        }
        outcome.matches.iter().for_each(|found| one(|tally| &mut tally.matches, &found.name));
        outcome.published.iter().for_each(|event| one(|tally| &mut tally.published, &event.event_type));
    }
}

/// Where an event of the scratch journal came from, and who it is.
#[derive(Clone)]
struct Placed {
    origin: Origin,
    source: Arc<str>,
    id: Box<str>,
}

/// Lines of what was run since the last rest, in an order that does not depend on batches.
#[derive(Default)]
pub struct Report {
    pub tally: Tally,
    /// Events since the last rest, by their positions in the scratch journal.
    placed: BTreeMap<Lsn, Placed>,
    /// Those that wait in a document until the watermark has passed them, and how many inputs of each do.
    kept: BTreeMap<Lsn, (Placed, u32)>,
    /// With position and key of the input.
    lines: Vec<(Lsn, Box<str>, Vec<u8>)>,
    /// Of the lines.
    bytes: usize,
}

impl Report {
    /// An event was given this position in the scratch journal.
    pub fn place(&mut self, lsn: Lsn, origin: Origin, event: &Event) {
        self.placed.insert(lsn, Placed { origin, source: event.source.clone(), id: event.id.clone() });
    }

    pub fn see(&mut self, outcome: &Outcome, to: &mut dyn Write) -> io::Result<()> {
        outcome.inputs.iter().try_for_each(|record| self.record(record))?;
        if self.bytes > WAITING_BYTES { self.write(to) } else { Ok(()) }
    }

    fn record(&mut self, record: &InputRecord) -> io::Result<()> {
        self.tally.count(record);
        let placed = self.find(record);
        let end = &record.outcome.end;
        let code = if *end == End::Done && record.outcome.late { LATE } else { end.code() };
        if code != End::Done.code() {
            let reason = if *end == End::Done { NOT_OBSERVED.to_owned() } else { end.message() };
            let input = input(record, placed.as_ref());
            self.line(record, &BackfillLine::Failed(BackfillFailed { code: code.to_owned(), reason, input }))?;
        }
        let mut matches = record.outcome.matches.iter();
        matches.try_for_each(|one| self.line(record, &found(one, record, placed.as_ref())))
    }

    fn line(&mut self, record: &InputRecord, line: &BackfillLine) -> io::Result<()> {
        let mut bytes = Vec::new();
        write_line(&mut bytes, line)?;
        self.bytes += bytes.len();
        self.lines.push((record.lsn, record.key.clone(), bytes));
        Ok(())
    }

    /// The event that an input is, if it came from outside.
    fn find(&mut self, record: &InputRecord) -> Option<Placed> {
        match record.via {
            Via::Subscription(_) => self.placed.get(&record.lsn).cloned(),
            Via::Kept(_) => {
                let placed = self.placed.get(&record.lsn)?.clone();
                if record.outcome.end == End::Done {
                    self.kept.entry(record.lsn).or_insert_with(|| (placed.clone(), 0)).1 += 1;
                }
                Some(placed)
            }
            Via::HandedOver { from, .. } => {
                let (placed, left) = self.kept.get_mut(&from)?;
                let placed = placed.clone();
                *left -= 1;
                if *left == 0 {
                    self.kept.remove(&from);
                }
                Some(placed)
            }
            Via::Timer(_) | Via::Signal { .. } | Via::Settlement(_) => None,
        }
    }

    /// Everything has been run.
    pub fn rested(&mut self, to: &mut dyn Write) -> io::Result<()> {
        self.placed.clear();
        self.write(to)
    }

    fn write(&mut self, to: &mut dyn Write) -> io::Result<()> {
        // A tick fires timers of many keys, and which of them share a batch is nobody's business; of one key they stay in order.
        self.lines.sort_by(|(one, key, _), (other, than, _)| (one, key).cmp(&(other, than)));
        self.bytes = 0;
        self.lines.drain(..).try_for_each(|(_, _, line)| to.write_all(&line))
    }
}

pub fn write_line(to: &mut dyn Write, line: &BackfillLine) -> io::Result<()> {
    serde_json::to_writer(&mut *to, line)?;
    to.write_all(b"\n")
}

fn input(record: &InputRecord, placed: Option<&Placed>) -> BackfillInput {
    let name = match &record.via {
        Via::Subscription(_) | Via::Kept(_) | Via::HandedOver { .. } if placed.is_some() => "event".to_owned(),
        Via::Subscription(_) | Via::Kept(_) | Via::HandedOver { .. } => "derived event".to_owned(),
        Via::Timer(name) => format!("timer {name}"),
        Via::Signal { name, sender, .. } => format!("signal {name} from {sender}"),
        Via::Settlement(action) => format!("settlement {action}"),
    };
    let (position, line) = match placed.map(|placed| placed.origin) {
        Some(Origin::Position(lsn)) => (Some(lsn.0), None),
        Some(Origin::Line(line)) => (None, Some(line)),
        None => (None, None),
    };
    let event = placed.map(|placed| BackfillEvent { source: placed.source.to_string(), id: placed.id.to_string() });
    BackfillInput { kind: name, position, line, event, key: record.key.to_string(), time: time(record.time) }
}

fn found(found: &Match, record: &InputRecord, placed: Option<&Placed>) -> BackfillLine {
    let events = found.events.iter();
    BackfillLine::Match(BackfillMatch {
        name: found.name.to_string(),
        person: found.person.to_string(),
        id: format!("{:032x}", found.id),
        fields: json_on_one_line(&found.fields),
        input: input(record, placed),
        events: events
            .map(|event| BackfillEvent { source: event.source.to_string(), id: event.id.to_string() })
            .collect(),
        also: found.also.iter().map(|id| id.to_string()).collect(),
        once: found.once.as_ref().map(|once| once.to_string()),
        undeduplicated: record.outcome.undeduplicated,
    })
}
