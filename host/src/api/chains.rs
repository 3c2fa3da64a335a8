//! Chains: which filters judge a message, in which order. A part belongs to the host (business `platform`), to a business or
//! to one policy.

use std::sync::Arc;

use axum::extract::State;

use super::answer::Json;
use super::auth::Caller;
use super::body::{ChainBody, ChainView};
use super::extract::{Content, NoParameters, Parameters, Place, json};
use super::refusal::Refusal;
use super::{Api, Parts, reading, view};
use crate::model::Lsn;
use crate::model::outreach::ChainPart;
use crate::outreach::{self, Kept, PLATFORM};

type Unparametrised = Parameters<NoParameters>;

#[utoipa::path(put, path = "/v1/{business}/chain", tag = "outreach",
    summary = "Set the business's part of all its chains; of `platform`: the host's part", request_body = ChainBody,
    responses((status = 200, description = "The part as it is now", body = ChainView)))]
pub async fn set(
    State(api): State<Arc<Api>>,
    Place(business): Place<String>,
    Parameters(NoParameters {}): Unparametrised,
    Caller(by): Caller,
    Content(body): Content,
) -> Result<Json<ChainView>, Refusal> {
    let part = common(&business);
    change(&api, business, part, by, &body).await
}

#[utoipa::path(get, path = "/v1/{business}/chain", tag = "outreach",
    summary = "Show the business's part of all its chains; of `platform`: the host's part",
    responses((status = 200, description = "The part", body = ChainView)))]
pub async fn show(
    State(api): State<Arc<Api>>,
    Place(business): Place<String>,
    Parameters(NoParameters {}): Unparametrised,
) -> Result<Json<ChainView>, Refusal> {
    let part = common(&business);
    shown(&api, business, part).await
}

#[utoipa::path(put, path = "/v1/{business}/policies/{id}/chain", tag = "outreach",
    summary = "Set a policy's part of its chain", request_body = ChainBody,
    responses((status = 200, description = "The part as it is now, and the whole chain", body = ChainView)))]
pub async fn set_of_policy(
    State(api): State<Arc<Api>>,
    Place((business, id)): Place<(String, String)>,
    Parameters(NoParameters {}): Unparametrised,
    Caller(by): Caller,
    Content(body): Content,
) -> Result<Json<ChainView>, Refusal> {
    change(&api, business, ChainPart::Policy(id.into()), by, &body).await
}

#[utoipa::path(get, path = "/v1/{business}/policies/{id}/chain", tag = "outreach",
    summary = "Show a policy's part of its chain, and the whole chain in order",
    responses((status = 200, description = "The part and the whole", body = ChainView)))]
pub async fn show_of_policy(
    State(api): State<Arc<Api>>,
    Place((business, id)): Place<(String, String)>,
    Parameters(NoParameters {}): Unparametrised,
) -> Result<Json<ChainView>, Refusal> {
    shown(&api, business, ChainPart::Policy(id.into())).await
}

fn common(business: &str) -> ChainPart {
    if business == PLATFORM { ChainPart::Platform } else { ChainPart::Business }
}

async fn change(
    api: &Arc<Api>,
    business: String,
    part: ChainPart,
    by: Arc<str>,
    body: &[u8],
) -> Result<Json<ChainView>, Refusal> {
    let entries = reading::chain(&json::<ChainBody>(body)?)?;
    let (of, which, author) = (business.clone(), part.clone(), by.clone());
    let set = move |parts: &Parts| {
        let (lsn, revision) = parts.book.set_chain(&of, which.clone(), entries, &author)?;
        let (newest, view) = find(&parts.book.rules(), &of, &which)?;
        Ok::<_, outreach::Error>((lsn, revision, newest, view))
    };
    let (lsn, revision, newest, view) = api.blocking(set).await??;
    api.parts.log.committed(lsn.max(newest)).await?;
    tracing::info!(business, %part, revision, %by, position = lsn.0, "chain set");
    Ok(Json(view))
}

async fn shown(api: &Arc<Api>, business: String, part: ChainPart) -> Result<Json<ChainView>, Refusal> {
    let (newest, view) = api.blocking(move |parts| find(&parts.book.rules(), &business, &part)).await??;
    api.parts.log.committed(newest).await?;
    Ok(Json(view))
}

/// A part, and the newest position that is told of.
fn find(kept: &Kept, business: &str, part: &ChainPart) -> Result<(Lsn, ChainView), outreach::Error> {
    let stamped = |owner: &str, part: &ChainPart| kept.part_stamp(owner, part).map_or(Lsn::ZERO, |stamp| stamp.lsn);
    let position = stamped(business, part);
    let state = kept.part(business, part);
    let mut view = ChainView {
        part: part.to_string(),
        revision: state.map_or(0, |state| state.revision),
        position: position.0,
        entries: state.map_or(Vec::new(), |state| state.entries.iter().map(view::chain_entry).collect()),
        chain: Vec::new(),
    };
    let ChainPart::Policy(id) = part else { return Ok((position, view)) };
    if kept.policy(business, id).is_none_or(|bound| bound.policy.is_none()) {
        return Err(outreach::Error::NoPolicy(id.chars().take(80).collect()));
    }
    view.chain = kept.chain(business, id).steps.iter().map(view::chain_step).collect();
    let others = [stamped(PLATFORM, &ChainPart::Platform), stamped(business, &ChainPart::Business)];
    Ok((others.into_iter().fold(position, Lsn::max), view))
}
