//! The percentage points that each criterion stands for.

use num_traits::Zero;

use super::{Judged, Part};
use crate::domain::exact::{self, Exact};
use crate::domain::form::Form;
use crate::pb::cresta::v1::coaching::scoring::{NotApplicable, Weighting};

/// What one outermost chapter holds.
#[derive(Clone, Debug, Default)]
struct Held {
    /// Weight that counts.
    counts: Exact,
    /// Weight dropped as not applicable.
    dropped: Exact,
}

/// What one unit of weight in a chapter stands for, in percentage points.
#[derive(Clone, Debug, Default)]
struct Rate {
    counts: Exact,
    bonus: Exact,
}

/// The percentage points that each criterion stands for, by the form's positions; those that count add up to exactly 100.
/// `None` when nothing that counts has any weight.
pub(super) fn units(form: &Form, judged: &[Judged]) -> Option<Vec<Exact>> {
    let rates = rates(form, &held(form, judged))?;
    let unit = |(criterion, judged): (&crate::domain::form::Criterion, &Judged)| match judged.part {
        Part::Counts => &criterion.weight * &rates[criterion.outer].counts,
        Part::Bonus => &criterion.weight * &rates[criterion.outer].bonus,
        Part::Dropped | Part::Out => Exact::zero(),
    };
    Some(form.criteria().iter().zip(judged).map(unit).collect())
}

/// The weight in each outermost chapter; nothing in nested ones.
fn held(form: &Form, judged: &[Judged]) -> Vec<Held> {
    let mut held = vec![Held::default(); form.chapters().len()];
    for (criterion, judged) in form.criteria().iter().zip(judged) {
        let held = &mut held[criterion.outer];
        match judged.part {
            Part::Counts => held.counts += &criterion.weight,
            Part::Dropped => held.dropped += &criterion.weight,
            Part::Bonus | Part::Out => {}
        }
    }
    held
}

fn rates(form: &Form, held: &[Held]) -> Option<Vec<Rate>> {
    let rules = form.rules();
    let chapters = form.chapters();
    let hundred = exact::whole(100);
    // A criterion's weight in the whole is its weight in the chapter times this.
    let multiplier = |chapter: usize| match rules.weighting {
        Weighting::Points => chapters[chapter].weight.clone(),
        _ => exact::whole(1),
    };
    if rules.weighting == Weighting::ChapterWeight {
        let left = || held.iter().zip(chapters).filter(|(held, _)| !held.counts.is_zero());
        let whole = exact::sum(left().map(|(_, chapter)| &chapter.weight));
        if whole.is_zero() {
            return None;
        }
        let rate = |(held, chapter): (&Held, &crate::domain::form::Chapter)| {
            if held.counts.is_zero() {
                return Rate::default();
            }
            let rate = &hundred * &chapter.weight / (&whole * &held.counts);
            Rate { counts: rate.clone(), bonus: rate }
        };
        return Some(held.iter().zip(chapters).map(rate).collect());
    }
    let in_chapter = rules.not_applicable == NotApplicable::DropInChapter;
    // The weight that each chapter stands for: with what it lost where that stays in the chapter, unless all is lost.
    let stands = |chapter: usize| {
        let held = &held[chapter];
        let kept = in_chapter && !held.counts.is_zero();
        multiplier(chapter) * if kept { &held.counts + &held.dropped } else { held.counts.clone() }
    };
    let stands: Vec<Exact> = (0..held.len()).map(stands).collect();
    let whole = exact::sum(&stands);
    if whole.is_zero() {
        return None;
    }
    let rate = |chapter: usize| {
        let counts = &held[chapter].counts;
        Rate {
            counts: if counts.is_zero() { Exact::zero() } else { &hundred * &stands[chapter] / (&whole * counts) },
            bonus: &hundred * multiplier(chapter) / &whole,
        }
    };
    Some((0..held.len()).map(rate).collect())
}
