//! The sessions of an agent at a glance: how many, the last, the next, and those that wait for the agent.

use std::ops::Bound;

use super::UNTIMED;
use crate::api::Ctx;
use crate::api::behavior::Described as _;
use crate::domain::windows::Window;
use crate::error::Result;
use crate::names::{Name, last_segment};
use crate::pb::cresta::v1::coaching::CoachingSession;
use crate::services::coached::time_of;
use crate::services::filter::{hashes, marked, named};
use crate::store::{Cell, CellRange, Counted, Direction, Hit, IndexRange, KeyReader, Tally, tags, tuple};

/// In a cell of an agent and a usecase: sessions that the manager submitted and the agent did not acknowledge.
const WAITING: u64 = 1;
/// Entries and cells read at a time.
const STRETCH: usize = 64;

/// What a session counts for.
pub(super) fn count(session: &CoachingSession, counted: &mut Counted) {
    let Ok(name) = Name::parse(CoachingSession::TYPE, &session.name) else { return };
    if session.manager_submit_time.is_none() || session.acknowledge_time.is_some() {
        return;
    }
    let (agent, usecase) = (last_segment(&session.agent_user_name), last_segment(&session.usecase_name));
    let cell = Cell::new(name.customer, tags::SESSION_STATE, |terms| terms.str(name.profile).str(agent).str(usecase));
    counted.add(cell, WAITING, Tally::one(0));
}

/// How many sessions of an agent, by id, and of one of these usecases wait for the agent's acknowledgement.
pub(in crate::services) async fn waiting(ctx: &Ctx, agent: &str, usecases: &[String]) -> Result<i64> {
    let prefix = tuple(|terms| terms.str(&ctx.profile).str(agent));
    let of = Some((ctx.customer.clone().into(), tags::SESSION_STATE));
    let mut range = CellRange { of, prefix, ..CellRange::default() };
    let mut waiting = 0;
    loop {
        let page = ctx.db().scan_cells(&range, STRETCH).await?;
        for (cell, tallies) in &page {
            let usecase = KeyReader::new(&cell.terms[range.prefix.len()..]).str()?;
            if usecases.is_empty() || usecases.iter().any(|name| last_segment(name) == usecase) {
                waiting += tallies.get(WAITING).n;
            }
        }
        let ended = page.len() < STRETCH;
        match page.into_iter().last() {
            Some((cell, _)) if !ended => range.after = Some(cell),
            _ => return Ok(waiting),
        }
    }
}

/// How many sessions of an agent and of one of these usecases take place in a window.
pub(in crate::services) async fn held(ctx: &Ctx, agent: &str, usecases: &[String], window: Window) -> Result<i64> {
    let mut held = 0;
    let mut range = between(ctx, agent, window);
    loop {
        let found = ctx.db().scan_index(&range, STRETCH, false).await?;
        range.after = found.position().or(range.after);
        held += of_usecases(ctx, &found.hits, usecases).await?.len() as i64;
        if found.exhausted {
            return Ok(held);
        }
    }
}

/// When the last session of an agent and of one of these usecases before now took place; none where there was none.
pub(in crate::services) async fn last(ctx: &Ctx, agent: &str, usecases: &[String]) -> Result<Option<i64>> {
    nearest(ctx, between(ctx, agent, Window { start: UNTIMED + 1, end: ctx.now.0 }).backward(), usecases).await
}

/// When the next one from now on takes place.
pub(in crate::services) async fn next(ctx: &Ctx, agent: &str, usecases: &[String]) -> Result<Option<i64>> {
    nearest(ctx, between(ctx, agent, Window { start: ctx.now.0, end: i64::MAX }), usecases).await
}

fn between(ctx: &Ctx, agent: &str, window: Window) -> IndexRange {
    let at = |time: i64| tuple(|terms| terms.i64(time));
    let mut range = IndexRange::all(&ctx.customer, tags::COACHING_SESSION_BY_AGENT)
        .prefix(|terms| terms.str(&ctx.profile).str(agent));
    range.start = Bound::Included(at(window.start.max(UNTIMED + 1)));
    if window.end != i64::MAX {
        range.end = Bound::Excluded(at(window.end));
    }
    range
}

async fn nearest(ctx: &Ctx, mut range: IndexRange, usecases: &[String]) -> Result<Option<i64>> {
    // Without a usecase to look for, the first entry is the one.
    let stretch = if usecases.is_empty() { 1 } else { STRETCH };
    debug_assert!(range.direction == Direction::Backward || range.end == Bound::Unbounded);
    loop {
        let found = ctx.db().scan_index(&range, stretch, false).await?;
        range.after = found.position().or(range.after);
        if let Some(hit) = of_usecases(ctx, &found.hits, usecases).await?.first() {
            return time_of(&hit.terms()).map(Some);
        }
        if found.exhausted {
            return Ok(None);
        }
    }
}

/// Those of one of these usecases. Entries hold hashes of names, so what fits is asked itself.
async fn of_usecases<'a>(ctx: &Ctx, hits: &'a [Hit], usecases: &[String]) -> Result<Vec<&'a Hit>> {
    let wanted = hashes(usecases);
    let fitting: Vec<&Hit> = hits.iter().filter(|hit| marked(&hit.projection, 3, &wanted)).collect();
    if usecases.is_empty() || fitting.is_empty() {
        return Ok(fitting);
    }
    let keys: Vec<_> = fitting.iter().map(|hit| hit.key.clone()).collect();
    let sessions = ctx.db().get_many::<CoachingSession>(&keys).await?;
    let of = |session: Option<CoachingSession>| session.is_some_and(|session| named(usecases, &session.usecase_name));
    Ok(fitting.into_iter().zip(sessions).filter(|(_, session)| of(session.clone())).map(|(hit, _)| hit).collect())
}
