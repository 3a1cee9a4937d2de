//! What every engine promises. No engine skips a case.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use coaching::store::{
    Commit, Db, Delete, Entry, Fault, IndexRange, IndexTag, Key, Limits, NewEvent, Op, Pre, Put, Record, ScanRange,
    Tag, tags, tuple,
};
use tokio::task::JoinSet;

use crate::support::*;

macro_rules! on_every_engine {
    ($($case:ident)*) => {
        mod memory { $(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $case() { super::$case(crate::support::Place::memory()).await })* }
        mod sled { $(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $case() { super::$case(crate::support::Place::sled()).await })* }
    };
}

on_every_engine! {
    no_update_is_lost_when_sixteen_tasks_increment_one_record
    two_writes_that_would_break_each_other_never_both_succeed
    a_write_reads_what_it_wrote_itself
    a_closure_that_fails_writes_nothing
    a_closure_that_wrote_nothing_commits_nothing
    each_precondition_holds_exactly_when_it_says
    a_conflict_names_the_record_and_its_version_and_writes_nothing
    a_link_lets_the_target_change_but_not_vanish
    of_sixteen_creators_of_one_slot_exactly_one_wins
    a_record_is_never_read_half_old_and_half_new
    several_records_of_one_commit_become_visible_together_with_their_entries
    keys_sort_by_bytes_also_with_00_and_ff
    tenants_and_tables_that_begin_alike_do_not_mix
    an_empty_id_and_an_empty_body_are_as_good_as_any
    a_record_of_one_mebibyte_reads_back_and_shrinks_without_leavings
    a_commit_at_every_limit_is_taken
    what_is_beyond_a_limit_is_refused_whole
    an_index_walks_both_ways_within_prefix_and_bounds
    an_index_walk_goes_on_exactly_where_it_stopped
    a_backward_walk_passes_keys_full_of_ff
    an_update_moves_its_entries_and_rewrites_no_equal_one
    a_delete_takes_its_entries_with_it
    a_scan_finds_every_record_once_in_any_portion
    history_keeps_what_each_change_replaced
    the_record_as_of_any_version_can_be_read
    a_type_without_history_is_in_the_feed_alone
    the_feed_names_every_change_in_order_and_never_splits_a_commit
    versions_grow_and_are_never_issued_again_after_reopening
    everything_is_there_after_reopening
    a_closed_store_reads_and_refuses_writes
    the_full_check_finds_missing_stale_and_dangling_entries
}

async fn no_update_is_lost_when_sixteen_tasks_increment_one_record(place: Place) {
    let db = place.open();
    save(&db, &[Card::new("hot", 0)]).await.unwrap();
    let mut tasks = JoinSet::new();
    for _ in 0..16 {
        let db = db.clone();
        tasks.spawn(async move {
            for _ in 0..20 {
                let increment = write(&db, |txn| async move {
                    let mut card: Card = txn.get(&key("hot")).await?.unwrap();
                    card.number += 1;
                    txn.save(&card).await
                });
                increment.await.unwrap();
            }
        });
    }
    tasks.join_all().await;
    assert_eq!(db.get::<Card>(&key("hot")).await.unwrap().unwrap().number, 16 * 20);
    assert_eq!(db.history(&key("hot"), 0, 1_000).await.unwrap().len(), 1 + 16 * 20);
    assert_clean(&db).await;
}

/// Two on-call doctors: each may leave only while the other stays.
async fn two_writes_that_would_break_each_other_never_both_succeed(place: Place) {
    let db = place.open();
    for round in 0..30 {
        let (a, b) = (format!("{round}-a"), format!("{round}-b"));
        save(&db, &[Card::new(&a, 1), Card::new(&b, 1)]).await.unwrap();
        let leave = |mine: String, other: String| {
            let db = db.clone();
            tokio::spawn(async move {
                db.write(&origin("Leave"), |txn| {
                    let (mine, other) = (key(&mine), key(&other));
                    async move {
                        let there: Card = txn.get(&other).await?.unwrap();
                        tokio::task::yield_now().await;
                        let mut me: Card = txn.get(&mine).await?.unwrap();
                        if there.number == 1 {
                            me.number = 0;
                            txn.save(&me).await?;
                        }
                        Ok::<(), Fault>(())
                    }
                })
                .await
                .unwrap();
            })
        };
        let (one, two) = (leave(a.clone(), b.clone()), leave(b.clone(), a.clone()));
        one.await.unwrap();
        two.await.unwrap();
        let left = db.get_many::<Card>(&[key(&a), key(&b)]).await.unwrap();
        let on_call: i64 = left.iter().flatten().map(|card| card.number).sum();
        assert_eq!(on_call, 1, "round {round}");
    }
}

