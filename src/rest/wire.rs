//! Protobuf wire primitives (protobuf.dev/programming-guides/encoding): append, and read without copying.

/// Wire types of the encoding; groups are skipped, never made.
pub(crate) const VARINT: u8 = 0;
pub(crate) const FIXED64: u8 = 1;
pub(crate) const LENGTH: u8 = 2;
const GROUP: u8 = 3;
const GROUP_END: u8 = 4;
pub(crate) const FIXED32: u8 = 5;

/// The tag of a field as it stands on the wire.
pub(crate) const fn tag(number: u32, wire: u8) -> u64 {
    ((number as u64) << 3) | wire as u64
}

pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub(crate) fn put_bytes(out: &mut Vec<u8>, tag: u64, bytes: &[u8]) {
    if tag != 0 {
        put_varint(out, tag);
        put_varint(out, bytes.len() as u64);
    }
    out.extend_from_slice(bytes);
}

/// Reserves the length of what follows: one byte, which is right for everything below 128 bytes.
pub(crate) fn open(out: &mut Vec<u8>) -> usize {
    out.push(0);
    out.len()
}

/// Writes the length reserved by [`open`]; longer content moves up to make room for a longer varint.
pub(crate) fn close(out: &mut Vec<u8>, start: usize) {
    let length = out.len() - start;
    if length < 0x80 {
        out[start - 1] = length as u8;
        return;
    }
    let mut varint = [0_u8; 10];
    let mut width = 0;
    let mut rest = length as u64;
    while rest >= 0x80 {
        varint[width] = rest as u8 | 0x80;
        rest >>= 7;
        width += 1;
    }
    varint[width] = rest as u8;
    out.resize(out.len() + width, 0);
    out.copy_within(start..start + length, start + width);
    out[start - 1..=start - 1 + width].copy_from_slice(&varint[..=width]);
}

/// One field's content, still undecoded.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Raw<'a> {
    Varint(u64),
    Fixed32(u32),
    Fixed64(u64),
    Bytes(&'a [u8]),
    /// A group: skipped.
    Group,
}

impl Raw<'_> {
    /// Is this the zero of its type, which a field without presence never shows?
    pub(crate) fn is_zero(self) -> bool {
        match self {
            Raw::Varint(v) | Raw::Fixed64(v) => v == 0,
            Raw::Fixed32(v) => v == 0,
            Raw::Bytes(bytes) => bytes.is_empty(),
            Raw::Group => true,
        }
    }
}

/// Bytes that are not protobuf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// Reads a message's fields, one after the other.
#[derive(Clone, Copy)]
pub(crate) struct Cursor<'a>(pub(crate) &'a [u8]);

impl<'a> Cursor<'a> {
    pub(crate) fn varint(&mut self) -> Result<u64, Malformed> {
        let mut value = 0_u64;
        for (at, byte) in self.0.iter().enumerate().take(10) {
            value |= u64::from(byte & 0x7f) << (7 * at);
            if *byte < 0x80 {
                self.0 = &self.0[at + 1..];
                return Ok(value);
            }
        }
        Err(Malformed)
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (head, tail) = self.0.split_at_checked(count).ok_or(Malformed)?;
        self.0 = tail;
        Ok(head)
    }

    pub(crate) fn fixed32(&mut self) -> Result<u32, Malformed> {
        let (head, tail) = self.0.split_first_chunk().ok_or(Malformed)?;
        self.0 = tail;
        Ok(u32::from_le_bytes(*head))
    }

    pub(crate) fn fixed64(&mut self) -> Result<u64, Malformed> {
        let (head, tail) = self.0.split_first_chunk().ok_or(Malformed)?;
        self.0 = tail;
        Ok(u64::from_le_bytes(*head))
    }

    /// The next field, or `None` at the end.
    pub(crate) fn field(&mut self) -> Result<Option<(u32, Raw<'a>)>, Malformed> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let (number, wire) = self.tag()?;
        Ok(Some((number, self.content(number, wire)?)))
    }

    /// One element of a packed list.
    pub(crate) fn packed(&mut self, wire: u8) -> Result<Raw<'a>, Malformed> {
        self.content(0, wire)
    }

    fn tag(&mut self) -> Result<(u32, u8), Malformed> {
        let tag = self.varint()?;
        let number = u32::try_from(tag >> 3).map_err(|_| Malformed)?;
        if number == 0 { Err(Malformed) } else { Ok((number, (tag & 7) as u8)) }
    }

    fn content(&mut self, number: u32, wire: u8) -> Result<Raw<'a>, Malformed> {
        Ok(match wire {
            VARINT => Raw::Varint(self.varint()?),
            FIXED64 => Raw::Fixed64(self.fixed64()?),
            FIXED32 => Raw::Fixed32(self.fixed32()?),
            LENGTH => {
                let length = self.varint()?;
                Raw::Bytes(self.take(usize::try_from(length).map_err(|_| Malformed)?)?)
            }
            GROUP => self.skip_group(number)?,
            _ => return Err(Malformed),
        })
    }

    /// Skips a group without recursion, whatever it nests.
    fn skip_group(&mut self, number: u32) -> Result<Raw<'a>, Malformed> {
        let mut open = vec![number];
        while let Some(current) = open.last().copied() {
            let (number, wire) = self.tag()?;
            match wire {
                GROUP => open.push(number),
                GROUP_END if number == current => drop(open.pop()),
                GROUP_END => return Err(Malformed),
                _ => drop(self.content(number, wire)?),
            }
        }
        Ok(Raw::Group)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reserved_length_is_canonical_whatever_the_size_of_the_content() {
        for size in [0, 1, 127, 128, 16_383, 16_384, 3_000_000] {
            let mut out = vec![9];
            let at = open(&mut out);
            out.extend((0..size).map(|i| i as u8));
            close(&mut out, at);
            let mut want = vec![9];
            put_varint(&mut want, size as u64);
            want.extend((0..size).map(|i| i as u8));
            assert_eq!(out, want);
        }
    }

    #[test]
    fn a_varint_of_any_width_reads_back() {
        for value in [0, 1, 127, 128, u64::from(u32::MAX), u64::MAX] {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            let mut cursor = Cursor(&out);
            assert_eq!(cursor.varint(), Ok(value));
            assert!(cursor.0.is_empty());
        }
        assert_eq!(Cursor(&[0xff; 11]).varint(), Err(Malformed));
    }

    #[test]
    fn groups_are_skipped_and_unbalanced_ones_refused() {
        let group = [0x0b, 0x13, 0x08, 0x01, 0x14, 0x0c, 0x10, 0x05];
        let mut cursor = Cursor(&group);
        assert!(matches!(cursor.field(), Ok(Some((1, Raw::Group)))));
        assert!(matches!(cursor.field(), Ok(Some((2, Raw::Varint(5))))));
        assert!(matches!(cursor.field(), Ok(None)));
        assert!(Cursor(&[0x0b, 0x14]).field().is_err());
        assert!(Cursor(&[0x0c]).field().is_err());
        assert!(Cursor(&[0x0b]).field().is_err());
    }

    #[test]
    fn truncated_and_numberless_fields_are_malformed() {
        for bytes in
            [&[0x0a, 5, 1][..], &[0x0d, 1], &[0x09, 1], &[0x00, 1], &[0x0f], &[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff]]
        {
            assert!(Cursor(bytes).field().is_err(), "{bytes:?}");
        }
    }
}
