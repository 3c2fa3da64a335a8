//! `fishpond alert`: what an operator should know of.

use std::process::ExitCode;

use clap::Subcommand;

use super::client::Client;
use super::{Global, output};
use crate::api::body::{AlertList, AlertView};

#[derive(Subcommand, Debug)]
pub enum AlertCommand {
    /// List the open alerts of the business, with what to do
    ///
    /// Each is also an event `fishpond.alert.NAME` when it begins and when it is over, and a metric `fishpond_alert`. Those
    /// about the host itself belong to the business `platform`.
    ///
    /// Example:
    ///
    ///     fishpond alert list
    #[command(verbatim_doc_comment, after_help = "Next: what the alert says is to be done.")]
    List,
}

pub fn run(AlertCommand::List: AlertCommand, global: &Global) -> anyhow::Result<ExitCode> {
    let client = Client::new(global)?;
    let answer = client.get(&client.path(&["alerts"]), &[])?;
    if global.json {
        output::print(answer.text())?;
    } else {
        output::print(&render(&answer.parse()?))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn render(AlertList { alerts }: &AlertList) -> String {
    if alerts.is_empty() {
        return "no open alerts in this business\n".to_owned();
    }
    alerts.iter().map(one).collect()
}

fn one(AlertView { name, subject, since, message, advice, .. }: &AlertView) -> String {
    let first = output::visible(&format!("{name} {subject}, since {since}"));
    format!("{first}\n  {}\n  to do: {}\n", output::visible(message), output::visible(advice))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_says_what_to_do() {
        let body = r#"{"alerts":[{"name":"lag","subject":"c2c","since":"S","position":9,"message":"far behind",
            "advice":"resume it"}]}"#;
        let list: AlertList = serde_json::from_str(body).expect("a body");
        assert_eq!(render(&list), "lag c2c, since S\n  far behind\n  to do: resume it\n");
        assert_eq!(render(&AlertList { alerts: vec![] }), "no open alerts in this business\n");
    }
}
