//! Revisions, states, and what is refused.

use prost_types::Timestamp;

use super::*;
use crate::domain::fixtures::{chapter, structure as make, text, yes_no};
use crate::error::Code;
use crate::pb::cresta::v1::coaching::QaScoreConfig;
use crate::pb::cresta::v1::user::User;

fn act(user: &User, seconds: i64) -> Act<'_> {
    Act { now: Timestamp { seconds, nanos: 0 }, user, machine: false }
}

fn author() -> User {
    User { name: "customers/c/users/author".into(), ..Default::default() }
}

fn at(seconds: i64) -> Option<Timestamp> {
    Some(Timestamp { seconds, nanos: 0 })
}

fn sent() -> ScorecardTemplate {
    ScorecardTemplate {
        name: "customers/c/profiles/p/scorecardTemplates/t".into(),
        title: "Calls".into(),
        template: Some(make(vec![chapter("c", vec![yes_no("a"), text("b")])])),
        ..Default::default()
    }
}

fn made() -> ScorecardTemplate {
    let mut template = sent();
    create(&mut template, &act(&author(), 10)).unwrap();
    template
}

fn changed(
    old: &ScorecardTemplate,
    earlier: &[ScorecardTemplate],
    seconds: i64,
    change: impl FnOnce(&mut ScorecardTemplate),
) -> Result<ScorecardTemplate, Error> {
    let mut template = old.clone();
    change(&mut template);
    update(old, &mut template, earlier, &act(&author(), seconds))?;
    Ok(template)
}

fn reword(template: &mut ScorecardTemplate) {
    template.template.as_mut().unwrap().chapters[0].criteria[0].display_name = "Asked otherwise".into();
}

#[track_caller]
fn refused<T: std::fmt::Debug>(result: Result<T, Error>, code: Code, reason: &str) -> Vec<String> {
    let error = result.unwrap_err();
    assert_eq!((error.code(), error.reason()), (code, reason), "{error}");
    error.violations().iter().map(|fault| fault.field.clone()).collect()
}

