//! RetrieveQATaskUserQuota: what is to be done for each agent in a period, and what is done.

use std::collections::HashSet;

use super::directory::users::{Traits, name_at};
use super::filter::check_window;
use super::{periods, scorecards};
use crate::api::Ctx;
use crate::api::resource::key_of;
use crate::domain::directory;
use crate::domain::quotas::{Quotas, hold};
use crate::error::Result;
use crate::names::last_segment;
use crate::pb::coaching::directory::v1::DirectoryUser;
use crate::pb::cresta::v1::coaching::retrieve_qa_task_user_quota_response::AgentQuota;
use crate::pb::cresta::v1::coaching::*;
use crate::store::{Hit, IndexRange, IndexTag, tags};

/// Entries that are read at a time.
const STRETCH: usize = 2_000;

/// RetrieveQATaskUserQuota.
pub async fn retrieve(ctx: Ctx, request: RetrieveQaTaskUserQuotaRequest) -> Result<RetrieveQaTaskUserQuotaResponse> {
    if let Some(config) = &request.override_task_complete_config {
        hold(config, "overrideTaskCompleteConfig")?;
    }
    if let Some(period) = &request.evaluation_period {
        check_window("evaluationPeriod.endTime", period.start_time.as_ref(), period.end_time.as_ref())?;
    }
    let template = periods::served(&ctx, &request.scorecard_template_name, &request.usecase_name).await?;
    let period = match request.evaluation_period {
        Some(period) => Some(period),
        None => periods::calendar(&template)?
            .and_then(|calendar| calendar.holding(&ctx.now.timestamp()))
            .map(|holding| holding.period),
    };
    let tasks = template.qa_task_config.as_ref();
    let config = request.override_task_complete_config.as_ref();
    let quotas = Quotas::of(config.or_else(|| tasks.and_then(|tasks| tasks.task_complete_config.as_ref())));

    let agents = agents(&ctx, &template).await?;
    let mut groups = Vec::new();
    for group in quotas.groups() {
        let members = named(&ctx, tags::USER_BY_GROUP, last_segment(group), |_| true).await?;
        groups.push(members.into_iter().collect::<HashSet<_>>());
    }
    let completed = match &period {
        Some(period) => {
            let done = scorecards::completed::count(&ctx, &template, &request.usecase_name, period, &agents).await?;
            done.into_iter().map(Some).collect()
        }
        None => vec![None; agents.len()],
    };
    let quota_of =
        |agent: &str| quotas.agent(agent, |at| groups.get(at).is_some_and(|members| members.contains(agent)));
    let agent_quotas: Vec<AgentQuota> = agents
        .into_iter()
        .zip(completed)
        .map(|(agent, completed_count)| AgentQuota { quota: quota_of(&agent), agent_user_name: agent, completed_count })
        .collect();
    Ok(RetrieveQaTaskUserQuotaResponse {
        total_agent_quota: agent_quotas.iter().fold(0, |total: i32, agent| total.saturating_add(agent.quota)),
        total_active_agents_count: i32::try_from(agent_quotas.len()).unwrap_or(i32::MAX),
        agent_quotas,
        evaluation_period: period,
    })
}

/// The agents of the template's audience who count, by name.
async fn agents(ctx: &Ctx, template: &ScorecardTemplate) -> Result<Vec<String>> {
    let counts = |hit: &Hit| Traits::read(&hit.projection).is_some_and(Traits::counts);
    let audience = template.audience.clone().unwrap_or_default();
    let mut agents = Vec::new();
    for group in &audience.groups {
        agents.extend(named(ctx, tags::USER_BY_GROUP, last_segment(group), counts).await?);
    }
    for team in &audience.teams {
        agents.extend(named(ctx, tags::USER_BY_TEAM, last_segment(team), counts).await?);
    }
    if audience.users.is_empty() && audience.groups.is_empty() && audience.teams.is_empty() {
        agents = named(ctx, tags::USER_BY_ROLE, directory::AGENT, counts).await?;
    }
    let keys = audience.users.iter().map(|name| key_of::<DirectoryUser>("audience.users", name));
    let known = ctx.db().get_many::<DirectoryUser>(&keys.collect::<Result<Vec<_>>>()?).await?;
    let out = |user: &DirectoryUser| user.deactivate_time.is_some() || user.is_dev_user;
    let users = audience.users.iter().zip(known).filter(|(_, known)| !known.as_ref().is_some_and(out));
    agents.extend(users.map(|(name, _)| name.clone()));
    agents.retain(|agent| !audience.excluded_users.contains(agent));
    agents.sort_unstable();
    agents.dedup();
    Ok(agents)
}

/// The names of the users that stand in an index under this term, and that `wanted` lets through.
async fn named(ctx: &Ctx, index: IndexTag, of: &str, wanted: impl Fn(&Hit) -> bool) -> Result<Vec<String>> {
    let mut range = IndexRange::all(&ctx.customer, index).prefix(|terms| terms.str(of));
    let mut names = Vec::new();
    loop {
        let found = ctx.db().scan_index(&range, STRETCH, false).await?;
        range.after = found.position().or(range.after);
        for hit in found.hits.iter().filter(|hit| wanted(hit)) {
            names.push(name_at(&ctx.customer, hit)?);
        }
        if found.exhausted {
            return Ok(names);
        }
    }
}