async fn a_write_reads_what_it_wrote_itself(place: Place) {
    let db = place.open();
    save(&db, &[Card::new("old", 1), Card::new("gone", 1)]).await.unwrap();
    let wrote = write(&db, |txn| async move {
        txn.save(&Card::new("new", 7)).await?;
        txn.save(&Card::new("old", 8)).await?;
        assert!(txn.delete::<Card>(&key("gone")).await?);
        assert!(!txn.delete::<Card>(&key("gone")).await?, "it is deleted already");
        let found = txn.get_many::<Card>(&[key("new"), key("old"), key("gone")]).await?;
        let numbers: Vec<_> = found.iter().map(|card| card.as_ref().map(|card| card.number)).collect();
        assert_eq!(numbers, [Some(7), Some(8), None]);
        assert!(txn.exists(&key("new")).await? && !txn.exists(&key("gone")).await?);
        txn.save(&Card::new("brief", 1)).await?;
        txn.delete::<Card>(&key("brief")).await?;
        txn.save(&Card::new("gone", 9)).await
    });
    wrote.await.unwrap();
    assert_eq!(ops(&db, &key("gone")).await, [Op::Create, Op::Update], "deleted and saved again is replaced");
    assert_eq!(ops(&db, &key("brief")).await, [], "created and deleted again is nothing");
    assert_clean(&db).await;
}

async fn a_closure_that_fails_writes_nothing(place: Place) {
    let db = place.open();
    let answer: Result<(), Refused> = db
        .write(&origin("Fail"), |txn| async move {
            txn.save(&Card::new("a", 1)).await?;
            Err(Refused::Rule)
        })
        .await;
    assert!(matches!(answer, Err(Refused::Rule)));
    assert_eq!(db.get::<Card>(&key("a")).await.unwrap(), None);
    assert_eq!(db.changes(0, 10).await.unwrap(), []);
}

/// An error of a caller's own, as the API has one.
#[derive(Debug)]
enum Refused {
    Rule,
    #[allow(dead_code)] // a failed assertion shows it
    Store(Fault),
}

impl From<Fault> for Refused {
    fn from(fault: Fault) -> Self {
        Refused::Store(fault)
    }
}

async fn a_closure_that_wrote_nothing_commits_nothing(place: Place) {
    let db = place.open();
    save(&db, &[Card::new("a", 1)]).await.unwrap();
    let before = db.stats().durable;
    let read: Result<Option<Card>, Fault> =
        db.write(&origin("Read"), |txn| async move { txn.get(&key("a")).await }).await;
    assert_eq!(read.unwrap().unwrap().number, 1);
    assert!(!delete(&db, "absent").await.unwrap());
    assert_eq!(db.stats().durable, before);
}

fn put(key: &Key, body: &[u8]) -> Put {
    Put { key: key.clone(), body: Bytes::copy_from_slice(body), add: vec![], remove: vec![] }
}

fn only_if(pre: Vec<(Key, Pre)>, puts: Vec<Put>) -> Commit {
    Commit { pre, puts, ..Commit::default() }
}

async fn each_precondition_holds_exactly_when_it_says(place: Place) {
    let db = place.open();
    let (there, absent) = (key("there"), key("absent"));
    let first = db.engine().commit(only_if(vec![], vec![put(&there, b"1")])).await.unwrap().number;
    let cases = [
        (&there, Pre::Absent, false),
        (&there, Pre::Exists, true),
        (&there, Pre::Version(first), true),
        (&there, Pre::Version(first + 1), false),
        (&there, Pre::Version(first.wrapping_sub(1)), false),
        (&absent, Pre::Absent, true),
        (&absent, Pre::Exists, false),
        (&absent, Pre::Version(0), false),
        (&absent, Pre::Version(first), false),
    ];
    for (about, pre, holds) in cases {
        let other = key(&format!("{about}{pre:?}"));
        let answer = db.engine().commit(only_if(vec![(about.clone(), pre)], vec![put(&other, b"x")])).await;
        assert_eq!(answer.is_ok(), holds, "{about} {pre:?}");
        let written = db.engine().get_many(&[other]).await.unwrap()[0].is_some();
        assert_eq!(written, holds, "{about} {pre:?}");
    }
    let check_alone = db.engine().commit(only_if(vec![(absent, Pre::Exists)], vec![])).await;
    assert!(matches!(check_alone, Err(Fault::Conflict { current: None, .. })));
}

