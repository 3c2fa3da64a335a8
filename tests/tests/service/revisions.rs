//! What an operator does with revisions and chains over HTTP: back to an older one, the end of a deployment, another order
//! of filters; each is in what comes next.

use fishpond_tests::component;
use fishpond_tests::service::{Client, Settings, Told};
use serde_json::{Value, json};

use super::telling::{FOUND, decided, tell, telling};
use super::{BUSINESS, other_version};

fn deed(client: &Client, deployment: &str, deed: &str, body: &str) -> Told {
    client.post(&format!("/v1/{BUSINESS}/deployments/{deployment}/{deed}"), "application/json", body.as_bytes())
}

fn chain(client: &Client, filters: &[&str]) -> Told {
    let entries: Vec<Value> = filters.iter().map(|filter| json!({ "filter": filter, "on_error": "closed" })).collect();
    client.put(&format!("/v1/{BUSINESS}/chain"), &json!({ "entries": entries }))
}

fn filter(client: &Client, name: &str) {
    client.upload(BUSINESS, &component("gray"));
    client.deploy(BUSINESS, name, "gray", &json!({ "percent": 100, "salt": name })).ok();
}

/// Who has said something about the newest of so many decisions, in the order of the chain.
fn judges(look: &Value) -> Vec<&str> {
    let verdicts = look["verdicts"].as_array().expect("verdicts");
    verdicts.iter().map(|verdict| verdict["filter"].as_str().expect("a filter")).collect()
}

#[test]
fn x_01_rolling_back_over_http_is_a_new_revision_of_the_old_module() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut service = telling(folder.path(), &Settings::default());
    let client = service.client();
    assert_eq!(deed(&client, FOUND, "rollback", "").refusal(), (409, "no_revision".to_owned()));
    let first = client.get(&format!("/v1/{BUSINESS}/deployments/{FOUND}")).ok()["module"]["digest"].clone();
    let second = client.upload(BUSINESS, &other_version("herald"))["digest"].clone();
    assert_ne!(first, second);
    client.deploy(BUSINESS, FOUND, second.as_str().expect("a digest"), &json!({})).ok();
    let mut expected = vec![(json!(2), second.clone())];
    tell(&client, "ann", "offer", 0);
    for (n, (body, digest)) in (1..).zip([("", &first), (r#"{"to":2}"#, &second), (r#"{"to":1}"#, &first)]) {
        let view = deed(&client, FOUND, "rollback", body).ok();
        assert_eq!((&view["revision"], &view["module"]["digest"]), (&json!(n + 2), digest), "{view}");
        expected.push((json!(n + 2), digest.clone()));
        tell(&client, "ann", "offer", n);
    }
    for (body, status, code) in [(r#"{"to":99}"#, 422, "no_revision"), (r#"{"too":1}"#, 400, "bad_body")] {
        assert_eq!(deed(&client, FOUND, "rollback", body).refusal(), (status, code.to_owned()), "{body}");
    }
    let looks = decided(&mut service, "ann", 4);
    let origins = looks.iter().rev().map(|look| (look["origin"]["revision"].clone(), look["origin"]["digest"].clone()));
    assert_eq!(origins.collect::<Vec<_>>(), expected);
}

#[test]
fn x_01_what_is_retired_handles_nothing_more_and_stays_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut service = telling(folder.path(), &Settings::default());
    let client = service.client();
    // So that there is one to go back to.
    client.deploy(BUSINESS, FOUND, "herald", &json!({})).ok();
    filter(&client, "share");
    chain(&client, &["share"]).ok();
    let told = deed(&client, "share", "retire", "");
    assert_eq!(told.refusal(), (409, "in_chain".to_owned()));
    tell(&client, "ann", "offer", 1);
    assert_eq!(judges(&decided(&mut service, "ann", 1)[0]), ["share"], "it goes on");
    chain(&client, &[]).ok();
    assert_eq!(deed(&client, "share", "retire", "").ok()["state"], "retired");
    assert_eq!(chain(&client, &["share"]).refusal(), (422, "bad_chain".to_owned()));

    // What another rule sees is behind what this one would have seen.
    client.deploy(BUSINESS, "other", "herald", &json!({})).ok();
    assert_eq!(deed(&client, FOUND, "retire", "").ok()["state"], "retired");
    tell(&client, "ann", "offer", 2);
    decided(&mut service, "ann", 2);
    let retired = client.get(&format!("/v1/{BUSINESS}/deployments/{FOUND}")).ok();
    assert_eq!(retired["lag"], 0, "what will never be read is no lag: {retired}");
    let matches = client.pages(&format!("/v1/{BUSINESS}/matches"), "matches");
    let found: Vec<_> = matches.iter().map(|found| (&found["deployment"], &found["fields"]["n"])).collect();
    assert_eq!(found, [(&json!(FOUND), &json!(1)), (&json!("other"), &json!(2))]);
    let deploy = |client: &Client| client.deploy(BUSINESS, FOUND, "herald", &json!({}));
    let check = |client: &Client| {
        for deeds in ["pause", "resume", "rollback", "retire"] {
            assert_eq!(deed(client, FOUND, deeds, "").refusal(), (409, "retired".to_owned()), "{deeds}");
        }
        assert_eq!(deploy(client).refusal(), (409, "retired".to_owned()));
        assert_eq!(client.get(&format!("/v1/{BUSINESS}/deployments/{FOUND}")).ok()["state"], "retired");
    };
    check(&client);
    service.kill_and_restart();
    check(&service.client());
}

#[test]
fn s2_08_another_chain_over_http_is_in_the_next_decision() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut service = telling(folder.path(), &Settings::default());
    let client = service.client();
    ["a", "b", "c"].iter().for_each(|name| filter(&client, name));
    let chains: [&[&str]; 4] = [&["a", "b"], &["b", "a"], &["b", "c", "a"], &["c"]];
    for (n, filters) in (1..).zip(chains) {
        let view = chain(&client, filters).ok();
        assert_eq!(view["revision"], n, "{view}");
        for wrong in [&["a", "nobody"][..], &["a", "a"], &["a", FOUND]] {
            assert_eq!(chain(&client, wrong).refusal(), (422, "bad_chain".to_owned()), "{wrong:?}");
        }
        tell(&client, "ann", "offer", n);
        let looks = decided(&mut service, "ann", n as usize);
        assert_eq!((judges(&looks[0]), &looks[0]["chain"]["business"]), (filters.to_vec(), &json!(n)), "{looks:?}");
    }
}

