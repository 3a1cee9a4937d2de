//! A hash for tables that never change, and a set for small numbers.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Things by name.
pub(crate) type Names<T> = HashMap<Box<str>, T, Quick>;
pub(crate) type Quick = BuildHasherDefault<Fnv>;

/// FNV-1a: the tables are fixed at start-up, so a caller cannot crowd them and a keyed hash would buy nothing.
#[derive(Clone, Debug)]
pub(crate) struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

/// A growing set of small numbers: which fields, and which oneofs, a message has had.
#[derive(Default)]
pub(crate) struct Bits(u64, Vec<u64>);

impl Bits {
    /// Adds it; false if it was there.
    pub(crate) fn add(&mut self, at: u16) -> bool {
        let (word, bit) = match at {
            0..64 => (&mut self.0, at),
            _ => {
                let word = usize::from(at) / 64 - 1;
                if self.1.len() <= word {
                    self.1.resize(word + 1, 0);
                }
                (&mut self.1[word], at % 64)
            }
        };
        let fresh = *word & (1 << bit) == 0;
        *word |= 1 << bit;
        fresh
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_of_bits_remembers_any_number() {
        let mut bits = Bits::default();
        for at in [0, 63, 64, 127, 128, 65_000] {
            assert!(bits.add(at), "{at} is new");
            assert!(!bits.add(at), "{at} is known");
        }
        assert!(bits.add(65));
    }
}
