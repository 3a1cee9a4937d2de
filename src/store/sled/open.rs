//! Opening and creating a store on disk, and every reason to refuse.
//!
//! `<folder>/lock` is held by the process that has the store open. `<folder>/store/` holds `sidecar` and `sled/`. A new
//! store is made as `store.new` and renamed when it is complete and durable, so `store/` is never half made: whatever
//! is missing in it was there once. `<folder>/store.made` stays when `store/` goes, so that a folder whose store was lost
//! does not begin again with an empty one.

use std::cell::RefCell;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};

use super::super::{Fault, layout};
use super::sidecar::{Known, Sidecar, StoreId, sync_folder};
use super::{BLOCK, Options};

/// Version of everything that we define on disk: keys, heads, events, sidecar.
pub(super) const FORMAT: u32 = 1;
pub(super) const META_STORE: &[u8] = &[layout::META, b's'];
pub(super) const META_CEILING: &[u8] = &[layout::META, b'c'];
/// See `chunk`: together with its bound on values, this keeps sled from writing files without sync.
const SEGMENT: usize = 2 << 20;

/// How often a lock that is held is tried again, and how long after: a fifth of a second in all.
const LOCK_TRIES: u32 = 20;
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// Why a store does not open. Nothing of ours was changed on disk.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it open.
    #[error("the store in {folder} is open in another process ({holder}): stop that one, or use another folder")]
    Locked {
        /// The store's folder.
        folder: PathBuf,
        /// What the lock file says of the holder.
        holder: String,
    },
    /// There is none, and none is to be created.
    #[error("there is no store in {folder}: check the path and that the volume is mounted, or allow it to be created")]
    Absent {
        /// The store's folder.
        folder: PathBuf,
    },
    /// The operating system refused.
    #[error("the store in {folder} cannot be used, {what}: {source}")]
    Io {
        /// The store's folder.
        folder: PathBuf,
        /// What was tried.
        what: &'static str,
        /// What it said.
        source: io::Error,
    },
    /// A newer program wrote it.
    #[error(
        "the store in {folder} has format {found} and this program knows up to {known}: \
         start the newer program again, or put back a copy of the folder that this version wrote"
    )]
    Newer {
        /// The store's folder.
        folder: PathBuf,
        /// Format on disk.
        found: u32,
        /// Newest format known here.
        known: u32,
    },
    /// Files are missing, cut, mixed up or damaged.
    #[error(
        "the store in {folder} is damaged and is not opened, so that nothing is lost unseen: {why}. \
         Keep a copy of the folder, then put back the last copy of it that was taken while no server had it open"
    )]
    Damaged {
        /// The store's folder.
        folder: PathBuf,
        /// What does not fit.
        why: String,
    },
}

impl From<OpenError> for Fault {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Damaged { .. } => Fault::Corrupt(error.to_string()),
            _ => Fault::Unavailable(error.to_string()),
        }
    }
}

/// A store that passed every check.
pub(super) struct Opened {
    pub(super) db: sled::Db,
    pub(super) data: File,
    pub(super) sidecar: Sidecar,
    pub(super) lock: File,
    /// Number of the last commit.
    pub(super) last: u64,
    /// Numbers up to this one may have been handed out.
    pub(super) ceiling: u64,
}

pub(super) fn open(options: &Options) -> Result<Opened, OpenError> {
    let root = options.folder.as_path();
    let io = |what| move |source| OpenError::Io { folder: root.to_path_buf(), what, source };
    let store = root.join("store");
    if !options.create && !store.exists() {
        return Err(OpenError::Absent { folder: root.to_path_buf() });
    }
    fs::create_dir_all(root).map_err(io("making the folder"))?;
    let lock = take_lock(root)?;
    let mark = root.join("store.made");
    if !store.exists() {
        if mark.exists() {
            return Err(damaged(
                root,
                "the folder store is missing, and the file store.made says that there was one".into(),
            ));
        }
        create(root, options)?;
    }
    if !mark.exists() {
        File::create(&mark).and_then(|file| file.sync_all()).map_err(io("marking the folder"))?;
        sync_folder(root).map_err(io("syncing the folder"))?;
    }
    open_checked(root, &store, options, lock)
}

