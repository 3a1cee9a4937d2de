//! What may happen to a template next.
//!
//! Structure and scoring make the revision; title, audience, permissions and QA settings do not. A revision's id is the
//! hash of its structure, so going back to an earlier structure goes back to that revision's id: its name means what it
//! always meant. The number beside it still goes up, since it counts changes, and `revision_create_time` is when the
//! structure became current (again).

use super::Faults;
use super::exact;
use super::lifecycle::Act;
use super::lint::{MAX_NAME, lint, same_question};
use super::revision::revision_id;
use super::{periods, quotas};
use crate::error::{Error, FieldViolation, reason};
use crate::pb::cresta::v1::coaching::{
    ScorecardTemplate, ScorecardTemplateStatus as Status, ScorecardTemplateType as Type, TemplateStructure,
};

/// Path of the template in requests.
const AT: &str = "scorecardTemplate";

/// Makes a template: `template` is what the caller sent, and becomes what to store. Unset type and status are filled in;
/// a template may begin inactive.
///
/// # Errors
/// INVALID_ARGUMENT with every bad field; TEMPLATE_LINT where the structure is among them.
pub fn create(template: &mut ScorecardTemplate, act: &Act<'_>) -> Result<(), Error> {
    let mut faults = Faults::default();
    match Type::try_from(template.r#type) {
        Ok(Type::Unspecified) => template.set_type(Type::Conversation),
        Ok(_) => {}
        Err(_) => faults.add(format!("{AT}.type"), format!("{} is not a known type", template.r#type)),
    }
    settle_status(template, Status::Active, &mut faults);
    check(template, faults)?;
    let time = act.time(None);
    template.create_time = Some(time);
    template.delete_time = None;
    template.deactivate_time = (template.status() == Status::Inactive).then_some(time);
    template.resolved_audience.clear();
    template.last_updated_by = Some(act.user.clone());
    template.revision = revision_id(structure(template));
    template.revision_number = 1;
    template.revision_create_time = Some(time);
    Ok(())
}

/// Changes a template: `template` is `old` with the caller's changes in it, and becomes what to store. `earlier` is one
/// record of each revision that the template ever had; that of `old` may be among them.
///
/// # Errors
/// FAILED_PRECONDITION with TEMPLATE_DELETED, or with CRITERION_TYPE_CHANGED where an id would mean something else than in
/// any revision before; INVALID_ARGUMENT with every bad field, TEMPLATE_LINT where the structure is among them.
pub fn update(
    old: &ScorecardTemplate,
    template: &mut ScorecardTemplate,
    earlier: &[ScorecardTemplate],
    act: &Act<'_>,
) -> Result<(), Error> {
    if is_deleted(old) {
        let message = format!("{} is deleted", super::revision::unrevised(&old.name));
        return Err(Error::precondition(reason::TEMPLATE_DELETED, message));
    }
    let mut faults = Faults::default();
    if template.r#type == i32::from(Type::Unspecified) {
        template.r#type = old.r#type;
    } else if template.r#type != old.r#type {
        faults.add(format!("{AT}.type"), "is fixed after create");
    }
    settle_status(template, old.status(), &mut faults);
    check(template, faults)?;
    let before = earlier.iter().chain([old]);
    keeps_meanings(before, template)?;
    let time = act.time(old.create_time.as_ref());
    template.last_updated_by = Some(act.user.clone());
    template.deactivate_time = match (old.status(), template.status()) {
        (Status::Inactive, Status::Inactive) => old.deactivate_time,
        (_, Status::Inactive) => Some(time),
        _ => None,
    };
    let revision = revision_id(structure(template));
    if revision != old.revision {
        template.revision = revision;
        template.revision_number = old.revision_number.saturating_add(1);
        template.revision_create_time = Some(time);
    } else {
        template.revision.clone_from(&old.revision);
        template.revision_number = old.revision_number;
        template.revision_create_time = old.revision_create_time;
    }
    Ok(())
}

/// Deletes a template softly; `None` where it is deleted already, which changes nothing.
pub fn delete(old: &ScorecardTemplate, act: &Act<'_>) -> Option<ScorecardTemplate> {
    if is_deleted(old) {
        return None;
    }
    let mut template = old.clone();
    template.delete_time = Some(act.time(old.create_time.as_ref()));
    template.set_status(Status::Deleted);
    template.last_updated_by = Some(act.user.clone());
    Some(template)
}

