//! What commands say to a running host, over HTTP/1.1 without TLS, and what its refusals mean to a person.

mod error;
#[cfg(test)]
mod tests;

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::time::Duration;

use serde::de::DeserializeOwned;
use ureq::http::Response;
use ureq::typestate::{WithBody, WithoutBody};
use ureq::{Agent, Body};

pub use error::{Error, Refusal};

use super::Global;
use crate::config;

/// A connection is there within this time or not at all.
const CONNECT: Duration = Duration::from_secs(5);
/// One request with its answer.
const REQUEST: Duration = Duration::from_secs(60);
/// An upload compiles the module before it is answered.
const UPLOAD: Duration = Duration::from_secs(600);
/// A stream that is silent for so long is dead: the host writes a comment every 15 seconds.
const STREAM_SILENCE: Duration = Duration::from_secs(45);
/// A backup looks through a segment before it sends it.
const DOWNLOAD_SILENCE: Duration = Duration::from_secs(300);
/// The largest answer that is read, bytes.
const ANSWER_BYTES: u64 = 256 << 20;
/// Sockets kept open between requests: one for each sender of `events send` at most.
pub const MOST_CONNECTIONS: usize = 64;

/// Where a token came from: what a 401 tells the user depends on it.
#[derive(Clone, Debug)]
enum Token {
    Given(String),
    File { token: String, path: PathBuf },
    None { reason: String },
}

/// One host and one business in it. Cheap to share between threads.
#[derive(Clone, Debug)]
pub struct Client {
    agent: Agent,
    /// Without a slash at its end.
    url: String,
    business: String,
    token: Token,
}

/// A body to be sent, with its media type.
#[derive(Clone, Copy, Debug)]
pub struct Content<'a> {
    pub kind: &'static str,
    pub bytes: &'a [u8],
}

impl<'a> Content<'a> {
    pub fn json(text: &'a str) -> Content<'a> {
        Content { kind: "application/json", bytes: text.as_bytes() }
    }
}

/// An answer of the host: its text for `--json`, its meaning for everything else.
#[derive(Debug)]
pub struct Answer {
    url: String,
    text: String,
}

impl Answer {
    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, Error> {
        let foreign = |error: serde_json::Error| Error::Foreign { url: self.url.clone(), reason: error.to_string() };
        serde_json::from_str(&self.text).map_err(foreign)
    }
}

impl Client {
    pub fn new(global: &Global) -> Result<Client, Error> {
        let url = global.url.trim_end_matches('/').to_owned();
        if !url.starts_with("http://") {
            return Err(Error::Url(url));
        }
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            // A bearer token in plain text is for the host alone, whatever HTTP_PROXY says.
            .proxy(None)
            .timeout_connect(Some(CONNECT))
            .max_idle_connections(MOST_CONNECTIONS)
            .max_idle_connections_per_host(MOST_CONNECTIONS)
            .build();
        Ok(Client { agent: agent.into(), url, business: global.business.clone(), token: find_token(global) })
    }

    /// The path of something in the business: `["deployments", name]`.
    pub fn path(&self, parts: &[&str]) -> String {
        let parts: String = parts.iter().map(|part| format!("/{}", encode(part))).collect();
        format!("/v1/{}{parts}", encode(&self.business))
    }

    /// Parameters without a value are left out.
    pub fn get(&self, path: &str, parameters: &[(&str, Option<String>)]) -> Result<Answer, Error> {
        let given = parameters.iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
        let query: Vec<String> = given.map(|(name, value)| format!("{name}={}", encode(value))).collect();
        let url = match query.is_empty() {
            true => format!("{}{path}", self.url),
            false => format!("{}{path}?{}", self.url, query.join("&")),
        };
        let request = self.authorized(self.agent.get(&url).header("accept", "application/json"));
        let sent = request.config().timeout_global(Some(REQUEST)).build().call();
        self.read(url, sent)
    }

    /// An answer that is no text.
    pub fn bytes(&self, path: &str) -> Result<Vec<u8>, Error> {
        let url = self.at(path);
        let request = self.authorized(self.agent.get(&url));
        let sent = request.config().timeout_global(Some(UPLOAD)).build().call();
        let mut response = self.accepted(&url, sent)?;
        let bytes = response.body_mut().with_config().limit(ANSWER_BYTES).read_to_vec();
        bytes.map_err(|error| Error::of_transport(&self.url, error))
    }

    /// What a POST without a body answers, as it comes. A part of it takes [`DOWNLOAD_SILENCE`] at most.
    pub fn download(&self, path: &str) -> Result<impl Read + use<>, Error> {
        let url = self.at(path);
        let request = self.agent.post(&url);
        let request = match self.authorization() {
            Some(value) => request.header("authorization", value),
            None => request,
        };
        let sent = request.config().timeout_per_read(Some(DOWNLOAD_SILENCE)).build().send_empty();
        let response = self.accepted(&url, sent)?;
        Ok(response.into_body().into_with_config().limit(u64::MAX).reader())
    }

    /// As [`Self::download`], with a body.
    pub fn stream(&self, path: &str, content: Content<'_>) -> Result<impl Read + use<>, Error> {
        let url = self.at(path);
        let request = self.agent.post(&url).header("content-type", content.kind);
        let request = match self.authorization() {
            Some(value) => request.header("authorization", value),
            None => request,
        };
        let sent = request.config().timeout_per_read(Some(DOWNLOAD_SILENCE)).build().send(content.bytes);
        let response = self.accepted(&url, sent)?;
        Ok(response.into_body().into_with_config().limit(u64::MAX).reader())
    }

