//! The embedded engine: sled, made safe by four rules that its defaults do not keep.
//!
//! 1. One tree, one batch per commit or group, few records a batch.
//! 2. One committer thread that answers after an fdatasync of its own (`committer`).
//! 3. No value above 16 KiB, so that sled writes no unsynced side files (`chunk`).
//! 4. Any error of the disk ends writing for the process; reads go on, and health says so.
//!
//! Beside the database stands a sidecar that notices a database which came back empty or old (`sidecar`, `open`).
//! What was measured, and the faults behind each rule: `docs/storage.md`.

mod chunk;
mod committer;
mod open;
mod sidecar;

use std::fs::File;
use std::ops::Bound;
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::{fmt, io};

use async_trait::async_trait;
use sled::IVec;

use super::{
    Change, Commit, Committed, Direction, Engine, Event, Fault, Hit, IndexPage, IndexRange, Key, Limits, RawEntry, Rec,
    ScanRange, Scanned, Stats, history, layout,
};
use chunk::{ReadError, Sequence, damaged};
use committer::{Committer, Job};
pub use open::OpenError;

/// Commit numbers reserved at a time. A restart skips what is left of a block.
const BLOCK: u64 = 10_000;
/// Reads of up to this many keys run where they are called: from the cache that is about 2 µs each, less than a trip
/// to another thread and back. Longer ones go to the blocking pool, where a cold page keeps nobody else waiting. A
/// short read can meet a cold page too: some 100 µs, at most this often.
const INLINE: usize = 64;

/// How a store on disk is opened.
#[derive(Clone, Debug)]
pub struct Options {
    /// The store's folder; made if it is absent.
    pub folder: PathBuf,
    /// Whether an absent store is created. Without, an unmounted volume is an error and not an empty store.
    pub create: bool,
    /// Bytes of sled's page cache. It undercounts: expect about twice that.
    pub cache_bytes: u64,
    /// How often sled's own thread writes and reclaims space, in milliseconds.
    pub flush_every_ms: u64,
    /// Writes are refused while the volume has less than this free, in bytes: sled must never see a full disk.
    pub min_free_bytes: u64,
    /// Commits that may wait; more are refused as unavailable.
    pub queue: usize,
    /// Bytes of commits that may wait.
    pub queue_bytes: u64,
    /// How a file is made durable: the operating system's way, but for tests of its failure.
    pub sync: Arc<dyn SyncFile>,
}

impl Options {
    /// The defaults, for this folder.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            create: true,
            cache_bytes: 128 << 20,
            flush_every_ms: 500,
            min_free_bytes: 256 << 20,
            queue: 1024,
            queue_bytes: 64 << 20,
            sync: Arc::new(Fdatasync),
        }
    }
}

/// Makes what was written to a file durable.
pub trait SyncFile: fmt::Debug + Send + Sync {
    /// Returns when it is durable, or fails. After a failure it is not asked again.
    fn sync(&self, file: &File) -> io::Result<()>;
}

/// `fdatasync(2)`.
#[derive(Debug)]
pub struct Fdatasync;

impl SyncFile for Fdatasync {
    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }
}

/// See the module. Dropping it closes it.
#[derive(Debug)]
pub struct SledEngine {
    shared: Arc<Shared>,
    writer: Arc<Writer>,
    queue_bytes: u64,
}

/// What readers and the committer share.
struct Shared {
    // Before `lock`, so that the next process finds sled's files released when it gets ours.
    db: sled::Db,
    _lock: File,
    folder: PathBuf,
    min_free_bytes: u64,
    /// Why writing has ended.
    fatal: OnceLock<String>,
    counts: Counts,
}

#[derive(Debug, Default)]
struct Counts {
    queued: AtomicU64,
    queued_bytes: AtomicU64,
    commits: AtomicU64,
    conflicts: AtomicU64,
    syncs: AtomicU64,
    last_group: AtomicU64,
    last_sync_us: AtomicU64,
    durable: AtomicU64,
}

/// The committer's thread, and the way to it.
#[derive(Debug)]
struct Writer {
    queue: RwLock<Option<SyncSender<Job>>>,
    thread: Mutex<Option<JoinHandle<Result<(), Fault>>>>,
}

