//! Whom audiences hold, beyond single cases: the users that a template shows are those whose templates it is among, in
//! every directory; how many of them are shown; and what a strict directory changes.

use std::collections::BTreeSet;

use coaching::pb::coaching::access::v1::Role;
use coaching::pb::cresta::v1::coaching::ScorecardTemplate;
use coaching::store::{Entries, Fault, Key, Origin, Record, Tag, tags};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use crate::harness::{Harness, Kept, PARENT};
use crate::stage;

/// Users who may be in the directory; those after them never are.
const PEOPLE: usize = 8;
/// Users whom audiences can name.
const NAMED: usize = 10;
const CIRCLES: usize = 3;

/// What the directory says of somebody; none where it says nothing.
#[derive(Clone, Debug)]
struct Person {
    roles: Vec<&'static str>,
    developer: bool,
    deactivated: bool,
    groups: BTreeSet<usize>,
    teams: BTreeSet<usize>,
}

/// An audience, by numbers: users, groups, teams, users left out.
type Audience = [BTreeSet<usize>; 4];

fn person() -> impl Strategy<Value = Option<Person>> {
    let roles =
        prop::sample::select(vec![vec!["agent"], vec!["agent"], vec!["coach", "agent"], vec!["manager"], vec![]]);
    let circles = || prop::collection::btree_set(0..CIRCLES, 0..3);
    let known = (roles, prop::bool::weighted(0.15), prop::bool::weighted(0.2), circles(), circles()).prop_map(
        |(roles, developer, deactivated, groups, teams)| Person { roles, developer, deactivated, groups, teams },
    );
    prop::option::weighted(0.85, known)
}

fn audience() -> impl Strategy<Value = Audience> {
    let some = |of: usize, most: usize| prop::collection::btree_set(0..of, 0..most);
    [some(NAMED, 3), some(CIRCLES, 3), some(CIRCLES, 2), some(NAMED, 4)]
}

fn names(customer: &str, kind: &str, numbers: &BTreeSet<usize>) -> Vec<String> {
    numbers.iter().map(|number| format!("{customer}/{kind}/x{number}")).collect()
}

/// The names in what a template shows.
fn shown(template: &Value) -> Vec<String> {
    let users = template["resolvedAudience"].as_array().expect("an audience");
    users.iter().map(|user| user["name"].as_str().expect("a name").to_owned()).collect()
}

