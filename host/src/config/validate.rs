//! From the tree to checked settings: each value by itself, then those that must fit each other.

use std::path::Path;

use tracing_subscriber::EnvFilter;

use super::tree::{LIMITS, Setting, Tree, Value};
use super::{Config, DEFAULT_LISTEN, Error, LogFormat};
use crate::journal;
use crate::model::{DEFAULT_INTAKE, Limits, check_name};

/// No limit may be larger, so that no sum of two can overflow.
const GREATEST: u64 = 1 << 53;
/// Limits that switch something off, or leave it to the host, when they are zero. Any other zero would refuse everything.
const MAY_BE_ZERO: [&str; 14] = [
    "extensions",
    "skew_past_ms",
    "skew_future_ms",
    "dedup_ids",
    "dedup_horizon_ms",
    "host_retries",
    "log_lines",
    "match_also",
    "lateness_ms",
    "clock_jump_ms",
    "clock_settle_ms",
    "workers",
    "retention_bytes",
    "retention_ms",
];
/// The journal writes pages of this many bytes.
const PAGE_BYTES: u64 = 4_096;
/// Length and checksum around a frame, and the page that begins a group and a segment, generously.
const FRAME_OVERHEAD_BYTES: u64 = 16;
const SEGMENT_OVERHEAD_BYTES: u64 = 4 * PAGE_BYTES;
/// What holds what: the first must not be greater than the second.
const HOLDS: [(&str, &str); 11] = [
    ("data_bytes", "event_bytes"),
    ("event_bytes", "request_bytes"),
    ("event_bytes", "journal_frame_bytes"),
    ("document_bytes", "journal_frame_bytes"),
    ("match_bytes", "journal_frame_bytes"),
    ("configuration_bytes", "journal_frame_bytes"),
    ("policy_bytes", "journal_frame_bytes"),
    ("journal_frame_bytes", "journal_queue_bytes"),
    ("instance_memory_bytes", "guest_memory_bytes"),
    ("streams", "connections"),
    ("streams_per_person", "streams"),
];

pub(super) fn check(tree: &Tree) -> Result<Config, Error> {
    let mut config = Config::default();
    for setting in tree.settings() {
        read(&mut config, setting).map_err(|reason| invalid(setting, reason))?;
    }
    check_journal(tree, &config.limits)?;
    check_fit(tree)?;
    check_intakes(tree, &config)?;
    Ok(config)
}

fn read(config: &mut Config, setting: &Setting) -> Result<(), String> {
    match (&*setting.key, &setting.value) {
        ("data", Value::Text(text)) => config.data = data(text)?.to_owned(),
        ("listen", Value::Text(text)) => {
            let wanted = || format!("it must be an IP address and a port, as {DEFAULT_LISTEN} or [::1]:7878");
            config.listen = text.parse().map_err(|_| wanted())?;
        }
        ("log", Value::Text(text)) => {
            let checked = EnvFilter::try_new(text);
            checked.map_err(|error| format!("{error}; write a level, as info, or `info,fishpond::journal=debug`"))?;
            config.log = text.clone();
        }
        ("log_format", Value::Text(text)) => config.log_format = log_format(text)?,
        ("api.cors_origins", Value::Text(text)) => config.cors_origins = origins(text)?,
        ("api.intakes", Value::Text(text)) => config.intakes = intakes(text)?,
        ("api.refuse_older", Value::Text(text)) => config.refuse_older = names(text)?,
        (key, Value::Number(number)) => limit(&mut config.limits, key, *number)?,
        (key, Value::Text(_)) => return Err(format!("nothing reads the key `{key}`")),
    }
    Ok(())
}

/// Separated by commas. Each is compared with what a browser sends, so it must be written in the same way.
fn origins(text: &str) -> Result<Vec<String>, String> {
    let origins = text.split(',').map(str::trim).filter(|origin| !origin.is_empty());
    origins
        .map(|origin| match is_origin(origin) {
            true => Ok(origin.to_owned()),
            false => Err(format!(
                "`{origin}` is no origin: write scheme, host and port only, separated by commas, as \
                 https://shop.example, http://localhost:5173"
            )),
        })
        .collect()
}

fn is_origin(text: &str) -> bool {
    let Some((scheme, host)) = text.split_once("://") else { return false };
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.:[]".contains(c);
    matches!(scheme, "http" | "https") && !host.is_empty() && host.chars().all(plain)
}

fn intakes(text: &str) -> Result<Vec<String>, String> {
    let names = names(text)?;
    if names.is_empty() { Err(format!("it must name one intake at least, as {DEFAULT_INTAKE}")) } else { Ok(names) }
}

