//! The one way to read and write: [`Db`], and inside a write, [`Txn`].
//!
//! A write is a closure that reads and saves. The version of every record that it read, or that the record was
//! absent, becomes a precondition of the commit; if one does not hold, the closure runs again. So the closure has no
//! effects outside its `Txn`, and two writes that would break each other never both succeed.
//!
//! A `Txn` cannot scan, on purpose: a precondition speaks of a key, and a range would need a lock on what is not
//! there. An invariant over several records is written as a record: a uniqueness is a record whose key is the unique
//! value, a "no child exists" is a counter in the parent.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;

use super::{
    Cell, CellRange, Change, Commit, Counted, Delete, Direction, Engine, Event, Fault, IndexPage, IndexRange, Key,
    NewEvent, Op, Origin, Pre, Put, Rec, Record, RecordType, Said, ScanRange, Scanned, Stats, Tallies,
};

/// How often a closure runs before the conflict goes to the caller.
const TRIES: u32 = 16;
/// How long a rerun waits for its turn before it goes on without one: more than a queue of reruns takes on a slow disk,
/// and an end to the wait should a closure, against the rules, call `write` itself.
const TURN: Duration = Duration::from_secs(2);
/// Most events read at a time on the way back to an instant: each holds a whole body.
const STRETCH: usize = 16;
/// Tries before a rerun also pauses. In one process a turn is enough; a pause is for writers in other processes.
const BRISK: u32 = 6;

/// A store. Cheap to clone.
#[derive(Clone)]
pub struct Db(Arc<Inner>);

struct Inner {
    engine: Arc<dyn Engine>,
    /// After a conflict, writes of the same record go one after another, each holding one of these, because a herd that
    /// retries together lets one through per round. Only speed depends on it: preconditions decide.
    turns: [tokio::sync::Mutex<()>; 256],
    hasher: RandomState,
}

impl Db {
    /// The layer above this engine.
    pub fn new(engine: Arc<dyn Engine>) -> Self {
        let turns = std::array::from_fn(|_| tokio::sync::Mutex::new(()));
        Self(Arc::new(Inner { engine, turns, hasher: RandomState::new() }))
    }

    /// The engine below.
    pub fn engine(&self) -> &Arc<dyn Engine> {
        &self.0.engine
    }

    /// The record with this key.
    pub async fn get<R: Record>(&self, key: &Key) -> Result<Option<R>, Fault> {
        Ok(self.get_versioned(key).await?.map(|(record, _)| record))
    }

    /// The record with this key, and its version: the number of the commit that wrote it.
    pub async fn get_versioned<R: Record>(&self, key: &Key) -> Result<Option<(R, u64)>, Fault> {
        debug_assert_eq!(key.tag, R::TAG, "the key is of another table");
        match self.0.engine.get_many(std::slice::from_ref(key)).await?.pop().flatten() {
            Some(rec) => Ok(Some((R::decode(rec.body)?, rec.version))),
            None => Ok(None),
        }
    }

    /// The records with these keys, in this order. One damaged record fails the call.
    pub async fn get_many<R: Record>(&self, keys: &[Key]) -> Result<Vec<Option<R>>, Fault> {
        let found = self.0.engine.get_many(keys).await?;
        found.into_iter().map(|rec| rec.map(|rec| R::decode(rec.body)).transpose()).collect()
    }

    /// Whether there are records with these keys, of any tables, in this order.
    pub async fn exist(&self, keys: &[Key]) -> Result<Vec<bool>, Fault> {
        Ok(self.0.engine.get_many(keys).await?.iter().map(Option::is_some).collect())
    }

    /// At most `limit` records of a range, in order of their keys; fewer only at its end.
    pub async fn scan(&self, range: &ScanRange, limit: usize) -> Result<Vec<Scanned>, Fault> {
        self.0.engine.scan(range, limit).await
    }

    /// At most `limit` entries of an index, with their records when `want_body`.
    pub async fn scan_index(&self, range: &IndexRange, limit: usize, want_body: bool) -> Result<IndexPage, Fault> {
        self.0.engine.scan_index(range, limit, want_body).await
    }

