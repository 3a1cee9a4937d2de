//! Tuples as bytes: the order of the bytes is the order of the tuples, element by element, in every engine.
//!
//! | element | bytes |
//! |---|---|
//! | `str`, `bytes` | the bytes, each 00 as 00 02, then 00 01: a prefix sorts before what it begins |
//! | `bool`, `u8`, `u16`, `u64` | big endian |
//! | `i64` | big endian with the sign bit flipped |
//! | `u64_desc`, `i64_desc` | the same, every bit inverted: the largest first |
//! | `raw` | as they are; only where the width is fixed |
//!
//! In all of them, FE is written FE 01 and FF is written FE 02, which keeps the order and leaves **no byte FF in any
//! key**. sled 0.34 needs that: walking backwards, it looks for the left neighbour of a page that begins with `p x` at
//! `p x-1 FF FF FF FF`, and spins and panics if the neighbour begins above, as a key with five FF does. Numbers are full
//! of FF (small negative ones, inverted times).

use bytes::Bytes;

use super::{Fault, Tag};

/// First byte of an escaped FE or FF.
const HIGH: u8 = 0xfe;
const HIGH_FE: u8 = 1;
const HIGH_FF: u8 = 2;
/// After a 00: the end, or an escaped 00.
const ZERO_END: u8 = 1;
const ZERO_ZERO: u8 = 2;

/// The name of a record: whose it is, which table, which one. Its order is tenant, tag, id, by bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The customer id; ranges of keys never cross it.
    pub tenant: Bytes,
    /// The table.
    pub tag: Tag,
    /// The id inside the table, usually written with a [`KeyWriter`].
    pub id: Bytes,
}

impl Key {
    /// A key that holds copies of these bytes.
    pub fn new(tenant: impl AsRef<[u8]>, tag: Tag, id: impl AsRef<[u8]>) -> Self {
        Self { tenant: Bytes::copy_from_slice(tenant.as_ref()), tag, id: Bytes::copy_from_slice(id.as_ref()) }
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}/{}", self.tenant.escape_ascii(), self.tag.0, self.id.escape_ascii())
    }
}

/// Writes a tuple. Every call adds one element.
#[derive(Clone, Debug, Default)]
pub struct KeyWriter(Vec<u8>);

impl KeyWriter {
    /// An empty tuple.
    pub fn new() -> Self {
        Self(Vec::with_capacity(64))
    }

    /// A text.
    pub fn str(&mut self, text: &str) -> &mut Self {
        self.bytes(text.as_bytes())
    }

    /// Bytes of any length and content.
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.open_bytes(bytes);
        self.0.extend_from_slice(&[0, ZERO_END]);
        self
    }

    /// The beginning of a text or of bytes, without an end: the prefix of every element that begins so.
    pub fn open_bytes(&mut self, bytes: &[u8]) -> &mut Self {
        let mut rest = bytes;
        while let Some(at) = rest.iter().position(|byte| *byte == 0) {
            self.raw(&rest[..at]);
            self.0.extend_from_slice(&[0, ZERO_ZERO]);
            rest = &rest[at + 1..];
        }
        self.raw(rest)
    }

    /// Bytes of a fixed width, such as a hash.
    pub fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        let mut rest = bytes;
        while let Some(at) = rest.iter().position(|byte| *byte >= HIGH) {
            self.0.extend_from_slice(&rest[..at]);
            self.0.extend_from_slice(&[HIGH, if rest[at] == HIGH { HIGH_FE } else { HIGH_FF }]);
            rest = &rest[at + 1..];
        }
        self.0.extend_from_slice(rest);
        self
    }

    /// Elements that are encoded already.
    pub fn encoded(&mut self, tuple: &[u8]) -> &mut Self {
        self.0.extend_from_slice(tuple);
        self
    }

    /// False before true.
    pub fn bool(&mut self, flag: bool) -> &mut Self {
        self.u8(u8::from(flag))
    }

    /// One byte.
    pub fn u8(&mut self, number: u8) -> &mut Self {
        self.raw(&[number])
    }

    /// Ascending.
    pub fn u16(&mut self, number: u16) -> &mut Self {
        self.raw(&number.to_be_bytes())
    }

    /// Ascending.
    pub fn u64(&mut self, number: u64) -> &mut Self {
        self.raw(&number.to_be_bytes())
    }

    /// Descending.
    pub fn u64_desc(&mut self, number: u64) -> &mut Self {
        self.u64(!number)
    }

    /// Ascending, negative numbers first.
    pub fn i64(&mut self, number: i64) -> &mut Self {
        self.u64(flip(number))
    }

    /// Descending, negative numbers last: newest first when it is a time.
    pub fn i64_desc(&mut self, number: i64) -> &mut Self {
        self.u64(!flip(number))
    }

    /// What is written so far.
    pub fn as_slice(&self) -> &[u8] {
        &self.0
    }

    /// The finished tuple.
    pub fn into_bytes(self) -> Bytes {
        Bytes::from(self.0)
    }

    /// The finished tuple, as a vector.
    pub fn into_vec(self) -> Vec<u8> {
        self.0
    }
}

