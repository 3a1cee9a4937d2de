//! Every change appends what was there before, who changed it and through what.

use coaching::pb::coaching::access::v1::Role;
use coaching::pb::cresta::v1::coaching::{Scorecard, ScorecardTemplate, Target};
use coaching::store::{Event, Op, tags};
use prost::Message as _;
use serde_json::{Value, json};

use crate::harness::{Caller, Harness, Kept, PARENT, START, Transport};
use crate::stage;

/// What an event says: what happened, through which RPC, by whom, how many seconds after the start.
fn said(event: &Event) -> (Op, &str, &str, i64) {
    let at = (event.origin.at_us - START.0) / 1_000_000;
    (event.op, &event.origin.rpc, event.origin.actor.rsplit('/').next().unwrap_or_default(), at)
}

fn etag(answer: &Value, resource: &str) -> String {
    answer[resource]["etag"].as_str().expect("an etag").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_change_of_a_scorecard_is_kept_with_its_actor_and_what_was_before() {
    for kept in [Kept::Memory, Kept::Sled] {
        let house = Harness::on(kept).await;
        stage::template(&house.operator()).await;
        let name = stage::name("scorecards/one");
        let grader = house.over(Transport::Rest).as_user("gail", Role::Grader).with("x-request-id", "the-request");
        let agent = house.over(Transport::GrpcWeb).as_user("amir", Role::Agent);
        let minute = || house.clock().advance(60_000_000);

        let created = grader.call("CreateScorecard", stage::draft("one", "amir", 5)).await.ok();
        minute();
        let changed =
            grader.call("UpdateScorecard", json!({"scorecard": {"name": name, "comment": "fine"}})).await.ok();
        minute();
        let submitted = grader.call("SubmitScorecard", json!({"name": name})).await.ok();
        minute();
        let acknowledged =
            agent.call("AcknowledgeScorecard", json!({"name": name, "acknowledgeComment": "ok"})).await.ok();
        minute();
        let reset = grader.call("ResetScorecard", json!({"name": name})).await.ok();
        minute();
        // What is refused, and what changes nothing, leaves no trace.
        grader.call("SubmitScorecard", json!({"name": name})).await.refused("SCORES_INCOMPLETE");
        grader.call("UpdateScorecard", json!({"scorecard": {"name": name}})).await.ok();
        agent.call("GetScorecard", json!({"name": name})).await.refused("RESOURCE_NOT_FOUND");
        grader.call("DeleteScorecard", json!({"name": name})).await.ok();

        let key = stage::key("coaching.api/Scorecard", tags::SCORECARD, &name);
        let events = house.db().history(&key, 0, 100).await.unwrap();
        assert_eq!(
            events.iter().map(said).collect::<Vec<_>>(),
            [
                (Op::Create, "CreateScorecard", "gail", 0),
                (Op::Update, "UpdateScorecard", "gail", 60),
                (Op::Update, "SubmitScorecard", "gail", 120),
                (Op::Update, "AcknowledgeScorecard", "amir", 180),
                (Op::Update, "ResetScorecard", "gail", 240),
                (Op::Delete, "DeleteScorecard", "gail", 300),
            ]
        );
        assert!(events.iter().all(|event| !event.origin.request_id.is_empty()));
        assert_eq!(events[0].origin.request_id, "the-request");
        assert!(events[0].before.is_none(), "nothing was before it was made");
        let before = events[1..].iter().map(|event| Scorecard::decode(event.before.clone().unwrap()).unwrap().etag);
        let answered = [created, changed, submitted, acknowledged, reset].map(|answer| etag(&answer, "scorecard"));
        assert_eq!(before.collect::<Vec<_>>(), answered, "each event holds what was answered before it");
        // As it was at any version.
        let at = house.db().body_at(&key, events[2].version).await.unwrap().unwrap();
        assert_eq!(Scorecard::decode(at).unwrap().comment, "fine");
        assert_eq!(house.db().body_at(&key, events[5].version).await.unwrap(), None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_change_of_a_template_and_of_a_target_is_kept() {
    for kept in [Kept::Memory, Kept::Sled] {
        let house = Harness::on(kept).await;
        let admin = house.over(Transport::Grpc).as_user("ada", Role::Admin);
        let template = stage::template(&admin).await;
        let name = template["name"].as_str().unwrap().to_owned();
        admin.call("UpdateScorecardTemplate", json!({"scorecardTemplate": {"name": name, "title": "New"}})).await.ok();
        let target = json!({"name": stage::name("targets/t"), "scorecardTemplateName": name, "target": 80, "usecaseName": stage::name("usecases/u")});
        admin.call("CreateTarget", json!({"parent": PARENT, "target": target})).await.ok();
        admin.call("UpdateTarget", json!({"target": {"name": target["name"], "target": 90}})).await.ok();
        admin.call("DeleteTarget", json!({"name": target["name"]})).await.ok();
        admin.call("DeleteScorecardTemplate", json!({"name": name})).await.ok();

        let key = stage::key("coaching.api/ScorecardTemplate", tags::SCORECARD_TEMPLATE, &name);
        let events = house.db().history(&key, 0, 100).await.unwrap();
        let template_said = [
            (Op::Create, "CreateScorecardTemplate", "ada", 0),
            (Op::Update, "UpdateScorecardTemplate", "ada", 0),
            (Op::Update, "DeleteScorecardTemplate", "ada", 0),
        ];
        assert_eq!(events.iter().map(said).collect::<Vec<_>>(), template_said);
        let titles =
            events[1..].iter().map(|event| ScorecardTemplate::decode(event.before.clone().unwrap()).unwrap().title);
        assert_eq!(titles.collect::<Vec<_>>(), ["Quality", "New"]);

        let key = stage::key("coaching.api/Target", tags::TARGET, target["name"].as_str().unwrap());
        let events = house.db().history(&key, 0, 100).await.unwrap();
        let target_said = [
            (Op::Create, "CreateTarget", "ada", 0),
            (Op::Update, "UpdateTarget", "ada", 0),
            (Op::Delete, "DeleteTarget", "ada", 0),
        ];
        assert_eq!(events.iter().map(said).collect::<Vec<_>>(), target_said);
        let values = events[1..].iter().map(|event| Target::decode(event.before.clone().unwrap()).unwrap().target);
        assert_eq!(values.collect::<Vec<_>>(), [Some(80.0), Some(90.0)]);
    }
}

/// The revisions of a scorecard over as many pages as they take, and how many that were.
async fn walked(caller: &Caller, name: &str, size: u32) -> (Vec<Value>, usize) {
    let (mut revisions, mut token, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let page = json!({"name": name, "pageSize": size, "pageToken": token});
        let page = caller.call("ListRevisions", page).await.ok();
        revisions.extend(page["revisions"].as_array().expect("a page").iter().cloned());
        pages += 1;
        token = page["nextPageToken"].as_str().expect("a token").to_owned();
        if token.is_empty() {
            return (revisions, pages);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_history_of_large_values_comes_in_short_pages_and_whole() {
    for kept in [Kept::Memory, Kept::Sled] {
        let house = Harness::on(kept).await;
        stage::template(&house.operator()).await;
        let name = stage::name("scorecards/one");
        let made = house.operator().call("CreateScorecard", stage::draft("one", "amir", 5)).await.ok();
        let mut etags = vec![etag(&made, "scorecard")];
        for number in 0..40 {
            let comment = format!("{number:03}{}", "\u{1f600}".repeat(19_000));
            let update = json!({"scorecard": {"name": name, "comment": comment}});
            etags.push(etag(&house.operator().call("UpdateScorecard", update).await.ok(), "scorecard"));
        }
        etags.reverse();
        for (transport, size) in [(Transport::Grpc, 100), (Transport::Rest, 17), (Transport::GrpcWeb, 1)] {
            let (revisions, pages) = walked(&house.over(transport), &name, size).await;
            let told: Vec<String> = revisions.iter().map(|revision| etag(revision, "scorecard")).collect();
            assert_eq!(told, etags, "each as it was answered, latest first");
            assert_eq!(pages, if size == 1 { 41 } else { 2.max(41_usize.div_ceil(size as usize)) });
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_that_is_read_while_it_grows_has_no_gap_and_no_wrong_value() {
    for kept in [Kept::Memory, Kept::Sled] {
        let house = Harness::on(kept).await;
        stage::template(&house.operator()).await;
        let name = stage::name("scorecards/one");
        house.operator().call("CreateScorecard", stage::draft("one", "amir", 5)).await.ok();
        let writer = house.operator();
        let of = name.clone();
        let writing = tokio::spawn(async move {
            for number in 1..=60 {
                let update = json!({"scorecard": {"name": of, "comment": number.to_string()}});
                writer.call("UpdateScorecard", update).await.ok();
            }
        });
        loop {
            let ended = writing.is_finished();
            let (revisions, _) = walked(&house.operator(), &name, 7).await;
            let numbers = revisions.iter().map(|revision| revision["scorecard"]["comment"].as_str().unwrap());
            let latest = revisions.len() - 1;
            let wanted = (0..=latest).rev().map(|number| if number == 0 { String::new() } else { number.to_string() });
            assert!(numbers.eq(wanted), "{revisions:#?}");
            if ended {
                assert_eq!(latest, 60);
                break;
            }
        }
        writing.await.unwrap();
    }
}
