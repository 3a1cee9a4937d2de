//! What a write may refer to in the directory.

use std::collections::HashSet;
use std::sync::PoisonError;

use super::Ctx;
use super::behavior::{Asks, At, Described, Faults, Fields, Reference};
use super::resource;
use crate::error::{Error, FieldViolation, Result, reason};
use crate::names::Name;
use crate::pb::coaching::directory::v1::{Conversation, DirectoryUser, Group, Team, Usecase};
use crate::store::{Key, Tag, tags};

/// What the directory has: resource type and table.
const KINDS: [(&str, Tag); 5] = [
    (DirectoryUser::TYPE, tags::USER),
    (Group::TYPE, tags::GROUP),
    (Team::TYPE, tags::TEAM),
    (Usecase::TYPE, tags::USECASE),
    (Conversation::TYPE, tags::CONVERSATION),
];

/// What resources that a call changes referred to before: where each stands in the request, and the name.
pub(super) type Had = HashSet<(String, String)>;

/// Tells what the stored resource, which stands at `field` of the request, refers to already: a client that sends back
/// what it read is not refused for that.
pub(super) fn had<R: Fields>(ctx: &Ctx, field: &str, stored: &R) {
    if !ctx.rules().strict_directory {
        return;
    }
    let mut faults = Faults { references: Some(Vec::new()), ..Faults::default() };
    stored.check(&At::root(field), &mut faults);
    let names = faults.references.into_iter().flatten().map(|reference| (field.to_owned(), reference.name));
    ctx.had.lock().unwrap_or_else(PoisonError::into_inner).extend(names);
}

/// Where the operator wants it, refuses a write whose request names something that the directory does not have. What is
/// stored already does not count, nor does what is sent and not written as the mask does not name it.
pub(super) async fn hold<Q: Asks + Fields>(ctx: &Ctx, request: &Q) -> Result<()> {
    if !ctx.rules().strict_directory {
        return Ok(());
    }
    let scope = Some((ctx.customer.clone(), ctx.profile.clone()));
    let mut faults = Faults { scope, references: Some(Vec::new()), ..Faults::default() };
    request.check(&At::root(""), &mut faults);
    let mut named = faults.references.unwrap_or_default();
    // Taken, as a repetition of the write reads anew.
    let had = std::mem::take(&mut *ctx.had.lock().unwrap_or_else(PoisonError::into_inner));
    named.retain(|reference| {
        let place = reference.field.split('.').next().unwrap_or_default();
        // What the request itself is about is absent in words of its own.
        reference.field != Q::SCOPE
            && !had.contains(&(place.to_owned(), reference.name.clone()))
            && request.update_mask().is_none_or(|mask| written(&reference.field, resource_of::<Q>(), &mask.paths))
    });
    known(ctx, &named).await
}

/// Refuses names that the directory does not have, all of them together. Names of other things than it keeps pass.
///
/// # Errors
/// FAILED_PRECONDITION, NOT_IN_DIRECTORY, with every such field.
pub async fn known(ctx: &Ctx, named: &[Reference]) -> Result<()> {
    let (kept, keys): (Vec<&Reference>, Vec<Key>) =
        named.iter().filter_map(|reference| Some((reference, key_of(reference)?))).unzip();
    if keys.is_empty() {
        return Ok(());
    }
    // Nothing ever leaves the directory, so what is there now is there when the write takes effect.
    let there = ctx.db().exist(&keys).await?;
    let absent = kept.iter().zip(there).filter(|(_, there)| !there).map(|(reference, _)| FieldViolation {
        field: reference.field.clone(),
        description: format!("{} is not in the directory", reference.name),
    });
    let absent: Vec<FieldViolation> = absent.collect();
    let Some(first) = absent.first() else { return Ok(()) };
    let message = match absent.len() {
        1 => format!("{}: {}", first.field, first.description),
        more => format!("{}: {} (and {} more)", first.field, first.description, more - 1),
    };
    Err(Error::precondition(reason::NOT_IN_DIRECTORY, message).with_fields(absent))
}

fn key_of(reference: &Reference) -> Option<Key> {
    let (kind, tag) = KINDS.iter().find(|(kind, _)| *kind == reference.kind)?;
    Name::parse(kind, &reference.name).ok().map(|name| resource::key(*tag, &name))
}

/// The field at which an update carries its resource.
fn resource_of<Q: Asks>() -> &'static str {
    Q::SCOPE.split('.').next().unwrap_or_default()
}

/// Whether an update with this mask writes the field at this path, as the mask names it or something above it.
fn written(field: &str, resource: &str, mask: &[String]) -> bool {
    let Some(inner) = field.strip_prefix(resource).and_then(|rest| rest.strip_prefix('.')) else { return true };
    mask.is_empty()
        || mask.iter().any(|path| {
            path == "*" || {
                let mut parts = inner.split('.');
                path.split('.').all(|step| parts.next().is_some_and(|part| same(part, step)))
            }
        })
}

/// Whether a step of a JSON path and one of a mask, in either spelling, are the same field.
fn same(part: &str, step: &str) -> bool {
    part.split('[').next() == Some(&camel(step))
}

/// A field's JSON name, from either spelling.
fn camel(step: &str) -> String {
    let mut words = step.split('_');
    let mut camel = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut letters = word.chars();
        camel.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        camel.push_str(letters.as_str());
    }
    camel
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_mask_says_which_of_the_fields_sent_are_written() {
        let written = |field, mask: &[&str]| {
            let mask: Vec<String> = mask.iter().map(|path| (*path).to_owned()).collect();
            super::written(field, "scorecardTemplate", &mask)
        };
        for mask in [&["audience"][..], &["audience.excluded_users"], &["audience.excludedUsers"], &["*"], &[]] {
            assert!(written("scorecardTemplate.audience.excludedUsers[2]", mask), "{mask:?}");
        }
        for mask in [&["title"][..], &["audience.users"], &["audience.excludedUsers.x"], &["audiences"]] {
            assert!(!written("scorecardTemplate.audience.excludedUsers[2]", mask), "{mask:?}");
        }
        assert!(written("userName", &["title"]), "a field of the request itself");
    }
}
