//! Whom audiences hold: what the directory says of one agent, and the users that templates show. The directory is read
//! at the time of the call, so a change of memberships counts at once.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::directory::users::{Traits, agent_count, name_at};
use crate::api::Ctx;
use crate::api::caller::shown;
use crate::api::resource::key_of;
use crate::domain::audience::{self, Circle, Membership};
use crate::domain::directory;
use crate::error::Result;
use crate::names::last_segment;
use crate::pb::coaching::directory::v1::DirectoryUser;
use crate::pb::cresta::v1::coaching::ScorecardTemplate;
use crate::store::{Fault, Hit, IndexRange, IndexTag, Key, tags};

/// Most users that one template shows.
const SHOWN: usize = 1_000;
/// Most users that the templates of a page show together: some 2 MiB of names and addresses, where gRPC clients take
/// messages of 4 MiB unless told otherwise.
const SHOWN_ON_PAGE: usize = 10_000;
/// Entries of a circle that are read at a time.
const STRETCH: usize = 2_000;

/// What is known of an agent whom the directory has as `known`.
pub(super) fn membership<'a>(ctx: &Ctx, known: Option<&'a DirectoryUser>) -> Membership<'a> {
    match known {
        Some(user) => Membership::Known(user),
        None if ctx.rules().strict_directory => Membership::Absent,
        None => Membership::Unknown,
    }
}

/// Shows in these templates the users whom their audiences hold now. Each circle is read once; of everyone, who may be
/// a hundred thousand, no more is read than is shown, and the rest is known by its count.
pub(super) async fn show(ctx: &Ctx, templates: &mut [ScorecardTemplate]) -> Result<()> {
    let needed: BTreeSet<Circle> = templates.iter().flat_map(audience::circles).collect();
    let (mut circles, mut unread) = (HashMap::new(), 0);
    for circle in needed {
        let members = match circle {
            Circle::Everyone => {
                let most = SHOWN + templates.iter().map(|template| left_out(template).len()).max().unwrap_or_default();
                let (members, exhausted) = first_members(ctx, most).await?;
                if !exhausted {
                    unread = agent_count(ctx).await?.saturating_sub(members.len());
                }
                members
            }
            _ => members(ctx, &circle).await?,
        };
        circles.insert(circle, members);
    }
    let deactivated = named(ctx, templates, |user| user.deactivate_time.is_some()).await?;
    let most = SHOWN.min(SHOWN_ON_PAGE / templates.len().max(1));
    for template in templates {
        let of = |circle: &Circle| circles.get(circle).map(Vec::as_slice).unwrap_or_default();
        let users = audience::resolve(template, of, |name| deactivated.contains(name));
        let (mut count, users) = (users.len(), users.into_iter().take(most).map(shown).collect());
        if unread > 0 && audience::circles(template).contains(&Circle::Everyone) {
            let last = of(&Circle::Everyone).last().map_or("", String::as_str);
            let behind = left_out(template).iter().filter(|name| name.as_str() > last).cloned().collect();
            count += unread - counting(ctx, behind).await?.min(unread);
        }
        template.resolved_audience_count = i32::try_from(count).unwrap_or(i32::MAX);
        template.resolved_audience = users;
    }
    Ok(())
}

/// Users whom the audience leaves out by name.
fn left_out(template: &ScorecardTemplate) -> &[String] {
    template.audience.as_ref().map(|audience| &*audience.excluded_users).unwrap_or_default()
}

/// The first so many of all who count, by name, and whether there are no more.
async fn first_members(ctx: &Ctx, most: usize) -> Result<(Vec<String>, bool)> {
    let mut range = IndexRange::all(&ctx.customer, tags::USER_BY_ROLE).prefix(|terms| terms.str(directory::AGENT));
    let mut names = Vec::new();
    loop {
        let found = ctx.db().scan_index(&range, STRETCH.min(most - names.len() + 1), false).await?;
        range.after = found.position().or(range.after);
        for hit in found.hits.iter().filter(|hit| Traits::read(&hit.projection).is_some_and(Traits::counts)) {
            if names.len() == most {
                return Ok((names, false));
            }
            names.push(name_at(&ctx.customer, hit)?);
        }
        if found.exhausted {
            return Ok((names, true));
        }
    }
}

