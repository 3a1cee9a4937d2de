//! The longest names that the contract allows fit everywhere that a name goes.

use serde_json::json;

use crate::harness::{Harness, PARENT};

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

#[tokio::test]
async fn every_list_of_a_request_that_looks_for_things_takes_so_many_values_and_no_more() {
    let scorecard = ["agentUserNames", "scorecardNames", "teamNames", "scorecardTemplateNames", "groupNames"];
    let requests: [(&str, &[&str]); 13] = [
        ("ListScorecards", &["coachingPlanNames", "conversationNames", "creatorUserNames", "submitterUserNames"]),
        ("ListScorecards", &["usecaseNames", "scorecardTypes", "processIds"]),
        ("ExportScorecards", &scorecard),
        ("StreamExportScorecards", &scorecard),
        ("ListCurrentScorecardTemplates", &["triggers", "usecaseNames", "types", "statuses"]),
        ("ListTargets", &["usecaseNames", "scorecardTemplateNames", "criterionOrChapterIds", "coachingPlanNames"]),
        ("ListCoachingPlans", &["agentUserNames", "usecaseNames", "focusCriteria", "groupNames"]),
        ("ListCoachingSessions", &["agentUserNames", "coachingPlanNames", "creatorUserNames", "usecaseNames"]),
        ("ListCoachingComments", &["threadIds", "coachingPlanNames", "usecaseNames"]),
        ("ListConversations", &["agentUserNames", "usecaseNames", "momentNames"]),
        ("RetrieveCoachingOverviews", &["agentUserNames", "scorecardTemplateNames", "groupNames", "usecaseNames"]),
        ("RetrieveCoachingProgresses", &["agentUserNames", "groupNames", "usecaseNames"]),
        ("SuggestCoachingOpportunities", &["agentUserNames", "usecaseNames", "scorecardTemplateNames"]),
    ];
    let house = Harness::memory().await;
    let caller = house.operator();
    let refused = async |rpc: &str, parent: &str, field: &str| {
        let value = |number: usize| match field {
            "types" | "statuses" | "scorecardTypes" => json!(1),
            "focusCriteria" => json!({"scorecardTemplateName": format!("{PARENT}/scorecardTemplates/{number}")}),
            "triggers" => json!(format!("{PARENT}/moments/{number}")),
            _ => match field.strip_suffix("Names") {
                Some("agentUser" | "creatorUser" | "submitterUser") => {
                    json!(format!("customers/acme/users/{number}"))
                }
                Some(kind @ ("group" | "team")) => json!(format!("customers/acme/{kind}s/{number}")),
                Some(kind) => json!(format!("{PARENT}/{kind}s/{number}")),
                None => json!(format!("{number}")),
            },
        };
        // A large team is one question, and many pages of a listing.
        let most = if field == "agentUserNames" && !rpc.starts_with("List") { 1_000 } else { 100 };
        for count in [most, most + 1] {
            let values: Vec<_> = (0..count).map(value).collect();
            let mut request = json!({"parent": parent});
            request[field] = values.into();
            let answer = caller.call(rpc, request).await;
            if count > most {
                // Some of them lack a required field besides.
                assert!(answer.refused("INVALID_REQUEST").paths().contains(&field), "{rpc}.{field}");
            } else if rpc.starts_with("List") {
                answer.ok();
            }
        }
    };
    for (rpc, fields) in requests {
        for field in fields {
            refused(rpc, PARENT, field).await;
        }
    }
    for field in ["groupNames", "teamNames", "roles"] {
        refused("ListUsers", "customers/acme", field).await;
    }
}
