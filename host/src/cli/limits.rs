//! `fishpond limits`: every bound of a host with these settings.

use std::process::ExitCode;

use clap::Args;

use super::serve::Settings;
use super::{Global, output};
use crate::api::body::LimitList;
use crate::model::Limits;

/// List every limit of the host: its value, unit and meaning
///
/// What exceeds a limit is refused by its name. Values are those that `fishpond serve` would use here: defaults, the
/// settings file, the environment. Limits that were changed are marked with `*`.
///
/// Example:
///
///     FISHPOND_LIMITS_EVENT_BYTES=100000 fishpond limits
#[derive(Args, Debug)]
#[command(
    verbatim_doc_comment,
    after_help = "Next: set one in fishpond.toml under [limits], and look at `fishpond serve --print-config`."
)]
pub struct LimitsArgs {
    #[command(flatten)]
    settings: Settings,
}

pub fn run(arguments: &LimitsArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let limits = arguments.settings.load(global)?.config.limits;
    let text = if global.json { serde_json::to_string(&LimitList::of(&limits))? } else { render(&limits) };
    output::print(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn render(limits: &Limits) -> String {
    let row = |(name, value, default, unit, meaning): (&str, u64, u64, &str, &str)| {
        let mark = if value == default { "" } else { " *" };
        vec![name.to_owned(), format!("{value}{mark}"), default.to_string(), unit.to_owned(), meaning.to_owned()]
    };
    let rows: Vec<Vec<String>> = limits.table().into_iter().map(row).collect();
    output::table(&["NAME", "VALUE", "DEFAULT", "UNIT", "MEANING"], &rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_is_listed_and_changed_ones_are_marked() {
        let limits = Limits { modules: 7, ..Limits::default() };
        let text = render(&limits);
        assert_eq!(text.lines().count(), limits.table().len() + 1);
        let line = text.lines().find(|line| line.starts_with("modules ")).expect("the limit");
        assert_eq!(line.split_whitespace().take(5).collect::<Vec<_>>(), ["modules", "7", "*", "1000", "modules"]);
        assert_eq!(text.matches('*').count(), 1);
        assert_eq!(LimitList::of(&limits).limits.len(), limits.table().len());
    }
}
