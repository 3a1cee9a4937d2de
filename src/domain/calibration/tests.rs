//! The shared vector, and what the mean is taken over.

use serde_json::Value as Json;

use super::*;
use crate::domain::fixtures::{answer, chapter, form, not_applicable, options, range, structure, text, yes_no};
use crate::pb::cresta::v1::coaching as pb;

const VECTORS: &str = include_str!("../../../tests/vectors/scoring.json");

/// `a` of 4 points and `b` of 1, both of which may be not applicable, and `note`, which earns nothing.
fn grading() -> Form {
    let optional = |criterion| pb::Criterion { allow_not_applicable: true, ..criterion };
    let criteria =
        vec![optional(options("a", &[(0.0, 0.0), (1.0, 1.0), (4.0, 4.0)])), optional(yes_no("b")), text("note")];
    form(&structure(vec![chapter("c", criteria)]))
}

fn agree(original: &[Score], agreed: &[Score]) -> Option<f64> {
    let form = grading();
    let percent = consistency(Grading { form: &form, scores: original }, Grading { form: &form, scores: agreed });
    percent.as_ref().map(exact::rounded)
}

#[test]
fn every_shared_vector_comes_to_its_agreement() {
    let vectors: Json = serde_json::from_str(VECTORS).unwrap();
    let cases: Vec<&Json> =
        vectors["cases"].as_array().unwrap().iter().filter(|c| c["kind"] == "calibration").collect();
    assert_eq!(cases.len(), 1, "vectors were added or lost");
    for case in cases {
        let list =
            |field: &str| -> Vec<f64> { case[field].as_array().unwrap().iter().map(|n| n.as_f64().unwrap()).collect() };
        // A range from 0 earns as many points as its answer.
        let criteria = list("max").iter().enumerate().map(|(i, &max)| range(&format!("q{i}"), 0.0, max, 0.0)).collect();
        let form = form(&structure(vec![chapter("c", criteria)]));
        let scores = |field: &str| -> Vec<Score> {
            list(field).iter().enumerate().map(|(i, &points)| answer(&format!("q{i}"), points as f32)).collect()
        };
        let (original, agreed) = (scores("original"), scores("agreed"));
        let percent = consistency(Grading { form: &form, scores: &original }, Grading { form: &form, scores: &agreed });
        assert_eq!(percent.as_ref().map(exact::rounded), case["consistency"].as_f64(), "{}", case["id"]);
    }
}

#[test]
fn agreement_weighs_criteria_by_their_points() {
    assert_eq!(agree(&[answer("a", 4.0), answer("b", 1.0)], &[answer("a", 4.0), answer("b", 0.0)]), Some(80.0));
    assert_eq!(agree(&[answer("a", 1.0), answer("b", 1.0)], &[answer("a", 4.0), answer("b", 1.0)]), Some(40.0));
}

#[test]
fn equal_totals_are_no_agreement() {
    let one = [answer("a", 1.0), answer("b", 0.0)];
    let other = [answer("a", 0.0), answer("b", 1.0)];
    assert_eq!(agree(&one, &other), Some(60.0), "1 point each, and yet 3 of 4 and 0 of 1 agree");
}

#[test]
fn not_applicable_agrees_with_itself_alone() {
    assert_eq!(agree(&[not_applicable("a")], &[not_applicable("a")]), Some(100.0));
    assert_eq!(agree(&[not_applicable("a")], &[answer("a", 4.0)]), Some(0.0));
    assert_eq!(agree(&[answer("a", 0.0)], &[not_applicable("a")]), Some(0.0));
}

#[test]
fn criteria_that_neither_side_answered_do_not_count_and_those_of_one_side_do_not_agree() {
    assert_eq!(agree(&[answer("b", 1.0)], &[answer("b", 1.0)]), Some(100.0));
    assert_eq!(agree(&[answer("b", 1.0), answer("a", 4.0)], &[answer("b", 1.0)]), Some(20.0));
    assert_eq!(agree(&[], &[]), None);
}

#[test]
fn across_revisions_a_criterion_that_only_one_has_does_not_agree() {
    let (ours, theirs) = (grading(), form(&structure(vec![chapter("c", vec![yes_no("b")])])));
    let (one, other) = ([answer("a", 4.0), answer("b", 1.0)], [answer("b", 1.0)]);
    let (original, agreed) = (Grading { form: &ours, scores: &one }, Grading { form: &theirs, scores: &other });
    assert_eq!(consistency(original, agreed), Some(exact::whole(20)));
    assert_eq!(consistency(agreed, original), Some(exact::whole(20)), "both ways");
}

fn graded(name: &str) -> Scorecard {
    Scorecard {
        name: name.into(),
        conversation_name: "call".into(),
        template_name: "t@00000001".into(),
        calibrated_scorecard_name: "agreed".into(),
        calibration_consistency_score: 80.0,
        ..Default::default()
    }
}

#[test]
fn the_agreed_one_is_another_scorecard_of_the_same_thing_on_the_same_template() {
    let card = graded("card");
    assert!(of_another(&card).is_ok());
    assert_eq!(of_another(&graded("agreed")).unwrap_err().violations()[0].field, AGREED);
    assert!(comparable(&card, &Scorecard { template_name: "t@00000002".into(), ..graded("agreed") }).is_ok());
    for differs in [
        Scorecard { conversation_name: "other".into(), ..graded("agreed") },
        Scorecard { process_id: "p".into(), ..graded("agreed") },
        Scorecard { template_name: "u@00000001".into(), ..graded("agreed") },
    ] {
        let refused = comparable(&card, &differs).unwrap_err();
        assert_eq!((refused.reason(), refused.violations()[0].field.as_str()), (reason::CALIBRATION_DIFFERS, AGREED));
    }
}

#[test]
fn a_calibration_follows_what_it_is_held_against_and_is_let_go_with_it() {
    let user = crate::pb::cresta::v1::user::User { name: "gail".into(), ..Default::default() };
    let now = prost_types::Timestamp { seconds: 9, nanos: 0 };
    let act = Act { now, user: &user, machine: false };
    let card = graded("card");
    assert_eq!(follow(&card, 80.0, &act), None, "the same score changes nothing");
    let followed = follow(&card, 70.0, &act).unwrap();
    assert_eq!((followed.calibration_consistency_score, followed.update_time), (70.0, Some(now)));
    assert_eq!(followed.updated_by.as_ref(), Some(&user));
    let released = release(&card, &act);
    assert_eq!((released.calibrated_scorecard_name.as_str(), released.calibration_consistency_score), ("", 0.0));
    assert_eq!(released.update_time, Some(now));
}
