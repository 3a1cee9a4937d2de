//! What the transcoder must know of each message, compiled once from the descriptors: fields by number and by both
//! names, kinds, presence, and which messages have a JSON form of their own.
//!
//! proto2 groups and extensions have no plan: on output they are skipped, in JSON their names are unknown.

use std::collections::HashMap;

use prost_reflect::{Cardinality, DescriptorPool, EnumDescriptor, FieldDescriptor, MessageDescriptor, Syntax};

use super::small::{Names, Quick};
use super::wire;

/// Index of a message in [`Plans::messages`].
pub(crate) type MessageId = usize;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scalar {
    Double,
    Float,
    Int32,
    Int64,
    Uint32,
    Uint64,
    Sint32,
    Sint64,
    Fixed32,
    Fixed64,
    Sfixed32,
    Sfixed64,
    Bool,
    String,
    Bytes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Scalar(Scalar),
    Enum(usize),
    Message(MessageId),
}

impl Kind {
    pub(crate) fn wire(self) -> u8 {
        use Scalar::*;
        match self {
            Kind::Scalar(Double | Fixed64 | Sfixed64) => wire::FIXED64,
            Kind::Scalar(Float | Fixed32 | Sfixed32) => wire::FIXED32,
            Kind::Scalar(String | Bytes) | Kind::Message(_) => wire::LENGTH,
            Kind::Scalar(_) | Kind::Enum(_) => wire::VARINT,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Card {
    /// `presence` is false for a proto3 scalar that is not `optional`.
    Singular {
        presence: bool,
    },
    Repeated {
        packed: bool,
    },
    Map {
        key: Scalar,
    },
}

/// The JSON form of a message (protobuf.dev/programming-guides/json).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Plain,
    Timestamp,
    Duration,
    FieldMask,
    Wrapper,
    Struct,
    Value,
    List,
    Any,
    /// Plain in JSON; as a whole body it passes through unconverted.
    HttpBody,
}

#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) number: u32,
    pub(crate) name: Box<str>,
    pub(crate) json: Box<str>,
    /// `"jsonName":`, escaped, ready to append.
    pub(crate) key: Box<str>,
    /// Tag of one value, or of a map's entry.
    pub(crate) tag: u64,
    /// Kind of one value; of the value half in a map.
    pub(crate) kind: Kind,
    pub(crate) card: Card,
    /// Index of the (real) oneof that it belongs to.
    pub(crate) oneof: Option<u16>,
}

#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) name: Box<str>,
    pub(crate) shape: Shape,
    pub(crate) fields: Vec<Field>,
    by_name: Names<u16>,
    by_number: HashMap<u32, u16, Quick>,
    /// Fields of small number, without hashing; `u16::MAX` is none.
    small: [u16; 32],
}

impl Message {
    /// By proto or JSON name.
    pub(crate) fn named(&self, name: &str) -> Option<u16> {
        self.by_name.get(name).copied()
    }

    pub(crate) fn numbered(&self, number: u32) -> Option<u16> {
        match self.small.get(number as usize) {
            Some(&u16::MAX) => None,
            Some(&at) => Some(at),
            None => self.by_number.get(&number).copied(),
        }
    }

    pub(crate) fn field(&self, at: u16) -> &Field {
        &self.fields[usize::from(at)]
    }
}

#[derive(Debug)]
pub(crate) struct Enum {
    /// `google.protobuf.NullValue`: JSON null.
    pub(crate) null: bool,
    /// proto2: a number without a name is refused.
    pub(crate) closed: bool,
    names: Vec<Box<str>>,
    by_name: Names<i32>,
    by_number: HashMap<i32, Box<str>, Quick>,
}

impl Enum {
    pub(crate) fn number(&self, name: &str) -> Option<i32> {
        self.by_name.get(name).copied()
    }
    pub(crate) fn name(&self, number: i32) -> Option<&str> {
        self.by_number.get(&number).map(|name| &**name)
    }
    /// In order of declaration.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|name| &**name)
    }
}

/// Every message and enum of a pool.
#[derive(Debug)]
pub(crate) struct Plans {
    pub(crate) messages: Vec<Message>,
    pub(crate) enums: Vec<Enum>,
    by_name: Names<MessageId>,
}

