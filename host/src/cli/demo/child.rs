//! The demo's host: this program as `serve`, in a process of its own, so that it can really be killed.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::cli::client::Client;
use crate::cli::{Global, client};
use crate::config;

/// How long a start may take.
const START: Duration = Duration::from_secs(60);
/// Between two looks whether the host answers.
const LOOK: Duration = Duration::from_millis(20);

pub struct Host {
    child: Child,
    data: PathBuf,
    address: SocketAddr,
    log: PathBuf,
}

impl Host {
    /// Starts a host and waits until it is ready.
    pub fn start(data: &Path, address: SocketAddr) -> anyhow::Result<Host> {
        std::fs::create_dir_all(data).with_context(|| format!("cannot make {}", data.display()))?;
        let log = data.join("demo.log");
        let out = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&log)
            .with_context(|| log.display().to_string())?;
        let program = std::env::current_exe().context("cannot find this program")?;
        let child = Command::new(program)
            .args(["serve", "--listen", &address.to_string(), "--data"])
            .arg(data)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(out)
            .spawn()
            .context("cannot start a host")?;
        let mut host = Host { child, data: data.to_owned(), address, log };
        host.wait_until_ready()?;
        Ok(host)
    }

    fn wait_until_ready(&mut self) -> anyhow::Result<()> {
        let started = Instant::now();
        while started.elapsed() < START {
            if let Some(status) = self.child.try_wait()? {
                bail!("the host ended ({status}):\n{}", self.last_lines());
            }
            if self.client().and_then(|client| client.get("/readyz", &[])).is_ok() {
                return Ok(());
            }
            std::thread::sleep(LOOK);
        }
        bail!("the host was not ready within {} s:\n{}", START.as_secs(), self.last_lines())
    }

    fn last_lines(&self) -> String {
        let Ok(file) = std::fs::File::open(&self.log) else { return String::new() };
        let lines: Vec<String> = BufReader::new(file).lines().map_while(Result::ok).collect();
        lines[lines.len().saturating_sub(5)..].join("\n")
    }

    /// A client with the host's token.
    pub fn client(&self) -> Result<Client, client::Error> {
        Client::new(&Global {
            url: self.url(),
            token: config::token::load(&self.data).ok(),
            data: Some(self.data.clone()),
            business: super::BUSINESS.to_owned(),
            json: false,
        })
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn data(&self) -> &Path {
        &self.data
    }

    /// SIGKILL: no handler runs, nothing is flushed. Then the same folder again.
    pub fn kill_and_restart(mut self) -> anyhow::Result<Host> {
        self.child.kill().context("cannot kill the host")?;
        self.child.wait().context("cannot wait for the host")?;
        let (data, address) = (self.data.clone(), self.address);
        drop(self);
        Host::start(&data, address)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // Ended already, or ended now: either way nothing is left running.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A free port of this machine.
pub fn free_address() -> anyhow::Result<SocketAddr> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").context("cannot find a free port")?;
    Ok(listener.local_addr()?)
}
