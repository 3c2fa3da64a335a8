//! Which refusals an address has: each status with its codes. Every refusal that a test of the API meets is looked up here,
//! so a code that is missing fails that test.

use std::collections::BTreeMap;

use super::{OPEN, Secret};

/// A status and some of its codes, between spaces.
type Codes = (u16, &'static str);

/// A head, and how busy the host is.
const EVERY: &[Codes] = &[(400, "bad_query"), (431, "http_header_bytes http_headers"), (500, "host_failure")];
const TOKEN: &[Codes] = &[(401, "unauthorized"), (503, "requests_in_flight request_ms journal_failed shutting_down")];
const PERSON: &[Codes] = &[(400, "attribute_bytes"), (401, "token_expired"), (403, "wrong_user wrong_business")];
const PATH: &[Codes] = &[(400, "bad_name bad_path")];
/// What changes something is a frame of the journal.
const CHANGE: &[Codes] = &[(413, "journal_frame_bytes"), (429, "journal_queue_bytes")];
const BODY: &[Codes] = &[(400, "not_json bad_body bad_request"), (408, "http_body_ms")];
const PAGE: &[Codes] = &[(400, "page_items attribute_bytes")];
/// What a module is refused for when it is tried.
const TRIED: &[Codes] = &[
    (409, "state_version retired derived_types"),
    (413, "configuration_bytes"),
    (
        422,
        "no_module ambiguous_module configuration_refused bad_plan configure_failed \
     unknown_permission no_revision",
    ),
];
const DEPLOYMENT: &[Codes] = &[(404, "no_deployment")];
const POLICY: &[Codes] = &[(404, "no_policy")];
const CHAIN: &[Codes] = &[(400, "chain_entries"), (422, "bad_chain")];

/// What an operation has beside that, by its method and its path behind the business.
const OWN: &[(&str, &str, &[&[Codes]])] = &[
    (
        "post",
        "/events",
        &[&[
            (400, EVENT),
            (404, "no_intake"),
            (409, "id_reused"),
            (413, "batch_events"),
            (415, "unsupported_content_type"),
            (429, "dedup_unwritten lag_max_bytes"),
            (503, "not_ready store_failed"),
        ]],
    ),
    ("get", "/events/{source}/{event}", &[&[(400, "attribute_bytes"), (404, "no_event")]]),
    (
        "post",
        "/modules",
        &[&[
            (409, "version_taken modules"),
            (413, "description_bytes"),
            (415, "unsupported_content_type"),
            (
                422,
                "not_wasm not_a_component unknown_import unknown_export no_lifecycle bad_contract \
     describe_failed",
            ),
        ]],
    ),
    ("get", "/modules/{digest}", &[&[(404, "no_module")]]),
    (
        "put",
        "/deployments/{name}",
        &[
            DEPLOYMENT,
            TRIED,
            &[(409, "deployments gap has_begun not_paused changed_meanwhile in_chain"), (422, "start_in_future")],
        ],
    ),
    ("get", "/deployments/{name}", &[DEPLOYMENT]),
    ("post", "/deployments/{name}/pause", &[DEPLOYMENT, &[(400, "log_bytes"), (409, "already_paused retired")]]),
    ("post", "/deployments/{name}/resume", &[DEPLOYMENT, &[(409, "not_paused retired gap")]]),
    ("post", "/deployments/{name}/rollback", &[DEPLOYMENT, TRIED, &[(409, "no_revision in_chain")]]),
    ("post", "/deployments/{name}/retire", &[DEPLOYMENT, &[(409, "retired in_chain")]]),
    (
        "post",
        "/deployments/{name}/backfill",
        &[DEPLOYMENT, TRIED, &[(400, "backfill_advance_ms"), (409, "backfill_running"), (422, "derived_events")]],
    ),
    (
        "get",
        "/deployments/{name}/queries/{query}",
        &[DEPLOYMENT, &[(400, "attribute_bytes query_bytes"), (404, "no_query"), (422, ANY)]],
    ),
    (
        "put",
        "/policies/{id}",
        &[&[(409, "policies policies_per_match"), (413, "tag_bytes"), (422, "bad_policy no_deployment")]],
    ),
    ("get", "/policies/{id}", &[POLICY]),
    ("delete", "/policies/{id}", &[POLICY]),
    ("put", "/policies/{id}/chain", &[POLICY, CHAIN]),
    ("get", "/policies/{id}/chain", &[POLICY]),
    ("put", "/chain", &[CHAIN]),
    ("get", "/decisions", &[PAGE, &[(503, "decisions_stopped")]]),
    ("get", "/decisions/summary", &[&[(503, "decisions_stopped")]]),
    ("get", "/decisions/{action}", &[&[(404, "unknown_action"), (503, "decisions_stopped")]]),
    ("post", "/user-tokens", &[&[(400, "user_token_ms")]]),
    ("get", "/users/{user}/actions", &[&[(429, "streams_per_person"), (503, "streams")]]),
    ("post", "/users/{user}/actions/{action}/ack", &[&[(404, "unknown_action")]]),
    ("get", "/trace/{key}", &[&[(400, "trace_items attribute_bytes")]]),
    ("get", "/matches", &[PAGE]),
    ("get", "/failed-events", &[PAGE]),
    ("get", "/failed-events/{name}/{position}", &[DEPLOYMENT, &[(404, "no_failed_input"), (410, "beyond_retention")]]),
    (
        "post",
        "/failed-events/resend",
        &[
            DEPLOYMENT,
            &[(400, "attribute_bytes"), (404, "no_failed_input"), (409, "retired"), (410, "beyond_retention")],
        ],
    ),
    (
        "get",
        "/capture",
        &[
            DEPLOYMENT,
            &[(400, "attribute_bytes"), (404, "nothing_recorded"), (409, "not_alone"), (410, "beyond_retention")],
        ],
    ),
    ("post", "/v1/backup", &[&[(409, "backup_running")]]),
    ("get", "/readyz", &[&[(503, "not_ready")]]),
];

/// Why single events are refused; of a batch each has its own.
const EVENT: &str = "nothing_accepted bad_event bad_specversion bad_id bad_source bad_type bad_subject \
     bad_time bad_datacontenttype bad_data bad_attribute duplicate_attribute event_bytes \
     data_bytes attribute_bytes extensions undeduplicated";

/// A code that a module chooses.
const ANY: &str = "*";

/// Codes of one status. None where some are the module's own.
pub type Known = BTreeMap<u16, Option<Vec<&'static str>>>;

/// The refusals of an operation.
pub fn of(method: &str, path: &str) -> Known {
    let mut found = Known::new();
    let mut add = |parts: &[Codes]| {
        for (status, codes) in parts {
            let known = found.entry(*status).or_insert_with(|| Some(Vec::new()));
            match known {
                _ if *codes == ANY => *known = None,
                Some(known) => known.extend(codes.split_whitespace()),
                None => {}
            }
        }
    };
    add(EVERY);
    if !OPEN.contains(&path) {
        add(TOKEN);
    }
    if Secret::of(path) == Secret::Person {
        add(PERSON);
    }
    let behind = path.strip_prefix("/v1/{business}");
    if behind.is_some() {
        add(PATH);
    }
    if method != "get" {
        add(CHANGE);
    }
    if matches!(method, "put" | "post") {
        add(BODY);
        add(&[(413, body_limit(path))]);
    }
    let own = OWN.iter().filter(|(own, at, _)| *own == method && *at == behind.unwrap_or(path));
    own.flat_map(|(.., parts)| parts.iter()).for_each(|part| add(part));
    found.values_mut().flatten().for_each(|codes| {
        codes.sort_unstable();
        codes.dedup();
    });
    found
}

fn body_limit(path: &str) -> &'static str {
    match path {
        "/v1/{business}/modules" => "module_bytes",
        "/v1/{business}/policies/{id}" => "policy_bytes",
        _ => "request_bytes",
    }
}
