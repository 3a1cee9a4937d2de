//! The contract, read from the descriptors on the tests' own side: proto JSON to bytes and back, and the HTTP rule of
//! each RPC. Nothing here uses `coaching::rest`, so an error there cannot hide itself.

use std::sync::OnceLock;

use bytes::Bytes;
use prost::Message as _;
use prost_reflect::{
    DescriptorPool, DeserializeOptions, DynamicMessage, Kind, MessageDescriptor, MethodDescriptor, SerializeOptions,
    Value as Reflected,
};
use serde_json::{Map, Value};

/// Every descriptor of ours.
pub(crate) fn pool() -> &'static DescriptorPool {
    static POOL: OnceLock<DescriptorPool> = OnceLock::new();
    POOL.get_or_init(|| DescriptorPool::decode(coaching::pb::DESCRIPTORS).expect("the embedded descriptors decode"))
}

/// Every method of our services, those of the vendored packages aside.
pub(crate) fn methods() -> impl Iterator<Item = MethodDescriptor> {
    let ours = |package: &str| package.starts_with("cresta.") || package.starts_with("coaching.");
    pool().services().filter(move |s| ours(s.package_name())).flat_map(|s| s.methods().collect::<Vec<_>>())
}

/// The method with this name, such as `SubmitScorecard`.
pub(crate) fn method(rpc: &str) -> MethodDescriptor {
    methods().find(|method| method.name() == rpc).unwrap_or_else(|| panic!("{rpc} is no RPC of the contract"))
}

/// A message from proto JSON. Panics on JSON that does not fit: a test about such JSON sends it raw.
pub(crate) fn message(descriptor: MessageDescriptor, json: &Value) -> DynamicMessage {
    let name = descriptor.full_name().to_owned();
    DynamicMessage::deserialize_with_options(descriptor, json, &DeserializeOptions::new())
        .unwrap_or_else(|error| panic!("this is no {name}: {error}\n{json:#}"))
}

/// The wire bytes of a request in proto JSON.
pub(crate) fn encode(method: &MethodDescriptor, request: &Value) -> Bytes {
    message(method.input(), request).encode_to_vec().into()
}

/// A response as JSON in which every field without presence stands, so that a test may ask for a zero.
pub(crate) fn decode(method: &MethodDescriptor, bytes: &[u8]) -> Value {
    let message = DynamicMessage::decode(method.output(), bytes)
        .unwrap_or_else(|error| panic!("{} answered bytes that do not decode: {error}", method.name()));
    plain(&message)
}

/// The same form from a JSON answer, which must be proto JSON of the response and have no other members.
pub(crate) fn normal(method: &MethodDescriptor, json: &Value) -> Value {
    plain(&message(method.output(), json))
}

fn plain(message: &DynamicMessage) -> Value {
    let options = SerializeOptions::new().skip_default_fields(false);
    message.serialize_with_options(serde_json::value::Serializer, &options).expect("a message is JSON")
}

/// An extension of a method's options.
pub(crate) fn option(method: &MethodDescriptor, name: &str) -> Option<Reflected> {
    let extension = pool().get_extension_by_name(name).unwrap_or_else(|| panic!("{name} is in the descriptors"));
    let options = method.options();
    options.has_extension(&extension).then(|| options.get_extension(&extension).into_owned())
}

/// One way to call a method over HTTP.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) verb: &'static str,
    pub(crate) path: String,
    pub(crate) body: String,
}

/// The HTTP rules of a method, the main one first.
pub(crate) fn rules(method: &MethodDescriptor) -> Vec<Rule> {
    let Some(Reflected::Message(rule)) = option(method, "google.api.http") else { return Vec::new() };
    let more = match rule.get_field_by_name("additional_bindings").map(|list| list.into_owned()) {
        Some(Reflected::List(list)) => list,
        _ => Vec::new(),
    };
    let more = more.iter().filter_map(|one| one.as_message().cloned());
    std::iter::once(rule).chain(more).filter_map(|rule| of(&rule)).collect()
}

fn of(rule: &DynamicMessage) -> Option<Rule> {
    let text = |field: &str| Some(rule.get_field_by_name(field)?.as_str()?.to_owned());
    let verb = ["get", "put", "post", "delete", "patch"].into_iter().find(|verb| rule.has_field_by_name(verb))?;
    Some(Rule { verb, path: text(verb)?, body: text("body").unwrap_or_default() })
}

