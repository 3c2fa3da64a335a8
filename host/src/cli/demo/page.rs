//! The page for the browser, and behind it what stands for the app's own server: it knows who is signed in, and asks
//! the host for that person's token. HTTP/1.1 for this machine only, one request for each connection.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use percent_encoding::percent_decode_str;
use serde::Serialize;
use ureq::http::Uri;

use super::app;
use crate::cli::client::Client;

const SCRIPT: &str = "text/javascript; charset=utf-8";
/// What the page is made of: path, media type, text.
const FILES: [(&str, &str, &str); 4] = [
    ("/", "text/html; charset=utf-8", include_str!("../../../../examples/delivery-client/index.html")),
    ("/page.css", "text/css; charset=utf-8", include_str!("../../../../examples/delivery-client/page.css")),
    ("/page.js", SCRIPT, include_str!("../../../../examples/delivery-client/page.js")),
    ("/client.js", SCRIPT, include_str!("../../../../examples/delivery-client/client.js")),
];

/// Bytes of a request's head.
const HEAD_BYTES: u64 = 16 * 1_024;
/// A connection that is silent for so long is closed: browsers open some in advance.
const SILENCE: Duration = Duration::from_secs(10);
/// Connections at the same time; more are closed.
const CONNECTIONS: usize = 32;
/// Seconds that a page's token is good for: then the page asks for another.
const TOKEN_S: u64 = 300;

/// A port of its own. The host has to know the address before it starts, so nothing is answered yet.
pub struct Page {
    listener: TcpListener,
    address: SocketAddr,
}

/// What the page has to know, as it asks for it.
#[derive(Serialize)]
pub struct Settings {
    /// Of the host.
    pub base: String,
    pub business: String,
    /// Who is signed in at first.
    pub user: String,
    /// More people for whom something waits.
    pub users: Vec<String>,
}

impl Page {
    pub fn bind() -> anyhow::Result<Page> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("cannot find a port for the page")?;
        let address = listener.local_addr()?;
        Ok(Page { listener, address })
    }

    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// As the host's setting has them.
    pub fn origins(&self) -> String {
        self.names().map(|name| format!("http://{name}")).join(",")
    }

    /// What a browser may call it.
    fn names(&self) -> [String; 2] {
        [self.address.to_string(), format!("localhost:{}", self.address.port())]
    }

    /// Answers from now on, in threads of their own, to the end of the process. The second part says who is signed in.
    pub fn serve(self, client: Client, settings: &Settings) -> anyhow::Result<Arc<Mutex<String>>> {
        let signed_in = Arc::new(Mutex::new(settings.user.clone()));
        let (names, policy) = (self.names(), policy(&settings.base));
        let settings = serde_json::to_string(settings)?;
        let backend = Arc::new(Backend { client, settings, policy, names, signed_in: signed_in.clone() });
        let open = Arc::new(AtomicUsize::new(0));
        std::thread::spawn(move || {
            for stream in self.listener.incoming().filter_map(Result::ok) {
                if open.fetch_add(1, Ordering::Relaxed) < CONNECTIONS {
                    let (backend, open) = (backend.clone(), open.clone());
                    std::thread::spawn(move || {
                        // A browser that leaves is no failure.
                        let _ = backend.answer(&stream);
                        open.fetch_sub(1, Ordering::Relaxed);
                    });
                } else {
                    open.fetch_sub(1, Ordering::Relaxed);
                }
            }
        });
        Ok(signed_in)
    }
}

struct Backend {
    client: Client,
    settings: String,
    policy: String,
    names: [String; 2],
    signed_in: Arc<Mutex<String>>,
}

/// Status, media type, body.
type Answer = (&'static str, &'static str, String);

impl Backend {
    fn answer(&self, stream: &TcpStream) -> std::io::Result<()> {
        stream.set_read_timeout(Some(SILENCE))?;
        stream.set_write_timeout(Some(SILENCE))?;
        let Some(head) = head(stream)? else { return Ok(()) };
        let (status, kind, body) = self.route(&head);
        let mut out = stream;
        write!(
            out,
            "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\ncache-control: no-store\r\n\
             content-security-policy: {}\r\nx-content-type-options: nosniff\r\nconnection: close\r\n\r\n{body}",
            body.len(),
            self.policy
        )
    }

    fn route(&self, head: &[String]) -> Answer {
        const TEXT: &str = "text/plain; charset=utf-8";
        let host = head.iter().skip(1).find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("host").then(|| value.trim())
        });
        // A name that somebody else has pointed here must not get at tokens.
        if !host.is_some_and(|host| self.names.iter().any(|name| name == host)) {
            return ("421 Misdirected Request", TEXT, "this is the demo's page, under another name".to_owned());
        }
        let mut words = head[0].split(' ');
        let (Some("GET"), Some(Ok(target))) = (words.next(), words.next().map(str::parse::<Uri>)) else {
            return ("405 Method Not Allowed", TEXT, "only GET".to_owned());
        };
        if let Some(&(_, kind, text)) = FILES.iter().find(|(path, ..)| *path == target.path()) {
            return ("200 OK", kind, text.to_owned());
        }
        match target.path() {
            "/settings" => ("200 OK", "application/json", self.settings.clone()),
            "/token" => match self.token(&target) {
                Ok(token) => ("200 OK", TEXT, token),
                Err(error) => ("502 Bad Gateway", TEXT, format!("{error:#}")),
            },
            _ => ("404 Not Found", TEXT, "there is nothing here".to_owned()),
        }
    }

    /// Signs a person in: there are no passwords in a demo.
    fn token(&self, target: &Uri) -> anyhow::Result<String> {
        let mut asked = target.query().unwrap_or_default().split('&');
        let user = asked.find_map(|part| part.strip_prefix("user=")).context("say who: /token?user=...")?;
        let user = percent_decode_str(user).decode_utf8().context("the user is no text")?;
        let token = app::token(&self.client, &user, TOKEN_S)?;
        *self.signed_in.lock().unwrap_or_else(PoisonError::into_inner) = user.into_owned();
        Ok(token)
    }
}

