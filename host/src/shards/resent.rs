//! Declared replays: a control frame carries an event that has failed, and the reader of that deployment takes it as an
//! input at the frame's position, with the identity of the original.

use super::batch::{Gather, Wanted, routed_key};
use super::keeping;
use crate::engine::What;
use crate::model::{End, InputOutcome, InputRecord, Lsn, Resend, ShardSet, Via, shard_of};
use crate::router::Routed;

impl Gather {
    /// What the revision in force makes of it: by the subscription and under the key of the original. Every replay ends with
    /// a record, so that whoever asked for it can see how.
    pub(super) fn resent(&mut self, lsn: Lsn, resend: &Resend, wanted: &Wanted<'_>, shards: ShardSet) {
        if resend.deployment != wanted.deployment {
            return;
        }
        let (inputs, bad) = (self.inputs.len(), self.batch.bad.len());
        let mut found = false;
        wanted.router.route(wanted.plan, &resend.event, |routed| {
            if !is_meant(resend, wanted, &routed) {
                return;
            }
            found = true;
            if shards.contains(shard_of(routed_key(&routed, &resend.event))) {
                self.replayed(lsn, resend, routed, wanted);
            }
        });
        let home = if resend.key.is_empty() { &resend.event.id } else { &resend.key };
        if !found && shards.contains(shard_of(home)) {
            self.batch.bad.push((self.inputs.len(), not_subscribed(lsn, resend, wanted)));
        }
        self.inputs[inputs..].iter_mut().for_each(|input| input.replay_of = Some(resend.position));
        self.batch.bad[bad..].iter_mut().for_each(|(_, record)| record.replay_of = Some(resend.position));
    }

    /// Handled at once, also where its like wait for their order: that has passed it. What came too late for it, and was not
    /// handed over, is late again.
    fn replayed(&mut self, lsn: Lsn, resend: &Resend, routed: Routed, wanted: &Wanted<'_>) {
        let event = &resend.event;
        match routed {
            Routed::Input { subscription, key, data }
                if keeping::is_ordered(wanted.plan, subscription)
                    && (resend.handed_over || event.time >= self.watermark) =>
            {
                let bytes = event.data.len() + event.subject.len() + event.actor.len() + event.id.len();
                let what = What::Event { event: event.clone(), subscription, data, from: None };
                self.add(lsn, key.into(), what, bytes);
            }
            routed => self.routed(lsn, event, routed, wanted.plan),
        }
    }
}

/// An original without a key may have one now; one with a key is replayed under that alone.
fn is_meant(resend: &Resend, wanted: &Wanted<'_>, routed: &Routed) -> bool {
    let (number, key) = match routed {
        Routed::Input { subscription, key, .. } => (*subscription, &**key),
        Routed::Bad { subscription, .. } => (*subscription, ""),
    };
    let subscription = wanted.plan.subscriptions.get(number as usize);
    subscription.is_some_and(|subscription| subscription.name == resend.subscription)
        && (resend.key.is_empty() || key.is_empty() || *key == *resend.key)
}

fn not_subscribed(lsn: Lsn, resend: &Resend, wanted: &Wanted<'_>) -> InputRecord {
    let message = format!(
        "the revision in force does not take this event by the subscription `{}` under the key `{}`",
        resend.subscription, resend.key
    );
    let end = End::Refused { code: "not_subscribed".into(), message: message.into() };
    InputRecord {
        lsn,
        replay_of: Some(resend.position),
        time: resend.event.time,
        // There is none of its name: a number that no subscription has.
        via: Via::Subscription(wanted.plan.subscriptions.len() as u32),
        hops: resend.event.hops,
        key: resend.key.clone(),
        outcome: InputOutcome::without_effects(end),
    }
}
