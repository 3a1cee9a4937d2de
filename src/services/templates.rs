//! Scorecard templates and their revisions.
//!
//! The head record holds the template as it is now; one record for each revision holds the form as it was when that
//! revision was last the current one. Both change in one transaction.

use bytes::Bytes;
use prost::Message;

use super::filter::set_of;
use super::scorecards::counts;
use super::{audiences, history, standing};
use crate::api::behavior::Carries;
use crate::api::list::walk;
use crate::api::page::Page;
use crate::api::resource::{self, Resource, decode};
use crate::api::standard::{self, fetch, load_for, save};
use crate::api::{Ctx, users};
use crate::domain;
use crate::domain::audience;
use crate::domain::lifecycle::Act;
use crate::error::{Error, FieldViolation, Result};
use crate::names::{Name, TEMPLATE, without_revision};
use crate::pb::cresta::v1::coaching::list_current_scorecard_templates_request::View;
use crate::pb::cresta::v1::coaching::*;
use crate::store::{Db, Entries, Fault, IndexRange, Key, Record, Tag, Txn, tags, tuple};

impl Resource for ScorecardTemplate {
    const TABLE: Tag = tags::SCORECARD_TEMPLATE;

    fn index(&self, entries: &mut Entries) {
        let Ok(name) = Name::parse(TEMPLATE, &self.name) else { return };
        // Titles are up to 500 characters and keys are short; the listing is by what people see of the beginning.
        let title: String = self.title.chars().take(60).collect();
        entries.add(
            tags::TEMPLATE_BY_TITLE,
            |terms| terms.str(name.profile).str(&title),
            &[self.status as u8, self.r#type as u8],
        );
        if self.permissions.as_ref().is_some_and(domain::permissions::narrow_viewing) {
            entries.add(tags::TEMPLATE_RESTRICTED, |terms| terms.str(name.profile).str(name.id), &[]);
        }
    }

    fn complaints(&self, at: &str) -> (Vec<FieldViolation>, &'static str) {
        domain::templates::complaints(self, at)
    }

    async fn create(&mut self, ctx: &Ctx, txn: &Txn) -> Result<()> {
        domain::templates::create(self, &act(ctx, &ctx.shown_caller()))?;
        save_revision(txn, self).await
    }

    async fn update(&mut self, ctx: &Ctx, txn: &Txn, old: &Self) -> Result<()> {
        // A revision is never added without a change of the head, which this transaction has read: none is missed here.
        let earlier = if self.template == old.template { Vec::new() } else { all_revisions(ctx, old).await? };
        domain::templates::update(old, self, &earlier, &act(ctx, &ctx.shown_caller()))?;
        save_revision(txn, self).await
    }
}

/// Every revision that a template has had.
async fn all_revisions(ctx: &Ctx, template: &ScorecardTemplate) -> Result<Vec<ScorecardTemplate>> {
    let name = Name::parse(TEMPLATE, &template.name).map_err(|bad| Error::internal(bad.to_string()))?;
    let mut range = revision_range(ctx, &name);
    let mut all = Vec::new();
    loop {
        let found = ctx.db().scan_index(&range, 100, true).await?;
        range.after = found.position().or(range.after);
        for hit in found.hits {
            if let Some(rec) = hit.record? {
                all.push(TemplateRevision::decode(rec.body)?.0);
            }
        }
        if found.exhausted {
            return Ok(all);
        }
    }
}

/// The revisions of a template, latest first.
fn revision_range(ctx: &Ctx, name: &Name<'_>) -> IndexRange {
    IndexRange::all(&ctx.customer, tags::TEMPLATE_REVISION_BY_NUMBER)
        .prefix(|terms| terms.str(name.profile).str(name.id))
}

/// The call as the rules see it.
pub(super) fn act<'a>(ctx: &Ctx, user: &'a crate::pb::cresta::v1::user::User) -> Act<'a> {
    Act { now: ctx.now.timestamp(), user, machine: ctx.caller.is_service() }
}

/// One revision of a template, as a record.
#[derive(Clone)]
pub struct TemplateRevision(ScorecardTemplate);

impl TemplateRevision {
    fn key_of(name: &Name<'_>, revision: &str) -> Key {
        Key::new(name.customer, Self::TAG, tuple(|id| id.str(name.profile).str(name.id).str(revision)))
    }
}

