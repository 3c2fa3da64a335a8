//! A worker with its mailbox: on a thread, or driven step by step in tests and scenario files.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use super::checkpoint::Checkpointer;
use super::parts::Parts;
use super::progress::Board;
use super::questions::Ask;
use super::recovery::Part;
use super::turns::Batching;
use super::worker::{Fatal, Worker};
use super::writeback::{Done, WriteBack};
use crate::tasks::Bell;

/// Longest sleep of a worker that has nothing to do; every ring ends it early.
pub(super) const IDLE: Duration = Duration::from_secs(1);

/// How often a worker that has work to do looks whether timers are due.
const BUSY_TICK: Duration = Duration::from_millis(50);

/// How long a worker that is told to end goes on reading: a deployment that is far behind must not hold up the end.
const DRAIN: Duration = Duration::from_secs(10);

/// What reaches a worker besides the journal.
pub(super) enum Message {
    Ask(Ask),
    Done(Done),
}

pub(super) struct Station {
    pub worker: Worker,
    mail: Receiver<Message>,
    pub sender: Sender<Message>,
    bell: Arc<Bell>,
    board: Arc<Board>,
}

impl Station {
    pub fn new(
        index: usize,
        part: Part,
        parts: Parts,
        board: Arc<Board>,
        batching: Batching,
    ) -> std::io::Result<Station> {
        let bell = parts.log.bell();
        let (sender, mail) = channel();
        let (done_mail, done_bell) = (sender.clone(), bell.clone());
        let write_back = WriteBack::start(&parts, move |done| {
            // The worker may be gone already: then nobody needs to know.
            let _ = done_mail.send(Message::Done(done));
            done_bell.ring();
        })?;
        let checkpoint = Checkpointer::new(write_back, part.mark);
        let worker = Worker::new(index, part, parts, checkpoint, board.clone(), batching);
        Ok(Station { worker, mail, sender, bell, board })
    }

    /// Takes what is in the mailbox.
    pub fn take_mail(&mut self) {
        while let Ok(message) = self.mail.try_recv() {
            match message {
                Message::Ask(ask) => self.worker.answer(ask),
                Message::Done(done) => self.worker.written(done),
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

    /// Reads along until it is told to stop. Answers whether it ended well.
    pub fn run(mut self, stop: &AtomicBool) -> bool {
        let ended = catch_unwind(AssertUnwindSafe(|| self.run_until(stop).map_err(|fatal| fatal.to_string())));
        let Err(reason) = ended.unwrap_or_else(|_| Err("a worker panicked; the log says where".to_owned())) else {
            return true;
        };
        tracing::error!(reason, worker = self.worker.index, "a worker stands still until the host is restarted");
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
            let in_time = deadline.is_none_or(|deadline| Instant::now() < deadline);
            if in_time && self.worker.step()? {
                if looked.elapsed() >= BUSY_TICK {
                    looked = Instant::now();
                    self.worker.tick()?;
                }
                continue;
            }
            if stopping && !(in_time && self.worker.waits_for_write_back()) {
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
        let time = self.worker.time();
        let tick = time.next().map(|due| Duration::from_millis(due.saturating_sub(time.now())));
        // A chain that waits for a filter looks at the clock.
        let chain = self.worker.waits_for_filter().then_some(BUSY_TICK);
        [retry, tick, chain].into_iter().flatten().fold(IDLE, Duration::min)
    }
}
