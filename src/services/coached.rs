//! Who is coached: agents with active plans, as the directory lets them through, in an order that pages can go by.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::filter::{flagged, hashes, marked, named};
use crate::api::Ctx;
use crate::api::page::Page;
use crate::api::resource::key_of;
use crate::error::Result;
use crate::names::last_segment;
use crate::pb::coaching::directory::v1::DirectoryUser;
use crate::pb::cresta::v1::coaching::{CoachingPlan, OrderDirection};
use crate::store::{IndexRange, Key, KeyReader, KeyWriter, tags, tuple};

/// Entries and records read at a time.
const STRETCH: usize = 500;

/// Which agents are meant.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wanted<'a> {
    /// Only these, by name; empty means any.
    pub(super) agents: &'a [String],
    /// Only members of one of these groups; empty means any.
    pub(super) groups: &'a [String],
    /// Deactivated users too.
    pub(super) inactive: bool,
    /// Developers' accounts too.
    pub(super) developers: bool,
}

/// An agent, and what people call them.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Agent {
    /// The user's name.
    pub(super) name: String,
    /// What people see, in lower case; the id where the directory knows nothing better.
    called: String,
}

impl Agent {
    /// The id at the end of the name.
    pub(super) fn id(&self) -> &str {
        last_segment(&self.name)
    }

    /// Where the agent stands in an order by this value; equal ones by what people call them where the order is by that,
    /// and then by name.
    pub(super) fn place(
        &self,
        direction: OrderDirection,
        value: impl FnOnce(&mut KeyWriter) -> &mut KeyWriter,
    ) -> Bytes {
        let ascending = tuple(|key| value(key).str(&self.name));
        match direction {
            OrderDirection::Asc | OrderDirection::Unspecified => ascending,
            OrderDirection::Desc => ascending.iter().map(|byte| !byte).collect(),
        }
    }

    /// The same, in the order of what people call them.
    pub(super) fn place_by_name(&self, direction: OrderDirection) -> Bytes {
        self.place(direction, |key| key.str(&self.called))
    }
}

/// Those of these users, by name, who are wanted, in the order of their names. One whom the directory does not know is
/// active, no developer, and in no group.
pub(super) async fn known(ctx: &Ctx, mut names: Vec<String>, wanted: Wanted<'_>) -> Result<Vec<Agent>> {
    names.sort_unstable();
    names.dedup();
    let mut agents = Vec::with_capacity(names.len());
    for some in names.chunks(STRETCH) {
        let keys =
            some.iter().map(|name| key_of::<DirectoryUser>("agentUserNames", name)).collect::<Result<Vec<_>>>()?;
        for (name, user) in some.iter().zip(ctx.db().get_many::<DirectoryUser>(&keys).await?) {
            let let_through = user.as_ref().map_or(wanted.groups.is_empty(), |user| {
                (wanted.inactive || user.deactivate_time.is_none())
                    && (wanted.developers || !user.is_dev_user)
                    && (wanted.groups.is_empty() || user.group_names.iter().any(|group| wanted.groups.contains(group)))
            });
            if let_through {
                agents.push(Agent { name: name.clone(), called: called(name, user.as_ref()) });
            }
        }
    }
    Ok(agents)
}

/// What people call a user.
fn called(name: &str, user: Option<&DirectoryUser>) -> String {
    let known = user.map(|user| [&*user.display_name, &*user.full_name]).unwrap_or_default();
    let called = known.into_iter().find(|called| !called.is_empty()).unwrap_or_else(|| last_segment(name));
    called.to_lowercase()
}

/// The active plans of one of these usecases, by their agents, who are wanted; plans in the order in which they were made.
pub(super) async fn by_plans(
    ctx: &Ctx,
    wanted: Wanted<'_>,
    usecases: &[String],
) -> Result<Vec<(Agent, Vec<CoachingPlan>)>> {
    let set = IndexRange::all(&ctx.customer, tags::COACHING_PLAN_BY_AGENT);
    let mut keys = Vec::new();
    if wanted.agents.is_empty() {
        active(ctx, set.clone().prefix(|terms| terms.str(&ctx.profile)), usecases, STRETCH, &mut keys).await?;
    }
    let mut named_agents: Vec<&str> = wanted.agents.iter().map(|name| last_segment(name)).collect();
    named_agents.sort_unstable();
    named_agents.dedup();
    for agent in named_agents {
        let range = set.clone().prefix(|terms| terms.str(&ctx.profile).str(agent));
        active(ctx, range, usecases, 64, &mut keys).await?;
    }
    let mut plans: BTreeMap<String, Vec<CoachingPlan>> = BTreeMap::new();
    for keys in keys.chunks(STRETCH) {
        for plan in ctx.db().get_many::<CoachingPlan>(keys).await?.into_iter().flatten() {
            if plan.is_active() && named(usecases, &plan.usecase_name) {
                plans.entry(plan.agent_user_name.clone()).or_default().push(plan);
            }
        }
    }
    let agents = known(ctx, plans.keys().cloned().collect(), wanted).await?;
    Ok(agents.into_iter().filter_map(|agent| plans.remove(&agent.name).map(|plans| (agent, plans))).collect())
}

/// The keys of the active plans in a range, by their entries, which hold hashes of usecases.
async fn active(
    ctx: &Ctx,
    mut range: IndexRange,
    usecases: &[String],
    stretch: usize,
    into: &mut Vec<Key>,
) -> Result<()> {
    let usecases = hashes(usecases);
    loop {
        let found = ctx.db().scan_index(&range, stretch, false).await?;
        range.after = found.position().or(range.after);
        let hits = found.hits.into_iter();
        into.extend(
            hits.filter(|hit| flagged(&hit.projection, Some(true)) && marked(&hit.projection, 1, &usecases))
                .map(|hit| hit.key),
        );
        if found.exhausted {
            return Ok(());
        }
    }
}

/// What a page has not shown yet of what is in order by these keys.
pub(super) fn ahead<T>(page: &Page, mut keyed: Vec<(Bytes, T)>) -> impl Iterator<Item = (Bytes, T)> + use<T> {
    keyed.sort_by(|(a, _), (b, _)| a.cmp(b));
    let from = page.after.as_ref().map_or(0, |after| keyed.partition_point(|(key, _)| key <= after));
    keyed.into_iter().skip(from)
}

/// The time at the end of the terms of an entry of (profile, agent, time).
pub(super) fn time_of(terms: &[u8]) -> Result<i64> {
    let mut terms = KeyReader::new(terms);
    let (_profile, _agent) = (terms.str()?, terms.str()?);
    Ok(terms.i64()?)
}

/// The name of the user with this id.
pub(super) fn user_name(ctx: &Ctx, id: &str) -> String {
    format!("customers/{}/users/{id}", ctx.customer)
}
