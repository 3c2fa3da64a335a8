//! A backup of the host, as it is written: made on a thread of its own, which waits for the client and not for ever.

use std::io::{self, Write};
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream::poll_fn;
use serde::Deserialize;
use tokio::runtime::Handle;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use utoipa::IntoParams;

use super::Api;
use super::auth::Caller;
use super::extract::Parameters;
use super::refusal::Refusal;

/// What is sent at once, bytes.
const PIECE_BYTES: usize = 256 << 10;
/// Pieces that may wait for the client.
const WAITING: usize = 4;

const BYTES: HeaderValue = HeaderValue::from_static("application/octet-stream");

pub(super) type Piece = Result<Bytes, io::Error>;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct BackupAsked {
    /// With the host's token and the key of users' tokens; without them if absent.
    #[serde(default)]
    secrets: bool,
}

#[utoipa::path(post, path = "/v1/backup", tag = "host", summary = "A backup of the whole host, one file; only one at a time",
    params(BackupAsked), responses((status = 200, description = "The file; whole only with its manifest at the end",
        body = Vec<u8>, content_type = "application/octet-stream")))]
pub async fn backup(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Parameters(asked): Parameters<BackupAsked>,
) -> Result<Response, Refusal> {
    let place = api.backups.clone().try_acquire_owned().map_err(|_| {
        let message = "a backup is being taken: there is one at a time, wait for its end";
        Refusal::new(StatusCode::CONFLICT, "backup_running", message)
    })?;
    let (mut to, mut pieces) = Sending::new(&api);
    let parts = api.clone();
    tokio::task::spawn_blocking(move || {
        let _place = place;
        tracing::info!(by = &*caller.0, secrets = asked.secrets, "backup begun");
        match parts.parts.backup.backup(asked.secrets, &mut to) {
            Ok(position) => tracing::info!(position = position.0, "backup taken"),
            Err(error) => {
                tracing::error!(error, "no backup");
                to.give_up(error);
            }
        }
    });
    match pieces.recv().await {
        Some(Ok(first)) => Ok(([(header::CONTENT_TYPE, BYTES)], body(first, pieces)).into_response()),
        Some(Err(error)) => Err(Refusal::host(error.to_string())),
        None => Err(Refusal::host("the backup ended before it began")),
    }
}

/// Ends with an error, which breaks the connection, if the backup does.
pub(super) fn body(first: Bytes, mut pieces: Receiver<Piece>) -> Body {
    let mut first = Some(Ok(first));
    Body::from_stream(poll_fn(move |context| match first.take() {
        Some(first) => Poll::Ready(Some(first)),
        None => pieces.poll_recv(context),
    }))
}

/// Hands over piece by piece, from a thread that may wait.
pub(super) struct Sending {
    send: Sender<Piece>,
    /// A client that takes nothing for so long has left.
    stall: Duration,
    /// Bytes a second that it takes at least.
    least: u64,
    /// How long it was waited for, and what it has taken in that time, bytes.
    waited: Duration,
    taken: u64,
    handle: Handle,
    piece: Vec<u8>,
}

impl Sending {
    /// To be called where there is a runtime, to be used on a thread that may wait.
    pub(super) fn new(api: &Api) -> (Sending, Receiver<Piece>) {
        let (send, pieces) = channel(WAITING);
        let limits = &api.parts.limits;
        let sending = Sending {
            send,
            stall: Duration::from_millis(limits.http_write_ms),
            least: limits.backup_bytes_per_s,
            waited: Duration::ZERO,
            taken: 0,
            handle: Handle::current(),
            piece: Vec::with_capacity(PIECE_BYTES),
        };
        (sending, pieces)
    }

    fn hand_over(&mut self, piece: Piece) -> io::Result<()> {
        let late = |what| io::Error::new(io::ErrorKind::TimedOut, what);
        // A client may stand still once for as long as any; the journal waits for it all the time.
        let may = self.stall + Duration::from_secs_f64(self.taken as f64 / self.least as f64);
        let left = may.checked_sub(self.waited).ok_or_else(|| late("the client is too slow (`backup_bytes_per_s`)"))?;
        let (begun, bytes) = (Instant::now(), piece.as_ref().map_or(0, Bytes::len));
        let sent = self.handle.block_on(self.send.send_timeout(piece, self.stall.min(left)));
        self.waited += begun.elapsed();
        self.taken += bytes as u64;
        sent.map_err(|_| match left < self.stall {
            true => late("the client is too slow, or has left (`backup_bytes_per_s`)"),
            false => late("the client takes nothing, or has left (`http_write_ms`)"),
        })
    }

    /// What is left is not sent: behind an error it would look like more.
    fn give_up(&mut self, error: String) {
        self.piece.clear();
        // Whoever has left needs no reason.
        let _ = self.hand_over(Err(io::Error::other(error)));
    }
}

impl Write for Sending {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(PIECE_BYTES - self.piece.len());
        self.piece.extend_from_slice(&bytes[..taken]);
        if self.piece.len() == PIECE_BYTES {
            self.flush()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.piece.is_empty() {
            return Ok(());
        }
        let piece = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE_BYTES));
        self.hand_over(Ok(piece.into()))
    }
}
