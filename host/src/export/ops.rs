//! Changes of documents.

use serde_json::{Value, json};

use super::hex;
use crate::model::{Op, TimerClock};

pub fn ops(ops: &[Op]) -> Value {
    ops.iter().map(op).collect()
}

fn op(op: &Op) -> Value {
    match op {
        Op::Set { name, value } => {
            json!({ "op": "set", "name": &**name, "bytes": hex(&value.bytes), "expires": value.expires })
        }
        Op::Remove { name } => json!({ "op": "remove", "name": &**name }),
        Op::Expire { until } => json!({ "op": "expire", "until": until }),
        Op::Observe { window, length_ms, received, entry } => json!({
            "op": "observe",
            "window": &**window,
            "length_ms": length_ms,
            "received": received,
            "time": entry.time,
            "amount": entry.amount,
            "member": &*entry.member,
            "event": { "position": entry.event.lsn.0, "source": &*entry.event.source, "id": &*entry.event.id },
        }),
        Op::Forget { window, member, until } => {
            json!({ "op": "forget", "window": &**window, "member": member.as_deref(), "until": until })
        }
        Op::SetTimer { name, timer } => json!({
            "op": "set_timer",
            "name": &**name,
            "clock": match timer.clock { TimerClock::Receive => "receive", TimerClock::Event => "event" },
            "due": timer.due,
            "context": &*timer.context,
            "set_at": timer.at.0,
            "number": timer.number,
            "state_version": timer.state_version,
            "hops": timer.hops,
        }),
        Op::CancelTimer { name } => json!({ "op": "cancel_timer", "name": &**name }),
    }
}
