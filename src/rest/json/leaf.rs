//! One leaf to wire bytes: scalars, enums, and the messages whose JSON is a string or number. Paths and queries come
//! this way too, so that `?count=1e2` and `"count": 1e2` are the same request.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::number::{Token, double, float, integer};
use super::read::Reader;
use super::time;
use crate::rest::plan::{Kind, Plans, Scalar, Shape};
use crate::rest::wire::{self, put_bytes, put_varint};

/// Padded or not, and with whatever bits the last digit has left over: proto3 JSON takes all of it.
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

impl Reader<'_> {
    /// Appends one leaf, or notes what it should have been.
    pub(crate) fn leaf(&mut self, kind: Kind, tag: u64, token: Token<'_>) {
        let plans = self.plans;
        if matches!(kind, Kind::Message(_)) && tag != 0 && !self.has_room() {
            return self.complain("is nested too deeply");
        }
        if put(&mut self.out, plans, kind, tag, token).is_none() {
            self.mismatch(kind);
        }
    }
}

fn put(out: &mut Vec<u8>, plans: &Plans, kind: Kind, tag: u64, token: Token<'_>) -> Option<()> {
    match kind {
        Kind::Scalar(scalar) => put_scalar(out, scalar, tag, token),
        Kind::Enum(id) => {
            let found = &plans.enums[id];
            let number = match token {
                Token::Null if found.null => 0,
                Token::Bool(_) | Token::Null => return None,
                Token::Str(name) => found.number(name)?,
                Token::Text(name) => found.number(name).or_else(|| i32::try_from(integer(token)?).ok())?,
                _ => i32::try_from(integer(token)?).ok()?,
            };
            if (found.closed || found.null) && found.name(number).is_none() {
                return None;
            }
            put_tag(out, tag);
            put_varint(out, i64::from(number) as u64);
            Some(())
        }
        Kind::Message(id) => {
            let plan = &plans.messages[id];
            let start = if tag == 0 {
                0
            } else {
                put_varint(out, tag);
                wire::open(out)
            };
            match plan.shape {
                Shape::Wrapper => {
                    let inner = plan.fields.first()?;
                    let before = out.len();
                    put(out, plans, inner.kind, inner.tag, token)?;
                    drop_zero(out, before);
                }
                Shape::Timestamp => put_pair(out, time::timestamp(token.text()?)?),
                Shape::Duration => put_pair(out, time::duration(token.text()?)?),
                Shape::FieldMask => put_mask(out, token)?,
                Shape::Value => put_value(out, token)?,
                _ => return None,
            }
            if start != 0 {
                wire::close(out, start);
            }
            Some(())
        }
    }
}

/// Takes back a field without presence that was written as zero: canonical bytes leave it out.
pub(super) fn drop_zero(out: &mut Vec<u8>, before: usize) {
    if let Ok(Some((_, raw))) = wire::Cursor(&out[before..]).field()
        && raw.is_zero()
    {
        out.truncate(before);
    }
}

fn put_tag(out: &mut Vec<u8>, tag: u64) {
    if tag != 0 {
        put_varint(out, tag);
    }
}

fn put_scalar(out: &mut Vec<u8>, scalar: Scalar, tag: u64, token: Token<'_>) -> Option<()> {
    let whole = || integer(token);
    match scalar {
        Scalar::String => {
            put_bytes(out, tag, token.text()?.as_bytes());
            return Some(());
        }
        Scalar::Bytes => {
            let text = token.text()?;
            let url = text.bytes().any(|byte| matches!(byte, b'-' | b'_'));
            put_bytes(out, tag, &if url { URL.decode(text) } else { STANDARD.decode(text) }.ok()?);
            return Some(());
        }
        _ => {}
    }
    // The value first: a bare tag must not be left behind, even in bytes that will be thrown away.
    let varint = match scalar {
        Scalar::Bool => u64::from(boolean(token)?),
        Scalar::Int32 => i64::from(i32::try_from(whole()?).ok()?) as u64,
        Scalar::Int64 => i64::try_from(whole()?).ok()? as u64,
        Scalar::Uint32 => u64::from(u32::try_from(whole()?).ok()?),
        Scalar::Uint64 => u64::try_from(whole()?).ok()?,
        Scalar::Sint32 => {
            let value = i32::try_from(whole()?).ok()?;
            u64::from(((value << 1) ^ (value >> 31)) as u32)
        }
        Scalar::Sint64 => {
            let value = i64::try_from(whole()?).ok()?;
            ((value << 1) ^ (value >> 63)) as u64
        }
        Scalar::Fixed32 => return put_fixed(out, tag, u32::try_from(whole()?).ok()?.to_le_bytes()),
        Scalar::Sfixed32 => return put_fixed(out, tag, i32::try_from(whole()?).ok()?.to_le_bytes()),
        Scalar::Fixed64 => return put_fixed(out, tag, u64::try_from(whole()?).ok()?.to_le_bytes()),
        Scalar::Sfixed64 => return put_fixed(out, tag, i64::try_from(whole()?).ok()?.to_le_bytes()),
        Scalar::Float => return put_fixed(out, tag, float(token)?.to_le_bytes()),
        Scalar::Double => return put_fixed(out, tag, double(token)?.to_le_bytes()),
        Scalar::String | Scalar::Bytes => return None,
    };
    put_tag(out, tag);
    put_varint(out, varint);
    Some(())
}

