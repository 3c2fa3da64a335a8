//! JSON Schemas that modules bring: bounded before they are compiled, because compiling and checking run in the host,
//! where no fuel counts.
//!
//! A schema is a finite tree once its references are followed: a cycle could be checked without end, and a few
//! doubling references make more nodes than there is memory.

use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::{Map, Value};

/// One schema, bytes.
const SCHEMA_BYTES: usize = 64 << 10;
/// JSON values of one schema, those behind a reference counted at every use.
const SCHEMA_NODES: usize = 2_000;
/// Nesting of one schema in JSON values, references followed: both compiling and checking recurse.
const SCHEMA_DEPTH: usize = 128;
/// `pattern`s, and members of `patternProperties`, in all schemas of one plan.
const PLAN_PATTERNS: usize = 32;
/// One compiled pattern, bytes, and the same again for its cache.
const PATTERN_BYTES: usize = 256 << 10;
/// A check may look at each node for every item of the text, which is some 16 bytes long.
const BYTES_PER_ITEM: usize = 16;

const DRAFT: &str = "https://json-schema.org/draft/2020-12/schema";

/// What the schemas of one plan have used up together.
#[derive(Default)]
pub(super) struct Budget {
    patterns: usize,
}

/// A compiled schema of a JSON object.
pub(super) struct Schema {
    validator: Validator,
    nodes: usize,
}

impl Schema {
    /// The error says what of the schema is wrong or too much.
    pub fn compile(text: &str, budget: &mut Budget) -> Result<Schema, String> {
        if text.len() > SCHEMA_BYTES {
            return Err(format!("it has {} bytes, at most {SCHEMA_BYTES} are allowed", text.len()));
        }
        let root: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let mut walk = Walk { root: &root, nodes: 0, depth: 0, references: Vec::new(), budget };
        walk.subschema(&root)?;
        let nodes = walk.nodes;
        let patterns = PatternOptions::regex().size_limit(PATTERN_BYTES).dfa_size_limit(PATTERN_BYTES);
        let options = jsonschema::options().with_draft(Draft::Draft202012).with_pattern_options(patterns);
        let validator = options.build(&root).map_err(|error| with_hint(error.to_string()))?;
        Ok(Schema { validator, nodes })
    }

    /// Is the text a JSON object that fits? The error says what does not, and where.
    pub fn check(&self, text: &str) -> Result<(), String> {
        let value: Value = serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))?;
        if !value.is_object() {
            return Err("not a JSON object".to_owned());
        }
        self.validator.validate(&value).map_err(|error| format!("{error} at `{}`", error.instance_path()))
    }

    /// Upper bound of a check's work, units of `host_work_per_input`.
    pub fn work(&self, text: &str) -> usize {
        self.nodes.saturating_mul(text.len() / BYTES_PER_ITEM)
    }
}

/// The validator says no more of a pattern than that it is none.
fn with_hint(error: String) -> String {
    if !error.ends_with(r#"is not a "regex""#) {
        return error;
    }
    let kib = PATTERN_BYTES >> 10;
    format!("{error}: patterns have no look-around and no back-references, and compile to at most {kib} KiB")
}

/// One way through a schema along its references.
struct Walk<'a> {
    root: &'a Value,
    nodes: usize,
    depth: usize,
    /// Those that are being followed.
    references: Vec<&'a str>,
    budget: &'a mut Budget,
}

impl<'a> Walk<'a> {
    /// A schema, or something that holds some, such as `properties`.
    fn subschema(&mut self, value: &'a Value) -> Result<(), String> {
        self.enter()?;
        match value {
            Value::Object(members) => self.members(members)?,
            Value::Array(items) => items.iter().try_for_each(|item| self.subschema(item))?,
            _ => {}
        }
        self.depth -= 1;
        Ok(())
    }

    fn members(&mut self, members: &'a Map<String, Value>) -> Result<(), String> {
        let is_root = self.root.as_object().is_some_and(|root| std::ptr::eq(root, members));
        for (name, value) in members {
            // A property of such a name has an object here, not a text.
            match (&**name, value) {
                ("$ref", Value::String(reference)) => self.reference(reference)?,
                ("$dynamicRef" | "$recursiveRef", Value::String(_)) => {
                    return Err(format!("`{name}` is not supported: use `$ref` with `#/...`"));
                }
                ("$id", Value::String(_)) if !is_root => {
                    return Err(format!("`{name}` is allowed at the top only: references are all to this schema"));
                }
                ("$schema", Value::String(draft)) if draft.trim_end_matches('#') != DRAFT => {
                    return Err(format!("`$schema` is `{draft}`, only `{DRAFT}` is supported"));
                }
                ("pattern", Value::String(_)) => self.patterns(1)?,
                ("patternProperties", Value::Object(patterns)) => self.patterns(patterns.len())?,
                _ => {}
            }
            self.subschema(value)?;
        }
        Ok(())
    }

    fn enter(&mut self) -> Result<(), String> {
        self.nodes += 1;
        self.depth += 1;
        if self.nodes > SCHEMA_NODES {
            return Err(format!(
                "it has more than {SCHEMA_NODES} JSON values, those behind a `$ref` counted at every use"
            ));
        }
        if self.depth > SCHEMA_DEPTH {
            return Err(format!("it is nested deeper than {SCHEMA_DEPTH} JSON values, `$ref`s followed"));
        }
        Ok(())
    }

