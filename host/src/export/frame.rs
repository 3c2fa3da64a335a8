//! One frame.

use serde_json::{Map, Value, json};

use super::{control, outcome, outreach};
use crate::model::outreach::{Report, Reported};
use crate::model::{Event, Frame, ShardSet};

/// Its kind, and what is in it.
pub fn object(frame: &Frame) -> Map<String, Value> {
    let (kind, value) = match frame {
        Frame::Input(given) => ("input", event(given)),
        Frame::Control(given) => ("control", control::control(given)),
        Frame::Outcome(given) => ("outcome", outcome::outcome(given)),
        Frame::Mark(mark) => ("mark", json!({ "shards": shards(mark.shards) })),
        Frame::Tick(tick) => ("tick", json!({ "now": tick.now, "watermark": tick.watermark })),
        Frame::Report(given) => ("report", report(given)),
        Frame::Outreach(given) => ("outreach", outreach::outreach(given)),
    };
    let Value::Object(mut object) = value else { unreachable!("every frame is an object") };
    object.insert("kind".to_owned(), kind.into());
    object
}

/// As a list of numbers.
pub fn shards(shards: ShardSet) -> Value {
    shards.iter().map(|shard| shard.0).collect::<Vec<u16>>().into()
}

pub fn event(event: &Event) -> Value {
    let extensions: Map<String, Value> =
        event.extensions.iter().map(|(name, value)| (name.to_string(), (**value).into())).collect();
    json!({
        "business": &*event.business,
        "source": &*event.source,
        "id": &*event.id,
        "type": &*event.kind,
        "subject": &*event.subject,
        "actor": &*event.actor,
        "scene": &*event.scene,
        "time": event.time,
        "received": event.received,
        "time_replaced": event.time_replaced,
        "undeduplicated": event.undeduplicated,
        "claimed": event.claimed,
        "intake": &*event.intake,
        "hops": event.hops,
        "extensions": extensions,
        "data": &*event.data,
    })
}

fn report(report: &Report) -> Value {
    let (what, action, more) = match &report.what {
        Reported::Arrived { slot } => ("arrived", None, slot.as_deref()),
        Reported::Acknowledged { action } => ("acknowledged", Some(action), None),
        Reported::Delivered { action } => ("delivered", Some(action), None),
        Reported::NotNow { action, reason } => ("not_now", Some(action), Some(&**reason)),
        Reported::Failed { action, reason } => ("failed", Some(action), Some(&**reason)),
        Reported::Unknown { action, reason } => ("unknown", Some(action), Some(&**reason)),
    };
    let mut object = json!({
        "business": &*report.business,
        "person": &*report.person,
        "at": report.at,
        "what": what,
        "action": action.map(|action| action.to_string()),
    });
    let name = if what == "arrived" { "slot" } else { "reason" };
    object[name] = more.into();
    object
}
