//! The numbers of the enums without fields, each in one place for both ways.

use super::frame::Kind;
use super::wire::{Read, Reader, Writer};
use crate::model::outreach::{CandidateFate, Cause, Class, DeliveryEnd, Fail};
use crate::model::{OnError, OnLag, OnQuarantine, PauseCause, TimerClock};

/// An enum that is stored as one byte.
pub trait Tagged: Copy {
    /// For errors.
    const WHAT: &'static str;

    fn tag(self) -> u8;

    fn of(tag: u8) -> Option<Self>;
}

impl Writer {
    pub fn tag(&mut self, value: impl Tagged) {
        self.byte(value.tag());
    }
}

impl Reader<'_> {
    pub fn tag<T: Tagged>(&mut self) -> Read<T> {
        T::of(self.byte(T::WHAT)?).map_or_else(|| self.error(T::WHAT), Ok)
    }
}

macro_rules! tags {
    ($kind:ident, $what:literal: $($variant:ident = $tag:literal),+) => {
        impl Tagged for $kind {
            const WHAT: &'static str = $what;

            fn tag(self) -> u8 {
                match self {
                    $($kind::$variant => $tag,)+
                }
            }

            fn of(tag: u8) -> Option<$kind> {
                match tag {
                    $($tag => Some($kind::$variant),)+
                    _ => None,
                }
            }
        }
    };
}

tags!(Kind, "frame kind": Input = 0, Control = 1, Outcome = 2, Mark = 3, Tick = 4, Report = 5, Outreach = 6);
tags!(OnError, "on_error": Skip = 0, Pause = 1);
tags!(OnQuarantine, "on_quarantine": Stop = 0, Rollback = 1);
tags!(OnLag, "on_lag": Park = 0, Block = 1);
tags!(PauseCause, "cause of a pause": Operator = 0, Lag = 1, Host = 2, Fault = 3, Gap = 4, Quarantine = 5);
tags!(TimerClock, "timer clock": Receive = 0, Event = 1);
tags!(Class, "class": Critical = 0, Transactional = 1, Marketing = 2);
tags!(Fail, "filter's on_error": Open = 0, Closed = 1);
tags!(Cause, "cause": Match = 0, Release = 1, Retry = 2, Arrival = 3);
tags!(CandidateFate, "candidate's fate": Chosen = 0, Outranked = 1, NotYetValid = 2, Expired = 3, Disabled = 4);
tags!(DeliveryEnd, "delivery's end":
    Acknowledged = 0, Delivered = 1, Failed = 2, Unknown = 3, Expired = 4, ExpiredUnacked = 5);

#[cfg(test)]
mod tests {
    use super::*;

    fn variants<T: Tagged>() -> usize {
        let known: Vec<(u8, T)> = (0..=u8::MAX).filter_map(|tag| Some((tag, T::of(tag)?))).collect();
        assert!(known.iter().all(|(tag, value)| value.tag() == *tag), "{}", T::WHAT);
        assert!(Reader::new(&[known.len() as u8]).tag::<T>().is_err(), "{}", T::WHAT);
        known.len()
    }

    #[test]
    fn every_variant_has_its_own_number() {
        assert_eq!(variants::<Kind>(), 7);
        assert_eq!(variants::<OnError>(), 2);
        assert_eq!(variants::<OnQuarantine>(), OnQuarantine::ALL.len());
        assert_eq!(variants::<OnLag>(), OnLag::ALL.len());
        assert_eq!(variants::<PauseCause>(), PauseCause::ALL.len());
        assert_eq!(variants::<TimerClock>(), 2);
        assert_eq!(variants::<Class>(), Class::ALL.len());
        assert_eq!(variants::<Fail>(), 2);
        assert_eq!(variants::<Cause>(), 4);
        assert_eq!(variants::<CandidateFate>(), 5);
        assert_eq!(variants::<DeliveryEnd>(), DeliveryEnd::ALL.len());
    }
}
