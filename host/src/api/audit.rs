//! What the log says of users' tokens that were used for others: every attempt, as long as there are not too many of them.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::user_token::User;

/// Lines of the log in one second: whoever tries a whole crowd must not fill the disk.
const LINES: u32 = 20;
const SECOND: Duration = Duration::from_secs(1);
/// Of a name that a stranger has chosen, characters.
const SHOWN: usize = 256;

/// One for the host.
#[derive(Debug, Default)]
pub struct Audit(Mutex<Window>);

/// The second that is under way.
#[derive(Debug, Default)]
struct Window {
    begun: Option<Instant>,
    lines: u32,
    unsaid: u64,
}

impl Window {
    /// How many attempts were left out before this one, if it is to be said.
    fn due(&mut self, now: Instant) -> Option<u64> {
        if self.begun.is_none_or(|begun| now >= begun + SECOND) {
            (self.begun, self.lines) = (Some(now), 0);
        }
        if self.lines == LINES {
            self.unsaid += 1;
            return None;
        }
        self.lines += 1;
        Some(std::mem::take(&mut self.unsaid))
    }
}

impl Audit {
    /// A token of `user` was used for `person` of `business`; `code` says what is wrong.
    pub fn tell(&self, code: &str, user: &User, business: &str, person: &str) {
        let due = self.0.lock().unwrap_or_else(PoisonError::into_inner).due(Instant::now());
        let Some(unsaid) = due else { return };
        let (who, of) = (&*user.id, &*user.business);
        let whom: String = person.chars().take(SHOWN).collect();
        // The log's filter lets this target pass whatever its level is.
        tracing::warn!(
            target: "fishpond::audit",
            audit = code, who, of, whom, business, unsaid, "refused: a user's token was used for another"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_has_so_many_lines_and_the_next_one_says_what_was_left_out() {
        let (mut window, start) = (Window::default(), Instant::now());
        let at = |ms| start + Duration::from_millis(ms);
        for line in 0..LINES {
            assert_eq!(window.due(at(line.into())), Some(0));
        }
        for _ in 0..3 {
            assert_eq!(window.due(at(999)), None);
        }
        assert_eq!([window.due(at(1_000)), window.due(at(1_000))], [Some(3), Some(0)]);
    }
}
