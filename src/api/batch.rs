//! Batches: many resources made or replaced, all or none of them. What is new and what changes is told first, by
//! [`compare`]; the resource's rules finish that, and [`write`] saves it. So a rule can look at the batch as a whole.

use std::collections::HashMap;

use prost_types::FieldMask;

use super::resource::Resource;
use super::{Ctx, etag, standard};
use crate::error::{Error, FieldViolation, Result};
use crate::store::{Key, Txn};

/// Most resources of one batch.
pub const MAX: usize = 500;
/// Most complaints about one batch: past them a list helps nobody.
const MAX_FAULTS: usize = 1_000;

/// What becomes of one resource of a batch.
#[derive(Debug)]
pub struct Step<R> {
    /// What is stored; none where the resource is new.
    pub old: Option<R>,
    /// What is to be stored; none where that is what is stored already.
    pub new: Option<R>,
}

/// The path of a resource of a batch.
pub fn place(field: &str, i: usize) -> String {
    format!("{field}[{i}]")
}

/// Holds a batch against what is stored. Of a resource that came without a name, or under one that is not taken, `new` is
/// what was sent; of another it is what is stored with every field replaced. Neither has gone through the rules of
/// creation and change.
///
/// # Errors
/// INVALID_ARGUMENT with all that is wrong with any of them by itself, and with `more`, which the caller found. ABORTED
/// where an etag is stale; one that is sent for what is not there is stale too. What a caller may not write is refused as
/// its resource says.
pub async fn compare<R: Resource>(
    ctx: &Ctx,
    txn: &Txn,
    parent: &str,
    field: &str,
    mut sent: Vec<R>,
    more: Vec<FieldViolation>,
) -> Result<Vec<Step<R>>> {
    let keys = keys(ctx, parent, field, &mut sent, more)?;
    let stored = txn.get_many::<R>(&keys).await?;
    let whole = FieldMask { paths: vec!["*".to_owned()] };
    let mut steps = Vec::with_capacity(sent.len());
    for (i, (sent, old)) in sent.into_iter().zip(stored).enumerate() {
        let Some(old) = old else {
            if !sent.etag().is_empty() || ctx.if_match.is_some() {
                return Err(etag::stale(sent.name(), ""));
            }
            steps.push(Step { old: None, new: Some(sent) });
            continue;
        };
        old.writable(ctx, txn).await?;
        etag::expect(ctx, &[sent.etag()], &old)?;
        let new = standard::merged(ctx, &place(field, i), &old, &sent, Some(&whole))?;
        steps.push(Step { old: Some(old), new });
    }
    Ok(steps)
}

/// Names the resources that came without names, and answers the keys.
fn keys<R: Resource>(
    ctx: &Ctx,
    parent: &str,
    field: &str,
    sent: &mut [R],
    more: Vec<FieldViolation>,
) -> Result<Vec<Key>> {
    if sent.len() > MAX {
        return Err(Error::field(field, format!("has {} items: send at most {MAX} at a time", sent.len())));
    }
    let (mut keys, mut faults, mut seen) = (Vec::with_capacity(sent.len()), Vec::new(), HashMap::new());
    for (i, resource) in sent.iter_mut().enumerate() {
        let at = place(field, i);
        faults.extend(standard::faults(ctx, &at, None, resource).0);
        match standard::named(ctx, parent, &at, resource) {
            Ok(key) => {
                let first = *seen.entry(key.clone()).or_insert(i);
                if first != i {
                    let description = format!("stands in the batch already, at {}: each once", place(field, first));
                    faults.push(FieldViolation { field: format!("{at}.name"), description });
                }
                keys.push(key);
            }
            Err(bad) => faults.extend_from_slice(bad.violations()),
        }
    }
    faults.extend(more);
    faults.truncate(MAX_FAULTS);
    if faults.is_empty() { Ok(keys) } else { Err(Error::fields(faults)) }
}

/// Puts each resource of a batch through its own rule of creation or change.
pub async fn finish<R: Resource>(ctx: &Ctx, txn: &Txn, steps: &mut [Step<R>]) -> Result<()> {
    for Step { old, new } in steps {
        match (old, new) {
            (_, None) => {}
            (None, Some(new)) => new.create(ctx, txn).await?,
            (Some(old), Some(new)) => new.update(ctx, txn, old).await?,
        }
    }
    Ok(())
}

/// Saves what is new or changed, if the caller may write it, and answers all of them in the order sent.
pub async fn write<R: Resource>(ctx: &Ctx, txn: &Txn, steps: Vec<Step<R>>) -> Result<Vec<R>> {
    let mut answers = Vec::with_capacity(steps.len());
    for Step { old, mut new } in steps {
        if let Some(new) = &mut new {
            new.writable(ctx, txn).await?;
            standard::save(txn, new).await?;
        }
        answers.extend(new.or(old));
    }
    Ok(answers)
}

/// The whole of it, for resources whose rules look at each alone.
pub async fn upsert<R: Resource>(ctx: &Ctx, txn: &Txn, parent: &str, field: &str, sent: Vec<R>) -> Result<Vec<R>> {
    let mut steps = compare(ctx, txn, parent, field, sent, Vec::new()).await?;
    finish(ctx, txn, &mut steps).await?;
    write(ctx, txn, steps).await
}
