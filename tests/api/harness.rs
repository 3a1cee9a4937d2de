//! A server with its clients, so that a test reads as prose:
//!
//! ```ignore
//! let house = Harness::sled().await;
//! let coach = house.over(Rest).as_user("cora", Role::Manager);
//! coach.call("SubmitScorecard", json!({"name": card})).await.ok();
//! ```

use std::net::SocketAddr;
use std::sync::Arc;

use coaching::api::Rules;
use coaching::clock::{CountingIds, ManualClock, Micros};
use coaching::pb::coaching::access::v1::Role;
use coaching::store::{Db, Engine};
use serde_json::Value;
use tempfile::TempDir;

pub(crate) mod answer;
mod boot;
pub(crate) mod contract;
mod transport;

pub(crate) use answer::{Answer, Refusal};
pub(crate) use transport::{Raw, Transport};

use boot::Running;
use transport::{Headers, Wires};

/// The customer that users belong to where a test says nothing else.
pub(crate) const CUSTOMER: &str = "acme";
/// The parent of that customer's things.
pub(crate) const PARENT: &str = "customers/acme/profiles/main";
/// When every test begins: 2026-03-02T09:00:00Z, a Monday.
pub(crate) const START: Micros = Micros(1_772_442_000_000_000);

/// What the records are kept in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    /// In memory.
    Memory,
    /// In a folder, by sled.
    Sled,
}

/// A server of our own with a clock and ids of our own.
pub(crate) struct Harness {
    running: Running,
    wires: Wires,
    clock: Arc<ManualClock>,
    ids: Arc<CountingIds>,
    rules: Rules,
    folder: Option<TempDir>,
}

impl Harness {
    /// On the memory engine.
    pub(crate) async fn memory() -> Self {
        Self::on(Kept::Memory).await
    }

    /// On sled in a new folder.
    pub(crate) async fn sled() -> Self {
        Self::on(Kept::Sled).await
    }

    /// On this engine.
    pub(crate) async fn on(kept: Kept) -> Self {
        Self::ruled(kept, Rules::default()).await
    }

    /// On this engine, taking only what the directory has.
    pub(crate) async fn strict(kept: Kept) -> Self {
        Self::ruled(kept, Rules { strict_directory: true }).await
    }

    async fn ruled(kept: Kept, rules: Rules) -> Self {
        let folder = (kept == Kept::Sled).then(|| TempDir::new().expect("a folder"));
        let engine = boot::engine(folder.as_ref().map(TempDir::path));
        Self::begin(engine, folder, Arc::new(ManualClock::at(START)), Arc::default(), rules).await
    }

    /// On an engine of the test's own.
    pub(crate) async fn around(engine: Arc<dyn Engine>) -> Self {
        Self::begin(engine, None, Arc::new(ManualClock::at(START)), Arc::default(), Rules::default()).await
    }

    async fn begin(
        engine: Arc<dyn Engine>,
        folder: Option<TempDir>,
        clock: Arc<ManualClock>,
        ids: Arc<CountingIds>,
        rules: Rules,
    ) -> Self {
        let running = boot::serve(engine, clock.clone(), ids.clone(), rules).await;
        let wires = Wires::to(running.address);
        Self { running, wires, clock, ids, rules, folder }
    }

    /// Stops the server, closes the store, and opens both again on the same folder.
    pub(crate) async fn restart(self) -> Self {
        let Self { running, wires, clock, ids, rules, folder } = self;
        assert!(folder.is_some(), "what is in memory does not outlive a restart");
        drop(wires);
        running.stop().await;
        let engine = boot::engine(folder.as_ref().map(TempDir::path));
        Self::begin(engine, folder, clock, ids, rules).await
    }

    /// Stops the server; answers how many connections had to be cut off.
    pub(crate) async fn stop(self) -> usize {
        self.running.stop().await
    }

    /// The clock that the server goes by.
    pub(crate) fn clock(&self) -> &ManualClock {
        &self.clock
    }

    /// Where the server listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.running.address
    }

    /// The store below the server.
    pub(crate) fn db(&self) -> &Db {
        &self.running.db
    }

    /// The operator over this transport.
    pub(crate) fn over(&self, transport: Transport) -> Caller {
        Caller { wires: self.wires.clone(), transport, headers: Vec::new() }
    }

    /// The operator over gRPC.
    pub(crate) fn operator(&self) -> Caller {
        self.over(Transport::Grpc)
    }
}

/// Somebody who calls.
#[derive(Clone)]
pub(crate) struct Caller {
    wires: Wires,
    transport: Transport,
    headers: Headers,
}

impl Caller {
    /// The same road, as this user of the usual customer.
    pub(crate) fn as_user(&self, user: &str, role: Role) -> Self {
        self.as_user_of(CUSTOMER, user, role)
    }

    /// The same road, as this user of this customer.
    pub(crate) fn as_user_of(&self, customer: &str, user: &str, role: Role) -> Self {
        let role = role.as_str_name().trim_start_matches("ROLE_").to_lowercase();
        let named = self.with("x-coaching-user", &format!("customers/{customer}/users/{user}"));
        named.with("x-coaching-role", &role)
    }

    /// With one more header (metadata, over gRPC).
    pub(crate) fn with(&self, name: &str, value: &str) -> Self {
        let mut caller = self.clone();
        caller.headers.push((name.to_owned(), value.to_owned()));
        caller
    }

    /// One call, with its request in proto JSON.
    pub(crate) async fn call(&self, rpc: &str, request: Value) -> Answer {
        let method = contract::method(rpc);
        let outcome = self.wires.call(self.transport, &method, &request, &self.headers).await;
        Answer { what: format!("{rpc} over {}", self.transport.name()), outcome }
    }

    /// A plain HTTP/1.1 request.
    pub(crate) async fn http(&self, verb: &str, target: &str, body: Option<&str>) -> Raw {
        let mut headers = self.headers.clone();
        if body.is_some() {
            headers.push(("content-type".into(), "application/json".into()));
        }
        self.wires.http(verb, target, &headers, body.map(|body| body.to_owned().into())).await
    }
}
