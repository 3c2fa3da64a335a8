//! The steps of a captured scenario. The same past makes the same text.

use std::collections::{BTreeMap, BTreeSet};

use super::Capturer;
use super::expect::expected;
use super::gather::{Gathered, Given};
use crate::api;
use crate::model::outreach::{Cause, ChainPart, Channel, Deed, Owner, Policy, Report, Reported, Status};
use crate::model::ports::{CaptureError, Captured, CapturedModule};
use crate::model::{Change, Control, Event, Limits, Lsn, OnError, Tick};
use crate::outreach::{Bound, ChainState, PLATFORM};
use crate::registry::{Deployment, Revision};
use crate::scenario::document;
use crate::scenario::parse::{format_time, quoted};
use crate::scenario::small_limits;

/// Bounds of the machine, which change no outcome; a scenario has its own.
const OF_THE_MACHINE: [&str; 4] = ["workers", "checkpoint_bytes", "documents_memory_bytes", "streams"];

pub(super) fn write(capturer: &Capturer, gathered: &Gathered) -> Result<Captured, CaptureError> {
    let mut writer = Writer { capturer, gathered, lines: Vec::new(), modules: BTreeSet::new(), there: false };
    writer.head();
    writer.in_force();
    writer.documents()?;
    writer.given();
    let Writer { mut lines, modules, .. } = writer;
    lines.push("---".to_owned());
    lines.extend(expected(gathered));
    Ok(Captured { text: lines.join("\n") + "\n", modules: modules.into_iter().collect() })
}

struct Writer<'a> {
    capturer: &'a Capturer,
    gathered: &'a Gathered,
    lines: Vec<String>,
    modules: BTreeSet<CapturedModule>,
    /// Is the person connected?
    there: bool,
}

