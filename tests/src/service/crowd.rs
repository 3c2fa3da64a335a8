//! A crowd that a seed makes: few people and little time between their acts, so that both rules have much to find, and
//! gaps that fall exactly on a window's edge and one millisecond behind it.

use std::collections::VecDeque;

use fastrand::Rng;

/// Milliseconds: the window of [`crate::service::Rule::risk`] whose edges are tried.
const EDGE_MS: u64 = 60_000;
/// Of a thousand acts: how many are rigged to fall on the edge, lack an actor, or are no business of any rule.
const RIGGED: u32 = 100;
const NOBODY: u32 = 20;
const OTHER: u32 = 60;

/// One event as it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    pub id: String,
    pub kind: &'static str,
    pub subject: String,
    /// Empty if nobody says who acted.
    pub actor: String,
    pub category: &'static str,
    /// Milliseconds.
    pub time: u64,
}

impl Act {
    pub fn json(&self) -> String {
        let Act { id, kind, subject, category, .. } = self;
        let actor = if self.actor.is_empty() { String::new() } else { format!(r#""actorid":"{}","#, self.actor) };
        let time = jiff::Timestamp::from_millisecond(self.time as i64).expect("a time of this century");
        // The note is there for its size: segments are to be filled.
        let note = "so much to say ".repeat(40);
        format!(
            r#"{{"specversion":"1.0","id":"{id}","source":"/crowd","type":"{kind}","subject":"{subject}",{actor}"time":"{time}","data":{{"category":"{category}","note":"{note}"}}}}"#
        )
    }
}

pub struct Crowd {
    rng: Rng,
    users: u64,
    /// Milliseconds; acts come in the order of their times.
    now: u64,
    made: u64,
    /// Blacklists within the edge's reach: time and whom.
    recent: VecDeque<(u64, u64)>,
}

impl Crowd {
    /// `start`: time of the first act, milliseconds. It must be in the past by as much as the crowd will live.
    pub fn new(seed: u64, users: u64, start: u64) -> Crowd {
        Crowd { rng: Rng::with_seed(seed), users, now: start, made: 0, recent: VecDeque::new() }
    }

    fn user(&mut self) -> String {
        format!("user:{}", self.rng.u64(..self.users))
    }

    /// Moves to the edge of a blacklist before this one; answers whom it was about.
    fn edge(&mut self) -> Option<u64> {
        while self.recent.front().is_some_and(|(time, _)| time + EDGE_MS < self.now) {
            self.recent.pop_front();
        }
        let (time, about) = self.recent.pop_front()?;
        self.now = time + EDGE_MS + self.rng.u64(0..2);
        Some(about)
    }
}

impl Iterator for Crowd {
    type Item = Act;

    fn next(&mut self) -> Option<Act> {
        self.now += [0, 1, 250, 499][self.rng.usize(..4)];
        self.made += 1;
        let rigged = if self.rng.u32(..1_000) < RIGGED { self.edge() } else { None };
        let (kind, subject, category) = match (rigged, self.rng.u32(..1_000)) {
            (Some(about), _) => ("blacklist", format!("user:{about}"), ""),
            (None, 0..OTHER) => ("message", self.user(), ""),
            (None, OTHER..100) => ("unblacklist", self.user(), ""),
            (None, 100..500) => {
                let about = self.rng.u64(..self.users);
                self.recent.push_back((self.now, about));
                ("blacklist", format!("user:{about}"), "")
            }
            (None, _) => {
                let category = if self.rng.u8(..4) == 0 { "sale" } else { "rental" };
                ("browse", format!("house:{}", self.rng.u64(..30)), category)
            }
        };
        let nobody = kind == "blacklist" && self.rng.u32(..1_000) < NOBODY;
        let actor = if nobody { String::new() } else { self.user() };
        Some(Act { id: format!("e{}", self.made), kind, subject, actor, category, time: self.now })
    }
}
