//! The stream of a person's actions: server-sent events (WHATWG HTML, 9.2). What was handed over and not acknowledged comes
//! first, then what is new, each once. Only an acknowledgement ends an action: a stream that breaks loses nothing. It ends
//! with the token that opened it.

use std::collections::{BTreeSet, VecDeque};
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::poll_fn;
use serde::Deserialize;
use tokio::time::{Sleep, sleep};
use utoipa::IntoParams;

use super::auth::Visitor;
use super::body::{ActionView, ByeView};
use super::extract::{Own, Parameters, key};
use super::persons::{arrive, entries};
use super::refusal::Refusal;
use super::{Api, view};
use crate::channels::{self, Delivery};
use crate::model::outreach::Channel;
use crate::model::ports::PersonView;

/// A comment goes this often when nothing else does, so that nobody between takes the connection for dead.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// A client waits so long before it connects again.
const RECONNECT: Duration = Duration::from_secs(2);
/// Numbers that a stream remembers, the greatest: far more than may wait for one person.
const REMEMBERED: usize = 4_096;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Proxies that hold answers back are told not to.
const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Why the host ends a stream, for programs and for people.
type Bye = (&'static str, &'static str);
const TOKEN_EXPIRED: Bye = ("token_expired", "the user's token has expired: connect again with a new one");
const REPLACED: Bye =
    ("streams_per_person", "newer streams of this person have taken its place (`streams_per_person`)");

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct StreamAsked {
    /// The number of the last event that was seen; the header `last-event-id` says the same. Of what was handed over at its
    /// first look only what is behind it comes again.
    last_event_id: Option<u64>,
    #[serde(default, rename = "access_token")]
    #[param(ignore)]
    _access_token: Option<String>,
}

#[utoipa::path(get, path = "/v1/{business}/users/{user}/actions", tag = "persons",
    summary = "The stream of a person's actions: server-sent events `action`, each with its number as `id`",
    params(StreamAsked, ("Last-Event-ID" = Option<u64>, Header, description = "Of the last event that was seen")),
    responses((status = 200, description = "The data of each event `action`; that of a last event `bye` is a `ByeView`", body = ActionView,
        content_type = "text/event-stream")))]
pub async fn stream(
    State(api): State<Arc<Api>>,
    Own((business, user)): Own<(String, String)>,
    Parameters(asked): Parameters<StreamAsked>,
    visitor: Visitor,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    key("user", &user, api.parts.limits.attribute_bytes)?;
    let behind = last_event_id(&headers)?.or(asked.last_event_id).unwrap_or(0);
    // First the stream: what is handed over from here on is in it.
    let mut live = api.parts.hub.join(&business, &user)?;
    let mut early = Vec::new();
    let mut arriving = std::pin::pin!(arrive(&api, &business, &user, None));
    // Whatever the arrival sets free must not fill the stream before anybody reads it.
    let person = loop {
        tokio::select! {
            biased;
            delivery = live.next() => early.push(delivery.ok_or_else(|| live.why())?),
            person = &mut arriving => break person?,
        }
    };
    let now = (api.parts.clock)();
    let expiry = visitor.until().map(|until| Box::pin(sleep(Duration::from_millis(until.saturating_sub(now)))));
    let mut showing = Showing { shown: Shown::new(&person, behind, early, now), live: Some(live), expiry };
    let events = poll_fn(move |context| showing.poll_next(context));
    let events = Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE));
    let unbuffered = [
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (ACCEL_BUFFERING, HeaderValue::from_static("no")),
    ];
    Ok((unbuffered, events).into_response())
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<u64>, Refusal> {
    let Some(given) = headers.get(LAST_EVENT_ID).filter(|value| !value.is_empty()) else { return Ok(None) };
    let number = given.to_str().ok().and_then(|text| text.parse().ok());
    let wrong = || Refusal::bad_request("bad_query", "`last-event-id` is no number of this stream");
    number.map(Some).ok_or_else(wrong)
}

/// What one stream has shown, and what it shows next.
struct Shown {
    ready: VecDeque<Event>,
    sequences: BTreeSet<u64>,
}

impl Shown {
    /// First what waits, by number, then what came meanwhile.
    ///
    /// Who says that it has seen a number has seen every smaller one that was handed over at its first look: such an action
    /// gets its number with the frame that hands it over, frames are handed over in order, and what waits comes by number.
    /// What was judged again has kept the number of its first look, so it may have come after greater ones, or be under way
    /// to a connection that has broken: it is sent again.
    fn new(person: &PersonView, behind: u64, early: Vec<Arc<Delivery>>, now: u64) -> Shown {
        let first = Event::default().retry(RECONNECT);
        let mut shown = Shown { ready: VecDeque::from([first]), sequences: BTreeSet::new() };
        let mut waiting: Vec<_> = entries(person, &Channel::App, now)
            .filter(|(waiting, sequence)| *sequence > behind || waiting.attempt > 1)
            .collect();
        waiting.sort_by_key(|(_, sequence)| *sequence);
        for (waiting, sequence) in waiting {
            shown.add(&view::action(&waiting.action, sequence, &Channel::App, waiting.attempt));
        }
        early.iter().for_each(|delivery| shown.add_delivery(delivery));
        shown
    }

    fn add_delivery(&mut self, delivery: &Delivery) {
        let Delivery { sequence, action, channel, attempt } = delivery;
        self.add(&view::action(action, *sequence, channel, *attempt));
    }

    /// Once for each number. A smaller one may come after a greater one, when it was judged again meanwhile.
    fn add(&mut self, action: &ActionView) {
        if !self.sequences.insert(action.sequence) {
            return;
        }
        if self.sequences.len() > REMEMBERED {
            self.sequences.pop_first();
        }
        let event = Event::default().event("action").id(action.sequence.to_string());
        match serde_json::to_string(action) {
            Ok(text) => self.ready.push_back(event.data(text)),
            Err(error) => tracing::error!(%error, action = action.action, "an action cannot be written"),
        }
    }
}

/// A stream that is open.
struct Showing {
    shown: Shown,
    /// None when it has ended: the person does not count as connected while the last is written.
    live: Option<channels::Stream>,
    /// Of the token that opened it.
    expiry: Option<Pin<Box<Sleep>>>,
}

impl Showing {
    /// Ends when the hub closes the stream (the host ends, the client does not keep up, newer ones replace it), and with the
    /// token.
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Event, Infallible>>> {
        loop {
            if let Some(event) = self.shown.ready.pop_front() {
                return Poll::Ready(Some(Ok(event)));
            }
            let Some(live) = &mut self.live else { return Poll::Ready(None) };
            if self.expiry.as_mut().is_some_and(|expiry| expiry.as_mut().poll(context).is_ready()) {
                self.end(Some(TOKEN_EXPIRED));
                continue;
            }
            match live.poll_next(context) {
                Poll::Ready(Some(delivery)) => self.shown.add_delivery(&delivery),
                Poll::Ready(None) => {
                    let replaced = live.is_replaced();
                    self.end(replaced.then_some(REPLACED));
                }
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    fn end(&mut self, bye: Option<Bye>) {
        self.live = None;
        // Without an id, so that the client's last one stays.
        let view = |(reason, message): Bye| ByeView { reason: reason.to_owned(), message: message.to_owned() };
        let said = bye.and_then(|bye| serde_json::to_string(&view(bye)).ok());
        self.shown.ready.extend(said.map(|text| Event::default().event("bye").data(text)));
    }
}
