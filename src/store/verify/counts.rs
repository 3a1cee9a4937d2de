//! Whether the cells are what the records add up to, in constant memory.
//!
//! A print of a cell is a linear hash of what counts in it, so prints of parts add up to the print of the whole. Cells fall
//! into buckets, each with one print: what records say is added, what cells hold is taken away, and a bucket that is not
//! zero at the end has a cell that is wrong. Only such buckets are then added up in full.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};

use super::super::{Cell, CellRange, Engine, Fault, RecordType, Said, ScanRange, Tallies, Tally};
use super::{Report, STEP, read};

const BUCKETS: usize = 4_096;
/// Buckets that are added up in full at most, to describe what is wrong: enough for what an operator reads.
const DESCRIBED: usize = 16;

/// See the module.
#[derive(Debug)]
pub(super) struct Prints {
    hasher: RandomState,
    buckets: Vec<u64>,
}

impl Default for Prints {
    fn default() -> Self {
        Self { hasher: RandomState::new(), buckets: vec![0; BUCKETS] }
    }
}

impl Prints {
    /// What a record says.
    pub(super) fn count(&mut self, said: &Said) {
        for (cell, tallies) in said.counted.iter() {
            self.add(cell, tallies, 1);
        }
    }

    fn add(&mut self, cell: &Cell, tallies: &Tallies, sign: i64) {
        let at = self.bucket(cell);
        for (number, Tally { n, sum }) in tallies.iter() {
            let hash = |part: u8| self.hasher.hash_one((cell, number, part)) | 1;
            let print = hash(0).wrapping_mul(n as u64).wrapping_add(hash(1).wrapping_mul(sum as u64));
            self.buckets[at] = self.buckets[at].wrapping_add(print.wrapping_mul(sign as u64));
        }
    }

    fn bucket(&self, cell: &Cell) -> usize {
        self.hasher.hash_one(cell) as usize % BUCKETS
    }
}

/// Compares what records said with what is stored.
pub(super) async fn compare(
    engine: &dyn Engine,
    types: &[RecordType],
    mut prints: Prints,
    report: &mut Report,
) -> Result<(), Fault> {
    let mut range = CellRange::default();
    loop {
        let page = match engine.scan_cells(&range, STEP).await {
            Ok(page) => page,
            Err(Fault::Corrupt(why)) => {
                report.problem(format!("tallies: {why}"));
                return Ok(());
            }
            Err(fault) => return Err(fault),
        };
        for (cell, tallies) in &page {
            if *cell == super::super::rebuild::note() {
                continue;
            }
            report.cells += 1;
            match tallies {
                Ok(tallies) => prints.add(cell, tallies, -1),
                Err(fault) => report.problem(format!("cell {cell}: {fault}")),
            }
        }
        match page.into_iter().last() {
            Some((cell, _)) => range.after = Some(cell),
            None => break,
        }
    }
    let wrong: Vec<usize> = (0..BUCKETS).filter(|at| prints.buckets[*at] != 0).collect();
    if wrong.is_empty() {
        return Ok(());
    }
    if wrong.len() > DESCRIBED {
        report.problem(format!("tallies are wrong in {} of {BUCKETS} parts of the cells; some of them:", wrong.len()));
    }
    describe(engine, types, &prints, &wrong[..wrong.len().min(DESCRIBED)], report).await
}

/// Adds up what records say for the cells of these buckets, and tells each that holds something else.
async fn describe(
    engine: &dyn Engine,
    types: &[RecordType],
    prints: &Prints,
    wrong: &[usize],
    report: &mut Report,
) -> Result<(), Fault> {
    let mut cells: BTreeMap<Cell, (Tallies, Tallies)> = BTreeMap::new();
    let mut range = ScanRange::default();
    // A damaged stretch was told by the pass before.
    while let Ok(page) = engine.scan(&range, STEP).await {
        for (key, rec) in &page {
            let Ok(said) = rec.as_ref().map_err(Fault::to_string).and_then(|rec| read(types, key, rec)) else {
                continue;
            };
            for (cell, tallies) in said.counted.iter().filter(|(cell, _)| wrong.contains(&prints.bucket(cell))) {
                cells.entry(cell.clone()).or_default().0.merge(tallies)?;
            }
        }
        let Some((key, _)) = page.into_iter().last() else { break };
        range.after = Some(key);
    }
    let mut range = CellRange::default();
    loop {
        let page = engine.scan_cells(&range, STEP).await?;
        for (cell, tallies) in page.iter().filter(|(cell, _)| wrong.contains(&prints.bucket(cell))) {
            let Ok(tallies) = tallies else { continue }; // told by the pass before
            cells.entry(cell.clone()).or_default().1 = tallies.clone();
        }
        let Some((cell, _)) = page.into_iter().last() else { break };
        range.after = Some(cell);
    }
    cells.remove(&super::super::rebuild::note());
    for (cell, (want, found)) in cells.iter().filter(|(_, (want, found))| want != found) {
        let told = |tallies: &Tallies| {
            let list: Vec<_> =
                tallies.iter().map(|(number, tally)| format!("{number}: {} of {}", tally.sum, tally.n)).collect();
            if list.is_empty() { "nothing".to_owned() } else { list.join(", ") }
        };
        report.problem(format!("cell {cell} holds {}, and its records come to {}", told(found), told(want)));
    }
    Ok(())
}
