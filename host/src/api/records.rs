//! Matches and failed inputs, page by page: a consumer asks again with `after` = the last answer's `next`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;

use super::body::{FailedPage, MatchPage};
use super::extract::{Parameters, Place, count};
use super::refusal::Refusal;
use super::{Api, Parts, view};
use crate::model::Lsn;
use crate::trace::{self, PageRequest};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MatchesAsked {
    #[serde(default)]
    after: u64,
    limit: Option<u64>,
    name: Option<String>,
    person: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FailedAsked {
    #[serde(default)]
    after: u64,
    limit: Option<u64>,
    deployment: Option<String>,
}

pub async fn matches(
    State(api): State<Arc<Api>>,
    Place(business): Place<String>,
    Parameters(asked): Parameters<MatchesAsked>,
) -> Result<Json<MatchPage>, Refusal> {
    let limit = count(asked.limit, "page_items", api.parts.limits.page_items)?;
    let deadline = api.scan_deadline();
    let scan = move |parts: &Parts| {
        let request = PageRequest { business: &business, after: Lsn(asked.after), limit, deadline };
        trace::matches(&parts.log, &parts.registry, &request, asked.name.as_deref(), asked.person.as_deref())
    };
    let page = api.bounded(&api.pages, scan).await??;
    Ok(Json(MatchPage { matches: page.items.iter().map(view::found).collect(), next: page.next.0 }))
}

pub async fn failed(
    State(api): State<Arc<Api>>,
    Place(business): Place<String>,
    Parameters(asked): Parameters<FailedAsked>,
) -> Result<Json<FailedPage>, Refusal> {
    let limit = count(asked.limit, "page_items", api.parts.limits.page_items)?;
    let deadline = api.scan_deadline();
    let scan = move |parts: &Parts| {
        let request = PageRequest { business: &business, after: Lsn(asked.after), limit, deadline };
        trace::failed(&parts.log, &parts.registry, &request, asked.deployment.as_deref())
    };
    let page = api.bounded(&api.pages, scan).await??;
    Ok(Json(FailedPage { failed: page.items.iter().map(view::failed).collect(), next: page.next.0 }))
}
