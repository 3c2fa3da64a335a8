//! Each window at its edges.

use serde_json::json;

use super::*;
use crate::day::{Day, containing};

#[test]
fn s2_22_the_timeline_to_the_minute() {
    let mut host = host(s2_22());
    let timeline = [
        ("10:00:00", "allow 1/3 next 14:00"),
        ("12:00:00", "deny min_interval 1/3 next 14:00"),
        ("13:59:59.999", "deny min_interval 1/3 next 14:00"),
        ("14:00:00", "allow 2/3 next 18:00"),
        ("18:00:00", "allow 3/3 next 34:00"),
        ("18:01:00", "deny cap_reached 3/3 next 34:00"),
        ("22:00:00", "deny cap_reached 3/3 next 34:00"),
        ("33:59:00", "deny cap_reached 3/3 next 34:00"),
        ("33:59:59.999", "deny cap_reached 3/3 next 34:00"),
        ("34:00:00", "allow 1/3 next 38:00"),
    ];
    for (time, expected) in timeline {
        assert_eq!(says(&mut host, at(time)), expected, "{time}");
    }
    let numbers = judge(&mut host, to_ann(at("35:00:00"))).numbers;
    let cap = json!({
        "name": "daily", "used": 1, "at_most": 3, "window_start": at("34:00:00"), "next": at("38:00:00"),
    });
    assert_eq!(numbers, json!({"cap": "daily", "caps": [cap]}));
}

#[test]
fn a_first_touch_window_opens_with_a_reach_and_not_with_the_clock() {
    let mut host = one_cap(2, json!({"first_touch_s": 3_600}));
    assert_eq!(says(&mut host, at("10:40:00")), "allow 1/2");
    assert_eq!(says(&mut host, at("11:39:59.999")), "allow 2/2 next 11:40");
    assert_eq!(says(&mut host, at("11:40:00")), "allow 1/2", "the end belongs to the next window");
    assert_eq!(says(&mut host, at("15:00:00")), "allow 1/2", "and that one opens whenever it is reached");
    assert_eq!(says(&mut host, at("15:59:00")), "allow 2/2 next 16:00");
}

#[test]
fn a_rolling_window_holds_its_edge() {
    let mut host = one_cap(2, json!({"rolling_s": 3_600}));
    assert_eq!(says(&mut host, at("10:00:00")), "allow 1/2");
    assert_eq!(says(&mut host, at("10:30:00")), "allow 2/2 next 11:00:00.001");
    assert_eq!(says(&mut host, at("11:00:00")), "deny cap_reached 2/2 next 11:00:00.001");
    assert_eq!(says(&mut host, at("11:00:00.001")), "allow 2/2 next 11:30:00.001");
    let numbers = judge(&mut host, to_ann(at("11:10:00"))).numbers;
    assert_eq!(numbers["caps"][0]["window_start"], json!(at("10:10:00")));
}

#[test]
fn a_calendar_day_ends_at_midnight_of_its_zone() {
    let mut host = one_cap(2, json!({"calendar": "Europe/Berlin", "unit": "day"}));
    assert_eq!(says(&mut host, at("22:00:00")), "allow 1/2", "23:00 in Berlin");
    assert_eq!(says(&mut host, at("22:59:59.999")), "allow 2/2 next 23:00");
    assert_eq!(says(&mut host, at("22:59:59.999")), "deny cap_reached 2/2 next 23:00");
    let judged = judge(&mut host, to_ann(at("23:00:00")));
    assert_eq!(line(&judged), "allow 1/2", "00:00 in Berlin");
    assert_eq!(judged.numbers["caps"][0]["window_start"], json!(at("23:00:00")));
    assert_eq!(says(&mut host, at("46:00:00")), "allow 2/2 next 47:00", "23:00 in Berlin");
    assert_eq!(says(&mut host, at("46:59:59.999")), "deny cap_reached 2/2 next 47:00");
}

