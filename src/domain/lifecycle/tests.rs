//! Every act, from every state.

use super::*;
use crate::domain::audience::Membership;
use crate::domain::fixtures::{answer, chapter, form as compile, if_answered, structure, text, yes_no};
use crate::error::Code;
use crate::pb::coaching::directory::v1::DirectoryUser;
use crate::pb::cresta::v1::coaching as pb;
use crate::pb::cresta::v1::coaching::{
    AiValue, Audience, Score, ScorecardSubmissionSource, ScorecardTemplate, ScorecardTemplateStatus,
    ScorecardTemplateType,
};

const NAME: &str = "customers/c/profiles/p/scorecardTemplates/t";
const AGENT: &str = "customers/c/users/agent";

fn at(micros: i64) -> Timestamp {
    Timestamp { seconds: 1_000 + micros / 1_000_000, nanos: (micros % 1_000_000) as i32 * 1_000 }
}

fn user(id: &str) -> User {
    User { name: format!("customers/c/users/{id}"), user_id: id.into(), ..Default::default() }
}

/// `a` (required), `b` (required, asked when a is 0), `note`.
fn template() -> ScorecardTemplate {
    let required = |criterion| pb::Criterion { required: true, ..criterion };
    let follow = pb::Criterion { visible_if: Some(if_answered("a", 0.0)), ..required(yes_no("b")) };
    ScorecardTemplate {
        name: NAME.into(),
        revision: "0a0b0c0d".into(),
        template: Some(structure(vec![chapter("c", vec![required(yes_no("a")), follow, text("note")])])),
        ..Default::default()
    }
}

fn form() -> Form {
    compile(template().template.as_ref().unwrap())
}

/// What a caller sends.
fn sent(scores: Vec<Score>) -> Scorecard {
    Scorecard {
        agent_user_name: AGENT.into(),
        conversation_name: "customers/c/profiles/p/conversations/v".into(),
        template_name: NAME.into(),
        scores,
        ..Default::default()
    }
}

fn by_machine(mut score: Score) -> Score {
    let ai = AiValue { numeric_value: score.numeric_value.take(), model: "m".into(), ..Default::default() };
    score.ai_value = Some(ai);
    score
}

fn person(user: &User, micros: i64) -> Act<'_> {
    Act { now: at(micros), user, machine: false }
}

fn machine(user: &User, micros: i64) -> Act<'_> {
    Act { now: at(micros), user, machine: true }
}

fn begun(scores: Vec<Score>, act: &Act<'_>) -> Result<Scorecard, Error> {
    let mut card = sent(scores);
    create(&mut card, &template(), &form(), Membership::Unknown, act)?;
    Ok(card)
}

fn changed(old: &Scorecard, act: &Act<'_>, change: impl FnOnce(&mut Scorecard)) -> Result<Scorecard, Error> {
    let mut card = old.clone();
    change(&mut card);
    update(old, &mut card, &template(), &form(), act)?;
    Ok(card)
}

/// Submitted by the grader at 10 with `a` answered, and acknowledged at 20.
fn acknowledged() -> Scorecard {
    let (grader, agent) = (user("grader"), user("agent"));
    let card = begun(vec![answer("a", 1.0)], &person(&grader, 0)).unwrap();
    let card = submit(&card, &form(), &person(&grader, 10)).unwrap().unwrap();
    acknowledge(&card, "thanks", &person(&agent, 20), true).unwrap().unwrap()
}

#[track_caller]
fn refused<T: std::fmt::Debug>(result: Result<T, Error>, code: Code, reason: &str) -> Error {
    let error = result.unwrap_err();
    assert_eq!((error.code(), error.reason()), (code, reason), "{error}");
    error
}

fn fields(error: &Error) -> Vec<&str> {
    error.violations().iter().map(|fault| fault.field.as_str()).collect()
}

// Create.

