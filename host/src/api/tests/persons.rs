//! What an app may do for one person, with which token, and from which page.

use std::io::Write;

use tracing_subscriber::fmt::MakeWriter;

use super::*;

const PATHS: [(&str, &str); 3] = [
    ("GET", "/v1/demo/users/u:1/tags"),
    ("GET", "/v1/demo/users/u:1/slots/top"),
    ("POST", "/v1/demo/users/u:1/actions/x/ack"),
];

async fn token(harness: &Harness, business: &str, body: &str) -> Told {
    harness.post(&format!("/v1/{business}/user-tokens"), "application/json", body.to_owned()).await
}

async fn token_of(harness: &Harness, business: &str, user: &str) -> String {
    let body = format!(r#"{{"user":"{user}","lasts_s":60}}"#);
    token(harness, business, &body).await.parse::<body::UserToken>().token
}

async fn with(harness: &Harness, method: &str, path: &str, token: &str) -> Told {
    let mut request = request(method, path, None, "");
    request.headers_mut().insert("authorization", format!("Bearer {token}").parse().expect("a value"));
    harness.send(request).await
}

fn waiting(id: u128, priority: i32, sequence: u64, channel: Channel, attempted: bool) -> Waiting {
    let state = WaitingState::Inbox { sequence, channel, attempted };
    Waiting { action: Action { priority, ..action(id) }, attempt: 1, state, asked: vec![] }
}

#[tokio::test]
async fn x_14_a_token_is_for_one_person_of_one_business_for_its_time() {
    let harness = Harness::new();
    harness.holds(vec![]);
    let own = token_of(&harness, "demo", "u:1").await;
    let others = [("demo", "u:2", "wrong_user"), ("other", "u:1", "wrong_business")];
    for (method, path) in PATHS {
        let told = with(&harness, method, path, &own).await;
        assert!(told.status.is_success() || told.refusal() == (404, "unknown_action".to_owned()), "{}", told.text);
        assert!(
            with(&harness, method, path, TOKEN).await.status != StatusCode::UNAUTHORIZED,
            "the host's token is for all"
        );
        for (business, user, code) in others {
            let other = token_of(&harness, business, user).await;
            assert_eq!(with(&harness, method, path, &other).await.refusal(), (403, code.to_owned()), "{path}");
        }
        let cut = &own[..own.len() - 2];
        for bad in [cut, "a.b.c", "guess"] {
            let told = with(&harness, method, path, bad).await;
            assert_eq!(told.refusal(), (401, "unauthorized".to_owned()), "{path}");
            assert!(told.headers["www-authenticate"].to_str().expect("text").contains("invalid_token"));
        }
        let strangers = with(&harness, method, &path.replace("demo", "other"), &own).await;
        assert_eq!(strangers.refusal(), (403, "wrong_business".to_owned()));
    }
    let told = with(&harness, "GET", "/v1/demo/matches", &own).await;
    assert_eq!(told.refusal(), (401, "unauthorized".to_owned()), "a user's token opens nothing else");
    assert_eq!(with(&harness, "POST", "/v1/demo/user-tokens", &own).await.status, StatusCode::UNAUTHORIZED);
    harness.past.later(60_000);
    for (method, path) in PATHS {
        assert_eq!(with(&harness, method, path, &own).await.refusal(), (401, "token_expired".to_owned()), "{path}");
    }
}

/// What the log says, kept.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no panic").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Lines;

    fn make_writer(&'a self) -> Lines {
        self.clone()
    }
}

