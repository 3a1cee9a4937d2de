//! How a scorecard begins.

use super::{Act, compute, machine, touch, written};
use crate::domain::Faults;
use crate::domain::answers;
use crate::domain::audience::{self, Membership};
use crate::domain::form::Form;
use crate::domain::revision;
use crate::error::{Error, reason};
use crate::pb::cresta::v1::coaching::{
    Scorecard, ScorecardSubmissionSource, ScorecardTemplate, ScorecardTemplateStatus, ScorecardTemplateType,
    ScorecardType,
};

/// Begins a scorecard: `card` is what the caller sent, and becomes what to store. `template` is the revision to pin, with
/// the status and delete time that the template has now, and `form` is its structure, compiled.
///
/// What only the server fills in is reset, the template's name is pinned to the revision, type and usecase are filled in
/// where the template leaves one choice, and the answers so far are scored as a draft.
///
/// # Errors
/// FAILED_PRECONDITION with TEMPLATE_DELETED, TEMPLATE_INACTIVE, USECASE_NOT_SERVED or AGENT_OUTSIDE_AUDIENCE, and
/// INVALID_ARGUMENT with every bad field, paths from `scorecard`.
pub fn create(
    card: &mut Scorecard,
    template: &ScorecardTemplate,
    form: &Form,
    membership: Membership<'_>,
    act: &Act<'_>,
) -> Result<(), Error> {
    open(template)?;
    let time = act.time(None);
    forget_outputs(card);
    let mut faults = Faults::default();
    settle_type(card, template.r#type(), &mut faults);
    if card.agent_user_name.is_empty() {
        faults.add("scorecard.agentUserName", "is required");
    }
    written(card, None, &mut faults);
    let ai_changed = machine::settle(&[], card, act, time, &mut faults);
    answers::apply_ai(form, &mut card.scores);
    faults.0.extend(answers::check(form, &card.scores, "scorecard.scores"));
    if !faults.0.is_empty() {
        return Err(Error::fields(faults.0));
    }
    if let ([only], true) = (template.usecase_names.as_slice(), card.usecase_name.is_empty()) {
        card.usecase_name.clone_from(only);
    }
    serves(template, &card.usecase_name)?;
    within_audience(template, &card.agent_user_name, membership)?;
    card.template_name = revision::at_revision(&template.name, &pinned(template));
    card.creator = Some(act.user.clone());
    card.create_time = Some(time);
    card.ai_score_time = ai_changed.then_some(time);
    touch(card, act, time);
    compute(card, form);
    Ok(())
}

/// The revision that a template record stands for.
fn pinned(template: &ScorecardTemplate) -> String {
    match (&template.revision, &template.template) {
        (id, Some(structure)) if id.is_empty() => revision::revision_id(structure),
        (id, _) => id.clone(),
    }
}

fn open(template: &ScorecardTemplate) -> Result<(), Error> {
    let name = revision::unrevised(&template.name);
    let refused =
        |reason, what: &str| Err(Error::precondition(reason, format!("{name} is {what}")).with("template", name));
    if template.delete_time.is_some() || template.status() == ScorecardTemplateStatus::Deleted {
        return refused(reason::TEMPLATE_DELETED, "deleted");
    }
    if template.status() == ScorecardTemplateStatus::Inactive {
        return refused(reason::TEMPLATE_INACTIVE, "inactive");
    }
    Ok(())
}

fn forget_outputs(card: &mut Scorecard) {
    card.coaching_plan_names.clear();
    card.submit_time = None;
    card.submitted_by = None;
    card.set_submission_source(ScorecardSubmissionSource::Unspecified);
    card.ai_score_time = None;
    card.acknowledge_time = None;
    card.acknowledge_comment.clear();
    card.calibration_consistency_score = 0.0;
}

/// Fills in the type, and holds it and what the card evaluates against the template's type.
fn settle_type(card: &mut Scorecard, template: ScorecardTemplateType, faults: &mut Faults) {
    let process = template == ScorecardTemplateType::Process;
    let plain = if process { ScorecardType::Process } else { ScorecardType::Conversation };
    match ScorecardType::try_from(card.scorecard_type) {
        Ok(ScorecardType::Unspecified) => card.set_scorecard_type(plain),
        Ok(ScorecardType::Calibration | ScorecardType::Appeal) => {}
        Ok(given) if given == plain => {}
        Ok(_) => {
            let what = if process { "processes" } else { "conversations" };
            faults.add("scorecard.scorecardType", format!("does not go with a template for {what}"));
        }
        Err(_) => faults.add("scorecard.scorecardType", format!("{} is not a known type", card.scorecard_type)),
    }
    if process && card.process_id.is_empty() {
        faults.add("scorecard.processId", "is required by a template for processes");
    }
    if !process && card.conversation_name.is_empty() {
        faults.add("scorecard.conversationName", "is required by a template for conversations");
    }
}

/// Refuses a usecase that the template does not serve. None given is none refused.
///
/// # Errors
/// FAILED_PRECONDITION with USECASE_NOT_SERVED.
pub fn serves(template: &ScorecardTemplate, usecase: &str) -> Result<(), Error> {
    if usecase.is_empty() || audience::serves(template, usecase) {
        return Ok(());
    }
    let name = revision::unrevised(&template.name);
    Err(Error::precondition(reason::USECASE_NOT_SERVED, format!("{name} does not serve {usecase}"))
        .with("template", name)
        .with("usecase", usecase))
}

fn within_audience(template: &ScorecardTemplate, agent: &str, membership: Membership<'_>) -> Result<(), Error> {
    if audience::holds(template, agent, membership) {
        return Ok(());
    }
    let name = revision::unrevised(&template.name);
    Err(Error::precondition(reason::AGENT_OUTSIDE_AUDIENCE, format!("{agent} is outside the audience of {name}"))
        .with("template", name)
        .with("agent", agent))
}