#[test]
fn creating_pins_the_revision_and_fills_in_what_the_server_knows() {
    let grader = user("grader");
    let mut card = sent(vec![answer("a", 1.0)]);
    card.submit_time = Some(at(5));
    card.acknowledge_comment = "forged".into();
    card.total_score = 77.0;
    card.calibration_consistency_score = 77.0;
    card.coaching_plan_names = vec!["forged".into()];
    create(&mut card, &template(), &form(), Membership::Unknown, &person(&grader, 3)).unwrap();
    assert_eq!(card.template_name, format!("{NAME}@0a0b0c0d"));
    assert_eq!((card.create_time, card.update_time, card.submit_time), (Some(at(3)), Some(at(3)), None));
    assert_eq!(card.calibration_consistency_score, 0.0);
    assert_eq!((card.creator, card.updated_by), (Some(grader.clone()), Some(grader)));
    assert_eq!(card.scorecard_type, i32::from(ScorecardType::Conversation));
    assert_eq!((card.total_score, card.manually_scored, card.ai_score_time), (100.0, true, None));
    assert!(card.acknowledge_comment.is_empty() && card.coaching_plan_names.is_empty());
    assert_eq!(card.scores[0].state(), pb::score::State::Answered);
}

#[test]
fn nothing_begins_on_a_deleted_or_inactive_template() {
    let grader = user("grader");
    let begin = |template: &ScorecardTemplate| {
        create(&mut sent(vec![]), template, &form(), Membership::Unknown, &person(&grader, 0))
    };
    let deleted = ScorecardTemplate { delete_time: Some(at(0)), ..template() };
    refused(begin(&deleted), Code::FailedPrecondition, "TEMPLATE_DELETED");
    for (status, reason) in [
        (ScorecardTemplateStatus::Deleted, "TEMPLATE_DELETED"),
        (ScorecardTemplateStatus::Inactive, "TEMPLATE_INACTIVE"),
    ] {
        refused(begin(&ScorecardTemplate { status: status.into(), ..template() }), Code::FailedPrecondition, reason);
    }
}

#[test]
fn a_usecase_must_be_served_and_the_only_one_is_filled_in() {
    let grader = user("grader");
    let begin = |served: &[&str], usecase: &str| {
        let template =
            ScorecardTemplate { usecase_names: served.iter().map(|s| s.to_string()).collect(), ..template() };
        let mut card = Scorecard { usecase_name: usecase.into(), ..sent(vec![]) };
        create(&mut card, &template, &form(), Membership::Unknown, &person(&grader, 0)).map(|()| card.usecase_name)
    };
    assert_eq!(begin(&[], "u").unwrap(), "u");
    assert_eq!(begin(&["u", "v"], "v").unwrap(), "v");
    assert_eq!(begin(&["u"], "").unwrap(), "u");
    assert_eq!(begin(&["u", "v"], "").unwrap(), "");
    refused(begin(&["u", "v"], "w"), Code::FailedPrecondition, "USECASE_NOT_SERVED");
}

#[test]
fn the_agent_is_within_the_audience_as_far_as_is_known() {
    let grader = user("grader");
    let list = |names: &[&str]| names.iter().map(|name| name.to_string()).collect::<Vec<String>>();
    let begin = |users: &[&str], groups: &[&str], excluded: &[&str], membership: Membership<'_>| {
        let audience =
            Audience { users: list(users), groups: list(groups), excluded_users: list(excluded), ..Default::default() };
        let template = ScorecardTemplate { audience: Some(audience), ..template() };
        create(&mut sent(vec![]), &template, &form(), membership, &person(&grader, 0))
    };
    let member = |groups: &[&str]| DirectoryUser {
        roles: list(&["agent"]),
        group_names: list(groups),
        ..DirectoryUser::default()
    };
    let (inside, outside) = (member(&["g"]), member(&["h"]));
    use Membership::{Absent, Known, Unknown};
    begin(&[], &[], &[], Unknown).unwrap();
    begin(&["customers/c/users/other", AGENT], &[], &[], Unknown).unwrap();
    begin(&[], &["g"], &[], Known(&inside)).unwrap();
    begin(&[AGENT], &["g"], &[], Known(&outside)).unwrap();
    for refusal in [
        begin(&["customers/c/users/other"], &[], &[], Unknown),
        begin(&[], &[], &[], Absent),
        begin(&[], &["g"], &[], Unknown),
        begin(&[], &["g"], &[], Known(&outside)),
        begin(&[], &[], &[AGENT], Unknown),
        begin(&[AGENT], &["g"], &[AGENT], Known(&inside)),
    ] {
        refused(refusal, Code::FailedPrecondition, "AGENT_OUTSIDE_AUDIENCE");
    }
}

