//! The one error above the store: a code, a stable reason, a public message, complaints about fields, and a private cause.
//!
//! The public half (code, reason, message, fields, metadata) goes to callers; the private cause goes to the log and
//! nowhere else. How an [`Error`] becomes a gRPC status or an HTTP body is `server::status` alone.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use crate::store::Fault;

/// `google.rpc.ErrorInfo.domain` of every error of ours.
pub const DOMAIN: &str = "coaching";

/// Result of everything above the store.
pub type Result<T, E = Error> = std::result::Result<T, E>;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $grpc:literal, $http:literal, $text:literal;)*) => {
        /// Canonical error codes (google.rpc.Code), with the numbers and the HTTP mapping of AIP-193 in one list.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code { $($(#[$doc])* $name,)* }

        impl Code {
            /// Every code, in order of its gRPC number.
            pub const ALL: &'static [Code] = &[$(Code::$name,)*];
            /// Number on the gRPC wire.
            pub const fn grpc(self) -> i32 { match self { $(Code::$name => $grpc,)* } }
            /// HTTP status of a REST answer (google/rpc/code.proto).
            pub const fn http(self) -> u16 { match self { $(Code::$name => $http,)* } }
            /// Name as REST bodies show it in `status`.
            pub const fn text(self) -> &'static str { match self { $(Code::$name => $text,)* } }
            /// The code with this gRPC number; numbers that gRPC does not define are `Unknown`.
            pub const fn from_grpc(number: i32) -> Code { match number { $($grpc => Code::$name,)* _ => Code::Unknown } }
        }
    };
}

codes! {
    /// Not an error.
    Ok = 0, 200, "OK";
    /// The caller went away.
    Cancelled = 1, 499, "CANCELLED";
    /// An error from elsewhere that carries no code of ours.
    Unknown = 2, 500, "UNKNOWN";
    /// The request is wrong whatever the state of the system.
    InvalidArgument = 3, 400, "INVALID_ARGUMENT";
    /// The deadline passed before the work was done.
    DeadlineExceeded = 4, 504, "DEADLINE_EXCEEDED";
    /// The thing is absent, or the caller may not know that it exists.
    NotFound = 5, 404, "NOT_FOUND";
    /// The thing to create exists.
    AlreadyExists = 6, 409, "ALREADY_EXISTS";
    /// The caller is known and may not do this.
    PermissionDenied = 7, 403, "PERMISSION_DENIED";
    /// A limit is reached: rate, size or space.
    ResourceExhausted = 8, 429, "RESOURCE_EXHAUSTED";
    /// The state of the system forbids this now.
    FailedPrecondition = 9, 400, "FAILED_PRECONDITION";
    /// Somebody else's change came between: read again, then retry.
    Aborted = 10, 409, "ABORTED";
    /// Past the valid range.
    OutOfRange = 11, 400, "OUT_OF_RANGE";
    /// Not offered by this server.
    Unimplemented = 12, 501, "UNIMPLEMENTED";
    /// A fault of ours.
    Internal = 13, 500, "INTERNAL";
    /// Passing trouble: retry with a pause.
    Unavailable = 14, 503, "UNAVAILABLE";
    /// Stored data is damaged.
    DataLoss = 15, 500, "DATA_LOSS";
    /// The caller is unknown.
    Unauthenticated = 16, 401, "UNAUTHENTICATED";
}

