//! `google.protobuf.Timestamp` and `Duration` as text (RFC 3339; protobuf.dev/programming-guides/json).

use std::io::Write as _;

const DAY: i64 = 86_400;
/// 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z.
const FIRST: i64 = -62_135_596_800;
const LAST: i64 = 253_402_300_799;
/// About 10,000 years, as duration.proto bounds it.
const LONGEST: i64 = 315_576_000_000;
const BILLION: i32 = 1_000_000_000;

/// Seconds and nanoseconds of an RFC 3339 instant; `T` and `Z` in capitals, at most nine digits of a second.
pub(crate) fn timestamp(text: &str) -> Option<(i64, i32)> {
    let bytes = text.as_bytes();
    let (head, rest) = bytes.split_at_checked(19)?;
    if [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')].iter().any(|(at, mark)| head[*at] != *mark) {
        return None;
    }
    let part = |at: usize, width: usize| digits(&head[at..at + width]);
    let (year, month, day) = (part(0, 4)?, part(5, 2)?, part(8, 2)?);
    let (hour, minute, second) = (part(11, 2)?, part(14, 2)?, part(17, 2)?);
    if !(1..=12).contains(&month)
        || day < 1
        || day > month_length(year, month)
        || hour > 23
        || minute > 59
        || second > 59
    {
        return None;
    }
    let (nanos, zone) = match rest.strip_prefix(b".") {
        Some(rest) => {
            let width = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            (fraction(&rest[..width])?, &rest[width..])
        }
        None => (0, rest),
    };
    let offset = match zone {
        b"Z" => 0,
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (digits(&[*h1, *h2])?, digits(&[*m1, *m2])?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            let size = hours * 3600 + minutes * 60;
            if *sign == b'-' { -size } else { size }
        }
        _ => return None,
    };
    let seconds = days(year, month, day) * DAY + hour * 3600 + minute * 60 + second - offset;
    (FIRST..=LAST).contains(&seconds).then_some((seconds, nanos))
}

/// Appends an instant, in UTC, with 0, 3, 6 or 9 digits of a second; false if it is out of range.
pub(crate) fn put_timestamp(out: &mut Vec<u8>, seconds: i64, nanos: i32) -> bool {
    if !(FIRST..=LAST).contains(&seconds) || !(0..BILLION).contains(&nanos) {
        return false;
    }
    let (year, month, day) = civil(seconds.div_euclid(DAY));
    let time = seconds.rem_euclid(DAY);
    let (hour, minute, second) = (time / 3600, time / 60 % 60, time % 60);
    // Two digits at a time: the formatting machinery would cost more than the rest of a small answer.
    let two = |value: i64| [b'0' + (value / 10) as u8, b'0' + (value % 10) as u8];
    out.extend_from_slice(&two(year / 100));
    out.extend_from_slice(&two(year % 100));
    for (mark, value) in [(b'-', month), (b'-', day), (b'T', hour), (b':', minute), (b':', second)] {
        out.push(mark);
        out.extend_from_slice(&two(value));
    }
    put_fraction(out, nanos);
    out.push(b'Z');
    true
}

/// Seconds and nanoseconds of `-1.5s`; both bear the sign.
pub(crate) fn duration(text: &str) -> Option<(i64, i32)> {
    let bare = text.strip_suffix('s')?;
    let (sign, bare) = bare.strip_prefix('-').map_or((1, bare), |bare| (-1, bare));
    let (whole, nanos) = match bare.split_once('.') {
        Some((whole, part)) => (whole, fraction(part.as_bytes())?),
        None => (bare, 0),
    };
    let seconds = digits(whole.as_bytes())?;
    let fits = seconds < LONGEST || (seconds == LONGEST && nanos == 0);
    fits.then_some((sign * seconds, sign as i32 * nanos))
}

/// Appends a duration; false if it is out of range or its halves disagree about the sign.
pub(crate) fn put_duration(out: &mut Vec<u8>, seconds: i64, nanos: i32) -> bool {
    let agree = (seconds >= 0 && nanos >= 0) || (seconds <= 0 && nanos <= 0);
    if !agree || !(-LONGEST..=LONGEST).contains(&seconds) || !(1 - BILLION..BILLION).contains(&nanos) {
        return false;
    }
    if seconds < 0 || nanos < 0 {
        out.push(b'-');
    }
    // Writing to a Vec cannot fail.
    let _ = write!(out, "{}", seconds.unsigned_abs());
    put_fraction(out, nanos.abs());
    out.push(b's');
    true
}

fn put_fraction(out: &mut Vec<u8>, nanos: i32) {
    let _ = match nanos {
        0 => Ok(()),
        _ if nanos % 1_000_000 == 0 => write!(out, ".{:03}", nanos / 1_000_000),
        _ if nanos % 1_000 == 0 => write!(out, ".{:06}", nanos / 1_000),
        _ => write!(out, ".{nanos:09}"),
    };
}

