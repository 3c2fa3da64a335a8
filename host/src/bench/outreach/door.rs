//! The host's door on the loopback, as `serve` opens it, and who may come in.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::super::BUSINESS;
use crate::api::{self, User, UserKeys};
use crate::app::Doors;
use crate::config;
use crate::model::DEFAULT_INTAKE;
use crate::shards::Parts;

/// How long a person's token lasts, milliseconds: longer than the bench.
const TOKEN_MS: u64 = 3_600_000;

pub struct Door {
    runtime: Runtime,
    served: JoinHandle<std::io::Result<()>>,
    stop: oneshot::Sender<()>,
    keys: UserKeys,
    pub address: SocketAddr,
}

pub fn keys(folder: &Path) -> anyhow::Result<UserKeys> {
    Ok(UserKeys::new(config::token::user_key(folder)?))
}

/// For persons only: nobody has an operator's token.
pub fn doors(folder: &Path, keys: UserKeys) -> Doors {
    Doors {
        data: folder.to_owned(),
        tokens: api::Tokens::new([], ""),
        keys,
        cors_origins: Vec::new(),
        intakes: api::Intakes::new(&[DEFAULT_INTAKE.to_owned()]),
    }
}

impl Door {
    pub fn open(router: api::Router, keys: UserKeys, parts: &Parts) -> anyhow::Result<Door> {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start the runtime")?;
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).context("cannot listen on the loopback")?;
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel();
        let (limits, metrics): (_, Arc<_>) = (parts.limits.clone(), parts.metrics.clone());
        let served = runtime.spawn(async move {
            let stopped = async { drop(stopped.await) };
            api::serve(listener, router, &limits, metrics, stopped).await
        });
        Ok(Door { runtime, served, stop, keys, address })
    }

    /// What a person's client sends to have the stream.
    pub fn request(&self, person: &str) -> anyhow::Result<String> {
        let now = jiff::Timestamp::now().as_millisecond() as u64;
        let user = User { business: BUSINESS.into(), id: person.into() };
        let token = self.keys.issue(&user, now, now + TOKEN_MS)?;
        let host = self.address;
        Ok(format!(
            "GET /v1/{BUSINESS}/users/{person}/actions HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n"
        ))
    }

    /// Behind the end of all streams.
    pub fn close(self) -> anyhow::Result<()> {
        // Whoever does not listen any more has ended.
        let _ = self.stop.send(());
        self.runtime.block_on(self.served)?.context("the door has failed")
    }
}
