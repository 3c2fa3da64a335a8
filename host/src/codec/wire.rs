//! Numbers and texts as bytes: little-endian base-128 integers (LEB128), zigzag for signed ones, length-prefixed texts.

/// The bytes are not what this version writes. They passed their checksum, so they were written by another version
/// or by a bug, not by a bad disk.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("stored bytes cannot be read at {what} (offset {offset}): written by another version of fishpond?")]
pub struct CodecError {
    pub what: &'static str,
    pub offset: usize,
}

pub type Read<T> = Result<T, CodecError>;

#[derive(Default)]
pub struct Writer {
    pub bytes: Vec<u8>,
}

impl Writer {
    pub fn with_capacity(bytes: usize) -> Writer {
        Writer { bytes: Vec::with_capacity(bytes) }
    }

    pub fn byte(&mut self, value: u8) {
        self.bytes.push(value);
    }

    pub fn flag(&mut self, value: bool) {
        self.byte(u8::from(value));
    }

    pub fn uint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }

    pub fn int(&mut self, value: i64) {
        self.uint(((value << 1) ^ (value >> 63)) as u64);
    }

    /// A number that is mostly close to another one that the reader knows by then: one byte where they are equal.
    pub fn near(&mut self, value: u64, base: u64) {
        self.int(value.wrapping_sub(base) as i64);
    }

    /// A hash: its sixteen bytes, since nothing about it is small.
    pub fn hash(&mut self, value: u128) {
        self.raw(&value.to_le_bytes());
    }

    pub fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    pub fn blob(&mut self, bytes: &[u8]) {
        self.uint(bytes.len() as u64);
        self.raw(bytes);
    }

    pub fn text(&mut self, text: &str) {
        self.blob(text.as_bytes());
    }

    pub fn maybe<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Writer, T)) {
        self.flag(value.is_some());
        if let Some(value) = value {
            write(self, value);
        }
    }

    pub fn list<T>(&mut self, items: impl ExactSizeIterator<Item = T>, mut write: impl FnMut(&mut Writer, T)) {
        self.uint(items.len() as u64);
        items.for_each(|item| write(self, item));
    }
}

pub struct Reader<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { bytes, offset: 0 }
    }

    pub fn error<T>(&self, what: &'static str) -> Read<T> {
        Err(CodecError { what, offset: self.offset })
    }

    /// Nothing may be left.
    pub fn end(self, what: &'static str) -> Read<()> {
        if self.offset == self.bytes.len() { Ok(()) } else { self.error(what) }
    }

    /// What is left is of no interest.
    pub fn pass_over(&mut self) {
        self.offset = self.bytes.len();
    }

    pub fn byte(&mut self, what: &'static str) -> Read<u8> {
        self.raw(1, what).map(|bytes| bytes[0])
    }

    pub fn flag(&mut self, what: &'static str) -> Read<bool> {
        match self.byte(what)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => self.error(what),
        }
    }

    pub fn uint(&mut self, what: &'static str) -> Read<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte(what)?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        self.error(what)
    }

    pub fn int(&mut self, what: &'static str) -> Read<i64> {
        let value = self.uint(what)?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    pub fn u32(&mut self, what: &'static str) -> Read<u32> {
        u32::try_from(self.uint(what)?).or_else(|_| self.error(what))
    }

    pub fn i32(&mut self, what: &'static str) -> Read<i32> {
        i32::try_from(self.int(what)?).or_else(|_| self.error(what))
    }

    pub fn near(&mut self, base: u64, what: &'static str) -> Read<u64> {
        Ok(base.wrapping_add(self.int(what)? as u64))
    }

    pub fn hash(&mut self, what: &'static str) -> Read<u128> {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(self.raw(16, what)?);
        Ok(u128::from_le_bytes(bytes))
    }

    pub fn raw(&mut self, length: usize, what: &'static str) -> Read<&'a [u8]> {
        let rest = &self.bytes[self.offset..];
        let Some(taken) = rest.get(..length) else { return self.error(what) };
        self.offset += length;
        Ok(taken)
    }

    pub fn blob(&mut self, what: &'static str) -> Read<&'a [u8]> {
        let length = self.uint(what)?;
        match usize::try_from(length) {
            Ok(length) => self.raw(length, what),
            Err(_) => self.error(what),
        }
    }

    pub fn text(&mut self, what: &'static str) -> Read<&'a str> {
        let bytes = self.blob(what)?;
        std::str::from_utf8(bytes).or_else(|_| self.error(what))
    }

    pub fn boxed(&mut self, what: &'static str) -> Read<Box<str>> {
        self.text(what).map(Box::from)
    }

    pub fn maybe<T>(&mut self, what: &'static str, read: impl FnOnce(&mut Self) -> Read<T>) -> Read<Option<T>> {
        if self.flag(what)? { read(self).map(Some) } else { Ok(None) }
    }

    pub fn list<T>(&mut self, what: &'static str, mut read: impl FnMut(&mut Self) -> Read<T>) -> Read<Vec<T>> {
        let count = self.uint(what)?;
        // Every item has at least one byte: a count beyond what is left is refused before memory is taken for it.
        if count > (self.bytes.len() - self.offset) as u64 {
            return self.error(what);
        }
        (0..count).map(|_| read(self)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_texts_come_back() {
        let mut writer = Writer::default();
        let numbers = [0, 1, 127, 128, u64::from(u32::MAX), u64::MAX];
        numbers.iter().for_each(|number| writer.uint(*number));
        let signed = [0, -1, 1, i64::MIN, i64::MAX];
        signed.iter().for_each(|number| writer.int(*number));
        let near = [(5, 5), (0, u64::MAX), (u64::MAX, 0), (4, 9)];
        near.iter().for_each(|(value, base)| writer.near(*value, *base));
        writer.hash(u128::MAX - 7);
        writer.text("Fischteich ü");
        writer.maybe(None::<u64>, Writer::uint);
        let mut reader = Reader::new(&writer.bytes);
        assert!(numbers.iter().all(|number| reader.uint("n") == Ok(*number)));
        assert!(signed.iter().all(|number| reader.int("n") == Ok(*number)));
        assert!(near.iter().all(|(value, base)| reader.near(*base, "n") == Ok(*value)));
        assert_eq!(reader.hash("h"), Ok(u128::MAX - 7));
        assert_eq!(reader.text("t"), Ok("Fischteich ü"));
        assert_eq!(reader.maybe("m", |reader| reader.uint("m")), Ok(None));
        assert_eq!(reader.end("end"), Ok(()));
    }

    #[test]
    fn bad_bytes_are_an_error_and_take_no_memory() {
        assert!(Reader::new(&[0xff; 10]).uint("n").is_err());
        assert!(Reader::new(&[0xff, 0xff, 0xff, 0xff, 0x7f, 1]).list("l", |reader| reader.byte("b")).is_err());
        assert!(Reader::new(&[2, 0xc3, 0x28]).text("t").is_err());
        assert!(Reader::new(&[2]).flag("f").is_err());
        assert!(Reader::new(&[5, 1]).blob("b").is_err());
        assert!(Reader::new(&[0x80, 0x80, 0x80, 0x80, 0x10]).u32("u").is_err(), "one more than u32::MAX");
        assert!(Reader::new(&[0x80, 0x80, 0x80, 0x80, 0x10]).i32("i").is_err(), "one more than i32::MAX");
    }
}
