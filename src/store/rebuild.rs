//! Makes indexes and tallies anew from the records: after a version of the program that keeps more of them, or after damage
//! that the full check found in them. Records themselves are never changed.

use std::collections::BTreeMap;

use super::{
    Cell, CellRange, Commit, Delete, Engine, Fault, IndexRange, NewEvent, Op, Origin, Pre, Put, RawEntry, RecordType,
    ScanRange, Tallies, Tally, TallyTag, verify,
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

/// The cell that says that a rebuild has begun: tallies do not add up until it is gone.
pub(super) fn mark() -> Cell {
    Cell::new("", TallyTag(0), |terms| terms)
}

/// Whether a rebuild was begun that did not end. The store is whole again after another one.
pub async fn rebuild_unfinished(engine: &dyn Engine) -> Result<bool, Fault> {
    Ok(engine.cells(&[mark()]).await?.iter().any(|tallies| !tallies.is_empty()))
}

/// Makes indexes and tallies what the records say. For a store that takes no writes meanwhile. Cut off in the middle, it
/// can be run again from the beginning, and must be. `progress` is told the records read so far.
pub async fn rebuild(
    engine: &dyn Engine,
    types: &[RecordType],
    origin: &Origin,
    mut progress: impl FnMut(u64),
) -> Result<Rebuilt, Fault> {
    if !rebuild_unfinished(engine).await? {
        let mut begun = Tallies::default();
        begun.add(0, Tally::one(0))?;
        add(engine, origin, vec![(mark(), begun)]).await?;
    }
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
            let mut put = Put { key: key.clone(), body: rec.body.clone(), add: vec![], remove: vec![] };
            for (index, terms, projection) in said.entries.iter() {
                let at = IndexRange::all(&key.tenant, index).prefix(|k| k.encoded(terms).bytes(&key.id));
                let found = engine.scan_index(&at, 1, false).await?.hits.pop().filter(|hit| hit.key == *key);
                if found.is_none_or(|hit| hit.projection != *projection) {
                    let (terms, projection) = (terms.clone(), projection.clone());
                    put.add.push(super::Entry { index, terms, projection });
                }
            }
            if !put.add.is_empty() {
                done.added += put.add.len() as u64;
                restate(&mut commit, types, put, rec.version);
            }
            if commit.puts.len() >= RECORDS {
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
    let mut ended = Tallies::default();
    ended.add(0, Tally { n: -1, sum: 0 })?;
    add(engine, origin, vec![(mark(), ended)]).await?;
    Ok(done)
}

/// Writes a record as it is, with other entries. Its history says so, as it does of every version.
fn restate(commit: &mut Commit, types: &[RecordType], put: Put, version: u64) {
    commit.pre.push((put.key.clone(), Pre::Version(version)));
    if types.iter().any(|kind| kind.tag == put.key.tag && kind.history) {
        commit.history.push(NewEvent { key: put.key.clone(), op: Op::Update, before: Some(put.body.clone()) });
    }
    commit.puts.push(put);
}

async fn flush(engine: &dyn Engine, origin: &Origin, commit: &mut Commit) -> Result<(), Fault> {
    let mut commit = std::mem::take(commit);
    if commit.puts.is_empty() && commit.deletes.is_empty() {
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

/// Takes away whatever is in any cell but the mark.
async fn clear_cells(engine: &dyn Engine, origin: &Origin) -> Result<(), Fault> {
    let range = CellRange { after: Some(mark()), ..CellRange::default() };
    loop {
        let page = engine.scan_cells(&range, CELLS).await?;
        if page.is_empty() {
            return Ok(());
        }
        add(engine, origin, page.into_iter().map(|(cell, tallies)| (cell, tallies.negated())).collect()).await?;
    }
}

async fn count_cells(engine: &dyn Engine) -> Result<u64, Fault> {
    let (mut range, mut count) = (CellRange { after: Some(mark()), ..CellRange::default() }, 0);
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
            let remove = vec![(entry.index, terms.clone())];
            let mut commit = Commit::default();
            match engine.get_many(std::slice::from_ref(key)).await.map(|mut found| found.pop().flatten()) {
                Ok(Some(rec)) => match verify::read(types, key, &rec) {
                    Ok(said) if said.entries.get(entry.index, &terms).is_none() => {
                        let put = Put { key: key.clone(), body: rec.body.clone(), add: vec![], remove };
                        restate(&mut commit, types, put, rec.version);
                    }
                    _ => continue,
                },
                Ok(None) => commit.deletes.push(Delete { key: key.clone(), remove }),
                Err(Fault::Corrupt(_)) => continue,
                Err(fault) => return Err(fault),
            }
            done.removed += 1;
            flush(engine, origin, &mut commit).await?;
        }
        match page.into_iter().last() {
            Some(entry) => last = Some(entry),
            None => return Ok(()),
        }
    }
}
