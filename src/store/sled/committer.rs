//! The one thread that writes. It drains the queue into a group, checks each commit against what is stored and what
//! the group did before it, applies the group in batches, makes it durable with one sync, and only then answers.
//!
//! One thread, because then a check and its write cannot be torn apart, commit numbers are in order of effect, and a
//! sync is shared by all who wait. Any error of the disk ends writing for the process: sled does not recover from one,
//! and a sync that failed once may answer success the second time without the data being there.

use std::collections::HashMap;
use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Relaxed, Release};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use sled::IVec;
use tokio::sync::oneshot;

use super::super::{Commit, Committed, Fault, Key, Op, Tallies, history, layout};
use super::chunk::{self, Head, ReadError, damaged};
use super::open::{META_CEILING, quietly};
use super::sidecar::Sidecar;
use super::{BLOCK, Shared, SyncFile};

/// Records of one batch, unless one commit has more: all readers wait while a batch goes in.
const BATCH: usize = 64;
/// Bytes of one batch, for the same reason and with the same exception.
const BATCH_BYTES: usize = 512 << 10;
/// How long the thread waits for a commit before it tidies up.
const IDLE: Duration = Duration::from_secs(1);
/// Commits of one group.
const GROUP: usize = 256;
/// Bytes of bodies in one group.
const GROUP_BYTES: usize = 8 << 20;
/// Numbers that are left when the next block is reserved. More than a group can use.
const RESERVE: u64 = BLOCK / 2;

/// A commit that waits.
pub(super) struct Job {
    commit: Commit,
    /// Encoded by the caller's thread, so that this one does less.
    events: Vec<Bytes>,
    pub(super) bytes: usize,
    reply: oneshot::Sender<Result<Committed, Fault>>,
}

impl Job {
    pub(super) fn new(commit: Commit) -> (Self, oneshot::Receiver<Result<Committed, Fault>>) {
        let events: Vec<Bytes> = commit.history.iter().map(|event| history::encode(&commit.origin, event)).collect();
        let bodies: usize = commit.puts.iter().map(|put| put.body.len()).sum();
        let bytes = bodies + events.iter().map(Bytes::len).sum::<usize>();
        let (reply, answer) = oneshot::channel();
        (Self { commit, events, bytes, reply }, answer)
    }
}

/// What is written under a key, or that it is removed.
type Writes = Vec<(Vec<u8>, Option<IVec>)>;
/// Version and parts of a record, none if it is absent.
type State = Option<(u64, u16)>;

/// A commit that passed its checks.
struct Staged {
    records: usize,
    writes: Writes,
    heads: Vec<(Vec<u8>, State)>,
    cells: Vec<(Vec<u8>, Tallies)>,
}

/// What the group has written so far, which no read shows yet.
#[derive(Default)]
struct Overlay {
    heads: HashMap<Vec<u8>, State>,
    cells: HashMap<Vec<u8>, Tallies>,
}

pub(super) struct Committer {
    pub(super) shared: Arc<Shared>,
    pub(super) queue: Receiver<Job>,
    pub(super) data: File,
    pub(super) sidecar: Sidecar,
    pub(super) sync: Arc<dyn SyncFile>,
    /// Number of the last commit that took effect.
    pub(super) last: u64,
    /// The number that the next commit gets.
    pub(super) next: u64,
    /// The highest number that may be handed out: this is durable.
    pub(super) ceiling: u64,
}

