//! The file beside the database that knows which store this is and how far it was durable.
//!
//! sled opens a folder whose files were emptied or cut as an empty or older database. The sidecar is what notices. It
//! is written once with care (write, fsync, rename, fsync of the folder); then one of two slots, in turn, is
//! overwritten after each group of commits became durable, without a sync of its own. So it is exact after a kill, a
//! lower bound after a power cut, and never ahead of the database.
//!
//! 512 bytes each: magic, format u32, store id, CRC-32 · slot: commit number u64, CRC-32 of store id and number · slot.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

const MAGIC: &[u8; 16] = b"coaching store\n\0";
const SECTOR: usize = 512;
const SYNC_EVERY: Duration = Duration::from_secs(1);

/// Names a store for ever, and tells two of them apart.
pub(super) type StoreId = [u8; 16];

/// What the sidecar knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) format: u32,
    pub(super) id: StoreId,
    /// Every commit up to this one was durable.
    pub(super) synced: u64,
}

/// The open file.
#[derive(Debug)]
pub(super) struct Sidecar {
    file: File,
    id: StoreId,
    slot: u64,
    dirty: bool,
    last_sync: Instant,
}

impl Sidecar {
    /// Writes a new one.
    pub(super) fn create(path: &Path, format: u32, id: StoreId) -> io::Result<()> {
        let mut bytes = [0; 3 * SECTOR];
        bytes[..16].copy_from_slice(MAGIC);
        bytes[16..20].copy_from_slice(&format.to_be_bytes());
        bytes[20..36].copy_from_slice(&id);
        let crc = crc32fast::hash(&bytes[..36]);
        bytes[36..40].copy_from_slice(&crc.to_be_bytes());
        bytes[SECTOR..SECTOR + 12].copy_from_slice(&slot(&id, 0));
        bytes[2 * SECTOR..2 * SECTOR + 12].copy_from_slice(&slot(&id, 0));
        let draft = path.with_extension("new");
        fs::write(&draft, bytes)?;
        File::open(&draft)?.sync_all()?;
        fs::rename(&draft, path)?;
        path.parent().map_or(Ok(()), sync_folder)
    }

    /// Opens and reads it. The inner error says what is wrong with the content.
    pub(super) fn open(path: &Path) -> io::Result<Result<(Sidecar, Known), &'static str>> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        let mut bytes = [0; 3 * SECTOR];
        match file.read_exact_at(&mut bytes, 0) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(Err("it is cut off")),
            other => other?,
        }
        let (head, slots) = bytes.split_at(SECTOR);
        if !head.starts_with(MAGIC) {
            return Ok(Err("it does not begin as a sidecar does"));
        }
        if head[36..40] != crc32fast::hash(&head[..36]).to_be_bytes() {
            return Ok(Err("its checksum does not match"));
        }
        let mut id = StoreId::default();
        id.copy_from_slice(&head[20..36]);
        let format = u32::from_be_bytes([head[16], head[17], head[18], head[19]]);
        let read = |at: usize| {
            let bytes = slots[at..at + 12].first_chunk::<8>()?;
            let number = u64::from_be_bytes(*bytes);
            (slots[at..at + 12] == slot(&id, number)).then_some(number)
        };
        // One slot may be torn by a power cut while it was written; the other one is then the older, true bound.
        let (a, b) = (read(0), read(SECTOR));
        let Some(synced) = a.max(b) else { return Ok(Err("the checksums of both its slots do not match")) };
        let next = u64::from(a == Some(synced));
        let sidecar = Sidecar { file, id, slot: next, dirty: false, last_sync: Instant::now() };
        Ok(Ok((sidecar, Known { format, id, synced })))
    }

    /// Notes that every commit up to this one is durable.
    pub(super) fn record(&mut self, number: u64) -> io::Result<()> {
        let offset = SECTOR as u64 * (1 + self.slot);
        self.file.write_all_at(&slot(&self.id, number), offset)?;
        self.slot ^= 1;
        self.dirty = true;
        if self.last_sync.elapsed() >= SYNC_EVERY { self.sync() } else { Ok(()) }
    }

    /// Makes the last note durable.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        if self.dirty {
            self.file.sync_data()?;
            self.dirty = false;
        }
        self.last_sync = Instant::now();
        Ok(())
    }
}

fn slot(id: &StoreId, number: u64) -> [u8; 12] {
    let mut crc = crc32fast::Hasher::new();
    crc.update(id);
    crc.update(&number.to_be_bytes());
    let mut bytes = [0; 12];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    bytes[8..].copy_from_slice(&crc.finalize().to_be_bytes());
    bytes
}

/// Makes the names in a folder durable.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_later_of_two_slots_counts_and_a_torn_one_falls_back_to_the_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sidecar");
        Sidecar::create(&path, 3, [7; 16]).unwrap();
        let known = |synced| Known { format: 3, id: [7; 16], synced };
        let open = || Sidecar::open(&path).unwrap();
        assert_eq!(open().unwrap().1, known(0));
        for number in [5, 9, 12] {
            let (mut sidecar, _) = open().unwrap();
            sidecar.record(number).unwrap();
            assert_eq!(open().unwrap().1, known(number));
        }
        let mut bytes = fs::read(&path).unwrap();
        let last = bytes.chunks(SECTOR).position(|sector| sector.starts_with(&12u64.to_be_bytes())).unwrap();
        bytes[last * SECTOR + 9] ^= 1;
        fs::write(&path, &bytes).unwrap();
        assert_eq!(open().unwrap().1, known(9));
        bytes[SECTOR..].fill(0xaa);
        fs::write(&path, &bytes).unwrap();
        assert!(open().unwrap_err().contains("both"));
        fs::write(&path, &bytes[..700]).unwrap();
        assert!(open().unwrap_err().contains("cut off"));
    }
}
