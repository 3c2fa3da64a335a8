//! `fishpond tag`: what policies have given persons.

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::client::Client;
use super::output::table;
use super::{Global, output};
use crate::api::body::{TagList, TagView};

#[derive(Subcommand, Debug)]
pub enum TagCommand {
    List(ListArgs),
}

/// List the tags of one person
///
/// With the policy that gave each, and the match behind it.
///
/// Example:
///
///     fishpond tag list user:42
#[derive(Args, Debug)]
#[command(verbatim_doc_comment, after_help = "Next: `fishpond trace USER` tells how the match came about.")]
pub struct ListArgs {
    /// The person, as matches name them
    user: String,
}

pub fn run(TagCommand::List(ListArgs { user }): TagCommand, global: &Global) -> anyhow::Result<ExitCode> {
    let client = Client::new(global)?;
    let answer = client.get(&client.path(&["users", &user, "tags"]), &[])?;
    if global.json {
        output::print(answer.text())?;
    } else {
        output::print(&render(&answer.parse()?))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn render(list: &TagList) -> String {
    if list.tags.is_empty() {
        return format!("{} has no tags, position {}\n", output::visible(&list.user), list.position);
    }
    let rows: Vec<Vec<String>> = list.tags.iter().map(row).collect();
    table(&["TAG", "VALUE", "POLICY", "MATCH", "SINCE", "UNTIL"], &rows)
}

fn row(tag: &TagView) -> Vec<String> {
    let until = tag.expires.clone().unwrap_or_else(|| "for good".to_owned());
    let policy = format!("{} ({})", tag.policy, tag.policy_revision);
    let found = format!("{} of {}", tag.origin.match_name, tag.origin.deployment);
    vec![tag.name.clone(), tag.value.clone(), policy, found, tag.since.clone(), until]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_listed_with_who_gave_them() {
        let body = r#"{"user":"u","position":9,"tags":[{"name":"vip","value":"gold","policy":"p","policy_revision":2,
            "origin":{"position":3,"match":"m","deployment":"d","revision":1,"digest":"0"},"since":"S"}]}"#;
        let list: TagList = serde_json::from_str(body).expect("a body");
        assert_eq!(
            render(&list),
            "TAG  VALUE  POLICY  MATCH   SINCE  UNTIL\nvip  gold   p (2)   m of d  S      for good\n"
        );
        assert_eq!(render(&TagList { tags: vec![], ..list }), "u has no tags, position 9\n");
    }
}
