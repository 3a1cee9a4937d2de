//! Coaching comments: how they are kept, their threads, and the session notes that they link to.
//!
//! A transaction cannot scan, so what must be known inside one stands in a record: a [`Thread`] says whose a thread is, and
//! a [`Linking`] which comments link to a session. Both are read and written beside what they speak of, so a session
//! never goes without taking the links to it along, whoever links meanwhile.

use std::collections::BTreeSet;

use bytes::Bytes;
use prost::Message;

use super::filter::{agents_of, hashes, marked, marks, micros, named};
use super::templates::act;
use super::{plans, standing};
use crate::api::Ctx;
use crate::api::behavior::{Described as _, Reference};
use crate::api::caller::Caller;
use crate::api::list::walk;
use crate::api::page::Page;
use crate::api::references;
use crate::api::resource::{self, Resource, decode, key_of};
use crate::api::standard::save;
use crate::domain::comments;
use crate::error::{Error, FieldViolation, Result, reason};
use crate::names::{Name, last_segment};
use crate::pb::coaching::directory::v1::DirectoryUser;
use crate::pb::cresta::v1::coaching::*;
use crate::store::{Cell, Counted, Entries, Fault, IndexRange, Key, KeyReader, Record, Tag, Tally, Txn, tags, tuple};

impl Resource for CoachingComment {
    const TABLE: Tag = tags::COACHING_COMMENT;

    fn index(&self, entries: &mut Entries) {
        let Ok(name) = Name::parse(Self::TYPE, &self.name) else { return };
        let (profile, created) = (name.profile, micros(self.create_time.as_ref()));
        let names = [&*self.agent_user_name, &*self.thread, &*self.coaching_plan_name, &*self.usecase_name];
        let kept = marks(false, &names);
        entries.add(tags::COACHING_COMMENT_BY_CREATE, |terms| terms.str(profile).i64(created), &kept);
        let mut set = |index, of: &str| {
            if !of.is_empty() {
                entries.add(index, |terms| terms.str(profile).str(of).i64(created), &kept);
            }
        };
        set(tags::COACHING_COMMENT_BY_THREAD, &self.thread);
        set(tags::COACHING_COMMENT_BY_PLAN, last_segment(&self.coaching_plan_name));
        set(tags::COACHING_COMMENT_BY_AGENT, last_segment(&self.agent_user_name));
    }

    /// An agent knows of the comments on their own plans, and of their own without a plan.
    fn visible(&self, caller: &Caller) -> bool {
        !caller.is_agent() || caller.is(&self.agent_user_name)
    }

    async fn writable(&self, ctx: &Ctx, txn: &Txn) -> Result<()> {
        standing::coach(ctx, txn, &self.agent_user_name).await
    }

    async fn create(&mut self, ctx: &Ctx, txn: &Txn) -> Result<()> {
        comments::create(self, &act(ctx, &ctx.shown_caller()))?;
        enter(self, ctx, txn).await?;
        link(self, None, txn).await?;
        tag(self, &[], ctx).await
    }

    async fn update(&mut self, ctx: &Ctx, txn: &Txn, old: &Self) -> Result<()> {
        comments::update(old, self, &act(ctx, &ctx.shown_caller()))?;
        link(self, Some(old), txn).await?;
        tag(self, &old.tagged_users, ctx).await
    }
}

/// Refuses to tag somebody whom the directory does not know. Whom the comment tagged before stays tagged.
async fn tag(comment: &CoachingComment, before: &[String], ctx: &Ctx) -> Result<()> {
    if ctx.rules().strict_directory {
        return Ok(()); // the doorway refuses it, together with all else that is not in the directory
    }
    let tagged = comment.tagged_users.iter().enumerate().filter(|(_, name)| !before.contains(name));
    let tagged = tagged.map(|(i, name)| {
        let field = format!("coachingComment.taggedUsers[{i}]");
        Reference { kind: DirectoryUser::TYPE, field, name: name.clone() }
    });
    references::known(ctx, &tagged.collect::<Vec<_>>()).await
}

/// Settles the thread, the plan and the agent of a new comment.
async fn enter(comment: &mut CoachingComment, ctx: &Ctx, txn: &Txn) -> Result<()> {
    if comment.thread.is_empty() {
        comment.thread = ctx.new_id();
    }
    let key = Thread::key_of(ctx, &comment.thread);
    let thread = txn.get::<Thread>(&key).await?;
    if let Some(thread) = &thread {
        let foreign = ctx.caller.is_agent() && !ctx.caller.is(&thread.agent);
        let moved = !comment.coaching_plan_name.is_empty() && comment.coaching_plan_name != thread.plan;
        if foreign || moved {
            let description = "is a thread on another plan: leave it empty to begin one";
            return Err(elsewhere("coachingComment.thread", description));
        }
        comment.coaching_plan_name.clone_from(&thread.plan);
    }
    comment.agent_user_name = if !comment.coaching_plan_name.is_empty() {
        let field = "coachingComment.coachingPlanName";
        plans::referred(ctx, txn, field, &comment.coaching_plan_name).await?.agent_user_name
    } else if let Some(thread) = &thread {
        thread.agent.clone()
    } else if ctx.caller.is_agent() {
        ctx.caller.name_in(&ctx.customer)
    } else {
        String::new()
    };
    let mut thread = thread.unwrap_or_else(|| Thread {
        customer: ctx.customer.clone(),
        id: key.id,
        plan: comment.coaching_plan_name.clone(),
        agent: comment.agent_user_name.clone(),
        ..Thread::default()
    });
    // Of two that were written at one moment, either may be stored first.
    let written = (micros(comment.create_time.as_ref()), comment.name.clone());
    if written > (thread.last_time, thread.last_comment.clone()) {
        (thread.last_time, thread.last_comment) = written;
        thread.last_writer.clone_from(&comment.creator_user_name);
        txn.save(&thread).await?;
    }
    Ok(())
}

