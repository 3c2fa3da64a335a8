//! Does nothing with every event: what a call costs, for `fishpond bench`.

use fishpond_sdk::prelude::*;

pub struct NoopRule;

impl Rule for NoopRule {
    type Config = NoConfig;

    fn configure(_: NoConfig, plan: &mut Plan) -> Result<Self, Vec<Diagnostic>> {
        plan.subscribe("blacklists", ["blacklist"], Path::Subject);
        Ok(Self)
    }

    fn on_event(&self, _: &Event, _: &mut Context<'_>) -> Result<(), Refusal> {
        Ok(())
    }
}

fishpond_sdk::export!(NoopRule);

#[cfg(test)]
mod tests {
    use fishpond_sdk::testing::{Host, event};
    use serde_json::json;

    use super::NoopRule;

    #[test]
    fn nothing_is_found() {
        let mut host = Host::<NoopRule>::new(json!({})).expect("the configuration is right");
        host.event(event("blacklist").subject("ann").time("10:00:00"));
        assert!(host.matches().is_empty());
    }
}
