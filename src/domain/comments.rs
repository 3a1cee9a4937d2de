//! What a coaching comment may say, and what may happen to it.

use super::lifecycle::Act;
use super::{Faults, answers};
use crate::error::{Code, Error, reason};
use crate::names::is_id;
use crate::pb::cresta::v1::coaching::{CoachingComment, CoachingSession};

/// Most comments that link to the notes of one session: they lose their links in one write when the session goes.
pub const MAX_LINKING: usize = 100;
const MAX_LIST: usize = 100;

/// Begins a comment: `comment` is what the caller sent, and becomes what to store once its thread, plan and agent are
/// settled.
///
/// # Errors
/// INVALID_ARGUMENT with every bad field.
pub fn create(comment: &mut CoachingComment, act: &Act<'_>) -> Result<(), Error> {
    check(comment)?;
    comment.creator_user_name.clone_from(&act.user.name);
    comment.create_time = Some(act.time(None));
    comment.update_time = comment.create_time;
    Ok(())
}

/// Changes a comment: `comment` is `old` with the caller's changes in it, and becomes what to store.
///
/// # Errors
/// NOT_THE_WRITER where somebody else wrote it, and INVALID_ARGUMENT with every bad field.
pub fn update(old: &CoachingComment, comment: &mut CoachingComment, act: &Act<'_>) -> Result<(), Error> {
    if act.user.name != old.creator_user_name {
        let message = "only who wrote a comment can change it";
        return Err(Error::new(Code::PermissionDenied, reason::NOT_THE_WRITER, message));
    }
    check(comment)?;
    comment.update_time = Some(act.time(old.update_time.as_ref()));
    Ok(())
}

/// The comment without its links to a session that goes.
pub fn unlink(old: &CoachingComment, session: &str, act: &Act<'_>) -> CoachingComment {
    let mut comment = old.clone();
    comment.linked_session_notes.retain(|note| note.coaching_session_name != session);
    comment.update_time = Some(act.time(old.update_time.as_ref()));
    comment
}

/// Whether a comment may link to the notes of this session: it is of the comment's plan, or of none as the comment is, and
/// then of the same agent.
pub fn may_link(comment: &CoachingComment, session: &CoachingSession) -> bool {
    session.coaching_plan_name == comment.coaching_plan_name
        && (!comment.coaching_plan_name.is_empty()
            || comment.agent_user_name.is_empty()
            || session.agent_user_name == comment.agent_user_name)
}

fn check(comment: &CoachingComment) -> Result<(), Error> {
    let mut faults = Faults::default();
    faults.length("coachingComment.message".to_owned(), &comment.message, answers::MAX_COMMENT);
    if !comment.thread.is_empty() && !is_id(&comment.thread) {
        faults.add("coachingComment.thread", "must have 1 to 128 of the characters A-Z a-z 0-9 . _ ~ -");
    }
    let lists =
        [("taggedUsers", comment.tagged_users.len()), ("linkedSessionNotes", comment.linked_session_notes.len())];
    for (field, length) in lists {
        if length > MAX_LIST {
            faults.add(format!("coachingComment.{field}"), format!("has more than {MAX_LIST} items"));
        }
    }
    for (i, note) in comment.linked_session_notes.iter().enumerate() {
        let field = format!("coachingComment.linkedSessionNotes[{i}].quote");
        faults.length(field, &note.quote, answers::MAX_COMMENT);
    }
    if faults.0.is_empty() { Ok(()) } else { Err(Error::fields(faults.0)) }
}

#[cfg(test)]
mod tests {
    use prost_types::Timestamp;

    use super::*;
    use crate::pb::cresta::v1::coaching::LinkedSessionNote;
    use crate::pb::cresta::v1::user::User;

    fn at(seconds: i64) -> Timestamp {
        Timestamp { seconds, nanos: 0 }
    }

