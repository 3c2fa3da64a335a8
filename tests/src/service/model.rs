//! Both shipped rules once more, in the plainest way: everything is kept, everything is looked at again.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Act;

/// What makes two matches the same.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Found {
    pub deployment: String,
    pub revision: u64,
    pub digest: String,
    pub person: String,
    /// Users who blacklisted, or houses; sorted.
    pub members: Vec<String>,
    /// Ids, in order.
    pub events: Vec<String>,
}

impl Found {
    /// A match as the host tells it.
    pub fn told(told: &Value) -> Found {
        let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("no text: {told}")).to_owned();
        let list = |value: &Value| value.as_array().unwrap_or_else(|| panic!("no list: {told}")).clone();
        let members = told["fields"].as_object().and_then(|fields| fields.values().next()).expect("fields");
        Found {
            deployment: text(&told["deployment"]),
            revision: told["revision"].as_u64().expect("a revision"),
            digest: text(&told["digest"]),
            person: text(&told["person"]),
            members: list(members).iter().map(text).collect(),
            events: list(&told["events"]).iter().map(|event| text(&event["id"])).collect(),
        }
    }
}

/// A deployment's revision.
#[derive(Clone, Debug)]
pub struct Rule {
    pub deployment: &'static str,
    pub revision: u64,
    pub digest: String,
    /// Milliseconds, both edges inclusive.
    pub window_ms: u64,
    /// Different members that make a match.
    pub needed: usize,
    /// Milliseconds after a match without another.
    pub cooldown_ms: u64,
}

#[derive(Default)]
struct Person {
    /// Time, member, event id.
    entries: Vec<(u64, String, String)>,
    quiet_until: u64,
    /// Time of the newest event, also of one that adds nothing.
    newest: u64,
}

impl Person {
    fn within(&self, window_ms: u64) -> Vec<&(u64, String, String)> {
        self.entries.iter().filter(|(time, ..)| self.newest - time <= window_ms).collect()
    }

    fn members(&self, window_ms: u64) -> Vec<String> {
        let members: BTreeSet<&String> = self.within(window_ms).into_iter().map(|(_, member, _)| member).collect();
        members.into_iter().cloned().collect()
    }

    fn add(&mut self, rule: &Rule, act: &Act, person: &str, member: &str) -> Option<Found> {
        self.newest = act.time;
        self.entries.push((act.time, member.to_owned(), act.id.clone()));
        let members = self.members(rule.window_ms);
        if members.len() < rule.needed || act.time < self.quiet_until {
            return None;
        }
        self.quiet_until = act.time + rule.cooldown_ms;
        Some(Found {
            deployment: rule.deployment.to_owned(),
            revision: rule.revision,
            digest: rule.digest.clone(),
            person: person.to_owned(),
            members,
            events: self.within(rule.window_ms).into_iter().map(|(.., id)| id.clone()).collect(),
        })
    }
}

/// What the rules must have found, given acts in the order of the journal and, within a person's, of their times.
pub struct Model {
    /// c2c-blacklist and rental-browse as they are now.
    pub risk: Rule,
    pub rental: Rule,
    blacklisted: BTreeMap<String, Person>,
    browsing: BTreeMap<String, Person>,
    pub found: Vec<Found>,
    /// Ids of events that must have been refused.
    pub refused: Vec<String>,
    /// Matches whose first and last event are exactly a window apart, and pairs that missed it by a millisecond.
    pub on_the_edge: u32,
    pub behind_the_edge: u32,
}

impl Model {
    pub fn new(risk: Rule, rental: Rule) -> Model {
        let (blacklisted, browsing) = (BTreeMap::new(), BTreeMap::new());
        Model {
            risk,
            rental,
            blacklisted,
            browsing,
            found: Vec::new(),
            refused: Vec::new(),
            on_the_edge: 0,
            behind_the_edge: 0,
        }
    }

    pub fn see(&mut self, act: &Act) {
        match act.kind {
            "blacklist" if act.actor.is_empty() => self.refused.push(act.id.clone()),
            "blacklist" => {
                let person = self.blacklisted.entry(act.subject.clone()).or_default();
                let found = person.add(&self.risk, act, &act.subject, &act.actor);
                let apart = |ms: u64| person.entries.iter().any(|(time, ..)| act.time - time == ms);
                self.on_the_edge += u32::from(found.is_some() && apart(self.risk.window_ms));
                self.behind_the_edge += u32::from(found.is_none() && apart(self.risk.window_ms + 1));
                self.found.extend(found);
            }
            "unblacklist" => {
                let person = self.blacklisted.entry(act.subject.clone()).or_default();
                person.newest = act.time;
                person.entries.clear();
            }
            "browse" if act.category == "rental" => {
                let person = self.browsing.entry(act.actor.clone()).or_default();
                if let Some(found) = person.add(&self.rental, act, &act.actor, &act.subject) {
                    // Each browse counts toward one match.
                    person.entries.clear();
                    self.found.push(found);
                }
            }
            _ => {}
        }
    }

    /// Who is in each blacklisted person's window now.
    pub fn windows(&self) -> BTreeMap<String, Vec<String>> {
        self.blacklisted.iter().map(|(person, kept)| (person.clone(), kept.members(self.risk.window_ms))).collect()
    }
}
