//! The store's own tests, on every engine: `conformance` holds each to the contract, `model` compares it with a map
//! under random operations, `damage` breaks its files and `crash` kills its process.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, unreachable_pub, clippy::type_complexity)]

mod conformance;
mod crash;
mod damage;
mod model;
mod support;
