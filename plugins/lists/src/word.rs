//! Why: there may be ten million of these, one in a document of its own, so it is 7 bytes and not 37 of JSON. And
//! which of several words counts, because clocks are wrong and words come late or twice.

use std::time::Duration;

use fishpond_sdk::prelude::*;

use crate::List;

/// How long the time of who is on no list is remembered behind it: the five minutes by which a clock may be ahead, and ten
/// for people who ask why. Words that are older see it however late they come, since values expire by the time of what
/// asks for them; newer ones do not need it.
const REMEMBERED: Duration = Duration::from_secs(15 * 60);

/// The last word about a person and a list that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Word {
    pub(crate) listed: bool,
    /// Milliseconds since the Unix epoch: the greatest time of a word about the person and the list so far.
    pub(crate) since: u64,
}

/// As state version 1 wrote it, in JSON.
#[derive(Deserialize)]
struct Former {
    listed: bool,
    since: u64,
}

impl Word {
    /// What the person's document says about the list.
    ///
    /// # Errors
    /// `bad_state` if that is not what [`Word::keep`] writes.
    pub(crate) fn load(list: List, cx: &mut Context<'_>) -> Result<Option<Self>, Refusal> {
        let damaged = || Refusal::new("bad_state", format!("the word about the list `{}` is damaged", list.name()));
        cx.get(list.name()).map(|bytes| Self::decode(&bytes).ok_or_else(damaged)).transpose()
    }

    /// What holds after an event at `time` that puts the person on the list or takes it off, where `last` held before. None:
    /// the event does not count.
    pub(crate) fn after(last: Option<Self>, list: List, listed: bool, time: u64) -> Option<Self> {
        let seen = last.map_or(0, |last| last.since);
        // What lets through and comes again must not equal what has stopped it.
        let lets_through = last.is_some_and(|last| !list.stops(last.listed));
        let least = seen.saturating_add(u64::from(list.stops(listed) && lets_through));
        (time >= seen || list.stops(listed)).then_some(Self { listed, since: time.max(least) })
    }

    /// Stores it; `now` is the time of the input. It is kept for good of who is on the list, or is on it by configuration
    /// and was taken off; of anybody else only the time matters, for a while.
    pub(crate) fn keep(self, list: List, configured: bool, now: u64, cx: &mut Context<'_>) {
        if self.listed || configured {
            return cx.set(list.name(), &self.encode());
        }
        let ahead = Duration::from_millis(self.since.saturating_sub(now));
        cx.set_for(list.name(), &self.encode(), ahead.saturating_add(REMEMBERED));
    }

    /// `listed` as one byte, `since` as six, little endian: enough until the year 10889.
    fn encode(self) -> [u8; 7] {
        let [a, b, c, d, e, f, ..] = self.since.to_le_bytes();
        [u8::from(self.listed), a, b, c, d, e, f]
    }

    /// Also of what state version 1 was: nothing that [`Word::encode`] makes begins as JSON does.
    fn decode(bytes: &[u8]) -> Option<Self> {
        if bytes.starts_with(b"{") {
            let Former { listed, since } = serde_json::from_slice(bytes).ok()?;
            return Some(Self { listed, since });
        }
        let [listed @ (0 | 1), a, b, c, d, e, f] = *bytes else { return None };
        Some(Self { listed: listed == 1, since: u64::from_le_bytes([a, b, c, d, e, f, 0, 0]) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read() {
        for (listed, since) in [(true, 1_767_225_600_000), (false, 0), (true, (1 << 48) - 1)] {
            let word = Word { listed, since };
            assert_eq!(Word::decode(&word.encode()), Some(word));
        }
    }

    #[test]
    fn what_the_version_before_wrote_is_read() {
        let word = Word { listed: true, since: 1_767_225_600_000 };
        assert_eq!(Word::decode(br#"{"listed":true,"since":1767225600000}"#), Some(word));
    }

    #[test]
    fn what_is_damaged_is_refused() {
        for bytes in [&b""[..], b"{", b"\x01\0\0\0\0\0", b"\x02\0\0\0\0\0\0", b"\x01\0\0\0\0\0\0\0"] {
            assert_eq!(Word::decode(bytes), None, "{bytes:?}");
        }
    }
}
