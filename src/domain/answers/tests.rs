//! Which answers fit, what is missing, and machine's answers.

use super::*;
use crate::domain::fixtures::{
    answer, chapter, criterion, form, if_answered, multi, not_applicable, options, range, said, structure, yes_no,
};
use crate::pb::cresta::v1::coaching as pb;
use crate::pb::cresta::v1::coaching::criterion::Type;
use crate::pb::cresta::v1::coaching::score::State;

/// `yes` (yesNo, may be not applicable, required), `pick` (options 1, 2, and 9 that means not applicable), `several`
/// (multiOptions 1, 2.5, and 9 likewise), `rate` (0 to 1 by 0.1), `any` (0 to 1), `note` (text of 5), `day` (date),
/// `more` (yesNo, required, asked when yes is 0), `deep` (yesNo, asked when more is 1).
fn sheet() -> Form {
    let mut yes = yes_no("yes");
    yes.allow_not_applicable = true;
    yes.required = true;
    let mut pick = options("pick", &[(1.0, 1.0), (2.0, 2.0), (9.0, 0.0)]);
    let mut several = multi("several", &[(1.0, 1.0), (2.5, 2.0), (9.0, 0.0)]);
    for criterion in [&mut pick, &mut several] {
        if let Some(Type::Options(options) | Type::MultiOptions(options)) = &mut criterion.r#type {
            options.options[2].not_applicable = true;
        }
    }
    let note = criterion("note", Type::Text(pb::TextType { max_length: 5 }));
    let day = criterion("day", Type::Date(pb::DateType {}));
    let mut more = yes_no("more");
    more.required = true;
    more.visible_if = Some(if_answered("yes", 0.0));
    let mut deep = yes_no("deep");
    deep.visible_if = Some(if_answered("more", 1.0));
    let criteria =
        vec![yes, pick, several, range("rate", 0.0, 1.0, 0.1), range("any", 0.0, 1.0, 0.0), note, day, more, deep];
    let structure = structure(vec![chapter("c", criteria)]);
    assert_eq!(crate::domain::lint::lint(&structure, "template"), []);
    form(&structure)
}

fn fields(scores: &[Score]) -> Vec<String> {
    check(&sheet(), scores, "scores").into_iter().map(|fault| fault.field).collect()
}

fn by_machine(mut score: Score) -> Score {
    score.ai_value = Some(pb::AiValue {
        numeric_value: score.numeric_value.take(),
        text_value: std::mem::take(&mut score.text_value),
        not_applicable: std::mem::take(&mut score.not_applicable),
        ..Default::default()
    });
    score
}

#[test]
fn answers_that_a_criterion_allows_are_accepted() {
    let good = [
        answer("yes", 1.0),
        answer("yes", 0.0),
        not_applicable("yes"),
        answer("pick", 2.0),
        answer("pick", 9.0),
        said("several", "1"),
        said("several", "2.50, 1"),
        said("several", "9"),
        answer("rate", 0.3),
        answer("rate", 1.0),
        answer("any", 0.333_333_34),
        said("note", "héllo"),
        said("day", "2024-02-29"),
        said("day", "2000-02-29"),
        said("day", "1999-12-31"),
    ];
    for score in good {
        assert_eq!(fields(std::slice::from_ref(&score)), Vec::<String>::new(), "{score:?}");
        assert_eq!(fields(&[by_machine(score.clone())]), Vec::<String>::new(), "by a machine: {score:?}");
    }
}

#[test]
fn answers_that_a_criterion_does_not_allow_are_refused_by_field() {
    let both = Score { text_value: "x".into(), ..answer("yes", 1.0) };
    let also = Score { not_applicable: true, ..answer("yes", 1.0) };
    let bad = [
        (answer("yes", 2.0), "numericValue"),
        (answer("yes", f32::NAN), "numericValue"),
        (said("yes", "1"), "textValue"),
        (both, "textValue"),
        (also, "notApplicable"),
        (answer("pick", 3.0), "numericValue"),
        (answer("pick", 1.000_000_1), "numericValue"),
        (not_applicable("pick"), "notApplicable"),
        (answer("several", 1.0), "numericValue"),
        (said("several", "1,1.0"), "textValue"),
        (said("several", "1,3"), "textValue"),
        (said("several", "1,"), "textValue"),
        (said("several", "1,9"), "textValue"),
        (said("several", "1e0"), "textValue"),
        (said("several", "NaN"), "textValue"),
        (answer("rate", 0.35), "numericValue"),
        (answer("rate", 1.1), "numericValue"),
        (answer("rate", -0.1), "numericValue"),
        (answer("any", f32::INFINITY), "numericValue"),
        (answer("any", 1.000_000_1), "numericValue"),
        (said("note", "sixsix"), "textValue"),
        (answer("note", 1.0), "numericValue"),
        (said("day", "2023-02-29"), "textValue"),
        (said("day", "1900-02-29"), "textValue"),
        (said("day", "2024-13-01"), "textValue"),
        (said("day", "2024-04-31"), "textValue"),
        (said("day", "0000-01-01"), "textValue"),
        (said("day", "24-01-01"), "textValue"),
        (said("day", "2024/01/01"), "textValue"),
        (said("day", "２０２４"), "textValue"),
    ];
    for (score, field) in bad {
        assert_eq!(fields(std::slice::from_ref(&score)), [format!("scores[0].{field}")], "{score:?}");
        assert_eq!(
            fields(&[by_machine(score.clone())]),
            [format!("scores[0].aiValue.{field}")],
            "by a machine: {score:?}"
        );
    }
}

