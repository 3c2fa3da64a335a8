//! Threads with a name and an owner, and the bell that wakes them.

use std::sync::{Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

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

/// How long a lock of another holder is waited for.
const PATIENCE: Duration = Duration::from_secs(1);
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// Tries again for a second while something is held by another: one that is just ending, or a child of this process between
/// fork and exec, which has copies of our locks.
pub fn patiently<T, E>(mut attempt: impl FnMut() -> Result<T, E>, is_held: impl Fn(&E) -> bool) -> Result<T, E> {
    let begun = Instant::now();
    loop {
        match attempt() {
            Err(error) if is_held(&error) && begun.elapsed() < PATIENCE => std::thread::sleep(LOOK_AGAIN),
            ended => return ended,
        }
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
