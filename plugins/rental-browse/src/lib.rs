//! Four different rental houses browsed within half an hour: the match `rental_interest` with their ids, once per
//! cool-down. What follows from it is for the business that subscribes to the match: this rule only collects.
//!
//! Events of other categories are rejected by the host before any call, so no data is parsed here.

use fishpond_sdk::prelude::*;

/// Seconds: 31 days.
const LONGEST_S: u64 = 31 * 86_400;

/// What an operator sets.
#[derive(Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Different houses that show an interest.
    #[schemars(range(min = 1, max = 100))]
    different_houses: u64,
    /// Seconds within which they must have been browsed, both edges inclusive.
    #[schemars(range(min = 1, max = LONGEST_S))]
    window_s: u64,
    /// Seconds after a match in which there is no second one about the same person.
    #[schemars(range(min = 1, max = LONGEST_S))]
    cooldown_s: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self { different_houses: 4, window_s: 1_800, cooldown_s: 86_400 }
    }
}

/// The fields of `rental_interest`.
#[derive(Serialize, JsonSchema)]
struct RentalInterest {
    /// Ids of the houses, sorted.
    houses: Vec<String>,
}

/// The rule of one deployment.
pub struct RentalBrowse {
    houses: Window,
    interest: Match<RentalInterest>,
    different_houses: u64,
    cooldown: Duration,
}

impl Rule for RentalBrowse {
    type Config = Config;

    fn configure(config: Config, plan: &mut Plan) -> Result<Self, Vec<Diagnostic>> {
        plan.check("/different_houses", config.different_houses, 1..=100, "houses");
        plan.check("/window_s", config.window_s, 1..=LONGEST_S, "seconds");
        plan.check("/cooldown_s", config.cooldown_s, 1..=LONGEST_S, "seconds");
        plan.subscribe("browses", ["browse"], Path::Actor)
            .select([Field::Subject])
            .only_if(data("category").equals("rental"));
        Ok(Self {
            houses: plan.sliding("houses", Duration::from_secs(config.window_s)),
            interest: plan.emits("rental_interest"),
            different_houses: config.different_houses,
            cooldown: Duration::from_secs(config.cooldown_s),
        })
    }

    fn on_event(&self, event: &Event, cx: &mut Context<'_>) -> Result<(), Refusal> {
        if event.subject.is_empty() {
            return Err(Refusal::bad_event("no house was browsed: set the attribute `subject`"));
        }
        let seen = cx.observe(self.houses, &event.subject);
        if seen.distinct >= self.different_houses && cx.start_cooldown("rental_interest", self.cooldown) {
            let houses = cx.members(self.houses);
            let found = self.interest.about(&event.key, &RentalInterest { houses });
            cx.emit(found.window(self.houses).once_per(self.cooldown));
            // Each browse counts toward one match, also where the cool-down is shorter than the window.
            cx.clear(self.houses);
        }
        Ok(())
    }
}

fishpond_sdk::export!(RentalBrowse);

#[cfg(test)]
mod tests;
