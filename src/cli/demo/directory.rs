//! Who and what the demo's records refer to.

use std::collections::BTreeMap;

use tonic::Status;

use super::Loaded;
use super::cast::GRADERS;
use super::floors::Floor;
use super::grading::Graded;
use super::stage::Stage;
use crate::api::batch::MAX;
use crate::pb::coaching::access::v1::Role;
use crate::pb::coaching::directory::v1::*;

/// Groups, as ids with names. Every agent is in one of them.
const GROUPS: [(&str, &str); 2] = [("north", "North"), ("south", "South")];
/// Teams, likewise.
const TEAMS: [(&str, &str); 2] = [("early", "Early shift"), ("late", "Late shift")];

/// Loads groups, teams, usecases, and all people.
pub(super) async fn people(stage: &mut Stage, floors: &[Floor], loaded: &mut Loaded) -> Result<(), Status> {
    let mut customers: BTreeMap<&str, Vec<&Floor>> = BTreeMap::new();
    floors.iter().for_each(|floor| customers.entry(floor.customer).or_default().push(floor));
    for (customer, floors) in customers {
        stage.enter(customer, "admin", Role::Admin);
        let parent = format!("customers/{customer}");
        let named = |kind: &str, (id, name): &(&str, &str)| (format!("{parent}/{kind}/{id}"), (*name).to_owned());
        let group = |group| {
            let (name, display_name) = named("groups", group);
            Group { name, display_name, ..Default::default() }
        };
        let groups = GROUPS.iter().map(group).collect();
        stage.directory.batch_upsert_groups(BatchUpsertGroupsRequest { parent: parent.clone(), groups }).await?;
        let team = |team| {
            let (name, display_name) = named("teams", team);
            Team { name, display_name, ..Default::default() }
        };
        let teams = TEAMS.iter().map(team).collect();
        stage.directory.batch_upsert_teams(BatchUpsertTeamsRequest { parent: parent.clone(), teams }).await?;
        for floor in &floors {
            let usecase =
                Usecase { name: floor.usecase_name(), display_name: capital(floor.usecase), ..Default::default() };
            let request = BatchUpsertUsecasesRequest { parent: floor.parent(), usecases: vec![usecase] };
            stage.directory.batch_upsert_usecases(request).await?;
        }
        let users = users(customer, &floors);
        loaded.users += users.len();
        stage.directory.batch_upsert_users(BatchUpsertUsersRequest { parent, users }).await?;
    }
    Ok(())
}

/// Everybody who works for a customer: agents in turn in each group and team, and others in all groups.
fn users(customer: &str, floors: &[&Floor]) -> Vec<DirectoryUser> {
    let mut users = BTreeMap::new();
    for floor in floors {
        for (number, agent) in floor.agents.iter().enumerate() {
            // Some are on two floors and stay where they were put first.
            users.entry(*agent).or_insert_with(|| {
                let mut user = person(customer, agent, "agent");
                user.group_names.extend(GROUPS.get(number % GROUPS.len()).map(|(id, _)| of(customer, "groups", id)));
                user.team_names.extend(TEAMS.get(number / 2 % TEAMS.len()).map(|(id, _)| of(customer, "teams", id)));
                user
            });
        }
    }
    let others = GRADERS.iter().map(|id| (*id, "grader")).chain(floors.iter().map(|floor| (floor.manager, "manager")));
    for (id, role) in others.chain([("admin", "admin")]) {
        let mut user = person(customer, id, role);
        user.group_names = GROUPS.iter().map(|(id, _)| of(customer, "groups", id)).collect();
        users.insert(id, user);
    }
    users.into_values().collect()
}

fn of(customer: &str, kind: &str, id: &str) -> String {
    format!("customers/{customer}/{kind}/{id}")
}

/// A user whose names and address follow from the id.
fn person(customer: &str, id: &str, role: &str) -> DirectoryUser {
    let words: Vec<String> = id.split('-').filter(|word| *word != "qa").map(capital).collect();
    let domain = if customer == "acme" { "example.com" } else { "example.org" };
    DirectoryUser {
        name: of(customer, "users", id),
        username: id.into(),
        email: format!("{}@{domain}", id.replace('-', ".")),
        display_name: words.first().cloned().unwrap_or_default(),
        full_name: words.join(" "),
        roles: vec![role.into()],
        ..Default::default()
    }
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

/// Loads the conversations that were scored, and takes them from what knows of them.
pub(super) async fn conversations(
    stage: &mut Stage,
    floor: &Floor,
    graded: &mut [Graded],
    loaded: &mut Loaded,
) -> Result<(), Status> {
    stage.enter(floor.customer, "admin", Role::Admin);
    let scored: Vec<Conversation> = graded.iter_mut().filter_map(|card| card.conversation.take()).collect();
    for batch in scored.chunks(MAX) {
        let request = BatchUpsertConversationsRequest { parent: floor.parent(), conversations: batch.to_vec() };
        stage.directory.batch_upsert_conversations(request).await?;
        loaded.conversations += batch.len();
    }
    Ok(())
}