#[tokio::test]
async fn x_14_who_used_a_token_for_another_is_in_the_log_and_no_token_is() {
    let lines = Lines::default();
    let subscriber = || {
        let builder = tracing_subscriber::fmt().with_writer(lines.clone()).with_max_level(tracing::Level::TRACE);
        tracing::Dispatch::new(builder.with_ansi(false).finish())
    };
    // Of a single one tracing asks only the thread that first meets a line of the log, which may be another test's.
    let (kept, _second) = (subscriber(), subscriber());
    let _guard = tracing::dispatcher::set_default(&kept);
    let harness = Harness::new();
    harness.holds(vec![]);
    let token = token_of(&harness, "demo", "u:2").await;
    let told = with(&harness, "GET", "/v1/demo/users/u:1/tags", &token).await;
    assert_eq!(told.refusal(), (403, "wrong_user".to_owned()));
    let mut in_address = request("GET", &format!("/v1/demo/users/u:2/tags?access_token={token}"), None, "");
    in_address.headers_mut().remove("authorization");
    assert_eq!(harness.send(in_address).await.status, StatusCode::OK);
    let text = String::from_utf8(lines.0.lock().expect("no panic").clone()).expect("UTF-8");
    let audit = text.lines().find(|line| line.contains("audit=\"wrong_user\"")).unwrap_or_else(|| panic!("{text}"));
    assert!(audit.contains("WARN") && audit.contains("who=\"u:2\"") && audit.contains("whom=\"u:1\""), "{audit}");
    assert!(!text.contains(&token) && !text.contains("access_token"), "{text}");
}

#[tokio::test]
async fn a_token_may_come_in_the_address_but_not_the_hosts_own() {
    let harness = Harness::new();
    harness.holds(vec![]);
    let token = token_of(&harness, "demo", "u:1").await;
    let ask = async |secret: &str| {
        let path = format!("/v1/demo/users/u%3A1/tags?access_token={secret}");
        let mut request = request("GET", &path, None, "");
        request.headers_mut().remove("authorization");
        harness.send(request).await
    };
    assert_eq!(ask(&token).await.status, StatusCode::OK);
    assert_eq!(ask(TOKEN).await.refusal(), (401, "unauthorized".to_owned()));
}

