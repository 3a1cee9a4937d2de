//! What the descriptors say of every message, as traits that `build/described.rs` implements: shape checks, field masks,
//! accessors. All complaints of one request are collected and reported together.

use std::fmt;

use prost_types::{FieldMask, Timestamp};

use crate::error::FieldViolation;
use crate::names::Name;
use crate::pb::cresta::v1::user::User;

/// The generated implementations and the table of RPCs.
#[allow(unused_variables, deprecated, unreachable_pub, clippy::all)] // written by build/described.rs, read by nobody
mod described {
    use super::{Asks, At, Carries, Described, Faults, Fields, Shows, User, set};
    include!(concat!(env!("OUT_DIR"), "/described.rs"));
    pub use super::Rpc;
}
pub use described::rpc;

/// One RPC and who may call it, from `coaching.access.v1.access`.
#[derive(Debug, PartialEq, Eq)]
pub struct Rpc {
    /// Path on the wire, `/package.Service/Method`.
    pub path: &'static str,
    /// Name of the method.
    pub name: &'static str,
    /// Numbers of `coaching.access.v1.Role` that may call it.
    pub roles: &'static [i32],
    /// Whether it changes state, and so takes an idempotency key.
    pub writes: bool,
}

/// What a message says of its own fields (google.api.field_behavior, AIP-203).
pub trait Fields: Default {
    /// Unsets output-only fields, here and below: what callers send there is ignored.
    fn clear_output_only(&mut self) {}
    /// Adds a complaint (but none about the resource or the batch that a request carries) for every required field that is missing, name that is malformed, enum number that is unknown,
    /// and number or time that is out of range.
    fn check(&self, _at: &At<'_>, _faults: &mut Faults) {}
    /// JSON names of immutable fields in which this differs from `old`.
    fn changed_immutable(&self, _old: &Self) -> Vec<&'static str> {
        Vec::new()
    }
    /// Copies the field at this mask path from another; whether there is such a field. Output-only fields stay.
    fn copy_path(&mut self, _from: &Self, _path: &[&str]) -> bool {
        false
    }
    /// Proto names of the settable fields that are not at their default.
    fn populated(&self) -> Vec<&'static str> {
        Vec::new()
    }
}

/// What a resource says of itself (google.api.resource, AIP-123).
pub trait Described: Sized {
    /// Resource type, such as `coaching.api/Scorecard`.
    const TYPE: &'static str;
    /// Singular in lowerCamelCase: the resource's field in requests.
    const SINGULAR: &'static str;
    /// Plural in lowerCamelCase: the collection in names.
    const PLURAL: &'static str;
    /// The resource name.
    fn name(&self) -> &str;
    /// Sets the resource name.
    fn set_name(&mut self, name: String);
    /// The etag; empty where the resource has none.
    fn etag(&self) -> &str;
    /// Sets the etag.
    fn set_etag(&mut self, etag: String);
    /// Proto names of the fields in which this differs from `old`, the etag aside.
    fn differing(&self, old: &Self) -> Vec<&'static str>;
}

/// A request or response that holds one resource.
pub trait Carries<R>: Sized {
    /// JSON name of the field.
    const FIELD: &'static str;
    /// Takes the resource out.
    fn take(&mut self) -> Option<R>;
    /// A message that holds the resource and nothing else.
    fn with(resource: R) -> Self;
}

/// The users that an answer shows, here and below.
pub trait Shows {
    /// Whether there can be any.
    const USERS: bool = false;
    /// Collects them, to be filled in place.
    fn users<'m>(&'m mut self, _found: &mut Vec<&'m mut User>) {}
}

/// What requests share. A request without such a field answers its default.
pub trait Asks {
    /// JSON path of the field that [`Asks::scope`] reads.
    const SCOPE: &'static str = "";
    /// The name that the request is about: the variable of its HTTP path.
    fn scope(&self) -> &str {
        ""
    }
    /// The etag that the caller expects.
    fn etag(&self) -> &str {
        ""
    }
    /// Fields to update.
    fn update_mask(&self) -> Option<&FieldMask> {
        None
    }
    /// Items wanted.
    fn page_size(&self) -> i32 {
        0
    }
    /// Where to go on.
    fn page_token(&self) -> &str {
        ""
    }
    /// Unsets what may change between the pages of one listing.
    fn clear_page(&mut self) {}
}

