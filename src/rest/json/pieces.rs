//! The careful way of writing: a message's fields may be in pieces and in any order, so they are collected first and
//! put together as protobuf merges them.

use std::collections::HashMap;

use super::write::{Done, Writer, bytes_of, entry_key, fits, is_silent};
use crate::rest::plan::{Card, Field, Kind, MessageId, Scalar};
use crate::rest::wire::{Cursor, Raw};

impl Writer<'_> {
    /// The careful way: every field's pieces together, in order of number.
    pub(super) fn collected(&mut self, id: MessageId, bytes: &[u8], mut first: bool) -> Done {
        let plans = self.plans;
        let plan = &plans.messages[id];
        let mut pieces: Vec<(u16, Raw<'_>)> = Vec::new();
        let mut cursor = Cursor(bytes);
        while let Some((number, raw)) = cursor.field()? {
            let Some(at) = plan.numbered(number).filter(|at| fits(plan.field(*at), raw)) else { continue };
            pieces.push((at, raw));
        }
        // To set a member of a oneof is to clear the others: of its pieces only the last run of one member counts.
        let mut runs: Vec<(u16, Option<u16>)> = Vec::new();
        let mut kept = vec![true; pieces.len()];
        for (place, (at, _)) in pieces.iter().enumerate().rev() {
            let Some(oneof) = plan.field(*at).oneof else { continue };
            match runs.iter_mut().find(|(known, _)| *known == oneof) {
                Some((_, member)) if *member == Some(*at) => {}
                Some((_, member)) => {
                    *member = None;
                    kept[place] = false;
                }
                None => runs.push((oneof, Some(*at))),
            }
        }
        let mut kept = kept.into_iter();
        pieces.retain(|_| kept.next().unwrap_or_default());
        pieces.sort_by_key(|(at, _)| *at);
        for group in pieces.chunk_by(|a, b| a.0 == b.0) {
            let field = plan.field(group[0].0);
            let raws: Vec<Raw<'_>> = group.iter().map(|(_, raw)| *raw).collect();
            let silent = match field.card {
                Card::Singular { .. } => raws.last().is_none_or(|raw| is_silent(field, *raw)),
                _ => raws.iter().all(|raw| is_silent(field, *raw)),
            };
            if !silent {
                self.name(field, &mut first);
                self.field(field, &raws)?;
            }
        }
        Ok(())
    }

    /// A field's value from all its pieces.
    pub(super) fn field(&mut self, field: &Field, raws: &[Raw<'_>]) -> Done {
        match field.card {
            Card::Singular { .. } => match (field.kind, raws) {
                (Kind::Message(id), [_, _, ..]) => {
                    // Pieces of a message merge, and to join their bytes is to merge them.
                    let joined: Vec<u8> = raws.iter().flat_map(|raw| bytes_of(*raw)).copied().collect();
                    self.message(id, &joined)
                }
                (kind, [.., raw]) => self.value(kind, *raw),
                (_, []) => Ok(()),
            },
            Card::Repeated { .. } => {
                self.out.push(b'[');
                let mut first = true;
                for raw in raws.iter().filter(|raw| !is_silent(field, **raw)) {
                    if !std::mem::take(&mut first) {
                        self.out.push(b',');
                    }
                    self.element(field, *raw)?;
                }
                self.out.push(b']');
                Ok(())
            }
            Card::Map { key } => {
                self.out.push(b'{');
                let mut entries: Vec<Option<Raw<'_>>> = raws.iter().copied().map(Some).collect();
                if self.careful {
                    self.drop_older(key, &mut entries)?;
                }
                let mut first = true;
                for raw in entries.into_iter().flatten() {
                    if !std::mem::take(&mut first) {
                        self.out.push(b',');
                    }
                    self.element(field, raw)?;
                }
                self.out.push(b'}');
                Ok(())
            }
        }
    }

    /// Of a map's entries with the same key only the last counts.
    fn drop_older(&mut self, key: Scalar, entries: &mut [Option<Raw<'_>>]) -> Done {
        let mut places: HashMap<Vec<u8>, usize> = HashMap::new();
        for at in 0..entries.len() {
            let found = entry_key(entries[at].map_or(&[], bytes_of), key)?;
            let start = self.out.len();
            self.key(key, found)?;
            if let Some(older) = places.insert(self.out.split_off(start), at) {
                entries[older] = None;
            }
        }
        Ok(())
    }
}
