//! Why a user did or did not match, and what became of one event.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;

use super::answer::Json;
use super::body::{EventShown, TraceAnswer};
use super::extract::{NoParameters, Parameters, Place, count, key, time};
use super::refusal::Refusal;
use super::{Api, Parts, answered, view};
use crate::model::ports::DocumentView;
use crate::trace::{self, Question};

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Asked {
    at: Option<String>,
    limit: Option<u64>,
}

#[utoipa::path(get, path = "/v1/{business}/trace/{key}", tag = "events", summary = "Why a user did or did not match",
    params(Asked), responses((status = 200, description = "The events of the key, oldest first", body = TraceAnswer)))]
pub async fn trace(
    State(api): State<Arc<Api>>,
    Place((business, about)): Place<(String, String)>,
    Parameters(asked): Parameters<Asked>,
) -> Result<Json<TraceAnswer>, Refusal> {
    let limits = &api.parts.limits;
    let about = key("key", &about, limits.attribute_bytes)?;
    let limit = count(asked.limit, "trace_items", limits.trace_items)?;
    let at = asked.at.as_deref().map(|at| time("at", at)).transpose()?;
    let documents = match at {
        None => documents(&api, &business, &about).await,
        Some(_) => None,
    };
    let (key_bytes, deadline) = (limits.attribute_bytes as usize, api.scan_deadline());
    let scan = move |parts: &Parts| {
        let question = Question { business: &business, key: &about, at, limit, key_bytes, deadline };
        trace::trace(&parts.history, &parts.registry, &question).map(|trace| view::trace(&question, trace, documents))
    };
    Ok(Json(api.bounded(&api.traces, scan).await??))
}

#[utoipa::path(get, path = "/v1/{business}/events/{source}/{event}", tag = "events",
    summary = "One event, and what each deployment made of it",
    responses((status = 200, description = "What the journal has under this source and id", body = EventShown)))]
pub async fn event(
    State(api): State<Arc<Api>>,
    Place((business, source, id)): Place<(String, String, String)>,
    Parameters(NoParameters {}): Parameters<NoParameters>,
) -> Result<Json<EventShown>, Refusal> {
    let limits = &api.parts.limits;
    let (source, id) = (key("source", &source, limits.attribute_bytes)?, key("id", &id, limits.attribute_bytes)?);
    let (limit, key_bytes) = (count(None, "trace_items", limits.trace_items)?, limits.attribute_bytes as usize);
    let deadline = api.scan_deadline();
    let look = move |parts: &Parts| {
        let question = Question { business: &business, key: "", at: None, limit, key_bytes, deadline };
        let trace = trace::identity(&parts.history, &parts.registry, &question, &source, &id)?;
        if trace.events.is_empty() {
            return Err(no_event(&source, &id, trace.expired));
        }
        Ok(view::event_shown(&business, &source, &id, &trace))
    };
    Ok(Json(api.bounded(&api.traces, look).await??))
}

fn no_event(source: &str, id: &str, expired: Option<trace::Expired>) -> Refusal {
    let mut message = format!("the journal has no event with source `{source}` and id `{id}`");
    if let Some(expired) = expired {
        message.push_str(&format!(", and reaches back to position {} alone (retention)", expired.first));
    }
    Refusal::new(StatusCode::NOT_FOUND, "no_event", message)
}

/// The documents as the shards have them, once that is durable; None if the shards cannot say any more. The trace is
/// read afterwards, so it reaches at least as far.
async fn documents(api: &Api, business: &str, key: &str) -> Option<Vec<DocumentView>> {
    let documents = answered(|answer| api.parts.ask.documents(business, key, answer)).await.ok()?;
    let highest = documents.iter().map(|view| view.position.max(view.document.lsn())).max();
    if let Some(highest) = highest {
        api.parts.log.committed(highest).await.ok()?;
    }
    Some(documents)
}
