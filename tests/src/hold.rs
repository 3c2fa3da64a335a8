//! A disk that can be held, or fail, at a failpoint of the journal.

use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use fishpond::journal::Failpoint;
use fishpond::model::Lsn;

#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Mode {
    #[default]
    Pass,
    Hold,
    Fail,
}

#[derive(Default)]
struct State {
    mode: Mode,
    /// The journal stands at the failpoint.
    held: bool,
    calls: u64,
}

/// What a test does to the disk.
#[derive(Default)]
pub struct Hold {
    state: Arc<(Mutex<State>, Condvar)>,
}

impl Hold {
    /// To be given to the journal.
    pub fn failpoint(&self) -> Failpoint {
        let state = self.state.clone();
        Arc::new(move |_: Lsn| {
            let (state, changed) = &*state;
            let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
            state.calls += 1;
            if state.mode == Mode::Hold {
                state.held = true;
                changed.notify_all();
                state =
                    changed.wait_while(state, |state| state.mode == Mode::Hold).unwrap_or_else(PoisonError::into_inner);
                state.held = false;
            }
            if state.mode == Mode::Fail { Err(io::Error::other("no more disk")) } else { Ok(()) }
        })
    }

    fn set(&self, mode: Mode) {
        self.state.0.lock().unwrap_or_else(PoisonError::into_inner).mode = mode;
        self.state.1.notify_all();
    }

    /// From now on the journal stands still when it comes to the failpoint, until the answer is dropped. Declare it
    /// after the world: a test that fails must let go before the world waits for its journal.
    pub fn begin(&self) -> Held<'_> {
        self.set(Mode::Hold);
        Held(self)
    }

    pub fn wait_until_held(&self) {
        let state = self.state.0.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.state.1.wait_while(state, |state| !state.held));
    }

    /// From now on the failpoint answers an error.
    pub fn fail(&self) {
        self.set(Mode::Fail);
    }

    /// How often the journal came by.
    pub fn calls(&self) -> u64 {
        self.state.0.lock().unwrap_or_else(PoisonError::into_inner).calls
    }
}

/// Dropped, it lets the journal go on.
#[must_use]
pub struct Held<'a>(&'a Hold);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.set(Mode::Pass);
    }
}
