//! Counts and sums that records add up to, and making them anew.

use coaching::store::{
    Cell, CellRange, Commit, Db, Entry, Fault, Key, Layout, Pre, Put, Record, Tallies, Tally, layout_of, rebuild,
    set_layout, tuple,
};
use tokio::task::JoinSet;

use crate::support::*;

async fn of(db: &Db, owner: &str) -> (Tally, Tally) {
    let cell = db.cells(&[owned("acme", owner)]).await.unwrap().remove(0);
    (cell.get(0), cell.get(1))
}

fn tally(n: i64, sum: i64) -> Tally {
    Tally { n, sum }
}

fn adding(cell: Cell, list: &[(u64, Tally)]) -> Commit {
    let mut tallies = Tallies::default();
    list.iter().for_each(|(number, tally)| tallies.add(*number, *tally).unwrap());
    Commit { adds: vec![(cell, tallies)], origin: origin("Add"), ..Commit::default() }
}

pub async fn what_records_count_for_is_added_and_taken_away_with_them(place: Place) {
    let db = place.open();
    save(&db, &[Card::new("a", 2), Card::new("b", 14), Card::new("c", 3).owned_by("bob")]).await.unwrap();
    assert_eq!(of(&db, "ann").await, (tally(2, 6), tally(0, 0)));
    assert_eq!(of(&db, "bob").await, (tally(0, 0), tally(1, 3)));
    // From one tally to the other, and from one cell to the other.
    save(&db, &[Card::new("a", 5), Card::new("b", 14).owned_by("bob")]).await.unwrap();
    assert_eq!(of(&db, "ann").await, (tally(0, 0), tally(1, 5)));
    assert_eq!(of(&db, "bob").await, (tally(1, 4), tally(1, 3)));
    // Saved as it is, it counts once.
    save(&db, &[Card::new("a", 5), Card::new("a", 5)]).await.unwrap();
    let db = place.reopen(db).await;
    assert_eq!(of(&db, "ann").await, (tally(0, 0), tally(1, 5)));
    for id in ["a", "b", "c"] {
        delete(&db, id).await.unwrap();
    }
    assert!(db.scan_cells(&CellRange::default(), 10).await.unwrap().is_empty());
    assert_clean(&db).await;
}

pub async fn sixteen_writers_count_into_one_cell_and_never_conflict(place: Place) {
    let db = place.open();
    let mut tasks = JoinSet::new();
    for task in 0..16 {
        let db = db.clone();
        tasks.spawn(async move {
            for n in 0..20 {
                save(&db, &[Card::new(&format!("{task}-{n}"), 2 * n)]).await.unwrap();
                if n % 4 == 3 {
                    delete(&db, &format!("{task}-{}", n - 1)).await.unwrap();
                }
            }
        });
    }
    tasks.join_all().await;
    assert_eq!(db.stats().conflicts, 0);
    assert_eq!(of(&db, "ann").await.0.n, 16 * 15);
    assert_clean(&place.reopen(db).await).await;
}

pub async fn a_commit_that_is_refused_counts_nothing(place: Place) {
    let db = place.open();
    let cell = || owned("acme", "ann");
    db.engine().commit(adding(cell(), &[(7, tally(1, 1))])).await.unwrap();
    let refused = Commit { pre: vec![(key("absent"), Pre::Exists)], ..adding(cell(), &[(7, tally(5, 5))]) };
    assert!(matches!(db.engine().commit(refused).await, Err(Fault::Conflict { .. })));
    assert_eq!(db.cells(&[cell()]).await.unwrap()[0].get(7), tally(1, 1));
    let number = db.engine().commit(adding(cell(), &[(7, tally(-1, -1))])).await.unwrap().number;
    assert_eq!(db.stats().durable, number);
    assert!(db.cells(&[cell(), cell()]).await.unwrap().iter().all(Tallies::is_empty));
}

