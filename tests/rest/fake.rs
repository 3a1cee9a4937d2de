//! A gRPC service that does what the test says, without tonic: the transcoder sees a service and nothing more.

use std::convert::Infallible;
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex};

use bytes::Bytes;
use coaching::rest::{Options, Rest};
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::{BodyExt as _, Full, StreamBody};
use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage};
use tonic::body::Body;
use tower::util::BoxCloneSyncService;
use tower::{ServiceExt as _, service_fn};

pub(crate) static POOL: LazyLock<DescriptorPool> =
    LazyLock::new(|| pool("shop.proto", None).expect("the test protos compile"));

/// Compiles one of `protos/`, or the text given for it.
pub(crate) fn pool(file: &str, text: Option<&str>) -> Result<DescriptorPool, String> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
    let mut roots = vec![here.join("tests/rest/protos"), here.join("proto")];
    if let Some(text) = text {
        std::fs::write(dir.path().join(file), text).map_err(|error| error.to_string())?;
        roots.insert(0, dir.path().to_owned());
    }
    let mut compiler = protox::Compiler::new(roots).map_err(|error| error.to_string())?;
    compiler.include_imports(true).open_file(file).map_err(|error| format!("{error:?}"))?;
    DescriptorPool::decode(compiler.encode_file_descriptor_set().as_slice()).map_err(|error| error.to_string())
}

/// What the service was sent.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) message: Bytes,
    pub(crate) extensions: http::Extensions,
    pub(crate) version: http::Version,
}

/// What it answers.
pub(crate) enum Answer {
    /// The message as it came: input and output of `Echo` are one type.
    Echo,
    Message(Bytes),
    /// Frames and trailers as they stand.
    Raw(HeaderMap, Vec<Result<http_body::Frame<Bytes>, tonic::Status>>),
}

type Service = BoxCloneSyncService<Request<Body>, Response<Body>, Infallible>;

pub(crate) struct Shop {
    pub(crate) rest: Rest<Service>,
    calls: Arc<Mutex<Vec<Call>>>,
}

pub(crate) fn frame(message: &[u8]) -> Bytes {
    [&[0], &(message.len() as u32).to_be_bytes()[..], message].concat().into()
}

pub(crate) fn data(message: &[u8]) -> Result<http_body::Frame<Bytes>, tonic::Status> {
    Ok(http_body::Frame::data(frame(message)))
}

pub(crate) fn trailers(pairs: &[(&'static str, &str)]) -> Result<http_body::Frame<Bytes>, tonic::Status> {
    Ok(http_body::Frame::trailers(header_map(pairs)))
}

pub(crate) fn header_map(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let header = |(name, value): &(&'static str, &str)| {
        (http::HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
    };
    pairs.iter().map(header).collect()
}

impl Shop {
    pub(crate) fn new(answer: impl Fn(&Call) -> Answer + Send + Sync + 'static) -> Self {
        Self::with(Options::default(), answer)
    }

    pub(crate) fn echo() -> Self {
        Self::new(|_| Answer::Echo)
    }

    pub(crate) fn with(options: Options, answer: impl Fn(&Call) -> Answer + Send + Sync + 'static) -> Self {
        let calls = Arc::new(Mutex::new(Vec::new()));
        let (log, answer) = (Arc::clone(&calls), Arc::new(answer));
        let service = service_fn(move |request: Request<Body>| {
            let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
            async move {
                let (parts, body) = request.into_parts();
                let bytes = body.collect().await.unwrap().to_bytes();
                assert_eq!(bytes[0], 0, "the message is not compressed");
                assert_eq!(u32::from_be_bytes(bytes[1..5].try_into().unwrap()) as usize, bytes.len() - 5);
                let call = Call {
                    path: parts.uri.path().to_owned(),
                    headers: parts.headers,
                    message: bytes.slice(5..),
                    extensions: parts.extensions,
                    version: parts.version,
                };
                assert_eq!(parts.method, http::Method::POST);
                let answer = answer(&call);
                let message = call.message.clone();
                log.lock().unwrap().push(call);
                let (headers, frames) = match answer {
                    Answer::Echo => (HeaderMap::new(), vec![data(&message), trailers(&[("grpc-status", "0")])]),
                    Answer::Message(bytes) => (HeaderMap::new(), vec![data(&bytes), trailers(&[("grpc-status", "0")])]),
                    Answer::Raw(headers, frames) => (headers, frames),
                };
                let body = StreamBody::new(tokio_stream::iter(frames));
                let mut response = Response::new(Body::new(body));
                *response.headers_mut() = headers;
                Ok::<_, Infallible>(response)
            }
        });
        let rest =
            Rest::new(&POOL, &["shop.Shop"], BoxCloneSyncService::new(service), options).expect("the shop binds");
        Self { rest, calls }
    }

    /// Sends a request and reads the whole answer.
    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Reply {
        let response = self.rest.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.map(|body| body.to_bytes()).map_err(|status| status.to_string());
        Reply { status: parts.status.as_u16(), headers: parts.headers, extensions: parts.extensions, body }
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.call("GET", path, "").await
    }

    pub(crate) async fn call(&self, method: &str, path: &str, body: &str) -> Reply {
        let request = Request::builder().method(method).uri(path).body(Full::from(body.to_owned())).unwrap();
        self.send(request).await
    }

    /// What the service saw last.
    pub(crate) fn last(&self) -> Call {
        self.calls.lock().unwrap().last().expect("the service was called").clone()
    }

    pub(crate) fn count(&self) -> usize {
        self.calls.lock().unwrap().len()
    }

    /// The last request, as the oracle's JSON.
    pub(crate) fn seen(&self, message: &str) -> serde_json::Value {
        oracle_json(message, &self.last().message)
    }
}

pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) extensions: http::Extensions,
    pub(crate) body: Result<Bytes, String>,
}

impl Reply {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(self.body.as_ref().unwrap()).unwrap()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(self.text()).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn reason(&self) -> String {
        self.json()["details"][0]["reason"].as_str().unwrap_or_default().to_owned()
    }

    /// Paths of the fields complained of.
    pub(crate) fn fields(&self) -> Vec<String> {
        let json = self.json();
        let violations = json["details"][1]["fieldViolations"].as_array().cloned().unwrap_or_default();
        violations.iter().map(|violation| violation["field"].as_str().unwrap().to_owned()).collect()
    }
}

/// Wire bytes as prost-reflect understands them, in its JSON.
pub(crate) fn oracle_json(message: &str, wire: &[u8]) -> serde_json::Value {
    let descriptor = POOL.get_message_by_name(message).unwrap();
    serde_json::to_value(DynamicMessage::decode(descriptor, wire).unwrap()).unwrap()
}

/// JSON to wire bytes by prost-reflect.
pub(crate) fn wire(message: &str, json: serde_json::Value) -> Bytes {
    let descriptor = POOL.get_message_by_name(message).unwrap();
    DynamicMessage::deserialize(descriptor, json).unwrap().encode_to_vec().into()
}
