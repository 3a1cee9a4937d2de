//! The directory at its limits, and usernames that many want at once.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::harness::{Harness, Kept, PARENT, Transport};
use crate::stage;

const ACME: &str = "customers/acme";

fn users(count: usize, username: impl Fn(usize) -> String) -> Value {
    let user = |number: usize| {
        json!({"name": stage::user(&format!("u{number:03}")), "username": username(number), "roles": ["agent"],
               "groupNames": [format!("{ACME}/groups/g{}", number % 7)], "teamNames": [format!("{ACME}/teams/t")]})
    };
    json!({"parent": ACME, "users": (0..count).map(user).collect::<Vec<_>>()})
}

async fn walk(house: &Harness, rpc: &str, field: &str, mut listing: Value) -> Vec<String> {
    let mut seen = Vec::new();
    loop {
        let page = house.operator().call(rpc, listing.clone()).await.ok();
        let names = page[field].as_array().into_iter().flatten().filter_map(|one| one["name"].as_str());
        seen.extend(names.map(str::to_owned));
        match page["nextPageToken"].as_str() {
            Some("") | None => return seen,
            Some(next) => listing["pageToken"] = next.into(),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_largest_batch_of_users_changes_every_username_under_a_key_and_one_more_user_does_not_fit() {
    for kept in [Kept::Memory, Kept::Sled] {
        let house = Harness::on(kept).await;
        let keyed = house.operator().with("idempotency-key", "7f1e0a52-8f5a-4c34-9d0e-3a1f5f4f9d02");
        house.operator().call("BatchUpsertUsers", users(500, |number| format!("first-{number}"))).await.ok();
        let renamed = users(500, |number| format!("second-{number}"));
        let made = keyed.call("BatchUpsertUsers", renamed.clone()).await.ok();
        assert_eq!(made["users"].as_array().map(Vec::len), Some(500));
        assert_eq!(keyed.call("BatchUpsertUsers", renamed).await.ok(), made);
        let turned = users(500, |number| format!("SECOND-{}", (number + 1) % 500));
        house.operator().call("BatchUpsertUsers", turned).await.ok();
        let first = json!({"parent": ACME, "users": [{"name": stage::user("new"), "username": "first-1"}]});
        house.operator().call("BatchUpsertUsers", first).await.ok();
        let refusal = house.operator().call("BatchUpsertUsers", users(501, |_| String::new())).await;
        assert_eq!(refusal.refused("INVALID_REQUEST").paths(), ["users"]);

        let all = walk(&house, "ListUsers", "users", json!({"parent": ACME, "pageSize": 33})).await;
        assert_eq!(all.len(), 501);
        assert!(all.is_sorted());
        let group = json!({"parent": ACME, "groupNames": [format!("{ACME}/groups/g3")], "pageSize": 7});
        let expected: Vec<_> = (0..500).filter(|n| n % 7 == 3).map(|n| stage::user(&format!("u{n:03}"))).collect();
        assert_eq!(walk(&house, "ListUsers", "users", group).await, expected);
        let two = json!({"parent": ACME, "groupNames": [format!("{ACME}/groups/g3"), format!("{ACME}/groups/g4")],
                         "roles": ["agent"], "pageSize": 9});
        assert_eq!(walk(&house, "ListUsers", "users", two).await.len(), 142);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_batches_that_want_one_username_one_wins_and_none_is_half_done() {
    for kept in [Kept::Memory, Kept::Sled] {
        let house = Harness::on(kept).await;
        let batch = |number: usize| {
            let user = |which: &str, username: String| json!({"name": stage::user(&format!("{which}-{number}")), "username": username});
            json!({"parent": ACME, "users": [user("a", format!("own-{number}")), user("b", "Wanted".into()), user("c", String::new())]})
        };
        let calls = (0..12).map(|number| {
            let (caller, request) = (house.over(Transport::ALL[number % 3]), batch(number));
            tokio::spawn(async move { caller.call("BatchUpsertUsers", request).await })
        });
        let mut won = Vec::new();
        for (number, call) in calls.collect::<Vec<_>>().into_iter().enumerate() {
            let answer = call.await.expect("the call ends");
            if answer.outcome.is_ok() {
                won.push(number);
            } else {
                answer.refused("USERNAME_ALREADY_EXISTS");
            }
        }
        let [won] = won[..] else { panic!("{won:?} won") };
        let expected: BTreeSet<_> = ["a", "b", "c"].map(|one| stage::user(&format!("{one}-{won}"))).into();
        let there = walk(&house, "ListUsers", "users", json!({"parent": ACME})).await;
        assert_eq!(there.into_iter().collect::<BTreeSet<_>>(), expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn users_who_swap_usernames_at_once_never_share_one() {
    for kept in [Kept::Memory, Kept::Sled] {
        let house = Harness::on(kept).await;
        let pair = |x: &str, y: &str| {
            json!({"parent": ACME, "users": [
                {"name": stage::user("a"), "username": x}, {"name": stage::user("b"), "username": y}]})
        };
        house.operator().call("BatchUpsertUsers", pair("x", "y")).await.ok();
        let calls = (0..12).map(|number| {
            let caller = house.over(Transport::ALL[number % 3]);
            let request = if number % 2 == 0 { pair("y", "x") } else { pair("x", "y") };
            tokio::spawn(async move { caller.call("BatchUpsertUsers", request).await })
        });
        for call in calls.collect::<Vec<_>>() {
            call.await.expect("the call ends").ok();
        }
        let listed = house.operator().call("ListUsers", json!({"parent": ACME})).await.ok();
        let names: BTreeSet<_> = [0, 1].map(|i| listed["users"][i]["username"].as_str().unwrap().to_owned()).into();
        assert_eq!(names, ["x", "y"].map(str::to_owned).into());
        let third =
            |username: &str| json!({"parent": ACME, "users": [{"name": stage::user("c"), "username": username}]});
        for username in ["X", "y"] {
            house.operator().call("BatchUpsertUsers", third(username)).await.refused("USERNAME_ALREADY_EXISTS");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_largest_batch_of_conversations_is_walked_latest_first_on_every_page_size() {
    let house = Harness::sled().await;
    let moment = |number: usize| stage::name(&format!("moments/m{number}"));
    let conversation = |number: usize| {
        json!({"name": stage::name(&format!("conversations/k{number:03}")), "agentUserName": stage::user("amir"),
               "conversationTime": format!("2026-02-{:02}T10:00:00Z", 1 + number % 28), "momentNames": [moment(number % 50)]})
    };
    let batch = json!({"parent": PARENT, "conversations": (0..500).map(conversation).collect::<Vec<_>>()});
    house.operator().call("BatchUpsertConversations", batch.clone()).await.ok();
    let mut more = batch;
    more["conversations"].as_array_mut().unwrap().push(conversation(500));
    house.operator().call("BatchUpsertConversations", more).await.refused("INVALID_REQUEST");
    let listing = |size: usize| json!({"parent": PARENT, "pageSize": size});
    let whole = walk(&house, "ListConversations", "conversations", listing(1_000)).await;
    assert_eq!(whole.iter().collect::<BTreeSet<_>>().len(), 500);
    for size in [1, 17, 499, 500] {
        assert_eq!(walk(&house, "ListConversations", "conversations", listing(size)).await, whole, "{size} a page");
    }
    let mut rare = listing(3);
    rare["momentNames"] = json!([moment(7)]);
    assert_eq!(walk(&house, "ListConversations", "conversations", rare).await.len(), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_directory_outlives_a_restart_usernames_too() {
    let house = Harness::sled().await;
    house.operator().call("BatchUpsertUsers", users(9, |number| format!("name-{number}"))).await.ok();
    house.operator().call("DeactivateUser", json!({"name": stage::user("u003")})).await.ok();
    let group = json!({"parent": ACME, "groups": [{"name": format!("{ACME}/groups/g1"), "displayName": "One"}]});
    house.operator().call("BatchUpsertGroups", group).await.ok();
    let listing = json!({"parent": ACME, "includeDeactivated": true});
    let before = house.operator().call("ListUsers", listing.clone()).await.ok();
    let house = house.restart().await;
    assert_eq!(house.operator().call("ListUsers", listing).await.ok(), before);
    let groups = house.operator().call("ListGroups", json!({"parent": ACME})).await.ok();
    assert_eq!(groups["groups"][0]["displayName"], "One");
    let taken = json!({"parent": ACME, "users": [{"name": stage::user("new"), "username": "NAME-3"}]});
    house.operator().call("BatchUpsertUsers", taken).await.refused("USERNAME_ALREADY_EXISTS");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_in_which_every_user_is_wrong_is_refused_as_such_on_every_transport() {
    let house = Harness::memory().await;
    let nowhere = |number: usize| json!({"name": stage::user(&format!("u{number:03}")), "email": "nowhere"});
    let batch = json!({"parent": ACME, "users": (0..500).map(nowhere).collect::<Vec<_>>()});
    for transport in Transport::ALL {
        let refusal = house.over(transport).call("BatchUpsertUsers", batch.clone()).await.refused("INVALID_REQUEST");
        assert!(["users[0].email", "users[30].email"].iter().all(|path| refusal.paths().contains(path)), "{refusal}");
        assert!(refusal.to_string().contains("more faults"), "{refusal}");
    }
}
