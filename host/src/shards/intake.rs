//! Intake: finds duplicates, gives positions, appends. One lock covers look-up and append, so of two posts of one
//! identity exactly one is accepted.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use super::blocking::Blocking;
use super::dedup::Known;
use super::identities::{Identities, Locked, Writing};
use super::parts::Parts;
use super::ticks::Timekeeper;
use crate::codec::Interner;
use crate::journal::{Encoded, Error, Log};
use crate::model::ports::{Submit, SubmitError, Submitted};
use crate::model::{DEFAULT_INTAKE, Event, Frame, Lsn};
use crate::telemetry::Metrics;

pub struct Intake {
    log: Log,
    identities: Arc<Identities>,
    interner: Mutex<Interner>,
    metrics: Arc<Metrics>,
    time: Arc<Timekeeper>,
    blocking: Arc<Blocking>,
    /// As events carry their names.
    refuse_older: HashSet<Box<str>>,
    _writing: Writing,
}

/// An event ready to be appended: hashing and encoding need no lock.
struct Prepared {
    event: Arc<Event>,
    identity: u128,
    content: u64,
    encoded: Option<Encoded>,
}

impl Prepared {
    fn new(event: Event) -> Prepared {
        let event = Arc::new(event);
        let encoded = Some(Encoded::new(Frame::Input(event.clone())));
        Prepared { identity: event.identity(), content: event.content(), event, encoded }
    }

    /// Marks it as the lock finds it: the floor may have risen since it was prepared.
    fn mark(&mut self, floor: u64) {
        if self.event.undeduplicated != may_have_come(&self.event, floor) {
            *self = Prepared::new(Event { undeduplicated: !self.event.undeduplicated, ..(*self.event).clone() });
        }
    }
}

/// May an event that is not known have come before, if what is dated or was received up to the floor may be forgotten? One
/// without a time of its own cannot say how old it is.
fn may_have_come(event: &Event, floor: u64) -> bool {
    floor > 0 && (event.time_replaced || event.time <= floor)
}

impl Intake {
    /// Events of the intakes in `refuse_older` are refused if they may have come before.
    pub fn new(parts: &Parts, refuse_older: &[String]) -> std::io::Result<Intake> {
        let Parts { log, limits, metrics, time, blocking, identities, .. } = parts.clone();
        let interner = Mutex::new(Interner::new(limits.sources as usize));
        let carried = |name: &String| if *name == DEFAULT_INTAKE { "".into() } else { name.as_str().into() };
        let refuse_older = refuse_older.iter().map(carried).collect();
        let _writing = Writing::start(identities.clone())?;
        Ok(Intake { log, identities, interner, metrics, time, blocking, refuse_older, _writing })
    }

    fn prepare(&self, events: Vec<Event>) -> Vec<Prepared> {
        let (mut events, floor) = (events, self.identities.floor());
        {
            let mut interner = self.interner.lock().unwrap_or_else(PoisonError::into_inner);
            for event in &mut events {
                event.business = interner.get(&event.business);
                event.source = interner.get(&event.source);
                event.kind = interner.get(&event.kind);
                if !event.intake.is_empty() {
                    event.intake = interner.get(&event.intake);
                }
            }
        }
        events.iter_mut().for_each(|event| event.undeduplicated = may_have_come(event, floor));
        events.into_iter().map(Prepared::new).collect()
    }

    /// What becomes of each event, by the identities that were known before; frames of those that are accepted.
    fn place(
        &self,
        prepared: &mut [Prepared],
        known: &mut Locked<'_>,
    ) -> Result<(Vec<Place>, Vec<Encoded>), SubmitError> {
        known.check()?;
        let (floor, mut frames) = (known.floor(), Vec::with_capacity(prepared.len()));
        // Identities of this very batch: index of the frame that they will get, and their content.
        let mut fresh: HashMap<u128, (u64, u64)> = HashMap::new();
        let mut places = Vec::with_capacity(prepared.len());
        for item in prepared {
            if let Some(Known { lsn, content }) = known.find(item.identity)? {
                let earlier =
                    if content == item.content { Submitted::Duplicate(lsn) } else { Submitted::IdReused(lsn) };
                places.push(Place::Nowhere(earlier));
                continue;
            }
            if let Some((index, content)) = fresh.get(&item.identity) {
                places.push(Place::Again { index: *index, same: *content == item.content });
                continue;
            }
            item.mark(floor);
            places.push(match self.refusal(&item.event) {
                Some(refused) => Place::Nowhere(refused),
                None => {
                    let index = frames.len() as u64;
                    fresh.insert(item.identity, (index, item.content));
                    frames.extend(item.encoded.take());
                    Place::Fresh(index)
                }
            });
        }
        Ok((places, frames))
    }

    /// Why an event that is not known may not come in.
    fn refusal(&self, event: &Event) -> Option<Submitted> {
        if event.undeduplicated && self.refuse_older.contains(&*event.intake) {
            return Some(Submitted::Undeduplicated);
        }
        self.blocking.who(event).map(Submitted::Blocked)
    }
}

impl Submit for Intake {
    fn submit(&self, events: Vec<Event>) -> Result<Vec<Submitted>, SubmitError> {
        let mut prepared = self.prepare(events);
        let mut known = self.identities.lock();
        let (places, frames) = self.place(&mut prepared, &mut known)?;
        let _seen_before_a_mark = self.time.appending();
        let first = if frames.is_empty() { Lsn::ZERO } else { self.log.try_append_all(frames).map_err(refused)? };
        let at = |index: u64| Lsn(first.0 + index);
        let mut answers = Vec::with_capacity(places.len());
        for (item, place) in prepared.iter().zip(places) {
            answers.push(match place {
                Place::Nowhere(answer) => answer,
                Place::Again { index, same: true } => Submitted::Duplicate(at(index)),
                Place::Again { index, same: false } => Submitted::IdReused(at(index)),
                Place::Fresh(index) => {
                    known.insert(&item.event, item.identity, Known { lsn: at(index), content: item.content });
                    self.metrics.undeduplicated.inc_by(u64::from(item.event.undeduplicated));
                    Submitted::Accepted(at(index))
                }
            });
        }
        let accepted = prepared.iter().zip(&answers).filter(|(_, answer)| matches!(answer, Submitted::Accepted(_)));
        self.time.saw(accepted.map(|(item, _)| &*item.event));
        Ok(answers)
    }
}

/// What becomes of an event.
enum Place {
    /// Index among this batch's frames.
    Fresh(u64),
    /// One of this batch has its identity: index of that one's frame, and whether the content is the same.
    Again { index: u64, same: bool },
    /// It is not appended.
    Nowhere(Submitted),
}

fn refused(error: Error) -> SubmitError {
    match error {
        Error::Full { .. } | Error::BatchTooLarge { .. } => SubmitError::Full,
        other => SubmitError::Failed(other.to_string()),
    }
}
