//! `google.protobuf.Any` in JSON: `{"@type": url, …fields}`, or `{"@type": url, "value": …}` for a message that has a JSON
//! form of its own. The type comes from the descriptor pool and may stand anywhere in the object.

use serde::de::value::MapDeserializer;
use serde::de::{Error as _, IgnoredAny, MapAccess};
use serde_json::value::RawValue;

use super::path::Step;
use super::read::{Level, Reader};
use super::visit::{One, drain_map};
use crate::rest::plan::{MessageId, Shape};
use crate::rest::wire;

impl Reader<'_> {
    /// Reads the members of an `Any`; its tag and length are the caller's.
    pub(super) fn any<'de, A: MapAccess<'de>>(&mut self, mut map: A) -> Result<(), A::Error> {
        let Some(first) = map.next_key::<String>()? else { return Ok(()) };
        if first == "@type" {
            // Read as raw JSON, so that a wrong type is a complaint and not a fault of syntax.
            let url: Box<RawValue> = map.next_value()?;
            return match self.any_type(Some(&url)) {
                Some(id) => self.any_content(id, map),
                None => drain_map(map),
            };
        }
        // The type comes later: keep the members as text until it is known.
        let mut members: Vec<(String, Box<RawValue>)> = vec![(first, map.next_value()?)];
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        let url = members.iter().position(|(name, _)| name == "@type").map(|at| members.remove(at).1);
        let Some(id) = self.any_type(url.as_deref()) else { return Ok(()) };
        let members = MapDeserializer::new(members.iter().map(|(name, value)| (name.as_str(), &**value)));
        self.any_content(id, members).map_err(|error: serde_json::Error| A::Error::custom(error))
    }

    /// Resolves and writes the type URL.
    fn any_type(&mut self, url: Option<&RawValue>) -> Option<MessageId> {
        self.path.push(Step::Field("@type"));
        let found = match url.map(|raw| serde_json::from_str::<String>(raw.get())) {
            None => Err("is required".to_owned()),
            Some(Err(_)) => Err("must be a type URL".to_owned()),
            Some(Ok(url)) => match url.rsplit_once('/').and_then(|(_, name)| self.plans.id(name)) {
                Some(id) => Ok((url, id)),
                None => Err("names no known type; it looks like \"type.googleapis.com/package.Message\"".to_owned()),
            },
        };
        let id = match found {
            Ok((url, id)) => {
                wire::put_bytes(&mut self.out, wire::tag(1, wire::LENGTH), url.as_bytes());
                Some(id)
            }
            Err(description) => {
                self.complain(description);
                None
            }
        };
        self.path.pop();
        id
    }

    fn any_content<'de, A: MapAccess<'de>>(&mut self, id: MessageId, mut map: A) -> Result<(), A::Error> {
        let Some(start) = self.begin(wire::tag(2, wire::LENGTH)) else { return drain_map(map) };
        let plan = &self.plans.messages[id];
        // An `Empty` is written plainly by some libraries and as a `value` by others: take both.
        let empty = &*plan.name == "google.protobuf.Empty";
        if matches!(plan.shape, Shape::Plain | Shape::HttpBody) && !empty {
            self.message(id, Level::Inner, map)?;
        } else {
            let mut given = empty;
            while let Some(name) = map.next_key::<String>()? {
                let known = name == "value";
                self.path.push(Step::Key(name));
                if known {
                    map.next_value_seed(One::bare(id, self))?;
                    given = true;
                } else {
                    self.complain("is not a field of this message");
                    map.next_value::<IgnoredAny>()?;
                }
                self.path.pop();
            }
            if !given {
                self.path.push(Step::Field("value"));
                self.complain("is required for this type");
                self.path.pop();
            }
        }
        self.end(start);
        Ok(())
    }
}
