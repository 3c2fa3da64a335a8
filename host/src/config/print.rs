//! `--print-config`: a settings file that says what is in force and where each value comes from.

use super::tree::{LIMITS, Setting, Tree, Value};

pub(super) fn print(tree: &Tree) -> String {
    let mut text = "# Settings in force. Weakest first: default, file, environment, flag.\n".to_owned();
    let is_limit = |setting: &&Setting| setting.key.starts_with(LIMITS);
    let (limits, plain): (Vec<&Setting>, Vec<&Setting>) = tree.settings().iter().partition(is_limit);
    text += &lines(&plain);
    text += "\n# `fishpond limits` says what each of them bounds.\n[limits]\n";
    text += &lines(&limits);
    text
}

fn lines(settings: &[&Setting]) -> String {
    let assignments: Vec<String> = settings.iter().map(|setting| assignment(setting)).collect();
    let width = assignments.iter().map(String::len).max().unwrap_or(0);
    let line = |(setting, assignment): (&&Setting, &String)| {
        let unit = if setting.unit.is_empty() { String::new() } else { format!("{}; ", setting.unit) };
        // A path may hold a line break, which would end the comment.
        let origin = setting.origin.to_string().escape_debug().to_string();
        format!("{assignment:width$}  # {unit}{origin}\n")
    };
    settings.iter().zip(&assignments).map(line).collect()
}

fn assignment(setting: &Setting) -> String {
    let name = setting.key.strip_prefix(LIMITS).unwrap_or(&setting.key);
    match &setting.value {
        Value::Number(number) => format!("{name} = {number}"),
        Value::Text(text) => format!("{name} = {}", toml::Value::String(text.clone())),
    }
}
