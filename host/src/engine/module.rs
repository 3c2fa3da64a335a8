//! One uploaded module: checked against the contract, compiled, pre-linked, described.

use std::sync::Arc;

use wasmtime::Store;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Instance, InstancePre};

use super::bindings::{events, filter, lifecycle, queries, settlements, signals, timers};
use super::compile::Engine;
use super::contract::{self, Description};
use super::error::{ConfigureError, HostFailure, UploadError};
use super::host::HostState;
use super::instance;
use super::plan::parse_plan;
use crate::model::{Digest, Plan};

const PACKAGE: &str = "fishpond:plugin/";
const VERSION: &str = "@0.1.";
const IMPORTS: [&str; 11] = [
    "inputs",
    "state",
    "windows",
    "timing",
    "signalling",
    "calendar",
    "matches",
    "publishing",
    "verdicts",
    "replies",
    "logging",
];
const EXPORTS: [&str; 7] = ["lifecycle", "events", "timers", "signals", "filter", "settlements", "queries"];

/// Immutable; shared by all deployments and workers.
pub struct Module {
    pub digest: Digest,
    pub description: Description,
    /// The component as it was uploaded or made, for storing.
    pub component: Vec<u8>,
    pub(super) engine: Arc<Engine>,
    pub(super) exports: Exports,
    pre: InstancePre<HostState>,
}

/// Where the exports are; found once per module.
pub(super) struct Exports {
    pub lifecycle: lifecycle::ExportsLifecycleIndices,
    pub events: Option<events::ExportsEventsIndices>,
    pub timers: Option<timers::ExportsTimersIndices>,
    pub signals: Option<signals::ExportsSignalsIndices>,
    pub filter: Option<filter::ExportsFilterIndices>,
    pub settlements: Option<settlements::ExportsSettlementsIndices>,
    pub queries: Option<queries::ExportsQueriesIndices>,
}