/// Only what is served here runs, and only the host is asked for more, whatever a message says.
fn policy(base: &str) -> String {
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self' {base}; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
}

/// Request line and headers; None if they are cut off or too long.
fn head(stream: impl Read) -> std::io::Result<Option<Vec<String>>> {
    let mut lines = Vec::new();
    for line in BufReader::new(stream.take(HEAD_BYTES)).lines() {
        let line = line?;
        match (line.is_empty(), lines.is_empty()) {
            (true, false) => return Ok(Some(lines)),
            (true, true) => {}
            (false, _) => lines.push(line),
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Global;

    fn ask(request: &str) -> String {
        let page = Page::bind().expect("a port");
        let address = page.address;
        let client = Client::new(&Global {
            url: "http://127.0.0.1:9".to_owned(),
            token: Some("t".to_owned()),
            data: None,
            business: "demo".to_owned(),
            json: false,
        });
        let settings =
            Settings { base: "http://h".to_owned(), business: "demo".to_owned(), user: "u".to_owned(), users: vec![] };
        page.serve(client.expect("a client"), &settings).expect("a page");
        let mut stream = TcpStream::connect(address).expect("a connection");
        let request = request.replace("HOST", &address.to_string());
        stream.write_all(request.as_bytes()).expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        answer
    }

    #[test]
    fn the_page_its_scripts_and_its_settings_are_there() {
        for (path, kind, text) in FILES {
            let answer = ask(&format!("GET {path} HTTP/1.1\r\nHost: HOST\r\n\r\n"));
            assert!(answer.starts_with(&format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\n")), "{path}: {answer}");
            assert!(answer.ends_with(text), "{path}: {answer}");
        }
        let settings = ask("GET /settings?x=1 HTTP/1.1\r\nhost: HOST\r\n\r\n");
        assert!(settings.ends_with(r#"{"base":"http://h","business":"demo","user":"u","users":[]}"#), "{settings}");
        assert!(ask("GET /else HTTP/1.1\r\nhost: HOST\r\n\r\n").starts_with("HTTP/1.1 404 "));
        assert!(ask("POST /settings HTTP/1.1\r\nhost: HOST\r\n\r\n").starts_with("HTTP/1.1 405 "));
    }

    #[test]
    fn the_page_runs_its_own_scripts_and_asks_the_host_alone() {
        let index = ask("GET / HTTP/1.1\r\nhost: HOST\r\n\r\n");
        let policy = index.lines().find_map(|line| line.strip_prefix("content-security-policy: ")).expect("a policy");
        for part in ["default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self' http://h"] {
            assert!(policy.split("; ").any(|known| known == part), "{part}: {policy}");
        }
        assert!(index.contains("\r\nx-content-type-options: nosniff\r\n"), "{index}");
        // What is written into the page itself would not run.
        assert_eq!(
            index.matches("<script").count(),
            index.matches("<script type=\"module\" src=\"./").count(),
            "{index}"
        );
        assert!(!index.contains("<style") && !index.contains(" style="), "{index}");
    }

    #[test]
    fn a_page_under_another_name_gets_nothing() {
        for host in ["evil.example", "127.0.0.1", ""] {
            let answer = ask(&format!("GET /token?user=u HTTP/1.1\r\nhost: {host}\r\n\r\n"));
            assert!(answer.starts_with("HTTP/1.1 421 "), "{host}: {answer}");
        }
    }

    #[test]
    fn a_token_that_cannot_be_had_says_why() {
        let nobody = ask("GET /token HTTP/1.1\r\nhost: HOST\r\n\r\n");
        assert!(nobody.starts_with("HTTP/1.1 502 ") && nobody.contains("say who"), "{nobody}");
        let no_host = ask("GET /token?user=user%3A1 HTTP/1.1\r\nhost: HOST\r\n\r\n");
        assert!(no_host.contains("no connection to http://127.0.0.1:9"), "{no_host}");
    }

    #[test]
    fn a_head_ends_or_is_none() {
        assert_eq!(
            head("\r\nGET / HTTP/1.1\r\na: b\r\n\r\nbody".as_bytes()).expect("readable").map(|head| head.len()),
            Some(2)
        );
        assert_eq!(head("GET / HTTP/1.1\r\na: b".as_bytes()).expect("readable"), None);
        let long = format!("GET / HTTP/1.1\r\na: {}\r\n\r\n", "b".repeat(HEAD_BYTES as usize));
        assert_eq!(head(long.as_bytes()).expect("readable"), None);
    }
}
