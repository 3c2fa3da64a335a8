//! Clients in other languages: processes that say in lines of JSON what happens to them. Their scripts are in
//! `tests/clients`.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};

use serde_json::Value;

use super::PATIENCE;
use crate::house;

/// A running client. Dropping it kills it.
pub struct Foreign {
    child: Child,
    lines: Receiver<String>,
}

impl Foreign {
    /// `remedy`: what to do if there is no such program.
    pub fn start(command: &mut Command, remedy: &str) -> Foreign {
        let started = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = started.unwrap_or_else(|error| panic!("{command:?}: {error}. {remedy}"));
        let output = BufReader::new(child.stdout.take().expect("it is piped"));
        let (send, lines) = channel();
        std::thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| send.send(line)));
        Foreign { child, lines }
    }

    /// The next thing that it says; None when it has ended.
    pub fn next(&self) -> Option<Value> {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => Some(serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("the client says nothing"),
        }
    }

    /// The next things that it says.
    pub fn take(&self, count: usize) -> Vec<Value> {
        (0..count).map(|_| self.next().expect("the client is there; if not, see its last words above")).collect()
    }

    /// Waits until it says this, and answers what it has said before.
    pub fn until(&self, wanted: &Value) -> Vec<Value> {
        let said = std::iter::from_fn(|| Some(self.next().unwrap_or_else(|| panic!("it has ended without {wanted}"))));
        said.take_while(|said| said != wanted).collect()
    }

    /// Gives it a line.
    pub fn tell(&mut self, line: &str) {
        let input = self.child.stdin.as_mut().expect("it is piped");
        writeln!(input, "{line}").and_then(|()| input.flush()).expect("the client reads");
    }

    /// It has nothing more to read, and so ends. Answers what it still said.
    pub fn finish(mut self) -> Vec<Value> {
        drop(self.child.stdin.take());
        let rest = std::iter::from_fn(|| self.next()).collect();
        let status = self.child.wait().expect("a process that was started can be waited for");
        assert!(status.success(), "the client ended with {status}");
        rest
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        // Ended already, or ended now: either way nothing is left running.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A script of `tests/clients`.
pub fn script(name: &str) -> PathBuf {
    house::root().join("tests/clients").join(name)
}

/// Python with the packages of `tests/clients/requirements.txt`, in an environment of its own below `target`; made on the
/// first use.
pub fn python() -> Command {
    static PYTHON: OnceLock<PathBuf> = OnceLock::new();
    Command::new(PYTHON.get_or_init(environment))
}

/// Why `python()` may fail, and what to do.
pub const PYTHON: &str = "This test needs Python 3.10 or newer with venv and pip: apt-get install python3 python3-venv";

fn environment() -> PathBuf {
    let wanted = fs::read_to_string(script("requirements.txt")).expect("the list of packages");
    let folder = house::root().join("target/clients/python");
    let (made, python) = (folder.join("made-from.txt"), folder.join("bin/python"));
    if fs::read_to_string(&made).is_ok_and(|list| list == wanted) {
        return python;
    }
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder));
    run(Command::new(&python)
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"])
        .arg(script("requirements.txt")));
    // Last: an environment that was begun and not finished is made again.
    fs::write(made, wanted).expect("a file");
    python
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}. {PYTHON}"));
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (said(&output.stdout), said(&output.stderr));
    assert!(output.status.success(), "{command:?}: {out}{err}\n{PYTHON}");
}

/// The delivery client that we ship, as a page would run it: node with its `EventSource`.
pub fn node(arguments: &[&str]) -> Command {
    let mut command = Command::new("node");
    command.args(["--no-warnings", "--experimental-eventsource"]).arg(script("inbox.mjs"));
    command.arg(house::root().join("examples/delivery-client/client.js")).args(arguments);
    command
}

/// Why `node()` may fail, and what to do.
pub const NODE: &str = "This test needs Node.js 20.19 or newer: see nodejs.org, or apt-get install nodejs";