fn flip(number: i64) -> u64 {
    (number as u64) ^ (1 << 63)
}

/// The tuple that this closure writes: `tuple(|k| k.str("a").u64(1))`.
pub fn tuple(write: impl FnOnce(&mut KeyWriter) -> &mut KeyWriter) -> Bytes {
    let mut writer = KeyWriter::new();
    write(&mut writer);
    writer.into_bytes()
}

/// Reads a tuple back, element by element, in the order in which it was written. Every read can answer
/// [`Fault::Corrupt`], because the bytes come from a disk.
#[derive(Clone, Debug)]
pub struct KeyReader<'a>(&'a [u8]);

impl<'a> KeyReader<'a> {
    /// Reads from the beginning of these bytes.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// What is not read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.0
    }

    /// The next so many bytes of the encoded form, whatever they mean.
    pub fn encoded(&mut self, width: usize) -> Result<&'a [u8], Fault> {
        let (head, rest) = self.0.split_at_checked(width).ok_or_else(short)?;
        self.0 = rest;
        Ok(head)
    }

    /// Bytes of this fixed width, written by [`KeyWriter::raw`].
    pub fn raw(&mut self, width: usize) -> Result<Bytes, Fault> {
        let mut plain = vec![0; width];
        self.fill(&mut plain)?;
        Ok(Bytes::from(plain))
    }

    /// Bytes written by [`KeyWriter::bytes`].
    pub fn bytes(&mut self) -> Result<Bytes, Fault> {
        let mut plain = Vec::new();
        loop {
            let at = self.0.iter().position(|byte| *byte == 0 || *byte >= HIGH).ok_or_else(short)?;
            plain.extend_from_slice(&self.0[..at]);
            let mark = (self.0[at], *self.0.get(at + 1).ok_or_else(short)?);
            self.0 = &self.0[at + 2..];
            match mark {
                (0, ZERO_END) => return Ok(Bytes::from(plain)),
                (0, ZERO_ZERO) => plain.push(0),
                (HIGH, HIGH_FE) => plain.push(0xfe),
                (HIGH, HIGH_FF) => plain.push(0xff),
                _ => return Err(bad_escape()),
            }
        }
    }

    /// A text written by [`KeyWriter::str`].
    pub fn str(&mut self) -> Result<String, Fault> {
        String::from_utf8(self.bytes()?.into()).map_err(|_| Fault::Corrupt("a stored key's text is not UTF-8".into()))
    }

    fn fill(&mut self, plain: &mut [u8]) -> Result<(), Fault> {
        for byte in plain {
            let (first, rest) = self.0.split_first().ok_or_else(short)?;
            self.0 = rest;
            *byte = *first;
            if *first >= HIGH {
                let (mark, rest) = rest.split_first().ok_or_else(short)?;
                self.0 = rest;
                *byte = match (*first, *mark) {
                    (HIGH, HIGH_FE) => 0xfe,
                    (HIGH, HIGH_FF) => 0xff,
                    _ => return Err(bad_escape()),
                };
            }
        }
        Ok(())
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let mut plain = [0; N];
        self.fill(&mut plain)?;
        Ok(plain)
    }

    /// See [`KeyWriter::bool`].
    pub fn bool(&mut self) -> Result<bool, Fault> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Fault::Corrupt("a stored key's flag is neither 0 nor 1".into())),
        }
    }

    /// See [`KeyWriter::u8`].
    pub fn u8(&mut self) -> Result<u8, Fault> {
        Ok(self.array::<1>()?[0])
    }

    /// See [`KeyWriter::u16`].
    pub fn u16(&mut self) -> Result<u16, Fault> {
        self.array().map(u16::from_be_bytes)
    }

    /// See [`KeyWriter::u64`].
    pub fn u64(&mut self) -> Result<u64, Fault> {
        self.array().map(u64::from_be_bytes)
    }

    /// See [`KeyWriter::u64_desc`].
    pub fn u64_desc(&mut self) -> Result<u64, Fault> {
        Ok(!self.u64()?)
    }

    /// See [`KeyWriter::i64`].
    pub fn i64(&mut self) -> Result<i64, Fault> {
        Ok((self.u64()? ^ (1 << 63)) as i64)
    }

    /// See [`KeyWriter::i64_desc`].
    pub fn i64_desc(&mut self) -> Result<i64, Fault> {
        Ok((!self.u64()? ^ (1 << 63)) as i64)
    }
}

