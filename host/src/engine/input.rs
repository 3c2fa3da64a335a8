//! What a module is asked to handle: one event, timer, signal, settlement or action, for one key; or a question about one.

use std::sync::{Arc, LazyLock};

use crate::model::outreach::{Action, Channel, Settled};
use crate::model::{Document, Event, EventRef, Lsn, Op, Signalled, Timer, Via};

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
    },
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
            What::Timer { now, .. } => *now,
            What::Signal(signal) => signal.received,
            What::Settlement(settled) => settled.time,
            What::Action(judged) => judged.time,
        }
    }

    /// Derived events and signals between this input and an outside event, itself included.
    pub fn hops(&self) -> u8 {
        match &self.what {
            What::Event { event, .. } => event.hops,
            What::Timer { timer, .. } => timer.hops,
            What::Signal(signal) => signal.hops,
            What::Settlement(settled) => settled.hops,
            What::Action(judged) => judged.action.origin.hops,
        }
    }

    /// As an outcome records it. None for an action: a decision records it.
    pub fn via(&self) -> Option<Via> {
        match &self.what {
            What::Event { subscription, .. } => Some(Via::Subscription(*subscription)),
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
            What::Timer { name, timer, .. } => (HOST.clone(), format!("timer:{name}:{}", timer.number).into()),
            What::Signal(signal) => (HOST.clone(), format!("signal:{:032x}", signal.id).into()),
            What::Settlement(settled) => (HOST.clone(), format!("settlement:{}", settled.action).into()),
            What::Action(judged) => (HOST.clone(), format!("action:{}", judged.action.id).into()),
        };
        EventRef { lsn: self.replay_of.unwrap_or(self.lsn), source, id }
    }

    /// What handling the input does to its document, however it ends: a timer is gone. One that an earlier input of the
    /// same tick has set anew is another one, and stays.
    pub(super) fn consumption(&self, document: &Document) -> Option<Op> {
        let What::Timer { name, timer, .. } = &self.what else { return None };
        let pending = document.timer(name).is_some_and(|pending| pending.number == timer.number);
        pending.then(|| Op::CancelTimer { name: name.clone() })
    }
}