/// How many of these users count.
async fn counting(ctx: &Ctx, names: BTreeSet<String>) -> Result<usize> {
    let keys = names.iter().map(|name| key_of::<DirectoryUser>("audience.excludedUsers", name));
    let users = known(ctx, &keys.collect::<Result<Vec<_>>>()?).await?;
    Ok(users.into_iter().filter(audience::counts).count())
}

/// The names of the agents whom quotas count, in order: whom the template's audience holds now, less the developers whom
/// it names.
pub(super) async fn agents(ctx: &Ctx, template: &ScorecardTemplate) -> Result<Vec<String>> {
    let mut circles = HashMap::new();
    for circle in audience::circles(template) {
        let members = members(ctx, &circle).await?;
        circles.insert(circle, members);
    }
    let out = |user: &DirectoryUser| user.deactivate_time.is_some() || user.is_dev_user;
    let out = named(ctx, std::slice::from_ref(template), out).await?;
    let of = |circle: &Circle| circles.get(circle).map(Vec::as_slice).unwrap_or_default();
    Ok(audience::resolve(template, of, |name| out.contains(name)).into_iter().map(str::to_owned).collect())
}

/// The names of those of a circle who count, from index entries alone.
async fn members(ctx: &Ctx, circle: &Circle) -> Result<Vec<String>> {
    let counts = |hit: &Hit| Traits::read(&hit.projection).is_some_and(Traits::counts);
    match circle {
        Circle::Everyone => entries(ctx, tags::USER_BY_ROLE, directory::AGENT, counts).await,
        Circle::Group(name) => entries(ctx, tags::USER_BY_GROUP, last_segment(name), counts).await,
        Circle::Team(name) => entries(ctx, tags::USER_BY_TEAM, last_segment(name), counts).await,
    }
}

/// The names of all who are in one of these groups, deactivated or not.
pub(super) async fn of_groups(ctx: &Ctx, groups: &[String]) -> Result<BTreeSet<String>> {
    let mut all = BTreeSet::new();
    for group in groups.iter().collect::<BTreeSet<_>>() {
        all.extend(entries(ctx, tags::USER_BY_GROUP, last_segment(group), |_| true).await?);
    }
    Ok(all)
}

/// The names of the users that stand in an index under this term, and that `wanted` lets through.
async fn entries(ctx: &Ctx, index: IndexTag, of: &str, wanted: impl Fn(&Hit) -> bool) -> Result<Vec<String>> {
    let mut range = IndexRange::all(&ctx.customer, index).prefix(|terms| terms.str(of));
    let mut names = Vec::new();
    loop {
        let found = ctx.db().scan_index(&range, STRETCH, false).await?;
        range.after = found.position().or(range.after);
        for hit in found.hits.iter().filter(|hit| wanted(hit)) {
            names.push(name_at(&ctx.customer, hit)?);
        }
        if found.exhausted {
            return Ok(names);
        }
    }
}

/// Those of the users named by these templates' audiences whom the directory knows as such.
async fn named(
    ctx: &Ctx,
    templates: &[ScorecardTemplate],
    such: impl Fn(&DirectoryUser) -> bool,
) -> Result<HashSet<String>> {
    let named: BTreeSet<&String> = templates
        .iter()
        .filter_map(|template| template.audience.as_ref())
        .flat_map(|audience| &audience.users)
        .collect();
    let keys =
        named.into_iter().map(|name| key_of::<DirectoryUser>("audience.users", name)).collect::<Result<Vec<_>>>()?;
    if keys.is_empty() {
        return Ok(HashSet::new());
    }
    Ok(known(ctx, &keys).await?.into_iter().filter(such).map(|user| user.name).collect())
}

/// Those of these users whom the directory knows. A damaged record is no reason to withhold, or not to write, a template
/// that only names its user: it is told in the log, and the user is as one whom the directory does not know.
async fn known(ctx: &Ctx, keys: &[Key]) -> Result<Vec<DirectoryUser>> {
    match ctx.db().get_many::<DirectoryUser>(keys).await {
        Ok(found) => return Ok(found.into_iter().flatten().collect()),
        Err(Fault::Corrupt(what)) => {
            tracing::error!(%what, "an audience leaves a user out of account: the directory is damaged, see `coaching verify`");
        }
        Err(fault) => return Err(fault.into()),
    }
    let mut users = Vec::new();
    for key in keys {
        match ctx.db().get::<DirectoryUser>(key).await {
            Ok(found) => users.extend(found),
            Err(Fault::Corrupt(_)) => {}
            Err(fault) => return Err(fault.into()),
        }
    }
    Ok(users)
}
