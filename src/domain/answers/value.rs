//! One value as the answer to one criterion: whether it is allowed, and what it is worth.

use num_traits::{One, Zero};

use crate::domain::exact::{self, Exact};
use crate::domain::form::{Choice, Criterion, Kind};
use crate::pb::cresta::v1::coaching::{AiValue, Score};

/// A value as it was sent, by a person or by a machine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Value<'a> {
    /// As a number.
    pub number: Option<f32>,
    /// As text; empty is none.
    pub text: &'a str,
    /// Whether it is "not applicable".
    pub not_applicable: bool,
}

impl<'a> From<&'a Score> for Value<'a> {
    fn from(score: &'a Score) -> Self {
        Self { number: score.numeric_value, text: &score.text_value, not_applicable: score.not_applicable }
    }
}

impl<'a> From<&'a AiValue> for Value<'a> {
    fn from(value: &'a AiValue) -> Self {
        Self { number: value.numeric_value, text: &value.text_value, not_applicable: value.not_applicable }
    }
}

impl Value<'_> {
    /// Whether nothing was sent.
    pub fn is_none(&self) -> bool {
        self.number.is_none() && self.text.is_empty() && !self.not_applicable
    }
}

/// An answer that its criterion allows.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer<'a> {
    /// The option at this position.
    Choice(usize),
    /// The options at these positions.
    Choices(Vec<usize>),
    /// A number in a range, or 1 for yes and 0 for no.
    Number(f32),
    /// A text or a date.
    Text(&'a str),
    /// Not applicable, said as such or by the option at this position.
    NotApplicable(Option<usize>),
}

/// What is wrong with a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// Field of the score that is at fault, as JSON has it.
    pub field: &'static str,
    /// What is wrong and what to send instead.
    pub why: String,
}

/// What an answer is worth.
#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    /// Share of the criterion's maximum, 0 to 1.
    pub fraction: Exact,
    /// Whether it fails the chapter or the template.
    pub auto_fail: bool,
}

const NUMERIC: &str = "numericValue";
const TEXT: &str = "textValue";
const NOT_APPLICABLE: &str = "notApplicable";

/// Reads a value as an answer to a criterion; `None` where nothing was sent. The error says which field is wrong and why.
pub fn read<'a>(criterion: &Criterion, value: Value<'a>) -> Result<Option<Answer<'a>>, Complaint> {
    let Value { number, text, not_applicable } = value;
    if not_applicable {
        return match (number, text) {
            (None, "") if criterion.allow_not_applicable => Ok(Some(Answer::NotApplicable(None))),
            (None, "") => Err(complaint(NOT_APPLICABLE, "is no answer to this criterion")),
            _ => Err(complaint(NOT_APPLICABLE, "comes with a value; send one of the two")),
        };
    }
    match (number, text, takes_number(&criterion.kind)) {
        (None, "", _) => Ok(None),
        (Some(_), _, false) => Err(complaint(NUMERIC, "this criterion takes textValue")),
        (Some(_), t, true) if !t.is_empty() => Err(complaint(TEXT, "comes with numericValue; send one of the two")),
        (None, _, true) => Err(complaint(TEXT, "this criterion takes numericValue")),
        (Some(number), _, true) => read_number(&criterion.kind, number).map(Some),
        (None, text, false) => read_text(&criterion.kind, text).map(Some),
    }
}

/// Whether a criterion of this kind allows the number or, for kinds that take text, the text. Conditions are held against
/// this; for several options the text is one of them.
pub fn allows(kind: &Kind, number: Option<f32>, text: &str) -> Result<(), Complaint> {
    match (number, takes_number(kind)) {
        (Some(number), true) => read_number(kind, number).map(drop),
        (None, false) => read_text(kind, text).map(drop),
        (Some(_), false) => Err(complaint(NUMERIC, "this criterion is answered with text")),
        (None, true) => Err(complaint(TEXT, "this criterion is answered with a number")),
    }
}

fn takes_number(kind: &Kind) -> bool {
    matches!(kind, Kind::Options(_) | Kind::Range { .. } | Kind::YesNo { .. })
}

fn read_number<'a>(kind: &Kind, number: f32) -> Result<Answer<'a>, Complaint> {
    let Some(exact) = exact::from_f32(number) else {
        return Err(complaint(NUMERIC, "is not a finite number"));
    };
    match kind {
        Kind::Options(choices) => match choices.iter().position(|choice| choice.value == number) {
            Some(at) if choices[at].not_applicable => Ok(Answer::NotApplicable(Some(at))),
            Some(at) => Ok(Answer::Choice(at)),
            None => Err(complaint(NUMERIC, format!("{number} is none of {}", values(choices)))),
        },
        Kind::Range { min, max, step, .. } => {
            if exact < *min || exact > *max {
                Err(complaint(
                    NUMERIC,
                    format!("{number} is not from {} to {}", exact::decimal(min), exact::decimal(max)),
                ))
            } else if !step.is_zero() && !((exact - min) / step).is_integer() {
                let why =
                    format!("{number} is not {} plus a multiple of {}", exact::decimal(min), exact::decimal(step));
                Err(complaint(NUMERIC, why))
            } else {
                Ok(Answer::Number(number))
            }
        }
        Kind::YesNo { .. } if number == 0.0 || number == 1.0 => Ok(Answer::Number(number)),
        _ => Err(complaint(NUMERIC, format!("{number} is neither 1 for yes nor 0 for no"))),
    }
}

