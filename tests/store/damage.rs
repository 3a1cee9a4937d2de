//! Broken files, wrong files, a failing disk: a store that cannot be trusted does not open, and says what to do.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use coaching::store::sled::{OpenError, Options, SledEngine, SyncFile};
use coaching::store::{Db, Fault, IndexRange, Record, ScanRange};
use tempfile::TempDir;

use crate::support::*;

const CARDS: i64 = 600;

fn card(n: i64) -> Card {
    Card::new(&format!("{n:04}"), n).filled(if n % 50 == 0 { 40_000 } else { 3_000 })
}

/// A closed store with some segments of content.
async fn store() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let db = open_sled(folder.path());
    let all: Vec<Card> = (0..CARDS).map(card).collect();
    for part in all.chunks(20) {
        save(&db, part).await.unwrap();
    }
    db.close().await.unwrap();
    folder
}

fn open(folder: &Path) -> Result<Db, OpenError> {
    SledEngine::open(&options(folder)).map(|engine| Db::new(Arc::new(engine)))
}

/// Fails unless the store refuses as damaged, naming its folder, the remedy and this word.
fn assert_refused(folder: &Path, word: &str) {
    let Err(error) = open(folder) else { panic!("a damaged store opened: {word}") };
    assert!(matches!(error, OpenError::Damaged { .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.contains(&folder.display().to_string()), "{text}");
    assert!(text.contains("restore the last backup") && text.contains(word), "{text}");
    assert!(matches!(Fault::from(error), Fault::Corrupt(told) if told == text));
}

fn file(folder: &Path, name: &str) -> PathBuf {
    folder.join("store").join(name)
}

#[tokio::test]
async fn a_second_opening_is_told_who_has_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let db = open_sled(folder.path());
    let Err(error) = open(folder.path()) else { panic!("two have it open") };
    let text = error.to_string();
    assert!(matches!(error, OpenError::Locked { .. }), "{text}");
    assert!(text.contains(&folder.path().display().to_string()), "{text}");
    assert!(text.contains(&format!("process {}", std::process::id())), "{text}");
    save(&db, &[card(1)]).await.unwrap();
    db.close().await.unwrap();
    drop(db);
    assert_eq!(open(folder.path()).unwrap().get(&card(1).key()).await.unwrap(), Some(card(1)));
}

#[tokio::test]
async fn an_absent_store_is_created_only_where_that_is_allowed() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("not/mounted");
    let refusing = Options { create: false, ..options(&folder) };
    let error = SledEngine::open(&refusing).unwrap_err();
    assert!(matches!(error, OpenError::Absent { .. }) && error.to_string().contains("mounted"), "{error}");
    assert!(!folder.exists(), "a refusal leaves nothing behind");
    drop(SledEngine::open(&options(&folder)).unwrap());
    drop(SledEngine::open(&refusing).unwrap());
}

#[tokio::test]
async fn a_creation_that_did_not_finish_is_begun_again() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("store.new/sled/blobs")).unwrap();
    fs::write(folder.path().join("store.new/sled/db"), b"half").unwrap();
    let db = open(folder.path()).unwrap();
    save(&db, &[card(1)]).await.unwrap();
    assert_clean(&db).await;
    assert!(!folder.path().join("store.new").exists());
}

#[tokio::test]
async fn a_missing_or_altered_sidecar_is_refused() {
    let whole = store().await;
    let sidecar = fs::read(file(whole.path(), "sidecar")).unwrap();
    let altered = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = sidecar.clone();
        change(&mut bytes);
        fs::write(file(whole.path(), "sidecar"), bytes).unwrap();
    };
    fs::remove_file(file(whole.path(), "sidecar")).unwrap();
    assert_refused(whole.path(), "sidecar is missing");
    altered(&|bytes| bytes.truncate(600));
    assert_refused(whole.path(), "cut off");
    altered(&|bytes| bytes.clear());
    assert_refused(whole.path(), "cut off");
    altered(&|bytes| bytes[0] ^= 1);
    assert_refused(whole.path(), "does not begin");
    altered(&|bytes| bytes[25] ^= 1);
    assert_refused(whole.path(), "checksum");
    altered(&|bytes| bytes[512..].fill(0x55));
    assert_refused(whole.path(), "both its slots");
    altered(&|_| {});
    assert_clean(&open(whole.path()).unwrap()).await;
}

#[tokio::test]
async fn the_sidecar_of_another_store_is_refused() {
    let (one, other) = (store().await, store().await);
    fs::copy(file(other.path(), "sidecar"), file(one.path(), "sidecar")).unwrap();
    assert_refused(one.path(), "different stores");
}

