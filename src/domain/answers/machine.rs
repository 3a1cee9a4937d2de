//! The machine's answers beside people's.

use super::sheet::Sheet;
use super::value::Value;
use crate::domain::form::Form;
use crate::pb::cresta::v1::coaching::Score;

/// Makes the machine's answer the shown one wherever there is one and nobody answered.
///
/// A machine's value on a criterion that is not asked waits there without being the answer. Where it was the answer
/// before a person's change hid the criterion, it is taken back, so that nobody has to clear what they never entered.
pub fn apply_ai(form: &Form, scores: &mut [Score]) {
    if scores.iter().all(|score| score.ai_value.is_none()) {
        return;
    }
    // Each answer may open or close later criteria, so what is asked is settled with the machine's answers in place.
    let sheet = Sheet::lay_out(form, scores, |score| match &score.ai_value {
        Some(ai) if Value::from(score).is_none() => Value::from(ai),
        _ => Value::from(score),
    });
    let asked =
        |score: &Score| form.position(&score.criterion_id).map(|at| (sheet.enabled(at), sheet.answer(at).is_some()));
    let asked: Vec<Option<(bool, bool)>> = scores.iter().map(asked).collect();
    for (score, asked) in scores.iter_mut().zip(asked) {
        match asked {
            Some((false, _)) if !is_manual(score) => clear(score),
            // A machine's value that the criterion does not allow is no answer, and stays for `check` to complain about.
            Some((true, true)) if Value::from(&*score).is_none() => {
                let Some(ai) = &score.ai_value else { continue };
                score.numeric_value = ai.numeric_value;
                score.text_value.clone_from(&ai.text_value);
                score.not_applicable = ai.not_applicable;
            }
            _ => {}
        }
    }
}

/// Whether a score's answer was entered or changed by a person: it has one, and no machine gave the same. A remark alone
/// is no answer.
pub fn is_manual(score: &Score) -> bool {
    let shown = Value::from(score);
    !shown.is_none() && score.ai_value.as_ref().is_none_or(|ai| Value::from(ai) != shown)
}

/// Whether a person entered or changed any answer.
pub fn manually_scored(scores: &[Score]) -> bool {
    scores.iter().any(is_manual)
}

/// Takes the answer away, and leaves the rest of the score.
pub fn clear(score: &mut Score) {
    score.numeric_value = None;
    score.text_value.clear();
    score.not_applicable = false;
}
