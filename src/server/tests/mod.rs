//! The front as clients meet it: here in process, for what is said; in `sockets`, for how it is carried.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use tokio::sync::Notify;
use tokio_stream::StreamExt;
use tonic::Status;
use tonic::server::NamedService;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_types::StatusExt;

use super::*;
use crate::api::RequestId;
use crate::api::caller::Caller;

mod sockets;

/// A gRPC service whose methods behave in the ways that the front must bear.
#[derive(Clone, Default)]
struct Probe {
    entered: Arc<Notify>,
    go_on: Arc<Notify>,
}

impl NamedService for Probe {
    const NAME: &'static str = "test.Probe";
}

type Answering<T> = Pin<Box<dyn Future<Output = Result<T, Infallible>> + Send>>;

impl Service<Request<Body>> for Probe {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answering<Response<Body>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let probe = self.clone();
        Box::pin(async move { Ok(probe.answer(request).await) })
    }
}

impl Probe {
    async fn answer(&self, request: Request<Body>) -> Response<Body> {
        let message = || Ok::<_, Status>(Frame::data(bytes::Bytes::from_static(&[0; 5])));
        let trailers =
            || Ok(Frame::trailers([("grpc-status".parse().unwrap(), "0".parse().unwrap())].into_iter().collect()));
        let frames = tokio_stream::iter([message()]);
        let body = match request.uri().path().rsplit('/').next().unwrap() {
            "Panic" => panic!("as the test asks"),
            "Forever" => std::future::pending().await,
            "Wait" => {
                self.entered.notify_one();
                self.go_on.notified().await;
                Body::new(StreamBody::new(frames.chain(tokio_stream::iter([trailers()]))))
            }
            "EndlessStream" => Body::new(StreamBody::new(frames.chain(tokio_stream::pending()))),
            "PanickingStream" => Body::new(StreamBody::new(
                frames.map(|_| -> Result<Frame<bytes::Bytes>, Status> { panic!("as the test asks") }),
            )),
            _ => Body::new(StreamBody::new(frames.chain(tokio_stream::iter([trailers()])))),
        };
        let caller = request.extensions().get::<Arc<Caller>>().unwrap();
        Response::builder()
            .header("content-type", "application/grpc")
            .header("seen-caller", caller.user.as_deref().unwrap_or("operator"))
            .header("seen-id", &*request.extensions().get::<RequestId>().unwrap().0)
            .body(body)
            .unwrap()
    }
}

/// Stands in for REST: `/v1/Method` is the probe's method.
#[derive(Clone)]
struct FakeRest(Routes);

impl Service<Request<Body>> for FakeRest {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answering<Response<Body>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let routes = self.0.clone();
        Box::pin(async move {
            *request.uri_mut() = request.uri().path().replace("/v1/", "/test.Probe/").parse().unwrap();
            let rpc = crate::rest::MatchedRpc(request.uri().path().into());
            let mut answer = routes.oneshot(request).await.unwrap();
            answer.extensions_mut().insert(rpc);
            answer.headers_mut().insert(header::CONTENT_TYPE, "application/json".parse().unwrap());
            Ok(answer)
        })
    }
}

fn settings() -> Settings {
    let seconds = Duration::from_secs;
    Settings {
        max_connections: 64,
        max_requests: 64,
        max_streams: 64,
        max_header_size: 16_384,
        header_timeout: seconds(30),
        keepalive: (seconds(60), seconds(20)),
        request_timeout: seconds(30),
        max_request_timeout: seconds(60),
        trust_caller_headers: true,
        cors_origins: vec!["loopback".into()],
        allowed_hosts: Some(Vec::new()),
        shutdown_grace: seconds(30),
    }
}

async fn server(settings: Settings) -> (Server<FakeRest>, Probe) {
    let probe = Probe::default();
    let health = Health::new(["test.Probe".to_owned()]).await;
    health.set(true).await;
    let routes = Routes::new(probe.clone());
    let made =
        Server::new(settings, health, routes, crate::pb::DESCRIPTORS, |grpc| Ok::<_, Infallible>(FakeRest(grpc)));
    (made.unwrap(), probe)
}

async fn front(settings: Settings) -> Front<FakeRest> {
    server(settings).await.0.service()
}

/// How each protocol asks for a method of the probe.
const WAYS: [(&str, &str); 4] = [
    ("application/grpc", "/test.Probe/"),
    ("application/grpc-web+proto", "/test.Probe/"),
    ("application/grpc-web-text", "/test.Probe/"),
    ("application/json", "/v1/"),
];

