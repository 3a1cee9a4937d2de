//! How often a call asks the store.

use std::sync::Arc;
use std::sync::Mutex;

use coaching::pb::coaching::access::v1::Role;
use coaching::store::memory::MemoryEngine;
use coaching::store::{
    Cell, CellRange, Change, Commit, Committed, Direction, Engine, Event, Fault, IndexPage, IndexRange, Key, Limits,
    RawEntry, Rec, ScanRange, Scanned, Stats, Tallies, tags,
};
use serde_json::json;

use crate::harness::{Harness, PARENT};
use crate::stage;

/// An engine that writes down which users were asked for, call by call.
pub(crate) struct Watched {
    pub(crate) engine: MemoryEngine,
    pub(crate) asked: Arc<Mutex<Vec<usize>>>,
}

#[async_trait::async_trait]
impl Engine for Watched {
    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Rec>>, Fault> {
        let users = keys.iter().filter(|key| key.tag == tags::USER).count();
        if users > 0 {
            self.asked.lock().expect("nobody panics with it").push(users);
        }
        self.engine.get_many(keys).await
    }
    async fn scan(&self, range: &ScanRange, limit: usize) -> Result<Vec<Scanned>, Fault> {
        self.engine.scan(range, limit).await
    }
    async fn scan_index(&self, range: &IndexRange, limit: usize, want_body: bool) -> Result<IndexPage, Fault> {
        self.engine.scan_index(range, limit, want_body).await
    }
    async fn all_entries(&self, after: Option<&RawEntry>, limit: usize) -> Result<Vec<RawEntry>, Fault> {
        self.engine.all_entries(after, limit).await
    }
    async fn cells(&self, cells: &[Cell]) -> Result<Vec<Tallies>, Fault> {
        self.engine.cells(cells).await
    }
    async fn scan_cells(&self, range: &CellRange, limit: usize) -> Result<Vec<(Cell, Tallies)>, Fault> {
        self.engine.scan_cells(range, limit).await
    }
    async fn commit(&self, commit: Commit) -> Result<Committed, Fault> {
        self.engine.commit(commit).await
    }
    async fn changes(&self, after: u64, limit: usize) -> Result<Vec<Change>, Fault> {
        self.engine.changes(after, limit).await
    }
    async fn history(&self, key: &Key, from: u64, direction: Direction, limit: usize) -> Result<Vec<Event>, Fault> {
        self.engine.history(key, from, direction, limit).await
    }
    async fn inspect(&self) -> Result<Vec<String>, Fault> {
        self.engine.inspect().await
    }
    fn limits(&self) -> Limits {
        self.engine.limits()
    }
    fn health(&self) -> Result<(), Fault> {
        self.engine.health()
    }
    fn stats(&self) -> Stats {
        self.engine.stats()
    }
    async fn close(&self) -> Result<(), Fault> {
        self.engine.close().await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_asks_the_directory_for_its_caller_once_at_most() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let house = Harness::around(Arc::new(Watched { engine: MemoryEngine::new(), asked: asked.clone() })).await;
    let since = || std::mem::take(&mut *asked.lock().expect("nobody panics with it"));
    let north = json!(["customers/acme/groups/north"]);
    let users = ["mona", "amir"].map(|id| json!({"name": stage::user(id), "roles": ["agent"], "groupNames": north}));
    house.operator().call("BatchUpsertUsers", json!({"parent": "customers/acme", "users": users})).await.ok();
    let mona = house.operator().as_user("mona", Role::Manager);

    since();
    let plan = json!({"agentUserName": stage::user("amir"), "isActive": true});
    let plans: Vec<_> = (0..20).map(|_| plan.clone()).collect();
    mona.call("BatchUpsertCoachingPlans", json!({"parent": PARENT, "coachingPlans": plans})).await.ok();
    assert_eq!(since(), [1, 1], "the manager, and the agent of all the plans");

    let made = stage::template(&house.operator()).await;
    for number in 0..3 {
        let template =
            json!({"title": number.to_string(), "template": made["template"], "permissions": {"viewerGroups": north}});
        let request = json!({"parent": PARENT, "scorecardTemplate": template});
        house.operator().call("CreateScorecardTemplate", request).await.ok();
    }
    since();
    mona.call("ListScorecards", json!({"parent": PARENT})).await.ok();
    assert_eq!(since(), [1], "for three templates with viewers");
    house.operator().call("ListScorecards", json!({"parent": PARENT})).await.ok();
    assert_eq!(since(), [0; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_asks_the_directory_once_for_all_its_users_and_not_at_all_where_it_shows_none() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let house = Harness::around(Arc::new(Watched { engine: MemoryEngine::new(), asked: asked.clone() })).await;
    let since = || std::mem::take(&mut *asked.lock().expect("nobody panics with it"));
    stage::template(&house.operator()).await;
    for number in 0..40 {
        let grader = house.operator().as_user(&format!("grader-{}", number % 8), Role::Grader);
        grader.call("CreateScorecard", stage::draft(&format!("card-{number:02}"), "amir", 5)).await.ok();
    }
    since();

    let page = house.operator().call("ListScorecards", json!({"parent": PARENT})).await.ok();
    assert_eq!(stage::names(&page).len(), 40);
    assert_eq!(since(), [9], "eight graders and who made the template, in one call");
    let submit = json!({"name": stage::name("scorecards/card-00")});
    house.operator().call("SubmitScorecard", submit).await.ok();
    assert_eq!(since(), [2], "who made it, and who submitted and so changed it");
    house.operator().call("ListTargets", json!({"parent": PARENT})).await.ok();
    house.operator().call("ListCoachingPlans", json!({"parent": PARENT})).await.ok();
    assert_eq!(since(), [0; 0]);
}