/// The error of what belongs to another plan than the comment.
fn elsewhere(field: &str, description: &str) -> Error {
    let violation = FieldViolation { field: field.to_owned(), description: description.to_owned() };
    Error::precondition(reason::PLAN_DIFFERS, format!("{field}: {description}")).with_fields(vec![violation])
}

/// Holds the linked sessions against the comment's plan, and keeps in the sessions' records that the comment links to them,
/// or no longer does.
async fn link(comment: &CoachingComment, old: Option<&CoachingComment>, txn: &Txn) -> Result<()> {
    let (before, after) = (old.map(sessions_of).unwrap_or_default(), sessions_of(comment));
    for (i, note) in comment.linked_session_notes.iter().enumerate() {
        let name = &note.coaching_session_name;
        if before.contains(name.as_str()) {
            continue;
        }
        let field = format!("coachingComment.linkedSessionNotes[{i}].coachingSessionName");
        let session = txn.get::<CoachingSession>(&key_of::<CoachingSession>(&field, name)?).await?;
        // Of a session elsewhere no more is told than of one that is not there.
        if !session.is_some_and(|session| comments::may_link(comment, &session)) {
            return Err(elsewhere(&field, "is no session of the comment's plan"));
        }
    }
    for session in after.difference(&before) {
        let mut linking = Linking::of(txn, session).await?;
        if linking.comments.len() >= comments::MAX_LINKING {
            let message = format!("{} comments link to {session} already", comments::MAX_LINKING);
            return Err(Error::precondition(reason::TOO_MANY_LINKS, message).with("resource", *session));
        }
        linking.comments.push(comment.name.clone());
        txn.save(&linking).await?;
    }
    for session in before.difference(&after) {
        let mut linking = Linking::of(txn, session).await?;
        linking.comments.retain(|name| *name != comment.name);
        linking.settle(txn).await?;
    }
    Ok(())
}

fn sessions_of(comment: &CoachingComment) -> BTreeSet<&str> {
    comment.linked_session_notes.iter().map(|note| note.coaching_session_name.as_str()).collect()
}

/// Takes the links to a session that goes out of every comment.
pub(super) async fn unlink_all(session: &str, ctx: &Ctx, txn: &Txn) -> Result<()> {
    let linking = Linking::of(txn, session).await?;
    if linking.comments.is_empty() {
        return Ok(());
    }
    let keys =
        linking.comments.iter().map(|name| key_of::<CoachingComment>("name", name)).collect::<Result<Vec<_>>>()?;
    let user = ctx.shown_caller();
    for comment in txn.get_many::<CoachingComment>(&keys).await?.into_iter().flatten() {
        save(txn, &mut comments::unlink(&comment, session, &act(ctx, &user))).await?;
    }
    txn.delete::<Linking>(&linking.key()).await?;
    Ok(())
}

/// Refuses that a session leaves its plan while comments on that plan link to its notes.
pub(super) async fn hold(session: &str, txn: &Txn) -> Result<()> {
    let linking = Linking::of(txn, session).await?;
    let Some(first) = linking.comments.first() else { return Ok(()) };
    let message = format!("{} comments on its plan link to {session}", linking.comments.len());
    Err(Error::precondition(reason::SESSION_LINKED, message).with("resource", first.clone()))
}

/// Whose a thread is, which never changes, and who wrote in it last.
#[derive(Clone, PartialEq, Message)]
pub struct Thread {
    #[prost(string, tag = "1")]
    customer: String,
    #[prost(bytes = "bytes", tag = "2")]
    id: Bytes,
    #[prost(string, tag = "3")]
    plan: String,
    #[prost(string, tag = "4")]
    agent: String,
    /// When the last comment was written, in microseconds since the epoch.
    #[prost(int64, tag = "5")]
    last_time: i64,
    /// The last comment's name.
    #[prost(string, tag = "6")]
    last_comment: String,
    /// Who wrote it.
    #[prost(string, tag = "7")]
    last_writer: String,
}

/// In the cell of a plan: threads in which the agent wrote last.
const OPEN: u64 = 1;

