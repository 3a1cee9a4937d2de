//! An open coaching service: scorecards made from templates, targets, plans, sessions and comments, over gRPC,
//! gRPC-Web and REST on one port. `ARCHITECTURE.md` has the map and the invariants.

#![warn(missing_docs)]

/// Until the branches are merged: what the front needs of `api/mod.rs`, which needs the store.
pub mod api {
    /// See above.
    #[allow(missing_docs)]
    pub mod behavior {
        #[derive(Debug)]
        pub struct Rpc {
            pub name: &'static str,
            pub roles: &'static [i32],
        }
    }
    pub mod caller;
    /// The request's id as the server's front chose it, in the request's extensions.
    #[derive(Clone, Debug)]
    pub struct RequestId(pub std::sync::Arc<str>);
}
/// The commands of the program.
/// Time and identity, behind traits.
pub mod clock;
/// Every setting: its default, flag, environment variable and key in the file.
/// The one error above the store.
pub mod error;
/// Resource names.
pub mod names;
/// Generated protobuf code and descriptors.
pub mod pb;
/// REST to gRPC, derived from descriptors; knows no coaching.
pub mod rest;
/// Every setting: its default, flag, environment variable and key in the file.
pub mod config;
/// One port for gRPC, gRPC-Web, REST, health and reflection, and what surrounds every call.
/// Ordered records and index entries over small engines.
pub mod store;
// Logs
/// Every setting: its default, flag, environment variable and key in the file.
pub mod config;
/// One port for gRPC, gRPC-Web, REST, health and reflection, and what surrounds every call.
pub mod server;
