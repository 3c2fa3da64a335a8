//! The desk's turn in a worker: collect, think, ask, conclude, append.

use super::commit::{self, Done, Shelves};
use super::round::Round;
use super::{Concerns, Pending, conclude};
use crate::shards::worker::{Fatal, Worker};

impl Worker {
    /// One round. False if there is nothing to do, or filters must read something first.
    pub(in crate::shards) fn run_desk(&mut self) -> Result<bool, Fatal> {
        let pending = match self.desk.pending.take() {
            Some(pending) => pending,
            None => match self.next_round()? {
                Some(pending) => pending,
                None => return Ok(false),
            },
        };
        if pending.works.is_empty() {
            self.end_round(&pending.round);
            return Ok(true);
        }
        if !self.is_ready(&pending) {
            self.desk.pending = Some(pending);
            return Ok(false);
        }
        self.judge(pending)?;
        Ok(true)
    }

    /// None if the desk has read everything.
    fn next_round(&mut self) -> Result<Option<Pending>, Fatal> {
        let limits = self.parts.limits.clone();
        let most = self.round_size();
        let registry = self.parts.registry.clone();
        let round = self.desk.collect(&registry, most)?;
        if round.jobs.is_empty() && !round.moved {
            return Ok(None);
        }
        let presence = self.parts.presence.clone();
        let works = round.jobs.iter().map(|job| self.desk.think(job, &*presence, &limits));
        let works = works.collect::<Result<_, Fatal>>()?;
        Ok(Some(Pending { round, works, since: self.clock() }))
    }

    fn judge(&mut self, pending: Pending) -> Result<(), Fatal> {
        let Pending { round, mut works, since } = pending;
        self.run_chains(&mut works, round.start, since, false);
        let presence = self.parts.presence.clone();
        let limits = self.parts.limits.clone();
        let mut done = Vec::with_capacity(works.len());
        for mut work in works {
            let look = work.look.take();
            let kept = look.as_ref().is_some_and(|look| conclude::conclude(&mut work, look, &presence, &limits));
            done.push(Done::new(work, look, kept));
        }
        let done = commit::drop_empty(done);
        if !done.is_empty() {
            let (now, shards) = (self.desk.now, self.desk.shards);
            let mut shelves = Shelves { persons: &mut self.desk.persons, active: &mut self.active };
            commit::commit(&self.parts.log, &round, shards, done, now, self.checkpoint.mark(), &mut shelves)?;
            self.desk.said = round.position;
        }
        self.desk.done = round.done;
        self.end_round(&round);
        Ok(())
    }

    fn end_round(&mut self, round: &Round) {
        self.desk.finished = (round.position, round.done);
        self.board.publish_desk(self.index, self.desk.said);
        if let Some(control) = &round.control {
            self.desk.rules.apply(control);
            // Filters may have a new revision from here on.
            self.look_again();
        }
        self.answer_arrivals();
    }

    /// What the filters of this host read, in any of their revisions.
    pub(in crate::shards) fn note_filters(&mut self) {
        let mut concerns = Concerns::default();
        for active in self.active.values().filter(|active| active.is_filter()) {
            for revision in &active.deployment.revisions {
                let types = revision.configured.plan.subscriptions.iter().flat_map(|subscription| &subscription.types);
                types.for_each(|kind| concerns.add(&active.deployment.business, kind));
                if !revision.configured.plan.signals.is_empty() {
                    concerns.add_signals(active.deployment.id);
                }
            }
        }
        self.desk.concerns(concerns);
    }
}
