//! Faults of the structure as a whole: whether it can come to a score.

use num_traits::Zero;

use crate::domain::Faults;
use crate::domain::exact::{self, Exact};
use crate::domain::form::Kind;
use crate::pb::cresta::v1::coaching as pb;
use crate::pb::cresta::v1::coaching::scoring::{Bonus, Weighting};

/// What an outer chapter holds, the nested ones included.
#[derive(Default)]
struct Held {
    scored: usize,
    bonuses: usize,
    weight: Exact,
}

/// Complains where nothing is scored, where what is scored has no weight, and where a bonus could never add.
pub(super) fn totals(structure: &pb::TemplateStructure, at: &str, faults: &mut Faults) {
    let scoring = structure.scoring.unwrap_or_default();
    // Unknown settings have their own complaint; what follows then goes by the default.
    let weighting = Weighting::try_from(scoring.weighting).unwrap_or_default();
    let bonus = Bonus::try_from(scoring.bonus).unwrap_or_default();
    let chapters: Vec<Held> = structure.chapters.iter().map(|chapter| held(chapter, weighting)).collect();
    let at = format!("{at}.chapters");
    if chapters.iter().all(|chapter| chapter.scored == 0) {
        return faults.add(at, "no criterion is scored; at least one that is no bonus must be");
    }
    let weighs = |(chapter, held): (&pb::Chapter, &Held)| {
        let multiplies = matches!(weighting, Weighting::ChapterWeight | Weighting::Points);
        let nothing = multiplies && chapter.weight == Some(0.0);
        !nothing && !held.weight.is_zero()
    };
    if !structure.chapters.iter().zip(&chapters).any(weighs) {
        let what = match weighting {
            Weighting::Points => "points times the weights of their chapters",
            Weighting::ChapterWeight => "weights of the chapters that have weighted criteria",
            _ => "weights of the scored criteria",
        };
        faults.add(at.clone(), format!("the {what} add up to 0"));
    }
    if weighting == Weighting::ChapterWeight && matches!(bonus, Bonus::Capped | Bonus::Uncapped) {
        for (i, held) in chapters.iter().enumerate().filter(|(_, held)| held.bonuses > 0 && held.weight.is_zero()) {
            let why = format!("its bonuses ({}) have no scored criterion beside them to add to", held.bonuses);
            faults.add(format!("{at}[{i}]"), why);
        }
    }
}

fn held(chapter: &pb::Chapter, weighting: Weighting) -> Held {
    let mut held = Held::default();
    for criterion in chapter.criteria.iter().chain(chapter.chapters.iter().flat_map(|inner| &inner.criteria)) {
        // What cannot be compiled has its own complaint, and is taken as good so that it gets no second one.
        let (scored, possible) = match criterion.r#type.as_ref().map(Kind::compile) {
            Some(Ok(kind)) => (kind.scored(weighting), kind.possible()),
            Some(Err(_)) | None => (true, exact::whole(1)),
        };
        if !scored {
            continue;
        }
        if criterion.bonus {
            held.bonuses += 1;
            continue;
        }
        held.scored += 1;
        held.weight += match weighting {
            Weighting::Points => possible,
            _ => exact::amount(criterion.weight.unwrap_or(1.0)).unwrap_or_else(|_| exact::whole(1)),
        };
    }
    held
}
