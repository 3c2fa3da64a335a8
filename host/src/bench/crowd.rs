//! Seeded events of the bench: blacklistings, each key met at random.

use crate::model::Event;

/// First event's time, milliseconds.
const START: u64 = 1_780_000_000_000;

/// Which keys come how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spread {
    /// All alike: hardly any document is met twice while there are more keys than events.
    Uniform,
    /// Zipf's law with exponent 1: the k-th of n keys with probability ln(1 + 1/k) / ln(n + 1), which is 1/k but for the
    /// first few. Continuous inversion; Hörmann and Derflinger, "Rejection-inversion to generate variates from monotone
    /// discrete distributions" (1996), without the rejection.
    Zipf,
    /// One after the other: as many events as keys meet each once.
    Turns,
}

impl Spread {
    /// A number below `keys` for an event's number, from one drawn evenly from 0 to 1.
    fn pick(self, keys: u64, number: u64, drawn: f64) -> u64 {
        let n = keys as f64;
        let picked = match self {
            Spread::Uniform => drawn * n,
            Spread::Zipf => (drawn * (n + 1.0).ln()).exp() - 1.0,
            Spread::Turns => return number % keys,
        };
        (picked as u64).min(keys - 1)
    }
}

pub struct Crowd {
    pub seed: u64,
    pub keys: u64,
    pub spread: Spread,
    /// Events in each second of event time.
    pub per_second: u64,
}

impl Crowd {
    /// Events `from..to` of the stream. Event i is the same whatever the range: a key is one of `keys` as they are spread,
    /// an actor one of as many, evenly.
    pub fn events(&self, from: u64, to: u64) -> Vec<Event> {
        (from..to).map(|number| self.event(number)).collect()
    }

    fn event(&self, number: u64) -> Event {
        let mut random = fastrand::Rng::with_seed(self.seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let time = START + number * 1_000 / self.per_second;
        Event {
            business: super::BUSINESS.into(),
            source: "bench".into(),
            id: number.to_string().into(),
            kind: "blacklist".into(),
            subject: format!("user:{}", self.spread.pick(self.keys, number, random.f64())).into(),
            actor: format!("user:{}", random.u64(..self.keys)).into(),
            time,
            received: time,
            ..Event::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Events of each key, of a hundred thousand.
    fn drawn(spread: Spread, keys: u64) -> Vec<u64> {
        let crowd = Crowd { seed: 3, keys, spread, per_second: 1_000 };
        let mut counts = vec![0; keys as usize];
        for event in crowd.events(0, 100_000) {
            let key = event.subject.strip_prefix("user:").expect("a user").parse::<usize>().expect("a number");
            counts[key] += 1;
        }
        counts
    }

    #[test]
    fn keys_come_as_often_as_their_spread_says() {
        let even = drawn(Spread::Uniform, 10);
        assert!(even.iter().all(|count| (9_500..10_500).contains(count)), "{even:?}");
        let zipf = drawn(Spread::Zipf, 1_000);
        for key in [0_usize, 1, 9, 99] {
            let expected = 100_000.0 * (1.0 / (key as f64 + 1.0)).ln_1p() / 1_001_f64.ln();
            let off = (zipf[key] as f64 - expected).abs();
            assert!(off < 5.0 * expected.sqrt(), "key {key}: {} and not {expected}", zipf[key]);
        }
        assert_eq!(drawn(Spread::Zipf, 1), [100_000]);
        assert_eq!(drawn(Spread::Turns, 1_000), [100; 1_000]);
    }
}
