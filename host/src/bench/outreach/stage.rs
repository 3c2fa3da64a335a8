//! A host in a temporary folder with everything between an event and a person: the rule, the policy, the chain.

use std::path::Path;
use std::sync::Arc;

use super::super::{BUSINESS, component};
use super::{Plan, paced};
use crate::app::{Host, OpenOptions, open as open_host};
use crate::channels::Hub;
use crate::model::outreach::{Act, ChainPart, Channel, Class, Fail, MessageAct, Offline, Policy};
use crate::model::ports::Watch;
use crate::model::{DeploymentId, Limits, Lsn};
use crate::outreach::EntryRequest;
use crate::registry::DeployRequest;
use crate::shards::{Board, Intake, Parts};

/// The deployment that finds something in every event.
pub const SOURCE: &str = "source";

/// One different user is enough, and the cool-down is over at the next event.
const SOURCE_CONFIGURATION: &str = r#"{"window_s":1,"different_users":1,"cooldown_s":1}"#;

/// The chain: modules, which give their deployments the names, and configurations that deny nobody.
pub const FILTERS: [(&str, &str); 3] = [
    ("preference", "{}"),
    ("lists", "{}"),
    ("fatigue", r#"{"caps":[{"name":"rolling","at_most":1000,"window":{"rolling_s":86400}}]}"#),
];

/// Milliseconds: nothing expires while the bench runs.
const LASTS_MS: u64 = 24 * 3_600_000;

pub struct Stage {
    pub parts: Parts,
    pub intake: Arc<Intake>,
    pub hub: Arc<Hub>,
    board: Arc<Board>,
    source: DeploymentId,
}

/// What the guests of one deployment have done so far.
#[derive(Clone, Copy, Default)]
pub struct Guest {
    pub microseconds: u64,
    pub calls: u64,
}

/// Connections beside those of the streams, for whoever looks at the host meanwhile.
const OTHER_CONNECTIONS: u64 = 64;

pub fn open(plan: &Plan, folder: &Path) -> anyhow::Result<(Stage, Host)> {
    let defaults = Limits::default();
    let streams = defaults.streams.max(plan.streams);
    let connections = defaults.connections.max(streams + OTHER_CONNECTIONS);
    let dedup_ids = 2 * plan.events + plan.beside * paced::LONGEST.as_secs();
    let limits = Limits { dedup_ids, streams, connections, ..defaults };
    let host = open_host(folder, OpenOptions { limits, ..OpenOptions::default() }, |_| {})?;
    deploy(&host, plan, SOURCE, "c2c-blacklist", SOURCE_CONFIGURATION)?;
    if plan.beside > 0 {
        deploy(&host, plan, "beside", "rental-browse", "{}")?;
    }
    for (module, configuration) in FILTERS {
        deploy(&host, plan, module, module, configuration)?;
    }
    host.book.set_policy(BUSINESS, "greet", policy(), "bench")?;
    let entries = FILTERS.map(|(filter, _)| EntryRequest {
        filter: filter.into(),
        on_error: Fail::Closed,
        classes: Vec::new(),
        allow_final: false,
    });
    host.book.set_chain(BUSINESS, ChainPart::Business, entries.into(), "bench")?;
    let source = host.parts.registry.deployment(BUSINESS, SOURCE);
    let source = source.ok_or_else(|| anyhow::anyhow!("the deployment is gone"))?.id;
    let (parts, intake, hub) = (host.parts.clone(), host.intake.clone(), host.hub.clone());
    let stage = Stage { parts, intake, hub, board: host.workers.board.clone(), source };
    Ok((stage, host))
}

fn deploy(host: &Host, plan: &Plan, name: &str, module: &str, configuration: &str) -> anyhow::Result<()> {
    let component = component(&plan.components, module)?;
    let uploaded = host.parts.registry.upload(BUSINESS, &component, "bench")?;
    let request = DeployRequest::new(uploaded.digest.to_string(), configuration);
    host.parts.registry.deploy(BUSINESS, name, request, "bench")?;
    Ok(())
}

fn policy() -> Policy {
    let act = MessageAct {
        class: Class::Marketing,
        channel: Channel::App,
        scene: "home".into(),
        content: r#"{"title":"Somebody does not like you","text":"This is a message of the bench."}"#.into(),
        lasts_ms: LASTS_MS,
        offline: Offline::Keep,
    };
    Policy {
        match_name: "high_risk".into(),
        deployment: Some(SOURCE.into()),
        act: Act::Message(act),
        priority: 0,
        valid_from: None,
        valid_until: None,
        enabled: true,
    }
}

impl Stage {
    /// The rule has handled everything up to here.
    pub fn source_position(&self) -> Lsn {
        self.board.progress(self.source).map(|progress| progress.position).unwrap_or_default()
    }

    pub fn unhealthy(&self) -> Option<String> {
        self.board.unhealthy()
    }

    pub fn guest(&self, deployment: &str) -> Guest {
        let (metrics, labels) = (&self.parts.metrics, &[BUSINESS, deployment]);
        Guest {
            microseconds: metrics.guest_microseconds.with_label_values(labels).get(),
            calls: metrics.calls.with_label_values(labels).get(),
        }
    }

    pub fn rows_written(&self) -> u64 {
        self.parts.metrics.write_back_rows.with_label_values(&[] as &[&str]).get()
    }
}
