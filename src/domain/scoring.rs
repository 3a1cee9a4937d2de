//! What answers come to: exact arithmetic, one outcome a criterion and a chapter, and a total that its parts add up to.
//!
//! Every weighting comes down to one form. Each criterion has a *unit*, the percentage points that it stands for in the
//! total, and adds unit × share of its maximum; the units of the criteria that count add up to 100. [`weights`] finds the
//! units. A bonus adds like any other but its unit is beside the 100. Automatic fails and the cap are *adjustments*,
//! leaves of their own, so that what a grader gave stays visible beside what was taken away.
//!
//! Order of precedence: not asked, not applicable, automatic fail, bonus, cap. Choices that the weightings leave open:
//! - An unanswered criterion counts as 0 in a submitted scorecard and is left out of a draft's preview.
//! - A criterion that was not asked is as if it were not there: its weight goes to all others, in every setting.
//! - Under CHAPTER_WEIGHT both ways to drop "not applicable" are the same, since chapters weigh what they weigh.
//! - DROP_IN_CHAPTER gives the weight (under POINTS: the possible points) of what is not applicable to the rest of the
//!   outermost chapter in proportion, so the chapter stands for as much as before; one with nothing left is dropped.
//! - A bonus that is not applicable or not answered adds nothing. Under CHAPTER_WEIGHT it adds to its chapter, and goes
//!   with it when the chapter is dropped; otherwise it adds to the whole.
//! - Options without any points are not scored, but may fail automatically. A bonus may, too, also where bonuses add
//!   nothing.
//! - An automatic fail of the template makes the total 0 even where nothing else was scorable.
//! - Only the total is capped; chapters add what they earned, and show at most 100.

mod explain;
mod reason;
mod weights;
mod write;

use num_traits::{One, Zero};

pub use self::explain::explanation;
pub use self::reason::Reason;
pub use self::write::write;
use super::answers::{self, Answer, Sheet};
use super::exact::{self, Exact};
use super::form::{Criterion, Form};
use crate::pb::cresta::v1::coaching::Score;
use crate::pb::cresta::v1::coaching::score::State;
use crate::pb::cresta::v1::coaching::scoring::auto_fail::{Effect, Scope};
use crate::pb::cresta::v1::coaching::scoring::{Bonus, NotApplicable};

/// Version of this arithmetic, stored with each score. It changes when the same answers may come to another score.
pub const ENGINE_VERSION: i32 = 1;

/// How unanswered criteria count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Left out: a preview over the answers so far.
    Draft,
    /// As 0.
    Submitted,
}

/// What the answers came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Percent; `None` when nothing is applicable.
    pub total: Option<Exact>,
    /// Whether an answer failed the scorecard or a chapter automatically, or would have.
    pub auto_failed: bool,
    /// Whether the exact total reaches the threshold; `None` without threshold or total.
    pub passed: Option<bool>,
    /// By the form's positions.
    pub criteria: Vec<CriterionOutcome>,
    /// By the form's positions.
    pub chapters: Vec<ChapterOutcome>,
    /// What belongs to no criterion, in the order taken: automatic fails, then the cap.
    pub adjustments: Vec<Adjustment>,
}

/// What one criterion came to.
#[derive(Clone, Debug, PartialEq)]
pub struct CriterionOutcome {
    /// What became of it.
    pub state: State,
    /// Share of its maximum, 0 to 1; `None` where it is not scored, not asked, or has no answer that counts.
    pub fraction: Option<Exact>,
    /// Percent of the total that it stood for; 0 for a bonus and for what does not count.
    pub applied_weight: Exact,
    /// Percentage points that it adds, before adjustments.
    pub contribution: Exact,
    /// Weight or points earned.
    pub earned: Exact,
    /// Weight or points that counted as possible.
    pub possible: Exact,
    /// Whether its answer fails automatically.
    pub auto_fail: bool,
    /// Why it counts as it does.
    pub reason: Reason,
}

/// What one chapter came to, nested chapters included in the ones around them.
#[derive(Clone, Debug, PartialEq)]
pub struct ChapterOutcome {
    /// Percent of what was possible in it; `None` when nothing is applicable.
    pub percentage: Option<Exact>,
    /// Percent of the total that it stood for.
    pub applied_weight: Exact,
    /// Percentage points that it adds, after adjustments within it.
    pub contribution: Exact,
    /// Weight or points earned, before adjustments.
    pub earned: Exact,
    /// Weight or points that counted as possible.
    pub possible: Exact,
    /// Position of the criterion whose answer failed this chapter automatically; only outer chapters fail.
    pub failed_by: Option<usize>,
}