fn put_fixed<const N: usize>(out: &mut Vec<u8>, tag: u64, bytes: [u8; N]) -> Option<()> {
    put_tag(out, tag);
    out.extend_from_slice(&bytes);
    Some(())
}

fn boolean(token: Token<'_>) -> Option<bool> {
    match token {
        Token::Bool(value) => Some(value),
        Token::Text("true") => Some(true),
        Token::Text("false") => Some(false),
        _ => None,
    }
}

/// Seconds and nanoseconds, as `Timestamp` and `Duration` both number them.
fn put_pair(out: &mut Vec<u8>, (seconds, nanos): (i64, i32)) {
    if seconds != 0 {
        out.push(0x08);
        put_varint(out, seconds as u64);
    }
    if nanos != 0 {
        out.push(0x10);
        put_varint(out, i64::from(nanos) as u64);
    }
}

/// `userName,address.zipCode` as `user_name`, `address.zip_code`. In a query, snake case passes as it stands: published
/// clients of other APIs write `updateMask=display_name`, and refusing it would help nobody.
fn put_mask(out: &mut Vec<u8>, token: Token<'_>) -> Option<()> {
    let text = token.text()?;
    if text.is_empty() {
        return Some(());
    }
    for path in text.split(',') {
        let snake = path.contains('_');
        if path.is_empty() || (snake && matches!(token, Token::Str(_))) {
            return None;
        }
        out.push(0x0a);
        let start = wire::open(out);
        for byte in path.bytes() {
            if byte.is_ascii_uppercase() && !snake {
                out.push(b'_');
                out.push(byte.to_ascii_lowercase());
            } else {
                out.push(byte);
            }
        }
        wire::close(out, start);
    }
    Some(())
}

/// The leaves of `google.protobuf.Value`, by struct.proto's numbers.
fn put_value(out: &mut Vec<u8>, token: Token<'_>) -> Option<()> {
    match token {
        Token::Null => out.extend_from_slice(&[0x08, 0]),
        Token::Bool(value) => out.extend_from_slice(&[0x20, u8::from(value)]),
        Token::Str(text) | Token::Text(text) => put_bytes(out, 0x1a, text.as_bytes()),
        _ => put_fixed(out, 0x11, double(token)?.to_le_bytes())?,
    }
    Some(())
}

/// A map's key, which JSON always quotes; the error says what it should have been.
pub(super) fn map_key(out: &mut Vec<u8>, key: Scalar, text: &str) -> Result<(), &'static str> {
    let kind = Kind::Scalar(key);
    // As `Text`, because `true` is a bool here though it stands in quotes.
    put_scalar(out, key, wire::tag(1, kind.wire()), Token::Text(text)).ok_or(scalar_name(key))
}

fn scalar_name(scalar: Scalar) -> &'static str {
    match scalar {
        Scalar::Double => "a number, or \"NaN\", \"Infinity\" or \"-Infinity\"",
        Scalar::Float => "a number within the range of a float, or \"NaN\", \"Infinity\" or \"-Infinity\"",
        Scalar::Int32 | Scalar::Sint32 | Scalar::Sfixed32 => "a 32-bit integer",
        Scalar::Int64 | Scalar::Sint64 | Scalar::Sfixed64 => "a 64-bit integer, as a string or number",
        Scalar::Uint32 | Scalar::Fixed32 => "an unsigned 32-bit integer",
        Scalar::Uint64 | Scalar::Fixed64 => "an unsigned 64-bit integer, as a string or number",
        Scalar::Bool => "true or false",
        Scalar::String => "a string",
        Scalar::Bytes => "a base64 string",
    }
}

/// What a value of this kind should have been, after "must be".
pub(super) fn wanted(plans: &Plans, kind: Kind) -> String {
    match kind {
        Kind::Scalar(scalar) => scalar_name(scalar).into(),
        Kind::Enum(id) if plans.enums[id].null => "null".into(),
        Kind::Enum(id) => {
            // Enough of the names to help, and not a page.
            let names: Vec<&str> = plans.enums[id].names().take(12).collect();
            let more = if plans.enums[id].names().count() > names.len() { ", …" } else { "" };
            format!("one of {}{more}", names.join(", "))
        }
        Kind::Message(id) => match plans.messages[id].shape {
            Shape::Timestamp => "an RFC 3339 time such as \"2026-01-31T09:30:00Z\"".into(),
            Shape::Duration => "seconds such as \"1.5s\"".into(),
            Shape::FieldMask => "field paths in lowerCamelCase, separated by commas".into(),
            Shape::Wrapper => {
                plans.messages[id].fields.first().map_or_else(String::new, |field| wanted(plans, field.kind))
            }
            Shape::List => "a list".into(),
            Shape::Value => "a JSON value".into(),
            _ => "an object".into(),
        },
    }
}
