//! The server under test: the program's own parts on a port of their own, with time and ids that the test owns.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use coaching::api::{Api, Rules};
use coaching::clock::{Clock, Ids};
use coaching::server::Settings;
use coaching::store::memory::MemoryEngine;
use coaching::store::sled::{Options, SledEngine};
use coaching::store::{Db, Engine};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

const MAX_MESSAGE: usize = 4 << 20;

/// A server that runs.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) db: Db,
    stop: oneshot::Sender<()>,
    served: JoinHandle<usize>,
}

/// The engine over a new memory, or over this folder.
pub(crate) fn engine(folder: Option<&Path>) -> Arc<dyn Engine> {
    match folder {
        None => Arc::new(MemoryEngine::new()),
        Some(folder) => Arc::new(SledEngine::open(&Options::new(folder)).expect("the store opens")),
    }
}

/// Serves this engine on a free port.
pub(crate) async fn serve(engine: Arc<dyn Engine>, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>, rules: Rules) -> Running {
    let db = Db::new(engine);
    let api = Api::with_rules(db.clone(), clock, ids, rules);
    let server = coaching::cli::assemble(settings(), MAX_MESSAGE, api).await.expect("the server is put together");
    let health = server.health().clone();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let (stop, stopped) = oneshot::channel();
    let served = tokio::spawn(server.serve(listener, async move { stopped.await.unwrap_or_default() }));
    health.set(true).await;
    Running { address, db, stop, served }
}

impl Running {
    /// Stops as the program does: calls in flight are finished, then the store is closed. Answers how many connections
    /// had to be cut off.
    pub(crate) async fn stop(self) -> usize {
        let _ = self.stop.send(());
        let cut = self.served.await.expect("the server ends");
        self.db.close().await.expect("the store closes");
        cut
    }
}

fn settings() -> Settings {
    let long = Duration::from_secs(120);
    Settings {
        max_connections: 256,
        max_requests: 1_024,
        max_streams: 256,
        max_header_size: 64 << 10,
        header_timeout: long,
        keepalive: (long, long),
        request_timeout: long,
        max_request_timeout: long,
        trust_caller_headers: true,
        cors_origins: vec!["loopback".into()],
        allowed_hosts: None,
        shutdown_grace: long,
    }
}