/// By the numbers in what was found, oldest first.
fn numbers(client: &Client, person: &str) -> Vec<i64> {
    let matches = client.pages(&format!("/v1/{BUSINESS}/matches"), "matches");
    let own = matches.iter().filter(|found| found["person"] == person);
    own.map(|found| found["fields"]["n"].as_i64().expect("a number")).collect()
}

#[test]
fn x_26_a_repair_over_http_begins_at_the_poison_whose_place_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut service = telling(folder.path(), &Settings::default());
    let client = service.client();
    let put = |client: &Client, module: &str, more: Value| {
        let mut body = json!({ "module": module, "configuration": {}, "on_error": "pause" });
        body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        client.put(&format!("/v1/{BUSINESS}/deployments/{FOUND}"), &body)
    };
    let repair = || json!({ "from": "backlog" });
    put(&client, "herald", json!({})).ok();
    assert_eq!(put(&client, "herald", repair()).refusal(), (409, "not_paused".to_owned()));

    let poison = json!({ "specversion": "1.0", "id": "poison", "source": "/app", "type": "herald", "actorid": "ann",
        "data": { "do": "trap" } });
    let position = client.try_events(BUSINESS, &[poison.to_string()]).expect("an answer").ok()["position"].clone();
    tell(&client, "ann", "offer", 2);
    let shown = |client: &Client| client.get(&format!("/v1/{BUSINESS}/deployments/{FOUND}")).ok();
    service.wait_until("a pause", |client| shown(client)["state"] == "paused");
    tell(&client, "bob", "offer", 3);
    service.wait_until("bob's", |client| numbers(client, "bob") == [3]);
    let place = format!("input {position} of key `ann`");
    let told = |client: &Client| {
        let paused = shown(client)["paused"].clone();
        assert_eq!(paused["cause"], "on_error", "{paused}");
        assert!(paused["reason"].as_str().expect("a reason").starts_with(&place), "{paused}");
    };
    told(&client);

    // What is refused leaves all but the poison's shard running, and a pause of them all hides the place of nothing.
    assert_eq!(put(&client, "no-such-module", repair()).refusal(), (422, "no_module".to_owned()));
    tell(&client, "bob", "offer", 4);
    service.wait_until("bob's next", |client| numbers(client, "bob") == [3, 4]);
    deed(&client, FOUND, "pause", r#"{"reason":"looking"}"#).ok();
    told(&client);
    service.kill_and_restart();
    let client = service.client();
    told(&client);
    tell(&client, "bob", "offer", 5);

    let mended = client.upload(BUSINESS, &other_version("herald"))["digest"].clone();
    let more = json!({ "from": "backlog", "on_error": "skip" });
    assert_eq!(put(&client, mended.as_str().expect("a digest"), more).ok()["state"], "active");
    service.wait_until("everything", |client| numbers(client, "bob") == [3, 4, 5] && numbers(client, "ann") == [2]);
    let failed = client.pages(&format!("/v1/{BUSINESS}/failed-events"), "failed");
    assert_eq!((failed.len(), &failed[0]["revision"]), (1, &json!(3)), "{failed:?}");

    // With nobody's pause but that of the poison: the repair stops the others for a moment.
    put(&client, mended.as_str().expect("a digest"), json!({})).ok();
    let second = json!({ "specversion": "1.0", "id": "second", "source": "/app", "type": "herald", "actorid": "ann",
        "data": { "do": "trap" } });
    client.try_events(BUSINESS, &[second.to_string()]).expect("an answer").ok();
    tell(&client, "ann", "offer", 6);
    service.wait_until("a second pause", |client| shown(client)["paused"]["shards"] == 1);
    assert_eq!(put(&client, "herald@0.1.0", json!({ "from": "backlog", "on_error": "skip" })).ok()["state"], "active");
    tell(&client, "bob", "offer", 7);
    service.wait_until("the rest", |client| numbers(client, "bob") == [3, 4, 5, 7] && numbers(client, "ann") == [2, 6]);
}
