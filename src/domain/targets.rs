//! What a target may be set on.

use super::Faults;
use super::exact;
use super::form::{Form, Place};
use crate::error::FieldViolation;

/// All that is wrong with a target: its value, a percent from 0 to 100, and what it is set on, which is empty for the
/// whole template and else a chapter or a scored criterion of the form. `at` is the path of the target, such as `target`.
///
/// A target is kept under the template's name without revision ([`super::revision::unrevised`]): ids mean the same in
/// every revision.
pub fn check(target: f32, criterion_or_chapter_id: &str, form: &Form, at: &str) -> Vec<FieldViolation> {
    let mut faults = Faults::default();
    match exact::from_f32(target) {
        Some(percent) if percent >= exact::whole(0) && percent <= exact::whole(100) => {}
        _ => faults.add(format!("{at}.target"), "is not a percent from 0 to 100"),
    }
    if !criterion_or_chapter_id.is_empty() {
        let why = match form.place(criterion_or_chapter_id) {
            Some(Place::Chapter(_)) => None,
            Some(Place::Criterion(position)) if form.criteria()[position].scored => None,
            Some(Place::Criterion(_)) => Some("is a criterion that is not scored"),
            None => Some("is no chapter or criterion of the template"),
        };
        if let Some(why) = why {
            faults.add(format!("{at}.criterionOrChapterId"), why);
        }
    }
    faults.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::fixtures::{chapter, form, structure, text, yes_no};

    fn fields(target: f32, id: &str) -> Vec<String> {
        let form = form(&structure(vec![chapter("c", vec![yes_no("q"), text("note")])]));
        check(target, id, &form, "target").into_iter().map(|fault| fault.field).collect()
    }

    #[test]
    fn a_target_is_a_percent_on_the_template_a_chapter_or_a_scored_criterion() {
        for (target, id) in [(0.0, ""), (100.0, "c"), (87.5, "q")] {
            assert_eq!(fields(target, id), Vec::<String>::new(), "{target} on {id:?}");
        }
    }

    #[test]
    fn values_that_are_no_percent_are_refused() {
        for target in [-0.1, 100.1, f32::NAN, f32::INFINITY] {
            assert_eq!(fields(target, ""), ["target.target"], "{target}");
        }
    }

    #[test]
    fn unknown_and_unscored_scopes_are_refused_beside_a_bad_value() {
        assert_eq!(fields(50.0, "gone"), ["target.criterionOrChapterId"]);
        assert_eq!(fields(-1.0, "note"), ["target.target", "target.criterionOrChapterId"]);
    }
}
