//! What becomes of an action once its chain has ended, or its delivery.

use std::sync::Arc;

use super::look::{ChainEnd, Look};
use super::person::all_waiting;
use super::work::Work;
use crate::model::Limits;
use crate::model::outreach::{
    Action, ActionId, Asked, Cause, Channel, Deed, DeliveryEnd, Ended, Offline, Settled, Status, Waiting, WaitingState,
};
use crate::model::ports::Presence;

/// Ends a look: the decision, and what waits for its delivery. Answers whether the filters' writes are kept.
pub fn conclude(work: &mut Work, look: &Look, presence: &Arc<dyn Presence>, limits: &Limits) -> bool {
    match look.end {
        Some(ChainEnd::Passed) => pass(work, look, presence, limits),
        Some(ChainEnd::Held { until }) => {
            hold(work, look, until, limits);
            false
        }
        Some(ChainEnd::Denied) | None => {
            give_up(work, look, Status::Denied);
            false
        }
    }
}

fn hold(work: &mut Work, look: &Look, until: u64, limits: &Limits) {
    settle_prior(work, look);
    // A filter that holds into the past must not keep the chain running.
    let until = until.max(look.now.saturating_add(limits.hold_min_ms));
    let waiting = Waiting {
        action: (*look.action).clone(),
        attempt: look.attempt,
        state: WaitingState::Held { until },
        asked: Vec::new(),
    };
    work.person.keep(&waiting, until.min(look.action.expires), work.lsn);
    work.deeds.push(Deed::Decided(Box::new(look.decision(Status::Held { until }))));
    make_room(work, look.action.id, limits);
}

/// The chain lets it pass: it goes its way, if there is one.
fn pass(work: &mut Work, look: &Look, presence: &Arc<dyn Presence>, limits: &Limits) -> bool {
    let action = look.action.clone();
    if action.expires <= look.now {
        give_up(work, look, Status::Expired);
        return false;
    }
    let present = (look.cause == Cause::Arrival && look.waited_in(&Channel::App))
        || presence.is_present(&action.business, &action.person);
    let channel = match (&look.channel, &action.offline) {
        (Channel::App, Offline::Drop) if !present => {
            give_up(work, look, Status::Offline);
            return false;
        }
        (Channel::App, Offline::Fallback(channel)) if !present => channel.clone(),
        (channel, _) => channel.clone(),
    };
    let (state, wake, status) = match &channel {
        Channel::Log => {
            let tries = match look.prior.as_ref().map(|prior| &prior.state) {
                Some(WaitingState::Outbox { tries, .. }) => tries + 1,
                _ => 1,
            };
            let retry = look.now.saturating_add(limits.delivery_retry_ms << (tries - 1).min(16));
            let status = Status::Sent { sequence: 0, channel: channel.clone(), attempted: true };
            (WaitingState::Outbox { channel, retry, tries }, retry, status)
        }
        Channel::App | Channel::Slot(_) => {
            let sequence = match look.prior.as_ref().map(|prior| &prior.state) {
                Some(WaitingState::Inbox { sequence, .. }) => *sequence,
                _ => work.person.next_sequence(),
            };
            // A slot is handed over when somebody comes for it, and not when a chain brings there what another place had.
            let came_for_it = look.cause == Cause::Arrival && look.waited_in(&channel);
            let attempted = came_for_it || (channel == Channel::App && present);
            let status = Status::Sent { sequence, channel: channel.clone(), attempted };
            (WaitingState::Inbox { sequence, channel, attempted }, action.expires, status)
        }
    };
    let waiting = Waiting { action: (*action).clone(), attempt: look.attempt, state, asked: asked(look) };
    work.person.keep(&waiting, wake, work.lsn);
    work.deeds.push(Deed::Decided(Box::new(look.decision(status))));
    make_room(work, action.id, limits);
    true
}

