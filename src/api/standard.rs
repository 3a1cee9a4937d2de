//! The standard methods, once for every resource (AIP-131 to AIP-135). Custom methods use the same steps:
//! [`load`], [`save`].

use prost_types::FieldMask;

use super::Ctx;
use super::behavior::{Asks, At, Carries, Faults};
use super::resource::{self, Resource, key_of};
use super::{etag, mask, references};
use crate::error::{Code, Error, FieldViolation, Result, reason};
use crate::names::{Name, is_id};
use crate::store::{Key, Record as _, Txn};

/// Get: the resource with this name.
pub async fn get<R: Resource, Q: Asks, A: Carries<R>>(ctx: Ctx, request: Q) -> Result<A> {
    fetch::<R>(&ctx, Q::SCOPE, request.scope()).await.map(A::with)
}

/// The resource with this name, if the caller may know of it.
pub async fn fetch<R: Resource>(ctx: &Ctx, field: &str, name: &str) -> Result<R> {
    let found = ctx.db().get::<R>(&key_of::<R>(field, name)?).await?;
    known(ctx, None, found, name).await
}

/// The resource with this name, read inside a transaction that means to change it.
pub async fn load<R: Resource>(ctx: &Ctx, txn: &Txn, field: &str, name: &str) -> Result<R> {
    let found = txn.get::<R>(&key_of::<R>(field, name)?).await?;
    known(ctx, Some(txn), found, name).await
}

/// What was found, if the caller may know of it; absent otherwise.
async fn known<R: Resource>(ctx: &Ctx, txn: Option<&Txn>, found: Option<R>, name: &str) -> Result<R> {
    match found {
        Some(resource) if resource.visible(&ctx.caller) && resource.readable(ctx, txn).await? => Ok(resource),
        _ => Err(Error::not_found(name)),
    }
}

/// Loads the resource that a method is to change, if the caller may.
pub async fn load_to_write<R: Resource>(ctx: &Ctx, txn: &Txn, field: &str, name: &str) -> Result<R> {
    let resource = load::<R>(ctx, txn, field, name).await?;
    resource.writable(ctx, txn).await?;
    Ok(resource)
}

/// Loads the resource that a custom method is to change, if the caller may, and holds the etags against it.
pub async fn load_for<R: Resource, Q: Asks>(ctx: &Ctx, txn: &Txn, request: &Q) -> Result<R> {
    let resource = load_to_write::<R>(ctx, txn, Q::SCOPE, request.scope()).await?;
    etag::expect(ctx, &[request.etag()], &resource)?;
    Ok(resource)
}

/// Gives the resource its etag and writes it.
pub async fn save<R: Resource>(txn: &Txn, resource: &mut R) -> Result<()> {
    etag::seal(resource);
    Ok(txn.save(resource).await?)
}

/// Create: under the name given, or under an id made here.
pub async fn create<R: Resource, Q: Asks + Carries<R>, A: Carries<R>>(ctx: Ctx, txn: Txn, mut request: Q) -> Result<A> {
    let Some(mut resource) = request.take() else { return Err(Error::field(Q::FIELD, "is required")) };
    let key = named(&ctx, request.scope(), Q::FIELD, &mut resource)?;
    if txn.get::<R>(&key).await?.is_some() {
        return Err(exists(resource.name()));
    }
    if ctx.if_match.is_some() {
        // RFC 9110 §13.1.1: what does not exist matches no etag, not even `*`.
        return Err(etag::stale(resource.name(), ""));
    }
    check(&ctx, Q::FIELD, None, &resource)?;
    resource.create(&ctx, &txn).await?;
    resource.writable(&ctx, &txn).await?;
    save(&txn, &mut resource).await?;
    Ok(A::with(resource))
}

