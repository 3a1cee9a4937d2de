//! Whether the server is alive, and whether it serves: for orchestrators, balancers and people.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use tonic::body::Body;
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::{HealthReporter, HealthService};

/// Path that answers 200 as long as the process answers at all.
pub(super) const HEALTHZ: &str = "/healthz";
/// Path that answers 200 while calls are served, else 503.
pub(super) const READYZ: &str = "/readyz";

/// Whether the server serves, as `grpc.health.v1` and `/readyz` tell it. It starts as NOT_SERVING. Cheap to clone.
#[derive(Clone)]
pub struct Health(Arc<State>);

struct State {
    reporter: HealthReporter,
    services: Vec<String>,
    serving: AtomicBool,
}

impl Health {
    /// Health of the server as a whole and of these gRPC services, by their full names; none of them serves yet.
    pub async fn new(services: impl IntoIterator<Item = String>) -> Self {
        let services = std::iter::once(String::new()).chain(services).collect();
        let health =
            Self(Arc::new(State { reporter: HealthReporter::new(), services, serving: AtomicBool::new(false) }));
        health.set(false).await;
        health
    }

    /// Says that calls are served, or that they are not; those who watch are told. The answer to calls does not change.
    pub async fn set(&self, serving: bool) {
        self.0.serving.store(serving, Ordering::Release);
        let status = if serving { ServingStatus::Serving } else { ServingStatus::NotServing };
        for service in &self.0.services {
            self.0.reporter.set_service_status(service, status).await;
        }
    }

    /// Whether calls are served.
    pub fn serving(&self) -> bool {
        self.0.serving.load(Ordering::Acquire)
    }

    /// Ends the streams of those who watch, who would otherwise hold up the stop until the grace is over.
    pub(super) async fn end_watches(&self) {
        for service in &self.0.services {
            self.0.reporter.clone().clear_service_status(service).await;
        }
    }

    pub(super) fn service(&self) -> HealthServer<HealthService> {
        HealthServer::new(HealthService::from_health_reporter(self.0.reporter.clone()))
    }

    /// The answer to `GET` of `/healthz` or `/readyz`; none for other requests.
    pub(super) fn answer<B>(&self, request: &Request<B>) -> Option<Response<Body>> {
        let (status, text) = match request.uri().path() {
            HEALTHZ => (StatusCode::OK, "alive\n"),
            READYZ if self.serving() => (StatusCode::OK, "serving\n"),
            READYZ => (StatusCode::SERVICE_UNAVAILABLE, "not serving\n"),
            _ => return None,
        };
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return None;
        }
        let mut response = Response::new(Body::new(http_body_util::Full::from(text)));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        Some(response)
    }
}
