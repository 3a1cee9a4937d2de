//! Which index entries to read for which filters and order.
//!
//! A *walk* goes along an index that has the order asked for, filters the entries, and stops at the page's size. A
//! *gathering* reads a small set whole, sorts it, and cuts the page out. For each request there is a list of roads, best
//! first; a gathering that finds its set too large gives way to the next, and the last is always a walk.

use std::collections::BTreeSet;
use std::ops::Bound;

use prost_types::Timestamp;

use crate::api::Ctx;
use crate::names::{last_segment, without_revision};
use crate::pb::cresta::v1::coaching::{ListScorecardsRequest, ScorecardOrderBy as Order};
use crate::services::filter::micros;
use crate::services::scorecards::entries::process_term;
use crate::store::{IndexRange, IndexTag, tags, tuple};

/// Most entries of the sets that belong to one thing: an agent, a plan, a conversation.
const SET_MAX: usize = 10_000;
/// Most entries of a window of time. Many windows are larger, so looking must cost little.
const WINDOW_MAX: usize = 1_000;

/// One way to make a listing.
pub(super) enum Road {
    /// Along this index.
    Walk(IndexRange),
    /// By reading these sets whole, if they have at most so many entries.
    Gather(Vec<IndexRange>, usize),
}

/// The roads for a request, best first. They depend on nothing but the request, so a page token can name one.
pub(super) fn of(ctx: &Ctx, request: &ListScorecardsRequest, order: Order) -> Vec<Road> {
    let map = Map { ctx, window: Window::of(request) };
    let sets = map.small_sets(request);
    if !sets.is_empty() {
        return match (sets.as_slice(), order) {
            ([_], Order::CreateTime) => sets.into_iter().map(Road::Walk).collect(),
            _ => vec![Road::Gather(sets, SET_MAX), map.walk(map.profile(order), order)],
        };
    }
    let (narrow, small) = map.narrow(request);
    let along = |index: IndexTag| map.range(index, narrow.of.as_deref());
    let mut roads = Vec::new();
    // A window on another time than the order's is read whole where it is small.
    if order != Order::SubmitTime && map.window.submitted_since() {
        roads.push(Road::Gather(vec![map.bounded(along(narrow.by_submit), Order::SubmitTime)], WINDOW_MAX));
    }
    if order != Order::UpdateTime && narrow.of.is_none() && map.window.start_update.is_some() {
        roads.push(Road::Gather(vec![map.bounded(map.profile(Order::UpdateTime), Order::UpdateTime)], WINDOW_MAX));
    }
    match order {
        Order::CreateTime | Order::Unspecified => roads.push(map.walk(along(narrow.by_create), Order::CreateTime)),
        Order::SubmitTime => roads.push(map.walk(along(narrow.by_submit), order)),
        Order::UpdateTime | Order::TotalScore => {
            if small {
                roads.push(Road::Gather(vec![map.bounded(along(narrow.by_submit), Order::SubmitTime)], SET_MAX));
            }
            roads.push(map.walk(map.profile(order), order));
        }
    }
    roads
}

/// The windows that a request names, in microseconds, and whether it wants drafts.
struct Window {
    start_submit: Option<i64>,
    end_submit: Option<i64>,
    start_update: Option<i64>,
    end_update: Option<i64>,
    submitted: Option<bool>,
}

impl Window {
    fn of(request: &ListScorecardsRequest) -> Self {
        let at = |time: &Option<Timestamp>| time.as_ref().map(|time| micros(Some(time)));
        let mut window = Self {
            start_submit: at(&request.start_submit_time),
            end_submit: at(&request.end_submit_time),
            start_update: at(&request.start_update_time),
            end_update: at(&request.end_update_time),
            submitted: request.submitted,
        };
        // A draft is in no window of submit times.
        if window.start_submit.is_some() || window.end_submit.is_some() {
            window.submitted = Some(true);
        }
        window
    }

    fn submitted_since(&self) -> bool {
        self.start_submit.is_some()
    }

    /// Where entries in this order can begin and end. A scorecard is created before it is submitted, and neither is after
    /// its last update, so a window on one of the times bounds the others too. Drafts have submit time zero.
    fn bounds(&self, order: Order) -> (Option<i64>, Option<i64>) {
        let earlier = |a: Option<i64>, b: Option<i64>| a.into_iter().chain(b).min();
        let end = earlier(self.end_submit, self.end_update);
        match order {
            Order::CreateTime | Order::Unspecified => (None, end),
            Order::SubmitTime => match self.submitted {
                Some(true) => (Some(self.start_submit.unwrap_or(1).max(1)), end),
                Some(false) => (None, Some(1)),
                None => (None, end),
            },
            Order::UpdateTime => (self.start_update.into_iter().chain(self.start_submit).max(), self.end_update),
            Order::TotalScore => (None, None),
        }
    }
}

/// The one thing whose scorecards are asked for, if there is one, and the indexes that have it.
struct Narrow {
    of: Option<String>,
    by_create: IndexTag,
    by_submit: IndexTag,
}

struct Map<'a> {
    ctx: &'a Ctx,
    window: Window,
}

