//! What is said to a connection that gets no more: whole answers without the HTTP machine, and lines in the log that do not
//! become a flood themselves.

use std::time::Duration;

use axum::response::IntoResponse;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::api::refusal::Refusal;

/// A client gets so long to take a last answer and to close.
const LINGER: Duration = Duration::from_secs(1);
/// Between two lines in the log about the same.
const SELDOM: Duration = Duration::from_secs(1);

/// A refusal as it goes over the wire, the last of its connection.
pub async fn whole(refusal: Refusal) -> Vec<u8> {
    let (parts, body) = refusal.into_response().into_parts();
    // It is in memory already, so there is nothing that could fail.
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    let mut text = format!("HTTP/1.1 {}\r\nconnection: close\r\ncontent-length: {}\r\n", parts.status, body.len());
    for (name, value) in &parts.headers {
        text += &format!("{name}: {}\r\n", value.to_str().unwrap_or_default());
    }
    [text.as_bytes(), b"\r\n", &body].concat()
}

/// Writes the last that there is to say and waits until it is heard.
pub async fn say(stream: &mut TcpStream, text: &[u8]) {
    if let Ok(Ok(())) = timeout(LINGER, stream.write_all(text)).await {
        linger(stream).await;
    }
}

/// Ends the answers, then takes what the client still sends until it closes too. Closing with unread bytes would reset the
/// connection, and the client might never see what it was told.
pub async fn linger(stream: &mut TcpStream) {
    let heard = async {
        stream.shutdown().await?;
        let mut rest = vec![0; 16 << 10];
        while stream.read(&mut rest).await? > 0 {}
        std::io::Result::Ok(())
    };
    // The client has gone, or has had its time.
    let _ = timeout(LINGER, heard).await;
}

/// What may happen thousands of times in a second and is said once.
#[derive(Default)]
pub struct Notice {
    said: Option<Instant>,
    times: u64,
}

impl Notice {
    /// It has happened again: how often since it was last said, if it is to be said now.
    pub fn due(&mut self, now: Instant) -> Option<u64> {
        self.times += 1;
        if self.said.is_some_and(|said| now < said + SELDOM) {
            return None;
        }
        self.said = Some(now);
        Some(std::mem::take(&mut self.times))
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{StatusCode, header};

    use super::*;
    use crate::api::refusal::RETRY_AFTER;

    #[tokio::test]
    async fn a_whole_refusal_is_an_http_answer() {
        let refusal = Refusal::limit(StatusCode::SERVICE_UNAVAILABLE, "connections", "full");
        let text = whole(refusal.with_header(header::RETRY_AFTER, RETRY_AFTER)).await;
        let body = "{\"code\":\"connections\",\"message\":\"full\",\"limit\":\"connections\"}\n";
        let head = format!(
            "HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\ncontent-length: {}\r\n\
             content-type: application/problem+json\r\nretry-after: 1\r\n\r\n",
            body.len()
        );
        assert_eq!(String::from_utf8(text).expect("UTF-8"), head + body);
    }

    #[test]
    fn what_happens_often_is_said_once_a_second() {
        let (mut notice, start) = (Notice::default(), Instant::now());
        let at = |ms| start + Duration::from_millis(ms);
        let said: Vec<Option<u64>> = [0, 1, 500, 999, 1_000, 1_001].map(|ms| notice.due(at(ms))).into();
        assert_eq!(said, [Some(1), None, None, None, Some(4), None]);
    }
}
