//! Running counts and sums that records add up to: how many scorecards a template has, what an agent's totals of a day
//! come to.
//!
//! A record says what it counts for ([`super::Record::tallies`]), from nothing but itself, as it says its index entries.
//! A commit carries the difference between what the old body and the new one say, and the engine adds it to what is
//! stored, inside the commit. To add needs no precondition, so writers of different records that count into the same
//! cell never conflict.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::{Fault, KeyWriter, TallyTag, tuple};

/// A count and a sum that belongs to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many.
    pub n: i64,
    /// What they come to, in whatever unit the record counts in.
    pub sum: i64,
}

impl Tally {
    /// One thing that counts and comes to this.
    pub const fn one(sum: i64) -> Self {
        Self { n: 1, sum }
    }

    fn is_zero(self) -> bool {
        self == Self::default()
    }

    fn plus(self, other: Self) -> Option<Self> {
        Some(Self { n: self.n.checked_add(other.n)?, sum: self.sum.checked_add(other.sum)? })
    }
}

/// Where tallies stand: a few of them together, told apart by numbers, which are read and written as one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cell {
    /// Whose.
    pub tenant: Bytes,
    /// Which kind of cell.
    pub tag: TallyTag,
    /// Which cell, a tuple: what cells of one kind are sorted by.
    pub terms: Bytes,
}

impl Cell {
    /// The cell with these terms.
    pub fn new(tenant: impl AsRef<[u8]>, tag: TallyTag, terms: impl FnOnce(&mut KeyWriter) -> &mut KeyWriter) -> Self {
        Self { tenant: Bytes::copy_from_slice(tenant.as_ref()), tag, terms: tuple(terms) }
    }
}

impl std::fmt::Display for Cell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}/{}", self.tenant.escape_ascii(), self.tag.0, self.terms.escape_ascii())
    }
}

/// Part of the cells, in order.
#[derive(Clone, Debug, Default)]
pub struct CellRange {
    /// Only this tenant and kind; all of them without.
    pub of: Option<(Bytes, TallyTag)>,
    /// Only terms that begin so, whole elements; looked at only where a kind is given.
    pub prefix: Bytes,
    /// Only terms from here, after the prefix.
    pub start: Option<Bytes>,
    /// Only terms before this, after the prefix.
    pub end: Option<Bytes>,
    /// Go on after this cell.
    pub after: Option<Cell>,
}

/// A cell found by a scan.
pub type ScannedCell = (Cell, Result<Tallies, Fault>);

/// What a cell holds: its tallies by their numbers. One that is zero is not there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tallies(BTreeMap<u64, Tally>);

impl Tallies {
    /// The tally with this number; zero where nothing counts.
    pub fn get(&self, number: u64) -> Tally {
        self.0.get(&number).copied().unwrap_or_default()
    }

    /// All that are not zero, in order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (u64, Tally)> {
        self.0.iter().map(|(number, tally)| (*number, *tally))
    }

    /// Whether nothing counts.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many tallies are not zero.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// About how many bytes they are as an engine keeps them.
    pub(super) fn bytes(&self) -> usize {
        self.0.len() * 16
    }

    /// Adds to one tally.
    ///
    /// # Errors
    /// A limit, where 64 bits do not hold the result; then nothing is added.
    pub fn add(&mut self, number: u64, tally: Tally) -> Result<(), Fault> {
        let sum = self.get(number).plus(tally);
        let sum = sum.ok_or_else(|| Fault::Limit(format!("tally {number} does not fit into 64 bits")))?;
        if sum.is_zero() {
            self.0.remove(&number);
        } else {
            self.0.insert(number, sum);
        }
        Ok(())
    }

    /// Adds all of another cell's.
    ///
    /// # Errors
    /// As [`Tallies::add`]; a part may be added then.
    pub fn merge(&mut self, other: &Self) -> Result<(), Fault> {
        other.iter().try_for_each(|(number, tally)| self.add(number, tally))
    }

    pub(super) fn negated(&self) -> Self {
        Self(self.0.iter().map(|(number, tally)| (*number, Tally { n: -tally.n, sum: -tally.sum })).collect())
    }

    /// As an engine keeps it: number (8 bytes), count, sum (both zigzag varints), for each tally.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.bytes());
        for (number, tally) in &self.0 {
            out.extend_from_slice(&number.to_be_bytes());
            put(&mut out, tally.n);
            put(&mut out, tally.sum);
        }
        out
    }

    pub(super) fn decode(mut bytes: &[u8]) -> Result<Self, Fault> {
        let mut tallies = BTreeMap::new();
        while !bytes.is_empty() {
            let cut = || Fault::Corrupt("a cell of tallies is cut off".into());
            let (number, rest) = bytes.split_first_chunk::<8>().ok_or_else(cut)?;
            bytes = rest;
            let n = take(&mut bytes).ok_or_else(cut)?;
            let sum = take(&mut bytes).ok_or_else(cut)?;
            tallies.insert(u64::from_be_bytes(*number), Tally { n, sum });
        }
        Ok(Self(tallies))
    }
}