impl Committer {
    /// Runs until the store is closed and the queue is empty.
    pub(super) fn run(mut self) -> Result<(), Fault> {
        loop {
            let first = match self.queue.recv_timeout(IDLE) {
                Ok(first) => first,
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    // Nothing waits: the sidecar's last note is made durable now, not with the next commit.
                    if self.shared.health().is_ok()
                        && let Err(error) = self.sidecar.sync()
                    {
                        let _ = self.shared.end_writing(&format!("syncing the sidecar: {error}"));
                    }
                    continue;
                }
            };
            let mut bytes = first.bytes;
            let mut group = vec![first];
            while group.len() < GROUP && bytes < GROUP_BYTES {
                let Ok(job) = self.queue.try_recv() else { break };
                bytes += job.bytes;
                group.push(job);
            }
            self.shared.counts.queued.fetch_sub(group.len() as u64, Relaxed);
            self.shared.counts.queued_bytes.fetch_sub(bytes as u64, Relaxed);
            // A panic of sled's must not leave callers waiting for a thread that is gone. Their senders are dropped with
            // the group, and they find the fault.
            if let Err(text) = quietly(|| self.group(group)) {
                let _ = self.shared.end_writing(&format!("the writer panicked: {text}"));
            }
        }
        self.finish()
    }

    fn finish(&mut self) -> Result<(), Fault> {
        self.shared.health()?;
        self.make_durable()?;
        self.sidecar.sync().map_err(|error| self.shared.end_writing(&format!("syncing the sidecar: {error}")))
    }

    fn group(&mut self, group: Vec<Job>) {
        let ready = self.shared.health().and_then(|()| self.shared.has_space()).and_then(|()| self.first_block());
        if let Err(fault) = ready {
            return group.into_iter().for_each(|job| answer(job.reply, Err(fault.clone())));
        }
        let mut overlay = Overlay::default();
        let mut waiting = Vec::with_capacity(group.len());
        let mut batch = Batch::default();
        let mut result = self.reserve(&mut batch);
        for job in group {
            let mut applied = result.clone().map(|_| ());
            if applied.is_ok() {
                match self.stage(&job, &overlay) {
                    Ok(staged) => {
                        if batch.is_full_for(&staged, job.bytes) {
                            applied = self.apply(&mut batch);
                        }
                        overlay.heads.extend(staged.heads);
                        overlay.cells.extend(staged.cells);
                        batch.add(staged.records, job.bytes, staged.writes);
                    }
                    Err(fault) => {
                        if matches!(fault, Fault::Conflict { .. }) {
                            self.shared.counts.conflicts.fetch_add(1, Relaxed);
                        }
                        answer(job.reply, Err(fault));
                        continue;
                    }
                }
            }
            if let Err(fault) = applied {
                result = Err(fault);
            }
            waiting.push((job.reply, self.last));
        }
        let wrote = self.last > self.shared.counts.durable.load(Relaxed) || batch.has_writes();
        let done = result.and_then(|ceiling| {
            if wrote {
                self.apply(&mut batch)?;
                self.make_durable()?;
                self.ceiling = ceiling;
            }
            Ok(())
        });
        self.shared.counts.last_group.store(waiting.len() as u64, Relaxed);
        if done.is_ok() {
            self.shared.counts.commits.fetch_add(waiting.len() as u64, Relaxed);
        }
        for (reply, number) in waiting {
            answer(reply, done.clone().map(|()| Committed { number }));
        }
    }

    /// Makes the first block of numbers durable before any of it is used. Not at opening, where nothing is written, so
    /// that a store on a full disk still opens for reading.
    fn first_block(&mut self) -> Result<(), Fault> {
        if self.next <= self.ceiling {
            return Ok(());
        }
        let mut batch = Batch::default();
        let ceiling = self.reserve(&mut batch)?;
        self.apply(&mut batch)?;
        self.make_durable()?;
        self.ceiling = ceiling;
        Ok(())
    }

    /// Reserves the next block of numbers in good time: it is used only after it is durable, because a reader may have
    /// seen a number that a power cut then took back, and it must not come again with other content.
    fn reserve(&self, batch: &mut Batch) -> Result<u64, Fault> {
        if self.ceiling - self.next.min(self.ceiling) > RESERVE {
            return Ok(self.ceiling);
        }
        let ceiling = self.ceiling + BLOCK;
        batch.add(0, 0, vec![(META_CEILING.to_vec(), Some((&ceiling.to_be_bytes()).into()))]);
        Ok(ceiling)
    }

    /// Checks a commit and lists what it writes. Reads every key that it touches, so that a damaged page refuses this
    /// commit alone, before anything is applied, and cold pages are read before the batch makes readers wait.
    fn stage(&mut self, job: &Job, overlay: &Overlay) -> Result<Staged, Fault> {
        let commit = &job.commit;
        for (key, pre) in &commit.pre {
            let current = self.current(key, &layout::record_key(key), overlay)?.map(|(version, _)| version);
            if !pre.holds(current) {
                return Err(Fault::Conflict { key: key.clone(), current });
            }
        }
        let number = self.next;
        if number > self.ceiling {
            // Cannot be while a group is smaller than what is kept in reserve; a number issued twice must not be either.
            return Err(Fault::Unavailable("no commit number is free yet".into()));
        }
        let mut staged = Staged { records: 0, writes: Vec::with_capacity(16), heads: vec![], cells: vec![] };
        self.add(commit, overlay, &mut staged)?;
        let mut changes = Vec::with_capacity(commit.puts.len());
        for put in &commit.puts {
            let key = layout::record_key(&put.key);
            let old = self.current(&put.key, &key, overlay)?;
            let parts = chunk::split(key.clone(), number, &put.body, &mut staged.writes);
            staged.drop_parts(&key, parts, old);
            for (index, terms) in &put.remove {
                staged.writes.push((layout::entry_key(&put.key, *index, terms), None));
            }
            for entry in &put.add {
                let at = layout::entry_key(&put.key, entry.index, &entry.terms);
                staged.writes.push((at, Some(layout::entry_value(put.key.tag, entry).into())));
            }
            staged.heads.push((key, Some((number, parts))));
            changes.push((&put.key, if old.is_some() { Op::Update } else { Op::Create }));
        }
        for delete in &commit.deletes {
            let key = layout::record_key(&delete.key);
            for (index, terms) in &delete.remove {
                staged.writes.push((layout::entry_key(&delete.key, *index, terms), None));
            }
            if let Some(old) = self.current(&delete.key, &key, overlay)? {
                staged.drop_parts(&key, 0, Some(old));
                staged.writes.push((key.clone(), None));
                staged.heads.push((key, None));
                changes.push((&delete.key, Op::Delete));
            }
        }
        for one in &commit.reindex {
            for (index, terms) in &one.remove {
                staged.writes.push((layout::entry_key(&one.key, *index, terms), None));
            }
            for entry in &one.add {
                let at = layout::entry_key(&one.key, entry.index, &entry.terms);
                staged.writes.push((at, Some(layout::entry_value(one.key.tag, entry).into())));
            }
        }
        for (event, body) in commit.history.iter().zip(&job.events) {
            chunk::split(layout::event_key(&event.key, number), number, body, &mut staged.writes);
        }
        if staged.writes.is_empty() {
            return Ok(staged);
        }
        for (key, _) in &staged.writes {
            self.shared.guard(|| self.shared.db.contains_key(key).map_err(ReadError::Sled))?;
        }
        staged.records = changes.len();
        for (part, value) in (0..).zip(layout::feed_values(changes.into_iter(), chunk::CHUNK)) {
            staged.writes.push((layout::feed_key(number, part), Some(value.into())));
        }
        self.next += 1;
        self.last = number;
        Ok(staged)
    }

    /// Adds to the cells: this thread is the only one that writes, so what it reads is what it adds to.
    fn add(&self, commit: &Commit, overlay: &Overlay, staged: &mut Staged) -> Result<(), Fault> {
        for cell in commit.empty.iter().filter(|cell| commit.adds.iter().all(|(added, _)| added != *cell)) {
            let key = layout::cell_key(cell);
            staged.writes.push((key.clone(), None));
            staged.cells.push((key, Tallies::default()));
        }
        for (cell, more) in &commit.adds {
            let key = layout::cell_key(cell);
            let mut now = match overlay.cells.get(&key) {
                _ if commit.empty.contains(cell) => Tallies::default(),
                Some(tallies) => tallies.clone(),
                None => self.shared.cell(&key)?,
            };
            now.merge(more)?;
            let value = now.encode();
            if value.len() > chunk::CHUNK {
                return Err(Fault::Limit(format!("bytes of cell {cell}: {}, at most {}", value.len(), chunk::CHUNK)));
            }
            staged.writes.push((key.clone(), (!now.is_empty()).then(|| value.into())));
            staged.cells.push((key, now));
        }
        Ok(())
    }

    fn current(&self, key: &Key, bytes: &[u8], overlay: &Overlay) -> Result<State, Fault> {
        if let Some(state) = overlay.heads.get(bytes) {
            return Ok(*state);
        }
        let Some(value) = self.shared.guard(|| self.shared.db.get(bytes).map_err(ReadError::Sled))? else {
            return Ok(None);
        };
        let (head, _) = Head::parse(&value).map_err(|why| damaged(&format!("record {key}"), &why))?;
        Ok(Some((head.version, head.parts)))
    }

    fn apply(&self, batch: &mut Batch) -> Result<(), Fault> {
        let Batch { batch, .. } = std::mem::take(batch);
        // After an error a part of the batch may be visible, and whether it is stored is unknown until the restart.
        self.shared.db.apply_batch(batch).map_err(|error| self.shared.end_writing(&format!("applying: {error}")))
    }

    /// sled's flush hands everything to the operating system, and the sync after it makes it durable: what sled itself
    /// calls is `sync_file_range`, which does not.
    fn make_durable(&mut self) -> Result<(), Fault> {
        let start = Instant::now();
        self.shared.db.flush().map_err(|error| self.shared.end_writing(&format!("flushing: {error}")))?;
        self.sync.sync(&self.data).map_err(|error| self.shared.end_writing(&format!("syncing: {error}")))?;
        self.sidecar
            .record(self.last)
            .map_err(|error| self.shared.end_writing(&format!("writing the sidecar: {error}")))?;
        self.shared.counts.durable.store(self.last, Release);
        self.shared.counts.syncs.fetch_add(1, Relaxed);
        self.shared.counts.last_sync_us.store(start.elapsed().as_micros() as u64, Relaxed);
        Ok(())
    }
}