impl Record for TemplateRevision {
    const TAG: Tag = tags::TEMPLATE_REVISION;
    const HISTORY: bool = false; // the template's own history has it

    fn key(&self) -> Key {
        Name::parse(TEMPLATE, &self.0.name)
            .map_or_else(|_| Key::new("", Self::TAG, ""), |name| Self::key_of(&name, &self.0.revision))
    }
    fn encode(&self) -> Vec<u8> {
        self.0.encode_to_vec()
    }
    fn decode(body: Bytes) -> Result<Self, Fault> {
        decode(body).map(Self)
    }
    fn entries(&self, entries: &mut Entries) {
        let Ok(name) = Name::parse(TEMPLATE, &self.0.name) else { return };
        entries.add(
            tags::TEMPLATE_REVISION_BY_NUMBER,
            |terms| terms.str(name.profile).str(name.id).i64_desc(self.0.revision_number),
            &[],
        );
    }
}

async fn save_revision(txn: &Txn, template: &ScorecardTemplate) -> Result<()> {
    let mut frozen = template.clone();
    frozen.name = format!("{}@{}", template.name, template.revision);
    frozen.etag = String::new();
    Ok(txn.save(&TemplateRevision(frozen)).await?)
}

/// A template that another resource refers to; deleted ones count, absent ones are told by the field.
pub(super) async fn referred(txn: &Txn, field: &str, name: &str) -> Result<ScorecardTemplate> {
    let key = resource::key_of::<ScorecardTemplate>(field, name)?;
    txn.get(&key).await?.ok_or_else(|| absent(field, name))
}

fn absent(field: &str, name: &str) -> Error {
    let description = "no such template: create it first, or name one that is there".to_owned();
    Error::not_found(name).with_fields(vec![FieldViolation { field: field.to_owned(), description }])
}

/// The template at the revision that `name` says, or at its current one; what is not of the form is as it is now.
pub(super) async fn pinned(txn: &Txn, field: &str, name: &str) -> Result<ScorecardTemplate> {
    let head = referred(txn, field, without_revision(name)).await?;
    let parsed = Name::parse(TEMPLATE, name).map_err(|bad| Error::field(field, bad.to_string()))?;
    match parsed.revision {
        None => Ok(head),
        Some(revision) if revision == head.revision => Ok(head),
        Some("*") => Err(Error::field(field, "must name one revision, or none for the current one")),
        Some(revision) => {
            let frozen = txn.get::<TemplateRevision>(&TemplateRevision::key_of(&parsed, revision)).await?;
            Ok(with_state_of(frozen.ok_or_else(|| absent(field, name))?.0, &head))
        }
    }
}

/// The template that a stored scorecard was made on.
pub(super) async fn stored(db: &Db, name: &str) -> Result<ScorecardTemplate> {
    let found = revisions(db, vec![name.to_owned()]).await?.pop();
    found.ok_or_else(|| Error::internal(format!("{name} is referred to and not stored")))
}

/// An old revision is still of a template that is now active, inactive or deleted, for an audience of now.
fn with_state_of(mut frozen: ScorecardTemplate, head: &ScorecardTemplate) -> ScorecardTemplate {
    frozen.status = head.status;
    frozen.deactivate_time = head.deactivate_time;
    frozen.delete_time = head.delete_time;
    frozen.audience.clone_from(&head.audience);
    frozen.permissions.clone_from(&head.permissions);
    frozen.usecase_names.clone_from(&head.usecase_names);
    frozen
}

/// The revisions with these names, `…@{revision}`, each once, in no promised order; absent ones are left out.
pub(super) async fn revisions(db: &Db, mut names: Vec<String>) -> Result<Vec<ScorecardTemplate>> {
    names.sort_unstable();
    names.dedup();
    let keys: Vec<Key> = names
        .iter()
        .filter_map(|name| {
            let parsed = Name::parse(TEMPLATE, name).ok()?;
            Some(TemplateRevision::key_of(&parsed, parsed.revision?))
        })
        .collect();
    let found = db.get_many::<TemplateRevision>(&keys).await?;
    Ok(found.into_iter().flatten().map(|revision| revision.0).collect())
}

