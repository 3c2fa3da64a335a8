//! What became of the events that were sent, and which of them were rejected.

use serde::Serialize;

use super::lines::BadLine;
use crate::api::body::Rejected;
use crate::cli::output::count;

/// Rejections beyond these are only counted.
pub const SHOWN: usize = 20;

/// Totals of one run. Rejected are bad lines and what the host did not accept.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    pub accepted: u64,
    pub duplicates: u64,
    pub rejected: u64,
    /// The first [`SHOWN`].
    pub rejections: Vec<Rejection>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rejection {
    pub line: u64,
    pub path: String,
    pub code: String,
    pub reason: String,
}

impl Rejection {
    pub fn of_line(bad: BadLine) -> Rejection {
        Rejection { line: bad.number, path: String::new(), code: "bad_line".to_owned(), reason: bad.reason }
    }

    pub fn of_host(line: u64, rejected: &Rejected) -> Rejection {
        let Rejected { path, code, reason, .. } = rejected.clone();
        Rejection { line, path, code, reason }
    }

    /// `file:line: path: reason (code)`, as compilers do.
    pub fn show(&self, file: &str) -> String {
        let path = if self.path.is_empty() { String::new() } else { format!("{}: ", self.path) };
        format!("{file}:{}: {path}{} ({})", self.line, self.reason, self.code)
    }
}

impl Report {
    /// Counts rejections; answers those that are to be shown.
    pub fn reject(&mut self, rejections: Vec<Rejection>) -> Vec<Rejection> {
        self.rejected += rejections.len() as u64;
        let room = SHOWN - self.rejections.len();
        let shown: Vec<Rejection> = rejections.into_iter().take(room).collect();
        self.rejections.extend_from_slice(&shown);
        shown
    }

    pub fn summary(&self) -> String {
        let more = self.rejected - self.rejections.len() as u64;
        let more = if more > 0 { format!(" ({more} of them not shown)") } else { String::new() };
        let accepted = count(self.accepted, "event");
        format!("{accepted} accepted, {} had been before, {} rejected{more}", self.duplicates, self.rejected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rejections_are_shown_and_all_are_counted() {
        let mut report = Report::default();
        let bad = |number| Rejection::of_line(BadLine { number, reason: "not UTF-8".to_owned() });
        assert_eq!(report.reject((1..=15).map(bad).collect()).len(), 15);
        assert_eq!(report.reject((16..=30).map(bad).collect()).len(), 5);
        assert_eq!(report.reject(vec![bad(31)]).len(), 0);
        assert_eq!(report.summary(), "0 events accepted, 0 had been before, 31 rejected (11 of them not shown)");
    }

    #[test]
    fn a_rejection_names_file_line_and_path() {
        let rejected =
            Rejected { item: 3, path: "/time".into(), code: "bad_time".into(), reason: "not RFC 3339".into() };
        assert_eq!(Rejection::of_host(8, &rejected).show("a.jsonl"), "a.jsonl:8: /time: not RFC 3339 (bad_time)");
    }
}
