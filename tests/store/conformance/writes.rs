//! Atomicity, preconditions, and what concurrent writers and readers see.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use coaching::store::{Fault, IndexRange, Op, Pre, Record, ScanRange, tuple};
use tokio::task::JoinSet;

use super::{Refused, only_if, put};
use crate::support::*;

pub async fn no_update_is_lost_when_sixteen_tasks_increment_one_record(place: Place) {
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
pub async fn two_writes_that_would_break_each_other_never_both_succeed(place: Place) {
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

pub async fn a_write_reads_what_it_wrote_itself(place: Place) {
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

pub async fn a_closure_that_fails_writes_nothing(place: Place) {
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

pub async fn a_closure_that_wrote_nothing_commits_nothing(place: Place) {
    let db = place.open();
    save(&db, &[Card::new("a", 1)]).await.unwrap();
    let before = db.stats().durable;
    let read: Result<Option<Card>, Fault> =
        db.write(&origin("Read"), |txn| async move { txn.get(&key("a")).await }).await;
    assert_eq!(read.unwrap().unwrap().number, 1);
    assert!(!delete(&db, "absent").await.unwrap());
    assert_eq!(db.stats().durable, before);
}

pub async fn each_precondition_holds_exactly_when_it_says(place: Place) {
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

pub async fn a_conflict_names_the_record_and_its_version_and_writes_nothing(place: Place) {
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

pub async fn a_link_lets_the_target_change_but_not_vanish(place: Place) {
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

pub async fn of_sixteen_creators_of_one_slot_exactly_one_wins(place: Place) {
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
pub async fn a_record_is_never_read_half_old_and_half_new(place: Place) {
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

pub async fn several_records_of_one_commit_become_visible_together_with_their_entries(place: Place) {
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

pub async fn a_closed_store_reads_and_refuses_writes(place: Place) {
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
