//! Values of a person's own document: an action that has not ended, and a tag.

use super::action::{read_action, read_channel, write_action, write_channel};
use super::origin::{read_origin, write_origin};
use crate::codec::wire::{CodecError, Read, Reader, Writer};
use crate::model::DeploymentId;
use crate::model::outreach::{Asked, Tag, Waiting, WaitingState};

const WAITING_VERSION: u8 = 1;
const TAG_VERSION: u8 = 1;

pub fn encode_waiting(waiting: &Waiting) -> Vec<u8> {
    let mut writer = Writer::with_capacity(384);
    writer.byte(WAITING_VERSION);
    write_action(&mut writer, &waiting.action);
    writer.uint(u64::from(waiting.attempt));
    write_state(&mut writer, &waiting.state);
    writer.list(waiting.asked.iter(), write_asked);
    writer.bytes
}

/// Refuses what [`encode_waiting`] of this version does not write.
pub fn decode_waiting(bytes: &[u8]) -> Result<Waiting, CodecError> {
    let mut reader = Reader::new(bytes);
    if reader.byte("waiting version")? != WAITING_VERSION {
        return reader.error("waiting version");
    }
    let waiting = Waiting {
        action: read_action(&mut reader)?,
        attempt: reader.u32("attempt")?,
        state: read_state(&mut reader)?,
        asked: reader.list("asked", read_asked)?,
    };
    reader.end("waiting end")?;
    Ok(waiting)
}

fn write_state(writer: &mut Writer, state: &WaitingState) {
    match state {
        WaitingState::Held { until } => {
            writer.byte(0);
            writer.uint(*until);
        }
        WaitingState::Inbox { sequence, channel, attempted } => {
            writer.byte(1);
            writer.uint(*sequence);
            write_channel(writer, channel);
            writer.flag(*attempted);
        }
        WaitingState::Outbox { channel, retry, tries } => {
            writer.byte(2);
            write_channel(writer, channel);
            writer.uint(*retry);
            writer.uint(u64::from(*tries));
        }
    }
}

fn read_state(reader: &mut Reader<'_>) -> Read<WaitingState> {
    Ok(match reader.byte("waiting state")? {
        0 => WaitingState::Held { until: reader.uint("held until")? },
        1 => WaitingState::Inbox {
            sequence: reader.uint("sequence")?,
            channel: read_channel(reader)?,
            attempted: reader.flag("attempted")?,
        },
        2 => WaitingState::Outbox {
            channel: read_channel(reader)?,
            retry: reader.uint("retry")?,
            tries: reader.u32("tries")?,
        },
        _ => return reader.error("waiting state"),
    })
}

fn write_asked(writer: &mut Writer, asked: &Asked) {
    writer.uint(asked.deployment.0);
    writer.text(&asked.context);
    writer.uint(u64::from(asked.state_version));
}

fn read_asked(reader: &mut Reader<'_>) -> Read<Asked> {
    Ok(Asked {
        deployment: DeploymentId(reader.uint("deployment")?),
        context: reader.boxed("context")?,
        state_version: reader.u32("state version")?,
    })
}

pub fn encode_tag(tag: &Tag) -> Vec<u8> {
    let mut writer = Writer::with_capacity(160);
    writer.byte(TAG_VERSION);
    write_tag(&mut writer, tag);
    writer.bytes
}

/// Refuses what [`encode_tag`] of this version does not write.
pub fn decode_tag(bytes: &[u8]) -> Result<Tag, CodecError> {
    let mut reader = Reader::new(bytes);
    if reader.byte("tag version")? != TAG_VERSION {
        return reader.error("tag version");
    }
    let tag = read_tag(&mut reader)?;
    reader.end("tag end")?;
    Ok(tag)
}

pub fn write_tag(writer: &mut Writer, tag: &Tag) {
    writer.text(&tag.name);
    writer.text(&tag.value);
    write_origin(writer, &tag.origin);
    writer.text(&tag.policy);
    writer.uint(u64::from(tag.policy_revision));
    writer.uint(tag.since);
    writer.maybe(tag.expires, Writer::uint);
}

pub fn read_tag(reader: &mut Reader<'_>) -> Read<Tag> {
    Ok(Tag {
        name: reader.boxed("tag name")?,
        value: reader.boxed("tag value")?,
        origin: read_origin(reader)?,
        policy: reader.boxed("policy")?,
        policy_revision: reader.u32("policy revision")?,
        since: reader.uint("tag since")?,
        expires: reader.maybe("tag expiry", |reader| reader.uint("tag expiry"))?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::samples::{action, channels, comes_back, offlines, tags};

    fn waiting(state: WaitingState) -> Waiting {
        let asked = Asked { deployment: DeploymentId(300), context: "budget".into(), state_version: 2 };
        Waiting { action: action(), attempt: 2, state, asked: vec![asked] }
    }

    #[test]
    fn actions_that_wait_come_back_whole() {
        for channel in channels() {
            for state in [
                WaitingState::Held { until: 1 << 40 },
                WaitingState::Inbox { sequence: 7, channel: channel.clone(), attempted: true },
                WaitingState::Outbox { channel, retry: 9, tries: 3 },
            ] {
                comes_back(&waiting(state), encode_waiting, decode_waiting);
            }
        }
        for offline in offlines() {
            let mut waiting = waiting(WaitingState::Held { until: 0 });
            waiting.action.offline = offline;
            waiting.asked.clear();
            comes_back(&waiting, encode_waiting, decode_waiting);
        }
    }

    #[test]
    fn tags_come_back_whole() {
        for tag in tags() {
            comes_back(&tag, encode_tag, decode_tag);
        }
    }

    #[test]
    fn another_version_is_refused() {
        let mut bytes = encode_waiting(&waiting(WaitingState::Held { until: 0 }));
        bytes[0] += 1;
        assert!(decode_waiting(&bytes).is_err());
        let mut bytes = encode_tag(&tags()[0]);
        bytes[0] += 1;
        assert!(decode_tag(&bytes).is_err());
    }
}
