//! Failed inputs: one with all that is known of it, and resending.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;

use super::answer::Json;
use super::auth::Caller;
use super::body::{FailedShown, ResendAnswer, ResendBody};
use super::extract::{Content, NoParameters, Parameters, Place, json};
use super::refusal::Refusal;
use super::{Api, Parts, view};
use crate::model::Lsn;
use crate::registry;
use crate::trace::{self, Asked, FailureQuery};

#[utoipa::path(get, path = "/v1/{business}/failed-events/{name}/{position}", tag = "events",
    summary = "What failed at one position in one deployment, with its replays",
    responses((status = 200, description = "The event and each failed input that it was", body = FailedShown)))]
pub async fn show(
    State(api): State<Arc<Api>>,
    Place((business, name, position)): Place<(String, String, String)>,
    Parameters(NoParameters {}): Parameters<NoParameters>,
) -> Result<Json<FailedShown>, Refusal> {
    let number = || Refusal::bad_request("bad_path", format!("`{position}` is no position: it is a number"));
    let position = Lsn(position.parse().map_err(|_| number())?);
    let deadline = api.scan_deadline();
    let shown = move |parts: &Parts| {
        known(parts, &business, &name)?;
        let query = query(&business, &name, Some(position), usize::MAX, deadline);
        let found = trace::failures(&parts.history, &parts.registry, &query)?.items;
        if found.is_empty() {
            return Err(nothing(parts, &name, position));
        }
        Ok(view::failures(position, &name, &found))
    };
    Ok(Json(api.bounded(&api.pages, shown).await??))
}

#[utoipa::path(post, path = "/v1/{business}/failed-events/resend", tag = "events",
    summary = "Handle failed events once more: by the revision in force, with their identity, in this deployment alone",
    request_body = ResendBody,
    responses((status = 200, description = "What became of each, once that is on disk", body = ResendAnswer)))]
pub async fn resend(
    State(api): State<Arc<Api>>,
    Place(business): Place<String>,
    Parameters(NoParameters {}): Parameters<NoParameters>,
    Caller(by): Caller,
    Content(body): Content,
) -> Result<Json<ResendAnswer>, Refusal> {
    let body: ResendBody = json(&body)?;
    if body.position.is_some() == body.all {
        return Err(Refusal::bad_request("bad_body", "say either `position` or `all`: which inputs are meant?"));
    }
    if body.after.is_some() && !body.all {
        return Err(Refusal::bad_request("bad_body", "`after` goes with `all`"));
    }
    let deadline = api.scan_deadline();
    let (author, of) = (by.clone(), business.clone());
    let resend = move |parts: &Parts| {
        known(parts, &of, &body.deployment)?;
        let limit = usize::try_from(parts.limits.resend_inputs).unwrap_or(usize::MAX);
        let query = FailureQuery {
            code: body.code.as_deref(),
            key: body.key.as_deref(),
            after: Lsn(body.after.unwrap_or(0)),
            ..query(&of, &body.deployment, body.position.map(Lsn), limit, deadline)
        };
        let (answers, next) = trace::resend(&parts.history, &parts.registry, &query, &author)?;
        if let Some(position) = body.position.filter(|_| answers.is_empty()) {
            return Err(nothing(parts, &body.deployment, Lsn(position)));
        }
        Ok((answers, next))
    };
    let (answers, next) = api.bounded(&api.traces, resend).await??;
    let last = answers.iter().filter_map(|(_, asked)| asked.position()).max();
    if let Some(last) = last {
        api.parts.log.committed(last).await?;
    }
    let resent = answers.iter().filter(|(_, asked)| matches!(asked, Asked::Resent(_))).count() as u64;
    tracing::info!(business, %by, resent, looked_at = answers.len(), "failed inputs resent");
    let inputs = answers.iter().map(|(failure, asked)| view::resent(failure, asked)).collect();
    Ok(Json(ResendAnswer { resent, inputs, next: next.map(|next| next.0) }))
}

fn query<'a>(
    business: &'a str,
    deployment: &'a str,
    position: Option<Lsn>,
    limit: usize,
    deadline: std::time::Instant,
) -> FailureQuery<'a> {
    let after = Lsn::ZERO;
    FailureQuery { business, deployment: Some(deployment), code: None, key: None, position, after, limit, deadline }
}

fn known(parts: &Parts, business: &str, name: &str) -> Result<(), Refusal> {
    let deployment = parts.registry.deployment(business, name);
    deployment.map(drop).ok_or_else(|| registry::Error::NoDeployment(name.to_owned()).into())
}

/// Why there is none: it never failed, or the journal no longer has it.
fn nothing(parts: &Parts, name: &str, position: Lsn) -> Refusal {
    let first = parts.log.first();
    if position < first {
        let message = format!(
            "position {position} is beyond what the journal keeps (retention): it reaches back to position {first}"
        );
        return Refusal::new(StatusCode::GONE, "beyond_retention", message);
    }
    let message = format!(
        "the deployment `{name}` has no failed input at position {position}: `fishpond events failed --deployment {name}` \
         lists them"
    );
    Refusal::new(StatusCode::NOT_FOUND, "no_failed_input", message)
}
