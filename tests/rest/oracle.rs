//! prost-reflect as the oracle: a random message of every kind goes through both codecs, in both directions.

use std::sync::LazyLock;

use coaching::rest::json::Codec;
use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message as _;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, Value};

use crate::fake::POOL;

static CODEC: LazyLock<Codec> = LazyLock::new(|| Codec::new(&POOL, 90));

/// Builds a message out of random bytes, so that a smaller seed is a simpler message.
struct Seed<'a> {
    bytes: &'a [u8],
    /// Durations may be negative: not where the halves of two are to be merged.
    signed: bool,
}

impl Seed<'_> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.bytes.split_first() else { return 0 };
        self.bytes = rest;
        *first
    }
    fn int(&mut self) -> u64 {
        let wide = |seed: &mut Self| (0..8).fold(0, |value, _| value << 8 | u64::from(seed.byte()));
        match self.byte() % 6 {
            0 => 0,
            1 => u64::from(self.byte()),
            2 => u64::MAX,
            3 => i64::MIN as u64,
            4 => i32::MAX as u64,
            _ => wide(self),
        }
    }
    fn text(&mut self) -> String {
        let length = self.byte() % 6;
        (0..length)
            .map(|_| {
                ['a', '"', '\\', '\n', '\u{1}', 'é', '€', '\u{1F600}', '\u{2028}', '/', '<']
                    [usize::from(self.byte()) % 11]
            })
            .collect()
    }
    fn double(&mut self) -> f64 {
        match self.byte() % 8 {
            0 => 0.0,
            1 => -0.0,
            2 => f64::INFINITY,
            3 => f64::NEG_INFINITY,
            4 => 1e300,
            5 => 0.1,
            6 => f64::from(self.byte()),
            _ => Some(f64::from_bits(self.int())).filter(|value| !value.is_nan()).unwrap_or(5e-324),
        }
    }

    fn scalar(&mut self, kind: &Kind, depth: usize) -> Value {
        match kind {
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Value::I32(self.int() as i32),
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Value::I64(self.int() as i64),
            Kind::Uint32 | Kind::Fixed32 => Value::U32(self.int() as u32),
            Kind::Uint64 | Kind::Fixed64 => Value::U64(self.int()),
            Kind::Double => Value::F64(self.double()),
            Kind::Float => Value::F32(self.double() as f32),
            Kind::Bool => Value::Bool(self.byte() % 2 == 1),
            Kind::String => Value::String(self.text()),
            Kind::Bytes => Value::Bytes((0..self.byte() % 5).map(|_| self.byte()).collect::<Vec<_>>().into()),
            Kind::Enum(found) if found.full_name() == "google.protobuf.NullValue" => Value::EnumNumber(0),
            // Of two names for a number the oracle shows the last.
            Kind::Enum(found) if found.name() == "Alias" => Value::EnumNumber(0),
            Kind::Enum(_) => Value::EnumNumber([0, 1, 2, -1, 77, i32::MIN][usize::from(self.byte()) % 6]),
            Kind::Message(found) => Value::Message(self.message(found, depth + 1)),
        }
    }

    fn key(&mut self, kind: &Kind) -> MapKey {
        match self.scalar(kind, 0) {
            Value::I32(value) => MapKey::I32(value),
            Value::I64(value) => MapKey::I64(value),
            Value::U32(value) => MapKey::U32(value),
            Value::U64(value) => MapKey::U64(value),
            Value::Bool(value) => MapKey::Bool(value),
            Value::String(value) => MapKey::String(value),
            _ => unreachable!("no other kind is a key"),
        }
    }

    fn message(&mut self, found: &MessageDescriptor, depth: usize) -> DynamicMessage {
        let mut made = DynamicMessage::new(found.clone());
        match found.full_name() {
            "google.protobuf.Timestamp" => {
                let span = 253_402_300_799 + 62_135_596_800_u64 + 1;
                made.set_field_by_name("seconds", Value::I64((self.int() % span) as i64 - 62_135_596_800));
                made.set_field_by_name("nanos", Value::I32((self.int() % 1_000_000_000) as i32));
            }
            "google.protobuf.Duration" => {
                let sign = if self.byte().is_multiple_of(2) || !self.signed { 1 } else { -1 };
                made.set_field_by_name("seconds", Value::I64(sign * (self.int() % 315_576_000_000) as i64));
                made.set_field_by_name("nanos", Value::I32(sign as i32 * (self.int() % 1_000_000_000) as i32));
            }
            // The oracle writes an infinite wrapped number as null.
            "google.protobuf.FloatValue" => made.set_field_by_name("value", Value::F32(f32::from(self.byte()) / 3.0)),
            "google.protobuf.DoubleValue" => made.set_field_by_name("value", Value::F64(f64::from(self.byte()) / 3.0)),
            "google.protobuf.FieldMask" => {
                let paths = ["a", "a_b.c_d", "foo_bar", "x1"].map(|path| Value::String(path.into()));
                made.set_field_by_name("paths", Value::List(paths[..usize::from(self.byte()) % 5].to_vec()));
            }
            "google.protobuf.Value" => match self.byte() % if depth > 4 { 4 } else { 6 } {
                0 => made.set_field_by_name("null_value", Value::EnumNumber(0)),
                1 => made.set_field_by_name("bool_value", Value::Bool(self.byte() % 2 == 1)),
                2 => made.set_field_by_name("string_value", Value::String(self.text())),
                3 => {
                    let number = Some(self.double()).filter(|value| value.is_finite()).unwrap_or(0.5);
                    made.set_field_by_name("number_value", Value::F64(number));
                }
                other => {
                    let name = if other == 4 { "struct_value" } else { "list_value" };
                    let field = found.get_field_by_name(name).unwrap();
                    let value = self.scalar(&field.kind(), depth);
                    made.set_field(&field, value);
                }
            },
            "google.protobuf.Any" => {
                let names = [
                    "kinds.All",
                    "google.protobuf.Duration",
                    "google.protobuf.Struct",
                    "google.protobuf.Int64Value",
                    "google.protobuf.Any",
                ];
                let name = names[if depth > 4 { 1 } else { usize::from(self.byte()) % names.len() }];
                let inner = self.message(&POOL.get_message_by_name(name).unwrap(), depth + 1);
                made.set_field_by_name("type_url", Value::String(format!("type.googleapis.com/{name}")));
                made.set_field_by_name("value", Value::Bytes(inner.encode_to_vec().into()));
            }
            _ => {
                let fields: Vec<FieldDescriptor> = found.fields().collect();
                let count = if fields.is_empty() || depth > 5 {
                    0
                } else if fields.len() == 1 {
                    1
                } else {
                    usize::from(self.byte() % 8)
                };
                for _ in 0..count {
                    let field = &fields[usize::from(self.byte()) % fields.len()];
                    let value = self.field(field, depth);
                    made.set_field(field, value);
                }
            }
        }
        made
    }

    fn field(&mut self, field: &FieldDescriptor, depth: usize) -> Value {
        if field.is_map() {
            let Kind::Message(entry) = field.kind() else { unreachable!() };
            let (key, value) = (entry.map_entry_key_field().kind(), entry.map_entry_value_field().kind());
            Value::Map((0..self.byte() % 4).map(|_| (self.key(&key), self.scalar(&value, depth))).collect())
        } else if field.is_list() {
            Value::List((0..self.byte() % 4).map(|_| self.scalar(&field.kind(), depth)).collect())
        } else {
            self.scalar(&field.kind(), depth)
        }
    }
}

