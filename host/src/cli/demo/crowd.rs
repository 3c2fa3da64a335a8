//! A seeded crowd of a second-hand market: people browse, chat, publish; some are after a flat, some are trouble.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use fastrand::Rng;

/// How long the crowd's day is, milliseconds: it ends at the moment that the stream is made for.
const DAY_MS: u64 = 3 * 3_600_000;
/// One event in so many is sent again, as producers do when an answer was lost.
const REPEAT_ONE_IN: usize = 100;
/// Of a hundred people so many want no marketing.
const OPTED_OUT_PERCENT: u32 = 8;
/// Of a hundred people the operators have blocked so many.
const BLOCKED_PERCENT: u32 = 3;

/// One event, ready to be sent: a CloudEvent in its structured form.
pub type Json = String;

/// Makes `count` events of `users` people up to the time `end` (milliseconds), repeats among them, in the order of
/// their times.
pub fn stream(count: u64, users: u64, seed: u64, end: u64) -> Vec<Json> {
    let mut crowd = Crowd { random: Rng::with_seed(seed), users, planned: BinaryHeap::new(), made: 0 };
    let mut events: Vec<Json> = Vec::with_capacity(count as usize);
    for step in 0..count {
        let now = end - DAY_MS + step * DAY_MS / count;
        let repeat = crowd.random.usize(..REPEAT_ONE_IN) == 0 && !events.is_empty();
        events.push(if repeat {
            let back = crowd.random.usize(1..=events.len().min(1_000));
            events[events.len() - back].clone()
        } else {
            crowd.next(now)
        });
    }
    events
}

/// What was settled before the day began: who wants no marketing, and who is blocked.
pub fn settled(users: u64, seed: u64, time: u64) -> Vec<Json> {
    let mut random = Rng::with_seed(seed);
    let mut events = Vec::new();
    for user in 0..users {
        let person = format!("user:{user}");
        if random.u32(..100) < OPTED_OUT_PERCENT {
            let data = r#"{"classes":["marketing"]}"#;
            events.push(event(&format!("o{user}"), time, "preference.opt_out", &person, Some(&person), data));
        }
        if random.u32(..100) < BLOCKED_PERCENT {
            events.push(event(&format!("b{user}"), time, "list.block.add", &person, None, "{}"));
        }
    }
    events
}

