//! Walks over pages while others write: what was there throughout and did not move is seen once, neither more nor less.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use crate::harness::{Caller, Harness, Kept, PARENT};
use crate::stage;

const CARDS: usize = 48;

/// An order, and what else the listing asks for. Each combination takes another road through the indexes.
fn listings() -> Vec<Value> {
    let mut listings = Vec::new();
    for order in ["CREATE_TIME", "UPDATE_TIME", "SUBMIT_TIME", "TOTAL_SCORE"] {
        for direction in ["ORDER_DIRECTION_ASC", "ORDER_DIRECTION_DESC"] {
            for filter in [
                json!({}),
                json!({"agentUserName": stage::user("amir")}),
                json!({"templateName": stage::name("scorecardTemplates/qa")}),
                json!({"startUpdateTime": "2026-03-01T00:00:00Z", "endUpdateTime": "2026-03-09T00:00:00Z"}),
                json!({"agentUserName": stage::user("amir"), "submitted": false}),
            ] {
                let mut listing =
                    json!({"parent": PARENT, "pageSize": 7, "orderBy": order, "orderDirection": direction});
                listing.as_object_mut().unwrap().extend(filter.as_object().unwrap().clone());
                listings.push(listing);
            }
        }
    }
    listings
}

async fn scene(kept: Kept) -> (Harness, Caller) {
    let house = Harness::on(kept).await;
    let operator = house.operator();
    stage::template(&operator).await;
    for number in 0..CARDS {
        house.clock().advance(1_000_000);
        operator
            .call("CreateScorecard", stage::draft(&format!("card-{number:03}"), "amir", (number % 11) as u32))
            .await
            .ok();
    }
    (house, operator)
}

/// Walks to the end; `between` runs after each page but the last.
async fn walk(caller: &Caller, listing: &Value, mut between: impl AsyncFnMut(usize)) -> Vec<String> {
    let mut listing = listing.clone();
    let mut seen = Vec::new();
    for page in 0.. {
        let answer = caller.call("ListScorecards", listing.clone()).await.ok();
        seen.extend(stage::names(&answer));
        match answer["nextPageToken"].as_str() {
            Some("") | None => break,
            Some(next) => listing["pageToken"] = next.into(),
        }
        assert!(page < 1_000, "the walk has no end");
        between(page).await;
    }
    seen
}

/// Changes things and says which scorecards it has touched: each round makes one, changes one, and deletes one.
struct Writer {
    caller: Caller,
    round: usize,
    touched: BTreeSet<String>,
}

impl Writer {
    fn new(caller: &Caller) -> Self {
        Self { caller: caller.clone(), round: 0, touched: BTreeSet::new() }
    }

    async fn round(&mut self, house: &Harness) {
        house.clock().advance(1_000_000);
        let round = self.round;
        self.round += 1;
        let new = format!("new-{round:03}");
        self.caller.call("CreateScorecard", stage::draft(&new, "amir", (round % 11) as u32)).await.ok();
        self.touched.insert(stage::name(&format!("scorecards/{new}")));
        if round < CARDS / 4 {
            // From both ends, so that both what was passed and what is still to come changes.
            let changed = if round.is_multiple_of(2) { round * 2 } else { CARDS - 1 - round * 2 };
            let deleted = if round.is_multiple_of(2) { CARDS - 1 - round * 2 } else { round * 2 };
            let card = |number: usize| stage::name(&format!("scorecards/card-{number:03}"));
            let scores = json!([{"criterionId": "grade", "numericValue": (changed + 5) % 11}]);
            let change = json!({"scorecard": {"name": card(changed), "scores": scores}});
            self.caller.call("UpdateScorecard", change).await.ok();
            self.caller.call("DeleteScorecard", json!({"name": card(deleted)})).await.ok();
            self.touched.extend([card(changed), card(deleted)]);
        }
    }

