//! From match to screen by the command line: the program as an operator runs it, against a running host, with its exit codes.

use std::process::Output;

use fishpond_tests::component;
use fishpond_tests::service::{Client, Service, Settings, program};
use serde_json::{Value, json};

use super::BUSINESS;
use super::telling::{FOUND, decided, of, tell};

/// A failure, and a mistake in the command itself.
const FAILED: i32 = 1;
const MISTAKEN: i32 = 2;

fn run(arguments: &[&str]) -> Output {
    program().args(arguments).output().expect("the program runs")
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The program, at one host with one token.
struct Operator {
    url: String,
    token: String,
}

impl Operator {
    fn of(service: &Service) -> Operator {
        Operator { url: format!("http://{}", service.address()), token: service.token() }
    }

    fn run(&self, arguments: &[&str]) -> Output {
        run(&[arguments, &["--url", &self.url, "--token", &self.token]].concat())
    }

    /// What it prints when all is well.
    fn says(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}{}", out(&output), errors(&output));
        out(&output)
    }

    /// With `--json`: each line is one object.
    fn lines(&self, arguments: &[&str]) -> Vec<Value> {
        let text = self.says(&[arguments, &["--json"]].concat());
        let read = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        text.lines().map(read).collect()
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let lines = self.lines(arguments);
        let [one] = &lines[..] else { panic!("{arguments:?}: {lines:?}") };
        one.clone()
    }

    /// It ends with this code and says these things.
    fn fails(&self, arguments: &[&str], code: i32, says: &[&str]) {
        failed(&self.run(arguments), code, says);
    }
}

fn failed(output: &Output, code: i32, says: &[&str]) {
    let text = errors(output);
    assert_eq!((output.status.code(), out(output)), (Some(code), String::new()), "{text}");
    for part in says {
        assert!(text.contains(part), "`{part}` is not in: {text}");
    }
}

/// A host with the rule that finds what events say, and a filter for every answer that there is.
fn serving(folder: &std::path::Path) -> Service {
    let service = Service::start(folder, &Settings::default());
    let client = service.client();
    for module in ["herald", "lists", "fatigue"] {
        client.upload(BUSINESS, &component(module));
    }
    client.deploy(BUSINESS, FOUND, "herald", &json!({})).ok();
    client.deploy(BUSINESS, "people", "lists", &json!({ "block": ["bob"] })).ok();
    for (name, on_exceed) in [
        ("divert", json!({ "downgrade": "log" })),
        ("later", json!("hold")),
        ("calm", json!("deny")),
        ("away", json!("deny")),
        ("critics", json!("deny")),
    ] {
        let cap = json!({ "name": "hourly", "at_most": 1, "window": { "rolling_s": 3_600 }, "on_exceed": on_exceed });
        client.deploy(BUSINESS, name, "fatigue", &json!({ "caps": [cap] })).ok();
    }
    service
}

#[test]
fn policies_are_set_listed_shown_and_removed_by_command() {
    let folder = tempfile::tempdir().expect("a folder");
    let service = serving(folder.path());
    let operator = Operator::of(&service);
    assert!(operator.says(&["policy", "list"]).contains("no policies in this business"));
    let content = "{\"title\":\n  \"Take care\",\n \"price\": 1.50}";
    let set = ["policy", "set", "warn", "--match", "offer", "--content", content, "--lasts", "10m"];
    let made = operator.says(&set);
    assert!(made.starts_with("warn: revision 1, marketing message to app for 600 s, since "), "{made}");
    assert!(operator.says(&["policy", "set", "vip", "--match", "alarm", "--tag", "vip=gold"]).contains("tag vip=gold"));
    let listed = operator.says(&["policy", "list"]);
    let rows: Vec<Vec<&str>> = listed.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["ID", "REVISION", "MATCH", "PRIORITY", "ENABLED", "ACT"]);
    assert_eq!((&rows[1][..4], &rows[2][..4]), (&["vip", "1", "alarm", "0"][..], &["warn", "1", "offer", "0"][..]));
    // What was accepted is shown as it was given, and nevertheless in one line.
    let shown = operator.says(&["policy", "show", "warn", "--json"]);
    assert!(shown.contains("1.50") && shown.lines().count() == 1, "{shown}");
    let file = folder.path().join("policy.json");
    let policy = operator.json(&["policy", "show", "warn"])["policy"].clone();
    std::fs::write(&file, policy.to_string().replace("600", "700")).expect("a file");
    let second = operator.json(&["policy", "set", "warn", file.to_str().expect("UTF-8")]);
    assert_eq!((&second["revision"], &second["policy"]["message"]["lasts_s"]), (&json!(2), &json!(700)));
    assert!(operator.says(&["policy", "show", "warn"]).starts_with("warn: revision 2, "));
    let removed = operator.says(&["policy", "remove", "warn"]);
    assert!(removed.starts_with("warn: removed, revision 3, position "), "{removed}");
    let left = operator.json(&["policy", "list"]);
    assert_eq!(left["policies"].as_array().expect("a list").len(), 1, "{left}");
    operator.fails(&["policy", "show", "warn"], FAILED, &["`warn`", "no_policy, HTTP 404"]);
    operator.fails(&["policy", "remove", "warn"], FAILED, &["no_policy, HTTP 404"]);
}

