//! RetrieveQATaskUserQuota: what is to be done for each agent in a period, and what is done.

use std::collections::HashMap;

use super::filter::{check_window, micros};
use super::{audiences, periods, scorecards, standing};
use crate::api::Ctx;
use crate::domain::quotas::{Quotas, hold};
use crate::error::{Error, Result};
use crate::pb::cresta::v1::coaching::retrieve_qa_task_user_quota_response::AgentQuota;
use crate::pb::cresta::v1::coaching::*;

/// Days of the longest period in which a caller may have evaluations counted: a leap year and what is shifted about it.
/// Counting holds what was submitted in all of it.
const LONGEST_DAYS: i64 = 400;

/// RetrieveQATaskUserQuota.
pub async fn retrieve(ctx: Ctx, request: RetrieveQaTaskUserQuotaRequest) -> Result<RetrieveQaTaskUserQuotaResponse> {
    if let Some(config) = &request.override_task_complete_config {
        hold(config, "overrideTaskCompleteConfig")?;
    }
    if let Some(period) = &request.evaluation_period {
        let (start, end) = (period.start_time.as_ref(), period.end_time.as_ref());
        check_window("evaluationPeriod.endTime", start, end)?;
        if micros(end) - micros(start) > LONGEST_DAYS * 86_400_000_000 {
            let message = format!("is longer than {LONGEST_DAYS} days: ask for one part at a time");
            return Err(Error::field("evaluationPeriod", message));
        }
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

    let agents = audiences::agents(&ctx, &template).await?;
    let mut members = HashMap::new();
    for (group, count) in quotas.groups() {
        for member in audiences::of_groups(&ctx, &[group.to_owned()]).await? {
            let largest = members.entry(member).or_insert(count);
            *largest = count.max(*largest);
        }
    }
    let seen = standing::sees(&ctx, None, &template.name).await?;
    // What is completed tells of scorecards, which a template can keep from the caller; what is to be done does not.
    let counted = period.as_ref().filter(|_| seen);
    let completed = match counted {
        Some(period) => {
            let done = scorecards::completed::count(&ctx, &template, &request.usecase_name, period, &agents).await?;
            done.into_iter().map(Some).collect()
        }
        None => vec![None; agents.len()],
    };
    let quota_of = |agent: &str| quotas.agent(agent, members.get(agent).copied());
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
