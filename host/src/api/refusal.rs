//! Every refusal in one form, with the status that belongs to it.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::answer::line;
use super::body::{DiagnosticView, Problem};
use super::reading::Faults;
use crate::engine::{ConfigureError, Diagnostic, UploadError};
use crate::model::NameError;
use crate::model::ports::{AskError, CaptureError, SubmitError};
use crate::{channels, journal, outreach, registry, trace};

const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// Seconds after which a refused request may come again.
pub const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

/// A request that was not fulfilled.
#[derive(Debug)]
pub struct Refusal {
    status: StatusCode,
    problem: Box<Problem>,
    header: Option<(HeaderName, HeaderValue)>,
}

impl Refusal {
    pub fn new(status: StatusCode, code: &str, message: impl Into<String>) -> Refusal {
        let problem = Box::new(Problem { code: code.to_owned(), message: message.into(), ..Problem::default() });
        Refusal { status, problem, header: None }
    }

    pub fn bad_request(code: &str, message: impl Into<String>) -> Refusal {
        Refusal::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// Something is beyond a bound of `GET /v1/limits`.
    pub fn limit(status: StatusCode, name: &str, message: impl Into<String>) -> Refusal {
        Refusal::new(status, name, message).with(|problem| problem.limit = Some(name.to_owned()))
    }

    pub fn with(mut self, change: impl FnOnce(&mut Problem)) -> Refusal {
        change(&mut self.problem);
        self
    }

    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Refusal {
        self.header = Some((name, value));
        self
    }

    /// The host's fault, not the caller's.
    pub fn host(message: impl Into<String>) -> Refusal {
        Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "host_failure", message)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let text = line(&*self.problem).unwrap_or_default();
        let mut response = (self.status, [(header::CONTENT_TYPE, PROBLEM_JSON)], text).into_response();
        if let Some((name, value)) = self.header {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

impl From<NameError> for Refusal {
    fn from(error: NameError) -> Refusal {
        Refusal::bad_request("bad_name", error.to_string())
    }
}

impl From<SubmitError> for Refusal {
    fn from(error: SubmitError) -> Refusal {
        match error {
            SubmitError::Full => {
                let full = Refusal::limit(StatusCode::TOO_MANY_REQUESTS, "journal_queue_bytes", error.to_string());
                full.with_header(header::RETRY_AFTER, RETRY_AFTER)
            }
            SubmitError::Unwritten => {
                let full = Refusal::limit(StatusCode::TOO_MANY_REQUESTS, "dedup_unwritten", error.to_string());
                full.with_header(header::RETRY_AFTER, RETRY_AFTER)
            }
            SubmitError::Store(_) => Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "store_failed", error.to_string()),
            SubmitError::Failed(_) => {
                Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "journal_failed", error.to_string())
            }
        }
    }
}

impl From<journal::Error> for Refusal {
    fn from(error: journal::Error) -> Refusal {
        let message = error.to_string();
        match error {
            journal::Error::Full { .. } => SubmitError::Full.into(),
            journal::Error::FrameTooLarge { .. } => {
                Refusal::limit(StatusCode::PAYLOAD_TOO_LARGE, "journal_frame_bytes", message)
            }
            journal::Error::Failed(_) => Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "journal_failed", message),
            journal::Error::Closed => Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "shutting_down", message),
            _ => Refusal::host(message),
        }
    }
}

impl From<AskError> for Refusal {
    fn from(error: AskError) -> Refusal {
        let message = error.to_string();
        match error {
            AskError::NoDeployment(_) => Refusal::new(StatusCode::NOT_FOUND, "no_deployment", message),
            AskError::NoQuery { .. } => Refusal::new(StatusCode::NOT_FOUND, "no_query", message),
            AskError::Refused { code, .. } => Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, &code, message),
            AskError::Host(_) => Refusal::host(message),
        }
    }
}

impl From<Faults> for Refusal {
    fn from(Faults(faults): Faults) -> Refusal {
        let message = match &faults[..] {
            [only] => only.message.clone(),
            all => format!("{} things are wrong in the body", all.len()),
        };
        Refusal::bad_request("bad_body", message).with(|problem| problem.diagnostics = faults)
    }
}

