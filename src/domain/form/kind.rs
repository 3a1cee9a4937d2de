//! The kinds of answer, with the share of the maximum that each answer is worth.

use num_traits::{One, Signed, Zero};

use super::share;
use crate::domain::exact::{self, Exact};
use crate::pb::cresta::v1::coaching as pb;
use crate::pb::cresta::v1::coaching::criterion::Type;
use crate::pb::cresta::v1::coaching::scoring::Weighting;

/// Longest text accepted where the template does not say.
const DEFAULT_TEXT_LENGTH: usize = 10_000;

/// One of several labelled answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// What the answer is sent as.
    pub value: f32,
    /// The same, exact.
    pub exact: Exact,
    /// Points earned.
    pub points: Exact,
    /// Points over the highest points; meaningless where nothing earns points.
    pub fraction: Exact,
    /// Whether it fails the chapter or the template.
    pub auto_fail: bool,
    /// Whether it means "not applicable".
    pub not_applicable: bool,
}

/// A stretch of a range that is worth the same throughout.
#[derive(Clone, Debug, PartialEq)]
pub struct Band {
    /// Lowest value.
    pub min: Exact,
    /// Highest value.
    pub max: Exact,
    /// Points earned.
    pub points: Exact,
    /// Points over the highest points.
    pub fraction: Exact,
    /// Whether a value in it fails the chapter or the template.
    pub auto_fail: bool,
}

/// The kind of answer that a criterion takes.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// One of several labelled answers.
    Options(Vec<Choice>),
    /// Any number of several labelled answers.
    MultiOptions {
        /// The answers.
        choices: Vec<Choice>,
        /// Points at which their sum is capped.
        cap: Exact,
    },
    /// A number within bounds.
    Range {
        /// Lowest answer.
        min: Exact,
        /// Highest answer.
        max: Exact,
        /// Distance between answers, counted from `min`; 0 is any number.
        step: Exact,
        /// What stretches of it are worth; none means the share of the way from `min` to `max`.
        bands: Vec<Band>,
    },
    /// Yes (1) or no (0).
    YesNo {
        /// Whether "no" is the good answer.
        inverted: bool,
        /// Points that the good answer earns under POINTS.
        points: Exact,
        /// Whether the bad answer fails the chapter or the template.
        auto_fail: bool,
    },
    /// Free text, not scored.
    Text {
        /// Longest text in characters.
        max_length: usize,
    },
    /// A calendar date, not scored.
    Date,
}

impl Kind {
    /// Compiles one type. The error says which number of it has no meaning.
    pub fn compile(kind: &Type) -> Result<Kind, String> {
        Ok(match kind {
            Type::Options(options) => {
                let mut choices = choices(options)?;
                let highest = highest(&choices);
                choices.iter_mut().for_each(|choice| choice.fraction = share(&choice.points, &highest));
                Kind::Options(choices)
            }
            Type::MultiOptions(options) => {
                let mut choices = choices(options)?;
                let cap = match options.max_points {
                    Some(points) => number("maxPoints", exact::amount(points))?,
                    None => exact::sum(applicable(&choices).map(|choice| &choice.points)),
                };
                choices.iter_mut().for_each(|choice| choice.fraction = share(&choice.points, &cap));
                Kind::MultiOptions { choices, cap }
            }
            Type::Range(range) => compile_range(range)?,
            Type::YesNo(yes_no) => Kind::YesNo {
                inverted: yes_no.inverted,
                points: match yes_no.points {
                    Some(points) => number("points", exact::amount(points))?,
                    None => Exact::one(),
                },
                auto_fail: yes_no.auto_fail,
            },
            Type::Text(text) => Kind::Text {
                max_length: match usize::try_from(text.max_length) {
                    Ok(0) => DEFAULT_TEXT_LENGTH,
                    Ok(length) => length,
                    Err(_) => return Err("maxLength is below 0".to_owned()),
                },
            },
            Type::Date(_) => Kind::Date,
        })
    }