    /// What these cells hold, in this order.
    pub async fn cells(&self, cells: &[Cell]) -> Result<Vec<Tallies>, Fault> {
        self.0.engine.cells(cells).await
    }

    /// At most `limit` cells of a range in which something counts, in order; fewer only at its end. A damaged one fails the
    /// call: a sum without it would be wrong.
    pub async fn scan_cells(&self, range: &CellRange, limit: usize) -> Result<Vec<(Cell, Tallies)>, Fault> {
        let found = self.0.engine.scan_cells(range, limit).await?;
        found.into_iter().map(|(cell, tallies)| tallies.map(|tallies| (cell, tallies))).collect()
    }

    /// At most `limit` events of a record after this version (0 for all), oldest first.
    pub async fn history(&self, key: &Key, after: u64, limit: usize) -> Result<Vec<Event>, Fault> {
        self.0.engine.history(key, after, Direction::Forward, limit).await
    }

    /// At most `limit` events of a record before this version (`u64::MAX` for all), latest first.
    pub async fn history_back(&self, key: &Key, before: u64, limit: usize) -> Result<Vec<Event>, Fault> {
        self.0.engine.history(key, before, Direction::Backward, limit).await
    }

    /// The body that a record had when this commit was done; none if it did not exist then. Only for records whose
    /// type keeps history.
    pub async fn body_at(&self, key: &Key, version: u64) -> Result<Option<Bytes>, Fault> {
        loop {
            if let Some(next) = self.history(key, version, 1).await?.pop() {
                return Ok(next.before);
            }
            match self.0.engine.get_many(std::slice::from_ref(key)).await?.pop().flatten() {
                // Changed between the two reads: its event is there now.
                Some(rec) if rec.version > version => continue,
                present => return Ok(present.map(|rec| rec.body)),
            }
        }
    }

    /// The body that a record had at this instant, in microseconds since the Unix epoch: as the last change left it whose
    /// origin is not later. None if there was no such change, or if it was a deletion. Only for records whose type keeps
    /// history. Reads the record's own events alone, from the latest back to that instant.
    pub async fn body_at_time(&self, key: &Key, at_us: i64) -> Result<Option<Bytes>, Fault> {
        let (mut later, mut stretch): (Option<Event>, _) = (None, 2);
        loop {
            let before = later.as_ref().map_or(u64::MAX, |event| event.version);
            let events = self.history_back(key, before, stretch).await?;
            let exhausted = events.len() < stretch;
            for event in events {
                if event.origin.at_us <= at_us {
                    return match later {
                        Some(later) => Ok(later.before),
                        None => self.body_at(key, event.version).await,
                    };
                }
                later = Some(event);
            }
            if exhausted {
                return Ok(None);
            }
            stretch = (stretch * 2).min(STRETCH);
            // Short reads do not wait for anything, and a caller's deadline is seen only between waits.
            tokio::task::yield_now().await;
        }
    }

    /// Durable changes of every tenant after this commit (0 for all), oldest first: whole commits, until there are
    /// `limit` changes or more.
    pub async fn changes(&self, after: u64, limit: usize) -> Result<Vec<Change>, Fault> {
        self.0.engine.changes(after, limit).await
    }

    /// Runs the closure and makes its saves and deletes durable, all or nothing. See the module.
    ///
    /// The closure may run several times. If it answers an error, nothing is written and the error is the answer. If it
    /// wrote nothing, its reads are still committed as preconditions: a commit is visible a moment before it is durable,
    /// and an answer such as "that is done already" must not be ahead of the disk. An error of the closure rests on reads that were each true, but perhaps at
    /// different moments. When this future is dropped, the commit may still happen.
    pub async fn write<T, E, F, Fut>(&self, origin: &Origin, f: F) -> Result<T, E>
    where
        F: Fn(Txn) -> Fut + Send + Sync,
        Fut: Future<Output = Result<T, E>> + Send,
        T: Send,
        E: From<Fault> + Send,
    {
        let (mut turn, mut queued, mut tries) = (None, false, 1);
        loop {
            let txn = Txn { db: self.clone(), state: Arc::default() };
            let answer = f(txn.clone()).await?;
            let commit = txn.into_commit(origin)?;
            if commit.pre.is_empty() && commit.puts.is_empty() && commit.deletes.is_empty() {
                return Ok(answer);
            }
            self.0.engine.limits().check(&commit)?;
            if !queued && let Some(contended) = self.contended(&commit) {
                (turn, queued) = (self.turn(contended).await, true);
                continue;
            }
            match self.0.engine.commit(commit).await {
                Ok(_) => return Ok(answer),
                Err(Fault::Conflict { key, .. }) if tries < TRIES => {
                    if turn.is_none() {
                        (turn, queued) = (self.turn(self.turn_of(&key)).await, true);
                    }
                    if tries >= BRISK {
                        tokio::time::sleep(pause(tries - BRISK)).await;
                    }
                }
                Err(fault) => return Err(fault.into()),
            }
            tries += 1;
        }
    }

