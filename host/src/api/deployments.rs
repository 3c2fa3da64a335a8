//! Deployments: what runs, and every change of it, with who made it.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::answer::Json;
use super::auth::Caller;
use super::body::{Deploy, DeploymentList, DeploymentView, Pause, Resume, Rollback};
use super::extract::{Content, NoParameters, Parameters, Place, json};
use super::refusal::Refusal;
use super::view::{self, Known, activated_at};
use super::{Api, Parts};
use crate::model::{DeploymentId, Guard, Lsn, OnError, OnLag, OnQuarantine, ShardSet, Start};
use crate::registry::{self, DeployRequest, Deployment};

type Named = Place<(String, String)>;
type Unparametrised = Parameters<NoParameters>;

#[utoipa::path(put, path = "/v1/{business}/deployments/{name}", tag = "deployments",
    summary = "Make a deployment, or give it a new revision", request_body = Deploy,
    responses((status = 200, description = "A new revision", body = DeploymentView),
        (status = 201, description = "A new deployment", body = DeploymentView)))]
pub async fn deploy(
    State(api): State<Arc<Api>>,
    Place((business, name)): Named,
    Parameters(NoParameters {}): Unparametrised,
    Caller(by): Caller,
    Content(body): Content,
) -> Result<Response, Refusal> {
    let body: Deploy = json(&body)?;
    // Otherwise it is a time: where a new deployment begins.
    let repair = body.from.as_deref() == Some("backlog");
    let request = request(body)?;
    let author = by.clone();
    let deploy = move |parts: &Parts, business: &str, name: &str| match repair {
        true => parts.registry.repair(business, name, request, |id| stand(parts, id), &author),
        false => parts.registry.deploy(business, name, request, &author),
    };
    let (revision, view) = revised(&api, business, name, &by, deploy).await?;
    let status = if revision == 1 { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(view)).into_response())
}

/// Where a paused deployment's shards stand. Blocks.
fn stand(parts: &Parts, id: DeploymentId) -> Result<Vec<(ShardSet, Lsn)>, registry::Error> {
    let (sender, receiver) = std::sync::mpsc::channel();
    parts.ask.standing(id, Box::new(move |answer| drop(sender.send(answer))));
    let stopped = |_| registry::Error::Host("a shard stopped before it answered".to_owned());
    receiver.recv().map_err(stopped)?.map_err(|error| registry::Error::Host(error.to_string()))
}

/// As [`stand`], by name.
async fn standing(api: &Arc<Api>, business: &str, name: &str) -> Result<Vec<(ShardSet, Lsn)>, Refusal> {
    let (of, named) = (business.to_owned(), name.to_owned());
    let stand = move |parts: &Parts| {
        let deployment = parts.registry.deployment(&of, &named).ok_or(registry::Error::NoDeployment(named))?;
        stand(parts, deployment.id)
    };
    Ok(api.blocking(stand).await??)
}

#[utoipa::path(post, path = "/v1/{business}/deployments/{name}/rollback", tag = "deployments",
    summary = "Go back to the module, configuration and permissions of an older revision, as a new one",
    request_body = Option<Rollback>,
    responses((status = 200, description = "The deployment with its new revision", body = DeploymentView)))]
pub async fn rollback(
    State(api): State<Arc<Api>>,
    Place((business, name)): Named,
    Parameters(NoParameters {}): Unparametrised,
    Caller(by): Caller,
    Content(body): Content,
) -> Result<Json<DeploymentView>, Refusal> {
    let Rollback { to } = if body.is_empty() { Rollback::default() } else { json(&body)? };
    let author = by.clone();
    let back = move |parts: &Parts, business: &str, name: &str| parts.registry.rollback(business, name, to, &author);
    Ok(Json(revised(&api, business, name, &by, back).await?.1))
}

/// Activates a revision and shows the deployment when it is durable.
async fn revised(
    api: &Arc<Api>,
    business: String,
    name: String,
    by: &str,
    revise: impl FnOnce(&Parts, &str, &str) -> Result<(Lsn, Arc<Deployment>), registry::Error> + Send + 'static,
) -> Result<(u32, DeploymentView), Refusal> {
    let (of, named) = (business.clone(), name.clone());
    let revise = move |parts: &Parts| revise(parts, &of, &named);
    let (lsn, deployment) = api.bounded(&api.compilations, revise).await??;
    api.parts.log.committed(lsn).await?;
    let newest = deployment.newest();
    let (revision, digest) = (newest.number, newest.digest);
    tracing::info!(business, deployment = name, revision, %digest, %by, position = lsn.0, "deployment activated");
    let view = api.blocking(move |parts| view_of(parts, &deployment)).await?;
    if !view.not_granted.is_empty() {
        let asked = view.not_granted.join(", ");
        tracing::warn!(
            business,
            deployment = name,
            revision,
            asked,
            "the module asks for permissions that are not granted"
        );
    }
    Ok((revision, view))
}

