//! The connected: each a connection to the host that reads its stream of server-sent events, as an app does.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use anyhow::Context;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::TcpStream;

use super::door::Door;
use super::{STALL, crowd};
use crate::channels::Hub;
use crate::tasks::Thread;

/// Numbers of events with the times at which clients had read the frames of their messages.
type Times = Vec<(u64, Instant)>;

/// One thread reads for all.
pub struct Streams {
    hub: Arc<Hub>,
    received: Arc<AtomicU64>,
    thread: Thread<anyhow::Result<Times>>,
}

impl Streams {
    /// Connects the first persons of the crowd, and waits until the host has them all. What has waited for them comes too; messages of
    /// events below `timed_from` are not counted.
    pub fn open(door: &Door, hub: &Arc<Hub>, persons: u64, timed_from: u64) -> anyhow::Result<Streams> {
        let requests = (0..persons).map(|number| door.request(&crowd::person(number)));
        let (address, requests) = (door.address, requests.collect::<anyhow::Result<Vec<String>>>()?);
        let received = Arc::new(AtomicU64::new(0));
        let (opened, open) = std::sync::mpsc::channel();
        let timed = Timed { from: timed_from, received: received.clone() };
        let thread = Thread::spawn("bench-streams", move || read_all(address, requests, &timed, &opened))?;
        // Otherwise the thread says what was wrong.
        if open.recv().is_err() {
            thread.join().context("the streams have failed")??;
            anyhow::bail!("the streams have ended before they began");
        }
        Ok(Streams { hub: hub.clone(), received, thread })
    }

    /// Messages so far.
    pub fn received(&self) -> u64 {
        self.received.load(Ordering::Acquire)
    }

    /// Closes all streams of the host; nobody can connect any more.
    pub fn close(self) -> anyhow::Result<Times> {
        self.hub.close();
        self.thread.join().context("the streams have failed")?
    }
}

/// Messages of events from a number on.
#[derive(Clone)]
struct Timed {
    from: u64,
    received: Arc<AtomicU64>,
}

fn read_all(
    address: SocketAddr,
    requests: Vec<String>,
    timed: &Timed,
    opened: &std::sync::mpsc::Sender<()>,
) -> anyhow::Result<Times> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut tasks = Vec::with_capacity(requests.len());
        for request in requests {
            let connected = tokio::time::timeout(STALL, connect(address, &request)).await;
            let lines = connected.context("the host opens no stream")??;
            tasks.push(tokio::spawn(read(lines, timed.clone())));
        }
        // Whoever has gone away waits for nothing.
        let _ = opened.send(());
        let mut times = Vec::new();
        for task in tasks {
            times.extend(task.await??);
        }
        Ok(times)
    })
}

/// Up to the first line of the stream, which says how soon to connect again: from then on the person is present.
async fn connect(address: SocketAddr, request: &str) -> anyhow::Result<Lines<BufReader<TcpStream>>> {
    let mut stream = TcpStream::connect(address).await.context("cannot connect to the host")?;
    stream.set_nodelay(true)?;
    stream.write_all(request.as_bytes()).await?;
    let mut lines = BufReader::new(stream).lines();
    let status = lines.next_line().await?.unwrap_or_default();
    anyhow::ensure!(status.starts_with("HTTP/1.1 200"), "the host did not open a stream: {status}");
    while let Some(line) = lines.next_line().await? {
        if line.starts_with("retry:") {
            return Ok(lines);
        }
    }
    anyhow::bail!("the host has ended a stream that had not begun")
}

/// Every message is an event of its own, written in one piece; lengths of chunks are lines between them.
async fn read(mut lines: Lines<BufReader<TcpStream>>, timed: Timed) -> anyhow::Result<Times> {
    let mut times = Vec::new();
    while let Some(line) = lines.next_line().await? {
        let Some(data) = line.strip_prefix("data:") else { continue };
        let now = Instant::now();
        let message: serde_json::Value = serde_json::from_str(data).context("a message is no JSON")?;
        // The last event of a stream says why it ends.
        if message.get("fields").is_none() {
            continue;
        }
        let number = crowd::number(&message["fields"].to_string()).context("a message names no event")?;
        if number >= timed.from {
            times.push((number, now));
            timed.received.fetch_add(1, Ordering::Release);
        }
    }
    Ok(times)
}
