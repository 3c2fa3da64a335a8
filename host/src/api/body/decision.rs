//! Decisions: every look at an action with all that was said, and how its delivery ended.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

/// `GET /v1/{business}/decisions`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct DecisionPage {
    /// Everything up to here was looked at, if it was asked for; durable.
    pub position: u64,
    /// Looks at actions, newest first.
    pub decisions: Vec<DecisionView>,
    /// Ends of deliveries, newest first.
    pub ends: Vec<EndView>,
    /// What `before` is for the next page; absent: there is no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
}

/// One look at an action.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct DecisionView {
    /// Of the frame that it was committed with.
    pub position: u64,
    /// Receive clock: of the match's frame, of the tick that released it, of the person's arrival.
    pub time: String,
    /// 32 hexadecimal digits.
    pub action: String,
    pub person: String,
    pub origin: OriginView,
    /// Empty if no message policy was valid.
    pub policy: String,
    pub policy_revision: u32,
    /// `critical`, `transactional` or `marketing`.
    pub class: String,
    /// As the policy says; `sent` says where it went.
    pub channel: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub scene: String,
    pub priority: i32,
    #[schema(value_type = Object)]
    pub content: Box<RawValue>,
    #[schema(value_type = Object)]
    pub fields: Box<RawValue>,
    pub expires: String,
    /// From 1.
    pub attempt: u32,
    /// What started the look: `match`, `release`, `retry` or `arrival`.
    pub cause: String,
    /// All message policies of the match, the best first. Only at the first look.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<CandidateView>,
    pub chain: ChainRevisionsView,
    /// In the chain's order, those that were not reached as well.
    pub verdicts: Vec<ReachedView>,
    /// `sent`, `waiting`, `denied`, `held`, `no_route`, `offline`, `repeated`, `expired` or `cancelled`.
    pub status: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent: Option<SentView>,
    /// Of what is held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Why: of the filter that ended the chain, or of the cancellation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The match behind it, and what made that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OriginView {
    /// Of the frame that holds the match.
    pub position: u64,
    #[serde(rename = "match")]
    pub match_name: String,
    pub deployment: String,
    pub revision: u32,
    pub digest: String,
}

/// A message policy that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CandidateView {
    pub policy: String,
    pub revision: u32,
    pub priority: i32,
    /// `chosen`, `outranked`, `not_yet_valid`, `expired` or `disabled`.
    pub fate: String,
}

/// Revisions of the chain's parts as it was judged; zero: there was none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChainRevisionsView {
    pub platform: u32,
    pub business: u32,
    pub policy: u32,
}

/// One entry of the chain.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ReachedView {
    /// `platform`, `business`, or `policy:ID`.
    pub part: String,
    pub filter: String,
    /// Of the filter; absent where it was not asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// `allow`, `deny`, `hold`, `downgrade`, `error`, `not_reached` or `other_class`.
    pub answer: String,
    /// The filter's word, or the code of its error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What it counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub numbers: Option<Box<RawValue>>,
    /// Of a hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Of a downgrade.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// Of an error: what is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Of an error: what it was taken for, `open` or `closed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken: Option<String>,
    /// It wants to hear how the delivery ends.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub asks: bool,
}

/// Where it went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SentView {
    pub channel: String,
    /// Its number in the person's inbox; absent for channels without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence: Option<u64>,
    /// Handed over now, or waiting for the person.
    pub attempted: bool,
}

/// `GET /v1/{business}/decisions/{action}`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ActionStory {
    pub action: String,
    /// Oldest first.
    pub looks: Vec<DecisionView>,
    /// How the delivery ended, if it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<EndView>,
    /// What every filter would say now, nothing kept. Only if it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub what_if: Option<Vec<ReachedView>>,
}

/// A delivery's end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EndView {
    pub position: u64,
    pub time: String,
    pub action: String,
    pub person: String,
    #[serde(rename = "match")]
    pub match_name: String,
    pub policy: String,
    /// `acknowledged`, `delivered`, `failed`, `unknown`, `expired` or `expired_unacked`.
    pub end: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

/// `GET /v1/{business}/decisions/summary`: since the journal begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DecisionSummary {
    /// Everything up to here is counted; durable.
    pub position: u64,
    /// By name.
    pub matches: Vec<MatchCountsView>,
}

/// What was done about the matches of one name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MatchCountsView {
    #[serde(rename = "match")]
    pub match_name: String,
    /// Matches that message policies were looked for.
    pub seen: u64,
    pub tagged: u64,
    pub published: u64,
    /// Looks at actions by status, without further tries of the same delivery.
    pub statuses: BTreeMap<String, u64>,
    /// What was denied or cancelled, by reason.
    pub reasons: BTreeMap<String, u64>,
    /// Deliveries by their end.
    pub ends: BTreeMap<String, u64>,
}
