//! The scores of one scorecard, laid out by criterion.

use super::value::{Answer, Value, read};
use crate::domain::form::Form;
use crate::pb::cresta::v1::coaching::Score;

/// The scores of one scorecard by the form's positions: which criteria are asked, and what was answered.
///
/// Reading never fails: a score that [`super::check`] would refuse counts as no answer, and of two scores for one
/// criterion the first counts.
#[derive(Debug)]
pub struct Sheet<'a> {
    enabled: Vec<bool>,
    answers: Vec<Option<Answer<'a>>>,
}

impl<'a> Sheet<'a> {
    /// Lays scores out on a form by the answers they show.
    pub fn read(form: &Form, scores: &'a [Score]) -> Sheet<'a> {
        Self::lay_out(form, scores, Value::from)
    }

    /// Lays scores out on a form by whichever of their values `shown` picks.
    pub(super) fn lay_out(form: &Form, scores: &'a [Score], shown: impl Fn(&'a Score) -> Value<'a>) -> Sheet<'a> {
        let mut rows: Vec<Option<&'a Score>> = vec![None; form.criteria().len()];
        for score in scores {
            if let Some(at) = form.position(&score.criterion_id) {
                rows[at].get_or_insert(score);
            }
        }
        let mut sheet = Sheet { enabled: Vec::with_capacity(rows.len()), answers: Vec::with_capacity(rows.len()) };
        for (criterion, row) in form.criteria().iter().zip(rows) {
            let enabled = criterion.visible_if.as_ref().is_none_or(|test| test.holds(&sheet.answers));
            let given = row.filter(|_| enabled).and_then(|score| read(criterion, shown(score)).ok().flatten());
            sheet.enabled.push(enabled);
            sheet.answers.push(given);
        }
        sheet
    }

    /// Whether the criterion at this position is asked.
    pub fn enabled(&self, at: usize) -> bool {
        self.enabled[at]
    }

    /// The answer at this position; none to a criterion that is not asked.
    pub fn answer(&self, at: usize) -> Option<&Answer<'a>> {
        self.answers[at].as_ref()
    }
}
