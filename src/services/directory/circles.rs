//! Groups, teams and usecases: how they are kept. They have names to show, and who belongs to one stands elsewhere.

use prost::Message;

use super::{changed, made};
use crate::api::behavior::{Asks, Described as _};
use crate::api::list::{Listed, walk};
use crate::api::page::Page;
use crate::api::resource::Resource;
use crate::api::{Ctx, batch};
use crate::domain::directory;
use crate::error::{FieldViolation, Result, reason};
use crate::names::Name;
use crate::pb::coaching::directory::v1::*;
use crate::store::{Entries, IndexRange, IndexTag, Tag, Txn, tags};

impl Resource for Group {
    const TABLE: Tag = tags::GROUP;

    fn index(&self, entries: &mut Entries) {
        entries.add(tags::GROUP_BY_NAME, |terms| terms, &[]);
    }

    fn complaints(&self, at: &str) -> (Vec<FieldViolation>, &'static str) {
        (directory::circle(&self.name, &self.display_name, at), reason::INVALID_REQUEST)
    }

    async fn create(&mut self, ctx: &Ctx, _txn: &Txn) -> Result<()> {
        made(ctx, &mut self.create_time, &mut self.update_time);
        Ok(())
    }

    async fn update(&mut self, ctx: &Ctx, _txn: &Txn, _old: &Self) -> Result<()> {
        changed(ctx, &mut self.update_time);
        Ok(())
    }
}

impl Resource for Team {
    const TABLE: Tag = tags::TEAM;

    fn index(&self, entries: &mut Entries) {
        entries.add(tags::TEAM_BY_NAME, |terms| terms, &[]);
    }

    fn complaints(&self, at: &str) -> (Vec<FieldViolation>, &'static str) {
        (directory::circle(&self.name, &self.display_name, at), reason::INVALID_REQUEST)
    }

    async fn create(&mut self, ctx: &Ctx, _txn: &Txn) -> Result<()> {
        made(ctx, &mut self.create_time, &mut self.update_time);
        Ok(())
    }

    async fn update(&mut self, ctx: &Ctx, _txn: &Txn, _old: &Self) -> Result<()> {
        changed(ctx, &mut self.update_time);
        Ok(())
    }
}

impl Resource for Usecase {
    const TABLE: Tag = tags::USECASE;

    fn index(&self, entries: &mut Entries) {
        let Ok(name) = Name::parse(Self::TYPE, &self.name) else { return };
        entries.add(tags::USECASE_BY_NAME, |terms| terms.str(name.profile), &[]);
    }

    fn complaints(&self, at: &str) -> (Vec<FieldViolation>, &'static str) {
        (directory::circle(&self.name, &self.display_name, at), reason::INVALID_REQUEST)
    }

    async fn create(&mut self, ctx: &Ctx, _txn: &Txn) -> Result<()> {
        made(ctx, &mut self.create_time, &mut self.update_time);
        Ok(())
    }

    async fn update(&mut self, ctx: &Ctx, _txn: &Txn, _old: &Self) -> Result<()> {
        changed(ctx, &mut self.update_time);
        Ok(())
    }
}

/// A page of all that stands in an index, by name.
async fn page_of<R: Resource, Q: Asks + Message + Clone>(ctx: &Ctx, request: &Q, index: IndexTag) -> Result<Listed<R>> {
    let page = Page::of(ctx.rpc.name, request)?;
    let mut range = IndexRange::all(&ctx.customer, index);
    if !ctx.profile.is_empty() {
        range = range.prefix(|terms| terms.str(&ctx.profile));
    }
    walk(ctx, &page, range, |_| true, |_| true).await
}

/// ListGroups: by name.
pub async fn list_groups(ctx: Ctx, request: ListGroupsRequest) -> Result<ListGroupsResponse> {
    let listed = page_of(&ctx, &request, tags::GROUP_BY_NAME).await?;
    Ok(ListGroupsResponse { groups: listed.items, next_page_token: listed.next_page_token })
}

/// BatchUpsertGroups: makes or replaces them, all or none.
pub async fn upsert_groups(ctx: Ctx, txn: Txn, request: BatchUpsertGroupsRequest) -> Result<BatchUpsertGroupsResponse> {
    let groups = batch::upsert(&ctx, &txn, &request.parent, "groups", request.groups).await?;
    Ok(BatchUpsertGroupsResponse { groups })
}

/// ListTeams: by name.
pub async fn list_teams(ctx: Ctx, request: ListTeamsRequest) -> Result<ListTeamsResponse> {
    let listed = page_of(&ctx, &request, tags::TEAM_BY_NAME).await?;
    Ok(ListTeamsResponse { teams: listed.items, next_page_token: listed.next_page_token })
}

/// BatchUpsertTeams: makes or replaces them, all or none.
pub async fn upsert_teams(ctx: Ctx, txn: Txn, request: BatchUpsertTeamsRequest) -> Result<BatchUpsertTeamsResponse> {
    let teams = batch::upsert(&ctx, &txn, &request.parent, "teams", request.teams).await?;
    Ok(BatchUpsertTeamsResponse { teams })
}

/// ListUsecases: by name.
pub async fn list_usecases(ctx: Ctx, request: ListUsecasesRequest) -> Result<ListUsecasesResponse> {
    let listed = page_of(&ctx, &request, tags::USECASE_BY_NAME).await?;
    Ok(ListUsecasesResponse { usecases: listed.items, next_page_token: listed.next_page_token })
}

/// BatchUpsertUsecases: makes or replaces them, all or none.
pub async fn upsert_usecases(
    ctx: Ctx,
    txn: Txn,
    request: BatchUpsertUsecasesRequest,
) -> Result<BatchUpsertUsecasesResponse> {
    let usecases = batch::upsert(&ctx, &txn, &request.parent, "usecases", request.usecases).await?;
    Ok(BatchUpsertUsecasesResponse { usecases })
}