impl From<channels::Full> for Refusal {
    fn from(full: channels::Full) -> Refusal {
        let message = full.to_string();
        let refusal = match full {
            channels::Full::Limit { .. } => Refusal::limit(StatusCode::SERVICE_UNAVAILABLE, "streams", message),
            channels::Full::Person { .. } => {
                Refusal::limit(StatusCode::TOO_MANY_REQUESTS, "streams_per_person", message)
            }
            channels::Full::Ending => Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "shutting_down", message),
        };
        refusal.with_header(header::RETRY_AFTER, RETRY_AFTER)
    }
}

impl From<outreach::Error> for Refusal {
    fn from(error: outreach::Error) -> Refusal {
        use outreach::Error;
        let message = error.to_string();
        let unprocessable = |code: &str, place: String| {
            let diagnostic = DiagnosticView { message: message.clone(), place, hint: String::new() };
            let refusal = Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, code, message.clone());
            refusal.with(|problem| problem.diagnostics = vec![diagnostic])
        };
        let policy = |place: &str| unprocessable("bad_policy", place.to_owned());
        match error {
            Error::Name(error) => error.into(),
            Error::MatchName(_) => policy("/match"),
            Error::TagName(_) => policy("/tag/name"),
            Error::Content(_) => policy("/message/content"),
            Error::LastsNothing { .. } => policy(""),
            Error::NeverValid { .. } => policy("/valid_until"),
            Error::Fallback(_) => policy("/message/offline/fallback"),
            Error::EventType(_) => policy("/publish/type"),
            Error::NoDeployment(_) => unprocessable("no_deployment", "/deployment".to_owned()),
            Error::NoPolicy(_) => Refusal::new(StatusCode::NOT_FOUND, "no_policy", message),
            Error::TagBytes { .. } => Refusal::limit(StatusCode::PAYLOAD_TOO_LARGE, "tag_bytes", message),
            Error::PolicyBytes { .. } => Refusal::limit(StatusCode::PAYLOAD_TOO_LARGE, "policy_bytes", message),
            Error::Policies { .. } => Refusal::limit(StatusCode::CONFLICT, "policies", message),
            Error::PoliciesPerMatch { .. } => Refusal::limit(StatusCode::CONFLICT, "policies_per_match", message),
            Error::ChainEntries { .. } => Refusal::limit(StatusCode::BAD_REQUEST, "chain_entries", message),
            Error::NotPlatform => unprocessable("bad_chain", String::new()),
            Error::NoFilter { entry, .. }
            | Error::Retired { entry, .. }
            | Error::NotAFilter { entry, .. }
            | Error::Twice { entry, .. }
            | Error::DowngradeLate { entry, .. }
            | Error::FinalInPlatform { entry, .. } => {
                unprocessable("bad_chain", format!("/entries/{}", entry.saturating_sub(1)))
            }
            Error::InChain { .. } => Refusal::new(StatusCode::CONFLICT, "in_chain", message),
            Error::Registry(error) => error.into(),
            Error::Journal(error) => error.into(),
        }
    }
}

impl From<trace::Error> for Refusal {
    fn from(error: trace::Error) -> Refusal {
        match error {
            trace::Error::Read(_) => Refusal::host(error.to_string()),
            trace::Error::Deadline => Refusal::limit(StatusCode::SERVICE_UNAVAILABLE, "request_ms", error.to_string()),
        }
    }
}

impl From<CaptureError> for Refusal {
    fn from(error: CaptureError) -> Refusal {
        let message = error.to_string();
        match error {
            CaptureError::Nothing { .. } => Refusal::new(StatusCode::NOT_FOUND, "nothing_recorded", message),
            CaptureError::BeyondRetention { .. } => Refusal::new(StatusCode::GONE, "beyond_retention", message),
            CaptureError::Elsewhere { .. } => Refusal::new(StatusCode::CONFLICT, "not_alone", message),
            CaptureError::Deadline => Refusal::limit(StatusCode::SERVICE_UNAVAILABLE, "request_ms", message),
            CaptureError::Read(_) => Refusal::host(message),
        }
    }
}

