//! Failed inputs that are to be handled once more. Whether one was resent before is read from the journal, so only one at
//! a time may look and append: two who look at once would both resend.

use std::sync::{MutexGuard, PoisonError};

use super::{Error, Registry, still_there};
use crate::model::{Change, Lsn, Resend};

/// The right to look and resend; whoever has it is alone.
pub struct Resending<'a> {
    registry: &'a Registry,
    last: MutexGuard<'a, Lsn>,
}

impl Registry {
    /// Waits until nobody else resends.
    pub fn resending(&self) -> Resending<'_> {
        Resending { registry: self, last: self.resent.lock().unwrap_or_else(PoisonError::into_inner) }
    }
}

impl Resending<'_> {
    /// The last one that was appended since the host was opened: whoever looks must wait until it is durable.
    pub fn last(&self) -> Lsn {
        *self.last
    }

    /// Appends the declared replay; answers its position.
    ///
    /// # Errors
    /// If the deployment is gone or retired, or the journal takes nothing.
    pub fn resend(&mut self, resend: Resend, by: &str) -> Result<Lsn, Error> {
        let mut state = self.registry.write();
        let id = resend.deployment;
        let deployment = state.deployments.get(&id).ok_or_else(|| Error::NoDeployment(id.0.to_string()))?;
        still_there(deployment)?;
        *self.last = self.registry.commit(&mut state, by, Change::Resent(resend.into()))?;
        Ok(*self.last)
    }
}