#[utoipa::path(post, path = "/v1/{business}/deployments/{name}/retire", tag = "deployments",
    summary = "End a deployment for good: it handles what came before, and keeps its documents and its name",
    responses((status = 200, description = "The retired deployment", body = DeploymentView)))]
pub async fn retire(
    State(api): State<Arc<Api>>,
    Place((business, name)): Named,
    Parameters(NoParameters {}): Unparametrised,
    Caller(by): Caller,
) -> Result<Json<DeploymentView>, Refusal> {
    let author = by.clone();
    let change = move |parts: &Parts, business: &str, name: &str| parts.book.retire(business, name, &author);
    let (lsn, view) = changed(&api, &business, name, change).await?;
    tracing::info!(business, deployment = view.name, %by, position = lsn.0, "deployment retired");
    Ok(Json(view))
}

fn request(body: Deploy) -> Result<DeployRequest, Refusal> {
    let on_error = match body.on_error.as_deref() {
        None => OnError::default(),
        Some("skip") => OnError::Skip,
        Some("pause") => OnError::Pause,
        Some(other) => return Err(unknown("on_error", other, "skip or pause")),
    };
    let start = match body.start.as_deref() {
        None => Start::default(),
        Some("latest") => Start::Latest,
        Some("earliest") => Start::Earliest,
        Some(other) => return Err(unknown("start", other, "latest or earliest")),
    };
    let start = match body.from.as_deref() {
        None | Some("backlog") => start,
        Some(time) => start_at(time)?,
    };
    let (configuration, guard) = (body.configuration.get().to_owned(), guard(&body)?);
    let Deploy { module, permissions, accept_gap, .. } = body;
    Ok(DeployRequest { module, configuration, permissions, on_error, guard, start, accept_gap })
}

fn start_at(time: &str) -> Result<Start, Refusal> {
    let parsed = time.parse::<jiff::Timestamp>().ok();
    let ms = parsed.and_then(|time| u64::try_from(time.as_millisecond()).ok());
    ms.map(Start::At).ok_or_else(|| unknown("from", time, "backlog or a time as 2026-11-20T10:00:00Z"))
}

fn guard(body: &Deploy) -> Result<Guard, Refusal> {
    let on_quarantine = match body.on_quarantine.as_deref() {
        None => OnQuarantine::default(),
        Some(text) => OnQuarantine::parse(text).ok_or_else(|| unknown("on_quarantine", text, "stop or rollback"))?,
    };
    let on_lag = match body.on_lag.as_deref() {
        None => OnLag::default(),
        Some(text) => OnLag::parse(text).ok_or_else(|| unknown("on_lag", text, "park or block"))?,
    };
    Ok(Guard { on_quarantine, on_lag })
}

fn unknown(member: &str, value: &str, known: &str) -> Refusal {
    Refusal::bad_request("bad_body", format!("`{member}` is `{value}`, but can only be {known}"))
}

#[utoipa::path(get, path = "/v1/{business}/deployments", tag = "deployments", summary = "List deployments",
    responses((status = 200, description = "The deployments", body = DeploymentList)))]
pub async fn list(
    State(api): State<Arc<Api>>,
    Place(business): Place<String>,
    Parameters(NoParameters {}): Unparametrised,
) -> Result<Json<DeploymentList>, Refusal> {
    let list = move |parts: &Parts| {
        let deployments = parts.registry.deployments(&business);
        let newest = deployments.iter().map(|deployment| activated_at(deployment)).max();
        (newest, deployments.iter().map(|deployment| view_of(parts, deployment)).collect())
    };
    let (newest, deployments) = api.blocking(list).await?;
    api.parts.log.committed(newest.unwrap_or(Lsn::ZERO)).await?;
    Ok(Json(DeploymentList { deployments }))
}

#[utoipa::path(get, path = "/v1/{business}/deployments/{name}", tag = "deployments", summary = "Show a deployment",
    responses((status = 200, description = "The deployment", body = DeploymentView)))]