#[tokio::test]
async fn an_emptied_or_missing_database_is_refused() {
    let whole = store().await;
    let cases: [(&str, fn(&Path)); 5] = [
        ("db is missing", |sled| {
            fs::remove_dir_all(sled).unwrap();
            fs::create_dir(sled).unwrap();
        }),
        ("db is missing", |sled| fs::remove_dir_all(sled).unwrap()),
        ("db is missing", |sled| fs::remove_file(sled.join("db")).unwrap()),
        ("db is empty", |sled| fs::write(sled.join("db"), b"").unwrap()),
        ("conf is missing", |sled| fs::remove_file(sled.join("conf")).unwrap()),
    ];
    for (word, damage) in cases {
        let broken = tempfile::tempdir().unwrap();
        copy_folder(whole.path(), broken.path());
        damage(&file(broken.path(), "sled"));
        assert_refused(broken.path(), word);
        assert_refused(broken.path(), word);
    }
    // A database that is fine in itself, and new.
    let fresh = tempfile::tempdir().unwrap();
    drop(open(fresh.path()).unwrap());
    fs::remove_dir_all(file(whole.path(), "sled")).unwrap();
    copy_folder(&file(fresh.path(), "sled"), &file(whole.path(), "sled"));
    assert_refused(whole.path(), "different stores");
}

#[tokio::test]
async fn an_older_copy_of_the_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let db = open_sled(folder.path());
    save(&db, &[card(1)]).await.unwrap();
    db.close().await.unwrap();
    drop(db);
    let older = tempfile::tempdir().unwrap();
    copy_folder(folder.path(), older.path());
    let db = open_sled(folder.path());
    save(&db, &[card(2)]).await.unwrap();
    db.close().await.unwrap();
    drop(db);
    fs::remove_dir_all(file(folder.path(), "sled")).unwrap();
    copy_folder(&file(older.path(), "sled"), &file(folder.path(), "sled"));
    assert_refused(folder.path(), "were acknowledged");
}

#[tokio::test]
async fn a_newer_format_is_refused_with_the_way_back() {
    let whole = store().await;
    let path = file(whole.path(), "sidecar");
    let mut bytes = fs::read(&path).unwrap();
    bytes[16..20].copy_from_slice(&99u32.to_be_bytes());
    let crc = crc32fast::hash(&bytes[..36]);
    bytes[36..40].copy_from_slice(&crc.to_be_bytes());
    fs::write(&path, bytes).unwrap();
    let Err(error) = open(whole.path()) else { panic!("a newer format opened") };
    assert!(matches!(error, OpenError::Newer { found: 99, .. }), "{error:?}");
    assert!(error.to_string().contains("start the newer program"), "{error}");
}

/// Opens a store that may be damaged and reads all of it. Each card is right, or says that it is damaged; none is
/// silently absent or wrong. Answers how many were damaged, or none if it did not open.
async fn right_or_told(folder: &Path, what: &str) -> Option<usize> {
    let db = match open(folder) {
        Ok(db) => db,
        Err(error) => {
            assert!(error.to_string().contains("restore the last backup"), "{what}: {error}");
            return None;
        }
    };
    let mut damaged = 0;
    for n in 0..CARDS {
        match db.get::<Card>(&card(n).key()).await {
            Ok(Some(found)) => assert!(found == card(n), "{what}: card {n} is wrong"),
            Ok(None) => panic!("{what}: card {n} is silently gone"),
            Err(Fault::Corrupt(text)) => {
                assert!(text.contains("restore"), "{text}");
                damaged += 1;
            }
            Err(fault) => panic!("{what}: {fault}"),
        }
    }
    if damaged > 0 {
        assert!(!check(&db).await.is_clean(), "{what}: the full check saw nothing");
        let range = ScanRange::default();
        if let Ok(found) = db.scan(&range, 10_000).await {
            assert_eq!(found.len() as i64, CARDS, "{what}: a scan lost some");
        }
    }
    Some(damaged)
}

fn snapshots(folder: &Path) -> Vec<PathBuf> {
    let all = fs::read_dir(file(folder, "sled")).unwrap().map(|entry| entry.unwrap().path());
    all.filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("snap"))).collect()
}

