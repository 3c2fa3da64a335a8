//! Why: word between keys arrives where a test says so, each once, in order, and never for ever.

use super::host::{Host, Refused};
use super::input::Input;
use super::memory::Sent;
use crate::{Refusal, Signalled, Signals};

/// The host's default of the limit `hops`.
const HOPS_MAX: u8 = 16;

impl<R: Signals> Host<R> {
    /// Hands over the signals that were sent so far, and those that they lead to, until none is left. One that is
    /// more than 16 signals away from an event is not handled but refused with `hops`, as the host does.
    pub fn deliver(&mut self) -> &mut Self {
        while !self.sent.is_empty() {
            for sent in std::mem::take(&mut self.sent) {
                self.hand_over(sent);
            }
        }
        self
    }

    fn hand_over(&mut self, sent: Sent) {
        let Sent { name, sender, key, payload, time, hops } = sent;
        let id = format!("{name}<{sender}");
        if hops > HOPS_MAX {
            let refusal = Refusal::new("hops", format!("{hops} signals away from an event, at most {HOPS_MAX}"));
            self.refusals.push(Refused { event: id, refusal });
            return;
        }
        let signal = Signalled { key, name, time, sender, payload, state_version: R::STATE.writes };
        let input = Input::Other { id, time, now: time, hops };
        // A refusal is kept by `run`; there is nobody to answer.
        let _ = self.run(&signal.key, time, input, |()| true, |rule, cx| rule.on_signal(&signal, cx));
    }
}
