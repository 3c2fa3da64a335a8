//! Seeded events about persons, spaced so that the shipped rule finds something in every one of them.

use super::super::BUSINESS;
use crate::model::Event;

/// First event's time, milliseconds: far enough back that all events of a bench are past.
const START: u64 = 1_700_000_000_000;
/// Event time between two events, milliseconds: longer than the rule's cool-down, whomever they are about.
const SPACING: u64 = 1_001;
/// When all of them are received, milliseconds: at once, so that no identity is too old to be remembered.
const RECEIVED: u64 = 1_790_000_000_000;
/// Of the paced events, one in so many is about somebody who is connected.
const CONNECTED_ONE_IN: u64 = 10;

/// Who browses beside them, and what.
const GUESTS: u64 = 1_000_000;
const HOUSES: u64 = 3;

pub struct Crowd {
    pub seed: u64,
    pub persons: u64,
    /// The first persons are those who are connected in the paced part.
    pub streams: u64,
}

impl Crowd {
    /// Events `from..to`, each about one of all persons uniformly. Event i is the same whatever the range.
    pub fn events(&self, from: u64, to: u64) -> Vec<Event> {
        (from..to).map(|number| event(number, self.random(number).u64(..self.persons))).collect()
    }

    /// As [`Self::events`], but some are about those who are connected. Answers how many.
    pub fn paced(&self, from: u64, to: u64) -> (Vec<Event>, u64) {
        let mut reached = 0;
        let paced = |number: u64| {
            let mut random = self.random(number);
            let connected = self.streams > 0 && random.u64(..CONNECTED_ONE_IN) == 0;
            let person = random.u64(..if connected { self.streams } else { self.persons });
            reached += u64::from(person < self.streams);
            event(number, person)
        };
        ((from..to).map(paced).collect(), reached)
    }

    /// Events `from..to` of those that make no match: a million users, and each sees fewer different houses than the rule
    /// wants. `at`: number of the paced event that they come with.
    pub fn beside(&self, from: u64, to: u64, at: u64) -> Vec<Event> {
        let browse = |number: u64| {
            let mut random = self.random(!number);
            Event {
                business: BUSINESS.into(),
                source: "beside".into(),
                id: number.to_string().into(),
                kind: "browse".into(),
                subject: format!("house:{}", random.u64(..HOUSES)).into(),
                actor: format!("guest:{}", random.u64(..GUESTS)).into(),
                time: START + at * SPACING,
                received: RECEIVED,
                data: r#"{"category":"rental"}"#.into(),
                ..Event::default()
            }
        };
        (from..to).map(browse).collect()
    }

    fn random(&self, number: u64) -> fastrand::Rng {
        fastrand::Rng::with_seed(self.seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }
}

pub fn person(number: u64) -> String {
    format!("user:{number}")
}

/// Its number is the actor, so that the fields of the match tell it.
fn event(number: u64, subject: u64) -> Event {
    let time = START + number * SPACING;
    Event {
        business: BUSINESS.into(),
        source: "bench".into(),
        id: number.to_string().into(),
        kind: "blacklist".into(),
        subject: person(subject).into(),
        actor: number.to_string().into(),
        time,
        received: RECEIVED,
        ..Event::default()
    }
}

/// The number of the event behind a match, by the fields that the rule gives it: `{"by":["17"]}`.
pub fn number(fields: &str) -> Option<u64> {
    fields.split('"').nth(3)?.parse().ok()
}
