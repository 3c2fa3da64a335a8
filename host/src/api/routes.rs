//! Every route, with its bounds.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, get, post, put};

use super::extract::BodyLimit;
use super::observe::{Access, Route, observe};
use super::refusal::Refusal;
use super::{
    Api, Parts, actions, alerts, backfills, backups, captures, chains, decisions, deployments, events, failures, host,
    modules, openapi, persons, policies, queries, records, traces,
};

/// Time for a request that compiles or tries a module, instead of `request_ms`: a large component takes minutes.
const COMPILE: Duration = Duration::from_secs(600);

/// The API of a host.
pub fn router(parts: Parts) -> axum::Router {
    table(parts).finish()
}

pub(super) fn table(parts: Parts) -> Table {
    let limits = parts.limits.clone();
    let base = Route {
        path: "",
        access: Access::Service,
        body: BodyLimit { name: "request_bytes", bytes: limits.request_bytes },
        timeout: Duration::from_millis(limits.request_ms),
        frequent: true,
        always: false,
    };
    let change = Route { frequent: false, ..base };
    let compile = Route { timeout: COMPILE, ..change };
    let upload = Route { body: BodyLimit { name: "module_bytes", bytes: limits.module_bytes }, ..compile };
    let policy = Route { body: BodyLimit { name: "policy_bytes", bytes: limits.policy_bytes }, ..change };
    let person = Route { access: Access::Person, ..base };
    let look = Route { always: true, ..base };
    let open = Route { access: Access::Open, ..look };
    let none = Route { path: "none", frequent: false, ..open };
    let mut table = Table { api: Arc::new(Api::new(parts)), router: axum::Router::new(), paths: Vec::new(), none };
    table.add("/v1/{business}/events", base, post(events::submit));
    table.add("/v1/{business}/events/{source}/{event}", base, get(traces::event));
    table.add("/v1/{business}/modules", upload, post(modules::upload).get(modules::list));
    table.add("/v1/{business}/deployments", base, get(deployments::list));
    table.add("/v1/{business}/deployments/{name}", compile, put(deployments::deploy).get(deployments::show));
    table.add("/v1/{business}/deployments/{name}/pause", change, post(deployments::pause));
    table.add("/v1/{business}/deployments/{name}/resume", change, post(deployments::resume));
    table.add("/v1/{business}/deployments/{name}/rollback", compile, post(deployments::rollback));
    table.add("/v1/{business}/deployments/{name}/retire", change, post(deployments::retire));
    table.add("/v1/{business}/deployments/{name}/backfill", compile, post(backfills::backfill));
    table.add("/v1/{business}/deployments/{name}/queries/{query}", base, get(queries::ask));
    table.add("/v1/{business}/alerts", base, get(alerts::list));
    table.add("/v1/{business}/policies", base, get(policies::list));
    let one = put(policies::set).get(policies::show).delete(policies::remove);
    table.add("/v1/{business}/policies/{id}", policy, one);
    table.add("/v1/{business}/policies/{id}/chain", change, put(chains::set_of_policy).get(chains::show_of_policy));
    table.add("/v1/{business}/chain", change, put(chains::set).get(chains::show));
    table.add("/v1/{business}/decisions", base, get(decisions::list));
    table.add("/v1/{business}/decisions/summary", base, get(decisions::summary));
    table.add("/v1/{business}/decisions/{action}", base, get(decisions::show));
    table.add("/v1/{business}/user-tokens", base, post(persons::token));
    table.add("/v1/{business}/users/{user}/tags", person, get(persons::tags));
    table.add("/v1/{business}/users/{user}/actions", person, get(actions::stream));
    table.add("/v1/{business}/users/{user}/actions/{action}/ack", person, post(persons::acknowledge));
    table.add("/v1/{business}/users/{user}/slots/{slot}", person, get(persons::slot));
    table.add("/v1/{business}/trace/{key}", base, get(traces::trace));
    table.add("/v1/{business}/matches", base, get(records::matches));
    table.add("/v1/{business}/failed-events", base, get(records::failed));
    table.add("/v1/{business}/failed-events/resend", change, post(failures::resend));
    table.add("/v1/{business}/failed-events/{name}/{position}", base, get(failures::show));
    table.add("/v1/{business}/capture", base, get(captures::capture));
    table.add("/v1/{business}/modules/{digest}", base, get(modules::component));
    table.add("/v1/backup", change, post(backups::backup));
    table.add("/v1/openapi.json", base, get(openapi::document));
    table.add("/v1/limits", base, get(host::limits));
    table.add("/metrics", look, get(host::metrics));
    table.add("/healthz", open, get(host::healthz));
    table.add("/readyz", open, get(host::readyz));
    table
}

pub(super) struct Table {
    api: Arc<Api>,
    router: axum::Router<Arc<Api>>,
    pub paths: Vec<&'static str>,
    /// For what is not here.
    none: Route,
}

impl Table {
    fn add(&mut self, path: &'static str, route: Route, methods: MethodRouter<Arc<Api>>) {
        let largest = usize::try_from(route.body.bytes).unwrap_or(usize::MAX);
        let methods = methods.fallback(wrong_method).layer(DefaultBodyLimit::max(largest));
        let methods = methods.layer(from_fn_with_state((self.api.clone(), Route { path, ..route }), observe));
        self.router = std::mem::take(&mut self.router).route(path, methods);
        self.paths.push(path);
    }

    pub fn finish(self) -> axum::Router {
        let unknown = axum::routing::any(nothing_here);
        let unknown = unknown.layer(from_fn_with_state((self.api.clone(), self.none), observe));
        self.router.fallback_service(unknown.with_state(self.api.clone())).with_state(self.api)
    }
}

async fn wrong_method() -> Refusal {
    Refusal::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        "this address has other methods: see the header `allow`",
    )
}

async fn nothing_here() -> Refusal {
    Refusal::new(
        StatusCode::NOT_FOUND,
        "not_found",
        "there is nothing at this address: the API begins with /v1/{business}/",
    )
}
