//! Each fault has its case, and all are reported together.

use super::*;
use crate::domain::fixtures::{chapter, criterion, if_answered, multi, options, range, structure, text, yes_no};
use crate::domain::form::Form;
use crate::pb::cresta::v1::coaching::condition;
use crate::pb::cresta::v1::coaching::range_type::Band;

/// A good template with one chapter: `first` (yesNo), `pick` (options 1, 2), `several` (multiOptions 1, 2), `rate` (range 0
/// to 10 by 0.5), `note` (text).
fn good() -> pb::TemplateStructure {
    let criteria = vec![
        yes_no("first"),
        options("pick", &[(1.0, 0.0), (2.0, 5.0)]),
        multi("several", &[(1.0, 2.0), (2.0, 5.0)]),
        range("rate", 0.0, 10.0, 0.5),
        text("note"),
    ];
    structure(vec![chapter("c", criteria)])
}

fn at(structure: &mut pb::TemplateStructure, index: usize) -> &mut pb::Criterion {
    &mut structure.chapters[0].criteria[index]
}

fn options_of(structure: &mut pb::TemplateStructure, index: usize) -> &mut pb::OptionsType {
    match &mut at(structure, index).r#type {
        Some(Type::Options(options) | Type::MultiOptions(options)) => options,
        other => panic!("{other:?}"),
    }
}

fn range_of(structure: &mut pb::TemplateStructure) -> &mut pb::RangeType {
    match &mut at(structure, 3).r#type {
        Some(Type::Range(range)) => range,
        other => panic!("{other:?}"),
    }
}

fn scoring(structure: &mut pb::TemplateStructure) -> &mut pb::Scoring {
    structure.scoring.get_or_insert_default()
}

fn wanted(id: &str) -> condition::Answer {
    condition::Answer { criterion_id: id.into(), ..Default::default() }
}

fn asks(answer: condition::Answer) -> Option<pb::Condition> {
    Some(pb::Condition { kind: Some(condition::Kind::Answer(answer)) })
}

fn all_of(conditions: Vec<pb::Condition>) -> pb::Condition {
    pb::Condition { kind: Some(condition::Kind::AllOf(condition::List { conditions })) }
}

fn fields(structure: &pb::TemplateStructure) -> Vec<String> {
    lint(structure, "template").into_iter().map(|fault| fault.field).collect()
}

/// Changes the good template and expects exactly one complaint, at this path within it.
#[track_caller]
fn one_fault(path: &str, change: impl FnOnce(&mut pb::TemplateStructure)) {
    let mut structure = good();
    change(&mut structure);
    assert_eq!(fields(&structure), [format!("template.{path}")]);
}

const C: &str = "chapters[0]";

#[test]
fn a_good_template_has_no_faults_and_compiles() {
    assert_eq!(lint(&good(), "template"), []);
    assert!(Form::compile(&good()).is_ok());
}

#[test]
fn ids_are_given_unique_and_of_the_grammar() {
    one_fault("chapters[0].criteria[0].id", |s| at(s, 0).id.clear());
    one_fault("chapters[0].criteria[1].id", |s| at(s, 1).id = "first".into());
    one_fault("chapters[0].criteria[4].id", |s| at(s, 4).id = "c".into());
    one_fault("chapters[0].id", |s| s.chapters[0].id = "a b".into());
    one_fault("chapters[0].id", |s| s.chapters[0].id = "é".into());
    one_fault("chapters[0].id", |s| s.chapters[0].id = "x".repeat(129));
    let mut longest = good();
    longest.chapters[0].id = "x".repeat(128);
    assert_eq!(fields(&longest), Vec::<String>::new());
}

#[test]
fn names_and_texts_have_a_longest_length() {
    one_fault("chapters[0].displayName", |s| s.chapters[0].display_name = "ü".repeat(501));
    one_fault("chapters[0].criteria[0].displayName", |s| at(s, 0).display_name = "x".repeat(501));
    one_fault("chapters[0].criteria[0].helpText", |s| at(s, 0).help_text = "x".repeat(10_001));
    one_fault("chapters[0].criteria[1].options.options[0].label", |s| {
        options_of(s, 1).options[0].label = "x".repeat(501)
    });
    let mut longest = good();
    longest.chapters[0].display_name = "ü".repeat(500);
    assert_eq!(fields(&longest), Vec::<String>::new(), "characters are counted, not bytes");
}

