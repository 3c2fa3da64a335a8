//! Why a request brought nothing, and what to do about it.

use std::fmt;
use std::io::ErrorKind;
use std::time::Duration;

use crate::api::body::Problem;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("`{0}` is not an address of a host: it must begin with http:// (there is no TLS)")]
    Url(String),
    #[error(
        "no connection to {url}: {reason}\n  is the host running? start it with `fishpond serve`, or say where it is with \
         --url or FISHPOND_URL"
    )]
    Unreachable { url: String, reason: String },
    #[error("{url} did not answer to the end: {reason}\n  it may have done what was asked: look before you repeat it")]
    Broken { url: String, reason: String },
    #[error("{0}")]
    Refused(Box<Refusal>),
    #[error("{url} does not answer like a Fishpond host of this version: {reason}\n  is --url right?")]
    Foreign { url: String, reason: String },
}

/// What the host says about a request it refused.
#[derive(Debug)]
pub struct Refusal {
    pub status: u16,
    pub problem: Problem,
    /// The host asks for this pause.
    pub retry_after: Option<Duration>,
    /// What a person can do; may be empty.
    pub remedy: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let problem = &self.problem;
        write!(f, "{} ({}, HTTP {})", problem.message, problem.code, self.status)?;
        if let (Some(line), Some(column)) = (problem.line, problem.column) {
            write!(f, "\n  at line {line}, column {column} of the request")?;
        }
        for diagnostic in &problem.diagnostics {
            let place = if diagnostic.place.is_empty() { "the whole" } else { &diagnostic.place };
            match (diagnostic.message == problem.message, diagnostic.place.is_empty()) {
                (true, true) => {}
                (true, false) => write!(f, "\n  at {place} of the request")?,
                (false, _) => write!(f, "\n  {place}: {}", diagnostic.message)?,
            }
            if !diagnostic.hint.is_empty() {
                write!(f, "\n    {}", diagnostic.hint)?;
            }
        }
        if let Some(limit) = &problem.limit {
            write!(f, "\n  the limit is `{limit}`: see `fishpond limits`; the host's settings can raise it")?;
        }
        if !self.remedy.is_empty() {
            write!(f, "\n  {}", self.remedy)?;
        }
        Ok(())
    }
}

impl Error {
    pub(super) fn of_transport(url: &str, error: ureq::Error) -> Error {
        let url = url.to_owned();
        match error {
            ureq::Error::HostNotFound => Error::Unreachable { url, reason: "there is no such host name".to_owned() },
            ureq::Error::ConnectionFailed | ureq::Error::Timeout(ureq::Timeout::Connect | ureq::Timeout::Resolve) => {
                Error::Unreachable { url, reason: error.to_string() }
            }
            ureq::Error::Io(error) if never_connected(error.kind()) => {
                Error::Unreachable { url, reason: error.to_string() }
            }
            ureq::Error::BadUri(reason) => Error::Url(format!("{url}: {reason}")),
            other => Error::Broken { url, reason: other.to_string() },
        }
    }

    /// Is the same request worth another try? Only ask for requests that may be repeated.
    pub fn is_temporary(&self) -> bool {
        match self {
            Error::Unreachable { .. } | Error::Broken { .. } => true,
            Error::Refused(refusal) => matches!(refusal.status, 429 | 503),
            Error::Url(_) | Error::Foreign { .. } => false,
        }
    }

    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Error::Refused(refusal) => refusal.retry_after,
            _ => None,
        }
    }
}

fn never_connected(kind: ErrorKind) -> bool {
    let kinds = [
        ErrorKind::ConnectionRefused,
        ErrorKind::HostUnreachable,
        ErrorKind::NetworkUnreachable,
        ErrorKind::AddrNotAvailable,
    ];
    kinds.contains(&kind)
}
