//! An open coaching service: scorecards made from templates, targets, plans, sessions and comments, over gRPC,
//! gRPC-Web and REST on one port. `ARCHITECTURE.md` has the map and the invariants.

#![warn(missing_docs)]

/// Time and identity, behind traits.
/// The doorways and the standard methods.
pub mod api;
pub mod clock;
/// The one error above the store.
pub mod error;
/// Typed resource names.
pub mod names;
/// Generated protobuf code and descriptors.
pub mod pb;
/// REST to gRPC, derived from descriptors; knows no coaching.
pub mod rest;
/// Ordered records and index entries over small engines.
pub mod store;
