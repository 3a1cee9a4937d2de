//! What a resource brings to the standard methods: how it is kept, and its rules.

use std::future::Future;

use bytes::Bytes;
use prost::Message;

use super::Ctx;
use super::behavior::{Described, Fields};
use super::caller::Caller;
use crate::error::{Error, FieldViolation, Result, reason};
use crate::names::Name;
use crate::store::{Counted, Entries, Fault, Key, Record, Tag, Txn, tuple};

/// A resource that the standard methods serve. It is stored as it is answered, under its own name.
pub trait Resource: Described + Fields + Message + Clone + Default + PartialEq + Send + Sync + 'static {
    /// Its table.
    const TABLE: Tag;

    /// Its index entries; see [`Record::entries`].
    fn index(&self, entries: &mut Entries);

    /// What it counts for; see [`Record::tallies`].
    fn count(&self, _counted: &mut Counted) {}

    /// Whether this caller may know of the resource; one that may not is told that it is absent.
    fn visible(&self, _caller: &Caller) -> bool {
        true
    }

    /// Whether this caller may know of the resource, as far as other records say it; asked of one that is [`visible`]
    /// to them. `txn` is the write that it is read in, if it is one. Listings hold it by filters of their own.
    ///
    /// [`visible`]: Resource::visible
    fn readable(&self, _ctx: &Ctx, _txn: Option<&Txn>) -> impl Future<Output = Result<bool>> + Send {
        async { Ok(true) }
    }

    /// Refuses a caller who may know of the resource and not write it. Asked of what is stored and of what is to be.
    fn writable(&self, _ctx: &Ctx, _txn: &Txn) -> impl Future<Output = Result<()>> + Send {
        async { Ok(()) }
    }

    /// What is wrong with the resource by itself, beside its field behaviours, with the reason for it. Paths begin with
    /// `at`.
    fn complaints(&self, _at: &str) -> (Vec<FieldViolation>, &'static str) {
        (Vec::new(), reason::INVALID_REQUEST)
    }

    /// The rule of creation: refuses the new resource or finishes it. Its name is set; `txn` gives what it refers to.
    fn create(&mut self, ctx: &Ctx, txn: &Txn) -> impl Future<Output = Result<()>> + Send;

    /// Brings what the caller sent to the spelling that is stored, before fields are compared with `old`.
    fn align(&mut self, _old: &Self) {}

    /// The rule of change: refuses the merged resource or finishes it.
    fn update(&mut self, ctx: &Ctx, txn: &Txn, old: &Self) -> impl Future<Output = Result<()>> + Send;

    /// The rule of deletion: refuses it, or deletes what goes with it.
    fn delete(&self, _ctx: &Ctx, _txn: &Txn) -> impl Future<Output = Result<()>> + Send {
        async { Ok(()) }
    }
}

/// The key of the record with this name: tenant first, then profile and id.
pub fn key(tag: Tag, name: &Name<'_>) -> Key {
    Key::new(name.customer, tag, tuple(|id| id.str(name.profile).str(name.id)))
}

/// The key of the resource with this name. What is no name of such a resource is a bad field, told by `field`.
pub fn key_of<R: Described + Record>(field: &str, name: &str) -> Result<Key> {
    let parsed = Name::parse(R::TYPE, name).map_err(|bad| Error::field(field, bad.to_string()))?;
    Ok(key(R::TAG, &parsed))
}

impl<R: Resource> Record for R {
    const TAG: Tag = R::TABLE;

    fn key(&self) -> Key {
        // A stored name is well-formed; were one not, the empty key would find nothing.
        Name::parse(R::TYPE, self.name()).map_or_else(|_| Key::new("", R::TABLE, ""), |name| key(R::TABLE, &name))
    }
    fn encode(&self) -> Vec<u8> {
        self.encode_to_vec()
    }
    fn decode(body: Bytes) -> Result<Self, Fault> {
        decode(body)
    }
    fn entries(&self, entries: &mut Entries) {
        self.index(entries);
    }
    fn tallies(&self, counted: &mut Counted) {
        self.count(counted);
    }
}

/// A message back from the body of its record.
pub fn decode<M: Message + Default>(body: Bytes) -> Result<M, Fault> {
    M::decode(body)
        .map_err(|error| Fault::Corrupt(format!("a stored {} does not decode: {error}", std::any::type_name::<M>())))
}
