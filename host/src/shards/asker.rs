//! Puts questions into the mailbox of the worker that has the key.

use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};

use super::questions::Ask;
use super::station::Message;
use crate::model::outreach::{ActionId, Reached};
use crate::model::ports::{Acknowledged, Answer, Answering, AskError, DocumentView, PersonView, Question, WhatIf};
use crate::model::{DeploymentId, Lsn, ShardSet, shard_of};
use crate::tasks::Bell;

pub struct Asker {
    mail: Vec<Mutex<Sender<Message>>>,
    bell: Arc<Bell>,
}

impl Asker {
    /// Of all workers, in their order.
    pub(super) fn new(mail: impl Iterator<Item = Sender<Message>>, bell: Arc<Bell>) -> Asker {
        Asker { mail: mail.map(Mutex::new).collect(), bell }
    }

    fn post(&self, key: &str, ask: Ask) {
        // As `ShardSet::part` hands them out.
        self.post_to(usize::from(shard_of(key).0) % self.mail.len(), ask);
    }

    fn post_to(&self, worker: usize, ask: Ask) {
        // A worker that is gone drops the question, and with it whoever waits learns that there is no answer.
        let _ = self.mail[worker].lock().unwrap_or_else(PoisonError::into_inner).send(Message::Ask(ask));
        self.bell.ring();
    }
}

impl crate::model::ports::Ask for Asker {
    fn query(&self, question: Question, answer: Answering<Answer>) {
        let key = question.key.clone();
        self.post(&key, Ask::Query(question, answer));
    }

    fn documents(&self, business: &str, key: &str, answer: Box<dyn FnOnce(Vec<DocumentView>) + Send>) {
        self.post(key, Ask::Documents { business: business.into(), key: key.into(), answer });
    }

    fn person(&self, business: &str, person: &str, answer: Answering<PersonView>) {
        self.post(person, Ask::Person { business: business.into(), person: person.into(), answer });
    }

    fn arrive(&self, business: &str, person: &str, slot: Option<&str>, answer: Answering<PersonView>) {
        let slot = slot.map(Box::from);
        self.post(person, Ask::Arrive { business: business.into(), person: person.into(), slot, answer });
    }

    fn acknowledge(&self, business: &str, person: &str, action: ActionId, answer: Answering<Acknowledged>) {
        self.post(person, Ask::Acknowledge { business: business.into(), person: person.into(), action, answer });
    }

    fn what_if(&self, look: WhatIf, answer: Answering<Vec<Reached>>) {
        let person = look.action.person.clone();
        self.post(&person, Ask::WhatIf(Box::new(look), answer));
    }

    fn standing(&self, deployment: DeploymentId, answer: Answering<Vec<(ShardSet, Lsn)>>) {
        let gathered =
            Arc::new(Mutex::new(Gathered { left: self.mail.len(), places: Ok(Vec::new()), answer: Some(answer) }));
        for worker in 0..self.mail.len() {
            let gathered = gathered.clone();
            let own = Box::new(move |places| gathered.lock().unwrap_or_else(PoisonError::into_inner).add(places));
            self.post_to(worker, Ask::Standing(deployment, own));
        }
    }
}

type Places = Result<Vec<(ShardSet, Lsn)>, AskError>;

/// What the workers have said so far; the last one answers for all.
struct Gathered {
    left: usize,
    places: Places,
    answer: Option<Answering<Vec<(ShardSet, Lsn)>>>,
}

impl Gathered {
    fn add(&mut self, places: Places) {
        match (&mut self.places, places) {
            (Ok(all), Ok(more)) => all.extend(more),
            (Ok(_), Err(error)) => self.places = Err(error),
            (Err(_), _) => {}
        }
        self.left -= 1;
        if self.left == 0
            && let Some(answer) = self.answer.take()
        {
            answer(std::mem::replace(&mut self.places, Ok(Vec::new())));
        }
    }
}
