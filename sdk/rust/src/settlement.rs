//! Why: a filter that spends something on a message must hear whether the message came.

/// How an effect ended. So far: the delivery of an action whose verdict had a context (`Verdict::settle`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settlement {
    /// The person; windows and values belong to it.
    pub key: String,
    /// `delivery`.
    pub effect: String,
    /// Of the action: `action.id`.
    pub id: String,
    /// `delivered` (the channel took it, or the person acknowledged it), `failed` (it reached nobody), `expired` (nobody
    /// fetched it in time), `unknown` (nobody can say).
    pub status: String,
    /// What was given to `Verdict::settle`.
    pub context: String,
    /// JSON object: more about the end.
    pub answer: String,
    /// Milliseconds since the Unix epoch, receive clock.
    pub time: u64,
    /// The state version of the module that gave the context.
    pub state_version: u32,
}