#[test]
fn weights_are_finite_not_negative_and_of_six_decimals() {
    for weight in [-1.0, f64::NAN, f64::INFINITY, 0.000_000_1, 1_000_001.0] {
        one_fault("chapters[0].criteria[0].weight", |s| at(s, 0).weight = Some(weight));
        one_fault("chapters[0].weight", |s| s.chapters[0].weight = Some(weight));
    }
}

#[test]
fn something_that_is_no_bonus_must_be_scored() {
    one_fault("chapters", |s| s.chapters.clear());
    one_fault("chapters", |s| s.chapters[0].criteria = vec![text("only")]);
    one_fault("chapters", |s| s.chapters[0].criteria.iter_mut().for_each(|criterion| criterion.bonus = true));
}

#[test]
fn what_is_scored_must_have_weight_by_the_weighting_used() {
    let weightless =
        |s: &mut pb::TemplateStructure| s.chapters[0].criteria.iter_mut().for_each(|c| c.weight = Some(0.0));
    one_fault("chapters", weightless);
    for weighting in [Weighting::ChapterWeight, Weighting::Points] {
        one_fault("chapters", |s| {
            scoring(s).set_weighting(weighting);
            s.chapters[0].weight = Some(0.0);
        });
    }
    let mut points = good();
    weightless(&mut points);
    scoring(&mut points).set_weighting(Weighting::Points);
    assert_eq!(fields(&points), Vec::<String>::new(), "points ignore the weights of criteria");
    let mut criteria = good();
    criteria.chapters[0].weight = Some(0.0);
    assert_eq!(fields(&criteria), Vec::<String>::new(), "criterion weights ignore those of chapters");
}

#[test]
fn under_chapter_weights_a_bonus_needs_something_beside_it() {
    let mut alone = good();
    let mut extra = yes_no("extra");
    extra.bonus = true;
    alone.chapters.push(chapter("bonuses", vec![extra]));
    scoring(&mut alone).set_weighting(Weighting::ChapterWeight);
    assert_eq!(fields(&alone), Vec::<String>::new(), "by default bonuses add nothing anyway");
    scoring(&mut alone).set_bonus(Bonus::Capped);
    assert_eq!(fields(&alone), ["template.chapters[1]"]);
}

