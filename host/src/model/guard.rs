//! What keeps deployments from hurting each other: what stops one, and what its operator has chosen for that case.

use super::{Lsn, ShardSet};

/// Chosen with each revision; the newest one's are in force.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Guard {
    pub on_quarantine: OnQuarantine,
    pub on_lag: OnLag,
}

/// After `quarantine_faults` traps or spent fuel within `quarantine_ms`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum OnQuarantine {
    /// It stands still until somebody helps.
    #[default]
    Stop,
    /// The host goes back to the newest earlier revision that was not quarantined, from the backlog; without one it stops.
    Rollback,
}

/// When a deployment is more than `lag_max_bytes` of the journal behind.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum OnLag {
    /// It is paused, and nobody waits for it.
    #[default]
    Park,
    /// Intake refuses the event types it subscribes to, in its own business, until it has caught up.
    Block,
}

impl OnQuarantine {
    pub const ALL: [OnQuarantine; 2] = [OnQuarantine::Stop, OnQuarantine::Rollback];

    pub fn name(self) -> &'static str {
        match self {
            OnQuarantine::Stop => "stop",
            OnQuarantine::Rollback => "rollback",
        }
    }

    pub fn parse(text: &str) -> Option<OnQuarantine> {
        OnQuarantine::ALL.into_iter().find(|choice| choice.name() == text)
    }
}

impl OnLag {
    pub const ALL: [OnLag; 2] = [OnLag::Park, OnLag::Block];

    pub fn name(self) -> &'static str {
        match self {
            OnLag::Park => "park",
            OnLag::Block => "block",
        }
    }

    pub fn parse(text: &str) -> Option<OnLag> {
        OnLag::ALL.into_iter().find(|choice| choice.name() == text)
    }
}

/// Why shards stand still; what is worse comes later.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum PauseCause {
    /// Somebody wanted it.
    #[default]
    Operator,
    /// More than `lag_max_bytes` behind.
    Lag,
    /// The host could not run an input, or not append what came of it.
    Host,
    /// `on_error: pause`: a trap or spent fuel.
    Fault,
    /// What comes next was released by retention.
    Gap,
    /// Too many faults.
    Quarantine,
}

impl PauseCause {
    pub const ALL: [PauseCause; 6] = [
        PauseCause::Operator,
        PauseCause::Lag,
        PauseCause::Host,
        PauseCause::Fault,
        PauseCause::Gap,
        PauseCause::Quarantine,
    ];

    /// For people, and in facts.
    pub fn name(self) -> &'static str {
        match self {
            PauseCause::Operator => "operator",
            PauseCause::Lag => "lag",
            PauseCause::Host => "host_failure",
            PauseCause::Fault => "on_error",
            PauseCause::Gap => "gap",
            PauseCause::Quarantine => "quarantine",
        }
    }
}

/// Positions that retention has released before some shards of a deployment have read them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Gap {
    pub shards: ShardSet,
    /// The first one that they have not read.
    pub from: Lsn,
    /// The last one that is gone.
    pub to: Lsn,
}

impl Gap {
    /// Frames of the journal, whoever they were for.
    pub fn positions(&self) -> u64 {
        (self.to.0 + 1).saturating_sub(self.from.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_are_found_by_their_names_and_causes_are_in_the_order_of_their_weight() {
        assert!(OnQuarantine::ALL.into_iter().all(|choice| OnQuarantine::parse(choice.name()) == Some(choice)));
        assert!(OnLag::ALL.into_iter().all(|choice| OnLag::parse(choice.name()) == Some(choice)));
        assert_eq!((OnQuarantine::parse("park"), OnLag::parse("stop")), (None, None));
        assert!(PauseCause::ALL.is_sorted());
    }
}
