//! Wire bytes to JSON in one pass over what a protobuf library writes: each field once, lists in one piece. Other bytes
//! are legal too (later scalars win, pieces of a message merge), so at the first sign of them the whole is written again
//! the careful way, which collects each message's fields first. Twice the work at most, and only for foreign bytes.
//!
//! Fields without presence are left out when they are zero, as proto3 JSON does by default; unknown fields are dropped.

use std::fmt;

use super::text;
use crate::rest::plan::{Card, Field, Kind, MessageId, Plans, Scalar, Shape};
use crate::rest::small::Bits;
use crate::rest::wire::{Cursor, FIXED32, FIXED64, LENGTH, Malformed, Raw, VARINT};

/// How deep messages may nest in an answer; prost refuses more than 100 before this is reached, `Any` aside.
const DEEPEST: usize = 120;

/// Why bytes have no JSON form.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unwritable {
    /// Legal, but not in the order that one pass needs.
    Scattered,
    Malformed,
    NotUtf8,
    TooDeep,
    /// A well-known type outside its range.
    Range(&'static str),
    /// An `Any` of a type that the pool does not have.
    UnknownType(String),
}

impl fmt::Display for Unwritable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scattered => f.write_str("fields out of order"),
            Self::Malformed => f.write_str("malformed protobuf"),
            Self::NotUtf8 => f.write_str("a string that is not UTF-8"),
            Self::TooDeep => f.write_str("messages nested too deeply"),
            Self::Range(name) => write!(f, "a {name} that has no JSON form"),
            Self::UnknownType(url) => write!(f, "an Any of unknown type {url:?}"),
        }
    }
}

impl std::error::Error for Unwritable {}

impl From<Malformed> for Unwritable {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

pub(super) type Done = Result<(), Unwritable>;

/// See the module.
pub(crate) struct Writer<'p> {
    pub(super) plans: &'p Plans,
    pub(crate) out: Vec<u8>,
    pub(super) careful: bool,
    depth: usize,
}

impl<'p> Writer<'p> {
    pub(crate) fn new(plans: &'p Plans, out: Vec<u8>) -> Self {
        Self { plans, out, careful: false, depth: 0 }
    }

    /// Appends a whole message.
    pub(crate) fn json(&mut self, id: MessageId, bytes: &[u8]) -> Done {
        self.twice(|writer| writer.message(id, bytes))
    }

    /// Appends the value of one field of a message, or that field's default: `response_body`.
    pub(crate) fn json_field(&mut self, field: &Field, bytes: &[u8]) -> Done {
        self.careful = true;
        self.depth = 0;
        self.only(field, bytes)
    }

    /// The value of one field, whatever else the bytes hold.
    fn only(&mut self, field: &Field, bytes: &[u8]) -> Done {
        let mut cursor = Cursor(bytes);
        if let (Card::Singular { .. }, Kind::Scalar(_) | Kind::Enum(_)) = (field.card, field.kind) {
            let mut last = zero(field.kind);
            while let Some((number, raw)) = cursor.field()? {
                if number == field.number && fits(field, raw) {
                    last = raw;
                }
            }
            return self.value(field.kind, last);
        }
        let mut found = Vec::new();
        while let Some((number, raw)) = cursor.field()? {
            if number == field.number && fits(field, raw) {
                found.push(raw);
            }
        }
        match (field.card, self.plans.shape(field.kind)) {
            (Card::Singular { .. }, Some(shape)) if found.is_empty() => match shape {
                Shape::Plain | Shape::HttpBody | Shape::Struct | Shape::Any => self.ascii("{}"),
                _ => self.ascii("null"),
            },
            _ => self.field(field, &found),
        }
    }

    /// In one pass, else with care.
    fn twice(&mut self, write: impl Fn(&mut Self) -> Done) -> Done {
        let start = self.out.len();
        self.careful = false;
        self.depth = 0;
        match write(self) {
            Err(Unwritable::Scattered) => {
                self.out.truncate(start);
                self.careful = true;
                self.depth = 0;
                write(self)
            }
            done => done,
        }
    }

    pub(super) fn ascii(&mut self, text: &str) -> Done {
        self.out.extend_from_slice(text.as_bytes());
        Ok(())
    }

    pub(super) fn message(&mut self, id: MessageId, bytes: &[u8]) -> Done {
        if self.depth == DEEPEST {
            return Err(Unwritable::TooDeep);
        }
        self.depth += 1;
        let plans = self.plans;
        let plan = &plans.messages[id];
        match plan.shape {
            Shape::Plain | Shape::HttpBody => {
                self.out.push(b'{');
                self.members(id, bytes, true)?;
                self.out.push(b'}');
            }
            Shape::Timestamp => self.timestamp(bytes)?,
            Shape::Duration => self.duration(bytes)?,
            Shape::FieldMask => self.mask(bytes)?,
            Shape::Any => self.any(bytes)?,
            // A struct, list or wrapper is the value of its only field.
            Shape::Struct | Shape::List | Shape::Wrapper => self.only(&plan.fields[0], bytes)?,
            Shape::Value => self.any_json(id, bytes)?,
        }
        self.depth -= 1;
        Ok(())
    }

