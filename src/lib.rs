//! An open coaching service: scorecards made from templates, targets, plans, sessions and comments, over gRPC,
//! gRPC-Web and REST on one port. `ARCHITECTURE.md` has the map and the invariants.

#![warn(missing_docs)]

/// Time and identity, behind traits.
pub mod clock;
/// Pure rules: templates, answers, scores and the life of a scorecard; never async, no store, no clock.
pub mod domain;
/// The one error above the store.
pub mod error;
/// Generated protobuf code and descriptors.
pub mod pb;
/// REST to gRPC, derived from descriptors; knows no coaching.
pub mod rest;
/// Ordered records and index entries over small engines.
pub mod store;
