//! ListScorecards: which entries to read for which filters and order.
//!
//! Two ways give a page. A *walk* goes along an index that has the order asked for, filters the entries, and stops at the
//! page's size. A *gathering* reads a narrow set whole, sorts it, and cuts the page out. A walk is taken where the
//! narrowest set has the order; otherwise a gathering, as long as the set is small; otherwise a walk along the whole
//! profile in that order. A page token remembers the way, so that a listing goes on as it began.

use std::collections::{BTreeSet, HashSet};
use std::ops::Bound;

use bytes::Bytes;

use super::super::filter::{check_count, check_window, micros};
use super::super::templates;
use super::entries::{Projection, process_term};
use super::filter::Filter;
use crate::api::Ctx;
use crate::api::list::{Listed, cut, walk};
use crate::api::page::{Page, foreign};
use crate::api::resource::Resource as _;
use crate::error::Result;
use crate::names::{last_segment, without_revision};
use crate::pb::cresta::v1::coaching::*;
use crate::store::{Direction, Hit, IndexRange, IndexTag, Key, tags, tuple};

/// Most entries of a set that is gathered; a listing that began so may grow to twice that before it must begin again.
const GATHER_MAX: usize = 10_000;

/// How a listing is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Along the one narrow set, which has the order asked for.
    Indexed = b'i' as isize,
    /// By reading narrow sets whole.
    Gathered = b'g' as isize,
    /// Along the whole profile.
    Walked = b'w' as isize,
}

/// What the first page settled, as page tokens remember it: a set that grows and a template that is revised change
/// neither the way nor the revision under a walk.
#[derive(Clone, Debug)]
struct Begun {
    way: Way,
    /// The revision that the template filter meant; empty for every revision, or for none yet.
    revision: String,
}

impl Begun {
    const LENGTH: usize = 9;

    fn encode(&self) -> [u8; Self::LENGTH] {
        let mut mark = [b'-'; Self::LENGTH];
        mark[0] = self.way as u8;
        mark[1..].iter_mut().zip(self.revision.bytes()).for_each(|(slot, byte)| *slot = byte);
        mark
    }

    fn decode(mark: &[u8]) -> Option<Self> {
        let (way, revision) = mark.split_first()?;
        let way = [Way::Indexed, Way::Gathered, Way::Walked].into_iter().find(|known| *known as u8 == *way)?;
        Some(Self { way, revision: std::str::from_utf8(revision).ok()?.trim_end_matches('-').to_owned() })
    }
}

