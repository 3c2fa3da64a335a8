//! A trace as a person reads it, word for word.

use super::*;

const BODY: &str = r#"{
  "business": "demo", "key": "u:1", "position": 90, "truncated": true,
  "events": [
    {"event": {"position": 38, "source": "app", "id": "e-1", "type": "goods.viewed", "subject": "item:7", "actor": "u:1",
               "time": "2026-07-01T10:00:00Z", "received": "2026-07-01T10:00:01Z", "data": {"seller":"s1"}},
     "deployments": [
       {"deployment": "c2c", "answer": "no_match", "why": "2 sellers, the rule wants 3", "key": "u:1", "position": 39,
        "revision": 1, "digest": "0123456789abcdef", "module": "c2c-blacklist@0.1.0", "subscription": "views",
        "operations": ["window views: added s1"], "windows": [{"name": "views", "count": 2, "distinct": 2, "sum": 2}]},
       {"deployment": "hello", "answer": "not_subscribed", "why": "it subscribes to page.visited"},
       {"deployment": "rental", "answer": "refused", "why": "bad_event: data.place is missing", "late": true}]},
    {"event": {"position": 40, "source": "app", "id": "e-2", "type": "goods.viewed", "actor": "u:1", "scene": "home",
               "time": "2026-07-01T10:00:05Z", "received": "2026-07-01T10:00:05Z", "time_replaced": true,
               "extensions": {"traceid": "t1"}},
     "deployments": [
       {"deployment": "c2c", "answer": "matched", "why": "matched high_risk: 3 sellers within 60 s", "key": "u:1", "position": 44,
        "revision": 1, "digest": "0123456789abcdef", "module": "c2c-blacklist@0.1.0", "subscription": "views",
        "windows": [{"name": "views", "count": 1, "distinct": 1, "sum": -3}],
        "matches": [{"position": 44, "input": 40, "deployment": "c2c", "revision": 1, "digest": "0123456789abcdef",
          "name": "high_risk", "person": "u:1", "fields": {"sellers":3}, "also": ["x-9"], "once": "u:1/2026-07-01",
          "events": [{"source": "app", "id": "e-0", "position": 3},
                     {"source": "app", "id": "e-1", "position": 38, "type": "goods.viewed", "time": "2026-07-01T10:00:00Z"}],
          "time": "2026-07-01T10:00:05Z"}]},
       {"deployment": "hello", "answer": "not_subscribed", "why": "it subscribes to page.visited"},
       {"deployment": "rental", "answer": "no_match", "why": "1 view of 2", "windows": []}]}],
  "changes": [{"position": 41, "at": "2026-07-01T10:00:06Z", "by": "admin", "change": "deployment c2c was paused: test"}],
  "documents": [
    {"deployment": "c2c", "position": 80, "lag": 10,
     "windows": [{"name": "views", "entries": [{"time": "2026-07-01T10:00:00Z", "member": "s1", "amount": 1, "source": "app",
       "id": "e-1", "position": 38}, {"time": "2026-07-01T10:00:05Z", "member": "s2", "amount": -3, "source": "app",
       "id": "e-2", "position": 40}]}],
     "values": [{"name": "last", "text": "s2", "expires": "2026-07-02T00:00:00Z"}, {"name": "raw", "hex": "00ff"}, {"name": "seen", "text": ""}]},
    {"deployment": "rental", "position": 90, "lag": 0, "windows": [], "values": []}]
}"#;

const TEXT: &str = "\
u:1 in demo, position 90
Older events were left out: `--limit` asks for more, up to the host's `trace_items`.
c2c: matched once, last high_risk at 2026-07-01T10:00:05Z
hello: why not? It subscribes to no event of these types
rental: why not? In 2 events no match; the last at 2026-07-01T10:00:05Z: 1 view of 2

