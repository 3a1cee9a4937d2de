//! Writes Rust for what the descriptors already say, so that nobody types it: shape checks from field behaviours and
//! resource references, mask paths, accessors of requests and resources, the table of RPCs with who may call them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use heck::{ToShoutySnakeCase, ToSnakeCase, ToUpperCamelCase};
use prost_reflect::{
    Cardinality, DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, MethodDescriptor, Value,
};

type Fallible<T> = Result<T, Box<dyn std::error::Error>>;

const BEHAVIOR: &str = "google.api.field_behavior";
const REFERENCE: &str = "google.api.resource_reference";
const RESOURCE: &str = "google.api.resource";
const HTTP: &str = "google.api.http";
const ACCESS: &str = "coaching.access.v1.access";
const USER: &str = "cresta.v1.user.User";

/// The whole generated file.
pub(crate) fn generate(pool: &DescriptorPool) -> Fallible<String> {
    let mut out = String::new();
    let scopes = scopes(pool)?;
    let showing = showing(pool);
    for message in pool.all_messages().filter(|m| ours(m.package_name()) && !m.is_map_entry()) {
        fields(&mut out, &message)?;
        if let Some(resource) = option(message.options(), pool, RESOURCE) {
            described(&mut out, &message, &resource)?;
        }
        carries(&mut out, &message)?;
        shows(&mut out, &message, &showing)?;
        if message.name().ends_with("Request") && message.parent_message().is_none() {
            asks(&mut out, &message, scopes.get(message.full_name()))?;
        }
    }
    rpcs(&mut out, pool)?;
    Ok(out)
}

fn ours(package: &str) -> bool {
    package.starts_with("cresta.") || package.starts_with("coaching.")
}

/// Rust path of a message from the root of the generated modules.
fn path(message: &MessageDescriptor) -> String {
    match message.parent_message() {
        Some(parent) => {
            let mut modules: Vec<String> = path(&parent).split("::").map(str::to_owned).collect();
            if let Some(last) = modules.last_mut() {
                *last = last.to_snake_case();
            }
            format!("{}::{}", modules.join("::"), message.name().to_upper_camel_case())
        }
        None => format!(
            "crate::pb::{}::{}",
            message.package_name().replace('.', "::"),
            message.name().to_upper_camel_case()
        ),
    }
}

fn ident(field: &str) -> String {
    match field {
        "type" | "ref" | "match" | "use" | "in" | "move" => format!("r#{field}"),
        _ => field.to_owned(),
    }
}

fn option(options: DynamicMessage, pool: &DescriptorPool, name: &str) -> Option<Value> {
    let extension = pool.get_extension_by_name(name)?;
    options.has_extension(&extension).then(|| options.get_extension(&extension).into_owned())
}

fn behaviors(field: &FieldDescriptor) -> Vec<String> {
    let pool = field.parent_pool();
    let Some(Value::List(list)) = option(field.options(), pool, BEHAVIOR) else { return Vec::new() };
    let Some(names) = pool.get_enum_by_name("google.api.FieldBehavior") else { return Vec::new() };
    list.iter().filter_map(|v| Some(names.get_value(v.as_enum_number()?)?.name().to_owned())).collect()
}

fn reference(field: &FieldDescriptor) -> Option<String> {
    let value = option(field.options(), field.parent_pool(), REFERENCE)?;
    let message = value.as_message()?;
    ["type", "child_type"].iter().find_map(|key| {
        let text = message.get_field_by_name(key)?.as_str()?.to_owned();
        // `*` is a name of any type: the method tells which ones it takes.
        (!text.is_empty() && text != "*").then(|| if *key == "type" { text } else { format!("parent:{text}") })
    })
}

/// Most values of a filter.
const VALUES: usize = 100;
/// Most agents that one question is about, where it is no listing: a large team.
const AGENTS: usize = 1_000;

/// Whether the lists of a message are filters: those of the requests that look for things.
fn filters(message: &MessageDescriptor) -> bool {
    let verbs = ["List", "Retrieve", "Suggest", "Export", "StreamExport"];
    message.parent_message().is_none()
        && message.name().ends_with("Request")
        && verbs.iter().any(|verb| message.name().starts_with(verb))
}

