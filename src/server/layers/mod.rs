//! What surrounds every call, in one pass and in this order: request id, access record, gate (host and origin), deadline,
//! caller, place among the calls in flight, panic catch, the call itself, its answer followed to the end.
//!
//! One function instead of a stack of tower layers: each layer would box a future or copy a request, and the order would
//! be spread over as many files as there are layers. Errors are made here in the caller's protocol. A gRPC-Web call is
//! unwrapped before and wrapped after, so that here it is gRPC.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response, header};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::body::Body;

use super::auth::Auth;
use super::status;
use crate::error::{Code, Error, Result, reason};

mod deadline;
mod gate;
mod panics;
mod record;
mod request_id;

use deadline::Deadline;
pub(super) use gate::Gate;
use record::Record;
use request_id::RequestIds;

/// How long a client should wait before it calls an overloaded server again.
const PAUSE: Duration = Duration::from_millis(500);

/// What a request speaks, told by its content type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    /// `application/grpc`, with or without a suffix.
    Grpc,
    /// `application/grpc-web`, binary or text.
    GrpcWeb,
    /// Everything else.
    Rest,
}

impl Protocol {
    pub(super) fn of<B>(request: &Request<B>) -> Self {
        let Some(kind) = request.headers().get(header::CONTENT_TYPE) else { return Self::Rest };
        match kind.as_bytes().strip_prefix(b"application/grpc") {
            Some([] | [b'+' | b';' | b' ', ..]) => Self::Grpc,
            // The four that tonic-web unwraps; to another it would answer an empty 400.
            Some(b"-web" | b"-web+proto" | b"-web-text" | b"-web-text+proto") => Self::GrpcWeb,
            _ => Self::Rest,
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::Grpc => "grpc",
            Self::GrpcWeb => "grpc-web",
            Self::Rest => "rest",
        }
    }

    fn refuse(self, error: Error) -> Response<Body> {
        match self {
            Self::Grpc | Self::GrpcWeb => status::grpc(error),
            Self::Rest => status::rest(error),
        }
    }
}

/// What the layers share between calls.
pub(super) struct Layers {
    ids: RequestIds,
    gate: Gate,
    auth: Auth,
    in_flight: Arc<Semaphore>,
    default_timeout: Duration,
    cap: Duration,
}

impl Layers {
    pub(super) fn new(settings: &super::Settings, gate: Gate) -> Self {
        Self {
            ids: RequestIds::new(),
            gate,
            auth: Auth::new(settings.trust_caller_headers),
            in_flight: Arc::new(Semaphore::new(settings.max_requests.min(Semaphore::MAX_PERMITS))),
            default_timeout: settings.request_timeout,
            cap: settings.max_request_timeout,
        }
    }

    /// Answers a call through `inner`.
    pub(super) async fn run<F>(
        &self,
        protocol: Protocol,
        mut request: Request<Body>,
        inner: impl FnOnce(Request<Body>) -> F,
    ) -> Response<Body>
    where
        F: Future<Output = Response<Body>>,
    {
        let (id, echo) = self.ids.of(request.headers());
        let probe = is_probe(request.uri().path());
        let mut record = Record::begin(protocol, id.clone(), probe, &request);
        request.extensions_mut().insert(id);
        match self.enter(&mut record, &mut request, probe) {
            Err(error) => record.follow(protocol.refuse(error), echo, None, None),
            Ok((deadline, permit)) => {
                let answer = tokio::time::timeout(deadline.begin, panics::catch_in(|| inner(request))).await;
                let answer = match answer {
                    Ok(Ok(answer)) => answer,
                    Ok(Err(panicked)) => protocol.refuse(panicked),
                    Err(_) => protocol.refuse(deadline::exceeded()),
                };
                record.follow(answer, echo, permit, deadline.end)
            }
        }
    }

    fn enter(
        &self,
        record: &mut Record,
        request: &mut Request<Body>,
        probe: bool,
    ) -> Result<(Deadline, Option<OwnedSemaphorePermit>)> {
        let headers = request.headers();
        self.gate.admit(request.uri(), headers)?;
        let deadline = Deadline::of(headers, record.started, self.default_timeout, self.cap)?;
        let caller = self.auth.caller(headers)?;
        record.caller = Some(caller.clone());
        request.extensions_mut().insert(caller);
        if probe {
            return Ok((deadline, None)); // an orchestrator that finds us silent under load would make it worse
        }
        let permit = self.in_flight.clone().try_acquire_owned().map_err(|_| {
            let message = "the server has as many calls in flight as it takes, try again";
            Error::new(Code::ResourceExhausted, reason::OVERLOADED, message).retry_after(PAUSE)
        })?;
        Ok((deadline, Some(permit)))
    }
}

/// Health checks: answered under any load, and kept out of the log.
fn is_probe(path: &str) -> bool {
    matches!(path, super::ops::HEALTHZ | super::ops::READYZ) || path.starts_with("/grpc.health.v1.Health/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_content_type_tells_the_protocol() {
        let of = |kind: &str| Protocol::of(&Request::builder().header(header::CONTENT_TYPE, kind).body(()).unwrap());
        for kind in ["application/grpc", "application/grpc+proto", "application/grpc;x=y"] {
            assert_eq!(of(kind), Protocol::Grpc, "{kind}");
        }
        for kind in [
            "application/grpc-web",
            "application/grpc-web+proto",
            "application/grpc-web-text",
            "application/grpc-web-text+proto",
        ] {
            assert_eq!(of(kind), Protocol::GrpcWeb, "{kind}");
        }
        for kind in [
            "application/json",
            "application/grpcx",
            "application/grpc-web+json",
            "text/application/grpc",
            "application/grp",
            "",
        ] {
            assert_eq!(of(kind), Protocol::Rest, "{kind}");
        }
        assert_eq!(Protocol::of(&Request::new(())), Protocol::Rest);
    }
}
