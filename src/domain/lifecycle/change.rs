//! What may happen to a scorecard that exists.

use std::collections::HashMap;

use super::start::serves;
use super::{Act, complete, compute, machine, touch, written};
use crate::domain::Faults;
use crate::domain::answers::{self, Value};
use crate::domain::form::Form;
use crate::error::{Code, Error, reason};
use crate::pb::cresta::v1::coaching::{Score, Scorecard, ScorecardSubmissionSource, ScorecardTemplate};

/// Changes a scorecard: `card` is `old` with the caller's changes in it (masks and output-only fields are dealt with), and
/// becomes what to store. `template` and `form` are of the pinned revision; a template made inactive since can still be
/// finished on.
///
/// A submitted scorecard stays submitted; when its answers change it is no longer acknowledged. Remarks alone change
/// neither.
///
/// # Errors
/// INVALID_ARGUMENT with every bad field, USECASE_NOT_SERVED for a new usecase, and SCORES_INCOMPLETE where a submitted
/// scorecard would lose a required answer.
pub fn update(
    old: &Scorecard,
    card: &mut Scorecard,
    template: &ScorecardTemplate,
    form: &Form,
    act: &Act<'_>,
) -> Result<(), Error> {
    let time = act.time(old.update_time.as_ref());
    let mut faults = Faults::default();
    written(card, Some(old), &mut faults);
    let ai_changed = machine::settle(&old.scores, card, act, time, &mut faults);
    answers::apply_ai(form, &mut card.scores);
    faults.0.extend(answers::check(form, &card.scores, "scorecard.scores"));
    if !faults.0.is_empty() {
        return Err(Error::fields(faults.0));
    }
    if card.usecase_name != old.usecase_name {
        serves(template, &card.usecase_name)?;
    }
    if old.submit_time.is_some() {
        complete(card, form)?;
        if answered(&old.scores) != answered(&card.scores) {
            card.acknowledge_time = None;
            card.acknowledge_comment.clear();
        }
    }
    if ai_changed {
        card.ai_score_time = Some(time);
    }
    touch(card, act, time);
    compute(card, form);
    Ok(())
}

/// The answers by criterion, without remarks and machine's values.
fn answered(scores: &[Score]) -> HashMap<&str, Value<'_>> {
    let given = scores.iter().map(|score| (score.criterion_id.as_str(), Value::from(score)));
    given.filter(|(_, value)| !value.is_none()).collect()
}

/// Submits a draft; `None` where it is submitted already, which changes nothing.
///
/// # Errors
/// SCORES_INCOMPLETE, naming every required criterion without an answer and their `count`.
pub fn submit(old: &Scorecard, form: &Form, act: &Act<'_>) -> Result<Option<Scorecard>, Error> {
    if old.submit_time.is_some() {
        return Ok(None);
    }
    complete(old, form)?;
    let time = act.time(old.update_time.as_ref());
    let mut card = old.clone();
    card.submit_time = Some(time);
    card.submitted_by = Some(act.user.clone());
    touch(&mut card, act, time);
    compute(&mut card, form);
    let by_machine = card.scores.iter().any(|score| score.ai_value.is_some()) && !card.manually_scored;
    card.set_submission_source(match (act.machine, by_machine) {
        (false, _) => ScorecardSubmissionSource::Manual,
        (true, true) => ScorecardSubmissionSource::AutoQa,
        (true, false) => ScorecardSubmissionSource::Api,
    });
    Ok(Some(card))
}

/// Makes it a draft again, as the machine left it: what people answered, remarked, submitted and acknowledged is cleared,
/// and the machine's values are the answers.
pub fn reset(old: &Scorecard, form: &Form, act: &Act<'_>) -> Scorecard {
    let time = act.time(old.update_time.as_ref());
    let mut card = old.clone();
    for score in &mut card.scores {
        answers::clear(score);
        score.comment.clear();
    }
    answers::apply_ai(form, &mut card.scores);
    card.comment.clear();
    card.submit_time = None;
    card.submitted_by = None;
    card.set_submission_source(ScorecardSubmissionSource::Unspecified);
    card.acknowledge_time = None;
    card.acknowledge_comment.clear();
    card.calibration_consistency_score = 0.0;
    touch(&mut card, act, time);
    compute(&mut card, form);
    card
}

/// Acknowledges a submitted scorecard, which only the agent whom it scores can do. Repeating it replaces the comment and
/// keeps the first time; `None` where that changes nothing.
///
/// # Errors
/// PERMISSION_DENIED with NOT_THE_SCORED_AGENT, FAILED_PRECONDITION with NOT_SUBMITTED, and INVALID_ARGUMENT for a comment
/// that is too long.
pub fn acknowledge(
    old: &Scorecard,
    comment: &str,
    act: &Act<'_>,
    is_scored_agent: bool,
) -> Result<Option<Scorecard>, Error> {
    if !is_scored_agent {
        let message = "only the agent whom a scorecard scores can acknowledge it";
        return Err(Error::new(Code::PermissionDenied, reason::NOT_THE_SCORED_AGENT, message));
    }
    let mut faults = Faults::default();
    faults.length("acknowledgeComment".to_owned(), comment, answers::MAX_COMMENT);
    if !faults.0.is_empty() {
        return Err(Error::fields(faults.0));
    }
    if old.submit_time.is_none() {
        return Err(Error::precondition(reason::NOT_SUBMITTED, "the scorecard is not submitted"));
    }
    if old.acknowledge_time.is_some() && old.acknowledge_comment == comment {
        return Ok(None);
    }
    let time = act.time(old.update_time.as_ref());
    let mut card = old.clone();
    card.acknowledge_time.get_or_insert(time);
    card.acknowledge_comment = comment.to_owned();
    touch(&mut card, act, time);
    Ok(Some(card))
}
