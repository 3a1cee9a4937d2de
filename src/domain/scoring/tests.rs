//! Worked cases: the shared vectors, and a case for each choice that the weightings leave open.

use num_traits::Zero;
use serde_json::Value as Json;

use super::*;
use crate::domain::fixtures::{
    answer, chapter, form, if_answered, multi, not_applicable, options, range, structure, text, yes_no,
};
use crate::pb::cresta::v1::coaching as pb;
use crate::pb::cresta::v1::coaching::criterion::Type;
use crate::pb::cresta::v1::coaching::scoring::Weighting;

const VECTORS: &str = include_str!("../../../tests/vectors/scoring.json");

/// A template in the making, with the answers to it.
#[derive(Clone, Default)]
struct Case {
    structure: pb::TemplateStructure,
    scores: Vec<pb::Score>,
}

impl Case {
    fn of(chapters: Vec<pb::Chapter>, scores: Vec<pb::Score>) -> Case {
        Case { structure: structure(chapters), scores }
    }

    fn with(mut self, set: impl FnOnce(&mut pb::Scoring)) -> Case {
        set(self.structure.scoring.get_or_insert_default());
        self
    }

    /// Scores a case that the lint and the check of answers accept, as they all must.
    fn came(&self, mode: Mode) -> (Form, Outcome) {
        assert_eq!(crate::domain::lint::lint(&self.structure, "template"), []);
        self.came_unlinted(mode)
    }

    fn came_unlinted(&self, mode: Mode) -> (Form, Outcome) {
        let form = form(&self.structure);
        assert_eq!(answers::check(&form, &self.scores, "scores"), []);
        let outcome = score(&form, &self.scores, mode);
        assert_eq!(exact::sum(outcome.leaves()), outcome.total.clone().unwrap_or_default());
        (form, outcome)
    }

    fn total(&self) -> f64 {
        shown(&self.came(Mode::Submitted).1)
    }
}

fn shown(outcome: &Outcome) -> f64 {
    outcome.total.as_ref().map_or(-1.0, exact::rounded)
}

fn weighted(mut criterion: pb::Criterion, weight: f64) -> pb::Criterion {
    criterion.weight = Some(weight);
    criterion
}

fn optional(mut criterion: pb::Criterion) -> pb::Criterion {
    criterion.allow_not_applicable = true;
    criterion
}

fn bonus(mut criterion: pb::Criterion) -> pb::Criterion {
    criterion.bonus = true;
    criterion
}

fn failing(mut criterion: pb::Criterion) -> pb::Criterion {
    if let Some(Type::YesNo(yes_no)) = &mut criterion.r#type {
        yes_no.auto_fail = true;
    }
    criterion
}

fn heavy(mut chapter: pb::Chapter, weight: f64) -> pb::Chapter {
    chapter.weight = Some(weight);
    chapter
}

// The vectors.

/// One criterion of a vector, with its answer: a fraction of the maximum, or points of a maximum.
fn vector_criterion(id: &str, given: &Json) -> (pb::Criterion, pb::Score) {
    let number = |field: &str| given[field].as_f64();
    let points = number("points").or(number("f")).unwrap_or(0.0);
    let max = number("max").unwrap_or(1.0);
    // A bonus with a maximum of 0 is one that adds points to earned and nothing to possible.
    let highest = if max == 0.0 { points } else { max };
    let mut criterion = options(id, &[(0.0, highest), (1.0, points)]);
    if highest == points {
        criterion = options(id, &[(0.0, 0.0), (1.0, points)]);
    }
    if let Some(Type::Options(options)) = &mut criterion.r#type {
        options.options[1].auto_fail = given["autoFail"] == true;
    }
    criterion.weight = number("w");
    criterion.bonus = given["bonus"] == true;
    criterion.allow_not_applicable = true;
    let score = if given["na"] == true { not_applicable(id) } else { answer(id, 1.0) };
    (criterion, score)
}

