//! What the demo deploys: two rules, what is done about their matches, and the filters that judge the messages.

use crate::api::body;
use crate::cli::child::upload;
use crate::cli::client::{Client, Content};

/// Module, deployment, configuration. Nobody is reached by more than one message a day, and one in five by none.
const DEPLOYMENTS: [(&str, &str, &str); 6] = [
    ("c2c-blacklist", "risk", "{}"),
    ("rental-browse", "rental", "{}"),
    ("preference", "preference", "{}"),
    ("lists", "lists", "{}"),
    ("fatigue", "fatigue", r#"{"caps":[{"name":"daily","at_most":1,"window":{"first_touch_s":86400}}]}"#),
    ("gray", "gray", r#"{"percent":80,"salt":"demo"}"#),
];

/// Asked in this order. A filter that fails lets pass (`open`) or stops (`closed`).
const CHAIN: &str = r#"{"entries":[{"filter":"preference","on_error":"closed","classes":["marketing"]},
    {"filter":"lists","on_error":"closed"},{"filter":"fatigue","on_error":"open"},{"filter":"gray","on_error":"open"}]}"#;

/// Of two messages about one match the higher priority is chosen.
const POLICIES: [(&str, &str); 4] = [
    ("mark-risk", r#"{"match":"high_risk","tag":{"name":"high-risk","lasts_s":86400}}"#),
    (
        "warn",
        r#"{"match":"high_risk","priority":10,"message":{"class":"marketing","channel":"app","scene":"home","content":
            {"title":"Trade safely","text":"Several people reported a deal with you. Here is how to settle it."}}}"#,
    ),
    (
        "tips",
        r#"{"match":"high_risk","message":{"class":"marketing","channel":"app","scene":"home","content":
            {"title":"Five tips for sellers","text":"Good pictures sell."}}}"#,
    ),
    (
        "flats",
        r#"{"match":"rental_interest","message":{"class":"marketing","channel":"app","scene":"search","content":
            {"title":"Looking for a flat?","text":"Save this search."},"offline":{"fallback":"log"}}}"#,
    ),
];

/// The person who watches is in trouble every few seconds...
const LIVE: (&str, &str, &str) = ("c2c-blacklist", "risk-live", r#"{"cooldown_s":3}"#);
/// ...and may be told of it. The counters belong to the cap's name: what was reached before counts.
const LIVE_FATIGUE: &str = r#"{"caps":[{"name":"daily","at_most":10,"window":{"rolling_s":60}}]}"#;

/// Uploads and deploys everything, and prints what.
pub fn rules(client: &Client) -> anyhow::Result<()> {
    for (module, deployment, configuration) in DEPLOYMENTS {
        upload(client, module)?;
        println!("     {}", deploy(client, deployment, module, configuration)?);
    }
    Ok(())
}

/// Sets policies and the chain, and prints them.
pub fn outreach(client: &Client) -> anyhow::Result<()> {
    for (id, policy) in POLICIES {
        let answer = client.put(&client.path(&["policies", id]), Content::json(policy))?;
        let body::PolicyView { policy, .. } = answer.parse()?;
        let act = match (&policy.tag, &policy.message) {
            (Some(tag), _) => format!("tag {}", tag.name),
            (_, Some(message)) => format!("{} message to {}", message.class, message.channel),
            _ => "event".to_owned(),
        };
        println!("     {} -> {act} (`{id}`, priority {})", policy.match_name, policy.priority);
    }
    let chain: body::ChainView = client.put(&client.path(&["chain"]), Content::json(CHAIN))?.parse()?;
    let entries: Vec<String> =
        chain.entries.iter().map(|entry| format!("{} (fails {})", entry.filter, entry.on_error)).collect();
    println!("     every message asks {}", entries.join(", "));
    Ok(())
}

/// From now on one person can be in trouble every few seconds, and be told.
pub fn live(client: &Client) -> anyhow::Result<()> {
    let (module, deployment, configuration) = LIVE;
    println!("     {}", deploy(client, deployment, module, configuration)?);
    println!("     {}", deploy(client, "fatigue", "fatigue", LIVE_FATIGUE)?);
    Ok(())
}

/// Answers what now runs, for people.
pub fn deploy(client: &Client, name: &str, module: &str, configuration: &str) -> anyhow::Result<String> {
    let request = format!(r#"{{"module":"{module}","configuration":{configuration}}}"#);
    let answer = client.put(&client.path(&["deployments", name]), Content::json(&request))?;
    let view: body::DeploymentView = answer.parse()?;
    Ok(format!(
        "`{name}` runs {}@{} with {configuration} as revision {}",
        view.module.name, view.module.version, view.revision
    ))
}