/// The revision that a filter's template name means: the one that it names, or the current one where it names none. Empty
/// where it means every revision, or nothing at all.
pub(super) async fn revision_meant(ctx: &Ctx, field: &str, filter: &str) -> Result<String> {
    if filter.is_empty() {
        return Ok(String::new());
    }
    let name = Name::parse(TEMPLATE, filter).map_err(|bad| Error::field(field, bad.to_string()))?;
    match name.revision {
        Some("*") => Ok(String::new()),
        Some(revision) => Ok(revision.to_owned()),
        None => {
            let head = ctx.db().get::<ScorecardTemplate>(&resource::key(tags::SCORECARD_TEMPLATE, &name)).await?;
            // No revision has this id: of an absent template there are no scorecards.
            Ok(head.map_or_else(|| "00000000".to_owned(), |head| head.revision))
        }
    }
}

/// Takes out of templates what is not for the caller. An agent gets the form; whom else it is for, who grades on it and
/// how much of whose work is to be evaluated are lists of colleagues.
pub(super) fn narrow(ctx: &Ctx, templates: &mut [ScorecardTemplate]) {
    if !ctx.caller.is_agent() {
        return;
    }
    for template in templates {
        template.audience = None;
        template.resolved_audience.clear();
        template.resolved_audience_count = 0;
        template.permissions = None;
        template.qa_task_config = None;
    }
}

/// GetScorecardTemplate: as it is now, as it was, or one revision.
pub async fn get(ctx: Ctx, request: GetScorecardTemplateRequest) -> Result<GetScorecardTemplateResponse> {
    let name = Name::parse(TEMPLATE, &request.name).map_err(|bad| Error::field("name", bad.to_string()))?;
    if request.read_time.is_some() && name.revision.is_some() {
        return Err(Error::field("readTime", "does not go with @{revision}, whose form is the same at any time"));
    }
    let head = history::read::<ScorecardTemplate>(&ctx, &request.name, request.read_time.as_ref()).await?;
    let mut template = match name.revision {
        None => head,
        Some("*") => return Err(Error::field("name", "must name one revision: list them with :listRevisions")),
        Some(revision) => {
            let frozen = ctx.db().get::<TemplateRevision>(&TemplateRevision::key_of(&name, revision)).await?;
            with_state_of(frozen.ok_or_else(|| Error::not_found(&request.name))?.0, &head)
        }
    };
    // Whom its audience gives is known of now alone.
    if request.read_time.is_none() && !ctx.caller.is_agent() {
        audiences::show(&ctx, std::slice::from_mut(&mut template)).await?;
    }
    narrow(&ctx, std::slice::from_mut(&mut template));
    Ok(GetScorecardTemplateResponse { scorecard_template: Some(template) })
}

/// DeleteScorecardTemplate: marks it deleted. Deleting it again answers it as it is.
pub async fn delete(
    ctx: Ctx,
    txn: Txn,
    request: DeleteScorecardTemplateRequest,
) -> Result<DeleteScorecardTemplateResponse> {
    whole(&request.name, "name")?;
    let mut template = load_for::<ScorecardTemplate, _>(&ctx, &txn, &request).await?;
    if let Some(deleted) = domain::templates::delete(&template, &act(&ctx, &ctx.shown_caller())) {
        template = deleted;
        save_revision(&txn, &template).await?;
        save(&txn, &mut template).await?;
    }
    Ok(DeleteScorecardTemplateResponse { scorecard_template: Some(template) })
}

/// Refuses a name that carries a revision where a whole template is meant.
pub(super) fn whole(name: &str, field: &str) -> Result<()> {
    if name.contains('@') { Err(Error::field(field, "must name the template, without @{revision}")) } else { Ok(()) }
}

/// UpdateScorecardTemplate: the current revision only.
pub async fn update(
    ctx: Ctx,
    txn: Txn,
    request: UpdateScorecardTemplateRequest,
) -> Result<UpdateScorecardTemplateResponse> {
    whole(request.scorecard_template.as_ref().map_or("", |template| &template.name), "scorecardTemplate.name")?;
    standard::update(ctx, txn, request).await
}

