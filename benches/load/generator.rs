//! The load: a closed loop over a few connections, the same for every server. It sends and reads bytes and decodes
//! nothing, because whatever it costs is taken from the same cores and makes every server look more alike.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use crate::Result;
use crate::served::Child;

/// How a server is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// gRPC over HTTP/2 in plain text; calls share connections.
    Grpc,
    /// REST over HTTP/1.1, connections kept alive; one call at a time on each.
    Rest,
}

/// Concurrent calls that share one HTTP/2 connection.
const STREAMS: usize = 16;

/// Makes the request with this number.
pub(crate) type Make = Arc<dyn Fn(u64) -> Request<Full<Bytes>> + Send + Sync>;

/// One line of calls, one after another.
enum Line {
    H1(http1::SendRequest<Full<Bytes>>),
    H2(http2::SendRequest<Full<Bytes>>),
}

/// Lines to one server, connected once and used for all of its rounds.
pub(crate) struct Lines(Vec<Line>);

impl Lines {
    pub(crate) async fn open(port: u16, protocol: Protocol, calls: usize) -> Result<Self> {
        let mut lines: Vec<Line> = Vec::with_capacity(calls);
        while lines.len() < calls {
            let stream = TcpStream::connect(("127.0.0.1", port)).await?;
            stream.set_nodelay(true)?;
            let io = TokioIo::new(stream);
            match protocol {
                Protocol::Rest => {
                    let (sender, connection) = http1::handshake(io).await?;
                    tokio::spawn(connection);
                    lines.push(Line::H1(sender));
                }
                Protocol::Grpc => {
                    let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await?;
                    tokio::spawn(connection);
                    let wanted = STREAMS.min(calls - lines.len());
                    lines.extend(std::iter::repeat_n(sender, wanted).map(Line::H2));
                }
            }
        }
        Ok(Self(lines))
    }

    /// One call, its message and no more of its answer.
    pub(crate) async fn ask(&mut self, request: Request<Full<Bytes>>) -> Result<Bytes> {
        let line = self.0.first_mut().ok_or("no line")?;
        Ok(line.call(request, true).await?.1)
    }

    /// Calls for this long and answers what happened. Any failure ends the run: a server that refuses is fast.
    pub(crate) async fn run(&mut self, child: Option<&Child>, time: Duration, make: &Make) -> Result<Round> {
        let counter = Arc::new(AtomicU64::new(0));
        let (before, start) = (child.map(Child::cpu).transpose()?, Instant::now());
        let end = start + time;
        let tasks: Vec<_> = std::mem::take(&mut self.0)
            .into_iter()
            .map(|mut line| {
                let (counter, make) = (counter.clone(), make.clone());
                tokio::spawn(async move {
                    let mut took: Vec<u32> = Vec::with_capacity(4_096);
                    let mut bytes = 0;
                    loop {
                        let begun = Instant::now();
                        if begun >= end {
                            return Ok::<_, Box<dyn std::error::Error + Send + Sync>>((line, took, bytes));
                        }
                        let request = make(counter.fetch_add(1, Ordering::Relaxed));
                        bytes += line.call(request, false).await?.0;
                        took.push(u32::try_from(begun.elapsed().as_micros()).unwrap_or(u32::MAX));
                    }
                })
            })
            .collect();
        let (mut took, mut bytes) = (Vec::new(), 0);
        for task in tasks {
            let (line, times, read) = task.await??;
            self.0.push(line);
            took.extend(times);
            bytes += read;
        }
        let seconds = start.elapsed().as_secs_f64();
        let cpu = match (child, before) {
            (Some(child), Some(before)) => child.cpu()?.saturating_sub(before),
            _ => Duration::ZERO,
        };
        took.sort_unstable();
        Ok(Round { seconds, took, bytes, cpu })
    }
}

impl Line {
    /// Bytes of the answer, and the answer itself if it is wanted.
    async fn call(&mut self, request: Request<Full<Bytes>>, keep: bool) -> Result<(u64, Bytes)> {
        let answer = match self {
            Self::H1(sender) => {
                sender.ready().await?;
                sender.send_request(request).await?
            }
            Self::H2(sender) => {
                sender.ready().await?;
                sender.send_request(request).await?
            }
        };
        let mut status = answer.headers().get("grpc-status").cloned();
        let (parts, mut body) = answer.into_parts();
        let (mut length, mut kept) = (0, Vec::new());
        while let Some(frame) = body.frame().await {
            match frame?.into_data() {
                Ok(data) => {
                    length += data.len() as u64;
                    if keep {
                        kept.extend_from_slice(&data);
                    }
                }
                Err(frame) => status = frame.trailers_ref().and_then(|all| all.get("grpc-status").cloned()).or(status),
            }
        }
        let grpc = matches!(self, Self::H2(_));
        if parts.status != 200 || (grpc && status.as_ref().is_none_or(|status| status != "0")) {
            return Err(format!("the server answered {} with grpc-status {status:?}: {parts:?}", parts.status).into());
        }
        Ok((length, kept.into()))
    }
}

/// What happened in one round.
pub(crate) struct Round {
    pub(crate) seconds: f64,
    /// How long each call took, in microseconds, sorted.
    pub(crate) took: Vec<u32>,
    pub(crate) bytes: u64,
    /// Processor time of the server.
    pub(crate) cpu: Duration,
}

impl Round {
    pub(crate) fn per_second(&self) -> f64 {
        self.took.len() as f64 / self.seconds
    }

    /// Microseconds of the server's processor time for one call.
    pub(crate) fn cpu_per_call(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.took.len() as f64
    }

    /// Milliseconds that so many percent of the calls stayed below.
    pub(crate) fn percentile(&self, percent: usize) -> f64 {
        let at = (self.took.len() * percent / 100).min(self.took.len().saturating_sub(1));
        f64::from(self.took.get(at).copied().unwrap_or(0)) / 1_000.0
    }
}

/// A gRPC request as the usual clients send it, with a deadline.
pub(crate) fn grpc(method: &str, message: &impl prost::Message) -> Request<Full<Bytes>> {
    let length = message.encoded_len();
    let mut framed = Vec::with_capacity(5 + length);
    framed.push(0);
    framed.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
    framed.extend_from_slice(&message.encode_to_vec());
    Request::post(format!("http://127.0.0.1/cresta.v1.coaching.CoachingService/{method}"))
        .header(header::CONTENT_TYPE, "application/grpc")
        .header(header::TE, "trailers")
        .header(header::USER_AGENT, "load/1")
        .header("grpc-timeout", "20S")
        .body(Full::new(framed.into()))
        .unwrap_or_default()
}

/// A REST request as curl sends it.
pub(crate) fn rest(path: &str) -> Request<Full<Bytes>> {
    Request::get(path)
        .header(header::HOST, "127.0.0.1")
        .header(header::USER_AGENT, "load/1")
        .header(header::ACCEPT, "*/*")
        .body(Full::default())
        .unwrap_or_default()
}
