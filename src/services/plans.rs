//! Coaching plans: how they are kept, the batch, the listing, and the scorecards added to them.
//!
//! A scorecard holds the names of its plans, and an index on scorecards leads back: the link is stored once, goes with the
//! scorecard when that is deleted, and cannot dangle on a plan's side. Plans themselves are never deleted.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::filter::{agents_of, check_window, flagged, hashes, marked, marks, micros, named, set_of};
use super::forms::compiled;
use super::templates::{self, act};
use super::{audiences, history, sessions, standing};
use crate::api::batch::{self, Step};
use crate::api::behavior::Described as _;
use crate::api::caller::Caller;
use crate::api::list::walk;
use crate::api::page::Page;
use crate::api::resource::{Resource, key_of};
use crate::api::{Ctx, etag, standard};
use crate::domain::form::Form;
use crate::domain::plans;
use crate::error::{Error, FieldViolation, Result, reason};
use crate::names::{Name, last_segment};
use crate::pb::cresta::v1::coaching::*;
use crate::store::{Entries, IndexRange, Tag, Txn, tags};

impl Resource for CoachingPlan {
    const TABLE: Tag = tags::COACHING_PLAN;

    fn index(&self, entries: &mut Entries) {
        let Ok(name) = Name::parse(Self::TYPE, &self.name) else { return };
        let created = micros(self.create_time.as_ref());
        let kept = marks(self.is_active(), &[&self.agent_user_name, &self.usecase_name]);
        entries.add(tags::COACHING_PLAN_BY_CREATE, |terms| terms.str(name.profile).i64(created), &kept);
        let agent = last_segment(&self.agent_user_name);
        entries.add(tags::COACHING_PLAN_BY_AGENT, |terms| terms.str(name.profile).str(agent).i64(created), &kept);
    }

    /// An agent knows of their own plans.
    fn visible(&self, caller: &Caller) -> bool {
        !caller.is_agent() || caller.is(&self.agent_user_name)
    }

    async fn writable(&self, ctx: &Ctx, txn: &Txn) -> Result<()> {
        standing::coach(ctx, txn, &self.agent_user_name).await
    }

    fn complaints(&self, at: &str) -> (Vec<FieldViolation>, &'static str) {
        (plans::check(self, at), reason::INVALID_REQUEST)
    }

    async fn create(&mut self, ctx: &Ctx, txn: &Txn) -> Result<()> {
        begin(self, ctx, txn, &mut Forms::default(), "coachingPlan").await
    }

    fn align(&mut self, old: &Self) {
        plans::align(self, Some(old));
    }

    async fn update(&mut self, ctx: &Ctx, txn: &Txn, old: &Self) -> Result<()> {
        change(self, old, ctx, txn, &mut Forms::default(), "coachingPlan").await
    }
}

fn refuse(faults: Vec<FieldViolation>) -> Result<()> {
    if faults.is_empty() { Ok(()) } else { Err(Error::fields(faults)) }
}

/// Templates that focus criteria point at, each loaded and compiled once in a call.
type Forms = HashMap<String, (String, Arc<Form>)>;

/// Finishes a new plan.
async fn begin(plan: &mut CoachingPlan, ctx: &Ctx, txn: &Txn, forms: &mut Forms, at: &str) -> Result<()> {
    plans::align(plan, None);
    focus(plan, None, txn, forms, at).await?;
    plans::create(plan, &act(ctx, &ctx.shown_caller()));
    Ok(())
}

/// Finishes a changed plan.
async fn change(
    plan: &mut CoachingPlan,
    old: &CoachingPlan,
    ctx: &Ctx,
    txn: &Txn,
    forms: &mut Forms,
    at: &str,
) -> Result<()> {
    focus(plan, Some(old), txn, forms, at).await?;
    plans::update(old, plan, &act(ctx, &ctx.shown_caller()));
    Ok(())
}

/// Holds focus criteria against their templates and names them. Those that `old` has stay, whatever became of the
/// template, so that a plan can be changed as long as it lives.
async fn focus(
    plan: &mut CoachingPlan,
    old: Option<&CoachingPlan>,
    txn: &Txn,
    forms: &mut Forms,
    at: &str,
) -> Result<()> {
    let mut faults = Vec::new();
    for (i, focus) in plan.focus_criteria.iter_mut().enumerate() {
        if old.is_some_and(|old| plans::known(old, focus).is_some()) {
            continue;
        }
        let template = &focus.scorecard_template_name;
        if !forms.contains_key(template) {
            let field = format!("{at}.focusCriteria[{i}].scorecardTemplateName");
            let found = templates::referred(txn, &field, template).await?;
            forms.insert(template.clone(), (found.title.clone(), compiled(&found)?));
        }
        let Some((title, form)) = forms.get(template) else { continue };
        match plans::name_of(&focus.criterion_or_chapter_id, form, title) {
            Some(name) => focus.display_name = name,
            None => faults.push(FieldViolation {
                field: format!("{at}.focusCriteria[{i}].criterionOrChapterId"),
                description: "is no chapter or criterion of the template".to_owned(),
            }),
        }
    }
    refuse(faults)
}

