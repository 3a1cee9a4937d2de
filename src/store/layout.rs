//! Keys on disk, for engines with one ordered space of bytes. The first byte says what a key is; nothing here is
//! ever given another meaning.
//!
//! | first byte | then | value |
//! |---|---|---|
//! | 00 meta | name | see `sled` |
//! | 01 record | tenant, tag, id [, part] | head and body; parts after the first |
//! | 02 index entry | tenant, index, terms, id | tag of the record, length of the terms, projection |
//! | 03 feed | commit number, part | changes |
//! | 04 history | tenant, tag, id, version [, part] | an event; parts after the first |
//! | 05 cell | tenant, tally tag, terms | its tallies |

use std::ops::Bound;

use bytes::Bytes;

use super::{
    Cell, CellRange, Change, Direction, Entry, Fault, Hit, IndexRange, IndexTag, Key, KeyReader, KeyWriter, Op,
    ScanRange, Tag, TallyTag,
};

pub(super) const META: u8 = 0;
pub(super) const RECORD: u8 = 1;
pub(super) const ENTRY: u8 = 2;
pub(super) const FEED: u8 = 3;
pub(super) const HISTORY: u8 = 4;
pub(super) const CELL: u8 = 5;

/// A stretch of keys.
pub(super) type Span = (Bound<Vec<u8>>, Bound<Vec<u8>>);

pub(super) fn record_key(key: &Key) -> Vec<u8> {
    named(RECORD, key)
}

fn named(kind: u8, key: &Key) -> Vec<u8> {
    let mut k = KeyWriter::new();
    k.u8(kind).bytes(&key.tenant).u16(key.tag.0).bytes(&key.id);
    k.into_vec()
}

/// The key of a record or of an event, and what stands after its name.
pub(super) fn read_named(bytes: &[u8]) -> Result<(Key, KeyReader<'_>), Fault> {
    let mut r = KeyReader::new(bytes);
    r.u8()?;
    let key = Key { tenant: r.bytes()?, tag: Tag(r.u16()?), id: r.bytes()? };
    Ok((key, r))
}

pub(super) fn event_key(key: &Key, version: u64) -> Vec<u8> {
    let mut k = KeyWriter::new();
    k.encoded(&named(HISTORY, key)).u64(version);
    k.into_vec()
}

/// Events of this record after this version, or backward those before it.
pub(super) fn events(key: &Key, version: u64, direction: Direction) -> Span {
    match direction {
        Direction::Forward => (from_past(event_key(key, version)), past(named(HISTORY, key))),
        Direction::Backward => (Bound::Included(named(HISTORY, key)), Bound::Excluded(event_key(key, version))),
    }
}

pub(super) fn entry_key(record: &Key, index: IndexTag, terms: &[u8]) -> Vec<u8> {
    let mut k = index_start(&record.tenant, index);
    k.encoded(terms).bytes(&record.id);
    k.into_vec()
}

pub(super) fn entry_value(tag: Tag, entry: &Entry) -> Vec<u8> {
    let mut value = KeyWriter::new();
    value.u16(tag.0).u16(entry.terms.len() as u16); // the limits keep an entry's key far below 64 KiB
    value.encoded(&entry.projection);
    value.into_vec()
}

fn index_start(tenant: &[u8], index: IndexTag) -> KeyWriter {
    let mut k = KeyWriter::new();
    k.u8(ENTRY).bytes(tenant).u16(index.0);
    k
}

pub(super) fn read_entry(key: &[u8], value: &[u8]) -> Result<(IndexTag, Hit), Fault> {
    let mut r = KeyReader::new(key);
    r.u8()?;
    let tenant = r.bytes()?;
    let index = IndexTag(r.u16()?);
    let position = Bytes::copy_from_slice(r.rest());
    let mut v = KeyReader::new(value);
    let (tag, terms) = (Tag(v.u16()?), usize::from(v.u16()?));
    r.encoded(terms)?;
    let id = r.bytes()?;
    if !r.rest().is_empty() {
        return Err(Fault::Corrupt("an index entry's key goes on after the id".into()));
    }
    let projection = Bytes::copy_from_slice(v.rest());
    Ok((index, Hit { key: Key { tenant, tag, id }, projection, position, record: Ok(None), terms }))
}

/// The keys of a range of an index: the bounds of the range, cut at the position to go on from.
pub(super) fn index_span(range: &IndexRange) -> Span {
    let mut base = index_start(&range.tenant, range.index).into_vec();
    let index_len = base.len();
    base.extend_from_slice(&range.prefix);
    let with = |tail: &[u8]| [&base[..], tail].concat();
    let mut low = match &range.start {
        Bound::Unbounded => Bound::Included(base.clone()),
        Bound::Included(terms) => Bound::Included(with(terms)),
        Bound::Excluded(terms) => from_past(with(terms)),
    };
    let mut high = match &range.end {
        Bound::Unbounded => past(base.clone()),
        Bound::Included(terms) => past(with(terms)),
        Bound::Excluded(terms) => Bound::Excluded(with(terms)),
    };
    if let Some(position) = &range.after {
        let at = [&base[..index_len], &position[..]].concat();
        match range.direction {
            Direction::Forward if before(&low, &at) => low = Bound::Excluded(at),
            Direction::Backward if after(&high, &at) => high = Bound::Excluded(at),
            _ => {}
        }
    }
    (low, high)
}

fn before(low: &Bound<Vec<u8>>, at: &Vec<u8>) -> bool {
    match low {
        Bound::Included(low) | Bound::Excluded(low) => low <= at,
        Bound::Unbounded => true,
    }
}

