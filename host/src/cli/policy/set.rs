//! `fishpond policy set`: a policy from a file, or from what is typed.

use std::io::Read;

use anyhow::Context;
use clap::{ArgGroup, Args, ValueEnum};

use super::{policy_id, show};
use crate::api::body::{
    FallbackBody, MESSAGE_LASTS_S, MessageBody, OfflineBody, PolicyBody, PolicyView, PublishBody, TagBody,
};
use crate::cli::client::{Client, Content};
use crate::cli::deployment::json;
use crate::cli::{Global, deployment_name, output, seconds, time};

/// Make a policy, or give it a new revision
///
/// A policy binds the name of a match to one thing that is done: a tag, a message or an event. It acts on matches from
/// this moment on. Give it as JSON (a file, or - for standard input), or with flags.
///
/// Example:
///
///     fishpond policy set welcome --match high_risk --content '{"title": "Take care"}'
#[derive(Args, Debug)]
#[command(
    verbatim_doc_comment,
    after_help = "Next: `fishpond decision list --policy ID` shows what became of it.",
    group = ArgGroup::new("given").required(true).args(["file", "match_name"]),
    group = ArgGroup::new("act").args(["tag", "content", "publish"])
)]
pub struct SetArgs {
    /// Of the policy: a-z, 0-9 and -
    #[arg(value_parser = policy_id)]
    id: String,
    /// JSON, as `fishpond policy show --json` has it under `policy`; - is standard input
    #[arg(value_name = "FILE")]
    file: Option<String>,
    /// Name of the match
    #[arg(long = "match", value_name = "NAME", requires = "act")]
    match_name: Option<String>,
    /// Give the person this tag
    #[arg(long, value_name = "NAME[=VALUE]", conflicts_with = "file")]
    tag: Option<String>,
    /// Send a message with this content, a JSON object; a text that begins with @ names a file
    #[arg(long, value_name = "JSON|@FILE", conflicts_with = "file")]
    content: Option<String>,
    /// Publish an event of this type
    #[arg(long, value_name = "TYPE", conflicts_with = "file")]
    publish: Option<String>,
    /// Only matches of this deployment
    #[arg(long, value_name = "NAME", value_parser = deployment_name, conflicts_with = "file")]
    deployment: Option<String>,
    /// Of several message policies the highest acts
    #[arg(long, value_name = "N", default_value_t = 0, allow_negative_numbers = true, conflicts_with = "file")]
    priority: i32,
    /// Valid from then on (RFC 3339)
    #[arg(long, value_name = "TIME", value_parser = time, conflicts_with = "file")]
    from: Option<String>,
    /// Valid until just before then (RFC 3339)
    #[arg(long, value_name = "TIME", value_parser = time, conflicts_with = "file")]
    until: Option<String>,
    /// Keep it, but let it do nothing
    #[arg(long, conflicts_with = "file")]
    disabled: bool,
    /// How long a tag or message is worth something: 90s, 10m, 24h, 7d [default: a message 24h, a tag for good]
    #[arg(long, value_name = "TIME", value_parser = seconds, conflicts_with_all = ["file", "publish"])]
    lasts: Option<u64>,
    /// Of the message
    #[arg(long, value_enum, default_value_t = ClassName::Marketing, conflicts_with_all = ["file", "tag", "publish"])]
    class: ClassName,
    /// Of the message: app, log, or slot:NAME
    #[arg(long, value_name = "CHANNEL", default_value = "app", conflicts_with_all = ["file", "tag", "publish"])]
    channel: String,
    /// Place in the app
    #[arg(long, value_name = "TEXT", default_value = "", conflicts_with_all = ["file", "tag", "publish"])]
    scene: String,
    /// While the person is not connected: keep, drop, or a channel to fall back to
    #[arg(long, value_name = "keep|drop|CHANNEL", default_value = "keep", conflicts_with_all = ["file", "tag", "publish"])]
    offline: String,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ClassName {
    Critical,
    Transactional,
    Marketing,
}

impl ClassName {
    fn name(self) -> &'static str {
        match self {
            ClassName::Critical => "critical",
            ClassName::Transactional => "transactional",
            ClassName::Marketing => "marketing",
        }
    }
}

pub(super) fn run(arguments: SetArgs, global: &Global) -> anyhow::Result<()> {
    let client = Client::new(global)?;
    let path = client.path(&["policies", &arguments.id]);
    let body = match &arguments.file {
        Some(file) => read(file)?,
        None => serde_json::to_string(&body(arguments)?)?,
    };
    let answer = client.put(&path, Content::json(&body))?;
    if global.json {
        return Ok(output::print(answer.text())?);
    }
    Ok(output::print(&show::line(&answer.parse::<PolicyView>()?))?)
}

