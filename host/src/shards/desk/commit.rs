//! Appends what a round came to, and only then lets it be seen: frames of whole works first, then the documents that are
//! logged whole, as outcomes of deployments are.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Desk;
use super::person::unreadable;
use super::round::Round;
use super::work::Work;
use crate::journal::{Encoded, Log};
use crate::model::outreach::{Answered, Changed, Deed, Outreach, OwnedWhole, Owner, Reached};
use crate::model::{DeploymentId, Document, Frame, Lsn, Op, ShardId, ShardSet, shard_of};
use crate::shards::deployment::Active;
use crate::shards::shelf::{Persons, Shelf, owned};
use crate::shards::worker::Fatal;

/// A frame is closed when it holds about this much.
const FRAME_BYTES: usize = 256 << 10;

/// Of a deed, or of a filter in it, beside its content.
const DEED_BYTES: usize = 1_024;

/// Of a policy in a decision.
const CANDIDATE_BYTES: usize = 128;

fn reached_bytes(reached: &Reached) -> usize {
    DEED_BYTES
        + match &reached.answer {
            Answered::Verdict(verdict) => verdict.numbers.len() + verdict.context.as_ref().map_or(0, |text| text.len()),
            Answered::Error { message, .. } => message.len(),
            Answered::NotReached | Answered::OtherClass => 0,
        }
}

/// One work with what its look kept: ready to be appended.
pub struct Done {
    pub lsn: Lsn,
    pub ordinal: u32,
    pub deeds: Vec<Deed>,
    pub writes: Vec<DocumentWrite>,
}

/// One document after a work.
pub struct DocumentWrite {
    pub owner: Owner,
    pub key: Arc<str>,
    pub time: u64,
    pub state_version: u32,
    pub ops: Vec<Op>,
    pub document: Document,
}

impl Done {
    /// `kept`: the filters' writes too.
    pub fn new(work: Work, look: Option<super::look::Look>, kept: bool) -> Done {
        let mut writes = Vec::new();
        for write in look.into_iter().flat_map(|look| look.writes).filter(|_| kept) {
            writes.push(DocumentWrite {
                owner: Owner::Deployment(write.deployment),
                key: work.key.clone(),
                time: work.now,
                state_version: write.state_version,
                ops: write.ops,
                document: write.document,
            });
        }
        if !work.person.ops.is_empty() {
            writes.push(DocumentWrite {
                owner: Owner::Person((&*work.business).into()),
                key: work.key,
                time: work.now,
                state_version: 0,
                ops: work.person.ops,
                document: work.person.document,
            });
        }
        Done { lsn: work.lsn, ordinal: work.ordinal, deeds: work.deeds, writes }
    }

    /// Whom the ends of deliveries are told, in which shard.
    fn settled(&self) -> impl Iterator<Item = (DeploymentId, ShardId)> {
        self.deeds.iter().filter_map(|deed| match deed {
            Deed::Settled(settled) => Some((settled.deployment, shard_of(&settled.key))),
            _ => None,
        })
    }

    fn is_empty(&self) -> bool {
        self.deeds.is_empty() && self.writes.is_empty()
    }

    fn bytes(&self) -> usize {
        let ops = self.writes.iter().flat_map(|write| &write.ops).map(Op::bytes).sum::<usize>();
        let deeds = self.deeds.iter().map(|deed| match deed {
            Deed::Decided(decision) => {
                let action = &decision.action;
                let said: usize = decision.verdicts.iter().map(reached_bytes).sum();
                let candidates = decision.candidates.len() * CANDIDATE_BYTES;
                DEED_BYTES + action.content.len() + action.fields.len() + said + candidates
            }
            Deed::Settled(settled) => DEED_BYTES + settled.context.len() + settled.answer.len(),
            Deed::Tagged { tag, .. } => DEED_BYTES + tag.value.len(),
            Deed::Published { event, .. } => DEED_BYTES + event.bytes(),
            Deed::Ended(ended) => DEED_BYTES + ended.reason.len(),
        });
        ops + deeds.sum::<usize>()
    }
}

/// All documents that a desk writes.
pub struct Shelves<'a> {
    pub persons: &'a mut Persons,
    pub active: &'a mut BTreeMap<DeploymentId, Active>,
}

impl Shelves<'_> {
    pub fn shelf(&mut self, owner: &Owner) -> Option<&mut Shelf> {
        match owner {
            Owner::Deployment(id) => self.active.get_mut(id).map(|active| &mut active.shelf),
            Owner::Person(business) => Some(self.persons.shelf(business)),
        }
    }

    /// The agenda follows what is about to be appended.
    fn note(&mut self, write: &DocumentWrite) {
        if let Some(shelf) = self.shelf(&write.owner) {
            shelf.note(&write.key, &write.ops);
        }
    }

    /// The document whole, if this is its first change since the mark.
    fn whole_after(&mut self, write: &mut DocumentWrite, mark: Lsn) -> Result<Option<OwnedWhole>, Fatal> {
        write.document.advance(write.time);
        write.document.written_by(write.state_version);
        let Some(shelf) = self.shelf(&write.owner) else { return Ok(None) };
        // In memory from now on, and with it its memory of when it was logged whole.
        let before = shelf.documents.take(&write.key).map_err(unreadable(&write.key))?;
        let whole = shelf.documents.whole_after(&write.key, &write.document, mark);
        shelf.documents.put(&write.key, before);
        Ok(whole.map(|whole| owned(write.owner.clone(), whole)))
    }

    /// The document as the frame at this position has made it.
    fn put(&mut self, mut write: DocumentWrite, lsn: Lsn) -> Result<(), Fatal> {
        let Some(shelf) = self.shelf(&write.owner) else { return Ok(()) };
        // It may have left memory.
        shelf.documents.take(&write.key).map_err(unreadable(&write.key))?;
        write.document.stamp(lsn, write.time, write.state_version);
        shelf.documents.put(&write.key, write.document);
        Ok(())
    }

    /// Documents whose rows are behind, with their owners.
    pub fn dirty(&self) -> Vec<(Owner, Arc<str>)> {
        let own = self.active.iter().map(|(id, active)| (Owner::Deployment(*id), &active.shelf));
        let persons = self.persons.shelves();
        let all = own.chain(persons.map(|(business, shelf)| (Owner::Person((&**business).into()), shelf)));
        all.flat_map(|(owner, shelf)| shelf.documents.dirty().into_iter().map(move |key| (owner.clone(), key)))
            .collect()
    }
}