/// Shows in the answer of a write whom the template's audience holds now. That is no part of what was written, and a
/// thousand users with their names would not fit into the record that remembers an answer. What is done stays done: were
/// the directory not to be read, the answer goes without.
pub async fn shown<A: Carries<ScorecardTemplate>>(ctx: Ctx, mut answer: A) -> A {
    let Some(mut template) = answer.take() else { return answer };
    let mut showing = ScorecardTemplate { audience: template.audience.clone(), ..Default::default() };
    let filled = async {
        audiences::show(&ctx, std::slice::from_mut(&mut showing)).await?;
        users::fill(&ctx, &mut showing).await
    };
    if let Err(error) = filled.await {
        tracing::error!(%error, template = template.name, "a template is written and answered without its audience");
    }
    template.resolved_audience = showing.resolved_audience;
    template.resolved_audience_count = showing.resolved_audience_count;
    A::with(template)
}

/// ListCurrentScorecardTemplates: by title.
pub async fn list_current(
    ctx: Ctx,
    request: ListCurrentScorecardTemplatesRequest,
) -> Result<ListCurrentScorecardTemplatesResponse> {
    let page = Page::of(ctx.rpc.name, &request)?;
    let admitted = |status: i32| match status {
        _ if !request.statuses.is_empty() => request.statuses.contains(&status),
        status if status == ScorecardTemplateStatus::Deleted as i32 => request.include_deleted,
        status if status == ScorecardTemplateStatus::Inactive as i32 => request.include_deactivated,
        _ => true,
    };
    let triggers = set_of(&request.triggers);
    let typed = |kind: i32| request.types.is_empty() || request.types.contains(&kind);
    let agent = &*request.agent_user_name;
    let known = standing::known(&ctx, None, agent).await?;
    let membership = audiences::membership(&ctx, known.as_ref());
    let range = IndexRange::all(&ctx.customer, tags::TEMPLATE_BY_TITLE).prefix(|terms| terms.str(&ctx.profile));
    let mut listed = walk::<ScorecardTemplate>(
        &ctx,
        &page,
        range,
        |hit| matches!(*hit.projection, [status, kind] if admitted(status.into()) && typed(kind.into())),
        |template| {
            admitted(template.status)
                && typed(template.r#type)
                && (request.usecase_names.is_empty()
                    || request.usecase_names.iter().any(|usecase| audience::serves(template, usecase)))
                && (triggers.is_empty() || audience::triggered_by(template, &triggers))
                && (agent.is_empty() || audience::holds(template, agent, membership))
        },
    )
    .await?;
    let stats = match request.view() {
        View::FullWithStats => {
            audiences::show(&ctx, &mut listed.items).await?;
            counts::of_templates(&ctx, &listed.items).await?
        }
        View::BasicWithoutStats | View::Unspecified => Vec::new(),
    };
    Ok(ListCurrentScorecardTemplatesResponse {
        scorecard_templates: listed.items,
        stats,
        next_page_token: listed.next_page_token,
    })
}

/// ListScorecardTemplateRevisions: latest first.
pub async fn list_revisions(
    ctx: Ctx,
    request: ListScorecardTemplateRevisionsRequest,
) -> Result<ListScorecardTemplateRevisionsResponse> {
    whole(&request.name, "name")?;
    let name = Name::parse(TEMPLATE, &request.name).map_err(|bad| Error::field("name", bad.to_string()))?;
    let head = fetch::<ScorecardTemplate>(&ctx, "name", &request.name).await?;
    let page = Page::of(ctx.rpc.name, &request)?;
    let range = revision_range(&ctx, &name).after(page.after.clone());
    // One more than wanted tells whether anything follows.
    let mut found = ctx.db().scan_index(&range, page.size + 1, true).await?;
    let more = found.hits.len() > page.size;
    found.hits.truncate(page.size);
    let next = if more { page.next(found.position().as_deref()) } else { String::new() };
    let mut templates = Vec::with_capacity(found.hits.len());
    for hit in found.hits {
        if let Some(rec) = hit.record? {
            templates.push(with_state_of(TemplateRevision::decode(rec.body)?.0, &head));
        }
    }
    Ok(ListScorecardTemplateRevisionsResponse { scorecard_templates: templates, next_page_token: next })
}
