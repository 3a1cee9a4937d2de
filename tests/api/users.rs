//! What other resources make of the directory: users are shown as it knows them, and in strict mode nothing is named that
//! it does not have.

use coaching::pb::coaching::access::v1::Role;
use coaching::pb::coaching::directory::v1::DirectoryUser;
use coaching::pb::cresta::v1::coaching::{Audience, CoachingComment, Scorecard, ScorecardTemplate};
use coaching::pb::cresta::v1::user::User;
use coaching::store::{Fault, Origin, tags};
use serde_json::{Value, json};

use crate::harness::{Caller, Harness, Kept, PARENT, Transport};
use crate::stage::{self, user};

/// Brings a user into the directory, or changes them.
async fn bring(house: &Harness, customer: &str, id: &str, display: &str) {
    let user = json!({
        "name": format!("customers/{customer}/users/{id}"),
        "username": format!("{id}.signs.in"),
        "email": format!("{id}@{customer}.example"),
        "displayName": display,
        "fullName": format!("{display} Whole"),
        "isDevUser": true,
        "roles": ["grader", "manager"],
    });
    let request = json!({"parent": format!("customers/{customer}"), "users": [user]});
    house.operator().call("BatchUpsertUsers", request).await.ok();
}

/// The user of the usual customer as an answer shows them whole.
fn whole(id: &str, display: &str) -> Value {
    json!({
        "name": user(id),
        "userId": id,
        "username": format!("{id}.signs.in"),
        "email": format!("{id}@acme.example"),
        "displayName": display,
        "fullName": format!("{display} Whole"),
        "isDevUser": true,
        "roles": ["grader", "manager"],
    })
}

/// The user as one is shown whom the directory does not know.
fn bare(id: &str) -> Value {
    shown(id, "", "")
}

/// The user as agents are shown others.
fn shown(id: &str, display: &str, full: &str) -> Value {
    json!({
        "name": user(id),
        "userId": id,
        "username": "",
        "email": "",
        "displayName": display,
        "fullName": full,
        "isDevUser": false,
        "roles": [],
    })
}

