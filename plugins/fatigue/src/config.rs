//! Why: what an operator writes, and every reason to send it back, each with its place and what to do.

use fishpond_sdk::{CHANNEL_PATTERN, Diagnostic, MessageClass, Plan, VerdictKind, calendar};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::cap::{Cap, OnExceed, Window};
use crate::exemption::{Bits, Exemption};

/// Seconds: 31 days, the longest window and the longest interval.
const LONGEST_S: u64 = 31 * 86_400;
/// Caps of one deployment.
const CAPS_MAX: usize = 8;
/// Reaches in one window.
const AT_MOST_MAX: u64 = 1_000;
/// Exemptions of one deployment.
const EXEMPTIONS_MAX: usize = 64;
/// Entries of one list of an exemption.
const LISTED_MAX: usize = 64;
/// Bytes of a name in such a list.
const NAME_BYTES_MAX: usize = 256;
/// Bytes of a cap's name.
const CAP_NAME_BYTES_MAX: usize = 64;

/// What an operator sets.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// All of them must let an action through; the first that does not decides what happens.
    #[schemars(length(min = 1, max = CAPS_MAX))]
    pub caps: Vec<CapConfig>,
    /// Actions that ignore the caps, or do not count. The first that fits an action decides.
    #[serde(default)]
    #[schemars(length(max = EXEMPTIONS_MAX))]
    pub exempt: Vec<ExemptionConfig>,
}

/// One cap.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CapConfig {
    /// Lower-case words joined by `_`. Counters belong to it: keep it when you change the rest.
    #[schemars(length(min = 1, max = CAP_NAME_BYTES_MAX))]
    name: String,
    /// Reaches in one window.
    #[schemars(range(min = 1, max = AT_MOST_MAX))]
    at_most: u64,
    /// Exactly one kind of window.
    window: WindowConfig,
    /// Seconds that must have passed since the last counted reach. Absent: any.
    #[schemars(range(min = 1, max = LONGEST_S))]
    min_interval_s: Option<u64>,
    /// What is counted apart, beside the person. Empty: everything together.
    #[serde(default)]
    #[schemars(length(max = 2))]
    per: Vec<Dimension>,
    /// What becomes of an action that the cap does not let through.
    #[serde(default)]
    on_exceed: OnExceedConfig,
}

/// Exactly one of `rolling_s`, `first_touch_s`, `calendar`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("minProperties" = 1, "maxProperties" = 2))]
pub struct WindowConfig {
    /// Seconds. A reach counts for this long; at exactly this age it still does.
    #[schemars(range(min = 1, max = LONGEST_S))]
    rolling_s: Option<u64>,
    /// Seconds. The window opens with the first counted reach and closes after this long.
    #[schemars(range(min = 1, max = LONGEST_S))]
    first_touch_s: Option<u64>,
    /// IANA name of a time zone (`Europe/Berlin`): the day of a clock there.
    calendar: Option<String>,
    /// Of `calendar`; there is only the day.
    unit: Option<Unit>,
}

/// Units of calendar windows.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Unit {
    Day,
}

/// What can be counted apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Dimension {
    Business,
    Scene,
}

/// What becomes of an action that a cap does not let through.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum OnExceedConfig {
    /// It is denied.
    #[default]
    Deny,
    /// It waits until it would pass; denied if it has expired by then.
    Hold,
    /// It goes by this channel (`app`, `log`, or `slot:` and a name) and counts toward no cap.
    Downgrade(#[schemars(regex(pattern = CHANNEL_PATTERN))] String),
}

/// Actions for which the two bits differ; all lists that are given must hold.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExemptionConfig {
    /// Message classes.
    #[schemars(length(min = 1, max = 3))]
    classes: Option<Vec<MessageClass>>,
    /// Ids of policies.
    #[schemars(length(min = 1, max = LISTED_MAX))]
    policies: Option<Vec<String>>,
    /// Names of matches.
    #[schemars(length(min = 1, max = LISTED_MAX))]
    matches: Option<Vec<String>>,
    /// Places in the app; the empty text is an action without one.
    #[schemars(length(min = 1, max = LISTED_MAX))]
    scenes: Option<Vec<String>>,
    /// They pass, whatever the counters say.
    #[serde(default)]
    ignores_cap: bool,
    /// They use up what the caps allow.
    #[serde(default = "yes")]
    counts: bool,
}

fn yes() -> bool {
    true
}

/// The verdicts that these caps can reach.
pub fn verdicts(caps: &[Cap]) -> Vec<VerdictKind> {
    let mut verdicts = vec![VerdictKind::Allow, VerdictKind::Deny];
    verdicts.extend(caps.iter().filter_map(|cap| match cap.on_exceed {
        OnExceed::Deny => None,
        OnExceed::Hold => Some(VerdictKind::Hold),
        OnExceed::Downgrade { .. } => Some(VerdictKind::Downgrade),
    }));
    verdicts
}

/// The caps; what is wrong with them is entered into the plan.
pub fn caps(configs: Vec<CapConfig>, plan: &mut Plan) -> Vec<Cap> {
    plan.check("/caps", configs.len(), 1..=CAPS_MAX, "caps");
    let mut caps: Vec<Cap> = Vec::new();
    for (number, config) in configs.into_iter().enumerate() {
        let place = format!("/caps/{number}");
        if caps.iter().any(|other| other.name == config.name) {
            let hint = "give each its own name: counters belong to it";
            plan.refuse(Diagnostic::new(
                format!("{place}/name"),
                format!("there are two caps `{}`", config.name),
                hint,
            ));
        }
        caps.extend(cap(config, &place, plan));
    }
    caps
}

