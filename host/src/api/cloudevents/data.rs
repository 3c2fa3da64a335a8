//! An event's data: JSON that every reader behind intake can read.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// A member of this name means something else to the JSON library than to everybody else.
const RESERVED_MEMBER: &str = "$serde_json::private::RawValue";

/// Says why a text is no JSON that can be read whole: also nesting, numbers beyond a double and half surrogates are
/// errors, which a mere check of the syntax lets through.
pub(super) fn check_json(text: &str) -> Result<(), String> {
    serde_json::from_str::<Readable>(text).map(|Readable| ()).map_err(|error| error.to_string())
}

/// Reads everything and keeps nothing.
struct Readable;

impl<'de> Deserialize<'de> for Readable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Readable, D::Error> {
        deserializer.deserialize_any(ReadAll)
    }
}

struct ReadAll;

impl<'de> Visitor<'de> for ReadAll {
    type Value = Readable;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Readable, E> {
        Ok(Readable)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Readable, E> {
        Ok(Readable)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Readable, E> {
        Ok(Readable)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Readable, E> {
        Ok(Readable)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Readable, E> {
        Ok(Readable)
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Readable, E> {
        Ok(Readable)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Readable, A::Error> {
        while items.next_element::<Readable>()?.is_some() {}
        Ok(Readable)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Readable, A::Error> {
        while let Some(Member) = members.next_key()? {
            members.next_value::<Readable>()?;
        }
        Ok(Readable)
    }
}

/// A member's name.
struct Member;

impl<'de> Deserialize<'de> for Member {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Member, D::Error> {
        struct Name;
        impl Visitor<'_> for Name {
            type Value = Member;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a member's name")
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<Member, E> {
                if name == RESERVED_MEMBER { Err(E::custom("a member has a reserved name")) } else { Ok(Member) }
            }
        }
        deserializer.deserialize_str(Name)
    }
}

/// Base64 (RFC 4648, section 4), with its padding and nothing else.
pub(super) fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let bytes = text.as_bytes();
    let padding = bytes.iter().rev().take_while(|byte| **byte == b'=').count();
    if !bytes.len().is_multiple_of(4) || padding > 2 {
        return None;
    }
    let digits = &bytes[..bytes.len() - padding];
    let mut decoded = Vec::with_capacity(digits.len() * 3 / 4);
    let (mut bits, mut held) = (0u32, 0);
    for digit in digits {
        bits = bits << 6 | u32::from(base64_digit(*digit)?);
        held += 6;
        if held >= 8 {
            held -= 8;
            decoded.push((bits >> held) as u8);
            bits &= (1 << held) - 1;
        }
    }
    // Bits behind the last byte must be zero: one text for one value.
    (bits == 0).then_some(decoded)
}

fn base64_digit(byte: u8) -> Option<u8> {
    Some(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read_strictly() {
        let cases: [(&str, &[u8]); 6] = [
            ("", b""),
            ("Zg==", b"f"),
            ("Zm8=", b"fo"),
            ("Zm9v", b"foo"),
            ("/+8=", &[0xff, 0xef]),
            ("Zm9vYg==", b"foob"),
        ];
        for (text, expected) in cases {
            assert_eq!(decode_base64(text).as_deref(), Some(expected), "{text}");
        }
        for bad in ["Zg", "Zg=", "Z===", "====", "Zh==", "Zm9\n", "Zm9v ", "Zm_-", "=m9v", "Zg==Zg==", "é==="] {
            assert_eq!(decode_base64(bad), None, "{bad}");
        }
    }

    #[test]
    fn only_json_that_everybody_can_read_passes() {
        let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        for good in ["null", "0", r#"{"a":[1,"\u00e9",{"a":-1.5e3}],"a":true}"#, &deep(100)] {
            assert_eq!(check_json(good), Ok(()), "{good}");
            assert!(serde_json::from_str::<serde_json::Value>(good).is_ok());
        }
        let reserved = r#"{"$serde_json::private::RawValue":"1"}"#;
        for bad in [r#""\ud800""#, "1e999", "{", "[1,]", "01", "nul", "1 2", reserved, &deep(200)] {
            assert!(check_json(bad).is_err(), "{bad}");
        }
    }
}