async fn a_conflict_names_the_record_and_its_version_and_writes_nothing(place: Place) {
    let db = place.open();
    let commit = |pre, body| db.engine().commit(only_if(pre, vec![put(&key("a"), body), put(&key("b"), body)]));
    let version = commit(vec![], b"1").await.unwrap().number;
    let pre = vec![(key("b"), Pre::Version(version)), (key("a"), Pre::Absent)];
    match commit(pre, b"2").await {
        Err(Fault::Conflict { key: at, current }) => assert_eq!((at, current), (key("a"), Some(version))),
        other => panic!("{other:?}"),
    }
    let bodies = db.engine().get_many(&[key("a"), key("b")]).await.unwrap();
    assert!(bodies.iter().flatten().all(|rec| rec.body == "1" && rec.version == version));
    assert_eq!(db.changes(version, 10).await.unwrap(), []);
}

async fn a_link_lets_the_target_change_but_not_vanish(place: Place) {
    let db = place.open();
    for vanish in [false, true] {
        save(&db, &[Card::new("target", 1)]).await.unwrap();
        let runs = Arc::new(AtomicU64::new(0));
        let linked: Result<bool, Fault> = db
            .write(&origin("Link"), |txn| {
                let (db, runs) = (db.clone(), runs.clone());
                async move {
                    let there = txn.exists(&key("target")).await?;
                    if runs.fetch_add(1, Ordering::SeqCst) == 0 {
                        // Somebody else comes between.
                        if vanish {
                            delete(&db, "target").await?;
                        } else {
                            save(&db, &[Card::new("target", 2)]).await?;
                        }
                    }
                    txn.save(&Card::new("link", i64::from(there))).await?;
                    Ok(there)
                }
            })
            .await;
        assert_eq!(linked.unwrap(), !vanish);
        assert_eq!(runs.load(Ordering::SeqCst), if vanish { 2 } else { 1 });
    }
}

async fn of_sixteen_creators_of_one_slot_exactly_one_wins(place: Place) {
    let db = place.open();
    for slot in 0..10 {
        let mut tasks = JoinSet::new();
        for racer in 0..16 {
            let db = db.clone();
            tasks.spawn(async move {
                db.write(&origin("Create"), |txn| async move {
                    let slot = Card::new(&format!("slot-{slot}"), racer);
                    if txn.get::<Card>(&slot.key()).await?.is_some() {
                        return Err(Refused::Rule);
                    }
                    txn.save(&slot).await?;
                    txn.save(&Card::new(&format!("{slot:?} of {racer}"), racer)).await?;
                    Ok(racer)
                })
                .await
            });
        }
        let answers = tasks.join_all().await;
        let won: Vec<i64> = answers.iter().filter_map(|answer| answer.as_ref().ok().copied()).collect();
        assert_eq!(won.len(), 1, "{answers:?}");
        assert!(!answers.iter().any(|answer| matches!(answer, Err(Refused::Store(_)))), "{answers:?}");
        let stored: Card = db.get(&key(&format!("slot-{slot}"))).await.unwrap().unwrap();
        assert_eq!(stored.number, won[0]);
    }
    assert_eq!(db.scan(&ScanRange::default(), 100).await.unwrap().len(), 20, "losers left nothing");
}

