//! All workers of a host, each with its part of the shards: step by step here, on threads as [`Shards`].

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::asker::Asker;
use super::guardian::{Guardian, Guarding};
use super::parts::Parts;
use super::progress::Board;
use super::recovery::Part;
use super::station::{IDLE, Station};
use super::turns::Batching;
use super::worker::Fatal;
use crate::model::DeploymentId;
use crate::tasks::{Bell, Thread};

/// Workers that are not yet on threads: tests and scenario files drive them step by step.
pub struct Workers {
    stations: Vec<Station>,
    /// The one whose turn is next.
    turn: usize,
    bell: Arc<Bell>,
    pub board: Arc<Board>,
    parts: Parts,
    guardian: Guardian,
}

impl Workers {
    /// One for each part that recovery has left.
    pub fn new(parts: Parts, recovered: Vec<Part>, batching: Batching) -> std::io::Result<Workers> {
        let board = Arc::new(Board::new(parts.log.clone(), parts.clock.clone(), parts.faults.clone(), recovered.len()));
        let station = |(index, part)| Station::new(index, part, parts.clone(), board.clone(), batching);
        let stations = recovered.into_iter().enumerate().map(station).collect::<Result<Vec<_>, _>>()?;
        let guardian = Guardian::new(parts.clone(), board.clone(), asker_of(&stations, &parts));
        Ok(Workers { stations, turn: 0, bell: parts.log.bell(), board, parts, guardian })
    }

    /// One batch of the next worker that has something to do. False if none has.
    pub fn step(&mut self) -> Result<bool, Fatal> {
        let count = self.stations.len();
        for _ in 0..count {
            let station = &mut self.stations[self.turn];
            self.turn = (self.turn + 1) % count;
            station.take_mail();
            if station.worker.step()? {
                return Ok(true);
            }
        }
        self.guardian.look()
    }

    /// Does a worker wait for the write-back, with work left?
    pub fn waits(&self) -> bool {
        self.stations.iter().any(|station| station.worker.waits_for_write_back())
    }

    /// Steps until every reader has read all there is. Answers the number of batches.
    pub fn run_to_rest(&mut self) -> Result<u64, Fatal> {
        self.run_to_rest_with(|_| Ok(()))
    }

    /// As [`Self::run_to_rest`]; `between` is told how many batches there were, behind each and behind each wait.
    ///
    /// # Errors
    /// What `between` answers, which ends it; [`Fatal`].
    pub fn run_to_rest_with<E: From<Fatal>>(
        &mut self,
        mut between: impl FnMut(u64) -> Result<(), E>,
    ) -> Result<u64, E> {
        let mut batches = 0;
        loop {
            let seen = self.bell.rings();
            if self.step()? {
                batches += 1;
                between(batches)?;
                continue;
            }
            let retry = self.stations.iter().filter_map(|station| station.worker.next_retry()).min();
            match retry {
                _ if self.waits() => self.bell.wait(seen, IDLE),
                Some(at) => self.bell.wait(seen, at.saturating_duration_since(Instant::now())),
                None => return Ok(batches),
            }
            between(batches)?;
        }
    }

    /// The receive clock at which the next tick is due, if anything waits for one.
    pub fn next_tick(&mut self) -> Option<u64> {
        self.stations.iter().for_each(|station| station.worker.say_due());
        self.parts.time.next()
    }

    /// Writes a tick if one is due.
    pub fn tick(&mut self) -> Result<bool, Fatal> {
        self.stations.iter().for_each(|station| station.worker.say_due());
        Ok(self.parts.time.tick()?)
    }

    /// Begins to bring everything to the store.
    pub fn begin_checkpoint(&mut self) -> Result<(), Fatal> {
        self.stations.iter_mut().try_for_each(|station| station.worker.begin_checkpoint())
    }

    /// Brings everything to the store and waits for it.
    pub fn checkpoint(&mut self) -> Result<(), Fatal> {
        self.begin_checkpoint()?;
        self.stations.iter_mut().try_for_each(Station::checkpoint)
    }

    /// Every input alone on a fresh instance.
    pub fn run_singly(&mut self) {
        self.stations.iter_mut().for_each(|station| station.worker.run_singly());
    }

    /// A deployment reads nothing until it is let go: for tests of whoever waits for it.
    pub fn hold_back(&mut self, id: DeploymentId, held_back: bool) {
        self.stations.iter_mut().for_each(|station| station.worker.hold_back(id, held_back));
    }

    /// A way to ask them.
    pub fn asker(&self) -> Asker {
        asker_of(&self.stations, &self.parts)
    }
}

fn asker_of(stations: &[Station], parts: &Parts) -> Asker {
    Asker::new(stations.iter().map(|station| station.sender.clone()), parts.log.bell())
}

/// The workers on their threads.
pub struct Shards {
    threads: Vec<Thread<bool>>,
    guarding: Guarding,
    stop: Arc<AtomicBool>,
    bell: Arc<Bell>,
}

impl Shards {
    pub fn start(workers: Workers) -> std::io::Result<Shards> {
        let (stop, bell) = (Arc::new(AtomicBool::new(false)), workers.bell.clone());
        let mut threads = Vec::with_capacity(workers.stations.len());
        for station in workers.stations {
            let stopping = stop.clone();
            threads.push(Thread::spawn("worker", move || station.run(&stopping))?);
        }
        let guarding = Guarding::start(workers.guardian)?;
        Ok(Shards { threads, guarding, stop, bell })
    }

    /// Reads what the journal holds, for ten seconds at most (the rest is read after the next start), and brings all
    /// documents to the store. Answers whether that worked.
    pub fn stop(self) -> bool {
        self.guarding.stop();
        self.stop.store(true, Ordering::Release);
        self.bell.ring();
        let ended: Vec<bool> = self.threads.into_iter().map(|thread| thread.join().unwrap_or(false)).collect();
        ended.into_iter().all(|well| well)
    }
}