fn decode(wire: &[u8]) -> DynamicMessage {
    DynamicMessage::decode(POOL.get_message_by_name("kinds.All").unwrap(), wire).unwrap()
}

/// In JSON, as an `Any` may hold the same message in other bytes.
fn oracle_of(wire: &[u8]) -> serde_json::Value {
    plain(&serde_json::to_vec(&decode(wire)).unwrap())
}

/// JSON with numbers compared by value: `1` is `1.0`, whatever prints it.
fn plain(json: &[u8]) -> serde_json::Value {
    fn number(value: &mut serde_json::Value) {
        match value {
            serde_json::Value::Number(found) => *value = found.as_f64().unwrap().into(),
            serde_json::Value::Array(found) => found.iter_mut().for_each(number),
            serde_json::Value::Object(found) => found.values_mut().for_each(number),
            _ => {}
        }
    }
    let mut value = serde_json::from_slice(json).unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(json)));
    number(&mut value);
    value
}

/// So many cases, or more where `PROPTEST_CASES` asks for them.
pub(crate) fn at_least(cases: u32) -> ProptestConfig {
    let asked = ProptestConfig::default();
    let cases = cases.max(asked.cases);
    ProptestConfig { cases, max_global_rejects: cases.saturating_mul(10), ..asked }
}

