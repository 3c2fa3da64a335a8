//! Why: all that is remembered about a person: reaches, by cap and by the values of its dimensions.

use fishpond_sdk::Refusal;

use crate::cap::Cap;
use crate::codec;

/// Milliseconds: older reaches are forgotten. A day more than the longest window, whose edges are both inclusive.
pub const HORIZON_MS: u64 = 32 * 86_400_000;
/// Reaches that a counter keeps beyond `at_most`: what may be given back, or may come to count in a longer window or
/// below a higher limit.
pub const SPARE: usize = 64;
/// Bytes: all counters of a person. The document has 64 KiB.
const BYTES_MAX: usize = 48 * 1_024;

/// All counters of a person.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Counters(pub Vec<Counter>);

/// The reaches that one cap counts together.
#[derive(Debug, PartialEq, Eq)]
pub struct Counter {
    /// The cap's name.
    pub cap: String,
    pub scope: Scope<String>,
    /// Where the window of the last counted reach began. Earlier reaches lie in closed windows; from here on the first
    /// reach opens one.
    pub since: u64,
    /// Sorted by time.
    pub reaches: Vec<Reach>,
}

/// Values of a cap's dimensions; None: the cap does not have the dimension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope<T> {
    pub business: Option<T>,
    pub scene: Option<T>,
}

/// An action that was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    /// Milliseconds since the Unix epoch, receive clock.
    pub time: u64,
    /// Of the action: [`reach_id`].
    pub id: u64,
}

/// FNV-1a of an action's id: 8 bytes instead of 32 for each reach.
pub fn reach_id(action: &str) -> u64 {
    let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    action.bytes().fold(0xcbf2_9ce4_8422_2325, mix)
}

impl Counters {
    /// # Errors
    /// `bad_state` if the bytes are not what [`Counters::write`] made.
    pub fn read(bytes: Option<Vec<u8>>) -> Result<Self, Refusal> {
        let Some(bytes) = bytes else { return Ok(Self::default()) };
        codec::decode(&bytes)
            .ok_or_else(|| Refusal::new("bad_state", "the counters are not as this module writes them"))
    }

    /// None: there is nothing to keep.
    ///
    /// # Errors
    /// `too_many_counters` if what today's windows need is too much.
    pub fn write(&mut self, caps: &[Cap], time: u64) -> Result<Option<Vec<u8>>, Refusal> {
        let mut bytes = codec::encode(self);
        if bytes.len() > BYTES_MAX {
            self.keep_only_needed(caps, time);
            bytes = codec::encode(self);
        }
        if bytes.len() > BYTES_MAX {
            let message = format!("the person's counters need {} of {BYTES_MAX} bytes: ", bytes.len());
            let advice = "lower `at_most`, shorten windows, or take a dimension from `per`";
            return Err(Refusal::new("too_many_counters", message + advice));
        }
        Ok((!self.0.is_empty()).then_some(bytes))
    }

    pub fn get(&self, cap: &str, scope: Scope<&str>) -> Option<&Counter> {
        self.0.iter().find(|counter| counter.is(cap, scope))
    }

    /// Counts an action, in place of an earlier reservation of it, and lets go of the oldest reaches beyond `SPARE`.
    pub fn count(&mut self, cap: &Cap, scope: Scope<&str>, reach: Reach) {
        let place = self.0.iter().position(|counter| counter.is(&cap.name, scope)).unwrap_or_else(|| {
            self.0.push(Counter::new(&cap.name, scope));
            self.0.len() - 1
        });
        self.0[place].count(reach);
        self.0[place].trim(cap.at_most + SPARE);
    }

    /// Marks where the window that has just been counted in began, so that walking `first_touch` windows never depends
    /// on what was forgotten.
    pub fn opened(&mut self, cap: &str, scope: Scope<&str>, start: u64) {
        if let Some(counter) = self.0.iter_mut().find(|counter| counter.is(cap, scope)) {
            counter.since = start;
        }
    }

    /// Removes an action from all counters; whether it was in one. Empty ones go with [`Counters::prune`].
    pub fn give_back(&mut self, id: u64) -> bool {
        let reaches = |counters: &Self| counters.0.iter().map(|counter| counter.reaches.len()).sum::<usize>();
        let before = reaches(self);
        for counter in &mut self.0 {
            counter.reaches.retain(|reach| reach.id != id);
        }
        reaches(self) < before
    }

    /// Forgets what is beyond the horizon, and counters without a reach.
    pub fn prune(&mut self, time: u64) {
        let horizon = time.saturating_sub(HORIZON_MS);
        self.0.retain_mut(|counter| counter.forget_before(horizon));
    }

    fn keep_only_needed(&mut self, caps: &[Cap], time: u64) {
        self.0.retain_mut(|counter| {
            let needed = caps.iter().find(|cap| cap.counts_in(counter));
            needed.is_some_and(|cap| counter.forget_before(time.saturating_sub(cap.memory_ms())))
        });
    }
}

impl Counter {
    pub fn new(cap: &str, scope: Scope<&str>) -> Self {
        let scope = Scope { business: scope.business.map(str::to_owned), scene: scope.scene.map(str::to_owned) };
        Self { cap: cap.to_owned(), scope, since: 0, reaches: Vec::new() }
    }

    /// Time of the first reach at or after `time`.
    pub fn first_from(&self, time: u64) -> Option<u64> {
        self.reaches.get(self.reaches.partition_point(|reach| reach.time < time)).map(|reach| reach.time)
    }

    fn is(&self, cap: &str, scope: Scope<&str>) -> bool {
        self.cap == cap
            && self.scope.business.as_deref() == scope.business
            && self.scope.scene.as_deref() == scope.scene
    }

    fn count(&mut self, reach: Reach) {
        self.reaches.retain(|other| other.id != reach.id);
        let place = self.reaches.partition_point(|other| other.time <= reach.time);
        self.reaches.insert(place, reach);
        // The clock was set back: this reach must not lie before the first window.
        self.since = self.since.min(reach.time);
    }

    /// Whether anything is left.
    fn forget_before(&mut self, time: u64) -> bool {
        self.reaches.drain(..self.reaches.partition_point(|reach| reach.time < time));
        !self.reaches.is_empty()
    }

    fn trim(&mut self, most: usize) {
        let excess = self.reaches.len().saturating_sub(most);
        let closed = self.reaches.partition_point(|reach| reach.time < self.since).min(excess);
        self.reaches.drain(..closed);
        // The first one is where the open window begins.
        self.reaches.drain(1..=excess - closed);
    }
}
