//! A key's past as a scenario file.

use std::sync::Arc;

use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use super::answer::Json;
use super::body::{CaptureAnswer, CapturedModuleView};
use super::extract::{self, Parameters, Place};
use super::refusal::Refusal;
use super::{Api, Parts};
use crate::model::Lsn;
use crate::model::ports::{CaptureRequest, CaptureWhat};

/// Around a time this much before and behind it, unless it is said.
const SPAN_S: u64 = 60;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CaptureAsked {
    /// Of whom; of a position absent for the input that failed there.
    key: Option<String>,
    /// RFC 3339, receive clock.
    around: Option<String>,
    /// Seconds before and behind that time, 60 if absent.
    span_s: Option<u64>,
    /// A single input, in the deployment.
    position: Option<u64>,
    /// This one alone, without policies and chains.
    deployment: Option<String>,
}

#[utoipa::path(get, path = "/v1/{business}/capture", tag = "events",
    summary = "A scenario file that plays what is recorded of one key", params(CaptureAsked),
    responses((status = 200, description = "The file, and the modules that it needs", body = CaptureAnswer)))]
pub async fn capture(
    State(api): State<Arc<Api>>,
    Place(business): Place<String>,
    Parameters(asked): Parameters<CaptureAsked>,
) -> Result<Json<CaptureAnswer>, Refusal> {
    let bad = |message: &str| Refusal::bad_request("bad_query", message);
    let what = match (&asked.around, asked.position) {
        (Some(around), None) => {
            let (at, span) = (extract::time("around", around)?, asked.span_s.unwrap_or(SPAN_S).saturating_mul(1_000));
            CaptureWhat::Around { from: at.saturating_sub(span), to: at.saturating_add(span) }
        }
        (None, Some(position)) if asked.deployment.is_some() => CaptureWhat::Position(Lsn(position)),
        (None, Some(_)) => return Err(bad("`position` needs `deployment`: whose input is meant?")),
        _ => return Err(bad("say either `around` or `position`")),
    };
    if asked.key.is_none() && asked.around.is_some() {
        return Err(bad("`around` needs `key`: whose past is meant?"));
    }
    let most = api.parts.limits.attribute_bytes;
    let key = asked.key.as_deref().map(|key| extract::key("key", key, most)).transpose()?;
    let request = CaptureRequest {
        business: business.into(),
        key: key.map(|key| (&*key).into()),
        deployment: asked.deployment.map(Into::into),
        what,
        deadline: api.scan_deadline(),
    };
    let captured = api.bounded(&api.traces, move |parts: &Parts| parts.capture.capture(&request)).await??;
    let modules = captured.modules.into_iter();
    let modules = modules.map(|module| CapturedModuleView { name: module.name, digest: module.digest }).collect();
    Ok(Json(CaptureAnswer { scenario: captured.text, modules }))
}
