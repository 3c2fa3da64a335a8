//! Backfills of a serving host, over its own journal. Its registry is asked which module is meant; nothing of the host is changed.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::error::Error;
use super::run::{Job, Setting, run, tell};
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
    /// Is nothing left there of those before?
    cleaned: Mutex<bool>,
    stop: Stop,
}

impl Backfiller {
    /// Of the host on this data folder. What a killed one has left of its backfills there is removed; where that cannot be, it
    /// is tried again by every backfill, and nothing else waits for it.
    pub fn new(log: Log, registry: Arc<Registry>, limits: Arc<Limits>, data: &Path, stop: Stop) -> Backfiller {
        let folder = data.join(FOLDER);
        let cleaned = clean(&folder);
        if let Err(error) = &cleaned {
            tracing::warn!(folder = %folder.display(), %error, "cannot clean the folder of backfills: there is none before it can be");
        }
        let place = Place { folder, native: Some(data.join("native")) };
        Backfiller { log, registry, limits, place, cleaned: Mutex::new(cleaned.is_ok()), stop }
    }

    /// As the port; with the reason as it is.
    pub fn run(&self, asked: &BackfillRequest, to: &mut dyn Write) -> Result<(), Error> {
        let (job, mut source) = self.prepare(asked).map_err(|error| tell(error, to))?;
        let setting = Setting::new(&self.place, &self.limits, self.limits.backfill_percent, self.stop.flag());
        run(&job, &mut source, &setting, to)
    }

    fn prepare(&self, asked: &BackfillRequest) -> Result<(Job, Journal), Error> {
        self.clean()?;
        let job = Job {
            business: asked.business.to_string(),
            deployment: asked.deployment.to_string(),
            component: self.registry.component(&asked.business, asked.digest)?,
            configuration: asked.configuration.to_string(),
            permissions: asked.permissions.as_ref().map(|names| names.iter().map(|name| name.to_string()).collect()),
            advance_ms: asked.advance_ms,
        };
        Ok((job, Journal::new(&self.log, asked.since, asked.until)?))
    }

    fn clean(&self) -> Result<(), Error> {
        let mut cleaned = self.cleaned.lock().unwrap_or_else(PoisonError::into_inner);
        if !*cleaned {
            let folder = self.place.folder.display();
            clean(&self.place.folder).map_err(|error| Error::host(format!("{folder} cannot be cleaned: {error}")))?;
            *cleaned = true;
        }
        Ok(())
    }
}

/// Removes what is in it and not the folder itself, which may be a disk of its own.
fn clean(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        // The root of a disk may have one of these, which is nobody's backfill.
        if entry.file_name() == "lost+found" {
            continue;
        }
        match entry.file_type()?.is_dir() {
            true => fs::remove_dir_all(entry.path())?,
            false => fs::remove_file(entry.path())?,
        }
    }
    Ok(())
}

impl Backfill for Backfiller {
    fn backfill(&self, asked: &BackfillRequest, to: &mut dyn Write) -> Result<(), String> {
        self.run(asked, to).map_err(|error| error.to_string())
    }
}