/// `impl Fields`: what every message can say of its own fields.
fn fields(out: &mut String, message: &MessageDescriptor) -> Fallible<()> {
    let [mut clear, mut check, mut changed, mut copy, mut populated]: [String; 5] = Default::default();
    let limits = filters(message);
    for field in message.fields() {
        let behaviors = behaviors(&field);
        let has = |name: &str| behaviors.iter().any(|b| b == name);
        if let Some(oneof) = field.containing_oneof().filter(|o| !o.is_synthetic()) {
            let slot = ident(oneof.name());
            let pattern = format!("Some({}(value))", variant(message, oneof.name(), &field));
            let any = pattern.replace("(value)", "(_)");
            check_value(&mut check, &field, &format!("if let {pattern} = &self.{slot}"), "value")?;
            if is_ours(&field) {
                writeln!(clear, "if let {pattern} = &mut self.{slot} {{ value.clear_output_only(); }}")?;
            }
            writeln!(
                copy,
                "[{}] => {{ if matches!(from.{slot}, {any}) {{ self.{slot} = from.{slot}.clone(); }} else if matches!(self.{slot}, {any}) {{ self.{slot} = None; }} true }}",
                spellings(&field)
            )?;
            writeln!(populated, "if matches!(self.{slot}, {any}) {{ names.push({:?}); }}", field.name())?;
            continue;
        }
        let member = format!("self.{}", ident(field.name()));
        let source = format!("from.{}", ident(field.name()));
        if has("OUTPUT_ONLY") {
            writeln!(clear, "{member} = Default::default();")?;
            writeln!(copy, "[{}, ..] => true,", spellings(&field))?;
            continue;
        }
        if has("REQUIRED") {
            let unset = if field.is_list() || matches!(field.kind(), Kind::String | Kind::Bytes) {
                Some(format!("{member}.is_empty()"))
            } else if field.supports_presence() {
                Some(format!("{member}.is_none()"))
            } else if matches!(field.kind(), Kind::Enum(_)) {
                Some(format!("{member} == 0"))
            } else {
                None // a number or bool without presence cannot be told from its default
            };
            if let Some(unset) = unset {
                writeln!(check, "if {unset} {{ faults.required(at, {:?}); }}", field.json_name())?;
            }
        }
        if has("IMMUTABLE") {
            writeln!(changed, "if {member} != old.{} {{ names.push({:?}); }}", ident(field.name()), field.json_name())?;
        }
        // The standard methods check a resource that a request carries, once it is whole, and a batch its resources; what
        // they refer to is told as it was sent.
        if field.is_list() {
            if limits {
                let most = if field.name() == "agent_user_names" && !message.name().starts_with("List") {
                    AGENTS
                } else {
                    VALUES
                };
                writeln!(check, "faults.few(&At::new(at, {:?}, None), {member}.len(), {most});", field.json_name())?;
            }
            let list = match carried(message, &field) {
                true => format!("(if faults.follows() {{ &{member}[..] }} else {{ &[] }})"),
                false => member.clone(),
            };
            check_value(&mut check, &field, &format!("for (index, value) in {list}.iter().enumerate()"), "value")?;
            if is_ours(&field) {
                writeln!(clear, "for value in &mut {member} {{ value.clear_output_only(); }}")?;
            }
        } else if carried(message, &field) {
            let guard = format!("if faults.follows() && let Some(value) = &{member}");
            check_value(&mut check, &field, &guard, "value")?;
            writeln!(clear, "if let Some(value) = &mut {member} {{ value.clear_output_only(); }}")?;
        } else if field.supports_presence() {
            check_value(&mut check, &field, &format!("if let Some(value) = &{member}"), "value")?;
            if is_ours(&field) {
                writeln!(clear, "if let Some(value) = &mut {member} {{ value.clear_output_only(); }}")?;
            }
        } else {
            check_value(&mut check, &field, "", &format!("&{member}"))?;
        }
        writeln!(copy, "[{}] => {{ {member} = {source}.clone(); true }}", spellings(&field))?;
        if is_ours(&field) && !field.is_list() {
            writeln!(
                copy,
                "[{}, rest @ ..] => match &{source} {{ Some(value) => {member}.get_or_insert_default().copy_path(value, rest), None => {member}.get_or_insert_default().copy_path(&Default::default(), rest) }},",
                spellings(&field)
            )?;
        }
        writeln!(populated, "if set(&{member}) {{ names.push({:?}); }}", field.name())?;
    }
    // What a message has nothing to say of is left to the trait's default.
    writeln!(out, "impl Fields for {} {{", path(message))?;
    if !clear.is_empty() {
        writeln!(out, "fn clear_output_only(&mut self) {{ {clear} }}")?;
    }
    if !check.is_empty() {
        writeln!(out, "fn check(&self, at: &At<'_>, faults: &mut Faults) {{ {check} }}")?;
    }
    if !changed.is_empty() {
        writeln!(
            out,
            "fn changed_immutable(&self, old: &Self) -> Vec<&'static str> {{ let mut names = Vec::new(); {changed} names }}"
        )?;
    }
    if !copy.is_empty() {
        writeln!(
            out,
            "fn copy_path(&mut self, from: &Self, path: &[&str]) -> bool {{ match path {{ {copy} _ => false }} }}"
        )?;
    }
    if !populated.is_empty() {
        writeln!(out, "fn populated(&self) -> Vec<&'static str> {{ let mut names = Vec::new(); {populated} names }}")?;
    }
    writeln!(out, "}}")?;
    Ok(())
}

