//! How far an import came, in a small file beside the one that is imported, so that it can go on after being cut off.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::point::Point;

/// What became of lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Count {
    /// Made or changed.
    pub(super) changed: u64,
    /// There already as they were.
    pub(super) unchanged: u64,
    /// Written to the file of rejects.
    pub(super) rejected: u64,
}

/// By kind; what is of no kind is under `lines`.
pub(super) type Counts = BTreeMap<String, Count>;

/// Which file is imported into what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Work {
    size: u64,
    into: String,
    rejected: String,
}

impl Work {
    /// Of this file, with the place it is imported into and the file of its rejects.
    pub(super) fn of(file: &File, into: &str, rejected: &Path) -> io::Result<Self> {
        let rejected = std::path::absolute(rejected)?.to_string_lossy().into_owned();
        Ok(Self { size: file.metadata()?.len(), into: into.to_owned(), rejected })
    }

    /// Bytes of the file.
    pub(super) fn size(&self) -> u64 {
        self.size
    }
}

/// Up to here every line is acknowledged, or written to the file of rejects.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    /// Number of the last such line.
    pub(super) line: u64,
    /// Where it ends.
    pub(super) offset: u64,
    /// Hash of all bytes up to there: a line that was mended since is not taken for one that is done.
    pub(super) hash: String,
    /// What the store held then; none where the import is into a server.
    pub(super) store: Option<Point>,
    /// Bytes of the file of rejects.
    pub(super) rejected_bytes: u64,
    pub(super) counts: Counts,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    work: Work,
    mark: Mark,
}

/// What an earlier run left.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Earlier {
    Nothing,
    /// Another file, or another place that it went to: no use for this one.
    Other,
    Mark(Mark),
}

/// A hash as text.
pub(super) fn hex(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Hashes so many bytes at the head of a file, fewer where it has no more, and leaves it standing behind them.
pub(super) fn hashed(file: &mut File, bytes: u64) -> io::Result<Sha256> {
    let (mut hash, mut buffer) = (Sha256::new(), vec![0; 1 << 16]);
    file.seek(SeekFrom::Start(0))?;
    let mut head = file.take(bytes);
    loop {
        match head.read(&mut buffer) {
            Ok(0) => return Ok(hash),
            Ok(read) => hash.update(buffer.get(..read).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// The path with one more ending.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".");
    name.push(ending);
    name.into()
}

/// How far the same work came.
pub(super) fn earlier(path: &Path, work: &Work) -> io::Result<Earlier> {
    let text = match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Earlier::Nothing),
        text => text?,
    };
    Ok(match serde_json::from_slice::<Kept>(&text) {
        Ok(kept) if kept.work == *work => Earlier::Mark(kept.mark),
        _ => Earlier::Other,
    })
}

/// Replaces what is kept, all of it or nothing, on the disk when this returns.
pub(super) fn save(path: &Path, work: &Work, mark: &Mark) -> io::Result<()> {
    let written = serde_json::to_vec(&Kept { work: work.clone(), mark: mark.clone() })?;
    let new = beside(path, "new");
    let mut file = File::create(&new)?;
    file.write_all(&written)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    sync_folder(path)
}

/// Says that there is nothing to go on with.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed.and_then(|()| sync_folder(path)),
    }
}

/// Makes the name of a file durable.
pub(super) fn sync_folder(of: &Path) -> io::Result<()> {
    let folder = of.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_of_one_file_and_one_place() {
        let folder = tempfile::tempdir().unwrap();
        let (file, path) = (folder.path().join("f"), folder.path().join("f.progress"));
        let work = |text: &str, into: &str| {
            fs::write(&file, text).unwrap();
            Work::of(&File::open(&file).unwrap(), into, Path::new("r")).unwrap()
        };
        let mark = Mark { line: 3, offset: 40, rejected_bytes: 5, ..Mark::default() };
        assert_eq!(earlier(&path, &work("abc", "here")).unwrap(), Earlier::Nothing);
        save(&path, &work("abc", "here"), &Mark::default()).unwrap();
        save(&path, &work("abc", "here"), &mark).unwrap();
        assert_eq!(earlier(&path, &work("abc", "here")).unwrap(), Earlier::Mark(mark));
        for (text, into) in [("abcd", "here"), ("abc", "there")] {
            assert_eq!(earlier(&path, &work(text, into)).unwrap(), Earlier::Other);
        }
        fs::write(&path, "{\"work\":").unwrap();
        assert_eq!(earlier(&path, &work("abc", "here")).unwrap(), Earlier::Other);
        remove(&path).unwrap();
        remove(&path).unwrap();
        assert_eq!(earlier(&path, &work("abc", "here")).unwrap(), Earlier::Nothing);
    }
    #[test]
    fn a_byte_that_changed_anywhere_before_the_mark_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        let mut bytes = vec![b'a'; 300_000];
        let of = |bytes: &[u8], up_to: u64| {
            fs::write(&path, bytes).unwrap();
            let mut file = File::open(&path).unwrap();
            let hash = hex(hashed(&mut file, up_to).unwrap());
            assert_eq!(file.stream_position().unwrap(), up_to);
            hash
        };
        let (before, all) = (of(&bytes, 200_000), of(&bytes, 300_000));
        assert_eq!(before, hex(Sha256::new_with_prefix(&bytes[..200_000])));
        bytes[250_000] = b'b';
        assert_eq!(of(&bytes, 200_000), before);
        assert_ne!(of(&bytes, 300_000), all);
        bytes[199_999] = b'b';
        assert_ne!(of(&bytes, 200_000), before);
    }
}
