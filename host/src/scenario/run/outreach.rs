//! Policies and chains in a run, and looking at one in thought.

use anyhow::bail;

use super::Run;
use super::deployments::BY;
use crate::model::outreach::ChainPart;
use crate::model::ports::WhatIf;
use crate::outreach::{EntryRequest, PLATFORM, Query, What};
use crate::scenario::parse::PolicyChange;
use crate::scenario::render;

impl Run<'_> {
    pub(super) fn policy(&mut self, id: &str, revision: Option<u32>, change: &PolicyChange) -> anyhow::Result<()> {
        let business = self.business();
        if let Some(revision) = revision {
            return self.recorded_policy(id, revision, change);
        }
        let book = self.host()?.book.clone();
        let done = match change {
            PolicyChange::Set(policy) => book.set_policy(&business, id, (**policy).clone(), BY),
            PolicyChange::Remove => book.remove_policy(&business, id, BY),
            PolicyChange::Refused(faults) => {
                self.output.push(format!("policy {id} refused: {faults}"));
                return Ok(());
            }
        };
        if let Err(error) = done {
            self.output.push(format!("policy {id} refused: {error}"));
        }
        Ok(())
    }

    pub(super) fn chain(
        &mut self,
        part: &ChainPart,
        revision: Option<u32>,
        entries: &[EntryRequest],
    ) -> anyhow::Result<()> {
        let own = self.business();
        let business = if *part == ChainPart::Platform { PLATFORM } else { &own };
        if let Some(revision) = revision {
            return self.recorded_chain(business, part, revision, entries);
        }
        let done = self.host()?.book.set_chain(business, part.clone(), entries.to_vec(), BY);
        if let Err(error) = done {
            self.output.push(format!("chain {part} refused: {error}"));
        }
        Ok(())
    }

    /// Of the newest decision about the match.
    pub(super) fn what_if(&mut self, user: &str, match_name: &str) -> anyhow::Result<()> {
        let business = self.business();
        let mut query = Query {
            business: &business,
            person: Some(user),
            match_name: Some(match_name),
            limit: 1,
            ..Query::default()
        };
        let host = self.host()?;
        // The newest may be how a delivery has ended.
        let decision = loop {
            let page = host.decisions.find(&host.parts.log, &query)?;
            let decided = page.found.into_iter().find_map(|found| match found.what {
                What::Decided(decision) => Some(decision),
                What::Ended(_) => None,
            });
            match (decided, page.next) {
                (Some(decision), _) => break decision,
                (None, Some(next)) => query.before = Some(next),
                (None, None) => bail!("nothing was decided about a match `{match_name}` of {user}"),
            }
        };
        let look = WhatIf { action: decision.action, attempt: decision.attempt };
        let answer = self.ask(|asker, answer| asker.what_if(look, answer))?;
        self.output.push(render::what_if(user, match_name, &answer));
        Ok(())
    }
}