    /// Points that can be earned. A range without bands earns how far the answer is above `min`, so `max` − `min` can be
    /// earned. Texts and dates earn 0.
    pub fn possible(&self) -> Exact {
        match self {
            Kind::Options(choices) => highest(choices),
            Kind::MultiOptions { cap, .. } => cap.clone(),
            Kind::Range { min, max, bands, .. } if bands.is_empty() => max - min,
            Kind::Range { bands, .. } => bands.iter().map(|band| &band.points).max().cloned().unwrap_or_default(),
            Kind::YesNo { points, .. } => points.clone(),
            Kind::Text { .. } | Kind::Date => Exact::zero(),
        }
    }

    /// Whether an answer has a share of a maximum. Yes or no has one whatever points it is given, except where points
    /// are what counts.
    pub fn scored(&self, weighting: Weighting) -> bool {
        match self {
            Kind::YesNo { .. } if weighting != Weighting::Points => true,
            _ => self.possible().is_positive(),
        }
    }

    /// Whether some answer fails the chapter or the template.
    pub fn can_fail(&self) -> bool {
        match self {
            Kind::Options(choices) | Kind::MultiOptions { choices, .. } => choices.iter().any(|c| c.auto_fail),
            Kind::Range { bands, .. } => bands.iter().any(|band| band.auto_fail),
            Kind::YesNo { auto_fail, .. } => *auto_fail,
            Kind::Text { .. } | Kind::Date => false,
        }
    }

    /// Name of the kind as the template's JSON has it.
    pub fn name(&self) -> &'static str {
        match self {
            Kind::Options(_) => "options",
            Kind::MultiOptions { .. } => "multiOptions",
            Kind::Range { .. } => "range",
            Kind::YesNo { .. } => "yesNo",
            Kind::Text { .. } => "text",
            Kind::Date => "date",
        }
    }
}

fn applicable(choices: &[Choice]) -> impl Iterator<Item = &Choice> {
    choices.iter().filter(|choice| !choice.not_applicable)
}

fn highest(choices: &[Choice]) -> Exact {
    applicable(choices).map(|choice| &choice.points).max().cloned().unwrap_or_default()
}

fn choices(options: &pb::OptionsType) -> Result<Vec<Choice>, String> {
    let choice = |option: &pb::options_type::Option| {
        Ok(Choice {
            value: option.value,
            exact: number("option value", exact::bounded_f32(option.value))?,
            points: number("points", exact::amount(option.points))?,
            fraction: Exact::zero(),
            auto_fail: option.auto_fail,
            not_applicable: option.not_applicable,
        })
    };
    options.options.iter().map(choice).collect()
}

fn compile_range(range: &pb::RangeType) -> Result<Kind, String> {
    let min = number("min", exact::bounded(range.min))?;
    let max = number("max", exact::bounded(range.max))?;
    let step = number("step", exact::amount(range.step))?;
    if max <= min {
        return Err("max is not above min".to_owned());
    }
    let band = |band: &pb::range_type::Band| {
        Ok(Band {
            min: number("min of a band", exact::bounded(band.min))?,
            max: number("max of a band", exact::bounded(band.max))?,
            points: number("points of a band", exact::amount(band.points))?,
            fraction: Exact::zero(),
            auto_fail: band.auto_fail,
        })
    };
    let mut bands = range.ranges.iter().map(band).collect::<Result<Vec<Band>, String>>()?;
    let highest = bands.iter().map(|band| &band.points).max().cloned().unwrap_or_default();
    bands.iter_mut().for_each(|band| band.fraction = share(&band.points, &highest));
    Ok(Kind::Range { min, max, step, bands })
}

fn number(field: &str, result: Result<Exact, &'static str>) -> Result<Exact, String> {
    result.map_err(|why| format!("{field} {why}"))
}
