//! Targets: a QA score to reach, one for each template part, usecase and plan.

use bytes::Bytes;
use prost::Message;

use super::filter::{micros, named};
use super::plans;
use super::templates::{self, act};
use crate::api::Ctx;
use crate::api::behavior::Described as _;
use crate::api::list::walk;
use crate::api::page::Page;
use crate::api::resource::{Resource, decode, key_of};
use crate::domain;
use crate::error::{Code, Error, Result, reason};
use crate::names::{Name, last_segment, without_revision};
use crate::pb::cresta::v1::coaching::{CoachingPlan, ListTargetsRequest, ListTargetsResponse, Target};
use crate::store::{Entries, Fault, IndexRange, Key, Record, Tag, Txn, tags, tuple};

impl Resource for Target {
    const TABLE: Tag = tags::TARGET;

    fn index(&self, entries: &mut Entries) {
        let Ok(name) = Name::parse(Self::TYPE, &self.name) else { return };
        let created = micros(self.create_time.as_ref());
        entries.add(tags::TARGET_BY_CREATE, |terms| terms.str(name.profile).i64_desc(created), &[]);
    }

    /// A target of a plan is written by whoever may write the plan.
    async fn writable(&self, ctx: &Ctx, txn: &Txn) -> Result<()> {
        if self.coaching_plan_name.is_empty() {
            return Ok(());
        }
        plans::referred(ctx, txn, "target.coachingPlanName", &self.coaching_plan_name).await?.writable(ctx, txn).await
    }

    async fn create(&mut self, ctx: &Ctx, txn: &Txn) -> Result<()> {
        self.settle(txn).await?;
        self.create_time = Some(ctx.now.timestamp());
        self.update_time = self.create_time;
        Slot::of(self)?.take(txn).await
    }

    fn align(&mut self, _old: &Self) {
        self.scorecard_template_name = without_revision(&self.scorecard_template_name).to_owned();
    }

    async fn update(&mut self, ctx: &Ctx, txn: &Txn, old: &Self) -> Result<()> {
        self.settle(txn).await?;
        self.update_time = Some(act(ctx, &ctx.shown_caller()).time(old.update_time.as_ref()));
        let (slot, former) = (Slot::of(self)?, Slot::of(old)?);
        if slot.key() != former.key() {
            txn.delete::<Slot>(&former.key()).await?;
            slot.take(txn).await?;
        }
        Ok(())
    }

    async fn delete(&self, _ctx: &Ctx, txn: &Txn) -> Result<()> {
        txn.delete::<Slot>(&Slot::of(self)?.key()).await?;
        Ok(())
    }
}

impl Target {
    /// What must hold of a target whenever it is written.
    async fn settle(&mut self, txn: &Txn) -> Result<()> {
        self.scorecard_template_name = without_revision(&self.scorecard_template_name).to_owned();
        let template = templates::referred(txn, "target.scorecardTemplateName", &self.scorecard_template_name).await?;
        let form = super::forms::compiled(&template)?;
        let percent = self.target.unwrap_or(f32::NAN);
        let faults = domain::targets::check(percent, &self.criterion_or_chapter_id, &form, "target");
        if !faults.is_empty() {
            return Err(Error::fields(faults));
        }
        if !self.coaching_plan_name.is_empty() {
            let field = "target.coachingPlanName";
            if !txn.exists(&key_of::<CoachingPlan>(field, &self.coaching_plan_name)?).await? {
                return Err(plans::absent(field, &self.coaching_plan_name));
            }
        }
        Ok(())
    }
}

/// What may have one target only. Its record's existence is the uniqueness.
#[derive(Clone, PartialEq, Message)]
pub struct Slot {
    #[prost(string, tag = "1")]
    customer: String,
    #[prost(bytes = "bytes", tag = "2")]
    id: Bytes,
    #[prost(string, tag = "3")]
    target: String,
}

impl Slot {
    fn of(target: &Target) -> Result<Self> {
        let name =
            Name::parse(Target::TYPE, &target.name).map_err(|bad| Error::field("target.name", bad.to_string()))?;
        let id = tuple(|id| {
            id.str(name.profile)
                .str(last_segment(&target.scorecard_template_name))
                .str(&target.criterion_or_chapter_id)
                .str(last_segment(&target.usecase_name))
                .str(last_segment(&target.coaching_plan_name))
        });
        Ok(Self { customer: name.customer.to_owned(), id, target: target.name.clone() })
    }

    /// Takes the slot, or says whose it is.
    async fn take(&self, txn: &Txn) -> Result<()> {
        if let Some(taken) = txn.get::<Self>(&self.key()).await? {
            return Err(Error::new(
                Code::AlreadyExists,
                reason::TARGET_ALREADY_EXISTS,
                format!("{} is the target of this template part, usecase and plan already: update it", taken.target),
            )
            .with("resource", taken.target));
        }
        Ok(txn.save(self).await?)
    }
}

impl Record for Slot {
    const TAG: Tag = tags::TARGET_SLOT;
    const HISTORY: bool = false;

    fn key(&self) -> Key {
        Key::new(&self.customer, Self::TAG, &self.id)
    }
    fn encode(&self) -> Vec<u8> {
        self.encode_to_vec()
    }
    fn decode(body: Bytes) -> Result<Self, Fault> {
        decode(body)
    }
    fn entries(&self, _entries: &mut Entries) {}
}

/// ListTargets: latest made first.
pub async fn list(ctx: Ctx, request: ListTargetsRequest) -> Result<ListTargetsResponse> {
    if request.organization_only && !request.coaching_plan_names.is_empty() {
        return Err(Error::field("organizationOnly", "excludes coachingPlanNames: send one of them"));
    }
    let page = Page::of(ctx.rpc.name, &request)?;
    let templates: Vec<&str> = request.scorecard_template_names.iter().map(|name| without_revision(name)).collect();
    let range = IndexRange::all(&ctx.customer, tags::TARGET_BY_CREATE).prefix(|terms| terms.str(&ctx.profile));
    let listed = walk::<Target>(
        &ctx,
        &page,
        range,
        |_| true,
        |target| {
            named(&request.usecase_names, &target.usecase_name)
                && named(&request.criterion_or_chapter_ids, &target.criterion_or_chapter_id)
                && named(&request.coaching_plan_names, &target.coaching_plan_name)
                && (templates.is_empty() || templates.contains(&target.scorecard_template_name.as_str()))
                && (!request.organization_only || target.coaching_plan_name.is_empty())
        },
    )
    .await?;
    Ok(ListTargetsResponse { targets: listed.items, next_page_token: listed.next_page_token })
}
