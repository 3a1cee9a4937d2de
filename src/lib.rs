//! An open coaching service: scorecards made from templates, targets, plans, sessions and comments, over gRPC,
//! gRPC-Web and REST on one port. `ARCHITECTURE.md` has the map and the invariants.

#![warn(missing_docs)]

/// The doorways and the standard methods: what every RPC passes, written once.
pub mod api;
/// The commands of the program.
pub mod cli;
/// Time and identity, behind traits.
pub mod clock;
/// Every setting: its default, flag, environment variable and key in the file.
pub mod config;
/// The rules, pure.
pub mod domain;
/// The one error above the store.
pub mod error;
/// Typed resource names.
pub mod names;
/// Generated protobuf code and descriptors.
pub mod pb;
/// REST to gRPC, derived from descriptors; knows no coaching.
pub mod rest;
/// The one port and everything around a call.
pub mod server;
/// The RPCs, one file for each resource.
pub mod services;
/// Ordered records and index entries over small engines.
pub mod store;
/// Logs: where they go and how they look.
pub mod telemetry;
