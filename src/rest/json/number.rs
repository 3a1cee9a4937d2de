//! Numbers as proto3 JSON takes them: bare or quoted, with a fraction or an exponent, exact whatever their form.

/// A leaf of JSON, or of a path or query.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Token<'a> {
    Null,
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    /// A JSON string.
    Str(&'a str),
    /// Text of a path variable or a query parameter, where nothing is quoted: `true` is a bool, `3` an enum's number.
    Text(&'a str),
}

impl<'a> Token<'a> {
    pub(crate) fn text(self) -> Option<&'a str> {
        match self {
            Token::Str(text) | Token::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// The parts of a number in JSON's grammar (RFC 8259 §6).
struct Parts<'a> {
    negative: bool,
    whole: &'a str,
    fraction: &'a str,
    exponent: i64,
}

fn parts(text: &str) -> Option<Parts<'_>> {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let (negative, rest) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (whole, rest) = rest.split_at(digits(rest));
    if whole.is_empty() || (whole.len() > 1 && whole.starts_with('0')) {
        return None;
    }
    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(rest) => match digits(rest) {
            0 => return None,
            count => rest.split_at(count),
        },
        None => ("", rest),
    };
    let exponent = match rest.strip_prefix(['e', 'E']) {
        Some(rest) => {
            let bare = rest.strip_prefix(['+', '-']).unwrap_or(rest);
            if bare.is_empty() || digits(bare) != bare.len() {
                return None;
            }
            let size = bare.parse().unwrap_or(i64::from(i32::MAX));
            if rest.starts_with('-') { -size } else { size }
        }
        None if rest.is_empty() => 0,
        None => return None,
    };
    Some(Parts { negative, whole, fraction, exponent })
}

/// The integer that this text is exactly, if it is one of at most twenty digits: `12`, `1.20e1`, `-0`.
fn decimal(text: &str) -> Option<i128> {
    let Parts { negative, whole, fraction, exponent } = parts(text)?;
    let mut value: i128 = 0;
    // Zeros are owed until a digit follows, so that trailing ones may be cancelled by a negative exponent.
    let mut owed = 0_u32;
    for digit in whole.bytes().chain(fraction.bytes()) {
        if digit == b'0' {
            owed += u32::from(value != 0);
            continue;
        }
        value = value.checked_mul(10_i128.checked_pow(owed + 1)?)?.checked_add(i128::from(digit - b'0'))?;
        owed = 0;
    }
    if value == 0 {
        return Some(0);
    }
    let scale = i64::from(owed) + exponent - i64::try_from(fraction.len()).ok()?;
    value = value.checked_mul(10_i128.checked_pow(u32::try_from(scale).ok()?)?)?;
    Some(if negative { -value } else { value })
}

/// Bare floats from here on may have lost digits on the way, so they are not taken for integers.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// The integer that this token is; the range is the caller's to check.
pub(crate) fn integer(token: Token<'_>) -> Option<i128> {
    match token {
        Token::Unsigned(value) => Some(value.into()),
        Token::Signed(value) => Some(value.into()),
        Token::Float(value) if value.fract() == 0.0 && value.abs() < EXACT => Some(value as i128),
        Token::Str(text) | Token::Text(text) => decimal(text),
        _ => None,
    }
}

pub(crate) fn double(token: Token<'_>) -> Option<f64> {
    match token {
        Token::Unsigned(value) => Some(value as f64),
        Token::Signed(value) => Some(value as f64),
        Token::Float(value) => Some(value),
        Token::Str("NaN") | Token::Text("NaN") => Some(f64::NAN),
        Token::Str("Infinity") | Token::Text("Infinity") => Some(f64::INFINITY),
        Token::Str("-Infinity") | Token::Text("-Infinity") => Some(f64::NEG_INFINITY),
        Token::Str(text) | Token::Text(text) => {
            parts(text)?;
            text.parse().ok().filter(|value: &f64| value.is_finite())
        }
        _ => None,
    }
}

/// As [`double`], and within the range of a float.
pub(crate) fn float(token: Token<'_>) -> Option<f32> {
    let wide = double(token)?;
    // Text is parsed as a float at once: by way of a double it would be rounded twice.
    let narrow = match token.text() {
        Some(text) if wide.is_finite() => text.parse().ok()?,
        _ => wide as f32,
    };
    (narrow.is_infinite() == wide.is_infinite()).then_some(narrow)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_an_integer_when_its_value_is_whatever_its_form() {
        for (text, want) in [
            ("0", Some(0)),
            ("-0", Some(0)),
            ("12", Some(12)),
            ("1e2", Some(100)),
            ("1.0", Some(1)),
            ("1.20e1", Some(12)),
            ("1200e-2", Some(12)),
            ("100000.000", Some(100_000)),
            ("0e999999999999999999999", Some(0)),
            ("18446744073709551615", Some(u64::MAX.into())),
            ("-9223372036854775808", Some(i64::MIN.into())),
            ("9223372036854775807.0", Some(i64::MAX.into())),
            ("1.5", None),
            ("12e-2", None),
            ("1e40", None),
            ("1e999999999999999999999", None),
            ("", None),
            ("-", None),
            ("01", None),
            ("+1", None),
            (" 1", None),
            ("1 ", None),
            ("1.", None),
            (".5", None),
            ("1e", None),
            ("1e+", None),
            ("0x1", None),
            ("1_0", None),
        ] {
            assert_eq!(integer(Token::Str(text)), want, "{text:?}");
        }
    }

    #[test]
    fn a_bare_float_is_an_integer_only_where_it_is_exact() {
        assert_eq!(integer(Token::Float(100.0)), Some(100));
        assert_eq!(integer(Token::Float(-0.0)), Some(0));
        assert_eq!(integer(Token::Float(0.5)), None);
        assert_eq!(integer(Token::Float(1e18)), None);
        assert_eq!(integer(Token::Float(f64::NAN)), None);
    }

    #[test]
    fn floats_know_their_range_and_the_three_names() {
        assert!(double(Token::Str("NaN")).unwrap().is_nan());
        assert_eq!(double(Token::Str("-Infinity")), Some(f64::NEG_INFINITY));
        for bad in ["inf", "nan", "infinity", "+1", "1e400", "1.", ".5", "0x1p3", ""] {
            assert_eq!(double(Token::Str(bad)), None, "{bad:?}");
        }
        assert_eq!(float(Token::Float(3.4028235e38)), Some(f32::MAX));
        assert_eq!(float(Token::Float(3.5e38)), None);
        assert_eq!(float(Token::Str("-3.5e38")), None);
        assert_eq!(float(Token::Str("Infinity")), Some(f32::INFINITY));
        assert_eq!(float(Token::Text("0.1")), Some(0.1));
    }
}
