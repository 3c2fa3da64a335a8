//! The API as a caller sees it: a real journal and registry, and stand-ins for the shards.

mod access;
mod acknowledgement;
mod deployments;
mod events;
mod records;

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
use crate::model::ports::{Answer, AskError, DocumentView, Progress, Question, SubmitError, Submitted};
use crate::model::{DeploymentId, Event, Frame, Lsn, Reply};
use crate::trace::fixture::Past;

pub(super) const TOKEN: &str = "a-token-for-tests";

/// A running API and the strings to pull.
pub(super) struct Harness {
    pub past: Past,
    pub router: axum::Router,
    pub shards: Arc<Shards>,
    pub metrics: Arc<Metrics>,
}

/// Stands in for shards: intake with duplicates, answers that a test prepares.
pub(super) struct Shards {
    log: Log,
    known: Mutex<HashMap<u128, (Lsn, u64)>>,
    pub submissions: AtomicU64,
    pub full: AtomicBool,
    pub unhealthy: Mutex<Option<String>>,
    pub answer: Mutex<Option<Result<Answer, AskError>>>,
    pub asked: Mutex<Vec<Question>>,
    pub documents: Mutex<Option<Vec<DocumentView>>>,
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
}

impl Watch for Shards {
    fn progress(&self, _: DeploymentId) -> Option<Progress> {
        Some(Progress { position: Lsn(7), lag: 3 })
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
            answer: Mutex::default(),
            asked: Mutex::default(),
            documents: Mutex::new(Some(vec![])),
        });
        let metrics = Arc::new(Metrics::new().expect("metrics"));
        let router = router(Parts {
            registry: past.registry.clone(),
            log: past.log.clone(),
            submit: shards.clone(),
            ask: shards.clone(),
            watch: shards.clone(),
            metrics: metrics.clone(),
            limits: Arc::new(limits),
            tokens: Tokens::new([("ops".to_owned(), TOKEN.to_owned())], "the-folder/token"),
            clock: past.clock(),
        });
        Harness { past, router, shards, metrics }
    }

    pub async fn send(&self, request: Request<Body>) -> Told {
        tell(self.router.clone(), request).await
    }

    pub async fn get(&self, path: &str) -> Told {
        self.send(request("GET", path, None, "")).await
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
