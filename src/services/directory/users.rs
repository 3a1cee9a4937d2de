//! Users: how they are kept, and what their index entries tell of them.

use super::{changed, made, usernames};
use crate::api::behavior::Described as _;
use crate::api::list::walk;
use crate::api::page::Page;
use crate::api::resource::Resource;
use crate::api::standard::{load_for, save};
use crate::api::{Ctx, batch};
use crate::domain::directory;
use crate::error::{FieldViolation, Result, reason};
use crate::names::{Name, last_segment};
use crate::pb::coaching::directory::v1::*;
use crate::services::filter::{among_any, hash, set_of};
use crate::store::{Cell, Counted, Entries, Hit, IndexRange, KeyReader, Tag, Tally, Txn, tags};

impl Resource for DirectoryUser {
    const TABLE: Tag = tags::USER;

    fn index(&self, entries: &mut Entries) {
        let kept = Traits::of(self).encode();
        entries.add(tags::USER_BY_NAME, |terms| terms, &kept);
        let mut set = |index, of: &str| entries.add(index, |terms| terms.str(of), &kept);
        self.group_names.iter().for_each(|group| set(tags::USER_BY_GROUP, last_segment(group)));
        self.team_names.iter().for_each(|team| set(tags::USER_BY_TEAM, last_segment(team)));
        self.roles.iter().for_each(|role| set(tags::USER_BY_ROLE, role));
    }

    fn count(&self, counted: &mut Counted) {
        if let Ok(name) = Name::parse(Self::TYPE, &self.name)
            && Traits::of(self).counts()
        {
            counted.add(agents(name.customer), AGENTS, Tally::one(0));
        }
    }

    fn complaints(&self, at: &str) -> (Vec<FieldViolation>, &'static str) {
        (directory::user(self, at), reason::INVALID_REQUEST)
    }

    async fn create(&mut self, ctx: &Ctx, _txn: &Txn) -> Result<()> {
        directory::align(self);
        made(ctx, &mut self.create_time, &mut self.update_time);
        Ok(())
    }

    fn align(&mut self, _old: &Self) {
        directory::align(self);
    }

    async fn update(&mut self, ctx: &Ctx, _txn: &Txn, _old: &Self) -> Result<()> {
        changed(ctx, &mut self.update_time);
        Ok(())
    }
}

/// Those of a customer who count, in [`agents`].
const AGENTS: u64 = 1;

/// Where a customer's agents are counted.
fn agents(customer: &str) -> Cell {
    Cell::new(customer, tags::AGENT_COUNT, |terms| terms)
}

/// How many users of this customer count; see [`Traits::counts`].
pub(in crate::services) async fn agent_count(ctx: &Ctx) -> Result<usize> {
    let found = ctx.db().cells(&[agents(&ctx.customer)]).await?;
    let count = found.first().map_or(0, |tallies| tallies.get(AGENTS).n);
    Ok(usize::try_from(count).unwrap_or_default())
}

const ACTIVE: u8 = 1;
const DEVELOPER: u8 = 2;
const AGENT: u8 = 4;

/// What every index entry of a user tells, so that listings and audiences need no record: flags, which are exact, and
/// for groups, teams and roles a [`Mask`] each. On disk: a byte of flags, then the masks, 8 bytes each, big endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traits {
    flags: u8,
    /// The groups that the user may belong to.
    pub groups: Mask,
    /// The teams that the user may belong to.
    pub teams: Mask,
    /// The roles that the user may have.
    pub roles: Mask,
}

impl Traits {
    /// What is true of this user.
    pub fn of(user: &DirectoryUser) -> Self {
        let flag = |is, flag| if is { flag } else { 0 };
        Self {
            flags: flag(user.deactivate_time.is_none(), ACTIVE)
                | flag(user.is_dev_user, DEVELOPER)
                | flag(user.roles.iter().any(|role| role == directory::AGENT), AGENT),
            groups: Mask::of(&user.group_names),
            teams: Mask::of(&user.team_names),
            roles: Mask::of(&user.roles),
        }
    }

    /// What an entry tells; none where its projection is of no user.
    pub fn read(projection: &[u8]) -> Option<Self> {
        let (flags, mut rest) = projection.split_first()?;
        let mut mask = || {
            let (head, tail) = rest.split_first_chunk()?;
            rest = tail;
            Some(Mask(u64::from_be_bytes(*head)))
        };
        Some(Self { flags: *flags, groups: mask()?, teams: mask()?, roles: mask()? })
    }

    fn encode(self) -> Vec<u8> {
        let mut bytes = vec![self.flags];
        [self.groups, self.teams, self.roles].iter().for_each(|mask| bytes.extend(mask.0.to_be_bytes()));
        bytes
    }

    /// Not deactivated.
    pub fn is_active(self) -> bool {
        self.flags & ACTIVE != 0
    }

    /// A developer's account.
    pub fn is_developer(self) -> bool {
        self.flags & DEVELOPER != 0
    }

    /// Has the role `agent`.
    pub fn is_agent(self) -> bool {
        self.flags & AGENT != 0
    }

