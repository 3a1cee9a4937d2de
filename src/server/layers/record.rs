//! One line in the log for every call, written when its answer has ended; and the body that knows when that is.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body::{Body as _, Frame, SizeHint};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Sleep, sleep_until};
use tonic::body::Body;
use tonic::transport::server::TcpConnectInfo;

use super::{Protocol, deadline, panics, request_id};
use crate::api::RequestId;
use crate::api::caller::Caller;
use crate::error::{Code, Error};
use crate::rest::MatchedRpc;
use crate::server::status;

/// What is known of a call. Dropping it, which happens when the answer has been sent or nobody waits for it any more,
/// writes the line.
pub(super) struct Record {
    pub(super) protocol: Protocol,
    pub(super) started: Instant,
    pub(super) caller: Option<Arc<Caller>>,
    quiet: bool,
    id: RequestId,
    method: Method,
    uri: Uri,
    peer: Option<std::net::SocketAddr>,
    rpc: Option<MatchedRpc>,
    http: Option<StatusCode>,
    code: Option<Code>,
    bytes: u64,
    ended: bool,
}

impl Record {
    /// `quiet` calls, the probes of an orchestrator, are logged at level debug.
    pub(super) fn begin<B>(protocol: Protocol, id: RequestId, quiet: bool, request: &Request<B>) -> Self {
        Self {
            protocol,
            started: Instant::now(),
            caller: None,
            quiet,
            id,
            method: request.method().clone(),
            uri: request.uri().clone(),
            peer: request.extensions().get::<TcpConnectInfo>().and_then(TcpConnectInfo::remote_addr),
            rpc: None,
            http: None,
            code: None,
            bytes: 0,
            ended: false,
        }
    }

    /// Follows this answer to its end, and ends it in the caller's name when the time is up.
    pub(super) fn follow(
        mut self,
        mut answer: Response<Body>,
        echo: HeaderValue,
        permit: Option<OwnedSemaphorePermit>,
        end: Option<Instant>,
    ) -> Response<Body> {
        answer.headers_mut().insert(request_id::HEADER, echo);
        self.rpc = answer.extensions_mut().remove();
        self.http = Some(answer.status());
        self.code = status::code_in(answer.headers());
        self.ended = answer.body().is_end_stream(); // an empty body is never polled
        answer.map(|inner| Body::new(Followed { inner, record: self, _permit: permit, end, alarm: None }))
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let rest = self.protocol == Protocol::Rest;
        let (http, grpc) = match (self.ended, rest) {
            (true, _) => (self.http.map(|status| status.as_u16()), self.code.map(Code::text)),
            // The caller went away before the end.
            (false, true) => (Some(Code::Cancelled.http()), None),
            (false, false) => (self.http.map(|status| status.as_u16()), Some(Code::Cancelled.text())),
        };
        let (id, protocol, path) = (&*self.id.0, self.protocol.text(), self.uri.path());
        let method = rest.then_some(self.method.as_str());
        let rpc = self.rpc.as_ref().map(|matched| &*matched.0);
        let caller = self.caller.as_ref().map(|caller| caller.user.as_deref().unwrap_or("operator"));
        let ms = (self.started.elapsed().as_micros() as f64) / 1_000.0;
        let (peer, bytes) = (self.peer.map(tracing::field::display), self.bytes);
        if self.quiet {
            tracing::debug!(target: "access", id, protocol, method, path, rpc, http, grpc, caller, ms, bytes, peer);
        } else {
            tracing::info!(target: "access", id, protocol, method, path, rpc, http, grpc, caller, ms, bytes, peer);
        }
    }
}

/// A body that counts, notices its end, survives a panic in the stream behind it, and stops at the deadline.
struct Followed {
    inner: Body,
    record: Record,
    /// A place among the calls in flight, given back when the answer has ended.
    _permit: Option<OwnedSemaphorePermit>,
    end: Option<Instant>,
    alarm: Option<Pin<Box<Sleep>>>,
}

impl Followed {
    /// Ends the answer with an error: as trailers on gRPC; on REST, whose status has been sent, by breaking it off.
    fn fail(&mut self, error: Error) -> Poll<Option<Result<Frame<Bytes>, tonic::Status>>> {
        self.inner = Body::empty();
        self.record.ended = true;
        self.record.code = Some(error.code());
        Poll::Ready(Some(match self.record.protocol {
            Protocol::Rest => Err(tonic::Status::from(error)),
            Protocol::Grpc | Protocol::GrpcWeb => Ok(Frame::trailers(status::trailers(error))),
        }))
    }

    fn time_is_up(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(end) = self.end else { return false };
        // Made only when the answer is slower than one poll, which a unary one never is.
        self.alarm.get_or_insert_with(|| Box::pin(sleep_until(end))).as_mut().poll(cx).is_ready()
    }
}

impl http_body::Body for Followed {
    type Data = Bytes;
    type Error = tonic::Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = &mut *self;
        let polled = match panics::catch(|| Pin::new(&mut this.inner).poll_frame(cx)) {
            Err(error) => return this.fail(error),
            Ok(Poll::Pending) if this.time_is_up(cx) => return this.fail(deadline::exceeded()),
            Ok(polled) => ready!(polled),
        };
        match &polled {
            None => this.record.ended = true,
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref() {
                    this.record.bytes += data.len() as u64;
                } else if let Some(trailers) = frame.trailers_ref() {
                    this.record.code = status::code_in(trailers).or(this.record.code);
                    this.record.ended = true;
                }
                this.record.ended |= this.inner.is_end_stream();
            }
            Some(Err(_)) => this.record.ended = true,
        }
        Poll::Ready(polled)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
