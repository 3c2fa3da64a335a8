//! Failed inputs with their replays, and what became of resending them.

use super::{record, time};
use crate::api::body::{FailedInputView, FailedShown, ReplayView, ReplayedMatchView, ResentView};
use crate::model::{End, Lsn};
use crate::trace::{Asked, Failure, Replay};

/// What failed at one position in one deployment.
pub fn failures(position: Lsn, deployment: &str, failures: &[Failure]) -> FailedShown {
    let event = failures.iter().find_map(|failure| failure.event.as_ref());
    FailedShown {
        position: position.0,
        deployment: deployment.to_owned(),
        event: event.map(|event| record::event(position, event)),
        inputs: failures.iter().map(failure).collect(),
    }
}

fn failure(failure: &Failure) -> FailedInputView {
    let end = &failure.end;
    FailedInputView {
        input: record::input(&failure.via, failure.is_outside()),
        subscription: failure.subscription.to_string(),
        key: failure.key.to_string(),
        revision: failure.revision,
        digest: failure.digest.to_string(),
        code: end.code().to_owned(),
        reason: end.message(),
        fuel: if let End::OutOfFuel { limit } = end { Some(*limit) } else { None },
        late: failure.late,
        at: time(failure.at),
        replays: failure.replays.iter().map(replay).collect(),
    }
}

fn replay(replay: &Replay) -> ReplayView {
    let ended = replay.ended.as_ref();
    let matches = ended.map_or(&[][..], |ended| &ended.matches);
    ReplayView {
        position: replay.lsn.0,
        at: time(replay.at),
        by: replay.by.to_string(),
        code: ended.map_or("pending", |ended| ended.end.code()).to_owned(),
        reason: ended.map(|ended| ended.end.message()).unwrap_or_default(),
        revision: ended.map(|ended| ended.revision),
        digest: ended.map(|ended| ended.digest.to_string()),
        late: ended.is_some_and(|ended| ended.late),
        matches: matches
            .iter()
            .map(|(name, id)| ReplayedMatchView { name: name.to_string(), id: format!("{id:032x}") })
            .collect(),
    }
}

pub fn resent(failure: &Failure, asked: &Asked) -> ResentView {
    let (status, replay, unfit) = match asked {
        Asked::Resent(lsn) => ("resent", Some(lsn.0), None),
        Asked::Replayed(lsn) => ("replayed", Some(lsn.0), None),
        Asked::Pending(lsn) => ("pending", Some(lsn.0), None),
        Asked::Refused(unfit) => ("refused", None, Some(unfit)),
    };
    ResentView {
        position: failure.lsn.0,
        subscription: failure.subscription.to_string(),
        key: failure.key.to_string(),
        status: status.to_owned(),
        replay,
        code: unfit.map(|unfit| unfit.code().to_owned()),
        reason: unfit.map(|unfit| unfit.to_string()),
    }
}
