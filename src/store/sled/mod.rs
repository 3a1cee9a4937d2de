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
mod shared;
mod sidecar;

use std::fs::File;
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::{fmt, io};

use async_trait::async_trait;

use super::{
    Cell, CellRange, Change, Commit, Committed, Direction, Engine, Event, Fault, IndexPage, IndexRange, Key, Limits,
    RawEntry, Rec, ScanRange, Scanned, ScannedCell, Stats, Tallies, layout,
};
use committer::{Committer, Job};
pub use open::OpenError;
use shared::Shared;

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
        let committer = Committer {
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

    async fn cells(&self, cells: &[Cell]) -> Result<Vec<Tallies>, Fault> {
        let keys: Vec<Vec<u8>> = cells.iter().map(layout::cell_key).collect();
        self.read(cells.len() > INLINE, move |shared| keys.iter().map(|key| shared.cell(key)).collect()).await
    }

    async fn scan_cells(&self, range: &CellRange, limit: usize) -> Result<Vec<ScannedCell>, Fault> {
        let range = range.clone();
        self.read(limit > INLINE, move |shared| shared.scan_cells(&range, limit)).await
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

    async fn history(&self, key: &Key, version: u64, direction: Direction, limit: usize) -> Result<Vec<Event>, Fault> {
        let key = key.clone();
        self.read(limit > INLINE, move |shared| shared.history(&key, version, direction, limit)).await
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
        stopped.map_err(|error| Fault::Unavailable(format!("closing was cut off: {error}")))??;
        self.shared.health() // a second call has no thread to ask
    }
}
