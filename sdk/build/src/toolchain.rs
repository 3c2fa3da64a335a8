//! Why: `wasm32-unknown-unknown` is not part of a Rust installation. Three routes to it, in this order: it is there
//! already; rustup fetches it; Debian's `rustc-web` builds the standard library from source with the present cargo.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Error, Result, anyhow, bail};

use crate::{apt, process};

/// The target of every guest: no WASI, no host.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";
/// Forces one route: `installed`, `rustup` or `debian`.
const ROUTE_VARIABLE: &str = "FISHPOND_WASM_TOOLCHAIN";
/// A network that drops packets must not hold up a build for longer.
const RUSTUP_LIMIT: Duration = Duration::from_secs(60);

const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_STD_SOURCE: &str = "/usr/lib/rustlib/src/rust/library/std/src/lib.rs";
const DEBIAN_LINKER: &str = "/usr/bin/wasm-ld";
const DEBIAN_PACKAGES: [&str; 3] = ["rustc-web", "rust-web-src", "lld"];

/// How the target came to this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// The present compiler has it.
    Installed,
    /// `rustup target add` fetched it.
    Rustup,
    /// Debian's compiler builds the standard library.
    Debian,
}

/// A compiler that builds for wasm32.
#[derive(Debug, Clone)]
pub struct Toolchain {
    route: Route,
}

impl Toolchain {
    /// Finds a toolchain, and installs one if there is none. `FISHPOND_WASM_TOOLCHAIN=installed|rustup|debian` forces
    /// a route.
    ///
    /// # Errors
    /// If no route leads to one; the message lists what each said and what can be done by hand.
    pub fn find() -> Result<Self> {
        let forced = std::env::var(ROUTE_VARIABLE).ok().filter(|name| !name.is_empty());
        let routes = match forced {
            Some(name) => vec![Route::named(&name)?],
            None => vec![Route::Installed, Route::Rustup, Route::Debian],
        };
        let mut failures = Vec::new();
        for route in routes {
            match route.prepare() {
                Ok(()) => return Ok(Self { route }),
                Err(error) => failures.push((route, error)),
            }
        }
        Err(no_toolchain(&failures))
    }

    /// How it was found.
    pub fn route(&self) -> Route {
        self.route
    }

    /// Its folder in cargo's target folder: guests never wait for the host's build lock, and the two compilers never
    /// throw away each other's work.
    pub(crate) fn target_folder(&self) -> &'static str {
        match self.route {
            Route::Installed | Route::Rustup => "guests",
            Route::Debian => "guests-debian",
        }
    }

    /// Tells a `cargo build` to use it.
    pub(crate) fn apply(&self, cargo: &mut Command) {
        cargo.args(["--target", TARGET]);
        if self.route == Route::Debian {
            // Debian's compiler is a stable one; building std needs the unstable flag. Its own linker wrapper is
            // not part of the packages, hence the plain one.
            cargo.args(["-Z", "build-std=std,panic_abort"]);
            cargo.env("RUSTC", DEBIAN_RUSTC).env("RUSTC_BOOTSTRAP", "1");
            cargo.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", "wasm-ld");
        }
    }
}

impl Route {
    fn named(name: &str) -> Result<Self> {
        match name {
            "installed" => Ok(Self::Installed),
            "rustup" => Ok(Self::Rustup),
            "debian" => Ok(Self::Debian),
            other => bail!("{ROUTE_VARIABLE} is `{other}`: write installed, rustup or debian"),
        }
    }

    fn prepare(self) -> Result<()> {
        match self {
            Self::Installed => installed(),
            Self::Rustup => rustup(),
            Self::Debian => debian(),
        }
    }
}

fn installed() -> Result<()> {
    let library = sysroot()?.join("lib/rustlib").join(TARGET).join("lib");
    if !library.is_dir() {
        bail!("the compiler has no {TARGET} (no folder {})", library.display());
    }
    Ok(())
}

fn sysroot() -> Result<PathBuf> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    process::output(Command::new(rustc).args(["--print", "sysroot"])).map(PathBuf::from)
}

fn rustup() -> Result<()> {
    eprintln!("adding {TARGET} with rustup (at most {} s) ...", RUSTUP_LIMIT.as_secs());
    process::run_within(Command::new("rustup").args(["target", "add", TARGET]), RUSTUP_LIMIT)?;
    installed()
}

fn debian() -> Result<()> {
    if debian_is_complete() {
        return Ok(());
    }
    apt::install(&DEBIAN_PACKAGES).context("Debian's compiler for Wasm is not installed")?;
    if !debian_is_complete() {
        bail!(
            "{} were installed, but {DEBIAN_RUSTC}, {DEBIAN_STD_SOURCE} or {DEBIAN_LINKER} is missing",
            DEBIAN_PACKAGES.join(", ")
        );
    }
    Ok(())
}

fn debian_is_complete() -> bool {
    [DEBIAN_RUSTC, DEBIAN_STD_SOURCE, DEBIAN_LINKER].iter().all(|file| Path::new(file).exists())
}

fn no_toolchain(failures: &[(Route, Error)]) -> Error {
    let mut message = format!("no compiler for {TARGET}:\n");
    for (route, error) in failures {
        message.push_str(&format!("  {}: {error:#}\n", format!("{route:?}").to_lowercase()));
    }
    message.push_str("one of these helps:\n");
    message.push_str(&format!("  rustup target add {TARGET}\n"));
    message.push_str(&format!("  apt-get install -y --no-install-recommends {}\n", DEBIAN_PACKAGES.join(" ")));
    message.push_str(&format!("  RUSTC=<a compiler whose sysroot has lib/rustlib/{TARGET}>"));
    anyhow!(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_route_names_the_known_ones() {
        let error = Route::named("nix").expect_err("there is none");
        assert_eq!(error.to_string(), "FISHPOND_WASM_TOOLCHAIN is `nix`: write installed, rustup or debian");
    }

    #[test]
    fn without_a_compiler_the_error_lists_what_was_tried_and_three_remedies() {
        let error = no_toolchain(&[
            (Route::Installed, anyhow!("no folder")),
            (Route::Rustup, anyhow!("cannot start `rustup`").context("no network")),
        ]);
        let text = error.to_string();
        for part in [
            "installed: no folder",
            "rustup: no network: cannot start `rustup`",
            "rustup target add wasm32-unknown-unknown",
            "apt-get install -y --no-install-recommends rustc-web rust-web-src lld",
            "RUSTC=",
        ] {
            assert!(text.contains(part), "{part} is not in:\n{text}");
        }
    }

    #[test]
    fn debian_builds_apart_from_the_others() {
        let folder = |route| Toolchain { route }.target_folder();
        assert_eq!(folder(Route::Installed), folder(Route::Rustup));
        assert_ne!(folder(Route::Installed), folder(Route::Debian));
    }
}
