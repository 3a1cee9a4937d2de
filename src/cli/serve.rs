//! `coaching serve`: opens the store, serves, and stops without losing or cutting off anything.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tonic::service::Routes;

use super::Failure;
use crate::api::{Api, Rules};
use crate::clock::{SystemClock, UuidV7};
use crate::config::{EngineKind, Problem, Settings};
use crate::rest::Rest;
use crate::server::{self, Health, Server};
use crate::store::{Db, Engine, Fault, memory, sled};
use crate::telemetry;

/// How often the store is asked whether it still takes writes.
const STORE_CHECK: Duration = Duration::from_millis(500);

/// Serves until told to stop. `prepare` sees the store before the first call does.
pub(super) fn run(settings: &Settings, prepare: impl AsyncFnOnce(&Db) -> Result<(), Failure>) -> Result<(), Failure> {
    let _logging = telemetry::start(settings).map_err(|problem| Failure::Settings(Problem::new(problem)))?;
    super::block_on(serve(settings, prepare))
}

async fn serve(settings: &Settings, prepare: impl AsyncFnOnce(&Db) -> Result<(), Failure>) -> Result<(), Failure> {
    // Before the store: an address that is taken is told at once. Nothing is accepted until the store is open.
    let address = settings.listen;
    let listen = |error| Failure::Listen { address, error };
    let listener = TcpListener::bind(address).await.map_err(listen)?;
    let address = listener.local_addr().map_err(listen)?;

    let db = open(settings).await?;
    super::verify::settle(&db).await;
    prepare(&db).await?;
    let server = assemble(settings, db.clone()).await?;
    let health = server.health().clone();
    let mut signals = signals()?;
    let (failed, mut failure) = watch::channel(None);
    let watching = tokio::spawn(watch_store(db.clone(), health.clone(), failed));

    health.set(true).await;
    let store = match settings.engine {
        EngineKind::Sled => format!("store in {}", settings.data.display()),
        EngineKind::Memory => "store in memory, gone at the end".to_owned(),
    };
    ready(&format!(
        "coaching {} serves gRPC, gRPC-Web and REST on http://{address} ({store})",
        env!("CARGO_PKG_VERSION")
    ));

    let mut again = signals.clone();
    let stop = async {
        tokio::select! {
            () = nth(&mut signals, 1) => tracing::info!("stopping: finishing the calls in flight"),
            _ = failure.wait_for(Option::is_some) => {}
        }
    };
    let cut_off = tokio::select! {
        cut_off = server.serve(listener, stop) => cut_off,
        () = nth(&mut again, 2) => usize::MAX,
    };
    watching.abort();
    let closed = db.close().await;
    if let Some(fault) = failure.borrow().clone() {
        return Err(Failure::Store(fault));
    }
    closed.map_err(Failure::Store)?;
    match cut_off {
        0 => Ok(()),
        usize::MAX => Err(Failure::Other("stopped at once by a second signal; the store is closed and whole".into())),
        cut => Err(Failure::Other(format!(
            "{cut} connections had calls in flight after {:?} (shutdown_grace) and were cut off; the store is closed and whole",
            settings.shutdown_grace
        ))),
    }
}

/// Opens the store that the settings name.
pub(super) async fn open(settings: &Settings) -> Result<Db, Failure> {
    let engine: Arc<dyn Engine> = match settings.engine {
        EngineKind::Memory => Arc::new(memory::MemoryEngine::new()),
        EngineKind::Sled => {
            let mut options = sled::Options::new(&settings.data);
            options.create = settings.create_store;
            options.cache_bytes = settings.sled_cache;
            options.min_free_bytes = settings.min_free_disk;
            let opened = tokio::task::spawn_blocking(move || sled::SledEngine::open(&options)).await;
            let opened = opened.map_err(|error| Failure::Open(format!("opening the store failed: {error}")))?;
            Arc::new(opened.map_err(|error| Failure::Open(error.to_string()))?)
        }
    };
    Ok(Db::new(engine))
}

/// The whole service over this store, with the machine's time.
async fn assemble(settings: &Settings, db: Db) -> Result<Server<Rest<Routes>>, Failure> {
    let max_message = usize::try_from(settings.max_message_size).unwrap_or(usize::MAX);
    let rules = Rules { strict_directory: settings.directory_strict };
    let api = Api::with_rules(db, Arc::new(SystemClock::default()), Arc::new(UuidV7), rules);
    super::assemble(server_settings(settings), max_message, api).await.map_err(|error| {
        // The public half says no more than "internal error".
        let cause = error.cause().map_or_else(|| error.to_string(), ToString::to_string);
        Failure::Other(format!("the service cannot be put together: {cause}"))
    })
}

