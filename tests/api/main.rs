//! The API as clients see it: a real server on a real port, called over gRPC, gRPC-Web and REST, on each engine.
//!
//! `harness` starts servers and makes calls, `replay` plays the files of `cases/`, and each other module is one hard
//! topic. Nothing waits by the clock: time is the test's own.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test may fail where it stands

mod calibrations;
mod cases;
mod coverage;
mod demo;
mod directory;
mod front;
mod harness;
mod history;
mod limits;
mod lookups;
mod paging;
mod plans;
mod races;
mod replay;
mod restart;
mod roads;
mod scores;
mod stage;
mod sweep;
mod users;
mod vectors;
mod wellformed;
