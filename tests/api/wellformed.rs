//! A well-formed request for any RPC, made from what its descriptors require, for tests that go through all of them.

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor, MethodDescriptor, Value as Reflected};
use serde_json::{Map, Value, json};

use crate::harness::{CUSTOMER, contract};

/// A request in which every required field, and the name in the path, is of the right form. What it names is not there.
pub(crate) fn request(method: &MethodDescriptor) -> Value {
    let mut request = message(&method.input());
    for rule in contract::rules(method).iter().take(1) {
        let variable =
            rule.path.split_once('{').and_then(|(_, rest)| rest.split(['=', '}']).next()).unwrap_or_default();
        fill(&mut request, method.input(), variable);
    }
    request
}

fn message(descriptor: &MessageDescriptor) -> Value {
    let required = descriptor.fields().filter(|field| is(field, "REQUIRED"));
    required.map(|field| (field.json_name().to_owned(), value(&field))).collect::<Map<_, _>>().into()
}

fn value(field: &FieldDescriptor) -> Value {
    let one = match field.kind() {
        Kind::Message(inner) if inner.full_name() == "google.protobuf.Timestamp" => {
            // An end comes after its start.
            let day = if field.name().starts_with("end") { 2 } else { 1 };
            json!(format!("2026-01-0{day}T00:00:00Z"))
        }
        Kind::Message(inner) => {
            let mut one = message(&inner);
            // A resource of a batch says which it is.
            if field.is_list() && option(inner.options(), "google.api.resource").is_some() {
                fill(&mut one, inner, "name");
            }
            one
        }
        Kind::String => text(field).into(),
        Kind::Enum(kind) => json!(kind.values().nth(1).map(|value| value.name().to_owned())),
        Kind::Bool => json!(true),
        _ => json!(1),
    };
    if field.is_list() { json!([one]) } else { one }
}

/// Sets the name that stands in the path, also where it is not required in itself.
fn fill(json: &mut Value, descriptor: MessageDescriptor, path: &str) {
    let (head, rest) = path.split_once('.').unwrap_or((path, ""));
    let field =
        descriptor.get_field_by_name(head).unwrap_or_else(|| panic!("{} has no {head}", descriptor.full_name()));
    match field.kind() {
        Kind::Message(inner) if !rest.is_empty() => fill(&mut json[field.json_name()], inner, rest),
        _ if json[field.json_name()].is_null() => json[field.json_name()] = own_name(&descriptor, &field).into(),
        _ => {}
    }
}

fn own_name(descriptor: &MessageDescriptor, field: &FieldDescriptor) -> String {
    match of(descriptor.options(), "google.api.resource", "pattern") {
        Some(Reflected::List(patterns)) => filled(patterns.first().and_then(|one| one.as_str()).unwrap_or_default()),
        _ => text(field),
    }
}

fn text(field: &FieldDescriptor) -> String {
    let reference = |key| of(field.options(), "google.api.resource_reference", key);
    let named =
        |value: Option<Reflected>| value.and_then(|v| v.as_str().map(str::to_owned)).filter(|text| !text.is_empty());
    if let Some(kind) = named(reference("type")) {
        // A name of several types, of which the first in the path is a scorecard's.
        let kind = if kind == "*" { "coaching.api/Scorecard".to_owned() } else { kind };
        return filled(&pattern(&kind));
    }
    match named(reference("child_type")) {
        Some(kind) => {
            let pattern = pattern(&kind);
            filled(pattern.rsplitn(3, '/').nth(2).unwrap_or_default())
        }
        None => "x".to_owned(),
    }
}

/// The name pattern of a resource type.
fn pattern(kind: &str) -> String {
    let pool = contract::pool();
    let of_messages = pool.all_messages().filter_map(|message| option(message.options(), "google.api.resource"));
    let of_files = pool.files().filter_map(|file| option(file.options(), "google.api.resource_definition"));
    let all = of_messages.chain(of_files.flat_map(|list| list.as_list().map(<[_]>::to_vec).unwrap_or_default()));
    for resource in all {
        let Some(resource) = resource.as_message() else { continue };
        let text = |key: &str| resource.get_field_by_name(key).map(|value| value.into_owned());
        if text("type").and_then(|value| value.as_str().map(str::to_owned)).as_deref() == Some(kind) {
            let Some(Reflected::List(patterns)) = text("pattern") else { continue };
            return patterns[0].as_str().unwrap_or_default().to_owned();
        }
    }
    panic!("{kind} is no resource type")
}

fn filled(pattern: &str) -> String {
    let parts = pattern.split('/').map(|part| match part {
        "{customer}" => CUSTOMER,
        "{profile}" => "main",
        part if part.starts_with('{') => "none",
        part => part,
    });
    parts.collect::<Vec<_>>().join("/")
}

fn option(options: prost_reflect::DynamicMessage, name: &str) -> Option<Reflected> {
    let extension = contract::pool().get_extension_by_name(name)?;
    options.has_extension(&extension).then(|| options.get_extension(&extension).into_owned())
}

fn of(options: prost_reflect::DynamicMessage, name: &str, key: &str) -> Option<Reflected> {
    option(options, name)?.as_message()?.get_field_by_name(key).map(|value| value.into_owned())
}

fn is(field: &FieldDescriptor, behavior: &str) -> bool {
    let Some(Reflected::List(list)) = option(field.options(), "google.api.field_behavior") else { return false };
    let names = contract::pool().get_enum_by_name("google.api.FieldBehavior").expect("the behaviours");
    list.iter().filter_map(|v| names.get_value(v.as_enum_number()?)).any(|value| value.name() == behavior)
}
