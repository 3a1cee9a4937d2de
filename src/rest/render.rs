//! One answer of the service as an HTTP body: JSON, one field's JSON, or the bytes of a `google.api.HttpBody`.

use bytes::Bytes;

use super::bind::{Route, Whole};
use super::json::write::{Unwritable, Writer, bytes_of};
use super::plan::Plans;
use super::wire::Cursor;

/// Appends the JSON that the rule's `response_body` asks for.
pub(crate) fn json(route: &Route, plans: &Plans, message: &[u8], out: Vec<u8>) -> Result<Vec<u8>, Unwritable> {
    let mut writer = Writer::new(plans, out);
    match route.reply {
        Whole::Message => writer.json(route.output, message)?,
        Whole::Field(at) => writer.json_field(plans.messages[route.output].field(at), message)?,
    }
    Ok(writer.out)
}

/// Content type and data (google/api/httpbody.proto), the data as a slice of the message.
pub(crate) fn http_body(route: &Route, plans: &Plans, message: &Bytes) -> Result<(Bytes, Bytes), Unwritable> {
    let body = match route.reply {
        Whole::Message => message.clone(),
        Whole::Field(at) => last(message, plans.messages[route.output].field(at).number)?,
    };
    Ok((last(&body, 1)?, last(&body, 2)?))
}

/// The last bytes that a field was given.
fn last(message: &Bytes, number: u32) -> Result<Bytes, Unwritable> {
    let mut found = Bytes::new();
    let mut cursor = Cursor(message);
    while let Some((other, raw)) = cursor.field()? {
        if other == number {
            found = match bytes_of(raw) {
                [] => Bytes::new(),
                bytes => message.slice_ref(bytes),
            };
        }
    }
    Ok(found)
}