/// Each body is one byte repeated, over many chunks, so a mixture shows.
async fn a_record_is_never_read_half_old_and_half_new(place: Place) {
    let db = place.open();
    let body = |n: u64| vec![n as u8; [200_000, 70, 90_000][n as usize % 3]];
    let write = {
        let db = db.clone();
        tokio::spawn(async move {
            for n in 1..=60 {
                db.engine().commit(only_if(vec![], vec![put(&key("big"), &body(n))])).await.unwrap();
            }
        })
    };
    let (mut reads, mut last) = (0, 0);
    while !write.is_finished() || reads == 0 {
        if let Some(rec) = db.engine().get_many(&[key("big")]).await.unwrap().pop().flatten() {
            let n = rec.body[0];
            assert!(rec.body == body(u64::from(n)), "a mixture with {n}");
            assert!(rec.version >= last, "time ran backwards");
            last = rec.version;
            reads += 1;
        }
        tokio::task::yield_now().await;
    }
    write.await.unwrap();
}

async fn several_records_of_one_commit_become_visible_together_with_their_entries(place: Place) {
    let db = place.open();
    let write = {
        let db = db.clone();
        tokio::spawn(async move {
            for n in 1..=100 {
                save(&db, &[Card::new("a", n), Card::new("b", n)]).await.unwrap();
            }
        })
    };
    loop {
        let done = write.is_finished();
        // b is read after a, so it is never older.
        let a = db.get::<Card>(&key("a")).await.unwrap().map_or(0, |card| card.number);
        let b = db.get::<Card>(&key("b")).await.unwrap().map_or(0, |card| card.number);
        assert!(b >= a, "b is at {b} after a was read at {a}");
        if a > 0 {
            let newest = db.scan_index(&IndexRange::all("acme", BY_NUMBER), 1, false).await.unwrap();
            let above = tuple(|k| k.i64_desc(a));
            assert!(newest.hits[0].terms() <= above, "the index is behind the record at {a}");
        }
        if done {
            break;
        }
        tokio::task::yield_now().await;
    }
    write.await.unwrap();
    assert_clean(&db).await;
}

const NASTY: &[&[u8]] = &[
    b"",
    b"\x00",
    b"\x00\x00",
    b"\x00\x01",
    b"\x00\xff",
    b"\x01",
    b"a",
    b"a\x00",
    b"a\x00\x00",
    b"a\x00\x01",
    b"a\x00\xff",
    b"a\x01",
    b"ab",
    b"a\xff",
    b"b",
    b"\xfe",
    b"\xff",
    b"\xff\x00",
    b"\xff\xff",
    b"\xff\xff\xff",
];

async fn keys_sort_by_bytes_also_with_00_and_ff(place: Place) {
    let db = place.open();
    let keys: Vec<Key> = NASTY.iter().map(|id| Key::new("acme", Tag(9), id)).collect();
    let puts = keys.iter().rev().map(|key| Put {
        add: vec![Entry { index: IndexTag(7), terms: tuple(|k| k.bytes(&key.id)), projection: key.id.clone() }],
        ..put(key, &key.id)
    });
    let commit = only_if(vec![], puts.collect());
    db.engine().commit(commit).await.unwrap();
    let found = db.scan(&ScanRange::default(), 100).await.unwrap();
    assert!(found.iter().map(|(key, _)| key).eq(&keys), "{found:?}");
    assert!(found.iter().all(|(key, rec)| rec.as_ref().unwrap().body == key.id));
    let hits = db.scan_index(&IndexRange::all("acme", IndexTag(7)), 100, true).await.unwrap().hits;
    assert!(hits.iter().map(|hit| &hit.key).eq(&keys));
    assert!(
        hits.iter().all(|hit| hit.projection == hit.key.id && hit.record.clone().unwrap().unwrap().body == hit.key.id)
    );
    for id in NASTY {
        let begins: Vec<&Key> = keys.iter().filter(|key| key.id.starts_with(id)).collect();
        let range = IndexRange::all("acme", IndexTag(7)).prefix(|k| k.open_bytes(id));
        let hits = db.scan_index(&range, 100, false).await.unwrap().hits;
        assert!(hits.iter().map(|hit| &hit.key).eq(begins.iter().copied()), "{}", id.escape_ascii());
        let range = ScanRange {
            tenant: Some("acme".into()),
            tag: Some(Tag(9)),
            id_prefix: Bytes::from_static(id),
            after: None,
        };
        let found = db.scan(&range, 100).await.unwrap();
        assert!(found.iter().map(|(key, _)| key).eq(begins), "{}", id.escape_ascii());
    }
}

