//! Lines for the module's own team.

use super::{Answer, HostState, cut};
use crate::engine::bindings::imports::fishpond::plugin::logging;
use crate::model::LogLine;

impl logging::Host for HostState {
    fn write(&mut self, at: u32, level: String, message: String) -> Answer<()> {
        let limits = self.limits.clone();
        let (call, at) = self.enter(at, level.len() + message.len())?;
        let lines = &mut call.effects[at].logs;
        if (lines.len() as u64) < limits.log_lines {
            let level = ["debug", "info", "warn", "error"].into_iter().find(|known| *known == level).unwrap_or("info");
            lines.push(LogLine { level, message: cut(message, limits.log_bytes) });
        }
        Ok(())
    }
}
