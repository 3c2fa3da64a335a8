//! Why: a channel that the host does not know traps in the middle of a chain, so a filter that lets an operator name one
//! looks at it where it is configured.

/// The names of channels as a pattern of JSON Schema, for the configuration's:
/// `#[schemars(regex(pattern = CHANNEL_PATTERN))]`. `Plan::check_channel` says the same with a place and a remedy.
pub const CHANNEL_PATTERN: &str = "^(app|log|slot:[a-z0-9][a-z0-9-]{0,62})$";

/// Bytes of a slot's name.
const SLOT_MAX: usize = 63;

/// Whether the host has it: `app`, `log`, or `slot:` and a name.
pub(crate) fn is_channel(channel: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_slot =
        |name: &str| (1..=SLOT_MAX).contains(&name.len()) && !name.starts_with('-') && name.bytes().all(plain);
    matches!(channel, "app" | "log") || channel.strip_prefix("slot:").is_some_and(is_slot)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fits_the_pattern(channel: &str) -> bool {
        jsonschema::draft202012::is_valid(&json!({"pattern": CHANNEL_PATTERN}), &json!(channel))
    }

    #[test]
    fn the_pattern_and_the_check_say_the_same() {
        let longest = format!("slot:{}", "a".repeat(63));
        for channel in ["app", "log", "slot:top", "slot:0-a-", &longest] {
            assert!(is_channel(channel) && fits_the_pattern(channel), "{channel}");
        }
        let too_long = format!("{longest}a");
        for channel in
            ["", "sms", "App", "apps", "log ", "slot:", "slot:-a", "slot:Top", "slot:a_b", "slot:ä", "slot", &too_long]
        {
            assert!(!is_channel(channel) && !fits_the_pattern(channel), "{channel}");
        }
    }
}
