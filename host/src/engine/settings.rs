//! What a deployment revision may do: its plan, its permissions, and the schemas that its matches and queries must fit.

use std::collections::BTreeMap;

use jsonschema::Validator;

use super::error::ConfigureError;
use super::module::Configured;

/// What all instances of one deployment revision share.
pub(super) struct Settings {
    pub configured: Configured,
    pub permissions: Vec<Box<str>>,
    match_schemas: BTreeMap<Box<str>, Validator>,
    query_schemas: BTreeMap<Box<str>, Validator>,
}

impl Settings {
    /// Compiles the plan's schemas.
    pub fn new(configured: Configured, permissions: Vec<Box<str>>) -> Result<Settings, ConfigureError> {
        let match_schemas = compile(&configured.plan.matches)?;
        let query_schemas = compile(&configured.plan.queries)?;
        Ok(Settings { configured, permissions, match_schemas, query_schemas })
    }

    /// A query must be one of the plan's, and its parameters fit its schema.
    pub fn check_query(&self, name: &str, parameters: &str) -> Result<(), QueryFailure> {
        let Some(schema) = self.query_schemas.get(name) else {
            let known: Vec<&str> = self.query_schemas.keys().map(|name| &**name).collect();
            return Err(QueryFailure::NoQuery { known: known.join(", ") });
        };
        let refused =
            |message: String| QueryFailure::Refused { code: "bad_parameters".into(), message: message.into() };
        check_json(schema, parameters).map_err(refused)
    }

    /// A match must be one of the plan's and fit its schema.
    pub fn check_match(&self, name: &str, fields: &str) -> Result<(), (&'static str, String)> {
        let Some(schema) = self.match_schemas.get(name) else {
            return Err(("unknown_match", format!("the plan has no match `{name}`")));
        };
        check_json(schema, fields).map_err(|message| ("match_schema", format!("match `{name}`: {message}")))
    }
}

fn check_json(schema: &Validator, text: &str) -> Result<(), String> {
    let value: serde_json::Value = serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))?;
    if !value.is_object() {
        return Err("not a JSON object".to_owned());
    }
    schema.validate(&value).map_err(|error| format!("{error} at `{}`", error.instance_path()))
}

/// A query that was not answered. Never counts against the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QueryFailure {
    NoQuery { known: String },
    Refused { code: Box<str>, message: Box<str> },
    Host(String),
}

fn compile(schemas: &BTreeMap<Box<str>, Box<str>>) -> Result<BTreeMap<Box<str>, Validator>, ConfigureError> {
    schemas.iter().map(|(name, text)| Ok((name.clone(), schema(name, text)?))).collect()
}

fn schema(name: &str, text: &str) -> Result<Validator, ConfigureError> {
    let bad = |error: String| ConfigureError::BadPlan(format!("the JSON Schema of `{name}`: {error}"));
    let value: serde_json::Value = serde_json::from_str(text).map_err(|error| bad(error.to_string()))?;
    jsonschema::validator_for(&value).map_err(|error| bad(error.to_string()))
}