#[test]
fn chains_decisions_with_every_verdict_and_tags_are_shown_by_command() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut service = serving(folder.path());
    let operator = Operator::of(&service);
    operator.says(&["policy", "set", "warn", "--match", "offer", "--content", "{\"t\":\n1}"]);
    operator.says(&["policy", "set", "vip", "--match", "alarm", "--tag", "vip=gold", "--lasts", "7d"]);
    assert_eq!(operator.says(&["chain", "show"]), "business: never set\n");
    let set = operator.says(&["chain", "set", "divert", "people", "away:open", "later:open:marketing", "calm"]);
    assert!(set.starts_with("business: revision 1, 5 filters, position "), "{set}");
    operator.says(&["chain", "set", "--policy", "warn", "critics:closed:critical"]);
    operator.says(&["deployment", "pause", "away"]);
    let whole = operator.json(&["chain", "show", "--policy", "warn"]);
    let filters = whole["chain"].as_array().expect("a chain").iter().map(|step| step["entry"]["filter"].clone());
    assert_eq!(filters.collect::<Vec<_>>(), ["divert", "people", "away", "later", "calm", "critics"], "{whole}");
    operator.fails(&["chain", "set", "nobody"], FAILED, &["/entries/0", "bad_chain, HTTP 422"]);
    operator.fails(&["chain", "set", "calm:ajar"], MISTAKEN, &["`ajar` is none of open, closed, final"]);

    let client = service.client();
    for (person, n) in [("ann", 1), ("ann", 2), ("bob", 3)] {
        tell(&client, person, "offer", n);
    }
    tell(&client, "ann", "alarm", 4);
    decided(&mut service, "ann", 2);
    decided(&mut service, "bob", 1);
    let listed = operator.lines(&["decision", "list"]);
    let statuses: Vec<&Value> = listed.iter().map(|look| &look["status"]).collect();
    for status in ["waiting", "held", "denied"] {
        assert_eq!(statuses.iter().filter(|one| **one == status).count(), 1, "{status}: {listed:#?}");
    }
    verdicts(&operator, &listed);
    let denied = operator.lines(&["decision", "list", "--reason", "denied", "--person", "bob"]);
    assert_eq!((denied.len(), &denied[0]["fields"]["n"]), (1, &json!(3)));
    let summary = operator.says(&["decision", "summary"]);
    assert!(summary.contains("offer") && summary.contains("DENIED") && summary.contains("HELD"), "{summary}");
    let tags = operator.says(&["tag", "list", "ann"]);
    let row: Vec<&str> = tags.lines().nth(1).expect("a tag").split_whitespace().collect();
    assert_eq!(row[..7], ["vip", "gold", "vip", "(1)", "alarm", "of", FOUND], "{tags}");
    assert!(operator.says(&["tag", "list", "bob"]).starts_with("bob has no tags, position "));
    let none = operator.says(&["chain", "set", "--none"]);
    assert!(none.starts_with("business: revision 2, 0 filters, position "), "{none}");
}

