//! Random operations against a map: whatever an engine answers, the map answers the same, also after reopening.

use std::collections::BTreeMap;

use coaching::store::{Db, IndexRange, Key, Op, Record, ScanRange};
use proptest::prelude::*;
use proptest::test_runner::Config;

use crate::support::*;

/// One step. Small spaces, so that steps meet.
#[derive(Clone, Debug)]
enum Step {
    Save(Vec<(u8, i64, u8, usize)>),
    Delete(Vec<u8>),
    SaveAndFail(u8),
    Get(u8),
    Walk { owner: u8, low: i64, high: i64, portion: usize, backward: bool },
    Reopen,
}

const IDS: &[&str] = &["", "a", "a\0", "a\0\u{1}", "ab", "b", "\u{7f}", "zz"];
const OWNERS: &[&str] = &["", "ann", "ann\0", "anna"];

fn number() -> impl Strategy<Value = i64> {
    prop_oneof![-3..4i64, Just(i64::MIN), Just(i64::MAX), Just(-256), Just(255), any::<i64>()]
}

fn length() -> impl Strategy<Value = usize> {
    prop_oneof![4 => 0..200usize, 2 => 16_200..16_400usize, 1 => 30_000..70_000usize]
}

fn step() -> impl Strategy<Value = Step> {
    let id = 0..IDS.len() as u8;
    let save = (id.clone(), number(), 0..OWNERS.len() as u8, length());
    prop_oneof![
        8 => proptest::collection::vec(save, 1..5).prop_map(Step::Save),
        3 => proptest::collection::vec(id.clone(), 1..3).prop_map(Step::Delete),
        1 => id.clone().prop_map(Step::SaveAndFail),
        2 => id.prop_map(Step::Get),
        4 => (0..OWNERS.len() as u8, number(), number(), 1..5usize, any::<bool>())
            .prop_map(|(owner, low, high, portion, backward)| Step::Walk { owner, low, high, portion, backward }),
        1 => Just(Step::Reopen),
    ]
}

/// The store as maps.
#[derive(Default)]
struct Model {
    cards: BTreeMap<Key, Card>,
    /// The state after each commit.
    then: Vec<(u64, BTreeMap<Key, Card>)>,
    feed: Vec<(u64, Key, Op)>,
}

impl Model {
    /// Notes a commit that made these changes.
    fn commit(&mut self, db: &Db, changes: Vec<(Key, Option<Card>)>) {
        let number = db.stats().durable;
        let mut ops = vec![];
        for (key, new) in changes {
            let old = match new {
                Some(card) => self.cards.insert(key.clone(), card).map(|_| Op::Update).or(Some(Op::Create)),
                None => self.cards.remove(&key).map(|_| Op::Delete),
            };
            ops.extend(old.map(|op| (number, key, op)));
        }
        // A commit lists what it puts before what it deletes, each in order of the keys.
        ops.sort_by_key(|(_, key, op)| (*op == Op::Delete, key.clone()));
        if !ops.is_empty() {
            self.then.push((number, self.cards.clone()));
            self.feed.extend(ops);
        }
    }

    async fn compare(&self, db: &Db) {
        let found = db.scan(&ScanRange::default(), 1_000).await.unwrap();
        let found = found.into_iter().map(|(key, rec)| (key, Card::decode(rec.unwrap().body).unwrap()));
        assert!(found.eq(self.cards.clone()));
        let feed = db.changes(0, 100_000).await.unwrap();
        assert!(feed.into_iter().map(|change| (change.commit, change.key, change.op)).eq(self.feed.iter().cloned()));
        for (number, cards) in &self.then {
            for id in IDS {
                let body = db.body_at(&key(id), *number).await.unwrap();
                assert!(
                    body.map(|body| Card::decode(body).unwrap()).as_ref() == cards.get(&key(id)),
                    "{id:?} at {number}"
                );
            }
        }
        assert_clean(db).await;
    }
}

async fn run(place: Place, steps: Vec<Step>) {
    let (mut db, mut model) = (place.open(), Model::default());
    for step in steps {
        match step {
            Step::Save(list) => {
                let cards: Vec<Card> = list
                    .into_iter()
                    .map(|(id, number, owner, len)| {
                        Card::new(IDS[id as usize], number).owned_by(OWNERS[owner as usize]).filled(len)
                    })
                    .collect();
                save(&db, &cards).await.unwrap();
                // Saved twice in one write, the last one stands.
                let last: BTreeMap<Key, Option<Card>> =
                    cards.into_iter().map(|card| (card.key(), Some(card))).collect();
                model.commit(&db, last.into_iter().collect());
            }
            Step::Delete(ids) => {
                let keys: Vec<Key> = ids.iter().map(|id| key(IDS[*id as usize])).collect();
                let wrote = write(&db, |txn| {
                    let keys = keys.clone();
                    async move {
                        for key in &keys {
                            txn.delete::<Card>(key).await?;
                        }
                        Ok(())
                    }
                });
                wrote.await.unwrap();
                model.commit(&db, keys.into_iter().map(|key| (key, None)).collect());
            }
            Step::SaveAndFail(id) => {
                let failed: Result<(), String> = db
                    .write(&origin("Fail"), |txn| async move {
                        txn.save(&Card::new(IDS[id as usize], 77)).await?;
                        Err(Failed("no".into()))
                    })
                    .await
                    .map_err(|failed: Failed| failed.0);
                assert_eq!(failed, Err("no".into()));
            }
            Step::Get(id) => {
                let key = key(IDS[id as usize]);
                assert!(db.get::<Card>(&key).await.unwrap().as_ref() == model.cards.get(&key));
            }
            Step::Walk { owner, low, high, portion, backward } => {
                let owner = OWNERS[owner as usize];
                let mut range = IndexRange::all("acme", BY_OWNER).prefix(|k| k.str(owner));
                range = range.from(|k| k.i64(low)).until(|k| k.i64(high));
                if backward {
                    range = range.backward();
                }
                let mut want: Vec<(i64, Key)> = model
                    .cards
                    .values()
                    .filter(|card| card.owner == owner && (low..high).contains(&card.number))
                    .map(|card| (card.number, card.key()))
                    .collect();
                want.sort();
                if backward {
                    want.reverse();
                }
                let mut found = vec![];
                loop {
                    let page = db.scan_index(&range, portion, true).await.unwrap();
                    range.after = page.position().or(range.after);
                    let ended = page.exhausted;
                    found.extend(page.hits.into_iter().map(|hit| hit.key));
                    if ended {
                        break;
                    }
                }
                assert!(found.into_iter().eq(want.into_iter().map(|(_, key)| key)));
            }
            Step::Reopen => db = place.reopen(db).await,
        }
    }
    model.compare(&db).await;
    let db = place.reopen(db).await;
    model.compare(&db).await;
}

#[derive(Debug)]
struct Failed(String);

impl From<coaching::store::Fault> for Failed {
    fn from(fault: coaching::store::Fault) -> Self {
        Failed(fault.to_string())
    }
}

fn check(cases: u64, place: fn() -> Place) {
    let config = Config { cases: cases as u32, failure_persistence: None, ..Config::default() };
    proptest!(config, |(steps in proptest::collection::vec(step(), 1..80))| {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(run(place(), steps));
    });
}

#[test]
fn the_memory_engine_answers_as_a_map_does() {
    check(rounds("STORE_MODEL_CASES", 60), Place::memory);
}

#[test]
fn the_sled_engine_answers_as_a_map_does_across_reopening() {
    check(rounds("STORE_MODEL_CASES", 20), Place::sled);
}
