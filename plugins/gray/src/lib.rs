//! A share of all persons: for trying something on a few. Who belongs to it is a function of the salt and the person,
//! so nothing is stored:
//!
//! `bucket` = the first 8 bytes, big-endian, of SHA-256(salt, `\n`, person) modulo 10,000; the action passes if
//! `bucket` < 100 x `percent`.
//!
//! | salt | person | bucket |
//! |---|---|---|
//! | `spring-2026` | `ann` | 9296 |
//! | `spring-2026` | `bob` | 1556 |
//! | `autumn` | `ann` | 5956 |
//!
//! While the percentage grows, everybody who is in stays in. When it falls, exactly those leave whose buckets lie from
//! the new bound up to the old one. Another salt is another choice of persons, independent of this one.

use fishpond_sdk::prelude::*;
use sha2::{Digest, Sha256};

/// Of one percent: the finest step of the share.
const STEPS: f64 = 100.0;
/// Of the whole.
const BUCKETS: u64 = 10_000;
/// Bytes.
const SALT_MAX: usize = 64;
/// What a decimal number may miss its step by, in steps: far above what doubles lose below 10,000, far below a third
/// decimal place.
const ROUNDING: f64 = 1e-6;

/// What an operator sets.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Percent of all persons who pass, in steps of 0.01.
    #[schemars(range(min = 0.0, max = 100.0))]
    percent: f64,
    /// 1 to 64 bytes: chooses the persons. Keep it while the percentage changes.
    #[schemars(length(min = 1, max = SALT_MAX))]
    salt: String,
}

/// The numbers of both verdicts.
#[derive(Serialize)]
struct Numbers {
    /// 0 to 9,999; it passes below 100 x `percent`.
    bucket: u64,
    percent: f64,
}

/// The filter of one deployment.
pub struct Gray {
    percent: f64,
    /// Buckets below it pass.
    bound: u64,
    salt: String,
}

impl Rule for Gray {
    type Config = Config;

    fn configure(config: Config, plan: &mut Plan) -> Result<Self, Vec<Diagnostic>> {
        let Config { percent, salt } = config;
        plan.check("/percent", percent, 0.0..=100.0, "percent");
        plan.check("/salt", salt.len(), 1..=SALT_MAX, "bytes");
        let bound = steps(percent);
        if bound.is_none() {
            let message = format!("{percent} percent is finer than 0.01 percent");
            plan.refuse(Diagnostic::new("/percent", message, "choose two decimal places at most"));
        }
        plan.judges([VerdictKind::Allow, VerdictKind::Deny]);
        // One that is finer is refused by now.
        Ok(Self { percent, bound: bound.unwrap_or_default(), salt })
    }
}

impl Filter for Gray {
    fn judge(&self, action: &Action, _: &mut Context<'_>) -> Result<Verdict, Refusal> {
        let bucket = bucket(&self.salt, &action.person);
        let verdict = if bucket < self.bound { Verdict::allow() } else { Verdict::deny("outside_gray") };
        Ok(verdict.numbers(&Numbers { bucket, percent: self.percent }))
    }
}

/// The percentage in steps of 0.01; None if it is finer.
fn steps(percent: f64) -> Option<u64> {
    let steps = percent * STEPS;
    ((steps - steps.round()).abs() <= ROUNDING).then_some(steps.round() as u64)
}

fn bucket(salt: &str, person: &str) -> u64 {
    let hash = Sha256::new().chain_update(salt).chain_update("\n").chain_update(person).finalize();
    let (first, _) = hash.split_first_chunk().expect("a hash has 32 bytes");
    u64::from_be_bytes(*first) % BUCKETS
}

fishpond_sdk::export!(Gray with filter);

#[cfg(test)]
mod tests;
