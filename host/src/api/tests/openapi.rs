//! The document about the API: it names every route, and it has the shape of OpenAPI 3.1.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::*;

/// Methods of OpenAPI's path items.
const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

async fn document(harness: &Harness) -> Json {
    let told = harness.get("/v1/openapi.json").await;
    assert_eq!(
        (told.status, &told.headers["content-type"]),
        (StatusCode::OK, &"application/json".parse().expect("it"))
    );
    told.json()
}

/// Each path with its methods.
fn described(document: &Json) -> BTreeMap<String, BTreeSet<String>> {
    let paths = document["paths"].as_object().expect("paths");
    let methods = |item: &Json| {
        item.as_object().expect("an item").keys().filter(|key| METHODS.contains(&&***key)).cloned().collect()
    };
    paths.iter().map(|(path, item)| (path.clone(), methods(item))).collect()
}

#[tokio::test]
async fn the_document_names_every_route_and_no_other() {
    let harness = Harness::new();
    let mut routes = BTreeMap::new();
    for path in &harness.paths {
        let address = path.replace("{business}", "demo").replace(['{', '}'], "");
        let told = harness.send(request("PATCH", &address, None, "")).await;
        assert_eq!(told.refusal(), (405, "method_not_allowed".to_owned()), "{path}");
        let allowed = told.headers["allow"].to_str().expect("text").to_lowercase();
        // Whatever can be got has a head.
        let methods = allowed.split(',').map(str::to_owned).filter(|method| method != "head").collect();
        routes.insert((*path).to_owned(), methods);
    }
    assert!(routes.len() > 25, "{}", routes.len());
    assert_eq!(described(&document(&harness).await), routes);
}

/// Every value under this key, wherever it is.
fn all<'a>(value: &'a Json, key: &str, found: &mut Vec<&'a Json>) {
    match value {
        Json::Object(members) => {
            found.extend(members.get(key));
            members.values().for_each(|below| all(below, key, found));
        }
        Json::Array(items) => items.iter().for_each(|below| all(below, key, found)),
        _ => {}
    }
}

/// What the specification wants of a document, as far as ours uses it: <https://spec.openapis.org/oas/v3.1.0>.
const SHAPE: &str = r##"{
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "required": ["openapi", "info", "paths", "components"],
    "properties": {
        "openapi": {"pattern": "^3\\.1\\.\\d+$"},
        "info": {"type": "object", "required": ["title", "version"],
            "properties": {"title": {"type": "string"}, "version": {"type": "string"},
                "license": {"required": ["name"], "not": {"required": ["identifier", "url"]}}}},
        "paths": {"type": "object", "patternProperties": {"^/": {"type": "object",
            "patternProperties": {"^(get|put|post|delete)$": {"$ref": "#/$defs/operation"}}, "additionalProperties": false}},
            "additionalProperties": false},
        "components": {"type": "object", "required": ["schemas", "securitySchemes"], "properties": {
            "schemas": {"propertyNames": {"pattern": "^[a-zA-Z0-9._-]+$"},
                "additionalProperties": {"$ref": "https://json-schema.org/draft/2020-12/schema"}},
            "securitySchemes": {"additionalProperties": {"oneOf": [
                {"required": ["scheme"], "properties": {"type": {"const": "http"}, "scheme": {"const": "bearer"}}},
                {"required": ["name", "in"], "properties": {"type": {"const": "apiKey"}, "in": {"const": "query"}}}]}}}}
    },
    "$defs": {
        "operation": {"type": "object", "required": ["operationId", "summary", "tags", "responses"],
            "properties": {
                "operationId": {"type": "string", "minLength": 1},
                "parameters": {"type": "array", "items": {"$ref": "#/$defs/parameter"}},
                "requestBody": {"type": "object", "required": ["content"],
                    "properties": {"content": {"$ref": "#/$defs/content"}}},
                "responses": {"type": "object", "minProperties": 2, "required": ["default"],
                    "propertyNames": {"pattern": "^[1-5](?:[0-9]{2}|XX)$|^default$"},
                    "additionalProperties": {"type": "object", "required": ["description"],
                        "properties": {"content": {"$ref": "#/$defs/content"}}}}}},
        "parameter": {"type": "object", "required": ["name", "in", "schema"],
            "properties": {"name": {"type": "string"}, "in": {"enum": ["path", "query", "header"]}, "required": {"type": "boolean"},
                "schema": {"$ref": "https://json-schema.org/draft/2020-12/schema"}},
            "if": {"properties": {"in": {"const": "path"}}},
            "then": {"required": ["required", "description"], "properties": {"required": {"const": true}}}},
        "content": {"type": "object", "propertyNames": {"pattern": "^[a-z]+/[a-z+.-]+$"},
            "additionalProperties": {"type": "object",
                "properties": {"schema": {"$ref": "https://json-schema.org/draft/2020-12/schema"}}}}
    }
}"##;

