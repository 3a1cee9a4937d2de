//! Coaching progress: how far the scores that agents' plans work on have moved towards their targets.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::coached::{self, Agent, Wanted, ahead};
use super::filter::{check_window, micros};
use super::scores::{self, Asking, Part};
use super::{plans, targets};
use crate::api::Ctx;
use crate::api::caller::shown;
use crate::api::page::Page;
use crate::domain::exact;
use crate::domain::progress::{Measured, Worked, total, worked_on};
use crate::domain::scores::alone;
use crate::domain::windows::Window;
use crate::error::{Error, Result};
use crate::names::last_segment;
use crate::pb::cresta::v1::coaching::coaching_progress::{Focus, Measure};
use crate::pb::cresta::v1::coaching::retrieve_coaching_progresses_request::OrderBy;
use crate::pb::cresta::v1::coaching::*;

/// The windows that a measure rests on.
#[derive(Clone, Copy)]
struct Windows {
    before: Window,
    now: Window,
}

/// An agent with active plans, and the progress where it is worked out already.
type Next = (Agent, Vec<CoachingPlan>, Option<CoachingProgress>);

/// RetrieveCoachingProgresses. Progresses are worked out in order, as many as the page has; an order by progress or gap
/// works them out for every agent.
pub async fn retrieve(
    ctx: Ctx,
    request: RetrieveCoachingProgressesRequest,
) -> Result<RetrieveCoachingProgressesResponse> {
    let page = Page::of(ctx.rpc.name, &request)?;
    check_window("endTime", request.start_time.as_ref(), request.end_time.as_ref())?;
    if request.end_time.is_none() && request.start_time.as_ref().is_some_and(|start| micros(Some(start)) >= ctx.now.0) {
        return Err(Error::field("startTime", "must be before now where endTime is unset"));
    }
    let wanted = Wanted {
        agents: &request.agent_user_names,
        groups: &request.group_names,
        inactive: request.include_inactive_users,
        developers: request.include_dev_users,
    };
    let organisation = targets::of_plan(&ctx, "").await?;
    let mut asking = Asking::new(&ctx);
    let direction = request.order_direction();
    let mut keyed: Vec<(Bytes, Next)> = Vec::new();
    for (agent, plans) in coached::by_plans(&ctx, wanted, &request.usecase_names).await? {
        if request.order_by() == OrderBy::Unspecified {
            keyed.push((agent.place_by_name(direction), (agent, plans, None)));
            continue;
        }
        let (progress, whole) = progress(&ctx, &agent, &plans, &request, &organisation, &mut asking).await?;
        let value = match request.order_by() {
            OrderBy::Gap => whole.gap(),
            OrderBy::Progress | OrderBy::Unspecified => whole.progress(),
        };
        let value = value.map_or(i64::MIN, |value| exact::billionths(&value));
        keyed.push((agent.place(direction, |key| key.i64(value)), (agent, plans, Some(progress))));
    }
    let (mut coaching_progresses, mut last, mut next_page_token) = (Vec::new(), None, String::new());
    for (place, (agent, plans, done)) in ahead(&page, keyed) {
        if coaching_progresses.len() == page.size {
            next_page_token = page.next(last.as_deref());
            break;
        }
        coaching_progresses.push(match done {
            Some(progress) => progress,
            None => progress(&ctx, &agent, &plans, &request, &organisation, &mut asking).await?.0,
        });
        last = Some(place);
    }
    name_now(&ctx, &mut coaching_progresses).await?;
    Ok(RetrieveCoachingProgressesResponse { coaching_progresses, next_page_token })
}

