//! Events with their attributes in HTTP headers (`ce-...`) and the data as the body.

use std::borrow::Cow;

use super::attributes::{Builder, CORE_ATTRIBUTES, Value, pointer, too_many_extensions};
use super::{Intake, Read, Refusal, is_utf8};

/// Reads one event from headers (names in lower case) and body.
pub fn read_binary(headers: &[(&str, &[u8])], content_type: Option<&str>, body: &[u8], intake: &Intake) -> Read {
    let limits = &intake.limits;
    let attributes = || headers.iter().filter_map(|(name, value)| Some((name.strip_prefix("ce-")?, *value)));
    let bytes = attributes().map(|(name, value)| name.len() + value.len()).sum::<usize>() + body.len();
    if bytes as u64 > limits.event_bytes {
        return Err(Refusal::limit("", "event_bytes", "the event", bytes, limits.event_bytes));
    }
    if attributes().count() as u64 > limits.extensions.saturating_add(CORE_ATTRIBUTES as u64) {
        return Err(too_many_extensions(limits.extensions));
    }
    let mut builder = Builder::new(intake);
    for (i, (name, value)) in attributes().enumerate() {
        if attributes().take(i).any(|(earlier, _)| earlier == name) {
            return Err(Refusal::new(pointer(name), "duplicate_attribute", format!("`ce-{name}` is there twice")));
        }
        match name {
            "datacontenttype" => {
                return Err(Refusal::new(
                    "/datacontenttype",
                    "bad_datacontenttype",
                    "send it as the header `content-type`",
                ));
            }
            "data" => return Err(Refusal::new("/data", "bad_data", "send the data as the body")),
            _ => builder.attribute(name, Value::Text(decode(name, value)?.into()))?,
        }
    }
    if !body.is_empty() {
        read_body(content_type, body, &mut builder)?;
    }
    builder.finish()
}

fn read_body(content_type: Option<&str>, body: &[u8], builder: &mut Builder<'_>) -> Result<(), Refusal> {
    if let Some(content_type) = content_type {
        builder.attribute("datacontenttype", Value::Text(content_type.into()))?;
        if !is_utf8(content_type) {
            return Err(Refusal::new(
                "/datacontenttype",
                "bad_datacontenttype",
                "JSON is UTF-8, not another `charset`",
            ));
        }
    }
    let text = std::str::from_utf8(body);
    let text = text.map_err(|_| Refusal::new("/data", "bad_data", "the data is no JSON: the bytes are not UTF-8"))?;
    // White space around it is the body's, not the data's.
    builder.data("/data", text.trim_matches([' ', '\t', '\r', '\n']))
}

/// A header's value as the HTTP binding writes it: perhaps quoted, by older versions, and percent-encoded. A percent
/// sign that begins no code stands for itself.
fn decode(name: &str, value: &[u8]) -> Result<String, Refusal> {
    let plain = unquote(value);
    let mut decoded = Vec::with_capacity(plain.len());
    let mut rest = &*plain;
    while let [byte, behind @ ..] = rest {
        match behind {
            [high, low, after @ ..] if *byte == b'%' && high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                decoded.push(hex(*high) << 4 | hex(*low));
                rest = after;
            }
            _ => {
                decoded.push(*byte);
                rest = behind;
            }
        }
    }
    let bad = |_| Refusal::new(pointer(name), "bad_attribute", format!("`ce-{name}`: the bytes are not UTF-8"));
    String::from_utf8(decoded).map_err(bad)
}

/// A quoted string of RFC 7230 without its quotes and backslashes.
fn unquote(value: &[u8]) -> Cow<'_, [u8]> {
    let [b'"', inner @ .., b'"'] = value else { return Cow::Borrowed(value) };
    let mut plain = Vec::with_capacity(inner.len());
    let mut escaped = false;
    for byte in inner {
        if *byte == b'\\' && !escaped {
            escaped = true;
        } else {
            plain.push(*byte);
            escaped = false;
        }
    }
    Cow::Owned(plain)
}

fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}
