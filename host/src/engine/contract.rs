//! The contract's JSON documents (`wit/schema/`), translated at the door into the model.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::model::{Limits, check_name};

/// The contract that this host speaks.
pub const CONTRACT: &str = "0.1";

/// Versions of stored state that a module may read.
const MAX_READS: usize = 64;

/// What a module says of itself (`description.schema.json`).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    pub name: String,
    pub version: String,
    #[serde(default)]
    pub summary: String,
    #[serde(default)]
    pub authors: Vec<String>,
    pub contract: String,
    /// JSON Schema of the configuration.
    pub configuration: serde_json::Value,
    pub state: StateVersions,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StateVersions {
    pub writes: u32,
    pub reads: Vec<u32>,
}

impl StateVersions {
    /// What a module writes it must read as well: the next revision of a deployment finds what this one has stored.
    pub fn check(&self) -> Result<(), String> {
        if self.reads.len() > MAX_READS {
            return Err(format!("state: {} versions in `reads`, at most {MAX_READS} are allowed", self.reads.len()));
        }
        if !self.reads.contains(&self.writes) {
            return Err(format!("state: `writes` is {0}, which `reads` does not list: add {0} to it", self.writes));
        }
        Ok(())
    }
}

impl Description {
    pub fn parse(json: &str) -> Result<Description, String> {
        let description: Description = serde_json::from_str(json).map_err(|error| error.to_string())?;
        check_name("module", &description.name).map_err(|error| error.to_string())?;
        if description.version.is_empty() || description.version.len() > 64 {
            return Err("the version must have 1 to 64 bytes".to_owned());
        }
        description.state.check()?;
        if description.contract != CONTRACT {
            return Err(format!("it speaks contract {}, this host speaks {CONTRACT}", description.contract));
        }
        Ok(description)
    }
}

/// One thing wrong in a configuration (`diagnostics.schema.json`).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Diagnostic {
    pub message: String,
    /// JSON pointer into the configuration.
    #[serde(default)]
    pub place: String,
    #[serde(default)]
    pub hint: String,
}

pub fn parse_diagnostics(json: &str) -> Vec<Diagnostic> {
    serde_json::from_str(json).unwrap_or_else(|_| {
        let hint = "The module did not answer a list of diagnostics.".to_owned();
        vec![Diagnostic { message: json.chars().take(1_024).collect(), place: String::new(), hint }]
    })
}

/// The argument of `configure` (`envelope.schema.json`). The configuration goes in as it was given.
pub fn envelope(business: &str, deployment: &str, configuration: &str, limits: &Limits) -> Result<String, String> {
    #[derive(Serialize)]
    struct Envelope<'a> {
        contract: &'a str,
        business: &'a str,
        deployment: &'a str,
        configuration: &'a RawValue,
        limits: BTreeMap<&'static str, u64>,
    }
    let configuration: &RawValue = serde_json::from_str(configuration).map_err(|error| error.to_string())?;
    let limits = BTreeMap::from([
        ("document_bytes", limits.document_bytes),
        ("fuel_per_input", limits.fuel_per_input),
        ("match_bytes", limits.match_bytes),
        ("matches_per_input", limits.matches_per_input),
        ("reply_bytes", limits.reply_bytes),
    ]);
    let envelope = Envelope { contract: CONTRACT, business, deployment, configuration, limits };
    serde_json::to_string(&envelope).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_reads_what_it_writes() {
        let describe = |state: &str| {
            Description::parse(&format!(
                r#"{{"name":"m","version":"1.0.0","contract":"0.1","configuration":{{}},"state":{state}}}"#
            ))
        };
        assert!(describe(r#"{"writes":2,"reads":[1,2]}"#).is_ok());
        let error = describe(r#"{"writes":2,"reads":[1]}"#).expect_err("it cannot read what it writes");
        assert!(error.contains("add 2"), "{error}");
        let many: Vec<String> = (1..=65).map(|version| version.to_string()).collect();
        let error = describe(&format!(r#"{{"writes":2,"reads":[{}]}}"#, many.join(","))).expect_err("too many");
        assert!(error.contains("at most 64"), "{error}");
    }
}
