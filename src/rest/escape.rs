//! Percent-decoding (RFC 3986 §2.1) that refuses what is broken instead of passing it on.

use std::borrow::Cow;

/// A `%` without two hex digits, or bytes that are not UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BadEscape;

/// Decodes; `keep_slash` leaves `%2F` as it stands, which is http.proto's rule for variables of several segments.
pub(crate) fn decode(text: &str, keep_slash: bool) -> Result<Cow<'_, str>, BadEscape> {
    if !text.contains('%') {
        return Ok(Cow::Borrowed(text));
    }
    decode_bytes(text.as_bytes(), keep_slash, false).map(Cow::Owned)
}

/// Decodes a part of a query, where `+` is a space (HTML's form encoding, which every client library writes).
pub(crate) fn decode_query(text: &str) -> Result<Cow<'_, str>, BadEscape> {
    if !text.bytes().any(|byte| matches!(byte, b'%' | b'+')) {
        return Ok(Cow::Borrowed(text));
    }
    decode_bytes(text.as_bytes(), false, true).map(Cow::Owned)
}

fn decode_bytes(text: &[u8], keep_slash: bool, plus: bool) -> Result<String, BadEscape> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, tail)) = rest.split_first() {
        rest = match (first, tail) {
            (b'%', [high, low, after @ ..]) => {
                let byte = hex(*high)? << 4 | hex(*low)?;
                if byte == b'/' && keep_slash {
                    out.extend_from_slice(&rest[..3]);
                } else {
                    out.push(byte);
                }
                after
            }
            (b'%', _) => return Err(BadEscape),
            (b'+', _) if plus => {
                out.push(b' ');
                tail
            }
            _ => {
                out.push(*first);
                tail
            }
        };
    }
    String::from_utf8(out).map_err(|_| BadEscape)
}

fn hex(digit: u8) -> Result<u8, BadEscape> {
    char::from(digit).to_digit(16).map(|value| value as u8).ok_or(BadEscape)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_decoded_and_broken_ones_refused() {
        for (text, want) in [
            ("plain", Ok("plain")),
            ("a%20b", Ok("a b")),
            ("%E2%82%AC", Ok("€")),
            ("a%2Fb%2f", Ok("a/b/")),
            ("a+b", Ok("a+b")),
            ("%", Err(BadEscape)),
            ("a%2", Err(BadEscape)),
            ("%zz", Err(BadEscape)),
            ("%ff", Err(BadEscape)),
            ("%E2%82", Err(BadEscape)),
            ("%+1", Err(BadEscape)),
        ] {
            assert_eq!(decode(text, false).as_deref().map_err(|e| *e), want, "{text}");
        }
        assert_eq!(decode("a%2Fb%2f%40", true).unwrap(), "a%2Fb%2f@");
        assert_eq!(decode_query("a+b%2B").unwrap(), "a b+");
    }
}
