//! The two bits: ignores the cap, counts toward the cap.

use fishpond_sdk::MessageClass;
use fishpond_sdk::testing::Host;
use serde_json::json;

use super::*;

fn exempting(exempt: Value) -> Host<FatigueFilter> {
    host(json!({"caps": [{"name": "cap", "at_most": 1, "window": {"first_touch_s": 3_600}}], "exempt": exempt}))
}

/// The verdicts about an order's message and then about an offer, at ten o'clock.
fn order_then_offer(ignores_cap: bool, counts: bool) -> [String; 3] {
    let exemption = json!({"classes": ["transactional"], "ignores_cap": ignores_cap, "counts": counts});
    let mut host = exempting(json!([exemption]));
    let order = Action { message_class: MessageClass::Transactional, ..to_ann(at("10:00:00")) };
    [order.clone(), to_ann(at("10:00:00")), order].map(|action| line(&judge(&mut host, action)))
}

#[test]
fn all_four_of_the_two_bits() {
    let [order, offer, again] = order_then_offer(false, true);
    assert_eq!([order, offer], ["allow 1/1 next 11:00", "deny cap_reached 1/1 next 11:00"]);
    assert_eq!(again, "deny cap_reached 1/1 next 11:00");
    let [order, offer, again] = order_then_offer(true, true);
    assert_eq!([order, offer], ["allow 1/1 next 11:00", "deny cap_reached 1/1 next 11:00"]);
    assert_eq!(again, "allow 2/1 next 11:00");
    let [order, offer, again] = order_then_offer(true, false);
    assert_eq!([order, offer], ["allow 0/1", "allow 1/1 next 11:00"]);
    assert_eq!(again, "allow 1/1 next 11:00");
    let [order, offer, again] = order_then_offer(false, false);
    assert_eq!([order, offer], ["allow 0/1", "allow 1/1 next 11:00"]);
    assert_eq!(again, "deny cap_reached 1/1 next 11:00");
}

#[test]
fn the_numbers_say_which_bit_is_set() {
    let mut host = exempting(json!([{"scenes": ["help"], "ignores_cap": true, "counts": false}]));
    let judged = judge(&mut host, Action { scene: "help".into(), ..to_ann(at("10:00:00")) });
    assert_eq!((&judged.numbers["ignores_cap"], &judged.numbers["counts"]), (&json!(true), &json!(false)));
    assert_eq!(judged.context, None, "nothing of it can be given back");
    let numbers = judge(&mut host, to_ann(at("10:00:00"))).numbers;
    assert_eq!((numbers.get("ignores_cap"), numbers.get("counts")), (None, None));
}

#[test]
fn all_selectors_must_hold_and_the_first_exemption_decides() {
    let mut host = exempting(json!([
        {"policies": ["newsletter"], "matches": ["paid"]},
        {"matches": ["paid", "refunded"], "scenes": [""], "ignores_cap": true},
    ]));
    says(&mut host, at("10:00:00"));
    let mut passes = |policy: &str, name: &str, scene: &str| {
        let action =
            Action { policy: policy.into(), match_name: name.into(), scene: scene.into(), ..to_ann(at("10:01:00")) };
        judge(&mut host, action).reason.is_empty()
    };
    assert!(passes("receipt", "paid", "") && passes("receipt", "refunded", ""));
    assert!(!passes("receipt", "paid", "home"), "another scene");
    assert!(!passes("receipt", "offered", ""), "another match");
    assert!(!passes("newsletter", "paid", ""), "the first exemption fits and sets no bit");
    assert!(passes("newsletter", "refunded", ""), "the first exemption does not fit");
}
