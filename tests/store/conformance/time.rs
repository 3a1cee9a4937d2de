//! History, feed and versions.

use std::collections::BTreeSet;

use coaching::store::{Fault, Op, Origin, Record};

use crate::support::*;

pub async fn history_keeps_what_each_change_replaced(place: Place) {
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

pub async fn the_record_as_of_any_version_can_be_read(place: Place) {
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

pub async fn history_reads_backward_what_it_reads_forward(place: Place) {
    let db = place.open();
    // Neighbours on either side, and bodies of several parts.
    let ids = ["a", "a\u{0}", "b", "c"];
    for number in 0..5 {
        for id in ids {
            save(&db, &[Card::new(id, number).filled(if number == 2 { 200_000 } else { 10 })]).await.unwrap();
        }
    }
    delete(&db, "b").await.unwrap();
    let db = place.reopen(db).await;
    for id in ids {
        let mut forward = db.history(&key(id), 0, 100).await.unwrap();
        forward.reverse();
        assert_eq!(forward.len(), if id == "b" { 6 } else { 5 });
        assert!(db.history_back(&key(id), u64::MAX, 100).await.unwrap() == forward, "{id:?} whole");
        for limit in 1..4 {
            let (mut walked, mut before) = (vec![], u64::MAX);
            loop {
                let some = db.history_back(&key(id), before, limit).await.unwrap();
                let Some(last) = some.last() else { break };
                assert!(some.len() == limit || walked.len() + some.len() == forward.len());
                before = last.version;
                walked.extend(some);
            }
            assert!(walked == forward, "{id:?} by {limit}");
        }
        assert_eq!(db.history_back(&key(id), forward.last().unwrap().version, 9).await.unwrap(), []);
    }
    assert_eq!(db.history_back(&key("none"), u64::MAX, 9).await.unwrap(), []);
    assert_eq!(db.history_back(&key("a"), u64::MAX, 0).await.unwrap(), []);
}

pub async fn the_record_as_of_any_instant_can_be_read(place: Place) {
    let db = place.open();
    let at = |at_us| Origin { at_us, ..origin("Save") };
    // Two changes at one instant, a deletion, a second life, and enough changes to be read in several stretches.
    let mut steps = vec![(10, Some(1)), (20, Some(2)), (20, Some(3)), (30, None), (40, Some(4))];
    steps.extend((50..100).map(|number| (number, Some(number))));
    for (time, number) in &steps {
        let saved: Result<(), Fault> = db
            .write(&at(*time), |txn| async move {
                match *number {
                    Some(number) => txn.save(&Card::new("a", number)).await,
                    None => txn.delete::<Card>(&key("a")).await.map(drop),
                }
            })
            .await;
        saved.unwrap();
    }
    let db = place.reopen(db).await;
    let wanted = [(9, None), (10, Some(1)), (19, Some(1)), (20, Some(3)), (29, Some(3)), (30, None), (39, None)];
    let later = [(40, Some(4)), (49, Some(4)), (50, Some(50)), (73, Some(73)), (99, Some(99)), (1_000, Some(99))];
    for (time, want) in wanted.into_iter().chain(later) {
        let body = db.body_at_time(&key("a"), time).await.unwrap();
        assert_eq!(body.map(|body| Card::decode(body).unwrap().number), want, "at {time}");
    }
    assert_eq!(db.body_at_time(&key("none"), i64::MAX).await.unwrap(), None);
}

pub async fn a_type_without_history_is_in_the_feed_alone(place: Place) {
    let db = place.open();
    let mark = Mark(b"once".to_vec());
    db.write(&origin("Mark"), |txn| async move { txn.save(&Mark(b"once".to_vec())).await }).await.unwrap();
    assert_eq!(db.history(&mark.key(), 0, 10).await.unwrap(), []);
    let changes = db.changes(0, 10).await.unwrap();
    assert_eq!(changes.iter().map(|change| (&change.key, change.op)).collect::<Vec<_>>(), [(&mark.key(), Op::Create)]);
}

pub async fn the_feed_names_every_change_in_order_and_never_splits_a_commit(place: Place) {
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

pub async fn versions_grow_and_are_never_issued_again_after_reopening(place: Place) {
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
