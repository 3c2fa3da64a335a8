//! The smallest rule, and what `cargo xtask new NAME` starts from: three visits within a minute make a match.

use fishpond_sdk::prelude::*;

#[derive(Serialize, JsonSchema)]
struct Seen {
    visits: u64,
}

pub struct HelloRule {
    visits: Window,
    hello: Match<Seen>,
}

impl Rule for HelloRule {
    type Config = NoConfig;

    fn configure(_: NoConfig, plan: &mut Plan) -> Result<Self, Vec<Diagnostic>> {
        plan.subscribe("visits", ["visit"], Path::Actor);
        Ok(Self { visits: plan.sliding("visits", Duration::from_secs(60)), hello: plan.emits("hello") })
    }

    fn on_event(&self, event: &Event, cx: &mut Context<'_>) -> Result<(), Refusal> {
        let visits = cx.observe(self.visits, &event.key).count;
        if visits == 3 {
            cx.emit(self.hello.about(&event.key, &Seen { visits }).window(self.visits));
        }
        Ok(())
    }
}

fishpond_sdk::export!(HelloRule);

#[cfg(test)]
mod tests {
    use fishpond_sdk::testing::{Host, event};
    use serde_json::json;

    use super::HelloRule;

    #[test]
    fn the_third_visit_within_a_minute_is_greeted() {
        let mut host = Host::<HelloRule>::new(json!({})).expect("the configuration is right");
        for time in ["10:00:00", "10:00:59", "10:01:00.001", "10:01:00.002", "10:01:00.003"] {
            host.event(event("visit").actor("ann").time(time)).event(event("visit").actor("bo").time("09:00:00"));
        }
        let about_ann: Vec<_> = host.matches().iter().filter(|found| found.person == "ann").collect();
        assert_eq!(about_ann.len(), 1);
        assert_eq!(about_ann[0].events, ["3", "5", "7"]);
    }
}
