//! Questions to a deployment about one key.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::value::RawValue;
use utoipa::IntoParams;

use super::answer::Json;
use super::body::QueryAnswer;
use super::extract::{Parameters, Place, key};
use super::refusal::Refusal;
use super::{Api, answered, view};
use crate::model::ports::Question;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Asked {
    key: String,
    /// JSON object.
    #[serde(default)]
    parameters: Option<String>,
}

#[utoipa::path(get, path = "/v1/{business}/deployments/{name}/queries/{query}", tag = "deployments",
    summary = "Ask a deployment about one key", params(Asked),
    responses((status = 200, description = "The module's reply", body = QueryAnswer)))]
pub async fn ask(
    State(api): State<Arc<Api>>,
    Place((business, deployment, query)): Place<(String, String, String)>,
    Parameters(asked): Parameters<Asked>,
) -> Result<Json<QueryAnswer>, Refusal> {
    key("key", &asked.key, api.parts.limits.attribute_bytes)?;
    let parameters = asked.parameters.unwrap_or_else(|| "{}".to_owned());
    check_parameters(&parameters, api.parts.limits.query_bytes)?;
    let question = Question {
        business: business.into(),
        deployment: deployment.into(),
        query: query.into(),
        key: asked.key.into(),
        parameters: parameters.into(),
    };
    let answer = answered(|answer| api.parts.ask.query(question, answer)).await??;
    let durable = api.parts.log.committed(answer.position).await?;
    let body = RawValue::from_string(view::one_line(&answer.reply.body));
    let body = body.map_err(|error| Refusal::host(format!("the reply is no JSON: {error}")))?;
    Ok(Json(QueryAnswer {
        status: answer.reply.status.into(),
        body,
        retry: answer.reply.retry,
        position: durable.lsn().0,
        lag: answer.lag,
        revision: answer.revision,
    }))
}

fn check_parameters(parameters: &str, most: u64) -> Result<(), Refusal> {
    let bytes = parameters.len() as u64;
    if bytes > most {
        let message = format!("`parameters` has {bytes} bytes, at most {most} are allowed (`query_bytes`)");
        return Err(Refusal::limit(StatusCode::BAD_REQUEST, "query_bytes", message));
    }
    let object = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(parameters);
    object
        .map(drop)
        .map_err(|error| Refusal::bad_request("bad_query", format!("`parameters` is no JSON object: {error}")))
}
