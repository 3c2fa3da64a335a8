//! S2-22 to the minute, and what its one line does not say. `says` writes a verdict as one line: what, why, and for
//! each cap `used/at_most` and the time of the next one. Times are hours and minutes UTC since the beginning of 2026.

mod caps;
mod configuration;
mod exemptions;
mod kept;
mod reconfigured;
mod reservations;
mod windows;

use fishpond_sdk::Action;
use fishpond_sdk::testing::{Host, Judged, action, at};
use serde_json::{Value, json};

use super::FatigueFilter;

const DAY_S: u64 = 86_400;
const DAY_MS: u64 = DAY_S * 1_000;

/// "3 per 24 h per user and business, at least 4 h apart."
fn s2_22() -> Value {
    json!({"caps": [{
        "name": "daily",
        "at_most": 3,
        "window": {"first_touch_s": DAY_S},
        "min_interval_s": 14_400,
        "per": ["business"],
    }]})
}

fn host(configuration: Value) -> Host<FatigueFilter> {
    Host::new(configuration).expect("the configuration is right")
}

/// A deployment of one cap with this window.
fn one_cap(at_most: u64, window: Value) -> Host<FatigueFilter> {
    host(json!({"caps": [{"name": "cap", "at_most": at_most, "window": window}]}))
}

/// For ann, in a business of its own, worth something for a month.
fn to_ann(time: u64) -> Action {
    Action { time, expires: time + 31 * DAY_MS, ..action("ann") }
}

fn judge(host: &mut Host<FatigueFilter>, action: Action) -> Judged {
    host.judge(action).expect("it is no error")
}

/// The verdict about an action for ann at this time.
fn says(host: &mut Host<FatigueFilter>, time: u64) -> String {
    line(&judge(host, to_ann(time)))
}

/// `id` is written as the host does, for settlements and attempts.
fn says_about(host: &mut Host<FatigueFilter>, id: &str, attempt: u32, time: u64) -> String {
    line(&judge(host, Action { id: id.into(), attempt, ..to_ann(time) }))
}

fn line(judged: &Judged) -> String {
    let mut words = vec![format!("{:?}", judged.kind).to_lowercase(), judged.reason.clone()];
    words.extend(judged.channel.clone());
    words.extend(judged.until.map(|until| format!("until {}", clock(until))));
    words.extend(judged.numbers["caps"].as_array().expect("numbers tell of all caps").iter().map(cap_line));
    words.retain(|word| !word.is_empty());
    words.join(" ")
}

fn cap_line(cap: &Value) -> String {
    let next = cap["next"].as_u64().map(|next| format!(" next {}", clock(next))).unwrap_or_default();
    format!("{}/{}{next}", cap["used"], cap["at_most"])
}

/// `34:00` is ten o'clock on the second day.
fn clock(time: u64) -> String {
    let since = time - at("00:00:00");
    let (minutes, rest) = (since / 60_000, since % 60_000);
    let rest = if rest == 0 { String::new() } else { format!(":{:02}.{:03}", rest / 1_000, rest % 1_000) };
    format!("{:02}:{:02}{rest}", minutes / 60, minutes % 60)
}
