//! Allow and block lists of persons. Who is on the block list is denied; with `only_allowed`, so is who is not on the
//! allow list. The block list comes first.
//!
//! Events list a person (their `subject`) or take a person off, at once, and win over the configuration. What they say
//! lies in the person's document, so there may be any number of them; the configuration is for a few.
//!
//! # Which event counts
//! Clocks are wrong, and events come late or twice. So, of the events about one person and one list:
//!
//! - What stops messages (onto the block list, off the allow list) always counts, in the order of acceptance and whatever its
//!   time is.
//! - What lets them through (off the block list, onto the allow list) counts only if its time is not older than the
//!   greatest that was seen: one that is late, or repeated, undoes nothing.
//!
//! `since` is the greatest time that was seen.
//!
//! # What is kept
//! 7 bytes for a person and a list: for good while an event has put the person on it, or has taken off whom the
//! configuration lists. Otherwise what is left is the time of the last event, for 15 minutes; an event that is older still
//! sees it, and when the host believes none that old any more it removes the document. A configuration that lists the
//! person later counts.

mod word;

use fishpond_sdk::StateVersions;
use fishpond_sdk::prelude::*;

use self::word::Word;

/// Persons on one list of the configuration.
const NAMES_MAX: usize = 10_000;
/// Bytes of a person's name, and of an event type.
const NAME_BYTES_MAX: usize = 256;

/// What an operator sets.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Persons who get nothing.
    #[schemars(length(max = NAMES_MAX))]
    block: Vec<String>,
    /// Persons who may get something where `only_allowed` is set.
    #[schemars(length(max = NAMES_MAX))]
    allow: Vec<String>,
    /// Types of the events that change the lists. Their subject is the person.
    events: EventTypes,
    /// Denies everybody who is not on the allow list.
    only_allowed: bool,
    /// Message classes that the lists are for; others pass. All if absent.
    #[schemars(length(min = 1, max = 3))]
    classes: Option<Vec<MessageClass>>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct EventTypes {
    /// Puts a person on the block list.
    block_add: String,
    /// Takes a person off the block list.
    block_remove: String,
    /// Puts a person on the allow list.
    allow_add: String,
    /// Takes a person off the allow list.
    allow_remove: String,
}

impl Default for EventTypes {
    fn default() -> Self {
        Self {
            block_add: "list.block.add".into(),
            block_remove: "list.block.remove".into(),
            allow_add: "list.allow.add".into(),
            allow_remove: "list.allow.remove".into(),
        }
    }
}

/// A list.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum List {
    Block,
    Allow,
}

impl List {
    /// Of the named value with the last event about it.
    fn name(self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::Allow => "allow",
        }
    }

    /// Whether fewer messages pass once somebody is on it, or off it.
    fn stops(self, listed: bool) -> bool {
        match self {
            Self::Block => listed,
            Self::Allow => !listed,
        }
    }
}

/// Whether a person is on a list; without `listed`, the numbers of a denial.
#[derive(Serialize)]
struct Standing {
    #[serde(skip)]
    listed: bool,
    list: List,
    /// Milliseconds: of the event that says so.
    since: Option<u64>,
    source: Source,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Source {
    Event,
    Configuration,
}

/// The numbers of what passes.
#[derive(Serialize)]
struct Passed {
    list: Option<List>,
    /// The message class, if the lists are not for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    exempt: Option<MessageClass>,
}

/// The filter of one deployment.
pub struct Lists {
    /// Sorted.
    block: Vec<String>,
    /// Sorted.
    allow: Vec<String>,
    /// What an event does, by the number of its subscription.
    changes: Vec<(List, bool)>,
    only_allowed: bool,
    classes: Option<Vec<MessageClass>>,
}

impl Rule for Lists {
    type Config = Config;

    const STATE: StateVersions = StateVersions { writes: 2, reads: &[1, 2] };

