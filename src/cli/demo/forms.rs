//! The demo's three templates, as proto JSON would have them.

use crate::pb::cresta::v1::coaching::criterion::Type;
use crate::pb::cresta::v1::coaching::options_type::Option as Choice;
use crate::pb::cresta::v1::coaching::range_type::Band;
use crate::pb::cresta::v1::coaching::scoring::{AutoFail, Bonus, NotApplicable, Weighting, auto_fail};
use crate::pb::cresta::v1::coaching::*;

fn criterion(id: &str, name: &str, weight: f64, kind: Type) -> Criterion {
    Criterion {
        id: id.into(),
        display_name: name.into(),
        weight: Some(weight),
        required: true,
        r#type: Some(kind),
        ..Default::default()
    }
}

fn yes_no() -> Type {
    Type::YesNo(YesNoType::default())
}

fn options(labels: &[(&str, f64)]) -> Type {
    let options = labels.iter().enumerate().map(|(value, (label, points))| Choice {
        value: value as f32,
        label: (*label).into(),
        points: *points,
        ..Default::default()
    });
    Type::Options(OptionsType { options: options.collect(), max_points: None })
}

fn quality() -> Type {
    options(&[("Missed", 0.0), ("Partly", 1.0), ("Well done", 2.0)])
}

fn note() -> Criterion {
    Criterion {
        required: false,
        weight: None,
        ..criterion("note", "Anything else?", 0.0, Type::Text(TextType::default()))
    }
}

fn chapter(id: &str, name: &str, weight: Option<f64>, criteria: Vec<Criterion>) -> Chapter {
    Chapter { id: id.into(), display_name: name.into(), weight, criteria, chapters: Vec::new() }
}

/// Weighted criteria, an automatic fail, and a question that does not always apply.
pub(super) fn call_quality() -> TemplateStructure {
    let verified = Type::YesNo(YesNoType { auto_fail: true, ..Default::default() });
    let hold = Criterion {
        allow_not_applicable: true,
        ..criterion("hold", "Asked before putting the caller on hold", 10.0, yes_no())
    };
    TemplateStructure {
        chapters: vec![
            chapter(
                "opening",
                "Opening",
                None,
                vec![
                    criterion("greeting", "Greeted by name and brand", 10.0, yes_no()),
                    criterion("identity", "Verified the caller's identity", 20.0, verified),
                ],
            ),
            chapter(
                "handling",
                "Handling",
                None,
                vec![
                    criterion("listening", "Listened and rephrased the issue", 20.0, quality()),
                    criterion("solution", "Offered the right solution", 25.0, quality()),
                    hold,
                ],
            ),
            chapter(
                "closing",
                "Closing",
                None,
                vec![criterion("recap", "Recapped what happens next", 15.0, yes_no()), note()],
            ),
        ],
        scoring: Some(Scoring {
            auto_fail: Some(AutoFail {
                scope: auto_fail::Scope::Template.into(),
                effect: auto_fail::Effect::Zero.into(),
            }),
            pass_threshold: Some(75.0),
            ..Default::default()
        }),
    }
}

/// Points, a range, and a bonus.
pub(super) fn chat_quality() -> TemplateStructure {
    let replies = Type::Range(RangeType {
        min: 0.0,
        max: 600.0,
        step: 1.0,
        ranges: vec![
            Band { min: 0.0, max: 60.0, points: 10.0, auto_fail: false },
            Band { min: 61.0, max: 180.0, points: 6.0, auto_fail: false },
            Band { min: 181.0, max: 600.0, points: 0.0, auto_fail: false },
        ],
    });
    let praise =
        Criterion { bonus: true, required: false, ..criterion("praise", "The customer said thanks", 1.0, yes_no()) };
    TemplateStructure {
        chapters: vec![
            chapter(
                "speed",
                "Speed",
                None,
                vec![
                    criterion("first-reply", "Seconds to the first reply", 1.0, replies),
                    criterion("one-contact", "Solved in one contact", 1.0, yes_no()),
                ],
            ),
            chapter(
                "writing",
                "Writing",
                Some(2.0),
                vec![
                    criterion(
                        "clarity",
                        "Clear and free of jargon",
                        1.0,
                        options(&[("No", 0.0), ("Mostly", 3.0), ("Yes", 5.0)]),
                    ),
                    criterion(
                        "tone",
                        "Tone fits the brand",
                        1.0,
                        options(&[("No", 0.0), ("Mostly", 3.0), ("Yes", 5.0)]),
                    ),
                    praise,
                ],
            ),
        ],
        scoring: Some(Scoring {
            weighting: Weighting::Points.into(),
            bonus: Bonus::Capped.into(),
            pass_threshold: Some(80.0),
            ..Default::default()
        }),
    }
}

/// Weighted chapters for a process outside conversations; what does not apply drops within its chapter.
pub(super) fn claims() -> TemplateStructure {
    let photos = Criterion {
        allow_not_applicable: true,
        ..criterion("photos", "Photos match the damage described", 2.0, quality())
    };
    TemplateStructure {
        chapters: vec![
            chapter(
                "file",
                "The file",
                Some(40.0),
                vec![criterion("documents", "All documents are there", 1.0, yes_no()), photos],
            ),
            chapter(
                "decision",
                "The decision",
                Some(60.0),
                vec![
                    criterion("policy", "Follows the policy wording", 3.0, quality()),
                    criterion("amount", "Amount is right", 2.0, yes_no()),
                    criterion("letter", "Letter explains the decision", 1.0, quality()),
                ],
            ),
        ],
        scoring: Some(Scoring {
            weighting: Weighting::ChapterWeight.into(),
            not_applicable: NotApplicable::DropInChapter.into(),
            auto_fail: Some(AutoFail {
                scope: auto_fail::Scope::Chapter.into(),
                effect: auto_fail::Effect::Zero.into(),
            }),
            ..Default::default()
        }),
    }
}
