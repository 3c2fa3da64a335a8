//! Intake over HTTP: events come in, are given positions, and are acknowledged when those are durable.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::IntoParams;

use super::answer::Json;
use super::body::{CloudEvent, EventsAnswer, Rejected};
use super::cloudevents::{self, Intake, Read, Unreadable, essence, is_utf8};
use super::extract::{Content, Parameters, Place};
use super::refusal::{RETRY_AFTER, Refusal};
use super::{Api, Parts};
use crate::journal::Health;
use crate::model::ports::Submitted;
use crate::model::{DeploymentId, Lsn};

/// Bodies up to this size are read on the spot, larger ones on a thread of their own.
const INLINE_BYTES: usize = 64 << 10;

/// The limit that a deployment is beyond which blocks intake.
const LAG: &str = "lag_max_bytes";

/// How events come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Structured,
    Batch,
    Binary,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SubmitAsked {
    /// One of the configured intakes (`api.intakes`); without it the first of them.
    intake: Option<String>,
}

#[utoipa::path(post, path = "/v1/{business}/events", tag = "events",
    summary = "Accept CloudEvents 1.0: one, a batch, or one in headers", params(SubmitAsked),
    request_body(content((CloudEvent = "application/cloudevents+json"),
        (Vec<CloudEvent> = "application/cloudevents-batch+json"), (serde_json::Value = "application/json")),
        description = "One event, a batch, or the data alone, with the attributes in headers `ce-id`, `ce-source` and so on"),
    responses((status = 202, description = "At least one is accepted and durable", body = EventsAnswer)))]
pub async fn submit(
    State(api): State<Arc<Api>>,
    Place(business): Place<String>,
    Parameters(asked): Parameters<SubmitAsked>,
    headers: HeaderMap,
    Content(body): Content,
) -> Result<Response, Refusal> {
    let form = form(&headers)?;
    let journal = api.parts.log.journal().health();
    if let Some(reason) = api.parts.watch.unhealthy().filter(|_| journal == Health::Running) {
        // Nobody would handle it before a restart. Of the journal's own failure intake tells.
        return Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", reason));
    }
    let intake = Intake {
        business: business.as_str().into(),
        received: (api.parts.clock)(),
        limits: api.parts.limits.clone(),
        name: api.parts.intakes.find(asked.intake.as_deref())?,
    };
    let taken = if body.len() <= INLINE_BYTES {
        take(&api.parts, form, &headers, &body, &intake)?
    } else {
        api.blocking(move |parts| take(parts, form, &headers, &body, &intake)).await??
    };
    acknowledge(&api, &business, taken).await
}

fn form(headers: &HeaderMap) -> Result<Form, Refusal> {
    let content_type = content_type(headers).unwrap_or_default();
    let form = match &*essence(content_type) {
        "application/cloudevents+json" => Form::Structured,
        "application/cloudevents-batch+json" => Form::Batch,
        other if other.starts_with("application/cloudevents") => return Err(unsupported(content_type)),
        _ if headers.keys().any(|name| name.as_str().starts_with("ce-")) => return Ok(Form::Binary),
        _ => return Err(unsupported(content_type)),
    };
    if is_utf8(content_type) { Ok(form) } else { Err(unsupported(content_type)) }
}

fn content_type(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::CONTENT_TYPE)?.to_str().ok()
}

fn unsupported(content_type: &str) -> Refusal {
    let message = format!(
        "the content type `{content_type}` is not accepted: send one event as application/cloudevents+json, several as \
         application/cloudevents-batch+json, or one with the headers ce-specversion, ce-id, ce-source, ce-type and its data \
         as application/json; all in UTF-8"
    );
    Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_content_type", message)
}

/// Events that have positions, and those that were refused.
struct Taken {
    /// Beside its item number.
    submitted: Vec<(usize, Submitted)>,
    rejected: Vec<Rejected>,
    batch: bool,
}

fn take(parts: &Parts, form: Form, headers: &HeaderMap, body: &Bytes, intake: &Intake) -> Result<Taken, Refusal> {
    let reads: Vec<Read> = match form {
        Form::Structured => vec![cloudevents::read_event(body, intake).map_err(unreadable)?],
        Form::Batch => cloudevents::read_batch(body, intake).map_err(unreadable)?,
        Form::Binary => {
            let pairs: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
            vec![cloudevents::read_binary(&pairs, content_type(headers), body, intake)]
        }
    };
    let (mut events, mut items, mut rejected) =
        (Vec::with_capacity(reads.len()), Vec::with_capacity(reads.len()), Vec::new());
    for (item, read) in reads.into_iter().enumerate() {
        match read {
            Ok(event) => {
                events.push(event);
                items.push(item);
            }
            Err(refusal) => {
                rejected.push(Rejected {
                    item,
                    path: refusal.path,
                    code: refusal.code.to_owned(),
                    reason: refusal.reason,
                });
            }
        }
    }
    let submitted = if events.is_empty() { Vec::new() } else { parts.submit.submit(events)? };
    Ok(Taken { submitted: items.into_iter().zip(submitted).collect(), rejected, batch: form == Form::Batch })
}

