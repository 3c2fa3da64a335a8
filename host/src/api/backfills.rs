//! A backfill of a deployment over what the journal has, as it finds: everything that can be refused is refused before the first
//! line.

use std::io::Write;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::auth::Caller;
use super::backups::{Sending, body};
use super::body::{BackfillBody, BackfillLine};
use super::extract::{self, Content, NoParameters, Parameters, Place, json};
use super::refusal::Refusal;
use super::{Api, Parts};
use crate::model::ports::BackfillRequest;
use crate::registry::{self, DeployRequest};

const LINES: HeaderValue = HeaderValue::from_static("application/x-ndjson");

#[utoipa::path(post, path = "/v1/{business}/deployments/{name}/backfill", tag = "deployments",
    summary = "What the deployment, or another module or configuration of it, would have found in past events; changes nothing",
    request_body = Option<BackfillBody>,
    responses((status = 200, description = "Lines of JSON; a result only with the summary as the last one",
        body = BackfillLine, content_type = "application/x-ndjson")))]
pub async fn backfill(
    State(api): State<Arc<Api>>,
    Place((business, name)): Place<(String, String)>,
    Parameters(NoParameters {}): Parameters<NoParameters>,
    Caller(by): Caller,
    Content(content): Content,
) -> Result<Response, Refusal> {
    let asked: BackfillBody = if content.is_empty() { BackfillBody::default() } else { json(&content)? };
    let place = api.backfills.clone().try_acquire_owned().map_err(|_| {
        let message = "a backfill is running: there is one at a time, wait for its end";
        Refusal::new(StatusCode::CONFLICT, "backfill_running", message)
    })?;
    let request = api.bounded(&api.compilations, move |parts| request(parts, &business, &name, &asked)).await??;
    let (mut to, mut pieces) = Sending::new(&api);
    tokio::task::spawn_blocking(move || {
        let (business, deployment) = (&*request.business, &*request.deployment);
        tracing::info!(business, deployment, %by, digest = %request.digest, "backfill begun");
        let done =
            api.parts.backfill.backfill(&request, &mut to).and_then(|()| to.flush().map_err(|error| error.to_string()));
        // Whoever is told that it has ended may begin the next one.
        drop(place);
        match done {
            Ok(()) => tracing::info!(business, deployment, "backfill done"),
            Err(error) => tracing::warn!(business, deployment, error, "no backfill"),
        }
    });
    match pieces.recv().await {
        Some(Ok(first)) => Ok(([(header::CONTENT_TYPE, LINES)], body(first, pieces)).into_response()),
        Some(Err(error)) => Err(Refusal::host(error.to_string())),
        None => Err(Refusal::host("the backfill ended before it began: the host's log says why")),
    }
}

fn time(member: &str, text: &str) -> Result<u64, Refusal> {
    extract::time(member, text).map_err(|refusal| refusal.with(|problem| "bad_body".clone_into(&mut problem.code)))
}

/// What is meant, checked by an instance as a deployment would be.
fn request(parts: &Parts, business: &str, name: &str, asked: &BackfillBody) -> Result<BackfillRequest, Refusal> {
    let time = |member: &str, text: &Option<String>| text.as_deref().map(|text| time(member, text)).transpose();
    let (since, until) = (time("since", &asked.since)?, time("until", &asked.until)?);
    if since.zip(until).is_some_and(|(since, until)| since > until) {
        return Err(Refusal::bad_request("bad_body", "`since` is behind `until`: nothing lies between them"));
    }
    let (advance_ms, longest) = (asked.advance_s.unwrap_or(0).saturating_mul(1_000), parts.limits.backfill_advance_ms);
    if advance_ms > longest {
        let message = format!("`advance_s` is at most {} (`backfill_advance_ms`)", longest / 1_000);
        return Err(Refusal::bad_request("bad_body", message));
    }
    let deployment = parts.registry.deployment(business, name);
    let deployment = deployment.ok_or_else(|| registry::Error::NoDeployment(name.to_owned()))?;
    let newest = deployment.newest();
    let permissions = match (&asked.permissions, &asked.module) {
        (Some(permissions), _) => Some(permissions.clone()),
        (None, Some(_)) => None,
        (None, None) => Some(newest.permissions.iter().map(|name| name.to_string()).collect()),
    };
    let configuration = asked.configuration.as_ref().map_or(&*newest.configuration, |given| given.get());
    let module = asked.module.clone().unwrap_or_else(|| newest.digest.to_string());
    let deploy = DeployRequest { permissions: permissions.clone(), ..DeployRequest::new(module, configuration) };
    let (digest, configured) = parts.registry.rehearse(business, name, &deploy)?;
    if let Some(event_type) = configured.plan.told_by_host() {
        let message =
            format!("the plan reads `{event_type}`, which the host tells of live work: a backfill has none of it");
        return Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "derived_events", message));
    }
    Ok(BackfillRequest {
        business: business.into(),
        deployment: name.into(),
        digest,
        configuration: configuration.into(),
        permissions: permissions.map(|names| names.into_iter().map(Into::into).collect()),
        since,
        until,
        advance_ms,
    })
}