fn vector(case: &Json) -> Case {
    let list = |json: &Json| json.as_array().cloned().unwrap_or_default();
    let chapters = if case["chapters"].is_array() { list(&case["chapters"]) } else { vec![case.clone()] };
    let mut made = Case::default();
    for (c, given) in chapters.iter().enumerate() {
        let mut criteria = Vec::new();
        for (i, given) in list(&given["criteria"]).iter().enumerate() {
            let (criterion, score) = vector_criterion(&format!("q{c}-{i}"), given);
            criteria.push(criterion);
            made.scores.push(score);
        }
        let mut chapter = chapter(&format!("c{c}"), criteria);
        chapter.weight = given["w"].as_f64();
        made.structure.chapters.push(chapter);
    }
    let weighting = format!("WEIGHTING_{}", case["weighting"].as_str().unwrap());
    made = made.with(|scoring| scoring.set_weighting(Weighting::from_str_name(&weighting).unwrap()));
    match case["notApplicable"].as_str() {
        Some(knob) => knobbed(made, knob),
        None => made,
    }
}

/// A case with the setting that has this value.
fn knobbed(case: Case, knob: &str) -> Case {
    let not_applicable = NotApplicable::from_str_name(&format!("NOT_APPLICABLE_{knob}"));
    let scope = Scope::from_str_name(&format!("SCOPE_{knob}"));
    let effect = Effect::from_str_name(&format!("EFFECT_{knob}"));
    let bonus = Bonus::from_str_name(&format!("BONUS_{knob}"));
    assert!(not_applicable.is_some() || scope.is_some() || effect.is_some() || bonus.is_some(), "{knob}");
    case.with(|scoring| {
        if let Some(setting) = not_applicable {
            scoring.set_not_applicable(setting);
        }
        if let Some(setting) = bonus {
            scoring.set_bonus(setting);
        }
        let auto_fail = scoring.auto_fail.get_or_insert_default();
        if let Some(setting) = scope {
            auto_fail.set_scope(setting);
        }
        if let Some(setting) = effect {
            auto_fail.set_effect(setting);
        }
    })
}

#[test]
fn every_shared_vector_comes_to_its_total() {
    let vectors: Json = serde_json::from_str(VECTORS).unwrap();
    let mut totals = 0;
    for case in vectors["cases"].as_array().unwrap().iter().filter(|case| case["kind"].is_null()) {
        let id = case["id"].as_str().unwrap();
        let expected: Vec<(Case, f64)> = match &case["total"] {
            Json::Object(knobs) => {
                knobs.iter().map(|(knob, total)| (knobbed(vector(case), knob), total.as_f64().unwrap())).collect()
            }
            total => vec![(vector(case), total.as_f64().unwrap())],
        };
        for (made, total) in expected {
            let (_, outcome) = made.came(Mode::Submitted);
            assert_eq!(shown(&outcome), total, "{id}");
            assert_eq!(outcome.auto_failed, case["autoFailed"] == true, "{id}");
            totals += 1;
        }
    }
    assert_eq!(totals, 16, "vectors were added or lost");
}

// What the weightings leave open.

#[test]
fn an_unanswered_criterion_counts_as_0_once_submitted_and_is_left_out_of_a_draft() {
    let case = Case::of(vec![chapter("c", vec![yes_no("a"), yes_no("b")])], vec![answer("a", 1.0)]);
    let (_, draft) = case.came(Mode::Draft);
    let (_, submitted) = case.came(Mode::Submitted);
    assert_eq!((shown(&draft), shown(&submitted)), (100.0, 50.0));
    assert_eq!(submitted.criteria[1].state, State::Unanswered);
    assert_eq!(submitted.criteria[1].applied_weight, exact::whole(50));
    assert_eq!(submitted.criteria[1].fraction, None, "no answer, no percentage");
    assert!(draft.criteria[1].applied_weight.is_zero());
}

#[test]
fn a_draft_without_answers_has_no_total() {
    let case = Case::of(vec![chapter("c", vec![yes_no("a")])], vec![]);
    assert_eq!(case.came(Mode::Draft).1.total, None);
    assert_eq!(case.total(), 0.0);
}

#[test]
fn a_hidden_criterion_is_out_of_the_score_in_every_setting() {
    for setting in [NotApplicable::DropGlobally, NotApplicable::DropInChapter, NotApplicable::FullCredit] {
        let mut hidden = weighted(yes_no("b"), 8.0);
        hidden.visible_if = Some(if_answered("a", 0.0));
        let case = Case::of(
            vec![chapter("c", vec![yes_no("a"), hidden]), chapter("d", vec![yes_no("e")])],
            vec![answer("a", 1.0), answer("e", 0.0)],
        );
        let (_, outcome) = case.with(|scoring| scoring.set_not_applicable(setting)).came(Mode::Submitted);
        assert_eq!(shown(&outcome), 50.0, "{setting:?}");
        assert_eq!(outcome.criteria[1].state, State::Disabled);
    }
}

