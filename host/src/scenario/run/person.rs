//! Persons in a run: their streams, as the host's door for apps keeps them, and what they ask for.

use std::collections::BTreeSet;
use std::task::{Context, Poll};

use super::Run;
use crate::channels::Stream;
use crate::model::outreach::{Channel, Waiting, WaitingState};
use crate::model::ports::{Acknowledged, PersonView};
use crate::scenario::parse::PersonAct;
use crate::scenario::render;

/// One person's open stream.
pub(super) struct Open {
    stream: Stream,
    /// Numbers that it has shown: each is shown once.
    shown: BTreeSet<u64>,
}

impl Run<'_> {
    pub(super) fn person(&mut self, user: &str, act: &PersonAct) -> anyhow::Result<()> {
        let business = self.business();
        match act {
            PersonAct::Connect => self.connect(user),
            PersonAct::Disconnect => {
                if self.streams.remove(user).is_none() {
                    self.output.push(format!("disconnect {user} refused: there is no stream"));
                }
                Ok(())
            }
            PersonAct::Acknowledge(sequence) => self.acknowledge(user, *sequence),
            PersonAct::Slot(slot) => self.slot(user, slot),
            PersonAct::Inbox => {
                let person = self.ask(|asker, answer| asker.person(&business, user, answer))??;
                self.output.extend(render::inbox(user, &person));
                Ok(())
            }
            PersonAct::Tags => {
                let person = self.ask(|asker, answer| asker.person(&business, user, answer))??;
                self.output.extend(render::tags(user, &person));
                Ok(())
            }
        }
    }

    /// As the door for apps does it: first the stream, then what waits is judged and shown, then what is new. Connecting
    /// again ends the stream before.
    fn connect(&mut self, user: &str) -> anyhow::Result<()> {
        self.streams.remove(user);
        let business = self.business();
        let stream = self.host()?.hub.join(&business, user)?;
        let person = self.arrive(user, None)?;
        let mut open = Open { stream, shown: BTreeSet::new() };
        let now = self.now();
        for (waiting, sequence) in entries(&person, &Channel::App, now) {
            if open.shown.insert(sequence) {
                self.output.push(render::stream(now, user, sequence, &waiting.action, waiting.attempt));
            }
        }
        self.streams.insert(user.to_owned(), open);
        self.show_streams();
        Ok(())
    }

    fn slot(&mut self, user: &str, slot: &str) -> anyhow::Result<()> {
        let person = self.arrive(user, Some(slot))?;
        let (now, channel) = (self.now(), Channel::Slot(slot.into()));
        let best = entries(&person, &channel, now)
            .into_iter()
            .max_by_key(|(waiting, sequence)| (waiting.action.priority, *sequence))
            .map(|(waiting, sequence)| (&waiting.action, sequence, waiting.attempt));
        self.output.push(render::slot(now, user, slot, best));
        Ok(())
    }

    fn arrive(&mut self, user: &str, slot: Option<&str>) -> anyhow::Result<PersonView> {
        let business = self.business();
        Ok(self.ask(|asker, answer| asker.arrive(&business, user, slot, answer))??)
    }

    fn acknowledge(&mut self, user: &str, sequence: u64) -> anyhow::Result<()> {
        let Some(action) = self.numbers.get(&(user.to_owned(), sequence)).copied() else {
            self.output.push(format!("ack {user} #{sequence} -> unknown"));
            return Ok(());
        };
        let business = self.business();
        match self.ask(|asker, answer| asker.acknowledge(&business, user, action, answer))?? {
            Acknowledged::Accepted(_) => {}
            Acknowledged::Already(_) => self.output.push(format!("ack {user} #{sequence} -> already")),
            Acknowledged::Unknown => self.output.push(format!("ack {user} #{sequence} -> unknown")),
        }
        Ok(())
    }

    /// What has come on the streams, by person.
    pub(super) fn show_streams(&mut self) {
        let now = self.now();
        let mut context = Context::from_waker(std::task::Waker::noop());
        self.streams.retain(|user, open| {
            loop {
                match open.stream.poll_next(&mut context) {
                    Poll::Ready(Some(delivery)) => {
                        if open.shown.insert(delivery.sequence) {
                            let (action, attempt) = (&delivery.action, delivery.attempt);
                            self.output.push(render::stream(now, user, delivery.sequence, action, attempt));
                        }
                    }
                    Poll::Ready(None) => {
                        self.output.push(render::stream_closed(now, user));
                        return false;
                    }
                    Poll::Pending => return true,
                }
            }
        });
    }
}

/// What was handed over on a channel with an inbox, is not acknowledged and still worth something; by its number.
fn entries<'a>(person: &'a PersonView, wanted: &Channel, now: u64) -> Vec<(&'a Waiting, u64)> {
    let handed = person.waiting.iter().filter_map(|waiting| match &waiting.state {
        WaitingState::Inbox { sequence, channel, attempted: true } if channel == wanted => Some((waiting, *sequence)),
        _ => None,
    });
    let mut entries: Vec<_> = handed.filter(|(waiting, _)| now < waiting.action.expires).collect();
    entries.sort_by_key(|(_, sequence)| *sequence);
    entries
}
