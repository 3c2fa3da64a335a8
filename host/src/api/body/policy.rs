//! Policies and chains: what is done about a match, and who may object.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

/// Seconds that a message is worth something, unless its policy says otherwise.
pub const MESSAGE_LASTS_S: u64 = 86_400;

/// `PUT /v1/{business}/policies/{id}`. Exactly one of `tag`, `message` and `publish` is given.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyBody {
    /// Name of the match.
    #[serde(rename = "match")]
    pub match_name: String,
    /// Only matches of this deployment; absent: of any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment: Option<String>,
    /// Of several message policies the highest acts; of equals the smallest id.
    #[serde(default)]
    pub priority: i32,
    /// RFC 3339, inclusive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<String>,
    /// RFC 3339, exclusive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<String>,
    #[serde(default = "yes")]
    pub enabled: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<TagBody>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<MessageBody>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publish: Option<PublishBody>,
}

/// The person gets an attribute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TagBody {
    pub name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub value: String,
    /// Seconds; absent: for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lasts_s: Option<u64>,
}

/// The person gets a message, if the chain lets it pass.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MessageBody {
    /// `critical`, `transactional` or `marketing`.
    pub class: String,
    /// `app`, `log` or `slot:NAME`.
    pub channel: String,
    /// Place in the app.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub scene: String,
    /// JSON object that the client shows.
    #[schema(value_type = Object)]
    pub content: Box<RawValue>,
    /// Seconds from the match until it is worth nothing any more.
    #[serde(default = "message_lasts_s")]
    pub lasts_s: u64,
    /// What becomes of it while the person is not connected.
    #[serde(default)]
    pub offline: OfflineBody,
}

/// `keep`, `drop`, or a channel to fall back to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum OfflineBody {
    /// `keep` (default): it waits until it expires; `drop`: it is not sent.
    Word(String),
    Fallback(FallbackBody),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FallbackBody {
    /// A channel: `log` or `slot:NAME`.
    pub fallback: String,
}

impl Default for OfflineBody {
    fn default() -> OfflineBody {
        OfflineBody::Word("keep".to_owned())
    }
}

/// An event of this type is made from the match.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PublishBody {
    #[serde(rename = "type")]
    pub kind: String,
}

/// A policy in force.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct PolicyView {
    pub id: String,
    /// From 1.
    pub revision: u32,
    /// Where the revision begins to act; durable.
    pub position: u64,
    pub policy: PolicyBody,
    pub at: String,
    /// Name of the token that gave it.
    pub by: String,
}

/// `GET /v1/{business}/policies`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct PolicyList {
    /// By id.
    pub policies: Vec<PolicyView>,
}

/// `DELETE /v1/{business}/policies/{id}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PolicyRemoved {
    pub id: String,
    /// Of the removal.
    pub revision: u32,
    pub position: u64,
}

/// `PUT` of a chain: its entries in the order in which they are asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChainBody {
    pub entries: Vec<ChainEntryBody>,
}

/// One filter of a chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChainEntryBody {
    /// Name of the filter's deployment, in the business or in `platform`.
    pub filter: String,
    /// What its error means: `open` lets the message pass, `closed` stops it.
    pub on_error: String,
    /// Classes of messages that it judges; absent: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<String>,
    /// `final`: its `allow` ends the chain. Never in the platform part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow: Option<String>,
}

/// `GET` of a chain, and the answer to a change of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChainView {
    /// `platform`, `business`, or `policy:ID`.
    pub part: String,
    /// Zero: it was never set.
    pub revision: u32,
    /// Where the revision begins to act; durable.
    pub position: u64,
    /// Of this part.
    pub entries: Vec<ChainEntryBody>,
    /// The whole chain as it runs for the policy: platform, business, policy. Only of a policy's part.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chain: Vec<ChainStepView>,
}

/// One filter of a whole chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChainStepView {
    /// `platform`, `business`, or `policy:ID`.
    pub part: String,
    pub entry: ChainEntryBody,
}

fn yes() -> bool {
    true
}

fn message_lasts_s() -> u64 {
    MESSAGE_LASTS_S
}
