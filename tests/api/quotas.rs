//! Counting by hashes where two names share one.

use serde_json::{Value, json};

use crate::harness::{Harness, Kept};
use crate::stage;

/// Agents whose names have the same hash (FNV-1a, 32 bits).
const AGENTS: [&str; 2] = ["a-oemvrins", "a-xfvvwzzp"];
/// Conversations whose names do.
const CALLS: [&str; 2] = ["c-azzrfnic", "c-vulnelpo"];

/// Submits a scorecard of this agent for this conversation.
async fn grade(house: &Harness, id: &str, agent: &str, call: &str) {
    let mut draft = stage::draft(id, agent, 5);
    draft["scorecard"]["conversationName"] = stage::name(&format!("conversations/{call}")).into();
    house.operator().call("CreateScorecard", draft).await.ok();
    house.operator().call("SubmitScorecard", json!({"name": stage::name(&format!("scorecards/{id}"))})).await.ok();
}

/// How much is completed, agent by agent.
async fn completed(house: &Harness) -> Vec<(String, i64)> {
    let period = json!({"startTime": "2026-03-02T00:00:00Z", "endTime": "2026-03-03T00:00:00Z"});
    let request = json!({"scorecardTemplateName": stage::name("scorecardTemplates/qa"), "evaluationPeriod": period});
    let answer = house.operator().call("RetrieveQATaskUserQuota", request).await.ok();
    let quotas = answer["agentQuotas"].as_array().expect("quotas");
    let read = |quota: &Value| {
        let name = quota["agentUserName"].as_str().expect("a name").to_owned();
        (name, quota["completedCount"].as_i64().expect("a number"))
    };
    quotas.iter().map(read).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn agents_and_conversations_whose_names_share_a_hash_are_told_apart() {
    for kept in [Kept::Memory, Kept::Sled] {
        let house = Harness::on(kept).await;
        stage::template(&house.operator()).await;
        let users: Vec<Value> =
            AGENTS.iter().map(|id| json!({"name": stage::user(id), "displayName": id, "roles": ["agent"]})).collect();
        house.operator().call("BatchUpsertUsers", json!({"parent": "customers/acme", "users": users})).await.ok();
        let expected = |counts: [i64; 2]| AGENTS.map(stage::user).into_iter().zip(counts).collect::<Vec<_>>();

        grade(&house, "one", AGENTS[0], CALLS[0]).await;
        assert_eq!(completed(&house).await, expected([1, 0]));
        grade(&house, "two", AGENTS[1], CALLS[0]).await;
        assert_eq!(completed(&house).await, expected([1, 1]), "one conversation, an agent each");
        grade(&house, "three", AGENTS[0], CALLS[1]).await;
        assert_eq!(completed(&house).await, expected([2, 1]), "another conversation with the same hash");
        grade(&house, "four", AGENTS[0], CALLS[1]).await;
        assert_eq!(completed(&house).await, expected([2, 1]), "each conversation once");
    }
}
