//! Deployments: what runs, and every change of it, with who made it.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::auth::Caller;
use super::body::{Deploy, DeploymentList, DeploymentView, Pause};
use super::extract::{Content, NoParameters, Parameters, Place, json};
use super::refusal::Refusal;
use super::view::{self, activated_at};
use super::{Api, Parts};
use crate::model::{Lsn, OnError, Start};
use crate::registry::{self, DeployRequest, Deployment};

type Named = Place<(String, String)>;
type Unparametrised = Parameters<NoParameters>;

pub async fn deploy(
    State(api): State<Arc<Api>>,
    Place((business, name)): Named,
    Parameters(NoParameters {}): Unparametrised,
    Caller(by): Caller,
    Content(body): Content,
) -> Result<Response, Refusal> {
    let request = request(json(&body)?)?;
    let (author, of, named) = (by.clone(), business.clone(), name.clone());
    let deploy = move |parts: &Parts| parts.registry.deploy(&of, &named, request, &author);
    let (lsn, deployment) = api.bounded(&api.compilations, deploy).await??;
    api.parts.log.committed(lsn).await?;
    let newest = deployment.newest();
    let (revision, digest) = (newest.number, newest.digest);
    tracing::info!(business, deployment = name, revision, %digest, %by, position = lsn.0, "deployment activated");
    let status = if revision == 1 { StatusCode::CREATED } else { StatusCode::OK };
    let view = api.blocking(move |parts| view_of(parts, &deployment)).await?;
    Ok((status, Json(view)).into_response())
}

fn request(body: Deploy) -> Result<DeployRequest, Refusal> {
    let unknown = |member: &str, value: &str, known: &str| {
        Refusal::bad_request("bad_body", format!("`{member}` is `{value}`, but can only be {known}"))
    };
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
    let configuration = body.configuration.get().to_owned();
    Ok(DeployRequest { module: body.module, configuration, permissions: body.permissions, on_error, start })
}

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

pub async fn show(
    State(api): State<Arc<Api>>,
    Place((business, name)): Named,
    Parameters(NoParameters {}): Unparametrised,
) -> Result<Json<DeploymentView>, Refusal> {
    let (activated, view) = api.blocking(move |parts| find(parts, &business, &name)).await??;
    api.parts.log.committed(activated).await?;
    Ok(Json(view))
}

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

pub async fn resume(
    State(api): State<Arc<Api>>,
    Place((business, name)): Named,
    Parameters(NoParameters {}): Unparametrised,
    Caller(by): Caller,
) -> Result<Json<DeploymentView>, Refusal> {
    let author = by.clone();
    let change = move |parts: &Parts, business: &str, name: &str| parts.registry.resume(business, name, &author);
    let (lsn, view) = changed(&api, &business, name, change).await?;
    tracing::info!(business, deployment = view.name, %by, position = lsn.0, "deployment resumed");
    Ok(Json(view))
}

/// Makes a change and shows the deployment when the change is durable.
async fn changed(
    api: &Arc<Api>,
    business: &str,
    name: String,
    change: impl FnOnce(&Parts, &str, &str) -> Result<Lsn, registry::Error> + Send + 'static,
) -> Result<(Lsn, DeploymentView), Refusal> {
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
    view::deployment(deployment, module.map(|module| &**module), parts.watch.progress(deployment.id))
}