async fn tenants_and_tables_that_begin_alike_do_not_mix(place: Place) {
    let db = place.open();
    for tenant in NASTY {
        for tag in [0, 1, 0xff, 0x100, 0xffff] {
            db.engine().commit(only_if(vec![], vec![put(&Key::new(tenant, Tag(tag), "id"), tenant)])).await.unwrap();
        }
        save(&db, &[Card::new("same", 4).of(tenant)]).await.unwrap();
    }
    for tenant in NASTY {
        let range = ScanRange { tenant: Some(Bytes::from_static(tenant)), ..ScanRange::default() };
        let found = db.scan(&range, 1_000).await.unwrap();
        assert_eq!(found.len(), 6);
        assert!(found.iter().all(|(key, _)| key.tenant == *tenant));
        let range = ScanRange { tag: Some(Tag(0xff)), ..range };
        assert_eq!(db.scan(&range, 1_000).await.unwrap().len(), 1);
        let hits = db.scan_index(&IndexRange::all(tenant, EVEN), 10, false).await.unwrap().hits;
        assert_eq!(hits.iter().map(|hit| &hit.key.tenant[..]).collect::<Vec<_>>(), [*tenant]);
    }
}

async fn an_empty_id_and_an_empty_body_are_as_good_as_any(place: Place) {
    let db = place.open();
    let wrote = write(&db, |txn| async move { txn.save(&Mark(vec![])).await });
    wrote.await.unwrap();
    let db = place.reopen(db).await;
    assert_eq!(db.get::<Mark>(&Mark(vec![]).key()).await.unwrap(), Some(Mark(vec![])));
    let (found, version) = db.get_versioned::<Mark>(&Mark(vec![]).key()).await.unwrap().unwrap();
    assert!(found.0.is_empty() && version > 0);
    assert_clean(&db).await;
}