impl SledEngine {
    /// Opens the store, or creates it. Blocks for as long as that takes: up to seconds for a large store.
    pub fn open(options: &Options) -> Result<Self, OpenError> {
        let opened = open::open(options)?;
        let shared = Arc::new(Shared {
            db: opened.db,
            _lock: opened.lock,
            folder: options.folder.clone(),
            min_free_bytes: options.min_free_bytes,
            fatal: OnceLock::new(),
            counts: Counts { durable: AtomicU64::new(opened.last), ..Counts::default() },
        });
        let (sender, queue) = sync_channel(options.queue.max(1));
        let mut committer = Committer {
            shared: shared.clone(),
            queue,
            data: opened.data,
            sidecar: opened.sidecar,
            sync: options.sync.clone(),
            last: opened.last,
            // Nothing says which numbers of the block before were seen, so none of it is used again.
            next: opened.ceiling + 1,
            ceiling: opened.ceiling,
        };
        let failed = |source| OpenError::Io { folder: options.folder.clone(), what: "starting to write", source };
        committer.start().map_err(|fault| failed(io::Error::other(fault)))?;
        let thread = std::thread::Builder::new().name("store-writer".into()).spawn(|| committer.run());
        let thread = Mutex::new(Some(thread.map_err(failed)?));
        let writer = Arc::new(Writer { queue: RwLock::new(Some(sender)), thread });
        Ok(Self { shared, writer, queue_bytes: options.queue_bytes })
    }

    /// Runs a read here or, if it is long, on the blocking pool.
    async fn read<T, F>(&self, long: bool, f: F) -> Result<T, Fault>
    where
        T: Send + 'static,
        F: FnOnce(&Shared) -> Result<T, Fault> + Send + 'static,
    {
        if !long {
            return f(&self.shared);
        }
        let shared = self.shared.clone();
        let answer = tokio::task::spawn_blocking(move || f(&shared)).await;
        answer.map_err(|error| Fault::Unavailable(format!("a read was cut off: {error}")))?
    }
}

impl Drop for SledEngine {
    fn drop(&mut self) {
        let _ = self.writer.stop(); // whoever wants to know calls `close`
    }
}

impl Writer {
    /// Takes no more, waits until the queue is done, and answers how that ended. A second call waits for the first.
    fn stop(&self) -> Result<(), Fault> {
        self.queue.write().unwrap_or_else(PoisonError::into_inner).take();
        match self.thread.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(thread) => thread.join().map_err(|_| Fault::Fatal("the writer panicked".into()))?,
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("folder", &self.folder).field("fatal", &self.fatal).finish_non_exhaustive()
    }
}

impl Shared {
    /// Ends writing for the process and answers the fault that everyone gets from now on. The first reason stays.
    fn end_writing(&self, why: &str) -> Fault {
        let why = self.fatal.get_or_init(|| {
            format!(
                "the store in {} takes no writes any more ({why}): check its disk, then restart; reads go on",
                self.folder.display()
            )
        });
        Fault::Fatal(why.clone())
    }

    fn health(&self) -> Result<(), Fault> {
        self.fatal.get().map_or(Ok(()), |why| Err(Fault::Fatal(why.clone())))
    }

    fn has_space(&self) -> Result<(), Fault> {
        let volume = rustix::fs::statvfs(&self.folder)
            .map_err(|errno| self.end_writing(&format!("looking for free space: {errno}")))?;
        let free = volume.f_bavail.saturating_mul(volume.f_frsize);
        if free < self.min_free_bytes { Err(Fault::Full) } else { Ok(()) }
    }