#[tokio::test]
async fn the_document_has_the_shape_of_openapi_3_1() {
    let document = document(&Harness::new()).await;
    let shape = serde_json::from_str(SHAPE).expect("JSON");
    let validator = jsonschema::validator_for(&shape).expect("a schema");
    let faults: Vec<String> =
        validator.iter_errors(&document).map(|fault| format!("{}: {fault}", fault.instance_path())).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    let mut references = Vec::new();
    all(&document, "$ref", &mut references);
    assert!(references.len() > 50, "{}", references.len());
    for reference in references {
        let pointer = reference.as_str().and_then(|text| text.strip_prefix('#')).expect("a reference within");
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
    let mut ids = Vec::new();
    all(&document, "operationId", &mut ids);
    let unique: BTreeSet<&str> = ids.iter().filter_map(|id| id.as_str()).collect();
    assert_eq!(unique.len(), ids.len(), "each operation has an id of its own: {ids:?}");
}

#[tokio::test]
async fn every_part_of_a_path_is_a_parameter_and_only_health_is_open() {
    let document = document(&Harness::new()).await;
    for (path, methods) in described(&document) {
        let parts: BTreeSet<&str> =
            path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
        for method in methods {
            let operation = &document["paths"][&path][&method];
            let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
            let named: BTreeSet<&str> = parameters
                .iter()
                .filter(|parameter| parameter["in"] == "path")
                .filter_map(|parameter| parameter["name"].as_str())
                .collect();
            assert_eq!(named, parts, "{method} {path}");
            let open = operation.get("security").is_none();
            assert_eq!(open, path == "/healthz" || path == "/readyz", "{method} {path}");
        }
    }
}

#[tokio::test]
async fn events_positions_and_the_ways_of_browsers_are_described() {
    let document = document(&Harness::new()).await;
    let at = |pointer: &str| document.pointer(pointer).cloned().unwrap_or_else(|| panic!("there is no {pointer}"));
    let events = at("/paths/~1v1~1{business}~1events/post/requestBody/content");
    let one = json!({ "$ref": "#/components/schemas/CloudEvent" });
    assert_eq!(events["application/cloudevents+json"]["schema"], one);
    assert_eq!(events["application/cloudevents-batch+json"]["schema"], json!({ "type": "array", "items": one }));
    assert!(events["application/json"]["schema"].is_object(), "{events}");
    let schema = json!({ "$ref": one["$ref"], "components": at("/components") });
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let sent: Json = serde_json::from_str(&event("1", "[1]")).expect("JSON");
    assert!(validator.is_valid(&sent), "{sent}");
    assert!(!validator.is_valid(&json!({ "specversion": "1.0", "id": "1", "source": "/app" })), "without a type");

    let parameter = |operation: &str, name: &str| {
        let parameters = at(&format!("/paths/{operation}/parameters"));
        let found = parameters.as_array().expect("a list").iter().find(|one| one["name"] == name).cloned();
        found.unwrap_or_else(|| panic!("{operation} has no {name}"))
    };
    let position = parameter("~1v1~1{business}~1failed-events~1{name}~1{position}/get", "position");
    assert_eq!((&position["schema"]["type"], &position["schema"]["minimum"]), (&json!("integer"), &json!(0)));
    let stream = "~1v1~1{business}~1users~1{user}~1actions/get";
    assert_eq!(parameter(stream, "Last-Event-ID")["in"], "header");
    let schemes = at("/components/securitySchemes");
    assert_eq!(schemes["user_token_in_address"]["name"], "access_token", "{schemes}");
    assert_eq!(at(&format!("/paths/{stream}/security")), json!([{ "token": [] }, { "user_token_in_address": [] }]));
    assert_eq!(at("/paths/~1v1~1limits/get/security"), json!([{ "token": [] }]));
}
