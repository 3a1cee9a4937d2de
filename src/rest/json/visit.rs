//! serde's visitors: each takes whatever JSON comes and appends it to the reader's bytes, or has the reader complain.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::number::Token;
use super::read::{Level, Reader};
use crate::rest::plan::{Card, Field, Kind, Message, MessageId, Shape};

/// What a JSON null is where it has no meaning of its own.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Null {
    /// The field is as if it were not there.
    Absent,
    /// An element of a list or map cannot be missing.
    Refused,
}

/// One value. Answers whether anything was written.
pub(super) struct One<'r, 'p> {
    pub(super) kind: Kind,
    pub(super) tag: u64,
    pub(super) null: Null,
    pub(super) level: Level,
    pub(super) r: &'r mut Reader<'p>,
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

/// The value of one field: a list or map, or [`One`]. Answers whether anything was written.
pub(super) struct Slot<'r, 'p, 'f> {
    pub(super) field: &'f Field,
    pub(super) level: Level,
    pub(super) r: &'r mut Reader<'p>,
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

pub(super) fn drain_seq<'de, A: SeqAccess<'de>>(mut seq: A) -> Result<(), A::Error> {
    while seq.next_element::<IgnoredAny>()?.is_some() {}
    Ok(())
}

/// A member's name, looked up without being copied.
pub(super) struct NameSeed<'p>(pub(super) &'p Message);

pub(super) enum Name {
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