/// A plan that another resource refers to; one that is absent, or not for the caller to know, is told by the field.
pub(super) async fn referred(ctx: &Ctx, txn: &Txn, field: &str, name: &str) -> Result<CoachingPlan> {
    let found = txn.get::<CoachingPlan>(&key_of::<CoachingPlan>(field, name)?).await?;
    found.filter(|plan| plan.visible(&ctx.caller)).ok_or_else(|| absent(field, name))
}

/// The error of a plan that a field names and that is not there.
pub(super) fn absent(field: &str, name: &str) -> Error {
    let description = "no such coaching plan: name one that is there, or none".to_owned();
    Error::not_found(name).with_fields(vec![FieldViolation { field: field.to_owned(), description }])
}

/// Names what plans focus on as the templates name it now; what a template has no longer keeps the name that is stored.
/// One read for all the templates of a page.
async fn named_now(ctx: &Ctx, plans: &mut [CoachingPlan]) -> Result<()> {
    name_now(ctx, plans.iter_mut().flat_map(|plan| &mut plan.focus_criteria).collect()).await
}

/// The same of focus criteria, wherever they stand.
pub(super) async fn name_now(ctx: &Ctx, focuses: Vec<&mut FocusCriterion>) -> Result<()> {
    let names: BTreeSet<String> = focuses.iter().map(|focus| focus.scorecard_template_name.clone()).collect();
    let key = |name: &String| key_of::<ScorecardTemplate>("focusCriteria", name);
    let keys = names.iter().map(key).collect::<Result<Vec<_>>>()?;
    let mut forms = Forms::new();
    for template in ctx.db().get_many::<ScorecardTemplate>(&keys).await?.into_iter().flatten() {
        forms.insert(template.name.clone(), (template.title.clone(), compiled(&template)?));
    }
    for focus in focuses {
        let known = forms.get(&focus.scorecard_template_name);
        if let Some(name) = known.and_then(|(title, form)| plans::name_of(&focus.criterion_or_chapter_id, form, title))
        {
            focus.display_name = name;
        }
    }
    Ok(())
}

/// UpdateCoachingPlan.
pub async fn update(ctx: Ctx, txn: Txn, request: UpdateCoachingPlanRequest) -> Result<UpdateCoachingPlanResponse> {
    let mut answer: UpdateCoachingPlanResponse =
        standard::update::<CoachingPlan, _, _>(ctx.clone(), txn, request).await?;
    named_now(&ctx, answer.coaching_plan.as_mut_slice()).await?;
    Ok(answer)
}

/// GetCoachingPlan: with its sessions, or as it was.
pub async fn get(ctx: Ctx, request: GetCoachingPlanRequest) -> Result<GetCoachingPlanResponse> {
    let mut plan = history::read::<CoachingPlan>(&ctx, &request.name, request.read_time.as_ref()).await?;
    if request.read_time.is_some() {
        // Its focus is named as it was, and sessions are what they are now: beside a plan of then they would mislead.
        return Ok(GetCoachingPlanResponse { coaching_plan: Some(plan) });
    }
    plan.coaching_sessions = sessions::of_plan(&ctx, &plan.name, None, None).await?;
    named_now(&ctx, std::slice::from_mut(&mut plan)).await?;
    Ok(GetCoachingPlanResponse { coaching_plan: Some(plan) })
}

/// Where the plans of a batch stand in its request.
const BATCH: &str = "coachingPlans";

/// BatchUpsertCoachingPlans: makes or replaces them, all or none.
pub async fn batch_upsert(
    ctx: Ctx,
    txn: Txn,
    request: BatchUpsertCoachingPlansRequest,
) -> Result<BatchUpsertCoachingPlansResponse> {
    let mut steps = batch::compare(&ctx, &txn, &request.parent, BATCH, request.coaching_plans, Vec::new()).await?;
    let mut forms = Forms::new();
    for (i, Step { old, new }) in steps.iter_mut().enumerate() {
        let (Some(plan), at) = (new, batch::place(BATCH, i)) else { continue };
        match old {
            None => begin(plan, &ctx, &txn, &mut forms, &at).await?,
            Some(old) => change(plan, old, &ctx, &txn, &mut forms, &at).await?,
        }
    }
    let mut coaching_plans = batch::write(&ctx, &txn, steps).await?;
    named_now(&ctx, &mut coaching_plans).await?;
    Ok(BatchUpsertCoachingPlansResponse { coaching_plans })
}

