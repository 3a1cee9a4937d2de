//! Usernames: no two users of a customer have the same. A record for each username says whose it is; its existence is the
//! uniqueness, so it holds whoever writes meanwhile.

use bytes::Bytes;
use prost::Message;

use crate::api::behavior::Described as _;
use crate::api::resource::decode;
use crate::domain::directory::folded;
use crate::names::Name;
use crate::pb::coaching::directory::v1::DirectoryUser;
use crate::store::{Entries, Fault, Key, Record, Tag, tags, tuple};

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