/// One directory and its templates, in a customer of their own.
async fn compare(house: &Harness, customer: &str, strict: bool, people: &[Option<Person>], audiences: &[Audience]) {
    let operator = house.operator();
    let ask = async |rpc: &str, request: Value| operator.call(rpc, request).await.ok();
    let circle =
        |kind: &str| (0..CIRCLES).map(|n| json!({"name": format!("{customer}/{kind}/x{n}")})).collect::<Vec<_>>();
    ask("BatchUpsertGroups", json!({"parent": customer, "groups": circle("groups")})).await;
    ask("BatchUpsertTeams", json!({"parent": customer, "teams": circle("teams")})).await;
    let user = |number: usize| format!("{customer}/users/x{number}");
    let known: BTreeSet<usize> = (0..PEOPLE).filter(|number| people[*number].is_some()).collect();
    let users: Vec<Value> = people
        .iter()
        .enumerate()
        .filter_map(|(number, person)| {
            let person = person.as_ref()?;
            Some(json!({
                "name": user(number),
                "roles": person.roles,
                "isDevUser": person.developer,
                "groupNames": names(customer, "groups", &person.groups),
                "teamNames": names(customer, "teams", &person.teams),
            }))
        })
        .collect();
    if !users.is_empty() {
        ask("BatchUpsertUsers", json!({"parent": customer, "users": users})).await;
    }
    for number in (0..PEOPLE).filter(|n| people[*n].as_ref().is_some_and(|person| person.deactivated)) {
        ask("DeactivateUser", json!({"name": user(number)})).await;
    }

    let parent = format!("{customer}/profiles/main");
    let mut holding = Vec::new();
    for (number, [users, groups, teams, excluded]) in audiences.iter().enumerate() {
        // A strict directory takes no other names.
        let nameable = |numbers: &BTreeSet<usize>| if strict { numbers & &known } else { numbers.clone() };
        let (users, excluded) = (nameable(users), nameable(excluded));
        let template = json!({
            "name": format!("{parent}/scorecardTemplates/t{number}"),
            "title": format!("{number}"),
            "template": {"chapters": [{"id": "all", "criteria": [{"id": "grade", "yesNo": {}}]}]},
            "audience": {
                "users": names(customer, "users", &users),
                "groups": names(customer, "groups", groups),
                "teams": names(customer, "teams", teams),
                "excludedUsers": names(customer, "users", &excluded),
            },
        });
        let made = ask("CreateScorecardTemplate", json!({"parent": parent, "scorecardTemplate": template})).await;
        let held = shown(&made["scorecardTemplate"]);
        assert!(held.is_sorted_by(|a, b| a < b), "{held:?}");
        let everyone = users.is_empty() && groups.is_empty() && teams.is_empty();
        holding.push((held, everyone, excluded));
    }
    for number in 0..NAMED {
        let request = json!({"parent": parent, "agentUserName": user(number)});
        let listed = ask("ListCurrentScorecardTemplates", request).await;
        let listed = listed["scorecardTemplates"].as_array().expect("templates");
        let listed: BTreeSet<&str> = listed.iter().filter_map(|template| template["title"].as_str()).collect();
        for (at, (held, everyone, excluded)) in holding.iter().enumerate() {
            // Whom the directory does not know it cannot list; where it need not know everybody, everyone holds them.
            let beyond = !strict && !known.contains(&number) && *everyone && !excluded.contains(&number);
            let expected = held.contains(&user(number)) || beyond;
            assert_eq!(listed.contains(&*format!("{at}")), expected, "x{number}, {:?}, {people:?}", audiences[at]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_users_that_a_template_shows_are_those_whose_templates_it_is_among() {
    let mut runner = TestRunner::deterministic();
    let cases = (prop::collection::vec(person(), PEOPLE), prop::collection::vec(audience(), 6));
    for (kept, strict, runs) in [(Kept::Memory, false, 40), (Kept::Memory, true, 40), (Kept::Sled, false, 8)] {
        let house = if strict { Harness::strict(kept).await } else { Harness::on(kept).await };
        for run in 0..runs.min(Config::default().cases) {
            let (people, audiences) = cases.new_tree(&mut runner).expect("a case").current();
            compare(&house, &format!("customers/c{run}"), strict, &people, &audiences).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_shows_a_thousand_users_and_counts_all_and_a_page_of_templates_shares_ten_thousand() {
    let house = Harness::memory().await;
    let operator = house.operator();
    for batch in 0..3 {
        let user =
            |number: usize| json!({"name": stage::user(&format!("u{:04}", batch * 350 + number)), "roles": ["agent"]});
        let users: Vec<Value> = (0..350).map(user).collect();
        operator.call("BatchUpsertUsers", json!({"parent": "customers/acme", "users": users})).await.ok();
    }
    let made = stage::template(&operator).await;
    assert_eq!((shown(&made).len(), &made["resolvedAudienceCount"]), (1_000, &json!(1_050)));
    assert_eq!(shown(&made).last(), Some(&stage::user("u0999")));
    let key =
        stage::key("coaching.api/ScorecardTemplate", tags::SCORECARD_TEMPLATE, &stage::name("scorecardTemplates/qa"));
    let stored: ScorecardTemplate = house.db().get(&key).await.expect("a store").expect("a template");
    assert!(stored.resolved_audience.is_empty() && stored.resolved_audience_count == 0, "it is never stored");

    // Those left out are not counted, wherever they stand: among the shown, behind them, deactivated, or unknown.
    operator.call("DeactivateUser", json!({"name": stage::user("u1048")})).await.ok();
    let excluded = ["u0001", "u1047", "u1048", "zoe"].map(stage::user);
    let template = json!({"title": "Some", "template": made["template"], "audience": {"excludedUsers": excluded}});
    let some = operator.call("CreateScorecardTemplate", json!({"parent": PARENT, "scorecardTemplate": template})).await;
    let some = some.ok()["scorecardTemplate"].clone();
    assert_eq!((shown(&some).len(), &some["resolvedAudienceCount"]), (1_000, &json!(1_047)));
    let back = json!([{"name": stage::user("u1048"), "roles": ["agent"]}]);
    operator.call("BatchUpsertUsers", json!({"parent": "customers/acme", "users": back})).await.ok();
    operator.call("DeleteScorecardTemplate", json!({"name": some["name"]})).await.ok();

    for number in 0..19 {
        let template = json!({"title": format!("{number:02}"), "template": made["template"]});
        operator.call("CreateScorecardTemplate", json!({"parent": PARENT, "scorecardTemplate": template})).await.ok();
    }
    let full = json!({"parent": PARENT, "view": "VIEW_FULL_WITH_STATS"});
    let page = operator.call("ListCurrentScorecardTemplates", full).await.ok();
    let templates = page["scorecardTemplates"].as_array().expect("templates");
    assert_eq!(templates.len(), 20);
    for template in templates {
        assert_eq!((shown(template).len(), &template["resolvedAudienceCount"]), (500, &json!(1_050)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_strict_directory_has_every_agent_and_every_manager() {
    for kept in [Kept::Memory, Kept::Sled] {
        let house = Harness::strict(kept).await;
        let operator = house.operator();
        let bring = async |users: Value| {
            operator.call("BatchUpsertUsers", json!({"parent": "customers/acme", "users": users})).await.ok();
        };
        bring(json!([{"name": stage::user("amir"), "roles": ["agent"]}])).await;
        let plan = json!({"parent": PARENT, "coachingPlan": {"agentUserName": stage::user("amir"), "isActive": true}});
        let mona = operator.as_user("mona", Role::Manager);

        let refusal = mona.call("CreateCoachingPlan", plan.clone()).await.refused("AGENT_NOT_IN_YOUR_GROUPS");
        assert!(refusal.message.contains("mona is not in the directory"), "{}", refusal.message);
        let groups = json!({"parent": "customers/acme", "groups": [{"name": "customers/acme/groups/north"}]});
        operator.call("BatchUpsertGroups", groups).await.ok();
        let both = ["amir", "mona"].map(
            |id| json!({"name": stage::user(id), "roles": ["agent"], "groupNames": ["customers/acme/groups/north"]}),
        );
        bring(json!(both)).await;
        mona.call("CreateCoachingPlan", plan).await.ok();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_write_shows_the_audience_of_now_which_no_key_remembers() {
    let house = Harness::memory().await;
    let operator = house.operator();
    let long = "\u{1F600}".repeat(400); // 1,600 bytes: with a thousand of them no record would do
    let bring = async |numbers: std::ops::Range<usize>| {
        let user =
            |n: usize| json!({"name": stage::user(&format!("u{n:04}")), "displayName": long, "roles": ["agent"]});
        let users: Vec<Value> = numbers.map(user).collect();
        operator.call("BatchUpsertUsers", json!({"parent": "customers/acme", "users": users})).await.ok();
    };
    for batch in 0..4 {
        bring(batch * 250..batch * 250 + 250).await;
    }
    let name = stage::template(&operator).await["name"].clone();
    let keyed = operator.with("idempotency-key", "6f1e0a52-8f5a-4c34-9d0e-3a1f5f4f9d01");
    let change = json!({"scorecardTemplate": {"name": name, "title": "Other"}});
    let first = keyed.call("UpdateScorecardTemplate", change.clone()).await.ok();
    assert_eq!(first["scorecardTemplate"]["resolvedAudienceCount"], 1_000);
    assert_eq!(first["scorecardTemplate"]["resolvedAudience"][999]["displayName"], long);
    assert_eq!(keyed.call("UpdateScorecardTemplate", change.clone()).await.ok(), first);
    bring(1_000..1_001).await;
    let again = keyed.call("UpdateScorecardTemplate", change).await.ok();
    assert_eq!(again["scorecardTemplate"]["resolvedAudienceCount"], 1_001);
    assert_eq!(again["scorecardTemplate"]["updateTime"], first["scorecardTemplate"]["updateTime"]);
}

/// A record of the users' table that is none.
#[derive(Clone)]
struct Damaged(Key);

impl Record for Damaged {
    const TAG: Tag = tags::USER;
    const HISTORY: bool = false;

    fn key(&self) -> Key {
        self.0.clone()
    }
    fn encode(&self) -> Vec<u8> {
        vec![0xff; 8]
    }
    fn decode(_: bytes::Bytes) -> Result<Self, Fault> {
        Err(Fault::Corrupt("damaged".into()))
    }
    fn entries(&self, _: &mut Entries) {}
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_user_whom_an_audience_names_keeps_the_template_from_nobody() {
    let house = Harness::memory().await;
    let operator = house.operator();
    let users: Vec<Value> = ["amir", "bea"].map(|id| json!({"name": stage::user(id), "roles": ["agent"]})).into();
    operator.call("BatchUpsertUsers", json!({"parent": "customers/acme", "users": users})).await.ok();
    operator.call("DeactivateUser", json!({"name": stage::user("bea")})).await.ok();
    let damaged = &stage::key("coaching.api/User", tags::USER, &stage::user("zoe"));
    let saved: Result<(), Fault> =
        house.db().write(&Origin::default(), |txn| async move { txn.save(&Damaged(damaged.clone())).await }).await;
    saved.expect("the store takes it");
    let name = stage::template(&operator).await["name"].clone();
    let named = ["amir", "bea", "zoe"].map(stage::user);
    let change = json!({"scorecardTemplate": {"name": name, "audience": {"users": named}}});
    let changed = operator.call("UpdateScorecardTemplate", change).await.ok();
    assert_eq!(shown(&changed["scorecardTemplate"]), ["amir", "zoe"].map(stage::user), "bea is known to be gone");
    let read = operator.call("GetScorecardTemplate", json!({"name": name})).await.ok();
    assert_eq!(shown(&read["scorecardTemplate"]), ["amir", "zoe"].map(stage::user));
    let quotas = operator.call("RetrieveQATaskUserQuota", json!({"scorecardTemplateName": name})).await.ok();
    assert_eq!(quotas["totalActiveAgentsCount"], 2);
}
