//! The request's id: the caller's own where it is sane, else a new one.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::api::RequestId;

/// Header of the id in requests and in every answer.
pub(super) const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// Makes ids: twelve random hex digits for this process, then a count. Cheaper than a random id for every request, and
/// lines of one process sort.
pub(super) struct RequestIds {
    process: [u8; 6],
    next: AtomicU64,
}

impl RequestIds {
    pub(super) fn new() -> Self {
        let random = uuid::Uuid::now_v7().into_bytes();
        let mut process = [0; 6];
        process.copy_from_slice(&random[10..]); // the last bytes of a version 7 UUID are all random
        Self { process, next: AtomicU64::new(1) }
    }

    /// The id of this request, and the header that echoes it.
    pub(super) fn of(&self, headers: &HeaderMap) -> (RequestId, HeaderValue) {
        if let Some(header) = headers.get(HEADER)
            && let Some(text) = sane(header)
        {
            return (RequestId(text.into()), header.clone());
        }
        let mut text = String::with_capacity(24);
        for byte in self.process {
            let _ = write!(text, "{byte:02x}");
        }
        let _ = write!(text, "-{:08x}", self.next.fetch_add(1, Ordering::Relaxed));
        let id = RequestId(text.as_str().into());
        // Hex digits and a dash are always a header.
        let header = HeaderValue::from_maybe_shared(Bytes::from(text)).unwrap_or(HeaderValue::from_static("-"));
        (id, header)
    }
}

/// Letters, digits and `._-`, 1 to 128 of them: what may stand in logs, in history and in a header.
fn sane(header: &HeaderValue) -> Option<&str> {
    let bytes = header.as_bytes();
    let good =
        (1..=128).contains(&bytes.len()) && bytes.iter().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(b));
    if good { header.to_str().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(ids: &RequestIds, header: Option<&str>) -> String {
        let mut headers = HeaderMap::new();
        if let Some(text) = header {
            headers.insert(HEADER, HeaderValue::from_bytes(text.as_bytes()).unwrap());
        }
        let (id, echo) = ids.of(&headers);
        assert_eq!(echo.as_bytes(), id.0.as_bytes());
        id.0.to_string()
    }

    #[test]
    fn a_sane_id_is_kept_and_anything_else_is_replaced() {
        let ids = RequestIds::new();
        for good in ["a", "7f3.A_b-9", &"x".repeat(128)] {
            assert_eq!(of(&ids, Some(good)), good);
        }
        for bad in ["", "a b", "a\tb", "ä", "a;b", &"x".repeat(129)] {
            let id = of(&ids, Some(bad));
            assert_ne!(id, bad);
            assert_eq!(id.len(), 21, "{id}");
        }
    }

    #[test]
    fn made_ids_differ_within_and_between_processes() {
        let (one, other) = (RequestIds::new(), RequestIds::new());
        let all = std::collections::HashSet::from([of(&one, None), of(&one, None), of(&other, None), of(&other, None)]);
        assert_eq!(all.len(), 4);
    }
}