    fn by<T>(name: &str, seconds: i64, rule: impl FnOnce(&Act<'_>) -> T) -> T {
        let user = User { name: name.into(), ..User::default() };
        rule(&Act { now: at(seconds), user: &user, machine: false })
    }

    fn note(session: &str, quote: &str) -> LinkedSessionNote {
        LinkedSessionNote { coaching_session_name: session.into(), quote: quote.into() }
    }

    fn written() -> CoachingComment {
        let mut comment = CoachingComment {
            message: "well".into(),
            linked_session_notes: vec![note("s", "a"), note("t", "b"), note("s", "c")],
            ..Default::default()
        };
        by("mona", 10, |act| create(&mut comment, act)).unwrap();
        comment
    }

    #[test]
    fn only_the_writer_changes_a_comment() {
        let old = written();
        assert_eq!(
            (old.creator_user_name.as_str(), old.create_time, old.update_time),
            ("mona", Some(at(10)), Some(at(10)))
        );
        let mut changed = CoachingComment { message: "better".into(), ..old.clone() };
        let refused = by("amir", 20, |act| update(&old, &mut changed, act)).unwrap_err();
        assert_eq!((refused.code(), refused.reason()), (Code::PermissionDenied, reason::NOT_THE_WRITER));
        by("mona", 20, |act| update(&old, &mut changed, act)).unwrap();
        assert_eq!((changed.create_time, changed.update_time), (Some(at(10)), Some(at(20))));
    }

    #[test]
    fn a_session_that_goes_takes_every_link_to_it_and_no_other() {
        let left = by("nora", 20, |act| unlink(&written(), "s", act));
        assert_eq!(left.linked_session_notes, [note("t", "b")]);
        assert_eq!((left.update_time, left.creator_user_name.as_str()), (Some(at(20)), "mona"));
    }

    #[test]
    fn notes_are_of_the_same_plan_or_of_the_same_agent_where_there_is_none() {
        let comment = |plan: &str, agent: &str| CoachingComment {
            coaching_plan_name: plan.into(),
            agent_user_name: agent.into(),
            ..Default::default()
        };
        let session = |plan: &str, agent: &str| CoachingSession {
            coaching_plan_name: plan.into(),
            agent_user_name: agent.into(),
            ..Default::default()
        };
        assert!(may_link(&comment("p", "amir"), &session("p", "amir")));
        assert!(!may_link(&comment("p", "amir"), &session("q", "amir")));
        assert!(!may_link(&comment("p", "amir"), &session("", "amir")));
        assert!(!may_link(&comment("", "amir"), &session("p", "amir")));
        assert!(may_link(&comment("", "amir"), &session("", "amir")));
        assert!(!may_link(&comment("", "amir"), &session("", "bea")));
        assert!(may_link(&comment("", ""), &session("", "bea")));
    }

    #[test]
    fn every_bad_field_is_told() {
        let long = "é".repeat(answers::MAX_COMMENT + 1);
        let mut comment = CoachingComment {
            message: long.clone(),
            thread: "a b".into(),
            tagged_users: vec!["u".into(); MAX_LIST + 1],
            linked_session_notes: vec![note("s", ""), note("s", &long)],
            ..Default::default()
        };
        let refused = by("mona", 10, |act| create(&mut comment, act)).unwrap_err();
        let fields: Vec<&str> = refused.violations().iter().map(|fault| fault.field.as_str()).collect();
        assert_eq!(
            fields,
            [
                "coachingComment.message",
                "coachingComment.thread",
                "coachingComment.taggedUsers",
                "coachingComment.linkedSessionNotes[1].quote"
            ]
        );
        comment.linked_session_notes = vec![note("s", ""); MAX_LIST + 1];
        let refused = by("mona", 10, |act| create(&mut comment, act)).unwrap_err();
        assert!(refused.violations().iter().any(|fault| fault.field == "coachingComment.linkedSessionNotes"));
    }
}
