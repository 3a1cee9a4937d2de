//! Makes indexes and tallies anew from the records: after a version of the program that keeps more of them, or after damage
//! that the full check found in them. Records, their versions and their history are not touched.
//!
//! One cell of no tenant notes how indexes and tallies stand: by which layout they were made, or that a rebuild is under
//! way. A layout is a number that changes whenever an index or a tally is added.

use std::collections::BTreeMap;

use super::{
    Cell, CellRange, Commit, Engine, Fault, IndexRange, Origin, Pre, RawEntry, RecordType, Reindex, ScanRange, Tallies,
    Tally, TallyTag, verify,
};

/// How much is read at a time.
const STEP: usize = 500;
/// Records of one commit.
const RECORDS: usize = 100;
/// Cells of one commit.
const CELLS: usize = 250;
/// Tallies that are added up before they are written: bounds the memory.
const GATHERED: usize = 1_000_000;

/// What a rebuild did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rebuilt {
    /// Records read.
    pub records: u64,
    /// Index entries written.
    pub added: u64,
    /// Index entries removed.
    pub removed: u64,
    /// Cells written.
    pub cells: u64,
}

/// How indexes and tallies of a store stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Made by this layout and kept since.
    Noted(i64),
    /// Nothing says so: the store is new, or was written before layouts were noted.
    Unnoted,
    /// A rebuild was begun and did not end. Until another one does, counts are wrong.
    Rebuilding,
}

const LAYOUT: u64 = 0;
const REBUILDING: u64 = 1;

/// The cell of the note.
pub(super) fn note() -> Cell {
    Cell::new("", TallyTag(0), |terms| terms)
}

/// How the store's indexes and tallies stand.
pub async fn layout_of(engine: &dyn Engine) -> Result<Layout, Fault> {
    let noted = engine.cells(&[note()]).await?.pop().unwrap_or_default();
    Ok(match (noted.get(REBUILDING).n, noted.get(LAYOUT).n) {
        (0, 0) => Layout::Unnoted,
        (0, _) => Layout::Noted(noted.get(LAYOUT).sum),
        _ => Layout::Rebuilding,
    })
}

/// Notes that indexes and tallies are of this layout: true of a store that is empty, or that was just rebuilt.
pub async fn set_layout(engine: &dyn Engine, origin: &Origin, layout: i64) -> Result<(), Fault> {
    noted(engine, origin, LAYOUT, layout).await
}

async fn noted(engine: &dyn Engine, origin: &Origin, number: u64, sum: i64) -> Result<(), Fault> {
    let mut tallies = Tallies::default();
    tallies.add(number, Tally::one(sum))?;
    let (empty, adds) = (vec![note()], vec![(note(), tallies)]);
    engine.commit(Commit { empty, adds, origin: origin.clone(), ..Commit::default() }).await.map(drop)
}

/// Makes indexes and tallies what the records say, and notes their layout. For a store that takes no writes meanwhile.
/// Cut off in the middle, it can be run again from the beginning, and must be. `progress` is told the records read so far.
///
/// # Errors
/// What cannot be read is found before anything is changed: then the store is as it was.
pub async fn rebuild(
    engine: &dyn Engine,
    types: &[RecordType],
    layout: i64,
    origin: &Origin,
    mut progress: impl FnMut(u64),
) -> Result<Rebuilt, Fault> {
    read_all(engine).await?;
    noted(engine, origin, REBUILDING, 0).await?;
    let mut done = Rebuilt::default();
    clear_cells(engine, origin).await?;
    drop_entries(engine, types, origin, &mut done).await?;

    let (mut gathered, mut weight): (BTreeMap<Cell, Tallies>, usize) = (BTreeMap::new(), 0);
    let (mut range, mut commit) = (ScanRange::default(), Commit::default());
    loop {
        let page = engine.scan(&range, STEP).await?;
        for (key, rec) in &page {
            done.records += 1;
            // What does not read has no entries and counts for nothing; the full check tells of it.
            let Ok(rec) = rec else { continue };
            let Ok(said) = verify::read(types, key, rec) else { continue };
            for (cell, tallies) in said.counted.iter() {
                let sum = gathered.entry(cell.clone()).or_default();
                let before = sum.len();
                sum.merge(tallies)?;
                weight += sum.len().saturating_sub(before);
            }
            let mut add = vec![];
            for (index, terms, projection) in said.entries.iter() {
                let at = IndexRange::all(&key.tenant, index).prefix(|k| k.encoded(terms).bytes(&key.id));
                let found = engine.scan_index(&at, 1, false).await?.hits.pop().filter(|hit| hit.key == *key);
                if found.is_none_or(|hit| hit.projection != *projection) {
                    add.push(super::Entry { index, terms: terms.clone(), projection: projection.clone() });
                }
            }
            if !add.is_empty() {
                done.added += add.len() as u64;
                commit.pre.push((key.clone(), Pre::Version(rec.version)));
                commit.reindex.push(Reindex { key: key.clone(), add, remove: vec![] });
            }
            if commit.reindex.len() >= RECORDS {
                flush(engine, origin, &mut commit).await?;
            }
        }
        flush(engine, origin, &mut commit).await?;
        if weight > GATHERED {
            write_cells(engine, origin, &mut gathered).await?;
            weight = 0;
        }
        progress(done.records);
        match page.into_iter().last() {
            Some((key, _)) => range.after = Some(key),
            None => break,
        }
    }
    write_cells(engine, origin, &mut gathered).await?;
    done.cells = count_cells(engine).await?;
    set_layout(engine, origin, layout).await?;
    Ok(done)
}

