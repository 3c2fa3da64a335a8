//! `order: event-time`: an input waits in its document until a tick's watermark has passed its time.
//!
//! It waits as a timer of the event clock under a name that no module can have, so that agenda, ticks, redo and write-back
//! know it already. What comes with a time below the watermark that its reader has passed is late, and never handed over.

use std::sync::Arc;

use super::batch::Batch;
use crate::codec::{CodecError, Interner, decode_kept, encode_kept};
use crate::engine::{HandedOver, HostFailure, Input, Keep, Ran, What};
use crate::model::expiry::crowded_until;
use crate::model::outcome::LATE;
use crate::model::{
    Document, End, Event, InputOutcome, InputRecord, Limits, Lsn, Op, Order, Plan, Timer, TimerClock, Via,
};
use crate::router::Router;

/// What the names of kept inputs begin with.
const KEPT: &str = "~event/";

/// Kept inputs that one batch hands over: each may be as large as a document.
pub const HANDED_OVER: usize = 256;

/// Texts that the events of one batch share in memory.
const SHARED_TEXTS: usize = 256;

/// Names of one time are in the order of positions; several inputs of one frame have their numbers.
fn name(lsn: Lsn, number: usize) -> String {
    format!("{KEPT}{:016x}/{number:04x}", lsn.0)
}

/// Is it the name of a kept input?
pub fn is_kept(name: &str) -> bool {
    name.starts_with(KEPT)
}

fn position(name: &str) -> Option<Lsn> {
    let (lsn, _) = name.strip_prefix(KEPT)?.split_once('/')?;
    u64::from_str_radix(lsn, 16).ok().map(Lsn)
}

/// What becomes of an input that has just come.
pub fn keep(plan: &Plan, lsn: Lsn, event: &Arc<Event>, subscription: u32, number: usize) -> What {
    let wanted = &plan.subscriptions[subscription as usize].name;
    let timer = Timer {
        clock: TimerClock::Event,
        due: event.time,
        context: encode_kept(event, wanted).into(),
        at: lsn,
        // Said by the document.
        number: 0,
        state_version: plan.state_writes,
        hops: event.hops,
    };
    What::Keep(Box::new(Keep { event: event.clone(), subscription, name: name(lsn, number).into(), timer }))
}

/// The record of an input that came too late for its order.
pub fn late(lsn: Lsn, event: &Event, subscription: u32, key: Box<str>, watermark: u64) -> InputRecord {
    let message = format!(
        "its time is {} ms behind the watermark: what came before it in the order of time has been handed over",
        watermark.saturating_sub(event.time)
    );
    let end = End::Refused { code: LATE.into(), message: message.into() };
    let outcome = InputOutcome { late: true, ..InputOutcome::without_effects(end) };
    InputRecord {
        lsn,
        replay_of: None,
        time: event.time,
        via: Via::Subscription(subscription),
        hops: event.hops,
        key,
        outcome,
    }
}

/// Puts inputs into their documents: no module is called. One that a document has no room for is refused.
pub fn put(inputs: &[Input], documents: &mut [Document], limits: &Limits) -> Ran {
    let outcomes = inputs.iter().map(|input| put_one(input, &mut documents[input.document], limits)).collect();
    Ran { outcomes, ..Ran::default() }
}

fn put_one(input: &Input, document: &mut Document, limits: &Limits) -> InputOutcome {
    let What::Keep(keep) = &input.what else { return InputOutcome::without_effects(End::Done) };
    let timer = Timer { number: document.timers_set(), ..keep.timer.clone() };
    let op = Op::SetTimer { name: keep.name.clone(), timer };
    let mut ops = Vec::new();
    let limit = limits.document_bytes;
    let full = |document: &Document| (document.bytes() + op.bytes()) as u64 > limit;
    if full(document)
        && let Some(expire) = document.expire(crowded_until(limits, input.time(), input.received()))
    {
        document.apply(expire.clone());
        ops.push(expire);
    }
    if full(document) {
        let message = format!(
            "the input would wait in its document until the watermark has passed it, and that has no room: {} bytes of \
             {limit} are taken (`document_bytes`)",
            document.bytes()
        );
        let end = End::Refused { code: "document_bytes".into(), message: message.into() };
        return InputOutcome { ops, ..InputOutcome::without_effects(end) };
    }
    document.apply(op.clone());
    ops.push(op);
    InputOutcome { ops, ..InputOutcome::without_effects(End::Done) }
}

