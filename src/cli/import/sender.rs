//! Sends records in batches, several at once, in an order that what refers to what allows, and finds the bad ones.

use std::collections::HashSet;
use std::time::Duration;

use bytes::Bytes;
use tokio::task::JoinSet;
use tonic::Status;

use super::progress::{Count, Counts};
use super::record::{Kind, Record};
use super::rejects::Rejects;
use super::road::Road;
use super::verdict::{self, Verdict, by_lines};
use crate::api::batch::MAX;
use crate::cli::Failure;
use crate::clock::Micros;

/// Bytes of lines in one batch: with one more line, well below what a server takes in a message by default.
const BATCH_BYTES: usize = 1 << 20;
/// Tries of one batch before passing trouble is taken for lasting.
const TRIES: u32 = 9;

/// Consecutive records of one kind and parent.
struct Batch {
    kind: Kind,
    parent: String,
    records: Vec<Record>,
    bytes: usize,
}

/// A batch, and when each of its records was last changed, or why it was refused.
type Landed = (Batch, Result<Vec<Micros>, Status>);

/// See the module.
pub(super) struct Sender {
    road: Road,
    at_once: usize,
    /// What was changed before this was there already.
    begun: Micros,
    /// What is open or flying is of this kind.
    kind: Option<Kind>,
    open: Option<Batch>,
    flying: JoinSet<Landed>,
    /// Names and usernames of what is flying, and names of what is to fly next.
    busy: HashSet<String>,
    refused: Vec<(Batch, Status)>,
    /// What to do after the import was stopped.
    advice: &'static str,
    pub(super) rejects: Rejects,
    pub(super) counts: Counts,
}

impl Sender {
    /// Sends along this road so many batches at once.
    pub(super) fn new(
        road: Road,
        at_once: usize,
        begun: Micros,
        advice: &'static str,
        rejects: Rejects,
        counts: Counts,
    ) -> Self {
        let (flying, busy, refused) = (JoinSet::new(), HashSet::new(), Vec::new());
        Self { road, at_once, begun, kind: None, open: None, flying, busy, refused, advice, rejects, counts }
    }

    /// Takes the next record. Whatever it may refer to, and whatever it may replace or compete with, is done before it.
    pub(super) async fn take(&mut self, record: Record) -> Result<(), Failure> {
        let busy = self.busy.contains(&record.name) || claim(&record).is_some_and(|claim| self.busy.contains(&claim));
        if busy || self.kind.is_some_and(|kind| kind != record.kind) {
            self.settle().await?;
        } else if self.open.as_ref().is_some_and(|open| open.parent != record.parent) {
            self.launch().await?;
        }
        self.kind = Some(record.kind);
        let open = self.open.get_or_insert_with(|| Batch {
            kind: record.kind,
            parent: record.parent.clone(),
            records: Vec::new(),
            bytes: 0,
        });
        self.busy.insert(record.name.clone());
        open.bytes += record.text.len();
        open.records.push(record);
        if open.records.len() == MAX || open.bytes >= BATCH_BYTES {
            self.launch().await?;
        }
        Ok(())
    }

    /// Writes down a line that is not sent.
    pub(super) fn reject(&mut self, kind: Option<Kind>, line: u64, problem: &str, text: &[u8]) -> Result<(), Failure> {
        self.count(kind).rejected += 1;
        self.rejects.add(line, problem, text).map_err(|error| Failure::Other(format!("rejected lines: {error}")))
    }

    fn count(&mut self, kind: Option<Kind>) -> &mut Count {
        self.counts.entry(kind.map_or("lines", Kind::plural).to_owned()).or_default()
    }

    /// Sends the open batch once there is room for it.
    async fn launch(&mut self) -> Result<(), Failure> {
        let Some(batch) = self.open.take() else { return Ok(()) };
        while self.flying.len() >= self.at_once {
            self.land().await?;
        }
        if !self.refused.is_empty() {
            self.land_all().await?;
            self.busy.extend(batch.records.iter().map(|record| record.name.clone()));
        }
        self.busy.extend(batch.records.iter().filter_map(claim));
        let road = self.road.clone();
        self.flying.spawn(async move {
            let answer = send(&road, &batch).await;
            (batch, answer)
        });
        Ok(())
    }

    /// Waits until everything taken is acknowledged or rejected.
    pub(super) async fn settle(&mut self) -> Result<(), Failure> {
        self.launch().await?;
        self.land_all().await
    }

