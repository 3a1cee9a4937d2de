//! REST derived from `google.api.http` annotations: a tower service that turns JSON over HTTP into calls of a gRPC
//! service in the same process, and its answers into JSON. It knows descriptors and no resource.
//!
//! Choices where the rules leave one, or are silent:
//!
//! - Output leaves out fields without presence that are zero; enums are names; 64-bit integers are strings.
//! - In a variable of several segments `%2F` stays escaped (http.proto); a whole-segment variable is decoded.
//! - A doubled or trailing slash is 404; a wrong method 405 with `Allow`; HEAD is GET; an unknown verb is 404.
//! - JSON names no unknown field and no member twice; a query no unknown parameter and nothing bound elsewhere.
//! - A body whose route takes none is not read. An empty body is an absent message.
//! - A string in the body that differs from what the path says of the same field is refused; other kinds yield to the path.
//! - A PATCH without `update_mask` gets one from its body (AIP-134); under `body: "*"` the mask may be in the query.
//! - Streams: see [`stream`]. Errors: see [`fail`]; those of our own carry `ErrorInfo` and every bad field.

mod bind;
mod escape;
mod fail;
mod headers;
/// proto3 JSON to wire bytes and back.
pub mod json;
mod plan;
mod query;
mod render;
mod reply;
mod request;
mod router;
mod small;
mod stream;
/// Path templates.
pub mod template;
mod wire;

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{HeaderValue, Method, Request, Response, StatusCode, Version};
use http_body_util::Full;
use prost_reflect::DescriptorPool;
use tonic::body::Body;
use tower::ServiceExt as _;

pub use bind::BuildError;
pub use fail::refuse;

use crate::error::Code;
use bind::Bindings;
use fail::{JSON, Outcome, Refusal, respond};
use query::Asked;
use reply::Messages;
use router::{Found, RouteId, Segments};

/// Bounds of what a caller may send.
#[derive(Clone, Debug)]
pub struct Options {
    /// Bytes of a request's body, and of the message made from it.
    pub max_body: usize,
    /// How deep messages may nest in a request, maps' entries counted: a JSON object in a `google.protobuf.Struct`
    /// takes three. prost refuses more than 100 (and would call it INTERNAL), so more than 96 is not granted.
    pub max_depth: usize,
}

impl Default for Options {
    /// 4 MiB, as gRPC's own default; a depth that leaves the service room to wrap what it is given.
    fn default() -> Self {
        Self { max_body: 4 << 20, max_depth: 80 }
    }
}

/// A depth that prost will read.
fn bounded(depth: usize) -> usize {
    depth.min(96)
}

/// The gRPC path (`/package.Service/Method`) that a request led to. In the extensions of the answer, for the access
/// log, and of the request, for layers within.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MatchedRpc(pub Arc<str>);

struct Shared {
    bindings: Arc<Bindings>,
    options: Options,
}

/// See the module. Cheap to clone as far as the gRPC service is.
pub struct Rest<S> {
    shared: Arc<Shared>,
    service: S,
}

impl<S: Clone> Clone for Rest<S> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), service: self.service.clone() }
    }
}

impl<S> std::fmt::Debug for Rest<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rest").field("routes", &self.shared.bindings.routes.len()).finish_non_exhaustive()
    }
}

impl<S> Rest<S> {
    /// Binds the named services, or with no name every one of the pool that has rules, to a gRPC service.
    pub fn new(pool: &DescriptorPool, services: &[&str], service: S, options: Options) -> Result<Self, BuildError> {
        let bindings = Arc::new(bind::bind(pool, services)?);
        Ok(Self { shared: Arc::new(Shared { bindings, options }), service })
    }
}

impl<S, B> tower::Service<Request<B>> for Rest<S>
where
    S: tower::Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
    B: http_body::Body<Data = Bytes> + Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    /// Always ready: whether the gRPC service is, is asked once a request has been understood.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (shared, service) = (Arc::clone(&self.shared), self.service.clone());
        Box::pin(async move { Ok(shared.call(service, request).await) })
    }
}

impl Shared {
    async fn call<S, B>(&self, service: S, request: Request<B>) -> Response<Body>
    where
        S: tower::Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
        B: http_body::Body<Data = Bytes>,
    {
        let (parts, body) = request.into_parts();
        let head = parts.method == Method::HEAD;
        let uri = parts.uri.clone();
        let mut answer = match self.find(&parts.method, uri.path()) {
            Err(refusal) => refusal.answer(),
            Ok((id, segments)) => {
                let rpc = MatchedRpc(Arc::clone(&self.bindings.routes[id].rpc));
                let mut answer = match self.ask(service, id, &segments, parts, body, &rpc).await {
                    Ok((answer, asked)) => self.answer(id, answer, &asked).await,
                    Err(refusal) => refusal.answer(),
                };
                answer.extensions_mut().insert(rpc);
                answer
            }
        };
        if head {
            *answer.body_mut() = Body::empty();
        }
        answer
    }

