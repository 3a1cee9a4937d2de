//! The users that answers show, filled from the directory: once for a whole answer, whatever is in it.
//!
//! Records hold the names of users and nothing else of them, so a change in the directory shows at once, everywhere.

use std::collections::BTreeSet;

use super::Ctx;
use super::behavior::{Described as _, Shows};
use super::resource::{self, Resource as _};
use crate::error::Result;
use crate::names::Name;
use crate::pb::coaching::directory::v1::DirectoryUser;
use crate::pb::cresta::v1::user::User;
use crate::store::Fault;

/// Fills every user of an answer, in one read of the directory. One whom it does not know keeps the names alone.
pub(crate) async fn fill<A: Shows>(ctx: &Ctx, answer: &mut A) -> Result<()> {
    if !A::USERS {
        return Ok(());
    }
    let mut shown = Vec::new();
    answer.users(&mut shown);
    let names: BTreeSet<&str> = shown.iter().map(|user| &*user.name).collect();
    let keys: Vec<_> = names
        .into_iter()
        .filter_map(|name| Name::parse(DirectoryUser::TYPE, name).ok())
        // A record names nobody of another customer; were it to, nothing of them is shown.
        .filter(|name| name.customer == ctx.customer)
        .map(|name| resource::key(DirectoryUser::TABLE, &name))
        .collect();
    if keys.is_empty() {
        return Ok(());
    }
    // Not through the transaction of a write: the answer is not to depend on that nobody's address changed meanwhile.
    let known: Vec<DirectoryUser> = match ctx.db().get_many(&keys).await {
        Ok(found) => found.into_iter().flatten().collect(),
        // A damaged user is no reason to withhold, or not to write, what only shows them.
        Err(Fault::Corrupt(what)) => {
            tracing::error!(%what, "users are shown by their ids alone: the directory is damaged, see `coaching verify`");
            return Ok(());
        }
        Err(fault) => return Err(fault.into()),
    };
    for user in shown {
        // In the order in which they were asked for, which is that of their names.
        let at = known.binary_search_by(|known| known.name.cmp(&user.name)).ok();
        if let Some(known) = at.and_then(|at| known.get(at)) {
            show(user, known, !ctx.caller.is_agent() || ctx.caller.is(&user.name));
        }
    }
    Ok(())
}

/// Puts what the directory knows of a user into what is shown of them. An agent who is shown somebody else sees what they
/// are called; the name to sign in with is left out too, as it is often the address for mail.
fn show(user: &mut User, known: &DirectoryUser, whole: bool) {
    user.display_name.clone_from(&known.display_name);
    user.full_name.clone_from(&known.full_name);
    if whole {
        user.username.clone_from(&known.username);
        user.email.clone_from(&known.email);
        user.is_dev_user = known.is_dev_user;
        user.roles.clone_from(&known.roles);
    }
}
