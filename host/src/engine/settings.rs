//! What a deployment revision may do: its plan, its permissions, and the schemas that its matches and queries must fit.

use std::collections::BTreeMap;

use super::error::ConfigureError;
use super::identity::Scope;
use super::module::Configured;
use super::schema::{Budget, Schema};

/// What all instances of one deployment revision share.
pub(super) struct Settings {
    pub scope: Scope,
    pub configured: Configured,
    pub permissions: Vec<Box<str>>,
    match_schemas: BTreeMap<Box<str>, Schema>,
    query_schemas: BTreeMap<Box<str>, Schema>,
}

impl Settings {
    /// Compiles the plan's schemas.
    pub fn new(scope: Scope, configured: Configured, permissions: Vec<Box<str>>) -> Result<Settings, ConfigureError> {
        let mut budget = Budget::default();
        let match_schemas = compile("match", &configured.plan.matches, &mut budget)?;
        let query_schemas = compile("query", &configured.plan.queries, &mut budget)?;
        Ok(Settings { scope, configured, permissions, match_schemas, query_schemas })
    }

    /// A query must be one of the plan's, and its parameters fit its schema.
    pub fn check_query(&self, name: &str, parameters: &str) -> Result<(), QueryFailure> {
        let Some(schema) = self.query_schemas.get(name) else {
            let known: Vec<&str> = self.query_schemas.keys().map(|name| &**name).collect();
            return Err(QueryFailure::NoQuery { known: known.join(", ") });
        };
        let refused =
            |message: String| QueryFailure::Refused { code: "bad_parameters".into(), message: message.into() };
        schema.check(parameters).map_err(refused)
    }

    /// A match must be one of the plan's and fit its schema.
    pub fn check_match(&self, name: &str, fields: &str) -> Result<(), (&'static str, String)> {
        let Some(schema) = self.match_schemas.get(name) else {
            return Err(("unknown_match", format!("the plan has no match `{name}`")));
        };
        schema.check(fields).map_err(|message| ("match_schema", format!("match `{name}`: {message}")))
    }

    /// Units of host work that checking a match takes.
    pub fn match_work(&self, name: &str, fields: &str) -> usize {
        self.match_schemas.get(name).map_or(0, |schema| schema.work(fields))
    }
}

/// A query that was not answered. Never counts against the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QueryFailure {
    NoQuery { known: String },
    Refused { code: Box<str>, message: Box<str> },
    Host(String),
}

fn compile(
    what: &str,
    schemas: &BTreeMap<Box<str>, Box<str>>,
    budget: &mut Budget,
) -> Result<BTreeMap<Box<str>, Schema>, ConfigureError> {
    let bad =
        |name: &str, error: String| ConfigureError::BadPlan(format!("the JSON Schema of {what} `{name}`: {error}"));
    let mut compiled = BTreeMap::new();
    for (name, text) in schemas {
        let schema = Schema::compile(text, budget).map_err(|error| bad(name, error))?;
        compiled.insert(name.clone(), schema);
    }
    Ok(compiled)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(matches: &str, queries: &str) -> Result<Settings, ConfigureError> {
        let plan = format!(r#"{{"state":{{"writes":1,"reads":[1]}},"matches":{matches},"queries":{queries}}}"#);
        let scope = Scope { business: "b".into(), deployment: "d".into() };
        Settings::new(scope, Configured::stored(&plan).expect("a plan"), Vec::new())
    }

    #[test]
    fn a_bad_schema_is_named_with_what_is_wrong() {
        let cycle = r##"{"good":{"type":"object"},"round":{"$ref":"#"}}"##;
        let error = settings(cycle, "{}").err().expect("a cycle").to_string();
        assert!(error.contains("match `round`") && error.contains("itself"), "{error}");
        let remote = r#"{"ask":{"parameters":{"$ref":"http://example.com/schema"}}}"#;
        let error = settings("{}", remote).err().expect("a remote reference").to_string();
        assert!(error.contains("query `ask`") && error.contains("http://example.com/schema"), "{error}");
    }

    #[test]
    fn patterns_are_counted_over_the_whole_plan() {
        let patterns = |count: usize| {
            let properties: Vec<String> = (0..count).map(|n| format!(r#""p{n}":{{"pattern":"^a{n}$"}}"#)).collect();
            format!(r#"{{"properties":{{{}}}}}"#, properties.join(","))
        };
        let plan = |matches: usize, queries: usize| {
            settings(
                &format!(r#"{{"m":{}}}"#, patterns(matches)),
                &format!(r#"{{"q":{{"parameters":{}}}}}"#, patterns(queries)),
            )
        };
        assert!(plan(16, 16).is_ok());
        let error = plan(16, 17).err().expect("one too many").to_string();
        assert!(error.contains("query `q`") && error.contains("32 patterns"), "{error}");
    }

    #[test]
    fn matches_and_queries_must_fit_their_schemas() {
        let matches = r#"{"m":{"properties":{"n":{"type":"integer"}},"required":["n"]}}"#;
        let settings = settings(matches, r#"{"q":{"parameters":{}}}"#).expect("good schemas");
        assert_eq!(settings.check_match("m", r#"{"n":1}"#), Ok(()));
        let codes = [("m", r#"{"n":"1"}"#), ("m", "[]"), ("m", "{"), ("other", "{}")]
            .map(|(name, fields)| settings.check_match(name, fields).err());
        assert_eq!(
            codes.map(|error| error.map(|(code, _)| code)),
            ["match_schema", "match_schema", "match_schema", "unknown_match"].map(Some)
        );
        assert_eq!(settings.check_query("q", "{}"), Ok(()));
        assert!(matches!(settings.check_query("r", "{}"), Err(QueryFailure::NoQuery { known }) if known == "q"));
    }
}
