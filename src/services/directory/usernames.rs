//! Usernames: no two users of a customer have the same. A record for each username says whose it is; its existence is the
//! uniqueness, so it holds whoever writes meanwhile.

use bytes::Bytes;
use prost::Message;

use crate::api::batch::{Step, place};
use crate::api::behavior::Described as _;
use crate::api::resource::decode;
use crate::domain::directory::folded;
use crate::error::{Code, Error, FieldViolation, Result, reason};
use crate::names::Name;
use crate::pb::coaching::directory::v1::DirectoryUser;
use crate::store::{Entries, Fault, Key, Record, Tag, Txn, tags, tuple};

/// A username that is taken, by whom.
#[derive(Clone, PartialEq, Message)]
pub struct Username {
    #[prost(string, tag = "1")]
    customer: String,
    /// As usernames are compared.
    #[prost(string, tag = "2")]
    folded: String,
    /// Resource name of the user.
    #[prost(string, tag = "3")]
    user: String,
}

impl Username {
    /// The username of this user; none where they have none.
    fn of(user: &DirectoryUser) -> Option<Self> {
        let name = Name::parse(DirectoryUser::TYPE, &user.name).ok()?;
        let taken =
            Self { customer: name.customer.to_owned(), folded: folded(&user.username), user: user.name.clone() };
        (!user.username.is_empty()).then_some(taken)
    }
}

/// Gives up the usernames that the users of a batch lose and takes those that they gain. All are given up first, so that
/// users of one batch can swap them; no two of the batch gain the same, which [`shared_usernames`] saw to.
///
/// [`shared_usernames`]: crate::domain::directory::shared_usernames
///
/// # Errors
/// ALREADY_EXISTS with the users whose usernames others have.
pub(super) async fn claim(txn: &Txn, field: &str, steps: &[Step<DirectoryUser>]) -> Result<()> {
    let (mut lost, mut gained) = (Vec::new(), Vec::new());
    for (i, Step { old, new }) in steps.iter().enumerate() {
        let Some(new) = new else { continue };
        let (before, after) = (old.as_ref().and_then(Username::of), Username::of(new));
        if before != after {
            lost.extend(before.map(|before| before.key()));
            gained.extend(after.map(|after| (i, after)));
        }
    }
    // One read for all of them.
    let keys: Vec<Key> = lost.iter().cloned().chain(gained.iter().map(|(_, username)| username.key())).collect();
    txn.get_many::<Username>(&keys).await?;
    for key in &lost {
        txn.delete::<Username>(key).await?;
    }
    let mut taken = Vec::new();
    for (i, username) in &gained {
        match txn.get::<Username>(&username.key()).await? {
            Some(other) => taken.push((*i, other.user)),
            None => txn.save(username).await?,
        }
    }
    if taken.is_empty() { Ok(()) } else { Err(exists(field, &taken)) }
}

/// The error of usernames that others have: the places in the batch, and whose they are.
fn exists(field: &str, taken: &[(usize, String)]) -> Error {
    let violation = |(i, owner): &(usize, String)| FieldViolation {
        field: format!("{}.username", place(field, *i)),
        description: format!("is the username of {owner}"),
    };
    let violations: Vec<_> = taken.iter().map(violation).collect();
    let owner = taken.first().map(|(_, owner)| owner.clone()).unwrap_or_default();
    let message = match violations.first() {
        Some(first) => {
            format!("{}: {} already: choose another, or change that user too", first.field, first.description)
        }
        None => String::new(),
    };
    Error::new(Code::AlreadyExists, reason::USERNAME_ALREADY_EXISTS, message)
        .with("resource", owner)
        .with_fields(violations)
}

impl Record for Username {
    const TAG: Tag = tags::USERNAME;
    const HISTORY: bool = false;

    fn key(&self) -> Key {
        Key::new(&self.customer, Self::TAG, tuple(|id| id.str(&self.folded)))
    }
    fn encode(&self) -> Vec<u8> {
        self.encode_to_vec()
    }
    fn decode(body: Bytes) -> Result<Self, Fault> {
        decode(body)
    }
    fn entries(&self, _entries: &mut Entries) {}
}