    fn configure(config: Config, plan: &mut Plan) -> Result<Self, Vec<Diagnostic>> {
        if let Some(classes) = &config.classes {
            plan.check("/classes", classes.len(), 1..=3, "classes");
        }
        plan.judges([VerdictKind::Allow, VerdictKind::Deny]);
        Ok(Self {
            block: sorted("/block", config.block, plan),
            allow: sorted("/allow", config.allow, plan),
            changes: subscribe(config.events, plan),
            only_allowed: config.only_allowed,
            classes: config.classes,
        })
    }

    fn on_event(&self, event: &Event, cx: &mut Context<'_>) -> Result<(), Refusal> {
        let (list, listed) = self.changes[event.subscription as usize];
        if let Some(word) = Word::after(Word::load(list, cx)?, list, listed, event.time) {
            word.keep(list, self.is_configured(list, &event.key), event.time, cx);
        }
        Ok(())
    }
}

impl Filter for Lists {
    fn judge(&self, action: &Action, cx: &mut Context<'_>) -> Result<Verdict, Refusal> {
        let class = action.message_class;
        if self.classes.as_ref().is_some_and(|classes| !classes.contains(&class)) {
            return Ok(Verdict::allow().numbers(&Passed { list: None, exempt: Some(class) }));
        }
        let block = self.standing(List::Block, &action.person, cx)?;
        if block.listed {
            return Ok(Verdict::deny("blocked").numbers(&block));
        }
        let allow = self.standing(List::Allow, &action.person, cx)?;
        if self.only_allowed && !allow.listed {
            return Ok(Verdict::deny("not_on_allow_list").numbers(&allow));
        }
        Ok(Verdict::allow().numbers(&Passed { list: allow.listed.then_some(List::Allow), exempt: None }))
    }
}

impl Lists {
    fn standing(&self, list: List, person: &str, cx: &mut Context<'_>) -> Result<Standing, Refusal> {
        if let Some(Word { listed, since }) = Word::load(list, cx)? {
            return Ok(Standing { listed, list, since: Some(since), source: Source::Event });
        }
        let listed = self.is_configured(list, person);
        Ok(Standing { listed, list, since: None, source: Source::Configuration })
    }

    fn is_configured(&self, list: List, person: &str) -> bool {
        let names = match list {
            List::Block => &self.block,
            List::Allow => &self.allow,
        };
        names.binary_search_by(|name| name.as_str().cmp(person)).is_ok()
    }
}

fn sorted(place: &str, mut names: Vec<String>, plan: &mut Plan) -> Vec<String> {
    plan.check(place, names.len(), 0..=NAMES_MAX, "persons");
    for (number, name) in names.iter().enumerate() {
        plan.check(&format!("{place}/{number}"), name.len(), 1..=NAME_BYTES_MAX, "bytes");
    }
    names.sort_unstable();
    names.dedup();
    names
}

/// One subscription for each event type; answers what each of them does.
fn subscribe(types: EventTypes, plan: &mut Plan) -> Vec<(List, bool)> {
    let changes = [
        ("block_add", types.block_add, (List::Block, true)),
        ("block_remove", types.block_remove, (List::Block, false)),
        ("allow_add", types.allow_add, (List::Allow, true)),
        ("allow_remove", types.allow_remove, (List::Allow, false)),
    ];
    for (number, (name, event_type, _)) in changes.iter().enumerate() {
        let place = format!("/events/{name}");
        plan.check(&place, event_type.len(), 1..=NAME_BYTES_MAX, "bytes");
        if changes[..number].iter().any(|(_, other, _)| other == event_type) {
            let hint = "give each change an event type of its own";
            plan.refuse(Diagnostic::new(place, format!("`{event_type}` would change two things"), hint));
        }
        plan.subscribe(name, [event_type], Path::Subject);
    }
    changes.map(|(_, _, change)| change).into()
}

fishpond_sdk::export!(Lists with filter);

#[cfg(test)]
mod tests;
