//! Both columns of S1-19, natively.

use fishpond_sdk::testing::{Host, TestEvent, at, event};
use serde_json::{Value, json};

use super::RentalBrowse;

fn host(configuration: Value) -> Host<RentalBrowse> {
    Host::new(configuration).expect("the configuration is right")
}

/// Ann browses a house.
fn browse(time: &str, house: &str) -> TestEvent {
    event("browse").actor("ann").subject(house).time(time).data(json!({"category": "rental"}))
}

#[test]
fn s1_19_four_different_houses_are_one_match_with_their_ids() {
    let mut host = host(json!({}));
    for (minute, house) in ["h3", "h1", "h1", "h4", "h2", "h5"].into_iter().enumerate() {
        host.event(browse(&format!("10:{minute:02}:00"), house).id(&format!("e{minute}")));
    }
    assert_eq!(host.matches().len(), 1);
    let found = &host.matches()[0];
    assert_eq!((found.name.as_str(), found.person.as_str()), ("rental_interest", "ann"));
    assert_eq!(found.fields, json!({"houses": ["h1", "h2", "h3", "h4"]}));
    assert_eq!(found.events, ["e0", "e1", "e2", "e3", "e4"]);
    assert_eq!(found.once.as_deref(), Some("20454"));
}

#[test]
fn s1_19_four_browses_of_one_house_are_none() {
    let mut host = host(json!({}));
    for minute in 0..4 {
        host.event(browse(&format!("10:{minute:02}:00"), "h1"));
    }
    assert!(host.matches().is_empty());
}

#[test]
fn only_rentals_of_one_person_count() {
    let mut host = host(json!({}));
    for house in ["h1", "h2", "h3"] {
        host.event(browse("10:00:00", house));
    }
    host.event(browse("10:00:01", "h4").data(json!({"category": "sale"})));
    host.event(browse("10:00:01", "h4").data(Value::Null));
    host.event(browse("10:00:01", "h4").actor("bo"));
    assert!(host.matches().is_empty());
}

#[test]
fn the_edges_belong_to_the_half_hour() {
    for (last, matches) in [("10:30:00", 1), ("10:30:00.001", 0)] {
        let mut host = host(json!({}));
        host.event(browse("10:00:00", "h1")).event(browse("10:10:00", "h2")).event(browse("10:20:00", "h3"));
        host.event(browse(last, "h4"));
        assert_eq!(host.matches().len(), matches, "{last}");
    }
}

#[test]
fn a_browse_counts_toward_one_match() {
    let mut host = host(json!({"different_houses": 2, "window_s": 3_600, "cooldown_s": 60}));
    host.event(browse("10:00:00", "h1")).event(browse("10:01:00", "h2"));
    host.event(browse("10:02:00", "h3"));
    assert_eq!(host.matches().len(), 1, "the cool-down is over, but h1 and h2 are used up");
    host.event(browse("10:03:00", "h4"));
    assert_eq!(host.matches()[1].fields, json!({"houses": ["h3", "h4"]}));
}

#[test]
fn the_cool_down_holds_a_day() {
    let mut host = host(json!({"different_houses": 1}));
    host.event(browse("10:00:00", "h1"));
    let again = |time| browse("00:00:00", "h2").time_ms(time);
    host.event(again(at("34:00:00") - 1));
    assert_eq!(host.matches().len(), 1);
    host.event(again(at("34:00:00")));
    assert_eq!(host.matches().len(), 2);
}

#[test]
fn a_browse_of_nothing_is_the_producers_fault() {
    let mut host = host(json!({}));
    host.event(event("browse").actor("ann").data(json!({"category": "rental"})));
    assert_eq!(host.refusals()[0].refusal.code, "bad_event");
}

#[test]
fn a_wrong_configuration_says_where() {
    let wrong = json!({"different_houses": 101, "window_s": 0, "cooldown_s": 0});
    let problems = Host::<RentalBrowse>::new(wrong).expect_err("it is wrong");
    let places: Vec<&str> = problems.iter().map(|problem| problem.place.as_str()).collect();
    assert_eq!(places[..3], ["/different_houses", "/window_s", "/cooldown_s"]);
}