/// Every stable reason, UPPER_SNAKE, as `google.rpc.ErrorInfo.reason` (AIP-193). Clients may rely on these for ever.
#[allow(missing_docs)] // the names say it; docs/api.md has the table
pub mod reason {
    macro_rules! reasons { ($($name:ident)*) => { $(pub const $name: &str = stringify!($name);)*
        /// All of them, for the documentation's test.
        pub const ALL: &[&str] = &[$($name,)*]; } }
    reasons! {
        INVALID_REQUEST INVALID_PAGE_TOKEN INVALID_MASK INVALID_IDEMPOTENCY_KEY IDEMPOTENCY_KEY_REUSED INVALID_ETAG
        RESOURCE_NOT_FOUND RESOURCE_ALREADY_EXISTS TARGET_ALREADY_EXISTS USERNAME_ALREADY_EXISTS STALE_ETAG
        PERMISSION_DENIED NOT_THE_SCORED_AGENT NOT_YOUR_SIDE NOT_THE_WRITER INVALID_CALLER
        NOT_A_GRADER_OF_TEMPLATE AGENT_NOT_IN_YOUR_GROUPS
        TEMPLATE_DELETED TEMPLATE_INACTIVE AGENT_OUTSIDE_AUDIENCE USECASE_NOT_SERVED
        SCORES_INCOMPLETE NOT_SUBMITTED TEMPLATE_LINT CRITERION_TYPE_CHANGED NO_EVALUATION_PERIODS
        AGENT_DIFFERS PLAN_DIFFERS SESSION_LINKED TOO_MANY_LINKS CALIBRATION_DIFFERS NOT_IN_DIRECTORY EXPORT_TOO_LARGE
        NOT_YET_IMPLEMENTED METHOD_NOT_ALLOWED ROUTE_NOT_FOUND MALFORMED_JSON REQUEST_TOO_LARGE UNKNOWN_VERB UNSUPPORTED_MEDIA_TYPE DEADLINE_EXCEEDED
        OVERLOADED STORAGE_CONFLICT STORAGE_LIMIT STORAGE_UNAVAILABLE STORAGE_CORRUPT STORAGE_FATAL DISK_FULL INTERNAL
    }
}

/// What is wrong with one field of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldViolation {
    /// JSON path from the request's root, such as `scorecard.scores[2].numericValue`.
    pub field: String,
    /// What is wrong and what to send instead.
    pub description: String,
}

#[derive(Debug)]
struct Inner {
    code: Code,
    reason: &'static str,
    message: Cow<'static, str>,
    fields: Vec<FieldViolation>,
    metadata: Vec<(&'static str, String)>,
    retry_after: Option<Duration>,
    cause: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// See the module.
#[derive(Debug)]
pub struct Error(Box<Inner>);

impl Error {
    /// An error with a code, a reason from [`reason`] and a public message: lower case, names the thing, no full stop.
    pub fn new(code: Code, reason: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner {
            code,
            reason,
            message: message.into(),
            fields: Vec::new(),
            metadata: Vec::new(),
            retry_after: None,
            cause: None,
        }))
    }

    /// One bad field.
    pub fn field(field: impl Into<String>, description: impl Into<String>) -> Self {
        Self::fields(vec![FieldViolation { field: field.into(), description: description.into() }])
    }

    /// Several bad fields, reported together. The message repeats the first, for clients that show nothing else.
    pub fn fields(fields: Vec<FieldViolation>) -> Self {
        let message = match fields.as_slice() {
            [] => "invalid request".to_owned(),
            [one] => format!("{}: {}", one.field, one.description),
            [first, rest @ ..] => format!("{}: {} (and {} more)", first.field, first.description, rest.len()),
        };
        let mut error = Self::new(Code::InvalidArgument, reason::INVALID_REQUEST, message);
        error.0.fields = fields;
        error
    }

    /// A resource that is absent, or that the caller may not see: the same text for both.
    pub fn not_found(name: &str) -> Self {
        Self::new(Code::NotFound, reason::RESOURCE_NOT_FOUND, format!("{name} not found")).with("resource", name)
    }