fn take_lock(root: &Path) -> Result<File, OpenError> {
    let io = |what| move |source| OpenError::Io { folder: root.to_path_buf(), what, source };
    let mut options = OpenOptions::new();
    let path = root.join("lock");
    let mut file =
        options.read(true).write(true).create(true).truncate(false).open(path).map_err(io("opening the lock"))?;
    for patience in (0..LOCK_TRIES).rev() {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => break,
            // A process that is being started holds copies of its parent's files for a moment.
            Err(rustix::io::Errno::WOULDBLOCK) if patience > 0 => std::thread::sleep(LOCK_PAUSE),
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let mut holder = String::new();
                let _ = file.read_to_string(&mut holder); // only to help the reader of the message
                return Err(OpenError::Locked { folder: root.to_path_buf(), holder: holder.trim().to_owned() });
            }
            Err(errno) => return Err(io("locking it")(errno.into())),
        }
    }
    let note = format!("process {}\n", std::process::id());
    file.set_len(0).and_then(|()| file.write_all(note.as_bytes())).map_err(io("writing the lock"))?;
    Ok(file)
}

fn create(root: &Path, options: &Options) -> Result<(), OpenError> {
    let io = |what| move |source| OpenError::Io { folder: root.to_path_buf(), what, source };
    let draft = root.join("store.new");
    if draft.exists() {
        // Left by a creation that did not finish: nothing was ever acknowledged from it.
        fs::remove_dir_all(&draft).map_err(io("removing an unfinished creation"))?;
    }
    let folder = draft.join("sled");
    fs::create_dir_all(&folder).map_err(io("making the folder"))?;
    let id = random_id().map_err(io("reading random bytes"))?;
    let db = open_sled(root, &folder, options)?;
    let meta = [&FORMAT.to_be_bytes()[..], &id].concat();
    let mut batch = sled::Batch::default();
    batch.insert(META_STORE, meta);
    batch.insert(META_CEILING, &0u64.to_be_bytes());
    db.apply_batch(batch).and_then(|()| db.flush()).map_err(|error| damaged(root, error.to_string()))?;
    drop(db);
    for name in ["db", "conf"] {
        File::open(folder.join(name)).and_then(|file| file.sync_all()).map_err(io("syncing a new file"))?;
    }
    sync_folder(&folder).map_err(io("syncing a new folder"))?;
    Sidecar::create(&draft.join("sidecar"), FORMAT, id).map_err(io("writing the sidecar"))?;
    fs::rename(&draft, root.join("store")).map_err(io("naming the new store"))?;
    sync_folder(root).map_err(io("syncing the folder"))?;
    let parent = fs::canonicalize(root).map_err(io("finding its parent"))?;
    parent.parent().map_or(Ok(()), sync_folder).map_err(io("syncing its parent"))
}

fn open_checked(root: &Path, store: &Path, options: &Options, lock: File) -> Result<Opened, OpenError> {
    let io = |what| move |source| OpenError::Io { folder: root.to_path_buf(), what, source };
    let refuse = |why: String| damaged(root, why);
    let (sidecar, known) = match Sidecar::open(&store.join("sidecar")) {
        Ok(Ok(opened)) => opened,
        Ok(Err(why)) => return Err(refuse(format!("the file store/sidecar: {why}"))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(refuse("the file store/sidecar is missing".into()));
        }
        Err(error) => return Err(io("opening the sidecar")(error)),
    };
    check_format(root, known.format)?;
    let folder = store.join("sled");
    for name in ["db", "conf"] {
        // sled would make a new one, and an empty database with it.
        match fs::metadata(folder.join(name)) {
            Ok(file) if file.len() > 0 => {}
            Ok(_) => return Err(refuse(format!("the file store/sled/{name} is empty"))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(refuse(format!("the file store/sled/{name} is missing")));
            }
            Err(error) => return Err(io("looking at its files")(error)),
        }
    }
    let db = open_sled(root, &folder, options)?;
    let (last, ceiling) = check_content(root, &db, &known)?;
    let data = File::open(folder.join("db")).map_err(io("opening store/sled/db"))?;
    Ok(Opened { db, data, sidecar, lock, last, ceiling })
}