/// Which optional exports a module has, by interface.
type Found = [(&'static str, bool); 6];

impl Exports {
    fn found(&self) -> Found {
        [
            ("events", self.events.is_some()),
            ("timers", self.timers.is_some()),
            ("signals", self.signals.is_some()),
            ("filter", self.filter.is_some()),
            ("settlements", self.settlements.is_some()),
            ("queries", self.queries.is_some()),
        ]
    }
}

/// A plan may ask only for what an export can handle.
fn check_plan(plan: &Plan, found: Found) -> Result<(), String> {
    let needs = [
        (!plan.subscriptions.is_empty(), "it subscribes to events", "events"),
        (!plan.timers.is_empty(), "it has timers", "timers"),
        (!plan.signals.is_empty(), "it has signals", "signals"),
        (plan.filter.is_some(), "it is a filter", "filter"),
        (!plan.queries.is_empty(), "it has queries", "queries"),
    ];
    match needs.into_iter().find(|(needed, _, export)| *needed && !found.contains(&(export, true))) {
        Some((_, what, export)) => Err(format!("{what}, but the module exports no `{export}`")),
        None => Ok(()),
    }
}

/// An accepted configuration.
#[derive(Clone, Debug)]
pub struct Configured {
    pub plan: Plan,
    /// The plan's text: every instance must answer the same.
    pub json: String,
}

impl Configured {
    /// A plan that was accepted before.
    pub fn stored(json: &str) -> Result<Configured, String> {
        Ok(Configured { plan: parse_plan(json)?, json: json.to_owned() })
    }
}

impl Module {
    pub(super) fn link(
        engine: Arc<Engine>,
        wasm: Vec<u8>,
        digest: Digest,
        native: Component,
    ) -> Result<Module, UploadError> {
        check_names(&engine, &native)?;
        let pre =
            engine.linker.instantiate_pre(&native).map_err(|error| UploadError::Contract(format!("{error:#}")))?;
        let exports = Exports {
            lifecycle: lifecycle::ExportsLifecycleIndices::new(&pre)
                .map_err(|error| UploadError::Contract(format!("{error:#}")))?,
            events: events::ExportsEventsIndices::new(&pre).ok(),
            timers: timers::ExportsTimersIndices::new(&pre).ok(),
            signals: signals::ExportsSignalsIndices::new(&pre).ok(),
            filter: filter::ExportsFilterIndices::new(&pre).ok(),
            settlements: settlements::ExportsSettlementsIndices::new(&pre).ok(),
            queries: queries::ExportsQueriesIndices::new(&pre).ok(),
        };
        check_shapes(&engine, &native, &exports)?;
        let description = describe(&engine, &pre, &exports)?;
        Ok(Module { digest, description, component: wasm, engine, exports, pre })
    }

    /// Asks the module whether it accepts a configuration, on an instance of its own.
    pub fn configure(&self, envelope: &str) -> Result<Configured, ConfigureError> {
        let failed = |error: HostFailure| ConfigureError::Failed(error.0);
        let (mut store, instance) = self.instantiate().map_err(failed)?;
        let json = self.call_configure(&mut store, &instance, envelope).map_err(ConfigureError::Failed)?;
        let json = json.map_err(|diagnostics| ConfigureError::Refused(contract::parse_diagnostics(&diagnostics)))?;
        let plan = parse_plan(&json).map_err(ConfigureError::BadPlan)?;
        check_plan(&plan, self.exports.found()).map_err(ConfigureError::BadPlan)?;
        Ok(Configured { plan, json })
    }

    pub(super) fn instantiate(&self) -> Result<(Store<HostState>, Instance), HostFailure> {
        let mut store = instance::new_store(&self.engine);
        let made = self.pre.instantiate(&mut store);
        let instance = made.map_err(|error| HostFailure(format!("the module could not be instantiated: {error:#}")))?;
        Ok((store, instance))
    }

    /// The inner result is the module's: its plan or its diagnostics.
    pub(super) fn call_configure(
        &self,
        store: &mut Store<HostState>,
        instance: &Instance,
        envelope: &str,
    ) -> Result<Result<String, String>, String> {
        instance::arm(store, &self.engine, self.engine.limits.fuel_configure);
        let exports = self.exports.lifecycle.load(&mut *store, instance).map_err(|error| format!("{error:#}"))?;
        let answer = exports.fishpond_plugin_lifecycle().call_configure(&mut *store, envelope);
        let answer = answer.map_err(|error| instance::why(&error))?;
        let (Ok(text) | Err(text)) = &answer;
        check_answer(text, self.engine.limits.description_bytes)?;
        Ok(answer)
    }
}

/// What `describe` or `configure` answered, against `description_bytes`.
fn check_answer(text: &str, limit: u64) -> Result<(), String> {
    if text.len() as u64 > limit {
        return Err(format!("it answered {} bytes, at most {limit} are allowed (`description_bytes`)", text.len()));
    }
    Ok(())
}

/// Refuses unknown imports and exports by name, before linking says it in its own words.
fn check_names(engine: &Engine, native: &Component) -> Result<(), UploadError> {
    let kind = native.component_type();
    for (name, _) in kind.imports(&engine.wasm) {
        if !known(name, &IMPORTS) {
            return Err(UploadError::UnknownImport { name: name.to_owned(), remedy: remedy(name) });
        }
    }
    let mut lifecycle = false;
    for (name, _) in kind.exports(&engine.wasm) {
        if name.starts_with(PACKAGE) && !known(name, &EXPORTS) {
            return Err(UploadError::UnknownExport { name: name.to_owned() });
        }
        lifecycle |= known(name, &["lifecycle"]);
    }
    if lifecycle { Ok(()) } else { Err(UploadError::NoLifecycle) }
}

/// An export that has the right name but could not be found by its indices has the wrong shape.
fn check_shapes(engine: &Engine, native: &Component, exports: &Exports) -> Result<(), UploadError> {
    let kind = native.component_type();
    let found = exports.found();
    for (name, item) in kind.exports(&engine.wasm) {
        let misfit = found.iter().find(|(interface, found)| !found && known(name, &[interface]));
        if let (Some((interface, _)), ComponentItem::ComponentInstance(_)) = (misfit, item.ty) {
            let message = format!("the export `{interface}` has other functions or records than `wit/{interface}.wit`");
            return Err(UploadError::Contract(message));
        }
    }
    Ok(())
}

fn known(name: &str, interfaces: &[&str]) -> bool {
    let Some((interface, version)) = name.strip_prefix(PACKAGE).and_then(|rest| rest.split_once('@')) else {
        return false;
    };
    interfaces.contains(&interface) && VERSION[1..].strip_suffix('.').is_some_and(|line| version.starts_with(line))
}

fn remedy(name: &str) -> String {
    let remedy = if name.starts_with("wasi:") || name.starts_with("wasi_") {
        "Modules have no WASI: no clock, no entropy, no files. Build for `wasm32-unknown-unknown` instead of a WASI \
         target, and take times from the input"
    } else if name.starts_with(PACKAGE) {
        "It belongs to a later contract than 0.1: upgrade the host, or build against this host's `wit/`"
    } else {
        "Modules may import only `fishpond:plugin`: remove what needs it"
    };
    remedy.to_owned()
}

fn describe(engine: &Arc<Engine>, pre: &InstancePre<HostState>, exports: &Exports) -> Result<Description, UploadError> {
    let mut store = instance::new_store(engine);
    instance::arm(&mut store, engine, engine.limits.fuel_configure);
    let failed = |error: wasmtime::Error| UploadError::Describe(instance::why(&error));
    let instance = pre.instantiate(&mut store).map_err(failed)?;
    let guest = exports.lifecycle.load(&mut store, &instance).map_err(failed)?;
    let json = guest.fishpond_plugin_lifecycle().call_describe(&mut store).map_err(failed)?;
    check_answer(&json, engine.limits.description_bytes).map_err(UploadError::Describe)?;
    Description::parse(&json).map_err(UploadError::Describe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_over_the_limit_is_refused_by_its_name() {
        assert_eq!(check_answer("1234", 4), Ok(()));
        let error = check_answer("12345", 4).expect_err("too long");
        assert!(error.contains("5 bytes") && error.contains("`description_bytes`"), "{error}");
    }

    #[test]
    fn a_plan_needs_the_exports_that_handle_it() {
        let with = |members: &str| format!(r#"{{"state":{{"writes":1,"reads":[1]}},{members}}}"#);
        let found = |missing: &str| {
            ["events", "timers", "signals", "filter", "settlements", "queries"]
                .map(|export| (export, export != missing))
        };
        for (members, export) in [
            (r#""subscriptions":[{"name":"s","types":["t"],"key":"actor"}]"#, "events"),
            (r#""timers":{"close":"event"}"#, "timers"),
            (r#""signals":["word"]"#, "signals"),
            (r#""filter":{"verdicts":["allow"]}"#, "filter"),
            (r#""queries":{"q":{"parameters":{}}}"#, "queries"),
        ] {
            let plan = parse_plan(&with(members)).expect("a plan");
            assert_eq!(check_plan(&plan, found("settlements")), Ok(()));
            let error = check_plan(&plan, found(export)).expect_err(export);
            assert!(error.contains(&format!("exports no `{export}`")), "{error}");
        }
    }

    #[test]
    fn names_of_this_contract_are_known_in_every_patch() {
        assert!(known("fishpond:plugin/events@0.1.0", &EXPORTS));
        assert!(known("fishpond:plugin/events@0.1.7", &EXPORTS));
        for other in ["fishpond:plugin/events@0.2.0", "fishpond:plugin/requests@0.1.0", "wasi:io/poll@0.2.0", "events"]
        {
            assert!(!known(other, &EXPORTS), "{other}");
        }
    }
}
