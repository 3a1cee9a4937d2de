//! The three ways to call, each written against its own specification and over the same port.

use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use bytes::{Buf, BufMut, Bytes};
use coaching::pb::google::api::HttpBody;
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use percent_encoding::percent_decode_str;
use prost::Message as _;
use prost_reflect::MethodDescriptor;
use serde_json::{Value, json};
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::Channel;

use super::answer::Refusal;
use super::contract;

/// How a call travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    /// gRPC over HTTP/2.
    Grpc,
    /// gRPC-Web over HTTP/1.1.
    GrpcWeb,
    /// JSON over HTTP/1.1, by the first HTTP rule of the RPC.
    Rest,
}

impl Transport {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::Grpc, Self::GrpcWeb, Self::Rest];

    /// As cases name it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Grpc => "grpc",
            Self::GrpcWeb => "grpc-web",
            Self::Rest => "rest",
        }
    }
}

/// Connections to one server.
#[derive(Clone)]
pub(crate) struct Wires {
    address: SocketAddr,
    channel: Channel,
    http: Client<HttpConnector, Full<Bytes>>,
}

/// An HTTP answer.
#[derive(Debug)]
pub(crate) struct Raw {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Raw {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        let text = String::from_utf8_lossy(&self.body);
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("HTTP {} without JSON: {error}\n{text}", self.status))
    }
}

pub(crate) type Headers = Vec<(String, String)>;

impl Wires {
    /// Connects when the first call is made.
    pub(crate) fn to(address: SocketAddr) -> Self {
        let channel = Channel::from_shared(format!("http://{address}")).expect("an address").connect_lazy();
        Self { address, channel, http: Client::builder(TokioExecutor::new()).build_http() }
    }

    /// One call.
    pub(crate) async fn call(
        &self,
        transport: Transport,
        method: &MethodDescriptor,
        request: &Value,
        headers: &Headers,
    ) -> Result<Value, Refusal> {
        match transport {
            Transport::Grpc => self.grpc(method, request, headers).await,
            Transport::GrpcWeb => self.grpc_web(method, request, headers).await,
            Transport::Rest => self.rest(method, request, headers).await,
        }
    }

    async fn grpc(&self, method: &MethodDescriptor, request: &Value, headers: &Headers) -> Result<Value, Refusal> {
        let mut call = tonic::Request::new(contract::encode(method, request));
        *call.metadata_mut() = tonic::metadata::MetadataMap::from_headers(map(headers));
        let mut client = tonic::client::Grpc::new(self.channel.clone());
        client.ready().await.expect("the server accepts connections");
        let path = http::uri::PathAndQuery::try_from(path(method)).expect("a path");
        let refusal =
            |status: tonic::Status| Refusal::of_grpc(status.code() as i32, status.message(), status.details());
        if !method.is_server_streaming() {
            let response = client.unary(call, path, Plain).await.map_err(refusal)?;
            return Ok(contract::decode(method, response.get_ref()));
        }
        let mut stream = client.server_streaming(call, path, Plain).await.map_err(refusal)?.into_inner();
        let mut pieces = Vec::new();
        while let Some(piece) = stream.message().await.map_err(refusal)? {
            pieces.push(piece);
        }
        Ok(joined(&pieces))
    }

    /// The call that a browser makes: application/grpc-web+proto, the status in a last frame or in the headers.
    async fn grpc_web(&self, method: &MethodDescriptor, request: &Value, headers: &Headers) -> Result<Value, Refusal> {
        let message = contract::encode(method, request);
        let mut frame = Vec::with_capacity(5 + message.len());
        frame.put_u8(0);
        frame.put_u32(u32::try_from(message.len()).expect("a short message"));
        frame.put_slice(&message);
        let mut headers = headers.clone();
        headers.push(("content-type".into(), "application/grpc-web+proto".into()));
        headers.push(("x-grpc-web".into(), "1".into()));
        let raw = self.http("POST", &path(method), &headers, Some(frame.into())).await;
        assert_eq!(raw.status, 200, "gRPC-Web answers 200 whatever the call comes to: {raw:?}");

        let (mut answers, mut trailers, mut body) = (Vec::new(), raw.headers.clone(), raw.body);
        while body.has_remaining() {
            let (flags, length) = (body.get_u8(), body.get_u32() as usize);
            let part = body.split_to(length);
            match flags {
                0 => answers.push(part),
                0x80 => trailers = parse_trailers(&part),
                other => panic!("a frame with flags {other:#x}"),
            }
        }
        let text = |name: &str| trailers.get(name).map(|value| value.to_str().expect("ASCII").to_owned());
        match text("grpc-status").expect("a grpc-status in the trailers frame or the headers").as_str() {
            "0" if method.is_server_streaming() => Ok(joined(&answers)),
            "0" => {
                assert_eq!(answers.len(), 1, "a unary call has one answer, before the trailers");
                Ok(contract::decode(method, &answers[0]))
            }
            code => {
                let message = text("grpc-message").unwrap_or_default();
                let message = percent_decode_str(&message).decode_utf8().expect("UTF-8").into_owned();
                let details = text("grpc-status-details-bin").unwrap_or_default();
                let details = STANDARD_NO_PAD.decode(details.trim_end_matches('=')).expect("base64");
                Err(Refusal::of_grpc(code.parse().expect("a number"), &message, &details))
            }
        }
    }