fn is_deleted(template: &ScorecardTemplate) -> bool {
    template.delete_time.is_some() || template.status() == Status::Deleted
}

fn structure(template: &ScorecardTemplate) -> &TemplateStructure {
    static EMPTY: TemplateStructure = TemplateStructure { chapters: Vec::new(), scoring: None };
    template.template.as_ref().unwrap_or(&EMPTY)
}

fn settle_status(template: &mut ScorecardTemplate, unset: Status, faults: &mut Faults) {
    let why = match Status::try_from(template.status) {
        Ok(Status::Unspecified) => return template.set_status(unset),
        Ok(Status::Active | Status::Inactive) => return,
        Ok(Status::Deleted) => "cannot be set to deleted; delete the template instead".to_owned(),
        Err(_) => format!("{} is not a known status", template.status),
    };
    faults.add(format!("{AT}.status"), why);
}

/// All that is wrong with the fields that a caller writes, by paths that begin with `at`, and the reason for it.
pub fn complaints(template: &ScorecardTemplate, at: &str) -> (Vec<FieldViolation>, &'static str) {
    let mut faults = Faults::default();
    if template.title.trim().is_empty() {
        faults.add(format!("{at}.title"), "is required");
    }
    faults.length(format!("{at}.title"), &template.title, MAX_NAME);
    if let Some(weight) = template.qa_score_config.and_then(|config| config.weight) {
        match exact::amount(weight) {
            Err(why) => faults.add(format!("{at}.qaScoreConfig.weight"), why),
            Ok(weight) if weight == exact::whole(0) => {
                faults.add(format!("{at}.qaScoreConfig.weight"), "is 0; set included to false instead");
            }
            Ok(_) => {}
        }
    }
    if let Some(tasks) = &template.qa_task_config {
        if let Some(config) = &tasks.evaluation_period_config {
            periods::check(config, &format!("{at}.qaTaskConfig.evaluationPeriodConfig"), &mut faults);
        }
        if let Some(config) = &tasks.task_complete_config {
            quotas::check(config, &format!("{at}.qaTaskConfig.taskCompleteConfig"), &mut faults);
        }
    }
    let lints = match &template.template {
        Some(structure) => lint(structure, &format!("{at}.template")),
        None => {
            vec![FieldViolation { field: format!("{at}.template"), description: "is required".into() }]
        }
    };
    let linted = template.template.is_some() && !lints.is_empty();
    faults.0.extend(lints);
    (faults.0, if linted { reason::TEMPLATE_LINT } else { reason::INVALID_REQUEST })
}

/// Adds all that is wrong with the fields that a caller writes, and answers it as one error.
fn check(template: &ScorecardTemplate, mut faults: Faults) -> Result<(), Error> {
    let (complaints, why) = complaints(template, AT);
    faults.0.extend(complaints);
    if faults.0.is_empty() { Ok(()) } else { Err(Error::fields(faults.0).because(why)) }
}

/// Refuses a structure whose ids mean something else than in an earlier revision, or whose revision id is that of an
/// earlier structure that differs: 32 bits of hash can meet, and then an old scorecard's name would change its meaning.
fn keeps_meanings<'a>(
    earlier: impl Iterator<Item = &'a ScorecardTemplate> + Clone,
    template: &ScorecardTemplate,
) -> Result<(), Error> {
    let new = structure(template);
    let structures = earlier.clone().filter_map(|earlier| earlier.template.as_ref());
    let changed = same_question(structures, new, &format!("{AT}.template"));
    if let Some(first) = changed.first() {
        let message = format!("{}: {}", first.field, first.description);
        return Err(Error::precondition(reason::CRITERION_TYPE_CHANGED, message).with_fields(changed));
    }
    let revision = revision_id(new);
    let meets = |earlier: &ScorecardTemplate| earlier.revision == revision && structure(earlier) != new;
    if earlier.into_iter().any(meets) {
        let why = format!("revision {revision} stands for another structure already; change any text and try again");
        return Err(Error::field(format!("{AT}.template"), why));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
