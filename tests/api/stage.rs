//! What topics begin with: a template, and scorecards on it.

use coaching::clock::Micros;
use coaching::names::Name;
use coaching::pb::cresta::v1::coaching::{Scorecard, ScorecardType};
use coaching::pb::cresta::v1::user::User;
use coaching::store::{Db, Fault, Key, Origin, Tag};
use serde_json::{Value, json};

use crate::harness::{Caller, PARENT, START};

/// The full name of a thing, such as `scorecards/one`.
pub(crate) fn name(rest: &str) -> String {
    format!("{PARENT}/{rest}")
}

/// The name of a user of the usual customer.
pub(crate) fn user(id: &str) -> String {
    format!("customers/acme/users/{id}")
}

/// Makes the template `scorecardTemplates/qa` with one question, worth 0 to 10.
pub(crate) async fn template(caller: &Caller) -> Value {
    let chapters =
        json!([{"id": "all", "criteria": [{"id": "grade", "required": true, "range": {"min": 0, "max": 10}}]}]);
    let template =
        json!({"name": name("scorecardTemplates/qa"), "title": "Quality", "template": {"chapters": chapters}});
    let made = caller.call("CreateScorecardTemplate", json!({"parent": PARENT, "scorecardTemplate": template})).await;
    made.ok()["scorecardTemplate"].clone()
}

/// The request that makes a scorecard of this agent with this grade; an empty id leaves it to the server.
pub(crate) fn draft(id: &str, agent: &str, grade: u32) -> Value {
    let mut card = json!({
        "agentUserName": user(agent),
        "templateName": name("scorecardTemplates/qa"),
        "conversationName": name("conversations/call"),
        "scores": [{"criterionId": "grade", "numericValue": grade}],
    });
    if !id.is_empty() {
        card["name"] = name(&format!("scorecards/{id}")).into();
    }
    json!({"parent": PARENT, "scorecard": card})
}

/// The names on a page.
pub(crate) fn names(page: &Value) -> Vec<String> {
    let cards = page["scorecards"].as_array().expect("a page of scorecards");
    cards.iter().map(|card| card["name"].as_str().expect("a name").to_owned()).collect()
}

/// The key of the record with this name.
pub(crate) fn key(kind: &str, tag: Tag, name: &str) -> Key {
    coaching::api::resource::key(tag, &Name::parse(kind, name).expect("a name"))
}

/// Puts drafts straight into the store, where making thousands by calls would only cost time: one a second, of the agent
/// `amir`, with the usecase that `usecase` gives each number.
pub(crate) async fn fill(db: &Db, count: usize, template: &Value, usecase: impl Fn(usize) -> &'static str) {
    let revision =
        format!("{}@{}", template["name"].as_str().expect("a name"), template["revision"].as_str().expect("one"));
    let cards: Vec<Scorecard> = (0..count)
        .map(|number| {
            let time = Some(Micros(START.0 + number as i64 * 1_000_000).timestamp());
            Scorecard {
                name: name(&format!("scorecards/bulk-{number:05}")),
                agent_user_name: user("amir"),
                template_name: revision.clone(),
                conversation_name: name(&format!("conversations/call-{number}")),
                usecase_name: name(&format!("usecases/{}", usecase(number))),
                creator: Some(User { name: user("gail"), ..User::default() }),
                create_time: time,
                update_time: time,
                scorecard_type: ScorecardType::Conversation as i32,
                ..Scorecard::default()
            }
        })
        .collect();
    put(db, &cards).await;
}

/// Puts these scorecards straight into the store.
pub(crate) async fn put(db: &Db, cards: &[Scorecard]) {
    for some in cards.chunks(100) {
        let saved: Result<(), Fault> = db
            .write(&Origin::default(), |txn| async move {
                for card in some {
                    txn.save(card).await?;
                }
                Ok(())
            })
            .await;
        saved.expect("the store takes them");
    }
}
