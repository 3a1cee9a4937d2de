//! A service of tonic's own, bound to REST by rules that it does not know of.

use bytes::Bytes;
use coaching::rest::{Options, Rest};
use http::Request;
use http_body_util::{BodyExt as _, Full};
use tonic::service::Routes;
use tower::ServiceExt as _;

use crate::fake::pool;

const HEALTH: &str = r#"syntax = "proto3"; package grpc.health.v1;
    import "google/api/annotations.proto";
    message HealthCheckRequest { string service = 1; }
    message HealthCheckResponse {
      enum ServingStatus { UNKNOWN = 0; SERVING = 1; NOT_SERVING = 2; SERVICE_UNKNOWN = 3; }
      ServingStatus status = 1;
    }
    service Health {
      rpc Check(HealthCheckRequest) returns (HealthCheckResponse) { option (google.api.http) = { get: "/v1/health/{service}" }; }
      rpc Watch(HealthCheckRequest) returns (stream HealthCheckResponse) { option (google.api.http) = { get: "/v1/health/{service}:watch" }; }
      rpc Nothing(HealthCheckRequest) returns (HealthCheckResponse) { option (google.api.http) = { post: "/v1/health" body: "*" }; }
    }"#;

async fn rest() -> (Rest<Routes>, tonic_health::server::HealthReporter) {
    let (reporter, service) = tonic_health::server::health_reporter();
    reporter.set_service_status("shop", tonic_health::ServingStatus::Serving).await;
    let pool = pool("health.proto", Some(HEALTH)).unwrap();
    (Rest::new(&pool, &[], Routes::new(service), Options::default()).unwrap(), reporter)
}

async fn get(rest: Rest<Routes>, method: &str, path: &str) -> (u16, String) {
    let request = Request::builder().method(method).uri(path).body(Full::<Bytes>::default()).unwrap();
    let reply = rest.oneshot(request).await.unwrap();
    let status = reply.status().as_u16();
    (status, String::from_utf8(reply.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap())
}

#[tokio::test]
async fn tonic_answers_unary_calls_errors_and_unknown_methods() {
    let (rest, _reporter) = rest().await;
    assert_eq!(get(rest.clone(), "GET", "/v1/health/shop").await, (200, r#"{"status":"SERVING"}"#.into()));
    let (status, body) = get(rest.clone(), "GET", "/v1/health/nothing").await;
    assert_eq!(status, 404);
    assert!(body.starts_with(r#"{"code":404,"message":"service not registered","status":"NOT_FOUND""#), "{body}");
    let (status, body) = get(rest, "POST", "/v1/health").await;
    assert_eq!(status, 501, "{body}");
}

#[tokio::test]
async fn tonics_streams_arrive_line_by_line() {
    let (rest, reporter) = rest().await;
    let request = Request::get("/v1/health/shop:watch").body(Full::<Bytes>::default()).unwrap();
    let reply = rest.oneshot(request).await.unwrap();
    assert_eq!(
        (reply.status().as_u16(), &reply.headers()["content-type"]),
        (200, &"application/x-ndjson".parse().unwrap())
    );
    let mut body = reply.into_body();
    let line = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(line, &b"{\"result\":{\"status\":\"SERVING\"}}\n"[..]);
    reporter.set_service_status("shop", tonic_health::ServingStatus::NotServing).await;
    let line = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(line, &b"{\"result\":{\"status\":\"NOT_SERVING\"}}\n"[..]);
}