pub async fn show(
    State(api): State<Arc<Api>>,
    Place((business, name)): Named,
    Parameters(NoParameters {}): Unparametrised,
) -> Result<Json<DeploymentView>, Refusal> {
    let (activated, view) = api.blocking(move |parts| find(parts, &business, &name)).await??;
    api.parts.log.committed(activated).await?;
    Ok(Json(view))
}

#[utoipa::path(post, path = "/v1/{business}/deployments/{name}/pause", tag = "deployments",
    summary = "Stop a deployment where its readers are", request_body = Option<Pause>,
    responses((status = 200, description = "The paused deployment", body = DeploymentView)))]
pub async fn pause(
    State(api): State<Arc<Api>>,
    Place((business, name)): Named,
    Parameters(NoParameters {}): Unparametrised,
    Caller(by): Caller,
    Content(body): Content,
) -> Result<Json<DeploymentView>, Refusal> {
    let pause: Pause = if body.is_empty() { Pause::default() } else { json(&body)? };
    let reason = pause.reason.unwrap_or_else(|| "no reason given".to_owned());
    let (most, bytes) = (api.parts.limits.log_bytes, reason.len() as u64);
    if bytes > most {
        let message = format!("the reason has {bytes} bytes, at most {most} are allowed (`log_bytes`)");
        return Err(Refusal::limit(StatusCode::BAD_REQUEST, "log_bytes", message));
    }
    let author = by.clone();
    let change =
        move |parts: &Parts, business: &str, name: &str| parts.registry.pause(business, name, &reason, &author);
    let (lsn, view) = changed(&api, &business, name, change).await?;
    let reason = view.paused.as_ref().map(|paused| &*paused.reason);
    tracing::info!(business, deployment = view.name, reason, %by, position = lsn.0, "deployment paused");
    Ok(Json(view))
}

#[utoipa::path(post, path = "/v1/{business}/deployments/{name}/resume", tag = "deployments",
    summary = "Let a deployment go on where it stopped", request_body = Option<Resume>,
    responses((status = 200, description = "The deployment", body = DeploymentView)))]
pub async fn resume(
    State(api): State<Arc<Api>>,
    Place((business, name)): Named,
    Parameters(NoParameters {}): Unparametrised,
    Caller(by): Caller,
    Content(body): Content,
) -> Result<Json<DeploymentView>, Refusal> {
    let Resume { accept_gap } = if body.is_empty() { Resume::default() } else { json(&body)? };
    // While retention has released nothing there can be no gap.
    let standing = match api.parts.log.first() {
        first if first <= Lsn(1) => Vec::new(),
        _ => standing(&api, &business, &name).await?,
    };
    let author = by.clone();
    let change = move |parts: &Parts, business: &str, name: &str| {
        parts.registry.resume_from(business, name, &standing, accept_gap, &author)
    };
    let (lsn, view) = changed(&api, &business, name, change).await?;
    tracing::info!(business, deployment = view.name, %by, position = lsn.0, "deployment resumed");
    Ok(Json(view))
}

/// Makes a change and shows the deployment when the change is durable.
async fn changed<E>(
    api: &Arc<Api>,
    business: &str,
    name: String,
    change: impl FnOnce(&Parts, &str, &str) -> Result<Lsn, E> + Send + 'static,
) -> Result<(Lsn, DeploymentView), Refusal>
where
    Refusal: From<E>,
{
    let business = business.to_owned();
    let change = move |parts: &Parts| {
        let lsn = change(parts, &business, &name)?;
        Ok::<_, Refusal>((lsn, find(parts, &business, &name)?.1))
    };
    let (lsn, view) = api.blocking(change).await??;
    api.parts.log.committed(lsn).await?;
    Ok((lsn, view))
}

fn find(parts: &Parts, business: &str, name: &str) -> Result<(Lsn, DeploymentView), Refusal> {
    let deployment = parts.registry.deployment(business, name);
    let deployment = deployment.ok_or_else(|| registry::Error::NoDeployment(name.to_owned()))?;
    Ok((activated_at(&deployment), view_of(parts, &deployment)))
}

fn view_of(parts: &Parts, deployment: &Deployment) -> DeploymentView {
    let modules = parts.registry.modules(&deployment.business);
    let module = modules.iter().find(|module| module.digest == deployment.newest().digest);
    let known = Known {
        progress: parts.watch.progress(deployment.id),
        usage: parts.metrics.usage(&deployment.business, &deployment.name),
        faults: parts.watch.faults(deployment.id),
    };
    view::deployment(deployment, module.map(|module| &**module), known)
}
