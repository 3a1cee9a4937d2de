//! JSON to wire bytes, with no object between: serde drives, each visitor appends to one buffer.
//!
//! A value of the wrong type or range is noted with its JSON path and reading goes on, so that one answer names every
//! fault; only broken syntax ends it. Once something is noted the bytes are worthless and the call is refused.

use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::number::Token;
use super::path::{Path, Step};
use crate::error::FieldViolation;
use crate::rest::plan::{Bits, Card, Field, Kind, Message, MessageId, Plans, Shape};
use crate::rest::wire::{self, put_varint};

/// More complaints than this help nobody.
const MOST_VIOLATIONS: usize = 32;

/// Where a message stands, for what only the request's top two levels are watched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    /// The request itself.
    Root,
    /// The resource that a PATCH changes.
    Resource,
    Inner,
}

/// A field that the path binds already.
pub(crate) struct Bound<'p> {
    pub(crate) level: Level,
    pub(crate) at: u16,
    pub(crate) value: &'p str,
}

/// What to look out for while reading a body, and what was seen.
#[derive(Default)]
pub(crate) struct Watch<'p> {
    /// The request's field that holds the resource.
    pub(crate) resource: Option<u16>,
    /// The request's update mask.
    pub(crate) mask: Option<u16>,
    pub(crate) bound: Vec<Bound<'p>>,
    /// Fields that the body's resource names, null ones included.
    pub(crate) present: Vec<u16>,
    /// The body holds a mask that is not empty.
    pub(crate) masked: bool,
}

/// What a JSON text is to be read as.
#[derive(Clone, Copy)]
pub(crate) enum Target<'p> {
    /// A whole message.
    Message(MessageId),
    /// The value of one of the request's fields.
    Field(&'p Field, Level),
}

/// See the module.
pub(crate) struct Reader<'p> {
    pub(crate) plans: &'p Plans,
    pub(crate) out: Vec<u8>,
    pub(crate) path: Path<'p>,
    pub(crate) violations: Vec<FieldViolation>,
    pub(crate) watch: Watch<'p>,
    /// How many more messages may be nested.
    room: usize,
}

impl<'p> Reader<'p> {
    /// Appends to `out`; messages nest at most `depth` deep below the first.
    pub(crate) fn new(plans: &'p Plans, out: Vec<u8>, depth: usize) -> Self {
        Self { plans, out, path: Path::default(), violations: Vec::new(), watch: Watch::default(), room: depth }
    }

    /// Reads a whole JSON text. The error is one of syntax: what is wrong with values is in `violations`.
    pub(crate) fn json(&mut self, text: &[u8], target: Target<'p>) -> Result<(), serde_json::Error> {
        let mut json = serde_json::Deserializer::from_slice(text);
        match target {
            Target::Message(id) => {
                One { kind: Kind::Message(id), tag: 0, null: Null::Refused, level: Level::Root, r: self }
                    .deserialize(&mut json)?
            }
            Target::Field(field, level) => {
                self.path.push(Step::Field(&field.json));
                let written = Slot { field, level, r: self }.deserialize(&mut json)?;
                self.path.pop();
                written
            }
        };
        json.end()
    }

    /// Appends a path variable or query parameter to the field at the end of `path`, below the message `id`.
    pub(crate) fn text(&mut self, id: MessageId, path: &[u16], text: &str) {
        let plans = self.plans;
        let Some((at, rest)) = path.split_first() else { return };
        let field = plans.messages[id].field(*at);
        self.path.push(Step::Field(&field.json));
        match field.kind {
            Kind::Message(inner) if !rest.is_empty() => {
                if let Some(start) = self.begin(field.tag) {
                    self.text(inner, rest, text);
                    self.end(start);
                }
            }
            kind => self.leaf(kind, field.tag, Token::Text(text)),
        }
        self.path.pop();
    }

    /// Notes what is wrong with the value at the current path.
    pub(crate) fn complain(&mut self, description: impl Into<String>) {
        if self.violations.len() < MOST_VIOLATIONS {
            self.violations.push(FieldViolation { field: self.path.to_string(), description: description.into() });
        }
    }

    pub(super) fn has_room(&self) -> bool {
        self.room > 0
    }

