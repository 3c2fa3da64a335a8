//! Timers, chains and settlements keep the contract's promises natively. The rule sends at most one message for each
//! opening, gives it back when it fails, and reminds of an opening that is not closed.

use serde_json::{Value, json};

use super::{Host, Judged, Sent, action, at, event};
use crate::prelude::*;
use crate::{Attribute, Level};

/// Milliseconds between two reminders.
const AGAIN_MS: u64 = 600_000;

struct Door {
    opened: u32,
    remind: Timer,
    close: Timer,
    publisher: Publisher,
    now: Attribute,
    used: Window,
}

#[derive(Deserialize)]
struct Wish<'a> {
    verdict: &'a str,
}

impl Rule for Door {
    type Config = NoConfig;

    fn configure(_: NoConfig, plan: &mut Plan) -> Result<Self, Vec<Diagnostic>> {
        plan.judges([VerdictKind::Allow, VerdictKind::Deny, VerdictKind::Downgrade]);
        plan.subscribe("closed", ["closed"], Path::Subject);
        Ok(Self {
            opened: plan.subscribe("opened", ["opened"], Path::Subject).number(),
            remind: plan.timer_receive("remind"),
            close: plan.timer_event("close"),
            publisher: plan.publishes(),
            now: plan.attribute("now"),
            used: plan.sliding("used", Duration::from_secs(86_400)),
        })
    }

    fn on_event(&self, event: &Event, cx: &mut Context<'_>) -> Result<(), Refusal> {
        if event.subscription == self.opened {
            cx.set_timer(&self.remind, event.time + AGAIN_MS, "first");
            cx.set_timer(&self.close, event.time + 2 * AGAIN_MS, "");
        } else {
            cx.cancel_timer(&self.remind);
        }
        Ok(())
    }
}

impl Timers for Door {
    fn on_timer(&self, due: &Due, cx: &mut Context<'_>) -> Result<(), Refusal> {
        let now = cx.attribute(&self.now).unwrap_or_default();
        cx.log(
            Level::Info,
            &format!("{} {} at {}", due.key, due.context, now.parse::<u64>().unwrap_or(0) - at("00:00:00")),
        );
        if due.is(&self.close) {
            return Err(Refusal::new("too_long", "it is still open"));
        }
        cx.publish(&self.publisher, "reminded", &due.key, "", &json!({ "context": due.context }));
        cx.set_timer(&self.remind, due.time + AGAIN_MS, "again");
        Ok(())
    }
}

impl Filter for Door {
    fn judge(&self, action: &Action, cx: &mut Context<'_>) -> Result<Verdict, Refusal> {
        let used = cx.observe(self.used, &action.id).count;
        let numbers = json!({ "used": used });
        match action.fields::<Wish<'_>>()?.verdict {
            "allow" => Ok(Verdict::allow().numbers(&numbers).settle(&action.id)),
            "deny" => Ok(Verdict::deny("not_wanted").numbers(&numbers).settle("never told")),
            "hold" => Ok(Verdict::hold(action.time + AGAIN_MS, "later")),
            "downgrade" => Ok(Verdict::downgrade("slot:top", "too_loud").settle(&action.id)),
            "mail" => Ok(Verdict::downgrade("mail", "too_loud")),
            other => Ok(Verdict::deny(other.to_owned())),
        }
    }
}

impl Settlements for Door {
    fn on_settlement(&self, settlement: &Settlement, cx: &mut Context<'_>) -> Result<(), Refusal> {
        match settlement.status.as_str() {
            "failed" => cx.forget(self.used, &settlement.context),
            "delivered" => {}
            other => return Err(Refusal::new("strange", other.to_owned())),
        }
        Ok(())
    }
}

impl Queries for Door {
    fn on_query(&self, _: &Query, _: &mut QueryContext<'_>) -> Result<Reply, Refusal> {
        Ok(Reply::ok(&json!({})))
    }
}

// Any names in any order.
crate::export!(Door with settlements, queries, timers, filter);

fn host() -> Host<Door> {
    Host::new(json!({})).expect("the configuration is right")
}

fn wish(verdict: &str, time: &str) -> Action {
    Action { time: at(time), fields: json!({ "verdict": verdict }).to_string(), ..action("ann") }
}

fn ask(host: &mut Host<Door>, verdict: &str, time: &str) -> Judged {
    host.judge(wish(verdict, time)).expect("it is judged")
}

fn used(host: &mut Host<Door>) -> Value {
    host.judge_and_drop(wish("allow", "23:00:00")).expect("it is judged").numbers["used"].clone()
}