/// A correction that belongs to no criterion.
#[derive(Clone, Debug, PartialEq)]
pub struct Adjustment {
    /// Position of the chapter that it stands in; `None` for the template.
    pub chapter: Option<usize>,
    /// Percentage points that it adds; never above 0.
    pub contribution: Exact,
    /// Position of the criterion whose answer caused it; `None` for the cap.
    pub cause: Option<usize>,
}

impl Outcome {
    /// The exact contributions of all leaves; they add up to the total, or to 0 where there is none.
    pub fn leaves(&self) -> impl Iterator<Item = &Exact> {
        let criteria = self.criteria.iter().map(|criterion| &criterion.contribution);
        criteria.chain(self.adjustments.iter().map(|adjustment| &adjustment.contribution))
    }
}

/// Scores answers on a form. Never fails: answers that the form does not allow count as none, so callers hold them
/// against [`answers::check`] first.
pub fn score(form: &Form, scores: &[Score], mode: Mode) -> Outcome {
    let sheet = Sheet::read(form, scores);
    let criteria = form.criteria();
    let judged: Vec<Judged> =
        criteria.iter().enumerate().map(|(at, criterion)| judge(form, criterion, &sheet, at, mode)).collect();
    let units = weights::units(form, &judged);
    let scorable = units.is_some();
    let outcomes: Vec<CriterionOutcome> = criteria
        .iter()
        .zip(judged)
        .enumerate()
        .map(|(at, (criterion, judged))| settle(criterion, judged, units.as_ref().map(|units| &units[at])))
        .collect();
    let mut adjustments = Vec::new();
    let mut chapters = chapters(form, &outcomes, &mut adjustments);
    cap_chapters(form, &mut chapters);
    let total = total(form, &outcomes, scorable, &mut adjustments);
    Outcome {
        auto_failed: outcomes.iter().any(|outcome| outcome.auto_fail),
        passed: form.rules().pass_threshold.as_ref().zip(total.as_ref()).map(|(least, total)| total >= least),
        total,
        criteria: outcomes,
        chapters,
        adjustments,
    }
}

/// How a criterion counts in the sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// In what was earned and in what was possible.
    Counts,
    /// In what was earned only.
    Bonus,
    /// Dropped as not applicable: its weight goes to others.
    Dropped,
    /// Not at all.
    Out,
}

/// What a criterion's answer says, before it is known what the criterion weighs.
#[derive(Debug)]
struct Judged {
    state: State,
    part: Part,
    fraction: Option<Exact>,
    auto_fail: bool,
    reason: Reason,
}

fn judge(form: &Form, criterion: &Criterion, sheet: &Sheet<'_>, at: usize, mode: Mode) -> Judged {
    let rules = form.rules();
    let judged = |state, part, fraction, reason| Judged { state, part, fraction, auto_fail: false, reason };
    if !sheet.enabled(at) {
        return judged(State::Disabled, Part::Out, None, Reason::NotAsked);
    }
    let answer = sheet.answer(at);
    let state = match answer {
        None => State::Unanswered,
        Some(Answer::NotApplicable(_)) => State::NotApplicable,
        Some(_) => State::Answered,
    };
    let mark = answer.and_then(|answer| answers::mark(criterion, answer));
    let auto_fail = mark.as_ref().is_some_and(|mark| mark.auto_fail);
    let judged = |part, fraction, reason| Judged { state, part, fraction, auto_fail, reason };
    if !criterion.scored {
        return judged(Part::Out, None, if auto_fail { Reason::AutoFail } else { Reason::NotScored });
    }
    match (state, mark) {
        (State::NotApplicable, _) if criterion.bonus => judged(Part::Out, None, Reason::BonusNotGiven),
        (State::NotApplicable, _) => match rules.not_applicable {
            NotApplicable::FullCredit => judged(Part::Counts, Some(Exact::one()), Reason::FullCredit),
            NotApplicable::DropInChapter => judged(Part::Dropped, None, Reason::DroppedInChapter),
            _ => judged(Part::Dropped, None, Reason::Dropped),
        },
        (_, None) if criterion.bonus => judged(Part::Out, None, Reason::BonusNotGiven),
        (_, None) if mode == Mode::Draft => judged(Part::Out, None, Reason::LeftOutOfPreview),
        (_, None) => judged(Part::Counts, Some(Exact::zero()), Reason::UnansweredCountsZero),
        (_, Some(mark)) => {
            let (part, reason) = match (criterion.bonus, rules.bonus) {
                (true, Bonus::None) => (Part::Out, Reason::BonusAddsNothing),
                (true, _) => (Part::Bonus, Reason::Bonus),
                (false, _) => (Part::Counts, Reason::Answered),
            };
            judged(part, Some(mark.fraction), if auto_fail { Reason::AutoFail } else { reason })
        }
    }
}

