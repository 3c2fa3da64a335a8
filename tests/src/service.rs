//! `fishpond serve` in a process of its own, as an operator runs it, and a client that speaks to it as any program would.

mod cable;
mod client;
mod crowd;
mod foreign;
mod model;
mod producer;
mod program;
mod stream;
mod wire;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use fishpond::app::{OpenOptions, open};
use fishpond::model::{Frame, Limits, Lsn};
use serde_json::Value;

pub use cable::Cable;
pub use client::{Client, Told};
pub use crowd::{Act, Crowd};
pub use foreign::{Foreign, NODE, PYTHON, node, python, script};
pub use model::{Found, Model, Rule};
pub use producer::{Pace, Producer, Record};
pub use program::fishpond as program;
pub use stream::{Came, Stream};
pub use wire::{Answer, Wire};

/// How long a host may take for what a test waits for.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at a host that does not say when it is done.
const LOOK: Duration = Duration::from_millis(10);

/// How a host is started.
#[derive(Clone, Default)]
pub struct Settings {
    /// Limits that differ from the defaults.
    pub limits: Vec<(&'static str, u64)>,
    /// Variables beside those of this process.
    pub environment: Vec<(&'static str, String)>,
    /// Files and sockets that it may have open, if that is less than usual.
    pub open_files: Option<u32>,
    /// Longest file that it may write, in blocks of 512 bytes.
    pub file_blocks: Option<u64>,
}

impl Settings {
    fn arguments(&self) -> Vec<String> {
        self.limits.iter().flat_map(|(name, value)| ["--limit".to_owned(), format!("{name}={value}")]).collect()
    }

    fn limits(&self) -> Limits {
        let mut limits = Limits::default();
        for (name, value) in &self.limits {
            *limits.get_mut(name).unwrap_or_else(|| panic!("there is no limit {name}")) = *value;
        }
        limits
    }
}

/// A running host. Dropping it kills it.
pub struct Service {
    child: Child,
    folder: PathBuf,
    settings: Settings,
    /// As it says itself when it is ready.
    address: String,
    lines: Receiver<String>,
    log: Vec<String>,
}

/// A host that has ended, or never came to be.
#[derive(Debug)]
pub struct Ended {
    /// None after a signal.
    pub code: Option<i32>,
    /// Everything that it wrote to standard error.
    pub log: Vec<String>,
}

impl Ended {
    pub fn text(&self) -> String {
        self.log.join("\n")
    }
}

impl Service {
    /// Starts a host on a port that the system chooses and waits until it says that it is ready.
    pub fn start(folder: &Path, settings: &Settings) -> Service {
        Service::try_start(folder, settings, "127.0.0.1:0").unwrap_or_else(|ended| panic!("no host: {ended:?}"))
    }

    pub fn try_start(folder: &Path, settings: &Settings, listen: &str) -> Result<Service, Ended> {
        let mut command = match (settings.open_files, settings.file_blocks) {
            (Some(most), _) => program::with_open_files(most),
            (None, Some(most)) => program::with_file_blocks(most),
            (None, None) => program::fishpond(),
        };
        command
            .args(["serve", "--log-format", "json", "--listen", listen, "--data"])
            .arg(folder)
            .args(settings.arguments());
        command.envs(settings.environment.iter().map(|(name, value)| (name, value)));
        let (child, lines) = spawn(&mut command);
        let (folder, settings) = (folder.to_owned(), settings.clone());
        let mut service = Service { child, folder, settings, address: String::new(), lines, log: Vec::new() };
        while service.address.is_empty() {
            match service.lines.recv_timeout(PATIENCE) {
                Ok(line) => service.take(line),
                Err(RecvTimeoutError::Disconnected) => return Err(service.ended()),
                Err(RecvTimeoutError::Timeout) => panic!("the host is not ready: {:?}", service.log),
            }
        }
        Ok(service)
    }

    fn take(&mut self, line: String) {
        if let Some(ready) = message(&line, "ready") {
            self.address = ready["address"].as_str().expect("ready names the address").to_owned();
        }
        self.log.push(line);
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn client(&self) -> Client {
        Client::new(&self.address, &self.token())
    }

    /// The operator's.
    pub fn token(&self) -> String {
        let token = std::fs::read_to_string(self.folder.join("token")).expect("the host has made a token");
        token.trim().to_owned()
    }

    /// Memory of the process that is in use, bytes.
    pub fn resident_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("the host runs");
        let kilobytes = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"));
        kilobytes.and_then(|number| number.parse::<u64>().ok()).expect("its size") << 10
    }

    /// SIGKILL: no handler runs, nothing is flushed. Then another host on the same folder.
    pub fn kill_and_restart(&mut self) {
        self.child.kill().expect("it can be killed");
        let log = self.ended().log;
        let next = Service::start(&self.folder, &self.settings);
        let before = std::mem::replace(self, next);
        drop(before);
        self.log.splice(0..0, log);
    }

    /// SIGTERM, and the wait for the end.
    pub fn terminate(self) -> Ended {
        self.end("TERM")
    }

    /// A signal, and the wait for the end.
    pub fn end(mut self, signal: &str) -> Ended {
        self.signal(signal);
        self.ended()
    }

    pub fn signal(&self, signal: &str) {
        // The shell's own command is there where no program of that name is.
        let sent = Command::new("sh").args(["-c", &format!("kill -{signal} {}", self.child.id())]).status();
        assert!(sent.expect("a shell").success(), "SIG{signal} was not sent");
    }

    /// The wait for the end of a host that has had its signal.
    pub fn ended(&mut self) -> Ended {
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => self.log.push(line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("the host does not end: {:?}", self.log),
            }
        }
        let status = self.child.wait().expect("a process that was started can be waited for");
        Ended { code: status.code(), log: std::mem::take(&mut self.log) }
    }

    /// The fields of all lines with this message, of this process and those before it.
    pub fn said(&mut self, what: &str) -> Vec<Value> {
        let lines: Vec<String> = self.lines.try_iter().collect();
        self.log.extend(lines);
        self.log.iter().filter_map(|line| message(line, what)).collect()
    }

    /// Waits until so many lines with this message are there, and answers their fields.
    pub fn heard(&mut self, what: &str, count: usize) -> Vec<Value> {
        loop {
            let said = self.said(what);
            if said.len() >= count {
                return said;
            }
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => self.log.push(line),
                Err(error) => panic!("`{what}` was said {} times, not {count} ({error})", said.len()),
            }
        }
    }

