//! Why: what a person has said, and which of it is about an action. Stored as it is answered to the query.

use std::mem::discriminant;

use fishpond_sdk::prelude::*;

/// Words that are kept of one person: with the longest names they fill less than half of a document.
const WORDS_MAX: usize = 100;
/// Bytes of a scene, and of a policy's id.
const NAME_BYTES_MAX: usize = 256;

/// What a word is about.
#[derive(Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Scope {
    Everything,
    Class(MessageClass),
    Scene(String),
    Policy(String),
}

impl Scope {
    fn covers(&self, action: &Action) -> bool {
        match self {
            Self::Everything => true,
            Self::Class(class) => *class == action.message_class,
            Self::Scene(scene) => *scene == action.scene,
            Self::Policy(policy) => *policy == action.policy,
        }
    }

    /// Whether one action can be about both: all are, but two names of one kind.
    fn meets(&self, other: &Self) -> bool {
        discriminant(self) != discriminant(other) || self == other
    }
}

/// A person's decision about a scope.
#[derive(Serialize, Deserialize, JsonSchema)]
pub(crate) struct Word {
    pub(crate) scope: Scope,
    /// Declined; else taken back.
    pub(crate) out: bool,
    /// Milliseconds since the Unix epoch: the event's time; of a decline, that of an earlier word about the same thing if
    /// that is greater.
    pub(crate) since: u64,
}

/// The numbers of a verdict that a word has decided.
#[derive(Serialize)]
pub(crate) struct Numbers<'a> {
    since: u64,
    scope: &'a Scope,
}

impl Word {
    pub(crate) fn numbers(&self) -> Numbers<'_> {
        Numbers { since: self.since, scope: &self.scope }
    }

    /// Whether nothing is left to be decided by it once `newer` is said.
    fn yields_to(&self, newer: &Self) -> bool {
        self.since <= newer.since && (newer.scope == Scope::Everything || newer.scope == self.scope)
    }
}

/// All words of one person that can still decide, in the order of their arrival.
#[derive(Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Words {
    words: Vec<Word>,
}

impl Words {
    /// Adds a word. A decline is the newest from now on, whatever its time; one that takes back is void if a newer one
    /// says otherwise already.
    ///
    /// # Errors
    /// `too_many_words` beyond 100. One about everything always fits if it declines: no word is newer.
    pub(crate) fn say(&mut self, mut word: Word) -> Result<(), Refusal> {
        if word.out {
            // A phone may be ahead: its earlier word must not beat this one, also when it comes again.
            word.since = word.since.max(self.behind_all_about(&word.scope));
        }
        if self.words.iter().any(|other| other.since > word.since && word.yields_to(other)) {
            return Ok(());
        }
        self.words.retain(|other| !other.yields_to(&word));
        if self.words.len() >= WORDS_MAX {
            let message = "the person has decided about 100 classes, scenes and policies: decide about everything";
            return Err(Refusal::new("too_many_words", message));
        }
        self.words.push(word);
        Ok(())
    }

    /// The least time that no word beats that is about something that the scope is about too, and none that takes back equals.
    fn behind_all_about(&self, scope: &Scope) -> u64 {
        let met = self.words.iter().filter(|word| word.scope.meets(scope));
        met.map(|word| word.since.saturating_add(u64::from(!word.out))).max().unwrap_or(0)
    }

    /// The newest word that covers the action; of equally new ones the last.
    pub(crate) fn about(&self, action: &Action) -> Option<&Word> {
        self.words.iter().filter(|word| word.scope.covers(action)).max_by_key(|word| word.since)
    }
}

/// An event's data. A misspelt name is refused: it would mean everything.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Named {
    classes: Option<Vec<MessageClass>>,
    scenes: Option<Vec<String>>,
    policies: Option<Vec<String>>,
}

/// What an event decides about.
///
/// # Errors
/// `bad_event` if the data names something else, nothing, or what nobody can decide about.
pub(crate) fn scopes(event: &Event) -> Result<Vec<Scope>, Refusal> {
    let Named { classes, scenes, policies } = match event.data.trim_ascii_start().chars().next() {
        // JSON's only word with an n is `null`.
        None | Some('n') => Named::default(),
        Some('{') => event.data()?,
        Some(_) => return Err(Refusal::bad_event("data: leave it out, or name what it is about in an object")),
    };
    if (&classes, &scenes, &policies) == (&None, &None, &None) {
        return Ok(vec![Scope::Everything]);
    }
    let (classes, texts) = (classes.unwrap_or_default(), scenes.iter().chain(&policies).flatten());
    if classes.contains(&MessageClass::Critical) {
        return Err(Refusal::bad_event("data.classes: nobody can decide about `critical` messages"));
    }
    for text in texts {
        if text.is_empty() || text.len() > NAME_BYTES_MAX {
            return Err(Refusal::bad_event(format!(
                "data: a scene or a policy has {} bytes, not 1 to 256",
                text.len()
            )));
        }
    }
    let classes = classes.into_iter().map(Scope::Class);
    let scenes = scenes.unwrap_or_default().into_iter().map(Scope::Scene);
    let policies = policies.unwrap_or_default().into_iter().map(Scope::Policy);
    let scopes: Vec<Scope> = classes.chain(scenes).chain(policies).collect();
    if scopes.is_empty() {
        return Err(Refusal::bad_event("data: the lists are empty; leave them out to decide about everything"));
    }
    Ok(scopes)
}
