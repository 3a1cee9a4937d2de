//! proto3 JSON to protobuf wire bytes and back (protobuf.dev/programming-guides/json), by plans compiled from
//! descriptors: no object of either side is built.

pub(crate) mod number;
pub(crate) mod path;
pub(crate) mod read;
pub(crate) mod text;
pub(crate) mod write;

mod any;
mod known;
mod leaf;
mod pieces;
mod time;
mod visit;

use std::sync::Arc;

use prost_reflect::DescriptorPool;

use super::plan::Plans;
use crate::error::{Code, Error, Result, reason};
use read::{Reader, Target};
use write::Writer;

/// The codec by itself, for messages named at run time: import and export, fuzzing, tests.
#[derive(Clone, Debug)]
pub struct Codec {
    plans: Arc<Plans>,
    depth: usize,
}

impl Codec {
    /// Compiles every message of the pool; JSON may nest messages `depth` deep.
    pub fn new(pool: &DescriptorPool, depth: usize) -> Self {
        Self { plans: Arc::new(Plans::new(pool)), depth: super::bounded(depth) }
    }

    /// Wire bytes of a JSON text. The error lists what is wrong by JSON path.
    pub fn read(&self, message: &str, json: &[u8]) -> Result<Vec<u8>> {
        let id = self.plans.id(message).ok_or_else(|| Error::internal(format!("unknown message {message}")))?;
        let mut reader = Reader::new(&self.plans, Vec::with_capacity(json.len()), self.depth);
        let parsed = reader.json(json, Target::Message(id));
        finish(reader.violations, parsed)?;
        Ok(reader.out)
    }

    /// JSON of wire bytes.
    pub fn write(&self, message: &str, wire: &[u8]) -> Result<Vec<u8>> {
        let id = self.plans.id(message).ok_or_else(|| Error::internal(format!("unknown message {message}")))?;
        let mut writer = Writer::new(&self.plans, Vec::with_capacity(wire.len() * 2));
        writer.json(id, wire).map_err(Error::internal)?;
        Ok(writer.out)
    }
}

/// The error of a body, if there is one: broken syntax before wrong values, as the rest was not read.
pub(crate) fn finish(
    violations: Vec<crate::error::FieldViolation>,
    parsed: std::result::Result<(), serde_json::Error>,
) -> Result<()> {
    match parsed {
        Err(error) => {
            Err(Error::new(Code::InvalidArgument, reason::MALFORMED_JSON, format!("malformed JSON: {error}")))
        }
        Ok(()) if violations.is_empty() => Ok(()),
        Ok(()) => Err(Error::fields(violations)),
    }
}
