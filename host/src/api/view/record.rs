//! Events, matches and failed inputs.

use std::collections::HashMap;
use std::sync::Arc;

use super::{json, time};
use crate::api::body::{EventView, ExpiredView, FailedView, MatchView, UsedEventView};
use crate::model::outcome::LATE;
use crate::model::{End, Event, EventRef, Lsn, Via};
use crate::trace::{Expired, FailedInput, FoundMatch};

pub fn event(lsn: Lsn, event: &Event) -> EventView {
    EventView {
        position: lsn.0,
        source: event.source.to_string(),
        id: event.id.to_string(),
        kind: event.kind.to_string(),
        subject: event.subject.to_string(),
        actor: event.actor.to_string(),
        scene: event.scene.to_string(),
        time: time(event.time),
        received: time(event.received),
        intake: event.intake.to_string(),
        claimed_time: event.claimed.map(time),
        time_replaced: event.time_replaced,
        undeduplicated: event.undeduplicated,
        extensions: event.extensions.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect(),
        data: (!event.data.is_empty()).then(|| json(&event.data)),
    }
}

pub fn found(found: &FoundMatch, expired: Option<Expired>) -> MatchView {
    matched(found, &HashMap::new(), expired)
}

pub fn expired(expired: Expired) -> ExpiredView {
    ExpiredView { first: expired.first.0, since: expired.since.map(time) }
}

/// A match, with what is known of its events.
pub fn matched(found: &FoundMatch, known: &HashMap<Lsn, Arc<Event>>, expired: Option<Expired>) -> MatchView {
    let used = |event: &EventRef| {
        let known = known.get(&event.lsn);
        UsedEventView {
            source: event.source.to_string(),
            id: event.id.to_string(),
            position: event.lsn.0,
            kind: known.map(|event| event.kind.to_string()),
            time: known.map(|event| time(event.time)),
            expired: expired.is_some_and(|expired| event.lsn < expired.first),
        }
    };
    MatchView {
        position: found.lsn.0,
        input: found.input.0,
        deployment: found.deployment.to_string(),
        revision: found.revision,
        digest: found.digest.to_string(),
        name: found.found.name.to_string(),
        person: found.found.person.to_string(),
        fields: json(&found.found.fields),
        events: found.found.events.iter().map(used).collect(),
        also: found.found.also.iter().map(|id| id.to_string()).collect(),
        once: found.found.once.as_ref().map(|once| once.to_string()),
        time: time(found.time),
        undeduplicated: found.undeduplicated,
    }
}

/// What an input was. `outside`: where it is an event, it came from outside.
pub fn input(via: &Via, outside: bool) -> String {
    match via {
        Via::Subscription(_) | Via::Kept(_) | Via::HandedOver { .. } if outside => "event".to_owned(),
        Via::Subscription(_) | Via::Kept(_) | Via::HandedOver { .. } => "derived event".to_owned(),
        Via::Timer(name) => format!("timer {name}"),
        Via::Signal { name, sender, .. } => format!("signal {name} from {sender}"),
        Via::Settlement(action) => format!("settlement {action}"),
    }
}

/// Why an input that was handled is listed.
const NOT_OBSERVED: &str = "it was handled, but it is older than a window of its document accepts, and was not added";

pub fn failed(failed: &FailedInput) -> FailedView {
    let only_late = failed.late && failed.end == End::Done;
    FailedView {
        position: failed.lsn.0,
        replay: failed.replayed_at.map(|lsn| lsn.0),
        deployment: failed.deployment.to_string(),
        revision: failed.revision,
        digest: failed.digest.to_string(),
        key: failed.key.to_string(),
        code: if only_late { LATE } else { failed.end.code() }.to_owned(),
        reason: if only_late { NOT_OBSERVED.to_owned() } else { failed.end.message() },
        input: input(&failed.via, failed.outside),
        at: time(failed.at),
        event: failed.event.as_ref().map(|found| event(failed.lsn, found)),
    }
}
