//! Why: the contract's cold path. Descriptions, envelopes, plans and diagnostics are JSON documents
//! (`wit/schema/`); this is the only file that reads or writes them.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::event::json_text;
use crate::plan::{StatePlan, schema};
use crate::{Diagnostic, Identity, Plan, Rule};

/// The contract that this SDK speaks: `major.minor` of the WIT package.
const CONTRACT: &str = "0.1";

#[derive(Serialize)]
struct Description<'a> {
    name: &'a str,
    version: &'a str,
    summary: &'a str,
    authors: Vec<&'a str>,
    contract: &'a str,
    configuration: schemars::Schema,
    state: StatePlan,
}

/// The part of the envelope that a rule is configured from; later hosts may say more.
#[derive(Deserialize)]
struct Envelope {
    configuration: Value,
}

/// What `lifecycle.describe` answers.
#[cfg_attr(not(target_arch = "wasm32"), allow(dead_code, reason = "called by the exports, and by the tests"))]
pub(crate) fn describe<R: Rule>(identity: &Identity) -> String {
    json_text(&Description {
        name: identity.name,
        version: identity.version,
        summary: identity.summary,
        authors: identity.authors.split(':').filter(|author| !author.is_empty()).collect(),
        contract: CONTRACT,
        configuration: schema::<R::Config>(),
        state: R::STATE.into(),
    })
}

/// What `lifecycle.configure` does: the rule and its plan, or every problem found.
pub(crate) fn configure<R: Rule>(envelope: &str) -> Result<(R, Plan), Vec<Diagnostic>> {
    let envelope: Envelope = serde_json::from_str(envelope).map_err(|error| {
        vec![Diagnostic::new("", format!("the envelope: {error}"), "the host speaks another contract")]
    })?;
    let config = serde_path_to_error::deserialize(envelope.configuration)
        .map_err(|error| vec![Diagnostic::unreadable(&error)])?;
    let mut plan = Plan::new(R::STATE);
    let rule = R::configure(config, &mut plan);
    let mut problems = plan.take_problems();
    match rule {
        Ok(rule) if problems.is_empty() => Ok((rule, plan)),
        Ok(_) => Err(problems),
        Err(more) => {
            problems.extend(more);
            Err(problems)
        }
    }
}

#[cfg(test)]
mod tests;
