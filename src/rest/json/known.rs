//! The well-known types that have a JSON form of their own, from wire bytes.

use super::time;
use super::write::{Done, Unwritable, Writer, bytes_of};
use crate::rest::plan::{Kind, MessageId, Shape};
use crate::rest::wire::{Cursor, Raw};

impl Writer<'_> {
    pub(super) fn timestamp(&mut self, bytes: &[u8]) -> Done {
        let (seconds, nanos) = pair(bytes)?;
        self.out.push(b'"');
        if !time::put_timestamp(&mut self.out, seconds, nanos) {
            return Err(Unwritable::Range("Timestamp"));
        }
        self.out.push(b'"');
        Ok(())
    }

    pub(super) fn duration(&mut self, bytes: &[u8]) -> Done {
        let (seconds, nanos) = pair(bytes)?;
        self.out.push(b'"');
        if !time::put_duration(&mut self.out, seconds, nanos) {
            return Err(Unwritable::Range("Duration"));
        }
        self.out.push(b'"');
        Ok(())
    }

    /// `user_name` as `userName`; a path that would not come back the same has no JSON form (field_mask.proto).
    pub(super) fn mask(&mut self, bytes: &[u8]) -> Done {
        self.out.push(b'"');
        let start = self.out.len();
        let mut cursor = Cursor(bytes);
        while let Some((number, raw)) = cursor.field()? {
            if number != 1 {
                continue;
            }
            if self.out.len() > start {
                self.out.push(b',');
            }
            let mut raise = false;
            for byte in std::str::from_utf8(bytes_of(raw)).map_err(|_| Unwritable::NotUtf8)?.bytes() {
                match byte {
                    b'_' if !raise => raise = true,
                    b'a'..=b'z' if raise => {
                        self.out.push(byte.to_ascii_uppercase());
                        raise = false;
                    }
                    // Quotes and controls are in no field's name, and would need escaping here.
                    _ if raise || byte.is_ascii_uppercase() || matches!(byte, b'"' | b'\\' | 0..=0x1f) => {
                        return Err(Unwritable::Range("FieldMask"));
                    }
                    _ => self.out.push(byte),
                }
            }
            if raise {
                return Err(Unwritable::Range("FieldMask"));
            }
        }
        self.out.push(b'"');
        Ok(())
    }

    /// `google.protobuf.Value`: whichever of its six fields is set last; null if none is.
    pub(super) fn any_json(&mut self, id: MessageId, bytes: &[u8]) -> Done {
        let plan = &self.plans.messages[id];
        let mut last = None;
        let mut cursor = Cursor(bytes);
        while let Some((number, raw)) = cursor.field()? {
            if let Some(at) = plan.numbered(number) {
                last = Some((plan.field(at).kind, raw));
            }
        }
        match last {
            None => self.ascii("null"),
            Some((_, Raw::Fixed64(bits))) if !f64::from_bits(bits).is_finite() => Err(Unwritable::Range("Value")),
            Some((Kind::Message(_), raw)) if !matches!(raw, Raw::Bytes(_)) => Err(Unwritable::Malformed),
            Some((kind, raw)) => self.value(kind, raw),
        }
    }

    /// `{"@type": …}` with the fields beside it, or with `value` for a message that has a JSON form of its own.
    pub(crate) fn any(&mut self, bytes: &[u8]) -> Done {
        let (mut url, mut content) = (&[][..], &[][..]);
        let mut cursor = Cursor(bytes);
        while let Some((number, raw)) = cursor.field()? {
            match number {
                1 => url = bytes_of(raw),
                2 => content = bytes_of(raw),
                _ => {}
            }
        }
        let url = std::str::from_utf8(url).map_err(|_| Unwritable::NotUtf8)?;
        if url.is_empty() && content.is_empty() {
            return self.ascii("{}");
        }
        let id = url
            .rsplit_once('/')
            .and_then(|(_, name)| self.plans.id(name))
            .ok_or_else(|| Unwritable::UnknownType(url.to_owned()))?;
        self.ascii("{\"@type\":")?;
        super::text::quote(&mut self.out, url);
        let plain = matches!(self.plans.messages[id].shape, Shape::Plain | Shape::HttpBody);
        self.foreign(|writer| {
            if plain {
                writer.members(id, content, false)
            } else {
                writer.ascii(",\"value\":")?;
                writer.message(id, content)
            }
        })?;
        self.ascii("}")
    }
}

/// Seconds and nanoseconds, as `Timestamp` and `Duration` both number them.
fn pair(bytes: &[u8]) -> Result<(i64, i32), Unwritable> {
    let (mut seconds, mut nanos) = (0, 0);
    let mut cursor = Cursor(bytes);
    while let Some((number, raw)) = cursor.field()? {
        match (number, raw) {
            (1, Raw::Varint(value)) => seconds = value as i64,
            (2, Raw::Varint(value)) => nanos = value as i32,
            _ => {}
        }
    }
    Ok((seconds, nanos))
}
