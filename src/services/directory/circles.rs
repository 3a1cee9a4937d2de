//! Groups, teams and usecases: how they are kept. They have names to show, and who belongs to one stands elsewhere.

use super::{changed, made};
use crate::api::Ctx;
use crate::api::behavior::Described as _;
use crate::api::resource::Resource;
use crate::domain::directory;
use crate::error::{FieldViolation, Result, reason};
use crate::names::Name;
use crate::pb::coaching::directory::v1::{Group, Team, Usecase};
use crate::store::{Entries, Tag, Txn, tags};

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
