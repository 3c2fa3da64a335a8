//! House rules that a compiler does not know: who may import whom, which library lives in which room, what a file and
//! a test look like, and that what we say is proved is proved.

mod floors;
mod proofs;

use fishpond_tests::house::{Source, sources};

/// Everything that we write in Rust.
fn rust() -> Vec<Source> {
    sources(&["host/src", "sdk", "plugins", "examples", "tests"], ".rs")
}

/// Fails with all offenders at once.
fn nobody(rule: &str, offenders: Vec<String>) {
    assert!(offenders.is_empty(), "{rule}:\n{}", offenders.join("\n"));
}

#[test]
fn every_file_says_first_why_it_exists() {
    let silent = rust().into_iter().filter(|source| !source.text.starts_with("//! ")).map(|source| source.path);
    nobody("begin the file with `//!` and why it exists", silent.collect());
}

/// Lines: what still can be read in one go.
const LONGEST: usize = 500;

#[test]
fn no_file_is_too_long() {
    let lines = |source: &Source| source.text.lines().count();
    let long = rust().into_iter().filter(|source| lines(source) > LONGEST);
    nobody(
        "split the file by concept",
        long.map(|source| format!("{}: {} lines", source.path, lines(&source))).collect(),
    );
}

#[test]
fn each_library_lives_in_one_room() {
    for (library, rooms) in [
        ("wasmtime", &["engine"][..]),
        ("sled", &["store"]),
        ("axum", &["api"]),
        ("hyper", &["api"]),
        ("hyper_util", &["api"]),
    ] {
        let mut offenders = Vec::new();
        for source in sources(&["host/src"], ".rs") {
            let room = room(&source.path);
            if !rooms.contains(&room) && source.text.lines().any(|line| names(line, library)) {
                offenders.push(source.path);
            }
        }
        nobody(&format!("`{library}` is known only to {rooms:?}"), offenders);
    }
}

/// Does a line of code use a crate's path? Comments may speak of it.
fn names(line: &str, library: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    code.match_indices(&format!("{library}::")).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        before.is_none_or(|before| !before.is_alphanumeric() && before != '_')
    })
}

/// `host/src/ROOM/..` or `host/src/ROOM.rs`.
fn room(path: &str) -> &str {
    let inside = path.strip_prefix("host/src/").unwrap_or(path);
    let room = inside.split('/').next().unwrap_or(inside);
    room.strip_suffix(".rs").unwrap_or(room)
}

#[test]
fn no_test_is_left_out_or_sleeps() {
    // Written in two parts, so that this file does not find itself.
    let (left_out, sleep) = (["#[", "ignore"].concat(), ["sleep", "("].concat());
    let mut offenders = Vec::new();
    for source in rust() {
        let whole =
            source.path.starts_with("tests/") || source.path.ends_with("tests.rs") || source.path.contains("/tests/");
        let tests = if whole { 0 } else { source.text.find("#[cfg(test)]\nmod ").unwrap_or(source.text.len()) };
        if source.text.contains(&left_out) {
            offenders.push(format!("{}: {left_out}]", source.path));
        }
        if source.text[tests..].contains(&sleep) {
            offenders.push(format!("{}: {sleep}) in a test: wait for the event", source.path));
        }
    }
    nobody("every test runs, and none waits for the clock", offenders);
}

#[test]
fn a_path_of_a_crate_is_told_from_a_word() {
    assert!(names("use wasmtime::Store;", "wasmtime") && names("let a: (sled::Db,);", "sled"));
    assert!(!names("// wasmtime::Store", "wasmtime") && !names("my_sled::Db", "sled") && !names("the sled", "sled"));
    assert_eq!((room("host/src/engine/mod.rs"), room("host/src/main.rs")), ("engine", "main"));
}
