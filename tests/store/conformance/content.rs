//! Sizes, limits, entries, the full check.

use bytes::Bytes;
use coaching::store::{
    Commit, Delete, Entry, Fault, IndexRange, IndexTag, Key, Limits, NewEvent, Op, Origin, Put, Record, ScanRange,
    tags, tuple,
};
use tokio::task::JoinSet;

use super::{only_if, put};
use crate::support::*;

pub async fn an_empty_id_and_an_empty_body_are_as_good_as_any(place: Place) {
    let db = place.open();
    let wrote = write(&db, |txn| async move { txn.save(&Mark(vec![])).await });
    wrote.await.unwrap();
    let db = place.reopen(db).await;
    assert_eq!(db.get::<Mark>(&Mark(vec![]).key()).await.unwrap(), Some(Mark(vec![])));
    let (found, version) = db.get_versioned::<Mark>(&Mark(vec![]).key()).await.unwrap().unwrap();
    assert!(found.0.is_empty() && version > 0);
    assert_clean(&db).await;
}

pub async fn a_record_of_one_mebibyte_reads_back_and_shrinks_without_leavings(place: Place) {
    let db = place.open();
    let overhead = prost::Message::encoded_len(&Card::new("big", 1).filled(1 << 20)) - (1 << 20);
    for (round, len) in [(1 << 20) - overhead, 100, 40_000, 16_384, 16_300, 0].into_iter().enumerate() {
        let card = Card::new("big", round as i64 + 1).filled(len);
        save(&db, std::slice::from_ref(&card)).await.unwrap();
        assert!(db.get::<Card>(&key("big")).await.unwrap() == Some(card), "{len} bytes");
        assert_clean(&db).await;
    }
    save(&db, &[Card::new("big", 9).filled(900_000)]).await.unwrap();
    let db = place.reopen(db).await;
    assert!(db.get::<Card>(&key("big")).await.unwrap() == Some(Card::new("big", 9).filled(900_000)));
    delete(&db, "big").await.unwrap();
    assert_clean(&db).await;
    assert_eq!(db.scan(&ScanRange::default(), 10).await.unwrap().len(), 0);
    assert_eq!(db.history(&key("big"), 0, 100).await.unwrap().len(), 8);
}

pub async fn a_commit_at_every_limit_is_taken(place: Place) {
    let db = place.open();
    let Limits { records, commit_bytes, record_bytes, key_bytes, .. } = db.engine().limits();
    let each = commit_bytes / records * 17 / 20;
    let many: Vec<Card> = (0..records).map(|n| Card::new(&format!("{n:04}"), n as i64).filled(each)).collect();
    save(&db, &many).await.unwrap();
    let bytes: usize = many.iter().map(|card| Record::encode(card).len()).sum();
    assert!(bytes > commit_bytes * 8 / 10, "{bytes} is not near the limit");
    save(&db, &many).await.unwrap();
    let large: Vec<Card> = (0..3).map(|n| Card::new(&format!("large-{n}"), n).filled(record_bytes - 100)).collect();
    save(&db, &large).await.unwrap();
    // First byte, tenant with its end, table, id with its end.
    let longest = "k".repeat(key_bytes - 1 - (4 + 2) - 2 - 2);
    let wrote = write(&db, |txn| {
        let mark = Mark(longest.clone().into_bytes());
        async move { txn.save(&mark).await }
    });
    wrote.await.unwrap();
    let db = place.reopen(db).await;
    let keys: Vec<Key> = many.iter().chain(&large).map(Record::key).collect();
    let found = db.get_many::<Card>(&keys).await.unwrap();
    assert!(found.into_iter().flatten().eq(many.into_iter().chain(large)));
    assert_clean(&db).await;
}

pub async fn what_is_beyond_a_limit_is_refused_whole(place: Place) {
    let db = place.open();
    let Limits { records, record_bytes, key_bytes, .. } = db.engine().limits();
    let many: Vec<Card> = (0..=records).map(|n| Card::new(&format!("{n}"), 1)).collect();
    let heavy: Vec<Card> = (0..5).map(|n| Card::new(&format!("{n}"), n).filled(record_bytes - 100)).collect();
    let refused = [
        save(&db, &many).await,
        save(&db, &heavy).await,
        save(&db, &[Card::new("small", 1), Card::new("big", 1).filled(record_bytes + 1)]).await,
        save(&db, &[Card::new(&"k".repeat(key_bytes), 1)]).await,
        save(&db, &[Card::new("a", 1).owned_by(&"o".repeat(key_bytes))]).await,
    ];
    let wordy = Origin { request_id: "r".repeat(100_000), ..origin("Wordy") };
    let wordy = db.write(&wordy, |txn| async move { txn.save(&Card::new("a", 1)).await }).await;
    for (case, answer) in refused.iter().chain([&wordy]).enumerate() {
        assert!(matches!(answer, Err(Fault::Limit(_))), "case {case}: {answer:?}");
    }
    assert_eq!(db.scan(&ScanRange::default(), 10).await.unwrap().len(), 0);
    assert_eq!(db.changes(0, 10).await.unwrap(), []);
    save(&db, &many[..records]).await.unwrap();
}

