//! Positions, shards and names: what everything else is addressed by.

use std::fmt;

use xxhash_rust::xxh3::xxh3_64;

/// A position in the journal: frames are counted from 1, so positions are total, dense and never reused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct Lsn(pub u64);

impl Lsn {
    /// Before the first frame.
    pub const ZERO: Lsn = Lsn(0);

    /// The position behind this one; the last number stays itself, and no frame ever has it.
    pub fn next(self) -> Lsn {
        Lsn(self.0.saturating_add(1))
    }

    /// The position before this one; zero stays zero.
    pub fn previous(self) -> Lsn {
        Lsn(self.0.saturating_sub(1))
    }
}

impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Number of shards. Fixed for the life of a store: it is written in the store's header and part of every row's key.
pub const SHARD_COUNT: u16 = 64;

/// Name of the function behind [`shard_of`], written in the store's header beside the count.
pub const SHARD_HASH: &str = "xxh3-64";

/// One hash range of keys; it has one writer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ShardId(pub u16);

/// The shard of a key. Only the key's text counts, so whatever belongs to one person has one writer, in every business.
pub fn shard_of(key: &str) -> ShardId {
    ShardId((xxh3_64(key.as_bytes()) % u64::from(SHARD_COUNT)) as u16)
}

/// A set of shards, one bit each.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub struct ShardSet(pub u64);

impl ShardSet {
    pub const EMPTY: ShardSet = ShardSet(0);
    pub const ALL: ShardSet = ShardSet(u64::MAX);

    pub fn one(shard: ShardId) -> ShardSet {
        ShardSet(1 << shard.0)
    }

    /// One of `count` equal parts of all shards: those of the same remainder.
    pub fn part(index: usize, count: usize) -> ShardSet {
        let own = (0..SHARD_COUNT).map(ShardId).filter(|shard| usize::from(shard.0) % count == index);
        own.fold(ShardSet::EMPTY, |set, shard| set.union(ShardSet::one(shard)))
    }

    pub fn contains(self, shard: ShardId) -> bool {
        self.0 & (1 << shard.0) != 0
    }

    pub fn union(self, other: ShardSet) -> ShardSet {
        ShardSet(self.0 | other.0)
    }

    pub fn intersection(self, other: ShardSet) -> ShardSet {
        ShardSet(self.0 & other.0)
    }

    pub fn without(self, other: ShardSet) -> ShardSet {
        ShardSet(self.0 & !other.0)
    }

    pub fn intersects(self, other: ShardSet) -> bool {
        self.0 & other.0 != 0
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub fn len(self) -> u32 {
        self.0.count_ones()
    }

    pub fn iter(self) -> impl Iterator<Item = ShardId> {
        (0..SHARD_COUNT).map(ShardId).filter(move |shard| self.contains(*shard))
    }
}

/// SHA-256 of a component: the identity of a module.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// Parses 64 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Digest> {
        let text = text.strip_prefix("sha256:").unwrap_or(text);
        if text.len() != 64 || !text.is_ascii() {
            return None;
        }
        let mut bytes = [0; 32];
        for (i, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * i..2 * i + 2], 16).ok()?;
        }
        Some(Digest(bytes))
    }

    /// The first twelve digits, for people.
    pub fn short(&self) -> String {
        self.to_string()[..12].to_owned()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// A deployment for as long as the store lives: the position of the control frame that created it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct DeploymentId(pub u64);

/// A name that [`check_name`] refuses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} `{name}` is not a name: use 1 to 63 of a-z, 0-9 and -, beginning with a letter or digit")]
pub struct NameError {
    pub what: &'static str,
    pub name: String,
}

/// Names of businesses, deployments and modules become parts of URLs, keys and metric labels, so they are plain.
pub fn check_name(what: &'static str, name: &str) -> Result<(), NameError> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.is_empty() || name.len() > 63 || !name.chars().all(plain) || name.starts_with('-') {
        return Err(NameError { what, name: name.chars().take(80).collect() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shard_of_a_key_never_changes() {
        assert_eq!(["", "user:1", "user:2"].map(shard_of), [ShardId(2), ShardId(1), ShardId(2)]);
    }

    #[test]
    fn digests_read_what_they_print() {
        let digest = Digest([0xa7; 32]);
        assert_eq!(Digest::parse(&digest.to_string()), Some(digest));
        assert_eq!(Digest::parse(&format!("sha256:{digest}")), Some(digest));
        assert_eq!(Digest::parse("a7"), None);
        assert_eq!(Digest::parse(&"é".repeat(32)), None);
    }

    #[test]
    fn names_are_plain() {
        assert!(check_name("business", "demo-1").is_ok());
        for bad in ["", "-a", "A", "a/b", "a b", &"a".repeat(64)] {
            assert!(check_name("business", bad).is_err(), "{bad}");
        }
    }
}
