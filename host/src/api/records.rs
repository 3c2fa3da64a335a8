//! Matches and failed inputs, page by page: a consumer asks again with `after` = the last answer's `next`.

use std::sync::Arc;

use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use super::answer::Json;
use super::body::{FailedPage, MatchPage};
use super::extract::{Parameters, Place, count};
use super::refusal::Refusal;
use super::{Api, Parts, view};
use crate::model::Lsn;
use crate::trace::{self, FailedFilter, PageRequest};

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct MatchesAsked {
    #[serde(default)]
    after: u64,
    limit: Option<u64>,
    name: Option<String>,
    person: Option<String>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct FailedAsked {
    #[serde(default)]
    after: u64,
    limit: Option<u64>,
    deployment: Option<String>,
    /// `trap`, `fuel`, or the code of the refusal.
    code: Option<String>,
    key: Option<String>,
    /// Those that came too late instead: for their order, or for a window.
    #[serde(default)]
    late: bool,
}

#[utoipa::path(get, path = "/v1/{business}/matches", tag = "events", summary = "Matches, oldest first",
    params(MatchesAsked), responses((status = 200, description = "A page", body = MatchPage)))]
pub async fn matches(
    State(api): State<Arc<Api>>,
    Place(business): Place<String>,
    Parameters(asked): Parameters<MatchesAsked>,
) -> Result<Json<MatchPage>, Refusal> {
    let limit = count(asked.limit, "page_items", api.parts.limits.page_items)?;
    let deadline = api.scan_deadline();
    let scan = move |parts: &Parts| {
        let request = PageRequest { business: &business, after: Lsn(asked.after), limit, deadline };
        trace::matches(&parts.history, &parts.registry, &request, asked.name.as_deref(), asked.person.as_deref())
    };
    let page = api.bounded(&api.pages, scan).await??;
    let now = trace::Expired::of(&api.parts.log);
    let matches = page.items.iter().map(|found| view::found(found, now)).collect();
    Ok(Json(MatchPage { matches, next: page.next.0, expired: page.expired.map(view::expired) }))
}

#[utoipa::path(get, path = "/v1/{business}/failed-events", tag = "events",
    summary = "Events that could not be handled, or came too late; oldest first", params(FailedAsked),
    responses((status = 200, description = "A page", body = FailedPage)))]
pub async fn failed(
    State(api): State<Arc<Api>>,
    Place(business): Place<String>,
    Parameters(asked): Parameters<FailedAsked>,
) -> Result<Json<FailedPage>, Refusal> {
    let limit = count(asked.limit, "page_items", api.parts.limits.page_items)?;
    let deadline = api.scan_deadline();
    let scan = move |parts: &Parts| {
        let request = PageRequest { business: &business, after: Lsn(asked.after), limit, deadline };
        let (deployment, code, key) = (asked.deployment.as_deref(), asked.code.as_deref(), asked.key.as_deref());
        let filter = FailedFilter { deployment, code, key, late: asked.late };
        trace::failed(&parts.history, &parts.registry, &request, filter)
    };
    let page = api.bounded(&api.pages, scan).await??;
    let failed = page.items.iter().map(view::failed).collect();
    Ok(Json(FailedPage { failed, next: page.next.0, expired: page.expired.map(view::expired) }))
}