async fn card(caller: &Caller, rpc: &str, request: Value) -> Value {
    caller.call(rpc, request).await.ok()["scorecard"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn users_are_filled_in_every_answer_that_shows_a_scorecard() {
    for kept in [Kept::Memory, Kept::Sled] {
        for transport in Transport::ALL {
            let house = Harness::on(kept).await;
            bring(&house, "acme", "gail", "Gail").await;
            bring(&house, "acme", "mona", "Mona").await;
            stage::template(&house.operator()).await;
            let gail = house.over(transport).as_user("gail", Role::Grader);
            let mona = house.over(transport).as_user("mona", Role::Grader);
            let name = stage::name("scorecards/one");

            let made = card(&gail, "CreateScorecard", stage::draft("one", "amir", 5)).await;
            assert_eq!((&made["creator"], &made["updatedBy"]), (&whole("gail", "Gail"), &whole("gail", "Gail")));
            let change = json!({"scorecard": {"name": name, "comment": "fine"}});
            let changed = card(&mona, "UpdateScorecard", change.clone()).await;
            assert_eq!((&changed["creator"], &changed["updatedBy"]), (&whole("gail", "Gail"), &whole("mona", "Mona")));
            let unchanged = card(&gail, "UpdateScorecard", change).await;
            assert_eq!(unchanged, changed, "an update that changes nothing");
            let submitted = card(&gail, "SubmitScorecard", json!({"name": name})).await;
            assert_eq!(submitted["submittedBy"], whole("gail", "Gail"));
            assert_eq!(card(&mona, "GetScorecard", json!({"name": name})).await, submitted);
            let page = mona.call("ListScorecards", json!({"parent": PARENT})).await.ok();
            assert_eq!(page["scorecards"], json!([submitted]));
            assert_eq!(page["scorecardTemplates"][0]["lastUpdatedBy"], bare("operator"));
            let reset = card(&mona, "ResetScorecard", json!({"name": name})).await;
            assert_eq!((&reset["creator"], &reset["updatedBy"]), (&whole("gail", "Gail"), &whole("mona", "Mona")));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn users_are_filled_in_every_answer_that_shows_a_template() {
    for transport in Transport::ALL {
        let house = Harness::memory().await;
        bring(&house, "acme", "ada", "Ada").await;
        let ada = house.over(transport).as_user("ada", Role::Admin);
        let ask = async |rpc: &str, request: Value| ada.call(rpc, request).await.ok();
        let name = stage::name("scorecardTemplates/qa");

        let made = stage::template(&ada).await;
        assert_eq!(made["lastUpdatedBy"], whole("ada", "Ada"));
        let change = json!({"scorecardTemplate": {"name": name, "title": "Other"}});
        let changed = ask("UpdateScorecardTemplate", change).await["scorecardTemplate"].clone();
        assert_eq!(changed["lastUpdatedBy"], whole("ada", "Ada"));
        assert_eq!(ask("GetScorecardTemplate", json!({"name": name})).await["scorecardTemplate"], changed);
        for list in ["ListCurrentScorecardTemplates", "ListScorecardTemplateRevisions"] {
            let request = if list.ends_with("Revisions") { json!({"name": name}) } else { json!({"parent": PARENT}) };
            let listed = ask(list, request).await;
            assert_eq!(listed["scorecardTemplates"][0]["lastUpdatedBy"], whole("ada", "Ada"), "{list}");
        }
        let deleted = ask("DeleteScorecardTemplate", json!({"name": name})).await;
        assert_eq!(deleted["scorecardTemplate"]["lastUpdatedBy"], whole("ada", "Ada"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_the_directory_does_not_know_has_the_ids_alone_until_it_does_and_then_at_once() {
    let house = Harness::sled().await;
    stage::template(&house.operator()).await;
    let gail = house.operator().as_user("gail", Role::Grader);
    let made = card(&gail, "CreateScorecard", stage::draft("one", "amir", 5)).await;
    assert_eq!(made["creator"], bare("gail"));
    let get = || card(&gail, "GetScorecard", json!({"name": stage::name("scorecards/one")}));
    assert_eq!(get().await, made);

    for display in ["Gail", "Abigail"] {
        bring(&house, "acme", "gail", display).await;
        let now = get().await;
        assert_eq!(now["creator"], whole("gail", display));
        assert_eq!(now["etag"], made["etag"], "the scorecard itself has not changed");
        assert_eq!(now["updateTime"], made["updateTime"]);
    }
    // A client that sends back what it read, filled users and all, changes nothing.
    let read = get().await;
    assert_eq!(card(&gail, "UpdateScorecard", json!({"scorecard": read})).await, read);
}

#[tokio::test(flavor = "multi_thread")]
async fn records_hold_the_names_of_users_and_nothing_else_of_them() {
    let house = Harness::memory().await;
    bring(&house, "acme", "gail", "Gail").await;
    stage::template(&house.operator()).await;
    let gail = house.operator().as_user("gail", Role::Grader);
    let keyed = gail.with("idempotency-key", "6f1e0a52-8f5a-4c34-9d0e-3a1f5f4f9d01");
    card(&keyed, "CreateScorecard", stage::draft("one", "amir", 5)).await;
    card(&gail, "SubmitScorecard", json!({"name": stage::name("scorecards/one")})).await;

    let key = stage::key("coaching.api/Scorecard", tags::SCORECARD, &stage::name("scorecards/one"));
    let stored = house.db().get::<Scorecard>(&key).await.unwrap().unwrap();
    let names = Some(User { name: user("gail"), user_id: "gail".into(), ..User::default() });
    assert_eq!((stored.creator, stored.updated_by, stored.submitted_by), (names.clone(), names.clone(), names));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_answer_is_the_first_one_although_the_directory_has_changed() {
    for transport in Transport::ALL {
        let house = Harness::memory().await;
        bring(&house, "acme", "gail", "Gail").await;
        stage::template(&house.operator()).await;
        let gail = house.over(transport).as_user("gail", Role::Grader);
        let keyed = gail.with("idempotency-key", "6f1e0a52-8f5a-4c34-9d0e-3a1f5f4f9d01");
        let first = card(&keyed, "CreateScorecard", stage::draft("one", "amir", 5)).await;
        assert_eq!(first["creator"], whole("gail", "Gail"));
        bring(&house, "acme", "gail", "Abigail").await;
        assert_eq!(card(&keyed, "CreateScorecard", stage::draft("one", "amir", 5)).await, first);
        let now = card(&gail, "GetScorecard", json!({"name": stage::name("scorecards/one")})).await;
        assert_eq!(now["creator"], whole("gail", "Abigail"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_of_another_customer_with_the_same_id_is_somebody_else() {
    let house = Harness::sled().await;
    bring(&house, "other", "gail", "Stranger").await;
    bring(&house, "other", "operator", "Stranger").await;
    stage::template(&house.operator()).await;
    let gail = house.operator().as_user("gail", Role::Grader);
    let made = card(&gail, "CreateScorecard", stage::draft("one", "amir", 5)).await;
    assert_eq!(made["creator"], bare("gail"));
    let page = gail.call("ListScorecards", json!({"parent": PARENT})).await.ok();
    assert_eq!(page["scorecardTemplates"][0]["lastUpdatedBy"], bare("operator"));
    bring(&house, "acme", "gail", "Gail").await;
    let read = card(&gail, "GetScorecard", json!({"name": made["name"]})).await;
    assert_eq!(read["creator"], whole("gail", "Gail"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_is_shown_what_others_are_called_and_themselves_whole() {
    for transport in Transport::ALL {
        let house = Harness::memory().await;
        bring(&house, "acme", "gail", "Gail").await;
        bring(&house, "acme", "amir", "Amir").await;
        stage::template(&house.operator()).await;
        let named = json!({"name": stage::name("scorecardTemplates/qa"), "audience": {"users": [user("amir")]}});
        house.operator().call("UpdateScorecardTemplate", json!({"scorecardTemplate": named})).await.ok();
        let gail = house.over(transport).as_user("gail", Role::Grader);
        let amir = house.over(transport).as_user("amir", Role::Agent);
        let name = json!({"name": stage::name("scorecards/one")});
        card(&gail, "CreateScorecard", stage::draft("one", "amir", 5)).await;
        card(&gail, "SubmitScorecard", name.clone()).await;
        let read = card(&amir, "GetScorecard", name.clone()).await;
        assert_eq!(read["creator"], shown("gail", "Gail", "Gail Whole"));
        let page = amir.call("ListScorecards", json!({"parent": PARENT})).await.ok();
        assert_eq!(page["scorecards"], json!([read]));
        let acknowledged = card(&amir, "AcknowledgeScorecard", name).await;
        assert_eq!(acknowledged["updatedBy"], whole("amir", "Amir"));
        assert_eq!(acknowledged["submittedBy"], shown("gail", "Gail", "Gail Whole"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_strict_directory_refuses_every_name_that_it_does_not_have_and_nothing_is_written() {
    for kept in [Kept::Memory, Kept::Sled] {
        for transport in Transport::ALL {
            let house = Harness::strict(kept).await;
            let admin = house.over(transport).as_user("ada", Role::Admin); // who calls need not be known
            stage::template(&admin).await;
            let mut draft = stage::draft("one", "amir", 5);
            draft["scorecard"]["usecaseName"] = stage::name("usecases/sales").into();
            let refusal = admin.call("CreateScorecard", draft.clone()).await.refused("NOT_IN_DIRECTORY");
            assert_eq!(refusal.code, "FAILED_PRECONDITION");
            assert_eq!(
                refusal.paths(),
                ["scorecard.agentUserName", "scorecard.conversationName", "scorecard.usecaseName"]
            );
            let get = json!({"name": stage::name("scorecards/one")});
            admin.call("GetScorecard", get.clone()).await.refused("RESOURCE_NOT_FOUND");

            let amir = json!([{"name": user("amir"), "roles": ["agent"]}]);
            admin.call("BatchUpsertUsers", json!({"parent": "customers/acme", "users": amir})).await.ok();
            let left = admin.call("CreateScorecard", draft.clone()).await.refused("NOT_IN_DIRECTORY");
            assert_eq!(left.paths(), ["scorecard.conversationName", "scorecard.usecaseName"]);
            let sales = json!([{"name": stage::name("usecases/sales")}]);
            admin.call("BatchUpsertUsecases", json!({"parent": PARENT, "usecases": sales})).await.ok();
            let call = json!([{
                "name": stage::name("conversations/call"),
                "agentUserName": user("amir"),
                "conversationTime": "2026-03-01T09:00:00Z",
            }]);
            admin.call("BatchUpsertConversations", json!({"parent": PARENT, "conversations": call})).await.ok();
            let made = card(&admin, "CreateScorecard", draft).await;
            assert_eq!(card(&admin, "GetScorecard", get).await, made);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_strict_directory_looks_at_what_is_sent_and_written_and_at_nothing_else() {
    let house = Harness::strict(Kept::Memory).await;
    let admin = house.operator();
    let name = stage::name("scorecardTemplates/qa");
    stage::template(&admin).await;
    let audience = |users: Value| json!({"name": name, "title": "Other", "audience": {"users": users}});
    let update = async |template: Value, mask: &str| {
        let mut request = json!({"scorecardTemplate": template});
        if !mask.is_empty() {
            request["updateMask"] = mask.into();
        }
        admin.call("UpdateScorecardTemplate", request).await
    };

    bring(&house, "acme", "amir", "Amir").await;
    let mixed = audience(json!([user("amir"), user("bea"), user("bea")]));
    let paths = ["scorecardTemplate.audience.users[1]", "scorecardTemplate.audience.users[2]"];
    for mask in ["", "audience", "title,audience.users"] {
        let refusal = update(mixed.clone(), mask).await.refused("NOT_IN_DIRECTORY");
        assert_eq!(refusal.paths(), paths, "{mask}");
    }
    update(mixed, "title").await.ok();
    update(audience(json!([user("amir")])), "").await.ok();

    // What is wrong with the request itself is told first; so is what the caller may not do, or has named wrongly.
    let bad = audience(json!([user("bea"), "customers/elsewhere/users/bea"]));
    let refusal = update(bad, "").await.refused("INVALID_REQUEST");
    assert_eq!(refusal.paths(), ["scorecardTemplate.audience.users[1]"]);
    let absent = json!({"name": stage::name("scorecardTemplates/none"), "audience": {"users": [user("bea")]}});
    update(absent, "").await.refused("RESOURCE_NOT_FOUND");
    admin.call("DeactivateUser", json!({"name": user("bea")})).await.refused("RESOURCE_NOT_FOUND");

    // Filters name what they like, and listings show it.
    let filter =
        json!({"parent": PARENT, "agentUserName": user("nobody"), "usecaseNames": [stage::name("usecases/none")]});
    admin.call("ListScorecards", filter).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_strict_directory_takes_back_what_is_stored_already_where_it_stands() {
    let house = Harness::strict(Kept::Memory).await;
    let admin = house.operator();
    let name = stage::name("scorecardTemplates/qa");
    stage::template(&admin).await;
    bring(&house, "acme", "amir", "Amir").await;
    // From before the directory was strict.
    let keys = (
        &stage::key("coaching.api/ScorecardTemplate", tags::SCORECARD_TEMPLATE, &name),
        &stage::key("coaching.api/User", tags::USER, &user("amir")),
    );
    let saved: Result<(), Fault> = house
        .db()
        .write(&Origin::default(), |txn| async move {
            let mut template = txn.get::<ScorecardTemplate>(keys.0).await?.expect("a template");
            template.audience = Some(Audience { users: vec![user("bea")], ..Audience::default() });
            txn.save(&template).await?;
            let mut amir = txn.get::<DirectoryUser>(keys.1).await?.expect("a user");
            amir.group_names = vec!["customers/acme/groups/north".into()];
            txn.save(&amir).await
        })
        .await;
    saved.expect("the store takes them");

    let mut read = admin.call("GetScorecardTemplate", json!({"name": name})).await.ok()["scorecardTemplate"].clone();
    read["title"] = "Other".into();
    read["audience"]["users"] = json!([user("amir"), user("bea")]);
    let changed = admin.call("UpdateScorecardTemplate", json!({"scorecardTemplate": read})).await.ok();
    assert_eq!(changed["scorecardTemplate"]["audience"]["users"], json!([user("amir"), user("bea")]));
    read["audience"]["users"] = json!([user("bea"), user("carl")]);
    read["etag"] = "".into();
    let refusal = admin.call("UpdateScorecardTemplate", json!({"scorecardTemplate": read})).await;
    assert_eq!(refusal.refused("NOT_IN_DIRECTORY").paths(), ["scorecardTemplate.audience.users[1]"]);

    let north = |id: &str| json!({"name": user(id), "groupNames": ["customers/acme/groups/north"]});
    let users = |users: Value| json!({"parent": "customers/acme", "users": users});
    admin.call("BatchUpsertUsers", users(json!([north("amir")]))).await.ok();
    let refusal = admin.call("BatchUpsertUsers", users(json!([north("amir"), north("carl")]))).await;
    assert_eq!(refusal.refused("NOT_IN_DIRECTORY").paths(), ["users[1].groupNames[0]"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_strict_directory_holds_its_own_records_together() {
    let house = Harness::strict(Kept::Memory).await;
    let admin = house.operator();
    let amir = json!({
        "name": user("amir"),
        "groupNames": ["customers/acme/groups/east"],
        "teamNames": ["customers/acme/teams/blue"],
    });
    let batch = json!({"parent": "customers/acme", "users": [{"name": user("bea")}, amir]});
    let refusal = admin.call("BatchUpsertUsers", batch.clone()).await.refused("NOT_IN_DIRECTORY");
    assert_eq!(refusal.paths(), ["users[1].groupNames[0]", "users[1].teamNames[0]"]);
    admin.call("GetUser", json!({"name": user("bea")})).await.refused("RESOURCE_NOT_FOUND");
    let circle = |kind: &str, name: &str| json!({"parent": "customers/acme", kind: [{"name": name}]});
    admin.call("BatchUpsertGroups", circle("groups", "customers/acme/groups/east")).await.ok();
    admin.call("BatchUpsertTeams", circle("teams", "customers/acme/teams/blue")).await.ok();
    admin.call("BatchUpsertUsers", batch).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tagged_user_must_be_in_the_directory_whether_it_is_strict_or_not() {
    for house in [Harness::memory().await, Harness::strict(Kept::Memory).await] {
        bring(&house, "acme", "amir", "Amir").await;
        let comment = json!({"message": "Look", "taggedUsers": [user("bea"), user("amir"), user("carl")]});
        let request = json!({"parent": PARENT, "coachingComment": comment});
        let refusal = house.operator().call("CreateCoachingComment", request).await.refused("NOT_IN_DIRECTORY");
        assert_eq!(refusal.code, "FAILED_PRECONDITION");
        assert_eq!(refusal.paths(), ["coachingComment.taggedUsers[0]", "coachingComment.taggedUsers[2]"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comment_keeps_whom_it_tagged_before_and_takes_nobody_new_who_is_not_in_the_directory() {
    let house = Harness::memory().await;
    bring(&house, "acme", "amir", "Amir").await;
    let name = stage::name("coachingComments/old");
    // As comments were written before there was a directory.
    let old = &CoachingComment {
        name: name.clone(),
        creator_user_name: user("operator"),
        thread: "thread".into(),
        message: "Look".into(),
        tagged_users: vec![user("bea")],
        ..CoachingComment::default()
    };
    let saved: Result<(), Fault> = house.db().write(&Origin::default(), |txn| async move { txn.save(old).await }).await;
    saved.unwrap();
    let tag = async |ids: &[&str]| {
        let tagged: Vec<String> = ids.iter().map(|id| user(id)).collect();
        let comment = json!({"name": name, "taggedUsers": tagged});
        house.operator().call("UpdateCoachingComment", json!({"coachingComment": comment})).await
    };
    tag(&["amir", "bea"]).await.ok();
    let refusal = tag(&["carl", "bea", "amir"]).await.refused("NOT_IN_DIRECTORY");
    assert_eq!(refusal.paths(), ["coachingComment.taggedUsers[0]"]);
    tag(&["amir"]).await.ok();
    tag(&["amir", "bea"]).await.refused("NOT_IN_DIRECTORY");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_for_hundreds_of_names_still_fits_into_an_answer_on_every_road() {
    let house = Harness::strict(Kept::Memory).await;
    let group = |letter: &str| format!("customers/acme/groups/{}", letter.repeat(128));
    let one = |number| json!({"name": user(&format!("u{number}")), "groupNames": [group("g"), group("h")]});
    let batch = json!({"parent": "customers/acme", "users": (0..500).map(one).collect::<Vec<_>>()});
    for transport in Transport::ALL {
        let answer = house.over(transport).call("BatchUpsertUsers", batch.clone()).await;
        let refusal = answer.refused("NOT_IN_DIRECTORY");
        assert!(refusal.message.ends_with("(and 999 more)"), "{}", refusal.message);
        assert!((10..100).contains(&refusal.fields.len()), "{}", refusal.fields.len());
    }
}
