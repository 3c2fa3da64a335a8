//! Dimensions, several caps, and what becomes of an action that exceeds one.

use serde_json::json;

use super::*;

fn somewhere(business: &str, scene: &str, time: &str) -> Action {
    Action { business: business.into(), scene: scene.into(), ..to_ann(at(time)) }
}

/// One per hour, counted apart by these dimensions: what passes of four actions in a row.
fn passes(per: Value) -> [bool; 4] {
    let mut host = host(json!({"caps": [{"name": "cap", "at_most": 1, "window": {"rolling_s": 3_600}, "per": per}]}));
    let places = [("rental", "home"), ("rental", "checkout"), ("games", "home"), ("rental", "home")];
    places.map(|(business, scene)| judge(&mut host, somewhere(business, scene, "10:00:00")).reason.is_empty())
}

#[test]
fn s2_22_dimensions_are_counted_apart() {
    assert_eq!(passes(json!([])), [true, false, false, false]);
    assert_eq!(passes(json!(["business"])), [true, false, true, false]);
    assert_eq!(passes(json!(["scene"])), [true, true, false, false]);
    assert_eq!(passes(json!(["scene", "business"])), [true, true, true, false]);
}

#[test]
fn persons_are_counted_apart() {
    let mut host = one_cap(1, json!({"rolling_s": 60}));
    assert_eq!(says(&mut host, at("10:00:00")), "allow 1/1 next 10:01:00.001");
    let to_bob = Action { person: "bob".into(), ..to_ann(at("10:00:00")) };
    assert_eq!(line(&judge(&mut host, to_bob)), "allow 1/1 next 10:01:00.001");
}

/// `hourly` 1 and `daily` 2, each with what becomes of what exceeds it.
fn two_caps(hourly: Value, daily: Value) -> Host<FatigueFilter> {
    host(json!({"caps": [
        {"name": "hourly", "at_most": 1, "window": {"first_touch_s": 3_600}, "on_exceed": hourly},
        {"name": "daily", "at_most": 2, "window": {"first_touch_s": DAY_S}, "on_exceed": daily},
    ]}))
}

#[test]
fn all_caps_must_pass_and_the_first_that_does_not_decides() {
    let mut host = two_caps(json!("deny"), json!("hold"));
    assert_eq!(says(&mut host, at("10:00:00")), "allow 1/1 next 11:00 1/2");
    let judged = judge(&mut host, to_ann(at("10:30:00")));
    assert_eq!(line(&judged), "deny cap_reached 1/1 next 11:00 1/2");
    assert_eq!(judged.numbers["cap"], "hourly");
    assert_eq!(says(&mut host, at("11:00:00")), "allow 1/1 next 12:00 2/2 next 34:00");
    assert_eq!(says(&mut host, at("11:30:00")), "deny cap_reached 1/1 next 12:00 2/2 next 34:00");
    let judged = judge(&mut host, to_ann(at("12:00:00")));
    assert_eq!(line(&judged), "hold cap_reached until 34:00 0/1 2/2 next 34:00");
    assert_eq!(judged.numbers["cap"], "daily");
    assert_eq!(judged.numbers["caps"][0].get("window_start"), None, "the hourly window is closed");
}

#[test]
fn a_hold_lasts_until_every_cap_would_pass_and_counts_nothing() {
    let mut host = two_caps(json!("hold"), json!("deny"));
    says(&mut host, at("10:00:00"));
    assert_eq!(says(&mut host, at("10:30:00")), "hold cap_reached until 11:00 1/1 next 11:00 1/2");
    assert_eq!(says(&mut host, at("11:00:00")), "allow 1/1 next 12:00 2/2 next 34:00", "the release passes");
    assert_eq!(says(&mut host, at("11:30:00")), "hold cap_reached until 34:00 1/1 next 12:00 2/2 next 34:00");
}

#[test]
fn a_hold_for_the_interval() {
    let window = json!({"rolling_s": 3_600});
    let cap = json!({"name": "cap", "at_most": 5, "window": window, "min_interval_s": 60, "on_exceed": "hold"});
    let mut host = host(json!({"caps": [cap]}));
    says(&mut host, at("10:00:00"));
    assert_eq!(says(&mut host, at("10:00:30")), "hold min_interval until 10:01 1/5 next 10:01");
}

#[test]
fn what_expires_before_it_would_pass_is_denied() {
    let mut host = two_caps(json!("hold"), json!("hold"));
    says(&mut host, at("10:00:00"));
    let worth = |expires: &str| Action { expires: at(expires), ..to_ann(at("10:30:00")) };
    assert_eq!(line(&judge(&mut host, worth("11:00:00"))), "deny cap_reached 1/1 next 11:00 1/2");
    assert_eq!(line(&judge(&mut host, worth("11:00:00.001"))), "hold cap_reached until 11:00 1/1 next 11:00 1/2");
}

#[test]
fn a_downgraded_action_goes_and_counts_toward_no_cap() {
    let mut host = two_caps(json!({"downgrade": "log"}), json!("deny"));
    says(&mut host, at("10:00:00"));
    for _ in 0..3 {
        let judged = judge(&mut host, to_ann(at("10:30:00")));
        assert_eq!(line(&judged), "downgrade cap_reached log 1/1 next 11:00 1/2");
        assert_eq!(judged.context, None, "nothing of it can be given back");
    }
    assert_eq!(says(&mut host, at("11:00:00")), "allow 1/1 next 12:00 2/2 next 34:00");
}

#[test]
fn the_plan_has_the_verdicts_that_the_caps_can_reach() {
    let verdicts = |hourly, daily| two_caps(hourly, daily).plan()["filter"]["verdicts"].clone();
    assert_eq!(verdicts(json!("deny"), json!("deny")), json!(["allow", "deny"]));
    assert_eq!(verdicts(json!("hold"), json!({"downgrade": "log"})), json!(["allow", "deny", "hold", "downgrade"]));
}

#[test]
fn s2_22_of_fifty_at_once_exactly_one_passes() {
    let mut host = one_cap(1, json!({"first_touch_s": DAY_S}));
    let passed = (0..50).filter(|_| says(&mut host, at("10:00:00")).starts_with("allow")).count();
    assert_eq!(passed, 1);
}