/// Turns a judgement into an outcome, by the percentage points that the criterion stands for.
fn settle(criterion: &Criterion, judged: Judged, unit: Option<&Exact>) -> CriterionOutcome {
    let adds = matches!(judged.part, Part::Counts | Part::Bonus);
    let counts = judged.part == Part::Counts;
    let nothing = Exact::zero;
    let of = |unit: &Exact, fraction: &Option<Exact>| fraction.as_ref().map_or_else(nothing, |f| unit * f);
    CriterionOutcome {
        state: judged.state,
        applied_weight: unit.filter(|_| counts).cloned().unwrap_or_default(),
        contribution: unit.filter(|_| adds).map_or_else(nothing, |unit| of(unit, &judged.fraction)),
        earned: if adds { of(&criterion.weight, &judged.fraction) } else { nothing() },
        possible: if counts { criterion.weight.clone() } else { nothing() },
        // A question that nobody answered has no percentage, also where it counts as 0.
        fraction: judged.fraction.filter(|_| judged.state != State::Unanswered),
        auto_fail: judged.auto_fail,
        reason: judged.reason,
    }
}

/// Sums up the chapters, and zeroes those that an answer failed.
fn chapters(form: &Form, criteria: &[CriterionOutcome], adjustments: &mut Vec<Adjustment>) -> Vec<ChapterOutcome> {
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); form.chapters().len()];
    for (at, criterion) in form.criteria().iter().enumerate() {
        members[criterion.chapter].push(at);
        if criterion.outer != criterion.chapter {
            members[criterion.outer].push(at);
        }
    }
    let rules = form.rules();
    let mut outcomes = Vec::with_capacity(members.len());
    for (position, members) in members.iter().enumerate() {
        let total = |part: fn(&CriterionOutcome) -> &Exact| exact::sum(members.iter().map(|&at| part(&criteria[at])));
        let (earned, possible) = (total(|c| &c.earned), total(|c| &c.possible));
        let mut outcome = ChapterOutcome {
            percentage: (!possible.is_zero()).then(|| &earned / &possible * exact::whole(100)),
            applied_weight: total(|c| &c.applied_weight),
            contribution: total(|c| &c.contribution),
            earned,
            possible,
            failed_by: None,
        };
        if rules.scope == Scope::Chapter && form.chapters()[position].parent.is_none() {
            outcome.failed_by = members.iter().copied().find(|&at| criteria[at].auto_fail);
        }
        if outcome.failed_by.is_some() && rules.effect == Effect::Zero {
            let contribution = -std::mem::take(&mut outcome.contribution);
            adjustments.push(Adjustment { chapter: Some(position), contribution, cause: outcome.failed_by });
            outcome.percentage = Some(Exact::zero());
        }
        outcomes.push(outcome);
    }
    outcomes
}

/// Chapters show at most 100 where the total may not go beyond it.
fn cap_chapters(form: &Form, chapters: &mut [ChapterOutcome]) {
    if form.rules().bonus == Bonus::Capped {
        for percentage in chapters.iter_mut().filter_map(|chapter| chapter.percentage.as_mut()) {
            if *percentage > exact::whole(100) {
                *percentage = exact::whole(100);
            }
        }
    }
}

/// Adds everything up, zeroes a failed template, and caps.
fn total(
    form: &Form,
    criteria: &[CriterionOutcome],
    scorable: bool,
    adjustments: &mut Vec<Adjustment>,
) -> Option<Exact> {
    let rules = form.rules();
    let taken = exact::sum(adjustments.iter().map(|adjustment| &adjustment.contribution));
    let sum = exact::sum(criteria.iter().map(|criterion| &criterion.contribution)) + taken;
    let failed = criteria.iter().position(|criterion| criterion.auto_fail);
    if let Some(cause) = failed.filter(|_| rules.scope == Scope::Template && rules.effect == Effect::Zero) {
        adjustments.push(Adjustment { chapter: None, contribution: -sum, cause: Some(cause) });
        return Some(Exact::zero());
    }
    if !scorable {
        return None;
    }
    let most = exact::whole(100);
    if rules.bonus == Bonus::Capped && sum > most {
        adjustments.push(Adjustment { chapter: None, contribution: &most - sum, cause: None });
        return Some(most);
    }
    Some(sum)
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
