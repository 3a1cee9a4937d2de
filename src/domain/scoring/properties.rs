//! What holds for every template and every set of answers.

use num_traits::{One, Signed, Zero};
use proptest::prelude::*;

use super::*;
use crate::domain::fixtures::{answer, chapter, form, multi, not_applicable, options, range, said, text, yes_no};
use crate::pb::cresta::v1::coaching as pb;
use crate::pb::cresta::v1::coaching::criterion::Type;
use crate::pb::cresta::v1::coaching::score_node;
use crate::pb::cresta::v1::coaching::scoring::Weighting;

/// What a criterion is made from; small numbers, so that failures shrink to readable templates.
#[derive(Clone, Debug)]
struct Seed {
    kind: u8,
    weight: u8,
    bonus: bool,
    fails: bool,
    /// Even: in outer chapter `place / 2`; odd: in its nested chapter.
    place: u8,
    /// 0: none, 1 and 2: not applicable, else one of the values.
    answer: u8,
    /// Asked only by the answer to an earlier criterion.
    depends: Option<u8>,
}

fn seed(dependent: bool) -> impl Strategy<Value = Seed> {
    let depends = if dependent { prop::option::weighted(0.2, any::<u8>()).boxed() } else { Just(None).boxed() };
    (0u8..6, 0u8..7, prop::bool::weighted(0.2), prop::bool::weighted(0.15), 0u8..6, 0u8..9, depends).prop_map(
        |(kind, weight, bonus, fails, place, answer, depends)| Seed {
            kind,
            weight,
            bonus,
            fails,
            place,
            answer,
            depends,
        },
    )
}

fn rules() -> impl Strategy<Value = pb::Scoring> {
    (0i32..=3, 0i32..=3, 0i32..=2, 0i32..=2, 0i32..=3).prop_map(|(weighting, not_applicable, scope, effect, bonus)| {
        let auto_fail = Some(pb::scoring::AutoFail { scope, effect });
        pb::Scoring { weighting, not_applicable, auto_fail, bonus, pass_threshold: Some(60.0) }
    })
}

/// A template with the answers to it, conditions and automatic fails included.
fn any_case() -> impl Strategy<Value = (pb::TemplateStructure, Vec<pb::Score>)> {
    case(prop::collection::vec(seed(true), 1..14))
}

/// One without conditions and automatic fails, where an answer changes nothing but its own worth.
fn plain_case() -> impl Strategy<Value = (pb::TemplateStructure, Vec<pb::Score>)> {
    case(prop::collection::vec(seed(false).prop_map(|seed| Seed { fails: false, ..seed }), 1..14))
}

fn case(seeds: impl Strategy<Value = Vec<Seed>>) -> impl Strategy<Value = (pb::TemplateStructure, Vec<pb::Score>)> {
    (seeds, rules(), prop::collection::vec(0u8..5, 3)).prop_map(|(seeds, rules, weights)| build(seeds, rules, &weights))
}

fn build(seeds: Vec<Seed>, rules: pb::Scoring, weights: &[u8]) -> (pb::TemplateStructure, Vec<pb::Score>) {
    let mut structure = pb::TemplateStructure { chapters: Vec::new(), scoring: Some(rules) };
    let mut scores = Vec::new();
    let mut earlier: Vec<(String, pb::Score)> = Vec::new();
    for (c, weight) in weights.iter().enumerate() {
        let mut parts = Vec::new();
        for nested in [false, true] {
            let mut criteria = Vec::new();
            let here = |seed: &&Seed| usize::from(seed.place) == 2 * c + usize::from(nested);
            for seed in seeds.iter().filter(here) {
                let id = format!("q{}", earlier.len());
                let (criterion, score) = question(&id, seed, &earlier);
                criteria.push(criterion);
                scores.extend(score.clone());
                earlier.push((id.clone(), score.unwrap_or(pb::Score { criterion_id: id, ..Default::default() })));
            }
            parts.push(chapter(&format!("c{c}{nested}"), criteria));
        }
        let nested = parts.pop();
        let mut outer = parts.remove(0);
        outer.weight = Some(f64::from(*weight) / 2.0);
        outer.chapters.extend(nested);
        structure.chapters.push(outer);
    }
    (structure, scores)
}

