//! The API as a caller sees it: a real journal and registry, and stand-ins for the shards.

mod access;
mod acknowledgement;
mod backfills;
mod backups;
mod conform;
mod decisions;
mod deployments;
mod door;
mod events;
mod openapi;
mod persons;
mod policies;
mod records;
mod stream;

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::task::Poll;

use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use serde_json::Value as Json;
use tower::ServiceExt;

use super::*;
use crate::journal::{Encoded, Failpoints};
use crate::model::outreach::{
    Action, ActionId, Answered, ChainPart, Channel, Class, Offline, Origin, Reached, Tag, Waiting, WaitingState,
};
use crate::model::ports::{
    Acknowledged, Answer, AskError, CaptureError, CaptureRequest, Captured, CapturedModule, DocumentView, Faulty,
    PersonView, Progress, Question, SubmitError, Submitted, WhatIf,
};
use crate::model::{DeploymentId, Digest, Event, Frame, Lsn, Reply, ShardSet};
use crate::trace::fixture::{Past, START};

pub(super) const TOKEN: &str = "a-token-for-tests";

/// A running API and the strings to pull.
pub(super) struct Harness {
    pub past: Past,
    pub router: axum::Router,
    pub shards: Arc<Shards>,
    pub metrics: Arc<Metrics>,
    pub limits: Arc<Limits>,
    pub decisions: Arc<Index>,
    pub hub: Arc<Hub>,
    /// Of all routes.
    pub paths: Vec<&'static str>,
}

type Standing = Result<Vec<(ShardSet, Lsn)>, AskError>;

type ArrivalAnswer = Box<dyn FnOnce(Result<PersonView, AskError>) + Send>;

/// Stands in for shards: intake with duplicates, answers that a test prepares.
pub(super) struct Shards {
    log: Log,
    known: Mutex<HashMap<u128, (Lsn, u64)>>,
    pub submissions: AtomicU64,
    pub full: AtomicBool,
    pub unhealthy: Mutex<Option<String>>,
    pub faults: Mutex<Faulty>,
    /// Who blocks events of the type `blocked`.
    pub blocks: Mutex<Option<DeploymentId>>,
    pub answer: Mutex<Option<Result<Answer, AskError>>>,
    pub asked: Mutex<Vec<Question>>,
    pub documents: Mutex<Option<Vec<DocumentView>>>,
    /// What a person's document holds.
    pub person: Mutex<Option<PersonView>>,
    /// Slot of each arrival; None = the stream.
    pub arrivals: Mutex<Vec<Option<String>>>,
    /// Called by each arrival before it is answered.
    pub at_arrival: Mutex<Option<Box<dyn Fn() + Send>>>,
    /// Gets the answers of arrivals instead.
    pub held: Mutex<Option<std::sync::mpsc::Sender<ArrivalAnswer>>>,
    pub acknowledged: Mutex<Option<Acknowledged>>,
    pub acknowledgements: Mutex<Vec<(String, ActionId)>>,
    pub what_if: Mutex<Vec<WhatIf>>,
    pub standing: Mutex<Option<Standing>>,
}

impl Submit for Shards {
    fn submit(&self, events: Vec<Event>) -> Result<Vec<Submitted>, SubmitError> {
        self.submissions.fetch_add(1, Ordering::SeqCst);
        if self.full.load(Ordering::SeqCst) {
            return Err(SubmitError::Full);
        }
        let mut known = self.known.lock().expect("no panic");
        let submit = |event: Event| {
            let (identity, content) = (event.identity(), event.content());
            if let Some((lsn, original)) = known.get(&identity) {
                return Ok(if *original == content { Submitted::Duplicate(*lsn) } else { Submitted::IdReused(*lsn) });
            }
            if let Some(id) = self.blocks.lock().expect("no panic").filter(|_| &*event.kind == "blocked") {
                return Ok(Submitted::Blocked(id));
            }
            let frame = Encoded::new(Frame::Input(Arc::new(event)));
            let lsn = self.log.try_append_all(vec![frame]).map_err(|error| SubmitError::Failed(error.to_string()))?;
            known.insert(identity, (lsn, content));
            Ok(Submitted::Accepted(lsn))
        };
        events.into_iter().map(submit).collect()
    }
}