    async fn land_all(&mut self) -> Result<(), Failure> {
        while !self.flying.is_empty() {
            self.land().await?;
        }
        self.busy.clear();
        // One after the other, in the order of the file: some were refused only for what was in flight with them.
        self.refused.sort_by_key(|(batch, _)| std::cmp::Reverse(batch.records.first().map(|record| record.line)));
        while let Some((batch, status)) = self.refused.pop() {
            self.sift(batch, status).await?;
        }
        Ok(())
    }

    async fn land(&mut self) -> Result<(), Failure> {
        let Some(landed) = self.flying.join_next().await else { return Ok(()) };
        let (batch, answer) = landed.map_err(|error| Failure::Other(format!("a batch was not sent: {error}")))?;
        match answer {
            Ok(times) => self.taken(&batch, &times),
            // It stays busy, so that nothing that follows it gets ahead of it.
            Err(status) => self.refused.push((batch, status)),
        }
        Ok(())
    }

    fn taken(&mut self, batch: &Batch, times: &[Micros]) {
        for record in &batch.records {
            self.busy.remove(&record.name);
            claim(record).inspect(|claim| drop(self.busy.take(claim)));
        }
        let unchanged = times.iter().filter(|time| **time < self.begun).count() as u64;
        let count = self.count(Some(batch.kind));
        count.unchanged += unchanged;
        count.changed += batch.records.len() as u64 - unchanged;
    }

    /// Rejects the bad records of a batch that was refused, and sends the rest.
    async fn sift(&mut self, batch: Batch, refusal: Status) -> Result<(), Failure> {
        let mut refusal = Some(refusal);
        let mut left = vec![batch];
        while let Some(mut batch) = left.pop() {
            let answer = match refusal.take() {
                Some(status) => Err(status),
                None => send(&self.road, &batch).await,
            };
            let status = match answer {
                Ok(times) => {
                    self.taken(&batch, &times);
                    continue;
                }
                Err(status) => status,
            };
            let (kind, plural) = (batch.kind, batch.kind.plural());
            let lines: Vec<u64> = batch.records.iter().map(|record| record.line).collect();
            match verdict::of(&status, plural, batch.records.len()) {
                Verdict::Bad(mut bad) => {
                    verdict::without_rivals(&mut bad, plural);
                    let mut good = Vec::new();
                    for (at, record) in batch.records.into_iter().enumerate() {
                        let own = bad.iter().filter(|(place, ..)| *place == at);
                        let own: Vec<String> =
                            own.map(|(_, path, text)| told(kind, path, &by_lines(text, plural, &lines))).collect();
                        match own.as_slice() {
                            [] => good.push(record),
                            own => self.reject(Some(kind), record.line, &own.join("; "), &record.text)?,
                        }
                    }
                    batch.records = good;
                    left.extend((!batch.records.is_empty()).then_some(batch));
                }
                Verdict::Split => match batch.records.as_slice() {
                    [one] => self.reject(Some(kind), one.line, status.message(), &one.text)?,
                    _ => {
                        let back = batch.records.split_off(batch.records.len() / 2);
                        left.push(Batch { kind, parent: batch.parent.clone(), records: back, bytes: 0 });
                        left.push(batch);
                    }
                },
                Verdict::Again | Verdict::Stop => return Err(stopped(&status, &lines, self.advice)),
            }
        }
        Ok(())
    }
}

/// What no two users may have at once, apart from names: no name has a space in it.
fn claim(record: &Record) -> Option<String> {
    (!record.username.is_empty()).then(|| format!("{} {}", record.parent, record.username))
}

fn told(kind: Kind, path: &str, description: &str) -> String {
    let (singular, dot) = (kind.singular(), if path.is_empty() { "" } else { "." });
    format!("{singular}{dot}{path}: {description}")
}

fn stopped(status: &Status, lines: &[u64], advice: &str) -> Failure {
    let (first, last) = (lines.first().copied().unwrap_or_default(), lines.last().copied().unwrap_or_default());
    let (code, message) = (status.code(), status.message());
    Failure::Other(format!(
        "the import stopped, as lines {first} to {last} were answered {code:?}: {message}. {advice}"
    ))
}

/// Sends a batch, again with longer and longer pauses while the trouble is of the passing kind.
async fn send(road: &Road, batch: &Batch) -> Result<Vec<Micros>, Status> {
    let wires: Vec<Bytes> = batch.records.iter().map(|record| record.wire.clone()).collect();
    let mut pause = Duration::from_millis(50);
    for _ in 1..TRIES {
        match road.upsert(batch.kind, &batch.parent, &wires).await {
            Err(status) if verdict::of(&status, "", 0) == Verdict::Again => tokio::time::sleep(pause).await,
            answer => return answer,
        }
        pause = (pause * 2).min(Duration::from_secs(5));
    }
    road.upsert(batch.kind, &batch.parent, &wires).await
}
