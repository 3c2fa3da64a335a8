//! Server-sent events (WHATWG HTML, 9.2.6), as far as a host sends them.

use std::io::{self, BufRead};

/// One event with data.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Event {
    pub name: String,
    pub data: String,
}

/// Reads events and remembers the last id.
pub struct Reader<R> {
    lines: R,
    pub last_id: Option<String>,
}

impl<R: BufRead> Reader<R> {
    pub fn new(lines: R) -> Reader<R> {
        Reader { lines, last_id: None }
    }

    /// The next event with data; None at the end of the stream. What an end cuts off is none.
    pub fn next(&mut self) -> io::Result<Option<Event>> {
        let (mut event, mut id, mut line) = (Event::default(), None, String::new());
        loop {
            line.clear();
            if self.lines.read_line(&mut line)? == 0 {
                return Ok(None);
            }
            let text = line.trim_end_matches(['\r', '\n']);
            if text.is_empty() {
                self.last_id = id.take().or(self.last_id.take());
                if event.data.is_empty() {
                    event = Event::default();
                    continue;
                }
                // Each line of data has put an end behind itself.
                event.data.pop();
                return Ok(Some(event));
            }
            let (field, value) = text.split_once(':').unwrap_or((text, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "event" => event.name = value.to_owned(),
                "data" => event.data += &format!("{value}\n"),
                "id" => id = Some(value.to_owned()),
                // A comment has no name; `retry` is for those who choose when to come again.
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_told_from_comments_and_cut_ones() {
        let text = "retry: 2000\n\n: keep\n\nid: 3\nevent: action\ndata: {\"a\":\ndata:1}\n\n:\n\nid: 4\r\ndata: x\r\n\r\n:\n\nid: 5\ndata: cut";
        let mut reader = Reader::new(text.as_bytes());
        let first = reader.next().expect("readable").expect("an event");
        assert_eq!((&*first.name, &*first.data, reader.last_id.as_deref()), ("action", "{\"a\":\n1}", Some("3")));
        let second = reader.next().expect("readable").expect("an event");
        assert_eq!((&*second.name, &*second.data, reader.last_id.as_deref()), ("", "x", Some("4")));
        assert_eq!(reader.next().expect("readable"), None);
        assert_eq!(reader.last_id.as_deref(), Some("4"), "the one that was cut off is asked for again");
    }
}