pub async fn an_update_moves_its_entries_and_rewrites_no_equal_one(place: Place) {
    let db = place.open();
    save(&db, &[Card::new("a", 2)]).await.unwrap();
    for (number, owner) in [(3, "ann"), (3, "bob"), (4, "bob"), (4, "bob"), (2, "ann")] {
        save(&db, &[Card::new("a", number).owned_by(owner)]).await.unwrap();
        let one = |index| IndexRange::all("acme", index);
        let by_number = db.scan_index(&one(BY_NUMBER), 9, false).await.unwrap().hits;
        let got: Vec<_> = by_number.iter().map(|hit| (hit.terms(), hit.projection.clone())).collect();
        assert_eq!(got, [(tuple(|k| k.i64_desc(number)), Bytes::from(owner))]);
        let by_owner = db.scan_index(&one(BY_OWNER), 9, false).await.unwrap().hits;
        let got: Vec<_> = by_owner.iter().map(|hit| hit.terms()).collect();
        assert_eq!(got, [tuple(|k| k.str(owner).i64(number))]);
        let even = db.scan_index(&one(EVEN), 9, false).await.unwrap().hits;
        assert_eq!(even.len(), usize::from(number % 2 == 0));
        assert_clean(&db).await;
    }
}

pub async fn a_delete_takes_its_entries_with_it(place: Place) {
    let db = place.open();
    save(&db, &[Card::new("a", 2), Card::new("b", 2).filled(50_000)]).await.unwrap();
    assert!(delete(&db, "b").await.unwrap());
    for index in [BY_NUMBER, BY_OWNER, EVEN] {
        let hits = db.scan_index(&IndexRange::all("acme", index), 9, true).await.unwrap().hits;
        assert_eq!(hits.iter().map(|hit| &hit.key).collect::<Vec<_>>(), [&key("a")]);
    }
    save(&db, &[Card::new("b", 5)]).await.unwrap();
    assert_eq!(ops(&db, &key("b")).await, [Op::Create, Op::Delete, Op::Create]);
    assert_clean(&db).await;
}

pub async fn the_full_check_finds_missing_stale_and_dangling_entries(place: Place) {
    let entry = |index, terms, projection: &'static str| Entry { index, terms, projection: projection.into() };
    let number = || tuple(|k| k.i64_desc(2));
    let card = Card::new("a", 2);
    let engine_put = |add, remove| Put { key: card.key(), body: Record::encode(&card).into(), add, remove };
    let wrongs: [(Vec<Entry>, Vec<(IndexTag, Bytes)>, &str); 4] = [
        (vec![], vec![(BY_NUMBER, number())], "missing"),
        (vec![entry(BY_NUMBER, number(), "eve")], vec![], "stale"),
        (vec![entry(BY_NUMBER, tuple(|k| k.i64_desc(3)), "ann")], vec![], "no such entry"),
        (vec![entry(IndexTag(999), number(), "ann")], vec![], "no such entry"),
    ];
    let db = place.open();
    for (add, remove, word) in wrongs {
        save(&db, std::slice::from_ref(&card)).await.unwrap();
        assert_clean(&db).await;
        let undo: Vec<_> = add.iter().map(|entry| (entry.index, entry.terms.clone())).collect();
        db.engine().commit(only_if(vec![], vec![engine_put(add, remove)])).await.unwrap();
        let report = check(&db).await;
        assert!(report.problem_count == 1 && report.problems[0].contains(word), "{word}: {report:#?}");
        let right = vec![entry(BY_NUMBER, number(), "ann")];
        let fix = Commit { puts: vec![engine_put(vec![], undo)], ..Commit::default() };
        db.engine().commit(fix).await.unwrap();
        db.engine().commit(only_if(vec![], vec![engine_put(right, vec![])])).await.unwrap();
    }
    assert_clean(&db).await;
    // A record that goes without its entries leaves them dangling; one of an unknown table is told as such.
    let gone = Commit { deletes: vec![Delete { key: card.key(), remove: vec![] }], ..Commit::default() };
    db.engine().commit(gone).await.unwrap();
    db.engine().commit(only_if(vec![], vec![put(&Key::new("acme", tags::JOB, "j"), b"?")])).await.unwrap();
    db.engine().commit(only_if(vec![], vec![put(&key("liar"), &Record::encode(&Card::new("b", 1)))])).await.unwrap();
    let report = check(&db).await;
    let count = |word: &str| report.problems.iter().filter(|problem| problem.contains(word)).count();
    assert_eq!((count("dangles"), count("no type has table 15"), count("its key is")), (3, 1, 1), "{report:#?}");
    assert_eq!((report.problem_count, count("its records come to nothing")), (6, 1));
    let event = NewEvent { key: key("a"), op: Op::Delete, before: None };
    let alone = Commit { history: vec![event], ..Commit::default() };
    assert!(db.engine().commit(alone).await.unwrap().number > 0);
}

pub async fn everything_is_there_after_reopening(place: Place) {
    let db = place.open();
    let mut tasks = JoinSet::new();
    for task in 0..16 {
        let db = db.clone();
        tasks.spawn(async move {
            for n in 0..20 {
                save(&db, &[Card::new(&format!("{task}-{n}"), n).filled(n as usize * 1_000)]).await.unwrap();
            }
        });
    }
    tasks.join_all().await;
    let db = place.reopen(db).await;
    for task in 0..16 {
        for n in 0..20 {
            let card = Card::new(&format!("{task}-{n}"), n).filled(n as usize * 1_000);
            assert!(db.get::<Card>(&card.key()).await.unwrap() == Some(card), "{task}-{n}");
        }
    }
    assert_clean(&db).await;
}
