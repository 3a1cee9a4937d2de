//! How long a call may take.
//!
//! tonic's own server applies `grpc-timeout` outside every layer, answers REST calls in gRPC and says CANCELLED; so the
//! deadline is ours. Two clocks: the answer must *begin* within the caller's timeout or the default, and within the cap in
//! any case; and a caller who names a timeout is held to it to the *end* of the answer, as gRPC defines it. A stream
//! whose caller names none may run for as long as it moves.

use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use tokio::time::Instant;

use crate::error::{Code, Error, Result, reason};

/// When an answer must have begun and ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Deadline {
    /// How long the answer may take to begin.
    pub(super) begin: Duration,
    /// When the answer must have ended, where the caller says so.
    pub(super) end: Option<Instant>,
}

impl Deadline {
    /// From the `grpc-timeout` header, of which REST requests have none.
    pub(super) fn of(headers: &HeaderMap, now: Instant, default: Duration, cap: Duration) -> Result<Self> {
        let Some(header) = headers.get("grpc-timeout") else {
            return Ok(Self { begin: default.min(cap), end: None });
        };
        let own = parse(header).ok_or_else(|| {
            let form = "must be 1 to 8 digits and a unit of H, M, S, m, u or n";
            Error::field("grpc-timeout", form)
        })?;
        Ok(Self { begin: own.min(cap), end: now.checked_add(own) })
    }
}

/// What is answered when time is up.
pub(super) fn exceeded() -> Error {
    Error::new(Code::DeadlineExceeded, reason::DEADLINE_EXCEEDED, "the deadline passed before the answer was ready")
}

/// `TimeoutValue TimeoutUnit` of the gRPC protocol.
fn parse(header: &HeaderValue) -> Option<Duration> {
    let (digits, unit) = header.as_bytes().split_at_checked(header.len().checked_sub(1)?)?;
    if !(1..=8).contains(&digits.len()) || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let value = digits.iter().fold(0u64, |sum, digit| sum * 10 + u64::from(digit - b'0'));
    Some(match unit {
        b"H" => Duration::from_secs(value * 3_600),
        b"M" => Duration::from_secs(value * 60),
        b"S" => Duration::from_secs(value),
        b"m" => Duration::from_millis(value),
        b"u" => Duration::from_micros(value),
        b"n" => Duration::from_nanos(value),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Option<Duration> {
        parse(&HeaderValue::from_bytes(text.as_bytes()).unwrap())
    }

    #[test]
    fn every_unit_of_grpc_timeout_is_understood_and_nothing_else() {
        let good = [("1H", 3_600_000_000_000), ("2M", 120_000_000_000), ("3S", 3_000_000_000), ("4m", 4_000_000)];
        for (text, nanos) in good.into_iter().chain([("5u", 5_000), ("6n", 6), ("0S", 0), ("00000001n", 1)]) {
            assert_eq!(parsed(text), Some(Duration::from_nanos(nanos)), "{text}");
        }
        assert_eq!(parsed("99999999H"), Some(Duration::from_secs(99_999_999 * 3_600)));
        for bad in ["", "S", "1", "1s", "-1S", "+1S", "1.5S", "123456789S", "1 S", "ä"] {
            assert_eq!(parsed(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_cap_bounds_the_beginning_and_the_callers_word_the_end() {
        let (now, second) = (Instant::now(), Duration::from_secs(1));
        let of = |text: Option<&'static str>| {
            let headers =
                text.map(|text| (http::HeaderName::from_static("grpc-timeout"), HeaderValue::from_static(text)));
            Deadline::of(&headers.into_iter().collect(), now, 30 * second, 60 * second)
        };
        assert_eq!(of(None).unwrap(), Deadline { begin: 30 * second, end: None });
        assert_eq!(of(Some("5S")).unwrap(), Deadline { begin: 5 * second, end: Some(now + 5 * second) });
        assert_eq!(of(Some("2M")).unwrap(), Deadline { begin: 60 * second, end: Some(now + 120 * second) });
        assert_eq!(of(Some("soon")).unwrap_err().violations()[0].field, "grpc-timeout");
    }
}
