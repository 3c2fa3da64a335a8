//! What frames are found by: hashes of names.

use std::hash::Hasher;

use xxhash_rust::xxh3::Xxh3Default;

use crate::model::{DeploymentId, Lsn, ShardId};

/// Bits of a hash that are kept: among a million names in a segment one in some hundred million lookups finds a frame too
/// many, which whoever reads it sees.
const BITS: u32 = 48;

/// What a list of frames is about, hashed. Two things may have the same.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Key(pub(super) u64);

/// Numbers are part of the file format: a change of what is listed under one needs another version of it.
#[derive(Clone, Copy)]
enum Kind {
    Party = 1,
    Identity = 2,
    Handled = 3,
    Origin = 4,
    Shard = 5,
    Matched = 6,
    MatchName = 7,
    MatchPerson = 8,
    Failed = 9,
    Late = 10,
    Replayed = 11,
    Resent = 12,
    Change = 13,
}

impl Key {
    fn new(kind: Kind, parts: &[&[u8]]) -> Key {
        let mut hash = Xxh3Default::new();
        hash.write_u8(kind as u8);
        for part in parts {
            hash.update(&(part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        Key(hash.digest() >> (u64::BITS - BITS))
    }

    fn of(kind: Kind, id: DeploymentId) -> Key {
        Key::new(kind, &[&id.0.to_le_bytes()])
    }

    /// Outside events of which somebody is the subject or the actor.
    pub fn party(business: &str, who: &str) -> Key {
        Key::new(Kind::Party, &[business.as_bytes(), who.as_bytes()])
    }

    /// Outside events of one identity.
    pub fn identity(business: &str, source: &str, id: &str) -> Key {
        Key::new(Kind::Identity, &[business.as_bytes(), source.as_bytes(), id.as_bytes()])
    }

    /// Outcome frames with a record or a whole document of this key, of whichever deployment.
    pub fn handled(key: &str) -> Key {
        Key::new(Kind::Handled, &[key.as_bytes()])
    }

    /// Outcome frames with a record of an input that came with this position.
    pub(super) fn origin(lsn: Lsn) -> Key {
        Key::new(Kind::Origin, &[&lsn.0.to_le_bytes()])
    }

    /// Outcome frames of a deployment that finish something in a shard.
    pub fn shard(id: DeploymentId, shard: ShardId) -> Key {
        Key::new(Kind::Shard, &[&id.0.to_le_bytes(), &shard.0.to_le_bytes()])
    }

    /// Outcome frames of a deployment with a match.
    pub fn matched(id: DeploymentId) -> Key {
        Key::of(Kind::Matched, id)
    }

    /// Outcome frames with a match of this name.
    pub fn match_name(name: &str) -> Key {
        Key::new(Kind::MatchName, &[name.as_bytes()])
    }

    /// Outcome frames with a match about this person.
    pub fn match_person(person: &str) -> Key {
        Key::new(Kind::MatchPerson, &[person.as_bytes()])
    }

    /// Outcome frames of a deployment with an input that failed.
    pub fn failed(id: DeploymentId) -> Key {
        Key::of(Kind::Failed, id)
    }

    /// Outcome frames of a deployment with an input that came late.
    pub fn late(id: DeploymentId) -> Key {
        Key::of(Kind::Late, id)
    }

    /// Outcome frames of a deployment with a declared replay.
    pub fn replayed(id: DeploymentId) -> Key {
        Key::of(Kind::Replayed, id)
    }

    /// Control frames that ask a deployment for a replay.
    pub fn resent(id: DeploymentId) -> Key {
        Key::of(Kind::Resent, id)
    }

    /// Control frames, of all businesses; alerts and accepted gaps tell of changes that stand beside them and are none.
    pub fn change() -> Key {
        Key::new(Kind::Change, &[])
    }
}
