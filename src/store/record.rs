//! What a type says to be stored: its table, its key, its bytes, its index entries.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::{Counted, Entry, Fault, IndexTag, Key, KeyWriter, Tag, tuple};

/// A type of records. Encoding must be able to read every body ever written: the bytes outlive the code.
pub trait Record: Clone + Send + Sync + 'static {
    /// The table.
    const TAG: Tag;
    /// Whether each change is kept as an event. The feed names every change in any case.
    const HISTORY: bool = true;

    /// Its name; the tag is `TAG`.
    fn key(&self) -> Key;
    /// Its body.
    fn encode(&self) -> Vec<u8>;
    /// Back from the body.
    fn decode(body: Bytes) -> Result<Self, Fault>;
    /// Its index entries, from nothing but itself: the same record has the same entries at any time, because the
    /// entries to remove are computed again from the old body.
    fn entries(&self, entries: &mut Entries);
    /// What it counts for, likewise from nothing but itself.
    fn tallies(&self, _counted: &mut Counted) {}
}

/// What a record says of itself beside its body.
#[derive(Debug, Default)]
pub struct Said {
    /// Its index entries.
    pub entries: Entries,
    /// What it counts for.
    pub counted: Counted,
}

impl Said {
    pub(super) fn by<R: Record>(record: &R) -> Self {
        let mut said = Self::default();
        record.entries(&mut said.entries);
        record.tallies(&mut said.counted);
        said
    }
}

/// Collects the index entries of a record.
#[derive(Debug, Default)]
pub struct Entries(BTreeMap<(IndexTag, Bytes), Bytes>);

impl Entries {
    /// An entry that sorts by these terms. `projection` is a few bytes that answer filters without fetching the
    /// record. Terms added twice to one index are one entry, with the later projection.
    pub fn add(&mut self, index: IndexTag, terms: impl FnOnce(&mut KeyWriter) -> &mut KeyWriter, projection: &[u8]) {
        self.0.insert((index, tuple(terms)), Bytes::copy_from_slice(projection));
    }

    pub(super) fn get(&self, index: IndexTag, terms: &Bytes) -> Option<&Bytes> {
        self.0.get(&(index, terms.clone()))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (IndexTag, &Bytes, &Bytes)> {
        self.0.iter().map(|((index, terms), projection)| (*index, terms, projection))
    }

    /// What to write and what to remove so that `self` becomes `new`. Equal entries are in neither.
    pub(super) fn diff(&self, new: &Entries) -> (Vec<Entry>, Vec<(IndexTag, Bytes)>) {
        let add = new.0.iter().filter(|(at, projection)| self.0.get(at) != Some(projection));
        let remove = self.0.keys().filter(|at| !new.0.contains_key(at));
        (
            add.map(|((index, terms), projection)| Entry {
                index: *index,
                terms: terms.clone(),
                projection: projection.clone(),
            })
            .collect(),
            remove.cloned().collect(),
        )
    }
}

/// A [`Record`] type as a value: what the full check and the write path need to know of it.
#[derive(Clone, Copy, Debug)]
pub struct RecordType {
    /// The table.
    pub tag: Tag,
    /// See [`Record::HISTORY`].
    pub history: bool,
    /// The key of the record with this body, and what it says of itself.
    pub read: fn(Bytes) -> Result<(Key, Said), Fault>,
}

impl RecordType {
    /// The value for this type.
    pub const fn of<R: Record>() -> Self {
        Self {
            tag: R::TAG,
            history: R::HISTORY,
            read: |body| R::decode(body).map(|record| (record.key(), Said::by(&record))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(list: &[(u16, u64, &str)]) -> Entries {
        let mut entries = Entries::default();
        for (index, terms, projection) in list {
            entries.add(IndexTag(*index), |k| k.u64(*terms), projection.as_bytes());
        }
        entries
    }

    #[test]
    fn only_what_differs_is_rewritten() {
        let old = entries(&[(1, 1, "same"), (1, 2, "goes"), (2, 1, "old projection")]);
        let new = entries(&[(1, 1, "same"), (1, 3, "comes"), (2, 1, "new projection")]);
        let (add, remove) = old.diff(&new);
        let added: Vec<_> = add.iter().map(|entry| (entry.index.0, &entry.projection[..])).collect();
        assert_eq!(added, [(1, &b"comes"[..]), (2, b"new projection")]);
        assert_eq!(remove, [(IndexTag(1), tuple(|k| k.u64(2)))]);
        assert_eq!(new.diff(&new), (vec![], vec![]));
    }
}
