//! Why: what a rule author implements, and nothing else.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::{
    Action, Context, Diagnostic, Due, Event, Plan, Query, QueryContext, Refusal, Reply, Settlement, Signalled, Verdict,
};

/// A rule: what one deployment needs, and what it decides about one event.
///
/// The value is built once per instance and only read afterwards: there are many instances, they come and go, and
/// what must be remembered belongs to the key and is kept by the host (windows and named values in [`Context`]).
pub trait Rule: Sized + Send + Sync + 'static {
    /// What the operator writes. Its JSON Schema becomes the form; put `#[serde(deny_unknown_fields)]` on it so that
    /// a misspelt name is an error and not a default.
    type Config: DeserializeOwned + JsonSchema;

    /// Versions of what this module stores. Raise `writes` when older code could not read what this code stores.
    const STATE: StateVersions = StateVersions { writes: 1, reads: &[1] };

    /// Checks the configuration, enters what the deployment needs into `plan`, and keeps the handles that `plan`
    /// answers (windows, matches) for `on_event`.
    ///
    /// A function of the configuration and nothing else: every instance must come to the same plan.
    ///
    /// # Errors
    /// What the operator must change. What the `plan` itself finds (`plan.check`, limits) is added to it.
    fn configure(config: Self::Config, plan: &mut Plan) -> Result<Self, Vec<Diagnostic>>;

    /// Decides about one event; what it decides, it calls on `cx`. A module whose plan has no subscriptions (a filter
    /// that keeps nothing) leaves it out; with subscriptions, the body that is here refuses every event.
    ///
    /// # Errors
    /// A [`Refusal`] undoes what was called for this event and is recorded as its outcome. A panic is a trap: it
    /// counts against the module.
    fn on_event(&self, event: &Event, cx: &mut Context<'_>) -> Result<(), Refusal> {
        let _ = (event, cx);
        Err(Refusal::new("not_handled", "the plan has subscriptions, but the rule has no `on_event`: implement it"))
    }
}

/// A rule whose plan has timers: `fishpond_sdk::export!(MyRule with timers);`
pub trait Timers: Rule {
    /// Decides when a timer that `cx.set_timer` has set is due. It is gone by then, whatever comes of this: one that
    /// repeats is set again here.
    ///
    /// # Errors
    /// As in [`Rule::on_event`].
    fn on_timer(&self, due: &Due, cx: &mut Context<'_>) -> Result<(), Refusal>;
}

/// A rule whose plan has signals: `fishpond_sdk::export!(MyRule with signals);`
pub trait Signals: Rule {
    /// Decides about word from another key of the deployment (`cx.signal`). Each comes once.
    ///
    /// # Errors
    /// As in [`Rule::on_event`].
    fn on_signal(&self, signal: &Signalled, cx: &mut Context<'_>) -> Result<(), Refusal>;
}

/// A step of a chain: `fishpond_sdk::export!(MyFilter with filter);` Its plan says which verdicts it may reach
/// (`plan.judges`).
pub trait Filter: Rule {
    /// May this action reach this person? State and windows belong to (deployment, `action.person`); what is written
    /// is kept only if the whole chain lets the action pass.
    ///
    /// # Errors
    /// A [`Refusal`] is the filter's error: the chain's `on_error` decides.
    fn judge(&self, action: &Action, cx: &mut Context<'_>) -> Result<Verdict, Refusal>;
}

/// A filter that wants to hear how a delivery ended: `fishpond_sdk::export!(MyFilter with filter, settlements);`
pub trait Settlements: Rule {
    /// Takes note of the end of an action whose verdict had a context (`Verdict::settle`).
    ///
    /// # Errors
    /// As in [`Rule::on_event`].
    fn on_settlement(&self, settlement: &Settlement, cx: &mut Context<'_>) -> Result<(), Refusal>;
}

/// A rule that also answers questions about one key: `fishpond_sdk::export!(MyRule with queries);`
pub trait Queries: Rule {
    /// Answers one of the plan's queries. Only reading is possible here.
    ///
    /// # Errors
    /// A refusal is answered to whoever asked: its code as the status, its message in the body.
    fn on_query(&self, query: &Query, cx: &mut QueryContext<'_>) -> Result<Reply, Refusal>;
}

/// Versions of stored state: see `schema/description.schema.json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StateVersions {
    /// The version that this module writes, from 1.
    pub writes: u32,
    /// The versions that it can read; `writes` is one of them.
    pub reads: &'static [u32],
}

/// Who a module is: the `export!` macro takes it from the package's Cargo.toml.
#[derive(Debug, Clone, Copy)]
pub struct Identity {
    /// The package's name.
    pub name: &'static str,
    /// The package's version.
    pub version: &'static str,
    /// The package's `description`: one sentence for operators.
    pub summary: &'static str,
    /// The package's authors, joined by colons as Cargo gives them.
    pub authors: &'static str,
}

/// The configuration of a rule that has nothing to configure.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoConfig {}

/// The parameters of a query that has none.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoParameters {}