/// Whether this is the resource that a request carries, or the resources of a batch.
fn carried(message: &MessageDescriptor, field: &FieldDescriptor) -> bool {
    let resource = |m: &MessageDescriptor| option(m.options(), m.parent_pool(), RESOURCE).is_some();
    message.name().ends_with("Request") && matches!(field.kind(), Kind::Message(m) if resource(&m))
}

fn is_ours(field: &FieldDescriptor) -> bool {
    !field.is_map() && matches!(field.kind(), Kind::Message(m) if ours(m.package_name()))
}

/// Both spellings of a field as a slice pattern's alternative.
fn spellings(field: &FieldDescriptor) -> String {
    if field.name() == field.json_name() {
        format!("{:?}", field.name())
    } else {
        format!("{:?} | {:?}", field.name(), field.json_name())
    }
}

fn check_value(out: &mut String, field: &FieldDescriptor, guard: &str, value: &str) -> Fallible<()> {
    let json = field.json_name();
    let index = if field.cardinality() == Cardinality::Repeated { "Some(index)" } else { "None" };
    let statement = match field.kind() {
        _ if field.is_map() => return Ok(()),
        Kind::Message(m) if ours(m.package_name()) => {
            format!("{value}.check(&At::new(at, {json:?}, {index}), faults);")
        }
        Kind::Message(m) if m.full_name() == "google.protobuf.Timestamp" => {
            format!("faults.timestamp(&At::new(at, {json:?}, {index}), {value});")
        }
        Kind::Float => format!("faults.finite(&At::new(at, {json:?}, {index}), f64::from(*{value}));"),
        Kind::Double => format!("faults.finite(&At::new(at, {json:?}, {index}), *{value});"),
        Kind::Enum(kind) => {
            let known: Vec<String> = kind.values().map(|v| v.number().to_string()).collect();
            format!(
                "if !matches!(*{value}, {}) {{ faults.unknown_enum(&At::new(at, {json:?}, {index}), *{value}); }}",
                known.join(" | ")
            )
        }
        Kind::String => match reference(field) {
            Some(kind) => format!("faults.name(&At::new(at, {json:?}, {index}), {kind:?}, {value});"),
            None => return Ok(()),
        },
        _ => return Ok(()),
    };
    if guard.is_empty() {
        writeln!(out, "{statement}")?;
    } else {
        writeln!(out, "{guard} {{ {statement} }}")?;
    }
    Ok(())
}

