//! ListScorecards: pages by the roads of [`roads`]. A page token remembers the road, so that a listing goes on as it began.

use std::collections::HashSet;

use bytes::Bytes;

use super::super::filter::check_window;
use super::super::standing::Hidden;
use super::super::templates;
use super::entries::Projection;
use super::filter::Filter;
use crate::api::Ctx;
use crate::api::list::{Listed, cut, walk};
use crate::api::page::{Page, foreign};
use crate::api::resource::Resource as _;
use crate::error::{Error, Result};
use crate::pb::cresta::v1::coaching::*;
use crate::store::{Direction, Hit, IndexRange, Key, tags, tuple};

mod roads;

use roads::Road;

/// What the first page settled, as page tokens remember it: a set that grows and a template that is revised change
/// neither the road nor the revision under a walk.
#[derive(Clone, Debug)]
struct Begun {
    /// Which of the request's roads.
    road: usize,
    /// The revision that the template filter meant; empty for every revision, or for none yet.
    revision: String,
}

impl Begun {
    const LENGTH: usize = 9;

    fn encode(&self) -> [u8; Self::LENGTH] {
        let mut mark = [b'-'; Self::LENGTH];
        mark[0] = self.road as u8;
        mark[1..].iter_mut().zip(self.revision.bytes()).for_each(|(slot, byte)| *slot = byte);
        mark
    }

    fn decode(mark: &[u8]) -> Option<Self> {
        let (road, revision) = mark.split_first()?;
        let revision = std::str::from_utf8(revision).ok()?.trim_end_matches('-').to_owned();
        Some(Self { road: usize::from(*road), revision })
    }
}

/// ListScorecards. See [`roads`].
pub async fn list(ctx: Ctx, mut request: ListScorecardsRequest) -> Result<ListScorecardsResponse> {
    let mut page = Page::of(ctx.rpc.name, &request)?;
    if !hold_to_own(&ctx, &mut request) {
        return Ok(ListScorecardsResponse::default());
    }
    check_filters(&request)?;
    let begun = match page.take_mark(Begun::LENGTH)? {
        Some(mark) => Some(Begun::decode(&mark).ok_or_else(|| foreign("is no token of this server"))?),
        None => None,
    };
    let revision = match &begun {
        Some(begun) => begun.revision.clone(),
        None => templates::revision_meant(&ctx, "templateName", &request.template_name).await?,
    };
    let filter = Filter::of(&request, &revision, Hidden::from(&ctx).await?);
    let roads = roads::of(&ctx, &request, filter.order);
    let listed = match begun {
        Some(begun) => {
            let road = roads.get(begun.road).ok_or_else(|| foreign("is no token of this server"))?;
            // A set that was gathered at first may grow meanwhile, to twice what it could be at first.
            let found = filter.travel(&ctx, &page.marked(&begun.encode()), road, 2).await?;
            found.ok_or_else(|| foreign("no longer fits, as the listing has grown: begin it again"))?
        }
        None => {
            let mut found = None;
            for (number, road) in roads.iter().enumerate() {
                let begun = Begun { road: number, revision: revision.clone() };
                found = filter.travel(&ctx, &page.marked(&begun.encode()), road, 1).await?;
                if found.is_some() {
                    break;
                }
            }
            found.ok_or_else(|| Error::internal("a listing has no road"))?
        }
    };
    let names = listed.items.iter().map(|card| card.template_name.clone()).collect();
    let mut scorecard_templates = templates::revisions(ctx.db(), names).await?;
    templates::narrow(&ctx, &mut scorecard_templates);
    Ok(ListScorecardsResponse {
        scorecard_templates,
        total_size: listed.total,
        scorecards: listed.items,
        next_page_token: listed.next_page_token,
    })
}

/// What [`list`] makes of either way.
struct Found {
    items: Vec<Scorecard>,
    next_page_token: String,
    total: Option<i32>,
}

/// The types of scorecards that agents know of: all but calibrations.
const OF_AGENTS: [ScorecardType; 4] =
    [ScorecardType::Unspecified, ScorecardType::Conversation, ScorecardType::Process, ScorecardType::Appeal];

