//! What surrounds every handler: who asks, how long it may take, and a line in the log.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use tracing::Instrument;

use super::auth::Visitor;
use super::extract::BodyLimit;
use super::refusal::Refusal;
use super::{Api, bounds, cors};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longest request id that is taken over from a caller, bytes.
const MAX_REQUEST_ID: usize = 64;

/// Who may use a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Also those who have no token.
    Open,
    /// A token of the host.
    Service,
    /// A token of the host, or that of the end user whom the path names; also pages of configured origins.
    Person,
}

/// What is known of a route before any request.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// As in the log and in metrics.
    pub path: &'static str,
    pub access: Access,
    pub body: BodyLimit,
    /// Until the answer begins.
    pub timeout: Duration,
    /// Successes are logged at `debug`: there are many of them.
    pub frequent: bool,
    /// Also a host that has no place for another request answers: it is asked how it is.
    pub always: bool,
}

/// Runs a request: authentication, time limit, metrics, log, request id.
pub async fn observe(State((api, route)): State<(Arc<Api>, Route)>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = request_id(request.headers());
    let method = request.method().clone();
    let business = business(route, request.uri().path()).to_owned();
    let span = tracing::info_span!("request", id = id.to_str().unwrap_or_default(), route = route.path, business);
    let origin = allowed_origin(&api, route, request.headers());
    let response = match &origin {
        Some(_) if method == Method::OPTIONS => Ok(cors::preflight()),
        _ => guarded(&api, route, request, next).instrument(span.clone()).await,
    };
    let mut response = response.unwrap_or_else(IntoResponse::into_response);
    if route.access == Access::Person {
        cors::mark(response.headers_mut(), origin);
    }
    let seconds = started.elapsed().as_secs_f64();
    let status = response.status();
    api.parts.metrics.requests.with_label_values(&[route.path, status.as_str()]).observe(seconds);
    span.in_scope(|| log(route, &method, status, seconds));
    response.headers_mut().insert(REQUEST_ID, id);
    response
}

async fn guarded(api: &Api, route: Route, mut request: Request, next: Next) -> Result<Response, Refusal> {
    bounds::head(&request, &api.parts.limits)?;
    match route.access {
        Access::Open => {}
        Access::Service => {
            let caller = api.parts.tokens.check(request.headers())?;
            request.extensions_mut().insert(caller);
        }
        Access::Person => {
            let visitor = visitor(api, &request)?;
            request.extensions_mut().insert(visitor);
            request.extensions_mut().insert(api.audit.clone());
        }
    }
    // Behind the token: strangers take nobody's place. It is given back with the head of the answer, so streams have none.
    let _place = if route.always { None } else { Some(bounds::place(api)?) };
    request.extensions_mut().insert(route.body);
    let answer = tokio::time::timeout(route.timeout, next.run(request)).await;
    answer.map_err(|_| {
        let message = format!(
            "no answer after {} ms (`request_ms`); it may have been done all the same: look before you repeat it",
            route.timeout.as_millis()
        );
        Refusal::limit(StatusCode::SERVICE_UNAVAILABLE, "request_ms", message)
    })
}

fn visitor(api: &Api, request: &Request) -> Result<Visitor, Refusal> {
    let parts = &api.parts;
    let in_address =
        Query::<TokenInAddress>::try_from_uri(request.uri()).ok().and_then(|Query(found)| found.access_token);
    parts.tokens.visitor(&parts.keys, request.headers(), in_address.as_deref(), (parts.clock)())
}

/// The address itself is never logged, because of this.
#[derive(Deserialize)]
struct TokenInAddress {
    access_token: Option<String>,
}

/// The page's origin, if the route is for pages and this one may use it.
fn allowed_origin(api: &Api, route: Route, headers: &HeaderMap) -> Option<HeaderValue> {
    let origin = headers.get(header::ORIGIN).filter(|_| route.access == Access::Person)?;
    api.parts.cors_origins.iter().any(|allowed| allowed.as_bytes() == origin.as_bytes()).then(|| origin.clone())
}

fn log(route: Route, method: &Method, status: StatusCode, seconds: f64) {
    let (method, status, ms) = (method.as_str(), status.as_u16(), (seconds * 1e3 * 1e3).round() / 1e3);
    match status {
        500.. => tracing::warn!(method, status, ms, "answered"),
        400.. => tracing::info!(method, status, ms, "refused"),
        _ if route.frequent => tracing::debug!(method, status, ms, "answered"),
        _ => tracing::info!(method, status, ms, "answered"),
    }
}

/// The caller's id if it can stand in a log, else a new one.
fn request_id(headers: &HeaderMap) -> HeaderValue {
    let plain = |value: &&HeaderValue| {
        let bytes = value.as_bytes();
        !bytes.is_empty() && bytes.len() <= MAX_REQUEST_ID && bytes.iter().all(u8::is_ascii_graphic)
    };
    match headers.get(REQUEST_ID).filter(plain) {
        Some(given) => given.clone(),
        None => {
            HeaderValue::try_from(format!("{:016x}", fastrand::u64(..))).unwrap_or(HeaderValue::from_static("none"))
        }
    }
}

fn business(route: Route, path: &str) -> &str {
    if !route.path.starts_with("/v1/{business}") {
        return "";
    }
    path.split('/').nth(2).unwrap_or_default()
}