    fn turn_of(&self, key: &Key) -> usize {
        self.0.hasher.hash_one(key) as usize % self.0.turns.len()
    }

    /// The queue that forms for one of the records that this commit writes. A newcomer goes to its end: otherwise it
    /// beats the one at its head, which reads, commits and conflicts, and starves it when the machine is busy.
    fn contended(&self, commit: &Commit) -> Option<usize> {
        let written = commit.puts.iter().map(|put| &put.key).chain(commit.deletes.iter().map(|delete| &delete.key));
        written.map(|key| self.turn_of(key)).find(|at| self.0.turns[*at].try_lock().is_err())
    }

    async fn turn(&self, at: usize) -> Option<tokio::sync::MutexGuard<'_, ()>> {
        tokio::time::timeout(TURN, self.0.turns[at].lock()).await.ok()
    }

    /// Whether the store still takes writes.
    pub fn health(&self) -> Result<(), Fault> {
        self.0.engine.health()
    }

    /// Counters for metrics.
    pub fn stats(&self) -> Stats {
        self.0.engine.stats()
    }

    /// Finishes what waits, makes it durable and takes no more writes.
    pub async fn close(&self) -> Result<(), Fault> {
        self.0.engine.close().await
    }
}

/// Up to 1, 2, 4 … 32 ms, at random, so that writers that met once do not meet again.
fn pause(tries: u32) -> Duration {
    Duration::from_micros(RandomState::new().hash_one(tries) % (1_000 << tries.min(5)))
}

/// What a write closure reads and writes through. Cheap to clone; of no use after the closure has ended.
#[derive(Clone)]
pub struct Txn {
    db: Db,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// As first read: present or absent.
    seen: BTreeMap<Key, Option<Rec>>,
    /// Asked for existence only.
    links: BTreeMap<Key, bool>,
    writes: BTreeMap<Key, Write>,
}

struct Write {
    /// None deletes.
    new: Option<(Bytes, Said)>,
    kind: RecordType,
}

impl Txn {
    /// The record with this key, as this write has left it so far.
    pub async fn get<R: Record>(&self, key: &Key) -> Result<Option<R>, Fault> {
        Ok(self.get_many(std::slice::from_ref(key)).await?.pop().flatten())
    }

    /// The records with these keys, in this order.
    pub async fn get_many<R: Record>(&self, keys: &[Key]) -> Result<Vec<Option<R>>, Fault> {
        debug_assert!(keys.iter().all(|key| key.tag == R::TAG), "a key is of another table");
        self.load(keys).await?;
        let bodies: Vec<Option<Bytes>> = {
            let state = self.state();
            keys.iter().map(|key| state.body(key)).collect()
        };
        bodies.into_iter().map(|body| body.map(R::decode).transpose()).collect()
    }

    /// Whether this record exists, without caring which version: the write goes through beside changes of the record,
    /// and not beside its deletion (or creation, if the answer is no). For links to other records.
    pub async fn exists(&self, key: &Key) -> Result<bool, Fault> {
        {
            let state = self.state();
            if state.writes.contains_key(key) || state.seen.contains_key(key) {
                return Ok(state.body(key).is_some());
            }
            if let Some(exists) = state.links.get(key) {
                return Ok(*exists);
            }
        }
        let found = self.db.0.engine.get_many(std::slice::from_ref(key)).await?.pop().flatten().is_some();
        Ok(*self.state().links.entry(key.clone()).or_insert(found))
    }

