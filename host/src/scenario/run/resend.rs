//! Failed inputs in a run: handled once more, as an operator asks for it.

use std::time::{Duration, Instant};

use anyhow::Context;

use super::Run;
use super::deployments::BY;
use crate::model::Lsn;
use crate::scenario::parse::{Resent, Target};
use crate::trace::{Asked, Failure, FailureQuery, resend};

/// Scenarios are short: reading their journals takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(60);

impl Run<'_> {
    pub(super) fn resend(&mut self, target: &Target, what: &Resent) -> anyhow::Result<()> {
        let (position, code) = match what {
            Resent::Event(id) => {
                let found = self.ids.iter().find(|(_, known)| *known == id).map(|(lsn, _)| *lsn);
                (Some(found.with_context(|| format!("there was no event `{id}`"))?), None)
            }
            Resent::All { code } => (None, code.as_deref()),
        };
        let business = self.of(target).to_owned();
        let query = FailureQuery {
            business: &business,
            deployment: Some(&target.name),
            code,
            key: None,
            position,
            after: Lsn::ZERO,
            limit: usize::MAX,
            deadline: Instant::now() + PATIENCE,
        };
        let host = self.host()?;
        let parts = &host.parts;
        // What failed is found when it is durable.
        parts.log.wait_committed(parts.log.last())?;
        let done = resend(&host.keys, &parts.registry, &query, BY);
        match done {
            Ok((answers, _)) if answers.is_empty() => {
                self.output.push(format!("resend {target} -> nothing has failed"))
            }
            Ok((answers, _)) => {
                let lines: Vec<String> = answers.iter().map(|(failure, asked)| self.line(failure, asked)).collect();
                self.output.extend(lines.into_iter().map(|line| format!("resend {target} {line}")));
            }
            Err(error) => self.output.push(format!("resend {target} refused: {error}")),
        }
        Ok(())
    }

    fn line(&self, failure: &Failure, asked: &Asked) -> String {
        let id = self.ids.get(&failure.lsn).map_or("derived", String::as_str);
        let asked = match asked {
            Asked::Resent(_) => "resent".to_owned(),
            Asked::Replayed(_) => "replayed".to_owned(),
            Asked::Pending(_) => "pending".to_owned(),
            Asked::Refused(unfit) => format!("refused {}: {unfit}", unfit.code()),
        };
        format!("event={id} key={} -> {asked}", failure.key)
    }
}