/// Reads whatever a rebuild reads, so that what it could not get past is met before it has changed anything.
async fn read_all(engine: &dyn Engine) -> Result<(), Fault> {
    let mut range = ScanRange::default();
    while let Some((key, _)) = engine.scan(&range, STEP).await?.into_iter().last() {
        range.after = Some(key);
    }
    let mut last: Option<RawEntry> = None;
    while let Some(entry) = engine.all_entries(last.as_ref(), STEP).await?.into_iter().last() {
        last = Some(entry);
    }
    count_cells(engine).await.map(drop)
}

async fn flush(engine: &dyn Engine, origin: &Origin, commit: &mut Commit) -> Result<(), Fault> {
    let mut commit = std::mem::take(commit);
    if commit.reindex.is_empty() {
        return Ok(());
    }
    commit.origin = origin.clone();
    engine.commit(commit).await.map(drop)
}

async fn add(engine: &dyn Engine, origin: &Origin, adds: Vec<(Cell, Tallies)>) -> Result<(), Fault> {
    if adds.is_empty() {
        return Ok(());
    }
    engine.commit(Commit { adds, origin: origin.clone(), ..Commit::default() }).await.map(drop)
}

async fn write_cells(
    engine: &dyn Engine,
    origin: &Origin,
    gathered: &mut BTreeMap<Cell, Tallies>,
) -> Result<(), Fault> {
    let cells: Vec<_> = std::mem::take(gathered).into_iter().collect();
    for some in cells.chunks(CELLS) {
        add(engine, origin, some.to_vec()).await?;
    }
    Ok(())
}

/// Empties every cell but the note, whatever is in it.
async fn clear_cells(engine: &dyn Engine, origin: &Origin) -> Result<(), Fault> {
    let range = CellRange { after: Some(note()), ..CellRange::default() };
    loop {
        let empty: Vec<Cell> = engine.scan_cells(&range, CELLS).await?.into_iter().map(|(cell, _)| cell).collect();
        if empty.is_empty() {
            return Ok(());
        }
        engine.commit(Commit { empty, origin: origin.clone(), ..Commit::default() }).await?;
    }
}

async fn count_cells(engine: &dyn Engine) -> Result<u64, Fault> {
    let (mut range, mut count) = (CellRange { after: Some(note()), ..CellRange::default() }, 0);
    loop {
        let page = engine.scan_cells(&range, CELLS).await?;
        count += page.len() as u64;
        match page.into_iter().last() {
            Some((cell, _)) => range.after = Some(cell),
            None => return Ok(count),
        }
    }
}

/// Removes the entries that no record has.
async fn drop_entries(
    engine: &dyn Engine,
    types: &[RecordType],
    origin: &Origin,
    done: &mut Rebuilt,
) -> Result<(), Fault> {
    let mut last: Option<RawEntry> = None;
    loop {
        let page = engine.all_entries(last.as_ref(), STEP).await?;
        for entry in &page {
            let (key, terms) = (&entry.hit.key, entry.hit.terms());
            let mut commit = Commit::default();
            match engine.get_many(std::slice::from_ref(key)).await.map(|mut found| found.pop().flatten()) {
                Ok(Some(rec)) => match verify::read(types, key, &rec) {
                    Ok(said) if said.entries.get(entry.index, &terms).is_none() => {
                        commit.pre.push((key.clone(), Pre::Version(rec.version)));
                    }
                    _ => continue,
                },
                Ok(None) => commit.pre.push((key.clone(), Pre::Absent)),
                Err(Fault::Corrupt(_)) => continue,
                Err(fault) => return Err(fault),
            }
            let remove = vec![(entry.index, terms)];
            commit.reindex.push(Reindex { key: key.clone(), add: vec![], remove });
            done.removed += 1;
            flush(engine, origin, &mut commit).await?;
        }
        match page.into_iter().last() {
            Some(entry) => last = Some(entry),
            None => return Ok(()),
        }
    }
}
