//! What readers have passed without a word: positions are said by outcome frames, and whoever skips makes none. At a
//! checkpoint, and when a reader stops, it is said by a frame of its own, and retention relies on nothing that was not
//! said: so no crash, and no base copy, sends anybody back to what is gone.

use std::sync::Arc;

use super::deployment::Active;
use super::reader::Reader;
use super::worker::{Fatal, Worker};
use crate::model::{Frame, Lsn, Outcome};

/// Frames that a reader which goes on need not speak of, if it has skipped no more, and has no more to read: it holds
/// those few, and reads them again after a start.
const FEW: u64 = 64;

/// Is it time for somebody who goes on to say where he is?
fn is_owed(said: Lsn, position: Lsn, last: Lsn) -> bool {
    position > said && (position.0 - said.0 >= FEW || last.0.saturating_sub(position.0) >= FEW)
}

impl Active {
    /// It has read all that it will ever read.
    pub(super) fn is_over(&self, position: Lsn) -> bool {
        self.deployment.retired.is_some_and(|at| position.next() >= at)
    }

    /// Frames that say where readers are, with the readers' numbers: of those that stand still; and of those that go on, if
    /// the journal's last position is given.
    fn unsaid(&self, now: u64, last: Option<Lsn>) -> Vec<(usize, Outcome)> {
        let owes = |reader: &Reader| {
            let (said, position) = (reader.said(), reader.position());
            match reader.paused || self.is_over(position) {
                true => position > said,
                false => last.is_some_and(|last| is_owed(said, position, last)),
            }
        };
        let all = self.readers.iter().enumerate().filter(|(_, reader)| owes(reader));
        all.map(|(index, reader)| (index, self.says(reader, now))).collect()
    }

    /// The head of a frame that says where a reader is.
    pub(super) fn says(&self, reader: &Reader, now: u64) -> Outcome {
        let revision = self.deployment.revision_at(reader.position(), reader.any_shard());
        Outcome {
            deployment: self.deployment.id,
            revision: revision.number,
            digest: revision.digest,
            shards: reader.shards,
            position: reader.position(),
            now,
            state_version: revision.configured.plan.state_writes,
            inputs: Vec::new(),
            wholes: Vec::new(),
        }
    }
}

impl Worker {
    /// Says where everybody is who has skipped so much that it matters.
    pub(super) fn say_positions(&mut self) -> Result<(), Fatal> {
        let last = self.parts.log.last();
        self.say(Some(last))?;
        let frame = self.desk.says();
        let position = frame.position;
        if is_owed(self.desk.said, position, last) {
            self.parts.log.append(Frame::Outreach(Arc::new(frame)))?;
            self.desk.said = position;
        }
        self.publish_all();
        Ok(())
    }

    /// Says where those are that stand still, since they hold nothing and yet must be found there.
    pub(super) fn say_where_paused(&mut self) -> Result<(), Fatal> {
        if std::mem::take(&mut self.changed) { self.say(None) } else { Ok(()) }
    }

    fn say(&mut self, last: Option<Lsn>) -> Result<(), Fatal> {
        let now = self.clock();
        for active in self.active.values_mut() {
            for (index, outcome) in active.unsaid(now, last) {
                let position = outcome.position;
                self.parts.log.append(Frame::Outcome(Arc::new(outcome)))?;
                active.readers[index].say(position);
            }
        }
        Ok(())
    }
}
