//! Conversations: how they are kept, and the listing. Entries tell agent and usecase; moments stand on the record alone.

use super::{changed, made};
use crate::api::Ctx;
use crate::api::batch;
use crate::api::behavior::Described as _;
use crate::api::list::walk;
use crate::api::page::Page;
use crate::api::resource::Resource;
use crate::domain::directory;
use crate::error::{FieldViolation, Result, reason};
use crate::names::{Name, last_segment};
use crate::pb::coaching::directory::v1::*;
use crate::services::filter::{among_any, check_window, hashes, marked, marks, micros, named, set_of, within};
use crate::store::{Entries, IndexRange, Tag, Txn, tags};

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

/// BatchUpsertConversations: makes or replaces them, all or none.
pub async fn batch_upsert(
    ctx: Ctx,
    txn: Txn,
    request: BatchUpsertConversationsRequest,
) -> Result<BatchUpsertConversationsResponse> {
    let conversations = batch::upsert(&ctx, &txn, &request.parent, "conversations", request.conversations).await?;
    Ok(BatchUpsertConversationsResponse { conversations })
}

/// ListConversations: latest first.
pub async fn list(ctx: Ctx, request: ListConversationsRequest) -> Result<ListConversationsResponse> {
    let (start, end) = (request.start_time.as_ref(), request.end_time.as_ref());
    check_window("endTime", start, end)?;
    let page = Page::of(ctx.rpc.name, &request)?;
    let mut range = match request.agent_user_names.as_slice() {
        [agent] => IndexRange::all(&ctx.customer, tags::CONVERSATION_BY_AGENT)
            .prefix(|terms| terms.str(&ctx.profile).str(last_segment(agent))),
        _ => IndexRange::all(&ctx.customer, tags::CONVERSATION_BY_TIME).prefix(|terms| terms.str(&ctx.profile)),
    };
    if start.is_some() {
        range = range.from(|terms| terms.i64(micros(start)));
    }
    if end.is_some() {
        range = range.until(|terms| terms.i64(micros(end)));
    }
    let (agents, usecases) = (hashes(&request.agent_user_names), hashes(&request.usecase_names));
    let moments = set_of(&request.moment_names);
    let listed = walk::<Conversation>(
        &ctx,
        &page,
        range.backward(),
        |hit| marked(&hit.projection, 0, &agents) && marked(&hit.projection, 1, &usecases),
        |conversation| {
            within(micros(conversation.conversation_time.as_ref()), start, end)
                && named(&request.agent_user_names, &conversation.agent_user_name)
                && named(&request.usecase_names, &conversation.usecase_name)
                && among_any(&moments, &conversation.moment_names)
        },
    )
    .await?;
    Ok(ListConversationsResponse { conversations: listed.items, next_page_token: listed.next_page_token })
}