fn request(kind: &str, path: &str) -> http::request::Builder {
    Request::post(format!("http://localhost{path}")).version(Version::HTTP_2).header(header::CONTENT_TYPE, kind)
}

/// What a client of any protocol learns: code, reason, and the whole answer's headers.
async fn outcome(front: &Front<FakeRest>, request: http::request::Builder) -> (Code, Option<String>, Response<()>) {
    let (parts, body) = front.answer(request.body(Body::empty()).unwrap()).await.into_parts();
    let rest = parts.headers[header::CONTENT_TYPE] == "application/json";
    let text = parts.headers[header::CONTENT_TYPE].as_bytes().starts_with(b"application/grpc-web-text");
    let (mut data, mut trailers) = (Vec::new(), http::HeaderMap::new());
    let collected = body.collect().await;
    if let Ok(collected) = collected {
        trailers = collected.trailers().cloned().unwrap_or_default();
        data = collected.to_bytes().to_vec();
    }
    if rest {
        if parts.status.is_success() {
            return (Code::Ok, None, Response::from_parts(parts, ()));
        }
        let body: serde_json::Value = serde_json::from_slice(&data).unwrap();
        let code = *Code::ALL.iter().find(|code| body["status"] == code.text()).unwrap();
        assert_eq!(parts.status.as_u16(), code.http());
        return (code, Some(body["details"][0]["reason"].as_str().unwrap().into()), Response::from_parts(parts, ()));
    }
    assert_eq!(parts.status, 200);
    if text {
        use base64::Engine;
        data = base64::engine::general_purpose::STANDARD.decode(&data).unwrap();
    }
    // The last frame of gRPC-Web is the trailers.
    while let Some((head, rest)) = data.split_at_checked(5) {
        let (frame, rest) = rest.split_at(u32::from_be_bytes(head[1..].try_into().unwrap()) as usize);
        if head[0] & 0x80 != 0 {
            for line in std::str::from_utf8(frame).unwrap().lines() {
                let (name, value) = line.split_once(':').unwrap();
                trailers.insert(http::HeaderName::try_from(name).unwrap(), value.trim().parse().unwrap());
            }
        }
        data = rest.to_vec();
    }
    let all = if trailers.contains_key("grpc-status") { &trailers } else { &parts.headers };
    let status = Status::from_header_map(all).unwrap();
    let reason = status.get_details_error_info().map(|info| info.reason);
    (Code::from_grpc(status.code() as i32), reason, Response::from_parts(parts, ()))
}

#[tokio::test]
async fn every_protocol_reaches_the_service_with_its_caller_and_id() {
    let front = front(settings()).await;
    for (kind, prefix) in WAYS {
        let call = request(kind, &format!("{prefix}Ok"))
            .header("x-request-id", "my-id.1")
            .header("x-coaching-user", "customers/acme/users/ann");
        let (code, _, answer) = outcome(&front, call).await;
        assert_eq!(code, Code::Ok, "{kind}");
        assert_eq!(answer.headers()["seen-caller"], "customers/acme/users/ann");
        assert_eq!(answer.headers()["seen-id"], "my-id.1");
        assert_eq!(answer.headers()["x-request-id"], "my-id.1");
        let (code, reason, answer) =
            outcome(&front, request(kind, &format!("{prefix}Ok")).header("x-coaching-user", "ann")).await;
        assert_eq!((code, reason.as_deref()), (Code::Unauthenticated, Some("INVALID_CALLER")), "{kind}");
        assert_eq!(answer.headers()["x-request-id"].len(), 21);
    }
}

#[tokio::test]
async fn a_deadline_is_kept_in_every_protocols_own_words() {
    let quick = front(Settings { request_timeout: Duration::from_millis(20), ..settings() }).await;
    let patient = front(settings()).await;
    for (kind, prefix) in WAYS {
        let (code, reason, _) = outcome(&quick, request(kind, &format!("{prefix}Forever"))).await;
        assert_eq!((code, reason.as_deref()), (Code::DeadlineExceeded, Some("DEADLINE_EXCEEDED")), "{kind}");
        if prefix == "/v1/" {
            continue;
        }
        for method in ["Forever", "EndlessStream"] {
            let call = request(kind, &format!("{prefix}{method}")).header("grpc-timeout", "20m");
            let (code, reason, _) = outcome(&patient, call).await;
            assert_eq!(
                (code, reason.as_deref()),
                (Code::DeadlineExceeded, Some("DEADLINE_EXCEEDED")),
                "{kind} {method}"
            );
        }
        let (code, reason, _) =
            outcome(&patient, request(kind, &format!("{prefix}Ok")).header("grpc-timeout", "soon")).await;
        assert_eq!((code, reason.as_deref()), (Code::InvalidArgument, Some("INVALID_REQUEST")), "{kind}");
    }
    let capped = front(Settings { max_request_timeout: Duration::from_millis(20), ..settings() }).await;
    let (code, ..) =
        outcome(&capped, request("application/grpc", "/test.Probe/Forever").header("grpc-timeout", "1H")).await;
    assert_eq!(code, Code::DeadlineExceeded);
}

