//! What a call came to, the same over every transport.

use std::collections::BTreeMap;
use std::fmt;

use coaching::error::{Code, DOMAIN};
use prost::Message as _;
use serde_json::Value;
use tonic_types::pb;

/// An error as a client sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// Canonical code, such as `NOT_FOUND`.
    pub(crate) code: String,
    /// `ErrorInfo.reason`.
    pub(crate) reason: String,
    /// The text for people.
    pub(crate) message: String,
    /// `BadRequest.field_violations`: path and description.
    pub(crate) fields: Vec<(String, String)>,
    /// `ErrorInfo.metadata`.
    pub(crate) metadata: BTreeMap<String, String>,
}

impl Refusal {
    /// The paths of the bad fields, sorted.
    pub(crate) fn paths(&self) -> Vec<&str> {
        let mut paths: Vec<&str> = self.fields.iter().map(|(path, _)| path.as_str()).collect();
        paths.sort_unstable();
        paths
    }

    /// From the numbers and details of a gRPC status. The details repeat code and message, and must agree with them.
    pub(crate) fn of_grpc(code: i32, message: &str, details: &[u8]) -> Self {
        let status = pb::Status::decode(details).expect("grpc-status-details-bin is a google.rpc.Status");
        if !details.is_empty() {
            assert_eq!((status.code, status.message.as_str()), (code, message), "details repeat code and message");
        }
        let mut refusal = Self::bare(Code::from_grpc(code).text(), message);
        for any in &status.details {
            match any.type_url.rsplit('/').next().unwrap_or_default() {
                "google.rpc.ErrorInfo" => {
                    let info = pb::ErrorInfo::decode(any.value.as_slice()).expect("an ErrorInfo");
                    refusal.inform(info.reason, &info.domain, info.metadata.into_iter().collect());
                }
                "google.rpc.BadRequest" => {
                    let bad = pb::BadRequest::decode(any.value.as_slice()).expect("a BadRequest");
                    refusal.fields = bad.field_violations.into_iter().map(|v| (v.field, v.description)).collect();
                }
                _ => {}
            }
        }
        refusal
    }

    /// From the JSON body of a REST error, whose HTTP status must be the one of its code.
    pub(crate) fn of_rest(http: u16, body: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (number, name) = (body["code"].as_i64().unwrap_or(-1), text(&body["status"]));
        let known = Code::ALL.iter().any(|code| code.text() == name);
        assert!(known, "HTTP {http} with a body that is no google.rpc.Status: {body:#}");
        assert_eq!(i64::from(http), number, "the code of the body is the HTTP status: {body:#}");
        assert_eq!(http_of(&name), http, "{name} has another HTTP status: {body:#}");
        let mut refusal = Self::bare(&name, body["message"].as_str().expect("a message"));
        for detail in body["details"].as_array().into_iter().flatten() {
            match detail["@type"].as_str().unwrap_or_default() {
                "type.googleapis.com/google.rpc.ErrorInfo" => {
                    let metadata = detail["metadata"].as_object().into_iter().flatten();
                    let metadata = metadata.map(|(key, value)| (key.clone(), text(value))).collect();
                    refusal.inform(text(&detail["reason"]), detail["domain"].as_str().unwrap_or_default(), metadata);
                }
                "type.googleapis.com/google.rpc.BadRequest" => {
                    let bad = detail["fieldViolations"].as_array().into_iter().flatten();
                    refusal.fields = bad.map(|v| (text(&v["field"]), text(&v["description"]))).collect();
                }
                _ => {}
            }
        }
        refusal
    }

    fn bare(code: &str, message: &str) -> Self {
        Self {
            code: code.to_owned(),
            reason: String::new(),
            message: message.to_owned(),
            fields: Vec::new(),
            metadata: BTreeMap::new(),
        }
    }

    fn inform(&mut self, reason: String, domain: &str, metadata: BTreeMap<String, String>) {
        assert_eq!(domain, DOMAIN, "every error says whose it is");
        (self.reason, self.metadata) = (reason, metadata);
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.code, self.reason, self.message)?;
        self.fields.iter().try_for_each(|(path, why)| write!(f, "\n  {path}: {why}"))
    }
}

/// The HTTP statuses of google/rpc/code.proto, written here a second time on purpose.
fn http_of(code: &str) -> u16 {
    match code {
        "CANCELLED" => 499,
        "INVALID_ARGUMENT" | "FAILED_PRECONDITION" | "OUT_OF_RANGE" => 400,
        "UNAUTHENTICATED" => 401,
        "PERMISSION_DENIED" => 403,
        "NOT_FOUND" => 404,
        "ALREADY_EXISTS" | "ABORTED" => 409,
        "RESOURCE_EXHAUSTED" => 429,
        "UNIMPLEMENTED" => 501,
        "UNAVAILABLE" => 503,
        "DEADLINE_EXCEEDED" => 504,
        _ => 500,
    }
}

/// What a call came to.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The call, for messages of failed tests.
    pub(crate) what: String,
    /// The response as JSON, or the error.
    pub(crate) outcome: Result<Value, Refusal>,
}

impl Answer {
    /// The response.
    #[track_caller]
    pub(crate) fn ok(self) -> Value {
        match self.outcome {
            Ok(response) => response,
            Err(refusal) => panic!("{} was refused with {refusal}", self.what),
        }
    }

    /// The error, which has this reason.
    #[track_caller]
    pub(crate) fn refused(self, reason: &str) -> Refusal {
        match self.outcome {
            Ok(response) => panic!("{} was answered, and not refused with {reason}:\n{response:#}", self.what),
            Err(refusal) => {
                assert_eq!(refusal.reason, reason, "{} was refused with {refusal}", self.what);
                refusal
            }
        }
    }
}