/// Two people blacklist a third one, now: a match about that one.
pub fn trouble(person: &str, now: u64) -> Vec<Json> {
    let by = |number: u64| {
        let actor = format!("user:witness-{number}");
        event(&format!("w{now}-{number}"), now, "blacklist", person, Some(&actor), r#"{"reason":"fake goods"}"#)
    };
    vec![by(1), by(2)]
}

fn event(id: &str, time: u64, kind: &str, subject: &str, actor: Option<&str>, data: &str) -> Json {
    let time = jiff::Timestamp::from_millisecond(time as i64).unwrap_or_default();
    let actor = actor.map(|actor| format!(r#","actorid":"{actor}""#)).unwrap_or_default();
    format!(
        r#"{{"specversion":"1.0","id":"{id}","source":"/demo/app","type":"{kind}","subject":"{subject}","time":"{time}"{actor},"data":{data}}}"#
    )
}

struct Crowd {
    random: Rng,
    users: u64,
    /// What people will do, earliest first.
    planned: BinaryHeap<Reverse<(u64, u64, Act)>>,
    made: u64,
}

/// What one person does with one thing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Act {
    BrowseFlat { user: u64, flat: u64 },
    Blacklist { user: u64, about: u64 },
    Unblacklist { user: u64, about: u64 },
}

impl Crowd {
    /// The next event: what somebody has planned, else something ordinary; now and then somebody starts a story.
    fn next(&mut self, now: u64) -> Json {
        match self.random.u32(..1_000) {
            0..4 => self.plan_trouble(now),
            4..10 => self.plan_flat_hunt(now),
            _ => {}
        }
        let due = self.planned.peek().is_some_and(|Reverse((time, ..))| *time <= now);
        match due.then(|| self.planned.pop()).flatten() {
            Some(Reverse((_, _, act))) => self.act(now, act),
            None => self.ordinary(now),
        }
    }

    fn plan(&mut self, time: u64, act: Act) {
        let number = self.planned.len() as u64;
        self.planned.push(Reverse((time, number, act)));
    }

    /// One user is blacklisted by others, mostly within a minute; sometimes it is taken back in between.
    fn plan_trouble(&mut self, now: u64) {
        let about = self.user();
        for _ in 0..self.random.u64(2..4) {
            let user = self.user();
            let time = now + self.random.u64(..70_000);
            self.plan(time, Act::Blacklist { user, about });
            if self.random.u32(..8) == 0 {
                self.plan(time + 1_000, Act::Unblacklist { user, about });
            }
        }
    }

    /// One user looks at several flats, some of them twice.
    fn plan_flat_hunt(&mut self, now: u64) {
        let user = self.user();
        let first = self.random.u64(..10_000);
        for _ in 0..self.random.u64(3..8) {
            let flat = first + self.random.u64(..6);
            let time = now + self.random.u64(..20 * 60_000);
            self.plan(time, Act::BrowseFlat { user, flat });
        }
    }

    fn user(&mut self) -> u64 {
        self.random.u64(..self.users)
    }

    fn act(&mut self, now: u64, act: Act) -> Json {
        match act {
            Act::BrowseFlat { user, flat } => {
                let data = r#"{"category":"rental","surface":"search"}"#;
                self.event(now, "browse", &format!("house:{flat}"), Some(user), data)
            }
            // Some old clients do not say who acted: those events end in the failed list with a reason.
            Act::Blacklist { user, about } => {
                let actor = (self.random.u32(..50) != 0).then_some(user);
                self.event(now, "blacklist", &format!("user:{about}"), actor, r#"{"reason":"fake goods"}"#)
            }
            Act::Unblacklist { user, about } => {
                self.event(now, "unblacklist", &format!("user:{about}"), Some(user), "{}")
            }
        }
    }

    fn ordinary(&mut self, now: u64) -> Json {
        let user = self.user();
        let item = self.random.u64(..50_000);
        match self.random.u32(..10) {
            0..7 => {
                let category = ["phones", "books", "bicycles", "rental"][self.random.usize(..4)];
                let data = format!(r#"{{"category":"{category}","price":{}}}"#, self.random.u32(1..5_000));
                let kind = if category == "rental" { "house" } else { "item" };
                self.event(now, "browse", &format!("{kind}:{item}"), Some(user), &data)
            }
            7..9 => self.event(now, "message", &format!("conversation:{item}"), Some(user), r#"{"kind":"text"}"#),
            _ => self.event(now, "publish", &format!("item:{item}"), Some(user), r#"{"pictures":3}"#),
        }
    }

    fn event(&mut self, now: u64, kind: &str, subject: &str, actor: Option<u64>, data: &str) -> Json {
        self.made += 1;
        let actor = actor.map(|user| format!("user:{user}"));
        event(&format!("e{}", self.made), now, kind, subject, actor.as_deref(), data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_crowd() {
        let end = 1_780_000_000_000;
        let first = stream(5_000, 500, 7, end);
        assert_eq!(first, stream(5_000, 500, 7, end));
        assert_ne!(first, stream(5_000, 500, 8, end));
        let kinds = ["browse", "blacklist", "message", "publish"];
        for kind in kinds {
            assert!(first.iter().any(|event| event.contains(&format!(r#""type":"{kind}""#))), "{kind}");
        }
        let mut unique = first.clone();
        unique.sort();
        unique.dedup();
        assert!(unique.len() < first.len(), "there are repeats");
    }

    #[test]
    fn a_known_share_has_opted_out_or_is_blocked() {
        let events = settled(10_000, 7, 1_780_000_000_000);
        let found = |kind: &str| events.iter().filter(|event| event.contains(kind)).count();
        let (out, blocked) = (found("preference.opt_out"), found("list.block.add"));
        assert!((700..900).contains(&out) && (200..400).contains(&blocked), "{out} and {blocked} of 10,000");
    }
}