fn after(high: &Bound<Vec<u8>>, at: &Vec<u8>) -> bool {
    match high {
        Bound::Included(high) | Bound::Excluded(high) => high > at,
        Bound::Unbounded => true,
    }
}

pub(super) fn scan_span(range: &ScanRange) -> Span {
    let mut k = KeyWriter::new();
    k.u8(RECORD);
    if let Some(tenant) = &range.tenant {
        k.bytes(tenant);
        if let Some(tag) = range.tag {
            k.u16(tag.0).open_bytes(&range.id_prefix);
        }
    }
    let base = k.into_vec();
    let high = past(base.clone());
    let low = match &range.after {
        // The parts of a record sort right after its head, so the next record is past them all.
        Some(key) if record_key(key) >= base => from_past(record_key(key)),
        _ => Bound::Included(base),
    };
    (low, high)
}

pub(super) fn cell_key(cell: &Cell) -> Vec<u8> {
    let mut k = KeyWriter::new();
    k.u8(CELL).bytes(&cell.tenant).u16(cell.tag.0).encoded(&cell.terms);
    k.into_vec()
}

pub(super) fn read_cell_key(bytes: &[u8]) -> Result<Cell, Fault> {
    let mut r = KeyReader::new(bytes);
    r.u8()?;
    let (tenant, tag) = (r.bytes()?, TallyTag(r.u16()?));
    Ok(Cell { tenant, tag, terms: Bytes::copy_from_slice(r.rest()) })
}

pub(super) fn cell_span(range: &CellRange) -> Span {
    let mut k = KeyWriter::new();
    k.u8(CELL);
    if let Some((tenant, tag)) = &range.of {
        k.bytes(tenant).u16(tag.0).encoded(&range.prefix);
    }
    let base = k.into_vec();
    let with = |tail: &Bytes| [&base[..], tail].concat();
    let low = range.start.as_ref().map_or_else(|| base.clone(), with);
    let high = range.end.as_ref().map_or_else(|| past(base.clone()), |end| Bound::Excluded(with(end)));
    match range.after.as_ref().map(cell_key) {
        // A cell's own key may begin others', which are cells too and come right after it.
        Some(after) if after >= low => (Bound::Excluded(after), high),
        _ => (Bound::Included(low), high),
    }
}

/// Whether a span holds no key at all; standard ranges panic on some of these.
pub(super) fn is_empty(span: &Span) -> bool {
    match span {
        (Bound::Included(low), Bound::Included(high)) => low > high,
        (Bound::Included(low) | Bound::Excluded(low), Bound::Included(high) | Bound::Excluded(high)) => low >= high,
        _ => false,
    }
}

/// The bound above every key that begins with these bytes.
pub(super) fn past(mut bytes: Vec<u8>) -> Bound<Vec<u8>> {
    while let Some(last) = bytes.pop() {
        if last < u8::MAX {
            bytes.push(last + 1);
            return Bound::Excluded(bytes);
        }
    }
    Bound::Unbounded
}

/// The same border as the beginning of a span. Every key of ours begins with a byte below FF, so there is always one.
fn from_past(bytes: Vec<u8>) -> Bound<Vec<u8>> {
    match past(bytes) {
        Bound::Excluded(next) => Bound::Included(next),
        open => open,
    }
}

pub(super) fn feed_key(commit: u64, part: u16) -> Vec<u8> {
    let mut k = KeyWriter::new();
    k.u8(FEED).u64(commit).u16(part);
    k.into_vec()
}

pub(super) fn read_feed_key(bytes: &[u8]) -> Result<u64, Fault> {
    let mut r = KeyReader::new(bytes);
    r.u8()?;
    r.u64()
}

/// The changes of one commit as feed values, each of about this many bytes at most.
pub(super) fn feed_values<'a>(changes: impl Iterator<Item = (&'a Key, Op)>, most: usize) -> Vec<Vec<u8>> {
    let mut parts = vec![];
    let mut part = KeyWriter::new();
    for (key, op) in changes {
        if part.as_slice().len() > most.saturating_sub(600) {
            parts.push(std::mem::take(&mut part).into_vec());
        }
        part.u8(op as u8).bytes(&key.tenant).u16(key.tag.0).bytes(&key.id);
    }
    parts.push(part.into_vec());
    parts
}

pub(super) fn read_feed(commit: u64, value: &[u8], changes: &mut Vec<Change>) -> Result<(), Fault> {
    let mut r = KeyReader::new(value);
    while !r.rest().is_empty() {
        let op = Op::from_number(u32::from(r.u8()?))?;
        let key = Key { tenant: r.bytes()?, tag: Tag(r.u16()?), id: r.bytes()? };
        changes.push(Change { commit, key, op });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn past_a_prefix_is_above_all_that_begin_so_and_below_the_next() {
        assert_eq!(past(vec![1, 2]), Bound::Excluded(vec![1, 3]));
        assert_eq!(past(vec![1, 255, 255]), Bound::Excluded(vec![2]));
        assert_eq!(past(vec![255]), Bound::Unbounded);
    }

    #[test]
    fn the_feed_of_a_large_commit_is_cut_into_parts_that_read_back_in_order() {
        let keys: Vec<Key> = (0..500).map(|n| Key::new("t", Tag(1), format!("{n:0400}"))).collect();
        let parts = feed_values(keys.iter().map(|key| (key, Op::Update)), 8 << 10);
        assert!(parts.len() > 10 && parts.iter().all(|part| part.len() <= 8 << 10));
        let mut changes = vec![];
        for part in &parts {
            read_feed(7, part, &mut changes).unwrap();
        }
        assert!(changes.iter().map(|change| &change.key).eq(&keys));
    }
}
