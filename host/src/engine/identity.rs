//! Identities of what a module finds and publishes: made from what it was made of, never from a position, so that a replay
//! into another journal names the same.

use sha2::{Digest as _, Sha256};

use super::input::{Input, What};
use crate::model::Plan;

/// Whose identities they are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Scope {
    pub business: Box<str>,
    /// Name of the deployment.
    pub deployment: Box<str>,
}

/// What an identity is of.
#[derive(Clone, Copy)]
pub(super) enum Made {
    Match,
    Event,
    Signal,
}

impl Scope {
    /// Identity of the input's match, published event or signal of this name (or event type); `number` counts the ones before it.
    pub(super) fn identity(&self, made: Made, plan: &Plan, input: &Input, name: &str, number: usize) -> u128 {
        let mut parts = Parts::default();
        parts.text(match made {
            Made::Match => "match",
            Made::Event => "event",
            Made::Signal => "signal",
        });
        parts.text(&self.business);
        parts.text(&self.deployment);
        parts.origin(plan, input);
        parts.text(&input.key);
        parts.text(name);
        parts.number(number as u64);
        parts.finish()
    }
}

/// Each part is preceded by its length, so that no two lists of parts are the same bytes.
#[derive(Default)]
struct Parts(Sha256);

impl Parts {
    fn bytes(&mut self, part: &[u8]) {
        self.0.update((part.len() as u64).to_be_bytes());
        self.0.update(part);
    }

    fn text(&mut self, part: &str) {
        self.bytes(part.as_bytes());
    }

    fn number(&mut self, part: u64) {
        self.bytes(&part.to_be_bytes());
    }

    fn number128(&mut self, part: u128) {
        self.bytes(&part.to_be_bytes());
    }

    /// The input, without its position. A subscription counts by its name: its number changes with the configuration.
    fn origin(&mut self, plan: &Plan, input: &Input) {
        match &input.what {
            What::Event { event, subscription, .. } => {
                self.text("event");
                self.text(&event.source);
                self.text(&event.id);
                self.text(&plan.subscriptions[*subscription as usize].name);
            }
            What::Keep(keep) => {
                self.text("kept");
                self.text(&keep.event.source);
                self.text(&keep.event.id);
            }
            What::Timer { name, timer, .. } => {
                self.text("timer");
                self.text(name);
                self.number(timer.due);
                self.number(u64::from(timer.number));
            }
            // Its id is made from its sender's origin, and so from the whole path to the outside.
            What::Signal(signal) => {
                self.text("signal");
                self.number128(signal.id);
            }
            What::Settlement(settled) => {
                self.text("settlement");
                self.text(&settled.action.to_string());
                self.text(&settled.status);
                self.number(settled.time);
            }
            What::Action(judged) => {
                self.text("action");
                self.text(&judged.action.id.to_string());
            }
        }
    }

    fn finish(self) -> u128 {
        let digest: [u8; 32] = self.0.finalize().into();
        digest.iter().take(16).fold(0, |number, byte| number << 8 | u128::from(*byte))
    }
}