    pub fn delete(&self, path: &str) -> Result<Answer, Error> {
        let url = self.at(path);
        let request = self.authorized(self.agent.delete(&url).header("accept", "application/json"));
        let sent = request.config().timeout_global(Some(REQUEST)).build().call();
        self.read(url, sent)
    }

    /// Server-sent events behind the one with this id, as they come. Ends with an error when nothing comes for
    /// [`STREAM_SILENCE`]: a host that is there says so more often.
    pub fn events(&self, path: &str, last_event_id: Option<&str>) -> Result<impl BufRead + use<>, Error> {
        let url = self.at(path);
        let request = self.authorized(self.agent.get(&url).header("accept", "text/event-stream"));
        let request = match last_event_id {
            Some(id) => request.header("last-event-id", id),
            None => request,
        };
        let sent = request.config().timeout_per_read(Some(STREAM_SILENCE)).build().call();
        let response = self.accepted(&url, sent)?;
        Ok(BufReader::new(response.into_body().into_with_config().limit(u64::MAX).reader()))
    }

    fn authorized(&self, request: ureq::RequestBuilder<WithoutBody>) -> ureq::RequestBuilder<WithoutBody> {
        match self.authorization() {
            Some(value) => request.header("authorization", value),
            None => request,
        }
    }

    pub fn post(&self, path: &str, content: Content<'_>) -> Result<Answer, Error> {
        self.send(self.agent.post(self.at(path)), path, content, REQUEST)
    }

    /// As [`Self::post`], for what compiles a module before it is answered.
    pub fn upload(&self, path: &str, content: Content<'_>) -> Result<Answer, Error> {
        self.send(self.agent.post(self.at(path)), path, content, UPLOAD)
    }

    pub fn put(&self, path: &str, content: Content<'_>) -> Result<Answer, Error> {
        self.send(self.agent.put(self.at(path)), path, content, UPLOAD)
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    fn send(
        &self,
        request: ureq::RequestBuilder<WithBody>,
        path: &str,
        content: Content<'_>,
        longest: Duration,
    ) -> Result<Answer, Error> {
        let request = request.header("accept", "application/json").header("content-type", content.kind);
        let request = match self.authorization() {
            Some(value) => request.header("authorization", value),
            None => request,
        };
        let sent = request.config().timeout_global(Some(longest)).build().send(content.bytes);
        self.read(self.at(path), sent)
    }

    fn authorization(&self) -> Option<String> {
        match &self.token {
            Token::Given(token) | Token::File { token, .. } => Some(format!("Bearer {token}")),
            Token::None { .. } => None,
        }
    }

    fn read(&self, url: String, sent: Result<Response<Body>, ureq::Error>) -> Result<Answer, Error> {
        let mut response = self.accepted(&url, sent)?;
        let text = self.text(&mut response)?;
        Ok(Answer { url, text })
    }

    fn text(&self, response: &mut Response<Body>) -> Result<String, Error> {
        let text = response.body_mut().with_config().limit(ANSWER_BYTES).lossy_utf8(true).read_to_string();
        text.map_err(|error| Error::of_transport(&self.url, error))
    }

    /// An answer whose body is still to be read, unless it is a refusal.
    fn accepted(&self, url: &str, sent: Result<Response<Body>, ureq::Error>) -> Result<Response<Body>, Error> {
        let mut response = sent.map_err(|error| Error::of_transport(&self.url, error))?;
        let status = response.status().as_u16();
        if (200..300).contains(&status) {
            return Ok(response);
        }
        let retry_after =
            response.headers().get("retry-after").and_then(|value| value.to_str().ok()?.trim().parse().ok());
        let text = self.text(&mut response)?;
        let problem = serde_json::from_str(&text);
        let foreign =
            || Error::Foreign { url: url.to_owned(), reason: format!("HTTP {status}: {}", first_line(&text)) };
        let problem = problem.map_err(|_| foreign())?;
        let retry_after = retry_after.map(Duration::from_secs);
        let remedy = if status == 401 { self.token_remedy() } else { String::new() };
        Err(Error::Refused(Box::new(Refusal { status, problem, retry_after, remedy })))
    }

    fn token_remedy(&self) -> String {
        match &self.token {
            Token::Given(_) => {
                "the token is that of --token or FISHPOND_TOKEN; without both it is read from --data".to_owned()
            }
            Token::File { path, .. } => format!(
                "the token is that of {}: give the data folder of the host at {} with --data, or its token with --token",
                path.display(),
                self.url
            ),
            Token::None { reason } => format!(
                "no token was sent, because {reason}: give the host's data folder with --data (or FISHPOND_DATA), or its \
                 token with --token (or FISHPOND_TOKEN)"
            ),
        }
    }
}

fn find_token(global: &Global) -> Token {
    if let Some(token) = &global.token {
        return Token::Given(token.trim().to_owned());
    }
    let folder = config::data_folder(global.data.as_deref());
    match config::token::load(&folder) {
        Ok(token) => Token::File { token, path: folder.join(config::token::FILE_NAME) },
        Err(error) => Token::None { reason: error.to_string() },
    }
}

/// Percent-encodes what is not plain, for one part of a path or one value of a query.
fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b':' => encoded.push(byte.into()),
            _ => encoded += &format!("%{byte:02X}"),
        }
    }
    // A path of dots would be somebody else's.
    match &*encoded {
        "." => "%2E".to_owned(),
        ".." => "%2E%2E".to_owned(),
        _ => encoded,
    }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or("no body").chars().take(200).collect()
}
