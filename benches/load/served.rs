//! Servers in processes of their own: the real one, and the least that tonic and axum need to answer the same bytes.
//!
//! A child prints its port, and ends when its standard input does, so that none outlives the run. Its log goes to a file,
//! as a deployment's does.

use std::convert::Infallible;
use std::fs::{self, File};
use std::future::Future;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{BufMut as _, Bytes};
use coaching::pb::cresta::v1::coaching::GetScorecardRequest;
use coaching::server::{Health, Server, Settings};
use coaching::store::Db;
use coaching::store::sled::{Options, SledEngine};
use coaching::{pb, rest};
use http::{Request, Response, header};
use prost::Message as _;
use tokio::net::TcpListener;
use tonic::Status;
use tonic::body::Body;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};

use crate::{Result, world};

/// A server in a process of its own.
pub(crate) struct Child {
    process: std::process::Child,
    pub(crate) port: u16,
}

impl Child {
    /// The real server over the store in this folder; with its access log, or without.
    pub(crate) fn real(folder: &Path, access_log: bool) -> Result<Self> {
        let log = folder.with_extension(if access_log { "log" } else { "quiet.log" });
        Self::spawn(&["real".into(), folder.into(), (if access_log { "info" } else { "info,access=off" }).into()], &log)
    }

    /// tonic's own server around a method that answers these bytes.
    pub(crate) fn grpc_stub(answer: &Path) -> Result<Self> {
        Self::spawn(&["grpc-stub".into(), answer.into()], &answer.with_extension("log"))
    }

    /// axum's own server around a handler that answers these bytes.
    pub(crate) fn rest_stub(answer: &Path) -> Result<Self> {
        Self::spawn(&["rest-stub".into(), answer.into()], &answer.with_extension("log"))
    }

    fn spawn(args: &[PathBuf], log: &Path) -> Result<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .arg("serve")
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(log)?)
            .spawn()?;
        let mut line = String::new();
        if let Some(out) = process.stdout.take() {
            BufReader::new(out).read_line(&mut line)?;
        }
        let port = line.trim().parse().map_err(|_| format!("a server did not start, see {}", log.display()))?;
        Ok(Self { process, port })
    }

    /// Processor time that its threads have had, in user and kernel mode.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        let mut sum = 0;
        for thread in fs::read_dir(format!("/proc/{}/task", self.process.id()))? {
            // A thread of the blocking pool may end meanwhile.
            let text = fs::read_to_string(thread?.path().join("schedstat")).unwrap_or_default();
            sum += text.split(' ').next().and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
        }
        Ok(Duration::from_nanos(sum))
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

/// What the process of a server does.
pub(crate) fn child(args: &[String]) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    runtime.block_on(async {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        let ready = move || println!("{port}");
        match args.as_slice() {
            ["real", folder, filter] => real(listener, folder, filter, ready).await,
            ["grpc-stub", file] => {
                ready();
                let incoming = tonic::transport::server::TcpIncoming::from(listener).with_nodelay(Some(true));
                let stub = Stub(fs::read(file)?.into());
                Ok(tonic::transport::Server::builder()
                    .add_service(stub)
                    .serve_with_incoming_shutdown(incoming, parent_gone())
                    .await?)
            }
            ["rest-stub", file] => {
                ready();
                let answer: Bytes = fs::read(file)?.into();
                let get = move || std::future::ready(([(header::CONTENT_TYPE, "application/json")], answer.clone()));
                let router = axum::Router::new().route("/v1/{*name}", axum::routing::get(get));
                let listener = axum::serve::ListenerExt::tap_io(listener, |stream| drop(stream.set_nodelay(true)));
                Ok(axum::serve(listener, router).with_graceful_shutdown(parent_gone()).await?)
            }
            _ => Err(format!("no such server: {args:?}").into()),
        }
    })
}

/// Returns when the parent has closed our standard input, or is gone.
async fn parent_gone() {
    let _ = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await;
}

/// Everything as `coaching serve` has it by default.
async fn real(listener: TcpListener, folder: &str, filter: &str, ready: impl FnOnce()) -> Result<()> {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::try_new(filter)?)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();
    let db = Db::new(Arc::new(SledEngine::open(&Options::new(folder))?));
    let health = Health::new([]).await;
    let pool = prost_reflect::DescriptorPool::decode(pb::DESCRIPTORS)?;
    let routes = coaching::services::routes(world::api(db.clone()), 4 << 20);
    let bound = rest::Rest::new(&pool, &[], routes.clone().prepare(), rest::Options::default())?;
    let server = Server::new(settings(), health, routes, pb::DESCRIPTORS, |_| bound)?;
    server.health().set(true).await;
    ready();
    server.serve(listener, parent_gone()).await;
    Ok(db.close().await?)
}

fn settings() -> Settings {
    Settings {
        max_connections: 1_024,
        max_requests: 512,
        max_streams: 200,
        max_header_size: 16 << 10,
        header_timeout: Duration::from_secs(30),
        keepalive: (Duration::from_secs(60), Duration::from_secs(20)),
        request_timeout: Duration::from_secs(30),
        max_request_timeout: Duration::from_secs(300),
        trust_caller_headers: true,
        cors_origins: vec!["loopback".into()],
        allowed_hosts: Some(Vec::new()),
        shutdown_grace: Duration::from_secs(2),
    }
}

/// A tonic service as generated code makes them, but for its answer, which is bytes already.
#[derive(Clone)]
struct Stub(Bytes);

impl tonic::server::NamedService for Stub {
    const NAME: &'static str = "cresta.v1.coaching.CoachingService";
}

impl tower::Service<Request<Body>> for Stub {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = std::result::Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<std::result::Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let answer = self.clone();
        Box::pin(async move { Ok(tonic::server::Grpc::new(Raw).unary(answer, request).await) })
    }
}

impl tonic::server::UnaryService<GetScorecardRequest> for Stub {
    type Response = Bytes;
    type Future = std::future::Ready<std::result::Result<tonic::Response<Bytes>, Status>>;

    fn call(&mut self, _: tonic::Request<GetScorecardRequest>) -> Self::Future {
        std::future::ready(Ok(tonic::Response::new(self.0.clone())))
    }
}

/// Reads requests, and writes bytes.
#[derive(Clone, Copy, Default)]
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = GetScorecardRequest;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, into: &mut EncodeBuf<'_>) -> std::result::Result<(), Status> {
        into.put(item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = GetScorecardRequest;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> std::result::Result<Option<GetScorecardRequest>, Status> {
        GetScorecardRequest::decode(from).map(Some).map_err(|error| Status::internal(error.to_string()))
    }
}
