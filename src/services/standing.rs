//! How the caller stands to templates and agents: on which they may grade, whose scorecards they see, whom they coach.
//!
//! Template permissions hold managers and graders; groups hold managers. Admins, services and the operator are held to
//! neither, and agents to rules of their own. Nothing is read for those who are not held.

use std::collections::HashSet;

use super::filter::hash;
use crate::api::Ctx;
use crate::api::resource::{decode, key_of};
use crate::domain::permissions::{may_grade, may_see, narrow_grading, narrow_viewing, share};
use crate::error::{Code, Error, Result, reason};
use crate::names::{last_segment, without_revision};
use crate::pb::coaching::access::v1::Role;
use crate::pb::coaching::directory::v1::DirectoryUser;
use crate::pb::cresta::v1::coaching::{ScorecardTemplate, TemplatePermissions};
use crate::store::{IndexRange, Txn, tags};

/// Restricted templates that are read at a time.
const STRETCH: usize = 100;

/// The caller, where permissions of templates hold them.
fn held(ctx: &Ctx) -> Option<&str> {
    let narrowed = matches!(ctx.caller.role, Role::Manager | Role::Grader);
    ctx.caller.user.as_deref().filter(|_| narrowed)
}

/// What the directory knows of a user: as a write has it, where the rule is part of one, or now. Of no name nothing.
pub(super) async fn known(ctx: &Ctx, txn: Option<&Txn>, user: &str) -> Result<Option<DirectoryUser>> {
    if user.is_empty() {
        return Ok(None);
    }
    let key = key_of::<DirectoryUser>("name", user)?;
    Ok(match txn {
        Some(txn) => txn.get(&key).await?,
        None => ctx.db().get(&key).await?,
    })
}

/// The caller's groups, where these permissions speak of any.
async fn groups(ctx: &Ctx, txn: Option<&Txn>, user: &str, permissions: &TemplatePermissions) -> Result<Vec<String>> {
    if permissions.grader_groups.is_empty() && permissions.viewer_groups.is_empty() {
        return Ok(Vec::new());
    }
    Ok(known(ctx, txn, user).await?.map(|user| user.group_names).unwrap_or_default())
}

/// Whether the caller may see scorecards on this template, named with or without a revision.
pub(super) async fn sees(ctx: &Ctx, txn: Option<&Txn>, template: &str) -> Result<bool> {
    let Some(user) = held(ctx) else { return Ok(true) };
    let template = match txn {
        Some(txn) => head(txn, template).await?,
        None => restricted(ctx, Some(template), None).await?.0.pop(),
    };
    let Some(permissions) = template.and_then(|template| template.permissions) else { return Ok(true) };
    if !narrow_viewing(&permissions) {
        return Ok(true);
    }
    Ok(may_see(&permissions, user, &groups(ctx, txn, user, &permissions).await?))
}

/// Refuses a caller who may not write scorecards on this template.
pub(super) async fn grade(ctx: &Ctx, txn: &Txn, template: &str) -> Result<()> {
    let Some(user) = held(ctx) else { return Ok(()) };
    let Some(permissions) = head(txn, template).await?.and_then(|template| template.permissions) else { return Ok(()) };
    if !narrow_viewing(&permissions) && !narrow_grading(&permissions) {
        return Ok(());
    }
    if may_grade(&permissions, user, &groups(ctx, Some(txn), user, &permissions).await?) {
        return Ok(());
    }
    let template = without_revision(template);
    let message = format!("{user} is not among the graders of {template}");
    Err(Error::new(Code::PermissionDenied, reason::NOT_A_GRADER_OF_TEMPLATE, message)
        .with("user", user)
        .with("template", template))
}

/// Refuses a manager who shares no group with this agent. Where the directory need not know everybody, one whom it does
/// not know coaches all; of an empty name nothing is asked.
pub(super) async fn coach(ctx: &Ctx, txn: &Txn, agent: &str) -> Result<()> {
    let Some(user) = held(ctx).filter(|_| ctx.caller.role == Role::Manager && !agent.is_empty()) else { return Ok(()) };
    let message = match known(ctx, Some(txn), user).await? {
        None if !ctx.rules().strict_directory => return Ok(()),
        None => format!("{user} is not in the directory, so shares no group with {agent}"),
        Some(manager) => {
            let agent = known(ctx, Some(txn), agent).await?.map(|agent| agent.group_names).unwrap_or_default();
            if share(&manager.group_names, &agent) {
                return Ok(());
            }
            String::new()
        }
    };
    let message = if message.is_empty() { format!("{user} shares no group with {agent}") } else { message };
    Err(Error::new(Code::PermissionDenied, reason::AGENT_NOT_IN_YOUR_GROUPS, message)
        .with("user", user)
        .with("agent", agent))
}

/// The template itself, whatever revision is named.
async fn head(txn: &Txn, template: &str) -> Result<Option<ScorecardTemplate>> {
    Ok(txn.get(&key_of::<ScorecardTemplate>("templateName", without_revision(template))?).await?)
}

/// The templates whose scorecards are kept from the caller.
#[derive(Debug, Default)]
pub(super) struct Hidden {
    names: HashSet<String>,
    hashes: HashSet<u32>,
}

impl Hidden {
    /// Those of this call. Where no template restricts viewing, this is one short scan.
    pub(super) async fn from(ctx: &Ctx) -> Result<Self> {
        let mut hidden = Self::default();
        let Some(user) = held(ctx) else { return Ok(hidden) };
        let (mut after, mut groups) = (None, None);
        loop {
            let (templates, next) = restricted(ctx, None, after).await?;
            for template in templates {
                let permissions = template.permissions.unwrap_or_default();
                let by_group = !permissions.grader_groups.is_empty() || !permissions.viewer_groups.is_empty();
                if by_group && groups.is_none() {
                    groups = Some(known(ctx, None, user).await?.map(|user| user.group_names).unwrap_or_default());
                }
                if !may_see(&permissions, user, groups.as_deref().unwrap_or_default()) {
                    hidden.hashes.insert(hash(&template.name));
                    hidden.names.insert(template.name);
                }
            }
            match next {
                Some(position) => after = Some(position),
                None => return Ok(hidden),
            }
        }
    }

    /// Whether a template whose name has this hash is hidden. One that shares its hash with a hidden one, of which there
    /// is a chance of one in four thousand millions for each pair, is taken for hidden too.
    pub(super) fn has_hash(&self, template: u32) -> bool {
        self.hashes.contains(&template)
    }

    /// Whether the template is hidden, named with or without a revision.
    pub(super) fn has(&self, template: &str) -> bool {
        !self.names.is_empty() && self.names.contains(without_revision(template))
    }
}

/// Templates that restrict viewing, all or this one alone, and where to go on.
async fn restricted(
    ctx: &Ctx,
    only: Option<&str>,
    after: Option<bytes::Bytes>,
) -> Result<(Vec<ScorecardTemplate>, Option<bytes::Bytes>)> {
    let range = IndexRange::all(&ctx.customer, tags::TEMPLATE_RESTRICTED).prefix(|terms| {
        let terms = terms.str(&ctx.profile);
        only.into_iter().fold(terms, |terms, only| terms.str(last_segment(without_revision(only))))
    });
    let found = ctx.db().scan_index(&range.after(after), STRETCH, true).await?;
    let next = if found.exhausted { None } else { found.position() };
    let mut templates = Vec::new();
    for hit in found.hits {
        if let Some(rec) = hit.record? {
            templates.push(decode::<ScorecardTemplate>(rec.body)?);
        }
    }
    Ok((templates, next))
}