/// How many threads on these plans of an agent, by id, wait for an answer as the agent wrote last.
pub(super) async fn open(ctx: &Ctx, agent: &str, plans: &[String]) -> Result<i64> {
    let cell = |plan: &String| open_cell(&ctx.customer, &ctx.profile, agent, last_segment(plan));
    let cells: Vec<Cell> = plans.iter().map(cell).collect();
    Ok(ctx.db().cells(&cells).await?.iter().map(|tallies| tallies.get(OPEN).n).sum())
}

fn open_cell(customer: &str, profile: &str, agent: &str, plan: &str) -> Cell {
    Cell::new(customer, tags::THREAD_STATE, |terms| terms.str(profile).str(agent).str(plan))
}

impl Thread {
    fn key_of(ctx: &Ctx, thread: &str) -> Key {
        Key::new(&ctx.customer, Self::TAG, tuple(|id| id.str(&ctx.profile).str(thread)))
    }
}

impl Record for Thread {
    const TAG: Tag = tags::COACHING_THREAD;
    const HISTORY: bool = false;

    fn key(&self) -> Key {
        Key::new(&self.customer, Self::TAG, &self.id)
    }
    fn encode(&self) -> Vec<u8> {
        self.encode_to_vec()
    }
    fn decode(body: Bytes) -> Result<Self, Fault> {
        decode(body)
    }
    fn entries(&self, _entries: &mut Entries) {}
    fn tallies(&self, counted: &mut Counted) {
        let Ok(profile) = KeyReader::new(&self.id).str() else { return };
        if !self.plan.is_empty() && !self.agent.is_empty() && self.last_writer == self.agent {
            let (agent, plan) = (last_segment(&self.agent), last_segment(&self.plan));
            counted.add(open_cell(&self.customer, &profile, agent, plan), OPEN, Tally::one(0));
        }
    }
}

/// The comments that link to the notes of a session; there while there is one.
#[derive(Clone, PartialEq, Message)]
pub struct Linking {
    #[prost(string, tag = "1")]
    session: String,
    #[prost(string, repeated, tag = "2")]
    comments: Vec<String>,
}

impl Linking {
    async fn of(txn: &Txn, session: &str) -> Result<Self> {
        let none = Self { session: session.to_owned(), comments: Vec::new() };
        Ok(txn.get::<Self>(&none.key()).await?.unwrap_or(none))
    }

    /// Keeps what is left, or nothing where nothing is.
    async fn settle(&self, txn: &Txn) -> Result<()> {
        if self.comments.is_empty() {
            txn.delete::<Self>(&self.key()).await?;
        } else {
            txn.save(self).await?;
        }
        Ok(())
    }
}

impl Record for Linking {
    const TAG: Tag = tags::COACHING_SESSION_LINKING;
    const HISTORY: bool = false;

    fn key(&self) -> Key {
        Name::parse(CoachingSession::TYPE, &self.session)
            .map_or_else(|_| Key::new("", Self::TAG, ""), |name| resource::key(Self::TAG, &name))
    }
    fn encode(&self) -> Vec<u8> {
        self.encode_to_vec()
    }
    fn decode(body: Bytes) -> Result<Self, Fault> {
        decode(body)
    }
    fn entries(&self, _entries: &mut Entries) {}
}

/// ListCoachingComments: oldest first.
pub async fn list(ctx: Ctx, request: ListCoachingCommentsRequest) -> Result<ListCoachingCommentsResponse> {
    let Some(agents) = agents_of(&ctx, Vec::new()) else { return Ok(ListCoachingCommentsResponse::default()) };
    // An agent's listing is another one than everybody's, with page tokens of its own.
    let listing = [ctx.rpc.name, &agents.concat()].concat();
    let page = Page::of(&listing, &request)?;
    let set = |index, of: &str| {
        IndexRange::all(&ctx.customer, index).prefix(|terms| terms.str(&ctx.profile).str(last_segment(of)))
    };
    let range = match (&*request.thread_ids, &*request.coaching_plan_names, &*agents) {
        ([thread], _, _) => set(tags::COACHING_COMMENT_BY_THREAD, thread),
        (_, [plan], _) => set(tags::COACHING_COMMENT_BY_PLAN, plan),
        (_, _, [agent]) => set(tags::COACHING_COMMENT_BY_AGENT, agent),
        _ => IndexRange::all(&ctx.customer, tags::COACHING_COMMENT_BY_CREATE).prefix(|terms| terms.str(&ctx.profile)),
    };
    let (threads, plans) = (hashes(&request.thread_ids), hashes(&request.coaching_plan_names));
    let (own, usecases) = (hashes(&agents), hashes(&request.usecase_names));
    let listed = walk::<CoachingComment>(
        &ctx,
        &page,
        range,
        |hit| {
            marked(&hit.projection, 0, &own)
                && marked(&hit.projection, 1, &threads)
                && marked(&hit.projection, 2, &plans)
                && marked(&hit.projection, 3, &usecases)
        },
        |comment| {
            named(&request.thread_ids, &comment.thread)
                && named(&request.coaching_plan_names, &comment.coaching_plan_name)
                && named(&request.usecase_names, &comment.usecase_name)
        },
    )
    .await?;
    Ok(ListCoachingCommentsResponse { coaching_comments: listed.items, next_page_token: listed.next_page_token })
}
