//! RetrieveEvaluationPeriods, and what it shares with quotas: a template's tasks and its calendar.

use super::templates::whole;
use crate::api::Ctx;
use crate::api::standard::fetch;
use crate::domain::lifecycle;
use crate::domain::periods::Calendar;
use crate::error::{Error, Result, reason};
use crate::pb::cresta::v1::coaching::*;
use crate::pb::cresta::v1::qa::QaTaskConfig;

/// Where requests name the template.
const TEMPLATE: &str = "scorecardTemplateName";

/// RetrieveEvaluationPeriods.
pub async fn retrieve(
    ctx: Ctx,
    request: RetrieveEvaluationPeriodsRequest,
) -> Result<RetrieveEvaluationPeriodsResponse> {
    let template = served(&ctx, &request.scorecard_template_name, &request.usecase_name).await?;
    let Some(calendar) = calendar(&template)? else {
        let message = format!("{} has no evaluation periods: set {CONFIG} of it", template.name);
        return Err(none(&template, message));
    };
    let periods = calendar.until_next(&ctx.now.timestamp());
    let (evaluation_periods, conversation_evaluation_periods) =
        periods.into_iter().map(|period| (period.period, period.conversations)).unzip();
    Ok(RetrieveEvaluationPeriodsResponse { evaluation_periods, conversation_evaluation_periods })
}

/// The template of this name, as far as it serves the usecase.
pub(super) async fn served(ctx: &Ctx, name: &str, usecase: &str) -> Result<ScorecardTemplate> {
    whole(name, TEMPLATE)?;
    let template = fetch::<ScorecardTemplate>(ctx, TEMPLATE, name).await?;
    lifecycle::serves(&template, usecase)?;
    Ok(template)
}

/// The calendar of a template that has one.
pub(super) fn calendar(template: &ScorecardTemplate) -> Result<Option<Calendar>> {
    let config =
        template.qa_task_config.as_ref().and_then(|tasks: &QaTaskConfig| tasks.evaluation_period_config.as_ref());
    let Some(config) = config else { return Ok(None) };
    // It held together when it was written; a zone may have been renamed since.
    let calendar = Calendar::of(config, CONFIG).map_err(|faults| {
        let message =
            format!("{} has evaluation periods that no longer hold together: mend {CONFIG} of it", template.name);
        none(template, message).with_fields(faults)
    })?;
    Ok(Some(calendar))
}

/// Where a template has its periods.
const CONFIG: &str = "qaTaskConfig.evaluationPeriodConfig";

fn none(template: &ScorecardTemplate, message: String) -> Error {
    Error::precondition(reason::NO_EVALUATION_PERIODS, message).with("template", &*template.name)
}