/// Appends the frames of a round and puts the documents in their places.
pub fn commit(
    log: &Log,
    round: &Round,
    shards: ShardSet,
    works: Vec<Done>,
    now: u64,
    mark: Lsn,
    shelves: &mut Shelves<'_>,
) -> Result<(), Fatal> {
    let mut frames = Frames::new(round, shards, now);
    let mut writes: Vec<(usize, DocumentWrite)> = Vec::new();
    let mut settled: Vec<(usize, DeploymentId, ShardId)> = Vec::new();
    let mut works = works.into_iter().peekable();
    while let Some(mut done) = works.next() {
        let next = works.peek().map(|next| (next.lsn, next.ordinal));
        done.writes.iter().for_each(|write| shelves.note(write));
        let of: Vec<(DeploymentId, ShardId)> = done.settled().collect();
        let frame = frames.push(&mut done, next);
        settled.extend(of.into_iter().map(|(id, shard)| (frame, id, shard)));
        writes.extend(done.writes.into_iter().map(|write| (frame, write)));
    }
    for (frame, write) in &mut writes {
        if let Some(whole) = shelves.whole_after(write, mark)? {
            *frame = frames.push_whole(whole);
        }
    }
    let lsns = frames.append(log)?;
    for (frame, id, shard) in settled {
        if let Some(active) = shelves.active.get_mut(&id) {
            let position = active.standing(shard).position;
            active.settlements.note(shard, (lsns[frame], lsns[frame]), position);
        }
    }
    writes.into_iter().try_for_each(|(frame, write)| shelves.put(write, lsns[frame]))
}

/// Frames of a round, each a whole number of works.
struct Frames {
    done: Vec<Outreach>,
    current: Outreach,
    bytes: usize,
}

impl Frames {
    fn new(round: &Round, shards: ShardSet, now: u64) -> Frames {
        Frames { done: Vec::new(), current: empty(shards, round.position, round.done, now), bytes: 0 }
    }

    /// Adds a work and takes its deeds and operations; `next` is what follows it. Answers the number of its frame.
    fn push(&mut self, done: &mut Done, next: Option<(Lsn, u32)>) -> usize {
        let frame = self.done.len();
        self.bytes += done.bytes();
        self.current.deeds.append(&mut done.deeds);
        self.current.changes.extend(done.writes.iter_mut().map(|write| Changed {
            owner: write.owner.clone(),
            key: (&*write.key).into(),
            time: write.time,
            state_version: write.state_version,
            ops: std::mem::take(&mut write.ops),
        }));
        if self.bytes >= FRAME_BYTES
            && let Some((lsn, ordinal)) = next
        {
            let (position, done) = (self.current.position, self.current.done);
            (self.current.position, self.current.done) = (lsn.previous(), ordinal);
            self.close();
            (self.current.position, self.current.done) = (position, done);
        }
        frame
    }

    fn push_whole(&mut self, whole: OwnedWhole) -> usize {
        if !self.current.changes.is_empty() || !self.current.deeds.is_empty() || self.bytes >= FRAME_BYTES {
            self.close();
        }
        self.bytes += whole.bytes.len();
        self.current.wholes.push(whole);
        self.done.len()
    }

    fn close(&mut self) {
        let fresh = empty(self.current.shards, self.current.position, self.current.done, self.current.now);
        self.done.push(std::mem::replace(&mut self.current, fresh));
        self.bytes = 0;
    }

    fn append(mut self, log: &Log) -> Result<Vec<Lsn>, Fatal> {
        self.close();
        let mut lsns = Vec::new();
        for frame in self.done {
            lsns.push(log.append_all(vec![Encoded::new(Frame::Outreach(Arc::new(frame)))])?);
        }
        Ok(lsns)
    }
}

impl Desk {
    /// A frame that says how far the desk is, and nothing else.
    pub(in crate::shards) fn says(&self) -> Outreach {
        let (position, done) = self.finished;
        empty(self.shards, position, done, self.now)
    }
}

fn empty(shards: ShardSet, position: Lsn, done: u32, now: u64) -> Outreach {
    let (deeds, changes, wholes) = (Vec::new(), Vec::new(), Vec::new());
    Outreach { shards, position, done, now, deeds, changes, wholes }
}

/// Works that changed nothing and decided nothing need no frame.
pub fn drop_empty(works: Vec<Done>) -> Vec<Done> {
    works.into_iter().filter(|done| !done.is_empty()).collect()
}
