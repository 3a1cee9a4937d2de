//! What a line says: a JSON object with one member, whose name is the kind and whose value is the record.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use prost::Message;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::api::behavior::Described;
use crate::error::{Error, FieldViolation};
use crate::names::Name;
use crate::pb::coaching::directory::v1::{Conversation, DirectoryUser, Group, Team, Usecase};
use crate::rest::json::Codec;

/// What the directory holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    User,
    Group,
    Team,
    Usecase,
    Conversation,
}

impl Kind {
    const ALL: [Self; 5] = [Self::User, Self::Group, Self::Team, Self::Usecase, Self::Conversation];

    /// Its name in a line.
    pub(super) fn singular(self) -> &'static str {
        match self {
            Self::User => DirectoryUser::SINGULAR,
            Self::Group => Group::SINGULAR,
            Self::Team => Team::SINGULAR,
            Self::Usecase => Usecase::SINGULAR,
            Self::Conversation => Conversation::SINGULAR,
        }
    }

    /// Its field in a batch.
    pub(super) fn plural(self) -> &'static str {
        match self {
            Self::User => DirectoryUser::PLURAL,
            Self::Group => Group::PLURAL,
            Self::Team => Team::PLURAL,
            Self::Usecase => Usecase::PLURAL,
            Self::Conversation => Conversation::PLURAL,
        }
    }

    fn resource_type(self) -> &'static str {
        match self {
            Self::User => DirectoryUser::TYPE,
            Self::Group => Group::TYPE,
            Self::Team => Team::TYPE,
            Self::Usecase => Usecase::TYPE,
            Self::Conversation => Conversation::TYPE,
        }
    }

    fn message(self) -> &'static str {
        match self {
            Self::User => "coaching.directory.v1.DirectoryUser",
            Self::Group => "coaching.directory.v1.Group",
            Self::Team => "coaching.directory.v1.Team",
            Self::Usecase => "coaching.directory.v1.Usecase",
            Self::Conversation => "coaching.directory.v1.Conversation",
        }
    }

    /// The record's name, and a user's username.
    fn names(self, wire: Bytes) -> Result<(String, String), prost::DecodeError> {
        Ok(match self {
            Self::User => DirectoryUser::decode(wire).map(|user| (user.name, user.username))?,
            Self::Group => (Group::decode(wire)?.name, String::new()),
            Self::Team => (Team::decode(wire)?.name, String::new()),
            Self::Usecase => (Usecase::decode(wire)?.name, String::new()),
            Self::Conversation => (Conversation::decode(wire)?.name, String::new()),
        })
    }
}

/// A line that can be sent.
#[derive(Debug)]
pub(super) struct Record {
    /// Number of the line.
    pub(super) line: u64,
    pub(super) kind: Kind,
    /// The customer or profile that its batch is sent to.
    pub(super) parent: String,
    pub(super) name: String,
    /// As usernames are compared; empty where there is none.
    pub(super) username: String,
    /// The message.
    pub(super) wire: Bytes,
    /// The line as it was.
    pub(super) text: Vec<u8>,
}

/// Why a line cannot be sent, and its kind where that much is known.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unreadable {
    pub(super) kind: Option<Kind>,
    pub(super) problem: String,
}

/// Reads a line that is not blank.
pub(super) fn read(codec: &Codec, line: u64, text: Vec<u8>) -> Result<Record, (Unreadable, Vec<u8>)> {
    match parsed(codec, &text) {
        Ok((kind, wire, parent, (name, username))) => {
            let username = username.chars().flat_map(char::to_lowercase).collect();
            Ok(Record { line, kind, parent, name, username, wire, text })
        }
        Err(unreadable) => Err((unreadable, text)),
    }
}

type Parsed = (Kind, Bytes, String, (String, String));

fn parsed(codec: &Codec, text: &[u8]) -> Result<Parsed, Unreadable> {
    let unreadable = |kind, problem| Unreadable { kind, problem };
    let Member(kind, value) = serde_json::from_slice(text).map_err(|error| unreadable(None, told(&error)))?;
    let of = |problem| unreadable(Some(kind), problem);
    let wire = codec.read(kind.message(), value.get().as_bytes()).map_err(|error| of(complaints(kind, &error)))?;
    let wire = Bytes::from(wire);
    let names = kind.names(wire.clone()).map_err(|error| of(error.to_string()))?;
    if names.0.is_empty() {
        return Err(of(format!("{}.name: is required", kind.singular())));
    }
    let name = Name::parse(kind.resource_type(), &names.0);
    let parent = name.map_err(|bad| of(format!("{}.name: {bad}", kind.singular())))?.parent();
    Ok((kind, wire, parent, names))
}