impl From<trace::ResendError> for Refusal {
    fn from(error: trace::ResendError) -> Refusal {
        match error {
            trace::ResendError::Trace(error) => error.into(),
            trace::ResendError::Registry(error) => error.into(),
            trace::ResendError::Journal(error) => error.into(),
        }
    }
}

impl From<registry::Error> for Refusal {
    fn from(error: registry::Error) -> Refusal {
        use registry::Error;
        let message = error.to_string();
        let unprocessable = |code: &str, message: String| Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, code, message);
        let conflict = |code: &str, message: String| Refusal::new(StatusCode::CONFLICT, code, message);
        match error {
            Error::Name(error) => error.into(),
            Error::Upload(error) => upload(&error),
            Error::Configure(error) => configure(error),
            Error::VersionTaken { .. } => conflict("version_taken", message),
            Error::NoModule(_) => unprocessable("no_module", message),
            Error::AmbiguousModule(_) => unprocessable("ambiguous_module", message),
            Error::NoDeployment(_) => Refusal::new(StatusCode::NOT_FOUND, "no_deployment", message),
            Error::AlreadyPaused(_) => conflict("already_paused", message),
            Error::NotPaused(_) | Error::NotStanding(_) => conflict("not_paused", message),
            Error::NoLongerStanding(_) => conflict("changed_meanwhile", message),
            Error::Retired(_) => conflict("retired", message),
            Error::FirstRevision(_) => conflict("no_revision", message),
            Error::NoRevision { .. } => unprocessable("no_revision", message),
            Error::ConfigurationJson(_) => Refusal::bad_request("not_json", message),
            Error::ConfigurationBytes { .. } => {
                Refusal::limit(StatusCode::PAYLOAD_TOO_LARGE, "configuration_bytes", message)
            }
            Error::Gap { .. } => conflict("gap", message),
            Error::StartInFuture => unprocessable("start_in_future", message),
            Error::HasBegun(_) => conflict("has_begun", message),
            Error::Permission(_) => unprocessable("unknown_permission", message),
            Error::StateVersion { .. } => conflict("state_version", message),
            Error::DerivedTypes { .. } => conflict("derived_types", message),
            Error::Limit { name: "module_bytes", .. } => {
                Refusal::limit(StatusCode::PAYLOAD_TOO_LARGE, "module_bytes", message)
            }
            Error::Limit { name, .. } => Refusal::limit(StatusCode::CONFLICT, name, message),
            Error::Journal(error) => error.into(),
            Error::Standing { .. }
            | Error::Host(_)
            | Error::File(_)
            | Error::Recovery(_)
            | Error::ChangedFile { .. } => Refusal::host(message),
        }
    }
}

fn upload(error: &UploadError) -> Refusal {
    let code = match error {
        UploadError::NotWasm(_) => "not_wasm",
        UploadError::NotAComponent(_) => "not_a_component",
        UploadError::UnknownImport { .. } => "unknown_import",
        UploadError::UnknownExport { .. } => "unknown_export",
        UploadError::NoLifecycle => "no_lifecycle",
        UploadError::Contract(_) => "bad_contract",
        UploadError::Describe(_) => "describe_failed",
        UploadError::Host(_) => return Refusal::host(error.to_string()),
    };
    Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, code, error.to_string())
}

fn configure(error: ConfigureError) -> Refusal {
    let message = error.to_string();
    let refusal = |code: &str| Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, code, message);
    match error {
        ConfigureError::Refused(diagnostics) => {
            let view = |Diagnostic { message, place, hint }| DiagnosticView { message, place, hint };
            refusal("configuration_refused")
                .with(|problem| problem.diagnostics = diagnostics.into_iter().map(view).collect())
        }
        ConfigureError::BadPlan(_) => refusal("bad_plan"),
        ConfigureError::Failed(_) => refusal("configure_failed"),
    }
}
