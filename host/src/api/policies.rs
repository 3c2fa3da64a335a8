//! Policies: what is done about a match. Every change is a revision with an author.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::answer::Json;
use super::auth::Caller;
use super::body::{PolicyBody, PolicyList, PolicyRemoved, PolicyView};
use super::extract::{Content, NoParameters, Parameters, Place, json};
use super::refusal::Refusal;
use super::{Api, Parts, reading, view};
use crate::model::Lsn;
use crate::outreach::{self, Kept};

type Named = Place<(String, String)>;
type Unparametrised = Parameters<NoParameters>;

#[utoipa::path(put, path = "/v1/{business}/policies/{id}", tag = "outreach",
    summary = "Make a policy, or give it a new revision", request_body = PolicyBody,
    responses((status = 200, description = "The policy as it is now", body = PolicyView),
        (status = 201, description = "A new policy", body = PolicyView)))]
pub async fn set(
    State(api): State<Arc<Api>>,
    Place((business, id)): Named,
    Parameters(NoParameters {}): Unparametrised,
    Caller(by): Caller,
    Content(body): Content,
) -> Result<Response, Refusal> {
    let policy = reading::policy(&json::<PolicyBody>(&body)?, &api.parts.limits)?;
    let (of, named, author) = (business.clone(), id.clone(), by.clone());
    let set = move |parts: &Parts| {
        let (lsn, revision) = parts.book.set_policy(&of, &named, policy, &author)?;
        Ok::<_, Refusal>((lsn, revision, find(&parts.book.rules(), &of, &named)?))
    };
    let (lsn, revision, view) = api.blocking(set).await??;
    api.parts.log.committed(lsn.max(Lsn(view.position))).await?;
    tracing::info!(business, policy = id, revision, %by, position = lsn.0, "policy set");
    let status = if revision == 1 { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(view)).into_response())
}

#[utoipa::path(get, path = "/v1/{business}/policies/{id}", tag = "outreach", summary = "Show a policy",
    responses((status = 200, description = "The policy", body = PolicyView)))]
pub async fn show(
    State(api): State<Arc<Api>>,
    Place((business, id)): Named,
    Parameters(NoParameters {}): Unparametrised,
) -> Result<Json<PolicyView>, Refusal> {
    let view = api.blocking(move |parts| find(&parts.book.rules(), &business, &id)).await??;
    api.parts.log.committed(Lsn(view.position)).await?;
    Ok(Json(view))
}

#[utoipa::path(get, path = "/v1/{business}/policies", tag = "outreach", summary = "List policies",
    responses((status = 200, description = "Those in force, by id", body = PolicyList)))]
pub async fn list(
    State(api): State<Arc<Api>>,
    Place(business): Place<String>,
    Parameters(NoParameters {}): Unparametrised,
) -> Result<Json<PolicyList>, Refusal> {
    let list = move |parts: &Parts| {
        let kept = parts.book.rules();
        let policies: Vec<PolicyView> =
            kept.policies(&business).filter_map(|bound| find(&kept, &business, &bound.id).ok()).collect();
        // Also one that was removed is told of, by not being there.
        let stamps = kept.policies(&business).filter_map(|bound| kept.policy_stamp(&business, &bound.id));
        (stamps.map(|stamp| stamp.lsn).max(), policies)
    };
    let (newest, policies) = api.blocking(list).await?;
    api.parts.log.committed(newest.unwrap_or(Lsn::ZERO)).await?;
    Ok(Json(PolicyList { policies }))
}

#[utoipa::path(delete, path = "/v1/{business}/policies/{id}", tag = "outreach",
    summary = "End a policy: what it holds is cancelled",
    responses((status = 200, description = "It is removed", body = PolicyRemoved)))]
pub async fn remove(
    State(api): State<Arc<Api>>,
    Place((business, id)): Named,
    Parameters(NoParameters {}): Unparametrised,
    Caller(by): Caller,
) -> Result<Json<PolicyRemoved>, Refusal> {
    let (of, named, author) = (business.clone(), id.clone(), by.clone());
    let (lsn, revision) = api.blocking(move |parts| parts.book.remove_policy(&of, &named, &author)).await??;
    api.parts.log.committed(lsn).await?;
    tracing::info!(business, policy = id, revision, %by, position = lsn.0, "policy removed");
    Ok(Json(PolicyRemoved { id, revision, position: lsn.0 }))
}

fn find(kept: &Kept, business: &str, id: &str) -> Result<PolicyView, outreach::Error> {
    let found = kept.policy(business, id).zip(kept.policy_stamp(business, id));
    let shown = found.and_then(|(bound, stamp)| Some(view::policy(id, bound.revision, stamp, bound.policy.as_ref()?)));
    shown.ok_or_else(|| outreach::Error::NoPolicy(id.chars().take(80).collect()))
}
