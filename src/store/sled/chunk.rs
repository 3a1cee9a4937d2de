//! Records and events as sled values: a head with a checksum, and parts, so that no value exceeds [`CHUNK`].
//!
//! sled writes a log message above a quarter of its segment size to a file of its own, without any sync. A message can
//! be a whole leaf, which holds up to 17 values; at 16 KiB each that stays below a quarter of a 2 MiB segment.
//!
//! Head: format u8, checksum u32, version u64, length of the body u32, parts after the head u16, body.
//! Part: version u64, body. The checksum is the CRC-32 of the head after it and of the whole body.

use bytes::{BufMut, Bytes};
use sled::{IVec, Tree};

use super::super::{Fault, KeyWriter, Rec};

/// Bytes of one value at most.
pub(super) const CHUNK: usize = 16 << 10;
const FORMAT: u8 = 1;
const HEAD: usize = 19;
const PART_HEAD: usize = 8;

/// What the head of a stored body says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    crc: u32,
    pub(super) version: u64,
    len: usize,
    pub(super) parts: u16,
}

impl Head {
    /// Reads the head of a value; the rest is the first stretch of the body.
    pub(super) fn parse(value: &[u8]) -> Result<(Head, &[u8]), String> {
        let (head, body) = value.split_first_chunk::<HEAD>().ok_or("the head is cut off")?;
        let [format, c0, c1, c2, c3, v0, v1, v2, v3, v4, v5, v6, v7, l0, l1, l2, l3, p0, p1] = *head;
        if format != FORMAT {
            return Err(format!("format {format} is unknown"));
        }
        let head = Head {
            crc: u32::from_be_bytes([c0, c1, c2, c3]),
            version: u64::from_be_bytes([v0, v1, v2, v3, v4, v5, v6, v7]),
            len: u32::from_be_bytes([l0, l1, l2, l3]) as usize,
            parts: u16::from_be_bytes([p0, p1]),
        };
        Ok((head, body))
    }

    fn check(&self, body: &[u8]) -> Result<(), String> {
        if body.len() != self.len {
            return Err(format!("the body has {} bytes and should have {}", body.len(), self.len));
        }
        if checksum(self.version, self.len, self.parts, body) != self.crc {
            return Err("the checksum does not match".into());
        }
        Ok(())
    }
}

fn checksum(version: u64, len: usize, parts: u16, body: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&version.to_be_bytes());
    crc.update(&(len as u32).to_be_bytes());
    crc.update(&parts.to_be_bytes());
    crc.update(body);
    crc.finalize()
}

/// The key of a part, 1 for the one after the head.
pub(super) fn part_key(key: &[u8], part: u16) -> Vec<u8> {
    let mut k = KeyWriter::new();
    k.encoded(key).u16(part);
    k.into_vec()
}

/// Writes a body under this key: adds the head and the parts to the writes and answers how many parts there are.
pub(super) fn split(key: Vec<u8>, version: u64, body: &[u8], writes: &mut Vec<(Vec<u8>, Option<IVec>)>) -> u16 {
    let (first, rest) = body.split_at(body.len().min(CHUNK - HEAD));
    let parts = rest.len().div_ceil(CHUNK - PART_HEAD) as u16; // a body is at most a few MiB, so this is below 1,000
    for (number, part) in (1..).zip(rest.chunks(CHUNK - PART_HEAD)) {
        let mut value = Vec::with_capacity(PART_HEAD + part.len());
        value.put_u64(version);
        value.put_slice(part);
        writes.push((part_key(&key, number), Some(value.into())));
    }
    let mut value = Vec::with_capacity(HEAD + first.len());
    value.put_u8(FORMAT);
    value.put_u32(checksum(version, body.len(), parts, body));
    value.put_u64(version);
    value.put_u32(body.len() as u32);
    value.put_u16(parts);
    value.put_slice(first);
    writes.push((key, Some(value.into())));
    parts
}

/// Why a read of one value failed.
pub(super) enum ReadError {
    /// sled said so.
    Sled(sled::Error),
    /// What it gave is not what was written.
    Damaged(String),
}

impl From<sled::Error> for ReadError {
    fn from(error: sled::Error) -> Self {
        Self::Sled(error)
    }
}

/// The body under this key.
pub(super) fn read(tree: &Tree, key: &[u8]) -> Result<Option<Rec>, ReadError> {
    match tree.get(key)? {
        Some(value) => join(tree, key, value),
        None => Ok(None),
    }
}

/// The body under this key, of which the head is read already.
pub(super) fn join(tree: &Tree, key: &[u8], mut value: IVec) -> Result<Option<Rec>, ReadError> {
    loop {
        let (head, first) = Head::parse(&value).map_err(ReadError::Damaged)?;
        if head.parts == 0 {
            head.check(first).map_err(ReadError::Damaged)?;
            // A copy, because the value is often a slice of its page: to keep it would keep all of the page.
            return Ok(Some(Rec { version: head.version, body: Bytes::copy_from_slice(first) }));
        }
        let mut body = Vec::with_capacity(head.len.min(first.len() + usize::from(head.parts) * CHUNK));
        body.extend_from_slice(first);
        let mut torn = None;
        for number in 1..=head.parts {
            match tree.get(part_key(key, number))? {
                Some(part) if part.starts_with(&head.version.to_be_bytes()) => {
                    body.extend_from_slice(&part[PART_HEAD..]);
                }
                _ => {
                    torn = Some(number);
                    break;
                }
            }
        }
        match torn {
            None => {
                head.check(&body).map_err(ReadError::Damaged)?;
                return Ok(Some(Rec { version: head.version, body: Bytes::from(body) }));
            }
            // Gets are not a snapshot: the record may have been replaced in between. If its head is still the same, it
            // was not, since a version is never used twice.
            Some(number) => match tree.get(key)? {
                Some(again) if again == value => {
                    return Err(ReadError::Damaged(format!("part {number} of {} is missing", head.parts)));
                }
                Some(again) => value = again,
                None => return Ok(None),
            },
        }
    }
}

/// Checks, over keys in order, that every part belongs to a head and every head has its parts.
#[derive(Default)]
pub(super) struct Sequence {
    open: Option<(Vec<u8>, Head, u16)>,
}

impl Sequence {
    /// A head was met.
    pub(super) fn head(&mut self, key: &[u8], value: &[u8], problems: &mut Vec<String>) {
        self.finish(problems);
        match Head::parse(value) {
            Ok((head, _)) => self.open = Some((key.to_vec(), head, 0)),
            Err(why) => problems.push(format!("{}: {why}", key.escape_ascii())),
        }
    }

    /// A part was met.
    pub(super) fn part(&mut self, key: &[u8], value: &[u8], problems: &mut Vec<String>) {
        if let Some((head_key, head, done)) = &mut self.open
            && *done < head.parts
            && key == part_key(head_key, *done + 1)
            && value.starts_with(&head.version.to_be_bytes())
        {
            *done += 1;
        } else {
            problems.push(format!("{}: a part that belongs to nothing", key.escape_ascii()));
        }
    }

    /// Nothing of the last head follows.
    pub(super) fn finish(&mut self, problems: &mut Vec<String>) {
        if let Some((key, head, done)) = self.open.take()
            && done != head.parts
        {
            problems.push(format!("{}: {done} of {} parts", key.escape_ascii(), head.parts));
        }
    }
}

/// The fault that one damaged thing answers.
pub(super) fn damaged(what: &str, why: &str) -> Fault {
    Fault::Corrupt(format!("{what}: {why}; put back a copy of the store's folder in which it is whole"))
}
