//! All that is wrong with a template's structure, by path, in one go.
//!
//! Run when a template is written. It refuses what cannot be compiled, what cannot be answered, and what could never
//! count: a template that passes can be filled in and comes to a score.

mod conditions;
mod question;
mod totals;

use std::collections::{HashMap, HashSet};

use super::Faults;
use super::exact;
use crate::error::FieldViolation;
use crate::pb::cresta::v1::coaching as pb;
use crate::pb::cresta::v1::coaching::criterion::Type;
use crate::pb::cresta::v1::coaching::scoring::auto_fail::{Effect, Scope};
use crate::pb::cresta::v1::coaching::scoring::{Bonus, NotApplicable, Weighting};

/// Most chapters of a template, nested ones included.
pub const MAX_CHAPTERS: usize = 100;
/// Most criteria of a template.
pub const MAX_CRITERIA: usize = 500;
/// Longest name, heading or label in characters.
pub const MAX_NAME: usize = 500;
/// Longest help text in characters.
pub const MAX_HELP: usize = 10_000;
/// Most options of a criterion, bands of a range, values of a condition, and triggers.
pub const MAX_PARTS: usize = 500;
/// Most tests and answers listed in them, in all conditions of a template together.
pub const MAX_CONDITION_PARTS: usize = 10_000;
/// Longest id in characters.
const MAX_ID: usize = 128;

/// All faults of a structure; empty where it is good. `at` is the path of the structure, such as
/// `scorecardTemplate.template`.
pub fn lint(structure: &pb::TemplateStructure, at: &str) -> Vec<FieldViolation> {
    let mut lint = Lint { faults: Faults::default(), ids: HashSet::new(), earlier: HashMap::new() };
    // Counted before anything is walked, so that a hostile structure costs no more than a large one.
    let Count { chapters, criteria, parts } = count(&structure.chapters);
    if chapters > MAX_CHAPTERS {
        lint.faults.add(format!("{at}.chapters"), format!("holds {chapters} chapters, more than {MAX_CHAPTERS}"));
    }
    if criteria > MAX_CRITERIA {
        lint.faults.add(format!("{at}.chapters"), format!("holds {criteria} criteria, more than {MAX_CRITERIA}"));
    }
    if parts > MAX_CONDITION_PARTS {
        let why = format!("holds conditions of {parts} tests and answers, more than {MAX_CONDITION_PARTS}");
        lint.faults.add(format!("{at}.chapters"), why);
    }
    if !lint.faults.0.is_empty() {
        return lint.faults.0;
    }
    for (i, chapter) in structure.chapters.iter().enumerate() {
        lint.chapter(chapter, false, &format!("{at}.chapters[{i}]"));
    }
    if let Some(scoring) = &structure.scoring {
        lint.scoring(scoring, &format!("{at}.scoring"));
    }
    totals::totals(structure, at, &mut lint.faults);
    lint.faults.0
}

/// Ids that mean something else than before: a chapter is not a criterion, and a criterion keeps its type for ever, in
/// whichever of the earlier revisions it stood. `at` is the path of the new structure.
pub fn same_question<'a>(
    earlier: impl IntoIterator<Item = &'a pb::TemplateStructure>,
    new: &pb::TemplateStructure,
    at: &str,
) -> Vec<FieldViolation> {
    let mut meanings = HashMap::new();
    for structure in earlier {
        meant(&structure.chapters, "", &mut |id, meaning, _| {
            meanings.entry(id).or_insert(meaning);
        });
    }
    let mut faults = Faults::default();
    meant(&new.chapters, at, &mut |id, meaning, path| {
        if let Some(before) = meanings.get(id).filter(|&&before| before != meaning) {
            faults.add(path, format!("{id:?} was {before} and cannot become {meaning}; use a new id"));
        }
    });
    faults.0
}

struct Lint<'a> {
    faults: Faults,
    ids: HashSet<&'a str>,
    /// The criteria walked so far, which are those that conditions may look at.
    earlier: HashMap<&'a str, conditions::Asked>,
}

impl<'a> Lint<'a> {
    fn chapter(&mut self, chapter: &'a pb::Chapter, nested: bool, at: &str) {
        self.id(&chapter.id, at);
        self.faults.length(format!("{at}.displayName"), &chapter.display_name, MAX_NAME);
        if nested && chapter.weight.is_some() {
            self.faults.add(format!("{at}.weight"), "a nested chapter has no weight: those of the outer chapter count");
        } else {
            self.weight(chapter.weight, at);
        }
        for (i, criterion) in chapter.criteria.iter().enumerate() {
            self.criterion(criterion, &format!("{at}.criteria[{i}]"));
        }
        if nested && !chapter.chapters.is_empty() {
            self.faults.add(format!("{at}.chapters"), "chapters nest one level deep only");
            return;
        }
        for (i, inner) in chapter.chapters.iter().enumerate() {
            self.chapter(inner, true, &format!("{at}.chapters[{i}]"));
        }
    }

