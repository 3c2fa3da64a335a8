//! The connected: open streams of the hub, each read by a task of its own, as the tasks of open responses do.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use anyhow::Context;

use super::super::BUSINESS;
use super::crowd;
use crate::channels::{Hub, Stream};
use crate::tasks::Thread;

/// Numbers of events with the times at which streams had their deliveries.
type Times = Vec<(u64, Instant)>;

/// One thread reads for all.
pub struct Streams {
    hub: Arc<Hub>,
    received: Arc<AtomicU64>,
    thread: Thread<std::io::Result<Times>>,
}

impl Streams {
    /// Connects the first persons of the crowd.
    pub fn open(hub: &Arc<Hub>, persons: u64) -> anyhow::Result<Streams> {
        let join = |number| hub.join(BUSINESS, &crowd::person(number));
        let streams = (0..persons).map(join).collect::<Result<Vec<Stream>, _>>()?;
        let received = Arc::new(AtomicU64::new(0));
        let count = received.clone();
        let thread = Thread::spawn("bench-streams", move || read_all(streams, &count))?;
        Ok(Streams { hub: hub.clone(), received, thread })
    }

    /// Deliveries so far.
    pub fn received(&self) -> u64 {
        self.received.load(Ordering::Acquire)
    }

    /// Closes all streams of the hub; nobody can connect any more.
    pub fn close(self) -> anyhow::Result<Times> {
        self.hub.close();
        Ok(self.thread.join().context("the streams have failed")??)
    }
}

fn read_all(streams: Vec<Stream>, received: &Arc<AtomicU64>) -> std::io::Result<Times> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    runtime.block_on(async {
        let tasks: Vec<_> = streams.into_iter().map(|stream| tokio::spawn(read(stream, received.clone()))).collect();
        let mut times = Vec::new();
        for task in tasks {
            times.extend(task.await?);
        }
        Ok(times)
    })
}

async fn read(mut stream: Stream, received: Arc<AtomicU64>) -> Times {
    let mut times = Vec::new();
    while let Some(delivery) = stream.next().await {
        let now = Instant::now();
        times.extend(crowd::number(&delivery.action.fields).map(|number| (number, now)));
        received.fetch_add(1, Ordering::Release);
    }
    times
}
