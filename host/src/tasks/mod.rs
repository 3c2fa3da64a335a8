//! Threads with a name and an owner, and the bell that wakes them.

use std::sync::{Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Wakes a thread that waits for any of several things. Rings are counted, so one that comes before the wait is not
/// lost.
#[derive(Debug, Default)]
pub struct Bell {
    rings: Mutex<u64>,
    rung: Condvar,
}

impl Bell {
    pub fn ring(&self) {
        *self.rings.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.rung.notify_all();
    }

    /// Rings so far; look at it before looking for work.
    pub fn rings(&self) -> u64 {
        *self.rings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a ring after `seen`, at most for `longest`.
    pub fn wait(&self, seen: u64, longest: Duration) {
        let rings = self.rings.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.rung.wait_timeout_while(rings, longest, |rings| *rings == seen);
        drop(waited);
    }
}

/// A named thread. Its owner joins it; a panic is logged by name and comes back as None.
#[derive(Debug)]
pub struct Thread<T> {
    name: &'static str,
    handle: JoinHandle<T>,
}

impl<T: Send + 'static> Thread<T> {
    pub fn spawn(name: &'static str, run: impl FnOnce() -> T + Send + 'static) -> std::io::Result<Thread<T>> {
        let handle = std::thread::Builder::new().name(name.to_owned()).spawn(run)?;
        Ok(Thread { name, handle })
    }

    pub fn join(self) -> Option<T> {
        self.handle.join().inspect_err(|_| tracing::error!(thread = self.name, "the thread panicked")).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn a_ring_before_the_wait_is_not_lost() {
        let bell = Arc::new(Bell::default());
        let seen = bell.rings();
        bell.ring();
        bell.wait(seen, Duration::from_secs(3_600));
        let other = bell.clone();
        let seen = bell.rings();
        let thread = Thread::spawn("ringer", move || other.ring()).expect("a thread");
        bell.wait(seen, Duration::from_secs(3_600));
        assert_eq!(thread.join(), Some(()));
    }
}
