//! The only place where an [`Error`] becomes a gRPC status or an HTTP answer, and a status a word for the log.
//!
//! On gRPC the details travel as `google.rpc.Status` in `grpc-status-details-bin`; on REST the same message is the JSON
//! body (AIP-193). Every error carries `ErrorInfo`; bad fields add `BadRequest`, passing trouble adds `RetryInfo`.

use http::{HeaderMap, Response, header};
use tonic::body::Body;
use tonic::{Code as GrpcCode, Status};
use tonic_types::{BadRequest, ErrorDetail, ErrorInfo, FieldViolation, RetryInfo, StatusExt};

use crate::error::{Code, DOMAIN, Error};

/// Bytes of bad fields in one answer. They travel in a header, in base64, and clients take 8 KiB of headers where nobody
/// set more (gRPC for Java and C++): past it, they see a broken stream in place of the error.
const FIELDS: usize = 4 << 10;

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        let metadata = error.metadata().iter().map(|(key, value)| ((*key).to_owned(), value.clone()));
        let mut details: Vec<ErrorDetail> =
            vec![ErrorInfo::new(error.reason(), DOMAIN, metadata.collect::<std::collections::HashMap<_, _>>()).into()];
        if !error.violations().is_empty() {
            details.push(BadRequest::new(fields(error.violations())).into());
        }
        if let Some(pause) = error.retry_pause() {
            details.push(RetryInfo::new(Some(pause)).into());
        }
        Status::with_error_details_vec(GrpcCode::from_i32(error.code().grpc()), error.message(), details)
    }
}

/// The bad fields, as many as fit, and how many there are beside them.
fn fields(bad: &[crate::error::FieldViolation]) -> Vec<FieldViolation> {
    let sizes = bad.iter().scan(0, |size, bad| {
        *size += bad.field.len() + bad.description.len() + 8;
        Some(*size)
    });
    let fit = sizes.take_while(|size| *size <= FIELDS).count().max(1).min(bad.len());
    let mut fields: Vec<_> = bad[..fit].iter().map(|bad| FieldViolation::new(&bad.field, &bad.description)).collect();
    if bad.len() > fit {
        fields.push(FieldViolation::new("", format!("{} more faults: mend these first", bad.len() - fit)));
    }
    fields
}

/// The error as a complete gRPC answer without a message ("trailers-only").
pub(super) fn grpc(error: Error) -> Response<Body> {
    Status::from(error).into_http()
}

/// The error as the trailers that end a gRPC stream.
pub(super) fn trailers(error: Error) -> HeaderMap {
    let mut trailers = HeaderMap::with_capacity(3);
    // Fails only on header bytes that base64 and percent-encoding cannot make.
    let _ = Status::from(error).add_header(&mut trailers);
    trailers
}

/// The error as a REST answer, with `Retry-After` in whole seconds where a pause is known.
pub(super) fn rest(error: Error) -> Response<Body> {
    let pause = error.retry_pause();
    let mut response = crate::rest::refuse(error);
    if let Some(pause) = pause {
        let seconds = pause.as_secs() + u64::from(pause.subsec_nanos() > 0);
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

/// Name of the code in gRPC headers or trailers; none where there is no `grpc-status`.
pub(super) fn code_in(headers: &HeaderMap) -> Option<Code> {
    let text = headers.get("grpc-status")?.to_str().ok()?;
    Some(text.parse().map_or(Code::Unknown, Code::from_grpc))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http_body_util::BodyExt;
    use serde_json::{Value, json};

    use super::*;
    use crate::error::reason;

    fn full() -> Error {
        Error::fields(vec![crate::error::FieldViolation {
            field: "target.target".into(),
            description: "is required".into(),
        }])
        .with("method", "CreateTarget")
        .retry_after(Duration::from_millis(1_250))
        .caused_by("secret path")
    }

    #[test]
    fn a_status_carries_the_reason_the_fields_and_the_pause() {
        let status = Status::from(full());
        assert_eq!(status.code(), GrpcCode::InvalidArgument);
        assert_eq!(status.message(), "target.target: is required");
        let info = status.get_details_error_info().unwrap();
        assert_eq!((info.reason.as_str(), info.domain.as_str()), (reason::INVALID_REQUEST, DOMAIN));
        assert_eq!(info.metadata["method"], "CreateTarget");
        let bad = status.get_details_bad_request().unwrap();
        assert_eq!(bad.field_violations[0].field, "target.target");
        assert_eq!(status.get_details_retry_info().unwrap().retry_delay, Some(Duration::from_millis(1_250)));
    }

    #[test]
    fn more_bad_fields_than_a_header_holds_are_counted() {
        let bad =
            |i: usize| crate::error::FieldViolation { field: format!("users[{i}].email"), description: "bad".into() };
        let response = grpc(Error::fields((0..1_000).map(bad).collect()));
        let size: usize = response.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 32).sum();
        assert!(size <= 8 << 10, "{size} bytes of headers");
        let told = fields(&(0..1_000).map(bad).collect::<Vec<_>>());
        assert_eq!(told[0].field, "users[0].email");
        let rest = told.last().unwrap();
        assert_eq!(rest.description, format!("{} more faults: mend these first", 1_000 - (told.len() - 1)));
        assert_eq!(fields(&[bad(0), bad(1)]).len(), 2);
    }

    #[test]
    fn every_code_keeps_its_number_on_the_wire_and_back() {
        for code in Code::ALL.iter().filter(|code| **code != Code::Ok) {
            let response = grpc(Error::new(*code, reason::INTERNAL, "x"));
            assert_eq!(code_in(response.headers()), Some(*code));
            assert_eq!(code_in(&trailers(Error::new(*code, reason::INTERNAL, "x"))), Some(*code));
        }
        assert_eq!(code_in(&HeaderMap::new()), None);
    }

    #[tokio::test]
    async fn rest_answers_json_with_the_mapped_status_and_no_private_cause() {
        let response = rest(full());
        assert_eq!(response.status(), 400);
        assert_eq!(response.headers()[header::RETRY_AFTER], "2");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert!(!String::from_utf8_lossy(&body).contains("secret"));
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(
            body,
            json!({"code": 400, "message": "target.target: is required", "status": "INVALID_ARGUMENT", "details": [
                {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "INVALID_REQUEST", "domain": "coaching",
                 "metadata": {"method": "CreateTarget"}},
                {"@type": "type.googleapis.com/google.rpc.BadRequest",
                 "fieldViolations": [{"field": "target.target", "description": "is required"}]},
                {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "1.250s"}]})
        );
    }
}