impl Ask for Shards {
    fn query(&self, question: Question, answer: Box<dyn FnOnce(Result<Answer, AskError>) + Send>) {
        self.asked.lock().expect("no panic").push(question);
        // Without a prepared answer the shard is gone: the closure is dropped.
        if let Some(prepared) = self.answer.lock().expect("no panic").clone() {
            answer(prepared);
        }
    }

    fn documents(&self, _: &str, _: &str, answer: Box<dyn FnOnce(Vec<DocumentView>) + Send>) {
        if let Some(prepared) = self.documents.lock().expect("no panic").clone() {
            answer(prepared);
        }
    }

    fn person(&self, _: &str, _: &str, answer: Box<dyn FnOnce(Result<PersonView, AskError>) + Send>) {
        if let Some(prepared) = self.person.lock().expect("no panic").clone() {
            answer(Ok(prepared));
        }
    }

    fn arrive(&self, business: &str, person: &str, slot: Option<&str>, answer: ArrivalAnswer) {
        self.arrivals.lock().expect("no panic").push(slot.map(str::to_owned));
        if let Some(first) = &*self.at_arrival.lock().expect("no panic") {
            first();
        }
        match &*self.held.lock().expect("no panic") {
            Some(held) => held.send(answer).expect("a test that waits"),
            None => self.person(business, person, answer),
        }
    }

    fn acknowledge(
        &self,
        _: &str,
        person: &str,
        action: ActionId,
        answer: Box<dyn FnOnce(Result<Acknowledged, AskError>) + Send>,
    ) {
        self.acknowledgements.lock().expect("no panic").push((person.to_owned(), action));
        if let Some(prepared) = *self.acknowledged.lock().expect("no panic") {
            answer(Ok(prepared));
        }
    }

    fn what_if(&self, look: WhatIf, answer: Box<dyn FnOnce(Result<Vec<Reached>, AskError>) + Send>) {
        self.what_if.lock().expect("no panic").push(look);
        answer(Ok(vec![reached(Answered::NotReached)]));
    }

    fn standing(&self, _: DeploymentId, answer: Box<dyn FnOnce(Result<Vec<(ShardSet, Lsn)>, AskError>) + Send>) {
        if let Some(prepared) = self.standing.lock().expect("no panic").clone() {
            answer(prepared);
        }
    }
}

/// An entry of a chain that says this.
pub(super) fn reached(answer: Answered) -> Reached {
    Reached { part: ChainPart::Business, filter: "fatigue".into(), revision: 2, digest: Digest([9; 32]), answer }
}

/// A message for `u:1`.
pub(super) fn action(id: u128) -> Action {
    let origin = Origin {
        lsn: Lsn(1),
        match_id: 7,
        hops: 0,
        match_name: "high_risk".into(),
        deployment: "risk".into(),
        revision: 1,
        digest: Digest([4; 32]),
    };
    Action {
        id: ActionId(id),
        business: "demo".into(),
        person: "u:1".into(),
        origin,
        policy: "warn".into(),
        policy_revision: 3,
        class: Class::Marketing,
        channel: Channel::App,
        scene: "home".into(),
        priority: 0,
        content: r#"{"title": "Take care"}"#.into(),
        fields: r#"{"n":5}"#.into(),
        time: START,
        expires: START + 60_000,
        offline: Offline::Keep,
    }
}

impl Backup for Shards {
    /// With secrets it never ends by itself; without, it fails when the host is not well.
    fn backup(&self, secrets: bool, to: &mut dyn std::io::Write) -> Result<Lsn, String> {
        let ill = self.unhealthy.lock().expect("no panic").clone();
        ill.map_or(Ok(()), Err)?;
        let mut write = |bytes: &[u8]| to.write_all(bytes).map_err(|error| error.to_string());
        write(b"a backup")?;
        if secrets {
            loop {
                write(&[7; 1 << 16])?;
            }
        }
        to.flush().map_err(|error| error.to_string())?;
        Ok(Lsn(7))
    }
}