/// The progress of an agent, and its total.
async fn progress(
    ctx: &Ctx,
    agent: &Agent,
    plans: &[CoachingPlan],
    request: &RetrieveCoachingProgressesRequest,
    organisation: &[Target],
    asking: &mut Asking<'_>,
) -> Result<(CoachingProgress, Measured)> {
    // Short reads do not wait for anything, and a caller's deadline is seen only between waits.
    tokio::task::yield_now().await;
    let usecases = request.usecase_names.as_slice();
    let mut own = Vec::with_capacity(plans.len());
    for plan in plans {
        own.push(targets::of_plan(ctx, last_segment(&plan.name)).await?);
    }
    let worked: Vec<(&CoachingPlan, Vec<Worked<'_>>)> =
        plans.iter().zip(&own).map(|(plan, own)| (plan, worked_on(plan, own, organisation, usecases))).collect();
    asking.about(worked.iter().flat_map(|(_, worked)| worked).map(|one| one.node));
    let mut found: Vec<(Focus, Measured, Windows)> = Vec::new();
    for (plan, worked) in worked {
        let began = plan.start_time.as_ref().or(plan.create_time.as_ref());
        let windows = Windows {
            before: scores::window(None, began),
            now: Window {
                start: micros(request.start_time.as_ref().or(began)),
                end: request.end_time.as_ref().map_or(ctx.now.0, |end| micros(Some(end))),
            },
        };
        for one in worked {
            let part = Part { template: one.template, node: one.node, usecases };
            let (first, second) = windows.now.halves();
            let baseline = alone(asking.part(agent.id(), part, windows.before).await?);
            let first = asking.part(agent.id(), part, first).await?;
            let second = asking.part(agent.id(), part, second).await?;
            let measured = Measured {
                target: one.target.and_then(|target| exact::from_f32(target.target())),
                baseline,
                score: alone(first.and(second)),
                halves: (alone(first).map(|score| score.mean), alone(second).map(|score| score.mean)),
            };
            let focus = Focus {
                coaching_plan_name: plan.name.clone(),
                criterion_or_chapter_id: one.node.to_owned(),
                display_name: one.display_name.to_owned(),
                target_name: one.target.map(|target| target.name.clone()).unwrap_or_default(),
                scorecard_template_name: one.template.to_owned(),
                measure: Some(measure(&measured, windows)),
            };
            found.push((focus, measured, windows));
        }
    }
    let whole = total(found.iter().map(|(_, measured, _)| measured));
    // The total of several plans rests on all of their windows.
    let windows = found
        .iter()
        .map(|(_, _, windows)| *windows)
        .reduce(|a, b| Windows { before: around(a.before, b.before), now: around(a.now, b.now) });
    let total = windows.map(|windows| measure(&whole, windows)).unwrap_or_default();
    let focuses = found.into_iter().map(|(focus, ..)| focus).collect();
    Ok((CoachingProgress { agent: Some(shown(&agent.name)), focuses, total: Some(total) }, whole))
}

/// The window from the earlier start to the later end.
fn around(a: Window, b: Window) -> Window {
    Window { start: a.start.min(b.start), end: a.end.max(b.end) }
}

fn measure(measured: &Measured, windows: Windows) -> Measure {
    let (baseline, before) = scores::shown(measured.baseline.as_ref(), windows.before);
    let (score, now) = scores::shown(measured.score.as_ref(), windows.now);
    Measure {
        target: measured.target.as_ref().map(exact::rounded_f32),
        baseline_qa_score: baseline,
        baseline_qa_score_basis: Some(before),
        qa_score: score,
        qa_score_basis: Some(now),
        gap: measured.gap().as_ref().map(exact::rounded_f32),
        progress: measured.progress().as_ref().map(exact::rounded_f32),
        trend: measured.trend().into(),
    }
}

/// Names what is worked on as the templates name it now, in one read of them.
async fn name_now(ctx: &Ctx, progresses: &mut [CoachingProgress]) -> Result<()> {
    let key = |focus: &Focus| (focus.scorecard_template_name.clone(), focus.criterion_or_chapter_id.clone());
    let mut names: BTreeMap<(String, String), String> = BTreeMap::new();
    for focus in progresses.iter().flat_map(|progress| &progress.focuses) {
        let name = names.entry(key(focus)).or_default();
        if name.is_empty() {
            name.clone_from(&focus.display_name);
        }
    }
    let mut named: Vec<FocusCriterion> = names
        .into_iter()
        .map(|((scorecard_template_name, criterion_or_chapter_id), display_name)| FocusCriterion {
            scorecard_template_name,
            criterion_or_chapter_id,
            display_name,
        })
        .collect();
    plans::name_now(ctx, named.iter_mut().collect()).await?;
    let names: BTreeMap<(String, String), String> = named
        .into_iter()
        .map(|one| ((one.scorecard_template_name, one.criterion_or_chapter_id), one.display_name))
        .collect();
    for focus in progresses.iter_mut().flat_map(|progress| &mut progress.focuses) {
        if let Some(name) = names.get(&key(focus)) {
            focus.display_name.clone_from(name);
        }
    }
    Ok(())
}
