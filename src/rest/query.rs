//! Query parameters to fields of the request (google/api/http.proto, "Rules for HTTP mapping").
//!
//! A parameter is a field path in proto or JSON names; lists are given many times. What the path or body binds is
//! refused, and so are unknown parameters, except the system parameters of Google's APIs, which are ignored.

use super::bind::{Route, Whole};
use super::escape::decode_query;
use super::json::path::Step;
use super::json::read::Reader;
use super::plan::{Card, Kind, MessageId, Plans, Shape};

/// Taken and ignored (cloud.google.com/apis/docs/system-parameters), `prettyPrint` excepted; `$`-forms too.
const SYSTEM: [&str; 4] = ["alt", "fields", "key", "prettyPrint"];

/// What the query asks of the transcoder itself.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    pub(crate) pretty: bool,
    /// It holds the update mask.
    pub(crate) masked: bool,
}

/// Why a parameter is not taken.
const UNKNOWN: &str = "is not a parameter of this method";
const IN_BODY: &str = "belongs in the body, not in the query";

/// Appends every parameter to the reader's request; complaints go there too.
pub(crate) fn read<'p>(reader: &mut Reader<'p>, route: &'p Route, query: &str) -> Asked {
    let mut asked = Asked::default();
    let mut seen = Seen::default();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (Ok(name), Ok(value)) = (decode_query(name), decode_query(value)) else {
            complain(reader, name, "has a bad percent-encoding");
            continue;
        };
        let path = match field_path(reader.plans, route.input, &name) {
            Ok(path) => path,
            Err(_) if SYSTEM.contains(&&*name) || name.starts_with('$') => {
                asked.pretty |= name.ends_with("prettyPrint") && value != "false";
                continue;
            }
            Err(problem) => {
                complain(reader, &name, problem);
                continue;
            }
        };
        let mask = route.mask.is_some_and(|mask| path == [mask]);
        if let Err(problem) = allowed(route, &path, mask && !reader.watch.masked) {
            complain(reader, &name, problem);
        } else if let Err(problem) = seen.add(reader.plans, route.input, &path) {
            complain(reader, &name, problem);
        } else {
            asked.masked |= mask && !value.is_empty();
            reader.text(route.input, &path, &value);
        }
    }
    asked
}

fn complain(reader: &mut Reader<'_>, name: &str, problem: &str) {
    reader.path.push(Step::Parameter(name.to_owned()));
    reader.complain(problem);
    reader.path.pop();
}

/// Indexes of the fields that a name leads through.
fn field_path(plans: &Plans, mut id: MessageId, name: &str) -> Result<Vec<u16>, &'static str> {
    let mut path = Vec::new();
    let mut names = name.split('.').peekable();
    while let Some(name) = names.next() {
        let at = plans.messages[id].named(name).ok_or(UNKNOWN)?;
        let field = plans.messages[id].field(at);
        path.push(at);
        match (field.card, field.kind) {
            (Card::Map { .. }, _) => return Err("is a map, which a query cannot hold"),
            (_, kind) if names.peek().is_none() => {
                return if plans.is_text(kind) { Ok(path) } else { Err("is a message: name one of its fields") };
            }
            (Card::Repeated { .. }, _) => return Err("is a list of messages, which a query cannot hold"),
            (_, Kind::Message(inner)) if plans.messages[inner].shape == Shape::Plain => id = inner,
            _ => return Err(UNKNOWN),
        }
    }
    Err(UNKNOWN)
}

/// A PATCH's mask may stand in the query even where the body is `*`: AIP-134's clients send it there.
fn allowed(route: &Route, path: &[u16], mask: bool) -> Result<(), &'static str> {
    if route.variables.iter().any(|variable| variable.path == path) {
        return Err("is given by the path already");
    }
    match route.body {
        Some(Whole::Message) if !mask => Err(IN_BODY),
        Some(Whole::Field(at)) if path.first() == Some(&at) => Err(IN_BODY),
        _ => Ok(()),
    }
}

/// What may not come twice.
#[derive(Default)]
struct Seen {
    singular: Vec<Vec<u16>>,
    oneofs: Vec<(Vec<u16>, u16)>,
}

impl Seen {
    fn add(&mut self, plans: &Plans, mut id: MessageId, path: &[u16]) -> Result<(), &'static str> {
        for (depth, at) in path.iter().enumerate() {
            let field = plans.messages[id].field(*at);
            let last = depth + 1 == path.len();
            if last && matches!(field.card, Card::Singular { .. }) {
                if self.singular.iter().any(|other| other == path) {
                    return Err("is given twice");
                }
                self.singular.push(path.to_vec());
            }
            if let Some(oneof) = field.oneof {
                // Another parameter may lead through the same member: `a.x=1&a.y=2`.
                let clash = self
                    .oneofs
                    .iter()
                    .any(|(other, known)| *known == oneof && other[..depth] == path[..depth] && other[depth] != *at);
                if clash {
                    return Err("excludes another field of the same oneof that is set too");
                }
                self.oneofs.push((path[..=depth].to_vec(), oneof));
            }
            if let Kind::Message(inner) = field.kind {
                id = inner;
            }
        }
        Ok(())
    }
}
