//! The history of a record: one event for each change, appended in the commit that made it.
//!
//! An event holds the body that was replaced, so a create costs no second body, and the record as it was at version v
//! is the `before` of the next event, or the present record if there is none ([`super::Db::body_at`]).

use bytes::Bytes;
use prost::Message;

use super::{Fault, NewEvent};

/// Who asked for a change, through what, and when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// Who: a resource name or the name of a machine account.
    pub actor: String,
    /// The request's id, as the log has it.
    pub request_id: String,
    /// The method.
    pub rpc: String,
    /// When, in microseconds since the Unix epoch.
    pub at_us: i64,
}

/// What happened to a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Op {
    /// It came to be.
    Create = 1,
    /// It was replaced.
    Update = 2,
    /// It ceased to be.
    Delete = 3,
}

impl Op {
    pub(super) fn from_number(number: u32) -> Result<Self, Fault> {
        match number {
            1 => Ok(Op::Create),
            2 => Ok(Op::Update),
            3 => Ok(Op::Delete),
            _ => Err(Fault::Corrupt(format!("operation {number} is unknown"))),
        }
    }
}

/// One step of a record's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Number of the commit: the version of the record that it made.
    pub version: u64,
    /// What happened.
    pub op: Op,
    /// Who asked.
    pub origin: Origin,
    /// The body that was replaced or deleted; none for a create.
    pub before: Option<Bytes>,
}

/// An event on disk. Its version stands in its key.
#[derive(Clone, PartialEq, Message)]
struct Stored {
    #[prost(uint32, tag = "1")]
    op: u32,
    #[prost(string, tag = "2")]
    actor: String,
    #[prost(string, tag = "3")]
    request_id: String,
    #[prost(string, tag = "4")]
    rpc: String,
    #[prost(int64, tag = "5")]
    at_us: i64,
    #[prost(bytes = "bytes", optional, tag = "6")]
    before: Option<Bytes>,
}

pub(super) fn encode(origin: &Origin, event: &NewEvent) -> Bytes {
    let stored = Stored {
        op: event.op as u32,
        actor: origin.actor.clone(),
        request_id: origin.request_id.clone(),
        rpc: origin.rpc.clone(),
        at_us: origin.at_us,
        before: event.before.clone(),
    };
    Bytes::from(stored.encode_to_vec())
}

pub(super) fn decode(version: u64, bytes: Bytes) -> Result<Event, Fault> {
    let stored = Stored::decode(bytes).map_err(|error| Fault::Corrupt(format!("an event does not decode: {error}")))?;
    Ok(Event {
        version,
        op: Op::from_number(stored.op)?,
        origin: Origin { actor: stored.actor, request_id: stored.request_id, rpc: stored.rpc, at_us: stored.at_us },
        before: stored.before,
    })
}
