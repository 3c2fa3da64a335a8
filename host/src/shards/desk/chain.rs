//! Asks the filters: one call for all persons whose chains are at the same filter.

use std::sync::Arc;

use super::Pending;
use super::look::{Asker, Look, Write};
use super::work::Work;
use crate::engine::{HostFailure, Input, Judged, What};
use crate::model::outreach::Verdict;
use crate::model::{DeploymentId, Document, End, InputOutcome, Lsn, ShardId, shard_of};
use crate::shards::faults::Faulted;
use crate::shards::worker::Worker;

/// Tries of a call that the host could not make; then it is the filter's error, because people wait.
const HOST_TRIES: u32 = 2;

/// Can a filter be asked about a person?
enum Ready {
    Yes,
    /// It has not read everything below the chain's frame.
    Wait,
    /// It was waited for in vain.
    Late(String),
    No(&'static str, String),
}

impl Worker {
    /// May the round be judged? Waits for filters that are behind, for `chain_max_wait_ms` at most.
    pub(super) fn is_ready(&self, pending: &Pending) -> bool {
        let (start, since) = (pending.round.start, pending.since);
        pending.works.iter().all(|work| {
            work.look.as_ref().is_none_or(|look| {
                look.filters().all(|filter| !matches!(self.readiness(filter, work, start, since), Ready::Wait))
            })
        })
    }

    /// `since`: when the round began to wait.
    fn readiness(&self, filter: DeploymentId, work: &Work, start: Lsn, since: u64) -> Ready {
        let Some(active) = self.active.get(&filter) else {
            return Ready::No("no_filter", "there is no such deployment".to_owned());
        };
        let shard = shard_of(&work.key);
        if active.deployment.retired.is_some_and(|at| at <= work.lsn) {
            return Ready::No("retired", "the filter is retired".to_owned());
        }
        if active.deployment.revision_at(work.lsn, shard).configured.plan.filter.is_none() {
            return Ready::No("no_filter", "this revision of the deployment is no filter".to_owned());
        }
        let Some(reader) = active.reader_of(shard) else { return Ready::Wait };
        if reader.paused && active.deployment.is_quarantined() {
            let message = format!("the filter is quarantined: {}", active.deployment.paused.reason);
            return Ready::No("quarantined", message);
        }
        if reader.paused {
            return Ready::No("paused", format!("the filter is paused: {}", active.deployment.paused.reason));
        }
        if reader.next() >= start {
            return Ready::Yes;
        }
        let limit = self.parts.limits.chain_max_wait_ms;
        if self.desk.late.contains(&filter) || self.clock() >= since.saturating_add(limit) {
            let message = format!("the filter is behind, and {limit} ms are over (`chain_max_wait_ms`)");
            return Ready::Late(message);
        }
        Ready::Wait
    }

    /// Runs all chains of a round to their ends. `to_the_end`: every filter is asked whatever the others say.
    pub(super) fn run_chains(&mut self, works: &mut [Work], start: Lsn, since: u64, to_the_end: bool) {
        loop {
            let at: Vec<Option<DeploymentId>> =
                works.iter_mut().map(|work| work.look.as_mut()?.next().map(|entry| entry.deployment)).collect();
            let Some(filter) = at.iter().flatten().next().copied() else { return };
            let mut asked = Vec::new();
            for index in (0..works.len()).filter(|index| at[*index] == Some(filter)) {
                match self.readiness(filter, &works[index], start, since) {
                    Ready::Yes => asked.push(index),
                    Ready::Late(message) => {
                        self.desk.late.insert(filter);
                        self.fail(&mut works[index], "not_ready", &message, to_the_end);
                    }
                    Ready::Wait => self.fail(&mut works[index], "not_ready", "the filter is behind", to_the_end),
                    Ready::No(code, message) => self.fail(&mut works[index], code, &message, to_the_end),
                }
            }
            if !asked.is_empty() && !to_the_end {
                self.desk.late.remove(&filter);
            }
            self.ask_filter(filter, works, &asked, to_the_end);
        }
    }

    /// The filter could not be asked.
    fn fail(&self, work: &mut Work, code: &str, message: &str, to_the_end: bool) {
        let Some(look) = &mut work.look else { return };
        let entry = look.next().filter(|_| !to_the_end);
        if let Some(active) = entry.and_then(|entry| self.active.get(&entry.deployment)) {
            active.meters.not_asked(code);
        }
        look.answer(Asker::default(), Err((code.into(), message.into())), to_the_end);
    }