fn bad_escape() -> Fault {
    Fault::Corrupt("a stored key has a bad escape".into())
}

fn short() -> Fault {
    Fault::Corrupt("a stored key ends too early".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::cmp::Reverse;

    /// Bytes that love the edges of the escape.
    fn nasty() -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(prop_oneof![Just(0u8), Just(1), Just(0xfe), Just(0xff), any::<u8>()], 0..6)
    }

    fn edge() -> impl Strategy<Value = i64> {
        prop_oneof![Just(i64::MIN), Just(-1), Just(0), Just(1), Just(i64::MAX), any::<i64>()]
    }

    type Row = (Vec<u8>, i64, Vec<u8>, Reverse<i64>, Reverse<u64>, bool, u16, Vec<u8>);

    fn row() -> impl Strategy<Value = Row> {
        (nasty(), edge(), nasty(), edge().prop_map(Reverse), edge().prop_map(|n| Reverse(n as u64)), any::<bool>())
            .prop_flat_map(|(a, b, c, d, e, f)| (Just((a, b, c, d, e, f)), any::<u16>(), nasty()))
            .prop_map(|((a, b, c, d, e, f), g, h)| (a, b, c, d, e, f, g, h))
    }

    fn write(row: &Row) -> Vec<u8> {
        let mut k = KeyWriter::new();
        k.bytes(&row.0).i64(row.1).bytes(&row.2).i64_desc(row.3.0).u64_desc(row.4.0).bool(row.5).u16(row.6);
        k.bytes(&row.7).u64(7).u8(9).raw(&row.7);
        k.into_vec()
    }

    proptest! {
        #[test]
        fn the_order_of_the_bytes_is_the_order_of_the_tuples(a in row(), b in row(), shared in 0..8) {
            // Random rows differ in the first element, so most cases share some leading ones.
            let mut b = b;
            if shared > 0 { b.0 = a.0.clone(); }
            if shared > 1 { b.1 = a.1; }
            if shared > 2 { b.2 = a.2.clone(); }
            if shared > 3 { b.3 = a.3; }
            if shared > 4 { b.4 = a.4; }
            if shared > 5 { b.5 = a.5; }
            if shared > 6 { b.6 = a.6; }
            prop_assert_eq!(write(&a).cmp(&write(&b)), a.cmp(&b));
        }

        #[test]
        fn a_tuple_reads_back_as_it_was_written(row in row()) {
            let bytes = write(&row);
            let mut r = KeyReader::new(&bytes);
            prop_assert_eq!(r.bytes().unwrap(), row.0);
            prop_assert_eq!(r.i64().unwrap(), row.1);
            prop_assert_eq!(r.bytes().unwrap(), row.2);
            prop_assert_eq!(r.i64_desc().unwrap(), row.3.0);
            prop_assert_eq!(r.u64_desc().unwrap(), row.4.0);
            prop_assert_eq!(r.bool().unwrap(), row.5);
            prop_assert_eq!(r.u16().unwrap(), row.6);
            prop_assert_eq!(&r.bytes().unwrap(), &row.7);
            prop_assert_eq!((r.u64().unwrap(), r.u8().unwrap()), (7, 9));
            prop_assert_eq!(r.raw(row.7.len()).unwrap(), row.7);
            prop_assert!(r.rest().is_empty());
            prop_assert!(!bytes.contains(&0xff), "sled walks backwards wrongly over it");
        }

        #[test]
        fn an_open_text_is_the_prefix_of_exactly_the_texts_that_begin_so(head in nasty(), text in nasty()) {
            let prefix = tuple(|k| k.open_bytes(&head));
            let whole = tuple(|k| k.bytes(&text).u64(1));
            // A text that ends where the head goes on with 00 would be a false match if 00 were not escaped.
            prop_assert_eq!(whole.starts_with(&prefix), text.starts_with(&head));
        }

        #[test]
        fn reading_any_bytes_answers_or_complains_and_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..20)) {
            let mut r = KeyReader::new(&bytes);
            while r.bytes().is_ok() && r.u16().is_ok() && r.i64().is_ok() && r.bool().is_ok() {}
        }
    }
}
