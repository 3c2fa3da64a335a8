//! Alerts: what an operator should know of, each once when it begins and once when it is over.
//!
//! Which are open is told by alert frames alone, so whoever reads the journal, and a host after a restart, knows the same
//! ones. Those about the state of a deployment follow from it: after each change the missing frames are appended under
//! the same lock, and after a crash between the two [`Registry::settle_alerts`] appends them at the start.

use std::collections::BTreeMap;

use super::{Deployment, Error, Registry, State};
use crate::model::{Change, Control, Lsn, PauseCause};

/// The business of alerts about the host itself, and what they are about.
pub const PLATFORM: &str = "platform";
pub const HOST: &str = "host";

/// Every alert there is: its name, and what to do about it.
const ALERTS: [(&str, &str); 6] = [
    (
        "quarantined",
        "see its faults (`fishpond deployment show NAME`), then deploy a mended module (`fishpond deployment apply NAME ... --from \
         backlog` handles what waits), or let it try again (`fishpond deployment resume NAME`)",
    ),
    (
        "paused",
        "read the reason (`fishpond deployment show NAME`); mend the module or activate `--on-error skip`, then `fishpond \
         deployment resume NAME`",
    ),
    (
        "lag",
        "find out why it is slow (guest time in `fishpond deployment show NAME`), then `fishpond deployment resume NAME`: it may \
         catch up from there",
    ),
    (
        "blocked",
        "it resolves by itself when the deployment has caught up; `--on-lag park` lets intake go on without it",
    ),
    (
        "gap",
        "what it has not read is gone: `fishpond deployment resume NAME --accept-gap` goes on behind it, or restore a backup to read it",
    ),
    ("worker", "mend what the message says (`GET /readyz` too), then restart the host: the journal holds everything"),
];

/// What to do about an alert.
pub fn advice(name: &str) -> &'static str {
    ALERTS.iter().find(|(known, _)| *known == name).map_or("see the log of the host", |(_, advice)| advice)
}

/// Which alert it is.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct AlertKey {
    pub business: Box<str>,
    pub name: Box<str>,
    /// The deployment that it is about, or [`HOST`].
    pub subject: Box<str>,
}

impl AlertKey {
    pub fn new(business: &str, name: &str, subject: &str) -> AlertKey {
        AlertKey { business: business.into(), name: name.into(), subject: subject.into() }
    }

    fn change(&self, raised: bool, message: &str) -> Change {
        let AlertKey { business, name, subject } = self.clone();
        Change::Alert { business, name, subject, raised, message: message.into() }
    }
}

/// One that is not over.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OpenAlert {
    pub key: AlertKey,
    /// Of the frame that raised it.
    pub lsn: Lsn,
    /// Wall clock, milliseconds.
    pub since: u64,
    pub message: Box<str>,
}

/// Those that are open.
pub(super) type Open = BTreeMap<AlertKey, OpenAlert>;

/// Applies an alert frame.
pub(super) fn apply(open: &mut Open, lsn: Lsn, control: &Control) {
    let Change::Alert { business, name, subject, raised, message } = &control.change else { return };
    let key = AlertKey::new(business, name, subject);
    if *raised {
        open.insert(key.clone(), OpenAlert { key, lsn, since: control.at, message: message.clone() });
    } else {
        open.remove(&key);
    }
}

/// Names of the alerts that follow from the state of a deployment.
const OF_STATE: [&str; 4] = ["quarantined", "paused", "lag", "gap"];

/// The alerts that a deployment's state calls for, with their messages.
fn called_for(deployment: &Deployment) -> Vec<(&'static str, Box<str>)> {
    let paused = &deployment.paused;
    if deployment.retired.is_some() || paused.shards.is_empty() {
        return Vec::new();
    }
    let of_cause = match paused.cause {
        PauseCause::Operator | PauseCause::Gap => None,
        PauseCause::Lag => Some("lag"),
        PauseCause::Host | PauseCause::Fault => Some("paused"),
        PauseCause::Quarantine => Some("quarantined"),
    };
    let of_cause = of_cause.map(|name| (name, paused.reason.clone()));
    of_cause.into_iter().chain(paused.gap.clone().map(|message| ("gap", message))).collect()
}

impl Registry {
    /// Open alerts, in the order of their keys; of all businesses if none is given.
    pub fn alerts(&self, business: Option<&str>) -> Vec<OpenAlert> {
        let state = self.read();
        let own = |alert: &&OpenAlert| business.is_none_or(|business| *alert.key.business == *business);
        state.alerts.values().filter(own).cloned().collect()
    }

    pub fn is_open(&self, key: &AlertKey) -> bool {
        self.read().alerts.contains_key(key)
    }

    /// Says that something begins; nothing if that was said. Not for what follows from a deployment's state.
    pub fn raise(&self, key: &AlertKey, message: &str) -> Result<(), Error> {
        if self.is_open(key) {
            return Ok(());
        }
        let mut state = self.write();
        if state.alerts.contains_key(key) {
            return Ok(());
        }
        tracing::error!(business = &*key.business, alert = &*key.name, subject = &*key.subject, message, "alert");
        self.commit(&mut state, "host", key.change(true, message)).map(drop)
    }

    /// Says that it is over; nothing if it was not said to have begun.
    pub fn resolve(&self, key: &AlertKey, message: &str) -> Result<(), Error> {
        if !self.is_open(key) {
            return Ok(());
        }
        let mut state = self.write();
        if !state.alerts.contains_key(key) {
            return Ok(());
        }
        self.commit(&mut state, "host", key.change(false, message)).map(drop)
    }

    /// Appends what a crash has cut off behind a change of a deployment.
    pub fn settle_alerts(&self) -> Result<(), Error> {
        let mut state = self.write();
        self.settle(&mut state)
    }

    /// Raises what deployments' states call for and was not raised, resolves what they call for no more.
    pub(super) fn settle(&self, state: &mut State) -> Result<(), Error> {
        let mut called = BTreeMap::new();
        for deployment in state.deployments.values() {
            for (name, message) in called_for(deployment) {
                called.insert(AlertKey::new(&deployment.business, name, &deployment.name), message);
            }
        }
        let over = state.alerts.keys().filter(|key| OF_STATE.contains(&&*key.name) && !called.contains_key(*key));
        let mut changes: Vec<Change> = over.map(|key| key.change(false, "")).collect();
        let fresh = called.iter().filter(|(key, _)| !state.alerts.contains_key(*key));
        changes.extend(fresh.map(|(key, message)| key.change(true, message)));
        changes.into_iter().try_for_each(|change| self.append(state, "host", change).map(drop))
    }
}
