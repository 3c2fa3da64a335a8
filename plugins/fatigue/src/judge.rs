//! Why: all caps about one action: who decides, what is reserved, and how each cap stands afterwards.

use fishpond_sdk::Refusal;

use crate::cap::{Block, Cap, Frame, OnExceed, Standing};
use crate::counters::{Counters, Reach, Scope};
use crate::exemption::Bits;

/// What is asked about an action.
#[derive(Debug)]
pub struct Asked<'a> {
    /// `counters::reach_id` of the action's.
    pub id: u64,
    /// Milliseconds since the Unix epoch, receive clock, as all times here.
    pub time: u64,
    pub expires: u64,
    pub business: &'a str,
    pub scene: &'a str,
    pub bits: Bits,
}

/// What becomes of the action. `cap` is the one that decided.
#[derive(Debug, PartialEq, Eq)]
pub enum Ruling<'c> {
    Allow,
    Deny { cap: &'c str, block: Block },
    Hold { cap: &'c str, block: Block, until: u64 },
    Downgrade { cap: &'c str, block: Block, channel: &'c str },
}

/// The ruling, and how the caps stand after it.
#[derive(Debug)]
pub struct Judged<'c> {
    pub ruling: Ruling<'c>,
    /// The counters differ from before.
    pub changed: bool,
    /// In the order of the configuration.
    pub standings: Vec<(&'c Cap, Standing)>,
}

/// How one cap looks at the action.
struct Look<'c, 'a> {
    cap: &'c Cap,
    scope: Scope<&'a str>,
    frame: Option<Frame>,
    /// Without the action's own earlier reservation.
    standing: Standing,
    /// When that was counted, if it lies in the window.
    own: Option<u64>,
}

/// Judges the action and, if it passes and counts, counts it.
///
/// # Errors
/// `bad_time` if the calendar does not know the time.
pub fn judge<'c>(caps: &'c [Cap], counters: &mut Counters, asked: &Asked<'_>) -> Result<Judged<'c>, Refusal> {
    let looks = caps.iter().map(|cap| look(cap, counters, asked)).collect::<Result<Vec<_>, _>>()?;
    let ruling = if asked.bits.ignores_cap { Ruling::Allow } else { rule(&looks, asked) };
    let changed = match ruling {
        Ruling::Allow if asked.bits.counts => {
            count(&looks, counters, asked);
            true
        }
        // It goes, and counts toward nothing: neither does an earlier attempt of it.
        Ruling::Allow | Ruling::Downgrade { .. } => counters.give_back(asked.id),
        Ruling::Deny { .. } | Ruling::Hold { .. } => false,
    };
    let after = |look: Look<'c, '_>| {
        (look.cap, if changed { standing_after(&look, counters, asked.time) } else { look.standing })
    };
    Ok(Judged { ruling, changed, standings: looks.into_iter().map(after).collect() })
}

fn look<'c, 'a>(cap: &'c Cap, counters: &Counters, asked: &Asked<'a>) -> Result<Look<'c, 'a>, Refusal> {
    let scope = cap.scope(asked.business, asked.scene);
    let counter = counters.get(&cap.name, scope);
    // An own reservation may be what opened the window: it does not count, but the window stays where it is.
    let frame = cap.window.frame(counter, asked.time)?;
    let reaches = counter.map_or(&[][..], |counter| &counter.reaches);
    let others: Vec<u64> = reaches.iter().filter(|reach| reach.id != asked.id).map(|reach| reach.time).collect();
    let own = reaches.iter().find(|reach| reach.id == asked.id).map(|reach| reach.time);
    let own = own.filter(|time| frame.is_some_and(|frame| frame.start <= *time));
    Ok(Look { cap, scope, frame, standing: cap.standing(&others, frame, asked.time), own })
}

fn rule<'c>(looks: &[Look<'c, '_>], asked: &Asked<'_>) -> Ruling<'c> {
    let Some((exceeded, block)) = looks.iter().find_map(|look| Some((look.cap, look.standing.block()?))) else {
        return Ruling::Allow;
    };
    let cap = exceeded.name.as_str();
    let passes = looks.iter().filter_map(|look| look.standing.next()).max();
    match (&exceeded.on_exceed, passes) {
        (OnExceed::Hold, Some(until)) if until < asked.expires => Ruling::Hold { cap, block, until },
        (OnExceed::Downgrade { channel }, _) => Ruling::Downgrade { cap, block, channel },
        (OnExceed::Deny | OnExceed::Hold, _) => Ruling::Deny { cap, block },
    }
}

fn count(looks: &[Look<'_, '_>], counters: &mut Counters, asked: &Asked<'_>) {
    for look in looks {
        let reach = Reach { time: look.own.unwrap_or(asked.time), id: asked.id };
        counters.count(look.cap, look.scope, reach);
        let counter = counters.get(&look.cap.name, look.scope);
        let frame = look.cap.window.frame_again(look.frame, counter, asked.time);
        if let Some(frame) = frame {
            counters.opened(&look.cap.name, look.scope, frame.start);
        }
    }
}

fn standing_after(look: &Look<'_, '_>, counters: &Counters, time: u64) -> Standing {
    let counter = counters.get(&look.cap.name, look.scope);
    let frame = look.cap.window.frame_again(look.frame, counter, time);
    let reaches: Vec<u64> = counter.iter().flat_map(|counter| &counter.reaches).map(|reach| reach.time).collect();
    look.cap.standing(&reaches, frame, time)
}
