//! Ordered records and index entries over small engines. This file is an engine's whole contract.
//!
//! An [`Engine`] is bytes in, bytes out. It promises three things, and `tests/store` holds every engine to them:
//! a commit is atomic and, once answered, durable; its preconditions were true when it took effect; order is byte
//! order. It promises no locks, no long transactions, no isolation between reads: what the layer above needs of
//! those, it builds from preconditions ([`Db::write`]).
//!
//! What to open: [`Db`] and [`Txn`] to use a store, [`Record`] to describe a type, [`key`] for tuples as bytes,
//! [`tags`] for the numbers on disk, `memory` and `sled` for the engines, [`verify()`] for the full check.

use std::ops::Bound;

use async_trait::async_trait;
use bytes::Bytes;

pub mod history;
pub mod key;
mod layout;
mod limits;
pub mod memory;
mod rebuild;
mod record;
pub mod sled;
pub mod tags;
mod tally;
mod txn;
mod verify;

pub use history::{Event, Op, Origin};
pub use key::{Key, KeyReader, KeyWriter, tuple};
pub use limits::Limits;
pub use rebuild::{Layout, Rebuilt, layout_of, rebuild, set_layout};
pub use record::{Entries, Record, RecordType, Said};
pub use tags::{IndexTag, Tag, TallyTag};
pub use tally::{Cell, CellRange, Counted, ScannedCell, Tallies, Tally};
pub use txn::{Db, Txn};
pub use verify::{Report, verify};

/// Why the store could not do it.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Fault {
    /// A precondition did not hold; nothing was written.
    #[error("{key} has changed{}", match current { Some(v) => format!(": it is at version {v}"), None => ": it is absent".into() })]
    Conflict {
        /// The first record whose precondition failed.
        key: Key,
        /// Its version at that moment, none if it is absent.
        current: Option<u64>,
    },
    /// The commit is beyond the declared [`Limits`]; nothing was written.
    #[error("limit: {0}")]
    Limit(String),
    /// The disk is nearly full; nothing was written.
    #[error("the disk is nearly full: free space, or give the store a larger volume")]
    Full,
    /// Nothing was written, and it may work later: the queue is full, or the store is closing.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// What is stored is damaged.
    #[error("corrupt: {0}")]
    Corrupt(String),
    /// Writing has ended until the process restarts. Whether the commit that got this answer is stored is unknown.
    #[error("fatal: {0}")]
    Fatal(String),
}

/// A record as an engine keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rec {
    /// Number of the commit that wrote it: grows for ever, never issued twice in a store.
    pub version: u64,
    /// The encoded record.
    pub body: Bytes,
}

/// What must be true of a record when the commit takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pre {
    /// It does not exist.
    Absent,
    /// It is at this version.
    Version(u64),
    /// It exists, at any version.
    Exists,
}

/// An index entry as a record writes it. It belongs to the record that is put with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The index.
    pub index: IndexTag,
    /// What the index sorts by, a tuple.
    pub terms: Bytes,
    /// A few bytes that answer filters without a fetch of the record.
    pub projection: Bytes,
}

/// A record to create or replace, and what becomes of its index entries.
#[derive(Clone, Debug)]
pub struct Put {
    /// Its name.
    pub key: Key,
    /// Its new body.
    pub body: Bytes,
    /// Entries to write.
    pub add: Vec<Entry>,
    /// Index and terms of the entries to remove.
    pub remove: Vec<(IndexTag, Bytes)>,
}

/// A record to delete, with its index entries.
#[derive(Clone, Debug)]
pub struct Delete {
    /// Its name.
    pub key: Key,
    /// Index and terms of the entries to remove.
    pub remove: Vec<(IndexTag, Bytes)>,
}

/// Index entries of a record that is not itself changed.
#[derive(Clone, Debug)]
pub struct Reindex {
    /// The record, which may be absent where entries are only removed.
    pub key: Key,
    /// Entries to write.
    pub add: Vec<Entry>,
    /// Index and terms of the entries to remove.
    pub remove: Vec<(IndexTag, Bytes)>,
}

/// One step of one record's history, as a commit carries it; its version is the commit's number.
#[derive(Clone, Debug)]
pub struct NewEvent {
    /// The record.
    pub key: Key,
    /// What happened to it.
    pub op: Op,
    /// The body that was replaced or deleted.
    pub before: Option<Bytes>,
}

