//! Starts the log that the settings ask for. Lines go to standard error: standard output belongs to answers.

use std::io::IsTerminal;

use anyhow::Context;
use tracing_subscriber::EnvFilter;

use super::{Config, LogFormat};

/// The target of lines about tokens that were used for others (`api::audit`).
const AUDIT: &str = "fishpond::audit";

/// Once per process, before anything that logs.
pub fn start(config: &Config) -> anyhow::Result<()> {
    let filter = filter(&config.log).with_context(|| format!("cannot read `log = {}`", config.log))?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let started = match config.log_format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
    started.map_err(|error| anyhow::anyhow!("the log is started already: {error}"))
}

/// What the audit says is a record, not a matter of how much one wants to read: a level for all does not leave it out. Who
/// means to leave it out names it: `error,fishpond::audit=off`.
fn filter(text: &str) -> Result<EnvFilter, tracing_subscriber::filter::ParseError> {
    match text.contains(AUDIT) {
        true => EnvFilter::try_new(text),
        false => EnvFilter::try_new(format!("{text},{AUDIT}=warn")),
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[test]
    fn the_audit_is_told_at_every_level_unless_it_is_named() {
        for (text, audit, warning) in [
            ("error", true, false),
            ("off", true, false),
            ("", true, false),
            ("info,fishpond::journal=debug", true, true),
            ("info,fishpond::audit=off", false, true),
        ] {
            let registry = tracing_subscriber::registry().with(filter(text).expect("a filter"));
            tracing::subscriber::with_default(registry, || {
                assert_eq!(tracing::enabled!(target: "fishpond::audit", tracing::Level::WARN), audit, "{text:?}");
                assert_eq!(tracing::enabled!(target: "fishpond::api", tracing::Level::WARN), warning, "{text:?}");
            });
        }
    }
}
