//! A host of a command's own: this program as `serve`, in a process of its own, so that it can really be killed, and what
//! it uses is its own.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::cli::client::{Client, Content};
use crate::cli::{Global, client};
use crate::config;

/// The business that it is used for: the default of all commands, so that they work on its folder.
pub const BUSINESS: &str = "demo";
/// Between two looks at something that is waited for.
pub const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// How long a start may take.
const START: Duration = Duration::from_secs(60);

pub struct Host {
    child: Child,
    data: PathBuf,
    address: SocketAddr,
    origins: String,
    log: PathBuf,
}

impl Host {
    /// Starts a host and waits until it is ready. Pages of `origins` (as the setting has them) may use it.
    pub fn start(data: &Path, address: SocketAddr, origins: &str) -> anyhow::Result<Host> {
        std::fs::create_dir_all(data).with_context(|| format!("cannot make {}", data.display()))?;
        let log = data.join("host.log");
        let out = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&log)
            .with_context(|| log.display().to_string())?;
        let child = program()?
            .args(["serve", "--listen", &address.to_string(), "--data"])
            .arg(data)
            .env(config::variable("api.cors_origins"), origins)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(out)
            .spawn()
            .context("cannot start a host")?;
        let mut host = Host { child, data: data.to_owned(), address, origins: origins.to_owned(), log };
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
            std::thread::sleep(LOOK_AGAIN);
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
            business: BUSINESS.to_owned(),
            json: false,
        })
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Of its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn data(&self) -> &Path {
        &self.data
    }

    /// One of this program's commands, about this host, as one types it.
    pub fn command(&self, words: &[&str]) -> anyhow::Result<Command> {
        let mut command = program()?;
        // A token of the environment is another host's.
        command.args(words).args(["--business", BUSINESS, "--url", &self.url()]).env_remove("FISHPOND_TOKEN");
        command.arg("--data").arg(&self.data);
        Ok(command)
    }

    /// What such a command prints.
    pub fn says(&self, words: &[&str]) -> anyhow::Result<String> {
        let output = self.command(words)?.output().context("cannot start a command")?;
        if !output.status.success() {
            bail!("`fishpond {}` failed: {}", words.join(" "), String::from_utf8_lossy(&output.stderr));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// SIGKILL: no handler runs, nothing is flushed. Then the same folder again.
    pub fn kill_and_restart(mut self) -> anyhow::Result<Host> {
        self.child.kill().context("cannot kill the host")?;
        self.child.wait().context("cannot wait for the host")?;
        let (data, address, origins) = (self.data.clone(), self.address, self.origins.clone());
        drop(self);
        Host::start(&data, address, &origins)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // Ended already, or ended now: either way nothing is left running.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn program() -> anyhow::Result<Command> {
    Ok(Command::new(std::env::current_exe().context("cannot find this program")?))
}

/// A free port of this machine.
pub fn free_address() -> anyhow::Result<SocketAddr> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").context("cannot find a free port")?;
    Ok(listener.local_addr()?)
}

/// Uploads a module that this checkout has built.
pub fn upload(client: &Client, module: &str) -> anyhow::Result<()> {
    let root = fishpond_build::workspace_root(&std::env::current_dir()?).context("run this inside the checkout")?;
    let file = fishpond_build::components_dir(&root).join(format!("{module}.wasm"));
    let wasm = std::fs::read(&file).with_context(|| {
        format!("cannot read {}: build the modules first with `cargo xtask guests`", file.display())
    })?;
    client.upload(&client.path(&["modules"]), Content { kind: "application/wasm", bytes: &wasm })?;
    Ok(())
}
