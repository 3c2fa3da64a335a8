//! What one deployment has used and done, read from its counters.

use std::collections::BTreeMap;

use prometheus::IntCounterVec;
use prometheus::core::Collector;

use super::Metrics;

/// Since the start of the host.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Usage {
    pub fuel: u64,
    /// Time in the guest, microseconds.
    pub guest_us: u64,
    /// Calls into the guest.
    pub calls: u64,
    /// Inputs by how they ended.
    pub inputs: BTreeMap<String, u64>,
    /// Matches by name.
    pub matches: BTreeMap<String, u64>,
}

impl Metrics {
    /// What a deployment has used and done so far.
    pub fn usage(&self, business: &str, deployment: &str) -> Usage {
        let one = |counter: &IntCounterVec| counter.with_label_values(&[business, deployment]).get();
        Usage {
            fuel: one(&self.fuel),
            guest_us: one(&self.guest_microseconds),
            calls: one(&self.calls),
            inputs: by_label(&self.inputs, business, deployment, "end"),
            matches: by_label(&self.matches, business, deployment, "match"),
        }
    }
}

/// A deployment's values by another label.
fn by_label(counter: &IntCounterVec, business: &str, deployment: &str, label: &str) -> BTreeMap<String, u64> {
    let mut values = BTreeMap::new();
    for family in counter.collect() {
        for metric in family.get_metric() {
            let value =
                |name: &str| metric.get_label().iter().find(|pair| pair.name() == name).map(|pair| pair.value());
            if (value("business"), value("deployment")) == (Some(business), Some(deployment))
                && let Some(key) = value(label)
            {
                values.insert(key.to_owned(), metric.get_counter().get_value() as u64);
            }
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_is_that_of_one_deployment() {
        let metrics = Metrics::new().expect("metrics");
        for (business, deployment, n) in [("b", "d", 3), ("b", "e", 5), ("c", "d", 7)] {
            metrics.fuel.with_label_values(&[business, deployment]).inc_by(n);
            metrics.inputs.with_label_values(&[business, deployment, "done"]).inc_by(n);
            metrics.inputs.with_label_values(&[business, deployment, "trap"]).inc_by(n + 1);
            metrics.matches.with_label_values(&[business, deployment, "m"]).inc_by(n + 2);
        }
        let usage = metrics.usage("b", "d");
        let named = |pairs: &[(&str, u64)]| pairs.iter().map(|(name, n)| ((*name).to_owned(), *n)).collect();
        let (inputs, matches) = (named(&[("done", 3), ("trap", 4)]), named(&[("m", 5)]));
        assert_eq!(usage, Usage { fuel: 3, guest_us: 0, calls: 0, inputs, matches });
    }
}
