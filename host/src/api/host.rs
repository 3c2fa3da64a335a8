//! About the host itself: health, metrics, limits.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;

use super::answer::Json;
use super::body::LimitList;
use super::refusal::Refusal;
use super::{Api, Parts};
use crate::registry::AlertKey;

const METRICS_TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The process answers.
#[utoipa::path(get, path = "/healthz", tag = "host", summary = "Does the process answer?",
    responses((status = 200, description = "It does", body = String)))]
pub async fn healthz() -> &'static str {
    "ok\n"
}

/// The host can do its work.
#[utoipa::path(get, path = "/readyz", tag = "host", summary = "Can the host do its work?",
    responses((status = 200, description = "It can", body = String)))]
pub async fn readyz(State(api): State<Arc<Api>>) -> Result<&'static str, Refusal> {
    match api.parts.watch.unhealthy() {
        None => Ok("ready\n"),
        Some(reason) => Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", reason)),
    }
}

#[utoipa::path(get, path = "/metrics", tag = "host", summary = "Metrics as Prometheus reads them",
    responses((status = 200, description = "Prometheus text", body = String, content_type = "text/plain")))]
pub async fn metrics(State(api): State<Arc<Api>>) -> Result<impl IntoResponse, Refusal> {
    let text = api.blocking(render).await?.map_err(|error| Refusal::host(error.to_string()))?;
    Ok(([(header::CONTENT_TYPE, METRICS_TEXT)], text))
}

/// What is only looked at, is looked at now.
fn render(parts: &Parts) -> Result<String, prometheus::Error> {
    let (metrics, journal) = (&parts.metrics, parts.log.journal());
    let stats = journal.stats();
    metrics.journal_last.set(journal.last().0 as i64);
    metrics.journal_durable.set(journal.durable().0 as i64);
    metrics.journal_queue_bytes.set(stats.queue_bytes as i64);
    metrics.journal_syncs.set(stats.syncs as i64);
    for (name, quantile) in [("0.5", 0.5), ("0.99", 0.99)] {
        if let Some(us) = stats.commit_latency.quantile_us(quantile) {
            metrics.journal_commit_us.with_label_values(&[name]).set(us as i64);
        }
    }
    for deployment in parts.registry.snapshot() {
        let labels = [&*deployment.business, &*deployment.name];
        metrics.paused_shards.with_label_values(&labels).set(i64::from(deployment.paused.shards.len()));
        if let Some(progress) = parts.watch.progress(deployment.id) {
            metrics.lag_events.with_label_values(&labels).set(progress.lag as i64);
            metrics.lag_bytes.with_label_values(&labels).set(progress.lag_bytes as i64);
            metrics.lag_ms.with_label_values(&labels).set(progress.lag_ms as i64);
            metrics.state_bytes.with_label_values(&labels).set(progress.state_bytes as i64);
        }
        let counted = parts.watch.faults(deployment.id).counted;
        metrics.faults.with_label_values(&labels).set(counted as i64);
    }
    // What is over is gone.
    metrics.alerts.reset();
    for alert in parts.registry.alerts(None) {
        let AlertKey { business, name, subject } = &alert.key;
        metrics.alerts.with_label_values(&[&**business, &**name, &**subject]).set(1);
    }
    metrics.render()
}

#[utoipa::path(get, path = "/v1/limits", tag = "host", summary = "Every limit: name, value, default, unit, meaning",
    responses((status = 200, description = "The limits", body = LimitList)))]
pub async fn limits(State(api): State<Arc<Api>>) -> Json<LimitList> {
    Json(LimitList::of(&api.parts.limits))
}
