//! The text form of a scenario.

use std::collections::BTreeMap;

use jiff::Timestamp;

/// Where times without a date lie: `00:00:00` is this instant.
pub const EPOCH: &str = "2026-01-01T00:00:00Z";

#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// Everything above the `---`, as written.
    pub input: String,
    pub steps: Vec<(usize, Step)>,
    /// Lines below the `---`.
    pub expected: Vec<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Creates a deployment or activates its next revision.
    Deploy {
        name: String,
        module: String,
        configuration: String,
        on_error: Option<String>,
    },
    Event(Box<EventStep>),
    Query {
        deployment: String,
        query: String,
        key: String,
        parameters: String,
    },
    Pause {
        deployment: String,
    },
    Resume {
        deployment: String,
    },
    /// Closes the host without a checkpoint and opens it again.
    Restart,
    /// Brings all documents to the store.
    Checkpoint,
}

/// One event. Times are milliseconds since the Unix epoch.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EventStep {
    pub time: Option<u64>,
    pub received: Option<u64>,
    pub kind: String,
    pub id: String,
    pub source: String,
    pub subject: String,
    pub actor: String,
    pub scene: String,
    pub extensions: BTreeMap<String, String>,
    /// JSON text.
    pub data: String,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct ParseError {
    pub line: usize,
    pub message: String,
}

impl Scenario {
    pub fn parse(text: &str) -> Result<Scenario, ParseError> {
        let mut scenario = Scenario { input: String::new(), steps: Vec::new(), expected: Vec::new() };
        let mut lines = text.lines().enumerate();
        let mut events = 0;
        for (index, line) in lines.by_ref() {
            if line.trim_end() == "---" {
                break;
            }
            scenario.input.push_str(line);
            scenario.input.push('\n');
            let trimmed = line.trim();
            if trimmed.is_empty() || trimmed.starts_with('#') {
                continue;
            }
            let step = parse_step(trimmed, &mut events).map_err(|message| ParseError { line: index + 1, message })?;
            scenario.steps.push((index + 1, step));
        }
        scenario.expected = lines.map(|(_, line)| line.trim_end().to_owned()).filter(|line| !line.is_empty()).collect();
        Ok(scenario)
    }

    /// The file with another expected part.
    pub fn with_expected(&self, expected: &[String]) -> String {
        let mut text = format!("{}---\n", self.input);
        expected.iter().for_each(|line| {
            text.push_str(line);
            text.push('\n');
        });
        text
    }
}

fn parse_step(line: &str, events: &mut u64) -> Result<Step, String> {
    let (verb, rest) = split(line);
    match verb {
        "deploy" => deploy(rest),
        "event" => {
            *events += 1;
            event(rest, *events).map(|event| Step::Event(Box::new(event)))
        }
        "query" => query(rest),
        "pause" => Ok(Step::Pause { deployment: one_name(rest)? }),
        "resume" => Ok(Step::Resume { deployment: one_name(rest)? }),
        "restart" => Ok(Step::Restart),
        "checkpoint" => Ok(Step::Checkpoint),
        other => Err(format!("`{other}` is no step: use deploy, event, query, pause, resume, restart or checkpoint")),
    }
}

/// The first word and what follows it.
fn split(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    text.split_once(char::is_whitespace).map_or((text, ""), |(word, rest)| (word, rest.trim_start()))
}

fn one_name(rest: &str) -> Result<String, String> {
    let (name, more) = split(rest);
    if name.is_empty() || !more.is_empty() {
        Err("expected the name of a deployment".to_owned())
    } else {
        Ok(name.to_owned())
    }
}

fn deploy(rest: &str) -> Result<Step, String> {
    let usage = "expected: deploy NAME = MODULE [on_error=skip|pause] [{configuration}]";
    let (name, rest) = split(rest);
    let (equals, rest) = split(rest);
    let (module, rest) = split(rest);
    if equals != "=" || module.is_empty() {
        return Err(usage.to_owned());
    }
    let (on_error, rest) = match rest.strip_prefix("on_error=") {
        Some(rest) => {
            let (word, rest) = split(rest);
            (Some(word.to_owned()), rest)
        }
        None => (None, rest),
    };
    let configuration = json_or(rest, "{}")?;
    Ok(Step::Deploy { name: name.to_owned(), module: module.to_owned(), configuration, on_error })
}

