//! `fishpond events show`: one event and what became of it, or one that failed with its replays.

use std::process::ExitCode;

use clap::Args;

use crate::api::body::{EventView, FailedInputView, FailedShown, ReplayView};
use crate::cli::client::Client;
use crate::cli::output::{self, short, visible};
use crate::cli::{Global, deployment_name, trace};

/// Show one event: what it was, and what each deployment made of it
///
/// By source and id, as its producer knows it. With a deployment and a position instead: one that failed there, why, and
/// how its replays ended.
///
/// Examples:
///
///     fishpond events show --source app --id order-17
///     fishpond events show --deployment c2c --position 1042
#[derive(Args, Debug)]
#[command(
    verbatim_doc_comment,
    after_help = "Next: mend the module or its configuration, deploy that, then `fishpond events resend`."
)]
pub struct ShowArgs {
    /// As the event says
    #[arg(long, requires = "id", required_unless_present = "deployment", conflicts_with_all = ["deployment", "position"])]
    source: Option<String>,
    /// As the event says
    #[arg(long, requires = "source")]
    id: Option<String>,
    /// The deployment that could not handle it
    #[arg(long, value_parser = deployment_name, requires = "position")]
    deployment: Option<String>,
    /// As `fishpond events failed` lists it
    #[arg(long, requires = "deployment")]
    position: Option<u64>,
}

pub fn run(arguments: &ShowArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let client = Client::new(global)?;
    let (failed, path) = match (&arguments.deployment, arguments.position, &arguments.source, &arguments.id) {
        (Some(name), Some(position), ..) => (true, client.path(&["failed-events", name, &position.to_string()])),
        (_, _, Some(source), Some(id)) => (false, client.path(&["events", source, id])),
        _ => anyhow::bail!("say which event: --source and --id, or --deployment and --position"),
    };
    let answer = client.get(&path, &[])?;
    match (global.json, failed) {
        (true, _) => output::print(answer.text())?,
        (false, true) => output::print(&render(&answer.parse()?))?,
        (false, false) => output::print(&trace::event_text(&answer.parse()?))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn render(shown: &FailedShown) -> String {
    let mut lines = vec![format!("position {} in {}", shown.position, shown.deployment)];
    match &shown.event {
        Some(event) => lines.extend(attributes(event)),
        None => lines.push("  no outside event, or the journal no longer has it".to_owned()),
    }
    shown.inputs.iter().for_each(|input| lines.extend(input_lines(input)));
    let lines: Vec<String> = lines.iter().map(|line| visible(line)).collect();
    lines.join("\n") + "\n"
}

fn attributes(event: &EventView) -> Vec<String> {
    let replaced = if event.time_replaced { " (its own was absent or beyond the skew bound)" } else { "" };
    let mut lines = vec![
        format!("  {} from {} with id {}", event.kind, event.source, event.id),
        format!("  time {}{replaced}, received {}", event.time, event.received),
    ];
    let plain = [("subject", &event.subject), ("actor", &event.actor), ("scene", &event.scene)];
    let more = event.extensions.iter().map(|(name, value)| (&**name, value));
    lines.extend(plain.into_iter().chain(more).filter(|(_, value)| !value.is_empty()).map(pair));
    if event.undeduplicated {
        lines.push("  undeduplicated: it came beyond the dedup horizon, and may have been accepted before".to_owned());
    }
    lines.extend(event.data.as_ref().map(|data| format!("  data {}", data.get())));
    lines
}

fn pair((name, value): (&str, &String)) -> String {
    format!("  {name} {value}")
}

fn input_lines(input: &FailedInputView) -> Vec<String> {
    let by = if input.subscription.is_empty() { input.input.clone() } else { format!("by `{}`", input.subscription) };
    let key = if input.key.is_empty() { "(no key)" } else { &input.key };
    let late = if input.late { ", late" } else { "" };
    let fuel = input.fuel.map_or(String::new(), |fuel| format!(", {fuel} units of fuel"));
    let mut lines = vec![
        format!("{by}, key {key}: {}{late}: {}", input.code, input.reason),
        format!("  at {}, revision {}, module {}{fuel}", input.at, input.revision, short(&input.digest)),
    ];
    if input.replays.is_empty() {
        lines.push("  never resent".to_owned());
    }
    lines.extend(input.replays.iter().map(replay_line));
    lines
}

fn replay_line(replay: &ReplayView) -> String {
    let mut line =
        format!("  resent at {} by {} (position {}): {}", replay.at, replay.by, replay.position, replay.code);
    if !replay.reason.is_empty() {
        line.push_str(&format!(": {}", replay.reason));
    }
    if let Some(revision) = replay.revision {
        line.push_str(&format!(", revision {revision}"));
    }
    if replay.late {
        line.push_str(", late again");
    }
    replay.matches.iter().for_each(|found| line.push_str(&format!(", match {} {}", found.name, found.id)));
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_event_is_shown_with_its_replays() {
        let shown: FailedShown = serde_json::from_str(
            r#"{"position":12,"deployment":"c2c","event":{"position":12,"source":"app","id":"e-1","type":"seen",
               "actor":"ann","time":"T1","received":"T2","undeduplicated":true,"extensions":{"zone":"x"},"data":{"a":1}},
               "inputs":[{"input":"event","subscription":"sub","key":"ann","revision":1,"digest":"0123456789abcdef",
               "code":"fuel","reason":"too long","fuel":50,"at":"T3","replays":[
               {"position":14,"at":"T4","by":"ops","code":"trap","reason":"boom","revision":1},
               {"position":18,"at":"T5","by":"ops","code":"done","revision":2,"late":true,
                "matches":[{"name":"m","id":"ff"}]}]}]}"#,
        )
        .expect("a body");
        assert_eq!(
            render(&shown),
            "position 12 in c2c\n  seen from app with id e-1\n  time T1, received T2\n  actor ann\n  zone x\n  undeduplicated: it came beyond the dedup \
             horizon, and may have been accepted before\n  data {\"a\":1}\n\
             by `sub`, key ann: fuel: too long\n  at T3, revision 1, module 0123456789ab, 50 units of fuel\n  \
             resent at T4 by ops (position 14): trap: boom, revision 1\n  \
             resent at T5 by ops (position 18): done, revision 2, late again, match m ff\n"
        );
    }
}