fn question(id: &str, seed: &Seed, earlier: &[(String, pb::Score)]) -> (pb::Criterion, Option<pb::Score>) {
    let pick = seed.answer % 3;
    let (mut criterion, value) = match seed.kind {
        0 => (options(id, &[(0.0, 0.0), (1.0, 2.5), (2.0, 7.0)]), answer(id, f32::from(pick))),
        1 => (multi(id, &[(1.0, 1.0), (2.0, 3.0), (3.5, 0.5)]), said(id, ["1", "2,1", "3.5"][usize::from(pick)])),
        2 => (range(id, -1.0, 6.0, 0.0), answer(id, f32::from(pick) * 1.3)),
        3 => (banded(id, seed.fails), answer(id, f32::from(pick) * 4.0)),
        4 => (text(id), said(id, "words")),
        _ => (yes_no(id), answer(id, f32::from(pick % 2))),
    };
    match &mut criterion.r#type {
        Some(Type::Options(options)) => options.options[0].auto_fail = seed.fails,
        Some(Type::YesNo(yes_no)) => yes_no.auto_fail = seed.fails,
        _ => {}
    }
    criterion.weight = Some(f64::from(seed.weight) / 4.0);
    criterion.bonus = seed.bonus;
    criterion.allow_not_applicable = true;
    if let (Some(depends), false) = (seed.depends, earlier.is_empty()) {
        let (id, given) = &earlier[usize::from(depends) % earlier.len()];
        let wanted = pb::condition::Answer {
            criterion_id: id.clone(),
            numeric_values: given.numeric_value.into_iter().filter(|_| depends < 200).collect(),
            text_values: vec!["2".into(), "words".into()],
            not_applicable: true,
        };
        criterion.visible_if = Some(pb::Condition { kind: Some(pb::condition::Kind::Answer(wanted)) });
    }
    let score = match seed.answer {
        0 => None,
        1 | 2 => Some(not_applicable(id)),
        _ => Some(value),
    };
    (criterion, score)
}

fn banded(id: &str, auto_fail: bool) -> pb::Criterion {
    let mut criterion = range(id, 0.0, 10.0, 1.0);
    if let Some(Type::Range(range)) = &mut criterion.r#type {
        let band = |min, max, points, auto_fail| pb::range_type::Band { min, max, points, auto_fail };
        range.ranges = vec![band(0.0, 3.0, 1.0, auto_fail), band(4.0, 10.0, 3.0, false)];
    }
    criterion
}

/// The total by the formulas as the template's documentation has them, written down without units and rates.
fn by_the_book(form: &Form, outcome: &Outcome, mode: Mode) -> Option<Exact> {
    let rules = form.rules();
    let hundred = exact::whole(100);
    let full_credit = rules.not_applicable == NotApplicable::FullCredit;
    let template_fails = outcome.auto_failed && rules.effect == Effect::Zero && rules.scope == Scope::Template;
    if template_fails {
        return Some(Exact::zero());
    }
    // Per outer chapter: earned, possible, bonus earned, weight not applicable, whether it is zeroed.
    let mut chapters: Vec<(usize, [Exact; 4], bool)> = Vec::new();
    for (at, chapter) in form.chapters().iter().enumerate().filter(|(_, chapter)| chapter.parent.is_none()) {
        let mut sums: [Exact; 4] = Default::default();
        let mut zeroed = false;
        let members = form.criteria().iter().zip(&outcome.criteria).filter(|(criterion, _)| criterion.outer == at);
        for (criterion, came) in members {
            zeroed |= came.auto_fail && rules.effect == Effect::Zero && rules.scope == Scope::Chapter;
            if !criterion.scored {
                continue;
            }
            // Under points a criterion weighs its points times the chapter's weight.
            let points = rules.weighting == Weighting::Points;
            let weight = if points { &criterion.possible * &chapter.weight } else { criterion.weight.clone() };
            let given = came.fraction.clone().unwrap_or_default();
            match (came.state, criterion.bonus) {
                (State::Answered, true) if rules.bonus != Bonus::None => sums[2] += &weight * given,
                (_, true) | (State::Disabled, _) => {}
                (State::NotApplicable, false) if full_credit => {
                    sums[0] += &weight;
                    sums[1] += &weight;
                }
                (State::NotApplicable, false) => sums[3] += &weight,
                (State::Unanswered, false) if mode == Mode::Draft => {}
                _ => {
                    sums[0] += &weight * given;
                    sums[1] += &weight;
                }
            }
        }
        chapters.push((at, sums, zeroed));
    }
    let (mut top, mut bottom) = (Exact::zero(), Exact::zero());
    for (at, [earned, possible, bonus, dropped], zeroed) in &chapters {
        let earns = |number: Exact| if *zeroed { Exact::zero() } else { number };
        if rules.weighting == Weighting::ChapterWeight {
            if !possible.is_zero() {
                top += earns((earned + bonus) / possible * &form.chapters()[*at].weight);
                bottom += &form.chapters()[*at].weight;
            }
        } else if rules.not_applicable == NotApplicable::DropInChapter && !possible.is_zero() {
            let whole = possible + dropped;
            top += earns(earned / possible * &whole + bonus);
            bottom += whole;
        } else {
            top += earns(earned + bonus);
            bottom += possible;
        }
    }
    if bottom.is_zero() {
        return None;
    }
    let total = top / bottom * &hundred;
    Some(if rules.bonus == Bonus::Capped { total.min(hundred) } else { total })
}

