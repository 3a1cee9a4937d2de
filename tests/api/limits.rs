//! The longest names that the contract allows fit everywhere that a name goes.

use serde_json::json;

use crate::harness::Harness;

#[tokio::test]
async fn ids_of_the_greatest_length_fit_into_every_key_and_every_listing() {
    let id = |letter: &str| letter.repeat(128);
    let parent = format!("customers/{}/profiles/{}", id("c"), id("p"));
    let template = format!("{parent}/scorecardTemplates/{}", id("t"));
    let card = format!("{parent}/scorecards/{}", id("s"));
    let usecase = format!("{parent}/usecases/{}", id("u"));
    let agent = format!("customers/{}/users/{}", id("c"), id("a"));
    let criterion = id("q");
    for harness in [Harness::memory().await, Harness::sled().await] {
        let caller = harness.operator();
        let title = "\u{1F600}".repeat(500); // four bytes each
        caller
            .call(
                "CreateScorecardTemplate",
                json!({"parent": parent, "scorecardTemplate": {"name": template, "title": title, "template": {"chapters": [
                    {"id": "chapter", "criteria": [{"id": criterion, "yesNo": {}}]}]}}}),
            )
            .await
            .ok();
        caller
            .call(
                "CreateScorecard",
                json!({"parent": parent, "scorecard": {"name": card, "templateName": template, "agentUserName": agent,
                    "usecaseName": usecase, "conversationName": format!("{parent}/conversations/{}", id("v"))}}),
            )
            .await
            .ok();
        caller
            .call(
                "CreateTarget",
                json!({"parent": parent, "target": {"name": format!("{parent}/targets/{}", id("g")), "target": 80,
                    "scorecardTemplateName": template, "criterionOrChapterId": criterion, "usecaseName": usecase}}),
            )
            .await
            .ok();
        let cards = caller.call("ListScorecards", json!({"parent": parent, "agentUserName": agent})).await.ok();
        assert_eq!(cards["scorecards"][0]["name"], card);
        let templates = caller.call("ListCurrentScorecardTemplates", json!({"parent": parent})).await.ok();
        assert_eq!(templates["scorecardTemplates"][0]["name"], template);
        let targets = caller.call("ListTargets", json!({"parent": parent})).await.ok();
        assert_eq!(targets["targets"][0]["target"], 80.0);
    }
}

#[tokio::test]
async fn what_is_longest_in_a_user_fits_into_every_key_and_every_listing() {
    let id = |letter: &str| letter.repeat(128);
    let customer = format!("customers/{}", id("c"));
    let wide = |length: usize| "\u{1F600}".repeat(length); // four bytes each
    let names = |kind: &str| (0..100).map(|i| format!("{customer}/{kind}/{i:0>128}")).collect::<Vec<_>>();
    let roles = (0..20).map(|i| format!("{}{i:02}", wide(62))).collect::<Vec<_>>();
    let user = json!({"name": format!("{customer}/users/{}", id("u")), "username": wide(128), "displayName": wide(500),
                      "fullName": wide(500), "email": format!("{}@b", wide(318)), "roles": roles,
                      "groupNames": names("groups"), "teamNames": names("teams")});
    for harness in [Harness::memory().await, Harness::sled().await] {
        let caller = harness.operator();
        caller.call("BatchUpsertUsers", json!({"parent": customer, "users": [user]})).await.ok();
        for filter in [
            json!({"groupNames": [names("groups")[99]]}),
            json!({"teamNames": [names("teams")[0]]}),
            json!({"roles": [roles[7]]}),
        ] {
            let mut listing = filter;
            listing["parent"] = customer.clone().into();
            assert_eq!(caller.call("ListUsers", listing).await.ok()["users"][0]["username"], wide(128));
        }
    }
}
