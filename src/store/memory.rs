//! The engine for tests and demonstrations: maps under one lock, the same promises but for durability.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use async_trait::async_trait;
use bytes::Bytes;

use super::{
    Cell, CellRange, Change, Commit, Committed, Direction, Engine, Event, Fault, IndexPage, IndexRange, Key, Limits,
    Op, Pre, RawEntry, Rec, ScanRange, Scanned, ScannedCell, Stats, Tallies, history, layout,
};

/// See the module.
#[derive(Debug, Default)]
pub struct MemoryEngine(RwLock<Data>);

/// Records, entries and events by the same bytes that an engine on disk would use, so that order cannot differ.
#[derive(Debug, Default)]
struct Data {
    records: BTreeMap<Vec<u8>, Rec>,
    entries: BTreeMap<Vec<u8>, Vec<u8>>,
    events: BTreeMap<Vec<u8>, (u64, Bytes)>,
    cells: BTreeMap<Vec<u8>, Tallies>,
    feed: BTreeMap<u64, Vec<(Key, Op)>>,
    stats: Stats,
    closed: bool,
}

impl MemoryEngine {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn read(&self) -> RwLockReadGuard<'_, Data> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Data> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Data {
    fn version(&self, key: &Key) -> Option<u64> {
        self.records.get(&layout::record_key(key)).map(|rec| rec.version)
    }

    fn commit(&mut self, commit: Commit) -> Result<Committed, Fault> {
        for (key, pre) in &commit.pre {
            let current = self.version(key);
            if !pre.holds(current) {
                self.stats.conflicts += 1;
                return Err(Fault::Conflict { key: key.clone(), current });
            }
        }
        let cells = self.added(&commit)?;
        let number = self.stats.durable + 1;
        let (mut changes, more) = (vec![], !cells.is_empty() || !commit.reindex.is_empty());
        for one in &commit.reindex {
            for (index, terms) in &one.remove {
                self.entries.remove(&layout::entry_key(&one.key, *index, terms));
            }
            for entry in &one.add {
                let key = layout::entry_key(&one.key, entry.index, &entry.terms);
                self.entries.insert(key, layout::entry_value(one.key.tag, entry));
            }
        }
        for (key, tallies) in cells {
            match tallies.is_empty() {
                true => self.cells.remove(&key),
                false => self.cells.insert(key, tallies),
            };
        }
        for put in commit.puts {
            for (index, terms) in &put.remove {
                self.entries.remove(&layout::entry_key(&put.key, *index, terms));
            }
            for entry in &put.add {
                let key = layout::entry_key(&put.key, entry.index, &entry.terms);
                self.entries.insert(key, layout::entry_value(put.key.tag, entry));
            }
            let old = self.records.insert(layout::record_key(&put.key), Rec { version: number, body: put.body });
            changes.push((put.key, if old.is_some() { Op::Update } else { Op::Create }));
        }
        for delete in commit.deletes {
            for (index, terms) in &delete.remove {
                self.entries.remove(&layout::entry_key(&delete.key, *index, terms));
            }
            if self.records.remove(&layout::record_key(&delete.key)).is_some() {
                changes.push((delete.key, Op::Delete));
            }
        }
        for event in &commit.history {
            let body = history::encode(&commit.origin, event);
            self.events.insert(layout::event_key(&event.key, number), (number, body));
        }
        if changes.is_empty() && commit.history.is_empty() && !more {
            return Ok(Committed { number: self.stats.durable });
        }
        self.feed.insert(number, changes);
        self.stats.durable = number;
        self.stats.commits += 1;
        Ok(Committed { number })
    }

    /// What the cells of this commit come to.
    fn added(&self, commit: &Commit) -> Result<BTreeMap<Vec<u8>, Tallies>, Fault> {
        let emptied = commit.empty.iter().map(|cell| (layout::cell_key(cell), Tallies::default()));
        let mut cells: BTreeMap<_, _> = emptied.collect();
        for (cell, more) in &commit.adds {
            let key = layout::cell_key(cell);
            let now = cells.entry(key).or_insert_with_key(|key| self.cells.get(key).cloned().unwrap_or_default());
            now.merge(more)?;
        }
        Ok(cells)
    }
}

#[async_trait]
impl Engine for MemoryEngine {
    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Rec>>, Fault> {
        let data = self.read();
        Ok(keys.iter().map(|key| data.records.get(&layout::record_key(key)).cloned()).collect())
    }

