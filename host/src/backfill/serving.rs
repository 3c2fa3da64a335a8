//! Backfills of a serving host, over its own journal. Its registry is asked which module is meant; nothing of the host is changed.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::error::Error;
use super::run::{Job, Setting, run};
use super::scratch::Place;
use super::source::Journal;
use crate::journal::Log;
use crate::model::Limits;
use crate::model::ports::{Backfill, BackfillRequest};
use crate::registry::Registry;

/// Within the data folder.
const FOLDER: &str = "backfill";

/// Ends what runs, when its host does.
#[derive(Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    pub fn stop(&self) {
        self.0.store(true, Ordering::Release);
    }

    pub fn flag(&self) -> &AtomicBool {
        &self.0
    }
}

pub struct Backfiller {
    log: Log,
    registry: Arc<Registry>,
    limits: Arc<Limits>,
    place: Place,
    stop: Stop,
}

impl Backfiller {
    /// Of the host on this data folder. What a killed one has left of its backfills there is removed.
    pub fn new(
        log: Log,
        registry: Arc<Registry>,
        limits: Arc<Limits>,
        data: &Path,
        stop: Stop,
    ) -> io::Result<Backfiller> {
        let folder = data.join(FOLDER);
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => fs::create_dir(&folder)?,
        }
        Ok(Backfiller { log, registry, limits, place: Place { folder, native: Some(data.join("native")) }, stop })
    }

    /// As the port; with the reason as it is.
    pub fn run(&self, asked: &BackfillRequest, to: &mut dyn Write) -> Result<(), Error> {
        let job = Job {
            business: asked.business.to_string(),
            deployment: asked.deployment.to_string(),
            component: self.registry.component(&asked.business, asked.digest)?,
            configuration: asked.configuration.to_string(),
            permissions: asked.permissions.as_ref().map(|names| names.iter().map(|name| name.to_string()).collect()),
            advance_ms: asked.advance_ms,
        };
        let mut source = Journal::new(&self.log, asked.since, asked.until, &self.limits)?;
        let setting = Setting::new(&self.place, &self.limits, self.limits.backfill_percent, self.stop.flag());
        run(&job, &mut source, &setting, to)
    }
}

impl Backfill for Backfiller {
    fn backfill(&self, asked: &BackfillRequest, to: &mut dyn Write) -> Result<(), String> {
        self.run(asked, to).map_err(|error| error.to_string())
    }
}
