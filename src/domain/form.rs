//! A template's structure, compiled: criteria in order, exact numbers, conditions by position.
//!
//! Compiling costs more than scoring and depends on the structure alone, so callers may keep a [`Form`] by revision id.
//! It is not the lint: a revision stays usable for ever, also when later versions of the lint would refuse it. Compiling
//! fails only on what cannot be given a meaning at all.

mod kind;

use std::collections::HashMap;

use num_traits::{One, Signed, Zero};

pub use self::kind::{Band, Choice, Kind};
use super::Faults;
use super::conditions::Test;
use super::exact::{self, Exact};
use crate::error::FieldViolation;
use crate::pb::cresta::v1::coaching as pb;
use crate::pb::cresta::v1::coaching::scoring::auto_fail::{Effect, Scope};
use crate::pb::cresta::v1::coaching::scoring::{Bonus, NotApplicable, Weighting};

/// How answers become a score; defaults are filled in, so no setting is ever "unspecified".
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// What weighs a criterion.
    pub weighting: Weighting,
    /// What becomes of the weight of a criterion that is not applicable.
    pub not_applicable: NotApplicable,
    /// How far an automatic fail reaches.
    pub scope: Scope,
    /// What it does there.
    pub effect: Effect,
    /// What bonus criteria may add.
    pub bonus: Bonus,
    /// Percent at which a scorecard passes.
    pub pass_threshold: Option<Exact>,
}

/// A chapter, outer or nested.
#[derive(Clone, Debug, PartialEq)]
pub struct Chapter {
    /// Id, unique among chapters and criteria.
    pub id: String,
    /// Heading.
    pub display_name: String,
    /// Weight or multiplier of an outer chapter; 1 for a nested one, which only groups.
    pub weight: Exact,
    /// Position of the chapter around this one.
    pub parent: Option<usize>,
}

/// A criterion.
#[derive(Clone, Debug, PartialEq)]
pub struct Criterion {
    /// Id, unique among chapters and criteria.
    pub id: String,
    /// The question.
    pub display_name: String,
    /// Position of the chapter that holds it directly.
    pub chapter: usize,
    /// Position of the outermost chapter around it: the one that weighs, and that an automatic fail zeroes.
    pub outer: usize,
    /// What it weighs within its outermost chapter: its weight, or under POINTS its possible points.
    pub weight: Exact,
    /// Points that can be earned; 0 where answers earn none.
    pub possible: Exact,
    /// Whether an answer has a share of a maximum. Texts and dates have none, nor have options without any points.
    pub scored: bool,
    /// Whether it only adds to what was earned.
    pub bonus: bool,
    /// Whether a scorecard cannot be submitted without it.
    pub required: bool,
    /// Whether "not applicable" is an answer.
    pub allow_not_applicable: bool,
    /// The kind of answer.
    pub kind: Kind,
    /// When it is asked; `None` is always.
    pub visible_if: Option<Test>,
}

/// What an id of a template stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The chapter at this position.
    Chapter(usize),
    /// The criterion at this position.
    Criterion(usize),
}

/// A compiled structure. Positions of chapters and criteria are those of the lists here: outer chapters in order, each
/// with its criteria before those of its nested chapters.
#[derive(Clone, Debug, PartialEq)]
pub struct Form {
    rules: Rules,
    chapters: Vec<Chapter>,
    criteria: Vec<Criterion>,
    ids: HashMap<String, Place>,
}

impl Form {
    /// Compiles a structure. The error lists what has no meaning: numbers out of bounds, ids used twice, criteria without
    /// a type, conditions on what does not stand before them, unknown settings. Paths start with `template`.
    pub fn compile(structure: &pb::TemplateStructure) -> Result<Form, Vec<FieldViolation>> {
        let mut compiler = Compiler { form: Form::empty(), faults: Faults::default() };
        compiler.rules(structure.scoring.as_ref());
        for (i, chapter) in structure.chapters.iter().enumerate() {
            compiler.chapter(chapter, None, format!("template.chapters[{i}]"));
        }
        if compiler.faults.0.is_empty() { Ok(compiler.form) } else { Err(compiler.faults.0) }
    }

    /// How answers become a score.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Every chapter, nested ones after the criteria of the one around them.
    pub fn chapters(&self) -> &[Chapter] {
        &self.chapters
    }

    /// Every criterion, in the order asked.
    pub fn criteria(&self) -> &[Criterion] {
        &self.criteria
    }

    /// What an id stands for.
    pub fn place(&self, id: &str) -> Option<Place> {
        self.ids.get(id).copied()
    }

    /// Position of the criterion with this id.
    pub fn position(&self, criterion_id: &str) -> Option<usize> {
        match self.place(criterion_id)? {
            Place::Criterion(at) => Some(at),
            Place::Chapter(_) => None,
        }
    }