impl Plans {
    pub(crate) fn new(pool: &DescriptorPool) -> Self {
        let by_name: Names<_> =
            pool.all_messages().enumerate().map(|(id, message)| (message.full_name().into(), id)).collect();
        let enum_ids: HashMap<String, usize> =
            pool.all_enums().enumerate().map(|(id, found)| (found.full_name().to_owned(), id)).collect();
        let messages = pool.all_messages().map(|found| message(&found, &by_name, &enum_ids)).collect();
        Self { messages, enums: pool.all_enums().map(|found| enumeration(&found)).collect(), by_name }
    }

    /// By full name, without a leading dot.
    pub(crate) fn id(&self, name: &str) -> Option<MessageId> {
        self.by_name.get(name).copied()
    }

    pub(crate) fn shape(&self, kind: Kind) -> Option<Shape> {
        match kind {
            Kind::Message(id) => Some(self.messages[id].shape),
            _ => None,
        }
    }

    /// Can one value of this kind be written as plain text, in a path or a query?
    pub(crate) fn is_text(&self, kind: Kind) -> bool {
        use Shape::*;
        self.shape(kind).is_none_or(|shape| matches!(shape, Timestamp | Duration | FieldMask | Wrapper))
    }
}

fn message(found: &MessageDescriptor, ids: &Names<MessageId>, enums: &HashMap<String, usize>) -> Message {
    // Indexes are 16 bits: protobuf compilers stop at 65,535 fields.
    let most = usize::from(u16::MAX) - 1;
    let mut fields: Vec<Field> = found.fields().filter_map(|f| field(&f, ids, enums)).take(most).collect();
    fields.sort_by_key(|field| field.number);
    let mut plan = Message {
        name: found.full_name().into(),
        shape: shape(found.full_name(), &fields),
        by_name: Names::default(),
        by_number: HashMap::default(),
        small: [u16::MAX; 32],
        fields,
    };
    for (at, field) in plan.fields.iter().enumerate() {
        let at = at as u16;
        plan.by_name.insert(field.json.clone(), at);
        plan.by_number.insert(field.number, at);
        if let Some(slot) = plan.small.get_mut(field.number as usize) {
            *slot = at;
        }
    }
    // A proto name yields to another field's JSON name.
    for (at, field) in plan.fields.iter().enumerate() {
        plan.by_name.entry(field.name.clone()).or_insert(at as u16);
    }
    plan
}

fn field(found: &FieldDescriptor, ids: &Names<MessageId>, enums: &HashMap<String, usize>) -> Option<Field> {
    let of = |descriptor: &FieldDescriptor| kind(descriptor, ids, enums);
    let (kind, card) = if found.is_map() {
        let prost_reflect::Kind::Message(entry) = found.kind() else { return None };
        let Some(Kind::Scalar(key)) = of(&entry.map_entry_key_field()) else { return None };
        (of(&entry.map_entry_value_field())?, Card::Map { key })
    } else if found.cardinality() == Cardinality::Repeated {
        (of(found)?, Card::Repeated { packed: found.is_packed() })
    } else {
        (of(found)?, Card::Singular { presence: found.supports_presence() })
    };
    let wire = match card {
        Card::Map { .. } => wire::LENGTH,
        _ => kind.wire(),
    };
    let oneof = found.containing_oneof().filter(|oneof| !oneof.is_synthetic());
    let place = oneof.and_then(|oneof| found.parent_message().oneofs().position(|other| other == oneof));
    Some(Field {
        number: found.number(),
        name: found.name().into(),
        json: found.json_name().into(),
        key: format!("{}:", serde_json::Value::from(found.json_name())).into(),
        tag: wire::tag(found.number(), wire),
        kind,
        card,
        oneof: place.and_then(|at| u16::try_from(at).ok()),
    })
}

