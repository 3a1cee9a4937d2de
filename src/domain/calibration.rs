//! How far two gradings of the same thing agree.

use num_traits::{One, Signed, Zero};

use super::answers::{self, Answer, Sheet};
use super::exact::{self, Exact};
use super::form::Form;
use crate::pb::cresta::v1::coaching::Score;

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
