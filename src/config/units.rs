//! Values with units, as people write them.

use std::time::Duration;

/// `500ms`, `30s`, `5m`, `1h`; at least so many milliseconds, at most a day. A bare `0` is zero.
pub(super) fn duration(text: &str, least_ms: u64) -> Result<Duration, String> {
    const DAY_MS: u64 = 86_400_000;
    let factor = |unit: &str| match unit {
        "ms" => Some(1),
        "s" => Some(1_000),
        "m" => Some(60_000),
        "h" => Some(3_600_000),
        _ => None,
    };
    let ms = number(text, factor).ok_or("write a whole number and a unit: 500ms, 30s, 5m or 1h")?;
    if ms < least_ms || ms > DAY_MS {
        return Err(format!("must be from {least_ms}ms to 24h"));
    }
    Ok(Duration::from_millis(ms))
}

/// `4096B`, `64KiB`, `4MiB`, `2GiB`; within these limits of bytes. A bare `0` is zero.
pub(super) fn size(text: &str, least: u64, most: u64) -> Result<u64, String> {
    let factor = |unit: &str| match unit {
        "B" => Some(1),
        "KiB" => Some(1 << 10),
        "MiB" => Some(1 << 20),
        "GiB" => Some(1 << 30),
        _ => None,
    };
    let bytes = number(text, factor).ok_or("write a whole number and a unit: 4096B, 64KiB, 4MiB or 2GiB")?;
    if bytes < least || bytes > most {
        return Err(format!("must be from {} to {}", spelled(least), spelled(most)));
    }
    Ok(bytes)
}

fn number(text: &str, factor: impl Fn(&str) -> Option<u64>) -> Option<u64> {
    if text == "0" {
        return Some(0);
    }
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    number.parse::<u64>().ok()?.checked_mul(factor(unit.trim_start())?)
}

fn spelled(bytes: u64) -> String {
    let units = [(1u64 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match units.into_iter().find(|(factor, _)| bytes >= *factor && bytes.is_multiple_of(*factor)) {
        Some((factor, unit)) => format!("{}{unit}", bytes / factor),
        None => format!("{bytes}B"),
    }
}

/// A count of one or more.
pub(super) fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("must be 1 or more".into()),
        Ok(number) => Ok(number),
        Err(_) => Err("write a whole number".into()),
    }
}

/// What `cors_origins` takes.
pub(super) fn is_origin(text: &str) -> bool {
    if matches!(text, "*" | "loopback") {
        return true;
    }
    let Some((scheme, authority)) = text.split_once("://") else { return false };
    let word = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+.-".contains(&b));
    word(scheme) && !authority.contains('@') && authority.parse::<http::uri::Authority>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_a_number_and_a_unit() {
        for (text, ms) in
            [("500ms", 500), ("30s", 30_000), ("5m", 300_000), ("1h", 3_600_000), ("2 s", 2_000), ("0", 0)]
        {
            assert_eq!(duration(text, 0), Ok(Duration::from_millis(ms)), "{text}");
        }
        for text in ["", "s", "30", "-1s", "1.5s", "1d", "25h", "99999999999999999999s", "0"] {
            assert!(duration(text, 1).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_are_a_number_and_a_binary_unit_within_limits() {
        for (text, bytes) in [("1B", 1), ("64KiB", 65_536), ("4MiB", 4 << 20), ("2GiB", 2 << 30), ("0", 0)] {
            assert_eq!(size(text, 0, u64::MAX), Ok(bytes), "{text}");
        }
        for text in ["4MB", "4", "4mib", "KiB", "17179869184GiB"] {
            assert!(size(text, 0, u64::MAX).is_err(), "{text}");
        }
        assert_eq!(size("1KiB", 8_192, 1 << 20).unwrap_err(), "must be from 8KiB to 1MiB");
    }

    #[test]
    fn an_origin_has_a_scheme_and_a_host_and_no_more() {
        for good in ["*", "loopback", "https://a.example", "http://localhost:3000", "http://[::1]:80"] {
            assert!(is_origin(good), "{good}");
        }
        for bad in ["", "a.example", "https://", "https://a.example/", "https://u@a.example", "://a", "null"] {
            assert!(!is_origin(bad), "{bad}");
        }
    }
}