fn check_format(root: &Path, found: u32) -> Result<(), OpenError> {
    if found > FORMAT {
        return Err(OpenError::Newer { folder: root.to_path_buf(), found, known: FORMAT });
    }
    Ok(())
}

/// Compares the database with its sidecar; answers its last commit and its highest reserved number.
fn check_content(root: &Path, db: &sled::Db, known: &Known) -> Result<(u64, u64), OpenError> {
    let get = |key: &[u8]| db.get(key).map_err(|error| damaged(root, error.to_string()));
    let (Some(meta), Some(ceiling)) = (get(META_STORE)?, get(META_CEILING)?) else {
        return Err(damaged(root, format!("the database is empty, and it held commits up to {}", known.synced)));
    };
    let parsed = meta.split_first_chunk::<4>().zip(ceiling.first_chunk::<8>());
    let Some(((format, id), ceiling)) = parsed else {
        return Err(damaged(root, "the database's own description is unreadable".into()));
    };
    check_format(root, u32::from_be_bytes(*format))?;
    if *id != known.id {
        return Err(damaged(root, "the sidecar and the database belong to different stores".into()));
    }
    let last = match db.range::<&[u8], _>(&[layout::FEED][..]..&[layout::FEED + 1][..]).next_back() {
        None => 0,
        Some(found) => {
            let (key, _) = found.map_err(|error| damaged(root, error.to_string()))?;
            layout::read_feed_key(&key).map_err(|fault| damaged(root, fault.to_string()))?
        }
    };
    let ceiling = u64::from_be_bytes(*ceiling);
    if last < known.synced {
        let why = format!("the database ends at commit {last}, and commits up to {} were acknowledged", known.synced);
        return Err(damaged(root, why));
    }
    if last > ceiling || ceiling > u64::MAX - 2 * BLOCK {
        return Err(damaged(root, format!("commit {last} is beyond the highest number {ceiling} handed out")));
    }
    Ok((last, ceiling))
}

fn damaged(root: &Path, why: String) -> OpenError {
    OpenError::Damaged { folder: root.to_path_buf(), why }
}

fn open_sled(root: &Path, folder: &Path, options: &Options) -> Result<sled::Db, OpenError> {
    let config = || {
        sled::Config::new()
            .path(folder)
            .segment_size(SEGMENT)
            .cache_capacity(options.cache_bytes)
            // Must stay on: the thread behind it is the only one that reclaims space.
            .flush_every_ms(Some(options.flush_every_ms.max(1)))
    };
    for _ in 0..200 {
        match quietly(|| config().open()) {
            Ok(Ok(db)) => return Ok(db),
            // We hold our own lock, so sled's is held by threads of a store that this process has just closed.
            Ok(Err(sled::Error::Io(error))) if error.to_string().contains("could not acquire lock") => {
                std::thread::sleep(Duration::from_millis(10));
            }
            Ok(Err(sled::Error::Io(source))) if source.kind() != io::ErrorKind::UnexpectedEof => {
                return Err(OpenError::Io { folder: root.to_path_buf(), what: "opening the database", source });
            }
            Ok(Err(error)) => return Err(damaged(root, format!("the database does not open: {error}"))),
            Err(text) => return Err(damaged(root, format!("the database does not open: {text}"))),
        }
    }
    Err(OpenError::Locked { folder: root.to_path_buf(), holder: "threads of an earlier store in this one".into() })
}

thread_local! {
    /// Where a panic of this thread leaves its text instead of printing it.
    static CAUGHT: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs this and answers a panic as its text. sled panics on damage while it opens; for an operator, that is a message
/// and not a crash. The process's panic hook is kept for all other threads and times.
pub(super) fn quietly<T>(f: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let kept = CAUGHT.with_borrow_mut(|caught| {
                caught.as_mut().map(|text| *text = info.to_string().replace('\n', " ")).is_some()
            });
            if !kept {
                usual(info);
            }
        }));
    });
    let outer = CAUGHT.replace(Some(String::new()));
    let answer = panic::catch_unwind(AssertUnwindSafe(f));
    let text = CAUGHT.replace(outer).unwrap_or_default();
    answer.map_err(|_| text)
}

fn random_id() -> io::Result<StoreId> {
    let mut id = StoreId::default();
    File::open("/dev/urandom")?.read_exact(&mut id)?;
    Ok(id)
}
