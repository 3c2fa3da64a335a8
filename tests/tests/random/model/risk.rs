//! `c2c-blacklist`: several different users blacklist one within a window; then a cool-down.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::super::facts::Given;
use super::{Effects, Entry, Memory, Refused};

const COOLDOWN: &str = "high_risk";

pub struct Risk {
    window_ms: u64,
    users: u64,
    cooldown_ms: u64,
}

impl Risk {
    pub fn new(configuration: &Value) -> Risk {
        let number = |name: &str, default: u64| configuration[name].as_u64().unwrap_or(default);
        Risk {
            window_ms: 1_000 * number("window_s", 60),
            users: number("different_users", 2),
            cooldown_ms: 1_000 * number("cooldown_s", 86_400),
        }
    }

    pub fn event(&self, at: u64, given: &Given, memory: &mut Memory, effects: &mut Effects) -> Result<(), Refused> {
        if given.kind == "unblacklist" {
            // It has changed the window even if all entries are newer.
            memory.clock = memory.clock.max(if memory.entries.is_empty() { 0 } else { given.time });
            memory.entries.retain(|entry| entry.time > given.time);
            return Ok(());
        }
        if given.actor.is_empty() {
            return Err("bad_event");
        }
        let Some((first, last)) = self.observe(at, given, memory) else { return Ok(()) };
        let by = members(memory, first, last);
        let cooling = memory.values.get(COOLDOWN).is_some_and(|(_, expires)| expires.is_none_or(|at| given.time < at));
        if by.len() as u64 >= self.users && !cooling {
            memory.values.insert(COOLDOWN.to_owned(), (Vec::new(), Some(given.time + self.cooldown_ms)));
            let once = (given.time / self.cooldown_ms).to_string();
            effects.matches.push((COOLDOWN.to_owned(), given.subject.clone(), json!({ "by": by }), Some(once)));
        }
        Ok(())
    }

    /// Adds an entry; answers the window that it belongs to, if it is not late. Entries are kept for two lengths behind the
    /// window's own clock, and what is older than one is late (ARCHITECTURE, on DECISIONS 13).
    fn observe(&self, at: u64, given: &Given, memory: &mut Memory) -> Option<(u64, u64)> {
        if given.time + self.window_ms < memory.window_clock {
            return None;
        }
        memory.window_clock = memory.window_clock.max(given.time.min(given.received));
        memory.entries.push(Entry { time: given.time, at, member: given.actor.clone() });
        memory.entries.retain(|entry| entry.time + 2 * self.window_ms >= memory.window_clock);
        Some(self.around(given.time, memory))
    }

    /// DECISIONS 14: of the newest it ends there; of a late one the window with the most members, then entries, then the
    /// earliest. Windows that begin with no entry are no better than those that do.
    fn around(&self, time: u64, memory: &Memory) -> (u64, u64) {
        if memory.entries.iter().all(|entry| entry.time <= time) {
            return (time.saturating_sub(self.window_ms), time);
        }
        let mut starts: Vec<u64> = memory.entries.iter().map(|entry| entry.time).collect();
        starts.retain(|start| *start <= time && start + self.window_ms >= time);
        starts.sort_unstable_by(|a, b| b.cmp(a));
        let rank = |start: &u64| {
            let end = start + self.window_ms;
            let inside = memory.entries.iter().filter(|entry| (*start..=end).contains(&entry.time)).count();
            (members(memory, *start, end).len(), inside)
        };
        // Of equals the last one wins, and the earliest is the last.
        let start = starts.into_iter().max_by_key(rank).unwrap_or(time);
        (start, start + self.window_ms)
    }

    /// Who is in the window that ends at a time.
    pub fn ending(&self, memory: &Memory, time: u64) -> Vec<String> {
        members(memory, time.saturating_sub(self.window_ms), time)
    }
}

/// Different members of a span, both ends inclusive, sorted.
fn members(memory: &Memory, first: u64, last: u64) -> Vec<String> {
    let inside = memory.entries.iter().filter(|entry| (first..=last).contains(&entry.time));
    inside.map(|entry| entry.member.clone()).collect::<BTreeSet<_>>().into_iter().collect()
}