/// A change of several records, all or nothing. A key stands at most once among puts and deletes together.
#[derive(Clone, Debug, Default)]
pub struct Commit {
    /// What must hold.
    pub pre: Vec<(Key, Pre)>,
    /// Records to write.
    pub puts: Vec<Put>,
    /// Records to delete; deleting an absent one changes nothing.
    pub deletes: Vec<Delete>,
    /// Index entries to write and remove without touching their records, for a rebuild.
    pub reindex: Vec<Reindex>,
    /// Cells to empty, whatever they hold, before anything is added; for a rebuild.
    pub empty: Vec<Cell>,
    /// What to add to which cells, each at most once. No precondition stands for it: whoever else adds, all of it counts.
    pub adds: Vec<(Cell, Tallies)>,
    /// Events to append.
    pub history: Vec<NewEvent>,
    /// Who asked for it, kept with every event.
    pub origin: Origin,
}

/// A commit that took effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committed {
    /// Its number, which is the version of every record that it wrote. A commit that changes nothing has none of its
    /// own and answers the number of the last one that did.
    pub number: u64,
}

/// Which way to walk a range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// Smallest first.
    #[default]
    Forward,
    /// Largest first.
    Backward,
}

/// Part of one index of one tenant.
#[derive(Clone, Debug)]
pub struct IndexRange {
    /// Whose.
    pub tenant: Bytes,
    /// Which index.
    pub index: IndexTag,
    /// Encoded leading terms that every entry has; whole elements, or an open text at the end.
    pub prefix: Bytes,
    /// Where the terms after the prefix begin. A bound speaks of every entry whose terms begin with its bytes:
    /// `Included` takes them all and `Excluded` none, at either end.
    pub start: Bound<Bytes>,
    /// Where they end.
    pub end: Bound<Bytes>,
    /// Which way.
    pub direction: Direction,
    /// Go on after this position of an earlier hit of the same range and direction.
    pub after: Option<Bytes>,
}

impl IndexRange {
    /// The whole index, forward.
    pub fn all(tenant: impl AsRef<[u8]>, index: IndexTag) -> Self {
        Self {
            tenant: Bytes::copy_from_slice(tenant.as_ref()),
            index,
            prefix: Bytes::new(),
            start: Bound::Unbounded,
            end: Bound::Unbounded,
            direction: Direction::Forward,
            after: None,
        }
    }

    /// Only entries whose terms begin so.
    pub fn prefix(mut self, write: impl FnOnce(&mut KeyWriter) -> &mut KeyWriter) -> Self {
        self.prefix = tuple(write);
        self
    }

    /// Only terms from here, this included.
    pub fn from(mut self, write: impl FnOnce(&mut KeyWriter) -> &mut KeyWriter) -> Self {
        self.start = Bound::Included(tuple(write));
        self
    }

    /// Only terms before this one.
    pub fn until(mut self, write: impl FnOnce(&mut KeyWriter) -> &mut KeyWriter) -> Self {
        self.end = Bound::Excluded(tuple(write));
        self
    }

    /// The other way round.
    pub fn backward(mut self) -> Self {
        self.direction = Direction::Backward;
        self
    }

    /// On from this position.
    pub fn after(mut self, position: Option<Bytes>) -> Self {
        self.after = position;
        self
    }
}

/// An index entry found.
#[derive(Clone, Debug)]
pub struct Hit {
    /// The record that it stands for.
    pub key: Key,
    /// What the entry keeps for filters.
    pub projection: Bytes,
    /// Where it stands in the index: what `IndexRange::after` takes. Opaque to callers, stable for ever.
    pub position: Bytes,
    /// The record, where bodies were asked for. None if it was deleted since the entry was read: reads are not a
    /// snapshot, so a caller compares a record with its filter again. A damaged one says so here, for itself alone.
    pub record: Result<Option<Rec>, Fault>,
    terms: usize,
}

impl Hit {
    /// What the index sorts by, as the record wrote it.
    pub fn terms(&self) -> Bytes {
        self.position.slice(..self.terms)
    }
}

/// A stretch of an index.
#[derive(Clone, Debug)]
pub struct IndexPage {
    /// In order.
    pub hits: Vec<Hit>,
    /// Whether the range ends here. False does not promise that more follows.
    pub exhausted: bool,
}

