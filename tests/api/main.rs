//! The API as clients see it: a real server on a real port, called over gRPC, gRPC-Web and REST, on each engine.
//!
//! `harness` starts servers and makes calls, `replay` plays the files of `cases/`, and each other module is one hard
//! topic. Nothing waits by the clock: time is the test's own.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test may fail where it stands

mod audiences;
mod calibrations;
mod cases;
mod coverage;
mod demo;
mod directory;
mod exports;
mod front;
mod harness;
mod history;
mod import;
mod limits;
mod lookups;
mod paging;
mod plans;
mod quotas;
mod races;
mod replay;
mod restart;
mod roads;
mod scores;
#[path = "../clients/server.rs"]
mod server;
mod stage;
mod sweep;
mod users;
mod vectors;
mod wellformed;
