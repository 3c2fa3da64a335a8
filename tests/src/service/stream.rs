//! A person's stream as its bytes come: a socket, HTTP/1.1, chunks, server-sent events. No library is between, so that
//! what is tested is what the host wrote.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use serde_json::Value;

use super::{PATIENCE, Told};

/// Bytes: a test holds thousands of streams.
const BUFFER: usize = 512;

/// An open stream. Dropping it closes the connection.
pub struct Stream {
    input: BufReader<TcpStream>,
    /// What has come and is not an event yet.
    text: String,
    /// Why the host has ended it, if it said so.
    pub bye: Option<String>,
}

/// An action as it came.
#[derive(Debug)]
pub struct Came {
    /// The event's id.
    pub id: u64,
    pub action: Value,
}

impl Came {
    /// What the event that was behind it had said.
    pub fn n(&self) -> i64 {
        self.action["fields"]["n"].as_i64().unwrap_or_else(|| panic!("no number: {}", self.action))
    }

    pub fn action(&self) -> &str {
        self.action["action"].as_str().expect("an action has an id")
    }
}

impl Stream {
    /// Asks for a stream and waits for the answer's head; a refusal is answered as it is.
    pub fn open(address: &str, path: &str, headers: &[(&str, &str)]) -> Result<Stream, Told> {
        let socket = TcpStream::connect(address).unwrap_or_else(|error| panic!("{address}: {error}"));
        socket.set_read_timeout(Some(PATIENCE)).expect("a socket takes a timeout");
        let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\naccept: text/event-stream\r\n{headers}\r\n");
        let mut input = BufReader::with_capacity(BUFFER, socket);
        input.get_mut().write_all(request.as_bytes()).expect("it takes the request");
        let head = head(&mut input);
        let status = head[0].split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        if status != 200 {
            let length = head.iter().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
            let mut text = String::new();
            input.take(length.expect("a length")).read_to_string(&mut text).expect("a body");
            return Err(Told { status, text });
        }
        for line in ["content-type: text/event-stream", "cache-control: no-store", "transfer-encoding: chunked"] {
            assert!(head.iter().any(|one| one == line), "{line} is not in {head:?}");
        }
        Ok(Stream { input, text: String::new(), bye: None })
    }

    /// The next action; None when the host has ended the stream.
    ///
    /// # Panics
    /// If none comes for longer than [`PATIENCE`].
    #[allow(clippy::should_implement_trait, reason = "it waits for the network: an iterator would hide that")]
    pub fn next(&mut self) -> Option<Came> {
        let begun = Instant::now();
        loop {
            while let Some((event, rest)) = self.text.split_once("\n\n") {
                self.bye = bye(event).or(self.bye.take());
                let came = came(event);
                self.text = rest.to_owned();
                if came.is_some() {
                    return came;
                }
            }
            // Comments come all the time.
            assert!(begun.elapsed() < PATIENCE, "no action came");
            let chunk = self.chunk()?;
            self.text.push_str(&chunk);
        }
    }

    /// The next action's number, as the event behind it had said it.
    pub fn n(&mut self) -> i64 {
        self.next().expect("the stream is open").n()
    }

    fn chunk(&mut self) -> Option<String> {
        let mut size = String::new();
        match self.input.read_line(&mut size) {
            Ok(0) => return None,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return None,
            read => drop(read.unwrap_or_else(|error| panic!("nothing came: {error}"))),
        }
        let size = usize::from_str_radix(size.trim_end(), 16).unwrap_or_else(|error| panic!("{error}: {size:?}"));
        let mut chunk = vec![0; size + 2];
        self.input.read_exact(&mut chunk).expect("a whole chunk");
        assert_eq!(&chunk[size..], b"\r\n", "a chunk has its length");
        chunk.truncate(size);
        // One of no bytes is the last.
        (size > 0).then(|| String::from_utf8(chunk).expect("UTF-8"))
    }
}

/// Status line and headers, names in lower case.
pub(super) fn head(input: &mut impl BufRead) -> Vec<String> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        input.read_line(&mut line).unwrap_or_else(|error| panic!("no answer: {error}"));
        match line.trim_end() {
            "" => return lines,
            line => lines.push(match line.split_once(": ") {
                Some((name, value)) => format!("{}: {value}", name.to_lowercase()),
                None => line.to_owned(),
            }),
        }
    }
}

/// A field may have several lines, which are one text (WHATWG HTML, 9.2.6).
fn field(event: &str, name: &str) -> String {
    let lines = event.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    lines.collect::<Vec<_>>().join("\n")
}

fn data(event: &str) -> Value {
    serde_json::from_str(&field(event, "data")).unwrap_or_else(|error| panic!("{error}: {event}"))
}

/// The reason that a last event gives.
fn bye(event: &str) -> Option<String> {
    (field(event, "event") == "bye").then(|| data(event)["reason"].as_str().expect("a reason").to_owned())
}

/// None for what is no action: comments, the time until a client comes again, a last word.
fn came(event: &str) -> Option<Came> {
    if field(event, "event") != "action" {
        let silent = field(event, "data").is_empty() || field(event, "event") == "bye";
        assert!(silent, "an event of another kind: {event}");
        return None;
    }
    let action = data(event);
    let id = field(event, "id").parse().expect("a number");
    assert_eq!(action["sequence"], id, "{event}");
    Some(Came { id, action })
}