/// `STORE_DAMAGES` sets the number of rounds of each kind.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damaged_files_give_right_data_or_a_complaint_and_never_a_half_store() {
    let whole = store().await;
    // Opened once more, sled has a snapshot of it all, and a damaged page is met when it is read; without, at opening.
    drop(open(whole.path()).unwrap());
    let mut random = Random(std::process::id().into());
    let mut tally: Vec<(&str, usize, usize, usize)> = vec![];
    for kind in ["flip", "flip 16", "zero 4 KiB", "flip, no snapshot", "cut", "cut, no snapshot", "flip snapshot"] {
        let (mut refused, mut told, mut unseen) = (0, 0, 0);
        for round in 0..rounds("STORE_DAMAGES", 8) {
            let broken = tempfile::tempdir().unwrap();
            copy_folder(whole.path(), broken.path());
            let mut path = file(broken.path(), "sled/db");
            if kind.ends_with("no snapshot") {
                snapshots(broken.path()).iter().for_each(|path| fs::remove_file(path).unwrap());
            } else if kind == "flip snapshot" {
                path = snapshots(broken.path()).pop().expect("a closed store has a snapshot");
            }
            let target = OpenOptions::new().read(true).write(true).open(&path).unwrap();
            let len = target.metadata().unwrap().len();
            if kind.starts_with("cut") {
                target.set_len(random.below(len)).unwrap();
            } else if kind.starts_with("zero") {
                target.write_all_at(&[0; 4096], random.below(len - 4096)).unwrap();
            } else {
                for _ in 0..if kind == "flip 16" { 16 } else { 1 } {
                    let (at, mut byte) = (random.below(len), [0]);
                    target.read_exact_at(&mut byte, at).unwrap();
                    byte[0] ^= 1 << random.below(8);
                    target.write_all_at(&byte, at).unwrap();
                }
            }
            match right_or_told(broken.path(), &format!("{kind}, round {round}")).await {
                None => refused += 1,
                Some(0) => unseen += 1,
                Some(_) => told += 1,
            }
        }
        tally.push((kind, refused, told, unseen));
    }
    println!("(kind, refused, told per record, in a place that is not read) {tally:?}");
    assert!(tally.iter().any(|(_, refused, ..)| *refused > 0));
}

/// Changes one stored value of a closed store, under sled's own checksums, so that only ours can notice.
fn alter(folder: &Path, matches: impl Fn(&[u8], &[u8]) -> bool, change: impl Fn(&mut Vec<u8>) -> bool) {
    let config = || sled::Config::new().path(file(folder, "sled")).segment_size(2 << 20);
    // sled's threads of the store just closed may hold its lock for a moment.
    let db = (0..1_000)
        .find_map(|_| config().open().ok().or_else(|| (std::thread::yield_now(), None).1))
        .expect("the lock is free");
    let (key, value) = db.iter().map(Result::unwrap).find(|(key, value)| matches(key, value)).expect("there is one");
    let mut bytes = value.to_vec();
    if change(&mut bytes) {
        db.insert(key, bytes).unwrap();
    } else {
        db.remove(key).unwrap();
    }
    db.flush().unwrap();
}

#[tokio::test]
async fn a_damaged_record_answers_for_itself_alone() {
    let large = |_: &[u8], value: &[u8]| value.len() > 10_000;
    let kinds: [(&str, fn(&mut Vec<u8>) -> bool); 3] = [
        ("checksum", |bytes| {
            *bytes.last_mut().unwrap() ^= 1;
            true
        }),
        ("is missing", |_| false),
        ("bytes and should have", |bytes| bytes.pop().is_some()),
    ];
    for (word, change) in kinds {
        let folder = tempfile::tempdir().unwrap();
        let db = open_sled(folder.path());
        let cards: Vec<Card> = (1..=5).map(|n| card(n).filled(if n == 3 { 60_000 } else { 100 })).collect();
        save(&db, &cards).await.unwrap();
        db.close().await.unwrap();
        drop(db);
        // Parts of card 3: the last one that is as long as a part can be.
        alter(folder.path(), |key, value| key[0] == 1 && key.ends_with(&[0, 2]) && large(key, value), change);
        let db = open_sled(folder.path());
        let Err(Fault::Corrupt(text)) = db.get::<Card>(&cards[2].key()).await else { panic!("{word}: not noticed") };
        assert!(text.contains("0003") && text.contains(word) && text.contains("restore"), "{text}");
        for card in cards.iter().filter(|card| card.number != 3) {
            assert_eq!(db.get::<Card>(&card.key()).await.unwrap().as_ref(), Some(card));
        }
        let damaged = |results: Vec<bool>| results.iter().filter(|ok| !**ok).count() == 1 && results.len() == 5;
        let scanned = db.scan(&ScanRange::default(), 100).await.unwrap();
        assert!(damaged(scanned.iter().map(|(_, rec)| rec.is_ok()).collect()), "{word}");
        let listed = db.scan_index(&IndexRange::all("acme", BY_NUMBER), 100, true).await.unwrap();
        assert!(damaged(listed.hits.iter().map(|hit| hit.record.is_ok()).collect()), "{word}");
        assert!(
            matches!(save(&db, &cards[2..3]).await, Err(Fault::Corrupt(_))),
            "{word}: what was there is not hidden"
        );
        save(&db, &cards[..2]).await.unwrap();
        db.health().unwrap();
        let report = check(&db).await;
        assert!(report.problems.iter().any(|problem| problem.contains("0003")), "{word}: {report:#?}");
    }
}