pub async fn cells_are_scanned_in_order_within_their_bounds_in_any_portion(place: Place) {
    let db = place.open();
    let at = |tenant: &str, owner: &str, day: i64| Cell::new(tenant, OWNED, |terms| terms.str(owner).i64(day));
    let mut all: Vec<Cell> = vec![];
    for (tenant, owner) in [("acme", "ann"), ("acme", "ann\0"), ("acme", "anna"), ("acmf", "ann"), ("b", "ann")] {
        all.extend([-300, -1, 0, 1, 255, 256].map(|day| at(tenant, owner, day)));
    }
    for cell in all.iter().rev() {
        db.engine().commit(adding(cell.clone(), &[(1, tally(1, 0))])).await.unwrap();
    }
    all.sort();
    for portion in [1, 4, 100] {
        let read = async |mut range: CellRange| {
            let mut found = vec![];
            loop {
                let page = db.scan_cells(&range, portion).await.unwrap();
                let ended = page.len() < portion;
                found.extend(page.into_iter().map(|(cell, _)| cell));
                range.after = found.last().cloned();
                if ended {
                    return found;
                }
            }
        };
        assert_eq!(read(CellRange::default()).await, all);
        let of = || Some((at("acme", "", 0).tenant, OWNED));
        let (from, until) = (tuple(|k| k.i64(-1)), tuple(|k| k.i64(256)));
        let range = CellRange { of: of(), prefix: tuple(|k| k.str("ann")), ..CellRange::default() };
        let whole: Vec<Cell> = [-300, -1, 0, 1, 255, 256].map(|day| at("acme", "ann", day)).into();
        assert_eq!(read(range.clone()).await, whole);
        let cut = CellRange { start: Some(from), end: Some(until), ..range };
        assert_eq!(read(cut).await, whole[1..5]);
        assert_eq!(read(CellRange { of: of(), ..CellRange::default() }).await.len(), 18);
    }
}

pub async fn a_cell_beyond_its_bits_refuses_the_commit_whole(place: Place) {
    let db = place.open();
    let cell = owned("acme", "rich");
    db.engine().commit(adding(cell.clone(), &[(1, tally(1, i64::MAX - 3))])).await.unwrap();
    let card = Card::new("a", 1);
    let put = Put { key: card.key(), body: Record::encode(&card).into(), add: vec![], remove: vec![] };
    let over = Commit { puts: vec![put], ..adding(cell.clone(), &[(1, tally(1, 4))]) };
    assert!(matches!(db.engine().commit(over).await, Err(Fault::Limit(_))));
    assert_eq!(db.get::<Card>(&key("a")).await.unwrap(), None);
    assert_eq!(db.cells(&[cell]).await.unwrap()[0].get(1), tally(1, i64::MAX - 3));
}

pub async fn the_full_check_finds_cells_that_are_wrong(place: Place) {
    let db = place.open();
    let cards: Vec<Card> = (0..40).map(|n| Card::new(&format!("{n}"), n).owned_by(&format!("o{}", n % 7))).collect();
    save(&db, &cards).await.unwrap();
    assert_clean(&db).await;
    let wrongs = [
        (owned("acme", "o3"), 1, tally(1, 0)),
        (owned("acme", "o3"), 0, tally(0, -1)),
        (owned("acme", "stranger"), 0, tally(1, 1)),
        (owned("other", "o3"), 5, tally(-1, 0)),
    ];
    for (cell, number, wrong) in wrongs {
        db.engine().commit(adding(cell.clone(), &[(number, wrong)])).await.unwrap();
        let report = check(&db).await;
        assert!(report.problem_count == 1, "{report:#?}");
        assert!(report.problems[0].contains(&format!("cell {cell} holds")), "{report:#?}");
        let back = tally(-wrong.n, -wrong.sum);
        db.engine().commit(adding(cell, &[(number, back)])).await.unwrap();
    }
    assert_clean(&db).await;
}

