//! Plans and sessions at their limits, and links while both ends change.

use serde_json::{Value, json};

use crate::harness::{Harness, Kept, PARENT, Transport};
use crate::stage;

fn batch(count: usize) -> Value {
    let plan = |number: usize| {
        json!({"name": stage::name(&format!("coachingPlans/p{number:03}")),
               "agentUserName": stage::user("amir"), "isActive": number.is_multiple_of(2)})
    };
    json!({"parent": PARENT, "coachingPlans": (0..count).map(plan).collect::<Vec<_>>()})
}

#[tokio::test(flavor = "multi_thread")]
async fn the_largest_batch_fits_with_a_key_and_one_more_does_not() {
    for kept in [Kept::Memory, Kept::Sled] {
        let house = Harness::on(kept).await;
        let keyed = |key: &str| house.operator().with("idempotency-key", key);
        // Expired answers are swept in the same commit.
        for number in 0..4 {
            let key = format!("6f1e0a52-8f5a-4c34-9d0e-3a1f5f4f9d0{number}");
            keyed(&key).call("BatchUpsertCoachingPlans", batch(1)).await.ok();
        }
        house.clock().advance(25 * 3_600 * 1_000_000);
        let key = "7f1e0a52-8f5a-4c34-9d0e-3a1f5f4f9d02";
        let made = keyed(key).call("BatchUpsertCoachingPlans", batch(500)).await.ok();
        assert_eq!(made["coachingPlans"].as_array().map(Vec::len), Some(500));
        assert_eq!(keyed(key).call("BatchUpsertCoachingPlans", batch(500)).await.ok(), made);
        let refusal = house.operator().call("BatchUpsertCoachingPlans", batch(501)).await.refused("INVALID_REQUEST");
        assert_eq!(refusal.paths(), ["coachingPlans"]);
        let active = json!({"parent": PARENT, "isActive": true, "pageSize": 1_000});
        let listed = house.operator().call("ListCoachingPlans", active).await.ok();
        assert_eq!(listed["coachingPlans"].as_array().map(Vec::len), Some(250));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scorecard_that_goes_while_it_is_added_is_on_no_plan() {
    for kept in [Kept::Memory, Kept::Sled] {
        let house = Harness::on(kept).await;
        stage::template(&house.operator()).await;
        house.operator().call("BatchUpsertCoachingPlans", batch(8)).await.ok();
        let made = house.operator().call("CreateScorecard", stage::draft("one", "amir", 5)).await.ok();
        let card = &made["scorecard"]["name"];
        let add = |number: usize| {
            let caller = house.over(Transport::ALL[number % 3]);
            let plan = stage::name(&format!("coachingPlans/p{number:03}"));
            let request = json!({"name": plan, "scorecardName": card});
            tokio::spawn(async move { caller.call("AddScorecardToCoachingPlan", request).await })
        };
        let adding: Vec<_> = (0..8).map(add).collect();
        house.operator().call("DeleteScorecard", json!({"name": card})).await.ok();
        for added in adding {
            if let Err(refusal) = added.await.expect("the call ends").outcome {
                assert_eq!(refusal.reason, "RESOURCE_NOT_FOUND", "{refusal}");
            }
        }
        house.operator().call("GetScorecard", json!({"name": card})).await.refused("RESOURCE_NOT_FOUND");
        for number in 0..8 {
            let plan = stage::name(&format!("coachingPlans/p{number:03}"));
            let of_plan = json!({"parent": PARENT, "coachingPlanNames": [plan]});
            assert_eq!(stage::names(&house.operator().call("ListScorecards", of_plan).await.ok()), [""; 0]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_plans_added_at_once_are_all_on_the_scorecard() {
    for kept in [Kept::Memory, Kept::Sled] {
        let house = Harness::on(kept).await;
        stage::template(&house.operator()).await;
        house.operator().call("BatchUpsertCoachingPlans", batch(8)).await.ok();
        let made = house.operator().call("CreateScorecard", stage::draft("one", "amir", 5)).await.ok();
        let card = &made["scorecard"]["name"];
        let plans: Vec<String> = (0..8).map(|number| stage::name(&format!("coachingPlans/p{number:03}"))).collect();
        let add = |(number, plan): (usize, &String)| {
            let caller = house.over(Transport::ALL[number % 3]);
            let request = json!({"name": plan, "scorecardName": card});
            tokio::spawn(async move { caller.call("AddScorecardToCoachingPlan", request).await })
        };
        for added in plans.iter().enumerate().map(add).collect::<Vec<_>>() {
            added.await.expect("the call ends").ok();
        }
        let read = house.operator().call("GetScorecard", json!({"name": card})).await.ok();
        let mut linked: Vec<&str> =
            read["scorecard"]["coachingPlanNames"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        linked.sort_unstable();
        assert_eq!(linked, plans);
    }
}

/// A plan of `amir` with one session, and the request that makes a comment which links to it.
async fn linked(house: &Harness) -> (String, impl Fn(usize) -> Value + use<>) {
    house.operator().call("BatchUpsertCoachingPlans", batch(1)).await.ok();
    let (plan, session) = (stage::name("coachingPlans/p000"), stage::name("coachingSessions/one"));
    let request = json!({"parent": PARENT, "coachingSession": {"name": session, "coachingPlanName": plan}});
    house.operator().call("CreateCoachingSession", request).await.ok();
    let linking = session.clone();
    let comment = move |number: usize| {
        json!({"parent": PARENT, "coachingComment": {
            "name": stage::name(&format!("coachingComments/c{number:03}")), "coachingPlanName": plan,
            "message": "see", "linkedSessionNotes": [{"coachingSessionName": linking}]}})
    };
    (session, comment)
}

/// The comments that say that they link to a session.
async fn linking(house: &Harness) -> usize {
    let listed = house.operator().call("ListCoachingComments", json!({"parent": PARENT, "pageSize": 1_000})).await.ok();
    let links = |comment: &&Value| comment["linkedSessionNotes"].as_array().is_some_and(|notes| !notes.is_empty());
    listed["coachingComments"].as_array().unwrap().iter().filter(links).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_comment_links_to_a_session_that_goes_meanwhile() {
    for kept in [Kept::Memory, Kept::Sled] {
        for pause in [0, 3, 10] {
            let house = Harness::on(kept).await;
            let (session, comment) = linked(&house).await;
            let write = |number: usize| {
                let caller = house.over(Transport::ALL[number % 3]);
                let request = comment(number);
                tokio::spawn(async move { caller.call("CreateCoachingComment", request).await })
            };
            let mut writing: Vec<_> = (0..24).map(write).collect();
            // Some are behind the deletion and some before it, whichever way the machine is disposed.
            for one in writing.drain(..pause).collect::<Vec<_>>() {
                one.await.expect("the call ends").ok();
            }
            house.operator().call("DeleteCoachingSession", json!({"name": session})).await.ok();
            for one in writing {
                if let Err(refusal) = one.await.expect("the call ends").outcome {
                    assert_eq!(refusal.reason, "PLAN_DIFFERS", "{refusal}");
                }
            }
            house.operator().call("GetCoachingSession", json!({"name": session})).await.refused("RESOURCE_NOT_FOUND");
            assert_eq!(linking(&house).await, 0, "links dangle");
            house.operator().call("CreateCoachingComment", comment(99)).await.refused("PLAN_DIFFERS");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_linked_by_a_hundred_comments_and_goes_with_all_their_links() {
    for kept in [Kept::Memory, Kept::Sled] {
        let house = Harness::on(kept).await;
        let (session, comment) = linked(&house).await;
        for number in 0..100 {
            house.operator().call("CreateCoachingComment", comment(number)).await.ok();
        }
        house.operator().call("CreateCoachingComment", comment(100)).await.refused("TOO_MANY_LINKS");
        assert_eq!(linking(&house).await, 100);
        house.operator().call("DeleteCoachingSession", json!({"name": session})).await.ok();
        assert_eq!(linking(&house).await, 0);
    }
}