    /// Writes what an `Any` holds the careful way: its bytes may come from anywhere, and a second attempt at every level
    /// of nesting would double the work with each.
    pub(super) fn foreign(&mut self, write: impl FnOnce(&mut Self) -> Done) -> Done {
        let before = std::mem::replace(&mut self.careful, true);
        let done = write(self);
        self.careful = before;
        done
    }

    /// The members of an object; `first` tells that nothing stands before them.
    pub(super) fn members(&mut self, id: MessageId, bytes: &[u8], first: bool) -> Done {
        if self.careful { self.collected(id, bytes, first) } else { self.one_pass(id, bytes, first) }
    }

    fn one_pass(&mut self, id: MessageId, bytes: &[u8], mut first: bool) -> Done {
        let plans = self.plans;
        let plan = &plans.messages[id];
        let (mut seen, mut oneofs) = (Bits::default(), Bits::default());
        // The list or map whose elements are arriving.
        let mut open: Option<u16> = None;
        let mut cursor = Cursor(bytes);
        while let Some((number, raw)) = cursor.field()? {
            let Some(at) = plan.numbered(number) else { continue };
            let field = plan.field(at);
            if !fits(field, raw) {
                continue;
            }
            if open == Some(at) {
                self.out.push(b',');
                self.element(field, raw)?;
                continue;
            }
            self.close(plan.fields.as_slice(), &mut open);
            if !seen.add(at) || field.oneof.is_some_and(|oneof| !oneofs.add(oneof)) {
                return Err(Unwritable::Scattered);
            }
            if is_silent(field, raw) {
                continue;
            }
            self.name(field, &mut first);
            match field.card {
                Card::Singular { .. } => self.value(field.kind, raw)?,
                Card::Repeated { .. } => {
                    self.out.push(b'[');
                    open = Some(at);
                    self.element(field, raw)?;
                }
                Card::Map { .. } => {
                    self.out.push(b'{');
                    open = Some(at);
                    self.element(field, raw)?;
                }
            }
        }
        self.close(plan.fields.as_slice(), &mut open);
        Ok(())
    }

    pub(super) fn name(&mut self, field: &Field, first: &mut bool) {
        if !std::mem::take(first) {
            self.out.push(b',');
        }
        self.out.extend_from_slice(field.key.as_bytes());
    }

    fn close(&mut self, fields: &[Field], open: &mut Option<u16>) {
        if let Some(at) = open.take() {
            let map = matches!(fields[usize::from(at)].card, Card::Map { .. });
            self.out.push(if map { b'}' } else { b']' });
        }
    }

    /// An element of a list, all elements of a packed one, or an entry of a map.
    pub(super) fn element(&mut self, field: &Field, raw: Raw<'_>) -> Done {
        match (field.card, raw) {
            (Card::Map { key }, _) => self.entry(field, key, bytes_of(raw)),
            (_, Raw::Bytes(bytes)) if field.kind.wire() != LENGTH => {
                let mut cursor = Cursor(bytes);
                let mut first = true;
                while !cursor.0.is_empty() {
                    if !std::mem::take(&mut first) {
                        self.out.push(b',');
                    }
                    let one = cursor.packed(field.kind.wire())?;
                    self.value(field.kind, one)?;
                }
                Ok(())
            }
            _ => self.value(field.kind, raw),
        }
    }

    fn entry(&mut self, field: &Field, key: Scalar, bytes: &[u8]) -> Done {
        let found = entry_key(bytes, key)?;
        self.key(key, found)?;
        self.out.push(b':');
        let mut value = None;
        let mut joined: Option<Vec<u8>> = None;
        let mut cursor = Cursor(bytes);
        while let Some((number, raw)) = cursor.field()? {
            if number == 2 && wire_of(raw) == Some(field.kind.wire()) {
                if let (Some(old), Kind::Message(_)) = (value, field.kind) {
                    joined.get_or_insert_with(|| bytes_of(old).to_vec()).extend_from_slice(bytes_of(raw));
                }
                value = Some(raw);
            }
        }
        match joined {
            Some(joined) => self.value(field.kind, Raw::Bytes(&joined)),
            None => self.value(field.kind, value.unwrap_or_else(|| zero(field.kind))),
        }
    }

    /// A map's key, always quoted.
    pub(super) fn key(&mut self, key: Scalar, raw: Raw<'_>) -> Done {
        let quoted = matches!(
            key,
            Scalar::String | Scalar::Int64 | Scalar::Sint64 | Scalar::Sfixed64 | Scalar::Uint64 | Scalar::Fixed64
        );
        if quoted {
            return self.scalar(key, raw);
        }
        self.out.push(b'"');
        self.scalar(key, raw)?;
        self.out.push(b'"');
        Ok(())
    }