    /// Creates the record, or replaces the one with its key. To insist on one of the two, read first.
    pub async fn save<R: Record>(&self, record: &R) -> Result<(), Fault> {
        let key = record.key();
        debug_assert_eq!(key.tag, R::TAG, "the key is of another table");
        self.load(std::slice::from_ref(&key)).await?;
        let new = Some((Bytes::from(record.encode()), Said::by(record)));
        self.state().writes.insert(key, Write { new, kind: RecordType::of::<R>() });
        Ok(())
    }

    /// Deletes the record with this key; answers whether there was one.
    pub async fn delete<R: Record>(&self, key: &Key) -> Result<bool, Fault> {
        debug_assert_eq!(key.tag, R::TAG, "the key is of another table");
        self.load(std::slice::from_ref(key)).await?;
        let mut state = self.state();
        let existed = state.body(key).is_some();
        state.writes.insert(key.clone(), Write { new: None, kind: RecordType::of::<R>() });
        Ok(existed)
    }

    /// Reads what was not read yet. What was read once stays as it was first read, also when two tasks of the closure
    /// ask at the same time: the precondition must speak of what the closure saw.
    async fn load(&self, keys: &[Key]) -> Result<(), Fault> {
        let missing: Vec<Key> = {
            let state = self.state();
            let unseen: BTreeSet<&Key> = keys.iter().filter(|key| !state.seen.contains_key(key)).collect();
            unseen.into_iter().cloned().collect()
        };
        if missing.is_empty() {
            return Ok(());
        }
        let found = self.db.0.engine.get_many(&missing).await?;
        let mut state = self.state();
        for (key, rec) in missing.into_iter().zip(found) {
            state.seen.entry(key).or_insert(rec);
        }
        Ok(())
    }

    /// Held for moments and never across an await; nothing in it can be left half done, so poison means nothing.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn into_commit(self, origin: &Origin) -> Result<Commit, Fault> {
        let State { seen, links, writes } = std::mem::take(&mut *self.state());
        let mut commit = Commit { origin: origin.clone(), ..Commit::default() };
        let mut adds = BTreeMap::new();
        for (key, write) in writes {
            let old = seen.get(&key).cloned().flatten().map(|rec| rec.body);
            let before = match &old {
                Some(body) => (write.kind.read)(body.clone())?.1,
                None => Said::default(),
            };
            let gone = Counted::default();
            before.counted.diff(write.new.as_ref().map_or(&gone, |(_, said)| &said.counted), &mut adds)?;
            let op = match (&old, write.new) {
                (None, None) => continue,
                (Some(_), None) => {
                    let remove = before.entries.iter().map(|(index, terms, _)| (index, terms.clone())).collect();
                    commit.deletes.push(Delete { key: key.clone(), remove });
                    Op::Delete
                }
                (old, Some((body, said))) => {
                    let (add, remove) = before.entries.diff(&said.entries);
                    commit.puts.push(Put { key: key.clone(), body, add, remove });
                    if old.is_some() { Op::Update } else { Op::Create }
                }
            };
            if write.kind.history {
                commit.history.push(NewEvent { key, op, before: old });
            }
        }
        commit.adds = adds.into_iter().filter(|(_, tallies)| !tallies.is_empty()).collect();
        let links = links.into_iter().map(|(key, exists)| (key, if exists { Pre::Exists } else { Pre::Absent }));
        let read = seen.into_iter().map(|(key, rec)| (key, rec.map_or(Pre::Absent, |rec| Pre::Version(rec.version))));
        commit.pre = read.chain(links).collect();
        Ok(commit)
    }
}

impl State {
    /// The body as this write has left it so far.
    fn body(&self, key: &Key) -> Option<Bytes> {
        match self.writes.get(key) {
            Some(write) => write.new.as_ref().map(|(body, _)| body.clone()),
            None => self.seen.get(key).and_then(Option::as_ref).map(|rec| rec.body.clone()),
        }
    }
}
