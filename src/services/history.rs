//! HistoryService, and resources as they were: read from a record's own events, never by a scan.

use bytes::Bytes;
use prost_types::{FieldMask, Timestamp};
use tonic::{Request, Response, Status};

use super::filter::{instant, micros};
use super::templates::whole;
use crate::api::behavior::{Described, rpc};
use crate::api::caller::shown;
use crate::api::page::{Page, foreign};
use crate::api::resource::{Resource, decode, key_of};
use crate::api::standard::fetch;
use crate::api::{Api, Ctx};
use crate::error::{Error, Result};
use crate::names::Name;
use crate::pb::coaching::history::v1::history_service_server::HistoryService;
use crate::pb::coaching::history::v1::revision::{Operation, Value};
use crate::pb::coaching::history::v1::*;
use crate::pb::cresta::v1::coaching::{CoachingPlan, Scorecard, ScorecardTemplate};
use crate::store::{Event, Op};

/// Most revisions of a page: each is a whole value.
const PAGE_MAX: usize = 100;
/// Bytes of values, as they are stored, after which a page ends. A client's gRPC library takes 4 MiB as it comes.
const PAGE_BYTES: usize = 2 << 20;
/// Events read at a time, as each holds a whole body.
const STRETCH: usize = 16;

#[tonic::async_trait]
impl HistoryService for Api {
    async fn list_revisions(
        &self,
        r: Request<ListRevisionsRequest>,
    ) -> Result<Response<ListRevisionsResponse>, Status> {
        self.read(rpc::LIST_REVISIONS, r, list).await
    }
}

/// The resource with this name: as it is now, or as it was at `read_time`. What an agent may not know of now, they may
/// not know of as it was either.
pub(super) async fn read<R: Resource>(ctx: &Ctx, name: &str, read_time: Option<&Timestamp>) -> Result<R> {
    if read_time.is_none() {
        return fetch(ctx, "name", name).await;
    }
    let time = micros(read_time);
    if time > ctx.now.0 {
        return Err(Error::field("readTime", "must not be in the future; leave it out for what is now"));
    }
    if ctx.caller.is_agent() {
        fetch::<R>(ctx, "name", name).await?;
    }
    let body = ctx.db().body_at_time(&key_of::<R>("name", name)?, time).await?;
    match body.map(decode::<R>).transpose()? {
        Some(then) if may_know(ctx, &then).await? => Ok(then),
        _ => Err(Error::not_found(name)),
    }
}

/// Whether the caller may know of a resource that was like this, by what is said of it now.
async fn may_know<R: Resource>(ctx: &Ctx, then: &R) -> Result<bool> {
    Ok(then.visible(&ctx.caller) && then.readable(ctx, None).await?)
}

/// ListRevisions: latest first.
async fn list(ctx: Ctx, request: ListRevisionsRequest) -> Result<ListRevisionsResponse> {
    let name = &request.name;
    if Name::parse(Scorecard::TYPE, name).is_ok() {
        revisions(&ctx, &request, Value::Scorecard).await
    } else if Name::parse(CoachingPlan::TYPE, name).is_ok() {
        revisions(&ctx, &request, Value::CoachingPlan).await
    } else if Name::parse(ScorecardTemplate::TYPE, name).is_ok() {
        whole(name, "name")?;
        revisions(&ctx, &request, Value::ScorecardTemplate).await
    } else {
        Err(Error::field("name", "must be the name of a scorecard, a scorecard template or a coaching plan"))
    }
}

async fn revisions<R: Resource>(
    ctx: &Ctx,
    request: &ListRevisionsRequest,
    valued: fn(R) -> Value,
) -> Result<ListRevisionsResponse> {
    let page = Page::of(ctx.rpc.name, request)?;
    let key = key_of::<R>("name", &request.name)?;
    let mut before = begin(&page)?;
    // The body after the event at hand: what the later one replaced, or what is there now.
    let mut after: Option<Option<Bytes>> = None;
    let (mut revisions, mut bytes) = (Vec::new(), 0);
    let size = page.size.min(PAGE_MAX);
    loop {
        // One more than wanted tells whether anything follows.
        let stretch = (size + 1 - revisions.len()).min(STRETCH);
        let events = ctx.db().history_back(&key, before, stretch).await?;
        let exhausted = events.len() < stretch;
        if events.is_empty() && before == u64::MAX {
            return Err(Error::not_found(&request.name));
        }
        for event in events {
            if revisions.len() == size || bytes >= PAGE_BYTES {
                let next_page_token = page.next(Some(&before.to_be_bytes()));
                return Ok(ListRevisionsResponse { revisions, next_page_token });
            }
            let body = match after.take() {
                Some(body) => body,
                None => ctx.db().body_at(&key, event.version).await?,
            };
            // What the caller may know of one revision, they may of all from its making to its end. What was under the name
            // before may be another matter.
            if (revisions.is_empty() || event.op == Op::Delete)
                && let Some(told) = body.as_ref().or(event.before.as_ref())
                && !may_know(ctx, &decode::<R>(told.clone())?).await?
            {
                if revisions.is_empty() && page.after.is_none() {
                    return Err(Error::not_found(&request.name));
                }
                return Ok(ListRevisionsResponse { revisions, next_page_token: String::new() });
            }
            bytes += body.as_ref().map_or(0, Bytes::len);
            before = event.version;
            after = Some(event.before.clone());
            revisions.push(revision(event, body, valued)?);
        }
        if exhausted {
            return Ok(ListRevisionsResponse { revisions, next_page_token: String::new() });
        }
    }
}

/// The version before which a page begins.
fn begin(page: &Page) -> Result<u64> {
    let Some(after) = &page.after else { return Ok(u64::MAX) };
    let version: [u8; 8] = after.as_ref().try_into().map_err(|_| foreign("is no token of this server"))?;
    Ok(u64::from_be_bytes(version))
}

fn revision<R: Resource>(event: Event, body: Option<Bytes>, valued: fn(R) -> Value) -> Result<Revision> {
    let after = body.map(decode::<R>).transpose()?;
    let old = event.before.map(decode::<R>).transpose()?;
    let changed_fields = match (&old, &after) {
        (Some(old), Some(after)) => {
            Some(FieldMask { paths: after.differing(old).into_iter().map(str::to_owned).collect() })
        }
        _ => None,
    };
    let operation = match event.op {
        Op::Create => Operation::Created,
        Op::Update => Operation::Updated,
        Op::Delete => Operation::Deleted,
    };
    Ok(Revision {
        version: i64::try_from(event.version).unwrap_or(i64::MAX),
        revision_time: Some(instant(event.origin.at_us)),
        actor: Some(shown(&event.origin.actor)),
        operation: operation as i32,
        method: event.origin.rpc,
        request_id: event.origin.request_id,
        changed_fields,
        value: after.map(valued),
    })
}