/// All that is wrong with it, by paths within the line.
fn complaints(kind: Kind, error: &Error) -> String {
    let at = |bad: &FieldViolation| match bad.field.as_str() {
        "" => format!("{}: {}", kind.singular(), bad.description),
        field => format!("{}.{field}: {}", kind.singular(), bad.description),
    };
    match error.violations() {
        [] => error.message().to_owned(),
        violations => violations.iter().map(at).collect::<Vec<_>>().join("; "),
    }
}

/// What serde says. Every line is "line 1" to it, which is not the number that people look for.
fn told(error: &serde_json::Error) -> String {
    let said = error.to_string();
    let column = format!(" at line {} column {}", error.line(), error.column());
    match said.strip_suffix(&column) {
        Some(said) if error.is_data() => said.to_owned(),
        Some(said) => format!("no JSON: {said} at column {}", error.column()),
        None => said,
    }
}

struct Member<'a>(Kind, &'a RawValue);

impl<'de> Deserialize<'de> for Member<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(OneMember)
    }
}

struct OneMember;

impl<'de> Visitor<'de> for OneMember {
    type Value = Member<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with one member: ")?;
        f.write_str(&Kind::ALL.map(Kind::singular).join(", "))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let Some(key) = map.next_key::<Cow<'de, str>>()? else { return Err(A::Error::invalid_length(0, &self)) };
        let value = map.next_value::<&'de RawValue>()?;
        if map.next_key::<Cow<'de, str>>()?.is_some() {
            return Err(A::Error::custom(format!("more than one member: a line is {}", Shown(&self))));
        }
        match Kind::ALL.into_iter().find(|kind| kind.singular() == key) {
            Some(kind) => Ok(Member(kind, value)),
            None => Err(A::Error::custom(format!("{key:?} is no kind: a line is {}", Shown(&self)))),
        }
    }
}

/// What is expected, as text.
struct Shown<'a>(&'a OneMember);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }
}

#[cfg(test)]
mod tests {
    use prost_reflect::DescriptorPool;

    use super::*;

    fn read(text: &str) -> Result<Record, Unreadable> {
        let pool = DescriptorPool::decode(crate::pb::DESCRIPTORS).unwrap();
        super::read(&Codec::new(&pool, 80), 7, text.into()).map_err(|(unreadable, _)| unreadable)
    }

    #[test]
    fn a_line_is_one_record_with_the_parent_of_its_name() {
        let user = read(r#"{"user": {"name": "customers/c/users/u", "username": "Uma", "roles": ["agent"]}}"#).unwrap();
        assert_eq!((user.line, user.kind, user.parent.as_str()), (7, Kind::User, "customers/c"));
        assert_eq!((user.name.as_str(), user.username.as_str()), ("customers/c/users/u", "uma"));
        assert_eq!(DirectoryUser::decode(user.wire).unwrap().roles, ["agent"]);
        let usecase = read(" {\"usecase\":{\"name\":\"customers/c/profiles/p/usecases/u\"}}\r").unwrap();
        assert_eq!((usecase.kind, usecase.parent.as_str()), (Kind::Usecase, "customers/c/profiles/p"));
    }

    #[test]
    fn what_is_wrong_with_a_line_is_told_by_its_paths() {
        let user = |inner: &str| format!(r#"{{"user": {{"name": "customers/c/users/u", {inner}}}}}"#);
        for (line, kind, problem) in [
            ("nonsense", None, "no JSON: expected ident at column 2"),
            ("{\"user\": {}", None, "no JSON: EOF while parsing an object at column 11"),
            ("[1]", None, "invalid type: sequence, expected an object with one member: user, group,"),
            ("{}", None, "invalid length 0, expected an object with one member: user,"),
            (r#"{"person": {}}"#, None, "\"person\" is no kind: a line is an object with one member: user,"),
            (r#"{"user": {}, "group": {}}"#, None, "more than one member: a line is an object"),
            (r#"{"user": {}}"#, Some(Kind::User), "user.name: is required"),
            (r#"{"group": {"name": "x"}}"#, Some(Kind::Group), "group.name: must have the form customers/"),
            (r#"{"team": 5}"#, Some(Kind::Team), "team: "),
            (&user(r#""roles": [1], "emial": "x""#), Some(Kind::User), "user.roles[0]: "),
            (&user(r#""emial": "x""#), Some(Kind::User), "user.emial: "),
        ] {
            let told = read(line).unwrap_err();
            assert!(told.kind == kind && told.problem.starts_with(problem), "{line}: {told:?}");
        }
        assert!(read(&user(r#""roles": [1], "emial": "x""#)).unwrap_err().problem.contains("; user.emial: "));
    }
}