fn server_settings(settings: &Settings) -> server::Settings {
    server::Settings {
        max_connections: settings.max_connections,
        max_requests: settings.max_requests,
        max_streams: settings.max_streams,
        max_header_size: u32::try_from(settings.max_header_size).unwrap_or(u32::MAX),
        header_timeout: settings.header_timeout,
        keepalive: (settings.keepalive_interval, settings.keepalive_timeout),
        request_timeout: settings.request_timeout,
        max_request_timeout: settings.max_request_timeout,
        trust_caller_headers: settings.trust_caller_headers,
        cors_origins: settings.cors_origins.clone(),
        allowed_hosts: settings.hosts(),
        shutdown_grace: settings.shutdown_grace,
    }
}

/// Says NOT_SERVING and tells `failed` when the store has stopped writing for good.
async fn watch_store(db: Db, health: Health, failed: watch::Sender<Option<Fault>>) {
    loop {
        tokio::time::sleep(STORE_CHECK).await;
        if let Err(fault) = db.health() {
            health.set(false).await;
            tracing::error!(%fault, "the store has stopped writing: the server stops");
            failed.send_replace(Some(fault));
            return;
        }
    }
}

/// Counts the interrupt and terminate signals that the process gets, instead of dying of the first.
fn signals() -> Result<watch::Receiver<u32>, Failure> {
    let catch = |kind| signal(kind).map_err(|error| Failure::Other(format!("signals cannot be caught: {error}")));
    let (mut interrupt, mut terminate) = (catch(SignalKind::interrupt())?, catch(SignalKind::terminate())?);
    let (count, counted) = watch::channel(0);
    tokio::spawn(async move {
        loop {
            tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
            count.send_modify(|count| *count += 1);
        }
    });
    Ok(counted)
}

async fn nth(signals: &mut watch::Receiver<u32>, n: u32) {
    if signals.wait_for(|count| *count >= n).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// The one line on standard output, for people and for programs that wait for it.
fn ready(line: &str) {
    let mut out = std::io::stdout();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;
    use crate::store::{Commit, Key, Put, Tag};

    #[derive(Debug, Default)]
    struct Disk {
        broken: AtomicBool,
    }

    impl sled::SyncFile for Disk {
        fn sync(&self, file: &File) -> io::Result<()> {
            match self.broken.load(Ordering::SeqCst) {
                true => Err(io::Error::other("input/output error")),
                false => file.sync_data(),
            }
        }
    }

    fn commit() -> Commit {
        let put = Put { key: Key::new("acme", Tag(9), "one"), body: "body".into(), add: vec![], remove: vec![] };
        Commit { puts: vec![put], ..Commit::default() }
    }

    #[tokio::test]
    async fn a_store_that_stops_writing_stops_the_server_with_the_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Arc::new(Disk::default());
        let options = sled::Options { min_free_bytes: 0, sync: disk.clone(), ..sled::Options::new(folder.path()) };
        let db = Db::new(Arc::new(sled::SledEngine::open(&options).unwrap()));
        let health = Health::new([]).await;
        health.set(true).await;
        let (failed, mut failure) = watch::channel(None);
        tokio::spawn(watch_store(db.clone(), health.clone(), failed));

        db.engine().commit(commit()).await.unwrap();
        assert!(health.serving());
        disk.broken.store(true, Ordering::SeqCst);
        db.engine().commit(commit()).await.unwrap_err();
        let fault = failure.wait_for(Option::is_some).await.unwrap().clone().unwrap();
        assert!(!health.serving());
        let failure = Failure::Store(fault);
        assert_eq!(failure.exit_code(), 5);
        assert!(failure.to_string().contains("Start the server again"), "{failure}");
    }

    #[tokio::test]
    async fn the_whole_service_is_put_together_and_serves_when_told() {
        let arguments = clap::Command::new("t").no_binary_name(true);
        let flags = <Settings as clap::Args>::augment_args(arguments).get_matches_from(["--engine=memory"]);
        let settings = <Settings as clap::FromArgMatches>::from_arg_matches(&flags).unwrap();
        let server = assemble(&settings, open(&settings).await.unwrap()).await.unwrap();
        let get = async |path: &str| {
            let request = http::Request::get(path).body(tonic::body::Body::empty()).unwrap();
            server.service().answer(request).await.status().as_u16()
        };
        assert_eq!(get("/readyz").await, 503);
        server.health().set(true).await;
        assert_eq!(get("/readyz").await, 200);
        assert_eq!(get("/v1/customers/c/profiles/p/targets/none").await, 404);
    }
}
