//! Listings: a walk along an index in the order asked for, filtered by projections before bodies are fetched.

use bytes::Bytes;

use super::Ctx;
use super::page::Page;
use super::resource::Resource;
use crate::error::Result;
use crate::store::{Hit, IndexRange};

/// Index entries that one call looks at before it answers a short page with a token (AIP-158 allows short pages): what
/// bounds the work of a filter that lets little through.
pub const BUDGET: usize = 5_000;

/// A page of a listing.
pub struct Listed<R> {
    /// In order.
    pub items: Vec<R>,
    /// Token of the page after this one; empty at the end.
    pub next_page_token: String,
    /// Whether the listing begins and ends on this page.
    pub whole: bool,
}

/// Walks an index from where the page begins. `prefilter` sees entries, `keep` sees the records of those that passed, as
/// records may have changed since their entry was read, and projections hold hashes.
pub async fn walk<R: Resource>(
    ctx: &Ctx,
    page: &Page,
    range: IndexRange,
    prefilter: impl Fn(&Hit) -> bool,
    keep: impl Fn(&R) -> bool,
) -> Result<Listed<R>> {
    let mut position = page.after.clone();
    let mut items = Vec::with_capacity(page.size.min(256));
    let mut looked_at = 0;
    loop {
        let wanted = page.size - items.len();
        // One more than wanted tells whether anything follows; filters that drop much read more at a time.
        let stretch = (wanted + 1).max(looked_at.min(1_024)).min(BUDGET - looked_at + 1);
        let found = ctx.db().scan_index(&range.clone().after(position.clone()), stretch, false).await?;
        looked_at += found.hits.len();

        let mut hits = found.hits.iter().filter(|hit| prefilter(hit));
        let batch: Vec<&Hit> = hits.by_ref().take(wanted).collect();
        let more = hits.next().is_some();
        let keys: Vec<_> = batch.iter().map(|hit| hit.key.clone()).collect();
        let records = if keys.is_empty() { Vec::new() } else { ctx.db().get_many::<R>(&keys).await? };
        items.extend(records.into_iter().flatten().filter(|record| record.visible(&ctx.caller) && keep(record)));

        if more {
            // The page may be short of records that were deleted meanwhile; it goes on behind its last entry.
            position = batch.last().map(|hit| hit.position.clone());
        } else {
            position = found.position().or(position);
            if found.exhausted {
                let whole = page.after.is_none();
                return Ok(Listed { items, next_page_token: String::new(), whole });
            }
        }
        if items.len() >= page.size || looked_at >= BUDGET {
            return Ok(Listed { items, next_page_token: page.next(position.as_deref()), whole: false });
        }
    }
}

/// Sorts what was gathered and cuts the page out of it. The position is the sort key, which ends with the name, so it is
/// unique; a page walk over a gathered set is as stable as one along an index.
pub fn cut<T>(page: &Page, mut gathered: Vec<(Bytes, T)>) -> (Vec<T>, String) {
    gathered.sort_by(|(a, _), (b, _)| a.cmp(b));
    let from = page.after.as_ref().map_or(0, |after| gathered.partition_point(|(key, _)| key <= after));
    let more = gathered.len() - from > page.size;
    let cut: Vec<_> = gathered.into_iter().skip(from).take(page.size).collect();
    let next = match cut.last() {
        Some((key, _)) if more => page.next(Some(key)),
        _ => String::new(),
    };
    (cut.into_iter().map(|(_, item)| item).collect(), next)
}