Events
  2026-07-01T10:00:00Z  goods.viewed  app/e-1  [position 38]
    actor u:1  subject item:7  data {\"seller\":\"s1\"}
    c2c: no match: 2 sellers, the rule wants 3
      c2c-blacklist@0.1.0 (0123456789ab) revision 1, subscription views, key u:1, position 39
      window views: added s1
      window views: 2 events, 2 distinct, sum 2
    rental: refused: bad_event: data.place is missing
      late: older than its window accepts
    not subscribed: hello
  2026-07-01T10:00:05Z  goods.viewed  app/e-2  [position 40]
    actor u:1  scene home  traceid t1
    its own time was absent or too far off; received 2026-07-01T10:00:05Z
    c2c: matched high_risk: 3 sellers within 60 s
      c2c-blacklist@0.1.0 (0123456789ab) revision 1, subscription views, key u:1, position 44
      window views: 1 event, 1 distinct, sum -3
      match high_risk for u:1  {\"sellers\":3}
        from app/e-0  [position 3, no longer kept]
        from 2026-07-01T10:00:00Z  goods.viewed  app/e-1  [position 38]
        also x-9
        once for u:1/2026-07-01
    rental: no match: 1 view of 2
    not subscribed: hello

Changes meanwhile
  2026-07-01T10:00:06Z  position 41, by admin: deployment c2c was paused: test

Kept now
  c2c: read up to position 80, 10 behind
    window views: 2 events kept
      2026-07-01T10:00:00Z  s1  app/e-1  [position 38]
      2026-07-01T10:00:05Z  s2  amount -3  app/e-2  [position 40]
    value last: s2  (until 2026-07-02T00:00:00Z)
    value raw: 0x00ff
    value seen: (empty)
  rental: read up to position 90
    nothing
";

#[test]
fn a_trace_reads_like_this() {
    let trace: TraceAnswer = serde_json::from_str(BODY).expect("a body");
    let text = render(&trace);
    assert_eq!(text, TEXT, "\n{text}");
}

#[test]
fn a_key_without_events_is_told_what_to_look_at() {
    let body = r#"{"business":"demo","key":"u:9","at":"2026-07-01T10:00:00Z","position":90,"truncated":false,
        "events":[],"changes":[],"documents":[]}"#;
    let trace: TraceAnswer = serde_json::from_str(body).expect("a body");
    assert_eq!(
        render(&trace),
        "u:9 in demo at 2026-07-01T10:00:00Z, position 90\nNo event is known for this key: is it written as the events \
         carry it, and is --business right?\n"
    );
}

#[test]
fn long_texts_are_cut_and_hostile_ones_stay_out_of_the_terminal() {
    let trace: TraceAnswer = serde_json::from_str(&BODY.replace("bad_event:", "\\u001b[31m\\n")).expect("a body");
    assert!(render(&trace).contains("rental: refused:  [31m  data.place is missing\n"));
    assert_eq!(cut(&"ä".repeat(SHOWN)), "ä".repeat(SHOWN));
    assert_eq!(cut(&"ä".repeat(SHOWN + 1)), format!("{} ...", "ä".repeat(SHOWN)));
}

#[test]
fn one_event_reads_as_in_a_trace() {
    let trace: serde_json::Value = serde_json::from_str(BODY).expect("a body");
    let body = serde_json::json!({
        "business": "demo", "source": "app", "id": "e-1", "position": 90,
        "events": [trace["events"][0], trace["events"][0]], "changes": trace["changes"],
    });
    let text = event_shown(&serde_json::from_value(body).expect("a body"));
    let begin = TEXT.find("  2026-07-01T10:00:00Z  goods.viewed").expect("the event");
    let end = TEXT.find("  2026-07-01T10:00:05Z  goods.viewed").expect("the next");
    let event = &TEXT[begin..end];
    let expected = format!(
        "app/e-1 in demo, position 90\nIt came more than once: in between, its identity was no longer remembered (`dedup_ids`, \
         `dedup_horizon_ms`).\n\nEvents\n{event}{event}\nChanges meanwhile\n  2026-07-01T10:00:06Z  position 41, by admin: \
         deployment c2c was paused: test\n"
    );
    assert_eq!(text, expected, "\n{text}");
}
