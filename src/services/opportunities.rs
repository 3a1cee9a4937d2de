//! Coaching opportunities: agents and criteria that stay behind everybody else, the organisation's targets, or themselves.

use std::sync::Arc;

use super::coached::{self, Agent, Wanted};
use super::filter::micros;
use super::forms::compiled;
use super::scores::{self, EVERYBODY, Meant, Nodes, Scores, Weights};
use super::targets;
use crate::api::Ctx;
use crate::api::caller::shown;
use crate::domain::exact;
use crate::domain::form::Form;
use crate::domain::opportunities::{Most, behind, limit};
use crate::domain::plans::name_of;
use crate::domain::scores::{Sum, alone};
use crate::domain::windows::{Size, Window};
use crate::error::{Error, Result};
use crate::names::last_segment;
use crate::pb::cresta::v1::coaching::*;

/// How many days back a request looks that does not say.
const DAYS: i64 = 7;

/// Something that was found: of equal weight, in the order of agents, templates and their criteria.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Found {
    kind: OpportunityType,
    agent: usize,
    template: usize,
    /// Of the criterion in its form, or of the target.
    place: usize,
    own: Sum,
    reference: Sum,
}

/// A template that counts, and what everybody's scorecards on it come to.
struct Counting {
    head: ScorecardTemplate,
    form: Arc<Form>,
    nodes: Nodes,
}

/// What is looked for, and how much of it.
struct Looking {
    performers: Option<Most<Found>>,
    targets: Option<Most<Found>>,
    trends: Option<Most<Found>>,
}

impl Looking {
    fn of(config: &OpportunityConfig) -> Result<Self> {
        let at = |field: &str| format!("opportunityConfig.{field}");
        if config.enabled_types.contains(&(OpportunityType::Unspecified as i32)) {
            return Err(Error::field(at("enabledTypes"), "must name types to look for, or be empty for all"));
        }
        let most = |kind: OpportunityType, field: &str, asked: i32| {
            let limit = limit(asked).ok_or_else(|| Error::field(at(field), "must not be negative; 0 means 10"))?;
            let enabled = config.enabled_types.is_empty() || config.enabled_types.contains(&(kind as i32));
            Ok::<_, Error>(enabled.then(|| Most::new(limit)))
        };
        Ok(Self {
            performers: most(
                OpportunityType::AveragePerformer,
                "avgPerformerOpportunitiesLimit",
                config.avg_performer_opportunities_limit,
            )?,
            targets: most(
                OpportunityType::OrgTarget,
                "orgTargetOpportunitiesLimit",
                config.org_target_opportunities_limit,
            )?,
            trends: most(
                OpportunityType::DownwardTrend,
                "downwardTrendOpportunitiesLimit",
                config.downward_trend_opportunities_limit,
            )?,
        })
    }
}

/// SuggestCoachingOpportunities.
pub async fn suggest(
    ctx: Ctx,
    request: SuggestCoachingOpportunitiesRequest,
) -> Result<SuggestCoachingOpportunitiesResponse> {
    let window = Window {
        start: request.start_time.as_ref().map_or(ctx.now.0 - DAYS * Size::Day.micros(), |start| micros(Some(start))),
        end: request.end_time.as_ref().map_or(ctx.now.0, |end| micros(Some(end))),
    };
    if window.is_empty() {
        return Err(Error::field("endTime", "must be after the start of its window, which is 7 days ago where unset"));
    }
    let mut looking = Looking::of(&request.opportunity_config.clone().unwrap_or_default())?;
    let scores = Scores::of(&ctx);
    let meant = Meant { templates: &request.scorecard_template_names, usecases: &request.usecase_names };
    let counting = counting(&ctx, meant, window).await?;
    let mut targets = if looking.targets.is_some() { targets::of_plan(&ctx, "").await? } else { Vec::new() };
    targets.retain(|target| meant.usecases.is_empty() || meant.usecases.contains(&target.usecase_name));

    let names = match &*request.agent_user_names {
        [] => scores.agents().await?.iter().map(|id| coached::user_name(&ctx, id)).collect(),
        names => names.to_vec(),
    };
    let agents = coached::known(&ctx, names, Wanted::default()).await?;
    for (number, agent) in agents.iter().enumerate() {
        // Short reads do not wait for anything, and a caller's deadline is seen only between waits.
        tokio::task::yield_now().await;
        let totals = scores.totals(agent.id(), window).await?;
        for (at, one) in counting.iter().enumerate() {
            let id = last_segment(&one.head.name);
            if !totals.iter().any(|((template, _), came)| template == id && came.total.n > 0) {
                continue;
            }
            let (first, second) = window.halves();
            let first = scores.nodes(agent.id(), id, first, None).await?;
            let second = scores.nodes(agent.id(), id, second, None).await?;
            let found =
                |kind, place, own, reference| Found { kind, agent: number, template: at, place, own, reference };
            look(&mut looking, one, &targets, (&first, &second), meant, found)?;
        }
    }
    Ok(SuggestCoachingOpportunitiesResponse {
        coaching_opportunities: told(looking, &agents, &counting, &targets, window),
    })
}

