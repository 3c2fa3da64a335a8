//! What a rule finds.

use super::{Answer, HostState, trap};
use crate::engine::bindings::imports::fishpond::plugin::matches;
use crate::engine::identity::Made;
use crate::model::Match;

impl matches::Host for HostState {
    fn emit(
        &mut self,
        at: u32,
        name: String,
        person: String,
        fields: String,
        windows: Vec<u32>,
        also: Vec<String>,
        once: Option<String>,
    ) -> Answer<()> {
        let limits = self.limits.clone();
        self.bounded("match_bytes", fields.len(), limits.match_bytes)?;
        self.bounded(
            "attribute_bytes",
            person.len().max(once.as_ref().map_or(0, String::len)),
            limits.attribute_bytes,
        )?;
        let texts = also.iter().chain(&once).chain([&name, &person, &fields]);
        let handed = texts.map(String::len).sum::<usize>() + size_of_val(&*windows) + size_of_val(&*also);
        let (call, at) = self.enter_telling(at, "emit a match", "matches", handed)?;
        let settings = call.settings.clone();
        if also.len() as u64 > limits.match_also || windows.len() > settings.configured.plan.windows.len() {
            return self.violation(
                "match_also",
                format!("a match may name {} further ids and each window once", limits.match_also),
            );
        }
        if person.is_empty() {
            return self.violation("match_schema", "a match needs a person".to_owned());
        }
        self.charge(settings.match_work(&name, &fields))?;
        if let Err((code, message)) = settings.check_match(&name, &fields) {
            return self.violation(code, message);
        }
        let specs = &settings.configured.plan.windows;
        let named = windows.iter().filter_map(|number| specs.get(*number as usize));
        let call = self.call()?;
        let work = named.map(|spec| call.kept(at, &spec.name)).sum();
        self.charge(work)?;
        let call = self.call()?;
        let events = call.events_of(at, &windows).map_err(trap)?;
        let (plan, number) = (&settings.configured.plan, call.effects[at].matches.len());
        let found = Match {
            id: settings.scope.identity(Made::Match, plan, &call.inputs[at], &name, number),
            name: name.into(),
            person: person.into(),
            fields: fields.into(),
            events,
            also: also.into_iter().map(Box::from).collect(),
            once: once.map(Box::from),
        };
        let effects = &mut call.effects[at];
        effects.bytes += found.bytes();
        effects.matches.push(found);
        self.check_document(at)
    }
}
