//! A source of matches for the tests of what follows from one: every event of the type `herald` says what is found, about
//! whom and how often.
//!
//! `{"match": "offer"}` finds `offer` about the actor. Further: `n` comes along in the fields, `once` makes repeats one
//! fact, `find` finds it so many times at once. `{"do": "timer", "at": MS}` finds it when the timer is due, on the receive
//! clock or with `"clock": "event"` on the watermark, with what that clock shows as `n`; `{"do": "cancel"}` takes both timers back. `{"do": "publish"}` and
//! `{"do": "trap"}` do that. `{"do": "remember", "match": NAME, "n": MS}` keeps a value for so long, `{"do": "recall", "match": NAME}`
//! finds `news` with `n` 1 if it is there, else 0. With `{"ordered": true}` the events come in the order of their times; the timer on
//! the watermark is there with `{"event_clock": true}`. What other deployments publish (`herald.again`) is found as `again`.
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
    Remember,
    Recall,
}

/// What a deployment may be told.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Events come in the order of their times.
    ordered: bool,
    /// There is a timer on the watermark.
    event_clock: bool,
    /// Events of other deployments are followed too: unless it waits for the watermark.
    again: Option<bool>,
    /// The type that it follows.
    hears: Option<String>,
    /// The type of its echo.
    says: Option<String>,
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
    event: Option<Timer>,
    word: Signal,
    says: String,
    now: Attribute,
    publisher: Publisher,
}

impl Rule for Herald {
    type Config = Settings;

    fn configure(settings: Settings, plan: &mut Plan) -> Result<Self, Vec<Diagnostic>> {
        let told = plan.subscribe("told", [settings.hears.as_deref().unwrap_or(HERALD)], Path::Actor).all_data();
        if settings.ordered {
            told.in_event_time();
        }
        let Settings { ordered, event_clock, again, says, .. } = settings;
        let again = again.unwrap_or(!ordered && !event_clock);
        Ok(Self {
            again: if again { plan.subscribe("again", [AGAIN], Path::Actor).number() } else { u32::MAX },
            matches: NAMES.map(|name| plan.emits(name)),
            receive: plan.timer_receive("receive"),
            event: event_clock.then(|| plan.timer_event("event")),
            word: plan.signal("word"),
            says: says.unwrap_or_else(|| AGAIN.to_owned()),
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
                    Clock::Event => {
                        self.event.as_ref().ok_or_else(|| Refusal::bad_event("there is no timer on the watermark"))?
                    }
                };
                cx.set_timer(timer, told.at, &told.found);
            }
            Deed::Cancel => {
                cx.cancel_timer(&self.receive);
                if let Some(event) = &self.event {
                    cx.cancel_timer(event);
                }
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
            Deed::Remember => cx.set_for(&told.found, &[1], Duration::from_millis(told.n as u64)),
            Deed::Recall => {
                let there = cx.get(&told.found).is_some();
                self.find("news", key, i64::from(there), None, cx)?;
            }
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
