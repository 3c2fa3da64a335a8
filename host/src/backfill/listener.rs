//! Whoever is told: a backfill that nobody listens to any more ends, and one that finds nothing for long says that it lives.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::error::Error;
use super::pace::Pace;

/// A rest is cut into such pieces, so that whoever ends the backfill does not wait for the end of it.
const PIECE: Duration = Duration::from_millis(50);

/// Looked at between two pieces of work.
pub struct Listener<'a> {
    to: &'a mut dyn Write,
    stop: &'a AtomicBool,
    pace: Pace,
    /// The longest time without a word.
    silence: Duration,
    flushed: Instant,
}

impl<'a> Listener<'a> {
    pub fn new(to: &'a mut dyn Write, stop: &'a AtomicBool, pace: Pace, silence: Duration) -> Listener<'a> {
        Listener { to, stop, pace, silence, flushed: Instant::now() }
    }

    /// Is it still wanted? Rests as long as it has to. Never to be called within a line.
    ///
    /// # Errors
    /// [`Error::Stopped`], [`Error::Write`].
    pub fn look(&mut self) -> Result<(), Error> {
        self.attend()?;
        let mut left = self.pace.owed();
        if left.is_zero() {
            return Ok(());
        }
        while !left.is_zero() {
            let piece = left.min(PIECE);
            std::thread::sleep(piece);
            left -= piece;
            self.attend()?;
        }
        self.pace.begin();
        Ok(())
    }

    fn attend(&mut self) -> Result<(), Error> {
        if self.stop.load(Ordering::Acquire) {
            return Err(Error::Stopped);
        }
        if self.flushed.elapsed() >= self.silence {
            // An empty line: nothing that programs would have to tell from what was found.
            self.write_all(b"\n")?;
            self.flush()?;
        }
        Ok(())
    }

    fn wait<T>(&mut self, write: impl FnOnce(&mut dyn Write) -> io::Result<T>) -> io::Result<T> {
        let begun = Instant::now();
        let done = write(self.to);
        self.pace.waited(begun.elapsed());
        done
    }
}

impl Write for Listener<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.wait(|to| to.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.wait(|to| to.flush())?;
        self.flushed = Instant::now();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_hears_nothing_for_long_is_told_that_it_goes_on_and_a_rest_ends_with_a_stop() {
        let stop = AtomicBool::new(false);
        let told = |silence, pace| {
            let mut told = Vec::new();
            let looked = Listener::new(&mut told, &stop, pace, silence).look();
            (looked.is_ok(), told)
        };
        let hour = Duration::from_secs(3_600);
        assert_eq!(told(hour, Pace::new(100)), (true, Vec::new()));
        assert_eq!(told(Duration::ZERO, Pace::new(100)), (true, b"\n".to_vec()));
        let mut nobody = io::sink();
        let pace = Pace::new(1);
        while pace.owed() < Duration::from_secs(30) {}
        let mut resting = Listener::new(&mut nobody, &stop, pace, hour);
        let begun = Instant::now();
        let ended = std::thread::scope(|scope| {
            scope.spawn(|| stop.store(true, Ordering::Release));
            resting.look()
        });
        assert!(matches!(ended, Err(Error::Stopped)) && begun.elapsed() < Duration::from_secs(20), "{ended:?}");
    }
}