/// Separated by commas.
fn names(text: &str) -> Result<Vec<String>, String> {
    let names: Vec<String> =
        text.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect();
    names.iter().try_for_each(|name| check_name("intake", name).map_err(|error| error.to_string()))?;
    match names.iter().enumerate().find(|(index, name)| names[..*index].contains(name)) {
        Some((_, twice)) => Err(format!("`{twice}` is listed twice")),
        None => Ok(names),
    }
}

/// Every intake is looked at for each tick. Who refuses what is older is one of them.
fn check_intakes(tree: &Tree, config: &Config) -> Result<(), Error> {
    let (count, limit) = (config.intakes.len(), config.limits.intakes);
    let unknown = config.refuse_older.iter().find(|name| !config.intakes.contains(name));
    for setting in tree.settings() {
        match (&*setting.key, unknown) {
            ("api.intakes", _) if count as u64 > limit => {
                return Err(invalid(
                    setting,
                    format!("it names {count} intakes, at most {limit} are allowed (`intakes`)"),
                ));
            }
            ("api.refuse_older", Some(unknown)) => {
                return Err(invalid(setting, format!("there is no intake `{unknown}`: `api.intakes` names them")));
            }
            _ => {}
        }
    }
    Ok(())
}

fn data(text: &str) -> Result<&Path, String> {
    let path = Path::new(text);
    if text.is_empty() {
        return Err("it must name a folder".to_owned());
    }
    if path.exists() && !path.is_dir() {
        return Err("it is a file, not a folder".to_owned());
    }
    Ok(path)
}

fn log_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err("it must be `text` or `json`".to_owned()),
    }
}

fn limit(limits: &mut Limits, key: &str, number: u64) -> Result<(), String> {
    let name = key.strip_prefix(LIMITS).unwrap_or(key);
    if number == 0 && !MAY_BE_ZERO.contains(&name) {
        return Err("it must be at least 1".to_owned());
    }
    if number > GREATEST {
        return Err(format!("it must be at most {GREATEST}"));
    }
    *limits.get_mut(name).ok_or_else(|| format!("there is no limit `{name}`"))? = number;
    Ok(())
}

/// What the journal demands of its sizes, said by the names of the settings.
fn check_journal(tree: &Tree, limits: &Limits) -> Result<(), Error> {
    let group = journal::GROUP_BYTES as u64;
    if limits.journal_frame_bytes + FRAME_OVERHEAD_BYTES > group {
        let most = group - FRAME_OVERHEAD_BYTES;
        return Err(refuse(tree, "journal_frame_bytes", format!("it must be at most {most}: a write group holds it")));
    }
    if !limits.journal_segment_bytes.is_multiple_of(PAGE_BYTES) {
        return Err(refuse(tree, "journal_segment_bytes", format!("it must be a multiple of {PAGE_BYTES}")));
    }
    let least = group + SEGMENT_OVERHEAD_BYTES;
    if limits.journal_segment_bytes < least {
        return Err(refuse(
            tree,
            "journal_segment_bytes",
            format!("it must be at least {least}: it holds a write group"),
        ));
    }
    Ok(())
}

fn check_fit(tree: &Tree) -> Result<(), Error> {
    for (small, large) in HOLDS {
        let (Some(inner), Some(outer)) = (number(tree, small), number(tree, large)) else { continue };
        if inner > outer {
            // Blames what somebody set; a default is blamed only if both are.
            let blamed =
                if *tree.origin(&format!("{LIMITS}{small}")) == super::Origin::Default { large } else { small };
            return Err(refuse(tree, blamed, format!("{small} ({inner}) must not be greater than {large} ({outer})")));
        }
    }
    Ok(())
}

fn setting<'a>(tree: &'a Tree, name: &str) -> Option<&'a Setting> {
    tree.settings().iter().find(|setting| setting.key.strip_prefix(LIMITS) == Some(name))
}

fn number(tree: &Tree, name: &str) -> Option<u64> {
    match setting(tree, name)?.value {
        Value::Number(number) => Some(number),
        Value::Text(_) => None,
    }
}

fn refuse(tree: &Tree, name: &str, reason: String) -> Error {
    let value = number(tree, name).unwrap_or_default().to_string();
    let key = format!("{LIMITS}{name}");
    Error::Invalid { origin: tree.origin(&key).clone(), key, value, reason }
}

fn invalid(setting: &Setting, reason: String) -> Error {
    Error::Invalid { key: setting.key.clone(), value: setting.value.show(), origin: setting.origin.clone(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_in_the_tables_is_a_limit() {
        let mut limits = Limits::default();
        for name in MAY_BE_ZERO.into_iter().chain(HOLDS.into_iter().flat_map(|(small, large)| [small, large])) {
            assert!(limits.get_mut(name).is_some(), "{name}");
        }
    }

    #[test]
    fn the_defaults_pass() {
        assert_eq!(check(&Tree::default()).expect("defaults"), Config::default());
    }
}
