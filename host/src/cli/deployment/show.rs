//! Deployments for people: as a list, as one with its configuration, and what a change came to.

use std::collections::BTreeMap;

use crate::api::body::{DeploymentList, DeploymentView, FaultView, ModuleRef, UsageView};
use crate::cli::client::Client;
use crate::cli::output::{count, short, table};
use crate::cli::{Global, output};

pub(super) fn list(global: &Global) -> anyhow::Result<()> {
    let client = Client::new(global)?;
    let answer = client.get(&client.path(&["deployments"]), &[])?;
    if global.json {
        return Ok(output::print(answer.text())?);
    }
    let list: DeploymentList = answer.parse()?;
    if list.deployments.is_empty() {
        let hint = "no deployments in this business: `fishpond deployment apply NAME --module MODULE` makes one";
        return Ok(output::print(hint)?);
    }
    let rows: Vec<Vec<String>> = list.deployments.iter().map(row).collect();
    Ok(output::print(&table(&["NAME", "STATE", "REVISION", "MODULE", "DIGEST", "POSITION", "LAG"], &rows))?)
}

fn row(deployment: &DeploymentView) -> Vec<String> {
    let DeploymentView { name, state, revision, module, position, lag, .. } = deployment;
    let number = |number: &Option<u64>| number.map_or_else(|| "-".to_owned(), |number| number.to_string());
    let ModuleRef { digest, .. } = module;
    let digest = short(digest).to_owned();
    vec![name.clone(), state.clone(), revision.to_string(), versioned(module), digest, number(position), number(lag)]
}

fn versioned(module: &ModuleRef) -> String {
    format!("{}@{}", module.name, module.version)
}

pub(super) fn one(name: &str, global: &Global) -> anyhow::Result<()> {
    let client = Client::new(global)?;
    let answer = client.get(&client.path(&["deployments", name]), &[])?;
    if global.json {
        return Ok(output::print(answer.text())?);
    }
    Ok(output::print(&details(&answer.parse()?))?)
}

fn details(deployment: &DeploymentView) -> String {
    let DeploymentView { id, module, permissions, on_error, activated_at, activated_at_lsn, by, configuration, .. } =
        deployment;
    let permissions = if permissions.is_empty() { "none".to_owned() } else { permissions.join(", ") };
    let DeploymentView { on_quarantine, on_lag, begins_at, lag_bytes, lag_ms, usage, .. } = deployment;
    let lag = match (lag_bytes, lag_ms) {
        (Some(bytes), Some(ms)) => format!("{bytes} bytes of the journal, {}.{:03} s", ms / 1_000, ms % 1_000),
        _ => "not started yet".to_owned(),
    };
    let lines = [
        ("id", id.to_string()),
        ("module", format!("{} sha256:{}", versioned(module), module.digest)),
        ("activated", format!("{activated_at} by {by}, position {activated_at_lsn}")),
        ("permissions", permissions),
        ("on error", on_error.clone()),
        ("on quarantine", on_quarantine.clone()),
        ("on lag", on_lag.clone()),
        ("begins at", format!("position {begins_at}")),
        ("lag", lag),
        ("used", used(usage)),
        ("inputs", by_name(&usage.inputs)),
        ("matches", by_name(&usage.matches)),
        ("state", format!("{} in memory, {} bytes", count(usage.documents, "document"), usage.state_bytes)),
        ("configuration", configuration.get().to_owned()),
    ];
    let lines: String = lines.iter().map(|(name, value)| format!("  {name:14} {value}\n")).collect();
    format!("{}{lines}{}", state(deployment), faults(deployment))
}

/// Since the start of the host.
fn used(usage: &UsageView) -> String {
    let UsageView { fuel, guest_us, calls, .. } = usage;
    format!("{fuel} fuel, {}.{:03} s in {}", guest_us / 1_000_000, guest_us / 1_000 % 1_000, count(*calls, "call"))
}

fn by_name(counts: &BTreeMap<String, u64>) -> String {
    if counts.is_empty() {
        return "none".to_owned();
    }
    let parts: Vec<String> = counts.iter().map(|(name, n)| format!("{n} {name}")).collect();
    output::visible(&parts.join(", "))
}

/// The last traps and spent fuel, newest first.
fn faults(deployment: &DeploymentView) -> String {
    if deployment.last_faults.is_empty() {
        return String::new();
    }
    let line = |fault: &FaultView| {
        let FaultView { position, key, revision, code, message, at } = fault;
        let line = format!("{at} input {position} of key `{key}`, revision {revision}: {code}: {message}");
        format!("    {}\n", output::visible(&line))
    };
    let lines: String = deployment.last_faults.iter().map(line).collect();
    format!("  last faults ({} of them count toward quarantine)\n{lines}", deployment.faults)
}