    /// Waits until something holds.
    ///
    /// # Panics
    /// If the host ends, or it takes longer than [`PATIENCE`].
    pub fn wait_until(&mut self, what: &str, mut holds: impl FnMut(&Client) -> bool) {
        let (client, begun) = (self.client(), Instant::now());
        while !holds(&client) {
            assert!(begun.elapsed() < PATIENCE, "{what}: not after {} s", PATIENCE.as_secs());
            match self.lines.recv_timeout(LOOK) {
                Ok(line) => self.log.push(line),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => panic!("{what}: the host has ended: {:?}", self.ended()),
            }
        }
    }

    /// Waits until all deployments of a business have read everything, and all that they wrote is durable.
    pub fn settle(&mut self, business: &str) {
        self.wait_until("everything is read and durable", |client| {
            let list = client.get(&format!("/v1/{business}/deployments")).ok();
            let read = list["deployments"].as_array().expect("a list").iter().all(|one| one["lag"] == 0);
            read && client.metric("fishpond_journal_last_position")
                == client.metric("fishpond_journal_durable_position")
        });
    }

    /// Everything in the folder's journal, once the host has ended.
    pub fn frames(folder: &Path, settings: &Settings) -> Vec<(Lsn, Frame)> {
        let options = OpenOptions { limits: settings.limits(), ..OpenOptions::default() };
        let host = open(folder, options, |_| {}).expect("the folder opens again");
        let frames = crate::frames(&host.parts);
        let journal = host.parts.log.journal().clone();
        drop(host);
        journal.close().expect("it closes");
        frames
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // Ended already, or ended now: either way nothing is left running.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A process and the lines of its standard error; the channel ends when the process does.
fn spawn(command: &mut Command) -> (Child, Receiver<String>) {
    let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program can be started");
    let errors = BufReader::new(child.stderr.take().expect("it is piped"));
    let (send, lines) = channel();
    std::thread::spawn(move || errors.lines().map_while(Result::ok).try_for_each(|line| send.send(line)));
    (child, lines)
}

/// The fields of a log line if it has this message.
fn message(line: &str, what: &str) -> Option<Value> {
    let line: Value = serde_json::from_str(line).ok()?;
    (line["fields"]["message"] == what).then(|| line["fields"].clone())
}
