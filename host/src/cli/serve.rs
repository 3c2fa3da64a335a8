//! `fishpond serve`: the settings are read and checked, then the host runs.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::{Global, local, output};
use crate::config::{self, Loaded, Sources};

/// Run the host
///
/// Settings come from, weakest first: defaults, `fishpond.toml` in the data folder (or --config), the environment
/// (FISHPOND_LISTEN, FISHPOND_LIMITS_EVENT_BYTES, ...), flags. All of them are checked before a port is opened. The
/// first start makes the data folder and in it the `token` that clients need.
///
/// An interrupt or SIGTERM drains and ends the host; a second one ends it at once.
///
/// Example:
///
///     fishpond serve --data ./fishpond-data --limit event_bytes=100000
#[derive(Args, Debug)]
#[command(
    verbatim_doc_comment,
    after_help = "Next: in another terminal `fishpond module upload plugins/c2c-blacklist`, with the same --data."
)]
pub struct ServeArgs {
    #[command(flatten)]
    settings: Settings,
    /// Print the settings in force with where each comes from, and end
    #[arg(long)]
    print_config: bool,
}

/// What the host's settings are read from; see [`config`].
#[derive(Args, Debug, Default)]
pub struct Settings {
    /// Settings file instead of `fishpond.toml` in the data folder
    #[arg(long, value_name = "FILE", env = "FISHPOND_CONFIG")]
    config: Option<PathBuf>,
    /// Address and port [default: 127.0.0.1:7878]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// Level of the log, or directives as info,fishpond::journal=debug [default: info]
    #[arg(long, value_name = "LEVEL")]
    log: Option<String>,
    /// text or json [default: text]
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,
    /// One limit, may be repeated; `fishpond limits` lists them
    #[arg(long, value_name = "NAME=VALUE", value_parser = limit)]
    limit: Vec<(String, String)>,
}

impl Settings {
    pub fn load(&self, global: &Global) -> Result<Loaded, config::Error> {
        config::load(&Sources::of_process(self.config.clone(), self.flags(global)))
    }

    fn flags(&self, global: &Global) -> Vec<(String, String, String)> {
        let data = global.data.as_ref().map(|data| data.display().to_string());
        let named = [("data", &data), ("listen", &self.listen), ("log", &self.log), ("log_format", &self.log_format)];
        let flag = |key: &str| format!("--{}", key.replace('_', "-"));
        let given = named.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value.clone()?, flag(key))));
        let limits =
            self.limit.iter().map(|(name, value)| (format!("limits.{name}"), value.clone(), "--limit".to_owned()));
        given.chain(limits).collect()
    }
}

fn limit(text: &str) -> Result<(String, String), String> {
    let split = text.split_once('=').ok_or("write NAME=VALUE, as event_bytes=100000")?;
    Ok((split.0.trim().to_owned(), split.1.trim().to_owned()))
}

pub fn run(arguments: &ServeArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let loaded = arguments.settings.load(global)?;
    if arguments.print_config {
        output::print(&loaded.print())?;
        return Ok(ExitCode::SUCCESS);
    }
    config::log::start(&loaded.config)?;
    for warning in loaded.config.warnings() {
        tracing::warn!("{warning}");
    }
    local::serve(loaded.config)?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Origin;

    #[test]
    fn flags_reach_the_settings_under_their_own_names() {
        let folder = tempfile::tempdir().expect("a folder");
        let global = Global { data: Some(folder.path().to_owned()), ..super::super::tests::global() };
        let settings = Settings {
            listen: Some("127.0.0.1:9".to_owned()),
            log: Some("debug".to_owned()),
            log_format: Some("json".to_owned()),
            limit: vec![limit("event_bytes = 100_000").expect("a limit")],
            ..Settings::default()
        };
        let sources = Sources { flags: settings.flags(&global), ..Sources::default() };
        let Loaded { config, tree } = config::load(&sources).expect("settings");
        assert_eq!((config.data.as_path(), config.listen.port(), &*config.log), (folder.path(), 9, "debug"));
        assert_eq!((config.log_format, config.limits.event_bytes), (config::LogFormat::Json, 100_000));
        for (key, flag) in [("data", "--data"), ("log_format", "--log-format"), ("limits.event_bytes", "--limit")] {
            assert_eq!(*tree.origin(key), Origin::Flag(flag.to_owned()), "{key}");
        }
        assert!(limit("event_bytes").is_err());
    }
}
