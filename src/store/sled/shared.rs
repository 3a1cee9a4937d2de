//! What readers and the committer share: the database, its reads, and whether writing has ended.

use std::fmt;
use std::fs::File;
use std::ops::Bound;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::Ordering::Acquire;

use sled::IVec;

use super::super::{
    CellRange, Change, Direction, Event, Fault, Hit, IndexPage, IndexRange, Key, RawEntry, Rec, ScanRange, Scanned,
    ScannedCell, Tallies, history, layout,
};
use super::chunk::{self, ReadError, Sequence, damaged};
use super::{Counts, open};

/// What readers and the committer share.
pub(super) struct Shared {
    // Before `lock`, so that the next process finds sled's files released when it gets ours.
    pub(super) db: sled::Db,
    pub(super) _lock: File,
    pub(super) folder: PathBuf,
    pub(super) min_free_bytes: u64,
    /// Why writing has ended.
    pub(super) fatal: OnceLock<String>,
    pub(super) counts: Counts,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("folder", &self.folder).field("fatal", &self.fatal).finish_non_exhaustive()
    }
}

impl Shared {
    /// Ends writing for the process and answers the fault that everyone gets from now on. The first reason stays.
    pub(super) fn end_writing(&self, why: &str) -> Fault {
        let why = self.fatal.get_or_init(|| {
            format!(
                "the store in {} takes no writes any more ({why}): check its disk, then restart; reads go on",
                self.folder.display()
            )
        });
        Fault::Fatal(why.clone())
    }

    pub(super) fn health(&self) -> Result<(), Fault> {
        self.fatal.get().map_or(Ok(()), |why| Err(Fault::Fatal(why.clone())))
    }

    pub(super) fn has_space(&self) -> Result<(), Fault> {
        let volume = rustix::fs::statvfs(&self.folder)
            .map_err(|errno| self.end_writing(&format!("looking for free space: {errno}")))?;
        let free = volume.f_bavail.saturating_mul(volume.f_frsize);
        if free < self.min_free_bytes { Err(Fault::Full) } else { Ok(()) }
    }