#[test]
fn what_is_not_applicable_stays_in_its_outermost_chapter_also_from_a_nested_one() {
    let mut outer = chapter("c", vec![yes_no("a")]);
    outer.chapters = vec![chapter("n", vec![weighted(optional(yes_no("b")), 3.0)])];
    let case = Case::of(
        vec![outer, chapter("d", vec![weighted(yes_no("e"), 4.0)])],
        vec![answer("a", 1.0), not_applicable("b"), answer("e", 0.0)],
    );
    assert_eq!(case.total(), 20.0, "a stands for 1 of 5");
    let case = case.with(|scoring| scoring.set_not_applicable(NotApplicable::DropInChapter));
    let (_, outcome) = case.came(Mode::Submitted);
    assert_eq!(shown(&outcome), 50.0, "a stands for 4 of 8");
    assert_eq!(outcome.chapters[1].percentage, None, "the nested chapter has nothing left");
    assert_eq!(outcome.criteria[1].reason, Reason::DroppedInChapter);
}

#[test]
fn a_chapter_with_nothing_left_is_dropped() {
    for weighting in [Weighting::CriterionWeight, Weighting::ChapterWeight, Weighting::Points] {
        let case = Case::of(
            vec![heavy(chapter("c", vec![optional(yes_no("a"))]), 9.0), chapter("d", vec![yes_no("b")])],
            vec![not_applicable("a"), answer("b", 1.0)],
        );
        let case = case.with(|scoring| {
            scoring.set_weighting(weighting);
            scoring.set_not_applicable(NotApplicable::DropInChapter);
        });
        assert_eq!(case.total(), 100.0, "{weighting:?}");
    }
}

#[test]
fn under_points_what_is_dropped_in_a_chapter_scales_the_rest_up() {
    let case = Case::of(
        vec![
            chapter(
                "c",
                vec![options("a", &[(0.0, 0.0), (1.0, 4.0)]), optional(options("b", &[(0.0, 0.0), (1.0, 6.0)]))],
            ),
            chapter("d", vec![options("e", &[(0.0, 0.0), (1.0, 10.0)])]),
        ],
        vec![answer("a", 1.0), not_applicable("b"), answer("e", 0.0)],
    )
    .with(|scoring| scoring.set_weighting(Weighting::Points));
    assert_eq!(case.total(), 28.5714, "4 of 14");
    assert_eq!(knobbed(case, "DROP_IN_CHAPTER").total(), 50.0, "4 points stand for the chapter's 10 of 20");
}

#[test]
fn a_bonus_adds_what_it_would_weigh_as_any_other_criterion() {
    let extra = bonus(options("x", &[(0.0, 0.25), (1.0, 0.5)]));
    let case = Case::of(
        vec![chapter("c", vec![yes_no("a"), yes_no("b"), extra])],
        vec![answer("a", 1.0), answer("b", 0.0), answer("x", 0.0)],
    );
    // Half a bonus of weight 1 beside 2 of weight is 25; under points its 0.25 beside 2 possible points is 12.5.
    for (weighting, total) in
        [(Weighting::CriterionWeight, 75.0), (Weighting::ChapterWeight, 75.0), (Weighting::Points, 62.5)]
    {
        let case = knobbed(case.clone(), "UNCAPPED").with(|scoring| scoring.set_weighting(weighting));
        let (_, outcome) = case.came(Mode::Submitted);
        assert_eq!(shown(&outcome), total, "{weighting:?}");
        assert!(outcome.criteria[2].applied_weight.is_zero(), "a bonus is no part of the 100");
    }
}

#[test]
fn a_bonus_adds_nothing_by_default_or_when_not_given() {
    let base = Case::of(
        vec![chapter("c", vec![yes_no("a"), yes_no("b"), optional(bonus(yes_no("x")))])],
        vec![answer("a", 1.0), answer("b", 0.0)],
    );
    let given = |score: pb::Score| Case { scores: [base.scores.clone(), vec![score]].concat(), ..base.clone() };
    assert_eq!(given(answer("x", 1.0)).total(), 50.0);
    assert_eq!(knobbed(given(answer("x", 1.0)), "CAPPED").total(), 100.0);
    for na in ["FULL_CREDIT", "DROP_GLOBALLY", "DROP_IN_CHAPTER"] {
        assert_eq!(knobbed(knobbed(given(not_applicable("x")), "CAPPED"), na).total(), 50.0, "{na}");
    }
    assert_eq!(knobbed(base, "CAPPED").total(), 50.0);
}