#[tokio::test]
async fn a_token_lasts_as_long_as_it_was_asked_for_within_the_limit() {
    let harness = Harness::with(Past::new(), Limits { user_token_ms: 7_200_000, ..Limits::default() });
    let made: body::UserToken = token(&harness, "demo", r#"{"user":"u:1"}"#).await.parse();
    assert_eq!((&*made.user, &*made.expires), ("u:1", "2026-02-28T13:00:00.000Z"));
    let cases = [
        (r#"{"user":"u:1","lasts_s":7200}"#, None),
        (r#"{"user":"u:1","lasts_s":7201}"#, Some("user_token_ms")),
        (r#"{"user":"u:1","lasts_s":0}"#, Some("bad_body")),
        (r#"{"user":""}"#, Some("bad_body")),
        (r#"{"usr":"u:1"}"#, Some("bad_body")),
    ];
    for (body, code) in cases {
        let told = token(&harness, "demo", body).await;
        match code {
            None => assert_eq!(told.status, StatusCode::OK, "{body}"),
            Some(code) => assert_eq!(told.refusal(), (400, code.to_owned()), "{body}"),
        }
    }
}

#[tokio::test]
async fn tags_are_shown_with_what_gave_them() {
    let harness = Harness::new();
    harness.past.durable();
    let tag = Tag {
        name: "risky".into(),
        value: "5".into(),
        origin: action(1).origin,
        policy: "mark".into(),
        policy_revision: 2,
        since: START,
        expires: Some(START + 1_000),
    };
    let view = PersonView { position: Lsn::ZERO, tags: vec![tag], waiting: vec![] };
    *harness.shards.person.lock().expect("no panic") = Some(view);
    let list: body::TagList = harness.get("/v1/demo/users/u:1/tags").await.parse();
    let [only] = &list.tags[..] else { panic!("{list:?}") };
    assert_eq!((&*list.user, &*only.name, &*only.value, &*only.policy), ("u:1", "risky", "5", "mark"));
    assert_eq!((&*only.origin.match_name, only.expires.as_deref()), ("high_risk", Some("2026-02-28T12:00:01.000Z")));
}

#[tokio::test]
async fn a_slot_shows_the_highest_priority_then_the_newest_of_what_passed_the_chain() {
    let harness = Harness::new();
    let top = || Channel::Slot("top".into());
    harness.holds(vec![
        waiting(2, 5, 3, top(), true),
        waiting(1, 5, 1, top(), true),
        waiting(3, 4, 9, top(), true),
        waiting(4, 9, 4, top(), false),
        waiting(5, 9, 5, Channel::Slot("side".into()), true),
        waiting(6, 9, 6, Channel::App, true),
    ]);
    let shown: body::ActionView = harness.get("/v1/demo/users/u:1/slots/top").await.parse();
    assert_eq!((&*shown.action, shown.sequence, &*shown.channel), (&*ActionId(2).to_string(), 3, "slot:top"));
    let side: body::ActionView = harness.get("/v1/demo/users/u:1/slots/side").await.parse();
    assert_eq!(side.sequence, 5);
    let told = harness.get("/v1/demo/users/u:1/slots/none").await;
    assert_eq!((told.status, &*told.text), (StatusCode::NO_CONTENT, ""));
    let arrivals = harness.shards.arrivals.lock().expect("no panic").clone();
    assert_eq!(arrivals, ["top", "side", "none"].map(|slot| Some(slot.to_owned())));
    assert_eq!(harness.get("/v1/demo/users/u:1/slots/Top").await.refusal(), (400, "bad_name".to_owned()));
    harness.past.later(60_000);
    assert_eq!(harness.get("/v1/demo/users/u:1/slots/top").await.status, StatusCode::NO_CONTENT, "all have expired");
}

#[tokio::test]
async fn an_acknowledgement_is_the_same_the_second_time() {
    let harness = Harness::new();
    let lsn = harness.past.event(Event::default());
    let path = format!("/v1/demo/users/u:1/actions/{}/ack", ActionId(7));
    for prepared in [Acknowledged::Accepted(lsn), Acknowledged::Already(lsn)] {
        *harness.shards.acknowledged.lock().expect("no panic") = Some(prepared);
        let told = harness.post(&path, "application/json", "").await;
        let expected = body::ActionAcknowledged { action: ActionId(7).to_string(), status: "acknowledged".to_owned() };
        assert_eq!((told.status, told.parse::<body::ActionAcknowledged>()), (StatusCode::OK, expected));
    }
    *harness.shards.acknowledged.lock().expect("no panic") = Some(Acknowledged::Unknown);
    assert_eq!(harness.post(&path, "application/json", "").await.refusal(), (404, "unknown_action".to_owned()));
    let asked = harness.shards.acknowledgements.lock().expect("no panic").clone();
    assert_eq!(asked[0], ("u:1".to_owned(), ActionId(7)));
    let told = harness.post("/v1/demo/users/u:1/actions/7/ack", "application/json", "").await;
    assert_eq!(told.refusal(), (404, "unknown_action".to_owned()));
    *harness.shards.acknowledged.lock().expect("no panic") = None;
    assert_eq!(harness.post(&path, "application/json", "").await.refusal(), (500, "host_failure".to_owned()));
}

#[tokio::test]
async fn only_configured_pages_may_use_the_addresses_of_end_users() {
    let harness = Harness::new();
    harness.holds(vec![]);
    let ask = async |method: &str, path: &str, origin: &str| {
        let mut request = request(method, path, None, "");
        request.headers_mut().insert("origin", origin.parse().expect("a value"));
        if method == "OPTIONS" {
            request.headers_mut().remove("authorization");
        }
        harness.send(request).await
    };
    let path = "/v1/demo/users/u:1/tags";
    let preflight = ask("OPTIONS", path, "https://shop.example").await;
    assert_eq!(preflight.status, StatusCode::NO_CONTENT);
    assert_eq!(preflight.headers["access-control-allow-origin"], "https://shop.example");
    assert_eq!(preflight.headers["access-control-allow-methods"], "GET, POST");
    assert!(preflight.headers["access-control-allow-headers"].to_str().expect("text").contains("authorization"));
    let told = ask("GET", path, "https://shop.example").await;
    assert_eq!((told.status, &told.headers["vary"]), (StatusCode::OK, &"origin".parse().expect("a value")));
    assert_eq!(told.headers["access-control-allow-origin"], "https://shop.example");
    for (method, path, origin) in [
        ("OPTIONS", path, "https://other.example"),
        ("GET", path, "https://other.example"),
        ("GET", path, "null"),
        ("OPTIONS", "/v1/demo/matches", "https://shop.example"),
        ("GET", "/v1/demo/matches", "https://shop.example"),
    ] {
        let told = ask(method, path, origin).await;
        assert!(!told.headers.contains_key("access-control-allow-origin"), "{method} {path} {origin}");
        assert!(method == "GET" || !told.status.is_success(), "{path} {origin}");
    }
}