#[tokio::test]
async fn more_calls_than_the_limit_are_refused_at_once_but_health_checks_are_answered() {
    let (server, probe) = server(Settings { max_requests: 1, ..settings() }).await;
    let front = server.service();
    let held = tokio::spawn({
        let front = front.clone();
        async move { outcome(&front, request("application/grpc", "/test.Probe/Wait")).await.0 }
    });
    probe.entered.notified().await;
    for (kind, prefix) in WAYS {
        let (code, reason, answer) = outcome(&front, request(kind, &format!("{prefix}Ok"))).await;
        assert_eq!((code, reason.as_deref()), (Code::ResourceExhausted, Some("OVERLOADED")), "{kind}");
        assert_eq!(answer.headers().contains_key(header::RETRY_AFTER), prefix == "/v1/");
    }
    assert!(HealthClient::new(front.clone()).check(HealthCheckRequest::default()).await.is_ok());
    assert_eq!(front.answer(Request::get("/readyz").body(Body::empty()).unwrap()).await.status(), 200);
    probe.go_on.notify_one();
    assert_eq!(held.await.unwrap(), Code::Ok);
    assert_eq!(outcome(&front, request("application/grpc", "/test.Probe/Ok")).await.0, Code::Ok);
}

#[tokio::test]
async fn a_panic_ends_its_own_call_only_and_says_nothing_of_itself() {
    let (server, _) = server(Settings { max_requests: 1, ..settings() }).await;
    let front = server.service();
    for (kind, prefix) in WAYS {
        let (code, reason, _) = outcome(&front, request(kind, &format!("{prefix}Panic"))).await;
        assert_eq!((code, reason.as_deref()), (Code::Internal, Some("INTERNAL")), "{kind}");
        if prefix != "/v1/" {
            let (code, ..) = outcome(&front, request(kind, &format!("{prefix}PanickingStream"))).await;
            assert_eq!(code, Code::Internal, "{kind}");
        }
        // The place among the calls in flight was given back.
        assert_eq!(outcome(&front, request(kind, &format!("{prefix}Ok"))).await.0, Code::Ok, "{kind}");
    }
    let broken = front.answer(request("application/json", "/v1/PanickingStream").body(Body::empty()).unwrap()).await;
    assert!(broken.into_body().collect().await.is_err());
}

#[tokio::test]
async fn pages_of_this_machine_may_call_and_others_are_refused_before_any_work() {
    let front = front(settings()).await;
    for (kind, prefix) in WAYS {
        let path = format!("{prefix}Ok");
        let preflight = |origin: &'static str| {
            Request::options(format!("http://localhost:8080{path}"))
                .header(header::ORIGIN, origin)
                .header(header::ACCESS_CONTROL_REQUEST_METHOD, "POST")
                .header(header::ACCESS_CONTROL_REQUEST_HEADERS, "authorization,content-type,x-grpc-web")
                .body(Body::empty())
                .unwrap()
        };
        let answer = front.answer(preflight("http://localhost:5173")).await;
        assert_eq!(answer.status(), 200, "{kind}");
        assert_eq!(answer.headers()[header::ACCESS_CONTROL_ALLOW_ORIGIN], "http://localhost:5173");
        assert!(answer.headers()[header::ACCESS_CONTROL_ALLOW_HEADERS].to_str().unwrap().contains("authorization"));
        assert!(answer.headers()[header::ACCESS_CONTROL_ALLOW_METHODS].to_str().unwrap().contains("PATCH"));
        assert!(!answer.headers().contains_key(header::ACCESS_CONTROL_ALLOW_CREDENTIALS));
        let answer = front.answer(preflight("https://evil.example")).await;
        assert!(!answer.headers().contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN), "{kind}");

        let (code, _, answer) =
            outcome(&front, request(kind, &path).header(header::ORIGIN, "http://localhost:5173")).await;
        assert_eq!(code, Code::Ok);
        let exposed = answer.headers()[header::ACCESS_CONTROL_EXPOSE_HEADERS].to_str().unwrap();
        for name in ["grpc-status", "grpc-message", "grpc-status-details-bin", "etag", "x-request-id"] {
            assert!(exposed.contains(name), "{name}");
        }
        let (code, _, answer) =
            outcome(&front, request(kind, &path).header(header::ORIGIN, "https://evil.example")).await;
        assert_eq!(code, Code::PermissionDenied, "{kind}");
        assert!(!answer.headers().contains_key("seen-caller"));
        let rebound = Request::post(format!("http://evil.example{path}"))
            .version(Version::HTTP_2)
            .header(header::CONTENT_TYPE, kind);
        assert_eq!(outcome(&front, rebound).await.0, Code::PermissionDenied, "{kind}");
    }
}