impl IndexPage {
    /// Where to go on.
    pub fn position(&self) -> Option<Bytes> {
        self.hits.last().map(|hit| hit.position.clone())
    }
}

/// Part of the records, in order of their keys.
#[derive(Clone, Debug, Default)]
pub struct ScanRange {
    /// Only this tenant; all of them without.
    pub tenant: Option<Bytes>,
    /// Only this table; looked at only where a tenant is given.
    pub tag: Option<Tag>,
    /// Only ids that begin so; looked at only where a table is given.
    pub id_prefix: Bytes,
    /// Go on after this record.
    pub after: Option<Key>,
}

/// A record found by a scan. A damaged one says so for itself alone.
pub type Scanned = (Key, Result<Rec, Fault>);

/// An index entry of any tenant and index, for the full check.
#[derive(Clone, Debug)]
pub struct RawEntry {
    /// The index.
    pub index: IndexTag,
    /// The entry.
    pub hit: Hit,
}

/// One change in the feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Number of its commit.
    pub commit: u64,
    /// The record.
    pub key: Key,
    /// What happened to it.
    pub op: Op,
}

/// What an engine counts; zeros where it does not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Commits that wait now.
    pub queued: u64,
    /// Bytes of the commits that wait now.
    pub queued_bytes: u64,
    /// Commits that took effect since the start.
    pub commits: u64,
    /// Commits refused by a precondition since the start.
    pub conflicts: u64,
    /// Groups made durable since the start.
    pub syncs: u64,
    /// Commits in the last group.
    pub last_group: u64,
    /// How long the last group's sync took, in microseconds.
    pub last_sync_us: u64,
    /// Number of the last durable commit.
    pub durable: u64,
}

/// Where bytes live. See the module for what is promised, and `Db` for how it is used.
///
/// Dropping the future of `commit` does not recall the commit. An engine may show a commit to readers a moment before
/// it is durable; it answers the committer only after.
#[async_trait]
pub trait Engine: Send + Sync + 'static {
    /// The records with these keys, in this order. One damaged record fails the call: ask for each to tell them apart.
    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Rec>>, Fault>;

    /// At most `limit` records of the range, in order of their keys; fewer only at its end.
    async fn scan(&self, range: &ScanRange, limit: usize) -> Result<Vec<Scanned>, Fault>;

    /// At most `limit` entries of the range, with their records when `want_body`.
    async fn scan_index(&self, range: &IndexRange, limit: usize, want_body: bool) -> Result<IndexPage, Fault>;

    /// At most `limit` entries of every tenant and index after this one, in one fixed order; fewer only at the end.
    async fn all_entries(&self, after: Option<&RawEntry>, limit: usize) -> Result<Vec<RawEntry>, Fault>;

    /// What these cells hold, in this order; nothing where nothing counts.
    async fn cells(&self, cells: &[Cell]) -> Result<Vec<Tallies>, Fault>;

    /// At most `limit` cells of the range in which something counts, in order; fewer only at its end. A damaged one says
    /// so for itself alone.
    async fn scan_cells(&self, range: &CellRange, limit: usize) -> Result<Vec<ScannedCell>, Fault>;

    /// Makes the change, or says why not. Limits are the caller's business: `Db` checks them.
    async fn commit(&self, commit: Commit) -> Result<Committed, Fault>;

    /// Durable changes after this commit, oldest first: whole commits, until there are `limit` changes or more.
    async fn changes(&self, after: u64, limit: usize) -> Result<Vec<Change>, Fault>;

    /// At most `limit` events of this record: forward those after this version, oldest first; backward those before it,
    /// latest first. Fewer only at the end.
    async fn history(&self, key: &Key, version: u64, direction: Direction, limit: usize) -> Result<Vec<Event>, Fault>;

    /// What is wrong inside the engine that no other call would show, such as parts that belong to nothing. Reads
    /// everything.
    async fn inspect(&self) -> Result<Vec<String>, Fault>;

    /// What it takes.
    fn limits(&self) -> Limits;

    /// Whether it still takes writes.
    fn health(&self) -> Result<(), Fault>;

    /// Counters for metrics.
    fn stats(&self) -> Stats;

    /// Finishes what waits, makes it durable and takes no more. Reads go on.
    async fn close(&self) -> Result<(), Fault>;
}
