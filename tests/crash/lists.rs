//! Every listing has exactly what reading one by one finds, in its order.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use coaching::pb::coaching::directory::v1::{ListConversationsRequest, ListUsersRequest};
use coaching::pb::cresta::v1::coaching::*;

use super::client::{Client, PARENT};
use super::coaching::MARK;
use super::targets::stored;
use super::writer::Writer;

/// Not a divisor of anything here, so that pages end anywhere.
const PAGE: i32 = 83;

pub(crate) async fn check(writers: &[Writer], mut client: Client) {
    let cards = by_name(writers.iter().flat_map(|writer| writer.cards.expected()).map(|card| (&card.name, card)));
    let orders = [
        ScorecardOrderBy::CreateTime,
        ScorecardOrderBy::SubmitTime,
        ScorecardOrderBy::UpdateTime,
        ScorecardOrderBy::TotalScore,
    ];
    for (order, direction) in orders.into_iter().zip([OrderDirection::Asc, OrderDirection::Desc].into_iter().cycle()) {
        let request =
            ListScorecardsRequest { order_by: order.into(), order_direction: direction.into(), ..Default::default() };
        let listed = scorecards(&mut client, request).await;
        same(&format!("scorecards by {order:?}"), &cards, listed.iter().map(|card| (&card.name, card)));
        assert!(
            listed.is_sorted_by(|a, b| match direction {
                OrderDirection::Desc => rank(order, a) >= rank(order, b),
                _ => rank(order, a) <= rank(order, b),
            }),
            "scorecards by {order:?} are out of order"
        );
    }
    for number in 0..5 {
        let agent = format!("customers/c/users/agent-{number}");
        let request = ListScorecardsRequest { agent_user_name: agent.clone(), ..Default::default() };
        let listed = scorecards(&mut client, request).await;
        let own =
            by_name(cards.iter().filter(|(_, card)| card.agent_user_name == agent).map(|(name, card)| (*name, *card)));
        same(&format!("scorecards of {agent}"), &own, listed.iter().map(|card| (&card.name, card)));
    }
    let targets =
        by_name(writers.iter().flat_map(|writer| writer.targets.expected()).map(|target| (&target.name, target)));
    let listed = all_targets(&mut client).await;
    same("targets", &targets, listed.iter().map(|target| (&target.name, target)));
    let templates = by_name(writers.iter().filter_map(|writer| writer.template.expected()).map(|one| (&one.name, one)));
    let request =
        ListCurrentScorecardTemplatesRequest { parent: PARENT.into(), page_size: 1_000, ..Default::default() };
    let listed = client.list_current_scorecard_templates(request).await.unwrap().into_inner().scorecard_templates;
    same("templates", &templates, listed.iter().map(|template| (&template.name, template)));
    coaching(writers, &mut client).await;
    directory(writers, &mut client).await;
}

/// Plans, sessions and comments: what each says, the writers have looked at.
async fn coaching(writers: &[Writer], client: &mut Client) {
    let expected = |at: usize| writers.iter().flat_map(|writer| writer.coaching.expected()[at].clone()).collect();
    let (parent, page_size) = (PARENT.to_owned(), 1_000);
    let request = ListCoachingPlansRequest { parent: parent.clone(), page_size, ..Default::default() };
    let listed = client.list_coaching_plans(request).await.unwrap().into_inner().coaching_plans;
    same_names("plans", expected(0), listed.into_iter().map(|plan| plan.name));
    let request = ListCoachingSessionsRequest { parent: parent.clone(), page_size, ..Default::default() };
    let listed = client.list_coaching_sessions(request).await.unwrap().into_inner().coaching_sessions;
    same_names("sessions", expected(1), listed.into_iter().map(|session| session.name));
    let request = ListCoachingCommentsRequest { parent, page_size, ..Default::default() };
    let listed = client.list_coaching_comments(request).await.unwrap().into_inner().coaching_comments;
    same_names("comments", expected(2), listed.into_iter().map(|comment| comment.name));
}

/// Users and conversations, likewise.
async fn directory(writers: &[Writer], client: &mut Client) {
    let expected = |at: usize| writers.iter().flat_map(|writer| writer.directory.expected()[at].clone()).collect();
    let request = ListUsersRequest { parent: "customers/c".into(), page_size: 1_000, ..Default::default() };
    let listed = client.directory.list_users(request).await.unwrap().into_inner().users;
    same_names("users", expected(0), listed.into_iter().map(|user| user.name));
    let request = ListConversationsRequest { parent: PARENT.into(), page_size: 1_000, ..Default::default() };
    let listed = client.directory.list_conversations(request).await.unwrap().into_inner().conversations;
    same_names("conversations", expected(1), listed.into_iter().map(|conversation| conversation.name));
}

#[track_caller]
fn same_names(what: &str, expected: BTreeSet<String>, listed: impl Iterator<Item = String>) {
    let listed: Vec<String> = listed.collect();
    assert_eq!(listed.iter().cloned().collect::<BTreeSet<_>>(), expected, "{what}");
    assert_eq!(listed.len(), expected.len(), "{what}: one is listed twice");
}

fn by_name<'a, T>(found: impl Iterator<Item = (&'a String, &'a T)>) -> BTreeMap<&'a String, &'a T> {
    found.collect()
}

#[track_caller]
fn same<'a, T: PartialEq + Debug + 'a>(
    what: &str,
    expected: &BTreeMap<&String, &'a T>,
    listed: impl Iterator<Item = (&'a String, &'a T)>,
) {
    let mut missing = expected.clone();
    for (name, one) in listed {
        let own = missing.remove(name);
        assert!(
            own.is_some(),
            "{what}: {name} is listed and {}",
            if expected.contains_key(name) { "was before" } else { "is not there" }
        );
        assert_eq!(own, Some(one), "{what}");
    }
    assert!(missing.is_empty(), "{what}: {:?} are not listed", missing.keys());
}

/// What the order goes by.
fn rank(order: ScorecardOrderBy, card: &Scorecard) -> (i64, i32, i64) {
    let time =
        |time: &Option<prost_types::Timestamp>| time.as_ref().map_or((0, 0, 0), |time| (time.seconds, time.nanos, 0));
    match order {
        ScorecardOrderBy::SubmitTime => time(&card.submit_time),
        ScorecardOrderBy::UpdateTime => time(&card.update_time),
        #[allow(clippy::cast_possible_truncation)] // a percentage
        ScorecardOrderBy::TotalScore => (0, 0, (f64::from(card.total_score) * 10_000.0) as i64),
        ScorecardOrderBy::CreateTime | ScorecardOrderBy::Unspecified => time(&card.create_time),
    }
}

async fn scorecards(client: &mut Client, mut request: ListScorecardsRequest) -> Vec<Scorecard> {
    request.parent = PARENT.into();
    request.page_size = PAGE;
    let mut all = Vec::new();
    loop {
        let page = client.list_scorecards(request.clone()).await.unwrap().into_inner();
        // Those that were made to be added to plans are looked at with the plans.
        all.extend(page.scorecards.into_iter().filter(|card| !card.name.contains(MARK)));
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            return all;
        }
    }
}

async fn all_targets(client: &mut Client) -> Vec<Target> {
    let mut request = ListTargetsRequest { parent: PARENT.into(), page_size: 7, ..Default::default() };
    let mut all = Vec::new();
    loop {
        let page = client.list_targets(request.clone()).await.unwrap().into_inner();
        all.extend(page.targets.into_iter().filter_map(|target| stored(Some(target))));
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            return all;
        }
    }
}
