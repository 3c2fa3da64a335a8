//! Where events become outcomes: intake, the worker and its readers, documents, write-back, recovery.
//!
//! In the order of an event's way: `intake` (with `dedup`) appends it; `worker` meets it through a `reader`, gathers a
//! `batch`, runs it on `documents`, and appends what `commit` made of it; `checkpoint` and `writeback` bring
//! documents to the store; the `desk` does what policies say about matches, `facts` are what it and others may subscribe
//! to; `ticks` let time pass for the timers of the `agenda`; `recovery` rebuilds all of it from the journal. `questions` are answered in between,
//! `progress` says how far everybody is.

mod agenda;
mod batch;
mod checkpoint;
mod commit;
mod dedup;
mod deployment;
mod desk;
mod documents;
mod facts;
mod intake;
mod meters;
mod parts;
mod progress;
mod questions;
mod reader;
mod recovery;
mod shelf;
mod ticks;
mod worker;
mod writeback;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

pub use intake::Intake;
pub use parts::Parts;
pub use progress::Board;
pub use recovery::{Error as RecoveryError, Recovered, RecoveredDesk, Recovery, recover};
pub use ticks::Times;
pub use worker::{Batching, Fatal, Worker};

use crate::model::outreach::{ActionId, Reached};
use crate::model::ports::{Acknowledged, Answer, Answering, DocumentView, PersonView, Question, WhatIf};
use crate::model::{DeploymentId, Lsn, ShardSet};
use crate::tasks::{Bell, Thread};
use checkpoint::Checkpointer;
use desk::Desk;
use questions::Ask;
use writeback::{Done, WriteBack};

/// Longest sleep of a worker that has nothing to do; every ring ends it early.
const IDLE: Duration = Duration::from_secs(1);

/// How often a worker that has work to do looks whether timers are due.
const BUSY_TICK: Duration = Duration::from_millis(50);

/// How long a worker that is told to end goes on reading: a deployment that is far behind must not hold up the end.
const DRAIN: Duration = Duration::from_secs(10);

/// What reaches a worker besides the journal.
enum Message {
    Ask(Ask),
    Done(Done),
}

/// A worker with its mailbox, not yet on a thread: tests and scenario files drive it step by step.
pub struct Station {
    pub worker: Worker,
    mail: Receiver<Message>,
    bell: Arc<Bell>,
    pub board: Arc<Board>,
    sender: Sender<Message>,
}

impl Station {
    /// A worker for all shards behind a recovery.
    pub fn new(parts: Parts, recovered: Readers, batching: Batching) -> std::io::Result<Station> {
        let Readers { deployments, desk, times, mark } = recovered;
        let bell = parts.log.bell();
        let (sender, mail) = channel();
        let (done_mail, done_bell) = (sender.clone(), bell.clone());
        let write_back = WriteBack::start(parts.log.clone(), parts.store.clone(), move |done| {
            // The worker may be gone already: then nobody needs to know.
            let _ = done_mail.send(Message::Done(done));
            done_bell.ring();
        })?;
        let board = Arc::new(Board::new(parts.log.clone()));
        let checkpoint = Checkpointer::new(write_back, mark);
        let desk = Desk::new(desk, &parts.log, times);
        let worker = Worker::new(parts, deployments, desk, checkpoint, board.clone(), batching);
        Ok(Station { worker, mail, bell, board, sender })
    }

    /// Takes what is in the mailbox.
    fn take_mail(&mut self) {
        while let Ok(message) = self.mail.try_recv() {
            match message {
                Message::Ask(ask) => self.worker.answer(ask),
                Message::Done(done) => self.worker.written(done),
            }
        }
    }

    /// Steps until every reader has read all there is. Answers the number of batches.
    pub fn run_to_rest(&mut self) -> Result<u64, Fatal> {
        let mut batches = 0;
        loop {
            self.take_mail();
            let seen = self.bell.rings();
            if self.worker.step()? {
                batches += 1;
            } else if let Some(at) = self.worker.next_retry() {
                self.bell.wait(seen, at.saturating_duration_since(Instant::now()));
            } else {
                return Ok(batches);
            }
        }
    }

    /// Brings everything to the store and waits for it.
    pub fn checkpoint(&mut self) -> Result<(), Fatal> {
        // One that is under way holds only what was there when it began.
        self.finish_checkpoint()?;
        self.worker.begin_checkpoint()?;
        self.finish_checkpoint()
    }

    fn finish_checkpoint(&mut self) -> Result<(), Fatal> {
        loop {
            let seen = self.bell.rings();
            self.take_mail();
            if !self.worker.checkpointing()? {
                return Ok(());
            }
            self.bell.wait(seen, IDLE);
        }
    }

    /// A way to ask this worker.
    pub fn asker(&self) -> Asker {
        Asker { mail: Mutex::new(self.sender.clone()), bell: self.bell.clone() }
    }
}