#[test]
fn the_cap_is_a_leaf_of_its_own() {
    let case =
        Case::of(vec![chapter("c", vec![yes_no("a"), bonus(yes_no("x"))])], vec![answer("a", 1.0), answer("x", 1.0)]);
    let (_, outcome) = knobbed(case, "CAPPED").came(Mode::Submitted);
    let adjustment = Adjustment { chapter: None, contribution: exact::whole(-100), cause: None };
    assert_eq!(outcome.adjustments, [adjustment]);
    assert_eq!(outcome.chapters[0].percentage, Some(exact::whole(100)), "shown capped too");
}

#[test]
fn an_automatic_fail_beats_a_bonus_and_full_credit() {
    let case = Case::of(
        vec![chapter("c", vec![failing(yes_no("a")), bonus(yes_no("x")), optional(yes_no("n"))])],
        vec![answer("a", 0.0), answer("x", 1.0), not_applicable("n")],
    );
    let (_, outcome) = knobbed(knobbed(case, "UNCAPPED"), "FULL_CREDIT").came(Mode::Submitted);
    assert_eq!((shown(&outcome), outcome.auto_failed), (0.0, true));
    assert_eq!(outcome.adjustments[0].cause, Some(0));
}

#[test]
fn not_applicable_and_hidden_criteria_never_fail() {
    let mut hidden = failing(yes_no("b"));
    hidden.visible_if = Some(if_answered("a", 0.0));
    let case = Case::of(
        vec![chapter("c", vec![yes_no("a"), hidden, optional(failing(yes_no("n")))])],
        vec![answer("a", 1.0), not_applicable("n")],
    );
    let (_, outcome) = case.came(Mode::Submitted);
    assert_eq!((shown(&outcome), outcome.auto_failed), (100.0, false));
}

#[test]
fn an_automatic_fail_of_a_chapter_takes_all_that_the_chapter_added_and_no_more() {
    let mut outer = chapter("c", vec![yes_no("a")]);
    outer.chapters = vec![chapter("n", vec![failing(yes_no("b"))])];
    let case = Case::of(
        vec![outer, chapter("d", vec![yes_no("e")])],
        vec![answer("a", 1.0), answer("b", 0.0), answer("e", 1.0)],
    );
    let (_, outcome) = knobbed(case, "CHAPTER").came(Mode::Submitted);
    assert_eq!(shown(&outcome), 33.3333);
    assert_eq!(outcome.chapters[0].percentage, Some(Exact::zero()));
    assert_eq!(outcome.chapters.iter().map(|c| c.failed_by).collect::<Vec<_>>(), [Some(1), None, None]);
    assert_eq!(outcome.adjustments[0].chapter, Some(0), "the outermost chapter of the criterion");
}

#[test]
fn an_automatic_fail_of_the_template_is_0_even_where_nothing_else_is_scorable() {
    let case = Case::of(
        vec![chapter("c", vec![weighted(failing(yes_no("gate")), 0.0), optional(yes_no("n"))])],
        vec![answer("gate", 0.0), not_applicable("n")],
    );
    assert_eq!(case.total(), 0.0);
    assert_eq!(knobbed(case, "FLAG_ONLY").total(), -1.0);
}

#[test]
fn options_without_points_gate_but_are_not_scored() {
    let mut gate = options("gate", &[(0.0, 0.0), (1.0, 0.0)]);
    if let Some(Type::Options(options)) = &mut gate.r#type {
        options.options[0].auto_fail = true;
    }
    let passing = Case::of(vec![chapter("c", vec![gate, yes_no("a")])], vec![answer("gate", 1.0), answer("a", 1.0)]);
    let failing = Case { scores: vec![answer("gate", 0.0), answer("a", 1.0)], ..passing.clone() };
    assert_eq!((passing.total(), failing.total()), (100.0, 0.0));
    assert_eq!(passing.came(Mode::Submitted).1.criteria[0].fraction, None);
}