impl Batch {
    /// Puts the timers of the documents into the inputs that they fire; a kept input becomes the event that it was.
    pub fn fill_timers(
        &mut self,
        documents: &[Document],
        business: &Arc<str>,
        plan: &Plan,
        router: &Router,
    ) -> Result<(), HostFailure> {
        if self.timers.is_empty() {
            return Ok(());
        }
        let mut interner = Interner::new(SHARED_TEXTS);
        let inputs = Arc::make_mut(&mut self.inputs);
        for index in self.timers.drain(..) {
            let Input { document, key, what, .. } = &mut inputs[index];
            let What::Timer { name, timer, .. } = what else { continue };
            let Some(pending) = documents[*document].timer(name) else { continue };
            *timer = pending.clone();
            let Some(lsn) = position(name) else { continue };
            let unreadable = |error: CodecError| HostFailure(format!("an input kept for `{key}`: {error}"));
            let (event, wanted) = decode_kept(&timer.context, business, &mut interner).map_err(unreadable)?;
            let from = Some(Box::new(HandedOver { lsn, name: name.clone() }));
            // One that an earlier revision has kept, and this one does not subscribe to, gets a number that is none.
            let subscription = plan.subscriptions.iter().position(|subscription| subscription.name == wanted);
            let subscription = subscription.map_or(u32::MAX, |number| number as u32);
            let data = router.selected(plan, subscription, &event);
            *what = What::Event { event: Arc::new(event), subscription, data, from };
        }
        Ok(())
    }
}

/// Does the subscription of this number want its inputs in the order of their times?
pub fn is_ordered(plan: &Plan, subscription: u32) -> bool {
    plan.subscriptions[subscription as usize].order == Order::EventTime
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(time: u64) -> Arc<Event> {
        Arc::new(Event { business: "b".into(), id: "e".into(), time, received: time, ..Event::default() })
    }

    fn plan() -> Plan {
        let configured = crate::engine::Configured::stored(
            r#"{"subscriptions":[{"name":"s","types":["t"],"key":"actor","order":"event-time"}],
                "state":{"writes":1,"reads":[1]}}"#,
        );
        configured.expect("a plan").plan
    }

    fn input(lsn: u64, number: usize, time: u64) -> Input {
        Input {
            lsn: Lsn(lsn),
            key: "k".into(),
            document: 0,
            replay_of: None,
            what: keep(&plan(), Lsn(lsn), &event(time), 0, number),
        }
    }

    #[test]
    fn names_of_one_time_are_in_the_order_of_positions() {
        let mut names = [name(Lsn(9), 0), name(Lsn(0x10), 0), name(Lsn(9), 1), name(Lsn(u64::MAX), 0)];
        names.sort();
        assert_eq!(names.map(|name| position(&name)), [Lsn(9), Lsn(9), Lsn(16), Lsn(u64::MAX)].map(Some));
        assert!(is_kept(&name(Lsn(1), 0)) && !is_kept("remind"));
    }

    #[test]
    fn kept_inputs_count_in_the_document_and_are_refused_by_name_when_it_is_full() {
        let mut documents = vec![Document::default()];
        let inputs = [input(5, 0, 100), input(6, 0, 90), input(7, 0, 80)];
        let room = put(&inputs[..1], &mut documents, &Limits::default()).outcomes[0].ops[0].bytes() as u64;
        assert!(documents[0].bytes() as u64 + 48 >= room);
        documents[0] = Document::default();
        let limits = Limits { document_bytes: 2 * room, ..Limits::default() };
        let ends: Vec<String> =
            put(&inputs, &mut documents, &limits).outcomes.iter().map(|outcome| outcome.end.code().into()).collect();
        assert_eq!(ends, ["done", "done", "document_bytes"]);
        assert_eq!((documents[0].timers().len(), documents[0].timers_set()), (2, 2));
    }
}
