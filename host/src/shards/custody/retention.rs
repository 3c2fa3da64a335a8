//! Retention: which part of the journal the limits would let go of, who still needs some of it, and letting go of the rest.

use super::Keeper;
use crate::model::Lsn;

/// Who needs the journal from a position on, as the metrics call it.
struct Need {
    by: &'static str,
    from: Lsn,
}

impl Keeper {
    /// Releases what is beyond `retention_bytes` or `retention_ms` and below everything that is needed.
    pub fn retain(&mut self) {
        let (log, limits, metrics) = (&self.parts.log, &self.parts.limits, &self.parts.metrics);
        let limit = |value: u64| (value > 0).then_some(value);
        // Before anybody is asked: who begins to read meanwhile begins behind it, or is found in a gap.
        let point = log.journal().release_point(limit(limits.retention_bytes), limit(limits.retention_ms));
        if point > log.first() {
            self.copies.verify(&self.stop);
        }
        let needs = self.needs();
        for need in &needs {
            let held = log.bytes_from(need.from).saturating_sub(log.bytes_from(point));
            metrics.retention_held_bytes.with_label_values(&[need.by]).set(held as i64);
        }
        let before = needs.iter().map(|need| need.from).fold(point, Lsn::min);
        // Whoever has read something need not have made its outcome durable: a crash would send it back.
        if before > log.first() && log.wait_committed(log.last()).is_ok() {
            match log.release(before) {
                Ok(release) if release.segments > 0 => {
                    tracing::info!(first = %release.first, segments = release.segments, bytes = release.bytes, "old segments released");
                }
                Ok(_) => {}
                Err(error) => tracing::error!(%error, "old segments cannot be released"),
            }
        }
        metrics.journal_first.set(log.first().0 as i64);
        let bytes: u64 = log.journal().segments().iter().map(|segment| segment.bytes).sum();
        metrics.journal_bytes.set(bytes as i64);
    }

    fn needs(&self) -> Vec<Need> {
        let parts = &self.parts;
        let mut needs = vec![
            Need { by: "checkpoint", from: parts.store.checkpoint().next() },
            Need { by: "base_copy", from: self.copies.needs() },
            Need { by: "desk", from: self.board.desks().next() },
            Need { by: "dispatcher", from: self.decisions.position().next() },
            Need { by: "identities", from: parts.identities.needs() },
        ];
        let needed = parts.registry.snapshot().into_iter().filter_map(|deployment| {
            // Whoever has not been met by all workers may need everything.
            self.board.needs(deployment.id).unwrap_or(Some(Lsn(1)))
        });
        // A position that never comes is needed by nobody.
        needs.push(Need { by: "deployment", from: needed.min().unwrap_or(Lsn(u64::MAX)) });
        needs
    }
}
