//! `fishpond chain`: who judges a message, and in which order.

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::client::{Client, Content};
use super::output::table;
use super::policy::policy_id;
use super::{Global, output};
use crate::api::body::{ChainBody, ChainEntryBody, ChainView};
use crate::model::check_name;
use crate::model::outreach::Class;
use crate::outreach::PLATFORM;

#[derive(Subcommand, Debug)]
pub enum ChainCommand {
    Set(SetArgs),
    /// Show a part of the chain
    ///
    /// Of a policy also the whole chain as it runs: the platform's part, the business's, the policy's.
    ///
    /// Example:
    ///
    ///     fishpond chain show --policy welcome
    #[command(verbatim_doc_comment, after_help = "Next: `fishpond chain set FILTER ...` changes it.")]
    Show(Part),
}

/// Whose part; the business's if nothing is said.
#[derive(Args, Debug)]
pub struct Part {
    /// Of one policy
    #[arg(long, value_name = "ID", value_parser = policy_id)]
    policy: Option<String>,
    /// Of the host: nobody can leave it out
    #[arg(long, conflicts_with = "policy")]
    platform: bool,
}

/// Set a part of the chain
///
/// Filters are asked in this order. Behind each name, separated by colons: open or closed, what its error means (closed
/// if not given: the message is stopped); the classes that it judges (all); final, if its `allow` ends the chain.
///
/// Example:
///
///     fishpond chain set friends:open:final fatigue:open:marketing,transactional quiet-hours
#[derive(Args, Debug)]
#[command(verbatim_doc_comment, after_help = "Next: `fishpond chain show --policy ID` shows the whole chain.")]
pub struct SetArgs {
    #[command(flatten)]
    part: Part,
    /// Name of the filter's deployment, and how it takes part
    #[arg(value_name = "FILTER[:open|closed][:CLASS,CLASS][:final]", value_parser = entry, required_unless_present = "none")]
    filters: Vec<ChainEntryBody>,
    /// No filters
    #[arg(long, conflicts_with = "filters")]
    none: bool,
}

fn entry(text: &str) -> Result<ChainEntryBody, String> {
    let mut parts = text.split(':');
    let filter = parts.next().unwrap_or_default().to_owned();
    check_name("filter", &filter).map_err(|error| error.to_string())?;
    let mut entry = ChainEntryBody { filter, on_error: "closed".to_owned(), classes: Vec::new(), allow: None };
    for part in parts {
        match part {
            "open" | "closed" => entry.on_error = part.to_owned(),
            "final" => entry.allow = Some(part.to_owned()),
            classes => match classes.split(',').find(|class| Class::parse(class).is_none()) {
                None => entry.classes = classes.split(',').map(str::to_owned).collect(),
                Some(other) => {
                    let known = Class::ALL.map(Class::name).join(", ");
                    return Err(format!("`{other}` is none of open, closed, final, {known}"));
                }
            },
        }
    }
    Ok(entry)
}

pub fn run(command: ChainCommand, global: &Global) -> anyhow::Result<ExitCode> {
    let (part, entries) = match command {
        ChainCommand::Set(SetArgs { part, filters, .. }) => (part, Some(filters)),
        ChainCommand::Show(part) => (part, None),
    };
    let (client, path) = place(&part, global)?;
    let answer = match entries {
        Some(entries) => client.put(&path, Content::json(&serde_json::to_string(&ChainBody { entries })?))?,
        None => client.get(&path, &[])?,
    };
    if global.json {
        output::print(answer.text())?;
    } else {
        output::print(&render(&answer.parse()?))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn place(part: &Part, global: &Global) -> anyhow::Result<(Client, String)> {
    if part.platform {
        let client = Client::new(&Global { business: PLATFORM.to_owned(), ..global.clone() })?;
        let path = client.path(&["chain"]);
        return Ok((client, path));
    }
    let client = Client::new(global)?;
    let path = match &part.policy {
        Some(id) => client.path(&["policies", id, "chain"]),
        None => client.path(&["chain"]),
    };
    Ok((client, path))
}

fn render(view: &ChainView) -> String {
    let ChainView { part, revision, position, entries, chain } = view;
    let filters = output::count(entries.len() as u64, "filter");
    let mut text = match revision {
        0 => format!("{part}: never set\n"),
        _ => format!("{part}: revision {revision}, {filters}, position {position}\n"),
    };
    let own = entries.iter().map(|entry| (part, entry));
    let whole = chain.iter().map(|step| (&step.part, &step.entry));
    let rows: Vec<Vec<String>> = match chain.is_empty() {
        true => own.enumerate().map(|(at, (part, entry))| row(at, part, entry)).collect(),
        false => whole.enumerate().map(|(at, (part, entry))| row(at, part, entry)).collect(),
    };
    if !rows.is_empty() {
        text += &table(&["", "FILTER", "PART", "ON ERROR", "CLASSES", "ALLOW"], &rows);
    }
    text
}

fn row(at: usize, part: &str, entry: &ChainEntryBody) -> Vec<String> {
    let classes = if entry.classes.is_empty() { "all".to_owned() } else { entry.classes.join(",") };
    let allow = entry.allow.clone().unwrap_or_else(|| "goes on".to_owned());
    vec![(at + 1).to_string(), entry.filter.clone(), part.to_owned(), entry.on_error.clone(), classes, allow]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_written_shortly() {
        let read = |text: &str| serde_json::to_string(&entry(text)?).map_err(|error| error.to_string());
        assert_eq!(read("fatigue"), Ok(r#"{"filter":"fatigue","on_error":"closed"}"#.to_owned()));
        assert_eq!(
            read("friends:open:marketing,critical:final"),
            Ok(r#"{"filter":"friends","on_error":"open","classes":["marketing","critical"],"allow":"final"}"#
                .to_owned())
        );
        for bad in ["", "Fatigue", "fatigue:ajar", "fatigue:open:marketing,spam", "fatigue:"] {
            assert!(entry(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_chain_is_shown_in_order_with_its_parts() {
        let view: ChainView = serde_json::from_str(
            r#"{"part":"policy:p","revision":1,"position":9,"entries":[{"filter":"b","on_error":"open"}],"chain":[
                {"part":"platform","entry":{"filter":"a","on_error":"closed","classes":["marketing"]}},
                {"part":"policy:p","entry":{"filter":"b","on_error":"open","allow":"final"}}]}"#,
        )
        .expect("a body");
        assert_eq!(
            render(&view),
            "policy:p: revision 1, 1 filter, position 9\n   \
             FILTER  PART      ON ERROR  CLASSES    ALLOW\n\
             1  a       platform  closed    marketing  goes on\n\
             2  b       policy:p  open      all        final\n"
        );
        let empty = ChainView { revision: 0, entries: vec![], chain: vec![], ..view };
        assert_eq!(render(&empty), "policy:p: never set\n");
    }
}