#[test]
fn type_and_subject_follow_the_template() {
    let grader = user("grader");
    let begin = |of: ScorecardTemplateType, given: i32, change: fn(&mut Scorecard)| {
        let mut card = Scorecard { scorecard_type: given, ..sent(vec![]) };
        change(&mut card);
        let template = ScorecardTemplate { r#type: of.into(), ..template() };
        create(&mut card, &template, &form(), Membership::Unknown, &person(&grader, 0)).map(|()| card.scorecard_type())
    };
    let process: fn(&mut Scorecard) = |card| {
        card.conversation_name.clear();
        card.process_id = "p".into();
    };
    let (talk, proc) = (ScorecardTemplateType::Conversation, ScorecardTemplateType::Process);
    assert_eq!(begin(talk, 0, |_| {}).unwrap(), ScorecardType::Conversation);
    assert_eq!(begin(proc, 0, process).unwrap(), ScorecardType::Process);
    let calibration: fn(&mut Scorecard) = |card| card.reference_scorecard_id = "r".into();
    assert_eq!(begin(talk, 3, calibration).unwrap(), ScorecardType::Calibration);
    type Case = (ScorecardTemplateType, i32, fn(&mut Scorecard), &'static [&'static str]);
    let bad: [Case; 6] = [
        (talk, 0, |card| card.conversation_name.clear(), &["scorecard.conversationName"]),
        (proc, 0, |_| {}, &["scorecard.processId"]),
        (talk, 2, |_| {}, &["scorecard.scorecardType"]),
        (proc, 1, process, &["scorecard.scorecardType"]),
        (talk, 4, |_| {}, &["scorecard.referenceScorecardId"]),
        (talk, 9, |card| card.agent_user_name.clear(), &["scorecard.scorecardType", "scorecard.agentUserName"]),
    ];
    for (of, given, change, expected) in bad {
        let error = refused(begin(of, given, change), Code::InvalidArgument, "INVALID_REQUEST");
        assert_eq!(fields(&error), expected);
    }
}

#[test]
fn bad_answers_are_refused_by_path() {
    let error = begun(vec![answer("a", 7.0), answer("gone", 1.0)], &person(&user("grader"), 0)).unwrap_err();
    assert_eq!(fields(&error), ["scorecard.scores[0].numericValue", "scorecard.scores[1].criterionId"]);
}

// The machine's values.

#[test]
fn a_machine_scores_and_a_person_overrides_it() {
    let (robot, grader) = (user("robot"), user("grader"));
    let card = begun(vec![by_machine(answer("a", 1.0))], &machine(&robot, 5)).unwrap();
    assert_eq!((card.scores[0].numeric_value, card.manually_scored), (Some(1.0), false));
    assert_eq!(card.ai_score_time, Some(at(5)));
    assert_eq!(card.scores[0].ai_value.as_ref().unwrap().score_time, Some(at(5)));
    let card = changed(&card, &person(&grader, 9), |card| card.scores = vec![answer("a", 0.0)]).unwrap();
    assert_eq!((card.scores[0].numeric_value, card.manually_scored), (Some(0.0), true));
    assert_eq!(card.scores[0].ai_value.as_ref().unwrap().numeric_value, Some(1.0), "kept though left out");
    assert_eq!(card.ai_score_time, Some(at(5)), "no machine scored");
    let card = changed(&card, &person(&grader, 12), |card| card.scores.clear()).unwrap();
    assert_eq!(
        (card.scores[0].numeric_value, card.manually_scored),
        (Some(1.0), false),
        "the machine's is shown again"
    );
}