#[test]
fn timers_fire_in_the_order_of_their_times_and_may_be_set_again() {
    let mut host = host();
    host.event(event("opened").subject("b").time("00:00:01")).event(event("opened").subject("a").time("00:00:02"));
    host.advance_receive(at("00:10:01") - 1);
    assert!(host.log().is_empty(), "none is due");
    host.advance_receive(at("00:20:01"));
    assert_eq!(host.log(), ["info: b first at 1201000", "info: a first at 1201000", "info: b again at 1201000"]);
    let first = &host.published()[1];
    assert_eq!((first.event_type.as_str(), first.subject.as_str(), first.time), ("reminded", "a", at("00:10:02")));
    assert_eq!(first.data, json!({"context": "first"}));
}

#[test]
fn a_clock_fires_its_own_timers_only() {
    let mut host = host();
    host.event(event("opened").subject("a"));
    host.advance_event(at("00:10:00"));
    assert!(host.log().is_empty() && host.refusals().is_empty());
    host.advance_receive(at("00:10:00"));
    assert_eq!(host.published().len(), 1);
}

#[test]
fn a_refused_timer_is_gone_and_leaves_nothing() {
    let mut host = host();
    host.event(event("opened").subject("a"));
    host.advance_event(at("00:30:00")).advance_event(at("00:40:00"));
    let refused: Vec<(&str, &str)> =
        host.refusals().iter().map(|one| (one.event.as_str(), &*one.refusal.code)).collect();
    let id = format!("close@{}", at("00:20:00"));
    assert_eq!(refused, [(id.as_str(), "too_long")]);
    assert!(host.log().is_empty());
}

#[test]
fn setting_a_timer_moves_it_and_cancelling_takes_it_back() {
    let mut host = host();
    host.event(event("opened").subject("a")).event(event("opened").subject("a").time("00:05:00"));
    host.advance_receive(at("00:14:59"));
    assert!(host.published().is_empty());
    host.event(event("closed").subject("a").time("00:14:59")).advance_receive(at("01:00:00"));
    assert!(host.published().is_empty());
    assert_eq!(host.refusals(), []);
}

#[test]
#[should_panic(expected = "10000 timers fired at once")]
fn a_timer_that_never_ends_is_found() {
    host().event(event("opened").subject("a")).advance_receive(at("00:00:00") + 20_000 * AGAIN_MS);
}

#[test]
fn only_what_passes_the_whole_chain_is_kept() {
    let mut host = host();
    assert_eq!(ask(&mut host, "deny", "10:00:00").numbers, json!({"used": 1}));
    host.judge_and_drop(wish("allow", "10:01:00")).expect("it is judged");
    assert_eq!(used(&mut host), 1, "nothing was kept");
    ask(&mut host, "allow", "10:02:00");
    ask(&mut host, "downgrade", "10:03:00");
    assert_eq!(used(&mut host), 3);
}

#[test]
fn verdicts_are_recorded_as_they_were_said() {
    let mut host = host();
    let allowed = ask(&mut host, "allow", "10:00:00");
    assert_eq!((allowed.kind, allowed.reason.as_str()), (VerdictKind::Allow, ""));
    assert_eq!((allowed.id.as_str(), allowed.context.as_deref()), (&*format!("{:032x}", 1), Some(&*allowed.id)));
    let denied = ask(&mut host, "deny", "10:00:00");
    assert_eq!((denied.kind, denied.reason.as_str(), denied.context), (VerdictKind::Deny, "not_wanted", None));
    let other = ask(&mut host, "downgrade", "10:00:00");
    assert_eq!(
        (other.kind, other.channel.as_deref(), other.numbers),
        (VerdictKind::Downgrade, Some("slot:top"), json!({}))
    );
}

#[test]
fn a_verdict_that_the_plan_does_not_know_is_refused() {
    let mut host = host();
    let refusal = host.judge(wish("hold", "10:00:00")).expect_err("it is not declared");
    assert_eq!(refusal.code, "undeclared_verdict");
    assert_eq!(host.refusals()[0].event, format!("{:032x}", 1));
    assert_eq!(used(&mut host), 1, "nothing was kept");
}

#[test]
fn fields_that_do_not_fit_are_a_refusal() {
    let refusal = host().judge(action("ann")).expect_err("there is no verdict in them");
    assert_eq!(refusal, Refusal::bad_event("fields: missing field `verdict` at line 1 column 2"));
}

#[test]
#[should_panic(expected = "`No!` is no reason")]
fn a_reason_is_a_name() {
    ask(&mut host(), "No!", "10:00:00");
}

#[test]
#[should_panic(expected = "there is no such channel")]
fn a_channel_is_one_that_the_host_has() {
    ask(&mut host(), "mail", "10:00:00");
}

#[test]
fn a_settlement_brings_the_context_back() {
    let mut host = host();
    let kept = ask(&mut host, "allow", "10:00:00");
    let failed = ask(&mut host, "downgrade", "10:01:00");
    host.settle(&failed.id, "failed", at("10:02:00"));
    assert_eq!(used(&mut host), 2, "one was given back");
    host.settle(&kept.id, "melted", at("10:02:00"));
    assert_eq!(host.refusals()[0].refusal, Refusal::new("strange", "melted"));
}

