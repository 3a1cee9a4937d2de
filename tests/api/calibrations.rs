//! Calibrations under races, and how many there can be.

use coaching::store::tags;
use serde_json::{Value, json};

use crate::harness::{Harness, Kept, PARENT, Transport};
use crate::stage;

const MANY: usize = 12;

/// The request that makes a calibration with this grade, held against the scorecard `agreed`.
fn calibration(id: &str, grade: u32) -> Value {
    let mut request = stage::draft(id, "amir", grade);
    request["scorecard"]["scorecardType"] = "SCORECARD_TYPE_CALIBRATION".into();
    request["scorecard"]["calibratedScorecardName"] = stage::name("scorecards/agreed").into();
    request
}

/// The changes at once: calibrations made by many, beside other calls on the agreed scorecard.
async fn made_beside(house: &Harness, others: Vec<(&'static str, Value)>) -> usize {
    let made = (0..MANY).map(|number| ("CreateScorecard", calibration(&format!("c{number}"), number as u32 % 11)));
    // In turn, so that neither kind is done before the other begins.
    let mut calls: Vec<_> = made.collect();
    for (number, other) in others.into_iter().enumerate() {
        calls.insert((number * 3 + 2).min(calls.len()), other);
    }
    let calls = calls.into_iter().enumerate().map(|(number, (rpc, request))| {
        let caller = house.over(Transport::ALL[number % 3]);
        tokio::spawn(async move { (rpc, caller.call(rpc, request).await) })
    });
    let mut made = 0;
    for call in calls.collect::<Vec<_>>() {
        let (rpc, answer) = call.await.expect("the call ends");
        match answer.outcome {
            Ok(_) => made += usize::from(rpc == "CreateScorecard"),
            Err(refusal) => assert_eq!((rpc, refusal.reason.as_str()), ("CreateScorecard", "RESOURCE_NOT_FOUND")),
        }
    }
    made
}

async fn calibrations(house: &Harness) -> Vec<Value> {
    let listed = house.operator().call("ListScorecards", json!({"parent": PARENT})).await.ok();
    let mut cards = listed["scorecards"].as_array().expect("a page").clone();
    cards.retain(|card| card["scorecardType"] == "SCORECARD_TYPE_CALIBRATION");
    cards
}

#[tokio::test(flavor = "multi_thread")]
async fn calibrations_made_while_the_agreed_scorecard_changes_all_have_their_agreement_with_it_as_it_is() {
    for kept in [Kept::Memory, Kept::Sled] {
        let house = Harness::on(kept).await;
        stage::template(&house.operator()).await;
        house.operator().call("CreateScorecard", stage::draft("agreed", "amir", 5)).await.ok();
        let regrade = |grade: usize| {
            let scores = json!([{"criterionId": "grade", "numericValue": grade}]);
            ("UpdateScorecard", json!({"scorecard": {"name": stage::name("scorecards/agreed"), "scores": scores}}))
        };
        assert_eq!(made_beside(&house, (0..4).map(regrade).collect()).await, MANY);
        let agreed = house.operator().call("GetScorecard", json!({"name": stage::name("scorecards/agreed")})).await;
        let agreed = agreed.ok()["scorecard"]["scores"][0]["numericValue"].as_f64().unwrap();
        let cards = calibrations(&house).await;
        assert_eq!(cards.len(), MANY);
        for card in cards {
            let grade = card["scores"][0]["numericValue"].as_f64().unwrap();
            let want = 100.0 - 10.0 * (grade - agreed).abs();
            assert_eq!(card["calibrationConsistencyScore"].as_f64(), Some(want), "{grade} against {agreed}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_calibration_made_while_the_agreed_scorecard_goes_is_left_with_its_name() {
    for kept in [Kept::Memory, Kept::Sled] {
        let house = Harness::on(kept).await;
        stage::template(&house.operator()).await;
        house.operator().call("CreateScorecard", stage::draft("agreed", "amir", 5)).await.ok();
        let gone = ("DeleteScorecard", json!({"name": stage::name("scorecards/agreed")}));
        let made = made_beside(&house, vec![gone]).await;
        let cards = calibrations(&house).await;
        assert_eq!(cards.len(), made);
        for card in cards {
            assert_eq!(
                (&card["calibratedScorecardName"], &card["calibrationConsistencyScore"]),
                (&json!(""), &json!(0.0))
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_calibrations_follow_at_once_and_there_can_be_no_more() {
    for kept in [Kept::Memory, Kept::Sled] {
        let house = Harness::on(kept).await;
        let operator = house.operator();
        stage::template(&operator).await;
        operator.call("CreateScorecard", stage::draft("agreed", "amir", 5)).await.ok();
        for number in 0..100 {
            operator.call("CreateScorecard", calibration(&format!("c{number}"), 5)).await.ok();
        }
        operator.call("CreateScorecard", calibration("more", 5)).await.refused("TOO_MANY_LINKS");
        let name = stage::name("scorecards/agreed");
        let scores = json!([{"criterionId": "grade", "numericValue": 6}]);
        operator.call("UpdateScorecard", json!({"scorecard": {"name": name, "scores": scores}})).await.ok();
        let changes = house.db().changes(0, 10_000).await.unwrap();
        let last = changes.iter().map(|change| change.commit).max();
        let together = changes.iter().filter(|change| Some(change.commit) == last && change.key.tag == tags::SCORECARD);
        assert_eq!(together.count(), 101, "the agreed one and each calibration, in one commit");
        operator.call("DeleteScorecard", json!({"name": stage::name("scorecards/c0")})).await.ok();
        operator.call("CreateScorecard", calibration("more", 5)).await.ok();
    }
}
