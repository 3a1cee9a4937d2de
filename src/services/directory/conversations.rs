//! Conversations: how they are kept, and the listing. Entries tell agent and usecase; moments stand on the record alone.

use super::{changed, made};
use crate::api::Ctx;
use crate::api::behavior::Described as _;
use crate::api::resource::Resource;
use crate::domain::directory;
use crate::error::{FieldViolation, Result, reason};
use crate::names::{Name, last_segment};
use crate::pb::coaching::directory::v1::Conversation;
use crate::services::filter::{marks, micros};
use crate::store::{Entries, Tag, Txn, tags};

impl Resource for Conversation {
    const TABLE: Tag = tags::CONVERSATION;

    fn index(&self, entries: &mut Entries) {
        let Ok(name) = Name::parse(Self::TYPE, &self.name) else { return };
        let began = micros(self.conversation_time.as_ref());
        let kept = marks(false, &[&self.agent_user_name, &self.usecase_name]);
        entries.add(tags::CONVERSATION_BY_TIME, |terms| terms.str(name.profile).i64(began), &kept);
        let agent = last_segment(&self.agent_user_name);
        entries.add(tags::CONVERSATION_BY_AGENT, |terms| terms.str(name.profile).str(agent).i64(began), &kept);
    }

    fn complaints(&self, at: &str) -> (Vec<FieldViolation>, &'static str) {
        (directory::conversation(self, at), reason::INVALID_REQUEST)
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