async fn a_record_of_one_mebibyte_reads_back_and_shrinks_without_leavings(place: Place) {
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

async fn a_commit_at_every_limit_is_taken(place: Place) {
    let db = place.open();
    let Limits { records, commit_bytes, record_bytes, key_bytes, .. } = db.engine().limits();
    let many: Vec<Card> = (0..records).map(|n| Card::new(&format!("{n:03}"), n as i64).filled(7_000)).collect();
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

async fn what_is_beyond_a_limit_is_refused_whole(place: Place) {
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
    for (case, answer) in refused.iter().enumerate() {
        assert!(matches!(answer, Err(Fault::Limit(_))), "case {case}: {answer:?}");
    }
    assert_eq!(db.scan(&ScanRange::default(), 10).await.unwrap().len(), 0);
    assert_eq!(db.changes(0, 10).await.unwrap(), []);
    save(&db, &many[..records]).await.unwrap();
}

async fn numbers(db: &Db, range: &IndexRange, limit: usize) -> Vec<i64> {
    let hits = db.scan_index(range, limit, true).await.unwrap().hits;
    let cards = hits.into_iter().map(|hit| Card::decode(hit.record.unwrap().unwrap().body).unwrap());
    cards.map(|card| card.number).collect()
}

async fn an_index_walks_both_ways_within_prefix_and_bounds(place: Place) {
    let db = place.open();
    let owners = ["an", "ann", "anna", "bob"];
    let cards: Vec<Card> =
        (0..40).map(|n| Card::new(&format!("{n}"), n - 20).owned_by(owners[n as usize % owners.len()])).collect();
    save(&db, &cards).await.unwrap();
    let of =
        |owner: &str| -> Vec<i64> { cards.iter().filter(|card| card.owner == owner).map(|card| card.number).collect() };
    let back = |list: &[i64]| list.iter().rev().copied().collect::<Vec<_>>();
    let all: Vec<i64> = (-20..20).collect();
    assert_eq!(numbers(&db, &IndexRange::all("acme", BY_NUMBER), 100).await, back(&all));
    assert_eq!(numbers(&db, &IndexRange::all("acme", BY_NUMBER).backward(), 100).await, all);
    assert_eq!(numbers(&db, &IndexRange::all("acme", BY_NUMBER), 3).await, [19, 18, 17]);
    assert_eq!(numbers(&db, &IndexRange::all("acme", BY_NUMBER).backward(), 3).await, [-20, -19, -18]);
    for owner in owners {
        let range = IndexRange::all("acme", BY_OWNER).prefix(|k| k.str(owner));
        assert_eq!(numbers(&db, &range, 100).await, of(owner), "{owner}");
        assert_eq!(numbers(&db, &range.clone().backward(), 100).await, back(&of(owner)), "{owner}");
        let within: Vec<i64> = of(owner).into_iter().filter(|n| (-5..7).contains(n)).collect();
        let range = range.from(|k| k.i64(-5)).until(|k| k.i64(7));
        assert_eq!(numbers(&db, &range, 100).await, within, "{owner}");
        assert_eq!(numbers(&db, &range.backward(), 100).await, back(&within), "{owner}");
    }
    // A bound speaks of all entries that begin with it: here, of every number of one owner.
    use std::ops::Bound::{Excluded, Included};
    let bounds = |start, end| IndexRange { start, end, ..IndexRange::all("acme", BY_OWNER) };
    let (ann, anna) = (owner_prefix("ann"), owner_prefix("anna"));
    let expect = |owners: &[&str]| owners.iter().flat_map(|owner| of(owner)).collect::<Vec<_>>();
    let cases = [
        (Included(ann.clone()), Included(anna.clone()), expect(&["ann", "anna"])),
        (Excluded(ann.clone()), Included(anna.clone()), expect(&["anna"])),
        (Included(ann.clone()), Excluded(anna.clone()), expect(&["ann"])),
        (Excluded(ann.clone()), Excluded(anna.clone()), vec![]),
        (Included(anna), Included(ann), vec![]),
    ];
    for (start, end, want) in cases {
        let range = bounds(start, end);
        assert_eq!(numbers(&db, &range, 100).await, want, "{range:?}");
        assert_eq!(numbers(&db, &range.clone().backward(), 100).await, back(&want), "{range:?}");
    }
    assert!(db.scan_index(&IndexRange::all("other", BY_NUMBER), 5, false).await.unwrap().hits.is_empty());
}

async fn an_index_walk_goes_on_exactly_where_it_stopped(place: Place) {
    let db = place.open();
    // Seven cards per number, so that pages end between equal terms.
    let cards: Vec<Card> = (0..70).map(|n| Card::new(&format!("{n:02}"), n / 7)).collect();
    save(&db, &cards).await.unwrap();
    for backward in [false, true] {
        for portion in [1, 3, 7, 10, 69, 70, 71, 200] {
            let mut range = IndexRange::all("acme", BY_OWNER).prefix(|k| k.str("ann")).from(|k| k.i64(1));
            if backward {
                range = range.backward();
            }
            let mut ids: Vec<Bytes> = vec![];
            loop {
                let page = db.scan_index(&range, portion, false).await.unwrap();
                ids.extend(page.hits.iter().map(|hit| hit.key.id.clone()));
                if page.exhausted {
                    break;
                }
                assert_eq!(page.hits.len(), portion, "a page in the middle is full");
                // What is written behind the walk must not come up; what is deleted under it must not stop it.
                range.after = page.position();
            }
            if backward {
                ids.reverse();
            }
            let want: Vec<&[u8]> = cards[7..].iter().map(|card| &card.id[..]).collect();
            assert_eq!(ids, want, "{portion} at a time, backward {backward}");
        }
    }
    // The entry that a walk stopped at may go: the position stays good.
    let mut range = IndexRange::all("acme", BY_OWNER);
    range.after = db.scan_index(&range, 10, false).await.unwrap().position();
    delete(&db, "09").await.unwrap();
    assert_eq!(&db.scan_index(&range, 1, false).await.unwrap().hits[0].key.id[..], b"10");
}

/// sled 0.34.7 lost its way here with keys that hold FF, for some orders in which a batch was applied.
async fn a_backward_walk_passes_keys_full_of_ff(place: Place) {
    let db = place.open();
    let mut want: Vec<i64> = (-60..60).chain([i64::MIN, i64::MIN + 1, i64::MAX - 1, i64::MAX]).collect();
    want.extend((1..8).flat_map(|byte| [-(1i64 << (8 * byte)), (1 << (8 * byte)) - 1, 1 << (8 * byte)]));
    want.sort();
    want.dedup();
    for round in 0..10 {
        let owner = "\u{7f}".repeat(round);
        let cards: Vec<Card> = want.iter().map(|n| Card::new(&format!("{round}-{n}"), *n).owned_by(&owner)).collect();
        for part in cards.chunks(17 + round) {
            save(&db, part).await.unwrap();
        }
        let range = IndexRange::all("acme", BY_OWNER).prefix(|k| k.str(&owner));
        assert_eq!(numbers(&db, &range, 1_000).await, want);
        let back: Vec<i64> = want.iter().rev().copied().collect();
        assert_eq!(numbers(&db, &range.backward(), 1_000).await, back);
        let all = numbers(&db, &IndexRange::all("acme", BY_NUMBER).backward(), 10_000).await;
        assert!(all.is_sorted() && all.len() == want.len() * (round + 1));
    }
}

async fn an_update_moves_its_entries_and_rewrites_no_equal_one(place: Place) {
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

async fn a_delete_takes_its_entries_with_it(place: Place) {
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

async fn a_scan_finds_every_record_once_in_any_portion(place: Place) {
    let db = place.open();
    let cards: Vec<Card> = (0..150)
        .map(|n| {
            Card::new(&format!("{n:03}"), n).filled(if n % 10 == 0 { 40_000 } else { 10 }).of(&[b'a' + (n % 3) as u8])
        })
        .collect();
    for part in cards.chunks(30) {
        save(&db, part).await.unwrap();
    }
    let mut want: Vec<Key> = cards.iter().map(Record::key).collect();
    want.sort();
    for portion in [1, 7, 64, 65, 500] {
        let mut range = ScanRange::default();
        let mut found = vec![];
        loop {
            let page = db.scan(&range, portion).await.unwrap();
            let ended = page.len() < portion;
            assert!(page.iter().all(|(_, rec)| rec.is_ok()));
            found.extend(page.into_iter().map(|(key, _)| key));
            range.after = found.last().cloned();
            if ended {
                break;
            }
        }
        assert_eq!(found, want, "{portion} at a time");
    }
    let tenant = ScanRange { tenant: Some("b".into()), tag: Some(Card::TAG), id_prefix: "0".into(), after: None };
    let found = db.scan(&tenant, 500).await.unwrap();
    assert!(found.len() == 33 && found.iter().all(|(key, _)| key.tenant == "b" && key.id.starts_with(b"0")));
}

async fn history_keeps_what_each_change_replaced(place: Place) {
    let db = place.open();
    let states = [Card::new("a", 1), Card::new("a", 2).filled(60_000), Card::new("a", 3)];
    for state in &states {
        save(&db, std::slice::from_ref(state)).await.unwrap();
    }
    delete(&db, "a").await.unwrap();
    save(&db, &[Card::new("ab", 1)]).await.unwrap();
    let db = place.reopen(db).await;
    let events = db.history(&key("a"), 0, 100).await.unwrap();
    assert_eq!(events.iter().map(|e| e.op).collect::<Vec<_>>(), [Op::Create, Op::Update, Op::Update, Op::Delete]);
    let before: Vec<Option<Card>> = events.iter().map(|e| e.before.clone().map(|b| Card::decode(b).unwrap())).collect();
    assert!(before[0].is_none() && before[1..].iter().flatten().eq(&states));
    assert!(events.windows(2).all(|pair| pair[0].version < pair[1].version));
    assert!(events[..3].iter().all(|event| event.origin == origin("Save")) && events[3].origin == origin("Delete"));
    assert_eq!(db.history(&key("a"), events[1].version, 1).await.unwrap(), events[2..3]);
    assert_eq!(db.history(&key("a"), u64::MAX, 1).await.unwrap(), []);
}

async fn the_record_as_of_any_version_can_be_read(place: Place) {
    let db = place.open();
    let mut then = vec![(0, None)];
    for number in [1, 2, 3] {
        save(&db, &[Card::new("a", number)]).await.unwrap();
        then.push((db.stats().durable, Some(number)));
        save(&db, &[Card::new("other", number)]).await.unwrap();
        then.push((db.stats().durable, Some(number)));
    }
    delete(&db, "a").await.unwrap();
    then.push((db.stats().durable, None));
    save(&db, &[Card::new("a", 9)]).await.unwrap();
    then.push((db.stats().durable, Some(9)));
    then.push((u64::MAX, Some(9)));
    for (version, want) in then {
        let body = db.body_at(&key("a"), version).await.unwrap();
        assert_eq!(body.map(|body| Card::decode(body).unwrap().number), want, "as of {version}");
    }
}

async fn a_type_without_history_is_in_the_feed_alone(place: Place) {
    let db = place.open();
    let mark = Mark(b"once".to_vec());
    db.write(&origin("Mark"), |txn| async move { txn.save(&Mark(b"once".to_vec())).await }).await.unwrap();
    assert_eq!(db.history(&mark.key(), 0, 10).await.unwrap(), []);
    let changes = db.changes(0, 10).await.unwrap();
    assert_eq!(changes.iter().map(|change| (&change.key, change.op)).collect::<Vec<_>>(), [(&mark.key(), Op::Create)]);
}

async fn the_feed_names_every_change_in_order_and_never_splits_a_commit(place: Place) {
    let db = place.open();
    let many: Vec<Card> = (0..300).map(|n| Card::new(&format!("{n:0100}"), n)).collect();
    save(&db, &many).await.unwrap();
    save(&db, &[Card::new("x", 1), Card::new("y", 1)]).await.unwrap();
    save(&db, &[Card::new("x", 2)]).await.unwrap();
    delete(&db, "y").await.unwrap();
    let db = place.reopen(db).await;
    let first = db.changes(0, 1).await.unwrap();
    assert!(first.iter().map(|change| &change.key).eq(&many.iter().map(Record::key).collect::<Vec<_>>()));
    assert!(first.iter().all(|change| change.op == Op::Create && change.commit == first[0].commit));
    let rest = db.changes(first[0].commit, 100).await.unwrap();
    let got: Vec<_> = rest.iter().map(|change| (change.key.clone(), change.op)).collect();
    let want = [("x", Op::Create), ("y", Op::Create), ("x", Op::Update), ("y", Op::Delete)];
    assert_eq!(got, want.map(|(id, op)| (key(id), op)));
    assert!(rest.windows(2).all(|pair| pair[0].commit <= pair[1].commit));
    assert_eq!(rest[0].commit, rest[1].commit);
    assert_eq!(db.changes(rest[3].commit, 100).await.unwrap(), []);
    assert_eq!(db.changes(first[0].commit, 1).await.unwrap().len(), 2, "a commit comes whole");
}

async fn versions_grow_and_are_never_issued_again_after_reopening(place: Place) {
    let mut db = place.open();
    let mut seen = BTreeSet::new();
    for round in 0..4 {
        for n in 0..25 {
            save(&db, &[Card::new("a", round * 100 + n)]).await.unwrap();
            let (_, version) = db.get_versioned::<Card>(&key("a")).await.unwrap().unwrap();
            assert!(seen.last().is_none_or(|last| *last < version), "{version} after {:?}", seen.last());
            seen.insert(version);
        }
        db = place.reopen(db).await;
    }
    assert_eq!(seen.len(), 100);
}

async fn everything_is_there_after_reopening(place: Place) {
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

async fn a_closed_store_reads_and_refuses_writes(place: Place) {
    let db = place.open();
    save(&db, &[Card::new("a", 1)]).await.unwrap();
    let mut tasks = JoinSet::new();
    for n in 0..32 {
        let db = db.clone();
        tasks.spawn(async move { (n, save(&db, &[Card::new(&format!("late-{n}"), n)]).await) });
    }
    tokio::task::yield_now().await;
    db.close().await.unwrap();
    db.close().await.unwrap();
    assert!(matches!(save(&db, &[Card::new("b", 1)]).await, Err(Fault::Unavailable(_))));
    assert_eq!(db.get::<Card>(&key("a")).await.unwrap(), Some(Card::new("a", 1)));
    for (n, answer) in tasks.join_all().await {
        let stored = db.get::<Card>(&key(&format!("late-{n}"))).await.unwrap().is_some();
        assert_eq!(answer.is_ok(), stored, "{n}: {answer:?}");
    }
    assert_clean(&db).await;
}

async fn the_full_check_finds_missing_stale_and_dangling_entries(place: Place) {
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
    assert_eq!(report.problem_count, 5);
    let event = NewEvent { key: key("a"), op: Op::Delete, before: None };
    let alone = Commit { history: vec![event], ..Commit::default() };
    assert!(db.engine().commit(alone).await.unwrap().number > 0);
}
