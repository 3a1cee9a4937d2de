//! ListScorecards: which entries to read for which filters and order.
//!
//! Two ways give a page. A *walk* goes along an index that has the order asked for, filters the entries, and stops at the
//! page's size. A *gathering* reads a narrow set whole, sorts it, and cuts the page out. A walk is taken where the
//! narrowest set has the order; otherwise a gathering, as long as the set is small; otherwise a walk along the whole
//! profile in that order. A page token remembers the way, so that a listing goes on as it began.

use std::collections::{BTreeSet, HashSet};
use std::ops::Bound;

use bytes::Bytes;

use super::super::filter::{among, check_window, hash, hashes, micros, within};
use super::super::templates;
use super::entries::{Projection, process_term};
use crate::api::Ctx;
use crate::api::list::{Listed, cut, walk};
use crate::api::page::Page;
use crate::api::resource::Resource as _;
use crate::error::{Error, Result, reason};
use crate::names::{last_segment, without_revision};
use crate::pb::cresta::v1::coaching::*;
use crate::store::{Direction, Hit, IndexRange, IndexTag, Key, tags, tuple};

/// Most entries of a set that is gathered; a listing that began so may grow tenfold before it must begin again.
const GATHER_MAX: usize = 10_000;

/// How a listing is made, as its page tokens remember it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Along the one narrow set, which has the order asked for.
    Indexed = b'i' as isize,
    /// By reading narrow sets whole.
    Gathered = b'g' as isize,
    /// Along the whole profile.
    Walked = b'w' as isize,
}

/// ListScorecards. See the module.
pub async fn list(ctx: Ctx, mut request: ListScorecardsRequest) -> Result<ListScorecardsResponse> {
    let mut page = Page::of(ctx.rpc.name, &request)?;
    if !hold_to_own(&ctx, &mut request) {
        return Ok(ListScorecardsResponse::default());
    }
    check_windows(&request)?;
    let filter = Filter::of(&ctx, &request).await?;
    let narrow = narrowest(&ctx, &request);
    let begun = page.take_mark();
    let stale =
        || Error::field("pageToken", "no longer fits: begin the listing again").because(reason::INVALID_PAGE_TOKEN);
    let way = match begun {
        Some(mark) => {
            [Way::Indexed, Way::Gathered, Way::Walked].into_iter().find(|way| *way as u8 == mark).ok_or_else(stale)?
        }
        None if narrow.sets.len() == 1 && filter.order == ScorecardOrderBy::CreateTime => Way::Indexed,
        None if narrow.small => Way::Gathered,
        None => Way::Walked,
    };
    let whole_profile = filter.whole_profile(&ctx);
    let listed = match (way, narrow.sets.as_slice()) {
        (Way::Indexed, [range]) => filter.walk(&ctx, &page, range.clone(), way).await?,
        (Way::Gathered, sets) if begun.is_none() => match filter.gather(&ctx, &page, sets, GATHER_MAX).await? {
            Some(found) => found,
            None => filter.walk(&ctx, &page, whole_profile, Way::Walked).await?,
        },
        (Way::Gathered, sets) => filter.gather(&ctx, &page, sets, GATHER_MAX * 10).await?.ok_or_else(stale)?,
        _ => filter.walk(&ctx, &page, whole_profile, Way::Walked).await?,
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

fn check_windows(request: &ListScorecardsRequest) -> Result<()> {
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
                    request.template_name.is_empty() || entry.template == hash(without_revision(&request.template_name))
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
            && (!windowed
                || submitted && within(submit, request.start_submit_time.as_ref(), request.end_submit_time.as_ref()))
            && within(update, request.start_update_time.as_ref(), request.end_update_time.as_ref())
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
            time.as_ref().map(|time| tuple(|terms| terms.i64(micros(Some(time)))))
        };
        let mut range = IndexRange::all(&ctx.customer, index).prefix(|terms| terms.str(&ctx.profile));
        range.start = bound(start).map_or(Bound::Unbounded, Bound::Included);
        range.end = bound(end).map_or(Bound::Unbounded, Bound::Excluded);
        range
    }

    async fn walk(&self, ctx: &Ctx, page: &Page, mut range: IndexRange, way: Way) -> Result<Found> {
        range.direction = self.direction;
        let page = page.marked(way as u8);
        let Listed { items, next_page_token, whole } =
            walk::<Scorecard>(ctx, &page, range, |hit| self.passes(hit), |card| self.keeps(card)).await?;
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
                if self.passes(&hit) && seen.insert(hit.key.clone()) {
                    gathered.push((self.sort_key(&hit), hit.key));
                }
            }
        }
        let total = i32::try_from(gathered.len()).ok();
        let (keys, next_page_token) = cut(&page.marked(Way::Gathered as u8), gathered);
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
