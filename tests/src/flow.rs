//! Events that a seed makes: a few people, a few minutes, duplicates, late ones and nonsense among them.

use fastrand::Rng;
use fishpond::model::{Event, Limits};

use crate::event;

/// People that the flow is about: few, so that windows fill; enough for several shards.
pub const PEOPLE: [&str; 7] = ["abe", "bea", "carl", "cora", "dan", "eve", "flo"];

/// Scenario lines without the word `event`, in the order of their arrival.
pub fn lines(seed: u64, count: usize) -> Vec<String> {
    let mut rng = Rng::with_seed(seed);
    let mut lines = Vec::with_capacity(count);
    // 10:00:00 of the scenarios' first day, seconds.
    let mut now = 36_000u64;
    for number in 0..count {
        now += rng.u64(0..12);
        let time = if rng.u8(..8) == 0 { now - rng.u64(0..90) } else { now };
        let line = one(&mut rng, &clock(time), &clock(now), number);
        lines.push(line);
        if rng.u8(..10) == 0 {
            let again = rng.usize(..lines.len());
            lines.push(lines[again].clone());
        }
    }
    lines
}

/// The same as events.
pub fn events(seed: u64, count: usize) -> Vec<Event> {
    let limits = Limits::default();
    lines(seed, count).iter().map(|line| event(line, &limits)).collect()
}

fn one(rng: &mut Rng, time: &str, received: &str, number: usize) -> String {
    let subject = PEOPLE[rng.usize(..PEOPLE.len())];
    let actor = PEOPLE[rng.usize(..PEOPLE.len())];
    let id = format!("id=e{number} received={received}");
    match rng.u8(..16) {
        0 => format!("{time} unblacklist {id} subject={subject} actor={actor}"),
        // Without an actor, and without a key.
        1 => format!("{time} blacklist {id} subject={subject}"),
        2 => format!("{time} blacklist {id} actor={actor}"),
        3..=8 => format!("{time} blacklist {id} subject={subject} actor={actor}"),
        9..=12 => {
            let house = rng.u8(..6);
            format!("{time} browse {id} subject=house{house} actor={actor} {{\"category\": \"rental\"}}")
        }
        what => {
            let what = ["count", "observe", "trap"][usize::from(what) - 13];
            format!("{time} do {id} actor={actor} {{\"do\": \"{what}\"}}")
        }
    }
}

fn clock(seconds: u64) -> String {
    format!("{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60)
}