    async fn rest(&self, method: &MethodDescriptor, request: &Value, headers: &Headers) -> Result<Value, Refusal> {
        let rule =
            contract::rules(method).into_iter().next().unwrap_or_else(|| panic!("{} has no HTTP rule", method.name()));
        let http = rule.request(method, request);
        let mut headers = headers.clone();
        let body = http.body.map(|body| {
            headers.push(("content-type".into(), "application/json".into()));
            Bytes::from(body.to_string())
        });
        let raw = self.http(&http.verb, &http.target, &headers, body).await;
        if method.is_server_streaming() && raw.status == 200 {
            let kind = raw.headers["content-type"].to_str().expect("a content type");
            return Ok(file(kind, &raw.body));
        }
        let json = raw.json();
        let kind = raw.headers.get("content-type").map(|value| value.to_str().unwrap_or_default().to_owned());
        assert!(kind.as_deref().is_some_and(|kind| kind.starts_with("application/json")), "content-type {kind:?}");
        match raw.status {
            200 => Ok(contract::normal(method, &json)),
            status => Err(Refusal::of_rest(status, &json)),
        }
    }

    /// A plain HTTP/1.1 exchange.
    pub(crate) async fn http(&self, verb: &str, target: &str, headers: &Headers, body: Option<Bytes>) -> Raw {
        let mut request = Request::builder()
            .method(verb)
            .uri(format!("http://{}{target}", self.address))
            .body(Full::new(body.unwrap_or_default()))
            .unwrap_or_else(|error| panic!("{verb} {target}: {error}"));
        *request.headers_mut() = map(headers);
        let response = self.http.request(request).await.unwrap_or_else(|error| panic!("{verb} {target}: {error:?}"));
        let (parts, body) = response.into_parts();
        let body = body.collect().await.expect("a whole body").to_bytes();
        Raw { status: parts.status.as_u16(), headers: parts.headers, body }
    }
}

/// The pieces of a streamed file as one `google.api.HttpBody` in JSON, so that a case may ask for it as for any answer.
fn joined(pieces: &[Bytes]) -> Value {
    let pieces: Vec<HttpBody> = pieces.iter().map(|piece| HttpBody::decode(&**piece).expect("an HttpBody")).collect();
    let kind = pieces.first().map(|piece| piece.content_type.clone()).unwrap_or_default();
    assert!(pieces.iter().all(|piece| piece.content_type == kind), "every piece says of what type the file is");
    file(&kind, &pieces.iter().flat_map(|piece| piece.data.iter().copied()).collect::<Vec<_>>())
}

fn file(kind: &str, data: &[u8]) -> Value {
    json!({"contentType": kind, "data": STANDARD.encode(data)})
}

fn path(method: &MethodDescriptor) -> String {
    format!("/{}/{}", method.parent_service().full_name(), method.name())
}

fn map(headers: &Headers) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let name = HeaderName::try_from(name.as_str()).expect("a header's name");
        map.append(name, HeaderValue::try_from(value.as_str()).expect("a header's value"));
    }
    map
}

/// The block of `name: value` lines in a gRPC-Web trailers frame.
fn parse_trailers(frame: &[u8]) -> HeaderMap {
    let text = std::str::from_utf8(frame).expect("trailers are text");
    let pairs = text.split("\r\n").filter(|line| !line.is_empty()).map(|line| {
        let (name, value) = line.split_once(':').unwrap_or_else(|| panic!("{line:?} is no trailer"));
        (name.trim().to_owned(), value.trim().to_owned())
    });
    map(&pairs.collect())
}

/// A codec that leaves messages as bytes.
struct Plain;

impl Codec for Plain {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }
    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Plain {
    type Item = Bytes;
    type Error = tonic::Status;

    fn encode(&mut self, item: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), tonic::Status> {
        buffer.put(item);
        Ok(())
    }
}

impl Decoder for Plain {
    type Item = Bytes;
    type Error = tonic::Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, tonic::Status> {
        let length = buffer.remaining();
        Ok(Some(buffer.copy_to_bytes(length)))
    }
}
