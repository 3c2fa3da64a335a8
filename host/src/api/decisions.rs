//! Decisions: what was done about matches, and why not more. Read from the journal by the index.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;

use super::answer::Json;
use super::body::{ActionStory, DecisionPage, DecisionSummary, ReachedView};
use super::extract::{NoParameters, Parameters, Place, count, time};
use super::refusal::Refusal;
use super::{Api, Parts, answered, view};
use crate::model::Lsn;
use crate::model::outreach::{ActionId, Decision};
use crate::model::ports::WhatIf;
use crate::outreach::{Found, Page, Query, Stopped, What};

/// Everything that is given must hold.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DecisionsAsked {
    person: Option<String>,
    /// Name of the match.
    #[serde(rename = "match")]
    match_name: Option<String>,
    /// Id of the policy.
    policy: Option<String>,
    /// A status, a delivery's end, a reason that a filter gave, or the code of its error.
    reason: Option<String>,
    /// RFC 3339, receive clock, inclusive.
    since: Option<String>,
    /// RFC 3339, receive clock, exclusive.
    until: Option<String>,
    /// A page ends with the position at which it reaches so many; `page_items` at most and by default.
    limit: Option<u64>,
    /// Only below this position: `next` of the page before.
    before: Option<u64>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ActionAsked {
    /// Adds what every filter would say now. Nothing is kept of it.
    #[serde(default)]
    what_if: bool,
}

#[utoipa::path(get, path = "/v1/{business}/decisions", tag = "outreach",
    summary = "Looks at actions and ends of deliveries, newest first", params(DecisionsAsked),
    responses((status = 200, description = "A page; it may be short or empty, and `next` says where to go on",
        body = DecisionPage)))]
pub async fn list(
    State(api): State<Arc<Api>>,
    Place(business): Place<String>,
    Parameters(asked): Parameters<DecisionsAsked>,
) -> Result<Json<DecisionPage>, Refusal> {
    let limit = count(asked.limit, "page_items", api.parts.limits.page_items)?;
    let since = asked.since.as_deref().map(|since| time("since", since)).transpose()?;
    let until = asked.until.as_deref().map(|until| time("until", until)).transpose()?;
    let find = move |parts: &Parts| {
        let position = followed(parts)?;
        let query = Query {
            business: &business,
            person: asked.person.as_deref(),
            match_name: asked.match_name.as_deref(),
            policy: asked.policy.as_deref(),
            reason: asked.reason.as_deref(),
            since,
            until,
            before: asked.before.map(Lsn),
            limit,
        };
        let found = parts.decisions.find(&parts.log, &query);
        Ok::<_, Refusal>((position, found.map_err(|error| Refusal::host(error.to_string()))?))
    };
    let (position, page) = api.bounded(&api.pages, find).await??;
    Ok(Json(page_view(position, &page)))
}

fn page_view(position: Lsn, page: &Page) -> DecisionPage {
    let next = page.next.map(|lsn| lsn.0);
    let mut view = DecisionPage { position: position.0, decisions: Vec::new(), ends: Vec::new(), next };
    for Found { lsn, what, .. } in &page.found {
        match what {
            What::Decided(decision) => view.decisions.push(view::decision(*lsn, decision)),
            What::Ended(ended) => view.ends.push(view::end(*lsn, ended)),
        }
    }
    view
}

#[utoipa::path(get, path = "/v1/{business}/decisions/{action}", tag = "outreach",
    summary = "One action: every look at it, and how its delivery ended", params(ActionAsked),
    responses((status = 200, description = "Its story", body = ActionStory)))]
pub async fn show(
    State(api): State<Arc<Api>>,
    Place((business, action)): Place<(String, String)>,
    Parameters(asked): Parameters<ActionAsked>,
) -> Result<Json<ActionStory>, Refusal> {
    let id = ActionId::parse(&action).ok_or_else(|| unknown(&action))?;
    let find = move |parts: &Parts| {
        followed(parts)?;
        let found = parts.decisions.looks(&parts.log, &business, id);
        found.map_err(|error| Refusal::host(error.to_string()))
    };
    let found = api.bounded(&api.pages, find).await??;
    if found.is_empty() {
        return Err(unknown(&action));
    }
    let mut story = ActionStory { action: id.to_string(), looks: Vec::new(), end: None, what_if: None };
    let mut last = None;
    for Found { lsn, what, .. } in &found {
        match what {
            What::Decided(decision) => {
                story.looks.push(view::decision(*lsn, decision));
                last = Some(decision);
            }
            What::Ended(ended) => story.end = Some(view::end(*lsn, ended)),
        }
    }
    if let Some(decision) = last.filter(|_| asked.what_if) {
        story.what_if = Some(what_if(&api, decision).await?);
    }
    Ok(Json(story))
}

async fn what_if(api: &Api, decision: &Decision) -> Result<Vec<ReachedView>, Refusal> {
    let look = WhatIf { action: decision.action.clone(), attempt: decision.attempt };
    let reached = answered(|answer| api.parts.ask.what_if(look, answer)).await??;
    Ok(reached.iter().map(view::reached).collect())
}

#[utoipa::path(get, path = "/v1/{business}/decisions/summary", tag = "outreach",
    summary = "How many there were since the journal begins: by match, status, reason and end",
    responses((status = 200, description = "The counts", body = DecisionSummary)))]
pub async fn summary(
    State(api): State<Arc<Api>>,
    Place(business): Place<String>,
    Parameters(NoParameters {}): Parameters<NoParameters>,
) -> Result<Json<DecisionSummary>, Refusal> {
    let position = followed(&api.parts)?;
    let counts = api.parts.decisions.counts(&business);
    let matches = counts.matches.iter().map(|(name, counts)| view::match_counts(name, counts)).collect();
    Ok(Json(DecisionSummary { position: position.0, matches }))
}

/// How far the index reaches; only what is durable is in it.
fn followed(parts: &Parts) -> Result<Lsn, Refusal> {
    if !parts.decisions.is_running() {
        return Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "decisions_stopped", Stopped.to_string()));
    }
    Ok(parts.decisions.position())
}

fn unknown(action: &str) -> Refusal {
    let shown: String = action.chars().take(80).collect();
    let message = format!("nothing was decided about an action `{shown}` in this business: see the list of decisions");
    Refusal::new(StatusCode::NOT_FOUND, "unknown_action", message)
}