/// Gives a resource that came without a name one with an id made here, and answers the key that goes with its name.
/// A name of another parent is refused, by the field at which the resource stands.
pub fn named<R: Resource>(ctx: &Ctx, parent: &str, field: &str, resource: &mut R) -> Result<Key> {
    if resource.name().is_empty() {
        resource.set_name(format!("{parent}/{}/{}", R::PLURAL, ctx.new_id()));
    }
    let field = format!("{field}.name");
    let name = Name::parse(R::TYPE, resource.name()).map_err(|bad| Error::field(&field, bad.to_string()))?;
    if name.parent() != parent || name.revision.is_some() || !is_id(name.id) {
        return Err(Error::field(
            field,
            format!("must be {parent}/{}/{{id}}, or empty for an id made here", R::PLURAL),
        ));
    }
    Ok(resource::key(R::TABLE, &name))
}

/// The error of a name that is taken.
pub fn exists(name: &str) -> Error {
    Error::new(Code::AlreadyExists, reason::RESOURCE_ALREADY_EXISTS, format!("{name} exists already"))
        .with("resource", name)
}

/// Update: the fields that the mask names, or that are sent. A change that changes nothing writes nothing.
pub async fn update<R: Resource, Q: Asks + Carries<R>, A: Carries<R>>(ctx: Ctx, txn: Txn, mut request: Q) -> Result<A> {
    let Some(sent) = request.take() else { return Err(Error::field(Q::FIELD, "is required")) };
    let old = load_to_write::<R>(&ctx, &txn, Q::SCOPE, sent.name()).await?;
    etag::expect(&ctx, &[sent.etag()], &old)?;

    let Some(mut merged) = merged(&ctx, Q::FIELD, &old, &sent, request.update_mask())? else {
        return Ok(A::with(old));
    };
    merged.update(&ctx, &txn, &old).await?;
    merged.writable(&ctx, &txn).await?;
    save(&txn, &mut merged).await?;
    Ok(A::with(merged))
}

/// What is stored with the fields in it that were sent; none where that changes nothing.
pub fn merged<R: Resource>(ctx: &Ctx, field: &str, old: &R, sent: &R, fields: Option<&FieldMask>) -> Result<Option<R>> {
    references::had(ctx, field, old);
    let mut merged = old.clone();
    mask::merge(&mut merged, sent, fields)?;
    merged.align(old);
    check(ctx, field, Some(old), &merged)?;
    Ok((merged != *old).then_some(merged))
}

/// Refuses a whole resource, sent or merged, that has any faults.
fn check<R: Resource>(ctx: &Ctx, field: &str, old: Option<&R>, resource: &R) -> Result<()> {
    let (faults, why) = faults(ctx, field, old, resource);
    if faults.is_empty() { Ok(()) } else { Err(Error::fields(faults).because(why)) }
}

/// Holds a whole resource against its field behaviours and against what it can say of itself, all together, with the
/// reason for what is found; with `old` also against what cannot change. Of several complaints about one field the first
/// counts.
pub(super) fn faults<R: Resource>(
    ctx: &Ctx,
    field: &str,
    old: Option<&R>,
    resource: &R,
) -> (Vec<FieldViolation>, &'static str) {
    let mut faults = Faults { scope: Some((ctx.customer.clone(), ctx.profile.clone())), ..Faults::default() };
    resource.check(&At::root(field), &mut faults);
    let fixed = old.map(|old| resource.changed_immutable(old)).unwrap_or_default();
    faults.found.extend(fixed.into_iter().map(|name| FieldViolation {
        field: format!("{field}.{name}"),
        description: "cannot be changed after create".into(),
    }));
    let (complaints, why) = resource.complaints(field);
    let why = if complaints.is_empty() { reason::INVALID_REQUEST } else { why };
    for complaint in complaints {
        if faults.found.iter().all(|found| found.field != complaint.field) {
            faults.found.push(complaint);
        }
    }
    (faults.found, why)
}

/// Delete: for good, with what goes with it.
pub async fn delete<R: Resource, Q: Asks, A: Default>(ctx: Ctx, txn: Txn, request: Q) -> Result<A> {
    let resource = load_for::<R, Q>(&ctx, &txn, &request).await?;
    resource.delete(&ctx, &txn).await?;
    txn.delete::<R>(&resource.key()).await?;
    Ok(A::default())
}