/// Whether a field is not at its default.
fn set<T: Default + PartialEq>(value: &T) -> bool {
    *value != T::default()
}

/// A place in a message, kept on the stack and spelled out only for a complaint.
#[derive(Clone, Copy)]
pub struct At<'a> {
    parent: Option<&'a At<'a>>,
    field: &'a str,
    index: Option<usize>,
}

impl<'a> At<'a> {
    /// The message itself, spelled with this prefix; empty for a request.
    pub fn root(prefix: &'a str) -> Self {
        Self { parent: None, field: prefix, index: None }
    }

    /// A field of the message at `parent`, or one of its items.
    pub fn new(parent: &'a At<'a>, field: &'a str, index: Option<usize>) -> Self {
        Self { parent: Some(parent), field, index }
    }
}

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            parent.fmt(f)?;
            if !(parent.parent.is_none() && parent.field.is_empty()) {
                f.write_str(".")?;
            }
        }
        f.write_str(self.field)?;
        self.index.map_or(Ok(()), |index| write!(f, "[{index}]"))
    }
}

/// Complaints collected over one message.
#[derive(Default)]
pub struct Faults {
    /// What was found.
    pub found: Vec<FieldViolation>,
    /// Customer and profile that every name must belong to, where that is known.
    pub scope: Option<(String, String)>,
    /// Well-formed names that the message refers to, where they are asked for: as sent, those in the resource that a
    /// request carries too.
    pub references: Option<Vec<Reference>>,
}

/// A name by which a message refers to a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Type of the resource, such as `coaching.api/User`.
    pub kind: &'static str,
    /// JSON path of the field.
    pub field: String,
    /// The name.
    pub name: String,
}

impl Faults {
    /// A complaint about the field at this place.
    pub fn add(&mut self, at: &At<'_>, description: impl Into<String>) {
        self.found.push(FieldViolation { field: at.to_string(), description: description.into() });
    }

    pub(super) fn required(&mut self, at: &At<'_>, field: &'static str) {
        self.add(&At::new(at, field, None), "is required");
    }

    pub(super) fn unknown_enum(&mut self, at: &At<'_>, number: i32) {
        self.add(at, format!("{number} is no value of this enum"));
    }

    pub(super) fn few(&mut self, at: &At<'_>, count: usize, most: usize) {
        if count > most {
            self.add(at, format!("has {count} values: at most {most} go into one request"));
        }
    }

    pub(super) fn finite(&mut self, at: &At<'_>, number: f64) {
        if !number.is_finite() {
            self.add(at, "must be a finite number");
        }
    }

    pub(super) fn timestamp(&mut self, at: &At<'_>, time: &Timestamp) {
        // The years 1 to 9999, as google.protobuf.Timestamp allows.
        if !(-62_135_596_800..=253_402_300_799).contains(&time.seconds) || !(0..1_000_000_000).contains(&time.nanos) {
            self.add(at, "must be a time from the year 1 to 9999");
        }
    }

    /// Whether references are collected, and so looked for in the resource that a request carries.
    pub(super) fn follows(&self) -> bool {
        self.references.is_some()
    }

    pub(super) fn name(&mut self, at: &At<'_>, kind: &'static str, text: &str) {
        if text.is_empty() {
            return; // required says so where it is one
        }
        let parsed = match kind.strip_prefix("parent:") {
            Some(child) => Name::parse_parent(child, text),
            None => Name::parse(kind, text),
        };
        match (parsed, &self.scope) {
            (Err(bad), _) => self.add(at, bad.to_string()),
            (Ok(name), Some((customer, _))) if name.customer != customer => {
                self.add(at, format!("must belong to customers/{customer}, as the request does"));
            }
            (Ok(name), Some((customer, profile)))
                if !name.profile.is_empty() && !profile.is_empty() && name.profile != profile =>
            {
                self.add(at, format!("must belong to customers/{customer}/profiles/{profile}, as the request does"));
            }
            (Ok(_), _) => {
                if let Some(references) = &mut self.references {
                    references.push(Reference { kind, field: at.to_string(), name: text.to_owned() });
                }
            }
        }
    }
}
