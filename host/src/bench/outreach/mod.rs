//! `fishpond bench outreach`: what it costs from an event to a decision about a person, and how soon the person has it.
//!
//! One run of the host as it is served: a rule that finds something in every event, one message policy for the app, and a
//! chain of three shipped filters over a crowd of persons. Events are handed to intake; persons are connected by HTTP. First
//! at full speed, with nobody connected; then paced at half of it, with some of the crowd connected.

mod census;
mod crowd;
mod door;
mod full;
mod paced;
mod stage;
mod streams;
#[cfg(test)]
mod tests;
mod watch;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;

use super::report::{self, Line};
use crate::app;
use crate::backfill::Stop;
use door::Door;
use stage::Stage;
use watch::Watch;

/// Longest time in which no decision becomes durable; then something is wrong and the bench gives up.
const STALL: Duration = Duration::from_secs(30);

/// What to run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Of the part at full speed; each makes one match and one decision.
    pub events: u64,
    pub persons: u64,
    /// Persons who are connected in the paced part.
    pub streams: u64,
    /// Events a second of the paced part; None = half of the full speed.
    pub paced: Option<u64>,
    /// Events a second beside them that make no match.
    pub beside: u64,
    pub seed: u64,
    pub json: bool,
    /// Folder of the built components.
    pub components: PathBuf,
}

pub fn run(plan: &Plan) -> anyhow::Result<ExitCode> {
    eprintln!("measuring {} events about {} persons ...", plan.events, plan.persons);
    let lines = [report::machine(), measure(plan)?];
    report::print(&lines, plan.json);
    Ok(ExitCode::SUCCESS)
}

fn measure(plan: &Plan) -> anyhow::Result<Line> {
    anyhow::ensure!(
        plan.streams <= plan.persons,
        "{} of {} persons cannot be connected: give fewer --streams or more --persons",
        plan.streams,
        plan.persons
    );
    let folder = tempfile::tempdir()?;
    let running = Running::start(plan, folder.path())?;
    let crowd = crowd::Crowd { seed: plan.seed, persons: plan.persons, streams: plan.streams };
    let full = full::run(&running, &crowd, plan.events)?;
    let rate = plan.paced.map_or(full.rate() * paced::SHARE, |rate| rate as f64);
    let paced = paced::run(&running, &crowd, plan, rate)?;
    let stopping = Instant::now();
    let stage = running.stop()?;
    let stopped = stopping.elapsed();
    let name = format!(
        "{} events about {} persons, decided by a policy and {} filters, durable",
        plan.events,
        plan.persons,
        stage::FILTERS.len()
    );
    let line = full.line(Line::new(name));
    let line = line
        .number("final_checkpoint_seconds", stopped.as_secs_f64())
        .count("rows_written_with_checkpoint", stage.rows_written())
        .count("peak_memory_with_checkpoint_mib", super::usage::peak_memory_mib(None));
    Ok(paced.line(line))
}

/// The stage with its threads.
struct Running {
    stage: Stage,
    host: app::Running,
    door: Door,
    watch: Arc<Watch>,
    watching: crate::tasks::Thread<()>,
}

impl Running {
    fn start(plan: &Plan, folder: &std::path::Path) -> anyhow::Result<Running> {
        let (stage, host) = stage::open(plan, folder)?;
        let keys = door::keys(folder)?;
        let (router, host) = app::start(host, door::doors(folder, keys.clone()), Stop::default())?;
        let door = Door::open(router, keys, &stage.parts)?;
        let watch = Arc::new(Watch::new(stage.parts.log.clone(), plan.events));
        let own = watch.clone();
        let watching = crate::tasks::Thread::spawn("bench-watch", move || own.run())?;
        Ok(Running { stage, host, door, watch, watching })
    }

    /// Waits until so many decisions are durable. `each` is called about once a millisecond.
    fn decided(&self, count: u64, mut each: impl FnMut()) -> anyhow::Result<()> {
        let (mut seen, mut moved) = (0, Instant::now());
        let bell = self.stage.parts.log.bell();
        loop {
            let rings = bell.rings();
            each();
            let decided = self.watch.decided();
            if decided >= count {
                return self.watch.check();
            }
            if let Some(reason) = self.stage.unhealthy() {
                anyhow::bail!("{reason}");
            }
            if decided > seen {
                (seen, moved) = (decided, Instant::now());
            }
            anyhow::ensure!(
                moved.elapsed() < STALL,
                "{decided} of {count} events were decided about, and no more come"
            );
            bell.wait(rings, Duration::from_millis(1));
        }
    }

    /// In the order of the flow. Answers the stage, for its metrics.
    fn stop(self) -> anyhow::Result<Stage> {
        self.stage.hub.close();
        self.door.close()?;
        self.host.stop(&self.stage.parts.log)?;
        self.watching.join().context("the watcher has failed")?;
        Ok(self.stage)
    }
}