/// `impl Described`: what a resource says of itself.
fn described(out: &mut String, message: &MessageDescriptor, resource: &Value) -> Fallible<()> {
    let text = |key: &str| resource.as_message().and_then(|m| Some(m.get_field_by_name(key)?.as_str()?.to_owned()));
    let etag = if message.get_field_by_name("etag").is_some() {
        "fn etag(&self) -> &str { &self.etag } fn set_etag(&mut self, etag: String) { self.etag = etag; }"
    } else {
        "fn etag(&self) -> &str { \"\" } fn set_etag(&mut self, _etag: String) {}"
    };
    let differing = differing(message)?;
    writeln!(
        out,
        "impl Described for {} {{ const TYPE: &'static str = {:?}; const SINGULAR: &'static str = {:?}; const PLURAL: &'static str = {:?};
fn name(&self) -> &str {{ &self.name }} fn set_name(&mut self, name: String) {{ self.name = name; }} {etag}
fn differing(&self, old: &Self) -> Vec<&'static str> {{ let mut names = Vec::new(); {differing} names }} }}",
        path(message),
        text("type").unwrap_or_default(),
        text("singular").unwrap_or_default(),
        text("plural").unwrap_or_default(),
    )?;
    Ok(())
}

/// One statement for each field but the etag, which follows from the others.
fn differing(message: &MessageDescriptor) -> Fallible<String> {
    let mut out = String::new();
    for field in message.fields().filter(|field| field.name() != "etag") {
        let oneof = field.containing_oneof().filter(|oneof| !oneof.is_synthetic());
        let (member, held) = match oneof {
            Some(oneof) => {
                let pattern = format!("Some({}(_))", variant(message, oneof.name(), &field));
                let slot = ident(oneof.name());
                (slot.clone(), format!(" && (matches!(self.{slot}, {pattern}) || matches!(old.{slot}, {pattern}))"))
            }
            None => (ident(field.name()), String::new()),
        };
        writeln!(out, "if self.{member} != old.{member}{held} {{ names.push({:?}); }}", field.name())?;
    }
    Ok(out)
}

/// Rust path of a member of a oneof.
fn variant(message: &MessageDescriptor, oneof: &str, field: &FieldDescriptor) -> String {
    let mut modules: Vec<String> = path(message).split("::").map(str::to_owned).collect();
    if let Some(last) = modules.last_mut() {
        *last = last.to_snake_case();
    }
    format!("{}::{}::{}", modules.join("::"), oneof.to_upper_camel_case(), field.name().to_upper_camel_case())
}

