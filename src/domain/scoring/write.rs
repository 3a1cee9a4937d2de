//! Puts an outcome on a scorecard.

use num_traits::Zero;

use super::{ENGINE_VERSION, Outcome};
use crate::domain::answers::Value;
use crate::domain::exact;
use crate::domain::form::Form;
use crate::pb::cresta::v1::coaching::score::State;
use crate::pb::cresta::v1::coaching::{ChapterScore, Score, Scorecard};

/// Total of a scorecard on which nothing is applicable.
const NOTHING_APPLICABLE: f32 = -1.0;

/// Fills in everything that is computed: total, flags, chapter scores, engine version, and the output fields of each
/// score. Scores are put in the form's order; one without answer, remark or machine's value is dropped, and none is added.
/// `outcome` is that of these scores on this form.
pub fn write(outcome: &Outcome, form: &Form, card: &mut Scorecard) {
    card.total_score = outcome.total.as_ref().map_or(NOTHING_APPLICABLE, exact::rounded_f32);
    card.total_score_billionths = outcome.total.as_ref().map(exact::billionths);
    card.auto_failed = outcome.auto_failed;
    card.passed = outcome.passed;
    card.scoring_engine_version = ENGINE_VERSION;
    card.scores.retain(says_something);
    card.scores.sort_by_key(|score| form.position(&score.criterion_id).unwrap_or(usize::MAX));
    card.scores.iter_mut().for_each(|score| fill_in(outcome, form, score));
    let chapter_score = |(chapter, came): (&crate::domain::form::Chapter, &super::ChapterOutcome)| ChapterScore {
        chapter_id: chapter.id.clone(),
        display_name: chapter.display_name.clone(),
        percentage: came.percentage.as_ref().map_or(NOTHING_APPLICABLE, exact::rounded_f32),
        applied_weight: exact::rounded_f32(&came.applied_weight),
        auto_failed: came.failed_by.is_some(),
    };
    card.chapter_scores = form.chapters().iter().zip(&outcome.chapters).map(chapter_score).collect();
}

fn says_something(score: &Score) -> bool {
    !Value::from(score).is_none() || !score.comment.is_empty() || score.ai_value.is_some()
}

fn fill_in(outcome: &Outcome, form: &Form, score: &mut Score) {
    let Some(at) = form.position(&score.criterion_id) else {
        // Not of this form, and so nothing was computed for it; what a caller sent as output is not repeated.
        score.set_state(State::Unspecified);
        return;
    };
    let (criterion, came) = (&form.criteria()[at], &outcome.criteria[at]);
    score.criterion_display_name.clone_from(&criterion.display_name);
    score.chapter_id.clone_from(&form.chapters()[criterion.chapter].id);
    score.auto_fail_triggered = came.auto_fail;
    score.percentage = came.fraction.as_ref().map(|fraction| exact::rounded_f32(&(fraction * exact::whole(100))));
    score.applied_weight = if came.applied_weight.is_zero() { 0.0 } else { exact::rounded_f32(&came.applied_weight) };
    score.set_state(came.state);
}
