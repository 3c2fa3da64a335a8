//! Where commands that run the host themselves meet the parts that do: the only place in `cli` that knows them.

use std::process::ExitCode;

use super::bench::BenchArgs;
use super::demo::DemoArgs;
use super::test::TestArgs;
use crate::config::Config;

/// Runs the host until it is told to end.
pub(super) fn serve(config: Config) -> anyhow::Result<()> {
    anyhow::bail!("not in this build: the host on {}", config.listen)
}

pub(super) fn demo(arguments: DemoArgs) -> anyhow::Result<ExitCode> {
    anyhow::bail!("not in this build: {arguments:?}")
}

pub(super) fn test(arguments: TestArgs) -> anyhow::Result<ExitCode> {
    anyhow::bail!("not in this build: {arguments:?}")
}

pub(super) fn bench(arguments: BenchArgs) -> anyhow::Result<ExitCode> {
    anyhow::bail!("not in this build: {arguments:?}")
}