#[test]
fn each_criterion_exists_and_is_answered_once() {
    let scores = [answer("yes", 1.0), answer("gone", 1.0), answer("c", 1.0), answer("", 1.0), answer("yes", 0.0)];
    let expected: Vec<String> = [1, 2, 3, 4].iter().map(|i| format!("scores[{i}].criterionId")).collect();
    assert_eq!(fields(&scores), expected);
    assert_eq!(fields(&vec![answer("yes", 1.0); 1_001]), ["scores"]);
}

#[test]
fn a_criterion_that_is_not_asked_takes_no_answer_but_keeps_remark_and_machine_value() {
    assert_eq!(fields(&[answer("yes", 1.0), answer("more", 1.0)]), ["scores[1]"]);
    assert_eq!(fields(&[answer("more", 1.0)]), ["scores[0]"], "nor while the question before is open");
    assert_eq!(fields(&[answer("yes", 0.0), answer("more", 1.0), answer("deep", 1.0)]), Vec::<String>::new());
    let remark = Score { comment: "later".into(), ..by_machine(answer("more", 1.0)) };
    assert_eq!(fields(&[answer("yes", 1.0), remark]), Vec::<String>::new());
}

#[test]
fn a_hidden_answer_opens_nothing() {
    // `more` is hidden, so its 1 does not ask `deep`.
    let scores = [answer("yes", 1.0), answer("more", 1.0), answer("deep", 1.0)];
    assert_eq!(fields(&scores), ["scores[1]", "scores[2]"]);
}

#[test]
fn remarks_have_a_longest_length() {
    let remark = |length: usize| Score { comment: "é".repeat(length), ..answer("yes", 1.0) };
    assert_eq!(fields(&[remark(20_000)]), Vec::<String>::new());
    assert_eq!(fields(&[remark(20_001)]), ["scores[0].comment"]);
    let mut machine = by_machine(answer("yes", 1.0));
    machine.ai_value.as_mut().unwrap().explanation = "x".repeat(20_001);
    assert_eq!(fields(&[machine]), ["scores[0].aiValue.explanation"]);
}

#[test]
fn only_required_criteria_that_are_asked_can_be_missing() {
    let ids = |scores: &[Score]| -> Vec<String> {
        missing(&sheet(), scores).into_iter().map(|missing| missing.criterion_id).collect()
    };
    assert_eq!(ids(&[]), ["yes"]);
    assert_eq!(ids(&[answer("yes", 1.0)]), Vec::<String>::new());
    assert_eq!(ids(&[not_applicable("yes")]), Vec::<String>::new());
    assert_eq!(ids(&[answer("yes", 0.0)]), ["more"]);
    assert_eq!(ids(&[Score { comment: "hm".into(), criterion_id: "yes".into(), ..Default::default() }]), ["yes"]);
    let named = &missing(&sheet(), &[])[0];
    assert_eq!((named.display_name.as_str(), named.chapter_id.as_str()), ("Question yes", "c"));
}

#[test]
fn the_machines_answer_is_shown_where_nobody_answered() {
    let mut scores = vec![
        by_machine(answer("yes", 0.0)),
        Score { numeric_value: Some(2.0), ..by_machine(answer("pick", 1.0)) },
        by_machine(answer("more", 1.0)),
        by_machine(said("several", "1")),
    ];
    apply_ai(&sheet(), &mut scores);
    assert_eq!(scores[0].numeric_value, Some(0.0));
    assert_eq!(scores[1].numeric_value, Some(2.0), "a person's answer stays");
    assert_eq!(scores[2].numeric_value, Some(1.0), "asked, by the machine's own answer before it");
    assert_eq!(scores[3].text_value, "1");
    assert_eq!(check(&sheet(), &scores, "scores"), []);
}

#[test]
fn the_machines_answer_is_taken_back_when_a_person_hides_its_question() {
    let mut scores = vec![by_machine(answer("yes", 0.0)), by_machine(answer("more", 1.0))];
    apply_ai(&sheet(), &mut scores);
    scores[0].numeric_value = Some(1.0);
    apply_ai(&sheet(), &mut scores);
    assert_eq!(scores[1].numeric_value, None);
    assert!(scores[1].ai_value.is_some());
    assert_eq!(check(&sheet(), &scores, "scores"), []);
}

#[test]
fn a_machine_value_that_does_not_fit_is_never_shown() {
    let mut scores = vec![by_machine(answer("pick", 7.0))];
    apply_ai(&sheet(), &mut scores);
    assert_eq!(scores[0].numeric_value, None);
    assert_eq!(fields(&scores), ["scores[0].aiValue.numericValue"]);
}

#[test]
fn scored_by_hand_is_what_a_person_entered_or_changed() {
    let remark = Score { comment: "hm".into(), criterion_id: "yes".into(), ..Default::default() };
    let same = Score { numeric_value: Some(1.0), ..by_machine(answer("yes", 1.0)) };
    let changed = Score { numeric_value: Some(0.0), ..by_machine(answer("yes", 1.0)) };
    let turned = Score { not_applicable: true, ..by_machine(answer("yes", 1.0)) };
    let cases = [(answer("yes", 1.0), true), (remark, false), (same, false), (changed, true), (turned, true)];
    for (score, by_hand) in cases {
        assert_eq!(manually_scored(std::slice::from_ref(&score)), by_hand, "{score:?}");
    }
    assert!(!manually_scored(&[]));
}

#[test]
fn a_not_applicable_option_is_not_applicable_in_the_score() {
    let form = sheet();
    let scores = [answer("pick", 9.0), said("several", "9")];
    let outcome = crate::domain::scoring::score(&form, &scores, crate::domain::scoring::Mode::Draft);
    assert_eq!([outcome.criteria[1].state, outcome.criteria[2].state], [State::NotApplicable; 2]);
}
