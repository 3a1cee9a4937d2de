//! Which criteria are asked: a condition is a tree of tests over the answers to earlier criteria.
//!
//! An unanswered criterion makes every test of it false, and so does a hidden one, whose answer is no answer for others.
//! Conditions look only backwards, so one pass in the template's order settles all of them.

use super::answers::Answer;
use super::exact::{self, Exact};
use super::form::{Choice, Form, Kind};
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
                // Several options are told by text, in which `2` and `2.0` name the same one.
                let named: Vec<Exact> = answer.text_values.iter().filter_map(|text| exact::from_text(text)).collect();
                let chosen =
                    |choice: &Choice| answer.numeric_values.contains(&choice.value) || named.contains(&choice.exact);
                wanted.choices = (0..choices.len()).filter(|&at| chosen(&choices[at])).collect();
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

#[cfg(test)]
mod tests {
    use crate::domain::answers::Sheet;
    use crate::domain::fixtures::{
        answer, chapter, criterion, form, if_answered, multi, not_applicable, options, range, said, structure, yes_no,
    };
    use crate::pb::cresta::v1::coaching as pb;
    use crate::pb::cresta::v1::coaching::condition::{Answer, Kind, List};

    fn is(answer: Answer) -> pb::Condition {
        pb::Condition { kind: Some(Kind::Answer(answer)) }
    }

    fn texts(id: &str, texts: &[&str]) -> pb::Condition {
        let text_values = texts.iter().map(|text| text.to_string()).collect();
        is(Answer { criterion_id: id.into(), text_values, ..Default::default() })
    }

    /// Whether `last` is asked under a condition, after these answers to the questions before it.
    #[track_caller]
    fn asked(condition: &pb::Condition, scores: &[pb::Score]) -> bool {
        let mut yes = yes_no("yes");
        yes.allow_not_applicable = true;
        let mut pick = options("pick", &[(1.0, 1.0), (9.0, 0.0)]);
        if let Some(pb::criterion::Type::Options(options)) = &mut pick.r#type {
            options.options[1].not_applicable = true;
        }
        let mut hidden = yes_no("hidden");
        hidden.visible_if = Some(if_answered("yes", 0.0));
        let day = criterion("day", pb::criterion::Type::Date(pb::DateType {}));
        let mut last = yes_no("last");
        last.visible_if = Some(condition.clone());
        let before =
            vec![yes, pick, multi("several", &[(1.0, 1.0), (2.5, 1.0)]), range("rate", 0.0, 1.0, 0.1), day, hidden];
        let structure = structure(vec![chapter("c", before), chapter("d", vec![last])]);
        assert_eq!(crate::domain::lint::lint(&structure, "template"), []);
        Sheet::read(&form(&structure), scores).enabled(6)
    }

    #[test]
    fn a_test_holds_by_one_of_its_values() {
        let either = is(Answer { criterion_id: "rate".into(), numeric_values: vec![0.1, 0.7], ..Default::default() });
        assert!(asked(&either, &[answer("rate", 0.7)]));
        assert!(!asked(&either, &[answer("rate", 0.6)]));
        assert!(asked(&texts("several", &["2.50"]), &[said("several", "1, 2.5")]));
        assert!(!asked(&texts("several", &["2.5"]), &[said("several", "1")]));
        assert!(asked(&texts("day", &["2024-02-29"]), &[said("day", "2024-02-29")]));
    }

    #[test]
    fn an_open_question_makes_every_test_false() {
        assert!(!asked(&if_answered("yes", 0.0), &[]), "no answer is not the answer 0");
        assert!(!asked(&if_answered("yes", 0.0), &[pb::Score { comment: "hm".into(), ..said("yes", "") }]));
    }

    #[test]
    fn not_applicable_is_an_answer_of_its_own() {
        let unsuited = |id: &str| is(Answer { criterion_id: id.into(), not_applicable: true, ..Default::default() });
        assert!(asked(&unsuited("yes"), &[not_applicable("yes")]));
        assert!(!asked(&unsuited("yes"), &[answer("yes", 0.0)]));
        assert!(!asked(&if_answered("yes", 0.0), &[not_applicable("yes")]));
        assert!(asked(&unsuited("pick"), &[answer("pick", 9.0)]), "an option can say it");
        assert!(asked(&if_answered("pick", 9.0), &[answer("pick", 9.0)]), "and is an answer all the same");
        assert!(!asked(&if_answered("pick", 1.0), &[answer("pick", 9.0)]));
    }

    #[test]
    fn conditions_combine() {
        let list = || List { conditions: vec![if_answered("yes", 1.0), if_answered("pick", 1.0)] };
        let all = pb::Condition { kind: Some(Kind::AllOf(list())) };
        let any = pb::Condition { kind: Some(Kind::AnyOf(list())) };
        let (one, both) = ([answer("yes", 1.0)], [answer("yes", 1.0), answer("pick", 1.0)]);
        assert_eq!([asked(&all, &[]), asked(&all, &one), asked(&all, &both)], [false, false, true]);
        assert_eq!([asked(&any, &[]), asked(&any, &one), asked(&any, &both)], [false, true, true]);
    }

    #[test]
    fn the_answer_to_a_hidden_question_is_no_answer() {
        let condition = if_answered("hidden", 1.0);
        assert!(asked(&condition, &[answer("yes", 0.0), answer("hidden", 1.0)]));
        assert!(!asked(&condition, &[answer("yes", 1.0), answer("hidden", 1.0)]));
    }
}
