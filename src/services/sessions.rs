//! Coaching sessions: how they are kept, their two sides, the listing, and the sessions of a plan.

use std::ops::Bound;

use prost_types::Timestamp;

use super::filter::{agents_of, check_window, flagged, hashes, marked, marks, micros, named, within};
use super::templates::act;
use super::{comments, plans, standing};
use crate::api::Ctx;
use crate::api::behavior::Described as _;
use crate::api::caller::Caller;
use crate::api::list::walk;
use crate::api::page::Page;
use crate::api::resource::{Resource, decode};
use crate::api::standard::{load_for, save};
use crate::domain::sessions::{self, Side};
use crate::error::{Error, Result, reason};
use crate::names::{Name, last_segment};
use crate::pb::coaching::access::v1::Role;
use crate::pb::cresta::v1::coaching::*;
use crate::store::{Counted, Entries, IndexRange, Tag, Txn, tags, tuple};

pub(super) mod agenda;

/// Where a session stands that has no session time: before all that have one.
const UNTIMED: i64 = i64::MIN;
/// Sessions of a plan that are read at a time.
const STRETCH: usize = 200;

fn takes_place(session: &CoachingSession) -> i64 {
    session.session_time.as_ref().map_or(UNTIMED, |time| micros(Some(time)))
}

impl Resource for CoachingSession {
    const TABLE: Tag = tags::COACHING_SESSION;

    fn index(&self, entries: &mut Entries) {
        let Ok(name) = Name::parse(Self::TYPE, &self.name) else { return };
        let (profile, time) = (name.profile, takes_place(self));
        let names = [&*self.agent_user_name, &*self.coaching_plan_name, &*self.creator_user_name, &*self.usecase_name];
        let kept = marks(self.acknowledge_time.is_some(), &names);
        entries.add(tags::COACHING_SESSION_BY_TIME, |terms| terms.str(profile).i64(time), &kept);
        let agent = last_segment(&self.agent_user_name);
        entries.add(tags::COACHING_SESSION_BY_AGENT, |terms| terms.str(profile).str(agent).i64(time), &kept);
        if !self.coaching_plan_name.is_empty() {
            let plan = last_segment(&self.coaching_plan_name);
            entries.add(tags::COACHING_SESSION_BY_PLAN, |terms| terms.str(profile).str(plan).i64(time), &kept);
        }
    }

    fn count(&self, counted: &mut Counted) {
        agenda::count(self, counted);
    }

    /// An agent knows of their own sessions.
    fn visible(&self, caller: &Caller) -> bool {
        !caller.is_agent() || caller.is(&self.agent_user_name)
    }

    async fn writable(&self, ctx: &Ctx, txn: &Txn) -> Result<()> {
        standing::coach(ctx, txn, &self.agent_user_name).await
    }

    async fn create(&mut self, ctx: &Ctx, txn: &Txn) -> Result<()> {
        join(self, ctx, txn).await?;
        sessions::create(self, &act(ctx, &ctx.shown_caller()), side(&ctx.caller))
    }

    async fn update(&mut self, ctx: &Ctx, txn: &Txn, old: &Self) -> Result<()> {
        // Who may not move it to another plan is told so, and learns nothing of that plan.
        sessions::update(old, self, &act(ctx, &ctx.shown_caller()), side(&ctx.caller))?;
        if self.coaching_plan_name != old.coaching_plan_name {
            comments::hold(&self.name, txn).await?;
            join(self, ctx, txn).await?;
        }
        Ok(())
    }

    /// Comments lose their links to its notes.
    async fn delete(&self, ctx: &Ctx, txn: &Txn) -> Result<()> {
        comments::unlink_all(&self.name, ctx, txn).await
    }
}

/// The side that a caller moves.
fn side(caller: &Caller) -> Side {
    match caller.role {
        Role::Agent => Side::Agent,
        Role::Admin | Role::Service => Side::Both,
        Role::Manager | Role::Grader | Role::Unspecified => Side::Manager,
    }
}

/// Holds a session against the plan that it names, and gives it the plan's agent where it names none.
async fn join(session: &mut CoachingSession, ctx: &Ctx, txn: &Txn) -> Result<()> {
    if session.coaching_plan_name.is_empty() {
        if session.agent_user_name.is_empty() {
            return Err(Error::field("coachingSession.agentUserName", "is required where coachingPlanName is empty"));
        }
        return Ok(());
    }
    let plan = plans::referred(ctx, txn, "coachingSession.coachingPlanName", &session.coaching_plan_name).await?;
    if session.agent_user_name.is_empty() {
        session.agent_user_name.clone_from(&plan.agent_user_name);
    }
    if session.agent_user_name != plan.agent_user_name {
        let (agent, other) = (plan.agent_user_name, session.agent_user_name.clone());
        let message = format!("the plan is of {agent} and the session of {other}");
        return Err(Error::precondition(reason::AGENT_DIFFERS, message).with("agent", agent).with("other", other));
    }
    Ok(())
}