    /// Fails unless each scorecard that was there from the start and was not touched is among the seen exactly once.
    fn judge(&self, listing: &Value, seen: &[String]) {
        let mut times: BTreeMap<&str, usize> = BTreeMap::new();
        for name in seen {
            *times.entry(name).or_default() += 1;
        }
        for number in 0..CARDS {
            let name = stage::name(&format!("scorecards/card-{number:03}"));
            if !self.touched.contains(&name) {
                assert_eq!(times.get(name.as_str()), Some(&1), "{name} in {listing}");
            }
        }
        if listing["orderBy"] == "CREATE_TIME" {
            // Nothing moves in this order, whatever changes.
            let repeated: Vec<_> = times.iter().filter(|(_, times)| **times > 1).collect();
            assert!(repeated.is_empty(), "{repeated:?} in {listing}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_walk_with_changes_between_its_pages_sees_what_stayed_once() {
    for listing in listings() {
        let (house, caller) = scene(Kept::Memory).await;
        let mut writer = Writer::new(&caller);
        let seen = walk(&caller, &listing, async |_| {
            writer.round(&house).await;
            writer.round(&house).await;
        })
        .await;
        assert!(writer.round >= 10, "the walk had pages to write between: {}", writer.round);
        writer.judge(&listing, &seen);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_walk_beside_a_writer_sees_what_stayed_once() {
    for kept in [Kept::Memory, Kept::Sled] {
        for listing in listings().into_iter().filter(|listing| listing["orderBy"] != "SUBMIT_TIME") {
            let (house, caller) = scene(kept).await;
            let mut writer = Writer::new(&caller);
            let done = AtomicBool::new(false);
            let (seen, ()) = tokio::join!(
                async {
                    let seen = walk(&caller, &listing, async |_| {}).await;
                    done.store(true, Ordering::SeqCst);
                    seen
                },
                async {
                    while !done.load(Ordering::SeqCst) {
                        writer.round(&house).await;
                    }
                }
            );
            writer.judge(&listing, &seen);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_that_lets_little_through_answers_short_pages_and_finds_everything_once() {
    // More entries than one call looks at (list::BUDGET), and few that are wanted.
    const COUNT: usize = 3 * coaching::api::list::BUDGET;
    let wanted = |number: usize| number % 997 == 3;
    for kept in [Kept::Memory, Kept::Sled] {
        let house = Harness::on(kept).await;
        let caller = house.operator();
        let template = stage::template(&caller).await;
        stage::fill(house.db(), COUNT, &template, |number| if wanted(number) { "rare" } else { "common" }).await;
        let expected: BTreeSet<String> = (0..COUNT)
            .filter(|number| wanted(*number))
            .map(|number| stage::name(&format!("scorecards/bulk-{number:05}")))
            .collect();
        for mut listing in listings() {
            listing["pageSize"] = 50.into();
            listing["usecaseNames"] = json!([stage::name("usecases/rare")]);
            let mut pages = 1;
            let seen = walk(&caller, &listing, async |_| pages += 1).await;
            assert_eq!(seen.len(), expected.len(), "each once: {listing}");
            assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), expected, "{listing}");
            assert!(pages >= 3, "no call reads all {COUNT} entries, so {pages} pages are too few: {listing}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_times_are_told_apart_by_name_on_every_page_size() {
    let house = Harness::memory().await;
    let caller = house.operator();
    stage::template(&caller).await;
    for number in 0..12 {
        caller.call("CreateScorecard", stage::draft(&format!("card-{number:02}"), "amir", 5)).await.ok();
    }
    for mut listing in listings() {
        listing["pageSize"] = 1_000.into();
        let whole = walk(&caller, &listing, async |_| {}).await;
        assert_eq!(whole.len(), 12);
        for size in [1, 5, 11, 12] {
            listing["pageSize"] = size.into();
            assert_eq!(walk(&caller, &listing, async |_| {}).await, whole, "{listing}");
        }
    }
}