fn unreadable(error: Unreadable) -> Refusal {
    match error {
        Unreadable::Json { line, column, message } => {
            Refusal::bad_request("not_json", format!("the body is no JSON: {message}")).with(|problem| {
                (problem.line, problem.column) = (Some(line), Some(column));
            })
        }
        Unreadable::TooMany { limit } => {
            let message = format!("the batch has more than {limit} events (`batch_events`)");
            Refusal::limit(StatusCode::PAYLOAD_TOO_LARGE, "batch_events", message)
        }
    }
}

/// Answers when everything that the answer speaks of is durable: what is new, and the originals of what is not.
async fn acknowledge(api: &Api, business: &str, taken: Taken) -> Result<Response, Refusal> {
    let Taken { submitted, mut rejected, batch } = taken;
    let highest = submitted.iter().map(|(_, submitted)| submitted.lsn()).max().unwrap_or(Lsn::ZERO);
    let durable = api.parts.log.committed(highest).await?;
    let (mut accepted, mut duplicates) = (0, 0);
    for (item, submitted) in &submitted {
        match submitted {
            Submitted::Accepted(_) => accepted += 1,
            Submitted::Duplicate(_) => duplicates += 1,
            Submitted::IdReused(lsn) => rejected.push(id_reused(*item, *lsn)),
            Submitted::Undeduplicated => rejected.push(undeduplicated(*item)),
            Submitted::Blocked(lagging) => rejected.push(blocked(api, *item, *lagging)),
        }
    }
    rejected.sort_by_key(|rejected| rejected.item);
    api.count_events(business, "accepted", accepted);
    api.count_events(business, "duplicate", duplicates);
    for rejected in &rejected {
        api.count_events(business, &rejected.code, 1);
    }
    if accepted + duplicates == 0 && !rejected.is_empty() {
        return Err(nothing_accepted(rejected, batch));
    }
    let answer = EventsAnswer::new(durable, accepted, duplicates, rejected);
    Ok((StatusCode::ACCEPTED, Json(answer)).into_response())
}

/// The code is the limit's name: whoever sends again later is let in.
fn blocked(api: &Api, item: usize, lagging: DeploymentId) -> Rejected {
    let name = api.parts.registry.by_id(lagging).map(|deployment| deployment.name.clone()).unwrap_or_default();
    let lag = api.parts.watch.progress(lagging).unwrap_or_default();
    let reason = format!(
        "the deployment `{name}` is {} bytes of the journal ({} positions) behind, more than it may be, and blocks its event \
         types until it has caught up (`lag_max_bytes`, `on_lag: block`): send again later",
        lag.lag_bytes, lag.lag
    );
    Rejected { item, path: String::new(), code: LAG.to_owned(), reason }
}

fn undeduplicated(item: usize) -> Rejected {
    let reason = "it may have been accepted before: its time is absent, replaced, or beyond the dedup horizon, and this intake \
                  does not accept such events (`api.refuse_older`)";
    Rejected { item, path: "/time".to_owned(), code: "undeduplicated".to_owned(), reason: reason.to_owned() }
}

fn id_reused(item: usize, original: Lsn) -> Rejected {
    let reason = format!(
        "an event with this source and id but with other content was accepted before, at position {original}: give every event \
         an id of its own"
    );
    Rejected { item, path: "/id".to_owned(), code: "id_reused".to_owned(), reason }
}

/// A single event's code is the answer's code.
fn nothing_accepted(rejected: Vec<Rejected>, batch: bool) -> Refusal {
    let refusal = match &rejected[..] {
        [only] if !batch && only.code != LAG => {
            let status = if only.code == "id_reused" { StatusCode::CONFLICT } else { StatusCode::BAD_REQUEST };
            Refusal::new(status, &only.code, only.reason.clone())
        }
        all if let Some(lag) = all.iter().find(|rejected| rejected.code == LAG) => {
            let refusal = Refusal::limit(StatusCode::TOO_MANY_REQUESTS, LAG, lag.reason.clone());
            refusal.with_header(header::RETRY_AFTER, RETRY_AFTER)
        }
        all => Refusal::bad_request("nothing_accepted", format!("none of the {} events was accepted", all.len())),
    };
    refusal.with(|problem| problem.rejected = rejected)
}