#[test]
fn a_criterion_has_exactly_one_type() {
    one_fault("chapters[0].criteria[4]", |s| at(s, 4).r#type = None);
}

#[test]
fn options_are_distinct_and_one_is_applicable() {
    let list = "chapters[0].criteria[1].options";
    one_fault(&format!("{list}.options[1].value"), |s| options_of(s, 1).options[1].value = 1.0);
    one_fault(&format!("{list}.options[1].value"), |s| options_of(s, 1).options[1].value = f32::NAN);
    one_fault(&format!("{list}.options[0].points"), |s| options_of(s, 1).options[0].points = -1.0);
    one_fault(&format!("{list}.options"), |s| options_of(s, 1).options.clear());
    one_fault(&format!("{list}.options"), |s| {
        options_of(s, 1).options.iter_mut().for_each(|option| {
            option.not_applicable = true;
            option.points = 0.0;
        });
    });
    one_fault(&format!("{list}.options"), |s| {
        options_of(s, 1).options =
            (0..501).map(|i| pb::options_type::Option { value: i as f32, points: 1.0, ..Default::default() }).collect();
    });
}

#[test]
fn a_not_applicable_option_earns_nothing_and_cannot_fail() {
    let option = "chapters[0].criteria[1].options.options[0]";
    one_fault(&format!("{option}.points"), |s| {
        options_of(s, 1).options[0].not_applicable = true;
        options_of(s, 1).options[0].points = 1.0;
    });
    one_fault(&format!("{option}.autoFail"), |s| {
        options_of(s, 1).options[0].not_applicable = true;
        options_of(s, 1).options[0].auto_fail = true;
    });
}

#[test]
fn a_question_without_points_is_meant_only_as_gate_bonus_or_information() {
    let pointless = |s: &mut pb::TemplateStructure| options_of(s, 1).options[1].points = 0.0;
    one_fault("chapters[0].criteria[1].options", pointless);
    let meant: [fn(&mut pb::TemplateStructure); 3] =
        [|s| at(s, 1).weight = Some(0.0), |s| at(s, 1).bonus = true, |s| options_of(s, 1).options[0].auto_fail = true];
    for change in meant {
        let mut structure = good();
        pointless(&mut structure);
        change(&mut structure);
        assert_eq!(fields(&structure), Vec::<String>::new());
    }
}

#[test]
fn max_points_are_for_several_answers_and_reachable() {
    one_fault("chapters[0].criteria[1].options.maxPoints", |s| options_of(s, 1).max_points = Some(5.0));
    for points in [0.0, -1.0, f64::NAN, 7.5] {
        one_fault("chapters[0].criteria[2].multiOptions.maxPoints", |s| options_of(s, 2).max_points = Some(points));
    }
    let mut capped = good();
    options_of(&mut capped, 2).max_points = Some(7.0);
    assert_eq!(fields(&capped), Vec::<String>::new());
}

#[test]
fn a_range_goes_up_in_whole_steps_that_an_answer_can_carry() {
    let range = "chapters[0].criteria[3].range";
    one_fault(&format!("{range}.max"), |s| range_of(s).max = 0.0);
    one_fault(&format!("{range}.min"), |s| range_of(s).min = f64::NEG_INFINITY);
    one_fault(&format!("{range}.step"), |s| range_of(s).step = -0.5);
    one_fault(&format!("{range}.step"), |s| range_of(s).step = 3.0);
    one_fault(&format!("{range}.step"), |s| range_of(s).step = 0.000_001);
    one_fault(&format!("{range}.max"), |s| range_of(s).max = 1e7);
}

fn bands(bands: &[(f64, f64)]) -> Vec<Band> {
    bands.iter().map(|&(min, max)| Band { min, max, points: max, auto_fail: false }).collect()
}

#[test]
fn bands_hold_every_allowed_value() {
    let ranges = "chapters[0].criteria[3].range.ranges";
    for gap in [
        &[(1.0, 10.0)][..],
        &[(0.0, 9.0)],
        &[(0.0, 4.0), (5.0, 10.0)],
        &[(5.0, 10.0)],
        &[(0.0, 4.0), (4.1, 4.4), (5.0, 10.0)],
    ] {
        one_fault(ranges, |s| range_of(s).ranges = bands(gap));
    }
    for whole in [
        &[(0.0, 10.0)][..],
        &[(0.0, 4.0), (4.5, 10.0)],
        &[(5.0, 10.0), (0.0, 5.0)],
        &[(-5.0, 20.0)],
        &[(0.0, 9.0), (1.0, 2.0), (9.5, 10.0)],
    ] {
        let mut structure = good();
        range_of(&mut structure).ranges = bands(whole);
        assert_eq!(fields(&structure), Vec::<String>::new(), "{whole:?}");
    }
}

#[test]
fn bands_of_a_range_without_steps_touch() {
    let ranges = "chapters[0].criteria[3].range.ranges";
    for gap in [&[(0.0, 4.0), (4.5, 10.0)][..], &[(0.0, 9.9)], &[(0.1, 10.0)]] {
        one_fault(ranges, |s| {
            range_of(s).step = 0.0;
            range_of(s).ranges = bands(gap);
        });
    }
    let mut structure = good();
    range_of(&mut structure).step = 0.0;
    range_of(&mut structure).ranges = bands(&[(4.0, 10.0), (0.0, 6.0), (0.0, 1.0)]);
    assert_eq!(fields(&structure), Vec::<String>::new());
}

#[test]
fn each_band_is_sane() {
    let band = "chapters[0].criteria[3].range.ranges[1]";
    let with = |min: f64, max: f64, points: f64| {
        move |s: &mut pb::TemplateStructure| {
            range_of(s).ranges = bands(&[(0.0, 10.0)]);
            range_of(s).ranges.push(Band { min, max, points, auto_fail: false });
        }
    };
    one_fault(&format!("{band}.max"), with(3.0, 2.0, 1.0));
    one_fault(band, with(11.0, 12.0, 1.0));
    one_fault(&format!("{band}.points"), with(1.0, 2.0, -1.0));
    one_fault(&format!("{band}.min"), with(f64::NAN, 2.0, 1.0));
}

#[test]
fn texts_have_a_sane_length_and_points_of_yes_or_no_too() {
    for length in [-1, 100_001] {
        one_fault("chapters[0].criteria[4].text.maxLength", |s| {
            at(s, 4).r#type = Some(Type::Text(pb::TextType { max_length: length }));
        });
    }
    one_fault("chapters[0].criteria[0].yesNo.points", |s| {
        at(s, 0).r#type = Some(Type::YesNo(pb::YesNoType { points: Some(-1.0), ..Default::default() }));
    });
}

#[test]
fn settings_are_known_and_the_threshold_is_a_percent() {
    one_fault("scoring.weighting", |s| scoring(s).weighting = 4);
    one_fault("scoring.notApplicable", |s| scoring(s).not_applicable = -1);
    one_fault("scoring.bonus", |s| scoring(s).bonus = 99);
    one_fault("scoring.autoFail.scope", |s| scoring(s).auto_fail.get_or_insert_default().scope = 3);
    one_fault("scoring.autoFail.effect", |s| scoring(s).auto_fail.get_or_insert_default().effect = 3);
    for percent in [-0.5, 100.5, f64::NAN] {
        one_fault("scoring.passThreshold", |s| scoring(s).pass_threshold = Some(percent));
    }
}

#[test]
fn chapters_nest_once_and_nested_ones_have_no_weight() {
    one_fault("chapters[0].chapters[0].weight", |s| {
        let nested = pb::Chapter { weight: Some(1.0), ..chapter("n", vec![]) };
        s.chapters[0].chapters.push(nested);
    });
    one_fault("chapters[0].chapters[0].chapters", |s| {
        let mut nested = chapter("n", vec![]);
        nested.chapters.push(chapter("deep", vec![]));
        s.chapters[0].chapters.push(nested);
    });
}

#[test]
fn the_numbers_of_chapters_criteria_and_parts_are_bounded() {
    one_fault("chapters", |s| s.chapters[0].chapters = (0..100).map(|i| chapter(&format!("n{i}"), vec![])).collect());
    one_fault("chapters", |s| s.chapters[0].criteria.extend((0..496).map(|i| yes_no(&format!("q{i}")))));
    one_fault("chapters[0].criteria[0].triggers", |s| at(s, 0).triggers = vec![String::new(); 501]);
    let mut largest = good();
    largest.chapters[0].criteria.extend((0..495).map(|i| yes_no(&format!("q{i}"))));
    largest.chapters.extend((0..99).map(|i| chapter(&format!("n{i}"), vec![])));
    assert_eq!(fields(&largest), Vec::<String>::new());
}

#[test]
fn conditions_look_only_at_earlier_criteria() {
    let path = "chapters[0].criteria[1].visibleIf.answer.criterionId";
    for id in ["pick", "several", "gone", "c", ""] {
        one_fault(path, |s| at(s, 1).visible_if = Some(if_answered(id, 1.0)));
    }
}

#[test]
fn conditions_ask_for_answers_that_are_possible() {
    let answer = "chapters[0].criteria[4].visibleIf.answer";
    let impossible = [
        ("numericValues[0]", condition::Answer { numeric_values: vec![2.0], ..wanted("first") }),
        ("numericValues[1]", condition::Answer { numeric_values: vec![1.0, 3.0], ..wanted("pick") }),
        ("numericValues[0]", condition::Answer { numeric_values: vec![0.25], ..wanted("rate") }),
        ("numericValues[0]", condition::Answer { numeric_values: vec![1.0], ..wanted("several") }),
        ("textValues[0]", condition::Answer { text_values: vec!["3".into()], ..wanted("several") }),
        ("textValues[0]", condition::Answer { text_values: vec!["1,2".into()], ..wanted("several") }),
        ("textValues[0]", condition::Answer { text_values: vec!["1".into()], ..wanted("pick") }),
        ("notApplicable", condition::Answer { not_applicable: true, ..wanted("pick") }),
    ];
    for (field, condition) in impossible {
        one_fault(&format!("{answer}.{field}"), |s| at(s, 4).visible_if = asks(condition));
    }
    let possible = [
        condition::Answer { numeric_values: vec![0.0, 1.0], ..wanted("first") },
        condition::Answer { numeric_values: vec![9.5], ..wanted("rate") },
        condition::Answer { text_values: vec!["1".into(), "2.0".into()], ..wanted("several") },
    ];
    for condition in possible {
        let mut structure = good();
        at(&mut structure, 4).visible_if = asks(condition);
        assert_eq!(fields(&structure), Vec::<String>::new());
    }
}

#[test]
fn conditions_are_never_empty_nor_too_deep_nor_too_many() {
    let path = "chapters[0].criteria[4].visibleIf";
    one_fault(path, |s| at(s, 4).visible_if = Some(pb::Condition { kind: None }));
    one_fault(&format!("{path}.allOf.conditions"), |s| at(s, 4).visible_if = Some(all_of(vec![])));
    one_fault(&format!("{path}.answer"), |s| at(s, 4).visible_if = asks(wanted("first")));
    let nest = |depth: usize| (1..depth).fold(if_answered("first", 1.0), |inner, _| all_of(vec![inner]));
    one_fault(&format!("{path}{}", ".allOf.conditions[0]".repeat(8)), |s| at(s, 4).visible_if = Some(nest(9)));
    one_fault(path, |s| at(s, 4).visible_if = Some(all_of(vec![if_answered("first", 1.0); 200])));
    one_fault("chapters", |s| {
        let list = pb::condition::Answer { numeric_values: vec![1.0; 9_999], ..wanted("first") };
        at(s, 4).visible_if = Some(all_of(vec![pb::Condition { kind: Some(condition::Kind::Answer(list)) }]));
    });
    one_fault(&format!("{path}.answer"), |s| {
        at(s, 4).visible_if = asks(condition::Answer { numeric_values: vec![1.0; 501], ..wanted("first") });
    });
    let mut deepest = good();
    at(&mut deepest, 4).visible_if = Some(nest(8));
    assert_eq!(fields(&deepest), Vec::<String>::new());
    assert!(Form::compile(&deepest).is_ok());
}

#[test]
fn all_faults_are_reported_together() {
    let mut structure = good();
    structure.chapters[0].id.clear();
    at(&mut structure, 0).weight = Some(-1.0);
    options_of(&mut structure, 1).options[1].value = 1.0;
    range_of(&mut structure).max = -1.0;
    at(&mut structure, 4).visible_if = Some(if_answered("gone", 1.0));
    scoring(&mut structure).bonus = 9;
    let expected = [
        "id",
        "criteria[0].weight",
        "criteria[1].options.options[1].value",
        "criteria[3].range.max",
        "criteria[4].visibleIf.answer.criterionId",
    ];
    let mut expected: Vec<String> = expected.iter().map(|path| format!("template.{C}.{path}")).collect();
    expected.push("template.scoring.bonus".into());
    assert_eq!(fields(&structure), expected);
}

#[test]
fn what_has_no_meaning_does_not_compile_either() {
    let broken: [fn(&mut pb::TemplateStructure); 7] = [
        |s| at(s, 0).weight = Some(f64::NAN),
        |s| at(s, 0).r#type = None,
        |s| at(s, 1).id = "first".into(),
        |s| options_of(s, 1).options[0].points = f64::INFINITY,
        |s| range_of(s).max = -1.0,
        |s| at(s, 0).visible_if = Some(if_answered("note", 1.0)),
        |s| scoring(s).weighting = 9,
    ];
    for change in broken {
        let mut structure = good();
        change(&mut structure);
        assert_eq!(Form::compile(&structure).map_err(|faults| faults.len()), Err(1));
    }
}

#[test]
fn an_id_keeps_its_meaning_in_every_later_revision() {
    let first = structure(vec![chapter("c", vec![yes_no("a"), text("b")])]);
    let second = structure(vec![chapter("d", vec![yes_no("e")])]);
    let fields = |new: &pb::TemplateStructure| -> Vec<String> {
        same_question([&first, &second], new, "template").into_iter().map(|fault| fault.field).collect()
    };
    let reworded = pb::Criterion { display_name: "asked otherwise".into(), weight: Some(3.0), ..yes_no("a") };
    assert_eq!(fields(&structure(vec![chapter("c", vec![reworded, yes_no("new")])])), Vec::<String>::new());
    let mut nested = chapter("c", vec![yes_no("a")]);
    nested.chapters.push(chapter("n", vec![yes_no("b")]));
    assert_eq!(fields(&structure(vec![nested])), ["template.chapters[0].chapters[0].criteria[0].id"]);
    let turned = structure(vec![chapter("a", vec![yes_no("b"), criterion("e", Type::Date(pb::DateType {}))])]);
    assert_eq!(
        fields(&turned),
        ["template.chapters[0].id", "template.chapters[0].criteria[0].id", "template.chapters[0].criteria[1].id",]
    );
}
