//! Why: the arithmetic of one cap, apart from where reaches are stored and what becomes of an action.

use fishpond_sdk::Refusal;

use crate::counters::{Counter, Scope};
use crate::day::{self, Day};

/// Milliseconds: longer than any day of a clock on a wall.
const LONGEST_DAY_MS: u64 = 26 * 3_600_000;

/// A cap as configured.
#[derive(Debug)]
pub struct Cap {
    pub name: String,
    /// Reaches in one window, at least 1.
    pub at_most: usize,
    pub window: Window,
    /// 0: there is none.
    pub min_interval_ms: u64,
    pub per_business: bool,
    pub per_scene: bool,
    pub on_exceed: OnExceed,
}

/// Which reaches are counted together.
#[derive(Debug)]
pub enum Window {
    Rolling { length_ms: u64 },
    FirstTouch { length_ms: u64 },
    Calendar { zone: String },
}

/// What becomes of an action that a cap does not let through.
#[derive(Debug, PartialEq, Eq)]
pub enum OnExceed {
    Deny,
    Hold,
    Downgrade { channel: String },
}

/// The window into which a moment falls. Reaches later than the moment (the clock was set back) count as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// The first millisecond in it.
    pub start: u64,
    ends: Ends,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ends {
    /// Each reach leaves when it is older than this.
    Slides { length_ms: u64 },
    /// All leave at this millisecond.
    At(u64),
}

/// How a cap stands at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Reaches in the window.
    pub used: usize,
    /// None: no `first_touch` window is open.
    pub window_start: Option<u64>,
    /// The window is full; this is when it no longer is.
    full_until: Option<u64>,
    /// The last reach is too near; this is when it no longer is.
    near_until: Option<u64>,
}

/// Why a cap lets nothing through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Block {
    /// The window is full, whatever the interval.
    CapReached,
    MinInterval,
}

impl Cap {
    /// The counter that an action with these values counts in.
    pub fn scope<'a>(&self, business: &'a str, scene: &'a str) -> Scope<&'a str> {
        Scope { business: self.per_business.then_some(business), scene: self.per_scene.then_some(scene) }
    }

    /// Whether it is one of this cap's, with the dimensions that the cap has today.
    pub fn counts_in(&self, counter: &Counter) -> bool {
        counter.cap == self.name
            && counter.scope.business.is_some() == self.per_business
            && counter.scope.scene.is_some() == self.per_scene
    }

    /// How the cap stands at `time`, were there only these reaches (their times, sorted).
    pub fn standing(&self, reaches: &[u64], frame: Option<Frame>, time: u64) -> Standing {
        let inside = frame.map_or(&[][..], |frame| &reaches[reaches.partition_point(|reach| *reach < frame.start)..]);
        let excess = inside.len().checked_sub(self.at_most);
        let near_until = reaches.last().map(|last| last.saturating_add(self.min_interval_ms));
        Standing {
            used: inside.len(),
            window_start: frame.map(|frame| frame.start),
            full_until: frame.zip(excess).map(|(frame, excess)| frame.free_when_gone(inside[excess])),
            near_until: near_until.filter(|until| self.min_interval_ms > 0 && time < *until),
        }
    }

    /// Milliseconds: an older reach changes nothing about the cap as it is configured.
    pub fn memory_ms(&self) -> u64 {
        let window = match &self.window {
            Window::Rolling { length_ms } | Window::FirstTouch { length_ms } => *length_ms,
            Window::Calendar { .. } => LONGEST_DAY_MS,
        };
        window.max(self.min_interval_ms)
    }
}

impl Window {
    /// The window into which `time` falls; None if no `first_touch` window is open.
    ///
    /// # Errors
    /// `bad_time` if the calendar does not know the time.
    pub fn frame(&self, counter: Option<&Counter>, time: u64) -> Result<Option<Frame>, Refusal> {
        Ok(match self {
            Self::Rolling { length_ms } => {
                let ends = Ends::Slides { length_ms: *length_ms };
                Some(Frame { start: time.saturating_sub(*length_ms), ends })
            }
            Self::FirstTouch { length_ms } => counter.and_then(|counter| first_touch(counter, time, *length_ms)),
            Self::Calendar { zone } => {
                let unknown = || Refusal::new("bad_time", format!("no clock in {zone} shows the time {time} ms"));
                let Day { start, end } = day::containing(time, zone).ok_or_else(unknown)?;
                Some(Frame { start, ends: Ends::At(end) })
            }
        })
    }

    /// [`Window::frame`] once more after the counter has changed: only `first_touch` depends on it.
    pub fn frame_again(&self, before: Option<Frame>, counter: Option<&Counter>, time: u64) -> Option<Frame> {
        match self {
            Self::FirstTouch { length_ms } => counter.and_then(|counter| first_touch(counter, time, *length_ms)),
            Self::Rolling { .. } | Self::Calendar { .. } => before,
        }
    }
}

impl Frame {
    /// When the window has room again because this reach is gone.
    fn free_when_gone(self, reach: u64) -> u64 {
        match self.ends {
            // The edge belongs to the window: a reach is gone only after it.
            Ends::Slides { length_ms } => reach.saturating_add(length_ms).saturating_add(1),
            Ends::At(end) => end,
        }
    }
}

impl Standing {
    pub fn block(&self) -> Option<Block> {
        match (self.full_until, self.near_until) {
            (Some(_), _) => Some(Block::CapReached),
            (None, Some(_)) => Some(Block::MinInterval),
            (None, None) => None,
        }
    }

    /// The earliest time at which a reach would pass; None: at once.
    pub fn next(&self) -> Option<u64> {
        self.full_until.max(self.near_until)
    }
}

impl Block {
    pub fn reason(self) -> &'static str {
        match self {
            Self::CapReached => "cap_reached",
            Self::MinInterval => "min_interval",
        }
    }
}

/// Windows follow one another from `counter.since`, each beginning with a reach. Walking them again, and not storing
/// the open one, is what gives a changed length and a given-back reach their meaning.
fn first_touch(counter: &Counter, time: u64, length_ms: u64) -> Option<Frame> {
    let mut start = counter.first_from(counter.since)?;
    loop {
        let end = start.saturating_add(length_ms);
        if time < end {
            return Some(Frame { start, ends: Ends::At(end) });
        }
        start = counter.first_from(end)?;
    }
}