/// Everybody who reads the journal, where recovery has left them.
pub struct Readers {
    pub deployments: BTreeMap<DeploymentId, Recovered>,
    pub desk: RecoveredDesk,
    pub times: Times,
    pub mark: Lsn,
}

/// Puts questions into the worker's mailbox.
pub struct Asker {
    mail: Mutex<Sender<Message>>,
    bell: Arc<Bell>,
}

impl Asker {
    fn post(&self, ask: Ask) {
        // A worker that is gone drops the question, and with it whoever waits learns that there is no answer.
        let _ = self.mail.lock().unwrap_or_else(PoisonError::into_inner).send(Message::Ask(ask));
        self.bell.ring();
    }
}

impl crate::model::ports::Ask for Asker {
    fn query(&self, question: Question, answer: Answering<Answer>) {
        self.post(Ask::Query(question, answer));
    }

    fn documents(&self, business: &str, key: &str, answer: Box<dyn FnOnce(Vec<DocumentView>) + Send>) {
        self.post(Ask::Documents { business: business.into(), key: key.into(), answer });
    }

    fn person(&self, business: &str, person: &str, answer: Answering<PersonView>) {
        self.post(Ask::Person { business: business.into(), person: person.into(), answer });
    }

    fn arrive(&self, business: &str, person: &str, slot: Option<&str>, answer: Answering<PersonView>) {
        let (business, person, slot) = (business.into(), person.into(), slot.map(Box::from));
        self.post(Ask::Arrive { business, person, slot, answer });
    }

    fn acknowledge(&self, business: &str, person: &str, action: ActionId, answer: Answering<Acknowledged>) {
        self.post(Ask::Acknowledge { business: business.into(), person: person.into(), action, answer });
    }

    fn what_if(&self, look: WhatIf, answer: Answering<Vec<Reached>>) {
        self.post(Ask::WhatIf(Box::new(look), answer));
    }

    fn standing(&self, deployment: DeploymentId, answer: Answering<Vec<(ShardSet, Lsn)>>) {
        self.post(Ask::Standing(deployment, answer));
    }
}

/// The worker on its thread.
pub struct Shards {
    thread: Thread<bool>,
    stop: Arc<AtomicBool>,
    bell: Arc<Bell>,
}

impl Shards {
    pub fn start(station: Station) -> std::io::Result<Shards> {
        let (stop, bell) = (Arc::new(AtomicBool::new(false)), station.bell.clone());
        let stopping = stop.clone();
        let thread = Thread::spawn("worker", move || station.run(&stopping))?;
        Ok(Shards { thread, stop, bell })
    }

    /// Reads what the journal holds, for ten seconds at most (the rest is read after the next start), and brings all
    /// documents to the store. Answers whether that worked.
    pub fn stop(self) -> bool {
        self.stop.store(true, Ordering::Release);
        self.bell.ring();
        self.thread.join().unwrap_or(false)
    }
}

impl Station {
    /// Answers whether it ended well.
    fn run(mut self, stop: &AtomicBool) -> bool {
        let ended = catch_unwind(AssertUnwindSafe(|| self.run_until(stop).map_err(|fatal| fatal.to_string())));
        let Err(reason) = ended.unwrap_or_else(|_| Err("the worker panicked; the log says where".to_owned())) else {
            return true;
        };
        tracing::error!(reason, "the worker stands still until the host is restarted");
        self.board.fail(reason);
        // Durable data can still be asked for.
        while !stop.load(Ordering::Acquire) {
            let seen = self.bell.rings();
            self.take_mail();
            self.bell.wait(seen, IDLE);
        }
        false
    }

    fn run_until(&mut self, stop: &AtomicBool) -> Result<(), Fatal> {
        let mut deadline = None;
        let mut looked = Instant::now();
        loop {
            let seen = self.bell.rings();
            self.take_mail();
            let stopping = stop.load(Ordering::Acquire);
            if stopping {
                deadline.get_or_insert_with(|| Instant::now() + DRAIN);
            }
            if deadline.is_none_or(|deadline| Instant::now() < deadline) && self.worker.step()? {
                if looked.elapsed() >= BUSY_TICK {
                    looked = Instant::now();
                    self.worker.tick()?;
                }
                continue;
            }
            if stopping {
                return self.checkpoint();
            }
            if self.worker.tick()? {
                continue;
            }
            self.bell.wait(seen, self.sleep());
        }
    }

    /// Until something is due that no ring announces.
    fn sleep(&self) -> Duration {
        let retry = self.worker.next_retry().map(|at| at.saturating_duration_since(Instant::now()));
        let now = self.worker.clock();
        let tick = self.worker.next_tick().map(|due| Duration::from_millis(due.saturating_sub(now)));
        // A chain that waits for a filter looks at the clock.
        let chain = self.worker.waits_for_filter().then_some(BUSY_TICK);
        [retry, tick, chain].into_iter().flatten().fold(IDLE, Duration::min)
    }
}