fn cap(config: CapConfig, place: &str, plan: &mut Plan) -> Option<Cap> {
    if !is_name(&config.name) {
        let hint = "use lower-case words joined by `_`, at most 64 bytes";
        plan.refuse(Diagnostic::new(format!("{place}/name"), format!("`{}` is no name for a cap", config.name), hint));
    }
    plan.check(&format!("{place}/at_most"), config.at_most, 1..=AT_MOST_MAX, "reaches");
    if let Some(seconds) = config.min_interval_s {
        plan.check(&format!("{place}/min_interval_s"), seconds, 1..=LONGEST_S, "seconds");
    }
    let has = |dimension| config.per.iter().filter(|other| **other == dimension).count();
    if has(Dimension::Business) > 1 || has(Dimension::Scene) > 1 {
        plan.refuse(Diagnostic::new(format!("{place}/per"), "a dimension is there twice", "name each at most once"));
    }
    let (per_business, per_scene) = (has(Dimension::Business) > 0, has(Dimension::Scene) > 0);
    let on_exceed = match config.on_exceed {
        OnExceedConfig::Deny => OnExceed::Deny,
        OnExceedConfig::Hold => OnExceed::Hold,
        OnExceedConfig::Downgrade(channel) => {
            plan.check_channel(&format!("{place}/on_exceed/downgrade"), &channel);
            OnExceed::Downgrade { channel }
        }
    };
    Some(Cap {
        window: window(config.window, &format!("{place}/window"), plan)?,
        name: config.name,
        at_most: config.at_most as usize,
        min_interval_ms: config.min_interval_s.unwrap_or(0).saturating_mul(1_000),
        per_business,
        per_scene,
        on_exceed,
    })
}

fn window(config: WindowConfig, place: &str, plan: &mut Plan) -> Option<Window> {
    let mut length_ms = |name: &str, seconds: u64| {
        plan.check(&format!("{place}/{name}"), seconds, 1..=LONGEST_S, "seconds");
        seconds.saturating_mul(1_000)
    };
    let window = match (config.rolling_s, config.first_touch_s, config.calendar) {
        (Some(seconds), None, None) => Window::Rolling { length_ms: length_ms("rolling_s", seconds) },
        (None, Some(seconds), None) => Window::FirstTouch { length_ms: length_ms("first_touch_s", seconds) },
        (None, None, Some(zone)) => {
            if calendar::local(0, &zone).is_none() {
                let message = format!("there is no time zone `{zone}`");
                let hint = "use an IANA name such as `Europe/Berlin`, or `UTC`";
                plan.refuse(Diagnostic::new(format!("{place}/calendar"), message, hint));
            }
            return Some(Window::Calendar { zone });
        }
        _ => {
            let hint = "give exactly one of `rolling_s`, `first_touch_s`, `calendar`";
            plan.refuse(Diagnostic::new(place, "the window is of no kind, or of several", hint));
            return None;
        }
    };
    if config.unit.is_some() {
        let hint = "remove it, or use `calendar`";
        plan.refuse(Diagnostic::new(format!("{place}/unit"), "only `calendar` has a unit", hint));
    }
    Some(window)
}

/// The exemptions; what is wrong with them is entered into the plan.
pub fn exemptions(configs: Vec<ExemptionConfig>, plan: &mut Plan) -> Vec<Exemption> {
    plan.check("/exempt", configs.len(), 0..=EXEMPTIONS_MAX, "exemptions");
    let numbered = configs.into_iter().enumerate();
    numbered.map(|(number, config)| exemption(config, &format!("/exempt/{number}"), plan)).collect()
}

fn exemption(config: ExemptionConfig, place: &str, plan: &mut Plan) -> Exemption {
    let named = [("policies", &config.policies), ("matches", &config.matches), ("scenes", &config.scenes)];
    if config.classes.is_none() && named.iter().all(|(_, list)| list.is_none()) {
        let hint = "give at least one of `classes`, `policies`, `matches`, `scenes`";
        plan.refuse(Diagnostic::new(place, "this exempts every action", hint));
    }
    if let Some(classes) = &config.classes {
        plan.check(&format!("{place}/classes"), classes.len(), 1..=LISTED_MAX, "entries");
    }
    for (list, names) in named {
        let Some(names) = names else { continue };
        plan.check(&format!("{place}/{list}"), names.len(), 1..=LISTED_MAX, "entries");
        let shortest = if list == "scenes" { 0 } else { 1 };
        for (number, name) in names.iter().enumerate() {
            plan.check(&format!("{place}/{list}/{number}"), name.len(), shortest..=NAME_BYTES_MAX, "bytes");
        }
    }
    let bits = Bits { ignores_cap: config.ignores_cap, counts: config.counts };
    let ExemptionConfig { classes, policies, matches, scenes, .. } = config;
    Exemption { classes, policies, matches, scenes, bits }
}

fn is_name(name: &str) -> bool {
    let word = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    name.len() <= CAP_NAME_BYTES_MAX
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.split('_').all(word)
}
