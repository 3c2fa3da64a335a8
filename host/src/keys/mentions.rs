//! All that one frame is found by.

use super::Key;
use crate::model::{Change, Control, End, Event, Frame, InputRecord, Lsn, Outcome};

/// What is known of a segment while its frames are read.
#[derive(Default)]
pub struct Mentions {
    /// Hash, and the frame's number in its segment.
    pub entries: Vec<(u64, u32)>,
    /// The lowest position that a record's input came with.
    pub lowest_origin: Option<Lsn>,
}

/// Memory of one mention, bytes.
pub const MENTION_BYTES: u64 = size_of::<(u64, u32)>() as u64;

impl Mentions {
    /// Notes a frame, the one of this number in its segment.
    pub fn note(&mut self, number: u32, frame: &Frame) {
        match frame {
            Frame::Input(event) => self.event(number, event),
            Frame::Outcome(outcome) => self.outcome(number, outcome),
            Frame::Control(control) => self.control(number, control),
            Frame::Outreach(outreach) => {
                // Documents of filters, and of persons.
                outreach.changes.iter().for_each(|changed| self.add(number, Key::handled(&changed.key)));
                outreach.wholes.iter().for_each(|whole| self.add(number, Key::handled(&whole.key)));
            }
            Frame::Mark(_) | Frame::Tick(_) | Frame::Report(_) => {}
        }
    }

    fn add(&mut self, number: u32, key: Key) {
        self.entries.push((key.0, number));
    }

    fn event(&mut self, number: u32, event: &Event) {
        self.add(number, Key::identity(&event.business, &event.source, &event.id));
        self.add(number, Key::party(&event.business, &event.subject));
        if event.actor != event.subject {
            self.add(number, Key::party(&event.business, &event.actor));
        }
    }

    fn outcome(&mut self, number: u32, outcome: &Outcome) {
        outcome.shards.iter().for_each(|shard| self.add(number, Key::shard(outcome.deployment, shard)));
        outcome.wholes.iter().for_each(|whole| self.add(number, Key::handled(&whole.key)));
        let (mut failed, mut late, mut replayed, mut matched) = (false, false, false, false);
        for record in &outcome.inputs {
            self.record(number, record);
            failed |= record.outcome.end != End::Done;
            late |= record.outcome.late;
            replayed |= record.replay_of.is_some();
            matched |= !record.outcome.matches.is_empty();
        }
        let id = outcome.deployment;
        let kinds = [
            (failed, Key::failed(id)),
            (late, Key::late(id)),
            (replayed, Key::replayed(id)),
            (matched, Key::matched(id)),
        ];
        kinds.into_iter().filter(|(is, _)| *is).for_each(|(_, key)| self.add(number, key));
    }

    fn record(&mut self, number: u32, record: &InputRecord) {
        let origin = record.origin();
        self.add(number, Key::handled(&record.key));
        self.add(number, Key::origin(origin));
        self.lowest_origin = Some(self.lowest_origin.map_or(origin, |lowest| lowest.min(origin)));
        for found in &record.outcome.matches {
            self.add(number, Key::match_name(&found.name));
            self.add(number, Key::match_person(&found.person));
        }
    }

    fn control(&mut self, number: u32, control: &Control) {
        match &control.change {
            Change::GapAccepted { .. } | Change::Alert { .. } => return,
            Change::Resent(resend) => self.add(number, Key::resent(resend.deployment)),
            Change::ModuleUploaded { .. }
            | Change::DeploymentRevised { .. }
            | Change::Paused { .. }
            | Change::Quarantined { .. }
            | Change::Resumed { .. }
            | Change::Retired { .. }
            | Change::PolicyRevised { .. }
            | Change::ChainRevised { .. } => {}
        }
        self.add(number, Key::change());
    }
}