/// The host reads it: it says line and column of what is wrong.
fn read(file: &str) -> anyhow::Result<String> {
    if file != "-" {
        return std::fs::read_to_string(file).with_context(|| format!("cannot read {file}"));
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).context("cannot read standard input")?;
    Ok(text)
}

fn body(arguments: SetArgs) -> anyhow::Result<PolicyBody> {
    let tag = arguments.tag.as_deref().map(|tag| {
        let (name, value) = tag.split_once('=').unwrap_or((tag, ""));
        TagBody { name: name.to_owned(), value: value.to_owned(), lasts_s: arguments.lasts }
    });
    let message = match &arguments.content {
        None => None,
        Some(content) => Some(MessageBody {
            class: arguments.class.name().to_owned(),
            channel: arguments.channel,
            scene: arguments.scene,
            content: json(content, "--content")?,
            lasts_s: arguments.lasts.unwrap_or(MESSAGE_LASTS_S),
            offline: match &*arguments.offline {
                "keep" | "drop" => OfflineBody::Word(arguments.offline),
                _ => OfflineBody::Fallback(FallbackBody { fallback: arguments.offline }),
            },
        }),
    };
    Ok(PolicyBody {
        match_name: arguments.match_name.unwrap_or_default(),
        deployment: arguments.deployment,
        priority: arguments.priority,
        valid_from: arguments.from,
        valid_until: arguments.until,
        enabled: !arguments.disabled,
        tag,
        message,
        publish: arguments.publish.map(|kind| PublishBody { kind }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        set: SetArgs,
    }

    fn parsed(arguments: &[&str]) -> Result<String, clap::Error> {
        let command = Command::try_parse_from(["set", "p"].iter().chain(arguments))?;
        Ok(serde_json::to_string(&body(command.set).expect("a policy")).expect("a body"))
    }

    #[test]
    fn flags_become_the_body() {
        let tag = ["--match", "m", "--tag", "vip=gold", "--lasts", "7d", "--priority", "-3", "--disabled"];
        assert_eq!(
            parsed(&tag).expect("a tag"),
            r#"{"match":"m","priority":-3,"enabled":false,"tag":{"name":"vip","value":"gold","lasts_s":604800}}"#
        );
        assert_eq!(
            parsed(&["--match", "m", "--content", r#"{"b": 1}"#]).expect("a message"),
            r#"{"match":"m","priority":0,"enabled":true,"message":{"class":"marketing","channel":"app","content":{"b": 1},"lasts_s":86400,"offline":"keep"}}"#
        );
        let all = [
            "--match",
            "m",
            "--content",
            "{}",
            "--class",
            "critical",
            "--channel",
            "slot:top",
            "--scene",
            "home",
            "--lasts",
            "90s",
            "--offline",
            "log",
            "--deployment",
            "d",
            "--from",
            "2026-07-01T10:00:00Z",
            "--until",
            "2026-08-01T10:00:00Z",
        ];
        assert_eq!(
            parsed(&all).expect("a message"),
            r#"{"match":"m","deployment":"d","priority":0,"valid_from":"2026-07-01T10:00:00Z","valid_until":"2026-08-01T10:00:00Z","enabled":true,"message":{"class":"critical","channel":"slot:top","scene":"home","content":{},"lasts_s":90,"offline":{"fallback":"log"}}}"#
        );
        assert_eq!(
            parsed(&["--match", "m", "--publish", "risk.found"]).expect("an event"),
            r#"{"match":"m","priority":0,"enabled":true,"publish":{"type":"risk.found"}}"#
        );
    }

    #[test]
    fn what_does_not_fit_together_is_a_mistake_in_the_command() {
        for bad in [
            &[][..],
            &["--match", "m"],
            &["--tag", "t"],
            &["p.json", "--tag", "t"],
            &["p.json", "--match", "m", "--tag", "t"],
            &["--match", "m", "--tag", "t", "--publish", "e"],
            &["--match", "m", "--tag", "t", "--channel", "log"],
            &["--match", "m", "--tag", "t", "--lasts", "0s"],
            &["--match", "m", "--tag", "t", "--lasts", "7"],
            &["--match", "m", "--tag", "t", "--from", "monday"],
        ] {
            assert!(parsed(bad).is_err(), "{bad:?}");
        }
    }
}
