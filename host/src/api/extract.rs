//! What handlers take out of a request, with refusals in the one form.

use std::error::Error;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::rejection::FailedToBufferBody::LengthLimitError;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::audit::Audit;
use super::auth::{Caller, Visitor};
use super::cloudevents::parse_time;
use super::refusal::Refusal;
use super::serve::Broken;
use crate::model::check_name;

/// The largest body of a route: which bound it is, and its value in bytes.
#[derive(Clone, Copy, Debug)]
pub struct BodyLimit {
    pub name: &'static str,
    pub bytes: u64,
}

impl BodyLimit {
    fn refusal(self) -> Refusal {
        let message = format!("the body is larger than {} bytes (`{}`)", self.bytes, self.name);
        Refusal::limit(StatusCode::PAYLOAD_TOO_LARGE, self.name, message)
    }
}

/// A whole body within its route's bound.
pub struct Content(pub Bytes);

impl<S: Send + Sync> FromRequest<S> for Content {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Content, Refusal> {
        let limit =
            request.extensions().get::<BodyLimit>().copied().unwrap_or(BodyLimit { name: "request_bytes", bytes: 0 });
        if content_length(request.headers()).is_some_and(|length| length > limit.bytes) {
            return Err(limit.refusal());
        }
        match Bytes::from_request(request, state).await {
            Ok(bytes) => Ok(Content(bytes)),
            Err(BytesRejection::FailedToBufferBody(LengthLimitError(_))) => Err(limit.refusal()),
            Err(rejection) => Err(broken(&rejection)),
        }
    }
}

fn broken(rejection: &BytesRejection) -> Refusal {
    let mut cause = rejection.source();
    while let Some(error) = cause {
        if let Some(stalled @ Broken::Stalled { .. }) = error.downcast_ref() {
            return Refusal::limit(StatusCode::REQUEST_TIMEOUT, "http_body_ms", stalled.to_string());
        }
        cause = error.source();
    }
    Refusal::bad_request("bad_request", format!("the body ended early: {rejection}"))
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Parts of the path; the first is always the business.
pub struct Place<T>(pub T);

/// What a path names. The business is checked before anything is done for it.
pub trait Names: DeserializeOwned + Send {
    fn business(&self) -> &str;
}

impl Names for String {
    fn business(&self) -> &str {
        self
    }
}

impl Names for (String, String) {
    fn business(&self) -> &str {
        &self.0
    }
}

impl Names for (String, String, String) {
    fn business(&self) -> &str {
        &self.0
    }
}

impl<S: Send + Sync, T: Names> FromRequestParts<S> for Place<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Place<T>, Refusal> {
        let path = Path::<T>::from_request_parts(parts, state).await;
        let Path(names) = path.map_err(|rejection| Refusal::bad_request("bad_path", rejection.body_text()))?;
        check_name("business", names.business())?;
        Ok(Place(names))
    }
}

/// Parts of the path that belong to one person: who asks has been checked.
pub struct Own<T>(pub T);

/// What a path of a person names.
pub trait Owned: Names {
    fn person(&self) -> &str;
}

impl Owned for (String, String) {
    fn person(&self) -> &str {
        &self.1
    }
}

impl Owned for (String, String, String) {
    fn person(&self) -> &str {
        &self.1
    }
}

impl<S: Send + Sync, T: Owned> FromRequestParts<S> for Own<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Own<T>, Refusal> {
        let Place(names) = Place::<T>::from_request_parts(parts, state).await?;
        let visitor = Visitor::from_request_parts(parts, state).await?;
        let audit = parts.extensions.get::<Arc<Audit>>();
        let audit = audit.ok_or_else(|| Refusal::host("there is no audit for this route"))?;
        visitor.check(names.business(), names.person(), audit)?;
        Ok(Own(names))
    }
}

/// Parameters behind the question mark; unknown ones are refused.
pub struct Parameters<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Parameters<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Parameters<T>, Refusal> {
        let query = Query::<T>::from_request_parts(parts, state).await;
        let Query(parameters) = query.map_err(|rejection| Refusal::bad_request("bad_query", rejection.body_text()))?;
        Ok(Parameters(parameters))
    }
}

/// For a route without parameters.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoParameters {}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Caller, Refusal> {
        let missing = || Refusal::host("the request was not authenticated");
        parts.extensions.get::<Caller>().cloned().ok_or_else(missing)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Visitor {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Visitor, Refusal> {
        let missing = || Refusal::host("the request was not authenticated");
        parts.extensions.get::<Visitor>().cloned().ok_or_else(missing)
    }
}

/// A JSON body, whatever its content type says.
pub fn json<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| {
        let code = if error.is_data() { "bad_body" } else { "not_json" };
        Refusal::bad_request(code, error.to_string()).with(|problem| {
            (problem.line, problem.column) = (Some(error.line()), Some(error.column()));
        })
    })
}

/// Milliseconds since the Unix epoch.
pub fn time(name: &str, text: &str) -> Result<u64, Refusal> {
    let time = parse_time(text).and_then(|time| u64::try_from(time).ok());
    let wrong =
        || format!("`{name}`: `{text}` is no RFC 3339 time since 1970, such as 2026-05-17T10:31:00Z (write + as %2B)");
    time.ok_or_else(|| Refusal::bad_request("bad_query", wrong()))
}

/// How many items, at most and by default a bound.
pub fn count(limit: Option<u64>, name: &'static str, most: u64) -> Result<usize, Refusal> {
    match limit {
        Some(0) => Err(Refusal::bad_request("bad_query", "`limit` must be at least 1")),
        Some(limit) if limit > most => {
            let message = format!("`limit` is {limit}, at most {most} are allowed (`{name}`)");
            Err(Refusal::limit(StatusCode::BAD_REQUEST, name, message))
        }
        limit => Ok(usize::try_from(limit.unwrap_or(most)).unwrap_or(usize::MAX)),
    }
}

/// A key, or a name that stands for one.
pub fn key(name: &str, text: &str, most: u64) -> Result<Arc<str>, Refusal> {
    let bytes = text.len() as u64;
    if bytes == 0 {
        return Err(Refusal::bad_request("bad_query", format!("`{name}` must not be empty")));
    }
    if bytes > most {
        let message = format!("`{name}` has {bytes} bytes, at most {most} are allowed (`attribute_bytes`)");
        return Err(Refusal::limit(StatusCode::BAD_REQUEST, "attribute_bytes", message));
    }
    Ok(text.into())
}
