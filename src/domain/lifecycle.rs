//! What may happen to a scorecard next: each act takes what is stored and answers what to store, or why not.
//!
//! A scorecard is a draft until it is submitted, and can then be acknowledged by the agent whom it scores. Each act that
//! changes something moves `update_time` strictly on and names who did it; which revision of it is kept where is the
//! store's matter.

mod change;
mod machine;
mod start;

use prost_types::Timestamp;

pub use self::change::{acknowledge, reset, submit, update};
pub use self::start::{create, serves};
use super::Faults;
use super::answers;
use super::form::Form;
use super::scoring::{self, Mode};
use crate::error::{Error, reason};
use crate::pb::cresta::v1::coaching::{Scorecard, ScorecardType};
use crate::pb::cresta::v1::user::User;

/// Nanoseconds of the smallest step of a stored time.
const STEP: i32 = 1_000;

/// Who acts, and when.
#[derive(Clone, Debug)]
pub struct Act<'a> {
    /// The present instant, UTC.
    pub now: Timestamp,
    /// Who acts, as responses show them.
    pub user: &'a User,
    /// Whether it is a program with a service's key, or a job of ours, rather than a person.
    pub machine: bool,
}

impl Act<'_> {
    /// The time of the act in whole microseconds: now, but always after `last`, so that times never run backwards and two
    /// changes never share one, whatever the clocks of several servers say.
    pub fn time(&self, last: Option<&Timestamp>) -> Timestamp {
        let now = Timestamp { seconds: self.now.seconds, nanos: self.now.nanos / STEP * STEP };
        let Some(last) = last else { return now };
        let nanos = last.nanos / STEP * STEP + STEP;
        let next = if nanos < 1_000_000_000 {
            Timestamp { seconds: last.seconds, nanos }
        } else {
            Timestamp { seconds: last.seconds.saturating_add(1), nanos: nanos - 1_000_000_000 }
        };
        if (now.seconds, now.nanos) >= (next.seconds, next.nanos) { now } else { next }
    }
}

/// Whether a scorecard counts towards what is said of its agent and its template. Calibrations and appeals check a grading;
/// they are none of their own.
pub fn counts(card: &Scorecard) -> bool {
    !matches!(card.scorecard_type(), ScorecardType::Calibration | ScorecardType::Appeal)
}

/// Scores the card's answers and writes all that follows from them.
fn compute(card: &mut Scorecard, form: &Form) {
    let mode = if card.submit_time.is_some() { Mode::Submitted } else { Mode::Draft };
    let outcome = scoring::score(form, &card.scores, mode);
    scoring::write(&outcome, form, card);
    card.manually_scored = answers::manually_scored(&card.scores);
    // Made anew for whoever asks, never stored.
    card.explanation = None;
}

/// Marks the card as changed by this act, which took place at `time`.
fn touch(card: &mut Scorecard, act: &Act<'_>, time: Timestamp) {
    card.update_time = Some(time);
    card.updated_by = Some(act.user.clone());
}

/// Refuses a card on which a required criterion has no answer, naming every one of them.
fn complete(card: &Scorecard, form: &Form) -> Result<(), Error> {
    let missing = answers::missing(form, &card.scores);
    if missing.is_empty() {
        return Ok(());
    }
    let mut faults = Faults::default();
    for criterion in &missing {
        let (id, name, chapter) = (&criterion.criterion_id, &criterion.display_name, &criterion.chapter_id);
        faults.add("scorecard.scores", format!("criterion {id:?} ({name}) of chapter {chapter:?} needs an answer"));
    }
    let message = match missing.as_slice() {
        [one] => format!("the required criterion {} has no answer", one.criterion_id),
        many => format!("{} required criteria have no answer", many.len()),
    };
    Err(Error::precondition(reason::SCORES_INCOMPLETE, message)
        .with("count", missing.len().to_string())
        .with_fields(faults.0))
}

/// Complains about what a caller wrote beside the scores. A calibration whose agreed scorecard was deleted refers to
/// nothing any more, and can still be changed.
fn written(card: &Scorecard, old: Option<&Scorecard>, faults: &mut Faults) {
    faults.length("scorecard.comment".to_owned(), &card.comment, answers::MAX_COMMENT);
    let refers =
        |card: &Scorecard| !card.reference_scorecard_id.is_empty() || !card.calibrated_scorecard_name.is_empty();
    let must = matches!(card.scorecard_type(), ScorecardType::Calibration | ScorecardType::Appeal);
    if must && !refers(card) && old.is_none_or(refers) {
        let why =
            "is required in a calibration or an appeal, unless calibratedScorecardName says what it is held against";
        faults.add("scorecard.referenceScorecardId", why);
    }
}

#[cfg(test)]
mod tests;
