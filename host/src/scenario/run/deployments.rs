//! What operators do to deployments, and what is asked of them.

use std::sync::mpsc::channel;

use anyhow::{Context, bail};

use super::Run;
use crate::model::OnError;
use crate::model::ports::{Ask, AskError, Question};
use crate::registry::{self, DeployRequest, Error};
use crate::scenario::parse::{Deed, DeployStep, Target};
use crate::scenario::render;

/// Who changes things in a scenario.
pub(super) const BY: &str = "scenario";

const UNANSWERED: &str = "no answer: does a chain wait for a filter that is held back?";

impl Run<'_> {
    pub(super) fn deploy(&mut self, step: &DeployStep) -> anyhow::Result<()> {
        let request = self.request(step)?;
        let (business, name) = (&self.of(&step.target), &step.target.name);
        let deployed = self.host()?.parts.registry.deploy(business, name, request, BY);
        let shown = step.target.to_string();
        self.output.extend(match deployed {
            Ok((_, deployment)) => render::not_granted("deploy", &shown, deployment.newest()),
            Err(error) => render::deploy_refused("deploy", &shown, &error),
        });
        Ok(())
    }

    /// As `activate --from backlog`: from where the paused shards stand.
    pub(super) fn repair(&mut self, step: &DeployStep) -> anyhow::Result<()> {
        let request = self.request(step)?;
        let (business, name) = (&self.of(&step.target), &step.target.name);
        let shown = step.target.to_string();
        let registry = self.host()?.parts.registry.clone();
        let stand = |id| {
            let standing = self.ask(|asker, answer| asker.standing(id, answer));
            standing.map_err(|error| Error::Host(error.to_string()))?.map_err(|error| Error::Host(error.to_string()))
        };
        let repaired = registry.repair(business, name, request, stand, BY);
        self.output.extend(match repaired {
            Ok((_, deployment)) => render::not_granted("repair", &shown, deployment.newest()),
            Err(error) => render::deploy_refused("repair", &shown, &error),
        });
        Ok(())
    }

    fn request(&mut self, step: &DeployStep) -> anyhow::Result<DeployRequest> {
        let wasm = self.modules.find(&step.module, step.digest.as_deref())?;
        let business = self.of(&step.target);
        let on_error = match step.on_error.as_deref() {
            None | Some("skip") => OnError::Skip,
            Some("pause") => OnError::Pause,
            Some(other) => bail!("on_error is skip or pause, not `{other}`"),
        };
        let uploaded = self.host()?.parts.registry.upload(&business, &wasm, BY)?;
        let request = DeployRequest::new(uploaded.digest.to_string(), step.configuration.clone());
        Ok(DeployRequest { permissions: step.permissions.clone(), on_error, ..request })
    }

    pub(super) fn operate(&mut self, deed: Deed, target: &Target) -> anyhow::Result<()> {
        let (business, name) = (&self.of(target), &target.name);
        let registry = self.host()?.parts.registry.clone();
        let book = self.host()?.book.clone();
        let (verb, done) = match deed {
            Deed::Pause => ("pause", told(registry.pause(business, name, "by the scenario", BY))),
            Deed::Resume => ("resume", told(registry.resume(business, name, BY))),
            Deed::Rollback => ("rollback", told(registry.rollback(business, name, None, BY))),
            Deed::Retire => ("retire", book.retire(business, name, BY).map(drop).map_err(|error| error.to_string())),
            Deed::HoldBack => return self.hold_back(target, true),
            Deed::LetGo => return self.hold_back(target, false),
        };
        if let Err(error) = done {
            self.output.push(format!("{verb} {target} refused: {error}"));
        }
        Ok(())
    }

    fn hold_back(&mut self, target: &Target, held: bool) -> anyhow::Result<()> {
        if held {
            self.held_back.insert(target.clone());
        } else {
            self.held_back.remove(target);
        }
        self.hold(target, held)
    }

    /// Also after a restart: what is held back is nothing that the host remembers.
    pub(super) fn hold(&mut self, target: &Target, held: bool) -> anyhow::Result<()> {
        let business = self.of(target);
        let host = self.host()?;
        let deployment = host.parts.registry.deployment(&business, &target.name);
        let id = deployment.with_context(|| format!("there is no deployment `{target}`"))?.id;
        host.workers.hold_back(id, held);
        Ok(())
    }

    pub(super) fn query(&mut self, target: &Target, query: &str, key: &str, parameters: &str) -> anyhow::Result<()> {
        let question = Question {
            business: self.of(target).into(),
            deployment: (&*target.name).into(),
            query: query.into(),
            key: key.into(),
            parameters: parameters.into(),
        };
        let answer = self.ask(|asker, answer| asker.query(question, answer))?;
        self.output.push(render::answer(&target.to_string(), query, key, &answer));
        Ok(())
    }

    /// Asks the worker, and lets everything run to rest for the answer.
    pub(super) fn ask<T: Send + 'static>(
        &mut self,
        ask: impl FnOnce(&dyn Ask, Answer<T>),
    ) -> anyhow::Result<Result<T, AskError>> {
        let (send, receive) = channel();
        let asker = self.host()?.workers.asker();
        ask(&asker, Box::new(move |answer| drop(send.send(answer))));
        self.rest()?;
        Ok(receive.try_recv().unwrap_or_else(|_| Err(AskError::Host(UNANSWERED.to_owned()))))
    }
}

/// What a port wants for its answer.
type Answer<T> = Box<dyn FnOnce(Result<T, AskError>) + Send>;

fn told<T>(done: Result<T, registry::Error>) -> Result<(), String> {
    done.map(drop).map_err(|error| error.to_string())
}