#[test]
fn a_person_cannot_write_the_machines_values() {
    let (robot, grader) = (user("robot"), user("grader"));
    let error = begun(vec![answer("note", 0.0), by_machine(answer("a", 1.0))], &person(&grader, 0)).unwrap_err();
    assert!(fields(&error).contains(&"scorecard.scores[1].aiValue"), "{error}");
    let card = begun(vec![by_machine(answer("a", 1.0))], &machine(&robot, 0)).unwrap();
    changed(&card, &person(&grader, 1), |_| {}).unwrap();
    let forged =
        changed(&card, &person(&grader, 1), |card| card.scores[0].ai_value.as_mut().unwrap().numeric_value = Some(0.0));
    assert_eq!(fields(&forged.unwrap_err()), ["scorecard.scores[0].aiValue"]);
}

#[test]
fn scoring_anew_by_machine_leaves_peoples_answers_and_moves_its_own() {
    let (robot, grader) = (user("robot"), user("grader"));
    let first = begun(vec![by_machine(answer("a", 1.0))], &machine(&robot, 0)).unwrap();
    let rescore = |card: &Scorecard| {
        changed(card, &machine(&robot, 50), |card| card.scores[0].ai_value = by_machine(answer("a", 0.0)).ai_value)
            .unwrap()
    };
    assert_eq!(rescore(&first).scores[0].numeric_value, Some(0.0), "the shown answer was the machine's");
    assert_eq!(rescore(&first).ai_score_time, Some(at(50)));
    let overridden = changed(&first, &person(&grader, 9), |card| {
        card.scores[0].ai_value = first.scores[0].ai_value.clone();
        card.scores[0].numeric_value = Some(0.0);
    })
    .unwrap();
    let mut agreeing = by_machine(answer("a", 1.0));
    agreeing.ai_value.as_mut().unwrap().explanation = "looked again".into();
    let after = changed(&overridden, &machine(&robot, 60), |card| card.scores = vec![agreeing]).unwrap();
    assert_eq!((after.scores[0].numeric_value, after.manually_scored), (Some(0.0), true), "a person's answer stands");
}

#[test]
fn the_same_machine_value_sent_again_is_no_new_scoring() {
    let robot = user("robot");
    let card = begun(vec![by_machine(answer("a", 1.0))], &machine(&robot, 0)).unwrap();
    let again = changed(&card, &machine(&robot, 50), |card| card.scores = vec![by_machine(answer("a", 1.0))]).unwrap();
    assert_eq!(again.ai_score_time, Some(at(0)));
    assert_eq!(again.scores[0].ai_value, card.scores[0].ai_value);
}

// Submit.

#[test]
fn submitting_needs_every_required_answer_and_names_those_missing() {
    let grader = user("grader");
    let card = begun(vec![], &person(&grader, 0)).unwrap();
    let error = refused(submit(&card, &form(), &person(&grader, 1)), Code::FailedPrecondition, "SCORES_INCOMPLETE");
    assert_eq!(error.metadata(), [("count", "1".to_owned())]);
    assert_eq!(error.violations()[0].description, "criterion \"a\" (Question a) of chapter \"c\" needs an answer");
    let card = changed(&card, &person(&grader, 2), |card| card.scores = vec![answer("a", 0.0)]).unwrap();
    let error = refused(submit(&card, &form(), &person(&grader, 3)), Code::FailedPrecondition, "SCORES_INCOMPLETE");
    assert!(error.message().contains('b'), "asked by the answer to a: {error}");
}

