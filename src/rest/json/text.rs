//! JSON text from leaves (RFC 8259), appended.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Bytes that a JSON string cannot hold as they are: 0 for the rest, else the letter after the backslash.
const ESCAPES: [u8; 256] = {
    let mut table = [0; 256];
    let mut at = 0;
    while at < 0x20 {
        table[at] = b'u';
        at += 1;
    }
    table[0x08] = b'b';
    table[0x09] = b't';
    table[0x0a] = b'n';
    table[0x0c] = b'f';
    table[0x0d] = b'r';
    table[b'"' as usize] = b'"';
    table[b'\\' as usize] = b'\\';
    table
};

/// A string with its quotes; runs that need no escape are copied whole.
pub(crate) fn quote(out: &mut Vec<u8>, text: &str) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let bytes = text.as_bytes();
    out.reserve(bytes.len() + 2);
    out.push(b'"');
    let mut start = 0;
    for (at, byte) in bytes.iter().enumerate() {
        let escape = ESCAPES[usize::from(*byte)];
        if escape == 0 {
            continue;
        }
        out.extend_from_slice(&bytes[start..at]);
        out.extend_from_slice(&[b'\\', escape]);
        if escape == b'u' {
            out.extend_from_slice(&[b'0', b'0', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        }
        start = at + 1;
    }
    out.extend_from_slice(&bytes[start..]);
    out.push(b'"');
}

/// Standard alphabet, padded.
pub(crate) fn base64(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    let start = out.len();
    out.resize(start + bytes.len().div_ceil(3) * 4, 0);
    // The room is exact, so this cannot fail.
    let written = STANDARD.encode_slice(bytes, &mut out[start..]).unwrap_or(0);
    out.truncate(start + written);
    out.push(b'"');
}

pub(crate) fn number(out: &mut Vec<u8>, value: i64) {
    if value < 0 {
        out.push(b'-');
    }
    unsigned(out, value.unsigned_abs());
}

fn unsigned(out: &mut Vec<u8>, mut value: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

pub(crate) fn quoted_signed(out: &mut Vec<u8>, value: i64) {
    out.push(b'"');
    number(out, value);
    out.push(b'"');
}

pub(crate) fn quoted_unsigned(out: &mut Vec<u8>, value: u64) {
    out.push(b'"');
    unsigned(out, value);
    out.push(b'"');
}

pub(crate) fn double(out: &mut Vec<u8>, value: f64) {
    if !special(out, value) {
        let start = out.len();
        // serde_json prints the shortest text that reads back the same; writing to a Vec cannot fail.
        let _ = serde_json::to_writer(&mut *out, &value);
        trim(out, start);
    }
}

pub(crate) fn float(out: &mut Vec<u8>, value: f32) {
    if !special(out, f64::from(value)) {
        let start = out.len();
        let _ = serde_json::to_writer(&mut *out, &value);
        trim(out, start);
    }
}

fn special(out: &mut Vec<u8>, value: f64) -> bool {
    let name = match value {
        _ if value.is_nan() => "NaN",
        f64::INFINITY => "Infinity",
        f64::NEG_INFINITY => "-Infinity",
        _ => return false,
    };
    let _ = write!(out, "\"{name}\"");
    true
}

/// `1.0` is printed `1`, as other protobuf libraries do.
fn trim(out: &mut Vec<u8>, start: usize) {
    if out[start..].ends_with(b".0") {
        out.truncate(out.len() - 2);
    }
}

/// Indents compact JSON by two spaces: `prettyPrint=true`. What is not JSON comes out as it went in, more or less.
pub(crate) fn pretty(compact: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(compact.len() * 2);
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for (at, byte) in compact.iter().enumerate() {
        if quoted {
            out.push(*byte);
            quoted = escaped || *byte != b'"';
            escaped = !escaped && *byte == b'\\';
            continue;
        }
        let empty = matches!(compact.get(at + 1), Some(b'}' | b']'));
        match byte {
            b'{' | b'[' => {
                out.push(*byte);
                depth += 1;
                if !empty {
                    line(&mut out, depth);
                }
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                if !matches!(out.last(), Some(b'{' | b'[')) {
                    line(&mut out, depth);
                }
                out.push(*byte);
            }
            b',' => {
                out.push(b',');
                line(&mut out, depth);
            }
            b':' => out.extend_from_slice(b": "),
            _ => {
                quoted = *byte == b'"';
                out.push(*byte);
            }
        }
    }
    out.push(b'\n');
    out
}

fn line(out: &mut Vec<u8>, depth: usize) {
    out.push(b'\n');
    out.extend(std::iter::repeat_n(b' ', depth * 2));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_character_is_escaped_as_json_reads_it() {
        let text: String = (0..0x300).filter_map(char::from_u32).chain("\u{2028}\u{1F600}".chars()).collect();
        let quoted = made(|out| quote(out, &text));
        assert_eq!(serde_json::from_str::<String>(&quoted).unwrap(), text);
        assert_eq!(made(|out| quote(out, "a\n\u{1}\"\\")), r#""a\n\u0001\"\\""#);
    }

    #[test]
    fn numbers_print_as_other_libraries_print_them() {
        assert_eq!(made(|out| double(out, 1.0)), "1");
        assert_eq!(made(|out| double(out, -0.0)), "-0");
        assert_eq!(made(|out| double(out, 1.5e300)), "1.5e+300");
        assert_eq!(made(|out| float(out, 0.1)), "0.1");
        assert_eq!(made(|out| double(out, f64::NAN)), "\"NaN\"");
        assert_eq!(made(|out| float(out, f32::NEG_INFINITY)), "\"-Infinity\"");
        assert_eq!(made(|out| quoted_signed(out, i64::MIN)), "\"-9223372036854775808\"");
        assert_eq!(made(|out| quoted_unsigned(out, u64::MAX)), "\"18446744073709551615\"");
        assert_eq!(made(|out| number(out, 0)), "0");
    }

    #[test]
    fn base64_is_padded_and_standard() {
        assert_eq!(made(|out| base64(out, &[0xfb])), "\"+w==\"");
        assert_eq!(made(|out| base64(out, b"")), "\"\"");
    }

    #[test]
    fn pretty_json_is_the_same_json() {
        let compact = r#"{"a":[1,{"b":"x,\"{}[]:\\"}],"c":{},"d":[],"e":[[]]}"#;
        let wide = pretty(compact.as_bytes());
        let (a, b): (serde_json::Value, serde_json::Value) =
            (serde_json::from_str(compact).unwrap(), serde_json::from_slice(&wide).unwrap());
        assert_eq!(a, b);
        let expected = format!("{:#}\n", a);
        assert_eq!(String::from_utf8(wide).unwrap(), expected);
    }
}
