//! Questions about one key, answered by the worker between two batches.

use super::deployment::Active;
use super::worker::Worker;
use crate::engine::{QueryFailure, QueryInput};
use crate::model::outreach::{ActionId, Reached};
use crate::model::ports::{Acknowledged, Answer, Answering, AskError, DocumentView, PersonView, Question, WhatIf};
use crate::model::{DeploymentId, Lsn, ShardSet, shard_of};

/// What can be asked; the answer goes to whoever waits.
pub enum Ask {
    Query(Question, Answering<Answer>),
    Documents { business: Box<str>, key: Box<str>, answer: Box<dyn FnOnce(Vec<DocumentView>) + Send> },
    Person { business: Box<str>, person: Box<str>, answer: Answering<PersonView> },
    Arrive { business: Box<str>, person: Box<str>, slot: Option<Box<str>>, answer: Answering<PersonView> },
    Acknowledge { business: Box<str>, person: Box<str>, action: ActionId, answer: Answering<Acknowledged> },
    WhatIf(Box<WhatIf>, Answering<Vec<Reached>>),
    Standing(DeploymentId, Answering<Vec<(ShardSet, Lsn)>>),
}

impl Worker {
    pub fn answer(&mut self, ask: Ask) {
        match ask {
            Ask::Query(question, answer) => answer(self.query(&question)),
            Ask::Documents { business, key, answer } => answer(self.documents(&business, &key)),
            Ask::Person { business, person, answer } => answer(self.person(&business, &person)),
            Ask::Arrive { business, person, slot, answer } => {
                self.arrive(&business, &person, slot.as_deref(), answer);
            }
            Ask::Acknowledge { business, person, action, answer } => {
                answer(self.acknowledge(&business, &person, action));
            }
            Ask::WhatIf(look, answer) => answer(self.what_if(*look)),
            Ask::Standing(deployment, answer) => answer(self.standing(deployment)),
        }
    }

    /// Runs on the revision and document at the reader's position, at the last tick if that is later: an idle key has no
    /// input that could tell the time.
    fn query(&mut self, question: &Question) -> Result<Answer, AskError> {
        let last = self.parts.log.last();
        let named = |active: &&mut Active| {
            *active.deployment.business == *question.business && *active.deployment.name == *question.deployment
        };
        let Some(active) = self.active.values_mut().find(named) else {
            return Err(AskError::NoDeployment(question.deployment.clone()));
        };
        let host = |error: String| AskError::Host(error);
        let read = position_of(active, &question.key);
        let document = active.shelf.documents.look(&question.key).map_err(|error| host(error.to_string()))?;
        // What the answer shows is durable when both the inputs read and the last change of the document are.
        let position = read.max(document.lsn());
        let query = QueryInput {
            name: question.query.clone(),
            key: question.key.clone(),
            parameters: question.parameters.clone(),
            time: document.clock().max(self.parts.time.last().now),
        };
        let loaded = Worker::loaded_for(active, &self.parts, read.next(), shard_of(&question.key))
            .map_err(|failure| host(failure.0))?;
        let revision = loaded.revision.number;
        let reply = loaded.runner.query(query, document).map_err(|failure| match failure {
            QueryFailure::NoQuery { known } => AskError::NoQuery { query: question.query.clone(), known },
            QueryFailure::Refused { code, message } => AskError::Refused { code, message },
            QueryFailure::Host(error) => AskError::Host(error),
        })?;
        Ok(Answer { reply, position, lag: last.0.saturating_sub(read.0), revision })
    }

    /// A key's document in every deployment of a business that has one.
    fn documents(&mut self, business: &str, key: &str) -> Vec<DocumentView> {
        let last = self.parts.log.last();
        let mut views = Vec::new();
        for active in self.active.values_mut().filter(|active| *active.deployment.business == *business) {
            let read = position_of(active, key);
            match active.shelf.documents.look(key) {
                Ok(document) if document.lsn() == Lsn::ZERO || document.is_blank() => {}
                Ok(document) => views.push(DocumentView {
                    deployment: (&*active.deployment.name).into(),
                    position: read.max(document.lsn()),
                    lag: last.0.saturating_sub(read.0),
                    document,
                }),
                Err(error) => {
                    tracing::error!(deployment = %active.deployment.name, key, %error, "a document cannot be shown")
                }
            }
        }
        views
    }
}

/// How far the deployment has read in the key's shard.
fn position_of(active: &Active, key: &str) -> Lsn {
    let shard = shard_of(key);
    let reader = active.readers.iter().find(|reader| reader.shards.contains(shard));
    reader.map_or(Lsn::ZERO, |reader| reader.position())
}
