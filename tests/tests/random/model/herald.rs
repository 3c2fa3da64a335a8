//! `tests/guests/herald`: every event says what is to be done.

use serde_json::{Value, json};

use super::{Effects, Memory, Refused, Timer};

/// What it publishes.
pub const AGAIN: &str = "herald.again";

const NAMES: [&str; 4] = ["offer", "alarm", "news", "again"];

/// The value that sums up what signals say.
const SUM: &str = "told";

pub struct Herald {
    pub hears: String,
    pub again: bool,
    pub ordered: bool,
    event_clock: bool,
}

impl Herald {
    pub fn new(configuration: &Value) -> Herald {
        let flag = |name: &str| configuration[name].as_bool();
        let (ordered, event_clock) = (flag("ordered") == Some(true), flag("event_clock") == Some(true));
        Herald {
            hears: configuration["hears"].as_str().unwrap_or("herald").to_owned(),
            again: flag("again").unwrap_or(!ordered && !event_clock),
            ordered,
            event_clock,
        }
    }

    /// `at`: the positions at which timers of the receive clock and of the watermark count as set.
    pub fn event(
        &self,
        data: &str,
        key: &str,
        time: u64,
        at: (u64, u64),
        memory: &mut Memory,
        effects: &mut Effects,
    ) -> Result<(), Refused> {
        let told: Value = serde_json::from_str(data).map_err(|_| "bad_event")?;
        self.obey(&told, key, time, at, memory, effects)
    }

    /// `times`: when it was due, and what its clock shows.
    pub fn timer(
        &self,
        context: &str,
        key: &str,
        times: (u64, u64),
        at: u64,
        memory: &mut Memory,
        effects: &mut Effects,
    ) -> Result<(), Refused> {
        if context.starts_with('{') {
            return self.event(context, key, times.0, (at, at), memory, effects);
        }
        find(context, key, times.1 as i64, None, effects)
    }

    pub fn signal(
        &self,
        payload: &Value,
        key: &str,
        time: u64,
        at: u64,
        memory: &mut Memory,
        effects: &mut Effects,
    ) -> Result<(), Refused> {
        let sum = memory.values.get(SUM).map_or(0, |(bytes, _)| number(bytes));
        let sum = sum + payload["n"].as_i64().unwrap_or(0);
        memory.values.insert(SUM.to_owned(), (sum.to_string().into_bytes(), None));
        self.obey(payload, key, time, (at, at), memory, effects)
    }

    fn obey(
        &self,
        told: &Value,
        key: &str,
        time: u64,
        at: (u64, u64),
        memory: &mut Memory,
        effects: &mut Effects,
    ) -> Result<(), Refused> {
        let text = |name: &str| told[name].as_str().unwrap_or_default().to_owned();
        let n = match &told["n"] {
            Value::Null => 0,
            n => n.as_i64().ok_or("bad_event")?,
        };
        let times = told["find"].as_u64().unwrap_or(1);
        match told["do"].as_str().unwrap_or("find") {
            "find" => {
                let once = told["once"].as_str();
                (n..n + times as i64).try_for_each(|n| find(&text("match"), key, n, once, effects))
            }
            "timer" => {
                let by_watermark = told["clock"] == "event";
                if by_watermark && !self.event_clock {
                    return Err("bad_event");
                }
                let (name, set_at) = if by_watermark { ("event", at.1) } else { ("receive", at.0) };
                let due = told["at"].as_u64().unwrap_or(0);
                let timer = Timer { by_watermark, due, context: text("match"), set_at, waiting: None };
                memory.timers.insert(name.to_owned(), timer);
                Ok(())
            }
            "cancel" => {
                ["receive", "event"].iter().for_each(|name| drop(memory.timers.remove(*name)));
                Ok(())
            }
            "publish" => {
                effects.published.push((AGAIN.to_owned(), key.to_owned()));
                Ok(())
            }
            "signal" => {
                let then = if told["then"].is_null() { json!({}) } else { told["then"].clone() };
                (0..times).for_each(|_| effects.signals.push((text("to"), then.clone())));
                Ok(())
            }
            "trap" => Err("trap"),
            "remember" => {
                memory.values.insert(text("match"), (vec![1], Some(time + n as u64)));
                Ok(())
            }
            "recall" => {
                let kept = memory.values.get(&text("match"));
                let there = kept.is_some_and(|(_, expires)| expires.is_none_or(|at| time < at));
                find("news", key, i64::from(there), None, effects)
            }
            other => panic!("the model does not know how to {other}"),
        }
    }
}

fn number(bytes: &[u8]) -> i64 {
    std::str::from_utf8(bytes).ok().and_then(|text| text.parse().ok()).expect("a number")
}

pub fn find(name: &str, person: &str, n: i64, once: Option<&str>, effects: &mut Effects) -> Result<(), Refused> {
    if !NAMES.contains(&name) {
        return Err("bad_event");
    }
    effects.matches.push((name.to_owned(), person.to_owned(), json!({ "n": n }), once.map(str::to_owned)));
    Ok(())
}
