//! The two sides of a coaching session, and what may happen to each.

use prost_types::Timestamp;

use super::lifecycle::Act;
use super::{Faults, answers};
use crate::error::{Code, Error, FieldViolation, reason};
use crate::pb::cresta::v1::coaching::CoachingSession;

/// Whose side of a session a caller moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The coach's: when it takes place, what was noted, plan, usecase, and their submission.
    Manager,
    /// The coached agent's: their comment, its submission, the acknowledgement.
    Agent,
    /// Whoever runs the installation, or a program that acts for both.
    Both,
}

/// Begins a session: `session` is what the caller sent, with its agent settled, and becomes what to store.
///
/// # Errors
/// INVALID_ARGUMENT with every bad field, and NOT_YOUR_SIDE where the caller writes for the other side.
pub fn create(session: &mut CoachingSession, act: &Act<'_>, side: Side) -> Result<(), Error> {
    check(session)?;
    let nothing = CoachingSession { agent_user_name: session.agent_user_name.clone(), ..CoachingSession::default() };
    let moved = Moved::between(&nothing, session);
    moved.permit(side)?;
    let time = act.time(None);
    session.creator_user_name.clone_from(&act.user.name);
    session.create_time = Some(time);
    session.update_time = Some(time);
    session.manager_update_time = Some(time);
    session.agent_update_time = (!moved.agents.is_empty()).then_some(time);
    submit(None, session, act, time);
    Ok(())
}

/// Changes a session: `session` is `old` with the caller's changes in it, and becomes what to store.
///
/// # Errors
/// INVALID_ARGUMENT with every bad field, and NOT_YOUR_SIDE, naming each field that the other side alone may change.
pub fn update(old: &CoachingSession, session: &mut CoachingSession, act: &Act<'_>, side: Side) -> Result<(), Error> {
    let moved = Moved::between(old, session);
    moved.permit(side)?;
    check(session)?;
    let time = act.time(old.update_time.as_ref());
    session.update_time = Some(time);
    if !moved.managers.is_empty() {
        session.manager_update_time = Some(time);
    }
    if !moved.agents.is_empty() {
        session.agent_update_time = Some(time);
    }
    submit(old.manager_submit_time, session, act, time);
    Ok(())
}

/// Moves the agent's side as the flags say; `None` where that changes nothing. No comment keeps the one that is there, and
/// a flag that is not set takes nothing back.
///
/// # Errors
/// INVALID_ARGUMENT for a comment that is too long.
pub fn acknowledge(
    old: &CoachingSession,
    comment: Option<&str>,
    submitted: bool,
    acknowledged: bool,
    act: &Act<'_>,
) -> Result<Option<CoachingSession>, Error> {
    let mut faults = Faults::default();
    faults.length("agentComment".to_owned(), comment.unwrap_or_default(), answers::MAX_COMMENT);
    if !faults.0.is_empty() {
        return Err(Error::fields(faults.0));
    }
    let time = act.time(old.update_time.as_ref());
    let mut session = old.clone();
    if let Some(comment) = comment {
        session.agent_comment = comment.to_owned();
    }
    if submitted {
        session.agent_submit_time.get_or_insert(time);
    }
    if acknowledged {
        session.acknowledge_time.get_or_insert(time);
    }
    if session == *old {
        return Ok(None);
    }
    session.update_time = Some(time);
    session.agent_update_time = Some(time);
    Ok(Some(session))
}

fn check(session: &CoachingSession) -> Result<(), Error> {
    let mut faults = Faults::default();
    faults.length("coachingSession.meetingNotes".to_owned(), &session.meeting_notes, answers::MAX_COMMENT);
    faults.length("coachingSession.agentComment".to_owned(), &session.agent_comment, answers::MAX_COMMENT);
    if faults.0.is_empty() { Ok(()) } else { Err(Error::fields(faults.0)) }
}

/// Settles the submission of the manager's side: a time that differs from the stored one submits it now, none takes it
/// back.
fn submit(old: Option<Timestamp>, session: &mut CoachingSession, act: &Act<'_>, time: Timestamp) {
    if session.manager_submit_time.is_none() {
        session.manager_submitter_user_name.clear();
    } else if session.manager_submit_time != old {
        session.manager_submit_time = Some(time);
        session.manager_submitter_user_name.clone_from(&act.user.name);
    }
}

