//! Whether a seller is online, and for how long that has been so. A device is online from a `connect` or `heartbeat`
//! until its `disconnect`; the seller is online while one of the devices is. A device that is silent for `timeout_s` is
//! taken to be offline from then on: such an end is marked `inferred`.
//!
//! Of the events of one device the greatest time counts, whatever order they arrive in, and `since` never falls. Silence
//! is judged by the event clock, so a host that stood still makes nobody offline; `clock: receive` judges it by the
//! time of receipt. Not only timers end a silence: also the next event, so what came before a gap is never joined to what
//! comes after it.
//!
//! The query `status` answers as of the newest event of the seller; whoever knows the time asks with `at`.

mod config;
mod presence;

use fishpond_sdk::Attribute;
use fishpond_sdk::prelude::*;

use crate::config::Clock;
pub use crate::config::Config;
use crate::presence::{Change, Heard, Presence};

/// The document's named value.
const PRESENCE: &str = "presence";
/// Bytes: the name of a device.
const DEVICE_BYTES_MAX: usize = 64;

/// The fields of `came_online`.
#[derive(Serialize, JsonSchema)]
struct CameOnline {
    /// Milliseconds since the Unix epoch.
    since: u64,
    /// The device that did it.
    device: String,
}

/// The fields of `went_offline`.
#[derive(Serialize, JsonSchema)]
struct WentOffline {
    /// Milliseconds since the Unix epoch.
    since: u64,
    /// Nobody said so: the last device was silent for too long.
    inferred: bool,
    /// Seconds that the seller had been online.
    online_s: u64,
}

/// The parameters of the query `status`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// Milliseconds since the Unix epoch, event time. Absent, or before the seller's newest event: that event's time.
    at: Option<u64>,
}

/// The answer to the query `status`.
#[derive(Serialize, JsonSchema)]
struct Status {
    online: bool,
    /// Milliseconds since the Unix epoch: when that began. Null: nothing is known of the seller.
    since: Option<u64>,
    /// Whole seconds from `since` to `as_of`: for how long the seller is online, or how long ago that was.
    seconds: Option<u64>,
    /// Offline because of silence.
    inferred: bool,
    /// Names of the devices that are online, sorted.
    devices: Vec<String>,
    /// Milliseconds since the Unix epoch: the time that this is true of.
    as_of: u64,
}

/// What one event says of a device.
#[derive(Deserialize)]
struct Data {
    #[serde(default)]
    device: String,
}

/// The rule of one deployment.
pub struct OnlineStatus {
    disconnects: u32,
    received: Attribute,
    silence: Timer,
    came_online: Match<CameOnline>,
    went_offline: Match<WentOffline>,
    clock: Clock,
    timeout_ms: u64,
    max_devices: usize,
}

impl Rule for OnlineStatus {
    type Config = Config;

    fn configure(config: Config, plan: &mut Plan) -> Result<Self, Vec<Diagnostic>> {
        let key = config.check(plan);
        plan.answers::<Asked, Status>("status");
        let alive = [config.events.connect, config.events.heartbeat];
        plan.subscribe("alive", alive, key.clone()).data_paths(["device"]);
        let disconnects =
            plan.subscribe("disconnects", [config.events.disconnect], key).data_paths(["device"]).number();
        Ok(Self {
            disconnects,
            received: plan.attribute("receivedat"),
            silence: match config.clock {
                Clock::Event => plan.timer_event("silence"),
                Clock::Receive => plan.timer_receive("silence"),
            },
            came_online: plan.emits("came_online"),
            went_offline: plan.emits("went_offline"),
            clock: config.clock,
            timeout_ms: config.timeout_s.saturating_mul(1_000),
            max_devices: config.max_devices,
        })
    }