/// Name, state and progress in a line; the reason of a pause in a second one.
pub(super) fn state(deployment: &DeploymentView) -> String {
    let DeploymentView { name, state, revision, module, position, lag, paused, not_granted, .. } = deployment;
    let progress = match (position, lag) {
        (Some(position), Some(lag)) => format!("position {position}, {lag} behind"),
        _ => "not started yet".to_owned(),
    };
    let first = format!("{name}: {state}, revision {revision} of {}, {progress}\n", versioned(module));
    let first = format!("{first}{}", warning(not_granted));
    let Some(paused) = paused else { return first };
    let reason = if paused.reason.is_empty() { "no reason given" } else { &paused.reason };
    let shards = count(u64::from(paused.shards), "shard");
    let cause = if state == "quarantined" { "quarantined" } else { "paused" };
    format!("{first}  {cause} since {}, {shards}: {}\n", paused.since, output::visible(reason))
}

/// What the module will be refused.
fn warning(not_granted: &[String]) -> String {
    if not_granted.is_empty() {
        return String::new();
    }
    let names = not_granted.join(", ");
    format!(
        "  warning: the module asks for {names}, which is not granted: inputs that need it are refused as not_permitted\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view() -> DeploymentView {
        let body = r#"{"name":"c2c","id":7,"state":"paused","revision":2,
            "module":{"name":"c2c-blacklist","version":"0.1.0","digest":"0123456789abcdef"},
            "configuration":{"sellers": 5},"permissions":["matches"],"on_error":"skip",
            "on_quarantine":"stop","on_lag":"block","begins_at":8,"position":80,"lag":10,"lag_bytes":4096,"lag_ms":61007,
            "usage":{"fuel":7,"guest_us":1234567,"calls":1,"inputs":{"done":5,"trap":1},"matches":{},"documents":2,
            "state_bytes":300},"faults":1,"last_faults":[{"position":70,"key":"ann","revision":2,"code":"trap",
            "message":"unreachable","at":"2026-07-01T09:59:00Z"}],
            "paused":{"shards":64,"reason":"a complaint","since":"2026-07-01T10:00:00Z"},
            "activated_at_lsn":7,"activated_at":"2026-07-01T09:00:00Z","by":"admin"}"#;
        serde_json::from_str(body).expect("a body")
    }

    #[test]
    fn a_deployment_shows_state_module_and_configuration() {
        assert_eq!(
            details(&view()),
            "c2c: paused, revision 2 of c2c-blacklist@0.1.0, position 80, 10 behind\n  \
             paused since 2026-07-01T10:00:00Z, 64 shards: a complaint\n  \
             id             7\n  \
             module         c2c-blacklist@0.1.0 sha256:0123456789abcdef\n  \
             activated      2026-07-01T09:00:00Z by admin, position 7\n  \
             permissions    matches\n  \
             on error       skip\n  \
             on quarantine  stop\n  \
             on lag         block\n  \
             begins at      position 8\n  \
             lag            4096 bytes of the journal, 61.007 s\n  \
             used           7 fuel, 1.234 s in 1 call\n  \
             inputs         5 done, 1 trap\n  \
             matches        none\n  \
             state          2 documents in memory, 300 bytes\n  \
             configuration  {\"sellers\": 5}\n  \
             last faults (1 of them count toward quarantine)\n    \
             2026-07-01T09:59:00Z input 70 of key `ann`, revision 2: trap: unreachable\n"
        );
    }

    #[test]
    fn x_06_what_is_not_granted_is_a_warning_wherever_the_deployment_is_shown() {
        let not_granted = vec!["publish".to_owned(), "signals".to_owned()];
        let shown = details(&DeploymentView { not_granted, ..view() });
        let second = shown.lines().nth(1).expect("a second line");
        assert!(second.starts_with("  warning: the module asks for publish, signals, which is not granted"), "{shown}");
        assert!(!details(&view()).contains("warning"));
    }

    #[test]
    fn a_deployment_that_no_worker_has_met_has_no_position() {
        let fresh = DeploymentView { position: None, lag: None, paused: None, state: "active".to_owned(), ..view() };
        assert_eq!(state(&fresh), "c2c: active, revision 2 of c2c-blacklist@0.1.0, not started yet\n");
        assert_eq!(row(&fresh).join(" "), "c2c active 2 c2c-blacklist@0.1.0 0123456789ab - -");
    }
}