    fn empty() -> Form {
        let rules = Rules {
            weighting: Weighting::CriterionWeight,
            not_applicable: NotApplicable::DropGlobally,
            scope: Scope::Template,
            effect: Effect::Zero,
            bonus: Bonus::None,
            pass_threshold: None,
        };
        Form { rules, chapters: Vec::new(), criteria: Vec::new(), ids: HashMap::new() }
    }
}

struct Compiler {
    form: Form,
    faults: Faults,
}

impl Compiler {
    fn rules(&mut self, scoring: Option<&pb::Scoring>) {
        let Some(scoring) = scoring else { return };
        let auto_fail = scoring.auto_fail.unwrap_or_default();
        let rules = &mut self.form.rules;
        let mut setting = |field: &str, known: bool| {
            if !known {
                self.faults.add(format!("template.scoring.{field}"), "is not a known setting");
            }
        };
        setting("weighting", set(&mut rules.weighting, scoring.weighting, Weighting::Unspecified));
        setting("notApplicable", set(&mut rules.not_applicable, scoring.not_applicable, NotApplicable::Unspecified));
        setting("autoFail.scope", set(&mut rules.scope, auto_fail.scope, Scope::Unspecified));
        setting("autoFail.effect", set(&mut rules.effect, auto_fail.effect, Effect::Unspecified));
        setting("bonus", set(&mut rules.bonus, scoring.bonus, Bonus::Unspecified));
        if let Some(percent) = scoring.pass_threshold {
            match exact::amount(percent) {
                Ok(percent) => rules.pass_threshold = Some(percent),
                Err(why) => self.faults.add("template.scoring.passThreshold", why),
            }
        }
    }

    fn chapter(&mut self, chapter: &pb::Chapter, parent: Option<usize>, at: String) {
        let position = self.form.chapters.len();
        let weight = match parent {
            Some(_) => Exact::one(),
            None => self.weight(chapter.weight, &at),
        };
        self.id(&chapter.id, Place::Chapter(position), &at);
        self.form.chapters.push(Chapter {
            id: chapter.id.clone(),
            display_name: chapter.display_name.clone(),
            weight,
            parent,
        });
        for (i, criterion) in chapter.criteria.iter().enumerate() {
            self.criterion(criterion, position, parent.unwrap_or(position), format!("{at}.criteria[{i}]"));
        }
        if parent.is_some() {
            if !chapter.chapters.is_empty() {
                self.faults.add(format!("{at}.chapters"), "nests deeper than one level");
            }
            return;
        }
        for (i, nested) in chapter.chapters.iter().enumerate() {
            self.chapter(nested, Some(position), format!("{at}.chapters[{i}]"));
        }
    }

    fn criterion(&mut self, criterion: &pb::Criterion, chapter: usize, outer: usize, at: String) {
        let position = self.form.criteria.len();
        let weight = self.weight(criterion.weight, &at);
        let kind = match criterion.r#type.as_ref().map(Kind::compile) {
            Some(Ok(kind)) => kind,
            Some(Err(why)) => return self.faults.add(at, why),
            None => return self.faults.add(at, "has no type"),
        };
        let visible_if = match criterion.visible_if.as_ref().map(|test| Test::compile(test, &self.form)) {
            Some(Err(why)) => return self.faults.add(format!("{at}.visibleIf"), why),
            Some(Ok(test)) => Some(test),
            None => None,
        };
        self.id(&criterion.id, Place::Criterion(position), &at);
        let possible = kind.possible();
        let points = self.form.rules.weighting == Weighting::Points;
        self.form.criteria.push(Criterion {
            id: criterion.id.clone(),
            display_name: criterion.display_name.clone(),
            chapter,
            outer,
            scored: kind.scored(self.form.rules.weighting),
            weight: if points { possible.clone() } else { weight },
            possible,
            bonus: criterion.bonus,
            required: criterion.required,
            allow_not_applicable: criterion.allow_not_applicable,
            kind,
            visible_if,
        });
    }

    fn weight(&mut self, weight: Option<f64>, at: &str) -> Exact {
        let Some(weight) = weight else { return Exact::one() };
        exact::amount(weight).unwrap_or_else(|why| {
            self.faults.add(format!("{at}.weight"), why);
            Exact::zero()
        })
    }

    fn id(&mut self, id: &str, place: Place, at: &str) {
        if self.form.ids.insert(id.to_owned(), place).is_some() {
            self.faults.add(format!("{at}.id"), format!("{id:?} is used twice"));
        }
    }
}

/// Takes a setting by its number, leaving the default where none is given; false for a number that is not known.
fn set<E: TryFrom<i32> + PartialEq>(setting: &mut E, number: i32, unspecified: E) -> bool {
    match E::try_from(number) {
        Ok(given) if given == unspecified => true,
        Ok(given) => {
            *setting = given;
            true
        }
        Err(_) => false,
    }
}

/// `part` of `whole`, which is above 0; 0 where it is not.
fn share(part: &Exact, whole: &Exact) -> Exact {
    if whole.is_positive() { part / whole } else { Exact::zero() }
}
