//! Coaching overviews: how coaching goes for each agent with an active plan. Nothing of them is stored: scores are added up
//! from cells, sessions from their entries, and what waits for an answer is counted as it comes and goes.

use bytes::Bytes;

use super::coached::{self, Agent, Wanted, ahead};
use super::comments;
use super::filter::{check_window, instant};
use super::scores::{self, Asking, Meant};
use super::sessions::agenda;
use crate::api::Ctx;
use crate::api::caller::shown;
use crate::api::page::Page;
use crate::domain::windows::Window;
use crate::error::Result;
use crate::pb::cresta::v1::coaching::retrieve_coaching_overviews_request::OrderBy;
use crate::pb::cresta::v1::coaching::*;

/// The overviews as CSV.
pub mod export;

/// RetrieveCoachingOverviews.
pub async fn retrieve(
    ctx: Ctx,
    request: RetrieveCoachingOverviewsRequest,
) -> Result<RetrieveCoachingOverviewsResponse> {
    let page = Page::of(ctx.rpc.name, &request)?;
    let (coaching_overviews, next_page_token) = overviews(&ctx, &request, &page).await?;
    Ok(RetrieveCoachingOverviewsResponse { coaching_overviews, next_page_token })
}

/// A page of overviews, and the token of the next one. They are worked out in order, as many as the page has; an order by
/// what has to be worked out first looks at that alone, for every agent.
pub(super) async fn overviews(
    ctx: &Ctx,
    request: &RetrieveCoachingOverviewsRequest,
    page: &Page,
) -> Result<(Vec<CoachingOverview>, String)> {
    check_window("endTime", request.start_time.as_ref(), request.end_time.as_ref())?;
    let window = scores::window(request.start_time.as_ref(), request.end_time.as_ref());
    let usecases = request.usecase_names.as_slice();
    let wanted = Wanted {
        agents: &request.agent_user_names,
        groups: &request.group_names,
        inactive: request.include_inactive_users,
        developers: request.include_dev_users,
    };
    let mut asking = Asking::new(ctx);
    let meant = Meant { templates: &request.scorecard_template_names, usecases };

    let mut keyed: Vec<(Bytes, (Agent, Vec<CoachingPlan>))> = Vec::new();
    for (agent, plans) in coached::by_plans(ctx, wanted, usecases).await? {
        // Short reads do not wait for anything, and a caller's deadline is seen only between waits.
        tokio::task::yield_now().await;
        let direction = request.order_direction();
        let place = match request.order_by() {
            OrderBy::Unspecified => agent.place_by_name(direction),
            OrderBy::CoachingSessionActivityTime => {
                let last = agenda::last(ctx, agent.id(), usecases).await?;
                agent.place(direction, |key| key.i64(last.unwrap_or(i64::MIN)))
            }
            OrderBy::NumScorecard => {
                let count = scores::count(&*asking.totals(agent.id(), window).await?, meant);
                agent.place(direction, |key| key.i64(count))
            }
        };
        keyed.push((place, (agent, plans)));
    }

    let (mut page_of, mut last) = (Vec::new(), None);
    for (place, (agent, plans)) in ahead(page, keyed) {
        tokio::task::yield_now().await;
        let Some(overview) = overview(ctx, &agent, plans, meant, window, &mut asking).await? else { continue };
        if page_of.len() == page.size {
            return Ok((page_of, page.next(last.as_deref())));
        }
        page_of.push(overview);
        last = Some(place);
    }
    Ok((page_of, String::new()))
}

/// The overview of an agent; none where the agent has neither scorecards nor sessions in the window.
async fn overview(
    ctx: &Ctx,
    agent: &Agent,
    plans: Vec<CoachingPlan>,
    meant: Meant<'_>,
    window: Window,
    asking: &mut Asking<'_>,
) -> Result<Option<CoachingOverview>> {
    let (id, usecases) = (agent.id(), meant.usecases);
    let scorecards = scores::count(&*asking.totals(id, window).await?, meant);
    let sessions = agenda::held(ctx, id, usecases, window).await?;
    if scorecards == 0 && sessions == 0 {
        return Ok(None);
    }
    let score = asking.score(id, meant, window).await?;
    let (qa_score, basis) = scores::shown(score.as_ref(), window);
    let plans: Vec<String> = plans.into_iter().map(|plan| plan.name).collect();
    Ok(Some(CoachingOverview {
        agent: Some(shown(&agent.name)),
        scorecard_count: small(scorecards),
        qa_score,
        qa_score_basis: Some(basis),
        coaching_session_count: small(sessions),
        last_session_time: agenda::last(ctx, id, usecases).await?.map(instant),
        next_session_time: agenda::next(ctx, id, usecases).await?.map(instant),
        unacknowledged_session_count: small(agenda::waiting(ctx, id, usecases).await?),
        open_comment_count: small(comments::open(ctx, id, &plans).await?),
        coaching_plan_names: plans,
    }))
}

fn small(count: i64) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}
