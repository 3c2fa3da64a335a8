//! How far a shard is, as a record of the store.

use std::sync::Arc;

use super::wire::{CodecError, Read, Reader, Writer};
use crate::model::progress::{Newest, ShardProgress, Standing, Times};
use crate::model::{DeploymentId, Lsn, Tick};

const VERSION: u8 = 1;

pub fn encode_progress(progress: &ShardProgress) -> Vec<u8> {
    let mut writer = Writer::with_capacity(64 + progress.deployments.len() * 8);
    writer.byte(VERSION);
    let ShardProgress { times, desk, desk_now, deployments } = progress;
    [times.last.now, times.last.watermark, times.last_lsn.0].into_iter().for_each(|number| writer.uint(number));
    writer.list(times.intakes.iter(), |writer, (intake, newest)| {
        writer.text(intake);
        writer.uint(newest.event);
        writer.uint(newest.receipt);
    });
    writer.uint(desk.0.0);
    writer.uint(u64::from(desk.1));
    writer.uint(*desk_now);
    writer.list(deployments.iter(), |writer, (id, standing)| {
        writer.uint(id.0);
        writer.uint(standing.position.0);
        writer.uint(standing.watermark);
        writer.maybe(standing.settlements, |writer, (first, last)| {
            writer.uint(first.0);
            writer.near(last.0, first.0);
        });
    });
    writer.bytes
}

pub fn decode_progress(bytes: &[u8]) -> Result<ShardProgress, CodecError> {
    let mut reader = Reader::new(bytes);
    if reader.byte("progress version")? != VERSION {
        return reader.error("progress version");
    }
    let times = Times {
        last: Tick { now: reader.uint("tick now")?, watermark: reader.uint("tick watermark")? },
        last_lsn: Lsn(reader.uint("tick position")?),
        intakes: reader.list("intakes", read_newest)?.into_iter().collect(),
    };
    let desk = (Lsn(reader.uint("desk position")?), reader.u32("desk done")?);
    let desk_now = reader.uint("desk clock")?;
    let deployments =
        reader.list("deployments", |reader| Ok((DeploymentId(reader.uint("deployment")?), read_standing(reader)?)))?;
    reader.end("progress end")?;
    Ok(ShardProgress { times, desk, desk_now, deployments })
}

fn read_newest(reader: &mut Reader<'_>) -> Read<(Arc<str>, Newest)> {
    let intake = reader.text("intake")?.into();
    Ok((intake, Newest { event: reader.uint("newest event")?, receipt: reader.uint("newest receipt")? }))
}

fn read_standing(reader: &mut Reader<'_>) -> Read<Standing> {
    let (position, watermark) = (Lsn(reader.uint("position")?), reader.uint("passed watermark")?);
    let settlements = reader.maybe("settlements", |reader| {
        let first = reader.uint("first settlement")?;
        Ok((Lsn(first), Lsn(reader.near(first, "last settlement")?)))
    })?;
    Ok(Standing { position, watermark, settlements })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::samples::comes_back;

    #[test]
    fn progress_comes_back_whole() {
        let times = Times {
            last: Tick { now: 1 << 41, watermark: (1 << 41) - 5_000 },
            last_lsn: Lsn(900),
            intakes: ["", "app"].map(|name| (name.into(), Newest { event: 1 << 40, receipt: 7 })).into(),
        };
        let standing = |position, settlements| Standing { position: Lsn(position), watermark: position, settlements };
        let deployments =
            vec![(DeploymentId(2), standing(880, None)), (DeploymentId(300), standing(0, Some((Lsn(700), Lsn(820)))))];
        let progress = ShardProgress { times, desk: (Lsn(890), 3), desk_now: 5, deployments };
        comes_back(&progress, encode_progress, decode_progress);
        comes_back(&ShardProgress::default(), encode_progress, decode_progress);
    }
}
