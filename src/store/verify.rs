//! The full check: every record reads, and the indexes and tallies are what a rebuild would make.

use super::{Engine, Fault, IndexRange, Key, RawEntry, Rec, RecordType, Said, ScanRange};

mod counts;

use counts::Prints;

/// How much is read at a time.
const STEP: usize = 500;
/// How many problems are described; all are counted.
const DESCRIBED: usize = 100;

/// What the full check found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Records read.
    pub records: u64,
    /// Index entries read.
    pub entries: u64,
    /// Cells of tallies read.
    pub cells: u64,
    /// How many problems there are.
    pub problem_count: u64,
    /// The first of them, in words for an operator.
    pub problems: Vec<String>,
}

impl Report {
    /// Whether all is well.
    pub fn is_clean(&self) -> bool {
        self.problem_count == 0
    }

    fn problem(&mut self, text: String) {
        self.problem_count += 1;
        if self.problems.len() < DESCRIBED {
            self.problems.push(text);
        }
    }
}

/// Reads everything, in constant memory, and compares: every record decodes and stands under its own key; each of its
/// entries is there, with its projection (none missing, none stale); every entry is one of its record's (none
/// dangling); every cell is what the records add up to; every part in the engine belongs to something. `types` has every
/// table that the store may hold.
///
/// For a store that takes no writes meanwhile: a change in the middle would look like a problem.
pub async fn verify(engine: &dyn Engine, types: &[RecordType]) -> Result<Report, Fault> {
    let (mut report, mut prints) = (Report::default(), Prints::default());
    if super::layout_of(engine).await? == super::Layout::Rebuilding {
        report.problem("a rebuild was begun and did not end: run it again".into());
    }
    for problem in engine.inspect().await? {
        report.problem(problem);
    }
    let mut range = ScanRange::default();
    loop {
        let page = match engine.scan(&range, STEP).await {
            Ok(page) => page,
            // An engine cannot step over a damaged stretch: what follows is unread, and the report says so.
            Err(Fault::Corrupt(why)) => {
                report.problem(format!(
                    "records after {}: {why}",
                    range.after.as_ref().map_or("the first".into(), Key::to_string)
                ));
                break;
            }
            Err(fault) => return Err(fault),
        };
        for (key, rec) in &page {
            report.records += 1;
            match check_record(engine, types, key, rec).await? {
                Ok(said) => prints.count(&said),
                Err((problem, said)) => {
                    report.problem(problem);
                    said.iter().for_each(|said| prints.count(said));
                }
            }
        }
        match page.into_iter().last() {
            Some((key, _)) => range.after = Some(key),
            None => break,
        }
    }
    let mut last: Option<RawEntry> = None;
    loop {
        let page = match engine.all_entries(last.as_ref(), STEP).await {
            Ok(page) => page,
            Err(Fault::Corrupt(why)) => {
                report.problem(format!("index entries: {why}"));
                return Ok(report);
            }
            Err(fault) => return Err(fault),
        };
        for entry in &page {
            report.entries += 1;
            if let Some(problem) = check_entry(engine, types, entry).await? {
                report.problem(problem);
            }
        }
        match page.into_iter().last() {
            Some(entry) => last = Some(entry),
            None => break,
        }
    }
    counts::compare(engine, types, prints, &mut report).await?;
    Ok(report)
}

pub(super) fn read(types: &[RecordType], key: &Key, rec: &Rec) -> Result<Said, String> {
    let kind = types.iter().find(|kind| kind.tag == key.tag);
    let kind = kind.ok_or_else(|| format!("record {key}: no type has table {}", key.tag.0))?;
    let (own, said) = (kind.read)(rec.body.clone()).map_err(|fault| format!("record {key}: {fault}"))?;
    if own == *key { Ok(said) } else { Err(format!("record {key} says that its key is {own}")) }
}

/// What a record says of itself, or what is wrong; a record that reads says it in any case.
async fn check_record(
    engine: &dyn Engine,
    types: &[RecordType],
    key: &Key,
    rec: &Result<Rec, Fault>,
) -> Result<Result<Said, (String, Option<Said>)>, Fault> {
    let said = match rec {
        Ok(rec) => read(types, key, rec),
        Err(fault) => Err(format!("record {key}: {fault}")),
    };
    let said = match said {
        Ok(said) => said,
        Err(problem) => return Ok(Err((problem, None))),
    };
    let mut problem = None;
    for (index, terms, projection) in said.entries.iter() {
        // Terms and id together are the whole position, so the prefix is that of one entry.
        let range = IndexRange::all(&key.tenant, index).prefix(|k| k.encoded(terms).bytes(&key.id));
        let found = engine.scan_index(&range, 1, false).await?.hits.pop().filter(|hit| hit.key == *key);
        let at = format!("record {key}, index {}, terms {}", index.0, terms.escape_ascii());
        match found {
            None => problem = Some(format!("{at}: the entry is missing")),
            Some(hit) if hit.projection != *projection => problem = Some(format!("{at}: the projection is stale")),
            Some(_) => continue,
        }
        break;
    }
    Ok(match problem {
        None => Ok(said),
        Some(problem) => Err((problem, Some(said))),
    })
}

async fn check_entry(engine: &dyn Engine, types: &[RecordType], entry: &RawEntry) -> Result<Option<String>, Fault> {
    let (key, terms) = (&entry.hit.key, entry.hit.terms());
    let at = || format!("index {}, terms {}, record {key}", entry.index.0, terms.escape_ascii());
    let rec = match engine.get_many(std::slice::from_ref(key)).await.map(|mut found| found.pop().flatten()) {
        Ok(Some(rec)) => rec,
        Ok(None) => return Ok(Some(format!("{}: the entry dangles, its record is absent", at()))),
        Err(Fault::Corrupt(_)) => return Ok(None), // said once, for the record
        Err(fault) => return Err(fault),
    };
    let Ok(said) = read(types, key, &rec) else { return Ok(None) }; // likewise
    Ok(said.entries.get(entry.index, &terms).is_none().then(|| format!("{}: the record has no such entry", at())))
}