    fn patterns(&mut self, count: usize) -> Result<(), String> {
        self.budget.patterns += count;
        if self.budget.patterns > PLAN_PATTERNS {
            let counted = "`pattern`s and members of `patternProperties`, counted at every use";
            return Err(format!("the plan has more than {PLAN_PATTERNS} patterns ({counted})"));
        }
        Ok(())
    }

    fn reference(&mut self, reference: &'a str) -> Result<(), String> {
        let Some(pointer) = reference.strip_prefix('#') else {
            return Err(format!("`$ref` to `{reference}` leaves this schema: only `#` and `#/...` are followed"));
        };
        // An escaped pointer would be another to us than to the validator.
        let target = if pointer.contains('%') { None } else { self.root.pointer(pointer) };
        let Some(target) = target else {
            return Err(format!(
                "`$ref` to `{reference}` leads nowhere: use `#/$defs/name` without %-escapes or anchors"
            ));
        };
        if self.references.contains(&reference) {
            return Err(format!("`$ref` to `{reference}` leads back to itself: recursive schemas are not supported"));
        }
        self.references.push(reference);
        self.subschema(target)?;
        self.references.pop();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compile(text: &str) -> Result<Schema, String> {
        Schema::compile(text, &mut Budget::default())
    }

    #[test]
    fn an_ordinary_schema_with_references_is_compiled() {
        let schema = compile(
            r##"{"$schema":"https://json-schema.org/draft/2020-12/schema","$id":"urn:m","type":"object",
                "properties":{"a":{"$ref":"#/$defs/word"},"b":{"$ref":"#/$defs/word"},"$ref":{"type":"integer"}},
                "$defs":{"word":{"type":"string","pattern":"^[a-z]{1,64}$"}},"required":["a"]}"##,
        )
        .unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(schema.check(r#"{"a":"x","b":"y","$ref":1}"#), Ok(()));
        for wrong in [r#"{"a":"X"}"#, r#"{"a":"x","$ref":"y"}"#, "{}", "[]", "{"] {
            assert!(schema.check(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_the_host_will_not_compile_is_refused_with_the_reason() {
        // Doubles at every level: 2^20 nodes.
        let level = |n: usize| {
            format!(r##""d{n}":{{"allOf":[{{"$ref":"#/$defs/d{}"}},{{"$ref":"#/$defs/d{}"}}]}}"##, n + 1, n + 1)
        };
        let bomb: Vec<String> = (0..20).map(level).collect();
        let bomb = format!(r##"{{"$ref":"#/$defs/d0","$defs":{{{},"d20":{{}}}}}}"##, bomb.join(","));
        let chain: Vec<String> = (0..200).map(|n| format!(r##""d{n}":{{"$ref":"#/$defs/d{}"}}"##, n + 1)).collect();
        let chain = format!(r##"{{"$ref":"#/$defs/d0","$defs":{{{},"d200":{{}}}}}}"##, chain.join(","));
        let long = format!(r#"{{"title":"{}"}}"#, "x".repeat(SCHEMA_BYTES));
        let wide = format!(r#"{{"enum":[{}0]}}"#, "0,".repeat(SCHEMA_NODES));
        let cases = [
            (&*bomb, "2000 JSON values"),
            (&*chain, "deeper than 128"),
            (&*long, "at most 65536"),
            (&*wide, "2000 JSON values"),
            (r##"{"properties":{"child":{"$ref":"#"}}}"##, "`#` leads back to itself"),
            (
                r##"{"$ref":"#/$defs/a","$defs":{"a":{"items":{"$ref":"#/$defs/b"}},"b":{"items":{"$ref":"#/$defs/a"}}}}"##,
                "itself",
            ),
            (r#"{"$ref":"file:///etc/passwd"}"#, "leaves this schema"),
            (r#"{"$ref":"other.json#/a"}"#, "leaves this schema"),
            (r##"{"$ref":"#word","$defs":{"w":{"$anchor":"word"}}}"##, "leads nowhere"),
            (r##"{"$ref":"#/%24defs/a","$defs":{"a":{}}}"##, "leads nowhere"),
            (r##"{"$dynamicRef":"#a"}"##, "`$dynamicRef`"),
            (r##"{"$defs":{"a":{"$id":"urn:a","$ref":"#/b"}}}"##, "`$id`"),
            (r#"{"$schema":"http://json-schema.org/draft-04/schema#"}"#, "draft-04"),
            (r#"{"properties":{"a":{"pattern":"(?:[a-z]{1000}){1000}"}}}"#, "at most 256 KiB"),
            (r#"{"pattern":"(a)\\1"}"#, "no back-references"),
            (r#"{"pattern":"a(?=b)"}"#, "no look-around"),
            (r#"{"type":"no_such"}"#, "no_such"),
        ];
        for (text, word) in cases {
            let error = compile(text).err().unwrap_or_else(|| panic!("accepted: {}", &text[..text.len().min(200)]));
            assert!(error.contains(word), "{word}: {}", &error[..error.len().min(300)]);
        }
    }

    #[test]
    fn the_work_of_a_check_grows_with_both_schema_and_text() {
        let small = compile(r#"{"type":"object"}"#).unwrap_or_else(|error| panic!("{error}"));
        let large = compile(r#"{"type":"object","enum":[{},{},{}]}"#).unwrap_or_else(|error| panic!("{error}"));
        let text = format!(r#"{{"a":"{}"}}"#, "x".repeat(1_000));
        assert!(small.work("{}") < small.work(&text) && small.work(&text) < large.work(&text));
    }
}
