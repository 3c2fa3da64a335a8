//! A source of matches for the tests of what follows from one: every event of the type `herald` says what is found, about
//! whom and how often.
//!
//! `{"match": "offer"}` finds `offer` about the actor. Further: `n` comes along in the fields, `once` makes repeats one
//! fact, `find` finds it so many times at once. `{"do": "timer", "at": MS}` finds it when the timer is due, on the receive
//! clock or with `"clock": "event"` on the watermark, with what that clock shows as `n`; `{"do": "cancel"}` takes both timers back. `{"do": "publish"}` and
//! `{"do": "trap"}` do that. What other deployments publish (`herald.again`) is found as `again`.
//!
//! `{"do": "signal", "to": KEY, "then": {..}}` sends word to another key, `find` times: that key does what `then` says, and
//! keeps the sum of all `n` that it was told in the value `told`. For circles there are `{"do": "bounce", "to": KEY}`,
//! which two keys tell each other in turns, with `"wait": true` when a timer is due; and `{"do": "echo"}`, which publishes the
//! event again as the type `says` of the configuration, while `hears` says which type the rule follows instead of
//! `herald`.

use fishpond_sdk::Attribute;
use fishpond_sdk::prelude::*;
use serde_json::{Value, json};

/// The event that the rule follows, and the one that it publishes.
const HERALD: &str = "herald";
const AGAIN: &str = "herald.again";

/// Names of matches that events may ask for.
const NAMES: [&str; 4] = ["offer", "alarm", "news", "again"];

/// The value that sums up what signals say.
const TOLD: &str = "told";

/// What a deployment follows and what its echo is; both may be left out.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ways {
    hears: Option<String>,
    says: Option<String>,
}

/// The fields of every match.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Found {
    n: i64,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Told {
    #[serde(rename = "do")]
    deed: Deed,
    #[serde(rename = "match")]
    found: String,
    n: i64,
    once: Option<String>,
    /// 1 if it is not said.
    find: Option<u32>,
    /// Of the timer, milliseconds since the Unix epoch.
    at: u64,
    clock: Clock,
    /// Of the signal.
    to: String,
    then: Option<Value>,
    wait: bool,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Deed {
    #[default]
    Find,
    Timer,
    Cancel,
    Publish,
    Signal,
    Bounce,
    Echo,
    Trap,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Clock {
    #[default]
    Receive,
    Event,
}

/// The rule of one deployment.
pub struct Herald {
    again: u32,
    matches: [Match<Found>; NAMES.len()],
    receive: Timer,
    event: Timer,
    word: Signal,
    says: String,
    now: Attribute,
    publisher: Publisher,
}

impl Rule for Herald {
    type Config = Ways;

    fn configure(ways: Ways, plan: &mut Plan) -> Result<Self, Vec<Diagnostic>> {
        plan.subscribe("told", [ways.hears.as_deref().unwrap_or(HERALD)], Path::Actor).all_data();
        Ok(Self {
            again: plan.subscribe("again", [AGAIN], Path::Actor).number(),
            matches: NAMES.map(|name| plan.emits(name)),
            receive: plan.timer_receive("receive"),
            event: plan.timer_event("event"),
            word: plan.signal("word"),
            says: ways.says.unwrap_or_else(|| AGAIN.to_owned()),
            now: plan.attribute("now"),
            publisher: plan.publishes(),
        })
    }

    fn on_event(&self, event: &Event, cx: &mut Context<'_>) -> Result<(), Refusal> {
        if event.subscription == self.again {
            return self.find("again", &event.key, 0, None, cx);
        }
        self.obey(event.data()?, &event.key, cx)
    }
}

impl Herald {
    fn obey(&self, told: Told, key: &str, cx: &mut Context<'_>) -> Result<(), Refusal> {
        let times = told.find.unwrap_or(1) as usize;
        match told.deed {
            Deed::Find => {
                for n in (told.n..).take(times) {
                    self.find(&told.found, key, n, told.once.as_deref(), cx)?;
                }
            }
            Deed::Timer => {
                let timer = match told.clock {
                    Clock::Receive => &self.receive,
                    Clock::Event => &self.event,
                };
                cx.set_timer(timer, told.at, &told.found);
            }
            Deed::Cancel => {
                cx.cancel_timer(&self.receive);
                cx.cancel_timer(&self.event);
            }
            Deed::Publish => cx.publish(&self.publisher, AGAIN, "", key, &Found { n: told.n }),
            Deed::Echo => cx.publish(&self.publisher, &self.says, "", key, &json!({ "do": "echo" })),
            Deed::Signal => {
                let then = told.then.unwrap_or_else(|| json!({}));
                (0..times).for_each(|_| cx.signal(&self.word, &told.to, &then.to_string()));
            }
            Deed::Bounce => {
                let back = json!({ "do": "bounce", "to": key, "wait": told.wait });
                cx.signal(&self.word, &told.to, &back.to_string());
            }
            Deed::Trap => std::process::abort(),
        }
        Ok(())
    }
}

impl Timers for Herald {
    fn on_timer(&self, due: &Due, cx: &mut Context<'_>) -> Result<(), Refusal> {
        if due.context.starts_with('{') {
            return self.obey(read(&due.context)?, &due.key, cx);
        }
        let now = cx.attribute(&self.now).and_then(|now| now.parse().ok());
        self.find(&due.context, &due.key, now.unwrap_or_default(), None, cx)
    }
}

impl Signals for Herald {
    fn on_signal(&self, signal: &Signalled, cx: &mut Context<'_>) -> Result<(), Refusal> {
        let told: Told = signal.payload()?;
        let sum: i64 = cx.load(TOLD)?.unwrap_or(0);
        cx.store(TOLD, &(sum + told.n));
        if told.wait {
            cx.set_timer(&self.receive, signal.time, &signal.payload);
            return Ok(());
        }
        self.obey(told, &signal.key, cx)
    }
}

fn read(text: &str) -> Result<Told, Refusal> {
    serde_json::from_str(text).map_err(|error| Refusal::bad_event(error.to_string()))
}

impl Herald {
    fn find(&self, name: &str, person: &str, n: i64, once: Option<&str>, cx: &mut Context<'_>) -> Result<(), Refusal> {
        let number = NAMES.iter().position(|known| *known == name);
        let number = number.ok_or_else(|| Refusal::bad_event(format!("there is no match `{name}`")))?;
        let found = self.matches[number].about(person, &Found { n });
        cx.emit(match once {
            Some(once) => found.once(once),
            None => found,
        });
        Ok(())
    }
}

fishpond_sdk::export!(Herald with timers, signals);
