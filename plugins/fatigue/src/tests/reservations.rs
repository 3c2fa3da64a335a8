//! What is reserved, given back, and replaced when an action is judged again.

use serde_json::json;

use super::*;

/// Three reaches of an hour's window: a at 10:00 (opens it), b at 10:10, c at 10:20.
fn three() -> Host<FatigueFilter> {
    let mut host = one_cap(3, json!({"first_touch_s": 3_600}));
    for (id, time) in [("a", "10:00:00"), ("b", "10:10:00"), ("c", "10:20:00")] {
        assert!(says_about(&mut host, id, 1, at(time)).starts_with("allow"));
    }
    host
}

#[test]
fn s2_22_what_reached_nobody_is_given_back_and_what_is_unknown_is_not() {
    for (status, expected) in [
        ("delivered", "deny cap_reached 3/3 next 11:00"),
        ("unknown", "deny cap_reached 3/3 next 11:00"),
        ("failed", "allow 3/3 next 11:00"),
        ("expired", "allow 3/3 next 11:00"),
    ] {
        let mut host = three();
        host.settle("b", status, at("10:30:00"));
        assert_eq!(says(&mut host, at("10:40:00")), expected, "{status}");
    }
}

#[test]
fn what_opened_the_window_gives_its_start_to_the_next() {
    let mut host = three();
    host.settle("a", "failed", at("10:30:00"));
    assert_eq!(says(&mut host, at("10:40:00")), "allow 3/3 next 11:10");
    assert_eq!(says(&mut host, at("11:09:59.999")), "deny cap_reached 3/3 next 11:10");
}

#[test]
fn a_window_from_which_all_is_given_back_is_closed() {
    let mut host = three();
    for id in ["a", "b", "c"] {
        host.settle(id, "failed", at("10:30:00"));
    }
    assert_eq!(host.query("fatigue", "ann", json!({})).1, json!({"caps": []}));
    assert_eq!(says(&mut host, at("10:50:00")), "allow 1/3");
    assert_eq!(says(&mut host, at("11:40:00")), "allow 2/3", "it opened at 10:50");
}

#[test]
fn a_closed_window_does_not_come_back_when_the_next_one_is_given_back() {
    let mut host = three();
    assert_eq!(says_about(&mut host, "d", 1, at("11:00:00")), "allow 1/3");
    host.settle("d", "failed", at("11:01:00"));
    assert_eq!(says_about(&mut host, "e", 1, at("11:02:00")), "allow 1/3");
    assert_eq!(says_about(&mut host, "f", 1, at("12:01:59.999")), "allow 2/3", "it opened at 11:02");
}

#[test]
fn giving_back_frees_the_interval_as_well() {
    let mut host = host(s2_22());
    says_about(&mut host, "a", 1, at("10:00:00"));
    says_about(&mut host, "b", 1, at("14:00:00"));
    host.settle("b", "failed", at("14:01:00"));
    assert_eq!(says(&mut host, at("14:02:00")), "allow 2/3 next 18:02");
}

#[test]
fn exactly_that_reach_is_given_back_in_every_cap() {
    let window = json!({"rolling_s": 3_600});
    let mut host = host(json!({"caps": [
        {"name": "all", "at_most": 2, "window": window},
        {"name": "scenes", "at_most": 1, "window": window, "per": ["scene"]},
    ]}));
    let there = |id: &str, scene: &str| Action { id: id.into(), scene: scene.into(), ..to_ann(at("10:00:00")) };
    assert_eq!(judge(&mut host, there("a", "home")).context.as_deref(), Some("a"));
    judge(&mut host, there("b", "help"));
    host.settle("a", "failed", at("10:00:00"));
    let (_, shown) = host.query("fatigue", "ann", json!({}));
    let (start, next) = (at("09:00:00"), at("11:00:00.001"));
    let all = json!({"name": "all", "used": 1, "at_most": 2, "window_start": start});
    let help = json!({
        "name": "scenes", "scene": "help", "used": 1, "at_most": 1, "window_start": start, "next": next,
    });
    assert_eq!(shown, json!({"caps": [all, help]}));
}

#[test]
fn s2_23_what_a_later_filter_denies_was_never_counted() {
    let mut host = one_cap(1, json!({"rolling_s": 60}));
    let dropped = host.judge_and_drop(to_ann(at("10:00:00"))).expect("it is no error");
    assert_eq!(line(&dropped), "allow 1/1 next 10:01:00.001");
    assert_eq!(says(&mut host, at("10:00:01")), "allow 1/1 next 10:01:01.001");
}

#[test]
fn an_action_does_not_count_against_itself() {
    let mut host = host(s2_22());
    says_about(&mut host, "a", 1, at("10:00:00"));
    assert_eq!(says_about(&mut host, "a", 2, at("10:01:00")), "allow 1/3 next 14:00", "and it keeps its time");
    says_about(&mut host, "b", 1, at("14:00:00"));
    says_about(&mut host, "c", 1, at("18:00:00"));
    assert_eq!(says_about(&mut host, "a", 3, at("18:01:00")), "deny min_interval 2/3 next 22:00", "others count");
    assert_eq!(says_about(&mut host, "c", 2, at("18:02:00")), "allow 3/3 next 34:00");
    assert_eq!(says_about(&mut host, "a", 4, at("22:00:00")), "allow 3/3 next 34:00", "the window stays where it was");
}

#[test]
fn a_retry_after_its_window_counts_when_it_is_tried() {
    let mut host = one_cap(1, json!({"first_touch_s": 3_600}));
    says_about(&mut host, "a", 1, at("10:00:00"));
    assert_eq!(says_about(&mut host, "a", 2, at("11:00:00")), "allow 1/1 next 12:00");
    assert_eq!(says(&mut host, at("11:30:00")), "deny cap_reached 1/1 next 12:00");
    host.settle("a", "failed", at("11:31:00"));
    assert_eq!(says(&mut host, at("11:32:00")), "allow 1/1 next 12:32", "there is nothing of it left");
}

#[test]
fn a_retry_that_is_downgraded_lets_go_of_its_reservation() {
    let cap = |name: &str, per: Value| {
        json!({"name": name, "at_most": 2, "window": {"rolling_s": 3_600}, "min_interval_s": 60, "per": per,
            "on_exceed": {"downgrade": "log"}})
    };
    let mut host = host(json!({"caps": [cap("all", json!([]))]}));
    says_about(&mut host, "a", 1, at("10:00:00"));
    says_about(&mut host, "b", 1, at("10:01:00"));
    assert_eq!(says_about(&mut host, "a", 2, at("10:01:30")), "downgrade min_interval log 1/2 next 10:02");
    assert_eq!(says(&mut host, at("10:02:00")), "allow 2/2 next 11:01:00.001", "b and this one");
}
