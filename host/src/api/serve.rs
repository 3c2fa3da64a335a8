//! From a listener to answers: the accept loop, the bound on connections, and the end. `axum::serve` has no bound on
//! connections, no time limits, and waits a second after any failure to accept.

mod connection;
mod line;
mod pulse;
mod shed;

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{StatusCode, header};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

pub(super) use connection::Broken;

use super::refusal::{RETRY_AFTER, Refusal};
use crate::model::Limits;
use crate::telemetry::Metrics;
use connection::Attendant;
use line::prepare;
use shed::{Notice, say};

/// After a failure to accept that is not the connection's own, such as no free file descriptor.
const BACK_OFF: Duration = Duration::from_millis(100);
/// Connections that are told at a time that there is no place; one more is closed without a word.
const TOLD: usize = 64;

/// Serves until `shutdown` ends, then finishes the requests that have begun and answers. Dropping the future closes every
/// connection at once. A failure to accept never ends it.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: &Limits,
    metrics: Arc<Metrics>,
    shutdown: impl Future<Output = ()> + Send,
) -> io::Result<()> {
    let (stop, stopped) = watch::channel(false);
    let mut door = Door::new(router, limits, metrics, stopped).await;
    let mut shutdown = pin!(shutdown);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            stream = door.accept(&listener) => door.open(stream, &mut connections),
            Some(ended) = connections.join_next() => report(ended),
        }
    }
    drop(listener);
    // Whoever does not listen any more has ended.
    let _ = stop.send(true);
    while let Some(ended) = connections.join_next().await {
        report(ended);
    }
    Ok(())
}

fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a connection ended by a failure of the host");
    }
}

/// Who gets a place, and what the others are told.
struct Door {
    attendant: Arc<Attendant>,
    metrics: Arc<Metrics>,
    stopped: watch::Receiver<bool>,
    places: Arc<Semaphore>,
    told: Arc<Semaphore>,
    /// The whole answer to a connection that finds no place.
    full: Arc<[u8]>,
    /// `http_write_ms`
    unheard: Duration,
    failures: Notice,
    refusals: Notice,
}

impl Door {
    async fn new(router: Router, limits: &Limits, metrics: Arc<Metrics>, stopped: watch::Receiver<bool>) -> Door {
        let most = usize::try_from(limits.connections).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        let message =
            format!("this host has {} open connections (`connections`): come again later", limits.connections);
        let full = Refusal::limit(StatusCode::SERVICE_UNAVAILABLE, "connections", message);
        let full = shed::whole(full.with_header(header::RETRY_AFTER, RETRY_AFTER)).await;
        Door {
            attendant: Arc::new(Attendant::new(router, limits, metrics.clone()).await),
            metrics,
            stopped,
            places: Arc::new(Semaphore::new(most)),
            told: Arc::new(Semaphore::new(TOLD)),
            full: full.into(),
            unheard: Duration::from_millis(limits.http_write_ms),
            failures: Notice::default(),
            refusals: Notice::default(),
        }
    }

    /// The next connection. Between failures it waits a little: what is missing comes back when something else ends.
    async fn accept(&mut self, listener: &TcpListener) -> TcpStream {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    prepare(&stream, self.unheard);
                    return stream;
                }
                Err(error) if is_of_connection(&error) => {
                    tracing::debug!(%error, "a connection ended before it was accepted");
                }
                Err(error) => {
                    if let Some(times) = self.failures.due(Instant::now()) {
                        tracing::error!(%error, times, "cannot accept connections: is the limit of open files too low?");
                    }
                    sleep(BACK_OFF).await;
                }
            }
        }
    }

    fn open(&mut self, stream: TcpStream, connections: &mut JoinSet<()>) {
        let Ok(place) = self.places.clone().try_acquire_owned() else { return self.shed(stream, connections) };
        let (attendant, stopped) = (self.attendant.clone(), self.stopped.clone());
        let open = Open::new(self.metrics.clone());
        connections.spawn(async move {
            let _held = (place, open);
            attendant.attend(stream, stopped).await;
        });
    }

    /// Says that there is no place, to as many as can be told.
    fn shed(&mut self, mut stream: TcpStream, connections: &mut JoinSet<()>) {
        self.metrics.shed.with_label_values(&["connections"]).inc();
        if let Some(times) = self.refusals.due(Instant::now()) {
            tracing::warn!(times, "connections were refused: all places are taken (`connections`)");
        }
        let Ok(told) = self.told.clone().try_acquire_owned() else { return };
        let full = self.full.clone();
        connections.spawn(async move {
            let _told = told;
            say(&mut stream, &full).await;
        });
    }
}

/// The connection's own failure: the next one may be there already.
fn is_of_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Counts a connection while it is open.
struct Open(Arc<Metrics>);

impl Open {
    fn new(metrics: Arc<Metrics>) -> Open {
        metrics.connections.inc();
        Open(metrics)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.connections.dec();
    }
}

#[cfg(test)]
mod tests {
    use socket2::SockRef;

    use super::*;

    #[tokio::test]
    async fn the_system_is_told_how_long_a_client_may_be_silent() {
        let limits = Limits { http_write_ms: 7_000, ..Limits::default() };
        let metrics = Arc::new(Metrics::new().expect("metrics"));
        let (_stop, stopped) = watch::channel(false);
        let mut door = Door::new(Router::new(), &limits, metrics, stopped).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let _client = TcpStream::connect(listener.local_addr().expect("an address")).await.expect("connected");
        let accepted = door.accept(&listener).await;
        let socket = SockRef::from(&accepted);
        assert_eq!(socket.tcp_user_timeout().expect("an option"), Some(Duration::from_secs(7)));
        assert_eq!(socket.tcp_notsent_lowat().expect("an option"), 128 << 10);
        assert!(socket.tcp_nodelay().expect("an option"));
    }
}