/// ListScorecards. See the module.
pub async fn list(ctx: Ctx, mut request: ListScorecardsRequest) -> Result<ListScorecardsResponse> {
    let mut page = Page::of(ctx.rpc.name, &request)?;
    if !hold_to_own(&ctx, &mut request) {
        return Ok(ListScorecardsResponse::default());
    }
    check_filters(&request)?;
    let narrow = narrowest(&ctx, &request);
    let created = matches!(request.order_by(), ScorecardOrderBy::CreateTime | ScorecardOrderBy::Unspecified);
    let (begun, first) = match page.take_mark(Begun::LENGTH)? {
        Some(mark) => (Begun::decode(&mark).ok_or_else(|| foreign("is no token of this server"))?, false),
        None => {
            let way = match narrow.sets.len() {
                1 if created => Way::Indexed,
                _ if narrow.small => Way::Gathered,
                _ => Way::Walked,
            };
            (
                Begun { way, revision: templates::revision_meant(&ctx, "templateName", &request.template_name).await? },
                true,
            )
        }
    };
    let filter = Filter::of(&request, &begun.revision);
    let marked = |way| page.marked(&Begun { way, revision: begun.revision.clone() }.encode());
    let whole_profile = || filter.whole_profile(&ctx);
    let listed = match (begun.way, narrow.sets.as_slice()) {
        (Way::Indexed, [range]) => filter.walk(&ctx, &marked(Way::Indexed), range.clone()).await?,
        (Way::Gathered, sets) => {
            let most = if first { GATHER_MAX } else { GATHER_MAX * 2 };
            match filter.gather(&ctx, &marked(Way::Gathered), sets, most).await? {
                Some(found) => found,
                None if first => filter.walk(&ctx, &marked(Way::Walked), whole_profile()).await?,
                None => return Err(foreign("no longer fits, as the listing has grown: begin it again")),
            }
        }
        _ => filter.walk(&ctx, &marked(Way::Walked), whole_profile()).await?,
    };
    let names = listed.items.iter().map(|card| card.template_name.clone()).collect();
    Ok(ListScorecardsResponse {
        scorecard_templates: templates::revisions(ctx.db(), names).await?,
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

/// Holds an agent to their own submitted scorecards; false where what is asked leaves none of them.
fn hold_to_own(ctx: &Ctx, request: &mut ListScorecardsRequest) -> bool {
    if !ctx.caller.is_agent() {
        return true;
    }
    let own = ctx.caller.name_in(&ctx.customer);
    let possible =
        request.submitted != Some(false) && (request.agent_user_name.is_empty() || request.agent_user_name == own);
    request.agent_user_name = own;
    request.submitted = Some(true);
    possible
}

fn check_filters(request: &ListScorecardsRequest) -> Result<()> {
    let lists = [
        ("coachingPlanNames", request.coaching_plan_names.len()),
        ("conversationNames", request.conversation_names.len()),
        ("creatorUserNames", request.creator_user_names.len()),
        ("submitterUserNames", request.submitter_user_names.len()),
        ("usecaseNames", request.usecase_names.len()),
        ("scorecardTypes", request.scorecard_types.len()),
        ("processIds", request.process_ids.len()),
    ];
    lists.into_iter().try_for_each(|(field, count)| check_count(field, count))?;
    let (submit, update) = (request.start_submit_time.as_ref(), request.start_update_time.as_ref());
    check_window("endSubmitTime", submit, request.end_submit_time.as_ref())?;
    check_window("endUpdateTime", update, request.end_update_time.as_ref())
}

/// Sets of entries that together hold everything wanted, each by create time.
struct Narrow {
    /// Empty where no filter names a set.
    sets: Vec<IndexRange>,
    /// Whether such sets are small as a rule, so that reading them whole is worth a try.
    small: bool,
}

/// The narrowest sets that the filters name.
fn narrowest(ctx: &Ctx, request: &ListScorecardsRequest) -> Narrow {
    let set = |index: IndexTag, of: &str| {
        IndexRange::all(&ctx.customer, index).prefix(|terms| terms.str(&ctx.profile).str(of))
    };
    let distinct = |index: IndexTag, terms: BTreeSet<String>| Narrow {
        sets: terms.iter().map(|of| set(index, of)).collect(),
        small: true,
    };
    let ids = |names: &[String]| names.iter().map(|name| last_segment(name).to_owned()).collect();
    if !request.conversation_names.is_empty() {
        distinct(tags::SCORECARD_BY_CONVERSATION, ids(&request.conversation_names))
    } else if !request.process_ids.is_empty() {
        let terms = request.process_ids.iter().map(|process| process_term(process)).collect();
        distinct(tags::SCORECARD_BY_PROCESS, terms)
    } else if !request.coaching_plan_names.is_empty() {
        distinct(tags::SCORECARD_BY_PLAN, ids(&request.coaching_plan_names))
    } else if !request.agent_user_name.is_empty() {
        distinct(tags::SCORECARD_BY_AGENT, BTreeSet::from([last_segment(&request.agent_user_name).to_owned()]))
    } else if !request.template_name.is_empty() {
        let template = last_segment(without_revision(&request.template_name));
        Narrow { sets: vec![set(tags::SCORECARD_BY_TEMPLATE, template)], small: false }
    } else {
        Narrow { sets: Vec::new(), small: false }
    }
}

/// The two ways.
impl Filter<'_> {
    /// The index over the whole profile that has the order asked for, cut to the window on that order.
    fn whole_profile(&self, ctx: &Ctx) -> IndexRange {
        let request = self.request;
        let (index, start, end) = match self.order {
            ScorecardOrderBy::SubmitTime => {
                (tags::SCORECARD_BY_SUBMIT, &request.start_submit_time, &request.end_submit_time)
            }
            ScorecardOrderBy::UpdateTime => {
                (tags::SCORECARD_BY_UPDATE, &request.start_update_time, &request.end_update_time)
            }
            ScorecardOrderBy::TotalScore => (tags::SCORECARD_BY_SCORE, &None, &None),
            ScorecardOrderBy::CreateTime | ScorecardOrderBy::Unspecified => (tags::SCORECARD_BY_CREATE, &None, &None),
        };
        let bound = |time: &Option<prost_types::Timestamp>| {
            time.as_ref().map(|time| tuple(|terms| terms.i64(micros(Some(time)))))
        };
        let mut range = IndexRange::all(&ctx.customer, index).prefix(|terms| terms.str(&ctx.profile));
        range.start = bound(start).map_or(Bound::Unbounded, Bound::Included);
        range.end = bound(end).map_or(Bound::Unbounded, Bound::Excluded);
        range
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
