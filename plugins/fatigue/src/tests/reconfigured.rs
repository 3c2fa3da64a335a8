//! A new configuration goes on with the counters of the old one. `Reconfigured` is one deployment with both.

use fishpond_sdk::prelude::*;
use serde_json::json;

use super::*;
use crate::config::{self, Config};
use crate::numbers::Fatigue;

struct Reconfigured {
    before: FatigueFilter,
    after: FatigueFilter,
}

#[derive(Deserialize, JsonSchema)]
struct Both {
    before: Config,
    after: Config,
}

impl Rule for Reconfigured {
    type Config = Both;

    fn configure(both: Both, plan: &mut Plan) -> Result<Self, Vec<Diagnostic>> {
        plan.judges([VerdictKind::Allow, VerdictKind::Deny]);
        plan.answers::<NoParameters, Fatigue>("fatigue");
        let mut filter =
            |config: Config| FatigueFilter { caps: config::caps(config.caps, plan), exemptions: Vec::new() };
        Ok(Self { before: filter(both.before), after: filter(both.after) })
    }
}

impl Filter for Reconfigured {
    fn judge(&self, action: &Action, cx: &mut Context<'_>) -> Result<Verdict, Refusal> {
        if action.policy == "after" { self.after.judge(action, cx) } else { self.before.judge(action, cx) }
    }
}

impl Queries for Reconfigured {
    fn on_query(&self, query: &Query, cx: &mut QueryContext<'_>) -> Result<Reply, Refusal> {
        self.after.on_query(query, cx)
    }
}

fn both(before: Value, after: Value) -> Host<Reconfigured> {
    let both = json!({"before": {"caps": [before]}, "after": {"caps": [after]}});
    Host::new(both).expect("the configuration is right")
}

/// Judges at `earlier` with the first cap, and then at `later` with the second one.
fn changed(before: Value, after: Value, earlier: &[&str], later: &[&str]) -> Vec<String> {
    let mut host = both(before, after);
    let mut judge = |policy: &str, time: &str| {
        let judged = host.judge(Action { policy: policy.into(), ..to_ann(at(time)) });
        line(&judged.expect("it is no error"))
    };
    for time in earlier {
        assert!(judge("before", time).starts_with("allow"), "{time}");
    }
    later.iter().map(|time| judge("after", time)).collect()
}

fn cap(at_most: u64, window: Value) -> Value {
    json!({"name": "cap", "at_most": at_most, "window": window})
}

fn hours(kind: &str, hours: u64) -> Value {
    json!({kind: hours * 3_600})
}

#[test]
fn s2_22_a_longer_period_keeps_counters_and_start() {
    let (short, long) = (cap(3, hours("first_touch_s", 24)), cap(3, hours("first_touch_s", 48)));
    let said = changed(short, long, &["10:00:00", "14:00:00"], &["33:00:00", "34:00:00", "57:59:00", "58:00:00"]);
    let full = "deny cap_reached 3/3 next 58:00";
    assert_eq!(said, ["allow 3/3 next 58:00", full, full, "allow 1/3"]);
}

#[test]
fn s2_22_a_longer_period_opens_again_a_window_that_has_just_closed() {
    let (short, long) = (cap(2, hours("first_touch_s", 24)), cap(2, hours("first_touch_s", 48)));
    let said = changed(short, long, &["10:00:00", "14:00:00"], &["40:00:00"]);
    assert_eq!(said, ["deny cap_reached 2/2 next 58:00"]);
}

#[test]
fn s2_22_a_longer_period_keeps_the_start_of_the_window_that_is_open_now() {
    let (short, long) = (cap(2, hours("first_touch_s", 24)), cap(2, hours("first_touch_s", 48)));
    let said = changed(short, long, &["10:00:00", "34:00:00"], &["35:00:00", "58:00:00"]);
    assert_eq!(said, ["allow 2/2 next 82:00", "deny cap_reached 2/2 next 82:00"], "not the one of 10:00");
}

#[test]
fn a_longer_rolling_period_counts_what_was_outside_the_shorter_one() {
    let said = changed(
        cap(2, hours("rolling_s", 24)),
        cap(2, hours("rolling_s", 48)),
        &["10:00:00", "35:00:00"],
        &["36:00:00"],
    );
    assert_eq!(said, ["deny cap_reached 2/2 next 58:00:00.001"]);
}

#[test]
fn a_shorter_period_is_as_if_it_had_always_been_so() {
    let (long, short) = (cap(3, hours("first_touch_s", 48)), cap(3, hours("first_touch_s", 24)));
    let said = changed(long, short, &["10:00:00", "40:00:00"], &["41:00:00", "63:59:59.999", "64:00:00"]);
    assert_eq!(said, ["allow 2/3", "allow 3/3 next 64:00", "allow 1/3"], "a window began at 40:00");
}

#[test]
fn another_kind_of_window_keeps_the_reaches() {
    let said = changed(
        cap(2, hours("first_touch_s", 1)),
        cap(3, json!({"calendar": "UTC"})),
        &["10:00:00", "15:00:00"],
        &["16:00:00"],
    );
    assert_eq!(said, ["allow 3/3 next 24:00"]);
}

#[test]
fn s2_22_a_cap_below_what_is_used_lets_nothing_new_through() {
    let (more, less) = (cap(3, hours("rolling_s", 24)), cap(1, hours("rolling_s", 24)));
    let said = changed(more, less, &["10:00:00", "11:00:00", "12:00:00"], &["13:00:00", "36:00:00", "36:00:00.001"]);
    let next = "next 36:00:00.001";
    assert_eq!(said[0], format!("deny cap_reached 3/1 {next}"), "until the last of the three is gone");
    assert_eq!(said[1], format!("deny cap_reached 1/1 {next}"));
    assert_eq!(said[2], "allow 1/1 next 60:00:00.002");
}

#[test]
fn a_higher_cap_goes_on_from_what_is_used() {
    let said =
        changed(cap(1, hours("first_touch_s", 24)), cap(2, hours("first_touch_s", 24)), &["10:00:00"], &["11:00:00"]);
    assert_eq!(said, ["allow 2/2 next 34:00"]);
}

#[test]
fn another_name_or_other_dimensions_begin_at_nothing() {
    let before = cap(1, hours("rolling_s", 24));
    let mut named = before.clone();
    named["name"] = json!("other");
    let mut apart = before.clone();
    apart["per"] = json!(["scene"]);
    for after in [named, apart] {
        let said = changed(before.clone(), after, &["10:00:00"], &["11:00:00"]);
        assert_eq!(said, ["allow 1/1 next 35:00:00.001"]);
    }
}

#[test]
fn counters_of_other_dimensions_are_not_shown() {
    let before = cap(1, hours("rolling_s", 24));
    let mut after = before.clone();
    after["per"] = json!(["scene"]);
    let mut host = both(before, after);
    host.judge(to_ann(at("10:00:00"))).expect("it is no error");
    assert_eq!(host.query("fatigue", "ann", json!({})).1, json!({"caps": []}));
}