/// ListCoachingPlans: latest made first.
pub async fn list(ctx: Ctx, mut request: ListCoachingPlansRequest) -> Result<ListCoachingPlansResponse> {
    let window = request.session_time_range.unwrap_or_default();
    let (start, end) = (window.start_timestamp.as_ref(), window.end_timestamp.as_ref());
    check_window("sessionTimeRange.endTimestamp", start, end)?;
    let mut asked = std::mem::take(&mut request.agent_user_names);
    asked.extend((!request.agent_user_name.is_empty()).then(|| std::mem::take(&mut request.agent_user_name)));
    let Some(mut agents) = agents_of(&ctx, asked) else { return Ok(ListCoachingPlansResponse::default()) };
    request.agent_user_names.clone_from(&agents);
    // Token and road are the request's, not the groups': who is in them may change while their plans are listed.
    let page = Page::of(ctx.rpc.name, &request)?;
    if !request.group_names.is_empty() {
        let members = audiences::of_groups(&ctx, &request.group_names).await?;
        if agents.is_empty() {
            agents.extend(members);
        } else {
            agents.retain(|agent| members.contains(agent));
        }
        if agents.is_empty() {
            return Ok(ListCoachingPlansResponse::default());
        }
    }

    let range = match request.agent_user_names.as_slice() {
        [agent] => IndexRange::all(&ctx.customer, tags::COACHING_PLAN_BY_AGENT)
            .prefix(|terms| terms.str(&ctx.profile).str(last_segment(agent))),
        _ => IndexRange::all(&ctx.customer, tags::COACHING_PLAN_BY_CREATE).prefix(|terms| terms.str(&ctx.profile)),
    };
    let (marked_agents, agents) = (hashes(&agents), set_of(&agents));
    let usecases = hashes(&request.usecase_names);
    let wanted: HashSet<(&str, &str)> = request.focus_criteria.iter().map(plans::place).collect();
    let listed = walk::<CoachingPlan>(
        &ctx,
        &page,
        range.backward(),
        |hit| {
            flagged(&hit.projection, request.is_active)
                && marked(&hit.projection, 0, &marked_agents)
                && marked(&hit.projection, 1, &usecases)
        },
        |plan| {
            request.is_active.is_none_or(|active| plan.is_active() == active)
                && (agents.is_empty() || agents.contains(&*plan.agent_user_name))
                && named(&request.usecase_names, &plan.usecase_name)
                && (wanted.is_empty() || plan.focus_criteria.iter().any(|focus| wanted.contains(&plans::place(focus))))
        },
    )
    .await?;
    let mut coaching_plans = listed.items;
    named_now(&ctx, &mut coaching_plans).await?;
    for plan in &mut coaching_plans {
        if request.exclude_coaching_plan_comment {
            plan.comment.clear();
        }
        if request.include_coaching_sessions {
            plan.coaching_sessions = sessions::of_plan(&ctx, &plan.name, start, end).await?;
        }
        if request.exclude_coaching_sessions_note_and_comment {
            for session in &mut plan.coaching_sessions {
                session.meeting_notes.clear();
                session.agent_comment.clear();
            }
        }
    }
    Ok(ListCoachingPlansResponse { coaching_plans, next_page_token: listed.next_page_token })
}

/// AddScorecardToCoachingPlan.
pub async fn add_scorecard(
    ctx: Ctx,
    txn: Txn,
    request: AddScorecardToCoachingPlanRequest,
) -> Result<AddScorecardToCoachingPlanResponse> {
    let (plan, card) = linkable(&ctx, &txn, &request.name, &request.scorecard_name).await?;
    if let Some(mut linked) = plans::add(&plan, &card, &act(&ctx, &ctx.shown_caller()))? {
        standard::save(&txn, &mut linked).await?;
    }
    Ok(AddScorecardToCoachingPlanResponse { coaching_plan_name: plan.name, scorecard_name: card.name })
}

/// RemoveScorecardFromCoachingPlan.
pub async fn remove_scorecard(
    ctx: Ctx,
    txn: Txn,
    request: RemoveScorecardFromCoachingPlanRequest,
) -> Result<RemoveScorecardFromCoachingPlanResponse> {
    let (plan, card) = linkable(&ctx, &txn, &request.name, &request.scorecard_name).await?;
    if let Some(mut unlinked) = plans::remove(&plan, &card, &act(&ctx, &ctx.shown_caller())) {
        standard::save(&txn, &mut unlinked).await?;
    }
    Ok(RemoveScorecardFromCoachingPlanResponse { coaching_plan_name: plan.name, scorecard_name: card.name })
}

/// A plan and a scorecard that are to be linked or parted.
async fn linkable(ctx: &Ctx, txn: &Txn, plan: &str, card: &str) -> Result<(CoachingPlan, Scorecard)> {
    let plan = standard::load_to_write::<CoachingPlan>(ctx, txn, "name", plan).await?;
    etag::expect(ctx, &[], &plan)?;
    let card = standard::load::<Scorecard>(ctx, txn, "scorecardName", card).await?;
    Ok((plan, card))
}