/// The templates meant on which anybody has scorecards in the window, as far as they count.
async fn counting(ctx: &Ctx, meant: Meant<'_>, window: Window) -> Result<Vec<Counting>> {
    let scores = Scores::of(ctx);
    let totals = scores.totals(EVERYBODY, window).await?;
    let mut ids: Vec<&str> =
        totals.keys().map(|(template, _)| template.as_str()).filter(|id| meant.template(id)).collect();
    ids.dedup();
    let mut weights = Weights::default();
    weights.learn(scores, ids.iter().copied()).await?;
    let mut counting = Vec::new();
    for id in ids.into_iter().filter(|id| weights.of(id).is_some()) {
        let Some(head) = scores.template(id).await? else { continue };
        let form = compiled(&head)?;
        counting.push(Counting { form, nodes: scores.nodes(EVERYBODY, id, window, None).await?, head });
    }
    Ok(counting)
}

/// Looks at one agent on one template.
fn look(
    looking: &mut Looking,
    on: &Counting,
    targets: &[Target],
    (first, second): (&Nodes, &Nodes),
    meant: Meant<'_>,
    found: impl Fn(OpportunityType, usize, Sum, Sum) -> Found,
) -> Result<()> {
    let offer = |most: &mut Option<Most<Found>>, kind, place, own, reference| {
        if let (Some(most), Some(weight)) = (most, behind(own, reference)) {
            most.add(weight, found(kind, place, own, reference));
        }
    };
    for (place, criterion) in on.form.criteria().iter().enumerate().filter(|(_, criterion)| criterion.scored) {
        let [before, after] = [first, second].map(|nodes| scores::node(nodes, &criterion.id, meant));
        let own = before.and(after);
        let others = scores::node(&on.nodes, &criterion.id, meant).without(own);
        offer(&mut looking.performers, OpportunityType::AveragePerformer, place, own, others);
        offer(&mut looking.trends, OpportunityType::DownwardTrend, place, after, before);
    }
    for (place, target) in
        targets.iter().enumerate().filter(|(_, target)| target.scorecard_template_name == on.head.name)
    {
        let meant = Meant { usecases: std::slice::from_ref(&target.usecase_name), ..meant };
        let [before, after] = [first, second].map(|nodes| scores::node(nodes, &target.criterion_or_chapter_id, meant));
        let own = before.and(after);
        let percent = exact::from_f32(target.target()).map_or(0, |percent| exact::billionths(&percent));
        offer(&mut looking.targets, OpportunityType::OrgTarget, place, own, Sum { n: 1, sum: percent });
    }
    Ok(())
}

/// What was found, as it is answered: largest gap times n first.
fn told(
    looking: Looking,
    agents: &[Agent],
    counting: &[Counting],
    targets: &[Target],
    window: Window,
) -> Vec<CoachingOpportunity> {
    let all = [looking.performers, looking.targets, looking.trends];
    let mut all: Vec<(i128, Found)> = all.into_iter().flatten().flat_map(Most::into_sorted).collect();
    all.sort_by(|(a, x), (b, y)| b.cmp(a).then_with(|| x.cmp(y)));
    let tell = |found: Found| {
        let on = &counting[found.template];
        let target = (found.kind == OpportunityType::OrgTarget).then(|| &targets[found.place]);
        let node = target.map_or_else(|| &on.form.criteria()[found.place].id, |target| &target.criterion_or_chapter_id);
        let halves = window.halves();
        let (before, now) = match found.kind {
            OpportunityType::DownwardTrend => halves,
            _ => (window, window),
        };
        let (own, reference) = (alone(found.own)?, alone(found.reference)?);
        let (score, score_basis) = scores::shown(Some(&own), now);
        let (reference_score, reference_basis) = scores::shown(Some(&reference), before);
        Some(CoachingOpportunity {
            agent: Some(shown(&agents[found.agent].name)),
            r#type: found.kind.into(),
            scorecard_template_name: on.head.name.clone(),
            criterion_or_chapter_id: node.clone(),
            display_name: name_of(node, &on.form, &on.head.title).unwrap_or_default(),
            score: score?,
            score_basis: Some(score_basis),
            reference_score: reference_score?,
            reference_score_basis: target.is_none().then_some(reference_basis),
            gap: exact::rounded_f32(&(&reference.mean - &own.mean)),
            target_name: target.map(|target| target.name.clone()).unwrap_or_default(),
        })
    };
    all.into_iter().filter_map(|(_, found)| tell(found)).collect()
}
