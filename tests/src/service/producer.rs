//! A producer as producers should be: what is not acknowledged is sent again under the same ids, until it is.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use fastrand::Rng;
use serde_json::Value;

use super::{Act, Client, Crowd, PATIENCE};

/// How fast it sends.
#[derive(Clone, Copy)]
pub struct Pace {
    /// Events of a batch, at most; each batch has a seeded number.
    pub batch: usize,
    /// From the beginning of one batch to that of the next.
    pub every: Duration,
}

/// What a producer knows in the end.
pub struct Record {
    /// In the order of sending, without repeats. All are acknowledged.
    pub acts: Vec<Act>,
    /// For each request that was answered: the index of its last act, and the position that the answer names.
    pub positions: Vec<(usize, u64)>,
    /// Requests that were sent again because there was no answer.
    pub resent: u32,
    /// Events that were answered as duplicates after there had been no answer: durable, and nobody knew.
    pub known: u64,
}

/// A thread that sends, to one host at a time.
pub struct Producer {
    thread: JoinHandle<Record>,
    acknowledged: Receiver<()>,
    /// Where to send from now on; closing it ends the producer.
    places: Sender<Client>,
}

impl Producer {
    pub fn start(client: Client, business: &'static str, seed: u64, crowd: Crowd, pace: Pace) -> Producer {
        let (told, acknowledged) = channel();
        let (places, moves) = channel();
        let record = Record { acts: Vec::new(), positions: Vec::new(), resent: 0, known: 0 };
        let sender = Sending { client, business, crowd, pace, moves, told, rng: Rng::with_seed(seed), record };
        Producer { thread: std::thread::spawn(move || sender.run()), acknowledged, places }
    }

    /// Waits until so many more batches are acknowledged.
    pub fn wait_for(&self, batches: usize) {
        self.acknowledged.try_iter().for_each(drop);
        for _ in 0..batches {
            let waited = self.acknowledged.recv_timeout(PATIENCE);
            waited.unwrap_or_else(|error| {
                panic!("no acknowledgement ({error}); the producer has said why, or waits in vain")
            });
        }
    }

    /// There is another host now.
    pub fn moved(&self, client: Client) {
        self.places.send(client).expect("the producer is there; if not it has said why");
    }

    /// Ends it once everything is acknowledged.
    pub fn finish(self) -> Record {
        drop(self.places);
        self.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

struct Sending {
    client: Client,
    business: &'static str,
    crowd: Crowd,
    pace: Pace,
    moves: Receiver<Client>,
    told: Sender<()>,
    rng: Rng,
    record: Record,
}

impl Sending {
    fn run(mut self) -> Record {
        let mut next = Instant::now();
        loop {
            match self.moves.recv_timeout(next.saturating_duration_since(Instant::now())) {
                Ok(client) => self.client = client,
                Err(RecvTimeoutError::Disconnected) => return self.record,
                Err(RecvTimeoutError::Timeout) => {
                    self.batch();
                    next += self.pace.every;
                }
            }
        }
    }

    /// New acts, and now and then one that is known already.
    fn batch(&mut self) {
        let count = self.rng.usize(1..=self.pace.batch);
        let old = self.record.acts.len();
        self.record.acts.extend(self.crowd.by_ref().take(count));
        let mut batch: Vec<String> = self.record.acts[old..].iter().map(Act::json).collect();
        let repeats = if old > 0 { self.rng.usize(..3) } else { 0 };
        for _ in 0..repeats {
            batch.push(self.record.acts[self.rng.usize(..old)].json());
        }
        let answer = self.send(&batch, repeats as u64);
        let position = answer["position"].as_u64().expect("a position");
        self.record.positions.push((self.record.acts.len() - 1, position));
        // Whoever has heard enough does not listen any more.
        let _ = self.told.send(());
    }

    fn send(&mut self, batch: &[String], repeats: u64) -> Value {
        let mut again = false;
        loop {
            if let Some(told) = self.client.try_events(self.business, batch).filter(|told| told.status != 503) {
                assert_eq!(told.status, 202, "{told:?}");
                let answer = told.json();
                let count = |name: &str| answer[name].as_u64().expect("a number");
                assert_eq!(count("accepted") + count("duplicates"), batch.len() as u64, "{answer}");
                // What was acknowledged before is known; after a request without an answer there may be more.
                let duplicates = count("duplicates");
                assert!(
                    duplicates == repeats || (again && duplicates > repeats),
                    "{answer}: {repeats} were sent before"
                );
                self.record.known += duplicates - repeats;
                return answer;
            }
            again = true;
            self.record.resent += 1;
            self.client = self.moves.recv_timeout(PATIENCE).expect("another host, after one that does not answer");
        }
    }
}