    /// Shards may be on different revisions of the filter: each gets its own call.
    fn ask_filter(&mut self, filter: DeploymentId, works: &mut [Work], asked: &[usize], to_the_end: bool) {
        let mut left = asked.to_vec();
        while let Some(first) = left.first() {
            let Some(active) = self.active.get(&filter) else { return };
            let revision = |index: &usize| {
                let work = &works[*index];
                active.deployment.revision_at(work.lsn, shard_of(&work.key)).number
            };
            let number = revision(first);
            let (same, rest): (Vec<usize>, Vec<usize>) = left.iter().partition(|index| revision(index) == number);
            left = rest;
            let mut tries = 1;
            while let Err(failure) = self.call_filter(filter, works, &same, to_the_end) {
                tracing::warn!(filter = filter.0, %failure, "a filter could not be asked");
                if tries >= HOST_TRIES {
                    for index in &same {
                        self.fail(&mut works[*index], "host_failure", &failure.to_string(), to_the_end);
                    }
                    break;
                }
                tries += 1;
            }
        }
    }

    fn call_filter(
        &mut self,
        filter: DeploymentId,
        works: &mut [Work],
        asked: &[usize],
        to_the_end: bool,
    ) -> Result<(), HostFailure> {
        let Some(first) = asked.first() else { return Ok(()) };
        let (lsn, shard): (Lsn, ShardId) = (works[*first].lsn, shard_of(&works[*first].key));
        let Some(active) = self.active.get_mut(&filter) else { return Ok(()) };
        let loaded = active.load(&self.parts, lsn, shard)?;
        let mut documents = Vec::with_capacity(asked.len());
        for index in asked {
            // Copies: the chain may drop what comes of them.
            let document = active.shelf.documents.copy(&works[*index].key);
            documents.push(document.map_err(|error| HostFailure(error.to_string()))?);
        }
        let inputs: Vec<Input> = asked.iter().enumerate().map(|(at, index)| input(&works[*index], at)).collect();
        let current = &mut active.loaded[loaded];
        let ran = current.runner.run(&Arc::new(inputs), &mut documents, false)?;
        // A look in thought is nothing that has happened.
        if !to_the_end {
            active.meters.ran(&ran, asked.len());
            ran.outcomes.iter().for_each(|outcome| active.meters.verdict(outcome));
        }
        let asker = Asker {
            revision: current.revision.number,
            digest: Some(current.revision.digest),
            state_version: current.revision.configured.plan.state_writes,
        };
        let ends: Vec<(usize, End)> =
            asked.iter().zip(&ran.outcomes).map(|(index, outcome)| (*index, outcome.end.clone())).collect();
        for ((index, outcome), document) in asked.iter().zip(ran.outcomes).zip(documents) {
            let Some(look) = &mut works[*index].look else { continue };
            heard(look, filter, asker, outcome, document, to_the_end);
        }
        if !to_the_end {
            let faults = ends.iter().filter(|(_, end)| end.is_fault());
            let faults = faults.map(|(index, end)| Faulted { lsn: works[*index].lsn, key: &works[*index].key, end });
            let deployment = &self.active[&filter].deployment;
            let too_many = self.parts.count_faults(deployment, asker.revision, faults);
            // A journal that has failed says so when the round is appended.
            let registry = &self.parts.registry;
            let stopped = too_many.map(|reason| registry.quarantine(filter, asker.revision, &reason));
            if let Some(Err(error)) = stopped {
                tracing::error!(filter = filter.0, %error, "a filter could not be quarantined");
            }
            // Those who are still to be judged are not asked any more.
            self.follow_registry();
        }
        Ok(())
    }
}

fn heard(
    look: &mut Look,
    deployment: DeploymentId,
    asker: Asker,
    outcome: InputOutcome,
    document: Document,
    to_the_end: bool,
) {
    let said: Result<Verdict, (Box<str>, Box<str>)> = match (&outcome.end, outcome.verdict) {
        (End::Done, Some(verdict)) => Ok(verdict),
        (End::Done, None) => Err(("no_verdict".into(), "the filter gave no verdict".into())),
        (end, _) => Err((end.code().into(), end.message().into())),
    };
    if !outcome.ops.is_empty() && said.is_ok() {
        let state_version = asker.state_version;
        look.writes.push(Write { deployment, state_version, document, ops: outcome.ops });
    }
    look.answer(asker, said, to_the_end);
}

fn input(work: &Work, document: usize) -> Input {
    let look = work.look.as_ref().expect("only works with a look are asked");
    let judged =
        Judged { action: look.action.clone(), channel: look.channel.clone(), time: look.now, attempt: look.attempt };
    Input { lsn: work.lsn, replay_of: None, key: work.key.clone(), document, what: What::Action(Arc::new(judged)) }
}
