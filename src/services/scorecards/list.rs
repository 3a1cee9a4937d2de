//! ListScorecards: which entries to read for which filters and order.
//!
//! Two ways give a page. A *walk* goes along an index that has the order asked for, filters the entries, and stops at the
//! page's size. A *gathering* reads a narrow set whole, sorts it, and cuts the page out. A walk is taken where the
//! narrowest set has the order; otherwise a gathering, as long as the set is small; otherwise a walk along the whole
//! profile in that order. A page token remembers the way, so that a listing goes on as it began.

use std::collections::HashSet;
use std::ops::Bound;

use bytes::Bytes;

use super::super::templates;
use super::entries::{Projection, hash, micros, process_term};
use crate::api::Ctx;
use crate::api::list::{Listed, cut, walk};
use crate::api::page::Page;
use crate::error::{Error, Result, reason};
use crate::names::{last_segment, without_revision};
use crate::pb::cresta::v1::coaching::*;
use crate::store::{Direction, Hit, IndexRange, IndexTag, Key, tags, tuple};

/// Most entries of a set that is gathered.
const GATHER_MAX: usize = 10_000;
const WALKED: u8 = b'w';
const GATHERED: u8 = b'g';

/// ListScorecards. See the module.
pub async fn list(ctx: Ctx, mut request: ListScorecardsRequest) -> Result<ListScorecardsResponse> {
    let mut page = Page::of(ctx.rpc.name, &request)?;
    hold_to_own(&ctx, &mut request);
    check_windows(&request)?;
    let filter = Filter::of(&ctx, &request).await?;

    let way = page.take_mark();
    let narrow = narrowest(&ctx, &request);
    let listed = match narrow {
        Some(sets) if sets.len() == 1 && filter.order == ScorecardOrderBy::CreateTime => {
            let [range] = sets.try_into().map_err(|_| Error::internal("a set without a range"))?;
            filter.walk(&ctx, &page, range).await?
        }
        Some(sets) if way != Some(WALKED) => match filter.gather(&ctx, &page, sets).await? {
            Some(listed) => listed,
            None => filter.walk(&ctx, &page, filter.whole_profile(&ctx)).await?,
        },
        _ => filter.walk(&ctx, &page, filter.whole_profile(&ctx)).await?,
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

/// An agent lists their own submitted scorecards, whatever else is asked.
fn hold_to_own(ctx: &Ctx, request: &mut ListScorecardsRequest) {
    if ctx.caller.is_agent() && request.agent_user_name.is_empty() {
        request.agent_user_name = ctx.caller.name_in(&ctx.customer);
    }
}

fn check_windows(request: &ListScorecardsRequest) -> Result<()> {
    let windows = [
        ("endSubmitTime", &request.start_submit_time, &request.end_submit_time),
        ("endUpdateTime", &request.start_update_time, &request.end_update_time),
    ];
    for (field, start, end) in windows {
        if let (Some(start), Some(end)) = (start, end)
            && micros(Some(end)) <= micros(Some(start))
        {
            return Err(Error::field(field, "must be after the start of its window").because(reason::INVALID_REQUEST));
        }
    }
    Ok(())
}

/// The narrowest set of entries that the filters name, each by create time; none where no filter names one.
fn narrowest(ctx: &Ctx, request: &ListScorecardsRequest) -> Option<Vec<IndexRange>> {
    let set = |index: IndexTag, of: &str| {
        IndexRange::all(&ctx.customer, index).prefix(|terms| drop(terms.str(&ctx.profile).str(of)))
    };
    let sets = |index: IndexTag, names: &[String]| -> Option<Vec<IndexRange>> {
        (!names.is_empty()).then(|| names.iter().map(|name| set(index, last_segment(name))).collect())
    };
    let one = |index: IndexTag, name: &str| (!name.is_empty()).then(|| vec![set(index, name)]);
    sets(tags::SCORECARD_BY_CONVERSATION, &request.conversation_names)
        .or_else(|| {
            let terms: Vec<String> = request.process_ids.iter().map(|process| process_term(process)).collect();
            sets(tags::SCORECARD_BY_PROCESS, &terms)
        })
        .or_else(|| sets(tags::SCORECARD_BY_PLAN, &request.coaching_plan_names))
        .or_else(|| one(tags::SCORECARD_BY_AGENT, last_segment(&request.agent_user_name)))
        .or_else(|| one(tags::SCORECARD_BY_TEMPLATE, last_segment(without_revision(&request.template_name))))
}

/// The filters of a request, ready for entries and for records.
struct Filter<'a> {
    request: &'a ListScorecardsRequest,
    order: ScorecardOrderBy,
    direction: Direction,
    /// The one revision that the template filter means; none for every revision or no such filter.
    revision: Option<String>,
    conversations: HashSet<u32>,
    processes: HashSet<u32>,
    creators: HashSet<u32>,
    submitters: HashSet<u32>,
    usecases: HashSet<u32>,
}

fn hashes(names: &[String]) -> HashSet<u32> {
    names.iter().map(|name| hash(name)).collect()
}

fn among<T: std::hash::Hash + Eq>(wanted: &HashSet<T>, value: &T) -> bool {
    wanted.is_empty() || wanted.contains(value)
}

fn within(value: i64, start: &Option<prost_types::Timestamp>, end: &Option<prost_types::Timestamp>) -> bool {
    start.as_ref().is_none_or(|start| value >= micros(Some(start)))
        && end.as_ref().is_none_or(|end| value < micros(Some(end)))
}

impl<'a> Filter<'a> {
    async fn of(ctx: &Ctx, request: &'a ListScorecardsRequest) -> Result<Self> {
        let order = match request.order_by() {
            ScorecardOrderBy::Unspecified => ScorecardOrderBy::CreateTime,
            order => order,
        };
        let direction = match request.order_direction() {
            OrderDirection::Asc => Direction::Forward,
            OrderDirection::Desc | OrderDirection::Unspecified => Direction::Backward,
        };
        Ok(Self {
            request,
            order,
            direction,
            revision: templates::revision_meant(ctx, "templateName", &request.template_name).await?,
            conversations: hashes(&request.conversation_names),
            processes: hashes(&request.process_ids),
            creators: hashes(&request.creator_user_names),
            submitters: hashes(&request.submitter_user_names),
            usecases: hashes(&request.usecase_names),
        })
    }

    /// Whether an entry may be of a scorecard that is wanted.
    fn passes(&self, hit: &Hit) -> bool {
        let Some(entry) = Projection::decode(&hit.projection) else { return true };
        let request = self.request;
        (request.agent_user_name.is_empty() || entry.agent == hash(&request.agent_user_name))
            && match &self.revision {
                Some(revision) => entry.revision == hash(revision),
                None => {
                    request.template_name.is_empty()
                        || entry.template == hash(without_revision(&request.template_name))
                }
            }
            && self.passes_state(entry.submit, entry.update, entry.acknowledged, i32::from(entry.kind))
            && among(&self.conversations, &entry.conversation)
            && among(&self.processes, &entry.process)
            && among(&self.creators, &entry.creator)
            && among(&self.submitters, &entry.submitter)
            && among(&self.usecases, &entry.usecase)
    }

    fn passes_state(&self, submit: i64, update: i64, acknowledged: bool, kind: i32) -> bool {
        let request = self.request;
        let windowed = request.start_submit_time.is_some() || request.end_submit_time.is_some();
        let submitted = submit != 0;
        request.submitted.is_none_or(|wanted| wanted == submitted)
            && request.acknowledged.is_none_or(|wanted| wanted == acknowledged)
            && (request.scorecard_types.is_empty() || request.scorecard_types.contains(&kind))
            && (!windowed || submitted && within(submit, &request.start_submit_time, &request.end_submit_time))
            && within(update, &request.start_update_time, &request.end_update_time)
    }

    /// Whether a scorecard is wanted, by its names themselves.
    fn keeps(&self, card: &Scorecard) -> bool {
        let request = self.request;
        let named = |wanted: &[String], value: &str| wanted.is_empty() || wanted.iter().any(|name| name == value);
        let user = |user: &Option<crate::pb::cresta::v1::user::User>| {
            user.as_ref().map(|user| user.name.clone()).unwrap_or_default()
        };
        (request.agent_user_name.is_empty() || card.agent_user_name == request.agent_user_name)
            && match &self.revision {
                Some(revision) => card.template_name == *revision,
                None => {
                    request.template_name.is_empty()
                        || without_revision(&card.template_name) == without_revision(&request.template_name)
                }
            }
            && self.passes_state(
                micros(card.submit_time.as_ref()),
                micros(card.update_time.as_ref()),
                card.acknowledge_time.is_some(),
                card.scorecard_type,
            )
            && named(&request.conversation_names, &card.conversation_name)
            && named(&request.process_ids, &card.process_id)
            && named(&request.creator_user_names, &user(&card.creator))
            && named(&request.submitter_user_names, &user(&card.submitted_by))
            && named(&request.usecase_names, &card.usecase_name)
            && (request.coaching_plan_names.is_empty()
                || card.coaching_plan_names.iter().any(|plan| request.coaching_plan_names.contains(plan)))
    }

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
            time.as_ref().map(|time| tuple(|terms| drop(terms.i64(micros(Some(time))))))
        };
        let mut range = IndexRange::all(&ctx.customer, index).prefix(|terms| drop(terms.str(&ctx.profile)));
        range.start = bound(start).map_or(Bound::Unbounded, Bound::Included);
        range.end = bound(end).map_or(Bound::Unbounded, Bound::Excluded);
        range
    }

    async fn walk(&self, ctx: &Ctx, page: &Page, mut range: IndexRange) -> Result<Found> {
        range.direction = self.direction;
        let page = page.marked(WALKED);
        let Listed { items, next_page_token, whole } =
            walk::<Scorecard>(ctx, &page, range, |hit| self.passes(hit), |card| self.keeps(card)).await?;
        let total = whole.then(|| i32::try_from(items.len()).unwrap_or(i32::MAX));
        Ok(Found { items, next_page_token, total })
    }

    /// Reads the sets whole, sorts what passes, and cuts the page out; none where they are too large for that.
    async fn gather(&self, ctx: &Ctx, page: &Page, sets: Vec<IndexRange>) -> Result<Option<Found>> {
        let mut seen = HashSet::new();
        let mut gathered: Vec<(Bytes, Key)> = Vec::new();
        let mut left = GATHER_MAX;
        for set in sets {
            let found = ctx.db().scan_index(&set, left + 1, false).await?;
            if found.hits.len() > left {
                return Ok(None);
            }
            left -= found.hits.len();
            for hit in found.hits {
                if self.passes(&hit) && seen.insert(hit.key.clone()) {
                    gathered.push((self.sort_key(&hit), hit.key));
                }
            }
        }
        let total = i32::try_from(gathered.len()).ok();
        let (keys, next_page_token) = cut(&page.marked(GATHERED), gathered);
        let cards = ctx.db().get_many::<Scorecard>(&keys).await?;
        use crate::api::resource::Resource as _;
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
        let ascending = tuple(|key| drop(key.i64(value).raw(&hit.key.id)));
        match self.direction {
            Direction::Forward => ascending,
            Direction::Backward => ascending.iter().map(|byte| !byte).collect(),
        }
    }
}
