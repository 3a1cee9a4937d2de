//! Many at once: one wins where one may, and nothing is done twice.

use std::collections::BTreeSet;

use coaching::store::tags;
use serde_json::{Value, json};

use crate::harness::{Answer, Caller, Harness, Kept, PARENT, Transport};
use crate::stage;

const MANY: usize = 16;

/// Makes the calls at once, in turn over each transport, and answers what they came to.
async fn at_once(
    house: &Harness,
    rpc: &'static str,
    request: impl Fn(usize) -> Value,
    prepare: impl Fn(Caller) -> Caller,
) -> Vec<Answer> {
    let calls = (0..MANY).map(|number| {
        let caller = prepare(house.over(Transport::ALL[number % 3]));
        let request = request(number);
        tokio::spawn(async move { caller.call(rpc, request).await })
    });
    let mut answers = Vec::new();
    for call in calls.collect::<Vec<_>>() {
        answers.push(call.await.expect("the call ends"));
    }
    answers
}

/// The one answer; all others were refused with this reason.
fn only(answers: Vec<Answer>, reason: &str) -> Value {
    let (won, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.outcome.is_ok());
    assert_eq!((won.len(), lost.len()), (1, MANY - 1), "exactly one wins");
    for answer in lost {
        answer.refused(reason);
    }
    won.into_iter().next().expect("one").ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_updates_with_the_same_etag_one_wins() {
    for kept in [Kept::Memory, Kept::Sled] {
        let house = Harness::on(kept).await;
        stage::template(&house.operator()).await;
        let made = house.operator().call("CreateScorecard", stage::draft("one", "amir", 5)).await.ok();
        let (name, etag) = (made["scorecard"]["name"].clone(), made["scorecard"]["etag"].clone());
        let update =
            |number: usize| json!({"scorecard": {"name": name, "etag": etag, "comment": format!("by {number}")}});
        let won = only(at_once(&house, "UpdateScorecard", update, |caller| caller).await, "STALE_ETAG");
        let stored = house.operator().call("GetScorecard", json!({"name": name})).await.ok();
        assert_eq!(stored["scorecard"]["comment"], won["scorecard"]["comment"]);
        let key = stage::key("coaching.api/Scorecard", tags::SCORECARD, name.as_str().unwrap());
        assert_eq!(house.db().history(&key, 0, 100).await.unwrap().len(), 2, "made once, changed once");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_targets_on_the_same_thing_one_is_made() {
    for kept in [Kept::Memory, Kept::Sled] {
        let house = Harness::on(kept).await;
        let template = stage::template(&house.operator()).await;
        let target = |number: usize| {
            json!({"parent": PARENT, "target": {
                "name": stage::name(&format!("targets/t{number}")), "scorecardTemplateName": template["name"],
                "target": number, "usecaseName": stage::name("usecases/sales")}})
        };
        let won = only(at_once(&house, "CreateTarget", target, |caller| caller).await, "TARGET_ALREADY_EXISTS");
        let listed = house.operator().call("ListTargets", json!({"parent": PARENT})).await.ok();
        assert_eq!(listed["targets"], json!([won["target"]]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_things_under_the_same_name_one_is_made() {
    for kept in [Kept::Memory, Kept::Sled] {
        let house = Harness::on(kept).await;
        stage::template(&house.operator()).await;
        let create = |number: usize| stage::draft("same", &format!("agent-{number}"), 5);
        let won = only(at_once(&house, "CreateScorecard", create, |caller| caller).await, "RESOURCE_ALREADY_EXISTS");
        let listed = house.operator().call("ListScorecards", json!({"parent": PARENT})).await.ok();
        assert_eq!(listed["scorecards"], json!([won["scorecard"]]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_calls_with_the_same_idempotency_key_have_one_effect_and_one_answer() {
    for kept in [Kept::Memory, Kept::Sled] {
        let house = Harness::on(kept).await;
        stage::template(&house.operator()).await;
        let key = "6f1e0a52-8f5a-4c34-9d0e-3a1f5f4f9d02";
        let answers = at_once(
            &house,
            "CreateScorecard",
            |_| stage::draft("", "amir", 5),
            |caller| caller.with("idempotency-key", key),
        )
        .await;
        let names: BTreeSet<String> =
            answers.into_iter().map(|answer| answer.ok()["scorecard"]["name"].as_str().unwrap().to_owned()).collect();
        let listed = house.operator().call("ListScorecards", json!({"parent": PARENT})).await.ok();
        assert_eq!(
            stage::names(&listed),
            names.into_iter().collect::<Vec<_>>(),
            "one was made, and every call answers it"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_submissions_are_one_submission() {
    for kept in [Kept::Memory, Kept::Sled] {
        let house = Harness::on(kept).await;
        stage::template(&house.operator()).await;
        let made = house.operator().call("CreateScorecard", stage::draft("one", "amir", 5)).await.ok();
        let name = made["scorecard"]["name"].clone();
        let answers = at_once(&house, "SubmitScorecard", |_| json!({"name": name}), |caller| caller).await;
        let etags: BTreeSet<String> =
            answers.into_iter().map(|answer| answer.ok()["scorecard"]["etag"].as_str().unwrap().to_owned()).collect();
        assert_eq!(etags.len(), 1, "every call answers the one submission");
        let key = stage::key("coaching.api/Scorecard", tags::SCORECARD, name.as_str().unwrap());
        assert_eq!(house.db().history(&key, 0, 100).await.unwrap().len(), 2, "made once, submitted once");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scorecard_is_never_made_on_a_template_that_was_deleted_before_it() {
    for kept in [Kept::Memory, Kept::Sled] {
        let house = Harness::on(kept).await;
        let template = stage::template(&house.operator()).await;
        let deleter = house.operator();
        let name = template["name"].clone();
        let (answers, deleted) = tokio::join!(
            at_once(&house, "CreateScorecard", |_| stage::draft("", "amir", 5), |caller| caller),
            deleter.call("DeleteScorecardTemplate", json!({"name": name}))
        );
        deleted.ok();
        let mut made = 0;
        for answer in answers {
            match answer.outcome {
                Ok(_) => made += 1,
                Err(refusal) => assert_eq!(refusal.reason, "TEMPLATE_DELETED", "{refusal}"),
            }
        }
        // In the store's own order of commits, the deletion is behind every scorecard.
        let changes = house.db().changes(0, 10_000).await.unwrap();
        let last = |tag| changes.iter().filter(|change| change.key.tag == tag).map(|change| change.commit).max();
        assert_eq!(changes.iter().filter(|change| change.key.tag == tags::SCORECARD).count(), made);
        assert!(last(tags::SCORECARD) < last(tags::SCORECARD_TEMPLATE), "{changes:?}");
    }
}