    fn find<'a>(&self, method: &Method, path: &'a str) -> Result<(RouteId, Segments<'a>), Refusal> {
        escape::decode(path, false).map_err(|_| request::bad_escape())?;
        match self.bindings.router.find(method, path) {
            Found::Route(id, segments) => Ok((id, segments)),
            Found::WrongMethod(allow) => Err(Refusal::wrong_method(method, allow)),
            Found::UnknownVerb(verb, known) => Err(Refusal::unknown_verb(verb, &known)),
            Found::Nothing => Err(Refusal::nothing_there(path)),
        }
    }

    /// Calls the gRPC service as a client on HTTP/2 would.
    async fn ask<S, B>(
        &self,
        service: S,
        id: RouteId,
        segments: &Segments<'_>,
        parts: http::request::Parts,
        body: B,
        rpc: &MatchedRpc,
    ) -> Result<(Response<Body>, Asked), Refusal>
    where
        S: tower::Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
        B: http_body::Body<Data = Bytes>,
    {
        let route = &self.bindings.routes[id];
        let body = match route.body {
            Some(_) => request::body(&parts, body, self.options.max_body).await?,
            None => Bytes::new(),
        };
        let (message, asked) = request::message(&self.bindings, route, &self.options, &parts, segments, &body)?;
        let mut call = Request::new(Body::new(Full::new(message)));
        *call.method_mut() = Method::POST;
        *call.uri_mut() = route.uri.clone();
        *call.version_mut() = Version::HTTP_2;
        *call.headers_mut() = headers::to_metadata(&parts.headers)?;
        *call.extensions_mut() = parts.extensions;
        call.extensions_mut().insert(rpc.clone());
        match service.oneshot(call).await {
            Ok(answer) => Ok((answer, asked)),
            Err(never) => match never {},
        }
    }

    /// The service's answer in HTTP's terms. The first message is awaited before anything is sent, even of a stream, so
    /// that an error before it has its own status.
    async fn answer(&self, id: RouteId, answer: Response<Body>, asked: &Asked) -> Response<Body> {
        let (parts, body) = answer.into_parts();
        let route = &self.bindings.routes[id];
        let mut messages = Messages::new(body);
        let early = Outcome::from_headers(&parts.headers);
        let first = match &early {
            Some(outcome) if outcome.code != Code::Ok => None,
            _ => messages.next().await,
        };
        let mut made = match first {
            Some(Err(broken)) => self.failed(&stream::broken_off(&route.rpc, &broken)),
            Some(Ok(first)) if route.streaming => self.stream(id, first, &mut messages),
            Some(Ok(first)) => match messages.drain().await {
                Err(broken) => self.failed(&stream::broken_off(&route.rpc, &broken)),
                Ok(()) => match ended(early, &messages, parts.status) {
                    outcome if outcome.code == Code::Ok => self.unary(id, &first, asked),
                    outcome => self.failed(&outcome),
                },
            },
            None => match ended(early, &messages, parts.status) {
                outcome if outcome.code != Code::Ok => self.failed(&outcome),
                _ if route.streaming => respond(StatusCode::OK, Bytes::new(), &stream::NDJSON),
                _ => {
                    tracing::error!(rpc = &*route.rpc, "the service answered OK without a message");
                    self.failed(&Outcome::internal())
                }
            },
        };
        headers::from_metadata(parts.headers, made.headers_mut());
        if let Some(trailers) = messages.trailers.take() {
            headers::from_metadata(trailers, made.headers_mut());
        }
        made.extensions_mut().extend(parts.extensions);
        made
    }

    fn failed(&self, outcome: &Outcome) -> Response<Body> {
        respond(fail::status(outcome.code), outcome.json(&self.bindings), &JSON)
    }

    fn unary(&self, id: RouteId, message: &Bytes, asked: &Asked) -> Response<Body> {
        let (route, plans) = (&self.bindings.routes[id], &self.bindings.plans);
        if route.raw_reply {
            return match render::http_body(route, plans, message) {
                Ok((kind, data)) => respond(StatusCode::OK, data, &content_type(&kind)),
                Err(error) => self.failed(&fail::unwritable(&route.rpc, &error)),
            };
        }
        match render::json(route, plans, message, Vec::with_capacity(message.len() * 2 + 32)) {
            Ok(json) if asked.pretty => respond(StatusCode::OK, json::text::pretty(&json), &JSON),
            Ok(json) => respond(StatusCode::OK, json, &JSON),
            Err(error) => self.failed(&fail::unwritable(&route.rpc, &error)),
        }
    }

    fn stream(&self, id: RouteId, first: Bytes, messages: &mut Messages) -> Response<Body> {
        let route = &self.bindings.routes[id];
        let kind = match render::http_body(route, &self.bindings.plans, &first) {
            Ok((kind, _)) if route.raw_reply => content_type(&kind),
            _ => stream::NDJSON,
        };
        let mut answer = respond(StatusCode::OK, Bytes::new(), &kind);
        answer.headers_mut().remove(CONTENT_LENGTH);
        let messages = std::mem::replace(messages, Messages::new(Body::empty()));
        let bindings = Arc::clone(&self.bindings);
        *answer.body_mut() =
            Body::new(stream::Stream { bindings, route: id, first: Some(first), messages, ended: false });
        answer
    }
}

/// How the call ended: by the headers if it had no body, else by the trailers.
fn ended(early: Option<Outcome>, messages: &Messages, http: StatusCode) -> Outcome {
    let late = || messages.trailers.as_ref().and_then(Outcome::from_headers);
    early.or_else(late).unwrap_or_else(|| Outcome::from_http(http))
}

/// A body's own type; bytes of no declared type are just that (RFC 9110 §8.3).
fn content_type(kind: &[u8]) -> HeaderValue {
    let unknown = HeaderValue::from_static("application/octet-stream");
    if kind.is_empty() { unknown } else { HeaderValue::from_bytes(kind).unwrap_or(unknown) }
}