#[test]
fn passing_goes_by_the_exact_total() {
    let at = |threshold: f64| {
        let case = Case::of(
            vec![chapter("c", vec![yes_no("a"), yes_no("b"), yes_no("d")])],
            vec![answer("a", 1.0), answer("b", 1.0), answer("d", 0.0)],
        );
        case.with(|scoring| scoring.pass_threshold = Some(threshold)).came(Mode::Submitted).1.passed
    };
    assert_eq!(at(66.6667), Some(false), "200/3 shows as 66.6667 and does not reach it");
    assert_eq!(at(66.6666), Some(true));
    let half = Case::of(vec![chapter("c", vec![yes_no("a"), yes_no("b")])], vec![answer("a", 1.0)]);
    let (form, outcome) = half.with(|scoring| scoring.pass_threshold = Some(50.0)).came(Mode::Submitted);
    assert_eq!(outcome.passed, Some(true), "reaching it is enough");
    let mut card = pb::Scorecard::default();
    write(&outcome, &form, &mut card);
    assert_eq!(card.passed, Some(true));
}

#[test]
fn only_the_bad_answer_fails() {
    for (inverted, bad) in [(false, 0.0), (true, 1.0)] {
        let kind = pb::YesNoType { inverted, auto_fail: true, ..Default::default() };
        let criterion = crate::domain::fixtures::criterion("a", Type::YesNo(kind));
        let failed = |value: f32| {
            let case = Case::of(vec![chapter("c", vec![criterion.clone()])], vec![answer("a", value)]);
            let (form, outcome) = case.came(Mode::Submitted);
            let mut card = pb::Scorecard { scores: case.scores, ..Default::default() };
            write(&outcome, &form, &mut card);
            assert_eq!(card.scores[0].auto_fail_triggered, card.auto_failed);
            card.auto_failed
        };
        assert_eq!((failed(bad), failed(1.0 - bad)), (true, false), "inverted: {inverted}");
    }
}

#[test]
fn nothing_passes_without_threshold_or_total() {
    let case = Case::of(vec![chapter("c", vec![optional(yes_no("a"))])], vec![not_applicable("a")]);
    assert_eq!(case.came(Mode::Submitted).1.passed, None);
    assert_eq!(case.with(|scoring| scoring.pass_threshold = Some(0.0)).came(Mode::Submitted).1.passed, None);
}

#[test]
fn each_kind_of_answer_is_worth_its_share() {
    let band = |min, max, points| pb::range_type::Band { min, max, points, auto_fail: false };
    let mut banded = range("r", 0.0, 10.0, 1.0);
    if let Some(Type::Range(range)) = &mut banded.r#type {
        range.ranges = vec![band(0.0, 4.0, 1.0), band(5.0, 10.0, 4.0), band(4.0, 6.0, 3.0)];
    }
    let mut inverted = yes_no("r");
    if let Some(Type::YesNo(yes_no)) = &mut inverted.r#type {
        yes_no.inverted = true;
    }
    let mut capped = multi("r", &[(1.0, 1.0), (2.0, 2.0), (3.0, 3.0)]);
    if let Some(Type::MultiOptions(options)) = &mut capped.r#type {
        options.max_points = Some(4.0);
    }
    let chosen = |text: &str| crate::domain::fixtures::said("r", text);
    let cases = [
        (options("r", &[(1.0, 2.0), (2.0, 8.0)]), answer("r", 1.0), 25.0),
        (range("r", 1.0, 5.0, 0.5), answer("r", 2.5), 37.5),
        (range("r", -1.0, 1.0, 0.0), answer("r", 0.1), 55.0),
        (banded.clone(), answer("r", 4.0), 25.0),
        (banded, answer("r", 5.0), 100.0),
        (yes_no("r"), answer("r", 0.0), 0.0),
        (inverted, answer("r", 0.0), 100.0),
        (multi("r", &[(1.0, 1.0), (2.0, 2.0), (3.0, 5.0)]), chosen("3, 1"), 75.0),
        (capped.clone(), chosen("1,2"), 75.0),
        (capped, chosen("2,3"), 100.0),
    ];
    for (criterion, score, percent) in cases {
        let case = Case::of(vec![chapter("c", vec![criterion, text("note")])], vec![score.clone()]);
        assert_eq!(case.total(), percent, "{score:?}");
    }
}

// What is written on the scorecard, and the explanation.

