//! How far two gradings of the same thing agree, and what becomes of a calibration when the agreed one changes.

use num_traits::{One, Signed, Zero};

use super::answers::{self, Answer, Sheet};
use super::exact::{self, Exact};
use super::form::Form;
use super::lifecycle::Act;
use super::revision::unrevised;
use crate::error::{Error, FieldViolation, reason};
use crate::pb::cresta::v1::coaching::{Score, Scorecard};

/// Most calibrations that are held against one scorecard: when its answers change, all are measured anew in one write,
/// and of 40 KB each they fill it.
pub const MAX_CALIBRATIONS: usize = 100;

const AGREED: &str = "scorecard.calibratedScorecardName";

/// One grading: a form, and the answers on it.
#[derive(Clone, Copy, Debug)]
pub struct Grading<'a> {
    /// The revision that it was made on, compiled.
    pub form: &'a Form,
    /// Its scores.
    pub scores: &'a [Score],
}

/// What one grader said on one criterion.
#[derive(Clone, Debug, PartialEq)]
enum Said {
    NotApplicable,
    Share(Exact),
}

/// Percent of agreement, 0 to 100: the mean of the criteria's agreement by the points that each can earn, over the
/// criteria that either side answered. The same share of the maximum agrees fully, and what differs agrees by 1 less the
/// difference; "not applicable" agrees with itself alone, and an answer with no answer not at all. `None` where neither
/// side answered anything that earns points.
///
/// Where the two were graded on different revisions, a criterion's shares are those of its own revision, and the points
/// those of the agreed one's, or of the original's where the agreed one does not have it.
pub fn consistency(original: Grading<'_>, agreed: Grading<'_>) -> Option<Exact> {
    let (ours, theirs) = (said(original), said(agreed));
    let (mut aligned, mut possible) = (Vec::new(), Vec::new());
    let mut compare = |points: &Exact, one: Option<&Said>, other: Option<&Said>| {
        if one.is_none() && other.is_none() {
            return;
        }
        aligned.push(agreement(one, other) * points);
        possible.push(points.clone());
    };
    for (criterion, other) in agreed.form.criteria().iter().zip(&theirs) {
        let one = original.form.position(&criterion.id).and_then(|at| ours[at].as_ref());
        compare(&criterion.possible, one, other.as_ref());
    }
    for (criterion, one) in original.form.criteria().iter().zip(&ours) {
        if agreed.form.position(&criterion.id).is_none() {
            compare(&criterion.possible, one.as_ref(), None);
        }
    }
    let possible = exact::sum(&possible);
    possible.is_positive().then(|| exact::sum(&aligned) / possible * exact::whole(100))
}

/// As [`consistency`], as a scorecard shows it: 0 where there is nothing to compare.
pub fn shown(original: Grading<'_>, agreed: Grading<'_>) -> f32 {
    consistency(original, agreed).as_ref().map_or(0.0, exact::rounded_f32)
}

/// Refuses a calibration that is held against itself.
///
/// # Errors
/// INVALID_ARGUMENT.
pub fn of_another(card: &Scorecard) -> Result<(), Error> {
    if card.calibrated_scorecard_name == card.name {
        return Err(Error::field(AGREED, "is this scorecard itself: name the agreed one"));
    }
    Ok(())
}

/// Refuses an agreed scorecard that is not of the same conversation or process, or not on the same template. The revision
/// may be another.
///
/// # Errors
/// FAILED_PRECONDITION with CALIBRATION_DIFFERS.
pub fn comparable(card: &Scorecard, agreed: &Scorecard) -> Result<(), Error> {
    let differs = if card.conversation_name != agreed.conversation_name {
        "is of another conversation"
    } else if card.process_id != agreed.process_id {
        "is of another process"
    } else if unrevised(&card.template_name) != unrevised(&agreed.template_name) {
        "is on another template"
    } else {
        return Ok(());
    };
    let violation = FieldViolation { field: AGREED.to_owned(), description: differs.to_owned() };
    Err(Error::precondition(reason::CALIBRATION_DIFFERS, format!("{AGREED}: {} {differs}", agreed.name))
        .with("resource", agreed.name.clone())
        .with_fields(vec![violation]))
}

/// A calibration whose agreed scorecard has changed, with the score that it comes to now; `None` where that is the same.
pub fn follow(card: &Scorecard, percent: f32, act: &Act<'_>) -> Option<Scorecard> {
    (card.calibration_consistency_score != percent)
        .then(|| changed(Scorecard { calibration_consistency_score: percent, ..card.clone() }, act))
}

/// A calibration whose agreed scorecard goes.
pub fn release(card: &Scorecard, act: &Act<'_>) -> Scorecard {
    let (name, percent) = (String::new(), 0.0);
    changed(Scorecard { calibrated_scorecard_name: name, calibration_consistency_score: percent, ..card.clone() }, act)
}

fn changed(card: Scorecard, act: &Act<'_>) -> Scorecard {
    let time = act.time(card.update_time.as_ref());
    Scorecard { update_time: Some(time), updated_by: Some(act.user.clone()), ..card }
}

fn agreement(one: Option<&Said>, other: Option<&Said>) -> Exact {
    match (one, other) {
        (Some(Said::Share(one)), Some(Said::Share(other))) => Exact::one() - (one - other).abs(),
        (Some(Said::NotApplicable), Some(Said::NotApplicable)) => Exact::one(),
        _ => Exact::zero(),
    }
}

/// What was said on each criterion that earns points, by the form's positions.
fn said(grading: Grading<'_>) -> Vec<Option<Said>> {
    let sheet = Sheet::read(grading.form, grading.scores);
    let one = |(at, criterion)| match sheet.answer(at)? {
        Answer::NotApplicable(_) => Some(Said::NotApplicable),
        answer => answers::mark(criterion, answer).map(|mark| Said::Share(mark.fraction)),
    };
    grading.form.criteria().iter().enumerate().map(one).collect()
}

#[cfg(test)]
mod tests;