fn put(out: &mut Vec<u8>, value: i64) {
    let mut zigzag = ((value << 1) ^ (value >> 63)) as u64;
    while zigzag >= 0x80 {
        out.push(zigzag as u8 | 0x80);
        zigzag >>= 7;
    }
    out.push(zigzag as u8);
}

fn take(bytes: &mut &[u8]) -> Option<i64> {
    let mut zigzag = 0_u64;
    for (at, byte) in bytes.iter().enumerate().take(10) {
        zigzag |= u64::from(byte & 0x7f) << (7 * at);
        if *byte < 0x80 {
            *bytes = &bytes[at + 1..];
            return Some((zigzag >> 1) as i64 ^ -((zigzag & 1) as i64));
        }
    }
    None
}

/// Collects what a record counts for.
#[derive(Debug, Default)]
pub struct Counted(BTreeMap<Cell, Tallies>);

impl Counted {
    /// The record counts for this tally of this cell. What it says of one tally twice adds up.
    pub fn add(&mut self, cell: Cell, number: u64, tally: Tally) {
        // Two sums of one record are far below the bound; were they not, the cell's own addition says so.
        let _ = self.0.entry(cell).or_default().add(number, tally);
    }

    /// What to add to the cells so that `self` is counted no longer and `new` is.
    pub(super) fn diff(&self, new: &Self, into: &mut BTreeMap<Cell, Tallies>) -> Result<(), Fault> {
        for (cell, tallies) in &self.0 {
            into.entry(cell.clone()).or_default().merge(&tallies.negated())?;
        }
        for (cell, tallies) in &new.0 {
            into.entry(cell.clone()).or_default().merge(tallies)?;
        }
        Ok(())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Cell, &Tallies)> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const USE: TallyTag = TallyTag(1);

    fn cell(id: &str) -> Cell {
        Cell::new("t", USE, |terms| terms.str(id))
    }

    #[test]
    fn what_comes_to_nothing_is_not_kept() {
        let mut tallies = Tallies::default();
        tallies.add(7, Tally::one(5)).unwrap();
        assert_eq!((tallies.get(7), tallies.len()), (Tally { n: 1, sum: 5 }, 1));
        tallies.add(7, Tally { n: -1, sum: -5 }).unwrap();
        assert!(tallies.is_empty());
    }

    #[test]
    fn a_sum_beyond_its_bits_is_refused_and_changes_nothing() {
        let mut tallies = Tallies::default();
        tallies.add(1, Tally::one(i64::MAX)).unwrap();
        assert!(matches!(tallies.add(1, Tally::one(1)), Err(Fault::Limit(_))));
        assert_eq!(tallies.get(1), Tally::one(i64::MAX));
    }

    #[test]
    fn a_change_takes_away_what_was_counted_and_adds_what_is() {
        let (mut old, mut new, mut difference) = (Counted::default(), Counted::default(), BTreeMap::new());
        old.add(cell("a"), 1, Tally::one(10));
        old.add(cell("b"), 1, Tally::one(1));
        new.add(cell("a"), 1, Tally::one(30));
        new.add(cell("c"), 2, Tally::one(2));
        old.diff(&new, &mut difference).unwrap();
        let of = |id| difference[&cell(id)].clone();
        assert_eq!(of("a").get(1), Tally { n: 0, sum: 20 });
        assert_eq!(of("b").get(1), Tally { n: -1, sum: -1 });
        assert_eq!(of("c").get(2), Tally::one(2));
    }

    #[test]
    fn cut_bytes_are_no_cell() {
        let mut tallies = Tallies::default();
        tallies.add(1, Tally { n: 300, sum: -300 }).unwrap();
        let bytes = tallies.encode();
        for end in 1..bytes.len() {
            assert!(Tallies::decode(&bytes[..end]).is_err(), "{end}");
        }
    }

    proptest! {
        #[test]
        fn a_cell_comes_back_as_it_was_stored(list in proptest::collection::vec(any::<(u64, i64, i64)>(), 0..20)) {
            let mut tallies = Tallies::default();
            for (number, n, sum) in list {
                let _ = tallies.add(number, Tally { n, sum });
            }
            prop_assert_eq!(Tallies::decode(&tallies.encode()).unwrap(), tallies);
        }
    }
}
