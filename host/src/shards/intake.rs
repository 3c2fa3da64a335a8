//! Intake: finds duplicates, gives positions, appends. One lock covers look-up and append, so of two posts of one
//! identity exactly one is accepted.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::blocking::Blocking;
use super::dedup::{Dedup, Known};
use super::parts::Parts;
use super::ticks::Timekeeper;
use crate::codec::Interner;
use crate::journal::{Encoded, Error, Log};
use crate::model::ports::{Submit, SubmitError, Submitted};
use crate::model::{DeploymentId, Event, Frame, Lsn};
use crate::telemetry::Metrics;

pub struct Intake {
    log: Log,
    dedup: Mutex<Dedup>,
    interner: Mutex<Interner>,
    metrics: Arc<Metrics>,
    time: Arc<Timekeeper>,
    blocking: Arc<Blocking>,
}

/// An event ready to be appended: hashing and encoding need no lock.
struct Prepared {
    event: Arc<Event>,
    identity: u128,
    content: u64,
    encoded: Option<Encoded>,
}

impl Intake {
    /// `dedup` as recovery has rebuilt it.
    pub fn new(parts: &Parts, dedup: Dedup) -> Intake {
        let Parts { log, limits, metrics, time, blocking, .. } = parts.clone();
        let interner = Mutex::new(Interner::new(limits.sources as usize));
        measure(&metrics, &dedup);
        Intake { log, dedup: Mutex::new(dedup), interner, metrics, time, blocking }
    }

    fn prepare(&self, events: Vec<Event>) -> Vec<Prepared> {
        let mut events = events;
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
        let prepare = |event: Event| {
            let event = Arc::new(event);
            let encoded = Some(Encoded::new(Frame::Input(event.clone())));
            Prepared { identity: event.identity(), content: event.content(), event, encoded }
        };
        events.into_iter().map(prepare).collect()
    }
}

impl Submit for Intake {
    fn submit(&self, events: Vec<Event>) -> Result<Vec<Submitted>, SubmitError> {
        let mut prepared = self.prepare(events);
        let mut dedup = self.dedup.lock().unwrap_or_else(PoisonError::into_inner);
        let mut frames = Vec::with_capacity(prepared.len());
        // Identities of this very batch: index of the frame that they will get, and their content.
        let mut fresh: HashMap<u128, (u64, u64)> = HashMap::new();
        let mut found = Vec::with_capacity(prepared.len());
        for item in &mut prepared {
            let earlier = dedup.get(item.identity).map(|known| (Place::Known(known.lsn), known.content));
            let earlier =
                earlier.or_else(|| fresh.get(&item.identity).map(|(index, content)| (Place::Fresh(*index), *content)));
            found.push(match earlier {
                Some((place, content)) => (place, Some(content == item.content)),
                None => match self.blocking.who(&item.event) {
                    Some(lagging) => (Place::Nowhere(lagging), None),
                    None => {
                        let index = frames.len() as u64;
                        fresh.insert(item.identity, (index, item.content));
                        frames.extend(item.encoded.take());
                        (Place::Fresh(index), None)
                    }
                },
            });
        }
        let _seen_before_a_mark = self.time.appending();
        let first = if frames.is_empty() { Lsn::ZERO } else { self.log.try_append_all(frames).map_err(refused)? };
        let mut answers = Vec::with_capacity(found.len());
        for (item, (place, earlier)) in prepared.iter().zip(found) {
            let lsn = match place {
                Place::Known(lsn) => lsn,
                Place::Fresh(index) => Lsn(first.0 + index),
                Place::Nowhere(lagging) => {
                    answers.push(Submitted::Blocked(lagging));
                    continue;
                }
            };
            answers.push(match earlier {
                None => {
                    dedup.insert(&item.event, item.identity, Known { lsn, content: item.content });
                    Submitted::Accepted(lsn)
                }
                Some(true) => Submitted::Duplicate(lsn),
                Some(false) => Submitted::IdReused(lsn),
            });
        }
        let accepted = prepared.iter().zip(&answers).filter(|(_, answer)| matches!(answer, Submitted::Accepted(_)));
        self.time.saw(accepted.map(|(item, _)| &*item.event));
        measure(&self.metrics, &dedup);
        Ok(answers)
    }
}

fn measure(metrics: &Metrics, dedup: &Dedup) {
    metrics.dedup_ids.set(dedup.len() as i64);
    metrics.dedup_horizon_ms.set(dedup.effective_horizon_ms() as i64);
}

/// Where the first event of an identity is.
enum Place {
    Known(Lsn),
    /// Index among this batch's frames.
    Fresh(u64),
    /// It may not come in before this deployment has caught up.
    Nowhere(DeploymentId),
}

fn refused(error: Error) -> SubmitError {
    match error {
        Error::Full { .. } | Error::BatchTooLarge { .. } => SubmitError::Full,
        other => SubmitError::Failed(other.to_string()),
    }
}
