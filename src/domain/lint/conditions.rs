//! Faults of conditions: what could never be true, and what looks ahead.

use std::collections::HashMap;

use super::MAX_PARTS;
use crate::domain::Faults;
use crate::domain::answers;
use crate::domain::conditions::MAX_DEPTH;
use crate::domain::form::Kind;
use crate::pb::cresta::v1::coaching as pb;
use crate::pb::cresta::v1::coaching::condition;

/// Most tests in one criterion's condition.
const MAX_TESTS: usize = 200;

/// An earlier criterion, as conditions look at it.
pub(super) struct Asked {
    /// Its kind; `None` where that cannot be compiled, which has its own complaint.
    kind: Option<Kind>,
    /// Whether "not applicable" is an answer, as such or by an option.
    not_applicable: bool,
}

impl Asked {
    pub(super) fn of(criterion: &pb::Criterion) -> Asked {
        let kind = criterion.r#type.as_ref().and_then(|kind| Kind::compile(kind).ok());
        let offered = match &kind {
            Some(Kind::Options(choices) | Kind::MultiOptions { choices, .. }) => {
                choices.iter().any(|c| c.not_applicable)
            }
            _ => false,
        };
        Asked { kind, not_applicable: criterion.allow_not_applicable || offered }
    }
}

/// Tests in a condition, and answers listed in them.
pub(super) fn parts(condition: &pb::Condition) -> usize {
    match &condition.kind {
        Some(condition::Kind::AllOf(list) | condition::Kind::AnyOf(list)) => {
            1 + list.conditions.iter().map(parts).sum::<usize>()
        }
        Some(condition::Kind::Answer(answer)) => 1 + answer.numeric_values.len() + answer.text_values.len(),
        None => 1,
    }
}

/// Complains about the condition of the criterion `owner`, given the criteria before it.
pub(super) fn condition(
    test: &pb::Condition,
    owner: &str,
    earlier: &HashMap<&str, Asked>,
    at: &str,
    faults: &mut Faults,
) {
    if tests(test) > MAX_TESTS {
        return faults.add(at, format!("holds more than {MAX_TESTS} tests"));
    }
    Walk { owner, earlier, faults }.condition(test, 1, at);
}

fn tests(condition: &pb::Condition) -> usize {
    match &condition.kind {
        Some(condition::Kind::AllOf(list) | condition::Kind::AnyOf(list)) => {
            1 + list.conditions.iter().map(tests).sum::<usize>()
        }
        _ => 1,
    }
}

struct Walk<'a> {
    owner: &'a str,
    earlier: &'a HashMap<&'a str, Asked>,
    faults: &'a mut Faults,
}

impl Walk<'_> {
    fn condition(&mut self, test: &pb::Condition, depth: usize, at: &str) {
        if depth > MAX_DEPTH {
            return self.faults.add(at, format!("nests deeper than {MAX_DEPTH} levels"));
        }
        match &test.kind {
            None => self.faults.add(at, "needs one of allOf, anyOf and answer"),
            Some(condition::Kind::AllOf(list)) => self.list(list, depth, format!("{at}.allOf.conditions")),
            Some(condition::Kind::AnyOf(list)) => self.list(list, depth, format!("{at}.anyOf.conditions")),
            Some(condition::Kind::Answer(answer)) => self.answer(answer, &format!("{at}.answer")),
        }
    }

    fn list(&mut self, list: &condition::List, depth: usize, at: String) {
        if list.conditions.is_empty() {
            self.faults.add(at.clone(), "needs at least one condition");
        }
        for (i, inner) in list.conditions.iter().enumerate() {
            self.condition(inner, depth + 1, &format!("{at}[{i}]"));
        }
    }

    fn answer(&mut self, answer: &condition::Answer, at: &str) {
        let id = answer.criterion_id.as_str();
        let Some(asked) = self.earlier.get(id) else {
            let why = match id {
                "" => "is required".to_owned(),
                id if id == self.owner => "a criterion cannot depend on itself".to_owned(),
                id => format!("no criterion {id:?} stands earlier in the template"),
            };
            return self.faults.add(format!("{at}.criterionId"), why);
        };
        let listed = answer.numeric_values.len() + answer.text_values.len();
        if listed == 0 && !answer.not_applicable {
            return self.faults.add(at, "lists no answer, so it can never be true");
        }
        if listed > MAX_PARTS {
            return self.faults.add(at, format!("lists more than {MAX_PARTS} answers"));
        }
        if answer.not_applicable && !asked.not_applicable && asked.kind.is_some() {
            self.faults.add(format!("{at}.notApplicable"), format!("is no answer to {id:?}"));
        }
        let Some(kind) = &asked.kind else { return };
        for (i, number) in answer.numeric_values.iter().enumerate() {
            if let Err(complaint) = answers::allows(kind, Some(*number), "") {
                self.faults.add(format!("{at}.numericValues[{i}]"), format!("for {id:?}: {}", complaint.why));
            }
        }
        for (i, text) in answer.text_values.iter().enumerate() {
            let field = format!("{at}.textValues[{i}]");
            if text.is_empty() || (text.contains(',') && matches!(kind, Kind::MultiOptions { .. })) {
                self.faults.add(field, "is not one answer");
            } else if let Err(complaint) = answers::allows(kind, None, text) {
                self.faults.add(field, format!("for {id:?}: {}", complaint.why));
            }
        }
    }
}
