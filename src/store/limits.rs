//! What a commit may be at most: declared by an engine, the same in all of ours, and checked here alone.

use std::collections::BTreeSet;

use super::{Commit, Fault, Key, layout};

/// Bounds of one commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Records written and deleted.
    pub records: usize,
    /// Bytes of all new bodies, index entries and additions to cells.
    pub commit_bytes: usize,
    /// Bytes of one body.
    pub record_bytes: usize,
    /// Bytes of one encoded key, of a record or of an index entry.
    pub key_bytes: usize,
    /// Bytes of one projection.
    pub projection_bytes: usize,
    /// Index entries written and removed. Entries are the price of a write, and readers wait while a commit goes in.
    pub entries: usize,
    /// Cells that a commit adds to.
    pub cells: usize,
    /// Tallies that it adds to in one of them.
    pub tallies: usize,
    /// Bytes of the origin's texts, which every event of the commit repeats.
    pub origin_bytes: usize,
}

impl Limits {
    /// The limits of every engine of ours, so that data can move between them.
    ///
    /// The largest batch of the API is 500 resources. Each user may give up one username and take another, which are
    /// records too, though with neither entries nor history; what is kept under an idempotency key fits beside them.
    /// Readers wait for keys rather than for records, and of those the entries are the most. The largest form has 600
    /// chapters and criteria, each a tally in one cell, beside one of the whole.
    pub const STANDARD: Self = Self {
        records: 1_536,
        commit_bytes: 4 << 20,
        record_bytes: 1 << 20,
        key_bytes: 1_024,
        projection_bytes: 4 << 10,
        entries: 5_000,
        cells: 2_000,
        tallies: 640,
        origin_bytes: 4 << 10,
    };

    /// Refuses a commit that is beyond them, or that names a record twice.
    pub(super) fn check(&self, commit: &Commit) -> Result<(), Fault> {
        let (mut bytes, mut entries, mut seen) = (0, 0, BTreeSet::new());
        let origin = &commit.origin;
        let texts = origin.actor.len() + origin.request_id.len() + origin.rpc.len();
        at_most("bytes of the origin", texts, self.origin_bytes)?;
        at_most("records of a commit", commit.puts.len() + commit.deletes.len(), self.records)?;
        let changed = commit.puts.iter().map(|put| &put.key).chain(commit.deletes.iter().map(|delete| &delete.key));
        for key in changed {
            self.key(key)?;
            if !seen.insert(key) {
                return Err(Fault::Limit(format!("{key} stands twice in one commit")));
            }
        }
        for (key, _) in &commit.pre {
            self.key(key)?;
        }
        for put in &commit.puts {
            at_most("bytes of a record", put.body.len(), self.record_bytes)?;
            bytes += put.body.len();
            for entry in &put.add {
                let key = layout::entry_key(&put.key, entry.index, &entry.terms).len();
                at_most("bytes of an index entry's key", key, self.key_bytes)?;
                at_most("bytes of a projection", entry.projection.len(), self.projection_bytes)?;
                bytes += key + entry.projection.len();
            }
            entries += put.add.len() + put.remove.len();
        }
        entries += commit.deletes.iter().map(|delete| delete.remove.len()).sum::<usize>();
        entries += commit.reindex.iter().map(|one| one.add.len() + one.remove.len()).sum::<usize>();
        at_most("index entries of a commit", entries, self.entries)?;
        at_most("cells of a commit", commit.adds.len() + commit.empty.len(), self.cells)?;
        for (cell, more) in &commit.adds {
            let key = layout::cell_key(cell).len();
            at_most("bytes of a cell's key", key, self.key_bytes)?;
            at_most("tallies of a cell", more.len(), self.tallies)?;
            bytes += key + more.bytes();
        }
        at_most("bytes of a commit", bytes, self.commit_bytes)
    }

    fn key(&self, key: &Key) -> Result<(), Fault> {
        at_most("bytes of a key", layout::record_key(key).len(), self.key_bytes)
    }
}

fn at_most(what: &str, is: usize, limit: usize) -> Result<(), Fault> {
    if is <= limit { Ok(()) } else { Err(Fault::Limit(format!("{what}: {is}, at most {limit}"))) }
}
