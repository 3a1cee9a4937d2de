//! The arithmetic of a score as a tree.

use num_traits::Zero;

use super::{Adjustment, ChapterOutcome, CriterionOutcome, Outcome};
use crate::domain::exact::{self, Exact};
use crate::domain::form::{Chapter, Criterion, Form};
use crate::pb::cresta::v1::coaching::ScoreNode;
use crate::pb::cresta::v1::coaching::score::State;
use crate::pb::cresta::v1::coaching::score_node::Kind;
use crate::pb::cresta::v1::coaching::scoring::Weighting;
use crate::pb::cresta::v1::coaching::scoring::auto_fail::{Effect, Scope};

/// The tree from the template down to criteria and adjustments. The exact contributions of a node's children add up to
/// its own, and those of all leaves to the total; where nothing is applicable, all are 0. Criteria show what they earned
/// before adjustments, and each adjustment stands as a leaf in the chapter or template that it corrects.
pub fn explanation(outcome: &Outcome, form: &Form) -> ScoreNode {
    let mut children: Vec<ScoreNode> = outer_chapters(form).map(|at| chapter_node(outcome, form, at)).collect();
    children.extend(adjustments(outcome, form, None));
    let (earned, possible) = whole(outcome, form);
    let failed = outcome.criteria.iter().position(|criterion| criterion.auto_fail);
    let failed = failed.filter(|_| form.rules().scope == Scope::Template);
    let applied = exact::sum(outcome.criteria.iter().map(|criterion| &criterion.applied_weight));
    let contribution = outcome.total.clone().unwrap_or_default();
    let reason = match (&outcome.total, failed) {
        (_, Some(cause)) => failed_by(form, cause),
        (None, None) => "nothing is applicable".to_owned(),
        (Some(_), None) => match form.rules().weighting {
            Weighting::Points => "points earned of points possible",
            Weighting::ChapterWeight => "mean of the chapters by their weights",
            _ => "mean of the criteria by their weights",
        }
        .to_owned(),
    };
    ScoreNode {
        earned: exact::rounded(&earned),
        possible: exact::rounded(&possible),
        reason,
        auto_fail_cause: failed.map(|at| form.criteria()[at].id.clone()).unwrap_or_default(),
        children,
        ..node(Kind::Template, "", "", &applied, &contribution)
    }
}

fn outer_chapters(form: &Form) -> impl Iterator<Item = usize> {
    form.chapters().iter().enumerate().filter(|(_, chapter)| chapter.parent.is_none()).map(|(at, _)| at)
}

/// What was earned and possible in the whole, in the unit that the weighting adds up: weights, chapter weights or points.
fn whole(outcome: &Outcome, form: &Form) -> (Exact, Exact) {
    let (mut earned, mut possible) = (Exact::zero(), Exact::zero());
    for at in outer_chapters(form) {
        let (chapter, came): (&Chapter, &ChapterOutcome) = (&form.chapters()[at], &outcome.chapters[at]);
        match form.rules().weighting {
            Weighting::Points => {
                earned += &came.earned * &chapter.weight;
                possible += &came.possible * &chapter.weight;
            }
            Weighting::ChapterWeight if came.possible.is_zero() => {}
            Weighting::ChapterWeight => {
                earned += &came.earned / &came.possible * &chapter.weight;
                possible += &chapter.weight;
            }
            _ => {
                earned += &came.earned;
                possible += &came.possible;
            }
        }
    }
    (earned, possible)
}

fn chapter_node(outcome: &Outcome, form: &Form, at: usize) -> ScoreNode {
    let (chapter, came): (&Chapter, &ChapterOutcome) = (&form.chapters()[at], &outcome.chapters[at]);
    let criteria = form.criteria().iter().zip(&outcome.criteria).filter(|(criterion, _)| criterion.chapter == at);
    let mut children: Vec<ScoreNode> = criteria.map(|(criterion, came)| criterion_node(criterion, came)).collect();
    let nested = form.chapters().iter().enumerate().filter(|(_, inner)| inner.parent == Some(at));
    children.extend(nested.map(|(inner, _)| chapter_node(outcome, form, inner)));
    children.extend(adjustments(outcome, form, Some(at)));
    let reason = match came.failed_by {
        Some(cause) => failed_by(form, cause),
        None if came.possible.is_zero() => "nothing is applicable".to_owned(),
        None => String::new(),
    };
    ScoreNode {
        earned: exact::rounded(&came.earned),
        possible: exact::rounded(&came.possible),
        reason,
        auto_fail_cause: came.failed_by.map(|at| form.criteria()[at].id.clone()).unwrap_or_default(),
        children,
        ..node(Kind::Chapter, &chapter.id, &chapter.display_name, &came.applied_weight, &came.contribution)
    }
}

fn criterion_node(criterion: &Criterion, came: &CriterionOutcome) -> ScoreNode {
    ScoreNode {
        state: came.state.into(),
        earned: exact::rounded(&came.earned),
        possible: exact::rounded(&came.possible),
        reason: came.reason.to_string(),
        auto_fail_cause: if came.auto_fail { criterion.id.clone() } else { String::new() },
        ..node(Kind::Criterion, &criterion.id, &criterion.display_name, &came.applied_weight, &came.contribution)
    }
}

fn adjustments(outcome: &Outcome, form: &Form, chapter: Option<usize>) -> impl Iterator<Item = ScoreNode> {
    let here = outcome.adjustments.iter().filter(move |adjustment| adjustment.chapter == chapter);
    here.map(|adjustment: &Adjustment| ScoreNode {
        reason: match adjustment.cause {
            Some(cause) => failed_by(form, cause),
            None => "capped at 100".to_owned(),
        },
        auto_fail_cause: adjustment.cause.map(|at| form.criteria()[at].id.clone()).unwrap_or_default(),
        ..node(Kind::Adjustment, "", "", &Exact::zero(), &adjustment.contribution)
    })
}

fn failed_by(form: &Form, cause: usize) -> String {
    let what = if form.rules().scope == Scope::Chapter { "chapter" } else { "scorecard" };
    let does = if form.rules().effect == Effect::Zero { "counts as 0" } else { "is only flagged" };
    format!("automatic fail by criterion {}: the {what} {does}", form.criteria()[cause].id)
}

fn node(kind: Kind, id: &str, display_name: &str, applied_weight: &Exact, contribution: &Exact) -> ScoreNode {
    ScoreNode {
        kind: kind.into(),
        id: id.to_owned(),
        display_name: display_name.to_owned(),
        state: State::Unspecified.into(),
        applied_weight: exact::rounded(applied_weight),
        contribution: exact::rounded(contribution),
        exact_contribution: exact::text(contribution),
        ..ScoreNode::default()
    }
}