    /// Starts a nested message; a tag of 0 stands for the outermost, which has neither tag nor length.
    pub(super) fn begin(&mut self, tag: u64) -> Option<usize> {
        if tag == 0 {
            return Some(0);
        }
        if self.room == 0 {
            self.complain("is nested too deeply");
            return None;
        }
        self.room -= 1;
        put_varint(&mut self.out, tag);
        Some(wire::open(&mut self.out))
    }

    pub(super) fn end(&mut self, start: usize) {
        if start != 0 {
            self.room += 1;
            wire::close(&mut self.out, start);
        }
    }

    pub(super) fn message<'de, A: MapAccess<'de>>(
        &mut self,
        id: MessageId,
        level: Level,
        mut map: A,
    ) -> Result<(), A::Error> {
        let plans = self.plans;
        let plan = &plans.messages[id];
        let (mut seen, mut oneofs) = (Bits::default(), Bits::default());
        while let Some(name) = map.next_key_seed(NameSeed(plan))? {
            let at = match name {
                Name::Known(at) => at,
                Name::Unknown(name) => {
                    self.path.push(Step::Key(name));
                    self.complain("is not a field of this message");
                    self.path.pop();
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            let field = plan.field(at);
            self.path.push(Step::Field(&field.json));
            if !seen.add(at) {
                self.complain("is given twice");
            }
            let (before, inner) = (self.out.len(), self.inner_level(level, at));
            let written = map.next_value_seed(Slot { field, level: inner, r: self })?;
            if written && field.oneof.is_some_and(|oneof| !oneofs.add(oneof)) {
                self.complain("excludes another field of the same oneof that is set too");
            }
            self.observe(level, at, before, written);
            self.path.pop();
        }
        Ok(())
    }

    fn inner_level(&self, level: Level, at: u16) -> Level {
        if level == Level::Root && self.watch.resource == Some(at) { Level::Resource } else { Level::Inner }
    }

    /// Keeps what [`Watch`] asks for, once the field `at` has been read from `before` on.
    fn observe(&mut self, level: Level, at: u16, before: usize, written: bool) {
        match level {
            Level::Inner => return,
            Level::Resource => self.watch.present.push(at),
            Level::Root if !written => return,
            Level::Root if self.watch.mask == Some(at) => {
                self.watch.masked |= self.value_since(before).is_some_and(|value| !value.is_empty());
            }
            Level::Root => {}
        }
        let value = self.value_since(before).unwrap_or_default();
        let other = self.watch.bound.iter().find(|bound| {
            written && bound.level == level && bound.at == at && !value.is_empty() && bound.value.as_bytes() != value
        });
        if let Some(bound) = other {
            self.complain(format!("differs from the path, which says {:?}: leave it out of the body", bound.value));
        }
    }

    fn value_since(&self, before: usize) -> Option<&[u8]> {
        match wire::Cursor(&self.out[before..]).field() {
            Ok(Some((_, wire::Raw::Bytes(value)))) => Some(value),
            _ => None,
        }
    }

    /// A map: `google.protobuf.Struct` is one too.
    fn entries<'de, A: MapAccess<'de>>(&mut self, field: &Field, mut map: A) -> Result<(), A::Error> {
        let Card::Map { key } = field.card else { return drain_map(map) };
        let tag = wire::tag(2, field.kind.wire());
        // By the key's bytes, as different texts may be the same number.
        let mut keys: HashSet<Box<[u8]>> = HashSet::new();
        while let Some(name) = map.next_key::<String>()? {
            self.path.push(Step::Key(name));
            if let Some(start) = self.begin(field.tag) {
                let before = self.out.len();
                if let Some(Step::Key(name)) = self.path.last()
                    && let Err(wanted) = super::leaf::map_key(&mut self.out, key, name)
                {
                    self.complain(format!("has a key that is not {wanted}"));
                }
                if !keys.insert(self.out[before..].into()) {
                    self.complain("is given twice");
                }
                map.next_value_seed(One { kind: field.kind, tag, null: Null::Refused, level: Level::Inner, r: self })?;
                self.end(start);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
            self.path.pop();
        }
        Ok(())
    }

    /// A list; numbers, bools and enums are packed unless the field says otherwise.
    fn elements<'de, A: SeqAccess<'de>>(&mut self, field: &Field, mut seq: A) -> Result<(), A::Error> {
        let packed = field.card == (Card::Repeated { packed: true });
        let (start, tag) = if packed {
            put_varint(&mut self.out, wire::tag(field.number, wire::LENGTH));
            (wire::open(&mut self.out), 0)
        } else {
            (0, field.tag)
        };
        let mut index = 0;
        loop {
            self.path.push(Step::Index(index));
            let seed = One { kind: field.kind, tag, null: Null::Refused, level: Level::Inner, r: self };
            if seq.next_element_seed(seed)?.is_none() {
                break;
            }
            self.path.pop();
            index += 1;
        }
        self.path.pop();
        if packed {
            wire::close(&mut self.out, start);
        }
        Ok(())
    }

    fn takes_null(&self, kind: Kind) -> bool {
        match kind {
            Kind::Enum(id) => self.plans.enums[id].null,
            _ => self.plans.shape(kind) == Some(Shape::Value),
        }
    }
}

/// What a JSON null is where it has no meaning of its own.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Null {
    /// The field is as if it were not there.
    Absent,
    /// An element of a list or map cannot be missing.
    Refused,
}

/// One value. Answers whether anything was written.
pub(super) struct One<'r, 'p> {
    kind: Kind,
    tag: u64,
    null: Null,
    level: Level,
    r: &'r mut Reader<'p>,
}

impl<'r, 'p> One<'r, 'p> {
    /// A message without tag and length, as within an `Any`.
    pub(super) fn bare(id: MessageId, r: &'r mut Reader<'p>) -> Self {
        Self { kind: Kind::Message(id), tag: 0, null: Null::Refused, level: Level::Inner, r }
    }

    fn token(self, token: Token<'_>) -> bool {
        if matches!(token, Token::Null) && !self.r.takes_null(self.kind) && self.null == Null::Absent {
            return false;
        }
        self.r.leaf(self.kind, self.tag, token);
        true
    }

    fn list<'de, A: SeqAccess<'de>>(self, seq: A) -> Result<(), A::Error> {
        let (plans, r) = (self.r.plans, self.r);
        let Kind::Message(id) = self.kind else { return r.misfit(self.kind, seq) };
        let plan = &plans.messages[id];
        match plan.shape {
            Shape::List => {
                let Some(start) = r.begin(self.tag) else { return drain_seq(seq) };
                r.elements(&plan.fields[0], seq)?;
                r.end(start);
            }
            Shape::Value => {
                let Some(start) = r.begin(self.tag) else { return drain_seq(seq) };
                let list = &plan.fields[5];
                One { kind: list.kind, tag: list.tag, null: Null::Refused, level: Level::Inner, r }.list(seq)?;
                r.end(start);
            }
            _ => return r.misfit(self.kind, seq),
        }
        Ok(())
    }

    fn object<'de, A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        let (plans, r) = (self.r.plans, self.r);
        let plan = match self.kind {
            Kind::Message(id) => &plans.messages[id],
            _ => {
                r.mismatch(self.kind);
                return drain_map(map);
            }
        };
        if matches!(plan.shape, Shape::Timestamp | Shape::Duration | Shape::FieldMask | Shape::Wrapper | Shape::List) {
            r.mismatch(self.kind);
            return drain_map(map);
        }
        let Some(start) = r.begin(self.tag) else { return drain_map(map) };
        match (plan.shape, self.kind) {
            (Shape::Struct, _) => r.entries(&plan.fields[0], map)?,
            (Shape::Value, _) => {
                let object = &plan.fields[4];
                One { kind: object.kind, tag: object.tag, null: Null::Refused, level: Level::Inner, r }.object(map)?;
            }
            (Shape::Any, _) => r.any(map)?,
            (_, Kind::Message(id)) => r.message(id, self.level, map)?,
            _ => drain_map(map)?,
        }
        r.end(start);
        Ok(())
    }
}

impl<'p> Reader<'p> {
    fn misfit<'de, A: SeqAccess<'de>>(&mut self, kind: Kind, seq: A) -> Result<(), A::Error> {
        self.mismatch(kind);
        drain_seq(seq)
    }

