//! A TCP stream that tells its connection's pulse what goes through it, and what the system is told about it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::pulse::Pulse;

/// What the system takes of an answer before it is on its way. With less in its hands, that a slow client takes something
/// is seen early; and a client that takes nothing holds little memory.
const UNSENT_BYTES: u32 = 128 << 10;

/// Tells the system what the host expects of a connection that was accepted. What it does not take is no reason to refuse
/// the client.
pub fn prepare(stream: &TcpStream, unheard: Duration) {
    let socket = SockRef::from(stream);
    let set = |what, result: io::Result<()>| {
        if let Err(error) = result {
            tracing::debug!(%error, what, "a connection cannot be set up as it should be");
        }
    };
    // An answer is written at once: waiting for more to send would only delay it.
    set("TCP_NODELAY", socket.set_tcp_nodelay(true));
    // Who has changed its network says no goodbye. The system alone would go on sending for a quarter of an hour.
    set("TCP_USER_TIMEOUT", socket.set_tcp_user_timeout(Some(unheard)));
    set("TCP_NOTSENT_LOWAT", socket.set_tcp_notsent_lowat(UNSENT_BYTES));
}

pub struct Line {
    pub stream: TcpStream,
    pub pulse: Arc<Pulse>,
}

impl Line {
    fn wrote(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        self.pulse.wrote(written.is_ready());
        written
    }
}

impl AsyncRead for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.pulse.read();
        }
        read
    }
}

impl AsyncWrite for Line {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.wrote(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
        self.wrote(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
