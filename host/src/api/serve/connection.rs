//! One connection from its first byte to its last: HTTP/1.1 by hyper, time limits by its pulse.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use axum::response::Response;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Sleep, sleep};

use super::line::Line;
use super::pulse::{Alarm, Bounds, Phase, Pulse, Request};
use super::shed::{linger, say, whole};
use crate::api::refusal::Refusal;
use crate::model::Limits;
use crate::telemetry::Metrics;

/// The HTTP machine reads so many times `http_header_bytes` and `http_headers`: up to it the router's refusal names the
/// limit, beyond it the machine's own 431 is short.
const ROOM: u64 = 2;

/// What all connections share.
pub struct Attendant {
    http: http1::Builder,
    router: TowerToHyperService<Router>,
    bounds: Bounds,
    body: Duration,
    /// The whole answer to a head that does not come.
    late: Vec<u8>,
    metrics: Arc<Metrics>,
}

/// How the HTTP machine's part ended.
enum End {
    Closed(hyper::Result<()>),
    /// The deadline of this phase has passed.
    Late(Phase),
}

impl Attendant {
    pub async fn new(router: Router, limits: &Limits, metrics: Arc<Metrics>) -> Attendant {
        let size = |limit: u64| usize::try_from(limit.saturating_mul(ROOM)).unwrap_or(usize::MAX);
        let mut http = http1::Builder::new();
        http.max_header_size(size(limits.http_header_bytes)).max_headers(size(limits.http_headers));
        // The pulse has it: the machine's own would also end idle connections.
        http.header_read_timeout(None);
        let message =
            format!("the head of the request did not come within {} ms (`http_header_ms`)", limits.http_header_ms);
        Attendant {
            http,
            router: TowerToHyperService::new(router),
            bounds: Bounds {
                header: Duration::from_millis(limits.http_header_ms),
                idle: Duration::from_millis(limits.http_idle_ms),
                write: Duration::from_millis(limits.http_write_ms),
            },
            body: Duration::from_millis(limits.http_body_ms),
            late: whole(Refusal::limit(StatusCode::REQUEST_TIMEOUT, "http_header_ms", message)).await,
            metrics,
        }
    }

    /// Answers what comes until the client closes, a time limit has passed, or the host ends.
    pub async fn attend(&self, stream: TcpStream, stopped: watch::Receiver<bool>) {
        let pulse = Pulse::new(self.bounds);
        let io = TokioIo::new(Line { stream, pulse: pulse.clone() });
        let requests = Requests { router: self.router.clone(), pause: self.body, pulse: pulse.clone() };
        let mut http = self.http.serve_connection(io, requests);
        let end = drive(&mut http, &pulse, stopped).await;
        let mut stream = http.into_parts().io.into_inner().stream;
        match end {
            // The rest of an earlier answer must come first, and this client does not read.
            End::Late(Phase::Head) if !pulse.is_blocked() => {
                self.metrics.shed.with_label_values(&["http_header_ms"]).inc();
                say(&mut stream, &self.late).await;
            }
            End::Late(phase) if pulse.is_blocked() => {
                self.metrics.shed.with_label_values(&["http_write_ms"]).inc();
                tracing::debug!(?phase, "closing a connection whose client takes nothing (`http_write_ms`)");
            }
            End::Late(phase) => tracing::debug!(?phase, "closing a connection on which nothing happens"),
            End::Closed(ended) => {
                if let Err(error) = &ended {
                    tracing::debug!(%error, "a connection ended early");
                }
                if pulse.is_unread() || ended.is_err_and(|error| error.is_parse()) {
                    return linger(&mut stream).await;
                }
                // One that the client has closed is closed already.
                let _ = stream.shutdown().await;
            }
        }
    }
}

type Http = http1::Connection<TokioIo<Line>, Requests>;

async fn drive(http: &mut Http, pulse: &Pulse, mut stopped: watch::Receiver<bool>) -> End {
    // It also ends when nobody can stop it any more: then the host ends too.
    let mut stop = pin!(async move { stopped.wait_for(|stopped| *stopped).await.is_ok() });
    let (mut alarm, mut stopping) = (Alarm::default(), false);
    poll_fn(|context| {
        if !stopping && stop.as_mut().poll(context).is_ready() {
            stopping = true;
            Pin::new(&mut *http).graceful_shutdown();
        }
        if let Poll::Ready(ended) = http.poll_without_shutdown(context) {
            return Poll::Ready(End::Closed(ended));
        }
        alarm.poll(context, pulse.deadline()).map(|()| End::Late(pulse.phase()))
    })
    .await
}

/// The router, for one connection.
struct Requests {
    router: TowerToHyperService<Router>,
    pause: Duration,
    pulse: Arc<Pulse>,
}

impl Service<hyper::Request<Incoming>> for Requests {
    type Response = Response<Answering>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Answering>, Infallible>> + Send>>;

    fn call(&self, request: hyper::Request<Incoming>) -> Self::Future {
        let begun = self.pulse.begin();
        let (pause, pulse) = (self.pause, self.pulse.clone());
        let request = request.map(|body| Body::new(Arriving { body, pause, timer: None, ended: false, pulse }));
        let answer = self.router.call(request);
        Box::pin(async move { Ok(answer.await?.map(|body| Answering { body, _begun: begun })) })
    }
}

/// Why a request's body ended early.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    #[error("nothing more of the body came for {ms} ms (`http_body_ms`)")]
    Stalled { ms: u128 },
    #[error(transparent)]
    Http(#[from] hyper::Error),
}

/// A request's body: somebody waits for its next piece at most so long.
struct Arriving {
    body: Incoming,
    pause: Duration,
    timer: Option<Pin<Box<Sleep>>>,
    ended: bool,
    pulse: Arc<Pulse>,
}

impl HttpBody for Arriving {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let this = &mut *self;
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(context) {
            this.timer = None;
            this.ended = frame.is_none();
            return Poll::Ready(frame.map(|frame| Ok(frame?)));
        }
        let timer = this.timer.get_or_insert_with(|| Box::pin(sleep(this.pause)));
        ready!(timer.as_mut().poll(context));
        Poll::Ready(Some(Err(Broken::Stalled { ms: this.pause.as_millis() })))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Arriving {
    fn drop(&mut self) {
        if !self.ended && !self.body.is_end_stream() {
            self.pulse.leave_unread();
        }
    }
}

/// An answer's body: the request ends with it.
struct Answering {
    body: Body,
    _begun: Request,
}

impl HttpBody for Answering {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