impl Staged {
    /// Removes the parts that the old body had and the new one has not.
    fn drop_parts(&mut self, key: &[u8], parts: u16, old: State) {
        let had = old.map_or(0, |(_, parts)| parts);
        self.writes.extend((parts + 1..=had).map(|part| (chunk::part_key(key, part), None)));
    }
}

#[derive(Default)]
struct Batch {
    batch: sled::Batch,
    records: usize,
    bytes: usize,
    writes: usize,
}

impl Batch {
    fn is_full_for(&self, next: &Staged, bytes: usize) -> bool {
        self.records > 0 && (self.records + next.records > BATCH || self.bytes + bytes > BATCH_BYTES)
    }

    /// Later writes of a key win, so a removal that was staged before its replacement does no harm.
    fn add(&mut self, records: usize, bytes: usize, writes: Writes) {
        self.records += records;
        self.bytes += bytes;
        self.writes += writes.len();
        for (key, value) in writes {
            match value {
                Some(value) => self.batch.insert(key, value),
                None => self.batch.remove(key),
            }
        }
    }

    fn has_writes(&self) -> bool {
        self.writes > 0
    }
}

/// The caller may have gone away; its commit stands all the same.
fn answer(reply: oneshot::Sender<Result<Committed, Fault>>, result: Result<Committed, Fault>) {
    let _ = reply.send(result);
}