/// An HTTP request: method, path with query, body.
#[derive(Clone, Debug)]
pub(crate) struct Http {
    pub(crate) verb: String,
    pub(crate) target: String,
    pub(crate) body: Option<Value>,
}

impl Rule {
    /// The request as this rule sends it: path variables in the path, the body's part in the body, the rest as query.
    pub(crate) fn request(&self, method: &MethodDescriptor, request: &Value) -> Http {
        let mut left = request.clone();
        let mut target = String::new();
        let mut rest = self.path.as_str();
        while let Some((before, after)) = rest.split_once('{') {
            let (variable, after) = after.split_once('}').expect("a variable ends");
            let (field, pattern) = variable.split_once('=').unwrap_or((variable, "*"));
            let json = json_path(method.input(), field);
            let value = take(&mut left, &json);
            let value = value.as_ref().and_then(Value::as_str).unwrap_or_default();
            assert!(!value.is_empty(), "{} has {json} in its path, so a case over REST must say it", method.name());
            target.push_str(before);
            target.push_str(&escape(value, pattern.contains('/')));
            rest = after;
        }
        target.push_str(rest);

        let body = match self.body.as_str() {
            "" => None,
            "*" => Some(std::mem::replace(&mut left, Value::Object(Map::new()))),
            field => {
                Some(take(&mut left, &json_path(method.input(), field)).unwrap_or_else(|| Value::Object(Map::new())))
            }
        };
        let mut query = Vec::new();
        flatten(&left, "", &mut query);
        if !query.is_empty() {
            let pairs: Vec<String> =
                query.iter().map(|(key, value)| format!("{key}={}", escape(value, false))).collect();
            target = format!("{target}?{}", pairs.join("&"));
        }
        Http { verb: self.verb.to_uppercase(), target, body }
    }
}

/// `scorecard_template.name` as JSON spells it.
fn json_path(mut message: MessageDescriptor, path: &str) -> String {
    let mut names = Vec::new();
    for part in path.split('.') {
        let field = message.get_field_by_name(part).unwrap_or_else(|| panic!("{} has no {part}", message.full_name()));
        names.push(field.json_name().to_owned());
        if let Kind::Message(inner) = field.kind() {
            message = inner;
        }
    }
    names.join(".")
}

/// Takes the member at this path out of an object.
fn take(json: &mut Value, path: &str) -> Option<Value> {
    match path.split_once('.') {
        None => json.as_object_mut()?.remove(path),
        Some((head, rest)) => take(json.get_mut(head)?, rest),
    }
}

fn flatten(json: &Value, prefix: &str, out: &mut Vec<(String, String)>) {
    match json {
        Value::Null => {}
        Value::Object(members) => {
            for (key, value) in members {
                let key = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
                flatten(value, &key, out);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| flatten(item, prefix, out)),
        Value::String(text) => out.push((prefix.to_owned(), text.clone())),
        other => out.push((prefix.to_owned(), other.to_string())),
    }
}

/// Percent-encodes all but RFC 3986's unreserved characters, and slashes where they part segments.
fn escape(text: &str, slashes: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(byte.into()),
            b'/' if slashes => out.push('/'),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[test]
fn names_go_into_the_path_the_resource_into_the_body_and_the_rest_into_the_query() {
    let request = serde_json::json!({
        "parent": "customers/c/profiles/p", "pageSize": 5, "usecaseNames": ["a/b", "c d"], "submitted": true,
    });
    let list = method("ListScorecards");
    let http = rules(&list)[0].request(&list, &request);
    assert_eq!(
        (http.verb.as_str(), http.target.as_str(), http.body),
        (
            "GET",
            "/v1/customers/c/profiles/p/scorecards?pageSize=5&submitted=true&usecaseNames=a%2Fb&usecaseNames=c%20d",
            None
        )
    );
    let update = method("UpdateScorecardTemplate");
    let request = serde_json::json!({
        "scorecardTemplate": {"name": "customers/c/profiles/p/scorecardTemplates/t@1", "title": "x"}, "updateMask": "title",
    });
    let http = rules(&update)[0].request(&update, &request);
    assert_eq!(http.target, "/v1/customers/c/profiles/p/scorecardTemplates/t%401");
    assert_eq!(http.body, Some(serde_json::json!({"scorecardTemplate": {"title": "x"}, "updateMask": "title"})));
}