#[tokio::test]
async fn the_full_check_finds_parts_that_belong_to_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let db = open_sled(folder.path());
    save(&db, &[card(1).filled(60_000), card(2)]).await.unwrap();
    delete(&db, "0001").await.unwrap();
    save(&db, &[card(1).filled(60_000), card(2)]).await.unwrap();
    assert_clean(&db).await;
    db.close().await.unwrap();
    drop(db);
    // The head of a record goes, then the head of an event: their parts stay.
    for kind in [1, 4] {
        alter(folder.path(), |key, value| key[0] == kind && value[17..19] == [0, 3], |_| false);
    }
    let report = check(&open_sled(folder.path())).await;
    let stray = report.problems.iter().filter(|problem| problem.contains("belongs to nothing")).count();
    assert_eq!(stray, 6, "{report:#?}");
}

#[tokio::test]
async fn a_nearly_full_disk_refuses_writes_and_reads_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let db = open_sled(folder.path());
    save(&db, &[card(1)]).await.unwrap();
    db.close().await.unwrap();
    drop(db);
    let full = Options { min_free_bytes: u64::MAX, ..options(folder.path()) };
    let db = Db::new(Arc::new(SledEngine::open(&full).unwrap()));
    assert!(matches!(save(&db, &[card(2)]).await, Err(Fault::Full)));
    assert!(matches!(delete(&db, "0001").await, Err(Fault::Full)));
    assert_eq!(db.get(&card(1).key()).await.unwrap(), Some(card(1)));
    db.health().unwrap();
    assert_eq!(db.stats().syncs, 0, "nothing was written on the full disk");
    assert_clean(&db).await;
    db.close().await.unwrap();
    drop(db);
    let db = open_sled(folder.path());
    save(&db, &[card(2)]).await.unwrap();
    assert_eq!(db.get(&card(2).key()).await.unwrap(), Some(card(2)));
}

/// Fails every sync once it is told to, and says how often it was asked after that.
#[derive(Debug, Default)]
struct FailingDisk {
    broken: AtomicBool,
    asked: AtomicU64,
}