fn read_text<'a>(kind: &Kind, text: &'a str) -> Result<Answer<'a>, Complaint> {
    match kind {
        Kind::MultiOptions { choices, .. } => read_choices(choices, text),
        Kind::Text { max_length } if text.len() > *max_length && text.chars().count() > *max_length => {
            Err(complaint(TEXT, format!("is longer than {max_length} characters")))
        }
        Kind::Date if !is_date(text) => Err(complaint(TEXT, "is not a calendar date such as 2024-02-29")),
        _ => Ok(Answer::Text(text)),
    }
}

fn read_choices<'a>(choices: &[Choice], text: &str) -> Result<Answer<'a>, Complaint> {
    let mut chosen = Vec::new();
    for part in text.split(',').map(str::trim) {
        let number = exact::from_text(part);
        let Some(at) = choices.iter().position(|choice| Some(&choice.exact) == number.as_ref()) else {
            // Repeat only what is short enough to be a number: the rest is the caller's text, of any length.
            let part: String = part.chars().take(40).collect();
            return Err(complaint(TEXT, format!("{part:?} is none of {}", values(choices))));
        };
        if chosen.contains(&at) {
            return Err(complaint(TEXT, format!("{part} is chosen twice")));
        }
        chosen.push(at);
    }
    match chosen.iter().find(|&&at| choices[at].not_applicable) {
        Some(&at) if chosen.len() == 1 => Ok(Answer::NotApplicable(Some(at))),
        Some(&at) => Err(complaint(TEXT, format!("{} means not applicable and stands alone", choices[at].value))),
        None => Ok(Answer::Choices(chosen)),
    }
}

/// What an answer is worth; `None` for one that no arithmetic is done with: a text, a date, "not applicable".
pub fn mark(criterion: &Criterion, answer: &Answer<'_>) -> Option<Mark> {
    match (&criterion.kind, answer) {
        (Kind::Options(choices), Answer::Choice(at)) => {
            let choice = &choices[*at];
            Some(Mark { fraction: choice.fraction.clone(), auto_fail: choice.auto_fail })
        }
        (Kind::MultiOptions { choices, .. }, Answer::Choices(chosen)) => {
            let fraction = exact::sum(chosen.iter().map(|&at| &choices[at].fraction)).min(Exact::one());
            Some(Mark { fraction, auto_fail: chosen.iter().any(|&at| choices[at].auto_fail) })
        }
        (Kind::Range { min, max, bands, .. }, Answer::Number(number)) => {
            let value = exact::from_f32(*number)?;
            if bands.is_empty() {
                return Some(Mark { fraction: (value - min) / (max - min), auto_fail: false });
            }
            // The lint sees to it that some band holds every allowed value; a value beside all bands earns nothing.
            let band = bands.iter().find(|band| band.min <= value && value <= band.max);
            Some(band.map_or(Mark { fraction: Exact::zero(), auto_fail: false }, |band| Mark {
                fraction: band.fraction.clone(),
                auto_fail: band.auto_fail,
            }))
        }
        (Kind::YesNo { inverted, auto_fail, .. }, Answer::Number(number)) => {
            let good = (*number == 1.0) != *inverted;
            let fraction = if good { Exact::one() } else { Exact::zero() };
            Some(Mark { fraction, auto_fail: *auto_fail && !good })
        }
        _ => None,
    }
}

/// Whether a text is `YYYY-MM-DD` and that day exists in the Gregorian calendar.
fn is_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    let shape = bytes.len() == 10
        && bytes.iter().enumerate().all(|(i, b)| if i == 4 || i == 7 { *b == b'-' } else { b.is_ascii_digit() });
    if !shape {
        return false;
    }
    let part = |from: usize, to: usize| text[from..to].parse::<u32>().unwrap_or(0);
    let (year, month, day) = (part(0, 4), part(5, 7), part(8, 10));
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 0,
    };
    year > 0 && (1..=days).contains(&day)
}

/// The options' values for a complaint, shortened where they are many.
fn values(choices: &[Choice]) -> String {
    let mut shown: Vec<String> = choices.iter().take(20).map(|choice| choice.value.to_string()).collect();
    if choices.len() > shown.len() {
        shown.push("…".to_owned());
    }
    shown.join(", ")
}

fn complaint(field: &'static str, why: impl Into<String>) -> Complaint {
    Complaint { field, why: why.into() }
}