pub async fn a_rebuild_makes_entries_and_cells_what_the_records_say(place: Place) {
    let db = place.open();
    let cards: Vec<Card> =
        (0..250).map(|n| Card::new(&format!("{n:03}"), n).owned_by(&format!("o{}", n % 7))).collect();
    for some in cards.chunks(100) {
        save(&db, some).await.unwrap();
    }
    // Missing, stale, one too many, one of a record that is not there; a wrong cell and one too many.
    let card = &cards[8];
    let entry = |terms, projection: &'static str| Entry { index: BY_NUMBER, terms, projection: projection.into() };
    let put = |add, remove| Put { key: card.key(), body: Record::encode(card).into(), add, remove };
    let missing = put(vec![], vec![(BY_OWNER, tuple(|k| k.str("o1").i64(8)))]);
    let more = vec![entry(tuple(|k| k.i64_desc(8)), "stale"), entry(tuple(|k| k.i64_desc(999)), "extra")];
    let absent = Put { key: key("gone"), body: Record::encode(card).into(), add: more.clone(), remove: vec![] };
    for puts in [vec![missing], vec![put(more, vec![])], vec![absent]] {
        db.engine().commit(Commit { puts, ..Commit::default() }).await.unwrap();
    }
    let gone = coaching::store::Delete { key: key("gone"), remove: vec![] };
    db.engine().commit(Commit { deletes: vec![gone], ..Commit::default() }).await.unwrap();
    db.engine().commit(adding(owned("acme", "o1"), &[(0, tally(3, 3))])).await.unwrap();
    db.engine().commit(adding(owned("acme", "nobody"), &[(9, tally(1, 1))])).await.unwrap();
    assert!(check(&db).await.problem_count >= 6);

    let (mut told, mut versions) = (vec![], std::collections::BTreeMap::new());
    for card in &cards {
        let (_, version) = db.get_versioned::<Card>(&card.key()).await.unwrap().unwrap();
        versions.insert(card.key(), (version, ops(&db, &card.key()).await.len()));
    }
    let done = rebuild(db.engine().as_ref(), TYPES, 7, &origin("Rebuild"), |records| told.push(records)).await.unwrap();
    assert_eq!((done.records, done.cells, told.last()), (250, 7, Some(&250)));
    assert!(done.added >= 2 && done.removed >= 3, "{done:?}");
    assert_clean(&db).await;
    let db = place.reopen(db).await;
    assert_clean(&db).await;
    let keys: Vec<Key> = cards.iter().map(Record::key).collect();
    assert!(db.get_many::<Card>(&keys).await.unwrap().into_iter().flatten().eq(cards.iter().cloned()));
    // Neither versions nor history know of it.
    for card in &cards {
        let (_, now) = db.get_versioned::<Card>(&card.key()).await.unwrap().unwrap();
        assert_eq!(versions.get(&card.key()), Some(&(now, ops(&db, &card.key()).await.len())));
    }
    let again = rebuild(db.engine().as_ref(), TYPES, 7, &origin("Rebuild"), |_| {}).await.unwrap();
    assert_eq!((again.added, again.removed, again.cells), (0, 0, 7));
}

pub async fn a_rebuild_that_was_cut_off_is_told_and_run_again(place: Place) {
    let db = place.open();
    save(&db, &[Card::new("a", 2)]).await.unwrap();
    assert_eq!(layout_of(db.engine().as_ref()).await.unwrap(), Layout::Unnoted);
    set_layout(db.engine().as_ref(), &origin("New"), 6).await.unwrap();
    assert_eq!(layout_of(db.engine().as_ref()).await.unwrap(), Layout::Noted(6));
    // Killed by its own progress, in the middle.
    let engine = db.engine().clone();
    let killed = tokio::spawn(async move {
        rebuild(engine.as_ref(), TYPES, 7, &origin("Rebuild"), |_| panic!("killed")).await.map(drop)
    });
    assert!(killed.await.is_err());
    let db = place.reopen(db).await;
    assert_eq!(layout_of(db.engine().as_ref()).await.unwrap(), Layout::Rebuilding);
    assert!(check(&db).await.problems.iter().any(|problem| problem.contains("a rebuild was begun")));
    rebuild(db.engine().as_ref(), TYPES, 7, &origin("Rebuild"), |_| {}).await.unwrap();
    assert_eq!(layout_of(db.engine().as_ref()).await.unwrap(), Layout::Noted(7));
    assert_eq!(of(&db, "ann").await, (tally(1, 2), tally(0, 0)));
    assert_clean(&db).await;
}

pub async fn a_cell_takes_as_many_tallies_as_the_limits_say(place: Place) {
    let db = place.open();
    let most = db.engine().limits().tallies as u64;
    // A million things of a hundred billion each: more than a cell of one period will see.
    let list: Vec<(u64, Tally)> = (0..most).map(|at| (at << 50 | at, tally(1 << 20, 100_000_000_000 << 20))).collect();
    db.engine().commit(adding(owned("acme", "ann"), &list)).await.unwrap();
    let db = place.reopen(db).await;
    let cell = db.cells(&[owned("acme", "ann")]).await.unwrap().remove(0);
    assert_eq!((cell.len() as u64, cell.get(most << 50)), (most, Tally::default()));
    assert!(list.iter().all(|(number, tally)| cell.get(*number) == *tally));
}
