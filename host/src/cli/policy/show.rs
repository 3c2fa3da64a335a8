//! Policies for people: as a list, as one, as what a change came to.

use crate::api::body::{PolicyList, PolicyView};
use crate::cli::client::Client;
use crate::cli::output::{table, visible};
use crate::cli::{Global, output};

pub(super) fn list(global: &Global) -> anyhow::Result<()> {
    let client = Client::new(global)?;
    let answer = client.get(&client.path(&["policies"]), &[])?;
    if global.json {
        return Ok(output::print(answer.text())?);
    }
    let list: PolicyList = answer.parse()?;
    if list.policies.is_empty() {
        let hint = "no policies in this business: `fishpond policy set ID --match NAME ...` makes one";
        return Ok(output::print(hint)?);
    }
    let rows: Vec<Vec<String>> = list.policies.iter().map(row).collect();
    Ok(output::print(&table(&["ID", "REVISION", "MATCH", "PRIORITY", "ENABLED", "ACT"], &rows))?)
}

fn row(view: &PolicyView) -> Vec<String> {
    let policy = &view.policy;
    let from = policy.deployment.as_ref().map_or_else(String::new, |name| format!(" of {name}"));
    let enabled = if policy.enabled { "yes" } else { "no" };
    vec![
        view.id.clone(),
        view.revision.to_string(),
        format!("{}{from}", policy.match_name),
        policy.priority.to_string(),
        enabled.to_owned(),
        act(view),
    ]
}

fn act(view: &PolicyView) -> String {
    let policy = &view.policy;
    if let Some(tag) = &policy.tag {
        let value = if tag.value.is_empty() { String::new() } else { format!("={}", tag.value) };
        let lasts = tag.lasts_s.map_or_else(|| " for good".to_owned(), |seconds| format!(" for {seconds} s"));
        return format!("tag {}{value}{lasts}", tag.name);
    }
    if let Some(message) = &policy.message {
        return format!("{} message to {} for {} s", message.class, message.channel, message.lasts_s);
    }
    policy.publish.as_ref().map_or_else(String::new, |publish| format!("publish {}", publish.kind))
}

pub(super) fn one(id: &str, global: &Global) -> anyhow::Result<()> {
    let client = Client::new(global)?;
    let answer = client.get(&client.path(&["policies", id]), &[])?;
    if global.json {
        return Ok(output::print(answer.text())?);
    }
    let view: PolicyView = answer.parse()?;
    let policy = serde_json::to_string_pretty(&view.policy)?;
    Ok(output::print(&format!("{}\n{policy}", line(&view)))?)
}

/// `welcome: revision 2, tag vip for good, since 2026-07-01T10:00:00Z by operator, position 7`
pub(super) fn line(view: &PolicyView) -> String {
    let PolicyView { id, revision, position, at, by, .. } = view;
    visible(&format!("{id}: revision {revision}, {}, since {at} by {by}, position {position}", act(view)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(act: &str) -> PolicyView {
        let body = format!(
            r#"{{"id":"p","revision":2,"position":7,"at":"2026-07-01T10:00:00Z","by":"ops",
                "policy":{{"match":"m","deployment":"d","priority":3,"enabled":false,{act}}}}}"#
        );
        serde_json::from_str(&body).expect("a body")
    }

    #[test]
    fn a_policy_says_what_it_does() {
        let tag = view(r#""tag":{"name":"vip","value":"gold"}"#);
        assert_eq!(line(&tag), "p: revision 2, tag vip=gold for good, since 2026-07-01T10:00:00Z by ops, position 7");
        assert_eq!(row(&tag).join("|"), "p|2|m of d|3|no|tag vip=gold for good");
        assert_eq!(act(&view(r#""tag":{"name":"vip","lasts_s":60}"#)), "tag vip for 60 s");
        let message = view(r#""message":{"class":"critical","channel":"app","content":{},"lasts_s":9}"#);
        assert_eq!(act(&message), "critical message to app for 9 s");
        assert_eq!(act(&view(r#""publish":{"type":"risk.found"}"#)), "publish risk.found");
    }
}
