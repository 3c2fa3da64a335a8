//! Values for the tests of this room, and the one way in which they are checked.

use std::fmt::Debug;

use super::wire::CodecError;
use crate::model::outreach::{Action, ActionId, Channel, Class, Offline, Origin, Published, Tag};
use crate::model::{Digest, Entry, EventRef, Lsn, Op, Signal, Timer, TimerClock, Value};

/// The value comes back whole; cut short anywhere, or with a byte too many, it is refused.
pub fn comes_back<T: PartialEq + Debug>(
    value: &T,
    encode: impl Fn(&T) -> Vec<u8>,
    mut decode: impl FnMut(&[u8]) -> Result<T, CodecError>,
) {
    let mut bytes = encode(value);
    assert_eq!(decode(&bytes).as_ref(), Ok(value));
    for cut in 0..bytes.len() {
        assert!(decode(&bytes[..cut]).is_err(), "{value:?} cut at {cut}");
    }
    bytes.push(0);
    assert!(decode(&bytes).is_err(), "{value:?} with a byte more");
}

pub fn event_ref(lsn: u64) -> EventRef {
    EventRef { lsn: Lsn(lsn), source: "app".into(), id: format!("e{lsn}").into() }
}

/// Every operation. Applied to a document, a value, a window and both clocks' timers remain.
pub fn ops() -> Vec<Op> {
    let set = |name: &str, expires| Op::Set { name: name.into(), value: Value { bytes: Box::new([1, 2]), expires } };
    let timer = |name: &str, clock, number| Op::SetTimer {
        name: name.into(),
        timer: Timer { clock, due: 1 << 41, context: "later".into(), at: Lsn(300), number, state_version: 4, hops: 5 },
    };
    let entry = Entry { time: 5, amount: -3, member: "m".into(), event: event_ref(7) };
    vec![
        set("a", None),
        set("b", Some(9)),
        Op::Remove { name: "a".into() },
        Op::Expire { until: 8 },
        Op::Observe { window: "w".into(), length_ms: 10, received: 6, entry },
        Op::Forget { window: "w".into(), member: Some("other".into()), until: 8 },
        Op::Forget { window: "w".into(), member: None, until: 1 },
        timer("t", TimerClock::Receive, 0),
        timer("u", TimerClock::Event, 1),
        timer("v", TimerClock::Event, 2),
        Op::CancelTimer { name: "v".into() },
    ]
}

pub fn origin() -> Origin {
    Origin {
        lsn: Lsn(1_000),
        match_id: u128::MAX - 5,
        match_name: "high_risk".into(),
        deployment: "blacklist".into(),
        revision: 3,
        digest: Digest([7; 32]),
        hops: 1,
    }
}

pub fn action() -> Action {
    Action {
        id: ActionId(1 << 100),
        business: "demo".into(),
        person: "user:1".into(),
        origin: origin(),
        policy: "welcome".into(),
        policy_revision: 2,
        class: Class::Transactional,
        channel: Channel::Slot("banner".into()),
        scene: "home".into(),
        priority: -10,
        content: r#"{"title":"Hi"}"#.into(),
        fields: r#"{"score":9}"#.into(),
        time: 1 << 40,
        expires: (1 << 40) + 60_000,
        offline: Offline::Fallback(Channel::Log),
    }
}

pub fn channels() -> [Channel; 3] {
    [Channel::App, Channel::Slot("banner".into()), Channel::Log]
}

pub fn offlines() -> [Offline; 3] {
    [Offline::Keep, Offline::Drop, Offline::Fallback(Channel::App)]
}

pub fn tags() -> [Tag; 2] {
    [None, Some(1 << 41)].map(|expires| Tag {
        name: "risk".into(),
        value: "high".into(),
        origin: origin(),
        policy: "mark".into(),
        policy_revision: 4,
        since: 1 << 40,
        expires,
    })
}

pub fn published() -> Published {
    Published {
        id: 1 << 90,
        event_type: "risk.raised".into(),
        subject: "user:1".into(),
        actor: "user:2".into(),
        data: r#"{"score":9}"#.into(),
        time: 1 << 40,
        hops: 2,
    }
}

pub fn signal() -> Signal {
    Signal { id: 1 << 91, key: "user:3".into(), name: "word".into(), payload: "{}".into() }
}