/// The oldest entries give way: of the inbox for the inbox, of what is held for what is held. The one that came last is the last to
/// go, however old the match is that it comes from.
fn make_room(work: &mut Work, came: ActionId, limits: &Limits) {
    let bytes = limits.waiting_bytes.min(limits.journal_frame_bytes / 2);
    loop {
        let (count, taken) = work.person.waits();
        if count <= limits.inbox_max_unacked.min(limits.held_max) && taken <= bytes {
            return;
        }
        // What cannot be read is not in the way.
        let waiting = all_waiting(&work.person.document).unwrap_or_default();
        let (inbox, held): (Vec<Waiting>, Vec<Waiting>) =
            waiting.into_iter().partition(|waiting| matches!(waiting.state, WaitingState::Inbox { .. }));
        let (crowd, reason) = if inbox.len() as u64 > limits.inbox_max_unacked {
            (inbox, "more than `inbox_max_unacked` waited")
        } else if held.len() as u64 > limits.held_max {
            (held, "more than `held_max` were held")
        } else if taken > bytes {
            ([inbox, held].concat(), "more than `waiting_bytes` waited")
        } else {
            return;
        };
        let age = |waiting: &Waiting| (waiting.action.id == came, waiting.action.time, waiting.rank().1);
        let Some(oldest) = crowd.into_iter().min_by_key(age) else { return };
        end(work, oldest, DeliveryEnd::ExpiredUnacked, reason);
    }
}

/// A look that ends with nothing sent and nothing waiting.
pub fn give_up(work: &mut Work, look: &Look, status: Status) {
    settle_prior(work, look);
    work.person.drop_action(look.action.id);
    work.deeds.push(Deed::Decided(Box::new(look.decision(status))));
}

/// Who wants to hear of the delivery's end: those of this look, and those of an earlier one that it did not ask.
fn asked(look: &Look) -> Vec<Asked> {
    let mut all = look.asked.clone();
    let earlier = look.prior.iter().flat_map(|prior| &prior.asked);
    let missing = earlier.filter(|earlier| !look.asked.iter().any(|asked| asked.deployment == earlier.deployment));
    all.extend(missing.cloned());
    all
}

/// What an earlier look had reserved was not used.
fn settle_prior(work: &mut Work, look: &Look) {
    let Some(prior) = &look.prior else { return };
    // A channel that was given it may have delivered it, though nobody has heard.
    let (end, reason) = match prior.state {
        WaitingState::Outbox { .. } => (DeliveryEnd::Unknown, "it was handed over, and not sent again"),
        _ => (DeliveryEnd::Failed, "it was not sent"),
    };
    for asked in &prior.asked {
        let settled = settled(work, &look.action, asked, end.settlement(prior.handed_over()), reason);
        work.deeds.push(Deed::Settled(settled));
    }
}

/// A delivery's end: nothing waits any more, and who asked is told.
pub fn end(work: &mut Work, waiting: Waiting, end: DeliveryEnd, reason: &str) {
    let action = &waiting.action;
    work.person.drop_action(action.id);
    work.deeds.push(Deed::Ended(Ended {
        business: action.business.clone(),
        person: action.person.clone(),
        action: action.id,
        match_name: action.origin.match_name.clone(),
        policy: action.policy.clone(),
        end,
        reason: reason.into(),
        hops: action.origin.hops,
        time: work.now,
    }));
    for asked in &waiting.asked {
        let settled = settled(work, action, asked, end.settlement(waiting.handed_over()), end.name());
        work.deeds.push(Deed::Settled(settled));
    }
}

fn settled(work: &Work, action: &Action, asked: &Asked, status: &str, reason: &str) -> Settled {
    Settled {
        deployment: asked.deployment,
        key: (&*work.key).into(),
        action: action.id,
        status: status.into(),
        context: asked.context.clone(),
        answer: serde_json::json!({ "end": reason }).to_string().into(),
        time: work.now,
        state_version: asked.state_version,
        hops: action.origin.hops,
    }
}