    fn criterion(&mut self, criterion: &'a pb::Criterion, at: &str) {
        self.id(&criterion.id, at);
        self.faults.length(format!("{at}.displayName"), &criterion.display_name, MAX_NAME);
        self.faults.length(format!("{at}.helpText"), &criterion.help_text, MAX_HELP);
        self.weight(criterion.weight, at);
        if criterion.triggers.len() > MAX_PARTS {
            self.faults.add(format!("{at}.triggers"), format!("holds more than {MAX_PARTS} moments"));
        }
        question::question(criterion, at, &mut self.faults);
        if let Some(condition) = &criterion.visible_if {
            conditions::condition(
                condition,
                &criterion.id,
                &self.earlier,
                &format!("{at}.visibleIf"),
                &mut self.faults,
            );
        }
        self.earlier.entry(&criterion.id).or_insert_with(|| conditions::Asked::of(criterion));
    }

    fn id(&mut self, id: &'a str, at: &str) {
        let at = format!("{at}.id");
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"._~-".contains(&b);
        if id.is_empty() {
            self.faults.add(at, "is required");
        } else if id.len() > MAX_ID || !id.bytes().all(allowed) {
            self.faults.add(at, "is not 1 to 128 of the characters A-Z a-z 0-9 . _ ~ -");
        } else if !self.ids.insert(id) {
            self.faults.add(at, format!("{id:?} is used twice; chapters and criteria share one set of ids"));
        }
    }

    fn weight(&mut self, weight: Option<f64>, at: &str) {
        if let Some(Err(why)) = weight.map(exact::amount) {
            self.faults.add(format!("{at}.weight"), why);
        }
    }

    fn scoring(&mut self, scoring: &pb::Scoring, at: &str) {
        let auto_fail = scoring.auto_fail.unwrap_or_default();
        let settings = [
            ("weighting", scoring.weighting, Weighting::try_from(scoring.weighting).is_ok()),
            ("notApplicable", scoring.not_applicable, NotApplicable::try_from(scoring.not_applicable).is_ok()),
            ("autoFail.scope", auto_fail.scope, Scope::try_from(auto_fail.scope).is_ok()),
            ("autoFail.effect", auto_fail.effect, Effect::try_from(auto_fail.effect).is_ok()),
            ("bonus", scoring.bonus, Bonus::try_from(scoring.bonus).is_ok()),
        ];
        for (field, number, known) in settings {
            if !known {
                self.faults.add(format!("{at}.{field}"), format!("{number} is not a known setting"));
            }
        }
        match scoring.pass_threshold.map(exact::amount) {
            Some(Err(why)) => self.faults.add(format!("{at}.passThreshold"), why),
            Some(Ok(percent)) if percent > exact::whole(100) => {
                self.faults.add(format!("{at}.passThreshold"), "is not a percent from 0 to 100");
            }
            _ => {}
        }
    }
}

/// How much a structure holds, at every depth.
#[derive(Default)]
struct Count {
    chapters: usize,
    criteria: usize,
    /// Tests of conditions, and answers listed in them.
    parts: usize,
}

fn count(chapters: &[pb::Chapter]) -> Count {
    chapters.iter().fold(Count::default(), |sum, chapter| {
        let within = count(&chapter.chapters);
        let parts = chapter.criteria.iter().filter_map(|c| c.visible_if.as_ref()).map(conditions::parts).sum::<usize>();
        Count {
            chapters: sum.chapters + 1 + within.chapters,
            criteria: sum.criteria + chapter.criteria.len() + within.criteria,
            parts: sum.parts + parts + within.parts,
        }
    })
}

/// Tells `see` what each id of these chapters stands for, with the path of the id.
fn meant<'a>(chapters: &'a [pb::Chapter], at: &str, see: &mut impl FnMut(&'a str, &'static str, String)) {
    for (i, chapter) in chapters.iter().enumerate() {
        let at = format!("{at}.chapters[{i}]");
        see(&chapter.id, "a chapter", format!("{at}.id"));
        for (i, criterion) in chapter.criteria.iter().enumerate() {
            if let Some(kind) = &criterion.r#type {
                see(&criterion.id, type_name(kind), format!("{at}.criteria[{i}].id"));
            }
        }
        meant(&chapter.chapters, &at, see);
    }
}

fn type_name(kind: &Type) -> &'static str {
    match kind {
        Type::Options(_) => "a criterion of type options",
        Type::MultiOptions(_) => "a criterion of type multiOptions",
        Type::Range(_) => "a criterion of type range",
        Type::YesNo(_) => "a criterion of type yesNo",
        Type::Text(_) => "a criterion of type text",
        Type::Date(_) => "a criterion of type date",
    }
}

#[cfg(test)]
mod tests;
