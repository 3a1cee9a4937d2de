//! Which headers pass between HTTP and gRPC metadata.

use http::header::{
    CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, DATE, EXPECT, HOST, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::fail::is_base64;
use crate::error::{Error, Result};

/// Headers that end at this hop (RFC 9110 §7.6.1), by their usual names.
fn is_hop(name: &HeaderName) -> bool {
    [CONNECTION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE].contains(name)
        || matches!(name.as_str(), "keep-alive" | "proxy-connection" | "proxy-authenticate" | "proxy-authorization")
}

/// What of the request's headers the service sees as metadata: all but those of this hop, of the representation, which
/// is no longer the caller's, and of gRPC, which a REST caller does not speak.
pub(crate) fn to_metadata(headers: &HeaderMap) -> Result<HeaderMap> {
    let mut out = HeaderMap::with_capacity(headers.len() + 2);
    let listed = |name: &HeaderName| {
        let lists = headers.get_all(CONNECTION).iter().filter_map(|list| list.to_str().ok());
        lists.flat_map(|list| list.split(',')).any(|other| other.trim().eq_ignore_ascii_case(name.as_str()))
    };
    for (name, value) in headers {
        let text = name.as_str();
        let ours = is_hop(name)
            || *name == HOST
            || *name == EXPECT
            || text.starts_with("content-")
            || text.starts_with("accept")
            || text.starts_with("grpc-")
            || listed(name);
        if ours {
            continue;
        }
        if text.ends_with("-bin") && !is_base64(value.as_bytes()) {
            return Err(Error::field(text, "must be base64, as the names of binary headers end in -bin"));
        }
        out.append(name.clone(), value.clone());
    }
    out.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    out.insert(TE, HeaderValue::from_static("trailers"));
    Ok(out)
}

/// What of the service's metadata the caller sees as headers.
pub(crate) fn from_metadata(metadata: HeaderMap, out: &mut HeaderMap) {
    let mut current = None;
    for (name, value) in metadata {
        // Further values of a name come without it.
        let Some(name) = name.or_else(|| current.clone()) else { continue };
        let framing = is_hop(&name) || [CONTENT_TYPE, CONTENT_LENGTH, DATE].contains(&name);
        if !framing && !name.as_str().starts_with("grpc-") {
            out.append(name.clone(), value);
        }
        current = Some(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(n, v)| (HeaderName::from_static(n), HeaderValue::from_static(v))).collect()
    }

    #[test]
    fn metadata_is_every_header_but_those_of_the_hop_the_body_and_grpc() {
        let mut headers = map(&[
            ("authorization", "Bearer x"),
            ("x-request-id", "7"),
            ("if-match", "\"e\""),
            ("trace-bin", "AQI"),
            ("host", "h"),
            ("connection", "close, X-Hop"),
            ("x-hop", "1"),
            ("keep-alive", "5"),
            ("te", "gzip"),
            ("transfer-encoding", "chunked"),
            ("content-type", "application/json"),
            ("content-length", "2"),
            ("accept", "*/*"),
            ("accept-encoding", "gzip"),
            ("grpc-timeout", "1n"),
            ("expect", "100-continue"),
        ]);
        headers.append("x-many", HeaderValue::from_static("a"));
        headers.append("x-many", HeaderValue::from_static("b"));
        let metadata = to_metadata(&headers).unwrap();
        let mut names: Vec<_> = metadata.iter().map(|(n, v)| format!("{n}={}", v.to_str().unwrap())).collect();
        names.sort();
        assert_eq!(
            names,
            [
                "authorization=Bearer x",
                "content-type=application/grpc",
                "if-match=\"e\"",
                "te=trailers",
                "trace-bin=AQI",
                "x-many=a",
                "x-many=b",
                "x-request-id=7",
            ]
        );
        assert!(to_metadata(&map(&[("trace-bin", "*")])).is_err());
    }

    #[test]
    fn answers_keep_the_services_metadata_and_lose_grpcs() {
        let mut metadata = map(&[
            ("etag", "1"),
            ("grpc-status", "0"),
            ("grpc-encoding", "x"),
            ("content-type", "application/grpc"),
            ("te", "x"),
        ]);
        metadata.append("x-many", HeaderValue::from_static("a"));
        metadata.append("x-many", HeaderValue::from_static("b"));
        let mut out = HeaderMap::new();
        from_metadata(metadata, &mut out);
        assert_eq!((out.len(), out.get_all("x-many").iter().count()), (3, 2));
    }
}