#[tokio::test]
async fn alive_is_not_ready() {
    let (server, _) = server(settings()).await;
    let front = server.service();
    let get = async |path: &str| front.answer(Request::get(path).body(Body::empty()).unwrap()).await.status().as_u16();
    let check = async || {
        HealthClient::new(front.clone()).check(HealthCheckRequest { service: "test.Probe".into() }).await.unwrap()
    };
    assert_eq!((get("/healthz").await, get("/readyz").await, check().await.into_inner().status), (200, 200, 1));
    server.health().set(false).await;
    assert_eq!((get("/healthz").await, get("/readyz").await, check().await.into_inner().status), (200, 503, 2));
}

#[tokio::test]
async fn both_reflections_list_the_same_services() {
    let front = front(settings()).await;
    macro_rules! listed {
        ($version:ident) => {{
            use tonic_reflection::pb::$version::ServerReflectionRequest;
            use tonic_reflection::pb::$version::server_reflection_client::ServerReflectionClient;
            use tonic_reflection::pb::$version::server_reflection_request::MessageRequest;
            use tonic_reflection::pb::$version::server_reflection_response::MessageResponse;
            let message_request = Some(MessageRequest::ListServices(String::new()));
            let ask = tokio_stream::once(ServerReflectionRequest { host: String::new(), message_request });
            let mut answers =
                ServerReflectionClient::new(front.clone()).server_reflection_info(ask).await.unwrap().into_inner();
            match answers.message().await.unwrap().unwrap().message_response {
                Some(MessageResponse::ListServicesResponse(list)) => {
                    let mut names: Vec<String> = list.service.into_iter().map(|service| service.name).collect();
                    names.sort();
                    names
                }
                other => panic!("{other:?}"),
            }
        }};
    }
    let names = listed!(v1);
    assert_eq!(names, listed!(v1alpha));
    for name in
        ["grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"]
    {
        assert!(names.iter().any(|listed| listed == name), "{name} in {names:?}");
    }
}

/// Collects the log of this thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn every_call_leaves_one_line_when_its_answer_has_ended() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().json().flatten_event(true).with_writer(move || writer.clone()).finish();
    // With one subscriber alone, tracing asks the thread that comes first, which may be another test's and have none.
    let _second = tracing::Dispatch::new(tracing_subscriber::registry());
    let _guard = tracing::subscriber::set_default(subscriber);
    let lines = || {
        let text = String::from_utf8(std::mem::take(&mut *log.0.lock().unwrap())).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        lines.filter(|line| line["target"] == "access").collect::<Vec<_>>()
    };
    let front = front(settings()).await;
    for (kind, prefix) in WAYS {
        let path = format!("{prefix}Ok");
        let answer =
            front.answer(request(kind, &path).header("x-request-id", "one").body(Body::empty()).unwrap()).await;
        assert!(lines().is_empty(), "the line comes when the answer has ended");
        answer.into_body().collect().await.unwrap();
        let line = lines().pop().unwrap();
        assert_eq!(
            (&line["id"], &line["path"], &line["caller"]),
            (&"one".into(), &path.as_str().into(), &"operator".into())
        );
        assert_eq!((&line["http"], &line["bytes"]), (&200.into(), &5.into()), "{kind}: {line}");
        if prefix == "/v1/" {
            assert_eq!((&line["protocol"], &line["method"]), (&"rest".into(), &"POST".into()));
            assert_eq!(line["rpc"], "/test.Probe/Ok");
        } else {
            assert_eq!(line["grpc"], "OK", "{kind}");
        }
    }
    outcome(&front, request("application/grpc", "/test.Probe/Panic")).await;
    assert_eq!(lines()[0]["grpc"], "INTERNAL");
    drop(front.answer(request("application/grpc", "/test.Probe/EndlessStream").body(Body::empty()).unwrap()).await);
    assert_eq!(lines()[0]["grpc"], "CANCELLED");
    front.answer(Request::get("/healthz").body(Body::empty()).unwrap()).await;
    assert!(lines().is_empty(), "probes are kept out of the log");
}
