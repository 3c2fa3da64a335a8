//! What belongs to one person: tags, a token, and the actions that reach the app.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::OriginView;

/// `GET /v1/{business}/users/{user}/tags`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TagList {
    pub user: String,
    /// Everything up to here is in the answer; durable.
    pub position: u64,
    /// Those in force, by name.
    pub tags: Vec<TagView>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TagView {
    pub name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub value: String,
    pub policy: String,
    pub policy_revision: u32,
    pub origin: OriginView,
    pub since: String,
    /// Absent: for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
}

/// `POST /v1/{business}/user-tokens`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserTokenBody {
    pub user: String,
    /// Seconds.
    #[serde(default = "token_lasts_s")]
    pub lasts_s: u64,
}

/// Seconds of a user's token, unless it is asked for otherwise.
pub const TOKEN_LASTS_S: u64 = 3_600;

fn token_lasts_s() -> u64 {
    TOKEN_LASTS_S
}

/// A token with which an app acts for one person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UserToken {
    /// JWT, HS256.
    pub token: String,
    pub user: String,
    pub expires: String,
}

/// An action as the app gets it: the data of an event of the stream, and the answer of a slot.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ActionView {
    /// 32 hexadecimal digits: the same again is the same action.
    pub action: String,
    /// Its number in the person's inbox; the event's `id`.
    pub sequence: u64,
    #[serde(rename = "match")]
    pub match_name: String,
    pub policy: String,
    /// `critical`, `transactional` or `marketing`.
    pub class: String,
    /// `app` or `slot:NAME`.
    pub channel: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub scene: String,
    /// The policy's.
    #[schema(value_type = Object)]
    pub content: Box<RawValue>,
    /// The match's.
    #[schema(value_type = Object)]
    pub fields: Box<RawValue>,
    /// Of the match.
    pub time: String,
    pub expires: String,
    /// From 1.
    pub attempt: u32,
}

/// The data of `bye`, the last event of a stream that the host ends for a reason of its client's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ByeView {
    /// `token_expired` or `streams_per_person`.
    pub reason: String,
    pub message: String,
}

/// `POST /v1/{business}/users/{user}/actions/{action}/ack`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ActionAcknowledged {
    pub action: String,
    /// `acknowledged`.
    pub status: String,
}
