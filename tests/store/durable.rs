//! What is answered is on disk, also where the answer is that nothing had to be done.

use std::fs::File;
use std::io;
use std::sync::{Arc, Condvar, Mutex};

use coaching::store::Db;
use coaching::store::sled::{Options, SledEngine, SyncFile};

use crate::support::{Card, key, open_sled, options, save, write};

/// A disk whose syncs wait for a gate to open.
#[derive(Debug, Default)]
struct Gate {
    closed: Mutex<bool>,
    moved: Condvar,
}

impl Gate {
    fn set(&self, closed: bool) {
        *self.closed.lock().unwrap() = closed;
        self.moved.notify_all();
    }
}

impl SyncFile for Gate {
    fn sync(&self, file: &File) -> io::Result<()> {
        let mut closed = self.closed.lock().unwrap();
        while *closed {
            closed = self.moved.wait(closed).unwrap();
        }
        file.sync_data()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_something_is_done_already_waits_until_that_is_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    let gate = Arc::new(Gate::default());
    let db = Db::new(Arc::new(SledEngine::open(&Options { sync: gate.clone(), ..options(folder.path()) }).unwrap()));
    save(&db, &[Card::new("first", 1)]).await.unwrap();

    gate.set(true);
    let saving = tokio::spawn({
        let db = db.clone();
        async move { save(&db, &[Card::new("second", 2)]).await }
    });
    // It is visible, and not yet durable: the writer stands at the gate.
    while db.get::<Card>(&key("second")).await.unwrap().is_none() {
        tokio::task::yield_now().await;
    }
    let repeat = write(&db, |txn| async move { Ok(txn.get::<Card>(&key("second")).await?.is_some()) });
    tokio::pin!(repeat);
    for _ in 0..1_000 {
        tokio::select! {
            biased;
            done = &mut repeat => panic!("answered {done:?} while the write that it speaks of is not on disk"),
            () = tokio::task::yield_now() => {}
        }
    }
    assert!(!saving.is_finished());
    gate.set(false);
    assert!(repeat.await.unwrap());
    saving.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_folder_whose_store_is_gone_does_not_begin_again_with_an_empty_one() {
    let folder = tempfile::tempdir().unwrap();
    let db = open_sled(folder.path());
    save(&db, &[Card::new("first", 1)]).await.unwrap();
    db.close().await.unwrap();
    drop(db);
    std::fs::rename(folder.path().join("store"), folder.path().join("elsewhere")).unwrap();
    let refused = SledEngine::open(&options(folder.path())).expect_err("it is refused").to_string();
    assert!(refused.contains("store.made") && refused.contains("put back the last copy"), "{refused}");
    std::fs::rename(folder.path().join("elsewhere"), folder.path().join("store")).unwrap();
    assert!(open_sled(folder.path()).get::<Card>(&key("first")).await.unwrap().is_some());
}
