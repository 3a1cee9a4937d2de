//! Errors as REST shows them: AIP-193's `{"code", "message", "status", "details"}`, the code being HTTP's.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use http::header::{ALLOW, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use http_body_util::Full;
use tonic::body::Body;

use super::json::text;
use super::json::write::{Unwritable, Writer, bytes_of};
use super::wire::Cursor;
use crate::error::{Code, DOMAIN, Error, reason};

/// A call that ends before the service is asked.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) error: Error,
    /// Where HTTP has a number of its own: 405, 413, 415.
    pub(crate) http: Option<StatusCode>,
    pub(crate) allow: Vec<Method>,
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self { error, http: None, allow: Vec::new() }
    }
}

impl Refusal {
    pub(crate) fn with_http(error: Error, http: StatusCode) -> Self {
        Self { error, http: Some(http), allow: Vec::new() }
    }

    pub(crate) fn nothing_there(path: &str) -> Self {
        Error::new(Code::NotFound, reason::ROUTE_NOT_FOUND, "no method has this path").with("path", path).into()
    }

    pub(crate) fn unknown_verb(verb: &str, known: &[String]) -> Self {
        let message = format!("unknown verb {verb:?}; this path knows {}", known.join(", "));
        Error::new(Code::NotFound, reason::UNKNOWN_VERB, message).with("verb", verb).into()
    }

    pub(crate) fn wrong_method(method: &Method, allow: Vec<Method>) -> Self {
        let list = allow.iter().map(Method::as_str).collect::<Vec<_>>().join(", ");
        let message = format!("{method} is not allowed here; {list} is");
        let error = Error::new(Code::Unimplemented, reason::METHOD_NOT_ALLOWED, message).with("allow", list);
        Self { error, http: Some(StatusCode::METHOD_NOT_ALLOWED), allow }
    }

    pub(crate) fn too_large(limit: usize) -> Self {
        let message = format!("the request is larger than {limit} bytes");
        let error =
            Error::new(Code::InvalidArgument, reason::REQUEST_TOO_LARGE, message).with("limit", limit.to_string());
        Self::with_http(error, StatusCode::PAYLOAD_TOO_LARGE)
    }

    pub(crate) fn not_json(found: &str) -> Self {
        let message = "the body must be JSON: send content-type application/json";
        let error = Error::new(Code::InvalidArgument, reason::UNSUPPORTED_MEDIA_TYPE, message);
        Self::with_http(error.with("contentType", found), StatusCode::UNSUPPORTED_MEDIA_TYPE)
    }

    pub(crate) fn answer(self) -> http::Response<Body> {
        let http = self.http.unwrap_or_else(|| status(self.error.code()));
        let mut answer = respond(http, error_json(&self.error, http), &JSON);
        if !self.allow.is_empty() {
            let list = self.allow.iter().map(Method::as_str).collect::<Vec<_>>().join(", ");
            if let Ok(list) = HeaderValue::try_from(list) {
                answer.headers_mut().insert(ALLOW, list);
            }
        }
        answer
    }
}

/// The REST answer to an error met outside the transcoder, in the very same shape (deadlines, limits, panics).
pub fn refuse(error: Error) -> http::Response<Body> {
    Refusal::from(error).answer()
}

pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// A whole answer, its length known.
pub(crate) fn respond(http: StatusCode, body: impl Into<Bytes>, content_type: &HeaderValue) -> http::Response<Body> {
    let body: Bytes = body.into();
    let length = HeaderValue::from(body.len());
    let mut answer = http::Response::new(Body::new(Full::new(body)));
    *answer.status_mut() = http;
    answer.headers_mut().insert(CONTENT_TYPE, content_type.clone());
    answer.headers_mut().insert(CONTENT_LENGTH, length);
    answer
}

