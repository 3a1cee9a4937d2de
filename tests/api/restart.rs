//! What was answered before a stop holds after it.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::harness::{Harness, Kept, PARENT, Transport};
use crate::stage;

/// A long time in which something must have happened that happens at once.
const PATIENCE: Duration = Duration::from_secs(60);

const KEY: &str = "6f1e0a52-8f5a-4c34-9d0e-3a1f5f4f9d03";

/// Answers to everything that can be read.
async fn answers(house: &Harness, reads: &[(&str, Value)]) -> Vec<Value> {
    let mut answers = Vec::new();
    for transport in Transport::ALL {
        for (rpc, request) in reads {
            answers.push(house.over(transport).call(rpc, request.clone()).await.ok());
        }
    }
    answers
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_closed_and_opened_again_answers_the_same() {
    let house = Harness::sled().await;
    let operator = house.operator();
    let template = stage::template(&operator).await;
    for number in 0..9 {
        house.clock().advance(1_000_000);
        operator.call("CreateScorecard", stage::draft(&format!("card-{number}"), "amir", number)).await.ok();
    }
    let card = |number: usize| stage::name(&format!("scorecards/card-{number}"));
    operator.call("SubmitScorecard", json!({"name": card(1)})).await.ok();
    operator.call("AcknowledgeScorecard", json!({"name": card(1), "acknowledgeComment": "seen"})).await.ok();
    operator.call("DeleteScorecard", json!({"name": card(2)})).await.ok();
    let scoring = json!({"name": template["name"], "template": {"scoring": {"passThreshold": 50}}});
    operator
        .call("UpdateScorecardTemplate", json!({"scorecardTemplate": scoring, "updateMask": "template.scoring"}))
        .await
        .ok();
    let target =
        json!({"scorecardTemplateName": template["name"], "target": 80, "usecaseName": stage::name("usecases/u")});
    operator.call("CreateTarget", json!({"parent": PARENT, "target": target})).await.ok();
    let once = operator.with("idempotency-key", KEY);
    let first = once.call("CreateScorecard", stage::draft("", "bea", 3)).await.ok();
    let page = json!({"parent": PARENT, "pageSize": 4, "orderBy": "TOTAL_SCORE"});
    let token = operator.call("ListScorecards", page.clone()).await.ok()["nextPageToken"].clone();
    let mut next = page;
    next["pageToken"] = token;

    let reads = [
        ("GetScorecard", json!({"name": card(1), "explain": true})),
        ("ListScorecards", json!({"parent": PARENT, "orderBy": "UPDATE_TIME"})),
        ("ListScorecards", json!({"parent": PARENT, "agentUserName": stage::user("amir")})),
        ("ListScorecards", next),
        ("GetScorecardTemplate", json!({"name": template["name"]})),
        ("ListScorecardTemplateRevisions", json!({"name": template["name"]})),
        ("ListCurrentScorecardTemplates", json!({"parent": PARENT})),
        ("ListTargets", json!({"parent": PARENT})),
    ];
    let before = answers(&house, &reads).await;
    assert!(before.iter().all(|answer| answer.as_object().is_some_and(|members| !members.is_empty())));

    let house = house.restart().await;
    assert_eq!(answers(&house, &reads).await, before);
    house.operator().call("GetScorecard", json!({"name": card(2)})).await.refused("RESOURCE_NOT_FOUND");
    let again =
        house.operator().with("idempotency-key", KEY).call("CreateScorecard", stage::draft("", "bea", 3)).await.ok();
    assert_eq!(again, first, "a key outlives a restart");
    house
        .operator()
        .call("CreateTarget", json!({"parent": PARENT, "target": target}))
        .await
        .refused("TARGET_ALREADY_EXISTS");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_finishes_the_call_in_flight_and_takes_no_other() {
    for kept in [Kept::Memory, Kept::Sled] {
        let house = Harness::on(kept).await;
        stage::template(&house.operator()).await;
        let address = house.address();

        // A call whose body is still to come: the server asks for it, so the call is in flight.
        let request = stage::draft("late", "amir", 7)["scorecard"].to_string();
        let mut late = TcpStream::connect(address).await.unwrap();
        let head = format!(
            "POST /v1/{PARENT}/scorecards HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
             content-length: {}\r\nexpect: 100-continue\r\n\r\n",
            request.len()
        );
        late.write_all(head.as_bytes()).await.unwrap();
        let mut bytes = [0; 1024];
        let read = timeout(PATIENCE, late.read(&mut bytes)).await.expect("an answer in time").unwrap();
        let asked = String::from_utf8_lossy(&bytes[..read]).into_owned();
        assert!(asked.starts_with("HTTP/1.1 100 Continue"), "{asked}");

        let db = house.db().clone();
        let stopping = tokio::spawn(house.stop());
        timeout(PATIENCE, async {
            while TcpStream::connect(address).await.is_ok() {
                tokio::task::yield_now().await;
            }
        })
        .await
        .expect("nothing new is accepted once the stop has begun");
        assert!(!stopping.is_finished(), "the stop waits for the call");

        late.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        timeout(PATIENCE, late.read_to_string(&mut answer)).await.expect("an answer in time").unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
        assert_eq!(stopping.await.unwrap(), 0, "no connection was cut off");

        let key =
            stage::key("coaching.api/Scorecard", coaching::store::tags::SCORECARD, &stage::name("scorecards/late"));
        assert_eq!(db.history(&key, 0, 10).await.unwrap().len(), 1, "what was answered is stored");
    }
}