/// Each action tells every filter of the chain in order, and what they would say now.
fn verdicts(operator: &Operator, listed: &[Value]) {
    let action = |n: i64| {
        let look = listed.iter().find(|look| look["fields"]["n"] == n).unwrap_or_else(|| panic!("no {n}: {listed:#?}"));
        look["action"].as_str().expect("an action").to_owned()
    };
    let answers = |verdicts: &Value| -> Vec<String> {
        let answer = |one: &Value| format!("{} {}", one["filter"], one["answer"]).replace('"', "");
        verdicts.as_array().expect("verdicts").iter().map(answer).collect()
    };
    let first = ["divert allow", "people allow", "away error", "later allow", "calm allow", "critics other_class"];
    let second =
        ["divert downgrade", "people allow", "away error", "later hold", "calm not_reached", "critics not_reached"];
    let denied = [
        "divert allow",
        "people deny",
        "away not_reached",
        "later not_reached",
        "calm not_reached",
        "critics not_reached",
    ];
    // Now everybody is asked, also behind one that stops it. The first is not in its own way.
    let second_now =
        ["divert downgrade", "people allow", "away error", "later hold", "calm deny", "critics other_class"];
    let denied_now = ["divert allow", "people deny", "away error", "later allow", "calm allow", "critics other_class"];
    for (n, said, now) in [(1, first, first), (2, second, second_now), (3, denied, denied_now)] {
        let story = operator.json(&["decision", "show", &action(n), "--what-if"]);
        assert_eq!(answers(&story["looks"][0]["verdicts"]), said, "{n}: {story:#}");
        assert_eq!(answers(&story["what_if"]), now, "{n}: {story:#}");
    }
    let text = operator.says(&["decision", "show", &action(2)]);
    let said =
        ["business/divert: downgrade to log", "business/away: error", "(fails open)", "business/later: hold until "];
    for said in [&said[..], &["business/calm: not reached", "=> held until "]].concat() {
        assert!(text.contains(said), "`{said}` is not in: {text}");
    }
    assert!(!text.contains("If it were judged now"), "{text}");
    let text = operator.says(&["decision", "show", &action(2), "--what-if"]);
    assert!(text.contains("If it were judged now:\n  business/divert: downgrade to log"), "{text}");
    operator.fails(&["decision", "show", &"0".repeat(32)], FAILED, &["unknown_action, HTTP 404"]);
    operator.fails(&["decision", "show", "7"], MISTAKEN, &["an action has 32 hexadecimal digits"]);
}

#[test]
fn a_users_token_made_by_command_opens_that_users_addresses_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let service = serving(folder.path());
    let operator = Operator::of(&service);
    operator.says(&["policy", "set", "warn", "--match", "offer", "--content", "{\"t\":1}"]);
    let token = operator.says(&["user", "token", "ann", "--lasts", "10m"]).trim().to_owned();
    let app = Operator { token: token.clone(), ..Operator::of(&service) };
    assert!(app.says(&["tag", "list", "ann"]).starts_with("ann has no tags"));
    app.fails(&["tag", "list", "bob"], FAILED, &["the token is for another user", "wrong_user, HTTP 403"]);
    app.fails(&["user", "actions", "bob"], FAILED, &["wrong_user, HTTP 403"]);
    app.fails(&["policy", "list"], FAILED, &["unauthorized, HTTP 401", "--token or FISHPOND_TOKEN"]);
    operator.fails(&["user", "token", "ann", "--lasts", "25h"], FAILED, &["`user_token_ms`"]);
    operator.fails(&["user", "token", "ann", "--lasts", "soon"], MISTAKEN, &["`soon` is no time span"]);
    assert_eq!(Client::new(service.address(), &token).get(&of("ann", "tags")).status, 200);
}

#[test]
fn what_is_wrong_with_host_token_or_name_is_said_with_its_exit_code() {
    let folder = tempfile::tempdir().expect("a folder");
    let service = serving(folder.path());
    let operator = Operator::of(&service);
    let everything = [
        &["policy", "list"][..],
        &["chain", "show"],
        &["decision", "list"],
        &["decision", "summary"],
        &["tag", "list", "ann"],
        &["user", "token", "ann"],
        &["user", "actions", "ann"],
    ];
    let stranger = Operator { token: "guess".to_owned(), ..Operator::of(&service) };
    // Nobody listens there: the port was given to somebody who has left.
    let left = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let nobody = Operator { url: format!("http://{left}"), token: "guess".to_owned() };
    for command in everything {
        stranger.fails(command, FAILED, &["unauthorized, HTTP 401", "--token or FISHPOND_TOKEN"]);
        nobody.fails(command, FAILED, &["no connection to http://", "is the host running?"]);
        failed(&run(&[command, &["--url", "ftp://x"]].concat()), FAILED, &["it must begin with http://"]);
        operator.fails(&[command, &["--business", "No Name"]].concat(), MISTAKEN, &["--business"]);
    }
    operator.fails(&["policy", "show", "No"], MISTAKEN, &["No"]);
    operator.fails(&["policy", "set", "p", "--match", "offer"], MISTAKEN, &["--tag"]);
    let bad = ["policy", "set", "p", "--match", "offer", "--content", "[]", "--channel", "mail"];
    operator.fails(&bad, FAILED, &["bad_body, HTTP 400", "/message/content", "/message/channel", "there are app, log"]);
    operator.fails(&["policy", "set", "p", "/no/such/file"], FAILED, &["cannot read /no/such/file"]);
    operator.fails(&["policy", "remove", "p"], FAILED, &["no_policy, HTTP 404"]);
}