/// google/rpc/code.proto's mapping; every number in the table is one of HTTP's.
pub(crate) fn status(code: Code) -> StatusCode {
    StatusCode::from_u16(code.http()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn open(out: &mut Vec<u8>, http: StatusCode, code: Code, message: &str) {
    out.extend_from_slice(b"{\"code\":");
    text::number(out, i64::from(http.as_u16()));
    out.extend_from_slice(b",\"message\":");
    text::quote(out, message);
    out.extend_from_slice(b",\"status\":");
    text::quote(out, code.text());
    out.extend_from_slice(b",\"details\":[");
}

/// An error of our own, with `ErrorInfo`, `BadRequest` and `RetryInfo` as far as they apply.
fn error_json(error: &Error, http: StatusCode) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    open(&mut out, http, error.code(), error.message());
    out.extend_from_slice(b"{\"@type\":\"type.googleapis.com/google.rpc.ErrorInfo\",\"reason\":");
    text::quote(&mut out, error.reason());
    out.extend_from_slice(b",\"domain\":");
    text::quote(&mut out, DOMAIN);
    for (at, (key, value)) in error.metadata().iter().enumerate() {
        out.extend_from_slice(if at == 0 { b",\"metadata\":{" } else { b"," });
        text::quote(&mut out, key);
        out.push(b':');
        text::quote(&mut out, value);
    }
    out.extend_from_slice(if error.metadata().is_empty() { b"}" } else { b"}}" });
    for (at, violation) in error.violations().iter().enumerate() {
        out.extend_from_slice(match at {
            0 => b",{\"@type\":\"type.googleapis.com/google.rpc.BadRequest\",\"fieldViolations\":[{\"field\":",
            _ => b",{\"field\":",
        });
        text::quote(&mut out, &violation.field);
        out.extend_from_slice(b",\"description\":");
        text::quote(&mut out, &violation.description);
        out.push(b'}');
    }
    out.extend_from_slice(if error.violations().is_empty() { b"" } else { b"]}" });
    if let Some(pause) = error.retry_pause() {
        out.extend_from_slice(b",{\"@type\":\"type.googleapis.com/google.rpc.RetryInfo\",\"retryDelay\":\"");
        let seconds = format!("{}.{:03}s\"}}", pause.as_secs(), pause.subsec_millis());
        out.extend_from_slice(seconds.as_bytes());
    }
    out.extend_from_slice(b"]}");
    out
}

/// How a gRPC call ended (the gRPC HTTP/2 protocol's trailers).
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: Code,
    message: String,
    /// `google.rpc.Status`, encoded.
    details: Vec<u8>,
}

/// Senders pad or do not.
const ANY_PADDING: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(base64::engine::DecodePaddingMode::Indifferent),
);

/// Is this what a `-bin` header may hold?
pub(crate) fn is_base64(value: &[u8]) -> bool {
    // gRPC joins repeated values with commas.
    value.split(|byte| *byte == b',').all(|part| ANY_PADDING.decode(part.trim_ascii()).is_ok())
}

impl Outcome {
    /// From headers or trailers; `None` if they hold no status.
    pub(crate) fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let code = headers.get("grpc-status")?.to_str().ok().and_then(|code| code.parse().ok());
        let text = headers.get("grpc-message").map(|text| percent_encoding::percent_decode(text.as_bytes()));
        let details = headers.get("grpc-status-details-bin");
        Some(Self {
            code: code.map_or(Code::Unknown, Code::from_grpc),
            message: text.map(|text| text.decode_utf8_lossy().into_owned()).unwrap_or_default(),
            details: details.and_then(|value| ANY_PADDING.decode(value.as_bytes()).ok()).unwrap_or_default(),
        })
    }

    /// For an answer without a status: what HTTP's number means to gRPC (doc/http-grpc-status-mapping.md).
    pub(crate) fn from_http(http: StatusCode) -> Self {
        let code = match http.as_u16() {
            400 => Code::Internal,
            401 => Code::Unauthenticated,
            403 => Code::PermissionDenied,
            404 => Code::Unimplemented,
            429 | 502 | 503 | 504 => Code::Unavailable,
            _ => Code::Unknown,
        };
        Self { code, message: "the service gave no status".into(), details: Vec::new() }
    }

    pub(crate) fn internal() -> Self {
        Self { code: Code::Internal, message: "internal error".into(), details: Vec::new() }
    }

    /// AIP-193's JSON.
    pub(crate) fn json(&self, plans: &Arc<super::bind::Bindings>) -> Vec<u8> {
        let mut out = Vec::with_capacity(128 + self.message.len() + self.details.len() * 2);
        open(&mut out, status(self.code), self.code, &self.message);
        let mut cursor = Cursor(&self.details);
        let start = out.len();
        let mut writer = Writer::new(&plans.plans, out);
        while let Ok(Some((number, raw))) = cursor.field() {
            if number == 3 {
                if writer.out.len() > start {
                    writer.out.push(b',');
                }
                detail(&mut writer, bytes_of(raw));
            }
        }
        writer.out.extend_from_slice(b"]}");
        writer.out
    }
}

/// One detail; one that cannot be shown must not hide the error that it belongs to, so it is given as bytes.
fn detail(writer: &mut Writer<'_>, any: &[u8]) {
    let start = writer.out.len();
    if writer.any(any).is_ok() {
        return;
    }
    writer.out.truncate(start);
    let (mut url, mut value) = (&[][..], &[][..]);
    let mut cursor = Cursor(any);
    while let Ok(Some((number, raw))) = cursor.field() {
        match number {
            1 => url = bytes_of(raw),
            2 => value = bytes_of(raw),
            _ => {}
        }
    }
    writer.out.extend_from_slice(b"{\"@type\":");
    text::quote(&mut writer.out, &String::from_utf8_lossy(url));
    writer.out.extend_from_slice(b",\"value\":");
    text::base64(&mut writer.out, value);
    writer.out.push(b'}');
}

/// An answer of the service that has no JSON form: the cause is for the log.
pub(crate) fn unwritable(rpc: &str, error: &Unwritable) -> Outcome {
    tracing::error!(rpc, %error, "the answer has no JSON form");
    Outcome::internal()
}
