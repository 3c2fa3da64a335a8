//! The documents that the SDK writes are those of the contract's schemas.

use serde_json::{Value, json};

use super::*;
use crate::prelude::*;
use crate::testing::{Host, event};

const DESCRIPTION: &str = include_str!("../../../../wit/schema/description.schema.json");
const ENVELOPE: &str = include_str!("../../../../wit/schema/envelope.schema.json");
const PLAN: &str = include_str!("../../../../wit/schema/plan.schema.json");
const DIAGNOSTICS: &str = include_str!("../../../../wit/schema/diagnostics.schema.json");

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Config {
    seconds: u64,
    #[serde(default)]
    bands: Vec<Band>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Band {
    from: u32,
}

#[derive(Serialize, JsonSchema)]
struct Sold {
    fen: i64,
}

/// Uses everything that a plan can say.
#[derive(Debug)]
struct Everything {
    sales: Window,
    sold: Match<Sold>,
    scene: crate::Attribute,
}

impl Rule for Everything {
    type Config = Config;

    fn configure(config: Config, plan: &mut Plan) -> Result<Self, Vec<Diagnostic>> {
        plan.check("/seconds", config.seconds, 1..=3_600, "seconds");
        for (number, band) in config.bands.iter().enumerate() {
            plan.check(&format!("/bands/{number}/from"), band.from, 0..=9, "steps");
        }
        plan.subscribe("sales", ["sale", "resale"], data("seller.id"))
            .select([Field::EventType, Field::Subject, Field::Actor, Field::Source, Field::Id, Field::Id])
            .data_paths(["price.fen"])
            .only_if(data("kind").equals("c2c"))
            .only_if(Path::Scene.one_of(["home", "search"]))
            .only_if(Path::Subject.exists())
            .only_if(data("price.fen").at_least(1))
            .only_if(data("price.fen").at_most(1_000));
        plan.subscribe("views", ["view"], Path::Subject).all_data();
        plan.subscribe("pings", ["ping"], Path::Id);
        plan.answers::<NoParameters, NoParameters>("today");
        plan.publishes();
        plan.timer_receive("release");
        plan.timer_event("window_end");
        plan.judges([VerdictKind::Hold, VerdictKind::Allow, VerdictKind::Deny, VerdictKind::Downgrade]);
        Ok(Self {
            sales: plan.sliding("sales", Duration::from_secs(config.seconds)),
            sold: plan.emits("sold"),
            scene: plan.attribute("scene"),
        })
    }

    fn on_event(&self, event: &Event, cx: &mut Context<'_>) -> Result<(), Refusal> {
        #[derive(Deserialize)]
        struct Sale {
            price: Price,
        }
        #[derive(Deserialize)]
        struct Price {
            fen: i64,
        }
        let sale: Sale = event.data()?;
        let totals = cx.observe_amount(self.sales, &event.actor, sale.price.fen);
        cx.store("last", &totals.sum);
        let scene = cx.attribute(&self.scene).unwrap_or_default();
        cx.log(crate::Level::Info, &scene);
        cx.emit(self.sold.about(&event.key, &Sold { fen: totals.sum }).window(self.sales).also("x").once("k"));
        if sale.price.fen == 13 {
            return Err(Refusal::new("unlucky", "thirteen"));
        }
        Ok(())
    }
}

#[track_caller]
fn fits(schema: &str, document: &Value) {
    let schema: Value = serde_json::from_str(schema).expect("a schema is JSON");
    let validator = jsonschema::draft202012::new(&schema).expect("it is a schema");
    let errors: Vec<String> = validator.iter_errors(document).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:#?} in {document:#}");
}

#[track_caller]
fn does_not_fit(schema: &str, document: &Value) {
    let schema: Value = serde_json::from_str(schema).expect("a schema is JSON");
    assert!(!jsonschema::draft202012::is_valid(&schema, document), "it fits: {document:#}");
}

fn refused(configuration: Value) -> Value {
    let problems = Host::<Everything>::new(configuration).expect_err("it is wrong");
    let problems = serde_json::to_value(problems).expect("diagnostics are JSON");
    fits(DIAGNOSTICS, &problems);
    problems
}

#[test]
fn a_description_fits_its_schema() {
    let identity = Identity { name: "every-thing", version: "1.2.3-a.1", summary: "All.", authors: "Ann <a@b.c>:Bo" };
    let description: Value = serde_json::from_str(&describe::<Everything>(&identity)).expect("it is JSON");
    fits(DESCRIPTION, &description);
    assert_eq!(description["authors"], json!(["Ann <a@b.c>", "Bo"]));
    assert_eq!(description["configuration"]["properties"]["seconds"]["type"], "integer");
    let nobody = Identity { authors: "", ..identity };
    assert!(describe::<Everything>(&nobody).contains("\"authors\":[]"));
}

#[test]
fn a_plan_fits_its_schema() {
    let plan = Host::<Everything>::new(json!({"seconds": 60})).expect("it is right").plan();
    fits(PLAN, &plan);
    assert_eq!(plan["windows"], json!([{"name": "sales", "kind": "sliding", "length_ms": 60_000}]));
    assert_eq!(plan["subscriptions"][0]["key"], "data.seller.id");
    assert_eq!(plan["subscriptions"][0]["data"], json!(["data.price.fen"]));
    assert_eq!(plan["subscriptions"][0]["where"][0], json!({"path": "data.kind", "equals": "c2c"}));
    assert_eq!(plan["subscriptions"][1]["data"], "all");
    assert_eq!(plan["subscriptions"][2]["data"], "none");
    assert_eq!(plan["permissions"], json!(["matches", "publish"]));
    assert_eq!(plan["attributes"], json!(["scene"]));
    assert_eq!(plan["timers"], json!({"release": "receive", "window_end": "event"}));
    assert_eq!(plan["filter"], json!({"verdicts": ["allow", "deny", "hold", "downgrade"]}));
}

#[test]
fn a_plan_without_timers_and_chain_says_nothing_about_them() {
    let plan = serde_json::to_value(Plan::new(Everything::STATE)).expect("a plan is JSON");
    fits(PLAN, &plan);
    assert_eq!((plan.get("filter"), plan.get("timers")), (None, None));
}

#[test]
fn the_schemas_refuse_what_the_contract_does_not_know() {
    let plan = Host::<Everything>::new(json!({"seconds": 60})).expect("it is right").plan();
    let with = |pointer: &str, value: Value| {
        let mut plan = plan.clone();
        *plan.pointer_mut(pointer).expect("the place exists") = value;
        plan
    };
    does_not_fit(PLAN, &with("/windows/0/length_ms", json!(0)));
    does_not_fit(PLAN, &with("/windows/0/length_ms", json!(31 * 86_400_000_u64 + 1)));
    does_not_fit(PLAN, &with("/windows/0/kind", json!("tumbling")));
    does_not_fit(PLAN, &with("/subscriptions/0/key", json!("time")));
    does_not_fit(PLAN, &with("/subscriptions/0/key", json!("data")));
    does_not_fit(PLAN, &with("/subscriptions/0/types", json!([])));
    does_not_fit(PLAN, &with("/subscriptions/0/where/0", json!({"path": "subject"})));
    does_not_fit(PLAN, &with("/subscriptions/0/where/0", json!({"path": "id", "exists": true, "equals": 1})));
    does_not_fit(PLAN, &with("/permissions", json!(["ledger"])));
    does_not_fit(PLAN, &with("/matches", json!({"High-Risk": {}})));
    does_not_fit(PLAN, &with("/timers/release", json!("wall")));
    does_not_fit(PLAN, &with("/filter/verdicts", json!([])));
    does_not_fit(PLAN, &with("/filter/verdicts", json!(["maybe"])));
    does_not_fit(DIAGNOSTICS, &json!([]));
    does_not_fit(DIAGNOSTICS, &json!([{"message": "m", "place": "a", "hint": "h"}]));
    let envelope = json!({"contract": "0.1", "business": "b", "deployment": "d", "configuration": {}, "limits": {}});
    fits(ENVELOPE, &envelope);
    let mut more = envelope.clone();
    more["limits"] = json!({"document_bytes": 1, "named_later": 2});
    fits(ENVELOPE, &more);
    more["extra"] = json!(1);
    does_not_fit(ENVELOPE, &more);
}

#[test]
fn a_configuration_is_refused_at_its_place() {
    let problems = refused(json!({"seconds": "60"}));
    assert_eq!(problems[0]["place"], "/seconds");
    let problems = refused(json!({"seconds": 60, "bands": [{"from": 1}, {"from": -1}]}));
    assert_eq!(problems[0]["place"], "/bands/1/from");
    let problems = refused(json!({"seconds": 60, "bounds": []}));
    assert_eq!(problems[0]["place"], "/bounds");
    assert!(problems[0]["message"].as_str().is_some_and(|text| text.contains("unknown field `bounds`")));
    assert_eq!(refused(json!({}))[0]["place"], "");
}

#[test]
fn all_problems_are_said_at_once() {
    let problems = refused(json!({"seconds": 3_601, "bands": [{"from": 10}]}));
    let places: Vec<&Value> = problems.as_array().into_iter().flatten().map(|problem| &problem["place"]).collect();
    assert_eq!(places, ["/seconds", "/bands/0/from"]);
    assert_eq!(problems[0]["message"], "3601 seconds is outside 1 to 3600 seconds");
}

#[test]
fn a_plan_beyond_its_limits_is_refused() {
    let mut plan = Plan::new(Everything::STATE);
    plan.sliding("a", Duration::ZERO);
    plan.sliding("a", Duration::from_secs(32 * 86_400));
    plan.subscribe("No-Name", [""; 0], Path::Actor);
    let messages: Vec<String> = plan.take_problems().into_iter().map(|problem| problem.message).collect();
    assert_eq!(
        messages,
        [
            "window `a` is 0 ms long",
            "there are two window entries named `a`",
            "window `a` is 2764800000 ms long",
            "`No-Name` is no name for a subscription",
            "subscription `No-Name` has 0 event types",
        ]
    );
    plan.timer_receive("a");
    plan.timer_event("a");
    plan.judges([]);
    let messages: Vec<String> = plan.take_problems().into_iter().map(|problem| problem.message).collect();
    assert_eq!(messages, ["there are two timer entries named `a`", "the filter reaches no verdict"]);
    for number in 0..crate::plan::TIMERS_MAX {
        plan.timer_event(&format!("t{number}"));
    }
    assert_eq!(plan.take_problems().len(), 1, "one was there already");
    for number in 0..=crate::plan::WINDOWS_MAX {
        plan.sliding(&format!("w{number}"), Duration::from_secs(1));
    }
    assert_eq!(plan.take_problems().len(), 3, "two were there already");
}

#[test]
fn a_module_reads_what_it_writes() {
    let mut plan = Plan::new(crate::StateVersions { writes: 2, reads: &[1] });
    assert_eq!(plan.take_problems()[0].message, "the module writes state version 2 and cannot read it");
}

#[test]
fn a_refused_event_leaves_nothing() {
    let mut host = Host::<Everything>::new(json!({"seconds": 60})).expect("it is right");
    let sale = |fen: i64| {
        event("sale")
            .actor("ann")
            .subject("lamp")
            .extension("scene", "home")
            .data(json!({"kind": "c2c", "seller": {"id": 7}, "price": {"fen": fen}}))
    };
    host.event(sale(5)).event(sale(13)).event(sale(6).id("third"));
    assert_eq!(host.matches().len(), 2);
    let last = &host.matches()[1];
    assert_eq!((last.person.as_str(), &last.fields), ("7", &json!({"fen": 11})));
    assert_eq!(last.events, ["1", "third", "x"]);
    assert_eq!(last.once.as_deref(), Some("k"));
    assert_eq!(host.refusals()[0].event, "2");
    assert_eq!(host.refusals()[0].refusal, Refusal::new("unlucky", "thirteen"));
    assert_eq!(host.log(), ["info: home", "info: home"]);
}
