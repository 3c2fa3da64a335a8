//! The client against a server of a few lines: what it sends, and what its errors tell a person.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::thread::JoinHandle;
use std::time::Duration;

use super::*;

/// A server that gives these answers (status line and headers, body), one connection each; it hands back what was
/// asked.
fn server(answers: &[(&str, &str)]) -> (String, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("its address"));
    let answers: Vec<(String, String)> =
        answers.iter().map(|(head, body)| (head.to_string(), body.to_string())).collect();
    let run = move || answers.iter().map(|(head, body)| serve_one(&listener, head, body)).collect();
    (url, std::thread::spawn(run))
}

fn serve_one(listener: &TcpListener, head: &str, body: &str) -> String {
    let (stream, _) = listener.accept().expect("a connection");
    let mut reader = BufReader::new(stream);
    let (mut request, mut length) = (String::new(), 0);
    loop {
        let start = request.len();
        reader.read_line(&mut request).expect("a line");
        let line = request[start..].trim().to_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().expect("a length");
        }
        if line.is_empty() {
            break;
        }
    }
    let mut content = vec![0; length];
    reader.read_exact(&mut content).expect("the body");
    let answer = format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
    reader.get_mut().write_all(answer.as_bytes()).expect("the answer");
    request + &String::from_utf8_lossy(&content)
}

fn global(url: &str, data: &Path) -> Global {
    Global { url: url.to_owned(), token: None, data: Some(data.to_owned()), business: "demo".to_owned(), json: false }
}

fn client(url: &str) -> Client {
    let token = Some("secret".to_owned());
    Client::new(&Global { token, ..global(url, Path::new("/nowhere")) }).expect("a client")
}

fn refusal(head: &str, body: &str) -> Error {
    let (url, server) = server(&[(head, body)]);
    let client = client(&url);
    let error = client.get(&client.path(&["modules"]), &[]).expect_err("a refusal");
    server.join().expect("the server");
    error
}

#[test]
fn requests_carry_token_business_and_encoded_keys() {
    let (url, server) = server(&[("200 OK", "{}"), ("202 Accepted", "{}")]);
    let client = client(&format!("{url}/"));
    let path = client.path(&["trace", "user:1/é"]);
    client.get(&path, &[("at", Some("2026-07-01T10:00:00+08:00".to_owned())), ("limit", None)]).expect("an answer");
    let content = Content { kind: "application/cloudevents-batch+json", bytes: b"[]" };
    client.post(&client.path(&["events"]), content).expect("an answer");
    let requests = server.join().expect("the server");
    assert!(
        requests[0].starts_with("GET /v1/demo/trace/user:1%2F%C3%A9?at=2026-07-01T10:00:00%2B08:00 HTTP/1.1\r\n"),
        "{requests:?}"
    );
    assert!(requests[0].contains("authorization: Bearer secret\r\n"), "{requests:?}");
    assert!(requests[1].starts_with("POST /v1/demo/events HTTP/1.1\r\n"), "{requests:?}");
    assert!(requests[1].contains("content-type: application/cloudevents-batch+json\r\n"), "{requests:?}");
    assert!(requests[1].ends_with("\r\n\r\n[]"), "{requests:?}");
}

#[test]
fn a_problem_is_told_with_places_hints_and_the_limit() {
    let error = refusal(
        "422 Unprocessable Entity",
        r#"{"code":"configuration","message":"the module refuses the configuration","diagnostics":[
            {"message":"must be at least 1","place":"/threshold","hint":"3 is usual"},{"message":"no seller list"}]}"#,
    );
    assert_eq!(
        error.to_string(),
        "the module refuses the configuration (configuration, HTTP 422)\n  \
         /threshold: must be at least 1\n    3 is usual\n  the whole: no seller list"
    );
    assert!(!error.is_temporary());
    let error = refusal(
        "422 Unprocessable Entity",
        r#"{"code":"bad_chain","message":"it is no filter","diagnostics":[{"message":"it is no filter","place":"/entries/0"}]}"#,
    );
    assert_eq!(error.to_string(), "it is no filter (bad_chain, HTTP 422)\n  at /entries/0 of the request");
    let error = refusal(
        "413 Too Large",
        r#"{"code":"limit","message":"too large","limit":"request_bytes","line":2,"column":7}"#,
    );
    assert_eq!(
        error.to_string(),
        "too large (limit, HTTP 413)\n  at line 2, column 7 of the request\n  the limit is `request_bytes`: see \
         `fishpond limits`; the host's settings can raise it"
    );
}

#[test]
fn busy_hosts_are_worth_another_try_after_the_pause_they_ask_for() {
    let error = refusal("429 Too Many Requests\r\nRetry-After: 3", r#"{"code":"queue_full","message":"full"}"#);
    assert!(error.is_temporary());
    assert_eq!(error.retry_after(), Some(Duration::from_secs(3)));
}

#[test]
fn a_wrong_token_is_told_with_where_it_came_from() {
    let unauthorized = ("401 Unauthorized", r#"{"code":"unauthorized","message":"the token is not known"}"#);
    let data = tempfile::tempdir().expect("a folder");
    let ask = |data: &Path| {
        let (url, server) = server(&[unauthorized]);
        let client = Client::new(&global(&url, data)).expect("a client");
        let error = client.get("/v1/limits", &[]).expect_err("a refusal").to_string();
        (error, server.join().expect("the server").remove(0))
    };
    let (error, request) = ask(data.path());
    assert!(error.contains("no token was sent, because cannot read") && error.contains("--data"), "{error}");
    assert!(!request.contains("authorization"), "{request}");
    let token = config::token::load_or_create(data.path()).expect("a token");
    let (error, request) = ask(data.path());
    assert!(error.contains(&format!("the token is that of {}", data.path().join("token").display())), "{error}");
    assert!(request.contains(&format!("authorization: Bearer {token}\r\n")), "{request}");
    assert!(refusal(unauthorized.0, unauthorized.1).to_string().contains("that of --token or FISHPOND_TOKEN"));
}

#[test]
fn a_host_that_is_not_there_is_told_with_how_to_start_it() {
    let free = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("its address");
    let error = client(&format!("http://{free}")).get("/v1/limits", &[]).expect_err("nobody is there");
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
    assert!(error.to_string().contains("is the host running? start it with `fishpond serve`"), "{error}");
    assert!(error.is_temporary());
}

#[test]
fn other_servers_are_recognised() {
    let error = refusal("502 Bad Gateway", "<html>\nno").to_string();
    assert!(error.contains("HTTP 502: <html>") && error.contains("is --url right?"), "{error}");
    let (url, server) = server(&[("200 OK", "<html>")]);
    let answer = client(&url).get("/v1/limits", &[]).expect("an answer");
    assert!(matches!(answer.parse::<crate::api::body::LimitList>(), Err(Error::Foreign { .. })));
    server.join().expect("the server");
    assert!(matches!(Client::new(&global("https://host", Path::new("."))), Err(Error::Url(_))));
}

#[test]
fn a_connection_that_ends_early_may_have_done_something() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("its address"));
    let server = std::thread::spawn(move || drop(listener.accept()));
    let client = client(&url);
    let error = client.post(&client.path(&["events"]), Content::json("[]")).expect_err("no answer");
    server.join().expect("the server");
    assert!(matches!(error, Error::Broken { .. }) && error.is_temporary(), "{error:?}");
}
