//! Policies and chains: what is accepted, what is refused and where, and who did it.

use super::*;
use crate::model::{Change, Start};
use crate::trace::fixture::plan;

const TAG: &str = r#"{"match":"high_risk","tag":{"name":"risky","value":"5","lasts_s":60}}"#;

fn harness() -> Harness {
    let harness = Harness::new();
    harness.past.deploy("demo", "risk", &plan(r#""browse""#, "subject", ""), Start::Latest);
    for (business, name) in [("demo", "fatigue"), ("demo", "night"), ("platform", "law")] {
        let filter = r#"{"subscriptions":[],"filter":{"verdicts":["allow","deny"]},"state":{"writes":1,"reads":[1]}}"#;
        harness.past.deploy(business, name, filter, Start::Latest);
    }
    harness
}

#[tokio::test]
async fn a_policy_is_shown_as_it_was_given_with_its_revision_and_author() {
    let harness = harness();
    let given = r#"{"match":"high_risk","deployment":"risk","priority":-3,"valid_from":"2026-05-17T12:31:00+02:00",
        "enabled":false,"message":{"class":"critical","channel":"app","scene":"home","content":{"b": 1.0, "a": 2},
        "lasts_s":90,"offline":{"fallback":"log"}}}"#;
    let told = harness.put("/v1/demo/policies/warn", given).await;
    let expected = concat!(
        r#"{"match":"high_risk","deployment":"risk","priority":-3,"valid_from":"2026-05-17T10:31:00.000Z","enabled":false,"#,
        r#""message":{"class":"critical","channel":"app","scene":"home","content":{"b": 1.0, "a": 2},"lasts_s":90,"#,
        r#""offline":{"fallback":"log"}}}"#
    );
    assert_eq!(told.status, StatusCode::CREATED, "{}", told.text);
    let view: body::PolicyView = told.parse();
    assert_eq!((&*view.id, view.revision, view.position, &*view.by), ("warn", 1, 5, "ops"));
    assert_eq!(serde_json::to_string(&view.policy).expect("JSON"), expected);
    let shown = harness.get("/v1/demo/policies/warn").await;
    assert_eq!(shown.text, told.text);
    let again = harness.put("/v1/demo/policies/warn", TAG).await;
    assert_eq!((again.status, again.parse::<body::PolicyView>().revision), (StatusCode::OK, 2));
    let (_, frame) = harness.past.log.scan(Lsn(6)).next().expect("a frame").expect("readable");
    let Frame::Control(control) = frame else { panic!("{frame:?}") };
    assert_eq!(&*control.by, "ops");
    assert!(matches!(&control.change, Change::PolicyRevised { id, revision: 2, .. } if &**id == "warn"));
}

#[tokio::test]
async fn what_is_not_given_has_its_default() {
    let harness = harness();
    let given = r#"{"match":"m","message":{"class":"marketing","channel":"slot:top","content":{}}}"#;
    let view: body::PolicyView = harness.put("/v1/demo/policies/p", given).await.parse();
    let message = view.policy.message.expect("a message");
    assert_eq!((view.policy.priority, view.policy.enabled), (0, true));
    assert_eq!((message.lasts_s, message.offline), (86_400, body::OfflineBody::default()));
    let view: body::PolicyView =
        harness.put("/v1/demo/policies/q", r#"{"match":"m","tag":{"name":"t"}}"#).await.parse();
    assert_eq!(view.policy.tag.expect("a tag").lasts_s, None);
}

#[tokio::test]
async fn policies_are_listed_and_ended() {
    let harness = harness();
    for id in ["b", "a"] {
        assert_eq!(harness.put(&format!("/v1/demo/policies/{id}"), TAG).await.status, StatusCode::CREATED);
    }
    let ids = async || -> Vec<String> {
        let list: body::PolicyList = harness.get("/v1/demo/policies").await.parse();
        list.policies.into_iter().map(|view| view.id).collect()
    };
    assert_eq!(ids().await, ["a", "b"]);
    let removed: body::PolicyRemoved = harness.delete("/v1/demo/policies/a").await.parse();
    assert_eq!(removed, body::PolicyRemoved { id: "a".to_owned(), revision: 2, position: 7 });
    assert_eq!(ids().await, ["b"]);
    for told in [harness.get("/v1/demo/policies/a").await, harness.delete("/v1/demo/policies/a").await] {
        assert_eq!(told.refusal(), (404, "no_policy".to_owned()));
    }
    assert_eq!(harness.get("/v1/other/policies").await.json(), serde_json::json!({"policies": []}));
    let view: body::PolicyView = harness.put("/v1/demo/policies/a", TAG).await.parse();
    assert_eq!(view.revision, 3, "revisions go on counting");
}

#[tokio::test]
async fn an_unknown_member_is_refused_with_its_place_and_those_that_there_are() {
    let harness = harness();
    let told = harness.put("/v1/demo/policies/p", "{\"match\":\"m\",\n \"tag\":{\"nam\":\"t\"}}").await;
    assert_eq!(told.refusal(), (400, "bad_body".to_owned()));
    assert_eq!((&told.json()["line"], &told.json()["column"]), (&2.into(), &13.into()));
    assert!(told.text.contains("unknown field `nam`, expected one of `name`, `value`, `lasts_s`"), "{}", told.text);
}

#[tokio::test]
async fn every_fault_of_a_policy_is_told_with_its_place() {
    let harness = harness();
    let before = harness.past.log.last();
    let message = |members: &str| {
        format!(r#"{{"match":"m","message":{{"class":"marketing","channel":"app","content":{{}},{members}}}}}"#)
    };
    let cases = [
        (r#"{"match":"m"}"#.to_owned(), ""),
        (r#"{"match":"m","tag":{"name":"t"},"publish":{"type":"e"}}"#.to_owned(), ""),
        (r#"{"match":"","tag":{"name":"t"}}"#.to_owned(), "/match"),
        (r#"{"match":"m","deployment":"A","tag":{"name":"t"}}"#.to_owned(), "/deployment"),
        (r#"{"match":"m","valid_from":"monday","tag":{"name":"t"}}"#.to_owned(), "/valid_from"),
        (
            r#"{"match":"m","valid_from":"2026-05-17T10:31:00Z","valid_until":"2026-05-17T10:31:00Z","tag":{"name":"t"}}"#
                .to_owned(),
            "/valid_until",
        ),
        (r#"{"match":"m","tag":{"name":""}}"#.to_owned(), "/tag/name"),
        (r#"{"match":"m","tag":{"name":"t","lasts_s":0}}"#.to_owned(), "/tag/lasts_s"),
        (r#"{"match":"m","tag":{"name":"t","lasts_s":99999999999}}"#.to_owned(), "/tag/lasts_s"),
        (r#"{"match":"m","publish":{"type":""}}"#.to_owned(), "/publish/type"),
        (message(r#""lasts_s":0"#), "/message/lasts_s"),
        (message(r#""offline":"wait""#), "/message/offline"),
        (message(r#""offline":{"fallback":"app"}"#), "/message/offline/fallback"),
        (message(r#""offline":{"fallback":"mail"}"#), "/message/offline/fallback"),
        (message(r#""offline":"drop""#).replace(r#""app""#, r#""log""#), "/message/offline"),
        (message(r#""lasts_s":1"#).replace("marketing", "spam"), "/message/class"),
        (message(r#""lasts_s":1"#).replace(r#""app""#, r#""slot:Top""#), "/message/channel"),
        (message(r#""lasts_s":1"#).replace("{},", "[],"), "/message/content"),
    ];
    for (body, place) in cases {
        let told = harness.put("/v1/demo/policies/p", body.clone()).await;
        assert_eq!(told.refusal(), (400, "bad_body".to_owned()), "{body}");
        let problem: body::Problem = told.parse();
        let [only] = &problem.diagnostics[..] else { panic!("{body}: {problem:?}") };
        assert_eq!(only.place, place, "{body}");
    }
    let told = harness.put("/v1/demo/policies/p", r#"{"match":"","tag":{"name":"","lasts_s":0}}"#).await;
    assert_eq!(told.parse::<body::Problem>().diagnostics.len(), 3, "all at once: {}", told.text);
    let others = [
        ("p", r#"{"match":"High risk","tag":{"name":"t"}}"#, (422, "bad_policy")),
        ("p", r#"{"match":"m","deployment":"none","tag":{"name":"t"}}"#, (422, "no_deployment")),
        ("p", r#"{"match":"m","publish":{"type":"fishpond.x"}}"#, (422, "bad_policy")),
        ("P", r#"{"match":"m","tag":{"name":"t"}}"#, (400, "bad_name")),
        ("p", "{", (400, "not_json")),
    ];
    for (id, body, (status, code)) in others {
        assert_eq!(harness.put(&format!("/v1/demo/policies/{id}"), body).await.refusal(), (status, code.to_owned()));
    }
    let large = format!(r#"{{"match":"m","message":{{"content":"{}"}}}}"#, "x".repeat(16 << 10));
    assert_eq!(harness.put("/v1/demo/policies/p", large).await.refusal(), (413, "policy_bytes".to_owned()));
    assert_eq!(harness.past.log.last(), before, "nothing was written");
}

#[tokio::test]
async fn a_chain_is_set_in_parts_and_shown_whole() {
    let harness = harness();
    let entries = |view: &body::ChainView| serde_json::to_string(&view.entries).expect("JSON");
    let empty: body::ChainView = harness.get("/v1/demo/chain").await.parse();
    assert_eq!((empty.revision, &*empty.part, entries(&empty)), (0, "business", "[]".to_owned()));
    let given = r#"[{"filter":"fatigue","on_error":"open","classes":["marketing"]}]"#;
    let told = harness.put("/v1/demo/chain", format!(r#"{{"entries":{given}}}"#)).await;
    let view: body::ChainView = told.parse();
    assert_eq!((view.revision, view.position, entries(&view)), (1, 5, given.to_owned()));
    let platform = harness.put("/v1/platform/chain", r#"{"entries":[{"filter":"law","on_error":"closed"}]}"#).await;
    assert_eq!(platform.parse::<body::ChainView>().part, "platform");
    let path = "/v1/demo/policies/warn/chain";
    let own = r#"{"entries":[{"filter":"night","on_error":"closed","allow":"final"}]}"#;
    for told in [harness.get(path).await, harness.put(path, own).await] {
        assert_eq!(told.refusal(), (404, "no_policy".to_owned()));
    }
    harness.put("/v1/demo/policies/warn", TAG).await;
    let view: body::ChainView = harness.put(path, own).await.parse();
    assert_eq!((&*view.part, view.revision, view.entries[0].allow.as_deref()), ("policy:warn", 1, Some("final")));
    let whole: Vec<(String, String)> =
        view.chain.iter().map(|step| (step.part.clone(), step.entry.filter.clone())).collect();
    let expected = [("platform", "law"), ("business", "fatigue"), ("policy:warn", "night")];
    assert_eq!(whole, expected.map(|(part, filter)| (part.to_owned(), filter.to_owned())));
    assert_eq!(harness.get(path).await.parse::<body::ChainView>(), view);
    let told = harness.post("/v1/demo/deployments/fatigue/retire", "application/json", "").await;
    assert_eq!(told.refusal(), (409, "in_chain".to_owned()), "whom a chain names is not retired");
}

#[tokio::test]
async fn an_entry_that_cannot_run_is_refused_by_its_place() {
    let harness = harness();
    let shape = [
        (r#"{"filter":"fatigue"}"#, None),
        (r#"{"filter":"fatigue","on_error":"ajar"}"#, Some("/entries/1/on_error")),
        (r#"{"filter":"Fatigue","on_error":"open"}"#, Some("/entries/1/filter")),
        (r#"{"filter":"fatigue","on_error":"open","classes":["marketing","spam"]}"#, Some("/entries/1/classes/1")),
        (r#"{"filter":"fatigue","on_error":"open","allow":"always"}"#, Some("/entries/1/allow")),
    ];
    let put = async |entry: &str| {
        let body = format!(r#"{{"entries":[{{"filter":"night","on_error":"open"}},{entry}]}}"#);
        harness.put("/v1/demo/chain", body).await
    };
    for (entry, place) in shape {
        let told = put(entry).await;
        assert_eq!(told.refusal(), (400, "bad_body".to_owned()), "{entry}");
        let places: Vec<String> = told.parse::<body::Problem>().diagnostics.into_iter().map(|one| one.place).collect();
        assert_eq!(places.first().map(String::as_str), place, "{entry}");
    }
    for name in ["none", "risk", "night"] {
        let told = put(&format!(r#"{{"filter":"{name}","on_error":"open"}}"#)).await;
        assert_eq!(told.refusal(), (422, "bad_chain".to_owned()), "{name}");
        assert_eq!(told.parse::<body::Problem>().diagnostics[0].place, "/entries/1", "{name}");
    }
    let many = [r#"{"filter":"night","on_error":"open"}"#; 17].join(",");
    let told = harness.put("/v1/demo/chain", format!(r#"{{"entries":[{many}]}}"#)).await;
    assert_eq!(told.refusal(), (400, "chain_entries".to_owned()));
}

#[tokio::test]
async fn a_policy_is_shown_to_nobody_before_it_is_durable() {
    let (wall, past) = Wall::past();
    let harness = Harness::with(past, Limits::default());
    let wall = Open(wall);
    wall.0.set(true);
    let set = request("PUT", "/v1/demo/policies/p", None, TAG);
    let mut setting = tokio::spawn(tell(harness.router.clone(), set));
    while harness.past.log.last() == Lsn::ZERO {
        tokio::task::yield_now().await;
    }
    let list = request("GET", "/v1/demo/policies", None, "");
    let mut listing = tokio::spawn(tell(harness.router.clone(), list));
    // Time enough to answer, if that did not wait for the disk.
    let wait = std::time::Duration::from_millis(50);
    assert!(tokio::time::timeout(wait, &mut setting).await.is_err());
    assert!(tokio::time::timeout(wait, &mut listing).await.is_err());
    wall.0.set(false);
    assert_eq!(setting.await.expect("no panic").status, StatusCode::CREATED);
    assert_eq!(listing.await.expect("no panic").parse::<body::PolicyList>().policies.len(), 1);
}