    /// Whom quotas and audiences count: active, with the role `agent`, no developer.
    pub fn counts(self) -> bool {
        self.is_active() && self.is_agent() && !self.is_developer()
    }
}

/// A set of names in 64 bits, one bit for each name: of fixed size however many groups a user has. It may take a name for
/// one that is in it, and never misses one, so what passes is looked up in the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mask(u64);

impl Mask {
    /// The mask of these names.
    pub fn of(names: &[String]) -> Self {
        Self(names.iter().fold(0, |mask, name| mask | 1 << (hash(name) % 64)))
    }

    /// Whether the two may share a name. A filter's empty mask lets everything through.
    pub fn passes(self, wanted: Self) -> bool {
        wanted.0 == 0 || self.0 & wanted.0 != 0
    }
}

/// The name of the user that an entry stands for.
pub fn name_at(customer: &str, hit: &Hit) -> Result<String> {
    let mut id = KeyReader::new(&hit.key.id);
    let _no_profile = id.str()?;
    Ok(format!("customers/{customer}/users/{}", id.str()?))
}

/// BatchUpsertUsers: makes or replaces them, all or none.
pub async fn batch_upsert(ctx: Ctx, txn: Txn, request: BatchUpsertUsersRequest) -> Result<BatchUpsertUsersResponse> {
    let shared = directory::shared_usernames(&request.users, BATCH);
    let mut steps = batch::compare(&ctx, &txn, &request.parent, BATCH, request.users, shared).await?;
    usernames::claim(&txn, BATCH, &steps).await?;
    batch::finish(&ctx, &txn, &mut steps).await?;
    Ok(BatchUpsertUsersResponse { users: batch::write(&ctx, &txn, steps).await? })
}

/// Where the users of a batch stand in its request.
const BATCH: &str = "users";

/// DeactivateUser.
pub async fn deactivate(ctx: Ctx, txn: Txn, request: DeactivateUserRequest) -> Result<DeactivateUserResponse> {
    let mut user = load_for::<DirectoryUser, _>(&ctx, &txn, &request).await?;
    if user.deactivate_time.is_none() {
        changed(&ctx, &mut user.update_time);
        user.deactivate_time = user.update_time;
        save(&txn, &mut user).await?;
    }
    Ok(DeactivateUserResponse { user: Some(user) })
}

/// ListUsers: by name.
pub async fn list(ctx: Ctx, mut request: ListUsersRequest) -> Result<ListUsersResponse> {
    request.roles.iter_mut().for_each(|role| *role = role.trim().to_owned());
    let page = Page::of(ctx.rpc.name, &request)?;
    let set = |index, of: &str| IndexRange::all(&ctx.customer, index).prefix(|terms| terms.str(of));
    let range = match (&*request.group_names, &*request.team_names, &*request.roles) {
        ([group], _, _) => set(tags::USER_BY_GROUP, last_segment(group)),
        (_, [team], _) => set(tags::USER_BY_TEAM, last_segment(team)),
        (_, _, [role]) => set(tags::USER_BY_ROLE, role),
        _ => IndexRange::all(&ctx.customer, tags::USER_BY_NAME),
    };
    let masks = [&request.group_names, &request.team_names, &request.roles].map(|names| Mask::of(names));
    let [groups, teams, roles] = [&request.group_names, &request.team_names, &request.roles].map(|names| set_of(names));
    let listed = walk::<DirectoryUser>(
        &ctx,
        &page,
        range,
        |hit| {
            // What is no such thing passes, as its record is looked at again.
            Traits::read(&hit.projection).is_none_or(|user| {
                (request.include_deactivated || user.is_active())
                    && (request.include_dev_users || !user.is_developer())
                    && user.groups.passes(masks[0])
                    && user.teams.passes(masks[1])
                    && user.roles.passes(masks[2])
            })
        },
        |user| {
            (request.include_deactivated || user.deactivate_time.is_none())
                && (request.include_dev_users || !user.is_dev_user)
                && among_any(&groups, &user.group_names)
                && among_any(&teams, &user.team_names)
                && among_any(&roles, &user.roles)
        },
    )
    .await?;
    Ok(ListUsersResponse { users: listed.items, next_page_token: listed.next_page_token })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_tells_what_is_true_of_its_user() {
        let user = DirectoryUser {
            roles: vec!["agent".into(), "coach".into()],
            group_names: vec!["customers/c/groups/north".into()],
            is_dev_user: true,
            ..DirectoryUser::default()
        };
        let traits = Traits::of(&user);
        assert_eq!(Traits::read(&traits.encode()), Some(traits));
        assert!(traits.is_active() && traits.is_developer() && traits.is_agent() && !traits.counts());
        assert!(traits.groups.passes(Mask::of(&user.group_names)) && traits.roles.passes(Mask::of(&[])));
        assert!(!traits.teams.passes(Mask::of(&["customers/c/teams/blue".into()])));
        assert_eq!(Traits::read(&[1, 2]), None);
    }
}
