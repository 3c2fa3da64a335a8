//! Blacklisted by several different users within a short time (by default two within one minute): the match
//! `high_risk` about the blacklisted user, once per cool-down. `unblacklist` drops the entries before it.
//!
//! An ordinary event is one host call: only the actor is selected, no data is parsed, and the cool-down is read only
//! when there are enough different users.

use fishpond_sdk::prelude::*;

/// Seconds: 31 days.
const LONGEST_S: u64 = 31 * 86_400;

/// What an operator sets.
#[derive(Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Seconds within which the users must have acted, both edges inclusive.
    #[schemars(range(min = 1, max = LONGEST_S))]
    window_s: u64,
    /// Different users that make a risk.
    #[schemars(range(min = 1, max = 1000))]
    different_users: u64,
    /// Seconds after a match in which there is no second one about the same user.
    #[schemars(range(min = 1, max = LONGEST_S))]
    cooldown_s: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self { window_s: 60, different_users: 2, cooldown_s: 86_400 }
    }
}

/// The fields of `high_risk`.
#[derive(Serialize, JsonSchema)]
struct HighRisk {
    /// Who blacklisted, sorted.
    by: Vec<String>,
}

/// The answer to the query `window`.
#[derive(Serialize, JsonSchema)]
struct Members {
    /// Who blacklisted within the window that ends at the newest event, sorted.
    by: Vec<String>,
    /// Different users that make a risk.
    needed: u64,
}

/// The rule of one deployment.
pub struct C2cBlacklist {
    blacklists: u32,
    blacklisters: Window,
    high_risk: Match<HighRisk>,
    different_users: u64,
    cooldown: Duration,
}

impl Rule for C2cBlacklist {
    type Config = Config;

    fn configure(config: Config, plan: &mut Plan) -> Result<Self, Vec<Diagnostic>> {
        plan.check("/window_s", config.window_s, 1..=LONGEST_S, "seconds");
        plan.check("/different_users", config.different_users, 1..=1_000, "users");
        plan.check("/cooldown_s", config.cooldown_s, 1..=LONGEST_S, "seconds");
        plan.answers::<NoParameters, Members>("window");
        let blacklists = plan.subscribe("blacklists", ["blacklist"], Path::Subject).select([Field::Actor]).number();
        plan.subscribe("unblacklists", ["unblacklist"], Path::Subject);
        Ok(Self {
            blacklists,
            blacklisters: plan.sliding("blacklisters", Duration::from_secs(config.window_s)),
            high_risk: plan.emits("high_risk"),
            different_users: config.different_users,
            cooldown: Duration::from_secs(config.cooldown_s),
        })
    }

    fn on_event(&self, event: &Event, cx: &mut Context<'_>) -> Result<(), Refusal> {
        if event.subscription != self.blacklists {
            cx.clear(self.blacklisters);
            return Ok(());
        }
        if event.actor.is_empty() {
            return Err(Refusal::bad_event("nobody acted: set the extension `actorid`"));
        }
        let seen = cx.observe(self.blacklisters, &event.actor);
        if seen.distinct >= self.different_users && cx.start_cooldown("high_risk", self.cooldown) {
            let by = cx.members(self.blacklisters);
            let found = self.high_risk.about(&event.key, &HighRisk { by });
            cx.emit(found.window(self.blacklisters).once_per(self.cooldown));
        }
        Ok(())
    }
}

impl Queries for C2cBlacklist {
    fn on_query(&self, _: &Query, cx: &mut QueryContext<'_>) -> Result<Reply, Refusal> {
        Ok(Reply::ok(&Members { by: cx.members(self.blacklisters), needed: self.different_users }))
    }
}

fishpond_sdk::export!(C2cBlacklist with queries);

#[cfg(test)]
mod tests;