    /// A change that the state of things forbids.
    pub fn precondition(reason: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::FailedPrecondition, reason, message)
    }

    /// A fault of ours; the cause is logged and never shown.
    pub fn internal(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::new(Code::Internal, reason::INTERNAL, "internal error").caused_by(cause)
    }

    /// Gives the error another stable reason.
    pub fn because(mut self, reason: &'static str) -> Self {
        self.0.reason = reason;
        self
    }

    /// Adds a key and value to the public metadata (`ErrorInfo.metadata`).
    pub fn with(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.0.metadata.push((key, value.into()));
        self
    }

    /// Adds complaints about fields without changing the code.
    pub fn with_fields(mut self, fields: Vec<FieldViolation>) -> Self {
        self.0.fields.extend(fields);
        self
    }

    /// Tells the caller when to try again (`google.rpc.RetryInfo`).
    pub fn retry_after(mut self, pause: Duration) -> Self {
        self.0.retry_after = Some(pause);
        self
    }

    /// Keeps the private cause for the log.
    pub fn caused_by(mut self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.0.cause = Some(cause.into());
        self
    }

    /// The canonical code.
    pub fn code(&self) -> Code {
        self.0.code
    }
    /// The stable reason.
    pub fn reason(&self) -> &'static str {
        self.0.reason
    }
    /// The public message.
    pub fn message(&self) -> &str {
        &self.0.message
    }
    /// Complaints about fields.
    pub fn violations(&self) -> &[FieldViolation] {
        &self.0.fields
    }
    /// Public key-value facts.
    pub fn metadata(&self) -> &[(&'static str, String)] {
        &self.0.metadata
    }
    /// When to try again, where that is known.
    pub fn retry_pause(&self) -> Option<Duration> {
        self.0.retry_after
    }
    /// The private cause.
    pub fn cause(&self) -> Option<&(dyn std::error::Error + Send + Sync)> {
        self.0.cause.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.0.code.text(), self.0.reason, self.0.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.cause.as_deref().map(|cause| cause as _)
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        let pause = Duration::from_millis(250);
        match &fault {
            Fault::Conflict { .. } => {
                Self::new(Code::Aborted, reason::STORAGE_CONFLICT, "too many concurrent changes to the same resource")
                    .retry_after(pause)
            }
            Fault::Limit(what) => {
                Self::new(Code::InvalidArgument, reason::STORAGE_LIMIT, format!("the change is too large: {what}"))
            }
            Fault::Full => Self::new(
                Code::ResourceExhausted,
                reason::DISK_FULL,
                "the server's disk is nearly full and it takes no writes: the operator must free space",
            ),
            Fault::Unavailable(_) => {
                Self::new(Code::Unavailable, reason::STORAGE_UNAVAILABLE, "the store is busy, try again")
                    .retry_after(pause)
            }
            Fault::Corrupt(_) => Self::new(
                Code::DataLoss,
                reason::STORAGE_CORRUPT,
                "the stored record is damaged: the operator must restore it",
            ),
            Fault::Fatal(_) => Self::new(
                Code::Unavailable,
                reason::STORAGE_FATAL,
                "the store has stopped writing after a disk error: the operator must restart the server",
            ),
        }
        .caused_by(fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_round_trip_and_numbers_are_dense() {
        for (number, code) in Code::ALL.iter().enumerate() {
            assert_eq!(code.grpc(), number as i32);
            assert_eq!(Code::from_grpc(code.grpc()), *code);
        }
        assert_eq!(Code::from_grpc(99), Code::Unknown);
    }

    #[test]
    fn the_private_cause_is_never_in_the_public_text() {
        let error = Error::internal("secret path");
        assert!(!error.to_string().contains("secret"));
        assert_eq!(error.cause().map(|c| c.to_string()).as_deref(), Some("secret path"));
    }

    #[test]
    fn every_field_complaint_is_kept_and_the_first_is_in_the_message() {
        let two = ["a", "b"].map(|f| FieldViolation { field: f.into(), description: "is required".into() });
        let error = Error::fields(two.to_vec());
        assert_eq!(error.message(), "a: is required (and 1 more)");
        assert_eq!(error.violations().len(), 2);
    }
}
