//! A source of matches for the tests of what follows from one: every event of the type `herald` says what is found, about
//! whom and how often.
//!
//! `{"match": "offer"}` finds `offer` about the actor. Further: `n` comes along in the fields, `once` makes repeats one
//! fact, `find` finds it so many times at once. `{"do": "timer", "at": MS}` finds it when the timer is due, on the receive
//! clock or with `"clock": "event"` on the watermark, with what that clock shows as `n`; `{"do": "cancel"}` takes both timers back. `{"do": "publish"}` and
//! `{"do": "trap"}` do that. `{"do": "remember", "match": NAME, "n": MS}` keeps a value for so long, `{"do": "recall", "match": NAME}`
//! finds `news` with `n` 1 if it is there, else 0. With `{"ordered": true}` the events come in the order of their times; the timer on
//! the watermark is there with `{"event_clock": true}`. What other deployments publish (`herald.again`) is found as `again`.

use fishpond_sdk::Attribute;
use fishpond_sdk::prelude::*;

/// The event that the rule follows, and the one that it publishes.
const HERALD: &str = "herald";
const AGAIN: &str = "herald.again";

/// Names of matches that events may ask for.
const NAMES: [&str; 4] = ["offer", "alarm", "news", "again"];

/// The fields of every match.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Found {
    n: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Told {
    #[serde(rename = "do", default)]
    deed: Deed,
    #[serde(rename = "match", default)]
    found: String,
    #[serde(default)]
    n: i64,
    once: Option<String>,
    #[serde(default = "one")]
    find: u32,
    /// Of the timer, milliseconds since the Unix epoch.
    #[serde(default)]
    at: u64,
    #[serde(default)]
    clock: Clock,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Deed {
    #[default]
    Find,
    Timer,
    Cancel,
    Publish,
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
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Clock {
    #[default]
    Receive,
    Event,
}

fn one() -> u32 {
    1
}

/// The rule of one deployment.
pub struct Herald {
    again: u32,
    matches: [Match<Found>; NAMES.len()],
    receive: Timer,
    event: Option<Timer>,
    now: Attribute,
    publisher: Publisher,
}

impl Rule for Herald {
    type Config = Settings;

    fn configure(settings: Settings, plan: &mut Plan) -> Result<Self, Vec<Diagnostic>> {
        let told = plan.subscribe("told", [HERALD], Path::Actor).all_data();
        if settings.ordered {
            told.in_event_time();
        }
        let Settings { ordered, event_clock, again } = settings;
        let again = again.unwrap_or(!ordered && !event_clock);
        Ok(Self {
            again: if again { plan.subscribe("again", [AGAIN], Path::Actor).number() } else { u32::MAX },
            matches: NAMES.map(|name| plan.emits(name)),
            receive: plan.timer_receive("receive"),
            event: event_clock.then(|| plan.timer_event("event")),
            now: plan.attribute("now"),
            publisher: plan.publishes(),
        })
    }

    fn on_event(&self, event: &Event, cx: &mut Context<'_>) -> Result<(), Refusal> {
        if event.subscription == self.again {
            return self.find("again", &event.key, 0, None, cx);
        }
        let told: Told = event.data()?;
        match told.deed {
            Deed::Find => {
                for n in (told.n..).take(told.find as usize) {
                    self.find(&told.found, &event.key, n, told.once.as_deref(), cx)?;
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
            Deed::Publish => cx.publish(&self.publisher, AGAIN, "", &event.key, &Found { n: told.n }),
            Deed::Trap => std::process::abort(),
            Deed::Remember => cx.set_for(&told.found, &[1], Duration::from_millis(told.n as u64)),
            Deed::Recall => {
                let there = cx.get(&told.found).is_some();
                self.find("news", &event.key, i64::from(there), None, cx)?;
            }
        }
        Ok(())
    }
}

impl Timers for Herald {
    fn on_timer(&self, due: &Due, cx: &mut Context<'_>) -> Result<(), Refusal> {
        let now = cx.attribute(&self.now).and_then(|now| now.parse().ok());
        self.find(&due.context, &due.key, now.unwrap_or_default(), None, cx)
    }
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

fishpond_sdk::export!(Herald with timers);