    fn on_event(&self, event: &Event, cx: &mut Context<'_>) -> Result<(), Refusal> {
        let Data { device } = event.data()?;
        if device.len() > DEVICE_BYTES_MAX {
            return Err(Refusal::bad_event(format!("`data.device` is longer than {DEVICE_BYTES_MAX} bytes")));
        }
        let received = cx.attribute(&self.received).and_then(|text| text.parse().ok()).unwrap_or(event.time);
        let heard = Heard {
            alive: event.subscription != self.disconnects,
            time: event.time,
            beat: match self.clock {
                // As the host counts it: one phone that is fast makes no other device silent.
                Clock::Event => event.time.min(received),
                Clock::Receive => received,
            },
        };
        let mut presence: Presence = cx.load(PRESENCE)?.unwrap_or_default();
        let silent = presence.pass(heard.beat, self.timeout_ms);
        if !presence.hear(&device, heard, self.max_devices) {
            let message = format!("{} devices are online already: raise `max_devices`", self.max_devices);
            return Err(Refusal::new("too_many_devices", message));
        }
        let changed = presence.pass(heard.beat, self.timeout_ms);
        self.tell(&event.key, silent.into_iter().chain(changed), cx);
        self.keep(presence, cx);
        Ok(())
    }
}

impl Timers for OnlineStatus {
    fn on_timer(&self, due: &Due, cx: &mut Context<'_>) -> Result<(), Refusal> {
        let mut presence: Presence = cx.load(PRESENCE)?.unwrap_or_default();
        presence.waits = None;
        // Whatever came by that time was handled before: now silence has lasted for the whole of it.
        let silent = presence.pass(due.time.saturating_add(1), self.timeout_ms);
        self.tell(&due.key, silent, cx);
        self.keep(presence, cx);
        Ok(())
    }
}

impl Queries for OnlineStatus {
    fn on_query(&self, query: &Query, cx: &mut QueryContext<'_>) -> Result<Reply, Refusal> {
        let as_of = query.parameters::<Asked>()?.at.unwrap_or(0).max(query.time);
        let mut presence: Presence = cx.load(PRESENCE)?.unwrap_or_default();
        if let Clock::Event = self.clock {
            // The timer may not have fired yet, or nothing moves the clock.
            presence.pass(as_of, self.timeout_ms);
        }
        Ok(Reply::ok(&Status {
            online: presence.online,
            since: presence.since,
            seconds: presence.since.map(|since| as_of.saturating_sub(since) / 1_000),
            inferred: presence.inferred,
            devices: presence.online_devices(),
            as_of,
        }))
    }
}

impl OnlineStatus {
    fn tell(&self, seller: &str, changes: impl IntoIterator<Item = Change>, cx: &mut Context<'_>) {
        for change in changes {
            match change {
                Change::CameOnline { since, device } => {
                    let found = CameOnline { since, device };
                    cx.emit(self.came_online.about(seller, &found).once(since.to_string()));
                }
                Change::WentOffline { since, inferred, online_ms } => {
                    let found = WentOffline { since, inferred, online_s: online_ms / 1_000 };
                    cx.emit(self.went_offline.about(seller, &found).once(since.to_string()));
                }
            }
        }
    }

    /// Stores it, with a timer for the device that will be silent first. A heartbeat moves no timer: one that fires
    /// too early looks and waits again.
    fn keep(&self, mut presence: Presence, cx: &mut Context<'_>) {
        let due = presence.first_beat().map(|beat| beat.saturating_add(self.timeout_ms));
        match (due, presence.waits) {
            (Some(due), waits) if waits.is_none_or(|waits| due < waits) => {
                cx.set_timer(&self.silence, due, "");
                presence.waits = Some(due);
            }
            (None, Some(_)) => {
                cx.cancel_timer(&self.silence);
                presence.waits = None;
            }
            _ => {}
        }
        cx.store(PRESENCE, &presence);
    }
}

fishpond_sdk::export!(OnlineStatus with timers, queries);

#[cfg(test)]
mod tests;
