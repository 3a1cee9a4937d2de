//! The REST room, driven from outside over protos of its own: `kinds.proto` has a field of every kind, `shop.proto` a
//! service with every form of binding.

mod build;
mod calls;
mod conformance;
mod fake;
mod fuzz;
mod oracle;
mod patch;
mod query;
mod streams;
