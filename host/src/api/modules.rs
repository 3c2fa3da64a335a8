//! Uploads and the list of what was uploaded.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::Api;
use super::answer::Json;
use super::auth::Caller;
use super::body::{ModuleList, ModuleView};
use super::cloudevents::essence;
use super::extract::{Content, NoParameters, Parameters, Place};
use super::refusal::Refusal;
use super::view;
use crate::model::Digest;

const CONTENT_TYPES: [&str; 2] = ["application/wasm", "application/octet-stream"];

#[utoipa::path(post, path = "/v1/{business}/modules", tag = "deployments", summary = "Upload a module",
    request_body(content = Vec<u8>, content_type = "application/wasm"),
    responses((status = 200, description = "These bytes were uploaded before", body = ModuleView),
        (status = 201, description = "A new module", body = ModuleView)))]
pub async fn upload(
    State(api): State<Arc<Api>>,
    Place(business): Place<String>,
    Parameters(NoParameters {}): Parameters<NoParameters>,
    caller: Caller,
    headers: HeaderMap,
    Content(body): Content,
) -> Result<Response, Refusal> {
    check_content_type(&headers)?;
    let (of, by) = (business.clone(), caller.0.clone());
    let before = api.parts.log.last();
    let uploaded = api.bounded(&api.compilations, move |parts| parts.registry.upload(&of, &body, &by)).await??;
    api.parts.log.committed(uploaded.lsn).await?;
    let status = if uploaded.lsn > before { StatusCode::CREATED } else { StatusCode::OK };
    if status == StatusCode::CREATED {
        let (module, version, digest) = (&*uploaded.name, &*uploaded.version, uploaded.digest);
        tracing::info!(business, module, version, %digest, by = &*caller.0, position = uploaded.lsn.0, "module uploaded");
    }
    Ok((status, Json(view::module(&uploaded))).into_response())
}

fn check_content_type(headers: &HeaderMap) -> Result<(), Refusal> {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if CONTENT_TYPES.contains(&&*essence(given)) {
        return Ok(());
    }
    let message =
        format!("the content type `{given}` is not accepted: send the module as {}", CONTENT_TYPES.join(" or "));
    Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_content_type", message))
}

#[utoipa::path(get, path = "/v1/{business}/modules/{digest}", tag = "deployments", summary = "A module's component",
    responses((status = 200, description = "Its bytes", body = Vec<u8>, content_type = "application/wasm")))]
pub async fn component(
    State(api): State<Arc<Api>>,
    Place((business, digest)): Place<(String, String)>,
    Parameters(NoParameters {}): Parameters<NoParameters>,
) -> Result<Response, Refusal> {
    let digest = Digest::parse(&digest)
        .ok_or_else(|| Refusal::bad_request("bad_path", "the digest has 64 hexadecimal digits"))?;
    let bytes = api.blocking(move |parts| parts.registry.component(&business, digest)).await??;
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPES[0])], bytes).into_response())
}

#[utoipa::path(get, path = "/v1/{business}/modules", tag = "deployments", summary = "List modules, oldest first",
    responses((status = 200, description = "The modules", body = ModuleList)))]
pub async fn list(
    State(api): State<Arc<Api>>,
    Place(business): Place<String>,
    Parameters(NoParameters {}): Parameters<NoParameters>,
) -> Result<Json<ModuleList>, Refusal> {
    let modules = api.blocking(move |parts| parts.registry.modules(&business)).await?;
    if let Some(newest) = modules.iter().map(|module| module.lsn).max() {
        api.parts.log.committed(newest).await?;
    }
    Ok(Json(ModuleList { modules: modules.iter().map(|module| view::module(module)).collect() }))
}
