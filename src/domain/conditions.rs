//! Which criteria are asked: a condition is a tree of tests over the answers to earlier criteria.
//!
//! An unanswered criterion makes every test of it false, and so does a hidden one, whose answer is no answer for others.
//! Conditions look only backwards, so one pass in the template's order settles all of them.

use super::answers::Answer;
use super::form::{Form, Kind};
use crate::domain::exact;
use crate::pb::cresta::v1::coaching::Condition;
use crate::pb::cresta::v1::coaching::condition;

/// Deepest nesting of conditions that compiles.
pub const MAX_DEPTH: usize = 8;

/// A compiled condition.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// True when all are.
    All(Vec<Test>),
    /// True when one is.
    Any(Vec<Test>),
    /// True by the answer to one criterion.
    Is(Wanted),
}

/// The answers to one criterion that make a test true.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wanted {
    /// Position of the criterion.
    criterion: usize,
    /// Positions of options.
    choices: Vec<usize>,
    /// Numbers.
    numbers: Vec<f32>,
    /// Texts.
    texts: Vec<String>,
    /// Whether "not applicable" does.
    not_applicable: bool,
}

impl Test {
    /// Compiles a condition against the criteria that stand before it in the form. The error says what has no meaning.
    pub fn compile(condition: &Condition, earlier: &Form) -> Result<Test, String> {
        Self::compile_at(condition, earlier, 1)
    }

    fn compile_at(condition: &Condition, earlier: &Form, depth: usize) -> Result<Test, String> {
        if depth > MAX_DEPTH {
            return Err(format!("nests deeper than {MAX_DEPTH} levels"));
        }
        let list = |list: &condition::List| -> Result<Vec<Test>, String> {
            list.conditions.iter().map(|inner| Self::compile_at(inner, earlier, depth + 1)).collect()
        };
        match &condition.kind {
            None => Err("tests nothing".to_owned()),
            Some(condition::Kind::AllOf(all)) => Ok(Test::All(list(all)?)),
            Some(condition::Kind::AnyOf(any)) => Ok(Test::Any(list(any)?)),
            Some(condition::Kind::Answer(answer)) => Ok(Test::Is(Wanted::compile(answer, earlier)?)),
        }
    }

    /// Whether it holds, given the answers to the criteria before it.
    pub fn holds(&self, answers: &[Option<Answer<'_>>]) -> bool {
        match self {
            Test::All(tests) => tests.iter().all(|test| test.holds(answers)),
            Test::Any(tests) => tests.iter().any(|test| test.holds(answers)),
            Test::Is(wanted) => {
                answers.get(wanted.criterion).and_then(Option::as_ref).is_some_and(|answer| wanted.is(answer))
            }
        }
    }
}

impl Wanted {
    fn compile(answer: &condition::Answer, earlier: &Form) -> Result<Wanted, String> {
        let id = &answer.criterion_id;
        let criterion = earlier.position(id).ok_or_else(|| format!("no criterion {id:?} stands before"))?;
        let mut wanted = Wanted { criterion, not_applicable: answer.not_applicable, ..Wanted::default() };
        match &earlier.criteria()[criterion].kind {
            Kind::Options(choices) | Kind::MultiOptions { choices, .. } => {
                for (at, choice) in choices.iter().enumerate() {
                    let by_number = answer.numeric_values.contains(&choice.value);
                    // An option chosen among several is told by text, so `2` and `2.0` name the same one.
                    let by_text =
                        || answer.text_values.iter().any(|t| exact::from_text(t).as_ref() == Some(&choice.exact));
                    if by_number || by_text() {
                        wanted.choices.push(at);
                    }
                }
            }
            _ => {
                wanted.numbers.clone_from(&answer.numeric_values);
                wanted.texts.clone_from(&answer.text_values);
            }
        }
        Ok(wanted)
    }

    fn is(&self, answer: &Answer<'_>) -> bool {
        match answer {
            Answer::NotApplicable(choice) => {
                self.not_applicable || choice.is_some_and(|choice| self.choices.contains(&choice))
            }
            Answer::Choice(choice) => self.choices.contains(choice),
            Answer::Choices(choices) => choices.iter().any(|choice| self.choices.contains(choice)),
            Answer::Number(number) => self.numbers.contains(number),
            Answer::Text(text) => self.texts.iter().any(|wanted| wanted == text),
        }
    }
}