#[test]
fn computed_fields_are_written_and_empty_scores_dropped() {
    let mut outer = chapter("c", vec![weighted(yes_no("a"), 2.0), yes_no("b")]);
    outer.chapters = vec![chapter("n", vec![optional(yes_no("d"))])];
    let remark = pb::Score { criterion_id: "b".into(), comment: "see 3:10".into(), ..Default::default() };
    let empty = pb::Score { criterion_id: "d".into(), ..Default::default() };
    let case = Case::of(vec![outer], vec![empty, remark, answer("a", 1.0)]);
    let (form, outcome) = case.came(Mode::Submitted);
    let mut card = pb::Scorecard { scores: case.scores.clone(), ..Default::default() };
    write(&outcome, &form, &mut card);
    let ids: Vec<&str> = card.scores.iter().map(|score| score.criterion_id.as_str()).collect();
    assert_eq!(ids, ["a", "b"], "in the form's order, without the empty one");
    let first = &card.scores[0];
    assert_eq!((first.criterion_display_name.as_str(), first.chapter_id.as_str()), ("Question a", "c"));
    assert_eq!((first.percentage, first.applied_weight, first.state()), (Some(100.0), 50.0, State::Answered));
    assert_eq!((card.scores[1].percentage, card.scores[1].state()), (None, State::Unanswered));
    assert_eq!((card.total_score, card.scoring_engine_version), (50.0, ENGINE_VERSION));
    let chapters: Vec<(&str, f32)> =
        card.chapter_scores.iter().map(|c| (c.chapter_id.as_str(), c.percentage)).collect();
    assert_eq!(chapters, [("c", 50.0), ("n", 0.0)]);
}

#[test]
fn a_scorecard_without_anything_applicable_shows_minus_one() {
    let case = Case::of(vec![chapter("c", vec![optional(yes_no("a"))])], vec![not_applicable("a")]);
    let (form, outcome) = case.came(Mode::Submitted);
    let mut card = pb::Scorecard { scores: case.scores, ..Default::default() };
    write(&outcome, &form, &mut card);
    assert_eq!((card.total_score, card.chapter_scores[0].percentage), (-1.0, -1.0));
}

#[test]
fn the_explanation_names_causes_and_shows_exact_numbers() {
    let mut outer = chapter("c", vec![failing(yes_no("a")), yes_no("b")]);
    outer.chapters = vec![chapter("n", vec![text("note")])];
    let case = Case::of(
        vec![outer, chapter("d", vec![yes_no("e")])],
        vec![answer("a", 0.0), answer("b", 1.0), answer("e", 1.0)],
    );
    let (form, outcome) = knobbed(case, "CHAPTER").came(Mode::Submitted);
    let tree = explanation(&outcome, &form);
    assert_eq!((tree.exact_contribution.as_str(), tree.contribution), ("100/3", 33.3333));
    let first = &tree.children[0];
    assert_eq!((first.id.as_str(), first.auto_fail_cause.as_str(), first.exact_contribution.as_str()), ("c", "a", "0"));
    let kinds: Vec<i32> = first.children.iter().map(|child| child.kind).collect();
    use crate::pb::cresta::v1::coaching::score_node::Kind;
    let expected = [Kind::Criterion, Kind::Criterion, Kind::Chapter, Kind::Adjustment];
    assert_eq!(kinds, expected.map(i32::from));
    assert_eq!(first.children[3].exact_contribution, "-100/3");
    assert_eq!(first.children[3].reason, "automatic fail by criterion a: the chapter counts as 0");
    assert_eq!(first.children[1].applied_weight, 33.3333);
}

#[test]
fn the_explanation_counts_in_what_the_weighting_adds_up() {
    let base = Case::of(
        vec![
            heavy(chapter("c", vec![weighted(options("a", &[(0.0, 0.0), (1.0, 4.0)]), 5.0)]), 3.0),
            heavy(chapter("d", vec![weighted(yes_no("b"), 2.0), weighted(optional(yes_no("n")), 9.0)]), 0.5),
        ],
        vec![answer("a", 1.0), answer("b", 0.0), not_applicable("n")],
    );
    // Earned and possible: weights 5 of 7, chapter weights 3 of 3.5, points times chapter weights 12 of 12.5.
    for (weighting, earned, possible) in
        [(Weighting::CriterionWeight, 5.0, 7.0), (Weighting::ChapterWeight, 3.0, 3.5), (Weighting::Points, 12.0, 12.5)]
    {
        let (form, outcome) = base.clone().with(|scoring| scoring.set_weighting(weighting)).came(Mode::Submitted);
        let tree = explanation(&outcome, &form);
        assert_eq!((tree.earned, tree.possible), (earned, possible), "{weighting:?}");
        assert_eq!(
            outcome.total,
            exact::from_f64(earned).zip(exact::from_f64(possible)).map(|(e, p)| e / p * exact::whole(100))
        );
    }
}