    async fn scan(&self, range: &ScanRange, limit: usize) -> Result<Vec<Scanned>, Fault> {
        let (data, span) = (self.read(), layout::scan_span(range));
        if layout::is_empty(&span) {
            return Ok(vec![]);
        }
        let found = data.records.range(span).take(limit);
        found.map(|(key, rec)| Ok((layout::read_named(key)?.0, Ok(rec.clone())))).collect()
    }

    async fn scan_index(&self, range: &IndexRange, limit: usize, want_body: bool) -> Result<IndexPage, Fault> {
        let (data, span) = (self.read(), layout::index_span(range));
        if layout::is_empty(&span) {
            return Ok(IndexPage { hits: vec![], exhausted: true });
        }
        let mut walk = data.entries.range(span);
        let mut hits = vec![];
        while hits.len() < limit {
            let next = match range.direction {
                Direction::Forward => walk.next(),
                Direction::Backward => walk.next_back(),
            };
            let Some((key, value)) = next else { return Ok(IndexPage { hits, exhausted: true }) };
            let (_, mut hit) = layout::read_entry(key, value)?;
            if want_body {
                hit.record = Ok(data.records.get(&layout::record_key(&hit.key)).cloned());
            }
            hits.push(hit);
        }
        Ok(IndexPage { hits, exhausted: walk.next().is_none() })
    }

    async fn all_entries(&self, after: Option<&RawEntry>, limit: usize) -> Result<Vec<RawEntry>, Fault> {
        let data = self.read();
        let low = after.map_or(Bound::Unbounded, |entry| {
            Bound::Excluded(layout::entry_key(&entry.hit.key, entry.index, &entry.hit.terms()))
        });
        let found = data.entries.range((low, Bound::Unbounded)).take(limit);
        found.map(|(key, value)| layout::read_entry(key, value).map(|(index, hit)| RawEntry { index, hit })).collect()
    }

    async fn cells(&self, cells: &[Cell]) -> Result<Vec<Tallies>, Fault> {
        let data = self.read();
        Ok(cells.iter().map(|cell| data.cells.get(&layout::cell_key(cell)).cloned().unwrap_or_default()).collect())
    }

    async fn scan_cells(&self, range: &CellRange, limit: usize) -> Result<Vec<ScannedCell>, Fault> {
        let (data, span) = (self.read(), layout::cell_span(range));
        if layout::is_empty(&span) {
            return Ok(vec![]);
        }
        let found = data.cells.range(span).take(limit);
        found.map(|(key, tallies)| Ok((layout::read_cell_key(key)?, Ok(tallies.clone())))).collect()
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, Fault> {
        let mut data = self.write();
        if data.closed {
            return Err(Fault::Unavailable("the store is closed".into()));
        }
        data.commit(commit)
    }

    async fn changes(&self, after: u64, limit: usize) -> Result<Vec<Change>, Fault> {
        let data = self.read();
        let mut changes = vec![];
        for (commit, list) in data.feed.range((Bound::Excluded(after), Bound::Unbounded)) {
            if changes.len() >= limit {
                break;
            }
            changes.extend(list.iter().map(|(key, op)| Change { commit: *commit, key: key.clone(), op: *op }));
        }
        Ok(changes)
    }

    async fn history(&self, key: &Key, version: u64, direction: Direction, limit: usize) -> Result<Vec<Event>, Fault> {
        let data = self.read();
        let mut walk = data.events.range(layout::events(key, version, direction));
        let next = || match direction {
            Direction::Forward => walk.next(),
            Direction::Backward => walk.next_back(),
        };
        let found = std::iter::from_fn(next).take(limit);
        found.map(|(_, (version, body))| history::decode(*version, body.clone())).collect()
    }

    async fn inspect(&self) -> Result<Vec<String>, Fault> {
        Ok(vec![])
    }

    fn limits(&self) -> Limits {
        Limits::STANDARD
    }

    fn health(&self) -> Result<(), Fault> {
        Ok(())
    }

    fn stats(&self) -> Stats {
        self.read().stats
    }

    async fn close(&self) -> Result<(), Fault> {
        self.write().closed = true;
        Ok(())
    }
}

impl Pre {
    /// Whether this is true of a record at this version.
    pub(super) fn holds(self, current: Option<u64>) -> bool {
        match self {
            Pre::Absent => current.is_none(),
            Pre::Exists => current.is_some(),
            Pre::Version(version) => current == Some(version),
        }
    }
}
