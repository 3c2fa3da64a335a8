//! Reading events for sending: JSON lines, one CloudEvent in each, cut into batches of whole lines.

use std::io::{self, BufRead, Read};

use serde::de::IgnoredAny;

/// A longer line is rejected without being kept: the file is not one of JSON lines.
pub const LINE_BYTES: u64 = 4 << 20;
/// A batch ends beyond this size, bytes: half of what a request may hold by default (`request_bytes`).
pub const BATCH_BYTES: usize = 4 << 20;

/// Events of one request and the bad lines met between them.
#[derive(Debug, Default)]
pub struct Batch {
    pub events: Vec<Line>,
    pub bad: Vec<BadLine>,
    /// Read of the file so far, bytes.
    pub read: u64,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Line {
    /// From 1.
    pub number: u64,
    pub json: String,
}

/// A line that is not sent.
#[derive(Debug, PartialEq, Eq)]
pub struct BadLine {
    pub number: u64,
    pub reason: String,
}

impl Batch {
    /// The request's body: a JSON array of the lines as they are.
    pub fn body(&self) -> String {
        let mut body = String::with_capacity(self.events.iter().map(|line| line.json.len() + 1).sum::<usize>() + 2);
        for (i, line) in self.events.iter().enumerate() {
            body.push(if i == 0 { '[' } else { ',' });
            body.push_str(&line.json);
        }
        body.push(']');
        body
    }
}

pub struct Lines<R> {
    reader: R,
    number: u64,
    read: u64,
}

impl<R: BufRead> Lines<R> {
    pub fn new(reader: R) -> Lines<R> {
        Lines { reader, number: 0, read: 0 }
    }

    /// At most so many events, in the file's order; None at its end.
    pub fn next_batch(&mut self, most: usize) -> io::Result<Option<Batch>> {
        let mut batch = Batch::default();
        let mut bytes = 0;
        while batch.events.len() < most && bytes < BATCH_BYTES {
            let Some(line) = self.next_line()? else { break };
            match line {
                Ok(line) => {
                    bytes += line.json.len();
                    batch.events.push(line);
                }
                Err(bad) => batch.bad.push(bad),
            }
        }
        batch.read = self.read;
        let empty = batch.events.is_empty() && batch.bad.is_empty();
        Ok((!empty).then_some(batch))
    }

    /// The next line that is not blank.
    fn next_line(&mut self) -> io::Result<Option<Result<Line, BadLine>>> {
        loop {
            let mut bytes = Vec::new();
            let taken = self.reader.by_ref().take(LINE_BYTES).read_until(b'\n', &mut bytes)? as u64;
            if taken == 0 {
                return Ok(None);
            }
            self.number += 1;
            self.read += taken;
            let number = self.number;
            if taken == LINE_BYTES && !bytes.ends_with(b"\n") {
                self.read += self.reader.skip_until(b'\n')? as u64;
                let reason = format!("the line is longer than {LINE_BYTES} bytes");
                return Ok(Some(Err(BadLine { number, reason })));
            }
            match check(bytes, number) {
                Ok(None) => {}
                Ok(Some(json)) => return Ok(Some(Ok(Line { number, json }))),
                Err(reason) => return Ok(Some(Err(BadLine { number, reason }))),
            }
        }
    }
}

/// A line's JSON object; None for a blank line. What the object holds is the host's business.
fn check(bytes: Vec<u8>, number: u64) -> Result<Option<String>, String> {
    let text = String::from_utf8(bytes).map_err(|error| format!("not UTF-8: {error}"))?;
    let text = if number == 1 { text.trim_start_matches('\u{feff}') } else { &text };
    let json = text.trim();
    if json.is_empty() {
        return Ok(None);
    }
    if json.starts_with('[') {
        return Err("a JSON array: write one event in each line, as `jq -c '.[]'` does".to_owned());
    }
    let parsed = serde_json::from_str::<IgnoredAny>(json);
    match parsed {
        Ok(_) if json.starts_with('{') => Ok(Some(json.to_owned())),
        Ok(_) => Err("not a JSON object: an event is an object in one line".to_owned()),
        Err(error) => Err(format!("not a JSON object in one line: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &[u8], most: usize) -> Vec<Batch> {
        let mut lines = Lines::new(text);
        std::iter::from_fn(|| lines.next_batch(most).expect("in memory")).collect()
    }

    #[test]
    fn lines_become_batches_in_their_order() {
        let batches = all(b"\xef\xbb\xbf{\"id\":\"1\"}\r\n\n  {\"id\":\"2\"}\n{\"id\":\"3\"}", 2);
        let bodies: Vec<String> = batches.iter().map(Batch::body).collect();
        assert_eq!(bodies, [r#"[{"id":"1"},{"id":"2"}]"#, r#"[{"id":"3"}]"#]);
        assert_eq!(batches[1].events[0].number, 4);
        assert_eq!(batches[1].read, 39);
    }

    #[test]
    fn bad_lines_are_named_and_the_rest_goes_on() {
        let text = b"{\"id\":1}\n{\"id\":\nnull\n[{}]\n\xff\xfe\n{\"id\":2}\n";
        let batch = &all(text, 10)[0];
        assert_eq!(batch.events.iter().map(|line| line.number).collect::<Vec<_>>(), [1, 6]);
        let reasons: Vec<(u64, &str)> = batch.bad.iter().map(|bad| (bad.number, &*bad.reason)).collect();
        assert_eq!(reasons[0], (2, "not a JSON object in one line: EOF while parsing a value at line 1 column 6"));
        assert_eq!(reasons[1], (3, "not a JSON object: an event is an object in one line"));
        assert_eq!(reasons[2], (4, "a JSON array: write one event in each line, as `jq -c '.[]'` does"));
        assert!(reasons[3].1.starts_with("not UTF-8"), "{reasons:?}");
    }

    #[test]
    fn a_file_of_bad_lines_only_is_one_batch_without_events() {
        let batches = all(b"x\ny\n", 10);
        assert_eq!((batches.len(), batches[0].events.len(), batches[0].bad.len()), (1, 0, 2));
        assert!(all(b"\n\n", 10).is_empty());
    }

    #[test]
    fn an_endless_line_is_skipped_without_being_kept() {
        let mut text = vec![b'x'; LINE_BYTES as usize + 5];
        text.extend_from_slice(b"\n{}\n");
        let batch = &all(&text, 10)[0];
        assert_eq!(batch.bad, [BadLine { number: 1, reason: format!("the line is longer than {LINE_BYTES} bytes") }]);
        assert_eq!(batch.events, [Line { number: 2, json: "{}".to_owned() }]);
        assert_eq!(batch.read, text.len() as u64);
    }

    #[test]
    fn a_batch_stays_within_a_request() {
        let event = format!("{{\"data\":\"{}\"}}\n", "x".repeat(1 << 20));
        let batches = all(event.repeat(6).as_bytes(), 500);
        assert_eq!(batches.iter().map(|batch| batch.events.len()).collect::<Vec<_>>(), [4, 2]);
    }
}
