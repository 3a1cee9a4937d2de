//! An HTTP request as the bytes of a gRPC one: body first, then query, then path. On the wire a later scalar wins and
//! pieces of a message merge, so the order alone lets the path have the last word.

use std::borrow::Cow;
use std::pin::pin;

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::request::Parts;
use http_body_util::BodyExt as _;

use super::Options;
use super::bind::{Bindings, Route, Whole};
use super::fail::Refusal;
use super::json::finish;
use super::json::read::{Bound, Level, Reader, Target};
use super::query::{self, Asked};
use super::router::Segments;
use super::wire;
use crate::error::{Code, Error, reason};

/// Reads a body of at most `limit` bytes; one that arrives in one piece is not copied.
pub(crate) async fn body<B: http_body::Body<Data = Bytes>>(
    parts: &Parts,
    body: B,
    limit: usize,
) -> Result<Bytes, Refusal> {
    let told = parts.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if told.is_some_and(|length| length > limit as u64) {
        return Err(Refusal::too_large(limit));
    }
    let mut body = pin!(body);
    let (mut first, mut joined) = (Bytes::new(), BytesMut::new());
    while let Some(frame) = body.frame().await {
        let broken =
            |_| Error::new(Code::InvalidArgument, reason::MALFORMED_JSON, "the body could not be read to its end");
        let Ok(data) = frame.map_err(broken)?.into_data() else { continue };
        if first.len() + joined.len() + data.len() > limit {
            return Err(Refusal::too_large(limit));
        }
        if first.is_empty() && joined.is_empty() {
            first = data;
        } else {
            if joined.is_empty() {
                joined.extend_from_slice(&std::mem::take(&mut first));
            }
            joined.extend_from_slice(&data);
        }
    }
    Ok(if joined.is_empty() { first } else { joined.freeze() })
}

/// `application/json`, `text/json` and `…+json`, with whatever parameters. `application/x-www-form-urlencoded` is what
/// `curl -d '{}'` says of anything, published examples included, so it passes and the body is read as the JSON that it must
/// be; a page elsewhere that could send it without asking is refused by its origin, in front. A body of nothing needs no
/// type.
fn check_type(parts: &Parts, body: &[u8]) -> Result<(), Refusal> {
    let Some(value) = parts.headers.get(CONTENT_TYPE).filter(|_| !body.is_empty()) else { return Ok(()) };
    let text = value.to_str().unwrap_or_default();
    let essence = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let known = matches!(essence.as_str(), "application/json" | "text/json" | "application/x-www-form-urlencoded");
    match known || essence.ends_with("+json") {
        true => Ok(()),
        false => Err(Refusal::not_json(text)),
    }
}

/// Makes the framed message.
pub(crate) fn message(
    bindings: &Bindings,
    route: &Route,
    options: &Options,
    parts: &Parts,
    segments: &Segments<'_>,
    body: &Bytes,
) -> Result<(Bytes, Asked), Refusal> {
    let values = variables(route, segments)?;
    let mut out = Vec::with_capacity(5 + body.len() + segments.path.len() + 64);
    out.extend_from_slice(&[0; 5]);
    let mut reader = Reader::new(&bindings.plans, out, super::bounded(options.max_depth));
    if let Some(whole) = route.body {
        watch(&mut reader, route, whole, &values);
        if route.raw_body {
            raw(&mut reader, route, whole, parts, body);
        } else {
            check_type(parts, body)?;
            json(&mut reader, route, whole, body)?;
        }
    }
    let asked = query::read(&mut reader, route, parts.uri.query().unwrap_or_default());
    if !asked.masked {
        infer_mask(&mut reader, route);
    }
    for (variable, value) in route.variables.iter().zip(&values) {
        reader.text(route.input, &variable.path, value);
    }
    finish(reader.violations, Ok(()))?;
    let mut out = reader.out;
    let length = out.len() - 5;
    // Eight bytes of double may come from two of JSON: the service's own limit would answer less clearly.
    let told = u32::try_from(length).ok().filter(|_| length <= options.max_body);
    let Some(told) = told else { return Err(Refusal::too_large(options.max_body)) };
    out[1..5].copy_from_slice(&told.to_be_bytes());
    Ok((out.into(), asked))
}