#[test]
fn submitting_sets_time_person_source_and_score_once() {
    let grader = user("grader");
    let card = begun(vec![answer("a", 0.0), answer("b", 1.0)], &person(&grader, 0)).unwrap();
    let card = submit(&card, &form(), &person(&grader, 7)).unwrap().unwrap();
    assert_eq!(
        (card.submit_time, card.update_time, card.submitted_by.as_ref()),
        (Some(at(7)), Some(at(7)), Some(&grader))
    );
    assert_eq!((card.submission_source(), card.total_score), (ScorecardSubmissionSource::Manual, 50.0));
    assert_eq!(submit(&card, &form(), &person(&user("other"), 9)).unwrap(), None);
}

#[test]
fn the_submission_source_tells_person_program_and_machine_apart() {
    let (robot, grader) = (user("robot"), user("grader"));
    let source = |scores: Vec<Score>, act: &Act<'_>| {
        let card = begun(scores, &machine(&robot, 0)).unwrap();
        submit(&card, &form(), act).unwrap().unwrap().submission_source()
    };
    use ScorecardSubmissionSource::{Api, AutoQa, Manual};
    assert_eq!(source(vec![by_machine(answer("a", 1.0))], &machine(&robot, 1)), AutoQa);
    assert_eq!(source(vec![by_machine(answer("a", 1.0))], &person(&grader, 1)), Manual);
    assert_eq!(source(vec![answer("a", 1.0)], &machine(&robot, 1)), Api);
}

// Update.

#[test]
fn changing_answers_keeps_it_submitted_and_takes_the_acknowledgement_back() {
    let grader = user("grader");
    let old = acknowledged();
    let card =
        changed(&old, &person(&grader, 30), |card| card.scores = vec![answer("a", 0.0), answer("b", 0.0)]).unwrap();
    assert_eq!((card.submit_time, card.submitted_by), (old.submit_time, old.submitted_by));
    assert_eq!((card.acknowledge_time, card.acknowledge_comment.as_str(), card.total_score), (None, "", 0.0));
}

#[test]
fn remarks_alone_take_no_acknowledgement_back() {
    let card = changed(&acknowledged(), &person(&user("grader"), 30), |card| {
        card.comment = "overall fine".into();
        card.scores[0].comment = "see 1:20".into();
        card.scores.push(Score { criterion_id: "note".into(), comment: "none".into(), ..Default::default() });
    })
    .unwrap();
    assert_eq!((card.acknowledge_time, card.total_score), (Some(at(20)), 100.0));
}

#[test]
fn a_submitted_scorecard_cannot_lose_a_required_answer() {
    let grader = user("grader");
    for scores in [vec![], vec![answer("a", 0.0)]] {
        let result = changed(&acknowledged(), &person(&grader, 30), |card| card.scores = scores);
        refused(result, Code::FailedPrecondition, "SCORES_INCOMPLETE");
    }
}

#[test]
fn a_draft_can_be_finished_on_an_inactive_template_but_not_moved_to_a_usecase_that_is_not_served() {
    let grader = user("grader");
    let old = begun(vec![], &person(&grader, 0)).unwrap();
    let template = ScorecardTemplate {
        status: ScorecardTemplateStatus::Inactive.into(),
        usecase_names: vec!["u".into()],
        ..template()
    };
    let mut card = Scorecard { scores: vec![answer("a", 1.0)], ..old.clone() };
    update(&old, &mut card, &template, &form(), &person(&grader, 1)).unwrap();
    let stays = Scorecard { usecase_name: "gone".into(), ..old.clone() };
    update(&stays, &mut stays.clone(), &template, &form(), &person(&grader, 1)).unwrap();
    let mut moved = Scorecard { usecase_name: "v".into(), ..old.clone() };
    let result = update(&old, &mut moved, &template, &form(), &person(&grader, 1));
    refused(result, Code::FailedPrecondition, "USECASE_NOT_SERVED");
}

#[test]
fn a_remark_that_is_too_long_is_refused() {
    let result = changed(&acknowledged(), &person(&user("grader"), 30), |card| card.comment = "x".repeat(20_001));
    assert_eq!(fields(&result.unwrap_err()), ["scorecard.comment"]);
}

