//! One look at an action: where it is in its chain, and what the filters have said so far.

use std::sync::Arc;

use crate::model::outreach::{
    Action, Answered, Asked, Candidate, Cause, ChainEntry, Channel, Decision, Fail, Reached, Status, Verdict,
    VerdictKind, Waiting, WaitingState,
};
use crate::model::{DeploymentId, Digest, Document, Op};
use crate::outreach::Chain;

pub struct Look {
    pub action: Arc<Action>,
    pub attempt: u32,
    pub cause: Cause,
    /// Receive clock, milliseconds.
    pub now: u64,
    pub candidates: Vec<Candidate>,
    pub chain: Chain,
    /// What the person's document holds of it.
    pub prior: Option<Waiting>,
    /// As the filters have changed it.
    pub channel: Channel,
    pub verdicts: Vec<Reached>,
    pub asked: Vec<Asked>,
    /// What filters wrote: kept only if the chain lets the action pass.
    pub writes: Vec<Write>,
    pub end: Option<ChainEnd>,
}

/// One filter's document of the person as it would be, and what the filter did to it.
pub struct Write {
    pub deployment: DeploymentId,
    pub state_version: u32,
    pub document: Document,
    pub ops: Vec<Op>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ChainEnd {
    Passed,
    Denied,
    Held { until: u64 },
}

/// Who answered: revision and digest of the filter, zero if it was not asked.
#[derive(Clone, Copy, Default)]
pub struct Asker {
    pub revision: u32,
    pub digest: Option<Digest>,
    pub state_version: u32,
}

impl Look {
    pub fn new(action: Action, attempt: u32, cause: Cause, now: u64, chain: Chain) -> Look {
        Look {
            channel: action.channel.clone(),
            action: Arc::new(action),
            attempt,
            cause,
            now,
            candidates: Vec::new(),
            chain,
            prior: None,
            verdicts: Vec::new(),
            asked: Vec::new(),
            writes: Vec::new(),
            end: None,
        }
    }

    /// Is this where it has waited?
    pub fn waited_in(&self, place: &Channel) -> bool {
        let state = self.prior.as_ref().map(|prior| &prior.state);
        matches!(state, Some(WaitingState::Inbox { channel, .. }) if channel == place)
    }

    /// The filters that judge this action, whether they will be reached or not.
    pub fn filters(&self) -> impl Iterator<Item = DeploymentId> {
        let judging = self.chain.steps.iter().filter(|(_, entry)| entry.judges(self.action.class));
        judging.map(|(_, entry)| entry.deployment)
    }

    /// The filter that is next; None when the chain has ended.
    pub fn next(&mut self) -> Option<ChainEntry> {
        while self.end.is_none() {
            let Some((_, entry)) = self.chain.steps.get(self.verdicts.len()) else {
                self.end = Some(ChainEnd::Passed);
                break;
            };
            if entry.judges(self.action.class) {
                return Some(entry.clone());
            }
            self.push(Asker::default(), Answered::OtherClass);
        }
        None
    }

    /// What the next filter said. `to_the_end`: its denial does not end the chain, for looks in thought.
    pub fn answer(&mut self, asker: Asker, said: Result<Verdict, (Box<str>, Box<str>)>, to_the_end: bool) {
        let Some((_, entry)) = self.chain.steps.get(self.verdicts.len()).cloned() else { return };
        let end = match said {
            Ok(verdict) => {
                let end = match &verdict.kind {
                    VerdictKind::Allow if entry.allow_final => Some(ChainEnd::Passed),
                    VerdictKind::Allow => None,
                    VerdictKind::Deny => Some(ChainEnd::Denied),
                    VerdictKind::Hold(until) => Some(ChainEnd::Held { until: *until }),
                    VerdictKind::Downgrade(channel) => {
                        self.channel = channel.clone();
                        None
                    }
                };
                if let Some(context) = &verdict.context {
                    let (deployment, state_version) = (entry.deployment, asker.state_version);
                    self.asked.push(Asked { deployment, context: context.clone(), state_version });
                }
                self.push(asker, Answered::Verdict(verdict));
                end
            }
            Err((code, message)) => {
                self.push(asker, Answered::Error { code, message, fail: entry.on_error });
                (entry.on_error == Fail::Closed).then_some(ChainEnd::Denied)
            }
        };
        if let Some(end) = end.filter(|_| !to_the_end) {
            self.end = Some(end);
            while self.verdicts.len() < self.chain.steps.len() {
                self.push(Asker::default(), Answered::NotReached);
            }
        }
    }

    fn push(&mut self, asker: Asker, answer: Answered) {
        let (part, entry) = &self.chain.steps[self.verdicts.len()];
        let digest = asker.digest.unwrap_or(Digest([0; 32]));
        let reached =
            Reached { part: part.clone(), filter: entry.filter.clone(), revision: asker.revision, digest, answer };
        self.verdicts.push(reached);
    }

    /// The record of this look.
    pub fn decision(&self, status: Status) -> Decision {
        Decision {
            action: (*self.action).clone(),
            time: self.now,
            attempt: self.attempt,
            cause: self.cause,
            candidates: self.candidates.clone(),
            chain: self.chain.revisions,
            verdicts: self.verdicts.clone(),
            status,
        }
    }
}