#[test]
fn creating_fills_in_defaults_and_the_first_revision() {
    let template = made();
    assert_eq!((template.status(), template.r#type()), (Status::Active, Type::Conversation));
    assert_eq!(template.revision, revision_id(template.template.as_ref().unwrap()));
    assert_eq!((template.revision_number, template.revision_create_time), (1, at(10)));
    assert_eq!((template.create_time, template.deactivate_time, template.delete_time), (at(10), None, None));
    assert_eq!(template.last_updated_by, Some(author()));
}

#[test]
fn a_template_may_begin_inactive_but_not_deleted() {
    let with = |status: i32| {
        let mut template = ScorecardTemplate { status, ..sent() };
        create(&mut template, &act(&author(), 10)).map(|()| template)
    };
    assert_eq!(with(Status::Inactive.into()).unwrap().deactivate_time, at(10));
    for status in [Status::Deleted.into(), 9] {
        assert_eq!(refused(with(status), Code::InvalidArgument, "INVALID_REQUEST"), ["scorecardTemplate.status"]);
    }
}

#[test]
fn every_bad_field_is_reported_with_the_faults_of_the_structure() {
    let mut template = sent();
    template.title = " ".into();
    template.r#type = 7;
    template.qa_score_config = Some(QaScoreConfig { included: true, weight: Some(0.0) });
    template.template.as_mut().unwrap().chapters[0].id.clear();
    let fields = refused(create(&mut template, &act(&author(), 1)), Code::InvalidArgument, "TEMPLATE_LINT");
    let expected = ["type", "title", "qaScoreConfig.weight", "template.chapters[0].id"];
    assert_eq!(fields, expected.map(|field| format!("scorecardTemplate.{field}")));
}

#[test]
fn titles_and_weights_have_bounds() {
    type Change = fn(&mut ScorecardTemplate);
    let bad: [(Change, &str); 4] = [
        (|t| t.title = "x".repeat(501), "title"),
        (|t| t.qa_score_config = Some(QaScoreConfig { included: true, weight: Some(-1.0) }), "qaScoreConfig.weight"),
        (
            |t| t.qa_score_config = Some(QaScoreConfig { included: true, weight: Some(f64::NAN) }),
            "qaScoreConfig.weight",
        ),
        (|t| t.template = None, "template"),
    ];
    for (change, field) in bad {
        let fields = refused(changed(&made(), &[], 20, change), Code::InvalidArgument, "INVALID_REQUEST");
        assert_eq!(fields, [format!("scorecardTemplate.{field}")]);
    }
    changed(&made(), &[], 20, |t| {
        t.title = "ü".repeat(500);
        t.qa_score_config = Some(QaScoreConfig { included: true, weight: Some(0.5) });
    })
    .unwrap();
}

#[test]
fn only_a_change_of_structure_makes_a_revision() {
    let first = made();
    let titled = changed(&first, &[], 20, |template| template.title = "Chats".into()).unwrap();
    assert_eq!((titled.revision.as_str(), titled.revision_number), (first.revision.as_str(), 1));
    assert_eq!(titled.revision_create_time, at(10));
    let reworded = changed(&titled, &[], 30, reword).unwrap();
    assert_ne!(reworded.revision, first.revision);
    assert_eq!((reworded.revision_number, reworded.revision_create_time), (2, at(30)));
}

#[test]
fn going_back_to_an_earlier_structure_goes_back_to_its_id_with_a_new_number() {
    let first = made();
    let second = changed(&first, &[], 20, reword).unwrap();
    let third =
        changed(&second, std::slice::from_ref(&first), 30, |template| template.template = first.template.clone())
            .unwrap();
    assert_eq!((third.revision, third.revision_number), (first.revision, 3));
}

#[test]
fn output_fields_that_a_caller_sends_are_overruled() {
    let first = made();
    let forged = changed(&first, &[], 20, |template| {
        template.revision = "ffffffff".into();
        template.revision_number = 99;
        template.deactivate_time = at(1);
    })
    .unwrap();
    assert_eq!((forged.revision, forged.revision_number, forged.deactivate_time), (first.revision, 1, None));
}

#[test]
fn an_id_that_changes_its_meaning_is_refused_whichever_revision_it_stood_in() {
    let first = made();
    let second = changed(&first, &[], 20, |t| t.template = Some(make(vec![chapter("c", vec![yes_no("a")])]))).unwrap();
    let back = |earlier: &[ScorecardTemplate]| {
        changed(&second, earlier, 30, |t| t.template = Some(make(vec![chapter("c", vec![yes_no("a"), yes_no("b")])])))
    };
    let fields = refused(back(&[first]), Code::FailedPrecondition, "CRITERION_TYPE_CHANGED");
    assert_eq!(fields, ["scorecardTemplate.template.chapters[0].criteria[1].id"]);
}

#[test]
fn a_revision_id_never_comes_to_stand_for_two_structures() {
    let first = made();
    let mut other = first.clone();
    reword(&mut other);
    // As if an earlier structure had met the same 8 digits.
    other.revision = revision_id(first.template.as_ref().unwrap());
    let fields = refused(changed(&first, &[other], 20, |_| {}), Code::InvalidArgument, "INVALID_REQUEST");
    assert_eq!(fields, ["scorecardTemplate.template"]);
}

#[test]
fn deactivating_and_activating_keeps_the_time_of_the_last_deactivation() {
    let inactive = changed(&made(), &[], 20, |template| template.set_status(Status::Inactive)).unwrap();
    assert_eq!(inactive.deactivate_time, at(20));
    let titled = changed(&inactive, &[], 30, |template| {
        template.title = "Chats".into();
        template.set_status(Status::Unspecified);
    })
    .unwrap();
    assert_eq!((titled.status(), titled.deactivate_time), (Status::Inactive, at(20)));
    let active = changed(&titled, &[], 40, |template| template.set_status(Status::Active)).unwrap();
    assert_eq!((active.status(), active.deactivate_time), (Status::Active, None));
}

#[test]
fn the_type_is_fixed_and_deletion_has_its_own_method() {
    let fields =
        refused(changed(&made(), &[], 20, |t| t.set_type(Type::Process)), Code::InvalidArgument, "INVALID_REQUEST");
    assert_eq!(fields, ["scorecardTemplate.type"]);
    let fields =
        refused(changed(&made(), &[], 20, |t| t.set_status(Status::Deleted)), Code::InvalidArgument, "INVALID_REQUEST");
    assert_eq!(fields, ["scorecardTemplate.status"]);
}

#[test]
fn a_deleted_template_stays_as_it_is() {
    let deleted = delete(&made(), &act(&author(), 20)).unwrap();
    assert_eq!((deleted.status(), deleted.delete_time), (Status::Deleted, at(20)));
    assert_eq!(delete(&deleted, &act(&author(), 30)), None);
    refused(changed(&deleted, &[], 30, reword), Code::FailedPrecondition, "TEMPLATE_DELETED");
}
