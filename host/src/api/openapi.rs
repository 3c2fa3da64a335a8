//! The document about this API (OpenAPI 3.1), made from the handlers and the bodies themselves.

mod refusals;

use std::sync::LazyLock;

use axum::http::{HeaderValue, header};
use axum::response::IntoResponse;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{AllOfBuilder, KnownFormat, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{ContentBuilder, OpenApi as Document, Ref, RefOr, Required, Response, ResponseBuilder, Schema};
use utoipa::{Modify, OpenApi};

use super::answer::line;
use super::body::{ByeView, Problem};
use super::refusal::Refusal;
use super::{
    actions, alerts, backfills, backups, captures, chains, decisions, deployments, events, failures, host, modules,
    persons, policies, queries, records, traces,
};

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const SCHEME: &str = "token";
const IN_ADDRESS: &str = "user_token_in_address";
/// Addresses that answer those who have no token.
const OPEN: [&str; 2] = ["/healthz", "/readyz"];

/// What each part of a path is.
const PATH_PARTS: [(&str, &str); 12] = [
    ("business", "who owns it: 1 to 63 of a-z, 0-9 and -"),
    ("name", "of the deployment: 1 to 63 of a-z, 0-9 and -"),
    ("query", "as the module names it"),
    ("key", "as the events carry it, usually the actor"),
    ("id", "of the policy: 1 to 63 of a-z, 0-9 and -"),
    ("action", "32 hexadecimal digits"),
    ("user", "the person, as matches name them"),
    ("digest", "64 hexadecimal digits: SHA-256 of the component"),
    ("position", "a number of the journal"),
    ("source", "of the event, percent-encoded"),
    ("event", "its id, percent-encoded"),
    ("slot", "place in the app: 1 to 63 of a-z, 0-9 and -"),
];

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Fishpond",
        description = "Behaviour events in, what rules find in them and what is done about it out. Nothing is acknowledged or \
                       shown before its position is on disk.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    paths(
        events::submit, modules::upload, modules::list, deployments::list, deployments::deploy, deployments::show,
        deployments::pause, deployments::resume, deployments::rollback, deployments::retire, backfills::backfill, alerts::list, queries::ask,
        policies::list, policies::set, policies::show, policies::remove, chains::set, chains::show,
        chains::set_of_policy, chains::show_of_policy, decisions::list, decisions::show, decisions::summary,
        persons::token, persons::tags, persons::slot, persons::acknowledge, actions::stream, traces::trace, traces::event,
        records::matches, records::failed, failures::show, failures::resend, captures::capture, modules::component, backups::backup, host::limits, host::metrics, host::healthz, host::readyz, document
    ),
    components(schemas(Problem, ByeView)),
    modifiers(&Common)
)]
struct Described;

/// What all operations have in common: parts of the path, the token, the one form of refusals.
struct Common;

impl Modify for Common {
    fn modify(&self, document: &mut Document) {
        let components = document.components.get_or_insert_default();
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("The host's token; for the addresses of end users also a token of that user."));
        components.add_security_scheme(SCHEME, SecurityScheme::Http(bearer.build()));
        let in_address = "A user's token, for browsers' EventSource, which sends no header. It is never logged.";
        let key = ApiKeyValue::with_description("access_token", in_address);
        components.add_security_scheme(IN_ADDRESS, SecurityScheme::ApiKey(ApiKey::Query(key)));
        for (path, item) in &mut document.paths.paths {
            let operations = [
                ("get", &mut item.get),
                ("put", &mut item.put),
                ("post", &mut item.post),
                ("delete", &mut item.delete),
            ];
            for (method, operation) in operations {
                let Some(operation) = operation else { continue };
                operation.operation_id = Some(operation_id(method, path));
                let parameters = operation.parameters.get_or_insert_default();
                parameters.splice(0..0, path_parts(path));
                operation.security = Secret::of(path).schemes();
                add_refusals(operation, method, path);
            }
        }
    }
}

/// What an address wants to be shown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Secret {
    Nothing,
    /// The host's token.
    Token,
    /// That, or a user's, which may be in the address.
    Person,
}

impl Secret {
    fn of(path: &str) -> Secret {
        match path {
            _ if OPEN.contains(&path) => Secret::Nothing,
            _ if path.starts_with("/v1/{business}/users/") => Secret::Person,
            _ => Secret::Token,
        }
    }

    /// Any one of them will do.
    fn schemes(self) -> Option<Vec<SecurityRequirement>> {
        let names: &[&str] = match self {
            Secret::Nothing => return None,
            Secret::Token => &[SCHEME],
            Secret::Person => &[SCHEME, IN_ADDRESS],
        };
        Some(names.iter().map(|name| SecurityRequirement::new(*name, [""; 0])).collect())
    }
}

/// Those that the handlers know, each status with its codes; what else may come has the same form.
fn add_refusals(operation: &mut Operation, method: &str, path: &str) {
    let responses = &mut operation.responses.responses;
    for (status, codes) in refusals::of(method, path) {
        responses.insert(status.to_string(), refusal_with(codes.as_deref()).into());
    }
    responses.insert("default".to_owned(), refusal_with(None).into());
}

/// `put_policies_id_chain`: names of handlers are not unique.
fn operation_id(method: &str, path: &str) -> String {
    let path = path.trim_start_matches("/v1").trim_start_matches("/{business}");
    let words = path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    std::iter::once(method).chain(words).collect::<Vec<_>>().join("_")
}

fn path_parts(path: &str) -> Vec<Parameter> {
    let names = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let parameter = |name: &str| {
        let described = PATH_PARTS.iter().find(|(known, _)| *known == name).map(|(_, text)| *text);
        let schema = match name {
            "position" => ObjectBuilder::new()
                .schema_type(Type::Integer)
                .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
                .minimum(Some(0)),
            _ => ObjectBuilder::new().schema_type(Type::String),
        };
        let parameter = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Path).required(Required::True);
        parameter.description(described).schema(Some(Schema::Object(schema.build()))).build()
    };
    names.map(parameter).collect()
}

/// Without codes any may come.
fn refusal_with(codes: Option<&[&str]>) -> Response {
    let problem: RefOr<Schema> = Ref::from_schema_name("Problem").into();
    let (schema, description) = match codes {
        None => (problem, "A refusal: a code for programs, a message for people".to_owned()),
        Some(codes) => {
            let code = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(codes.iter().copied()));
            let one_of_them = ObjectBuilder::new().property("code", code);
            let both = AllOfBuilder::new().item(problem).item(one_of_them).build();
            (Schema::AllOf(both).into(), format!("Refused: {}", codes.join(", ")))
        }
    };
    let content = ContentBuilder::new().schema(Some(schema)).build();
    ResponseBuilder::new().description(description).content("application/problem+json", content).build()
}

/// The document; it is the same for every host of this version.
pub fn described() -> Document {
    Described::openapi()
}

#[utoipa::path(get, path = "/v1/openapi.json", tag = "host", summary = "This document",
    responses((status = 200, description = "OpenAPI 3.1", body = Object)))]
pub async fn document() -> Result<impl IntoResponse, Refusal> {
    static TEXT: LazyLock<Result<Vec<u8>, String>> =
        LazyLock::new(|| line(&described()).map_err(|error| error.to_string()));
    let text = TEXT.as_ref().map_err(|error| Refusal::host(format!("the document cannot be written: {error}")))?;
    Ok(([(header::CONTENT_TYPE, JSON)], text.as_slice()))
}