#[test]
fn times_move_strictly_on_also_when_the_clock_goes_back() {
    let grader = user("grader");
    let old = begun(vec![answer("a", 1.0)], &person(&grader, 999_999)).unwrap();
    let same = changed(&old, &person(&grader, 999_999), |_| {}).unwrap();
    assert_eq!(same.update_time, Some(at(1_000_000)), "carries into the seconds");
    let back = submit(&same, &form(), &person(&grader, 5)).unwrap().unwrap();
    assert_eq!((back.update_time, back.submit_time), (Some(at(1_000_001)), Some(at(1_000_001))));
    let fine = Act { now: Timestamp { seconds: 2_000, nanos: 1_999 }, user: &grader, machine: false };
    assert_eq!(reset(&back, &form(), &fine).update_time, Some(Timestamp { seconds: 2_000, nanos: 1_000 }));
}

// Reset and acknowledge.

#[test]
fn resetting_leaves_a_draft_with_the_machines_answers() {
    let (robot, grader) = (user("robot"), user("grader"));
    let card = begun(vec![by_machine(answer("a", 1.0))], &machine(&robot, 0)).unwrap();
    let card = changed(&card, &person(&grader, 1), |card| {
        card.comment = "hm".into();
        card.scores = vec![Score { comment: "no".into(), ..answer("a", 0.0) }, answer("b", 1.0)];
    })
    .unwrap();
    let card = submit(&card, &form(), &person(&grader, 2)).unwrap().unwrap();
    let card = acknowledge(&card, "ok", &person(&user("agent"), 3), true).unwrap().unwrap();
    let card = Scorecard { calibration_consistency_score: 80.0, ..card };
    let card = reset(&card, &form(), &person(&grader, 4));
    assert_eq!(card.calibration_consistency_score, 0.0, "nothing is graded that could agree");
    assert_eq!(card.scores.len(), 1, "what only people said is gone");
    assert_eq!((card.scores[0].numeric_value, card.scores[0].comment.as_str()), (Some(1.0), ""));
    assert_eq!((card.submit_time, card.acknowledge_time, card.submitted_by.as_ref()), (None, None, None));
    assert_eq!(card.submission_source(), ScorecardSubmissionSource::Unspecified);
    assert_eq!((card.manually_scored, card.comment.as_str(), card.acknowledge_comment.as_str()), (false, "", ""));
    assert_eq!((card.total_score, card.ai_score_time), (100.0, Some(at(0))));
    assert_eq!((card.update_time, card.updated_by), (Some(at(4)), Some(grader)));
}

#[test]
fn only_the_scored_agent_acknowledges_and_only_what_is_submitted() {
    let (grader, agent) = (user("grader"), user("agent"));
    let draft = begun(vec![answer("a", 1.0)], &person(&grader, 0)).unwrap();
    refused(acknowledge(&draft, "", &person(&grader, 1), false), Code::PermissionDenied, "NOT_THE_SCORED_AGENT");
    refused(acknowledge(&draft, "", &person(&agent, 1), true), Code::FailedPrecondition, "NOT_SUBMITTED");
    let long = acknowledge(&acknowledged(), &"x".repeat(20_001), &person(&agent, 1), true);
    assert_eq!(fields(&long.unwrap_err()), ["acknowledgeComment"]);
}

#[test]
fn acknowledging_again_replaces_the_comment_and_keeps_the_time() {
    let agent = user("agent");
    let first = acknowledged();
    assert_eq!((first.acknowledge_time, first.acknowledge_comment.as_str()), (Some(at(20)), "thanks"));
    assert_eq!(acknowledge(&first, "thanks", &person(&agent, 30), true).unwrap(), None);
    let again = acknowledge(&first, "but", &person(&agent, 30), true).unwrap().unwrap();
    assert_eq!((again.acknowledge_time, again.acknowledge_comment.as_str()), (Some(at(20)), "but"));
    assert_eq!((again.update_time, again.updated_by), (Some(at(30)), Some(agent)));
}