impl Capture for Shards {
    /// Says what it was asked.
    fn capture(&self, request: &CaptureRequest) -> Result<Captured, CaptureError> {
        let CaptureRequest { business, key, deployment, what, .. } = request;
        let text = format!("{business} {key:?} {deployment:?} {what:?}");
        let module = CapturedModule { business: business.to_string(), name: "m@1".into(), digest: "d".into() };
        match key.as_deref() {
            Some("nobody") => Err(CaptureError::Nothing { since: "T0".into() }),
            Some("ancient") => Err(CaptureError::BeyondRetention { first: Lsn(9), since: "T9".into() }),
            _ => Ok(Captured { text, modules: vec![module] }),
        }
    }
}

impl Watch for Shards {
    fn progress(&self, _: DeploymentId) -> Option<Progress> {
        let (lag_bytes, lag_ms, documents, state_bytes) = (4_096, 50, 2, 300);
        Some(Progress { position: Lsn(7), lag: 3, lag_bytes, lag_ms, documents, state_bytes })
    }

    fn faults(&self, _: DeploymentId) -> Faulty {
        self.faults.lock().expect("no panic").clone()
    }

    fn unhealthy(&self) -> Option<String> {
        self.unhealthy.lock().expect("no panic").clone()
    }
}

pub(super) fn reply(position: Lsn) -> Answer {
    let reply = Reply { status: "ok".into(), body: r#"{"n": 1}"#.into(), retry: false };
    Answer { reply, position, lag: 2, revision: 1 }
}

impl Harness {
    pub fn new() -> Harness {
        Harness::with(Past::new(), Limits::default())
    }

    pub fn with(past: Past, limits: Limits) -> Harness {
        let shards = Arc::new(Shards {
            log: past.log.clone(),
            known: Mutex::default(),
            submissions: AtomicU64::new(0),
            full: AtomicBool::new(false),
            unhealthy: Mutex::default(),
            faults: Mutex::default(),
            blocks: Mutex::default(),
            answer: Mutex::default(),
            asked: Mutex::default(),
            documents: Mutex::new(Some(vec![])),
            person: Mutex::default(),
            arrivals: Mutex::default(),
            at_arrival: Mutex::default(),
            held: Mutex::default(),
            acknowledged: Mutex::default(),
            acknowledgements: Mutex::default(),
            what_if: Mutex::default(),
            standing: Mutex::default(),
        });
        let metrics = Arc::new(Metrics::new().expect("metrics"));
        let limits = Arc::new(limits);
        let book = Book::new(past.log.clone(), past.registry.clone(), limits.clone(), past.clock());
        let decisions = Arc::new(Index::new(metrics.clone()));
        let hub = Arc::new(Hub::new(limits.streams, limits.streams_per_person, metrics.clone()));
        let parts = Parts {
            registry: past.registry.clone(),
            log: past.log.clone(),
            history: past.keys.clone(),
            submit: shards.clone(),
            ask: shards.clone(),
            watch: shards.clone(),
            capture: shards.clone(),
            backup: shards.clone(),
            backfill: shards.clone(),
            metrics: metrics.clone(),
            limits: limits.clone(),
            book: Arc::new(book),
            decisions: decisions.clone(),
            hub: hub.clone(),
            tokens: Tokens::new([("ops".to_owned(), TOKEN.to_owned())], "the-folder/token"),
            keys: UserKeys::new([7; 32]),
            cors_origins: vec!["https://shop.example".to_owned()],
            intakes: Intakes::new(&["http".to_owned(), "batch".to_owned()]),
            clock: past.clock(),
        };
        let table = routes::table(parts);
        let paths = table.paths.clone();
        Harness { router: table.finish(), past, shards, metrics, limits, decisions, hub, paths }
    }

    /// Serves on a listener until something ends.
    pub fn serve(
        &self,
        listener: tokio::net::TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> tokio::task::JoinHandle<std::io::Result<()>> {
        let (router, limits, metrics) = (self.router.clone(), self.limits.clone(), self.metrics.clone());
        tokio::spawn(async move { serve(listener, router, &limits, metrics, shutdown).await })
    }

    /// What is answered must be described.
    pub async fn send(&self, request: Request<Body>) -> Told {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let told = tell(self.router.clone(), request).await;
        conform::check(&method, &path, &told);
        told
    }

    pub async fn get(&self, path: &str) -> Told {
        self.send(request("GET", path, None, "")).await
    }

    pub async fn put(&self, path: &str, body: impl Into<Body>) -> Told {
        self.send(request("PUT", path, Some("application/json"), body)).await
    }

    pub async fn delete(&self, path: &str) -> Told {
        self.send(request("DELETE", path, None, "")).await
    }

    /// Says that a person's document holds this.
    pub fn holds(&self, waiting: Vec<Waiting>) {
        self.past.durable();
        *self.shards.person.lock().expect("no panic") = Some(PersonView { position: Lsn::ZERO, tags: vec![], waiting });
    }

    pub async fn post(&self, path: &str, content_type: &str, body: impl Into<Body>) -> Told {
        self.send(request("POST", path, Some(content_type), body)).await
    }

    pub async fn event(&self, json: &str) -> Told {
        self.post("/v1/demo/events", "application/cloudevents+json", json.to_owned()).await
    }

    pub async fn batch(&self, json: &str) -> Told {
        self.post("/v1/demo/events", "application/cloudevents-batch+json", json.to_owned()).await
    }
}

/// An answer.
#[derive(Debug)]
pub(super) struct Told {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Told {
    pub fn json(&self) -> Json {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub fn parse<T: serde::de::DeserializeOwned>(&self) -> T {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// Status and code of a refusal.
    pub fn refusal(&self) -> (u16, String) {
        assert_eq!(self.headers["content-type"], "application/problem+json", "{}", self.text);
        let problem: body::Problem = self.parse();
        assert!(!problem.message.is_empty());
        (self.status.as_u16(), problem.code)
    }
}

pub(super) async fn tell(router: axum::Router, request: Request<Body>) -> Told {
    let response = router.oneshot(request).await.expect("infallible");
    let (parts, body) = response.into_parts();
    let bytes = axum::body::to_bytes(body, usize::MAX).await.expect("a body");
    Told { status: parts.status, headers: parts.headers, text: String::from_utf8(bytes.to_vec()).expect("UTF-8") }
}

/// With the token.
pub(super) fn request(method: &str, path: &str, content_type: Option<&str>, body: impl Into<Body>) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path).header("authorization", format!("Bearer {TOKEN}"));
    if let Some(content_type) = content_type {
        request = request.header("content-type", content_type);
    }
    request.body(body.into()).expect("a request")
}

pub(super) fn event(id: &str, data: &str) -> String {
    format!(r#"{{"specversion":"1.0","id":"{id}","source":"/app","type":"browse","data":{data}}}"#)
}

/// A wall in front of every sync of the journal.
#[derive(Default)]
pub(super) struct Wall {
    up: Mutex<bool>,
    moved: Condvar,
    pub broken: AtomicBool,
}

impl Wall {
    pub fn set(&self, up: bool) {
        *self.up.lock().unwrap_or_else(PoisonError::into_inner) = up;
        self.moved.notify_all();
    }

    pub fn past() -> (Arc<Wall>, Past) {
        let wall = Arc::new(Wall::default());
        let hook = wall.clone();
        let before_sync = Arc::new(move |_| {
            let up = hook.up.lock().unwrap_or_else(PoisonError::into_inner);
            drop(hook.moved.wait_while(up, |up| *up));
            if hook.broken.load(Ordering::SeqCst) { Err(std::io::Error::other("no such luck")) } else { Ok(()) }
        });
        (wall, Past::with(Failpoints { before_sync: Some(before_sync), ..Failpoints::default() }))
    }
}

/// Takes the wall away when a test ends early, so that the journal can be closed.
pub(super) struct Open(pub Arc<Wall>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

/// Runs a future as far as it gets without waiting: everything in these tests but the journal answers at once.
pub(super) async fn is_waiting<F: Future>(mut future: Pin<&mut F>) -> bool {
    std::future::poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_pending())).await
}
