//! Why a user did or did not match.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use tokio::sync::oneshot;

use super::body::TraceAnswer;
use super::extract::{Parameters, Place, count, key, time};
use super::refusal::Refusal;
use super::{Api, Parts, view};
use crate::model::ports::DocumentView;
use crate::trace::{self, Question};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    at: Option<String>,
    limit: Option<u64>,
}

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
        trace::trace(&parts.log, &parts.registry, &question).map(|trace| view::trace(&question, trace, documents))
    };
    Ok(Json(api.bounded(&api.traces, scan).await??))
}

/// The documents as the shards have them, once that is durable; None if the shards cannot say any more. The trace is
/// read afterwards, so it reaches at least as far.
async fn documents(api: &Api, business: &str, key: &str) -> Option<Vec<DocumentView>> {
    let (sender, receiver) = oneshot::channel();
    // Whoever stopped waiting needs no answer.
    api.parts.ask.documents(business, key, Box::new(|documents| drop(sender.send(documents))));
    let documents = receiver.await.ok()?;
    let highest = documents.iter().map(|view| view.position.max(view.document.lsn())).max();
    if let Some(highest) = highest {
        api.parts.log.committed(highest).await.ok()?;
    }
    Some(documents)
}