/// The fields of either side in which two versions of a session differ.
struct Moved {
    managers: Vec<&'static str>,
    agents: Vec<&'static str>,
}

impl Moved {
    fn between(old: &CoachingSession, new: &CoachingSession) -> Self {
        let managers = [
            ("meetingNotes", old.meeting_notes != new.meeting_notes),
            ("sessionTime", old.session_time != new.session_time),
            ("managerSubmitTime", old.manager_submit_time != new.manager_submit_time),
            ("coachingPlanName", old.coaching_plan_name != new.coaching_plan_name),
            ("usecaseName", old.usecase_name != new.usecase_name),
        ];
        let agents = [("agentComment", old.agent_comment != new.agent_comment)];
        let of = |fields: &[(&'static str, bool)]| {
            fields.iter().filter(|(_, differs)| *differs).map(|(field, _)| *field).collect()
        };
        Self { managers: of(&managers), agents: of(&agents) }
    }

    /// Refuses what the caller's side may not move.
    fn permit(&self, side: Side) -> Result<(), Error> {
        let (theirs, whose) = match side {
            Side::Manager => (&self.agents, "the agent"),
            Side::Agent => (&self.managers, "the manager"),
            Side::Both => return Ok(()),
        };
        let [first, ..] = theirs.as_slice() else { return Ok(()) };
        let violation = |field: &&'static str| FieldViolation {
            field: format!("coachingSession.{field}"),
            description: format!("is of the side that {whose} moves: leave it out, or send it back unchanged"),
        };
        let message = format!("only {whose} changes coachingSession.{first}");
        Err(Error::new(Code::PermissionDenied, reason::NOT_YOUR_SIDE, message)
            .with_fields(theirs.iter().map(violation).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pb::cresta::v1::user::User;

    fn at(seconds: i64) -> Timestamp {
        Timestamp { seconds, nanos: 0 }
    }

    fn user(name: &str) -> User {
        User { name: name.into(), ..User::default() }
    }

    fn act(user: &User, seconds: i64) -> Act<'_> {
        Act { now: at(seconds), user, machine: false }
    }

    /// A session that `mona` made at 10.
    fn made() -> CoachingSession {
        let mut session =
            CoachingSession { agent_user_name: "amir".into(), meeting_notes: "n".into(), ..Default::default() };
        create(&mut session, &act(&user("mona"), 10), Side::Manager).unwrap();
        session
    }

    /// What becomes of [`made`] when this side changes it at 20.
    fn changed(side: Side, change: impl FnOnce(&mut CoachingSession)) -> Result<CoachingSession, Error> {
        let old = made();
        let mut session = old.clone();
        change(&mut session);
        update(&old, &mut session, &act(&user("nora"), 20), side).map(|()| session)
    }

    #[test]
    fn a_session_begins_on_the_managers_side() {
        let session = made();
        assert_eq!(
            (session.create_time, session.update_time, session.manager_update_time),
            (Some(at(10)), Some(at(10)), Some(at(10)))
        );
        assert_eq!((session.agent_update_time, session.manager_submit_time), (None, None));
        assert_eq!((session.creator_user_name.as_str(), session.manager_submitter_user_name.as_str()), ("mona", ""));
    }

    #[test]
    fn each_side_moves_its_own_times() {
        let by_manager = changed(Side::Manager, |session| session.meeting_notes = "m".into()).unwrap();
        assert_eq!((by_manager.manager_update_time, by_manager.agent_update_time), (Some(at(20)), None));
        let by_agent = changed(Side::Agent, |session| session.agent_comment = "a".into()).unwrap();
        assert_eq!((by_agent.manager_update_time, by_agent.agent_update_time), (Some(at(10)), Some(at(20))));
        let by_both = changed(Side::Both, |session| {
            session.agent_comment = "a".into();
            session.usecase_name = "u".into();
        })
        .unwrap();
        assert_eq!((by_both.manager_update_time, by_both.agent_update_time), (Some(at(20)), Some(at(20))));
        assert_eq!(by_both.update_time, Some(at(20)));
    }

    #[test]
    fn neither_side_moves_the_others_and_every_field_is_named() {
        let refused = changed(Side::Manager, |session| session.agent_comment = "a".into()).unwrap_err();
        assert_eq!((refused.code(), refused.reason()), (Code::PermissionDenied, reason::NOT_YOUR_SIDE));
        let refused = changed(Side::Agent, |session| {
            session.agent_comment = "a".into();
            session.meeting_notes.clear();
            session.session_time = Some(at(1));
            session.manager_submit_time = Some(at(1));
            session.coaching_plan_name = "p".into();
            session.usecase_name = "u".into();
        })
        .unwrap_err();
        let fields: Vec<&str> = refused.violations().iter().map(|fault| fault.field.as_str()).collect();
        assert_eq!(
            fields,
            [
                "coachingSession.meetingNotes",
                "coachingSession.sessionTime",
                "coachingSession.managerSubmitTime",
                "coachingSession.coachingPlanName",
                "coachingSession.usecaseName"
            ]
        );
        let mut early = CoachingSession { agent_comment: "a".into(), ..Default::default() };
        let refused = create(&mut early, &act(&user("mona"), 10), Side::Manager).unwrap_err();
        assert_eq!(refused.reason(), reason::NOT_YOUR_SIDE);
        create(&mut early, &act(&user("sys"), 10), Side::Both).unwrap();
        assert_eq!(early.agent_update_time, Some(at(10)));
    }

    #[test]
    fn the_manager_submits_by_any_time_and_takes_it_back_by_none() {
        let submitted = changed(Side::Manager, |session| session.manager_submit_time = Some(at(1))).unwrap();
        assert_eq!(submitted.manager_submit_time, Some(at(20)));
        assert_eq!(submitted.manager_submitter_user_name, "nora");

        let mut same = submitted.clone();
        same.meeting_notes = "later".into();
        update(&submitted, &mut same, &act(&user("mona"), 30), Side::Manager).unwrap();
        assert_eq!((same.manager_submit_time, same.manager_submitter_user_name.as_str()), (Some(at(20)), "nora"));

        let mut back = same.clone();
        back.manager_submit_time = None;
        update(&same, &mut back, &act(&user("mona"), 40), Side::Manager).unwrap();
        assert_eq!((back.manager_submit_time, back.manager_submitter_user_name.as_str()), (None, ""));
    }

    #[test]
    fn an_acknowledgement_is_set_once_and_never_taken_back() {
        let amir = user("amir");
        let saved = acknowledge(&made(), Some("thanks"), false, false, &act(&amir, 20)).unwrap().unwrap();
        assert_eq!((saved.agent_comment.as_str(), saved.agent_update_time), ("thanks", Some(at(20))));
        assert_eq!(
            (saved.agent_submit_time, saved.acknowledge_time, saved.manager_update_time),
            (None, None, Some(at(10)))
        );

        let both = acknowledge(&saved, None, true, true, &act(&amir, 30)).unwrap().unwrap();
        assert_eq!((both.agent_submit_time, both.acknowledge_time), (Some(at(30)), Some(at(30))));
        assert_eq!(both.agent_comment, "thanks");

        assert_eq!(acknowledge(&both, Some("thanks"), true, true, &act(&amir, 40)).unwrap(), None);
        let cleared = acknowledge(&both, Some(""), false, false, &act(&amir, 40)).unwrap().unwrap();
        assert_eq!((cleared.agent_comment.as_str(), cleared.acknowledge_time), ("", Some(at(30))));
    }

    #[test]
    fn texts_have_an_end() {
        let long = "é".repeat(answers::MAX_COMMENT + 1);
        let refused = changed(Side::Both, |session| {
            session.meeting_notes.clone_from(&long);
            session.agent_comment.clone_from(&long);
        })
        .unwrap_err();
        assert_eq!(refused.violations().len(), 2);
        let refused = acknowledge(&made(), Some(&long), false, false, &act(&user("amir"), 20)).unwrap_err();
        assert_eq!(refused.violations()[0].field, "agentComment");
    }
}