impl Map<'_> {
    fn range(&self, index: IndexTag, of: Option<&str>) -> IndexRange {
        IndexRange::all(&self.ctx.customer, index).prefix(|terms| {
            let terms = terms.str(&self.ctx.profile);
            of.into_iter().fold(terms, |terms, of| terms.str(of))
        })
    }

    /// The index over the whole profile that has this order.
    fn profile(&self, order: Order) -> IndexRange {
        let index = match order {
            Order::SubmitTime => tags::SCORECARD_BY_SUBMIT,
            Order::UpdateTime => tags::SCORECARD_BY_UPDATE,
            Order::TotalScore => tags::SCORECARD_BY_SCORE,
            Order::CreateTime | Order::Unspecified => tags::SCORECARD_BY_CREATE,
        };
        self.range(index, None)
    }

    /// The same range, which has this order, cut to what the windows allow.
    fn bounded(&self, mut range: IndexRange, order: Order) -> IndexRange {
        let (start, end) = self.window.bounds(order);
        let bound = |at: i64| tuple(|terms| terms.i64(at));
        range.start = start.map_or(Bound::Unbounded, |start| Bound::Included(bound(start)));
        range.end = end.map_or(Bound::Unbounded, |end| Bound::Excluded(bound(end)));
        range
    }

    fn walk(&self, range: IndexRange, order: Order) -> Road {
        Road::Walk(self.bounded(range, order))
    }

    /// Sets that are small by their nature and together hold everything wanted; none where no filter names such.
    fn small_sets(&self, request: &ListScorecardsRequest) -> Vec<IndexRange> {
        let ids = |names: &[String]| names.iter().map(|name| last_segment(name).to_owned()).collect();
        let (index, terms): (IndexTag, BTreeSet<String>) = if !request.conversation_names.is_empty() {
            (tags::SCORECARD_BY_CONVERSATION, ids(&request.conversation_names))
        } else if !request.process_ids.is_empty() {
            let terms = request.process_ids.iter().map(|process| process_term(process)).collect();
            (tags::SCORECARD_BY_PROCESS, terms)
        } else if !request.coaching_plan_names.is_empty() {
            (tags::SCORECARD_BY_PLAN, ids(&request.coaching_plan_names))
        } else {
            return Vec::new();
        };
        terms.iter().map(|of| self.range(index, Some(of))).collect()
    }

    /// The narrowest set otherwise, and whether it is worth reading whole: an agent's is, a template's as a rule is not.
    fn narrow(&self, request: &ListScorecardsRequest) -> (Narrow, bool) {
        if !request.agent_user_name.is_empty() {
            let of = Some(last_segment(&request.agent_user_name).to_owned());
            let (by_create, by_submit) = (tags::SCORECARD_BY_AGENT, tags::SCORECARD_BY_AGENT_SUBMIT);
            return (Narrow { of, by_create, by_submit }, true);
        }
        if !request.template_name.is_empty() {
            let of = Some(last_segment(without_revision(&request.template_name)).to_owned());
            let (by_create, by_submit) = (tags::SCORECARD_BY_TEMPLATE, tags::SCORECARD_BY_TEMPLATE_SUBMIT);
            return (Narrow { of, by_create, by_submit }, false);
        }
        (Narrow { of: None, by_create: tags::SCORECARD_BY_CREATE, by_submit: tags::SCORECARD_BY_SUBMIT }, false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(submit: (Option<i64>, Option<i64>), update: (Option<i64>, Option<i64>)) -> Window {
        let at = |micros: Option<i64>| micros.map(|micros| crate::clock::Micros(micros).timestamp());
        Window::of(&ListScorecardsRequest {
            start_submit_time: at(submit.0),
            end_submit_time: at(submit.1),
            start_update_time: at(update.0),
            end_update_time: at(update.1),
            ..Default::default()
        })
    }

    #[test]
    fn a_window_on_one_time_bounds_the_orders_of_the_others() {
        let submit = window((Some(10), Some(20)), (None, None));
        assert_eq!(submit.bounds(Order::CreateTime), (None, Some(20)));
        assert_eq!(submit.bounds(Order::SubmitTime), (Some(10), Some(20)));
        assert_eq!(submit.bounds(Order::UpdateTime), (Some(10), None));
        assert_eq!(submit.bounds(Order::TotalScore), (None, None));
        let both = window((Some(10), Some(20)), (Some(12), Some(15)));
        assert_eq!(both.bounds(Order::CreateTime), (None, Some(15)));
        assert_eq!(both.bounds(Order::SubmitTime), (Some(10), Some(15)));
        assert_eq!(both.bounds(Order::UpdateTime), (Some(12), Some(15)));
    }

    #[test]
    fn drafts_stand_at_the_beginning_of_the_submit_order() {
        let mut window = window((None, None), (None, None));
        assert_eq!(window.bounds(Order::SubmitTime), (None, None));
        window.submitted = Some(false);
        assert_eq!(window.bounds(Order::SubmitTime), (None, Some(1)));
        window.submitted = Some(true);
        assert_eq!(window.bounds(Order::SubmitTime), (Some(1), None));
    }
}