    /// Runs one read of sled. Damage is an answer for that read alone, also where sled panics on it; any other error is
    /// the disk's and ends writing.
    pub(super) fn guard<T>(&self, f: impl FnOnce() -> Result<T, ReadError>) -> Result<T, Fault> {
        let folder = || format!("the store in {}", self.folder.display());
        match open::quietly(f) {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(ReadError::Damaged(why))) => Err(damaged(&folder(), &why)),
            Ok(Err(ReadError::Sled(error @ sled::Error::Corruption { .. }))) => {
                Err(damaged(&folder(), &error.to_string()))
            }
            Ok(Err(ReadError::Sled(error))) => Err(self.end_writing(&format!("reading: {error}"))),
            Err(panic) => Err(damaged(&folder(), &panic)),
        }
    }

    pub(super) fn get(&self, key: &Key) -> Result<Option<Rec>, Fault> {
        let bytes = layout::record_key(key);
        self.guard(|| chunk::read(&self.db, &bytes)).map_err(|fault| match fault {
            Fault::Corrupt(why) => Fault::Corrupt(format!("record {key}: {why}")),
            other => other,
        })
    }

    /// Walks keys until `visit` answers false. Stops at the first error, because sled repeats it for ever. Backwards is
    /// right only because no key holds a byte FF; see `key`.
    pub(super) fn walk(
        &self,
        span: layout::Span,
        direction: Direction,
        mut visit: impl FnMut(&[u8], IVec) -> Result<bool, Fault>,
    ) -> Result<(), Fault> {
        if layout::is_empty(&span) {
            return Ok(());
        }
        let mut range = self.db.range(span);
        loop {
            let next = self.guard(|| {
                let next = match direction {
                    Direction::Forward => range.next(),
                    Direction::Backward => range.next_back(),
                };
                next.transpose().map_err(ReadError::Sled)
            })?;
            let Some((key, value)) = next else { return Ok(()) };
            if !visit(&key, value)? {
                return Ok(());
            }
        }
    }

    pub(super) fn scan(&self, range: &ScanRange, limit: usize) -> Result<Vec<Scanned>, Fault> {
        let mut found: Vec<Scanned> = vec![];
        if limit == 0 {
            return Ok(found);
        }
        self.walk(layout::scan_span(range), Direction::Forward, |bytes, value| {
            let (key, rest) = layout::read_named(bytes)?;
            if rest.rest().is_empty() {
                match self.guard(|| chunk::join(&self.db, bytes, value)) {
                    Ok(Some(rec)) => found.push((key, Ok(rec))),
                    Ok(None) => {}
                    Err(fault) => found.push((key, Err(fault))),
                }
            }
            Ok(found.len() < limit)
        })?;
        Ok(found)
    }

    pub(super) fn scan_index(&self, range: &IndexRange, limit: usize, want_body: bool) -> Result<IndexPage, Fault> {
        let (mut hits, mut exhausted) = (vec![], true);
        self.walk(layout::index_span(range), range.direction, |key, value| {
            if hits.len() == limit {
                exhausted = false;
                return Ok(false);
            }
            hits.push(layout::read_entry(key, &value)?.1);
            Ok(true)
        })?;
        if want_body {
            hits.iter_mut().for_each(|hit: &mut Hit| hit.record = self.get(&hit.key));
        }
        Ok(IndexPage { hits, exhausted })
    }

    pub(super) fn all_entries(&self, after: Option<&RawEntry>, limit: usize) -> Result<Vec<RawEntry>, Fault> {
        let low = match after {
            Some(entry) => Bound::Excluded(layout::entry_key(&entry.hit.key, entry.index, &entry.hit.terms())),
            None => Bound::Included(vec![layout::ENTRY]),
        };
        let mut found = vec![];
        self.walk((low, layout::past(vec![layout::ENTRY])), Direction::Forward, |key, value| {
            let (index, hit) = layout::read_entry(key, &value)?;
            found.push(RawEntry { index, hit });
            Ok(found.len() < limit)
        })?;
        Ok(found)
    }

    /// What the cell with this key holds.
    pub(super) fn cell(&self, key: &[u8]) -> Result<Tallies, Fault> {
        match self.guard(|| self.db.get(key).map_err(ReadError::Sled))? {
            Some(value) => Tallies::decode(&value),
            None => Ok(Tallies::default()),
        }
    }

    pub(super) fn scan_cells(&self, range: &CellRange, limit: usize) -> Result<Vec<ScannedCell>, Fault> {
        let mut found = vec![];
        if limit == 0 {
            return Ok(found);
        }
        self.walk(layout::cell_span(range), Direction::Forward, |key, value| {
            found.push((layout::read_cell_key(key)?, Tallies::decode(&value)));
            Ok(found.len() < limit)
        })?;
        Ok(found)
    }

    /// Only what is durable: a feed that shows a commit which a power cut then takes back would be wrong for ever.
    pub(super) fn changes(&self, after: u64, limit: usize) -> Result<Vec<Change>, Fault> {
        let durable = self.counts.durable.load(Acquire);
        let mut changes = vec![];
        if after >= durable {
            return Ok(changes);
        }
        let low = Bound::Included(layout::feed_key(after + 1, 0));
        let mut last = None;
        self.walk((low, layout::past(vec![layout::FEED])), Direction::Forward, |key, value| {
            let commit = layout::read_feed_key(key)?;
            if commit > durable || (changes.len() >= limit && last != Some(commit)) {
                return Ok(false);
            }
            last = Some(commit);
            layout::read_feed(commit, &value, &mut changes)?;
            Ok(true)
        })?;
        Ok(changes)
    }

    pub(super) fn history(
        &self,
        key: &Key,
        version: u64,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<Event>, Fault> {
        let mut events = vec![];
        if limit == 0 {
            return Ok(events);
        }
        self.walk(layout::events(key, version, direction), direction, |bytes, value| {
            let mut rest = layout::read_named(bytes)?.1;
            let version = rest.u64()?;
            if rest.rest().is_empty()
                && let Some(rec) = self.guard(|| chunk::join(&self.db, bytes, value))?
            {
                events.push(history::decode(version, rec.body)?);
            }
            Ok(events.len() < limit)
        })?;
        Ok(events)
    }

    /// Reads every key: each has a known form, every part has its head, every head its parts, every event decodes.
    pub(super) fn inspect(&self) -> Result<Vec<String>, Fault> {
        let (mut problems, mut sequence) = (vec![], Sequence::default());
        let walked = self.walk((Bound::Unbounded, Bound::Unbounded), Direction::Forward, |key, value| {
            if let Err(fault) = self.inspect_one(key, value, &mut sequence, &mut problems) {
                problems.push(format!("key {}: {fault}", key.escape_ascii()));
            }
            Ok(true)
        });
        match walked {
            Ok(()) => sequence.finish(&mut problems),
            Err(Fault::Corrupt(why)) => problems.push(why),
            Err(fault) => return Err(fault),
        }
        Ok(problems)
    }

    pub(super) fn inspect_one(
        &self,
        key: &[u8],
        value: IVec,
        sequence: &mut Sequence,
        problems: &mut Vec<String>,
    ) -> Result<(), Fault> {
        match key.first() {
            Some(&layout::META) if key == open::META_STORE || key == open::META_CEILING => {}
            Some(&layout::RECORD) if layout::read_named(key)?.1.rest().is_empty() => {
                sequence.head(key, &value, problems);
            }
            Some(&layout::RECORD) => sequence.part(key, &value, problems),
            Some(&layout::ENTRY) => drop(layout::read_entry(key, &value)?),
            Some(&layout::CELL) => drop((layout::read_cell_key(key)?, Tallies::decode(&value)?)),
            Some(&layout::FEED) => layout::read_feed(layout::read_feed_key(key)?, &value, &mut vec![])?,
            Some(&layout::HISTORY) => {
                let mut rest = layout::read_named(key)?.1;
                let version = rest.u64()?;
                if rest.rest().is_empty() {
                    sequence.head(key, &value, problems);
                    let event = self.guard(|| chunk::join(&self.db, key, value))?;
                    event.map_or(Ok(()), |rec| history::decode(version, rec.body).map(drop))?;
                } else {
                    sequence.part(key, &value, problems);
                }
            }
            _ => problems.push(format!("key {} has no meaning", key.escape_ascii())),
        }
        Ok(())
    }
}
