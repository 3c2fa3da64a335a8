//! Seeded events of the bench: blacklistings, each key met at random.

use crate::model::Event;

/// First event's time, milliseconds.
const START: u64 = 1_780_000_000_000;

pub struct Crowd {
    pub seed: u64,
    pub keys: u64,
}

impl Crowd {
    /// Events `from..to` of the stream. Event i is the same whatever the range: a thousand events a second of event
    /// time, a key is one of `keys` uniformly, an actor one of as many.
    pub fn events(&self, from: u64, to: u64) -> Vec<Event> {
        (from..to).map(|number| self.event(number)).collect()
    }

    fn event(&self, number: u64) -> Event {
        let mut random = fastrand::Rng::with_seed(self.seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let time = START + number;
        Event {
            business: super::BUSINESS.into(),
            source: "bench".into(),
            id: number.to_string().into(),
            kind: "blacklist".into(),
            subject: format!("user:{}", random.u64(..self.keys)).into(),
            actor: format!("user:{}", random.u64(..self.keys)).into(),
            time,
            received: time,
            ..Event::default()
        }
    }
}
