//! Answers kept for idempotency keys go when their day is over, beside the calls that come.

use coaching::store::{IndexRange, tags};
use serde_json::json;

use crate::harness::{CUSTOMER, Harness, Kept};
use crate::stage;

const DAY: i64 = 24 * 3_600 * 1_000_000;

/// Answers kept, those that are past their time too.
async fn kept_answers(house: &Harness) -> usize {
    let range = IndexRange::all(CUSTOMER, tags::IDEMPOTENCY_KEY_BY_EXPIRY);
    house.db().scan_index(&range, 10_000, false).await.expect("the index is read").hits.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn expired_answers_are_cleared_away_and_living_ones_stay() {
    const OLD: usize = 130; // more than one commit of a sweep takes
    for kept in [Kept::Memory, Kept::Sled] {
        let house = Harness::on(kept).await;
        stage::template(&house.operator()).await;
        let made = house.operator().call("CreateScorecard", stage::draft("one", "amir", 5)).await.ok();
        let request = json!({"name": made["scorecard"]["name"]});
        let keyed = async |number: usize| {
            let key = format!("00000000-0000-4000-8000-{number:012}");
            house.operator().with("idempotency-key", &key).call("SubmitScorecard", request.clone()).await.ok();
        };
        for number in 0..OLD {
            keyed(number).await;
        }
        assert_eq!(kept_answers(&house).await, OLD);
        house.clock().advance(DAY + 1);
        // Sweeps come every so many calls, and beside them: go on until the old ones are gone.
        let mut living = 0;
        while living < 1_000 {
            keyed(OLD + living).await;
            living += 1;
            if kept_answers(&house).await == living {
                break;
            }
        }
        assert_eq!(kept_answers(&house).await, living, "after {living} more calls the old answers are still there");
        // A living answer is still answered, and not done again.
        keyed(OLD).await;
        assert_eq!(kept_answers(&house).await, living);
    }
}
