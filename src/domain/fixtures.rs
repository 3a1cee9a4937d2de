//! Small templates and scorecards for the tests of the domain.

use super::form::Form;
use crate::pb::cresta::v1::coaching as pb;
use crate::pb::cresta::v1::coaching::criterion::Type;
use crate::pb::cresta::v1::coaching::options_type;

pub(super) fn structure(chapters: Vec<pb::Chapter>) -> pb::TemplateStructure {
    pb::TemplateStructure { chapters, scoring: None }
}

pub(super) fn form(structure: &pb::TemplateStructure) -> Form {
    Form::compile(structure).unwrap()
}

pub(super) fn chapter(id: &str, criteria: Vec<pb::Criterion>) -> pb::Chapter {
    pb::Chapter { id: id.into(), display_name: format!("Chapter {id}"), criteria, ..Default::default() }
}

pub(super) fn criterion(id: &str, kind: Type) -> pb::Criterion {
    pb::Criterion { id: id.into(), display_name: format!("Question {id}"), r#type: Some(kind), ..Default::default() }
}

pub(super) fn yes_no(id: &str) -> pb::Criterion {
    criterion(id, Type::YesNo(pb::YesNoType::default()))
}

pub(super) fn text(id: &str) -> pb::Criterion {
    criterion(id, Type::Text(pb::TextType::default()))
}

/// Options with these values and points.
pub(super) fn options(id: &str, values: &[(f32, f64)]) -> pb::Criterion {
    criterion(id, Type::Options(options_type(values)))
}

pub(super) fn multi(id: &str, values: &[(f32, f64)]) -> pb::Criterion {
    criterion(id, Type::MultiOptions(options_type(values)))
}

pub(super) fn options_type(values: &[(f32, f64)]) -> pb::OptionsType {
    let option = |&(value, points): &(f32, f64)| options_type::Option {
        value,
        points,
        label: format!("option {value}"),
        ..Default::default()
    };
    pb::OptionsType { options: values.iter().map(option).collect(), max_points: None }
}

pub(super) fn range(id: &str, min: f64, max: f64, step: f64) -> pb::Criterion {
    criterion(id, Type::Range(pb::RangeType { min, max, step, ranges: Vec::new() }))
}

pub(super) fn answer(id: &str, value: f32) -> pb::Score {
    pb::Score { criterion_id: id.into(), numeric_value: Some(value), ..Default::default() }
}

pub(super) fn said(id: &str, text: &str) -> pb::Score {
    pb::Score { criterion_id: id.into(), text_value: text.into(), ..Default::default() }
}

pub(super) fn not_applicable(id: &str) -> pb::Score {
    pb::Score { criterion_id: id.into(), not_applicable: true, ..Default::default() }
}

/// A condition on a number answered to an earlier criterion.
pub(super) fn if_answered(id: &str, value: f32) -> pb::Condition {
    let answer = pb::condition::Answer { criterion_id: id.into(), numeric_values: vec![value], ..Default::default() };
    pb::Condition { kind: Some(pb::condition::Kind::Answer(answer)) }
}
