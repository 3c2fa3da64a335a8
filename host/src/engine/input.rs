//! What a module is asked to handle: one event, timer, signal, settlement or action, for one key; or a question about one.

use std::sync::{Arc, LazyLock};

use crate::model::outreach::{Action, Channel, Settled};
use crate::model::{Document, Event, EventRef, Lsn, Op, Signalled, Timer, TimerClock, Via};

/// One input for one key, routed.
#[derive(Clone)]
pub struct Input {
    pub lsn: Lsn,
    /// Of a declared replay: the position of the original.
    pub replay_of: Option<Lsn>,
    pub key: Arc<str>,
    /// Index of the key's document in the call.
    pub document: usize,
    pub what: What,
}

/// Decides the export that handles the input.
#[derive(Clone)]
pub enum What {
    Event {
        event: Arc<Event>,
        /// Number in the plan.
        subscription: u32,
        /// The selected data, where it is not simply all or nothing of it.
        data: Option<Box<str>>,
        /// Of one that waited for the watermark.
        from: Option<Box<HandedOver>>,
    },
    /// An event that waits in its document from now on: the host's own work, no export handles it.
    Keep(Box<Keep>),
    /// A timer of the input's document that its clock has passed.
    Timer {
        name: Box<str>,
        timer: Timer,
        /// Milliseconds: the clock's reading at the tick.
        now: u64,
    },
    /// Word from another key of the deployment.
    Signal(Arc<Signalled>),
    Settlement(Arc<Settled>),
    /// One step of a chain.
    Action(Arc<Judged>),
}

/// Where an event was before a tick handed it over.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HandedOver {
    /// The position that it came with.
    pub lsn: Lsn,
    /// Of the timer that it waited as.
    pub name: Box<str>,
}

/// An event and the timer that it waits as.
#[derive(Clone)]
pub struct Keep {
    pub event: Arc<Event>,
    /// Number in the plan.
    pub subscription: u32,
    pub name: Box<str>,
    pub timer: Timer,
}

/// An action in front of a filter.
pub struct Judged {
    pub action: Arc<Action>,
    /// As earlier filters have left it.
    pub channel: Channel,
    /// Milliseconds, receive clock: of the frame that starts this look at the chain.
    pub time: u64,
    /// From 1.
    pub attempt: u32,
}

/// One question about one key.
#[derive(Clone)]
pub struct QueryInput {
    pub name: Box<str>,
    pub key: Box<str>,
    pub parameters: Box<str>,
    /// Milliseconds: expiry is judged by it.
    pub time: u64,
}

/// The source that window entries name where no event made them.
static HOST: LazyLock<Arc<str>> = LazyLock::new(|| "fishpond".into());

impl Input {
    /// Milliseconds by which expiry and windows of this input are judged.
    pub fn time(&self) -> u64 {
        match &self.what {
            What::Event { event, .. } => event.time,
            What::Keep(keep) => keep.event.time,
            What::Timer { timer, .. } => timer.due,
            What::Signal(signal) => signal.time,
            What::Settlement(settled) => settled.time,
            What::Action(judged) => judged.time,
        }
    }

    /// Milliseconds: the receive time, or of a timer the reading of its clock.
    pub fn received(&self) -> u64 {
        match &self.what {
            What::Event { event, .. } => event.received,
            What::Keep(keep) => keep.event.received,
            What::Timer { now, .. } => *now,
            What::Signal(signal) => signal.received,
            What::Settlement(settled) => settled.time,
            What::Action(judged) => judged.time,
        }
    }

    /// May a batch end in front of it, after one at the same position? Actions are each for themselves, and of a tick it is
    /// known from the timers that are left what was handled.
    pub fn stands_alone(&self) -> bool {
        matches!(self.what, What::Action(_) | What::Timer { .. } | What::Event { from: Some(_), .. })
    }

    /// Derived events and signals between this input and an outside event, itself included.
    pub fn hops(&self) -> u8 {
        match &self.what {
            What::Event { event, .. } => event.hops,
            What::Keep(keep) => keep.event.hops,
            What::Timer { timer, .. } => timer.hops,
            What::Signal(signal) => signal.hops,
            What::Settlement(settled) => settled.hops,
            What::Action(judged) => judged.action.origin.hops,
        }
    }

    /// Its event may have come before.
    pub fn undeduplicated(&self) -> bool {
        match &self.what {
            What::Event { event, .. } => event.undeduplicated,
            What::Keep(keep) => keep.event.undeduplicated,
            What::Timer { .. } | What::Signal(_) | What::Settlement(_) | What::Action(_) => false,
        }
    }

    /// As an outcome records it. None for an action: a decision records it.
    pub fn via(&self) -> Option<Via> {
        match &self.what {
            What::Event { subscription, from: None, .. } => Some(Via::Subscription(*subscription)),
            What::Event { subscription, from: Some(from), .. } => {
                Some(Via::HandedOver { subscription: *subscription, from: from.lsn })
            }
            What::Keep(keep) => Some(Via::Kept(keep.subscription)),
            What::Timer { name, .. } => Some(Via::Timer(name.clone())),
            What::Signal(signal) => {
                Some(Via::Signal { id: signal.id, name: signal.name.clone(), sender: signal.sender.clone() })
            }
            What::Settlement(settled) => Some(Via::Settlement(settled.action)),
            What::Action(_) => None,
        }
    }

    /// What a window keeps of the input that observed.
    pub(super) fn reference(&self) -> EventRef {
        let (source, id) = match &self.what {
            What::Event { event, .. } => (event.source.clone(), event.id.clone()),
            What::Keep(keep) => (keep.event.source.clone(), keep.event.id.clone()),
            What::Timer { name, timer, .. } => (HOST.clone(), format!("timer:{name}:{}", timer.number).into()),
            What::Signal(signal) => (HOST.clone(), format!("signal:{:032x}", signal.id).into()),
            What::Settlement(settled) => (HOST.clone(), format!("settlement:{}", settled.action).into()),
            What::Action(judged) => (HOST.clone(), format!("action:{}", judged.action.id).into()),
        };
        EventRef { lsn: self.origin(), source, id }
    }

    /// The position that the input came with: its own, unless it is a replay or has waited for the watermark.
    pub(super) fn origin(&self) -> Lsn {
        self.replay_of.unwrap_or(self.waited_from())
    }

    fn waited_from(&self) -> Lsn {
        match &self.what {
            What::Event { from: Some(from), .. } => from.lsn,
            _ => self.lsn,
        }
    }

    /// The position at which a timer of this clock counts as set. One of the event clock belongs between the inputs that
    /// are handed over in the order of time, so the tick that hands them over may fire it too.
    pub(super) fn sets_at(&self, clock: TimerClock) -> Lsn {
        match clock {
            TimerClock::Event => self.waited_from(),
            TimerClock::Receive => self.lsn,
        }
    }

    /// What handling the input does to its document, however it ends: a timer, or what has waited as one, is gone. One that an earlier input of the
    /// same tick has set anew is another one, and stays.
    pub(super) fn consumption(&self, document: &Document) -> Option<Op> {
        let (name, pending) = match &self.what {
            What::Timer { name, timer, .. } => {
                (name, document.timer(name).is_some_and(|pending| pending.number == timer.number))
            }
            What::Event { from: Some(from), .. } => (&from.name, document.timer(&from.name).is_some()),
            _ => return None,
        };
        pending.then(|| Op::CancelTimer { name: name.clone() })
    }
}