/// Exact contributions of the leaves below a node; checks on the way that children add up to their parent.
fn leaves(node: &pb::ScoreNode) -> Exact {
    let own = match node.exact_contribution.split_once('/') {
        Some((numer, denom)) => Exact::new(numer.parse().unwrap(), denom.parse().unwrap()),
        None => Exact::from_integer(node.exact_contribution.parse().unwrap()),
    };
    if [score_node::Kind::Criterion, score_node::Kind::Adjustment].contains(&node.kind()) {
        return own;
    }
    let below = node.children.iter().map(leaves).fold(Exact::zero(), |sum, leaf| sum + leaf);
    assert_eq!(below, own, "{} {}", node.id, node.reason);
    own
}

fn counts(outcome: &CriterionOutcome) -> bool {
    outcome.applied_weight.is_positive()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases.max(512)))]

    #[test]
    fn the_total_is_that_of_the_documented_formulas((structure, scores) in any_case()) {
        let form = form(&structure);
        for mode in [Mode::Draft, Mode::Submitted] {
            let outcome = score(&form, &scores, mode);
            prop_assert_eq!(&outcome.total, &by_the_book(&form, &outcome, mode), "{:?}", mode);
        }
    }

    #[test]
    fn the_leaves_of_the_explanation_add_up_exactly_to_the_total((structure, scores) in any_case()) {
        let form = form(&structure);
        let outcome = score(&form, &scores, Mode::Submitted);
        let total = outcome.total.clone().unwrap_or_default();
        prop_assert_eq!(exact::sum(outcome.leaves()), total.clone());
        prop_assert_eq!(leaves(&explanation(&outcome, &form)), total);
    }

    #[test]
    fn totals_stay_from_0_to_100_unless_bonuses_are_uncapped((structure, scores) in any_case()) {
        let form = form(&structure);
        let outcome = score(&form, &scores, Mode::Submitted);
        let percents = outcome.chapters.iter().filter_map(|chapter| chapter.percentage.as_ref()).chain(&outcome.total);
        for percent in percents {
            prop_assert!(!percent.is_negative());
            prop_assert!(form.rules().bonus == Bonus::Uncapped || *percent <= exact::whole(100));
        }
    }

    #[test]
    fn applied_weights_add_up_to_100_wherever_anything_counts((structure, scores) in any_case()) {
        let form = form(&structure);
        let outcome = score(&form, &scores, Mode::Submitted);
        let whole = exact::sum(outcome.criteria.iter().map(|criterion| &criterion.applied_weight));
        let outer = outcome.chapters.iter().zip(form.chapters()).filter(|(_, chapter)| chapter.parent.is_none());
        prop_assert_eq!(exact::sum(outer.map(|(came, _)| &came.applied_weight)), whole.clone());
        let expected = if outcome.criteria.iter().any(counts) { exact::whole(100) } else { Exact::zero() };
        prop_assert_eq!(whole, expected);
        prop_assert!(outcome.total.is_some() || !outcome.criteria.iter().any(counts));
    }

    #[test]
    fn scaling_all_weights_alike_changes_nothing((structure, scores) in any_case(), factor in 2u8..9) {
        let mut scaled = structure.clone();
        let scale = |weight: &mut Option<f64>| *weight = weight.map(|weight| weight * f64::from(factor));
        for chapter in &mut scaled.chapters {
            scale(&mut chapter.weight);
            let nested = chapter.chapters.iter_mut().flat_map(|nested| &mut nested.criteria);
            chapter.criteria.iter_mut().chain(nested).for_each(|criterion| scale(&mut criterion.weight));
        }
        let (one, other) = (score(&form(&structure), &scores, Mode::Submitted), score(&form(&scaled), &scores, Mode::Submitted));
        prop_assert_eq!(one.total, other.total);
        for (one, other) in one.criteria.iter().zip(&other.criteria) {
            prop_assert_eq!(&one.applied_weight, &other.applied_weight);
            prop_assert_eq!(&one.contribution, &other.contribution);
        }
    }

    #[test]
    fn the_order_of_scores_changes_nothing((structure, mut scores) in any_case()) {
        let form = form(&structure);
        let before = score(&form, &scores, Mode::Submitted);
        scores.reverse();
        prop_assert_eq!(before, score(&form, &scores, Mode::Submitted));
    }

    #[test]
    fn not_applicable_leaves_the_proportion_of_all_others((structure, scores) in plain_case(), at in any::<prop::sample::Index>()) {
        let mut structure = structure;
        let scoring = structure.scoring.get_or_insert_default();
        scoring.set_not_applicable(NotApplicable::DropGlobally);
        if scoring.weighting() == Weighting::ChapterWeight {
            scoring.set_weighting(Weighting::CriterionWeight);
        }
        let form = form(&structure);
        let at = at.index(form.criteria().len());
        let (before, after) = without(&form, scores, at);
        for (i, one) in before.criteria.iter().enumerate().filter(|(i, _)| *i != at) {
            for (j, other) in before.criteria.iter().enumerate().filter(|(j, _)| *j != at) {
                let now = |at: usize| &after.criteria[at].applied_weight;
                prop_assert_eq!(&one.applied_weight * now(j), &other.applied_weight * now(i));
            }
        }
    }

    #[test]
    fn dropping_in_a_chapter_leaves_the_weight_of_every_chapter_that_keeps_something(
        (structure, scores) in plain_case(), at in any::<prop::sample::Index>(),
    ) {
        let mut structure = structure;
        structure.scoring.get_or_insert_default().set_not_applicable(NotApplicable::DropInChapter);
        let form = form(&structure);
        let at = at.index(form.criteria().len());
        let (before, after) = without(&form, scores, at);
        let outer = form.criteria()[at].outer;
        prop_assume!(after.chapters[outer].applied_weight.is_positive());
        for (chapter, (before, after)) in form.chapters().iter().zip(before.chapters.iter().zip(&after.chapters)) {
            if chapter.parent.is_none() {
                prop_assert_eq!(&before.applied_weight, &after.applied_weight);
            }
        }
    }

    #[test]
    fn a_better_answer_never_lowers_the_total((structure, scores) in plain_case(), at in any::<prop::sample::Index>()) {
        let form = form(&structure);
        let better = at.index(form.criteria().len());
        let id = &form.criteria()[better].id;
        let best = match form.criteria()[better].kind.name() {
            "options" => answer(id, 2.0),
            "multiOptions" => said(id, "1,2,3.5"),
            "range" => answer(id, 6.0),
            "yesNo" => answer(id, 1.0),
            _ => said(id, "words"),
        };
        let mut improved: Vec<pb::Score> = scores.iter().filter(|score| score.criterion_id != *id).cloned().collect();
        prop_assume!(scores.iter().any(|score| score.criterion_id == *id && !score.not_applicable));
        improved.push(best);
        let (before, after) = (score(&form, &scores, Mode::Submitted), score(&form, &improved, Mode::Submitted));
        prop_assert!(after.total >= before.total);
        prop_assert!(after.criteria[better].fraction.as_ref().is_none_or(One::is_one));
    }

    #[test]
    fn a_draft_with_every_question_answered_shows_what_submitting_will((structure, scores) in any_case()) {
        let form = form(&structure);
        let submitted = score(&form, &scores, Mode::Submitted);
        prop_assume!(submitted.criteria.iter().all(|criterion| criterion.state != State::Unanswered));
        prop_assert_eq!(score(&form, &scores, Mode::Draft), submitted);
    }
}

/// The outcomes before and after one criterion becomes not applicable.
fn without(form: &Form, mut scores: Vec<pb::Score>, at: usize) -> (Outcome, Outcome) {
    let before = score(form, &scores, Mode::Submitted);
    let id = &form.criteria()[at].id;
    scores.retain(|score| score.criterion_id != *id);
    scores.push(not_applicable(id));
    (before, score(form, &scores, Mode::Submitted))
}
