//! The filters of an export, settled when it begins: whom groups and teams hold, which revision a template means, and which
//! templates are kept from the caller.

use std::collections::{BTreeSet, HashSet};

use super::super::super::directory::users::{Traits, name_at};
use super::super::super::filter::{among, check_window, hash, hashes, micros, named, within};
use super::super::super::standing::Hidden;
use super::super::super::templates;
use super::super::entries::Projection;
use crate::api::Ctx;
use crate::api::resource::Resource as _;
use crate::error::Result;
use crate::names::{last_segment, without_revision};
use crate::pb::coaching::directory::v1::DirectoryUser;
use crate::pb::cresta::v1::coaching::*;
use crate::store::{Hit, IndexRange, IndexTag, tags};

/// Members read in one step.
const STRETCH: usize = 1_000;

/// See the module.
pub(super) struct Filter {
    request: ExportScorecardsRequest,
    /// Whom the filters of users, groups and teams leave together; none where there is no such filter.
    agents: Option<BTreeSet<String>>,
    /// Revisions, and templates of which every revision is wanted; empty for all.
    templates: HashSet<String>,
    agent_hashes: HashSet<u32>,
    template_hashes: HashSet<u32>,
    usecase_hashes: HashSet<u32>,
    hidden: Hidden,
}

impl Filter {
    /// INVALID_ARGUMENT where the window is empty.
    pub(super) async fn of(ctx: &Ctx, mut request: ExportScorecardsRequest) -> Result<Self> {
        check_window("endTime", request.start_time.as_ref(), request.end_time.as_ref())?;
        let mut wanted: HashSet<String> = HashSet::new();
        for name in &request.scorecard_template_names {
            let template = without_revision(name);
            let revision = templates::revision_meant(ctx, "scorecardTemplateNames", name).await?;
            wanted.insert(if revision.is_empty() { template.to_owned() } else { format!("{template}@{revision}") });
        }
        let agents = agents(ctx, &mut request).await?;
        Ok(Self {
            agent_hashes: agents.iter().flatten().map(|agent| hash(agent)).collect(),
            template_hashes: wanted.iter().map(|template| hash(template)).collect(),
            usecase_hashes: hashes(&request.usecase_names),
            hidden: Hidden::from(ctx).await?,
            templates: wanted,
            agents,
            request,
        })
    }

    /// The scorecards asked for by name; empty where none are.
    pub(super) fn named(&self) -> &[String] {
        &self.request.scorecard_names
    }

    /// The narrowest index by create time that has all that is wanted; none where nothing can be.
    pub(super) fn range(&self, ctx: &Ctx) -> Option<IndexRange> {
        let mut templates: Vec<&str> = self.templates.iter().map(|name| without_revision(name)).collect();
        templates.sort_unstable();
        templates.dedup();
        let mut agents = self.agents.iter().flatten();
        let (index, of): (IndexTag, Option<&str>) = match (&self.agents, agents.next(), agents.next(), &*templates) {
            (Some(_), None, ..) => return None,
            (_, Some(agent), None, _) => (tags::SCORECARD_BY_AGENT, Some(agent)),
            (.., [template]) => (tags::SCORECARD_BY_TEMPLATE, Some(template)),
            _ => (tags::SCORECARD_BY_CREATE, None),
        };
        let range = IndexRange::all(&ctx.customer, index).prefix(|terms| {
            let terms = terms.str(&ctx.profile);
            of.into_iter().fold(terms, |terms, of| terms.str(last_segment(of)))
        });
        let (start, end) = (micros(self.request.start_time.as_ref()), micros(self.request.end_time.as_ref()));
        Some(range.from(|terms| terms.i64(start)).until(|terms| terms.i64(end)))
    }

    /// Whether an entry may be of a scorecard that is wanted.
    pub(super) fn passes(&self, hit: &Hit) -> bool {
        let Some(entry) = Projection::decode(&hit.projection) else { return true };
        among(&self.agent_hashes, &entry.agent)
            && (self.template_hashes.is_empty()
                || self.template_hashes.contains(&entry.revision)
                || self.template_hashes.contains(&entry.template))
            && among(&self.usecase_hashes, &entry.usecase)
            && !self.hidden.has_hash(entry.template)
    }

    /// The one place where a scorecard is let into an export: the caller may know of it, and every filter lets it through.
    pub(super) fn admits(&self, ctx: &Ctx, card: &Scorecard) -> bool {
        let create = micros(card.create_time.as_ref());
        card.visible(&ctx.caller)
            && !self.hidden.has(&card.template_name)
            && within(create, self.request.start_time.as_ref(), self.request.end_time.as_ref())
            && self.agents.as_ref().is_none_or(|agents| agents.contains(&card.agent_user_name))
            && (self.templates.is_empty()
                || self.templates.contains(&card.template_name)
                || self.templates.contains(without_revision(&card.template_name)))
            && named(&self.request.usecase_names, &card.usecase_name)
    }

    /// Whether scorecards of this user are wanted. Of one whom the directory does not know, they are.
    pub(super) fn includes(&self, agent: &DirectoryUser) -> bool {
        self.request.include_deactivated_users || agent.deactivate_time.is_none()
    }
}

/// Where a scorecard stands in an export: by when it was made, then by name, as in the indexes.
pub(super) fn place(card: &Scorecard) -> (i64, &str) {
    (micros(card.create_time.as_ref()), &card.name)
}

/// Whom users, groups and teams leave together.
async fn agents(ctx: &Ctx, request: &mut ExportScorecardsRequest) -> Result<Option<BTreeSet<String>>> {
    let mut filters = Vec::new();
    if !request.agent_user_names.is_empty() {
        filters.push(std::mem::take(&mut request.agent_user_names).into_iter().collect::<BTreeSet<_>>());
    }
    for (index, circles) in [(tags::USER_BY_GROUP, &request.group_names), (tags::USER_BY_TEAM, &request.team_names)] {
        if !circles.is_empty() {
            filters.push(members(ctx, index, circles, request.include_deactivated_users).await?);
        }
    }
    Ok(filters.into_iter().reduce(|some, others| some.intersection(&others).cloned().collect()))
}

/// The members of any of these groups, or teams.
async fn members(ctx: &Ctx, index: IndexTag, circles: &[String], deactivated: bool) -> Result<BTreeSet<String>> {
    let mut members = BTreeSet::new();
    for circle in circles {
        let mut range = IndexRange::all(&ctx.customer, index).prefix(|terms| terms.str(last_segment(circle)));
        loop {
            let found = ctx.db().scan_index(&range, STRETCH, false).await?;
            for hit in &found.hits {
                if deactivated || Traits::read(&hit.projection).is_none_or(Traits::is_active) {
                    members.insert(name_at(&ctx.customer, hit)?);
                }
            }
            if found.exhausted {
                break;
            }
            range.after = found.position().or(range.after);
        }
    }
    Ok(members)
}
