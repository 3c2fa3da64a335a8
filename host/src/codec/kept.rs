//! An event that waits in a document, as the context of a timer: a text, because contexts are texts. Each part is
//! preceded by its length, so texts stay as they are and nothing is escaped.

use std::sync::Arc;

use super::intern::Interner;
use super::wire::CodecError;
use crate::model::Event;

/// An event with the name of the subscription that wants it.
pub fn encode_kept(event: &Event, subscription: &str) -> String {
    let mut text = String::with_capacity(160 + event.data.len());
    let numbers = [
        event.received,
        event.time,
        u64::from(event.time_replaced) + 2 * u64::from(event.undeduplicated),
        u64::from(event.hops),
        event.claimed.map_or(0, |claimed| claimed.saturating_add(1)),
    ];
    for number in numbers {
        text += &format!("{number},");
    }
    let fixed = [
        subscription,
        &event.source,
        &event.id,
        &event.kind,
        &event.subject,
        &event.actor,
        &event.scene,
        &event.intake,
        &event.data,
    ];
    let extensions = event.extensions.iter().flat_map(|(name, value)| [&**name, &**value]);
    for part in fixed.into_iter().chain(extensions) {
        text += &format!("{}:{part}", part.len());
    }
    text
}

/// The event, of this business, and the name of the subscription.
pub fn decode_kept(text: &str, business: &Arc<str>, interner: &mut Interner) -> Result<(Event, Box<str>), CodecError> {
    let mut parts = Parts { text, at: 0 };
    let (received, time) = (parts.number()?, parts.number()?);
    let (marks, hops, claimed) = (parts.number()?, parts.number()?, parts.number()?);
    let subscription = parts.text()?.into();
    let mut event = Event {
        business: business.clone(),
        source: interner.get(parts.text()?),
        id: parts.text()?.into(),
        kind: interner.get(parts.text()?),
        subject: parts.text()?.into(),
        actor: parts.text()?.into(),
        scene: parts.text()?.into(),
        intake: interner.get(parts.text()?),
        data: parts.text()?.into(),
        time,
        received,
        time_replaced: marks & 1 != 0,
        undeduplicated: marks & 2 != 0,
        hops: u8::try_from(hops).map_err(|_| parts.error())?,
        claimed: claimed.checked_sub(1),
        extensions: Vec::new(),
    };
    while parts.at < text.len() {
        event.extensions.push((parts.text()?.into(), parts.text()?.into()));
    }
    Ok((event, subscription))
}

struct Parts<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parts<'a> {
    fn error(&self) -> CodecError {
        CodecError { what: "kept event", offset: self.at }
    }

    /// The number before this sign, which is taken too.
    fn until(&mut self, sign: char) -> Result<u64, CodecError> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let (digits, _) = rest.split_once(sign).ok_or_else(|| self.error())?;
        let number = digits.parse().map_err(|_| self.error())?;
        self.at += digits.len() + sign.len_utf8();
        Ok(number)
    }

    fn number(&mut self) -> Result<u64, CodecError> {
        self.until(',')
    }

    fn text(&mut self) -> Result<&'a str, CodecError> {
        let length = usize::try_from(self.until(':')?).map_err(|_| self.error())?;
        let end = self.at.checked_add(length);
        let part = end.and_then(|end| self.text.get(self.at..end)).ok_or_else(|| self.error())?;
        self.at += length;
        Ok(part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_event_comes_back_whole() {
        let plain = Event { business: "b".into(), id: "1".into(), time: 5, received: 7, ..Event::default() };
        let full = Event {
            source: "a:b,1".into(),
            kind: "k".into(),
            subject: "3:ü".into(),
            actor: "12:".into(),
            scene: "s".into(),
            intake: "batch".into(),
            time_replaced: true,
            hops: 9,
            claimed: Some(0),
            undeduplicated: true,
            extensions: vec![("a".into(), "".into()), ("b".into(), "x,y:z".into())],
            data: r#"{"a":"5:hello"}"#.into(),
            ..plain.clone()
        };
        for event in [plain, full] {
            let text = encode_kept(&event, "sub");
            let mut interner = Interner::new(10);
            let mut decode = |text: &str| decode_kept(text, &"b".into(), &mut interner);
            assert_eq!(decode(&text), Ok((event.clone(), "sub".into())));
            assert!(decode(&text[1..]).is_err() || !event.time_replaced, "{text}");
            for cut in (0..text.len()).filter(|cut| text.is_char_boundary(*cut)) {
                // Without its last extensions it is an event too, but never the same one.
                assert_ne!(decode(&text[..cut]), Ok((event.clone(), "sub".into())), "{text} cut at {cut}");
            }
        }
    }
}