    pub(super) fn mismatch(&mut self, kind: Kind) {
        self.complain(format!("must be {}", super::leaf::wanted(self.plans, kind)));
    }
}

/// The value of one field: a list or map, or [`One`]. Answers whether anything was written.
struct Slot<'r, 'p, 'f> {
    field: &'f Field,
    level: Level,
    r: &'r mut Reader<'p>,
}

impl<'r, 'p> Slot<'r, 'p, '_> {
    fn one(self) -> One<'r, 'p> {
        One { kind: self.field.kind, tag: self.field.tag, null: Null::Absent, level: self.level, r: self.r }
    }

    fn token(self, token: Token<'_>) -> bool {
        match (self.field.card, token) {
            (Card::Singular { presence: true }, _) => self.one().token(token),
            (Card::Singular { .. }, _) => {
                let before = self.r.out.len();
                let one = One {
                    kind: self.field.kind,
                    tag: self.field.tag,
                    null: Null::Absent,
                    level: self.level,
                    r: self.r,
                };
                let written = one.token(token);
                super::leaf::drop_zero(&mut self.r.out, before);
                written
            }
            (_, Token::Null) => false,
            (Card::Repeated { .. }, _) => self.refuse("must be a list"),
            (Card::Map { .. }, _) => self.refuse("must be an object"),
        }
    }

    fn refuse(self, description: &str) -> bool {
        self.r.complain(description);
        false
    }
}

