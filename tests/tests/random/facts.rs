//! A journal as plain facts, and what the host recorded about them as lines of text: the model knows no type of the host.
//!
//! Facts are what rules are given: events, ticks, revisions, and what deployments say to each other. That the last ones are
//! facts is DECISIONS 1: where a signal or a derived event stands in the order of things is where its frame stands, which
//! depends on batches. That each was sent by somebody, once, is compared.

use fishpond::model::outreach::{Cause, Deed, Outreach};
use fishpond::model::{Change, Control, Event, Frame, InputRecord, Lsn, Outcome, Start, Via};
use serde_json::Value;

/// Something that rules are given, at its position.
pub struct Fact {
    pub at: u64,
    pub what: What,
}

pub enum What {
    Event(Given),
    Tick {
        now: u64,
        watermark: u64,
    },
    /// `behind`: of revision 1, the position behind which it reads.
    Revised {
        deployment: String,
        module: String,
        revision: u32,
        configuration: Value,
        behind: u64,
    },
    Retired {
        deployment: String,
    },
    /// A signal of a key of the deployment to another one.
    Word {
        deployment: String,
        key: String,
        payload: Value,
        time: u64,
    },
    /// A derived event.
    Published {
        kind: String,
        actor: String,
        time: u64,
    },
}

/// An accepted event.
#[derive(Clone, Debug)]
pub struct Given {
    pub source: String,
    pub id: String,
    pub kind: String,
    pub subject: String,
    pub actor: String,
    pub intake: String,
    pub data: String,
    pub time: u64,
    pub received: u64,
}

/// What a journal holds: facts, and what was made of them.
#[derive(Default)]
pub struct Told {
    pub facts: Vec<Fact>,
    /// One line for each handled input and each match.
    pub handled: Vec<String>,
    /// One for each signal and derived event.
    pub said: Vec<String>,
    /// One for each decision about a match, tag and end of a delivery.
    pub done: Vec<String>,
    modules: Vec<(String, String)>,
    names: Vec<(u64, String)>,
}

impl Told {
    pub fn of(frames: &[(Lsn, Frame)]) -> Told {
        let mut told = Told::default();
        for (lsn, frame) in frames {
            match frame {
                Frame::Input(event) => told.fact(*lsn, What::Event(given(event))),
                Frame::Tick(tick) => told.fact(*lsn, What::Tick { now: tick.now, watermark: tick.watermark }),
                Frame::Control(control) => told.control(*lsn, control),
                Frame::Outcome(outcome) => told.outcome(*lsn, outcome),
                Frame::Outreach(outreach) => told.outreach(*lsn, outreach),
                Frame::Mark(_) | Frame::Report(_) => {}
            }
        }
        told
    }

    pub fn events(&self) -> impl Iterator<Item = &Given> {
        self.facts.iter().filter_map(|fact| if let What::Event(given) = &fact.what { Some(given) } else { None })
    }

    fn fact(&mut self, at: Lsn, what: What) {
        self.facts.push(Fact { at: at.0, what });
    }

    fn name(&self, id: u64) -> String {
        self.names.iter().find(|(known, _)| *known == id).map(|(_, name)| name.clone()).expect("a deployment")
    }

    fn control(&mut self, lsn: Lsn, control: &Control) {
        match &control.change {
            Change::ModuleUploaded { digest, name, .. } => {
                self.modules.push((digest.to_string(), name.to_string()));
            }
            Change::DeploymentRevised { name, revision, digest, configuration, start, begins, .. } => {
                if *revision == 1 {
                    self.names.push((lsn.0, name.to_string()));
                }
                let module = self.modules.iter().find(|(known, _)| *known == digest.to_string()).expect("uploaded");
                let what = What::Revised {
                    deployment: name.to_string(),
                    module: module.1.clone(),
                    revision: *revision,
                    configuration: json(configuration),
                    behind: if *start == Start::Latest { lsn.0 } else { begins.0 },
                };
                self.fact(lsn, what);
            }
            Change::Retired { deployment } => {
                let deployment = self.name(deployment.0);
                self.fact(lsn, What::Retired { deployment });
            }
            _ => {}
        }
    }

    fn outcome(&mut self, lsn: Lsn, outcome: &Outcome) {
        let deployment = self.name(outcome.deployment.0);
        for record in &outcome.inputs {
            let place = format!("{deployment}@{} {} key={}", outcome.revision, way(record), record.key);
            self.handled.push(format!("{place} {}", record.outcome.end.code()));
            for found in &record.outcome.matches {
                let (person, fields, once) = (&found.person, json(&found.fields), &found.once);
                self.handled.push(format!("{place} match {} person={person} {fields} once={once:?}", found.name));
            }
            for signal in &record.outcome.signals {
                let payload = json(&signal.payload);
                self.said.push(format!("{place} signal to={} {payload}", signal.key));
                let (deployment, key) = (deployment.clone(), signal.key.to_string());
                self.fact(lsn, What::Word { deployment, key, payload, time: record.time });
            }
            for event in &record.outcome.published {
                self.said.push(format!("{place} published {} actor={}", event.event_type, event.actor));
                self.published(lsn, &event.event_type, &event.actor, event.time);
            }
        }
    }

    fn published(&mut self, lsn: Lsn, kind: &str, actor: &str, time: u64) {
        self.fact(lsn, What::Published { kind: kind.to_owned(), actor: actor.to_owned(), time });
    }

    fn outreach(&mut self, lsn: Lsn, outreach: &Outreach) {
        for deed in &outreach.deeds {
            match deed {
                Deed::Decided(decision) if decision.cause == Cause::Match => {
                    let (person, found) = (&decision.action.person, &decision.action.origin.match_name);
                    self.done.push(format!("{person} {found} {}", decision.status.name()));
                }
                Deed::Tagged { person, tag, .. } => {
                    self.done.push(format!("{person} {} tagged", tag.origin.match_name));
                }
                Deed::Published { origin, event, .. } => {
                    self.done.push(format!("{} {} published", event.actor, origin.match_name));
                    self.published(lsn, &event.event_type, &event.actor, event.time);
                }
                Deed::Ended(ended) => {
                    self.done.push(format!("{} {} {}", ended.person, ended.match_name, ended.end.name()))
                }
                Deed::Decided(_) | Deed::Settled(_) => {}
            }
        }
    }
}

fn given(event: &Event) -> Given {
    Given {
        source: event.source.to_string(),
        id: event.id.to_string(),
        kind: event.kind.to_string(),
        subject: event.subject.to_string(),
        actor: event.actor.to_string(),
        intake: event.intake.to_string(),
        data: event.data.to_string(),
        time: event.time,
        received: event.received,
    }
}

/// Position and kind of an input.
fn way(record: &InputRecord) -> String {
    let lsn = record.lsn;
    match &record.via {
        Via::Subscription(_) => format!("{lsn} event"),
        Via::Kept(_) => format!("{lsn} kept"),
        Via::HandedOver { from, .. } => format!("{lsn} handed-over {from}"),
        Via::Timer(name) => format!("{lsn} timer {name}"),
        Via::Signal { .. } => format!("{lsn} signal"),
        Via::Settlement(_) => format!("{lsn} settlement"),
    }
}

/// JSON texts, written the same way whoever wrote them.
pub fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}
