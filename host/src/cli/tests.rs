//! Promises of the command line as a whole.

use clap::CommandFactory;
use clap::error::ErrorKind;

use super::*;

pub(super) fn global() -> Global {
    Global {
        url: "http://127.0.0.1:7878".to_owned(),
        token: None,
        data: None,
        business: "demo".to_owned(),
        json: false,
    }
}

fn parse(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(line.split_whitespace())
}

/// Every command that does something, with its words.
fn leaves(command: &clap::Command, words: &str, found: &mut Vec<(String, clap::Command)>) {
    for below in command.get_subcommands() {
        let words = format!("{words} {}", below.get_name());
        match below.has_subcommands() {
            true => leaves(below, &words, found),
            false => found.push((words, below.clone())),
        }
    }
}

#[test]
fn the_definition_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn every_command_teaches() {
    let mut found = Vec::new();
    leaves(&Cli::command(), "fishpond", &mut found);
    assert!(found.len() >= 20, "{}", found.len());
    for (words, command) in found {
        assert!(command.get_about().is_some(), "{words} has no summary");
        let next = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        assert!(next.starts_with("Next: "), "{words} does not say what is next");
        let about = command.get_long_about().map(ToString::to_string).unwrap_or_default();
        let simple = command.get_arguments().all(|argument| argument.is_global_set());
        assert!(
            simple || about.lines().any(|line| format!("{line} ").contains(&format!("{words} "))),
            "{words} has no example:\n{about}"
        );
    }
}

#[test]
fn examples_in_the_help_are_valid_commands() {
    let mut found = Vec::new();
    leaves(&Cli::command(), "fishpond", &mut found);
    let texts = found.into_iter().filter_map(|(_, command)| Some(command.get_long_about()?.to_string()));
    let mut examples = 0;
    for text in texts.chain([Cli::command().get_long_about().expect("an introduction").to_string()]) {
        let lines = text.lines().map(str::trim);
        for line in lines.filter(|line| line.starts_with("fishpond ") || line.starts_with("FISHPOND_")) {
            let command = line.find("fishpond ").map_or(line, |start| &line[start..]);
            // As a shell would: what is quoted is one word.
            let quoted = command.contains('\'') || command.contains('"');
            let words: Vec<&str> = match quoted {
                true => command[..command.find(['\'', '"']).unwrap_or(0)].split_whitespace().chain(["{}"]).collect(),
                false => command.split_whitespace().collect(),
            };
            if let Err(error) = Cli::try_parse_from(&words) {
                panic!("{line}\n{error}");
            }
            examples += 1;
        }
    }
    assert!(examples >= 15, "{examples}");
}

#[test]
fn global_options_stand_before_and_behind_the_command() {
    for line in [
        "fishpond --url http://h:1 --token t --data d --business b --json matches",
        "fishpond matches --url http://h:1 --token t --data d --business b --json",
    ] {
        let Global { url, token, data, business, json } = parse(line).expect(line).global;
        assert_eq!((&*url, token.as_deref(), &*business, json), ("http://h:1", Some("t"), "b", true), "{line}");
        assert_eq!(data, Some("d".into()), "{line}");
    }
}

#[test]
fn mistakes_in_a_command_are_usage_errors() {
    for line in [
        "fishpond",
        "fishpond nonsense",
        "fishpond matches --business Upper",
        "fishpond events send",
        "fishpond events send a.jsonl --rate 0",
        "fishpond events send a.jsonl --batch 0",
        "fishpond events send a.jsonl --connections 65",
        "fishpond deployment apply c2c",
        "fishpond deployment apply a/b --module m",
        "fishpond deployment apply c2c --module m --on-error retry",
        "fishpond matches --follow --limit 3",
        "fishpond trace u:1 --at yesterday",
        "fishpond serve --limit event_bytes",
        "fishpond test",
        "fishpond bench --rule python",
    ] {
        let error = parse(line).expect_err(line);
        assert!(!matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion), "{line}");
        assert_eq!(error.exit_code(), 2, "{line}");
    }
}

#[test]
fn what_is_not_given_has_the_documented_default() {
    let Command::Demo(demo) = parse("fishpond demo").expect("demo").command else { panic!("not a demo") };
    assert_eq!((demo.events, demo.users, demo.seed, demo.keep, demo.listen), (200_000, 20_000, 1, false, None));
    let Command::Bench(bench) = parse("fishpond bench").expect("bench").command else { panic!("not a bench") };
    assert_eq!((bench.events, bench.keys, bench.rule), (1_000_000, vec![1_000_000], BenchRule::All));
    let line = "fishpond test a b --module x.wasm --module y.wasm --singly";
    let Command::Test(test) = parse(line).expect("test").command else { panic!("not a test") };
    assert_eq!((test.paths.len(), test.modules.len(), test.bless, test.singly), (2, 2, false, true));
}

#[test]
fn a_reader_that_left_is_no_failure() {
    let left = anyhow::Error::from(std::io::Error::from(std::io::ErrorKind::BrokenPipe));
    assert!(reader_left(&left) && reader_left(&left.context("printing")));
    assert!(!reader_left(&anyhow::anyhow!("broken pipe")));
}

#[test]
fn an_event_is_shown_by_its_identity_or_by_where_it_failed() {
    for good in ["--source app --id e-1", "--deployment c2c --position 7"] {
        assert!(parse(&format!("fishpond events show {good}")).is_ok(), "{good}");
    }
    for bad in ["", "--source app", "--id e-1", "--deployment c2c", "--position 7", "--source a --id b --position 7"] {
        assert!(parse(&format!("fishpond events show {bad}")).is_err(), "{bad}");
    }
}
