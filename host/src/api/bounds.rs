//! Bounds of a request that any route has: its head, and how many are worked on at a time.

use std::sync::Arc;

use axum::extract::Request;
use axum::http::{StatusCode, header};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::refusal::{RETRY_AFTER, Refusal};
use super::{Api, Limits};

/// Refuses a head that is too large, by the limit's name.
pub fn head(request: &Request, limits: &Limits) -> Result<(), Refusal> {
    let refuse = |name: &str, message: String| {
        let refusal = Refusal::limit(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, name, message);
        Err(refusal.with_header(header::CONNECTION, axum::http::HeaderValue::from_static("close")))
    };
    let headers = request.headers();
    let (count, most) = (headers.len() as u64, limits.http_headers);
    if count > most {
        return refuse(
            "http_headers",
            format!("the request has {count} headers, at most {most} are allowed (`http_headers`)"),
        );
    }
    let (bytes, most) = (head_bytes(request), limits.http_header_bytes);
    if bytes > most {
        return refuse(
            "http_header_bytes",
            format!("the request's head has {bytes} bytes, at most {most} are allowed (`http_header_bytes`)"),
        );
    }
    Ok(())
}

/// As it came, but for spaces that mean nothing.
fn head_bytes(request: &Request) -> u64 {
    const AROUND_LINE: usize = "  HTTP/1.1\r\n\r\n".len();
    const AROUND_HEADER: usize = ": \r\n".len();
    let uri = request.uri();
    let target = uri.path_and_query().map_or(0, |target| target.as_str().len());
    let line = request.method().as_str().len() + target + AROUND_LINE;
    let headers = request.headers().iter();
    let headers: usize = headers.map(|(name, value)| name.as_str().len() + value.len() + AROUND_HEADER).sum();
    (line + headers) as u64
}

/// A place among the requests that are worked on; it is given back when it is dropped.
pub fn place(api: &Api) -> Result<OwnedSemaphorePermit, Refusal> {
    api.requests.clone().try_acquire_owned().map_err(|_| {
        api.parts.metrics.shed.with_label_values(&["requests_in_flight"]).inc();
        let most = api.parts.limits.requests_in_flight;
        let message = format!("this host works on {most} requests already (`requests_in_flight`): come again later");
        let refusal = Refusal::limit(StatusCode::SERVICE_UNAVAILABLE, "requests_in_flight", message);
        refusal.with_header(header::RETRY_AFTER, RETRY_AFTER)
    })
}

/// As many places as requests may be worked on.
pub fn places(limits: &Limits) -> Arc<Semaphore> {
    let most = usize::try_from(limits.requests_in_flight).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
    Arc::new(Semaphore::new(most))
}