/// Holds an agent to what they may know of, as `visible` does, so that totals count nothing else; false where what is
/// asked leaves none of it.
fn hold_to_own(ctx: &Ctx, request: &mut ListScorecardsRequest) -> bool {
    if !ctx.caller.is_agent() {
        return true;
    }
    let own = ctx.caller.name_in(&ctx.customer);
    let possible =
        request.submitted != Some(false) && (request.agent_user_name.is_empty() || request.agent_user_name == own);
    let types = &mut request.scorecard_types;
    if types.is_empty() {
        types.extend(OF_AGENTS.map(i32::from));
    } else {
        types.retain(|kind| OF_AGENTS.map(i32::from).contains(kind));
    }
    let possible = possible && !types.is_empty();
    request.agent_user_name = own;
    request.submitted = Some(true);
    possible
}

fn check_filters(request: &ListScorecardsRequest) -> Result<()> {
    let (submit, update) = (request.start_submit_time.as_ref(), request.start_update_time.as_ref());
    check_window("endSubmitTime", submit, request.end_submit_time.as_ref())?;
    check_window("endUpdateTime", update, request.end_update_time.as_ref())
}

/// The two ways.
impl Filter<'_> {
    /// The page by this road; none where it is a gathering of more than `times` its bound.
    async fn travel(&self, ctx: &Ctx, page: &Page, road: &Road, times: usize) -> Result<Option<Found>> {
        match road {
            Road::Walk(range) => self.walk(ctx, page, range.clone()).await.map(Some),
            Road::Gather(sets, most) => self.gather(ctx, page, sets, most * times).await,
        }
    }

    async fn walk(&self, ctx: &Ctx, page: &Page, mut range: IndexRange) -> Result<Found> {
        range.direction = self.direction;
        let Listed { items, next_page_token, whole } =
            walk::<Scorecard>(ctx, page, range, |hit| self.passes(hit), |card| self.keeps(card)).await?;
        let total = whole.then(|| i32::try_from(items.len()).unwrap_or(i32::MAX));
        Ok(Found { items, next_page_token, total })
    }

    /// Reads the sets whole, sorts what passes, and cuts the page out; none where they are too large for that.
    async fn gather(&self, ctx: &Ctx, page: &Page, sets: &[IndexRange], most: usize) -> Result<Option<Found>> {
        let mut seen = HashSet::new();
        let mut gathered: Vec<(Bytes, Key)> = Vec::new();
        let mut left = most;
        for set in sets {
            let found = ctx.db().scan_index(set, left + 1, false).await?;
            if found.hits.len() > left {
                return Ok(None);
            }
            left -= found.hits.len();
            for hit in found.hits {
                if self.passes(&hit) && (sets.len() == 1 || seen.insert(hit.key.clone())) {
                    gathered.push((self.sort_key(&hit), hit.key));
                }
            }
        }
        // Plans are no part of the projection: beside a narrower set they are told from the records alone.
        let by_plan = sets.iter().all(|set| set.index == tags::SCORECARD_BY_PLAN);
        let counted = by_plan || self.request.coaching_plan_names.is_empty();
        let total = i32::try_from(gathered.len()).ok().filter(|_| counted);
        let (keys, next_page_token) = cut(page, gathered);
        let cards = ctx.db().get_many::<Scorecard>(&keys).await?;
        let items = cards.into_iter().flatten().filter(|card| card.visible(&ctx.caller) && self.keeps(card)).collect();
        Ok(Some(Found { items, next_page_token, total }))
    }

    /// Sorts as the indexes do: by the order's value, then by id; either way round.
    fn sort_key(&self, hit: &Hit) -> Bytes {
        let entry = Projection::decode(&hit.projection).unwrap_or_default();
        let value = match self.order {
            ScorecardOrderBy::SubmitTime => entry.submit,
            ScorecardOrderBy::UpdateTime => entry.update,
            ScorecardOrderBy::TotalScore => entry.score,
            ScorecardOrderBy::CreateTime | ScorecardOrderBy::Unspecified => entry.create,
        };
        let ascending = tuple(|key| key.i64(value).raw(&hit.key.id));
        match self.direction {
            Direction::Forward => ascending,
            Direction::Backward => ascending.iter().map(|byte| !byte).collect(),
        }
    }
}
