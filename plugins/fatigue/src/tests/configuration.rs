//! Wrong configurations: what is wrong, where, and what to do.

use serde_json::json;

use super::*;

fn places(configuration: Value) -> Vec<String> {
    let problems = Host::<FatigueFilter>::new(configuration).expect_err("it is wrong");
    assert!(problems.iter().all(|problem| !problem.hint.is_empty() && !problem.message.is_empty()));
    problems.into_iter().map(|problem| problem.place).collect()
}

fn cap(change: impl FnOnce(&mut Value)) -> Value {
    let mut cap = json!({"name": "cap", "at_most": 1, "window": {"rolling_s": 60}});
    change(&mut cap);
    json!({"caps": [cap]})
}

fn exempt(exemption: Value) -> Value {
    let mut configuration = cap(|_| {});
    configuration["exempt"] = json!([exemption]);
    configuration
}

#[test]
fn every_problem_of_a_cap_has_its_place() {
    assert_eq!(places(cap(|cap| cap["name"] = json!("Daily Cap"))), ["/caps/0/name"]);
    assert_eq!(places(cap(|cap| cap["name"] = json!("a".repeat(65)))), ["/caps/0/name"]);
    assert_eq!(places(cap(|cap| cap["at_most"] = json!(0))), ["/caps/0/at_most"]);
    assert_eq!(places(cap(|cap| cap["at_most"] = json!(1_001))), ["/caps/0/at_most"]);
    assert_eq!(places(cap(|cap| cap["at_most"] = json!(-1))), ["/caps/0/at_most"]);
    assert_eq!(places(cap(|cap| cap["min_interval_s"] = json!(0))), ["/caps/0/min_interval_s"]);
    assert_eq!(places(cap(|cap| cap["per"] = json!(["scene", "scene"]))), ["/caps/0/per"]);
    assert_eq!(places(cap(|cap| cap["per"] = json!(["planet"]))), ["/caps/0/per/0"]);
    assert_eq!(places(cap(|cap| cap["on_exceed"] = json!("explode"))), ["/caps/0/on_exceed"]);
    assert_eq!(places(cap(|cap| cap["atmost"] = json!(3))), ["/caps/0/atmost"]);
}

#[test]
fn a_channel_that_the_host_has_not_is_refused_with_those_that_it_has() {
    let downgrade = |channel: &str| cap(|cap| cap["on_exceed"] = json!({"downgrade": channel}));
    for channel in ["sms", "", "slot:", "slot:Top"] {
        let problems = Host::<FatigueFilter>::new(downgrade(channel)).expect_err("there is no such channel");
        let [problem] = &problems[..] else { panic!("{problems:?}") };
        assert_eq!(problem.place, "/caps/0/on_exceed/downgrade");
        assert_eq!(problem.message, format!("there is no channel `{channel}`"));
        assert!(["`app`", "`log`", "`slot:`"].iter().all(|known| problem.hint.contains(known)), "{}", problem.hint);
    }
    for channel in ["app", "log", "slot:top"] {
        host(downgrade(channel));
    }
}

#[test]
fn the_schema_says_which_channels_there_are() {
    let schema = json!(schemars::schema_for!(crate::Config));
    let kinds = schema["$defs"]["OnExceedConfig"]["oneOf"].as_array().expect("what an exceeded cap does");
    let channels: Vec<&Value> = kinds.iter().filter_map(|kind| kind.pointer("/properties/downgrade/pattern")).collect();
    assert_eq!(channels, [&json!(fishpond_sdk::CHANNEL_PATTERN)], "{kinds:#?}");
}

#[test]
fn a_window_is_of_exactly_one_kind() {
    let window = |window: Value| places(cap(|cap| cap["window"] = window));
    assert_eq!(window(json!({})), ["/caps/0/window"]);
    assert_eq!(window(json!({"rolling_s": 60, "calendar": "UTC"})), ["/caps/0/window"]);
    assert_eq!(window(json!({"rolling_s": 0})), ["/caps/0/window/rolling_s"]);
    assert_eq!(window(json!({"first_touch_s": 31 * DAY_S + 1})), ["/caps/0/window/first_touch_s"]);
    assert_eq!(window(json!({"rolling_s": 60, "unit": "day"})), ["/caps/0/window/unit"]);
    assert_eq!(window(json!({"calendar": "Europe/Atlantis"})), ["/caps/0/window/calendar"]);
    assert_eq!(window(json!({"calendar": "UTC", "unit": "week"})), ["/caps/0/window/unit"]);
    assert_eq!(window(json!({"hours": 1})), ["/caps/0/window/hours"]);
}

#[test]
fn the_number_and_the_names_of_caps_are_bounded() {
    let caps = |names: &[&str]| {
        let cap = |name| json!({"name": name, "at_most": 1, "window": {"rolling_s": 60}});
        json!({"caps": names.iter().map(cap).collect::<Vec<Value>>()})
    };
    assert_eq!(places(caps(&[])), ["/caps"]);
    assert_eq!(places(caps(&["a", "b", "a"])), ["/caps/2/name"]);
    assert_eq!(places(caps(&["a", "b", "c", "d", "e", "f", "g", "h", "i"])), ["/caps"]);
    host(caps(&["a", "b", "c", "d", "e", "f", "g", "h"]));
    assert_eq!(places(json!({})), [""]);
}

#[test]
fn every_problem_of_an_exemption_has_its_place() {
    assert_eq!(places(exempt(json!({"ignores_cap": true}))), ["/exempt/0"]);
    assert_eq!(places(exempt(json!({"classes": []}))), ["/exempt/0/classes"]);
    assert_eq!(places(exempt(json!({"classes": ["urgent"]}))), ["/exempt/0/classes/0"]);
    assert_eq!(places(exempt(json!({"scenes": []}))), ["/exempt/0/scenes"]);
    assert_eq!(places(exempt(json!({"policies": ["a", ""]}))), ["/exempt/0/policies/1"]);
    assert_eq!(places(exempt(json!({"matches": ["a".repeat(257)]}))), ["/exempt/0/matches/0"]);
    assert_eq!(places(exempt(json!({"scene": ["a"]}))), ["/exempt/0/scene"]);
    let mut many = cap(|_| {});
    many["exempt"] = (0..65).map(|_| json!({"scenes": ["a"]})).collect();
    assert_eq!(places(many), ["/exempt"]);
}

#[test]
fn all_problems_are_told_at_once() {
    let mut wrong = cap(|cap| {
        cap["at_most"] = json!(0);
        cap["window"] = json!({"rolling_s": 0});
    });
    wrong["exempt"] = json!([{}]);
    assert_eq!(places(wrong), ["/caps/0/at_most", "/caps/0/window/rolling_s", "/exempt/0"]);
}

#[test]
fn the_longest_numbers_fit() {
    let cap = |number: usize| {
        let name = format!("{}{number}", "a".repeat(63));
        json!({"name": name, "at_most": 1_000, "window": {"first_touch_s": 31 * DAY_S}, "min_interval_s": 31 * DAY_S})
    };
    let mut host = host(json!({"caps": (0..8).map(cap).collect::<Vec<Value>>()}));
    says(&mut host, at("10:00:00"));
    let numbers = judge(&mut host, to_ann(at("10:00:00"))).numbers.to_string();
    assert!(numbers.len() < 2_000, "{} bytes", numbers.len());
}
