//! What the bench relies on, without running it.

use super::crowd::{Crowd, number, person};

#[test]
fn events_are_their_numbers_and_paced_ones_say_whom_they_reach() {
    let crowd = Crowd { seed: 1, persons: 1_000, streams: 10 };
    let all = crowd.events(0, 100);
    assert_eq!(crowd.events(40, 60), all[40..60]);
    assert!(all.windows(2).all(|pair| pair[1].time - pair[0].time > 1_000));
    let (paced, reached) = crowd.paced(100, 1_100);
    let connected: Vec<String> = (0..10).map(person).collect();
    let about = paced.iter().filter(|event| connected.iter().any(|person| **person == *event.subject)).count() as u64;
    assert_eq!(reached, about);
    assert!((60..160).contains(&reached), "{reached}");
    let other = Crowd { seed: 2, ..crowd };
    assert_ne!(other.events(0, 100), all);
}

#[test]
fn what_comes_beside_is_never_enough_for_a_match() {
    let crowd = Crowd { seed: 1, persons: 10, streams: 0 };
    let beside = crowd.beside(0, 10_000, 3);
    let houses: std::collections::BTreeSet<&str> = beside.iter().map(|event| &*event.subject).collect();
    assert!(houses.len() < 4, "four different ones are a match: {houses:?}");
    assert_eq!((beside.len(), &crowd.beside(50, 60, 3)[..]), (10_000, &beside[50..60]));
}

#[test]
fn the_fields_of_a_match_name_its_event() {
    assert_eq!(number(r#"{"by":["17"]}"#), Some(17));
    assert_eq!(number(r#"{"by":[]}"#), None);
    assert_eq!(number(r#"{"by":["ann"]}"#), None);
}
