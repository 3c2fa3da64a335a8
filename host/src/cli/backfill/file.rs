//! A backfill of a file, run by this process. What is tried comes from the host, or from files alone.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;

use super::BackfillArgs;
use super::shown::Shown;
use crate::api::body::{DeploymentView, LimitList};
use crate::backfill::{Error, Job, Lines, Place, Setting, run as backfill};
use crate::cli::Global;
use crate::cli::client::Client;
use crate::cli::demo::asked_to_end;
use crate::cli::deployment::json;
use crate::cli::events::{BadLine, Line, Lines as Reading};
use crate::config::{self, Sources};
use crate::model::Limits;

/// Of matches, where no deployment is named.
const NAME: &str = "local";

/// Lines that are read at once.
const AT_ONCE: usize = 500;

pub fn run(arguments: &BackfillArgs, global: &Global, events: &Path, shown: &mut Shown) -> anyhow::Result<()> {
    let lines = read(events)?;
    let (job, limits) = match arguments.local {
        true => (local(arguments, global)?, limits_here()?),
        false => of_host(arguments, global)?,
    };
    let limits = Arc::new(limits);
    let folder = tempfile::Builder::new().prefix("fishpond-backfill-").tempdir().context("cannot make a folder")?;
    let place = Place { folder: folder.path().to_owned(), native: None };
    let stop = Arc::new(AtomicBool::new(false));
    let (end, stopping) = (asked_to_end()?, stop.clone());
    std::thread::spawn(move || {
        if end.recv().is_ok() {
            stopping.store(true, Ordering::Release);
        }
    });
    let mut source = Lines::new(lines, &global.business, limits.clone());
    match backfill(&job, &mut source, &Setting::new(&place, &limits, 100, &stop), shown) {
        Err(Error::Write(error)) => Err(error.into()),
        // Told in its last line.
        _ => Ok(()),
    }
}

fn local(arguments: &BackfillArgs, global: &Global) -> anyhow::Result<Job> {
    Ok(Job {
        business: global.business.clone(),
        deployment: arguments.name.clone().unwrap_or_else(|| NAME.to_owned()),
        component: component(arguments.module.as_deref().context("which module?")?)?,
        configuration: configuration(arguments)?.unwrap_or_else(|| "{}".to_owned()),
        permissions: None,
        advance_ms: advance_ms(arguments),
    })
}

/// The newest revision, as far as nothing else is given, under the limits of its host.
fn of_host(arguments: &BackfillArgs, global: &Global) -> anyhow::Result<(Job, Limits)> {
    let client = Client::new(global)?;
    let name = arguments.name.as_deref().context("which deployment?")?;
    let deployed: DeploymentView = client.get(&client.path(&["deployments", name]), &[])?.parse()?;
    let listed: LimitList = client.get("/v1/limits", &[])?.parse()?;
    let mut limits = Limits::default();
    for limit in listed.limits {
        // A host of another version may have others.
        if let Some(value) = limits.get_mut(&limit.name) {
            *value = limit.value;
        }
    }
    let (component, permissions) = match arguments.module.as_deref() {
        Some(file) => (component(file)?, None),
        None => (client.bytes(&client.path(&["modules", &deployed.module.digest]))?, Some(deployed.permissions)),
    };
    let configuration = configuration(arguments)?.unwrap_or_else(|| deployed.configuration.get().to_owned());
    let (business, deployment) = (global.business.clone(), name.to_owned());
    let advance_ms = advance_ms(arguments);
    Ok((Job { business, deployment, component, configuration, permissions, advance_ms }, limits))
}

fn limits_here() -> anyhow::Result<Limits> {
    Ok(config::load(&Sources::of_process(None, Vec::new()))?.config.limits)
}

fn advance_ms(arguments: &BackfillArgs) -> u64 {
    arguments.advance.unwrap_or(0).saturating_mul(1_000)
}

fn component(file: &str) -> anyhow::Result<Vec<u8>> {
    std::fs::read(file)
        .with_context(|| format!("cannot read the module {file}: with --events, --module is the file of a built one"))
}

fn configuration(arguments: &BackfillArgs) -> anyhow::Result<Option<String>> {
    let given = arguments.config.as_deref().map(|text| json(text, "--config")).transpose()?;
    Ok(given.map(|given| given.get().to_owned()))
}

/// The lines up to the first bad one, which is an error.
fn read(file: &Path) -> anyhow::Result<impl Iterator<Item = Result<(u64, String), Error>> + use<>> {
    let opened = File::open(file).with_context(|| format!("cannot read {}", file.display()))?;
    let mut reading = Reading::new(BufReader::new(opened));
    let batches = std::iter::from_fn(move || reading.next_batch(AT_ONCE).transpose());
    Ok(batches.flat_map(|batch| match batch {
        Ok(batch) => {
            let good = batch.events.into_iter().map(|Line { number, json }| (number, Ok((number, json))));
            let bad =
                batch.bad.into_iter().map(|BadLine { number: line, reason }| (line, Err(Error::Line { line, reason })));
            let mut lines: Vec<_> = good.chain(bad).collect();
            lines.sort_by_key(|(number, _)| *number);
            lines.into_iter().map(|(_, line)| line).collect()
        }
        Err(error) => vec![Err(Error::Host(format!("the file cannot be read: {error}")))],
    }))
}
