//! Journals at random: users, deployments and failures from small sets, so that everything meets everything.

use std::sync::Arc;

use crate::model::{
    Change, DeploymentId, End, Event, Frame, InputRecord, Lsn, Outcome, PauseCause, Resend, ShardSet, Start, Tick, Via,
    Whole, shard_of,
};
use crate::trace::fixture::{Past, found, plan};

pub const USERS: [&str; 5] = ["ann", "bob", "cy", "dee", ""];
pub const IDS: [&str; 4] = ["i1", "i2", "i3", "i4"];
pub const BUSINESSES: [&str; 2] = ["demo", "other"];
pub const DEPLOYMENTS: [&str; 3] = ["risk", "calm", "young"];
pub const CODES: [&str; 2] = ["bad", "trap"];

/// Makes a journal and remembers what further frames can speak of.
pub struct Random<'a> {
    past: &'a Past,
    rng: fastrand::Rng,
    deployments: Vec<DeploymentId>,
    events: Vec<(Lsn, Arc<Event>)>,
    resent: Vec<(DeploymentId, Lsn, Lsn)>,
}

impl Random<'_> {
    pub fn new(past: &Past, seed: u64) -> Random<'_> {
        let mut random = Random {
            past,
            rng: fastrand::Rng::with_seed(seed),
            deployments: Vec::new(),
            events: Vec::new(),
            resent: Vec::new(),
        };
        for (business, name) in [("demo", "risk"), ("other", "risk"), ("demo", "calm")] {
            random.deploy(business, name);
        }
        random.event();
        random
    }

    fn deploy(&mut self, business: &str, name: &str) {
        let key = if self.rng.bool() { "subject" } else { "actor" };
        let id = self.past.deploy(business, name, &plan(r#""seen""#, key, ""), Start::Latest);
        if !self.deployments.contains(&id) {
            self.deployments.push(id);
        }
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.rng.usize(..of.len())]
    }

    /// So many frames, some of them durable before the next.
    pub fn frames(&mut self, count: usize) {
        for _ in 0..count {
            match self.rng.u32(..20) {
                0..8 => self.event(),
                8..16 => self.outcome(),
                16..18 => self.control(),
                18 => drop(self.past.log.append(Frame::Tick(Tick::default())).expect("appended")),
                _ => self.past.later(1_000),
            }
        }
        self.past.durable();
    }

    fn event(&mut self) {
        let event = Event {
            business: self.one(&BUSINESSES).into(),
            source: "app".into(),
            id: self.one(&IDS).into(),
            kind: self.one(&["seen", "chat"]).into(),
            subject: self.one(&USERS).into(),
            actor: self.one(&USERS).into(),
            data: format!(r#"{{"fill":"{}"}}"#, "x".repeat(self.rng.usize(..2_000))).into(),
            ..Event::default()
        };
        let lsn = self.past.event(event.clone());
        self.events.push((lsn, Arc::new(event)));
    }

    fn outcome(&mut self) {
        let id = self.one(&self.deployments.clone());
        let mut inputs: Vec<InputRecord> = (0..self.rng.usize(1..4)).map(|_| self.record(id)).collect();
        inputs.sort_by_key(|record| record.lsn);
        let (mut shards, mut wholes) = (ShardSet::EMPTY, Vec::new());
        inputs.iter().for_each(|record| shards = shards.union(ShardSet::one(shard_of(&record.key))));
        if self.rng.u32(..4) == 0 {
            let key: Box<str> = self.one(&USERS).into();
            let document = crate::codec::encode_document(&crate::model::Document::default());
            wholes.push(Whole { key, bytes: document.into() });
        }
        let outcome = Outcome {
            deployment: id,
            revision: 1,
            digest: crate::model::Digest([4; 32]),
            shards,
            position: Lsn(self.rng.u64(..self.past.log.last().0)),
            now: self.past.now(),
            state_version: 1,
            inputs,
            wholes,
        };
        self.past.log.append(Frame::Outcome(Arc::new(outcome))).expect("appended");
    }

    fn record(&mut self, id: DeploymentId) -> InputRecord {
        let (lsn, _) = self.events[self.rng.usize(..self.events.len())];
        let key = self.one(&USERS);
        let mut record = self.past.observed(lsn, key, self.one(&USERS));
        match self.rng.u32(..8) {
            0 => record.via = Via::Timer("t".into()),
            1 => {
                record.lsn = self.past.log.last();
                record.via = Via::HandedOver { subscription: 0, from: lsn };
            }
            2 => record.via = Via::Signal { id: 7, name: "s".into(), sender: "ann".into() },
            3 => {
                if let Some((_, original, at)) = self.resent.iter().find(|(of, ..)| *of == id).copied() {
                    (record.lsn, record.replay_of) = (at, Some(original));
                }
            }
            // An input that no event from outside brought.
            4 => record.lsn = self.past.log.last(),
            _ => {}
        }
        match self.rng.u32(..6) {
            0 => record.outcome.end = End::Refused { code: "bad".into(), message: "no".into() },
            1 => record.outcome.end = End::Trapped { message: "boom".into() },
            2 => record.outcome.late = true,
            3 => {
                let events = [lsn, self.events[self.rng.usize(..self.events.len())].0];
                record.outcome.matches.push(found(self.one(&USERS), &events));
            }
            _ => {}
        }
        record
    }

    fn control(&mut self) {
        let deployment = self.one(&self.deployments.clone());
        let shards = if self.rng.bool() { ShardSet::ALL } else { ShardSet::one(shard_of(self.one(&USERS))) };
        let change = match self.rng.u32(..6) {
            0 => Change::Paused { deployment, shards, cause: PauseCause::Operator, reason: "look".into() },
            1 => Change::Resumed { deployment, shards },
            2 => Change::Alert {
                business: "demo".into(),
                name: "lag".into(),
                subject: "risk".into(),
                raised: true,
                message: "m".into(),
            },
            3 => {
                let (business, name) = (self.one(&BUSINESSES), self.one(&DEPLOYMENTS));
                return self.deploy(business, name);
            }
            _ => {
                let (position, event) = self.events[self.rng.usize(..self.events.len())].clone();
                let (subscription, key) = ("sub".into(), self.one(&USERS).into());
                self.resent.push((deployment, position, self.past.log.last().next()));
                Change::Resent(Arc::new(Resend { deployment, position, subscription, key, event, handed_over: false }))
            }
        };
        self.past.control(change);
    }
}
