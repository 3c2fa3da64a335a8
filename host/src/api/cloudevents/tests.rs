//! Events in all three forms, good and nasty.

use std::sync::Arc;

use super::*;

const RECEIVED: u64 = 1_772_280_000_000;

fn intake_with(limits: Limits) -> Intake {
    Intake { business: "demo".into(), received: RECEIVED, limits: Arc::new(limits), name: Arc::default() }
}

fn intake() -> Intake {
    intake_with(Limits::default())
}

/// One event with these members beside the required ones.
fn structured(members: &str) -> Read {
    let json = format!(r#"{{"specversion":"1.0","id":"1","source":"/app","type":"browse"{members}}}"#);
    read_event(json.as_bytes(), &intake()).expect("JSON")
}

fn refused(read: Read) -> (String, &'static str) {
    let refusal = read.expect_err("a refusal");
    assert!(!refusal.reason.is_empty());
    (refusal.path, refusal.code)
}

fn binary(headers: &[(&str, &str)], content_type: Option<&str>, body: &str) -> Read {
    let required =
        [("ce-specversion", "1.0"), ("ce-id", "1"), ("ce-source", "/app"), ("ce-type", "browse"), ("accept", "*/*")];
    let headers: Vec<(&str, &[u8])> =
        required.iter().chain(headers).map(|(name, value)| (*name, value.as_bytes())).collect();
    read_binary(&headers, content_type, body.as_bytes(), &intake())
}

#[test]
fn s0_03_the_four_elements_are_read() {
    let members = r#","subject":"house:7","time":"2026-02-28T11:59:00Z","actorid":"user:a","scene":"list","partner":"b2","count":7,
        "flag":true,"dataschema":"urn:s","datacontenttype":"application/json; charset=utf-8","data":{ "where": "Hz",  "x":1.0 }"#;
    let event = structured(members).expect("an event");
    assert_eq!([&*event.source, &*event.id, &*event.kind], ["/app", "1", "browse"]);
    assert_eq!([&*event.subject, &*event.actor, &*event.scene], ["house:7", "user:a", "list"]);
    assert_eq!((event.time, event.received, event.time_replaced), (RECEIVED - 60_000, RECEIVED, false));
    assert_eq!(&*event.business, "demo");
    let extensions = [("count", "7"), ("dataschema", "urn:s"), ("flag", "true"), ("partner", "b2")];
    assert_eq!(event.extensions, extensions.map(|(name, value)| (name.into(), value.into())));
    assert_eq!(&*event.data, r#"{ "where": "Hz",  "x":1.0 }"#, "data is kept as it was written");
}

#[test]
fn all_three_forms_make_the_same_event() {
    let members = r#","subject":"Größe 50%","actorid":"user:a","time":"2026-02-28T11:59:00Z","data":{"a":1}"#;
    let one = structured(members).expect("an event");
    let json = format!(r#" [ {{"specversion":"1.0","id":"1","source":"/app","type":"browse"{members}}} ] "#);
    let batch = read_batch(json.as_bytes(), &intake()).expect("JSON");
    assert_eq!(batch, [Ok(one.clone())]);
    let headers = [
        ("ce-subject", "Gr%C3%B6%c3%9fe%2050%25"),
        ("ce-actorid", "\"user:\\a\""),
        ("ce-time", "2026-02-28T11:59:00Z"),
    ];
    assert_eq!(binary(&headers, Some("application/json"), " {\"a\":1}\r\n"), Ok(one.clone()));
    let base64 = members.replace(r#""data":{"a":1}"#, r#""data_base64":"eyJhIjoxfQ==""#);
    assert_eq!(structured(&base64), Ok(one));
}

#[test]
fn a_time_beyond_the_skew_bounds_is_replaced() {
    let cases = [
        ("2026-02-28T12:05:00Z", false),
        ("2026-02-28T12:05:00.001Z", true),
        ("2026-02-21T12:00:00Z", false),
        ("2026-02-21T11:59:59.999Z", true),
        ("1969-12-31T23:59:59Z", true),
        ("0001-01-01T00:00:00Z", true),
        ("9999-12-31T23:59:59Z", true),
    ];
    for (time, replaced) in cases {
        let event = structured(&format!(r#","time":"{time}""#)).expect("an event");
        assert_eq!((event.time_replaced, event.time == RECEIVED), (replaced, replaced), "{time}");
    }
    let absent = structured("").expect("an event");
    assert!(absent.time_replaced && absent.time == RECEIVED);
}

#[test]
fn null_is_absence() {
    let event =
        structured(r#","subject":null,"time":null,"x":null,"data":null,"data_base64":null,"datacontenttype":null"#);
    assert_eq!(event, structured(""));
    let without_id = br#"{"specversion":"1.0","id":null,"source":"s","type":"t"}"#;
    assert_eq!(refused(read_event(without_id, &intake()).expect("JSON")), ("/id".to_owned(), "bad_id"));
}

#[test]
fn what_the_specification_forbids_is_refused_by_its_place() {
    let cases = [
        (r#","subject":"""#, "/subject", "bad_subject"),
        (r#","subject":7"#, "/subject", "bad_subject"),
        (r#","subject":{"a":1}"#, "/subject", "bad_attribute"),
        (r#","time":"soon""#, "/time", "bad_time"),
        (r#","time":1772280000"#, "/time", "bad_time"),
        (r#","datacontenttype":"text/xml","data":"<a/>""#, "/datacontenttype", "bad_datacontenttype"),
        (r#","Actor":"a""#, "/Actor", "bad_attribute"),
        (r#","actor_id":"a""#, "/actor_id", "bad_attribute"),
        (r#","a/b~c":"a""#, "/a~1b~0c", "bad_attribute"),
        (r#","":"a""#, "/", "bad_attribute"),
        (r#","ключ":"a""#, "/ключ", "bad_attribute"),
        (r#","x":["a"]"#, "/x", "bad_attribute"),
        (r#","x":"\u0000""#, "/x", "bad_attribute"),
        (r#","x":"\u0085""#, "/x", "bad_attribute"),
        (r#","x":"\ud800""#, "/x", "bad_attribute"),
        (r#","x":1,"x":1"#, "/x", "duplicate_attribute"),
        (r#","id":"1""#, "/id", "duplicate_attribute"),
        (r#","\u0069d":"2""#, "/id", "duplicate_attribute"),
        (r#","x":null,"x":"a""#, "/x", "duplicate_attribute"),
        (r#","data":1,"data":1"#, "/data", "duplicate_attribute"),
        (r#","data":1,"data_base64":"MQ==""#, "/data_base64", "bad_data"),
        (r#","data":{"a":"\ud800"}"#, "/data", "bad_data"),
        (r#","data":1e999"#, "/data", "bad_data"),
        (r#","data_base64":"e30""#, "/data_base64", "bad_data"),
        (r#","data_base64":"/+8=""#, "/data_base64", "bad_data"),
        (r#","data_base64":"bm8=""#, "/data_base64", "bad_data"),
        (r#","data_base64":{}"#, "/data_base64", "bad_data"),
    ];
    for (members, path, code) in cases {
        assert_eq!(refused(structured(members)), (path.to_owned(), code), "{members}");
    }
    let deep = format!(r#","data":{}{}"#, "[".repeat(20_000), "]".repeat(20_000));
    assert_eq!(refused(structured(&deep)), ("/data".to_owned(), "bad_data"));
}

#[test]
fn required_attributes_are_required() {
    let all = [("specversion", "1.0"), ("id", "1"), ("source", "s"), ("type", "t")];
    for (missing, _) in all {
        let present = all.iter().filter(|(name, _)| *name != missing);
        let members: Vec<String> = present.map(|(name, value)| format!(r#""{name}":"{value}""#)).collect();
        let read = read_event(format!("{{{}}}", members.join(",")).as_bytes(), &intake()).expect("JSON");
        let (path, code) = refused(read);
        assert_eq!((path, code.to_owned()), (format!("/{missing}"), format!("bad_{missing}")));
    }
    let old = br#"{"specversion":"0.3","id":"1","source":"s","type":"t"}"#;
    assert_eq!(refused(read_event(old, &intake()).expect("JSON")).1, "bad_specversion");
}

#[test]
fn every_limit_refuses_by_its_name() {
    let bytes = Limits { event_bytes: 400, data_bytes: 10, attribute_bytes: 11, ..Limits::default() };
    let limits = Limits { extensions: 2, batch_events: 2, ..bytes };
    let intake = intake_with(limits);
    let read = |members: &str| {
        let json = format!(r#"{{"specversion":"1.0","id":"1","source":"s","type":"t"{members}}}"#);
        refused(read_event(json.as_bytes(), &intake).expect("JSON"))
    };
    let many: String = (0..20).map(|i| format!(r#","x{i}":"""#)).collect();
    let cases = [
        (format!(r#","x":"{}""#, "y".repeat(400)), "", "event_bytes"),
        (r#","data":"123456789""#.to_owned(), "/data", "data_bytes"),
        (r#","data_base64":"MTIzNDU2Nzg5MDE=""#.to_owned(), "/data_base64", "data_bytes"),
        (r#","x":"1234567890ab""#.to_owned(), "/x", "attribute_bytes"),
        (r#","subject":"日本語日""#.to_owned(), "/subject", "attribute_bytes"),
        (r#","abcdefghijkl":"1""#.to_owned(), "/abcdefghijkl", "attribute_bytes"),
        (r#","a":"1","b":"2","c":"3""#.to_owned(), "", "extensions"),
        (many, "", "extensions"),
    ];
    for (members, path, code) in cases {
        assert_eq!(read(&members), (path.to_owned(), code), "{members}");
    }
    assert_eq!(read_batch(b"[1,2,3]", &intake), Err(Unreadable::TooMany { limit: 2 }));
    assert_eq!(read_batch(b"[1,2]", &intake).expect("two items").len(), 2);
    let header = [("ce-specversion", &b"1.0"[..]), ("ce-id", &[b'a'; 500])];
    assert_eq!(refused(read_binary(&header, None, b"", &intake)).1, "event_bytes");
}

#[test]
fn what_is_no_json_is_told_by_line_and_column() {
    let place = |body: &[u8]| match read_event(body, &intake()) {
        Err(Unreadable::Json { line, column, .. }) => (line, column),
        other => panic!("{other:?}"),
    };
    assert_eq!(place(b"{\n  \"a\": nope}"), (2, 9));
    assert_eq!(place(b"{\"a\":1,\n\"b\":\"\xff\"}"), (2, 6));
    assert_eq!(place(b""), (1, 0));
    assert_eq!(place(b"{} {}"), (1, 4));
    assert!(matches!(read_batch(b"{}", &intake()), Err(Unreadable::Json { .. })), "an object is no batch");
    assert!(matches!(read_batch(b"[{}", &intake()), Err(Unreadable::Json { .. })));
    assert!(matches!(read_batch(b"[{}] x", &intake()), Err(Unreadable::Json { .. })));
}

#[test]
fn a_batch_keeps_its_good_items() {
    let good = r#"{"specversion":"1.0","id":"1","source":"/app","type":"browse"}"#;
    let items = read_batch(format!(r#"[{good},7,{{}},[],{good}]"#).as_bytes(), &intake()).expect("JSON");
    let codes: Vec<Option<&str>> = items.iter().map(|item| item.as_ref().err().map(|refusal| refusal.code)).collect();
    assert_eq!(codes, [None, Some("bad_event"), Some("bad_specversion"), Some("bad_event"), None]);
    assert_eq!(read_batch(b"[]", &intake()), Ok(vec![]));
}

#[test]
fn binary_headers_are_decoded_once() {
    let subject = |value: &str| binary(&[("ce-subject", value)], None, "").map(|event| event.subject.to_string());
    let cases = [
        ("100%", "100%"),
        ("%zz%4", "%zz%4"),
        ("%2541", "%41"),
        ("a%20b", "a b"),
        ("\"a \\\"b\\\" \\\\\"", "a \"b\" \\"),
        ("\"", "\""),
        ("caf\u{e9}", "caf\u{e9}"),
        ("%F0%9F%90%9F", "\u{1f41f}"),
    ];
    for (value, expected) in cases {
        assert_eq!(subject(value).as_deref(), Ok(expected), "{value}");
    }
    for bad in ["%FF", "%ED%A0%80", "%00", "%C0%AF"] {
        assert!(subject(bad).is_err(), "{bad}");
    }
}

#[test]
fn binary_data_is_the_body() {
    let read =
        |content_type: Option<&str>, body: &str| binary(&[], content_type, body).map(|event| event.data.to_string());
    for good in
        [None, Some("application/json"), Some("Application/JSON; charset=UTF-8"), Some("application/vnd.a+json")]
    {
        assert_eq!(read(good, r#"{"a": 1}"#).as_deref(), Ok(r#"{"a": 1}"#), "{good:?}");
    }
    assert_eq!(read(Some("text/plain"), "").as_deref(), Ok(""), "no body has no type");
    let code = |content_type: &str, body: &str| refused(binary(&[], Some(content_type), body)).1;
    assert_eq!(code("text/plain", "a"), "bad_datacontenttype");
    assert_eq!(code("application/json; charset=latin1", "1"), "bad_datacontenttype");
    assert_eq!(code("application/json", "{"), "bad_data");
    let cases = [
        ("ce-data", "bad_data"),
        ("ce-datacontenttype", "bad_datacontenttype"),
        ("ce-id", "duplicate_attribute"),
        ("ce-a-b", "bad_attribute"),
    ];
    for (name, code) in cases {
        assert_eq!(refused(binary(&[(name, "x")], None, "")).1, code, "{name}");
    }
}

#[test]
fn nobody_speaks_for_the_host() {
    for (member, wrong, right) in [("type", "fishpond.match", "fishpondish"), ("source", "fishpond/host", "fishpond")] {
        let event = |text: &str| {
            let others = [("id", "1"), ("source", "s"), ("type", "t")].into_iter().filter(|(name, _)| *name != member);
            let members: Vec<String> = others.map(|(name, value)| format!(r#""{name}":"{value}""#)).collect();
            let json = format!(r#"{{"specversion":"1.0","{member}":"{text}",{}}}"#, members.join(","));
            read_event(json.as_bytes(), &intake()).expect("JSON")
        };
        let (path, code) = refused(event(wrong));
        assert_eq!((path, code.to_owned()), (format!("/{member}"), format!("bad_{member}")));
        assert!(event(right).is_ok(), "{right}");
    }
}
