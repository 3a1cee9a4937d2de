//! Whether scores fit a form, what is missing, and the machine's answers beside people's.

mod machine;
mod sheet;
mod value;

use std::collections::HashSet;

pub use self::machine::{apply_ai, clear, is_manual, manually_scored};
pub use self::sheet::Sheet;
pub use self::value::{Answer, Complaint, Mark, Value, allows, mark, read};
use super::Faults;
use super::form::Form;
use crate::error::FieldViolation;
use crate::pb::cresta::v1::coaching::Score;

/// Longest remark in characters, on an answer as on a whole scorecard.
pub const MAX_COMMENT: usize = 20_000;

/// Most scores in one request: twice the most criteria of a template, so that complaints about doubles still fit.
pub const MAX_SCORES: usize = 1_000;

/// All that is wrong with scores as answers to a form; `at` is the path of the list, such as `scorecard.scores`.
///
/// Each criterion must exist and be answered at most once, with a value that it allows and in the field that it takes. A
/// criterion that is not asked takes no answer; a remark or a machine's value may stay on it. Machines' values must be
/// ones that a person could have given.
pub fn check(form: &Form, scores: &[Score], at: &str) -> Vec<FieldViolation> {
    let mut faults = Faults::default();
    if scores.len() > MAX_SCORES {
        faults.add(at, format!("holds more than {MAX_SCORES} scores"));
        return faults.0;
    }
    let sheet = Sheet::read(form, scores);
    let mut seen = HashSet::new();
    for (i, score) in scores.iter().enumerate() {
        let at = format!("{at}[{i}]");
        faults.length(format!("{at}.comment"), &score.comment, MAX_COMMENT);
        let id = score.criterion_id.as_str();
        let Some(position) = form.position(id) else {
            let why = if id.is_empty() { "is required".to_owned() } else { unknown(form, id) };
            faults.add(format!("{at}.criterionId"), why);
            continue;
        };
        if !seen.insert(position) {
            faults.add(format!("{at}.criterionId"), format!("{id:?} is answered twice"));
            continue;
        }
        let criterion = &form.criteria()[position];
        match read(criterion, Value::from(score)) {
            Err(complaint) => faults.add(format!("{at}.{}", complaint.field), complaint.why),
            Ok(Some(_)) if !sheet.enabled(position) => {
                faults.add(at.clone(), format!("{id:?} is not asked, by its condition, and takes no answer"));
            }
            Ok(_) => {}
        }
        if let Some(ai) = &score.ai_value {
            if let Err(complaint) = read(criterion, Value::from(ai)) {
                faults.add(format!("{at}.aiValue.{}", complaint.field), complaint.why);
            }
            faults.length(format!("{at}.aiValue.explanation"), &ai.explanation, MAX_COMMENT);
        }
    }
    faults.0
}

fn unknown(form: &Form, id: &str) -> String {
    match form.place(id) {
        Some(_) => format!("{id:?} is a chapter, not a criterion"),
        None => format!("{id:?} is no criterion of this revision of the template"),
    }
}

/// A required criterion without an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// Id of the criterion.
    pub criterion_id: String,
    /// The question.
    pub display_name: String,
    /// Id of the chapter that holds it.
    pub chapter_id: String,
}

/// The required criteria that are asked and have no answer, in the template's order. Machines' answers count once
/// [`apply_ai`] has made them the shown ones.
pub fn missing(form: &Form, scores: &[Score]) -> Vec<Missing> {
    let sheet = Sheet::read(form, scores);
    let unanswered = |&at: &usize| sheet.enabled(at) && sheet.answer(at).is_none();
    let required = form.criteria().iter().enumerate().filter(|(_, criterion)| criterion.required);
    required
        .filter(|(at, _)| unanswered(at))
        .map(|(_, criterion)| Missing {
            criterion_id: criterion.id.clone(),
            display_name: criterion.display_name.clone(),
            chapter_id: form.chapters()[criterion.chapter].id.clone(),
        })
        .collect()
}

#[cfg(test)]
mod tests;
