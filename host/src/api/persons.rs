//! What belongs to one person: tags, a token, slots, and saying that an action has arrived.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::answer::Json;
use super::auth::Caller;
use super::body::{ActionAcknowledged, ActionView, TagList, UserToken, UserTokenBody};
use super::extract::{Content, NoParameters, Own, Parameters, Place, json, key};
use super::refusal::Refusal;
use super::user_token::User;
use super::{Api, answered, reading, view};
use crate::model::check_name;
use crate::model::outreach::{ActionId, Channel, Waiting, WaitingState};
use crate::model::ports::{Acknowledged, PersonView};

/// A user's token may also come behind the question mark: what is read is the middleware's matter.
/// The document has it as a way to show a token.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenOnly {
    #[serde(default, rename = "access_token")]
    _access_token: Option<String>,
}

#[utoipa::path(post, path = "/v1/{business}/user-tokens", tag = "persons",
    summary = "Make a token with which an app acts for one person", request_body = UserTokenBody,
    responses((status = 200, description = "The token", body = UserToken)))]
pub async fn token(
    State(api): State<Arc<Api>>,
    Place(business): Place<String>,
    Parameters(NoParameters {}): Parameters<NoParameters>,
    Caller(by): Caller,
    Content(body): Content,
) -> Result<Json<UserToken>, Refusal> {
    let body: UserTokenBody = json(&body)?;
    let lasts_ms = reading::user_token(&body, &api.parts.limits)?;
    let now = (api.parts.clock)();
    // Whole seconds, as the token has it.
    let expires = (now + lasts_ms) / 1_000 * 1_000;
    let user = User { business: business.as_str().into(), id: body.user.as_str().into() };
    let token = api.parts.keys.issue(&user, now, expires);
    let token = token.map_err(|error| Refusal::host(format!("the token cannot be written: {error}")))?;
    tracing::info!(business, user = body.user, lasts_ms, %by, "user token made");
    Ok(Json(UserToken { token, user: body.user, expires: view::time(expires) }))
}

#[utoipa::path(get, path = "/v1/{business}/users/{user}/tags", tag = "persons", summary = "What a person is tagged with",
    responses((status = 200, description = "Tags in force, by name", body = TagList)))]
pub async fn tags(
    State(api): State<Arc<Api>>,
    Own((business, user)): Own<(String, String)>,
    Parameters(TokenOnly { .. }): Parameters<TokenOnly>,
) -> Result<Json<TagList>, Refusal> {
    key("user", &user, api.parts.limits.attribute_bytes)?;
    let found = answered(|answer| api.parts.ask.person(&business, &user, answer)).await??;
    let durable = api.parts.log.committed(found.position).await?;
    Ok(Json(TagList { user, position: durable.lsn().0, tags: found.tags.iter().map(view::tag).collect() }))
}

#[utoipa::path(get, path = "/v1/{business}/users/{user}/slots/{slot}", tag = "persons",
    summary = "What a place in the app shows: of what waits for it the highest priority, then the newest",
    responses((status = 200, description = "The action", body = ActionView),
        (status = 204, description = "Nothing waits for this place")))]
pub async fn slot(
    State(api): State<Arc<Api>>,
    Own((business, user, slot)): Own<(String, String, String)>,
    Parameters(TokenOnly { .. }): Parameters<TokenOnly>,
) -> Result<Response, Refusal> {
    key("user", &user, api.parts.limits.attribute_bytes)?;
    check_name("slot", &slot)?;
    let person = arrive(&api, &business, &user, Some(&slot)).await?;
    let wanted = Channel::Slot(slot.into());
    let best = entries(&person, &wanted, (api.parts.clock)()).max_by_key(|(waiting, _)| waiting.rank());
    Ok(match best {
        Some((waiting, sequence)) => {
            Json(view::action(&waiting.action, sequence, &wanted, waiting.attempt)).into_response()
        }
        None => StatusCode::NO_CONTENT.into_response(),
    })
}

#[utoipa::path(post, path = "/v1/{business}/users/{user}/actions/{action}/ack", tag = "persons",
    summary = "Say that an action has arrived: it is not handed over again",
    responses((status = 200, description = "Also the second time", body = ActionAcknowledged)))]
pub async fn acknowledge(
    State(api): State<Arc<Api>>,
    Own((business, user, action)): Own<(String, String, String)>,
    Parameters(TokenOnly { .. }): Parameters<TokenOnly>,
) -> Result<Json<ActionAcknowledged>, Refusal> {
    key("user", &user, api.parts.limits.attribute_bytes)?;
    let id = ActionId::parse(&action).ok_or_else(|| unknown(&action))?;
    let told = answered(|answer| api.parts.ask.acknowledge(&business, &user, id, answer)).await??;
    let lsn = match told {
        Acknowledged::Accepted(lsn) | Acknowledged::Already(lsn) => lsn,
        Acknowledged::Unknown => return Err(unknown(&action)),
    };
    api.parts.log.committed(lsn).await?;
    Ok(Json(ActionAcknowledged { action: id.to_string(), status: "acknowledged".to_owned() }))
}

fn unknown(action: &str) -> Refusal {
    let shown: String = action.chars().take(80).collect();
    let message = format!("no action `{shown}` waits for this person: it never did, or it has ended long ago");
    Refusal::new(StatusCode::NOT_FOUND, "unknown_action", message)
}

/// The person is there: what waits and was not handed over is judged again, then everything that waits is answered, once it
/// is durable.
pub(super) async fn arrive(api: &Api, business: &str, person: &str, slot: Option<&str>) -> Result<PersonView, Refusal> {
    let found = answered(|answer| api.parts.ask.arrive(business, person, slot, answer)).await??;
    api.parts.log.committed(found.position).await?;
    Ok(found)
}

/// What was handed over on a channel with an inbox, is not acknowledged and still worth something; with its number.
pub(super) fn entries<'a>(
    person: &'a PersonView,
    wanted: &'a Channel,
    now: u64,
) -> impl Iterator<Item = (&'a Waiting, u64)> {
    person.waiting.iter().filter_map(move |waiting| match &waiting.state {
        WaitingState::Inbox { sequence, channel, attempted: true }
            if channel == wanted && now < waiting.action.expires =>
        {
            Some((waiting, *sequence))
        }
        _ => None,
    })
}
