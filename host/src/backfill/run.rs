//! One past event after the other, with ticks between them as they are due.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::error::Error;
use super::listener::Listener;
use super::pace::Pace;
use super::report::{Report, write_line};
use super::scratch::{Place, Ran, Scratch};
use super::source::{Origin, Source};
use crate::api::body::{BackfillError, BackfillLine, BackfillProgress, BackfillSummary};
use crate::api::{expired, json_on_one_line, time};
use crate::model::ports::Submitted;
use crate::model::{Event, Limits, Lsn};
use crate::router::Router;
use crate::shards::Batching;

/// Events between two lines about how far it is.
const PROGRESS_EVENTS: u64 = 1_000;

/// A reader that hears nothing for longer may take the host for dead, and one that has left is not noticed.
const SILENCE: Duration = Duration::from_secs(10);

/// What is deployed on the scratch host.
#[derive(Clone, Debug)]
pub struct Job {
    pub business: String,
    /// Its name is a part of what matches are known by.
    pub deployment: String,
    pub component: Vec<u8>,
    /// JSON.
    pub configuration: String,
    /// None: what the module asks for.
    pub permissions: Option<Vec<String>>,
    /// How far the clock goes on behind the last event, milliseconds.
    pub advance_ms: u64,
}

/// How it is run. Neither batches nor rests change what is found.
pub struct Setting<'a> {
    pub place: &'a Place,
    pub limits: &'a Limits,
    pub batching: Batching,
    /// Most events that are given to the worker at once.
    pub at_once: usize,
    /// Of its time, 1 to 100.
    pub percent: u64,
    /// The longest time without a word to the reader: behind it there is an empty line.
    pub silence: Duration,
    pub stop: &'a AtomicBool,
}

impl<'a> Setting<'a> {
    /// Batches whose sizes no clock decides, so that the same input uses the same fuel.
    pub fn new(place: &'a Place, limits: &'a Limits, percent: u64, stop: &'a AtomicBool) -> Setting<'a> {
        let batching = Batching::Seeded { seed: 1, most: 64 };
        Setting { place, limits, batching, at_once: 256, percent, silence: SILENCE, stop }
    }
}

/// Writes lines of JSON, the last of them the summary; or, instead of that, why there is none. The scratch folder is gone when
/// it returns.
///
/// # Errors
/// [`Error`]; what was written then is no result.
pub fn run(job: &Job, source: &mut dyn Source, setting: &Setting<'_>, to: &mut dyn Write) -> Result<(), Error> {
    let done = Running::begin(job, source, setting, to).and_then(|mut running| running.run(job));
    let summary = match done {
        Ok(summary) => summary,
        Err(error) => return Err(tell(error, to)),
    };
    write_line(to, &BackfillLine::Summary(summary))?;
    Ok(to.flush()?)
}

/// Why there is no result, as the last line.
pub fn tell(error: Error, to: &mut dyn Write) -> Error {
    if let Error::Write(_) = error {
        return error;
    }
    let line = BackfillLine::Error(BackfillError { code: error.code().to_owned(), message: error.to_string() });
    match write_line(to, &line).and_then(|()| to.flush()) {
        Ok(()) => error,
        Err(unread) => Error::Write(unread),
    }
}

struct Running<'a> {
    source: &'a mut dyn Source,
    listener: Listener<'a>,
    scratch: Scratch,
    router: Router,
    report: Report,
    at_once: usize,
    /// Events that the worker has not been let run.
    waiting: usize,
    /// Read, of the business and of others.
    read: u64,
    events: u64,
    subscribed: u64,
    duplicates: u64,
    id_reused: u64,
    /// With another time than they said.
    replaced: u64,
    /// Of the first of the business, and the newest.
    receipts: Option<(u64, u64)>,
}

