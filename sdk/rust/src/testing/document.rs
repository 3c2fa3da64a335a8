//! Why: everything that a rule keeps for one key, so that a refused input can be undone by putting the old one back.

use std::collections::BTreeMap;

use super::windows::WindowEntries;

/// Named values, windows and timers of one key.
#[derive(Debug, Clone, Default)]
pub(crate) struct Document {
    pub values: BTreeMap<String, Value>,
    /// By the window's number in the plan.
    pub windows: BTreeMap<u32, WindowEntries>,
    /// By name.
    pub timers: BTreeMap<String, Timer>,
    /// Greatest time of the inputs that this key has seen.
    pub time: u64,
}

#[derive(Debug, Clone)]
pub(crate) struct Value {
    pub bytes: Vec<u8>,
    pub expires: Option<u64>,
}

#[derive(Debug, Clone)]
pub(crate) struct Timer {
    pub time: u64,
    pub context: String,
    /// Of the input that set it.
    pub hops: u8,
}

impl Value {
    /// Whether an input at this time still sees it.
    pub(crate) fn is_seen_at(&self, time: u64) -> bool {
        self.expires.is_none_or(|expires| time < expires)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_gone_for_inputs_at_its_expiry() {
        let value = Value { bytes: Vec::new(), expires: Some(100) };
        assert!(value.is_seen_at(99) && !value.is_seen_at(100));
        assert!(Value { expires: None, ..value }.is_seen_at(u64::MAX));
    }
}
