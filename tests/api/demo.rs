//! The demo: what it promises, and the same every time.

use std::sync::Arc;

use coaching::cli::demo::{SCORECARDS, load};
use coaching::clock::Micros;
use coaching::services::RECORDS;
use coaching::store::memory::MemoryEngine;
use coaching::store::{Db, Key, Rec, ScanRange, verify};
use indicatif::ProgressBar;

/// Midnight of 2026-06-30.
const UNTIL: Micros = Micros(1_782_777_600_000_000);

async fn loaded() -> (Db, coaching::cli::demo::Loaded) {
    let db = Db::new(Arc::new(MemoryEngine::new()));
    let loaded = load(db.clone(), UNTIL, &ProgressBar::hidden()).await.expect("the demo loads");
    (db, loaded)
}

async fn everything(db: &Db) -> Vec<(Key, Rec)> {
    let mut range = ScanRange::default();
    let mut all = Vec::new();
    loop {
        let page = db.scan(&range, 500).await.expect("the store reads");
        let Some((last, _)) = page.last() else { return all };
        range.after = Some(last.clone());
        all.extend(page.into_iter().map(|(key, rec)| (key, rec.expect("the record is whole"))));
    }
}

#[tokio::test]
async fn the_demo_is_two_customers_with_three_templates_forty_agents_and_two_thousand_scorecards_the_same_every_time() {
    let (first, counts) = loaded().await;
    assert_eq!((counts.templates, counts.agents, counts.scorecards), (3, 40, SCORECARDS));
    assert!(
        counts.acknowledged > 500 && counts.submitted > counts.acknowledged && counts.scorecards > counts.submitted
    );

    // A plan for each who is coached, with three sessions, a question and its answer; a conversation for each scorecard of
    // one; and besides agents the graders, managers and an admin of each customer.
    assert_eq!((counts.plans, counts.sessions, counts.comments), (14, 42, 28));
    assert_eq!((counts.conversations, counts.users), (1_500, 40 + 2 * 5 + 3));

    let (second, again) = loaded().await;
    assert_eq!(counts, again);
    let bodies = |records: Vec<(Key, Rec)>| records.into_iter().map(|(key, rec)| (key, rec.body)).collect::<Vec<_>>();
    assert_eq!(bodies(everything(&first).await), bodies(everything(&second).await));
    assert!(verify(first.engine().as_ref(), RECORDS).await.expect("it is checked").is_clean());

    // Loading it over itself finishes and changes nothing.
    let before = everything(&first).await;
    assert_eq!(load(first.clone(), UNTIL, &ProgressBar::hidden()).await.expect("it loads again"), counts);
    assert_eq!(everything(&first).await, before);
}
