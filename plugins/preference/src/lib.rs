//! What a person has declined does not reach that person, from the event on. Without data, an opt-out means everything
//! and an opt-in takes everything back; with data, each class, scene and policy that it names:
//! `{"classes": ["marketing"], "scenes": ["feed"], "policies": ["spring"]}`.
//!
//! # Which word counts
//! Clocks of phones are wrong, and words come late or twice. So:
//!
//! - An opt-out always counts, in the order of acceptance and whatever its time is: whoever was told that it is accepted
//!   gets nothing more of it.
//! - An opt-in counts only for what no word with a greater time is about: one that is late, or repeated, takes no later
//!   opt-out back.
//!
//! So the last opt-out that covers an action decides, or an opt-in behind it. `since` is the greatest time that was seen: an
//! opt-out gets that of an earlier word if its own is smaller. After a word from a phone that is ahead (five minutes at
//! most, else the host does not believe it), an opt-in with a right clock counts once that time is over.
//!
//! # Critical messages
//! Messages of the class `critical` are exempt always: they pass, and nobody can decline them. What makes a message
//! critical is the policy that sends it (`message.class`), and nothing else. The numbers of the verdict then say
//! `{"exempt": "critical"}`, in the record of the decision as in `what_if`.

mod words;

use fishpond_sdk::prelude::*;

use self::words::{Word, Words, scopes};

/// Bytes of an event type.
const TYPE_BYTES_MAX: usize = 256;
/// The named value with a person's words.
const WORDS: &str = "words";

/// What an operator sets.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Types of the events by which persons (`actorid`) decide.
    events: EventTypes,
}

#[derive(Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct EventTypes {
    /// Declines.
    opt_out: String,
    /// Takes back what was declined.
    opt_in: String,
}

impl Default for EventTypes {
    fn default() -> Self {
        Self { opt_out: "preference.opt_out".into(), opt_in: "preference.opt_in".into() }
    }
}

/// The numbers of what passes because nobody can decline it.
#[derive(Serialize)]
struct Exempt {
    exempt: MessageClass,
}

/// The filter of one deployment.
pub struct Preference {
    opt_outs: u32,
}

impl Rule for Preference {
    type Config = Config;

    fn configure(config: Config, plan: &mut Plan) -> Result<Self, Vec<Diagnostic>> {
        let EventTypes { opt_out, opt_in } = config.events;
        plan.check("/events/opt_out", opt_out.len(), 1..=TYPE_BYTES_MAX, "bytes");
        plan.check("/events/opt_in", opt_in.len(), 1..=TYPE_BYTES_MAX, "bytes");
        if opt_out == opt_in {
            let message = format!("`{opt_in}` would decline and take back");
            plan.refuse(Diagnostic::new("/events/opt_in", message, "give each an event type of its own"));
        }
        plan.judges([VerdictKind::Allow, VerdictKind::Deny]);
        plan.answers::<NoParameters, Words>("preference");
        plan.subscribe("opt_ins", [opt_in], Path::Actor).all_data();
        Ok(Self { opt_outs: plan.subscribe("opt_outs", [opt_out], Path::Actor).all_data().number() })
    }

    fn on_event(&self, event: &Event, cx: &mut Context<'_>) -> Result<(), Refusal> {
        let out = event.subscription == self.opt_outs;
        let mut words: Words = cx.load(WORDS)?.unwrap_or_default();
        for scope in scopes(event)? {
            words.say(Word { scope, out, since: event.time })?;
        }
        cx.store(WORDS, &words);
        Ok(())
    }
}

impl Filter for Preference {
    fn judge(&self, action: &Action, cx: &mut Context<'_>) -> Result<Verdict, Refusal> {
        if action.message_class == MessageClass::Critical {
            return Ok(Verdict::allow().numbers(&Exempt { exempt: MessageClass::Critical }));
        }
        let words: Words = cx.load(WORDS)?.unwrap_or_default();
        Ok(match words.about(action) {
            Some(word) if word.out => Verdict::deny("opted_out").numbers(&word.numbers()),
            Some(word) => Verdict::allow().numbers(&word.numbers()),
            None => Verdict::allow(),
        })
    }
}

impl Queries for Preference {
    fn on_query(&self, _: &Query, cx: &mut QueryContext<'_>) -> Result<Reply, Refusal> {
        Ok(Reply::ok(&cx.load::<Words>(WORDS)?.unwrap_or_default()))
    }
}

fishpond_sdk::export!(Preference with filter, queries);

#[cfg(test)]
mod tests;
