//! Open alerts of a business.

use std::sync::Arc;

use axum::extract::State;

use super::answer::Json;
use super::body::{AlertList, AlertView};
use super::extract::{NoParameters, Parameters, Place};
use super::refusal::Refusal;
use super::{Api, Parts, view};
use crate::model::Lsn;
use crate::registry::{OpenAlert, advice};

#[utoipa::path(get, path = "/v1/{business}/alerts", tag = "alerts",
    summary = "Open alerts with what to do; those about the host itself belong to the business `platform`",
    responses((status = 200, description = "The alerts", body = AlertList)))]
pub async fn list(
    State(api): State<Arc<Api>>,
    Place(business): Place<String>,
    Parameters(NoParameters {}): Parameters<NoParameters>,
) -> Result<Json<AlertList>, Refusal> {
    let alerts = api.blocking(move |parts: &Parts| parts.registry.alerts(Some(&business))).await?;
    let newest = alerts.iter().map(|alert| alert.lsn).max().unwrap_or(Lsn::ZERO);
    // A host whose journal has failed still says what it knows.
    if api.parts.watch.unhealthy().is_none() {
        api.parts.log.committed(newest).await?;
    }
    Ok(Json(AlertList { alerts: alerts.iter().map(alert).collect() }))
}

fn alert(alert: &OpenAlert) -> AlertView {
    AlertView {
        name: alert.key.name.to_string(),
        subject: alert.key.subject.to_string(),
        since: view::time(alert.since),
        position: alert.lsn.0,
        message: alert.message.to_string(),
        advice: advice(&alert.key.name).replace("NAME", &alert.key.subject),
    }
}
