//! Plans that are read, and plans that are not.

use super::*;

#[test]
fn a_plan_is_read_whole() {
    let plan = parse_plan(
        r#"{"subscriptions":[{"name":"b","types":["blacklist"],"key":"data.user.id","select":["actor"],"order":"event-time",
            "data":["reason"],"where":[{"path":"data.n","at_least":2},{"path":"scene","equals":"chat"}]}],
            "windows":[{"name":"w","kind":"sliding","length_ms":60000}],"permissions":["matches"],
            "state":{"writes":1,"reads":[1]},"matches":{"m":{"type":"object"}},"queries":{"q":{"parameters":{}}},
            "timers":{"close":"event","remind":"receive"},"signals":["hello","word_of"],"filter":{"verdicts":["allow","hold"]}}"#,
    )
    .expect("a plan");
    let subscription = &plan.subscriptions[0];
    assert_eq!(subscription.key, Path::Data(vec!["user".into(), "id".into()]));
    assert_eq!(subscription.predicates[0].test, Test::AtLeast(2.0));
    assert_eq!(subscription.predicates[1].test, Test::OneOf(vec![Scalar::Text("chat".into())]));
    assert_eq!(subscription.data, Select::Paths(vec![vec!["reason".into()]]));
    assert_eq!((subscription.order, Order::default()), (Order::EventTime, Order::Arrival));
    assert_eq!(plan.waits_for_watermark().as_deref(), Some("the order of subscription `b`"));
    let timers: Vec<_> = plan.timers.iter().map(|(name, clock)| (&**name, *clock)).collect();
    assert_eq!(timers, [("close", TimerClock::Event), ("remind", TimerClock::Receive)]);
    assert_eq!(plan.signals, ["hello".into(), "word_of".into()] as [Box<str>; 2]);
    assert_eq!(plan.filter, Some(FilterSpec { allow: true, hold: true, ..FilterSpec::default() }));
    assert_eq!(&*plan.matches["m"], r#"{"type":"object"}"#);
}

#[test]
fn what_the_host_does_not_know_is_refused_by_name() {
    let cases = [
        (r#"{"requests":[],"state":{"writes":1,"reads":[1]}}"#, "requests"),
        (r#"{"signals":["Word"],"state":{"writes":1,"reads":[1]}}"#, "`Word`"),
        (r#"{"signals":["word","word"],"state":{"writes":1,"reads":[1]}}"#, "two signal"),
        (r#"{"permissions":["ledger"],"state":{"writes":1,"reads":[1]}}"#, "ledger"),
        (r#"{"windows":[{"name":"w","kind":"hopping","length_ms":1}],"state":{"writes":1,"reads":[1]}}"#, "hopping"),
        (r#"{"windows":[{"name":"w","kind":"sliding","length_ms":0}],"state":{"writes":1,"reads":[1]}}"#, "length_ms"),
        (
            r#"{"subscriptions":[{"name":"s","types":["t"],"key":"actor","order":"random"}],"state":{"writes":1,"reads":[1]}}"#,
            "random",
        ),
        (r#"{"subscriptions":[{"name":"s","types":["t"],"key":"who"}],"state":{"writes":1,"reads":[1]}}"#, "`who`"),
    ];
    for (json, word) in cases {
        let error = parse_plan(json).expect_err(json);
        assert!(error.contains(word), "{error}");
    }
}

#[test]
fn what_the_schema_forbids_is_refused_with_the_place() {
    let with = |members: &str| format!(r#"{{"state":{{"writes":1,"reads":[1]}},{members}}}"#);
    let subscription = |more: &str| with(&format!(r#""subscriptions":[{{"name":"s","key":"actor",{more}}}]"#));
    let list = |count: usize, item: &dyn Fn(usize) -> String| (0..count).map(item).collect::<Vec<_>>().join(",");
    let attributes = |count| with(&format!(r#""attributes":[{}]"#, list(count, &|n| format!(r#""a{n}""#))));
    let predicates = |count| {
        subscription(&format!(
            r#""types":["t"],"where":[{}]"#,
            list(count, &|_| r#"{"path":"scene","exists":true}"#.to_owned())
        ))
    };
    let one_of = |count| {
        subscription(&format!(
            r#""types":["t"],"where":[{{"path":"scene","one_of":[{}]}}]"#,
            list(count, &|n| n.to_string())
        ))
    };
    let named =
        |name: &str| with(&format!(r#""matches":{{"{name}":{{}}}},"queries":{{"{name}":{{"parameters":{{}}}}}}"#));
    let timers = |count| {
        let timers = list(count, &|n| format!(r#""t{n}":"event""#));
        with(&format!(r#""timers":{{{timers}}}"#))
    };
    for good in [timers(16), attributes(64), predicates(16), one_of(256), named("high_risk_2"), named(&"n".repeat(64))]
    {
        assert_eq!(parse_plan(&good).err(), None, "{good}");
    }
    let same = r#"{"name":"same","types":["t"],"key":"actor"}"#;
    let cases = [
        (with(&format!(r#""subscriptions":[{same},{same}]"#)), "two subscription entries `same`"),
        (subscription(r#""types":[]"#), "`s`: it has no types"),
        (subscription(r#""types":["t","u","t"]"#), "`s`: there are two type entries `t`"),
        (subscription(r#""types":["t"],"select":["scene"]"#), "`attributes`"),
        (subscription(r#""types":["t"],"select":["colour"]"#), "no attribute `colour`"),
        (attributes(65), "65 attributes"),
        (predicates(17), "`s`: 17 predicates"),
        (one_of(257), "257 values"),
        (one_of(0), "is empty"),
        (named("High"), "`High` is no name for a match"),
        (named(""), "no name"),
        (named(&"n".repeat(65)), "no name"),
        (with(r#""queries":{"a-b":{"parameters":{}}}"#), "`a-b` is no name for a query"),
        (r#"{"state":{"writes":2,"reads":[1]}}"#.to_owned(), "add 2"),
        (timers(17), "17 timers"),
        (with(r#""timers":{"Close":"event"}"#), "`Close` is no name for a timer"),
        (with(r#""timers":{"close":"wall"}"#), "no clock `wall`"),
        (with(r#""filter":{"verdicts":[]}"#), "no verdicts"),
        (with(r#""filter":{"verdicts":["allow","allow"]}"#), "two verdict entries `allow`"),
        (with(r#""filter":{"verdicts":["shrug"]}"#), "no verdict `shrug`"),
        (with(r#""filter":{"verdicts":["allow"],"on_error":"open"}"#), "on_error"),
        (with(r#""filter":null"#), "null"),
    ];
    for (json, word) in cases {
        let error = parse_plan(&json).expect_err(&json);
        assert!(error.contains(word), "{word}: {error}");
    }
}
