//! Answers to queries.

use super::{Answer, HostState, cut, trap};
use crate::engine::bindings::imports::fishpond::plugin::replies;
use crate::model::Reply;

impl replies::Host for HostState {
    fn reply(&mut self, at: u32, status: String, body: String, retry: bool) -> Answer<()> {
        self.bounded("reply_bytes", body.len(), self.limits.reply_bytes)?;
        let (call, at) = self.enter(at, status.len() + body.len())?;
        if call.effects[at].reply.is_some() {
            return Err(trap("a second reply to one input"));
        }
        if call.query.is_none() {
            return Err(trap("an input is not answered: `replies.reply` is for queries"));
        }
        if serde_json::from_str::<serde::de::IgnoredAny>(&body).is_err() {
            return Err(trap("the reply's body is not JSON"));
        }
        call.effects[at].reply = Some(Reply { status: cut(status, 64), body: body.into(), retry });
        Ok(())
    }
}
