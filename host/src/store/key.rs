//! The key of a row: shard, business, deployment, key, so that rows of one shard lie together.

use crate::model::{SHARD_COUNT, ShardId, shard_of};

/// Builds the key of a document's row.
pub fn row_key(business: &str, deployment: &str, key: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(4 + business.len() + deployment.len() + key.len());
    bytes.extend(shard_of(key).0.to_be_bytes());
    for name in [business, deployment] {
        // Names have at most 63 bytes, see `model::check_name`.
        bytes.push(name.len() as u8);
        bytes.extend(name.as_bytes());
    }
    bytes.extend(key.as_bytes());
    bytes
}

/// Bytes of a key that say where its row lies among others, nearly always: it need not be exact.
const PLACE_BYTES: usize = 24;

/// Orders the documents of one deployment about as their rows lie.
pub fn row_place(key: &str) -> (ShardId, [u8; PLACE_BYTES]) {
    let mut beginning = [0; PLACE_BYTES];
    let bytes = key.len().min(PLACE_BYTES);
    beginning[..bytes].copy_from_slice(&key.as_bytes()[..bytes]);
    (shard_of(key), beginning)
}

/// A row's key, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowKey<'a> {
    pub shard: ShardId,
    pub business: &'a str,
    pub deployment: &'a str,
    pub key: &'a str,
}

/// Why bytes are no row's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("the key ends inside its {0}")]
    Short(&'static str),
    #[error("the {0} in the key is no text")]
    Text(&'static str),
    #[error("the key says shard {said}, its text belongs to shard {belongs}")]
    Shard { said: u16, belongs: u16 },
}

impl RowKey<'_> {
    /// Takes a row's key apart. The shard in it is compared with that of its text.
    pub fn parse(bytes: &[u8]) -> Result<RowKey<'_>, KeyError> {
        let (shard, rest) = bytes.split_first_chunk::<2>().ok_or(KeyError::Short("shard"))?;
        let (business, rest) = name(rest, "business")?;
        let (deployment, rest) = name(rest, "deployment")?;
        let key = text(rest, "text")?;
        let (said, belongs) = (u16::from_be_bytes(*shard), shard_of(key).0);
        if said != belongs {
            return Err(KeyError::Shard { said, belongs });
        }
        Ok(RowKey { shard: ShardId(said), business, deployment, key })
    }
}

/// A name with its length before it, and what follows.
fn name<'a>(bytes: &'a [u8], what: &'static str) -> Result<(&'a str, &'a [u8]), KeyError> {
    let (length, rest) = bytes.split_first().ok_or(KeyError::Short(what))?;
    let (name, rest) = rest.split_at_checked(usize::from(*length)).ok_or(KeyError::Short(what))?;
    Ok((text(name, what)?, rest))
}

fn text<'a>(bytes: &'a [u8], what: &'static str) -> Result<&'a str, KeyError> {
    std::str::from_utf8(bytes).map_err(|_| KeyError::Text(what))
}

/// The shard that a key begins with; what has none is looked for in the first.
pub(super) fn shard_in(key: &[u8]) -> ShardId {
    ShardId(key.first_chunk::<2>().map_or(0, |bytes| u16::from_be_bytes(*bytes)))
}

/// One for each shard, in order.
pub(super) fn shards() -> impl Iterator<Item = ShardId> {
    (0..SHARD_COUNT).map(ShardId)
}
