//! The REST room, driven from outside over protos of its own: `kinds.proto` has a field of every kind, `shop.proto` a
//! service with every form of binding.

// Helpers are not `#[test]` functions, so clippy.toml's leave for tests does not reach them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod build;
mod calls;
mod conformance;
mod fake;
mod fuzz;
mod oracle;
mod patch;
mod query;
mod real;
mod streams;