/// Values of the path's variables. In one of several segments an escaped slash stays escaped (http.proto), so that the
/// segments can still be told apart; a variable of one segment is decoded whole.
fn variables<'a>(route: &Route, segments: &Segments<'a>) -> Result<Vec<Cow<'a, str>>, Error> {
    let value = |variable: &super::bind::Variable| {
        let spans =
            segments.spans.get(variable.start..variable.end.unwrap_or(segments.spans.len())).unwrap_or_default();
        let text = match (spans.first(), spans.last()) {
            (Some((start, _)), Some((_, end))) => &segments.path[*start..*end],
            _ => "",
        };
        super::escape::decode(text, !variable.single).map_err(|_| bad_escape())
    };
    route.variables.iter().map(value).collect()
}

pub(crate) fn bad_escape() -> Error {
    Error::new(Code::InvalidArgument, reason::INVALID_REQUEST, "the path has a bad percent-encoding")
}

/// Tells the reader what to look out for: the resource's fields, the mask, and what the path binds.
fn watch<'p>(reader: &mut Reader<'p>, route: &'p Route, whole: Whole, values: &'p [Cow<'_, str>]) {
    reader.watch.resource = route.resource;
    reader.watch.mask = route.mask;
    for (variable, value) in route.variables.iter().zip(values) {
        let place = match (variable.path.as_slice(), whole) {
            ([at], Whole::Message) => Some((Level::Root, *at)),
            ([resource, at], _) if route.resource == Some(*resource) => Some((Level::Resource, *at)),
            _ => None,
        };
        reader.watch.bound.extend(place.map(|(level, at)| Bound { level, at, value }));
    }
}

fn json<'p>(reader: &mut Reader<'p>, route: &Route, whole: Whole, body: &[u8]) -> Result<(), Error> {
    if body.is_empty() {
        return Ok(());
    }
    let plans = reader.plans;
    let parsed = match whole {
        Whole::Message => reader.json(body, Target::Message(route.input)),
        Whole::Field(at) => {
            let level = if route.resource == Some(at) { Level::Resource } else { Level::Inner };
            reader.json(body, Target::Field(plans.messages[route.input].field(at), level))
        }
    };
    // Complaints about values wait for those about the query; broken syntax does not, as the rest was not read.
    finish(Vec::new(), parsed)
}

/// A `google.api.HttpBody`: the bytes as they came, and their type.
fn raw(reader: &mut Reader<'_>, route: &Route, whole: Whole, parts: &Parts, body: &[u8]) {
    let out = &mut reader.out;
    let start = match whole {
        Whole::Message => None,
        Whole::Field(at) => {
            wire::put_varint(out, reader.plans.messages[route.input].field(at).tag);
            Some(wire::open(out))
        }
    };
    if let Some(kind) = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()) {
        wire::put_bytes(out, wire::tag(1, wire::LENGTH), kind.as_bytes());
    }
    wire::put_bytes(out, wire::tag(2, wire::LENGTH), body);
    if let Some(start) = start {
        wire::close(out, start);
    }
}

/// AIP-134: a PATCH without a mask changes the fields that its body names, an explicit null among them clearing one.
fn infer_mask(reader: &mut Reader<'_>, route: &Route) {
    let (Some(mask), Some(resource)) = (route.mask, route.resource) else { return };
    if reader.watch.masked {
        return;
    }
    let plans = reader.plans;
    let input = &plans.messages[route.input];
    let super::plan::Kind::Message(id) = input.field(resource).kind else { return };
    let by_path = |at: u16| route.variables.iter().any(|variable| variable.path == [resource, at]);
    let present = std::mem::take(&mut reader.watch.present);
    if present.iter().all(|at| by_path(*at)) {
        return;
    }
    wire::put_varint(&mut reader.out, input.field(mask).tag);
    let start = wire::open(&mut reader.out);
    for at in present.into_iter().filter(|at| !by_path(*at)) {
        wire::put_bytes(&mut reader.out, wire::tag(1, wire::LENGTH), plans.messages[id].field(at).name.as_bytes());
    }
    wire::close(&mut reader.out, start);
}
