//! Why: what an operator sets, and every reason to send it back.

use fishpond_sdk::{Diagnostic, Path, Plan, data};
use schemars::JsonSchema;
use serde::Deserialize;

/// Seconds: a day, the longest silence.
const LONGEST_S: u64 = 86_400;
/// Devices of one seller that are remembered.
const DEVICES_MAX: usize = 64;
/// Bytes of an event type.
const TYPE_BYTES_MAX: usize = 256;

/// What an operator sets.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where an event says who is online: `actor`, `subject`, or a place such as `data.seller`.
    key: String,
    /// Types of the events.
    pub events: EventTypes,
    /// Seconds of silence after which a device is offline. At exactly this age it is still online.
    #[schemars(range(min = 1, max = LONGEST_S))]
    pub timeout_s: u64,
    /// The clock that judges silence.
    pub clock: Clock,
    /// Devices of one seller. Beyond it the one that left first is forgotten; if all are online, the event is refused
    /// with `too_many_devices`.
    #[schemars(range(min = 1, max = DEVICES_MAX))]
    pub max_devices: usize,
}

/// Each is a type of its own.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EventTypes {
    pub connect: String,
    pub heartbeat: String,
    pub disconnect: String,
}

/// By which silence is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Clock {
    /// The watermark: events up to a time have come.
    Event,
    /// The host's own.
    Receive,
}

impl Default for Config {
    fn default() -> Self {
        let events = EventTypes::default();
        Self { key: "actor".into(), events, timeout_s: 90, clock: Clock::Event, max_devices: 16 }
    }
}

impl Default for EventTypes {
    fn default() -> Self {
        Self { connect: "connect".into(), heartbeat: "heartbeat".into(), disconnect: "disconnect".into() }
    }
}

impl Config {
    /// Enters what is wrong into the plan; answers the key.
    pub fn check(&self, plan: &mut Plan) -> Path {
        plan.check("/timeout_s", self.timeout_s, 1..=LONGEST_S, "seconds");
        plan.check("/max_devices", self.max_devices, 1..=DEVICES_MAX, "devices");
        let EventTypes { connect, heartbeat, disconnect } = &self.events;
        let types = [("connect", connect), ("heartbeat", heartbeat), ("disconnect", disconnect)];
        for (number, (name, event_type)) in types.iter().enumerate() {
            let place = format!("/events/{name}");
            plan.check(&place, event_type.len(), 1..=TYPE_BYTES_MAX, "bytes");
            if types[..number].iter().any(|(_, other)| other == event_type) {
                let hint = "give each an event type of its own";
                plan.refuse(Diagnostic::new(place, format!("`{event_type}` would say two things"), hint));
            }
        }
        self.key(plan)
    }

    fn key(&self, plan: &mut Plan) -> Path {
        match (self.key.as_str(), self.key.strip_prefix("data.")) {
            ("actor", _) => return Path::Actor,
            ("subject", _) => return Path::Subject,
            (_, Some(members)) if is_place(members) => return data(members),
            _ => {}
        }
        let hint = "use `actor`, `subject`, or `data.` and at most 8 member names joined by dots";
        plan.refuse(Diagnostic::new("/key", format!("`{}` is no place in an event", self.key), hint));
        Path::Actor
    }
}

/// As the plan's schema has it.
fn is_place(members: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    let name = |name: &str| !name.is_empty() && name.bytes().all(letter);
    members.len() <= 250 && members.split('.').count() <= 8 && members.split('.').all(name)
}
