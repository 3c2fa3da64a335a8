//! Figures with their names, as a line for people or for machines.

use std::fmt::Write;

/// One measured thing.
pub struct Line {
    name: String,
    figures: Vec<(&'static str, Figure)>,
}

pub enum Figure {
    Text(String),
    Count(u64),
    Number(f64),
}

impl Line {
    pub fn new(name: impl Into<String>) -> Line {
        Line { name: name.into(), figures: Vec::new() }
    }

    pub fn count(mut self, name: &'static str, value: u64) -> Line {
        self.figures.push((name, Figure::Count(value)));
        self
    }

    pub fn number(mut self, name: &'static str, value: f64) -> Line {
        self.figures.push((name, Figure::Number(value)));
        self
    }

    pub fn text_figure(mut self, name: &'static str, value: impl Into<String>) -> Line {
        self.figures.push((name, Figure::Text(value.into())));
        self
    }

    /// A number that was given.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.figures.iter().find_map(|(known, figure)| match figure {
            Figure::Number(value) if *known == name => Some(*value),
            _ => None,
        })
    }

    pub fn text(&self) -> String {
        let mut text = self.name.clone();
        for (name, figure) in &self.figures {
            let value = match figure {
                Figure::Text(value) => value.clone(),
                Figure::Count(value) => value.to_string(),
                Figure::Number(value) => format!("{value:.3}"),
            };
            // Writing into a String cannot fail.
            let _ = write!(text, "\n  {name:<32} {value}");
        }
        text
    }

    pub fn json(&self) -> String {
        let mut object = serde_json::Map::new();
        object.insert("measured".to_owned(), self.name.clone().into());
        for (name, figure) in &self.figures {
            let value = match figure {
                Figure::Text(value) => value.clone().into(),
                Figure::Count(value) => (*value).into(),
                Figure::Number(value) => serde_json::json!(value),
            };
            object.insert((*name).to_owned(), value);
        }
        serde_json::Value::Object(object).to_string()
    }
}

pub fn print(lines: &[Line], json: bool) {
    for line in lines {
        println!("{}", if json { line.json() } else { line.text() });
    }
}

/// What it ran on.
pub fn machine() -> Line {
    let model = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = model
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
        .map(|(_, name)| name.trim().to_owned());
    let cores = std::thread::available_parallelism().map_or(0, |cores| cores.get() as u64);
    let build = if cfg!(debug_assertions) { "dev" } else { "release" };
    Line::new("machine")
        .text_figure("processor", model.unwrap_or_default())
        .count("cores", cores)
        .text_figure("build", build)
}
