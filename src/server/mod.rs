//! One port for everything: gRPC, gRPC-Web, REST, reflection, health.
//!
//! A request goes by its content type: `application/grpc-web*` is unwrapped and then as `application/grpc*` goes to the
//! gRPC services; `/healthz` and `/readyz` are answered here; all else is REST, which calls the same gRPC services in
//! process. [`layers`] surround each of the three once. [`listen`] owns the sockets: our own loop, because tonic's
//! transport answers REST deadlines in gRPC, caps no connections and waits for ever when it stops.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Response, Version, header};
use tonic::body::Body;
use tonic::service::Routes;
use tonic_web::GrpcWebLayer;
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_http::cors::CorsLayer;

use crate::error::{Code, Error, Result, reason};
use layers::{Gate, Layers, Protocol};

mod auth;
mod layers;
mod listen;
mod ops;
mod status;
#[cfg(test)]
mod tests;

pub use ops::Health;

/// How the server behaves. `config` has the defaults, ranges and reasons.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Connections open at once; more wait in the kernel's queue.
    pub max_connections: usize,
    /// Calls in flight at once over all connections; more are refused with RESOURCE_EXHAUSTED.
    pub max_requests: usize,
    /// Calls in flight at once on one HTTP/2 connection.
    pub max_streams: u32,
    /// Bytes of one request's headers.
    pub max_header_size: u32,
    /// How long a client may take to send a request's headers; on HTTP/1.1 also how long a connection may be idle.
    pub header_timeout: Duration,
    /// How often a quiet HTTP/2 connection is pinged, and how long the answer may take, before it is closed.
    pub keepalive: (Duration, Duration),
    /// How long an answer may take to begin when the caller names no timeout.
    pub request_timeout: Duration,
    /// How long an answer may take to begin whatever the caller names.
    pub max_request_timeout: Duration,
    /// Whether `x-coaching-user` and `x-coaching-role` are believed.
    pub trust_caller_headers: bool,
    /// Origins of pages that may call: `scheme://host[:port]`, `loopback`, `*`.
    pub cors_origins: Vec<String>,
    /// Names that `Host` may have beside `localhost` and IP addresses; none to let every name through.
    pub allowed_hosts: Option<Vec<String>>,
    /// How long a stop waits for calls in flight.
    pub shutdown_grace: Duration,
}

/// What answers REST: a tower service made around the gRPC services.
pub trait Rest:
    Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send> + Clone + Send + Sync + 'static
{
}

impl<R> Rest for R where
    R: Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send>
        + Clone
        + Send
        + Sync
        + 'static
{
}

/// The whole service, with or without sockets.
pub struct Server<R> {
    settings: Settings,
    health: Health,
    front: Front<R>,
}

impl<R: Rest> Server<R> {
    /// Puts together gRPC services, health, reflection of `descriptors` (an encoded `FileDescriptorSet`), and the REST
    /// service that `rest` makes around all of them. Fails on descriptors that do not decode, and where `rest` fails.
    pub fn new<E>(
        settings: Settings,
        health: Health,
        routes: Routes,
        descriptors: &[u8],
        rest: impl FnOnce(Routes) -> Result<R, E>,
    ) -> Result<Self>
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        // Registered in full with both versions, so that both list the same services.
        let reflection = || {
            tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(descriptors)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
                .register_encoded_file_descriptor_set(tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET)
                .register_encoded_file_descriptor_set(tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET)
        };
        let grpc = routes
            .add_service(health.service())
            .add_service(reflection().build_v1().map_err(Error::internal)?)
            .add_service(reflection().build_v1alpha().map_err(Error::internal)?)
            .prepare();
        let gate = Gate::new(&settings.cors_origins, settings.allowed_hosts.as_deref());
        let inner = Inner {
            cors: gate.cors(),
            layers: Layers::new(&settings, gate),
            health: health.clone(),
            rest: rest(grpc.clone()).map_err(Error::internal)?,
            grpc,
        };
        Ok(Self { settings, health, front: Front(Arc::new(inner)) })
    }

    /// The service without a socket, for tests and for programs that carry it inside.
    pub fn service(&self) -> Front<R> {
        self.front.clone()
    }

    /// The handle that says whether it serves.
    pub fn health(&self) -> &Health {
        &self.health
    }
}

/// Everything behind the port as one tower service: `http::Request` in, `http::Response` out, never an error. gRPC over
/// anything older than HTTP/2 is refused, so set the version on requests made by hand.
pub struct Front<R>(Arc<Inner<R>>);

struct Inner<R> {
    cors: CorsLayer,
    layers: Layers,
    health: Health,
    grpc: Routes,
    rest: R,
}

impl<R> Clone for Front<R> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<R: Rest> Front<R> {
    /// Answers a request.
    pub async fn answer(&self, request: Request<Body>) -> Response<Body> {
        if !request.headers().contains_key(header::ORIGIN) {
            return self.switch(request).await;
        }
        // A page calls. CORS stands outside, for the other parts know no preflights.
        let inner = service_fn(|request| async { Ok(self.switch(request).await) });
        only(self.0.cors.layer(inner).oneshot(request).await)
    }

    async fn switch(&self, request: Request<Body>) -> Response<Body> {
        let Inner { layers, health, grpc, rest, .. } = &*self.0;
        match Protocol::of(&request) {
            Protocol::Grpc if request.version() < Version::HTTP_2 => {
                layers.run(Protocol::Rest, request, |_| async { status::rest(needs_http_2()) }).await
            }
            Protocol::Grpc => {
                layers.run(Protocol::Grpc, request, |request| async { only(grpc.clone().oneshot(request).await) }).await
            }
            Protocol::GrpcWeb => {
                let inner = service_fn(|request| async {
                    let answer = layers
                        .run(Protocol::GrpcWeb, request, |request| async { only(grpc.clone().oneshot(request).await) });
                    Ok(answer.await)
                });
                only(GrpcWebLayer::new().layer(inner).oneshot(request).await)
            }
            Protocol::Rest => {
                layers
                    .run(Protocol::Rest, request, |request| async {
                        match health.answer(&request) {
                            Some(answer) => answer,
                            None => only(rest.clone().oneshot(request).await),
                        }
                    })
                    .await
            }
        }
    }
}

impl<R: Rest> Service<Request<Body>> for Front<R> {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let front = self.clone();
        Box::pin(async move { Ok(front.answer(request).await) })
    }
}

/// The value of what cannot fail.
fn only<T>(result: Result<T, Infallible>) -> T {
    match result {
        Ok(value) => value,
        Err(never) => match never {},
    }
}

fn needs_http_2() -> Error {
    let message = "gRPC needs HTTP/2: use a gRPC client, gRPC-Web (application/grpc-web+proto) or REST";
    Error::new(Code::InvalidArgument, reason::INVALID_REQUEST, message)
}
