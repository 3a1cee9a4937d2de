//! Servers in processes of their own: the program itself as it is by default, and the least that tonic and axum need to
//! answer the same bytes. Logs go to files, as a deployment's do.

use std::convert::Infallible;
use std::fs::{self, File};
use std::future::Future;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::pin::Pin;
use std::process::{Command, Stdio};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::serve::ListenerExt as _;
use bytes::{BufMut as _, Bytes};
use coaching::pb::cresta::v1::coaching::GetScorecardRequest;
use http::{Request, Response, header};
use prost::Message as _;
use tokio::net::TcpListener;
use tonic::Status;
use tonic::body::Body;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::server::TcpIncoming;

use crate::Result;

/// A server in a process of its own.
pub(crate) struct Child {
    process: std::process::Child,
    pub(crate) port: u16,
}

impl Child {
    /// `coaching serve` over the store in this folder, with these options beside.
    pub(crate) fn real(program: &Path, folder: &Path, options: &[&str]) -> Result<Self> {
        let mut command = Command::new(program);
        command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(folder).args(options);
        Self::spawn(command, &folder.with_extension("log"))
    }

    /// tonic's own server around a method that answers these bytes.
    pub(crate) fn grpc_stub(answer: &Path) -> Result<Self> {
        Self::stub("grpc-stub", answer)
    }

    /// axum's own server around a handler that answers these bytes.
    pub(crate) fn rest_stub(answer: &Path) -> Result<Self> {
        Self::stub("rest-stub", answer)
    }

    fn stub(kind: &str, answer: &Path) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["serve", kind]).arg(answer);
        Self::spawn(command, &answer.with_extension("log"))
    }

    /// Waits for the line that names the address.
    fn spawn(mut command: Command, log: &Path) -> Result<Self> {
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(File::create(log)?).spawn()?;
        let mut line = String::new();
        if let Some(out) = process.stdout.take() {
            BufReader::new(out).read_line(&mut line)?;
        }
        let port = line.split("http://127.0.0.1:").nth(1).map(|rest| rest.chars().take_while(char::is_ascii_digit));
        let port = port.and_then(|digits| digits.collect::<String>().parse().ok());
        let port = port.ok_or_else(|| fs::read_to_string(log).unwrap_or_default())?;
        Ok(Self { process, port })
    }

    /// Resident memory, now and at most, in words.
    pub(crate) fn memory(&self) -> Result<String> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let of = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
            line.trim_matches([' ', '\t', 'k', 'B']).parse::<f64>().unwrap_or(0.0) / 1_024.0
        };
        Ok(format!("{:.0} MiB resident, {:.0} MiB at most", of("VmRSS:"), of("VmHWM:")))
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
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What the process of a stub does, until it is killed.
pub(crate) fn child(args: &[String]) -> Result<()> {
    let [kind, file] = args else { return Err(format!("no such server: {args:?}").into()) };
    let answer: Bytes = fs::read(file)?.into();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        println!("http://{}", listener.local_addr()?);
        if kind == "grpc-stub" {
            let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
            return Ok(tonic::transport::Server::builder()
                .add_service(Stub(answer))
                .serve_with_incoming(incoming)
                .await?);
        }
        let get = move || std::future::ready(([(header::CONTENT_TYPE, "application/json")], answer.clone()));
        let router = axum::Router::new().route("/v1/{*name}", axum::routing::get(get));
        Ok(axum::serve(listener.tap_io(|stream| drop(stream.set_nodelay(true))), router).await?)
    })
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
