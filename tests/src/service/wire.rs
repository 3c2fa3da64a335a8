//! A connection byte by byte, for what no HTTP client would do: half a request, a body that stands still, silence.

use std::io::{BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::stream::head;
use super::{PATIENCE, Told};

pub struct Wire {
    input: BufReader<TcpStream>,
    address: String,
}

/// An answer with its headers, names in lower case.
#[derive(Debug)]
pub struct Answer {
    pub head: Vec<String>,
    pub told: Told,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

impl Wire {
    pub fn to(address: &str) -> Wire {
        let socket = TcpStream::connect(address).unwrap_or_else(|error| panic!("{address}: {error}"));
        socket.set_read_timeout(Some(PATIENCE)).expect("a socket takes a timeout");
        Wire { input: BufReader::new(socket), address: address.to_owned() }
    }

    /// A request without a body.
    pub fn get(&mut self, path: &str, token: &str) -> Answer {
        self.begin("GET", path, &[("authorization", &format!("Bearer {token}"))]);
        self.answer()
    }

    /// Request line and headers.
    pub fn begin(&mut self, method: &str, path: &str, headers: &[(&str, &str)]) {
        let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let host = &self.address;
        self.send(format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\n{headers}\r\n"));
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.input.get_mut().write_all(bytes.as_ref()).expect("it takes what is sent");
    }

    /// The next answer, whole.
    ///
    /// # Panics
    /// If none comes for longer than [`PATIENCE`].
    pub fn answer(&mut self) -> Answer {
        let head = head(&mut self.input);
        let status = head[0].split(' ').nth(1).and_then(|status| status.parse().ok());
        let length = head.iter().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        let mut text = vec![0; length.unwrap_or_default()];
        self.input.read_exact(&mut text).expect("a whole body");
        let text = String::from_utf8(text).expect("UTF-8");
        Answer { told: Told { status: status.unwrap_or_else(|| panic!("no status: {head:?}")), text }, head }
    }

    /// Waits until the host closes.
    ///
    /// # Panics
    /// If it says something before, or takes longer than [`PATIENCE`].
    pub fn closed(&mut self) {
        match self.input.read(&mut [0; 1]) {
            Ok(0) => {}
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
            other => panic!("it was not closed: {other:?}"),
        }
    }

    /// Has something come within this time, or is it closed?
    pub fn has_news(&mut self, within: Duration) -> bool {
        let socket = self.input.get_ref();
        socket.set_read_timeout(Some(within)).expect("a socket takes a timeout");
        let peeked = socket.peek(&mut [0; 1]);
        socket.set_read_timeout(Some(PATIENCE)).expect("a socket takes a timeout");
        !self.input.buffer().is_empty() || peeked.is_ok()
    }
}