/// `impl Carries<R>` for requests and responses that hold exactly one resource.
fn carries(out: &mut String, message: &MessageDescriptor) -> Fallible<()> {
    if !(message.name().ends_with("Request") || message.name().ends_with("Response")) {
        return Ok(());
    }
    let held: Vec<_> = message
        .fields()
        .filter(|f| !f.is_list())
        .filter_map(|f| match f.kind() {
            Kind::Message(m) if option(m.options(), m.parent_pool(), RESOURCE).is_some() => Some((f, m)),
            _ => None,
        })
        .collect();
    if let [(field, resource)] = held.as_slice() {
        let member = ident(field.name());
        writeln!(
            out,
            "impl Carries<{resource}> for {message} {{ const FIELD: &'static str = {json:?};
fn take(&mut self) -> Option<{resource}> {{ self.{member}.take() }}
fn with(resource: {resource}) -> Self {{ #[allow(clippy::needless_update)] Self {{ {member}: Some(resource), ..Default::default() }} }} }}",
            resource = path(resource),
            message = path(message),
            json = field.json_name(),
        )?;
    }
    Ok(())
}

/// Messages that are a user, or hold one somewhere below.
fn showing(pool: &DescriptorPool) -> BTreeSet<String> {
    let mut showing = BTreeSet::from([USER.to_owned()]);
    loop {
        let holds =
            |field: FieldDescriptor| matches!(field.kind(), Kind::Message(m) if showing.contains(m.full_name()));
        let more: Vec<String> = pool
            .all_messages()
            .filter(|m| !showing.contains(m.full_name()) && m.fields().any(holds))
            .map(|m| m.full_name().to_owned())
            .collect();
        if more.is_empty() {
            return showing;
        }
        showing.extend(more);
    }
}

/// `impl Shows`, for what is answered and what that is made of.
fn shows(out: &mut String, message: &MessageDescriptor, showing: &BTreeSet<String>) -> Fallible<()> {
    if !showing.contains(message.full_name()) {
        if message.name().ends_with("Response") {
            writeln!(out, "impl Shows for {} {{}}", path(message))?;
        }
        return Ok(());
    }
    if message.name().ends_with("Request") {
        return Ok(());
    }
    let (mut users, mut oneofs) = (String::new(), BTreeMap::new());
    if message.full_name() == USER {
        users.push_str("found.push(self);");
    }
    for field in message.fields() {
        if !matches!(field.kind(), Kind::Message(m) if showing.contains(m.full_name())) {
            continue;
        }
        if field.is_map() {
            let why = "users in maps are not filled: teach build/described.rs";
            return Err(format!("{}: {why}", field.full_name()).into());
        }
        if let Some(oneof) = field.containing_oneof().filter(|oneof| !oneof.is_synthetic()) {
            let (variant, slot) = (variant(message, oneof.name(), &field), ident(oneof.name()));
            let arms: &mut String = oneofs.entry(slot).or_default();
            write!(arms, "Some({variant}(value)) => value.users(found), ")?;
            continue;
        }
        let member = format!("&mut self.{}", ident(field.name()));
        if field.is_list() {
            writeln!(users, "for value in {member} {{ value.users(found); }}")?;
        } else {
            writeln!(users, "if let Some(value) = {member} {{ value.users(found); }}")?;
        }
    }
    for (slot, arms) in oneofs {
        writeln!(users, "match &mut self.{slot} {{ {arms} _ => {{}} }}")?;
    }
    writeln!(
        out,
        "impl Shows for {} {{ const USERS: bool = true; fn users<'m>(&'m mut self, found: &mut Vec<&'m mut User>) {{ {users} }} }}",
        path(message)
    )?;
    Ok(())
}

/// `impl Asks`: the fields that requests share, and the name that the request's path is about.
fn asks(out: &mut String, message: &MessageDescriptor, scope: Option<&String>) -> Fallible<()> {
    let text = |name: &str| message.get_field_by_name(name).is_some_and(|f| f.kind() == Kind::String && !f.is_list());
    write!(out, "impl Asks for {} {{ ", path(message))?;
    if let Some(scope) = scope {
        match scope.split_once('.') {
            None => write!(
                out,
                "fn scope(&self) -> &str {{ &self.{} }} const SCOPE: &'static str = {:?}; ",
                ident(scope),
                json_path(scope)
            )?,
            Some((outer, inner)) => write!(
                out,
                "fn scope(&self) -> &str {{ self.{outer}.as_ref().map_or(\"\", |held| &held.{inner}) }} const SCOPE: &'static str = {:?}; ",
                json_path(scope)
            )?,
        }
    }
    if text("etag") {
        write!(out, "fn etag(&self) -> &str {{ &self.etag }} ")?;
    }
    if message.get_field_by_name("update_mask").is_some() {
        write!(out, "fn update_mask(&self) -> Option<&prost_types::FieldMask> {{ self.update_mask.as_ref() }} ")?;
    }
    if text("page_token") {
        write!(
            out,
            "fn page_size(&self) -> i32 {{ self.page_size }} fn page_token(&self) -> &str {{ &self.page_token }} \
             fn clear_page(&mut self) {{ self.page_size = 0; self.page_token.clear(); }} "
        )?;
    }
    writeln!(out, "}}")?;
    Ok(())
}

fn json_path(scope: &str) -> String {
    let camel = |part: &str| {
        let upper = part.to_upper_camel_case();
        let (first, rest) = upper.split_at(1);
        first.to_lowercase() + rest
    };
    scope.split('.').map(camel).collect::<Vec<_>>().join(".")
}

/// Request message → field path of the variable in its HTTP path.
fn scopes(pool: &DescriptorPool) -> Fallible<BTreeMap<String, String>> {
    let mut scopes = BTreeMap::new();
    for method in our_methods(pool) {
        let Some(rule) = option(method.options(), pool, HTTP) else { continue };
        let rule = rule.as_message().ok_or("google.api.http is not a message")?;
        let template = ["get", "post", "put", "patch", "delete"]
            .iter()
            .filter(|verb| rule.has_field_by_name(verb))
            .find_map(|verb| Some(rule.get_field_by_name(verb)?.as_str()?.to_owned()))
            .ok_or_else(|| format!("{} has no HTTP path", method.full_name()))?;
        let variable = template
            .split_once('{')
            .and_then(|(_, rest)| rest.split(['=', '}']).next())
            .ok_or_else(|| format!("{} names no resource in its path", method.full_name()))?;
        scopes.insert(method.input().full_name().to_owned(), variable.to_owned());
    }
    Ok(scopes)
}

fn our_methods(pool: &DescriptorPool) -> impl Iterator<Item = MethodDescriptor> + '_ {
    pool.services().filter(|s| ours(s.package_name())).flat_map(|s| s.methods().collect::<Vec<_>>())
}

/// The table of RPCs. One that does not say who may call it does not compile.
fn rpcs(out: &mut String, pool: &DescriptorPool) -> Fallible<()> {
    let (mut constants, mut all) = (String::new(), String::new());
    for method in our_methods(pool) {
        let access = option(method.options(), pool, ACCESS)
            .ok_or_else(|| format!("{} does not say who may call it: add option ({ACCESS})", method.full_name()))?;
        let access = access.as_message().ok_or("access is not a message")?;
        let roles = access.get_field_by_name("roles").and_then(|v| Some(v.as_list()?.to_vec())).unwrap_or_default();
        if roles.is_empty() {
            return Err(format!("{} may be called by nobody", method.full_name()).into());
        }
        let roles: Vec<String> = roles.iter().filter_map(|v| v.as_enum_number()).map(|n| n.to_string()).collect();
        let writes = access.get_field_by_name("writes").and_then(|v| v.as_bool()).unwrap_or(false);
        let constant = method.name().to_shouty_snake_case();
        writeln!(
            constants,
            "/// `{full}`.\npub const {constant}: &Rpc = &Rpc {{ path: \"/{service}/{name}\", name: {name:?}, roles: &[{roles}], writes: {writes} }};",
            full = method.full_name(),
            service = method.parent_service().full_name(),
            name = method.name(),
            roles = roles.join(", "),
        )?;
        write!(all, "{constant}, ")?;
    }
    writeln!(
        out,
        "/// Every RPC of ours.\npub mod rpc {{ use super::Rpc;\n{constants}\n/// All of them.\npub const ALL: &[&Rpc] = &[{all}]; }}"
    )?;
    Ok(())
}

/// Resource type → name pattern, from `google.api.resource` and `google.api.resource_definition`.
pub(crate) fn patterns(pool: &DescriptorPool) -> String {
    let mut patterns: BTreeMap<String, String> = BTreeMap::new();
    let mut add = |value: &Value| {
        let message = value.as_message()?;
        let kind = message.get_field_by_name("type")?.as_str()?.to_owned();
        let pattern = message.get_field_by_name("pattern")?.as_list()?.first()?.as_str()?.to_owned();
        patterns.insert(kind, pattern);
        Some(())
    };
    for message in pool.all_messages() {
        if let Some(resource) = option(message.options(), pool, RESOURCE) {
            add(&resource);
        }
    }
    for file in pool.files() {
        if let Some(Value::List(list)) = option(file.options(), pool, "google.api.resource_definition") {
            list.iter().for_each(|value| {
                add(value);
            });
        }
    }
    format!("&{:?}", patterns.iter().collect::<Vec<_>>())
}