/// AcknowledgeCoachingSession: the agent's own act.
pub async fn acknowledge(
    ctx: Ctx,
    txn: Txn,
    request: AcknowledgeCoachingSessionRequest,
) -> Result<AcknowledgeCoachingSessionResponse> {
    let mut session = load_for::<CoachingSession, _>(&ctx, &txn, &request).await?;
    let user = ctx.shown_caller();
    let comment = request.agent_comment.as_deref();
    let moved = sessions::acknowledge(&session, comment, request.submitted, request.acknowledged, &act(&ctx, &user))?;
    if let Some(moved) = moved {
        session = moved;
        save(&txn, &mut session).await?;
    }
    Ok(AcknowledgeCoachingSessionResponse { coaching_session: Some(session) })
}

/// Bounds a range that ends in session times to a half-open window. A session without a time is in none.
fn bound(mut range: IndexRange, start: Option<&Timestamp>, end: Option<&Timestamp>) -> IndexRange {
    let at = |time: i64| tuple(|terms| terms.i64(time));
    if start.is_some() || end.is_some() {
        range.start = Bound::Included(at(start.map_or(UNTIMED + 1, |start| micros(Some(start)))));
    }
    if let Some(end) = end {
        range.end = Bound::Excluded(at(micros(Some(end))));
    }
    range
}

/// Whether a session takes place in a window, of which either side may be open.
fn takes_place_within(session: &CoachingSession, start: Option<&Timestamp>, end: Option<&Timestamp>) -> bool {
    (start.is_none() && end.is_none()) || session.session_time.is_some() && within(takes_place(session), start, end)
}

/// ListCoachingSessions: latest session time first, those without one last.
pub async fn list(ctx: Ctx, mut request: ListCoachingSessionsRequest) -> Result<ListCoachingSessionsResponse> {
    check_window("endSessionTime", request.start_session_time.as_ref(), request.end_session_time.as_ref())?;
    let Some(agents) = agents_of(&ctx, std::mem::take(&mut request.agent_user_names)) else {
        return Ok(ListCoachingSessionsResponse::default());
    };
    request.agent_user_names = agents;
    let page = Page::of(ctx.rpc.name, &request)?;

    let set = |index, of: &str| {
        IndexRange::all(&ctx.customer, index).prefix(|terms| terms.str(&ctx.profile).str(last_segment(of)))
    };
    let range = match (request.coaching_plan_names.as_slice(), request.agent_user_names.as_slice()) {
        ([plan], _) => set(tags::COACHING_SESSION_BY_PLAN, plan),
        (_, [agent]) => set(tags::COACHING_SESSION_BY_AGENT, agent),
        _ => IndexRange::all(&ctx.customer, tags::COACHING_SESSION_BY_TIME).prefix(|terms| terms.str(&ctx.profile)),
    };
    let (start, end) = (request.start_session_time.as_ref(), request.end_session_time.as_ref());
    let (agents, plans) = (hashes(&request.agent_user_names), hashes(&request.coaching_plan_names));
    let (creators, usecases) = (hashes(&request.creator_user_names), hashes(&request.usecase_names));
    let listed = walk::<CoachingSession>(
        &ctx,
        &page,
        bound(range, start, end).backward(),
        |hit| {
            flagged(&hit.projection, request.acknowledged)
                && marked(&hit.projection, 0, &agents)
                && marked(&hit.projection, 1, &plans)
                && marked(&hit.projection, 2, &creators)
                && marked(&hit.projection, 3, &usecases)
        },
        |session| {
            request.acknowledged.is_none_or(|wanted| session.acknowledge_time.is_some() == wanted)
                && takes_place_within(session, start, end)
                && named(&request.agent_user_names, &session.agent_user_name)
                && named(&request.coaching_plan_names, &session.coaching_plan_name)
                && named(&request.creator_user_names, &session.creator_user_name)
                && named(&request.usecase_names, &session.usecase_name)
        },
    )
    .await?;
    Ok(ListCoachingSessionsResponse { coaching_sessions: listed.items, next_page_token: listed.next_page_token })
}

/// The sessions of a plan in a window, by session time, those without one first.
pub(super) async fn of_plan(
    ctx: &Ctx,
    plan: &str,
    start: Option<&Timestamp>,
    end: Option<&Timestamp>,
) -> Result<Vec<CoachingSession>> {
    let range = IndexRange::all(&ctx.customer, tags::COACHING_SESSION_BY_PLAN)
        .prefix(|terms| terms.str(&ctx.profile).str(last_segment(plan)));
    let mut range = bound(range, start, end);
    let mut sessions = Vec::new();
    loop {
        let found = ctx.db().scan_index(&range, STRETCH, true).await?;
        range.after = found.position().or(range.after);
        for hit in found.hits {
            // A record may have changed since its entry was read.
            if let Some(rec) = hit.record? {
                let session: CoachingSession = decode(rec.body)?;
                if session.coaching_plan_name == plan && takes_place_within(&session, start, end) {
                    sessions.push(session);
                }
            }
        }
        if found.exhausted {
            return Ok(sessions);
        }
    }
}