impl SyncFile for FailingDisk {
    fn sync(&self, file: &File) -> io::Result<()> {
        if self.broken.load(Ordering::SeqCst) {
            self.asked.fetch_add(1, Ordering::SeqCst);
            return Err(io::Error::from_raw_os_error(5));
        }
        file.sync_data()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn after_a_failed_sync_nothing_is_acknowledged_and_reads_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Arc::new(FailingDisk::default());
    let failing = Options { sync: disk.clone(), ..options(folder.path()) };
    let db = Db::new(Arc::new(SledEngine::open(&failing).unwrap()));
    save(&db, &[card(1)]).await.unwrap();
    let durable = db.stats().durable;
    // What a power cut at this moment would leave.
    let image = tempfile::tempdir().unwrap();
    copy_folder(folder.path(), image.path());
    disk.broken.store(true, Ordering::SeqCst);
    let mut tasks = tokio::task::JoinSet::new();
    for n in 2..50 {
        let db = db.clone();
        tasks.spawn(async move { save(&db, &[card(n)]).await });
    }
    for answer in tasks.join_all().await {
        assert!(matches!(&answer, Err(Fault::Fatal(text)) if text.contains("restart")), "{answer:?}");
    }
    disk.broken.store(false, Ordering::SeqCst);
    assert!(matches!(save(&db, &[card(1)]).await, Err(Fault::Fatal(_))), "the disk came back, and trust did not");
    assert_eq!(disk.asked.load(Ordering::SeqCst), 1, "a failed sync is never tried again");
    let Err(Fault::Fatal(text)) = db.health() else { panic!("health says nothing") };
    assert!(text.contains(&folder.path().display().to_string()), "{text}");
    assert_eq!(db.get(&card(1).key()).await.unwrap(), Some(card(1)));
    assert!(db.changes(0, 100).await.unwrap().iter().all(|change| change.commit <= durable));
    assert!(matches!(db.close().await, Err(Fault::Fatal(_))));
    drop(db);
    // The sidecar must not claim what never became durable: with the database as it was before, it is no lie.
    fs::copy(file(folder.path(), "sidecar"), file(image.path(), "sidecar")).unwrap();
    assert_clean(&open_sled(image.path())).await;
    let db = open_sled(folder.path());
    assert_eq!(db.get(&card(1).key()).await.unwrap(), Some(card(1)));
    assert_clean(&db).await;
}

/// Takes its time, as a busy network volume does.
#[derive(Debug)]
struct SlowDisk;

impl SyncFile for SlowDisk {
    fn sync(&self, file: &File) -> io::Result<()> {
        std::thread::sleep(std::time::Duration::from_millis(15));
        file.sync_data()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn all_who_contend_for_one_record_get_through_on_a_slow_disk() {
    let folder = tempfile::tempdir().unwrap();
    let slow = Options { sync: Arc::new(SlowDisk), ..options(folder.path()) };
    let db = Db::new(Arc::new(SledEngine::open(&slow).unwrap()));
    save(&db, &[card(0)]).await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..24 {
        let db = db.clone();
        tasks.spawn(async move {
            for _ in 0..3 {
                let increment = write(&db, |txn| async move {
                    let mut hot: Card = txn.get(&card(0).key()).await?.unwrap();
                    hot.number += 1;
                    txn.save(&hot).await
                });
                increment.await.unwrap();
            }
        });
    }
    tasks.join_all().await;
    assert_eq!(db.get::<Card>(&card(0).key()).await.unwrap().unwrap().number, 24 * 3);
    // The first herd meets; after that they queue, and do not try in vain.
    let conflicts = db.stats().conflicts;
    assert!(conflicts < 24 * 3, "{conflicts} tries in vain for {} writes", 24 * 3);
}

#[tokio::test]
async fn a_number_that_a_power_cut_took_back_is_never_issued_again() {
    let folder = tempfile::tempdir().unwrap();
    let db = open_sled(folder.path());
    save(&db, &[card(1)]).await.unwrap();
    let image = tempfile::tempdir().unwrap();
    copy_folder(folder.path(), image.path());
    let version = |db: Db, n| async move { db.get_versioned::<Card>(&card(n).key()).await.unwrap().unwrap().1 };
    save(&db, &[card(2)]).await.unwrap();
    let seen = version(db, 2).await;
    let db = open_sled(image.path());
    assert_eq!(db.get::<Card>(&card(2).key()).await.unwrap(), None);
    save(&db, &[card(3)]).await.unwrap();
    assert!(version(db, 3).await > seen);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn more_commits_than_one_block_of_numbers_go_through_without_a_pause() {
    let folder = tempfile::tempdir().unwrap();
    let db = open_sled(folder.path());
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..64u32 {
        let db = db.clone();
        tasks.spawn(async move {
            for n in 0..200u32 {
                let mark = Mark([task.to_be_bytes(), n.to_be_bytes()].concat());
                write(&db, |txn| {
                    let mark = mark.clone();
                    async move { txn.save(&mark).await }
                })
                .await
                .unwrap();
            }
        });
    }
    tasks.join_all().await;
    let numbers: Vec<u64> = db.changes(0, usize::MAX).await.unwrap().iter().map(|change| change.commit).collect();
    assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]) && numbers.len() == 64 * 200);
    db.close().await.unwrap();
    drop(db);
    let db = open_sled(folder.path());
    save(&db, &[card(1)]).await.unwrap();
    assert!(db.stats().durable > numbers[numbers.len() - 1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_full_queue_refuses_at_once_and_loses_nothing_that_it_took() {
    let folder = tempfile::tempdir().unwrap();
    let small = Options { queue: 2, queue_bytes: 1 << 20, ..options(folder.path()) };
    let db = Db::new(Arc::new(SledEngine::open(&small).unwrap()));
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..64 {
        let db = db.clone();
        tasks.spawn(async move { (n, save(&db, &[card(n)]).await) });
    }
    let mut refused = 0;
    for (n, answer) in tasks.join_all().await {
        let stored = db.get::<Card>(&card(n).key()).await.unwrap().is_some();
        match answer {
            Ok(()) => assert!(stored, "{n} was acknowledged"),
            Err(Fault::Unavailable(_)) => {
                assert!(!stored, "{n} was refused");
                refused += 1;
            }
            Err(fault) => panic!("{n}: {fault}"),
        }
    }
    assert!(refused > 0, "64 writers never filled a queue of two");
    let stats = db.stats();
    assert_eq!((stats.queued, stats.queued_bytes), (0, 0));
    assert_clean(&db).await;
}