fn query(rest: &str) -> Result<Step, String> {
    let (deployment, rest) = split(rest);
    let (query, rest) = split(rest);
    let (key, rest) = split(rest);
    if key.is_empty() {
        return Err("expected: query DEPLOYMENT QUERY KEY [{parameters}]".to_owned());
    }
    let parameters = json_or(rest, "{}")?;
    Ok(Step::Query { deployment: deployment.to_owned(), query: query.to_owned(), key: key.to_owned(), parameters })
}

fn json_or(text: &str, default: &str) -> Result<String, String> {
    if text.is_empty() {
        return Ok(default.to_owned());
    }
    serde_json::from_str::<serde::de::IgnoredAny>(text).map_err(|error| format!("not JSON: {error}"))?;
    Ok(text.to_owned())
}

fn event(rest: &str, number: u64) -> Result<EventStep, String> {
    let (time, rest) = split(rest);
    let (kind, mut rest) = split(rest);
    if kind.is_empty() || kind.contains('=') {
        return Err("expected: event TIME TYPE [id=..] [subject=..] [actor=..] [name=value ..] [{data}]".to_owned());
    }
    let mut event = EventStep {
        kind: kind.to_owned(),
        id: number.to_string(),
        source: "scenario".to_owned(),
        ..EventStep::default()
    };
    event.time = if time == "-" { None } else { Some(parse_time(time)?) };
    while !rest.is_empty() && !rest.starts_with('{') {
        let (pair, more) = split(rest);
        let (name, value) =
            pair.split_once('=').ok_or_else(|| format!("`{pair}` is neither name=value nor JSON data"))?;
        let value = value.to_owned();
        match name {
            "id" => event.id = value,
            "source" => event.source = value,
            "subject" => event.subject = value,
            "actor" => event.actor = value,
            "scene" => event.scene = value,
            "received" => event.received = Some(parse_time(&value)?),
            extension => drop(event.extensions.insert(extension.to_owned(), value)),
        }
        rest = more;
    }
    event.data = json_or(rest, "")?;
    Ok(event)
}

/// `HH:MM:SS[.mmm]` on the scenario's first day, or RFC 3339.
pub fn parse_time(text: &str) -> Result<u64, String> {
    let full = if text.contains('T') { text.to_owned() } else { format!("2026-01-01T{text}Z") };
    let time: Timestamp =
        full.parse().map_err(|error| format!("`{text}` is no time (HH:MM:SS[.mmm] or RFC 3339): {error}"))?;
    u64::try_from(time.as_millisecond()).map_err(|_| format!("`{text}` lies before 1970"))
}

/// The inverse of [`parse_time`], with milliseconds.
pub fn format_time(ms: u64) -> String {
    let Ok(time) = Timestamp::from_millisecond(ms as i64) else { return ms.to_string() };
    let full = time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
    match full.strip_prefix("2026-01-01T").and_then(|rest| rest.strip_suffix('Z')) {
        Some(short) => short.to_owned(),
        None => full,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scenario_is_read_and_written_back() {
        let text =
            "# title\ndeploy r = m {\"a\":1}\nevent 10:00:00.5 visit actor=a zone=x {\"b\":2}\nquery r q k\n---\nout\n";
        let scenario = Scenario::parse(text).expect("a scenario");
        assert_eq!(scenario.steps.len(), 3);
        assert_eq!(scenario.expected, ["out"]);
        let Step::Event(event) = &scenario.steps[1].1 else { panic!("an event") };
        assert_eq!((event.id.as_str(), event.actor.as_str(), event.data.as_str()), ("1", "a", "{\"b\":2}"));
        assert_eq!(event.extensions["zone"], "x");
        assert_eq!(scenario.with_expected(&scenario.expected), text);
    }

    #[test]
    fn errors_name_their_line() {
        for (text, word) in [
            ("deploy r m", "expected: deploy"),
            ("event 25:00:00 visit", "is no time"),
            ("event 10:00:00 visit actor", "neither"),
            ("event 10:00:00 visit {\"a\"", "not JSON"),
            ("wait 5", "is no step"),
        ] {
            let error = Scenario::parse(&format!("\n{text}\n")).expect_err(text);
            assert_eq!(error.line, 2);
            assert!(error.message.contains(word), "{error}");
        }
    }

    #[test]
    fn times_come_back() {
        for text in ["10:00:00.500", "2026-01-02T00:00:00.001Z"] {
            assert_eq!(format_time(parse_time(text).expect("a time")), text);
        }
        assert_eq!(format_time(parse_time("00:00:00").expect("a time")), "00:00:00.000");
    }
}