proptest! {
    #![proptest_config(at_least(1500))]

    #[test]
    fn json_of_any_message_is_the_oracles_json_and_reads_back_to_the_same_message(seed in vec(any::<u8>(), 0..400)) {
        let message = Seed { bytes: &seed, signed: true }.message(&POOL.get_message_by_name("kinds.All").unwrap(), 0);
        let wire = message.encode_to_vec();
        let json = CODEC.write("kinds.All", &wire).unwrap();
        let oracle = serde_json::to_vec(&message).unwrap();
        prop_assert_eq!(plain(&json), plain(&oracle));
        let back = CODEC.read("kinds.All", &json).unwrap();
        prop_assert_eq!(oracle_of(&back), plain(&oracle));
        // And the oracle's JSON, which spells some things otherwise.
        let back = CODEC.read("kinds.All", &oracle).unwrap();
        prop_assert_eq!(oracle_of(&back), plain(&oracle));
    }

    #[test]
    fn messages_in_pieces_out_of_order_are_the_messages_that_they_merge_to(
        seeds in vec(vec(any::<u8>(), 0..80), 0..5), suffix in vec(any::<u8>(), 0..4)
    ) {
        // Bytes of several messages in a row are the bytes of their merger.
        let descriptor = POOL.get_message_by_name("kinds.All").unwrap();
        let mut wire = Vec::new();
        for seed in &seeds {
            wire.extend(Seed { bytes: seed, signed: false }.message(&descriptor, 0).encode_to_vec());
        }
        let merged = decode(&wire);
        // A Value, Struct or Any in pieces merges by rules of its own; the last piece is taken there.
        let tricky = ["value", "struct", "any", "list", "wrapped_bool"];
        prop_assume!(tricky.iter().all(|name| !merged.has_field_by_name(name)) && !has_tricky_map(&merged));
        let json = CODEC.write("kinds.All", &wire).unwrap();
        let oracle = serde_json::to_vec(&merged).unwrap();
        prop_assert_eq!(plain(&json), plain(&oracle));
        wire.extend(suffix);
        let _ = CODEC.write("kinds.All", &wire);
    }

    #[test]
    fn random_bytes_never_panic_either_way(bytes in vec(any::<u8>(), 0..200)) {
        let _ = CODEC.write("kinds.All", &bytes);
        let _ = CODEC.read("kinds.All", &bytes);
    }
}

fn has_tricky_map(message: &DynamicMessage) -> bool {
    let tricky = |value: &Value| {
        matches!(value, Value::Message(inner) if ["google.protobuf.Value", "google.protobuf.Struct", "google.protobuf.Any", "google.protobuf.ListValue"]
        .contains(&inner.descriptor().full_name()))
    };
    use prost_reflect::ReflectMessage as _;
    message.fields().any(|(_, value)| match value {
        Value::Message(inner) => tricky(value) || has_tricky_map(inner),
        Value::List(list) => list.iter().any(|value| tricky(value) || value.as_message().is_some_and(has_tricky_map)),
        Value::Map(map) => map.values().any(|value| tricky(value) || value.as_message().is_some_and(has_tricky_map)),
        _ => false,
    })
}

#[test]
fn an_any_in_foreign_order_nested_deep_costs_no_more_than_its_size() {
    // Each level repeats a scalar, so that one pass will not do; doubling at each would never end.
    let mut wire = vec![0x08, 1, 0x08, 2];
    for _ in 0..60 {
        let url = b"type.googleapis.com/kinds.All";
        let mut any = vec![0x0a, url.len() as u8];
        any.extend_from_slice(url);
        any.push(0x12);
        prost::encoding::encode_varint(wire.len() as u64, &mut any);
        any.extend_from_slice(&wire);
        let mut outer = vec![0x08, 1];
        prost::encoding::encode_varint(107 << 3 | 2, &mut outer);
        prost::encoding::encode_varint(any.len() as u64, &mut outer);
        outer.extend_from_slice(&any);
        outer.extend_from_slice(&[0x08, 3]);
        wire = outer;
    }
    let json = CODEC.write("kinds.All", &wire);
    assert!(json.is_err() || json.is_ok_and(|json| json.len() < 10_000), "it ends, one way or the other");
}
