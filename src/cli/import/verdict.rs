//! What a refusal of a batch means: for its records, for another try, or for the whole import.

use std::collections::HashSet;

use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::error::reason;

/// What to do with a batch that was refused.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Passing trouble: the same again, after a pause.
    Again,
    /// These of its records are bad: place in the batch, path within the record (empty for the record itself), what is wrong.
    Bad(Vec<(usize, String, String)>),
    /// Something in it is bad: find it by halves.
    Split,
    /// Nothing that another batch would help.
    Stop,
}

/// Judges the refusal of a batch of so many records, which stand in the request's field of this name.
pub(super) fn of(status: &Status, plural: &str, records: usize) -> Verdict {
    let details = status.get_error_details();
    let cause = details.error_info().map_or("", |info| info.reason.as_str());
    match status.code() {
        Code::Unavailable | Code::ResourceExhausted | Code::DeadlineExceeded => Verdict::Again,
        Code::Aborted if cause == reason::STORAGE_CONFLICT => Verdict::Again,
        // A connection that broke, rather than what a server thinks, which always carries details.
        Code::Unknown | Code::Cancelled | Code::Internal if cause.is_empty() => Verdict::Again,
        Code::InvalidArgument
        | Code::AlreadyExists
        | Code::FailedPrecondition
        | Code::NotFound
        | Code::Aborted
        | Code::OutOfRange => {
            let violations = details.bad_request().map(|bad| bad.field_violations.as_slice()).unwrap_or_default();
            let bad = |violation: &tonic_types::FieldViolation| {
                let (at, path) = place(&violation.field, plural)?;
                (at < records).then(|| (at, path.to_owned(), violation.description.clone()))
            };
            let bad: Vec<_> = violations.iter().filter_map(bad).collect();
            if bad.is_empty() { Verdict::Split } else { Verdict::Bad(bad) }
        }
        _ => Verdict::Stop,
    }
}

/// The place and the rest of `users[3].email`.
fn place<'a>(field: &'a str, plural: &str) -> Option<(usize, &'a str)> {
    let (number, path) = field.strip_prefix(plural)?.strip_prefix('[')?.split_once(']')?;
    Some((number.parse().ok()?, path.strip_prefix('.').unwrap_or(path)))
}

/// Takes out what is held against records for the username of an earlier one that is itself bad: that one does not get
/// in, so they may. Those that are bad for nothing else are to be sent again without it.
pub(super) fn without_rivals(bad: &mut Vec<(usize, String, String)>, plural: &str) {
    let rival = |path: &str, text: &str| {
        let of = text.strip_prefix("is the username of ")?.strip_suffix(" too")?;
        (path == "username").then(|| place(of, plural)).flatten().filter(|(_, rest)| rest.is_empty()).map(|(at, _)| at)
    };
    let alone: HashSet<usize> =
        bad.iter().filter(|(_, path, text)| rival(path, text).is_none()).map(|(at, ..)| *at).collect();
    bad.retain(|(at, path, text)| alone.contains(at) || rival(path, text).is_none_or(|of| !alone.contains(&of)));
}

/// A description with the lines in it that it names as places in the batch.
pub(super) fn by_lines(description: &str, plural: &str, lines: &[u64]) -> String {
    let mut told = String::new();
    let mut rest = description;
    while let Some((before, after)) = rest.split_once(plural) {
        told.push_str(before);
        let place = after.strip_prefix('[').and_then(|after| after.split_once(']'));
        let line = place.and_then(|(number, _)| lines.get(number.parse::<usize>().ok()?));
        rest = match (place, line) {
            (Some((_, after)), Some(line)) => {
                told.push_str(&format!("line {line}"));
                after
            }
            _ => {
                told.push_str(plural);
                after
            }
        };
    }
    told + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Error, FieldViolation};
    use crate::store::Fault;

    fn judged(error: Error) -> Verdict {
        of(&Status::from(error), "users", 5)
    }

    fn violation(field: &str) -> FieldViolation {
        FieldViolation { field: field.into(), description: "is bad".into() }
    }

    #[test]
    fn complaints_about_records_are_theirs() {
        let error = Error::fields(vec![violation("users[3].email"), violation("users[0]"), violation("parent")]);
        let bad = |at, path: &str| (at, path.to_owned(), "is bad".to_owned());
        assert_eq!(judged(error), Verdict::Bad(vec![bad(3, "email"), bad(0, "")]));
        let taken = Error::new(crate::error::Code::AlreadyExists, reason::USERNAME_ALREADY_EXISTS, "x");
        let taken = taken.with_fields(vec![violation("users[4].username")]);
        assert_eq!(judged(taken), Verdict::Bad(vec![bad(4, "username")]));
        assert_eq!(judged(Error::field("users[5].email", "of no record of it")), Verdict::Split);
    }

    #[test]
    fn one_bad_record_that_is_not_named_is_looked_for_and_passing_trouble_waited_for() {
        let stale = Error::new(crate::error::Code::Aborted, reason::STALE_ETAG, "stale");
        assert_eq!(judged(stale), Verdict::Split);
        assert_eq!(judged(Fault::Limit("large".into()).into()), Verdict::Split);
        assert_eq!(judged(Error::field("parent", "is bad")), Verdict::Split);
        assert_eq!(judged(Fault::Full.into()), Verdict::Again);
        assert_eq!(judged(Fault::Unavailable("busy".into()).into()), Verdict::Again);
        assert_eq!(of(&Status::unknown("h2 protocol error"), "users", 5), Verdict::Again);
        assert_eq!(judged(Error::internal("cause")), Verdict::Stop);
        assert_eq!(of(&Status::permission_denied("no"), "users", 5), Verdict::Stop);
        assert_eq!(of(&Status::unimplemented("no"), "users", 5), Verdict::Stop);
    }

    #[test]
    fn places_in_a_batch_are_told_as_lines() {
        let told = |text: &str| by_lines(text, "users", &[11, 12, 13]);
        assert_eq!(told("is the username of users[1] too"), "is the username of line 12 too");
        assert_eq!(told("is the username of customers/c/users/u"), "is the username of customers/c/users/u");
        assert_eq!(told("users[0], users[9], users"), "line 11, users[9], users");
    }
    #[test]
    fn a_username_is_free_when_the_earlier_record_of_it_is_bad() {
        let own = |at, path: &str| (at, path.to_owned(), "is bad".to_owned());
        let rival = |at, of: usize| (at, "username".to_owned(), format!("is the username of users[{of}] too"));
        let mut bad = vec![own(0, "email"), rival(1, 0), rival(2, 0), own(2, "email"), rival(4, 3)];
        without_rivals(&mut bad, "users");
        // The third is bad by itself, and the fifth's rival is good.
        assert_eq!(bad, [own(0, "email"), rival(2, 0), own(2, "email"), rival(4, 3)]);
        let stored = (1, "username".to_owned(), "is the username of customers/c/users/u".to_owned());
        let mut bad = vec![own(0, "email"), stored.clone()];
        without_rivals(&mut bad, "users");
        assert_eq!(bad, [own(0, "email"), stored]);
    }
}