    pub(super) fn value(&mut self, kind: Kind, raw: Raw<'_>) -> Done {
        match kind {
            Kind::Message(id) => self.message(id, bytes_of(raw)),
            Kind::Scalar(scalar) => self.scalar(scalar, raw),
            Kind::Enum(id) => {
                let Raw::Varint(number) = raw else { return Err(Unwritable::Malformed) };
                // Negative numbers are ten bytes wide on the wire: the low half is the value.
                let (found, number) = (&self.plans.enums[id], number as i32);
                if found.null {
                    return self.ascii("null");
                }
                match found.name(number) {
                    Some(name) => text::quote(&mut self.out, name),
                    None => text::number(&mut self.out, i64::from(number)),
                }
                Ok(())
            }
        }
    }

    fn scalar(&mut self, scalar: Scalar, raw: Raw<'_>) -> Done {
        let out = &mut self.out;
        match (scalar, raw) {
            (Scalar::String, Raw::Bytes(bytes)) => {
                text::quote(out, std::str::from_utf8(bytes).map_err(|_| Unwritable::NotUtf8)?);
            }
            (Scalar::Bytes, Raw::Bytes(bytes)) => text::base64(out, bytes),
            (Scalar::Bool, Raw::Varint(value)) => out.extend_from_slice(if value == 0 { b"false" } else { b"true" }),
            (Scalar::Int32, Raw::Varint(value)) => text::number(out, i64::from(value as i32)),
            (Scalar::Uint32, Raw::Varint(value)) => text::number(out, i64::from(value as u32)),
            (Scalar::Sint32, Raw::Varint(value)) => text::number(out, i64::from(unzigzag(value & 0xffff_ffff) as i32)),
            (Scalar::Sfixed32, Raw::Fixed32(value)) => text::number(out, i64::from(value as i32)),
            (Scalar::Fixed32, Raw::Fixed32(value)) => text::number(out, i64::from(value)),
            // 64 bits are quoted, as JavaScript would round them.
            (Scalar::Int64, Raw::Varint(value)) => text::quoted_signed(out, value as i64),
            (Scalar::Sint64, Raw::Varint(value)) => text::quoted_signed(out, unzigzag(value)),
            (Scalar::Sfixed64, Raw::Fixed64(value)) => text::quoted_signed(out, value as i64),
            (Scalar::Uint64, Raw::Varint(value)) | (Scalar::Fixed64, Raw::Fixed64(value)) => {
                text::quoted_unsigned(out, value);
            }
            (Scalar::Float, Raw::Fixed32(value)) => text::float(out, f32::from_bits(value)),
            (Scalar::Double, Raw::Fixed64(value)) => text::double(out, f64::from_bits(value)),
            _ => return Err(Unwritable::Malformed),
        }
        Ok(())
    }
}

fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

pub(crate) fn bytes_of(raw: Raw<'_>) -> &[u8] {
    match raw {
        Raw::Bytes(bytes) => bytes,
        _ => &[],
    }
}

fn wire_of(raw: Raw<'_>) -> Option<u8> {
    match raw {
        Raw::Varint(_) => Some(VARINT),
        Raw::Fixed64(_) => Some(FIXED64),
        Raw::Fixed32(_) => Some(FIXED32),
        Raw::Bytes(_) => Some(LENGTH),
        Raw::Group => None,
    }
}

/// Does this wire type belong to the field? Lists come packed or not, whatever they declare. Others are unknown fields.
pub(super) fn fits(field: &Field, raw: Raw<'_>) -> bool {
    match field.card {
        Card::Map { .. } => wire_of(raw) == Some(LENGTH),
        Card::Repeated { .. } => matches!(raw, Raw::Bytes(_)) || wire_of(raw) == Some(field.kind.wire()),
        Card::Singular { .. } => wire_of(raw) == Some(field.kind.wire()),
    }
}

/// Is there nothing to show: a zero without presence, or a packed list of nothing?
pub(super) fn is_silent(field: &Field, raw: Raw<'_>) -> bool {
    match field.card {
        Card::Singular { presence } => !presence && raw.is_zero(),
        Card::Repeated { .. } => field.kind.wire() != LENGTH && matches!(raw, Raw::Bytes([])),
        Card::Map { .. } => false,
    }
}

fn zero(kind: Kind) -> Raw<'static> {
    match kind.wire() {
        LENGTH => Raw::Bytes(&[]),
        FIXED32 => Raw::Fixed32(0),
        FIXED64 => Raw::Fixed64(0),
        _ => Raw::Varint(0),
    }
}

pub(super) fn entry_key(bytes: &[u8], key: Scalar) -> Result<Raw<'_>, Unwritable> {
    let kind = Kind::Scalar(key);
    let mut found = zero(kind);
    let mut cursor = Cursor(bytes);
    while let Some((number, raw)) = cursor.field()? {
        if number == 1 && wire_of(raw) == Some(kind.wire()) {
            found = raw;
        }
    }
    Ok(found)
}