/// Passes every kind of leaf to `self.token`.
macro_rules! leaves {
    () => {
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("JSON")
        }
        fn visit_unit<E>(self) -> Result<bool, E> {
            Ok(self.token(Token::Null))
        }
        fn visit_bool<E>(self, value: bool) -> Result<bool, E> {
            Ok(self.token(Token::Bool(value)))
        }
        fn visit_u64<E>(self, value: u64) -> Result<bool, E> {
            Ok(self.token(Token::Unsigned(value)))
        }
        fn visit_i64<E>(self, value: i64) -> Result<bool, E> {
            Ok(self.token(Token::Signed(value)))
        }
        fn visit_f64<E>(self, value: f64) -> Result<bool, E> {
            Ok(self.token(Token::Float(value)))
        }
        fn visit_str<E>(self, value: &str) -> Result<bool, E> {
            Ok(self.token(Token::Str(value)))
        }
    };
}

impl<'de> Visitor<'de> for One<'_, '_> {
    type Value = bool;
    leaves!();
    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<bool, A::Error> {
        self.list(seq).map(|()| true)
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<bool, A::Error> {
        self.object(map).map(|()| true)
    }
}

impl<'de> Visitor<'de> for Slot<'_, '_, '_> {
    type Value = bool;
    leaves!();
    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<bool, A::Error> {
        match self.field.card {
            Card::Singular { .. } => self.one().list(seq)?,
            Card::Repeated { .. } => self.r.elements(self.field, seq)?,
            Card::Map { .. } => {
                self.refuse("must be an object");
                drain_seq(seq)?;
            }
        }
        Ok(true)
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<bool, A::Error> {
        match self.field.card {
            Card::Singular { .. } => self.one().object(map)?,
            Card::Map { .. } => self.r.entries(self.field, map)?,
            Card::Repeated { .. } => {
                self.refuse("must be a list");
                drain_map(map)?;
            }
        }
        Ok(true)
    }
}

macro_rules! seeds {
    ($($name:ty),*) => { $(impl<'de> DeserializeSeed<'de> for $name {
        type Value = bool;
        fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<bool, D::Error> {
            json.deserialize_any(self)
        }
    })* };
}
seeds!(One<'_, '_>, Slot<'_, '_, '_>);

pub(super) fn drain_map<'de, A: MapAccess<'de>>(mut map: A) -> Result<(), A::Error> {
    while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
    Ok(())
}

fn drain_seq<'de, A: SeqAccess<'de>>(mut seq: A) -> Result<(), A::Error> {
    while seq.next_element::<IgnoredAny>()?.is_some() {}
    Ok(())
}

/// A member's name, looked up without being copied.
struct NameSeed<'p>(&'p Message);

enum Name {
    Known(u16),
    Unknown(String),
}

impl<'de> DeserializeSeed<'de> for NameSeed<'_> {
    type Value = Name;
    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Name, D::Error> {
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for NameSeed<'_> {
    type Value = Name;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }
    fn visit_str<E>(self, name: &str) -> Result<Name, E> {
        Ok(self.0.named(name).map_or_else(|| Name::Unknown(name.to_owned()), Name::Known))
    }
}