fn kind(found: &FieldDescriptor, ids: &Names<MessageId>, enums: &HashMap<String, usize>) -> Option<Kind> {
    use prost_reflect::Kind as K;
    if found.is_group() {
        return None;
    }
    Some(Kind::Scalar(match found.kind() {
        K::Double => Scalar::Double,
        K::Float => Scalar::Float,
        K::Int32 => Scalar::Int32,
        K::Int64 => Scalar::Int64,
        K::Uint32 => Scalar::Uint32,
        K::Uint64 => Scalar::Uint64,
        K::Sint32 => Scalar::Sint32,
        K::Sint64 => Scalar::Sint64,
        K::Fixed32 => Scalar::Fixed32,
        K::Fixed64 => Scalar::Fixed64,
        K::Sfixed32 => Scalar::Sfixed32,
        K::Sfixed64 => Scalar::Sfixed64,
        K::Bool => Scalar::Bool,
        K::String => Scalar::String,
        K::Bytes => Scalar::Bytes,
        K::Message(message) => return ids.get(message.full_name()).copied().map(Kind::Message),
        K::Enum(found) => return enums.get(found.full_name()).copied().map(Kind::Enum),
    }))
}

/// By name, provided that the fields are those of the well-known type: readers and writers count on them.
fn shape(name: &str, fields: &[Field]) -> Shape {
    if name == "google.api.HttpBody" {
        return Shape::HttpBody;
    }
    let shape = well_known(name);
    let numbered = |numbers: std::ops::RangeInclusive<u32>| fields.iter().map(|field| field.number).eq(numbers);
    let fits = match shape {
        Shape::Value => {
            numbered(1..=6) && matches!((fields[4].kind, fields[5].kind), (Kind::Message(_), Kind::Message(_)))
        }
        Shape::Struct => numbered(1..=1) && matches!(fields[0].card, Card::Map { key: Scalar::String }),
        Shape::List => numbered(1..=1) && matches!(fields[0].card, Card::Repeated { packed: false }),
        Shape::Wrapper => {
            numbered(1..=1) && matches!((fields[0].kind, fields[0].card), (Kind::Scalar(_), Card::Singular { .. }))
        }
        _ => true,
    };
    if fits { shape } else { Shape::Plain }
}

fn well_known(name: &str) -> Shape {
    match name.strip_prefix("google.protobuf.") {
        Some("Timestamp") => Shape::Timestamp,
        Some("Duration") => Shape::Duration,
        Some("FieldMask") => Shape::FieldMask,
        Some("Struct") => Shape::Struct,
        Some("Value") => Shape::Value,
        Some("ListValue") => Shape::List,
        Some("Any") => Shape::Any,
        Some(
            "DoubleValue" | "FloatValue" | "Int64Value" | "UInt64Value" | "Int32Value" | "UInt32Value" | "BoolValue"
            | "StringValue" | "BytesValue",
        ) => Shape::Wrapper,
        _ => Shape::Plain,
    }
}

fn enumeration(found: &EnumDescriptor) -> Enum {
    let mut by_number: HashMap<i32, Box<str>, Quick> = HashMap::default();
    // The file's own list, as the descriptor's `values()` are not in order: of several aliases the first is shown.
    let declared = &found.enum_descriptor_proto().value;
    for value in declared {
        by_number.entry(value.number()).or_insert_with(|| value.name().into());
    }
    Enum {
        null: found.full_name() == "google.protobuf.NullValue",
        closed: found.parent_file().syntax() == Syntax::Proto2,
        names: declared.iter().map(|value| value.name().into()).collect(),
        by_name: declared.iter().map(|value| (value.name().into(), value.number())).collect(),
        by_number,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_by_number_and_by_both_names() {
        let pool = DescriptorPool::global();
        let plans = Plans::new(&pool);
        let id = plans.id("google.protobuf.FileDescriptorProto").unwrap();
        let plan = &plans.messages[id];
        let field = plan.field(plan.numbered(8).unwrap());
        assert_eq!((&*field.name, &*field.json, &*field.key), ("options", "options", "\"options\":"));
        assert_eq!(plan.named("public_dependency"), plan.named("publicDependency"));
        assert_eq!(plan.named("nothing"), None);
        assert_eq!((plan.numbered(0), plan.numbered(31), plan.numbered(4000)), (None, None, None));
        let options = &plans.messages[plans.id("google.protobuf.FieldOptions").unwrap()];
        assert!(options.numbered(999).is_some(), "numbers past the small table are found too");
    }
}