impl<'a> Running<'a> {
    fn begin(
        job: &Job,
        source: &'a mut dyn Source,
        setting: &Setting<'a>,
        to: &'a mut dyn Write,
    ) -> Result<Running<'a>, Error> {
        let (asked, limit) = (job.advance_ms, setting.limits.backfill_advance_ms);
        if asked > limit {
            return Err(Error::Advance { asked, limit });
        }
        let scratch = Scratch::open(job, setting.place, setting.limits, setting.batching)?;
        let router = Router::new(&scratch.revision().configured.plan, setting.limits.attribute_bytes as usize);
        Ok(Running {
            source,
            listener: Listener::new(to, setting.stop, Pace::new(setting.percent), setting.silence),
            scratch,
            router,
            report: Report::default(),
            at_once: setting.at_once,
            waiting: 0,
            read: 0,
            events: 0,
            subscribed: 0,
            duplicates: 0,
            id_reused: 0,
            replaced: 0,
            receipts: None,
        })
    }

    fn run(&mut self, job: &Job) -> Result<Box<BackfillSummary>, Error> {
        while let Some((origin, event)) = self.next()? {
            self.pass(event.received)?;
            self.scratch.move_clock(event.received);
            let own = *event.business == *job.business;
            if own {
                self.events += 1;
                self.replaced += u64::from(event.time_replaced);
                let (first, newest) = self.receipts.unwrap_or((event.received, 0));
                self.receipts = Some((first, newest.max(event.received)));
            }
            if own && self.router.subscribes(&event.kind) {
                self.subscribed += 1;
                let lsn =
                    if self.source.recorded() { Some(self.scratch.append(&event)?) } else { self.submit(&event)? };
                if let Some(lsn) = lsn {
                    self.report.place(lsn, origin, &event);
                    self.waiting += 1;
                }
            } else {
                self.scratch.saw(&event)?;
            }
            if self.waiting >= self.at_once {
                self.rest()?;
            }
            self.read += 1;
            if self.read.is_multiple_of(PROGRESS_EVENTS) {
                self.rest()?;
                self.progress()?;
            }
        }
        self.rest()?;
        let end = self.scratch.now().saturating_add(job.advance_ms);
        self.pass(end)?;
        self.scratch.move_clock(end);
        self.summary(job)
    }

    fn next(&mut self) -> Result<Option<(Origin, Arc<Event>)>, Error> {
        let Running { source, scratch, listener, .. } = self;
        source.next(scratch.now(), &mut || listener.look())
    }

    fn submit(&mut self, event: &Event) -> Result<Option<Lsn>, Error> {
        match self.scratch.submit(event)? {
            Submitted::Accepted(lsn) => return Ok(Some(lsn)),
            Submitted::Duplicate(_) => self.duplicates += 1,
            Submitted::IdReused(_) => self.id_reused += 1,
            // Nobody blocks here, and no intake refuses what is old.
            Submitted::Blocked(_) | Submitted::Undeduplicated => {}
        }
        Ok(None)
    }

    /// Time goes on from one tick to the next; what was given before a tick is handled before it.
    fn pass(&mut self, until: u64) -> Result<(), Error> {
        if !self.scratch.may_tick(until)? {
            return Ok(());
        }
        if self.waiting > 0 {
            self.rest()?;
        }
        while self.scratch.tick(until)? {
            self.rest()?;
        }
        Ok(())
    }

    fn rest(&mut self) -> Result<(), Error> {
        let Running { scratch, report, listener, .. } = self;
        scratch.run_to_rest(&mut |ran| match ran {
            Ran::Outcome(outcome) => Ok(report.see(outcome, listener)?),
            Ran::Batch => listener.look(),
        })?;
        self.waiting = 0;
        self.report.rested(&mut self.listener)?;
        self.listener.look()
    }

    fn progress(&mut self) -> Result<(), Error> {
        let matches = self.report.tally.matches.values().sum();
        let progress = BackfillProgress { events: self.read, matches, time: time(self.scratch.now()) };
        write_line(&mut self.listener, &BackfillLine::Progress(progress))?;
        Ok(self.listener.flush()?)
    }

    fn summary(&mut self, job: &Job) -> Result<Box<BackfillSummary>, Error> {
        let fuel = self.scratch.fuel(job)?;
        let (revision, tally) = (self.scratch.revision(), &self.report.tally);
        let gap = self.source.gap().map(expired);
        Ok(Box::new(BackfillSummary {
            deployment: job.deployment.clone(),
            module: revision.digest.to_string(),
            configuration: json_on_one_line(&revision.configuration),
            permissions: revision.permissions.iter().map(|name| name.to_string()).collect(),
            events: self.events,
            subscribed: self.subscribed,
            duplicates: self.duplicates,
            id_reused: self.id_reused,
            replaced: self.replaced,
            inputs: tally.inputs,
            matches: tally.matches.clone(),
            keys: tally.keys(),
            documents: tally.documents(),
            late: tally.late,
            failed: tally.failed.clone(),
            published: tally.published.clone(),
            fuel,
            first: self.receipts.map(|(first, _)| time(first)),
            last: self.receipts.map(|(_, newest)| time(newest)),
            ended: time(self.scratch.now()),
            gap,
        }))
    }
}
