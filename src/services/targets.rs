//! Targets: a QA score to reach, one for each template part, usecase and plan. What the score is now is asked for with
//! every answer, and never stored.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use prost::Message;

use super::filter::{micros, named};
use super::plans;
use super::scores::{self, Asking, EVERYBODY, Part};
use super::templates::{self, act};
use crate::api::behavior::Described as _;
use crate::api::list::walk;
use crate::api::page::Page;
use crate::api::resource::{Resource, decode, key_of};
use crate::api::{Ctx, standard};
use crate::domain;
use crate::domain::windows::{Size, Window};
use crate::error::{Code, Error, Result, reason};
use crate::names::{Name, last_segment, without_revision};
use crate::pb::cresta::v1::coaching::*;
use crate::store::{Entries, Fault, IndexRange, Key, Record, Tag, Txn, tags, tuple};

impl Resource for Target {
    const TABLE: Tag = tags::TARGET;

    fn index(&self, entries: &mut Entries) {
        let Ok(name) = Name::parse(Self::TYPE, &self.name) else { return };
        let created = micros(self.create_time.as_ref());
        entries.add(tags::TARGET_BY_CREATE, |terms| terms.str(name.profile).i64_desc(created), &[]);
        let plan = last_segment(&self.coaching_plan_name);
        entries.add(tags::TARGET_BY_PLAN, |terms| terms.str(name.profile).str(plan), &[]);
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
    let mut targets = listed.items;
    score(&ctx, &mut targets).await?;
    Ok(ListTargetsResponse { targets, next_page_token: listed.next_page_token })
}

/// The targets of a plan, by its id; of the organisation where that is empty.
pub(super) async fn of_plan(ctx: &Ctx, plan: &str) -> Result<Vec<Target>> {
    let mut range =
        IndexRange::all(&ctx.customer, tags::TARGET_BY_PLAN).prefix(|terms| terms.str(&ctx.profile).str(plan));
    let mut targets = Vec::new();
    loop {
        let found = ctx.db().scan_index(&range, STRETCH, true).await?;
        range.after = found.position().or(range.after);
        for hit in found.hits {
            // A record may have changed since its entry was read.
            if let Some(rec) = hit.record? {
                let target: Target = decode(rec.body)?;
                if last_segment(&target.coaching_plan_name) == plan {
                    targets.push(target);
                }
            }
        }
        if found.exhausted {
            return Ok(targets);
        }
    }
}

/// Targets of a plan that are read at a time.
const STRETCH: usize = 50;

/// How many days back the scores of targets look.
const DAYS: i64 = 30;

/// Puts their current scores into targets.
async fn score(ctx: &Ctx, targets: &mut [Target]) -> Result<()> {
    let window = Window { start: ctx.now.0 - DAYS * Size::Day.micros(), end: ctx.now.0 };
    let plan_names: BTreeSet<&str> =
        targets.iter().map(|target| &*target.coaching_plan_name).filter(|name| !name.is_empty()).collect();
    let key = |name: &&str| key_of::<CoachingPlan>("target.coachingPlanName", name);
    let keys = plan_names.iter().map(key).collect::<Result<Vec<_>>>()?;
    let found = ctx.db().get_many::<CoachingPlan>(&keys).await?;
    let agents: BTreeMap<String, String> =
        found.into_iter().flatten().map(|plan| (plan.name, plan.agent_user_name)).collect();
    let mut asking = Asking::new(ctx);
    asking.about(targets.iter().map(|target| &*target.criterion_or_chapter_id));
    for target in targets {
        let agent = match agents.get(&target.coaching_plan_name) {
            Some(agent) => last_segment(agent),
            None if target.coaching_plan_name.is_empty() => EVERYBODY,
            None => continue, // plans are never deleted
        };
        let usecases = std::slice::from_ref(&target.usecase_name);
        let part = Part { template: &target.scorecard_template_name, node: &target.criterion_or_chapter_id, usecases };
        let score = domain::scores::alone(asking.part(agent, part, window).await?);
        let (qa_score, basis) = scores::shown(score.as_ref(), window);
        (target.qa_score, target.qa_score_basis) = (qa_score, Some(basis));
    }
    Ok(())
}

/// CreateTarget.
pub async fn create(ctx: Ctx, txn: Txn, request: CreateTargetRequest) -> Result<CreateTargetResponse> {
    let mut answer: CreateTargetResponse = standard::create::<Target, _, _>(ctx.clone(), txn, request).await?;
    score(&ctx, answer.target.as_mut_slice()).await?;
    Ok(answer)
}

/// GetTarget.
pub async fn get(ctx: Ctx, request: GetTargetRequest) -> Result<GetTargetResponse> {
    let mut answer: GetTargetResponse = standard::get::<Target, _, _>(ctx.clone(), request).await?;
    score(&ctx, answer.target.as_mut_slice()).await?;
    Ok(answer)
}

/// UpdateTarget.
pub async fn update(ctx: Ctx, txn: Txn, request: UpdateTargetRequest) -> Result<UpdateTargetResponse> {
    let mut answer: UpdateTargetResponse = standard::update::<Target, _, _>(ctx.clone(), txn, request).await?;
    score(&ctx, answer.target.as_mut_slice()).await?;
    Ok(answer)
}
