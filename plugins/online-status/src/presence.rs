//! Why: what is known of a seller's devices, and what an event or a silence changes in it; pure.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A seller, as it is stored. Times are milliseconds since the Unix epoch.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presence {
    pub online: bool,
    /// Event time of the last change; it never falls.
    pub since: Option<u64>,
    /// Offline because of silence.
    pub inferred: bool,
    /// What the timer is set for.
    pub waits: Option<u64>,
    /// Greatest reading of the clock by which silence is judged.
    clock: u64,
    devices: BTreeMap<String, Device>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Device {
    /// Event time of what was last heard of it.
    time: u64,
    /// The same on the clock by which silence is judged.
    beat: u64,
    /// None: it is online.
    end: Option<End>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct End {
    /// Event time.
    time: u64,
    inferred: bool,
}

/// An event about a device.
#[derive(Debug, Clone, Copy)]
pub struct Heard {
    /// False: it said that it leaves.
    pub alive: bool,
    /// Event time.
    pub time: u64,
    /// The same on the clock by which silence is judged.
    pub beat: u64,
}

/// What became of the seller.
#[derive(Debug, PartialEq, Eq)]
pub enum Change {
    CameOnline { since: u64, device: String },
    WentOffline { since: u64, inferred: bool, online_ms: u64 },
}

impl Presence {
    /// The clock reaches a time: devices whose silence is longer than the timeout by then are offline from its end on.
    pub fn pass(&mut self, clock: u64, timeout_ms: u64) -> Option<Change> {
        self.clock = self.clock.max(clock);
        let silent = |device: &&mut Device| device.end.is_none() && device.beat.saturating_add(timeout_ms) < self.clock;
        for device in self.devices.values_mut().filter(silent) {
            device.end = Some(End { time: device.time.saturating_add(timeout_ms), inferred: true });
        }
        self.settle()
    }

    /// Takes note of an event unless something newer is known of the device. False: there is no room for another
    /// device. What it changes for the seller is told by the next `pass`.
    pub fn hear(&mut self, name: &str, heard: Heard, max_devices: usize) -> bool {
        let before = self.devices.get(name).copied();
        if before.is_some_and(|device| heard.time < device.time) {
            return true;
        }
        if before.is_none() && !self.make_room(max_devices) {
            return false;
        }
        let ended = before.and_then(|device| device.end);
        let left = End { time: heard.time, inferred: false };
        let end = if heard.alive { None } else { ended.or(Some(left)) };
        self.devices.insert(name.to_owned(), Device { time: heard.time, beat: heard.beat, end });
        true
    }

    /// Of the online devices the one that was heard of longest ago, on the clock.
    pub fn first_beat(&self) -> Option<u64> {
        self.online().map(|(_, device)| device.beat).min()
    }

    pub fn online_devices(&self) -> Vec<String> {
        self.online().map(|(name, _)| name.clone()).collect()
    }

    fn online(&self) -> impl Iterator<Item = (&String, &Device)> {
        self.devices.iter().filter(|(_, device)| device.end.is_none())
    }

    /// Forgets the offline device that was heard of longest ago, if there are as many devices as there may be.
    fn make_room(&mut self, max_devices: usize) -> bool {
        while self.devices.len() >= max_devices {
            let offline = self.devices.iter().filter(|(_, device)| device.end.is_some());
            let Some(oldest) = offline.min_by_key(|(_, device)| device.time).map(|(name, _)| name.clone()) else {
                return false;
            };
            self.devices.remove(&oldest);
        }
        true
    }

    fn settle(&mut self) -> Option<Change> {
        let came =
            self.online().max_by_key(|(_, device)| device.time).map(|(name, device)| (name.clone(), device.time));
        let before = self.since.unwrap_or(0);
        match (self.online, came) {
            (false, Some((device, time))) => {
                let since = time.max(before);
                (self.online, self.since, self.inferred) = (true, Some(since), false);
                Some(Change::CameOnline { since, device })
            }
            (true, None) => {
                let End { time, inferred } = self.last_end()?;
                let since = time.max(before);
                (self.online, self.since, self.inferred) = (false, Some(since), inferred);
                Some(Change::WentOffline { since, inferred, online_ms: since - before })
            }
            (false, None) => {
                // All that was ever heard is that a device left.
                self.since = self.since.or_else(|| self.last_end().map(|end| end.time));
                None
            }
            (true, Some(_)) => None,
        }
    }

    /// Of two that end together, the one that said so.
    fn last_end(&self) -> Option<End> {
        self.devices.values().filter_map(|device| device.end).max_by_key(|end| (end.time, !end.inferred))
    }
}
