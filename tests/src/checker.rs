//! The independent checker, `tests/checker/check.py`: a program that reads what `fishpond export` writes, and none of our types.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use fishpond::export::{Range, export};

use crate::{house, service};

/// The export of a stopped host's folder, lines of JSON.
pub fn exported(folder: &Path) -> Vec<String> {
    let mut text = Vec::new();
    export(folder, Range::default(), &mut text).expect("a whole journal");
    lines(text)
}

/// The same, as an operator gets it.
pub fn exported_by_program(folder: &Path) -> Vec<String> {
    let output = service::program().arg("export").arg(folder).output().expect("the program can be started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    lines(output.stdout)
}

fn lines(text: Vec<u8>) -> Vec<String> {
    String::from_utf8(text).expect("JSON is UTF-8").lines().map(str::to_owned).collect()
}

/// What the checker says about an export: its counts, or what is broken.
pub fn checked(lines: &[String], arguments: &[&str]) -> Result<String, String> {
    let script = house::root().join("tests/checker/check.py");
    let mut command = Command::new("python3");
    command.arg(script).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("python3: {error}. Install Python 3"));
    let mut input = child.stdin.take().expect("it is piped");
    let text = lines.join("\n");
    // It ends at the first broken promise and reads no further.
    let writing = std::thread::spawn(move || drop(input.write_all(text.as_bytes())));
    let output = child.wait_with_output().expect("it ends");
    writing.join().expect("it wrote");
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() { Ok(said(&output.stdout)) } else { Err(said(&output.stderr)) }
}
