//! JSON to wire bytes, with no object between: serde drives, each visitor appends to one buffer.
//!
//! A value of the wrong type or range is noted with its JSON path and reading goes on, so that one answer names every
//! fault; only broken syntax ends it. Once something is noted the bytes are worthless and the call is refused.

use std::collections::HashSet;

use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess};

use super::number::Token;
use super::path::{Path, Step};
use super::visit::{Name, NameSeed, Null, One, Slot, drain_map, drain_seq};
use crate::error::FieldViolation;
use crate::rest::plan::{Card, Field, Kind, MessageId, Plans, Shape};
use crate::rest::small::Bits;
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
    pub(super) fn entries<'de, A: MapAccess<'de>>(&mut self, field: &Field, mut map: A) -> Result<(), A::Error> {
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
    pub(super) fn elements<'de, A: SeqAccess<'de>>(&mut self, field: &Field, mut seq: A) -> Result<(), A::Error> {
        let packed = field.card == (Card::Repeated { packed: true });
        let before = self.out.len();
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
        match (packed, index) {
            (true, 0) => self.out.truncate(before),
            (true, _) => wire::close(&mut self.out, start),
            (false, _) => {}
        }
        Ok(())
    }

    pub(super) fn takes_null(&self, kind: Kind) -> bool {
        match kind {
            Kind::Enum(id) => self.plans.enums[id].null,
            _ => self.plans.shape(kind) == Some(Shape::Value),
        }
    }
}

impl<'p> Reader<'p> {
    pub(super) fn misfit<'de, A: SeqAccess<'de>>(&mut self, kind: Kind, seq: A) -> Result<(), A::Error> {
        self.mismatch(kind);
        drain_seq(seq)
    }

    pub(super) fn mismatch(&mut self, kind: Kind) {
        self.complain(format!("must be {}", super::leaf::wanted(self.plans, kind)));
    }
}
