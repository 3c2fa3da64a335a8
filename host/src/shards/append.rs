//! Appends what a batch came to: records first, then the documents that are logged whole.

use super::batch::Batch;
use super::commit::Frames;
use super::deployment::Active;
use super::worker::{Fatal, Stamp};
use crate::journal::Log;
use crate::model::{Document, InputRecord, Lsn, Outcome};

impl Active {
    /// The head of an outcome frame.
    pub fn outcome_head(&self, loaded: usize, reader: usize, position: Lsn, now: u64) -> Outcome {
        let revision = &self.loaded[loaded].revision;
        Outcome {
            deployment: self.deployment.id,
            revision: revision.number,
            digest: revision.digest,
            shards: self.readers[reader].shards,
            position,
            now,
            state_version: revision.configured.plan.state_writes,
            inputs: Vec::new(),
            wholes: Vec::new(),
        }
    }

    /// Appends the frames of a batch. Answers, for each document of the batch, the position of its last change and
    /// the greatest input time of all its changes.
    pub fn append(
        &mut self,
        log: &Log,
        head: Outcome,
        batch: &Batch,
        records: Vec<InputRecord>,
        documents: &mut [Document],
        mark: Lsn,
    ) -> Result<Vec<Option<Stamp>>, Fatal> {
        let mut changed: Vec<Option<(usize, u64)>> = vec![None; documents.len()];
        if records.is_empty() {
            return Ok(vec![None; documents.len()]);
        }
        let (version, shards, position) = (head.state_version, head.shards, head.position);
        let mut frames = Frames::new(head, records.len());
        for record in records {
            self.shelf.note(&(&*record.key).into(), &record.outcome.ops);
            let document = (!record.outcome.ops.is_empty()).then(|| batch.document(&record.key)).flatten();
            let time = record.clock();
            let frame = frames.push(record);
            if let Some(document) = document {
                let before = changed[document].map_or(0, |(_, before)| before);
                changed[document] = Some((frame, time.max(before)));
            }
        }
        for (index, document) in documents.iter_mut().enumerate() {
            if let Some((frame, time)) = &mut changed[index] {
                document.advance(*time);
                document.written_by(version);
                if let Some(whole) = self.shelf.documents.whole_after(&batch.keys[index], document, mark) {
                    *frame = frames.push_whole(whole);
                }
            }
        }
        let mut lsns = Vec::new();
        for portion in frames.finish() {
            let count = portion.len() as u64;
            let first = log.append_all(portion)?;
            lsns.extend((first.0..first.0 + count).map(Lsn));
        }
        if let Some(reader) = self.readers.iter_mut().find(|reader| reader.shards == shards) {
            reader.say(position);
        }
        let lsn = |(frame, time): (usize, u64)| (lsns[frame], time, version);
        Ok(changed.into_iter().map(|change| change.map(lsn)).collect())
    }
}
