//! What a document keeps, for how long, how much of it, and what a query shows.

use serde_json::json;

use super::*;
use crate::counters::HORIZON_MS;

#[test]
fn the_query_shows_the_counters_with_their_next_times() {
    let mut host = host(s2_22());
    assert_eq!(host.query("fatigue", "ann", json!({})), ("ok".to_owned(), json!({"caps": []})));
    says(&mut host, at("10:00:00"));
    let daily = json!({
        "name": "daily", "business": "test", "used": 1, "at_most": 3,
        "window_start": at("10:00:00"), "next": at("14:00:00"),
    });
    assert_eq!(host.query("fatigue", "ann", json!({})).1, json!({"caps": [daily]}));
}

#[test]
fn the_query_shows_a_hundred_counters_and_how_many_more_there_are() {
    let mut host =
        host(json!({"caps": [{"name": "cap", "at_most": 1, "window": {"rolling_s": 60}, "per": ["scene"]}]}));
    for scene in 0..105 {
        judge(&mut host, Action { scene: scene.to_string(), ..to_ann(at("10:00:00")) });
    }
    let (_, shown) = host.query("fatigue", "ann", json!({}));
    assert_eq!((shown["caps"].as_array().map(Vec::len), &shown["more"]), (Some(100), &json!(5)));
}

#[test]
fn the_longest_window_keeps_its_edge_and_no_reach_locks_anybody_out_for_ever() {
    let mut host = one_cap(1, json!({"rolling_s": 31 * DAY_S}));
    says(&mut host, at("10:00:00"));
    assert!(says(&mut host, at("10:00:00") + 31 * DAY_MS).starts_with("deny cap_reached 1/1"));
    assert!(says(&mut host, at("10:00:00") + 31 * DAY_MS + 1).starts_with("allow 1/1"));
}

#[test]
fn what_is_beyond_the_horizon_is_forgotten() {
    let mut host =
        host(json!({"caps": [{"name": "cap", "at_most": 1, "window": {"rolling_s": 60}, "per": ["scene"]}]}));
    let mut scenes_after = |scene: &str, time: u64| {
        judge(&mut host, Action { scene: scene.into(), ..to_ann(time) });
        host.query("fatigue", "ann", json!({})).1["caps"].as_array().map(Vec::len)
    };
    assert_eq!(scenes_after("home", at("10:00:00")), Some(1));
    assert_eq!(scenes_after("help", at("11:00:00")), Some(2));
    assert_eq!(scenes_after("cart", at("10:00:00") + HORIZON_MS), Some(3));
    assert_eq!(scenes_after("cart", at("10:00:00") + HORIZON_MS + 60_001), Some(2), "home is gone");
}

#[test]
fn more_reaches_than_are_kept_change_no_verdict() {
    for (window, next) in [(json!({"first_touch_s": 3_600}), "11:00"), (json!({"rolling_s": 3_600}), "11:03:19.001")] {
        let caps = json!([{"name": "cap", "at_most": 2, "window": window}]);
        let mut host = host(json!({"caps": caps, "exempt": [{"policies": ["receipt"], "ignores_cap": true}]}));
        judge(&mut host, to_ann(at("08:00:00")));
        for second in 0..201 {
            let time = at("10:00:00") + second * 1_000;
            assert!(judge(&mut host, Action { policy: "receipt".into(), ..to_ann(time) }).reason.is_empty());
        }
        assert_eq!(says(&mut host, at("10:30:00")), format!("deny cap_reached 66/2 next {next}"));
    }
}

/// One cap of 1,000 an hour for each scene; a thousand reaches in one scene after the other, so far apart.
fn thousands(scenes: u64, apart_ms: u64) -> Host<FatigueFilter> {
    let window = json!({"rolling_s": 3_600});
    let mut host = host(json!({"caps": [{"name": "cap", "at_most": 1_000, "window": window, "per": ["scene"]}]}));
    for number in 0..scenes * 1_000 {
        let scene = (number / 1_000).to_string();
        // A refusal is in `host.refusals()`.
        let _ = host.judge(Action { scene, ..to_ann(at("10:00:00") + number * apart_ms) });
    }
    host
}

#[test]
fn rather_an_error_than_a_forgotten_reach() {
    let host = thousands(6, 1);
    let codes: Vec<&str> = host.refusals().iter().map(|refused| &*refused.refusal.code).collect();
    assert!(codes.len() > 500 && codes.iter().all(|code| *code == "too_many_counters"), "{}", codes.len());
    let (_, shown) = host.query("fatigue", "ann", json!({}));
    let used: u64 = shown["caps"].as_array().expect("counters").iter().filter_map(|cap| cap["used"].as_u64()).sum();
    assert_eq!(used, 6_000 - codes.len() as u64, "what passed is counted");
}

#[test]
fn what_no_window_holds_goes_before_anything_is_refused() {
    let host = thousands(8, 3_000);
    assert_eq!(host.refusals(), []);
    let (_, shown) = host.query("fatigue", "ann", json!({}));
    let used: Vec<u64> =
        shown["caps"].as_array().expect("counters").iter().filter_map(|cap| cap["used"].as_u64()).collect();
    assert!(used.len() < 8, "the first scenes are gone: {used:?}");
    assert_eq!(used[used.len() - 2..], [201, 1_000]);
}