/// One to nine digits after the point, as nanoseconds.
fn fraction(text: &[u8]) -> Option<i32> {
    let width = u32::try_from(text.len()).ok().filter(|width| (1..=9).contains(width))?;
    i32::try_from(digits(text)? * 10_i64.pow(9 - width)).ok()
}

/// At most twelve digits, and nothing else.
fn digits(text: &[u8]) -> Option<i64> {
    if text.is_empty() || text.len() > 12 || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(text.iter().fold(0, |value, digit| value * 10 + i64::from(digit - b'0')))
}

fn month_length(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 of a date (Howard Hinnant, chrono-Compatible Low-Level Date Algorithms).
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The inverse of [`days`].
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(seconds: i64, nanos: i32) -> String {
        let mut out = Vec::new();
        assert!(put_timestamp(&mut out, seconds, nanos));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_day_of_the_calendar_goes_to_text_and_back() {
        let mut day = FIRST / DAY;
        while day * DAY <= LAST {
            let text = shown(day * DAY + day.rem_euclid(DAY), 0);
            assert_eq!(timestamp(&text), Some((day * DAY + day.rem_euclid(DAY), 0)), "{text}");
            day += 1;
        }
    }

    #[test]
    fn known_instants_have_their_text() {
        assert_eq!(shown(0, 0), "1970-01-01T00:00:00Z");
        assert_eq!(shown(FIRST, 0), "0001-01-01T00:00:00Z");
        assert_eq!(shown(LAST, 999_999_999), "9999-12-31T23:59:59.999999999Z");
        assert_eq!(shown(1_700_000_000, 120_000_000), "2023-11-14T22:13:20.120Z");
        assert_eq!(shown(951_782_400, 1_000), "2000-02-29T00:00:00.000001Z");
        assert_eq!(timestamp("1970-01-01T00:00:00.5-08:00"), Some((28_800, 500_000_000)));
        assert_eq!(timestamp("1970-01-01T01:00:00+01:00"), Some((0, 0)));
    }

    #[test]
    fn what_is_not_quite_a_timestamp_is_refused() {
        for bad in [
            "",
            "1970-01-01",
            "1970-01-01T00:00:00",
            "1970-01-01t00:00:00Z",
            "1970-01-01T00:00:00z",
            "1970-01-01 00:00:00Z",
            "0000-01-01T00:00:00Z",
            "10000-01-01T00:00:00Z",
            "1970-13-01T00:00:00Z",
            "1970-02-30T00:00:00Z",
            "1900-02-29T00:00:00Z",
            "1970-01-00T00:00:00Z",
            "1970-01-01T24:00:00Z",
            "1970-01-01T00:60:00Z",
            "1970-01-01T00:00:60Z",
            "1970-01-01T00:00:00.Z",
            "1970-01-01T00:00:00.1234567890Z",
            "1970-01-01T00:00:00+1:00",
            "1970-01-01T00:00:00+24:00",
            "1970-01-01T00:00:00ZZ",
            "0001-01-01T00:00:00+23:59",
            "9999-12-31T23:59:59-00:01",
            "١٩٧٠-01-01T00:00:00Z",
        ] {
            assert_eq!(timestamp(bad), None, "{bad:?}");
        }
        assert!(!put_timestamp(&mut Vec::new(), LAST + 1, 0));
        assert!(!put_timestamp(&mut Vec::new(), 0, -1));
        assert!(!put_timestamp(&mut Vec::new(), 0, BILLION));
    }

    #[test]
    fn durations_go_to_text_and_back() {
        for (text, want) in [
            ("0s", (0, 0)),
            ("1.500s", (1, 500_000_000)),
            ("-0.000000001s", (0, -1)),
            ("-315576000000s", (-LONGEST, 0)),
            ("3.000001s", (3, 1_000)),
        ] {
            assert_eq!(duration(text), Some(want));
            let mut out = Vec::new();
            assert!(put_duration(&mut out, want.0, want.1));
            assert_eq!(out, text.as_bytes());
        }
        for bad in [
            "",
            "s",
            "1",
            "1 s",
            "1.s",
            ".5s",
            "+1s",
            "--1s",
            "1.0000000001s",
            "315576000001s",
            "315576000000.1s",
            "1S",
        ] {
            assert_eq!(duration(bad), None, "{bad:?}");
        }
        assert!(!put_duration(&mut Vec::new(), 1, -1));
        assert!(!put_duration(&mut Vec::new(), LONGEST + 1, 0));
        assert!(!put_duration(&mut Vec::new(), 0, BILLION));
    }
}
