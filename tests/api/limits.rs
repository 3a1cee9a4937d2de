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