#[test]
#[should_panic(expected = "no kept verdict about the action `00000000000000000000000000000001`")]
fn a_dropped_action_is_never_settled() {
    let mut host = host();
    let dropped = host.judge_and_drop(wish("allow", "10:00:00")).expect("it is judged");
    host.settle(&dropped.id, "delivered", at("10:01:00"));
}

struct Deaf;

impl Rule for Deaf {
    type Config = NoConfig;

    fn configure(_: NoConfig, plan: &mut Plan) -> Result<Self, Vec<Diagnostic>> {
        plan.subscribe("noise", ["noise"], Path::Actor);
        Ok(Self)
    }
}

#[test]
fn a_subscription_without_a_handler_is_not_silent() {
    let mut host = Host::<Deaf>::new(json!({})).expect("the configuration is right");
    host.event(event("noise").actor("ann"));
    assert_eq!(host.refusals()[0].refusal.code, "not_handled");
}

/// Tells the next one in the row what it has heard, at once or when its timer is due.
struct Row {
    pass: Signal,
    wait: Timer,
    hops: Attribute,
}

impl Rule for Row {
    type Config = NoConfig;

    fn configure(_: NoConfig, plan: &mut Plan) -> Result<Self, Vec<Diagnostic>> {
        plan.subscribe("said", ["said"], Path::Actor);
        Ok(Self { pass: plan.signal("pass"), wait: plan.timer_receive("wait"), hops: plan.attribute("hops") })
    }

    fn on_event(&self, event: &Event, cx: &mut Context<'_>) -> Result<(), Refusal> {
        cx.signal(&self.pass, "b", &format!("{}!", event.key));
        cx.signal(&self.pass, "c", "refuse");
        Ok(())
    }
}

impl Signals for Row {
    fn on_signal(&self, signal: &Signalled, cx: &mut Context<'_>) -> Result<(), Refusal> {
        let hops = cx.attribute(&self.hops).unwrap_or_default();
        cx.log(Level::Info, &format!("{} from {}: {} ({hops})", signal.key, signal.sender, signal.payload));
        assert!(signal.is(&self.pass));
        match signal.payload.as_str() {
            "refuse" => {
                cx.signal(&self.pass, "d", "never sent");
                return Err(Refusal::new("not_heard", ""));
            }
            "wait" => cx.set_timer(&self.wait, signal.time, ""),
            "circle" => cx.signal(&self.pass, &signal.key, "circle"),
            _ if signal.key.as_str() < "d" => cx.signal(&self.pass, "d", &signal.payload),
            _ => {}
        }
        Ok(())
    }
}

impl Timers for Row {
    fn on_timer(&self, due: &Due, cx: &mut Context<'_>) -> Result<(), Refusal> {
        cx.signal(&self.pass, &due.key, "wait");
        Ok(())
    }
}

crate::export!(Row with signals, timers);

fn row() -> Host<Row> {
    Host::new(json!({})).expect("the configuration is right")
}

#[test]
fn a_signal_is_delivered_once_and_what_is_refused_sends_none() {
    let mut host = row();
    host.event(event("said").actor("a").time("10:00:00"));
    let sent = |name: &str, key: &str, payload: &str| {
        let [name, sender, key, payload] = [name, "a", key, payload].map(str::to_owned);
        Sent { name, sender, key, payload, time: at("10:00:00"), hops: 1 }
    };
    assert_eq!(host.signals(), [sent("pass", "b", "a!"), sent("pass", "c", "refuse")]);
    host.deliver().deliver();
    assert_eq!(host.log(), ["info: b from a: a! (1)", "info: d from b: a! (2)"]);
    let refused: Vec<(&str, &str)> =
        host.refusals().iter().map(|one| (one.event.as_str(), &*one.refusal.code)).collect();
    assert_eq!(refused, [("pass<a", "not_heard")]);
    assert_eq!(host.plan()["signals"], json!(["pass"]));
    assert_eq!(host.plan()["permissions"], json!(["signals"]));
}

#[test]
fn a_circle_of_signals_ends_also_through_timers() {
    for payload in ["circle", "wait"] {
        let mut host = row();
        host.sent = vec![Sent {
            name: "pass".to_owned(),
            sender: "a".to_owned(),
            key: "a".to_owned(),
            payload: payload.to_owned(),
            time: at("10:00:00"),
            hops: 1,
        }];
        for _ in 0..20 {
            host.deliver().advance(at("11:00:00"));
        }
        assert_eq!((host.log().len(), host.refusals().len()), (16, 1), "{payload}");
        assert_eq!(host.refusals()[0].refusal.code, "hops");
    }
}