#[test]
fn a_calendar_day_follows_the_change_of_the_clock() {
    let march_28 = 86 * DAY_MS;
    let mut host = one_cap(1, json!({"calendar": "Europe/Berlin"}));
    assert_eq!(judge(&mut host, to_ann(march_28 + at("23:00:00"))).reason, "", "the 23-hour day begins");
    let full = judge(&mut host, to_ann(march_28 + at("45:59:59.999")));
    assert_eq!(full.numbers["caps"][0]["next"], json!(march_28 + at("46:00:00")));
    assert_eq!(judge(&mut host, to_ann(march_28 + at("46:00:00"))).reason, "", "the next one begins");

    let october_24 = 296 * DAY_MS;
    assert_eq!(judge(&mut host, to_ann(october_24 + at("22:00:00"))).reason, "", "the 25-hour day begins");
    let full = judge(&mut host, to_ann(october_24 + at("46:59:59.999")));
    assert_eq!((full.reason.as_str(), &full.numbers["caps"][0]["used"]), ("cap_reached", &json!(1)));
    assert_eq!(judge(&mut host, to_ann(october_24 + at("47:00:00"))).reason, "", "the next one begins");
}

#[test]
fn midnights_that_are_skipped_or_shown_twice() {
    let day =
        |days: u64, from: &str, to: &str| Some(Day { start: days * DAY_MS + at(from), end: days * DAY_MS + at(to) });
    let (april_4, september_6, november_1) = (93, 248, 304);
    // At midnight it is 23:00 once more.
    assert_eq!(
        containing(april_4 * DAY_MS + at("27:59:59.999"), "America/Santiago"),
        day(april_4, "03:00:00", "28:00:00")
    );
    assert_eq!(containing(april_4 * DAY_MS + at("26:30:00"), "America/Santiago"), day(april_4, "03:00:00", "28:00:00"));
    // At midnight it is 01:00.
    assert_eq!(
        containing(september_6 * DAY_MS + at("04:00:00"), "America/Santiago"),
        day(september_6, "04:00:00", "27:00:00")
    );
    // At 01:00 it is midnight once more.
    for time in ["04:00:00", "04:30:00", "05:00:00", "28:59:59.999"] {
        let found = containing(november_1 * DAY_MS + at(time), "America/Havana");
        assert_eq!(found, day(november_1, "04:00:00", "29:00:00"), "{time}");
    }
    assert_eq!(containing(at("10:00:00"), "Europe/Atlantis"), None);
}

#[test]
fn a_time_that_no_calendar_has_is_an_error_and_no_free_pass() {
    let mut host = one_cap(1, json!({"calendar": "UTC"}));
    let refusal = host.judge(Action { time: u64::MAX, ..to_ann(at("10:00:00")) }).expect_err("year 584 million");
    assert_eq!(refusal.code, "bad_time");
}

#[test]
fn the_minimum_interval_crosses_windows() {
    let window = json!({"calendar": "UTC"});
    let mut host = host(json!({"caps": [{"name": "cap", "at_most": 5, "window": window, "min_interval_s": 14_400}]}));
    assert_eq!(says(&mut host, at("22:00:00")), "allow 1/5 next 26:00");
    assert_eq!(says(&mut host, at("25:59:59.999")), "deny min_interval 0/5 next 26:00");
    assert_eq!(says(&mut host, at("26:00:00")), "allow 1/5 next 30:00");
}

#[test]
fn a_clock_that_is_set_back_frees_nothing() {
    for window in [json!({"first_touch_s": 3_600}), json!({"rolling_s": 3_600}), json!({"calendar": "UTC"})] {
        let mut host = one_cap(2, window);
        says(&mut host, at("10:00:00"));
        assert!(says(&mut host, at("09:00:00")).starts_with("allow 2/2"));
        assert!(says(&mut host, at("09:30:00")).starts_with("deny cap_reached 2/2"));
    }
}