    /// Runs one read of sled. Damage is an answer for that read alone, also where sled panics on it; any other error is
    /// the disk's and ends writing.
    fn guard<T>(&self, f: impl FnOnce() -> Result<T, ReadError>) -> Result<T, Fault> {
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

    fn get(&self, key: &Key) -> Result<Option<Rec>, Fault> {
        let bytes = layout::record_key(key);
        self.guard(|| chunk::read(&self.db, &bytes)).map_err(|fault| match fault {
            Fault::Corrupt(why) => Fault::Corrupt(format!("record {key}: {why}")),
            other => other,
        })
    }

    /// Walks keys until `visit` answers false. Stops at the first error, because sled repeats it for ever. Backwards is
    /// right only because no key holds a byte FF; see `key`.
    fn walk(
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

    fn scan(&self, range: &ScanRange, limit: usize) -> Result<Vec<Scanned>, Fault> {
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

    fn scan_index(&self, range: &IndexRange, limit: usize, want_body: bool) -> Result<IndexPage, Fault> {
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

    fn all_entries(&self, after: Option<&RawEntry>, limit: usize) -> Result<Vec<RawEntry>, Fault> {
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

    /// Only what is durable: a feed that shows a commit which a power cut then takes back would be wrong for ever.
    fn changes(&self, after: u64, limit: usize) -> Result<Vec<Change>, Fault> {
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

    fn history(&self, key: &Key, after: u64, limit: usize) -> Result<Vec<Event>, Fault> {
        let mut events = vec![];
        if limit == 0 {
            return Ok(events);
        }
        self.walk(layout::events_after(key, after), Direction::Forward, |bytes, value| {
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
    fn inspect(&self) -> Result<Vec<String>, Fault> {
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

    fn inspect_one(
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

#[async_trait]
impl Engine for SledEngine {
    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Rec>>, Fault> {
        if keys.len() <= INLINE {
            return keys.iter().map(|key| self.shared.get(key)).collect();
        }
        let keys = keys.to_vec();
        self.read(true, move |shared| keys.iter().map(|key| shared.get(key)).collect()).await
    }

    async fn scan(&self, range: &ScanRange, limit: usize) -> Result<Vec<Scanned>, Fault> {
        let range = range.clone();
        self.read(limit > INLINE, move |shared| shared.scan(&range, limit)).await
    }

    async fn scan_index(&self, range: &IndexRange, limit: usize, want_body: bool) -> Result<IndexPage, Fault> {
        let range = range.clone();
        self.read(limit > INLINE, move |shared| shared.scan_index(&range, limit, want_body)).await
    }

    async fn all_entries(&self, after: Option<&RawEntry>, limit: usize) -> Result<Vec<RawEntry>, Fault> {
        let after = after.cloned();
        self.read(true, move |shared| shared.all_entries(after.as_ref(), limit)).await
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, Fault> {
        self.shared.health()?;
        let (job, answer) = Job::new(commit);
        let (bytes, counts) = (job.bytes as u64, &self.shared.counts);
        let busy = || Fault::Unavailable("too many writes wait".into());
        let closed = || Fault::Unavailable("the store is closing".into());
        {
            let queue = self.writer.queue.read().unwrap_or_else(PoisonError::into_inner);
            let queue = queue.as_ref().ok_or_else(closed)?;
            counts.queued.fetch_add(1, Relaxed);
            let waiting = counts.queued_bytes.fetch_add(bytes, Relaxed);
            let sent = if waiting > self.queue_bytes { Err(busy()) } else { Ok(()) }.and_then(|()| {
                queue.try_send(job).map_err(|error| match error {
                    TrySendError::Full(_) => busy(),
                    TrySendError::Disconnected(_) => closed(),
                })
            });
            if let Err(fault) = sent {
                counts.queued.fetch_sub(1, Relaxed);
                counts.queued_bytes.fetch_sub(bytes, Relaxed);
                return Err(fault);
            }
        }
        match answer.await {
            Ok(result) => result,
            // The writer drops a job unanswered only if it panicked in the middle of its group.
            Err(_) => Err(self.shared.end_writing("the writer stopped in the middle of a commit")),
        }
    }

    async fn changes(&self, after: u64, limit: usize) -> Result<Vec<Change>, Fault> {
        self.read(limit > INLINE, move |shared| shared.changes(after, limit)).await
    }

    async fn history(&self, key: &Key, after: u64, limit: usize) -> Result<Vec<Event>, Fault> {
        let key = key.clone();
        self.read(limit > INLINE, move |shared| shared.history(&key, after, limit)).await
    }

    async fn inspect(&self) -> Result<Vec<String>, Fault> {
        self.read(true, Shared::inspect).await
    }

    fn limits(&self) -> Limits {
        Limits::STANDARD
    }

    fn health(&self) -> Result<(), Fault> {
        self.shared.health()
    }

    fn stats(&self) -> Stats {
        let counts = &self.shared.counts;
        Stats {
            queued: counts.queued.load(Relaxed),
            queued_bytes: counts.queued_bytes.load(Relaxed),
            commits: counts.commits.load(Relaxed),
            conflicts: counts.conflicts.load(Relaxed),
            syncs: counts.syncs.load(Relaxed),
            last_group: counts.last_group.load(Relaxed),
            last_sync_us: counts.last_sync_us.load(Relaxed),
            durable: counts.durable.load(Relaxed),
        }
    }

    async fn close(&self) -> Result<(), Fault> {
        let writer = self.writer.clone();
        let stopped = tokio::task::spawn_blocking(move || writer.stop()).await;
        stopped.map_err(|error| Fault::Unavailable(format!("closing was cut off: {error}")))?
    }
}
