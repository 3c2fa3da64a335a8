//! The one printable tree of settings: defaults < file < environment < flags. An unknown key is an error, and all of
//! it is checked before a port is opened.

mod error;
mod file;
pub mod log;
mod nearest;
mod print;
#[cfg(test)]
mod tests;
pub mod token;
mod tree;
mod validate;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

pub use error::Error;
pub use tree::{Origin, Tree};

use crate::model::{DEFAULT_INTAKE, Limits};
use tree::Value;

/// Where a host is when nobody says otherwise.
pub const DEFAULT_DATA: &str = "./fishpond-data";
/// Loopback: there is no TLS.
pub const DEFAULT_LISTEN: &str = "127.0.0.1:7878";
/// The settings file inside the data folder.
pub const FILE_NAME: &str = "fishpond.toml";

/// The settings in force, checked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Config {
    /// Folder of the journal, the store, the modules and the token.
    pub data: PathBuf,
    pub listen: SocketAddr,
    /// Directives of the log, as `info` or `info,fishpond::journal=debug`.
    pub log: String,
    pub log_format: LogFormat,
    /// Origins of web pages that may use the end users' addresses, as a browser writes them.
    pub cors_origins: Vec<String>,
    /// By which events come in; each has its own share in the watermark. One at least.
    pub intakes: Vec<String>,
    /// Those of them that refuse events which may have come before, instead of marking them.
    pub refuse_older: Vec<String>,
    pub limits: Limits,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object in a line, for collectors.
    Json,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            data: DEFAULT_DATA.into(),
            listen: SocketAddr::from(([127, 0, 0, 1], 7878)),
            log: "info".to_owned(),
            log_format: LogFormat::Text,
            cors_origins: Vec::new(),
            intakes: vec![DEFAULT_INTAKE.to_owned()],
            refuse_older: Vec::new(),
            limits: Limits::default(),
        }
    }
}

/// What settings are read from, apart from the defaults. Tests bring their own environment.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// `--config`; without it the data folder's own file is read if there is one.
    pub file: Option<PathBuf>,
    pub environment: Vec<(String, String)>,
    /// Key, value, and the flag that gave it.
    pub flags: Vec<(String, String, String)>,
}

impl Sources {
    /// With the variables of this process. Variables that are not text cannot name a setting.
    pub fn of_process(file: Option<PathBuf>, flags: Vec<(String, String, String)>) -> Sources {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.to_string_lossy().into_owned()))
        };
        Sources { file, environment: std::env::vars_os().filter_map(text).collect(), flags }
    }
}

/// The settings and where each comes from.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub config: Config,
    pub tree: Tree,
}

impl Loaded {
    /// Everything in force as a settings file, each line with its origin.
    pub fn print(&self) -> String {
        print::print(&self.tree)
    }
}

/// Reads all sources in their order and checks the result.
pub fn load(sources: &Sources) -> Result<Loaded, Error> {
    let mut outer = Tree::default();
    apply_environment(&mut outer, sources)?;
    apply_flags(&mut outer, sources)?;

    let mut tree = Tree::default();
    match &sources.file {
        Some(path) => file::apply(&mut tree, path)?,
        None => apply_own_file(&mut tree, Path::new(outer.text("data")))?,
    }
    apply_environment(&mut tree, sources)?;
    apply_flags(&mut tree, sources)?;
    let config = validate::check(&tree)?;
    Ok(Loaded { config, tree })
}

/// The file in the data folder can say everything but where the data folder is.
fn apply_own_file(tree: &mut Tree, data: &Path) -> Result<(), Error> {
    let path = data.join(FILE_NAME);
    if !path.exists() {
        return Ok(());
    }
    file::apply(tree, &path)?;
    match tree.origin("data") {
        Origin::Default => Ok(()),
        origin => Err(Error::Invalid {
            key: "data".to_owned(),
            value: tree.text("data").to_owned(),
            origin: origin.clone(),
            reason: "the file inside the data folder cannot move it: use --data, FISHPOND_DATA, or a file given by \
                     --config"
                .to_owned(),
        }),
    }
}

const PREFIX: &str = "FISHPOND_";
/// Variables of commands and builds, which are no settings of the host.
const OTHER_VARIABLES: [&str; 5] =
    ["FISHPOND_URL", "FISHPOND_TOKEN", "FISHPOND_BUSINESS", "FISHPOND_CONFIG", "FISHPOND_WASM_TOOLCHAIN"];
/// Container platforms set these for a service that is called `fishpond`, whether one wants them or not.
const PLATFORM_PREFIXES: [&str; 2] = ["FISHPOND_SERVICE_", "FISHPOND_PORT"];

fn apply_environment(tree: &mut Tree, sources: &Sources) -> Result<(), Error> {
    for (name, value) in &sources.environment {
        let foreign = PLATFORM_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
        if !name.starts_with(PREFIX) || foreign || OTHER_VARIABLES.contains(&&**name) {
            continue;
        }
        let key = tree.keys().find(|key| variable(key) == *name).map(str::to_owned);
        let Some(key) = key else {
            let known = tree.keys().map(variable).chain(OTHER_VARIABLES.map(str::to_owned));
            return Err(Error::UnknownVariable { name: name.clone(), nearest: nearest::nearest(name, known) });
        };
        tree.set(&key, Value::Text(value.clone()), Origin::Environment(name.clone()))?;
    }
    Ok(())
}

/// The environment variable of a key: `limits.event_bytes` is `FISHPOND_LIMITS_EVENT_BYTES`.
pub fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('.', "_").to_uppercase())
}

fn apply_flags(tree: &mut Tree, sources: &Sources) -> Result<(), Error> {
    for (key, value, flag) in &sources.flags {
        tree.set(key, Value::Text(value.clone()), Origin::Flag(flag.clone()))?;
    }
    Ok(())
}

/// The data folder as a command knows it that does not read the host's settings: the flag, else the environment.
pub fn data_folder(flag: Option<&Path>) -> PathBuf {
    let variable = || std::env::var_os(variable("data")).filter(|value| !value.is_empty());
    flag.map(Path::to_owned).or_else(|| variable().map(PathBuf::from)).unwrap_or_else(|| DEFAULT_DATA.into())
}

impl Config {
    /// What an operator should know, for the log of the start.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if !self.listen.ip().is_loopback() {
            warnings.push(format!(
                "the host listens on {}, beyond this machine, and has no TLS: tokens and events can be read on the \
                 way; put a proxy with TLS in front of it, or listen on {DEFAULT_LISTEN}",
                self.listen
            ));
        }
        warnings
    }
}
