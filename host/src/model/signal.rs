//! Word from one key of a deployment to another.

/// A signal as its sender's outcome holds it. Time, sender and state version are those of the input and of the frame that
/// hold it, so they are not said again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Signal {
    /// Made from the sending input's identity and the signal's number in it, so it names the whole path that led here: a
    /// replay makes the same.
    pub id: u128,
    /// Whom it is for.
    pub key: Box<str>,
    /// One of the plan's signals.
    pub name: Box<str>,
    pub payload: Box<str>,
}

/// Fixed cost of a signal beside its texts.
const SIGNAL_BYTES: usize = 32;

impl Signal {
    /// Upper bound of the encoded size, bytes.
    pub fn bytes(&self) -> usize {
        SIGNAL_BYTES + self.key.len() + self.name.len() + self.payload.len()
    }
}

/// A signal on its way in: with what its sender's record and frame say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Signalled {
    pub id: u128,
    pub name: Box<str>,
    pub payload: Box<str>,
    /// The key of the input that sent it.
    pub sender: Box<str>,
    /// Milliseconds: of the input that sent it.
    pub time: u64,
    /// Receive clock when its frame was made, milliseconds.
    pub received: u64,
    /// Of the module that sent it.
    pub state_version: u32,
    /// One more than its sender's.
    pub hops: u8,
}
