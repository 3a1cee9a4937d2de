//! What index entries keep of names and times, and how filters read it.

use std::collections::HashSet;

use prost_types::Timestamp;

use crate::api::Ctx;
use crate::clock::Micros;
use crate::error::{Error, Result};

/// A name in four bytes (FNV-1a): stable for ever, as it is stored. What passes by its hash is compared again by name.
pub(super) fn hash(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// The hashes of the names that a filter lets through.
pub(super) fn hashes(names: &[String]) -> HashSet<u32> {
    names.iter().map(|name| hash(name)).collect()
}

/// Whether a filter lets this hash through; an empty one lets all of them.
pub(super) fn among(wanted: &HashSet<u32>, value: &u32) -> bool {
    wanted.is_empty() || wanted.contains(value)
}

/// Whether a filter lets this name through; an empty one lets all of them.
pub(super) fn named(wanted: &[String], value: &str) -> bool {
    wanted.is_empty() || wanted.iter().any(|name| name == value)
}

/// The names of a filter, for looking up.
pub(super) fn set_of(names: &[String]) -> HashSet<&str> {
    names.iter().map(String::as_str).collect()
}

/// Whether a filter lets one of these names through; an empty one lets everything through.
pub(super) fn among_any(wanted: &HashSet<&str>, values: &[String]) -> bool {
    wanted.is_empty() || values.iter().any(|value| wanted.contains(value.as_str()))
}

/// An instant as the entries hold it; zero where there is none.
pub(super) fn micros(time: Option<&Timestamp>) -> i64 {
    time.map_or(0, |time| Micros::of(time).0)
}

/// The other way round: an instant as messages hold it.
pub(super) fn instant(micros: i64) -> Timestamp {
    Micros(micros).timestamp()
}

/// Whether an instant is in a half-open window, of which either side may be open.
pub(super) fn within(value: i64, start: Option<&Timestamp>, end: Option<&Timestamp>) -> bool {
    start.is_none_or(|start| value >= micros(Some(start))) && end.is_none_or(|end| value < micros(Some(end)))
}

/// Refuses a window that ends before it begins, by the field of its end.
pub(super) fn check_window(field: &str, start: Option<&Timestamp>, end: Option<&Timestamp>) -> Result<()> {
    match (start, end) {
        (Some(start), Some(end)) if micros(Some(end)) <= micros(Some(start)) => {
            Err(Error::field(field, "must be after the start of its window"))
        }
        _ => Ok(()),
    }
}

/// Holds an agent to their own: the agents that a listing may answer of those asked for, an empty list meaning all of
/// them; none where nothing is left to answer.
pub(super) fn agents_of(ctx: &Ctx, mut asked: Vec<String>) -> Option<Vec<String>> {
    asked.sort_unstable();
    asked.dedup();
    if !ctx.caller.is_agent() {
        return Some(asked);
    }
    let own = ctx.caller.name_in(&ctx.customer);
    (asked.is_empty() || asked.contains(&own)).then(|| vec![own])
}

/// A flag and the hashes of names: what the entries of small resources keep for filters.
pub(super) fn marks(flag: bool, names: &[&str]) -> Vec<u8> {
    let mut marks = vec![u8::from(flag)];
    marks.extend(names.iter().flat_map(|name| hash(name).to_be_bytes()));
    marks
}

/// Whether the flag of [`marks`] is the one wanted. What is no such thing passes, as its record is looked at again.
pub(super) fn flagged(marks: &[u8], wanted: Option<bool>) -> bool {
    wanted.is_none_or(|wanted| marks.first().is_none_or(|flag| (*flag != 0) == wanted))
}

/// Whether the name at this place of [`marks`] is among those wanted.
pub(super) fn marked(marks: &[u8], place: usize, wanted: &HashSet<u32>) -> bool {
    let stored = marks.get(1 + place * 4..).and_then(|rest| rest.first_chunk());
    stored.is_none_or(|bytes| among(wanted, &u32::from_be_bytes(*bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_on_disk_never_changes() {
        assert_eq!(hash(""), 0x811c_9dc5);
        assert_eq!(hash("a"), 0xe40c_292c);
    }

    #[test]
    fn marks_are_read_as_they_were_written() {
        let stored = marks(true, &["amir", "sales"]);
        assert!(flagged(&stored, None) && flagged(&stored, Some(true)) && !flagged(&stored, Some(false)));
        let wanted = |name: &str| hashes(&[name.to_owned()]);
        assert!(marked(&stored, 0, &wanted("amir")) && !marked(&stored, 0, &wanted("sales")));
        assert!(marked(&stored, 1, &wanted("sales")) && !marked(&stored, 1, &wanted("amir")));
        assert!(marked(&stored, 1, &HashSet::new()));
    }

    #[test]
    fn a_window_has_its_start_and_not_its_end() {
        let at = |seconds| Timestamp { seconds, nanos: 0 };
        let (start, end) = (at(1), at(2));
        let inside = |micros| within(micros, Some(&start), Some(&end));
        assert_eq!([999_999, 1_000_000, 1_999_999, 2_000_000].map(inside), [false, true, true, false]);
        assert!(within(0, None, Some(&end)) && within(i64::MAX, Some(&start), None));
        assert!(check_window("end", Some(&start), Some(&start)).is_err());
        assert!(check_window("end", Some(&start), Some(&end)).is_ok());
    }
}