impl Writer<'_> {
    fn push(&mut self, line: impl Into<String>) {
        self.lines.push(line.into());
    }

    fn head(&mut self) {
        let Gathered { business, key, range, .. } = self.gathered;
        self.push(format!("# Captured from the business {business}: positions {} to {}.", range.start, range.end));
        self.push("# Revisions of deployments count from the ones in force here. Below the line is what was recorded.");
        self.push(format!("capture {}", quoted(key)));
        self.push(format!("business {business}"));
        let defaults = small_limits();
        for (name, value, ..) in self.capturer.limits.table() {
            let machine = name.starts_with("journal_") || OF_THE_MACHINE.contains(&name);
            if !machine && value_of(&defaults, name) != Some(value) {
                self.push(format!("limit {name} = {value}"));
            }
        }
    }

    fn in_force(&mut self) {
        let gathered = self.gathered;
        for deployment in gathered.deployments.values() {
            if let Some(number) = gathered.before(deployment)
                && let Some(revision) = deployment.revisions.iter().find(|revision| revision.number == number)
            {
                self.deploy(deployment, revision);
            }
        }
        if gathered.outreach.is_empty() {
            return;
        }
        let policies: Vec<&Bound> = gathered.rules.policies(&gathered.business).collect();
        for bound in policies.iter().filter(|bound| bound.policy.is_some()) {
            self.policy(&bound.id, bound.revision, bound.policy.as_ref());
        }
        let own = gathered.rules.parts().filter(|(owner, ..)| **owner == *gathered.business || *owner == PLATFORM);
        for (_, part, state) in own {
            self.chain(part, state);
        }
    }

    fn deploy(&mut self, deployment: &Deployment, revision: &Revision) {
        let (business, digest) = (&*deployment.business, revision.digest);
        let modules = self.capturer.registry.modules(business);
        let module = modules.iter().find(|module| module.digest == digest);
        let named = module.map_or_else(|| digest.to_string(), |module| format!("{}@{}", module.name, module.version));
        let (business, digest) = (business.to_owned(), digest.to_string());
        self.modules.insert(CapturedModule { business, name: named.clone(), digest: digest.clone() });
        let permissions = revision.permissions.join(",");
        let on_error = if revision.on_error == OnError::Pause { "pause" } else { "skip" };
        let (name, configuration) = (self.gathered.name(deployment.id), on_one_line(&revision.configuration));
        self.push(format!(
            "deploy {name} = {named} digest={digest} on_error={on_error} permissions={permissions} {configuration}"
        ));
    }

    fn policy(&mut self, id: &str, revision: u32, policy: Option<&Policy>) {
        let body = policy.map_or_else(|| "remove".to_owned(), |policy| on_one_line(&api::policy_json(policy)));
        self.push(format!("policy {id} rev={revision} {body}"));
    }

    fn chain(&mut self, part: &ChainPart, state: &ChainState) {
        let part = match part {
            ChainPart::Platform => "platform ".to_owned(),
            ChainPart::Business => String::new(),
            ChainPart::Policy(id) => format!("policy={id} "),
        };
        let mut line = format!("chain {part}rev={}", state.revision);
        for entry in &state.entries {
            line.push_str(&format!(" {}:{}", entry.filter, entry.on_error.name()));
            let classes: Vec<&str> = entry.classes.iter().map(|class| class.name()).collect();
            if !classes.is_empty() {
                line.push_str(&format!(":{}", classes.join(",")));
            }
            if entry.allow_final {
                line.push_str(":final");
            }
        }
        self.push(line);
    }

    fn documents(&mut self) -> Result<(), CaptureError> {
        let gathered = self.gathered;
        let mut positions = BTreeSet::new();
        gathered.documents.values().for_each(|one| document::positions(one, &mut positions));
        let order: BTreeMap<Lsn, u64> = positions.into_iter().zip(1..).collect();
        let names = |id| gathered.name(id);
        for (owner, kept) in &gathered.documents {
            let (name, names): (_, Option<&dyn Fn(_) -> String>) = match owner {
                Owner::Deployment(id) => (gathered.name(*id), None),
                Owner::Person(_) => ("~person".to_owned(), Some(&names)),
            };
            let json = document::write(kept, &order, names).map_err(|error| CaptureError::Read(error.to_string()))?;
            self.push(format!("document {name} {} {json}", quoted(&gathered.key)));
        }
        Ok(())
    }

    fn given(&mut self) {
        let gathered = self.gathered;
        let mut given = gathered.given.iter().peekable();
        while let Some((lsn, one)) = given.next() {
            let next = given.peek().copied();
            self.presence(*lsn, next.map(|(lsn, _)| *lsn));
            match one {
                Given::Event(event) | Given::Replayed(event) => {
                    let queued = next.is_some_and(|(next, one)| {
                        matches!(one, Given::Event(_)) && self.is_handled_behind(*lsn, *next)
                    });
                    self.event(*lsn, event, queued);
                }
                Given::Tick(tick) => self.tick(*lsn, *tick),
                Given::Report(report) => self.report(report),
                Given::Control(control) => self.control(control),
            }
        }
    }

    /// Had the next event come when what was found in this one was appended? Filters had seen it before they were asked.
    fn is_handled_behind(&self, lsn: Lsn, next: Lsn) -> bool {
        let found = self.gathered.outcomes.iter().filter(|(_, outcome)| {
            outcome.inputs.iter().any(|record| record.lsn == lsn && !record.outcome.matches.is_empty())
        });
        !self.gathered.outreach.is_empty() && found.map(|(frame, _)| *frame).max().is_some_and(|frame| next < frame)
    }

    /// Whether the person was connected shows in what was decided about what this input has led to.
    fn presence(&mut self, lsn: Lsn, next: Option<Lsn>) {
        let gathered = self.gathered;
        let own = |at: Lsn| at >= lsn && next.is_none_or(|next| at < next);
        let statuses = gathered.outreach.iter().filter(|(at, _)| own(*at)).flat_map(|(_, outreach)| &outreach.deeds);
        let mut there = statuses.filter_map(|deed| match deed {
            Deed::Decided(decision) if decision.cause != Cause::Arrival => was_there(&decision.status),
            _ => None,
        });
        if let Some(there) = there.next_back().filter(|there| *there != self.there) {
            self.there = there;
            let word = if there { "present" } else { "absent" };
            self.push(format!("{word} {}", quoted(&gathered.key)));
        }
    }

    fn event(&mut self, lsn: Lsn, event: &Event, queued: bool) {
        let verb = if queued { "queue" } else { "event" };
        // Of one whose time was replaced what its producer said: it is replaced again.
        let said = if event.time_replaced { event.claimed } else { Some(event.time) };
        let time = said.map_or_else(|| "-".to_owned(), format_time);
        let mut line =
            format!("{verb} {time} {} id={} source={}", quoted(&event.kind), quoted(&event.id), quoted(&event.source));
        if *event.business == *PLATFORM && *self.gathered.business != *PLATFORM {
            line.push_str(&format!(" business={PLATFORM}"));
        }
        if !event.intake.is_empty() {
            line.push_str(&format!(" intake={}", quoted(&event.intake)));
        }
        for (name, value) in [("subject", &event.subject), ("actor", &event.actor), ("scene", &event.scene)] {
            if !value.is_empty() {
                line.push_str(&format!(" {name}={}", quoted(value)));
            }
        }
        event.extensions.iter().for_each(|(name, value)| line.push_str(&format!(" +{name}={}", quoted(value))));
        line.push_str(&format!(" received={}", format_time(event.received)));
        if let Some(handled) = self.gathered.handled(lsn) {
            line.push_str(&format!(" handled={}", format_time(handled)));
        }
        if !event.data.is_empty() {
            line.push_str(&format!(" {}", on_one_line(&event.data)));
        }
        self.push(line);
    }

    fn tick(&mut self, lsn: Lsn, tick: Tick) {
        let (now, watermark) = (format_time(tick.now), format_time(tick.watermark));
        let handled = self.gathered.handled(lsn).map_or(String::new(), |at| format!(" handled={}", format_time(at)));
        self.push(format!("tick {now} watermark={watermark}{handled}"));
    }

    fn report(&mut self, report: &Report) {
        let because = |reason: &str| {
            if reason.is_empty() { String::new() } else { format!(" reason={}", quoted(reason)) }
        };
        let what = match &report.what {
            Reported::Arrived { slot: None } => "arrived".to_owned(),
            Reported::Arrived { slot: Some(slot) } => format!("arrived slot={}", quoted(slot)),
            Reported::Acknowledged { action } => format!("acknowledged action={action}"),
            Reported::Delivered { action } => format!("delivered action={action}"),
            Reported::NotNow { action, reason } => format!("not_now action={action}{}", because(reason)),
            Reported::Failed { action, reason } => format!("failed action={action}{}", because(reason)),
            Reported::Unknown { action, reason } => format!("unknown action={action}{}", because(reason)),
        };
        self.push(format!("report {} {} {what}", format_time(report.at), quoted(&report.person)));
    }

    fn control(&mut self, control: &Control) {
        let gathered = self.gathered;
        match &control.change {
            Change::DeploymentRevised { business, name, revision, .. } => {
                let own = |one: &&std::sync::Arc<Deployment>| *one.business == **business && *one.name == **name;
                if let Some(deployment) = gathered.deployments.values().find(own)
                    && let Some(revision) = deployment.revisions.iter().find(|one| one.number == *revision)
                {
                    self.deploy(deployment, revision);
                }
            }
            Change::PolicyRevised { id, revision, policy, .. } => self.policy(id, *revision, policy.as_deref()),
            Change::ChainRevised { part, revision, entries, .. } => {
                self.chain(part, &ChainState { revision: *revision, entries: entries.clone() });
            }
            Change::Resent(resend) => {
                let name = gathered.name(resend.deployment);
                self.push(format!("resend {name} event={}", resend.event.id));
            }
            _ => {}
        }
    }
}

/// None: it says nothing about it.
fn was_there(status: &Status) -> Option<bool> {
    match status {
        Status::Sent { channel: Channel::App, attempted, .. } => Some(*attempted),
        Status::Sent { channel: Channel::Log, .. } | Status::Offline => Some(false),
        _ => None,
    }
}

fn value_of(limits: &Limits, name: &str) -> Option<u64> {
    limits.table().into_iter().find(|(known, ..)| *known == name).map(|(_, value, ..)| value)
}

/// Line breaks of JSON lie between its parts, where a space means the same.
fn on_one_line(json: &str) -> String {
    json.trim().replace(['\n', '\r'], " ")
}
