//! `coaching import`: feeds the directory from a file of JSON lines, into a store that no server has open or into a server.
//!
//! An upsert that is made twice is made once, so lines may be repeated, and an import that was cut off goes on from its
//! last mark. Memory is bounded by what is in flight, whatever the size of the file.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use http::{HeaderName, HeaderValue};
use indicatif::{ProgressBar, ProgressStyle};
use prost_reflect::DescriptorPool;
use sha2::{Digest as _, Sha256};

use super::Failure;
use crate::api::Rules;
use crate::clock::{Clock as _, SystemClock};
use crate::config::{EngineKind, Settings};
use crate::rest::Options;
use crate::rest::json::Codec;
use crate::store::Db;
use lines::{LONGEST, Lines, Text};
use point::Point;
use progress::{Counts, Earlier, Mark, Work};
use rejects::Rejects;
use road::Road;
use sender::Sender;

mod lines;
mod lock;
mod point;
mod progress;
mod record;
mod rejects;
mod road;
mod sender;
mod verdict;

/// Arguments of `coaching import`.
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// File of JSON lines, each {"user": {…}}, {"group": {…}}, {"team": {…}}, {"usecase": {…}} or {"conversation": {…}}; - reads standard input
    file: PathBuf,
    /// Import into the server at this address, instead of into the data folder
    #[arg(long, value_name = "http://HOST:PORT")]
    server: Option<String>,
    /// Header to send with every call to the server; may be given several times
    #[arg(long, value_name = "NAME: VALUE", requires = "server", value_parser = header)]
    header: Vec<(HeaderName, HeaderValue)>,
    /// Where lines that cannot be imported are written; FILE.rejected.jsonl where it is left out
    #[arg(long, value_name = "PATH")]
    rejected: Option<PathBuf>,
    /// Begin at the first line, even where an earlier import of the file was cut off
    #[arg(long)]
    from_start: bool,
    /// Batches of up to 500 lines that are in flight at once
    #[arg(long, value_name = "N", default_value = "4", value_parser = clap::value_parser!(u16).range(1..=64))]
    at_once: u16,
    #[command(flatten)]
    _settings: Settings,
}

fn header(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let wrong = || "must be a header such as `x-name: value`".to_owned();
    let (name, value) = text.split_once(':').ok_or_else(wrong)?;
    Ok((name.trim().parse().map_err(|_| wrong())?, value.trim().parse().map_err(|_| wrong())?))
}

/// How often the mark is set from which a later run goes on. Everything in flight is waited for then.
const MARK_EVERY: Duration = Duration::from_secs(1);
/// When the first is set: early, so that a folder that takes no marks is told before hours of work.
const FIRST_MARK: Duration = Duration::from_millis(100);

/// What is read and what is written beside it.
struct Desk {
    input: Box<dyn BufRead>,
    /// Not for standard input, which cannot be read again.
    kept: Option<(PathBuf, Work)>,
    rejects: Rejects,
    mark: Mark,
    /// Of what is before the mark.
    hash: Sha256,
    bar: ProgressBar,
}

pub(super) fn run(arguments: &Arguments, settings: &Settings) -> Result<(), Failure> {
    if arguments.server.is_none() && settings.engine == EngineKind::Memory {
        let problem = "engine = memory: an import needs a store that stays: a data folder, or a server with --server";
        return Err(Failure::Other(problem.into()));
    }
    let into = match &arguments.server {
        Some(url) => url.clone(),
        None => std::path::absolute(&settings.data).map_err(failed("data folder"))?.to_string_lossy().into_owned(),
    };
    super::block_on(async {
        match &arguments.server {
            Some(url) => feed(arguments, &into, None, Road::into_server(url, arguments.header.clone()).await?).await,
            None => {
                let db = super::serve::open(settings).await?;
                super::verify::settle(&db).await;
                let rules = Rules { strict_directory: settings.directory_strict };
                let fed = feed(arguments, &into, Some(&db), Road::into_store(db.clone(), rules)).await;
                let closed = db.close().await.map_err(Failure::Store);
                fed.and(closed)
            }
        }
    })
}

/// The failure of reading or writing this.
fn failed(what: impl ToString) -> impl Fn(io::Error) -> Failure {
    let what = what.to_string();
    move |error| Failure::Other(format!("{what}: {error}"))
}

async fn feed(arguments: &Arguments, into: &str, db: Option<&Db>, road: Road) -> Result<(), Failure> {
    let rejected = arguments.rejected.clone().unwrap_or_else(|| match arguments.file.as_os_str() == "-" {
        true => "stdin.rejected.jsonl".into(),
        false => progress::beside(&arguments.file, "rejected.jsonl"),
    });
    let desk = desk(arguments, into, db, &rejected).await?;
    let pool = DescriptorPool::decode(crate::pb::DESCRIPTORS).map_err(|error| Failure::Other(error.to_string()))?;
    let codec = Codec::new(&pool, Options::default().max_depth);
    let (begun, first) = (Instant::now(), desk.mark.line);
    let at_once = usize::from(arguments.at_once);
    let (now, advice) = (SystemClock::default().now(), advice(arguments));
    let mut sender = Sender::new(road, at_once, now, advice, desk.rejects, desk.mark.counts);
    let mut lines = Lines::after(desk.input, desk.mark.line, desk.mark.offset, desk.hash);
    let around = Around { file: &arguments.file, rejected: &rejected, kept: desk.kept.as_ref(), db, bar: &desk.bar };
    let done = around.send(&codec, &mut lines, &mut sender).await;
    desk.bar.finish_and_clear();
    told(&sender.counts, lines.number() - first, begun.elapsed());
    done?;
    match sender.counts.values().map(|count| count.rejected).sum() {
        0_u64 => Ok(()),
        some => Err(Failure::Rejected(format!(
            "{some} lines were rejected: they are in {}, each with its number and what is wrong. Mend their records and import those",
            rejected.display()
        ))),
    }
}

/// What the import of one file goes by.
struct Around<'a> {
    file: &'a Path,
    rejected: &'a Path,
    kept: Option<&'a (PathBuf, Work)>,
    db: Option<&'a Db>,
    bar: &'a ProgressBar,
}

impl Around<'_> {
    /// Sends every line that is left, and sets marks on the way.
    async fn send<R: BufRead>(&self, codec: &Codec, lines: &mut Lines<R>, sender: &mut Sender) -> Result<(), Failure> {
        let (mut marked, mut pause) = (Instant::now(), FIRST_MARK);
        while let Some(line) = lines.next().map_err(failed(self.file.display()))? {
            self.bar.set_position(lines.offset());
            match line.text {
                Text::Whole(text) if text.trim_ascii().is_empty() => {}
                Text::Whole(text) => match record::read(codec, line.number, text) {
                    Ok(record) => sender.take(record).await?,
                    Err((bad, text)) => sender.reject(bad.kind, line.number, &bad.problem, &text)?,
                },
                Text::TooLong(head, bytes) => {
                    let problem =
                        format!("has {bytes} bytes, and a line may have {LONGEST}: its first are under record");
                    sender.reject(None, line.number, &problem, &head)?;
                }
            }
            if marked.elapsed() >= pause {
                let rejected_bytes = self.settle(sender).await?;
                self.bar.set_message(lines.number().to_string());
                if let Some((path, work)) = self.kept {
                    let (line, offset, counts) = (lines.number(), lines.offset(), sender.counts.clone());
                    let store = match self.db {
                        Some(db) => Some(Point::now(db).await.map_err(Failure::Store)?),
                        None => None,
                    };
                    let mark = Mark { line, offset, hash: lines.hash(), store, rejected_bytes, counts };
                    progress::save(path, work, &mark).map_err(failed(path.display()))?;
                }
                (marked, pause) = (Instant::now(), MARK_EVERY);
            }
        }
        self.settle(sender).await?;
        self.kept.map_or(Ok(()), |(path, _)| progress::remove(path).map_err(failed(path.display())))
    }

    /// Waits until every line read is on disk, there or among the rejected, and answers the bytes of these.
    async fn settle(&self, sender: &mut Sender) -> Result<u64, Failure> {
        sender.settle().await?;
        sender.rejects.sync().map_err(failed(self.rejected.display()))
    }
}

/// Opens what is read and what is written, at the line where an earlier run of the same import stopped.
async fn desk(arguments: &Arguments, into: &str, db: Option<&Db>, rejected: &Path) -> Result<Desk, Failure> {
    let fresh = |bar: &ProgressBar| -> Result<Rejects, Failure> {
        let (rejects, old) = Rejects::fresh(rejected, bar.clone()).map_err(failed(rejected.display()))?;
        if let Some(old) = old {
            eprintln!("what an earlier import rejected is now in {}", old.display());
        }
        Ok(rejects)
    };
    if arguments.file.as_os_str() == "-" {
        let bar = ProgressBar::new_spinner().with_message("0");
        let style = ProgressStyle::with_template("importing {bytes}, line {msg}, {elapsed}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        let (input, rejects) = (Box::new(BufReader::new(io::stdin())), fresh(&bar)?);
        return Ok(Desk { input, kept: None, rejects, mark: Mark::default(), hash: Sha256::new(), bar });
    }
    let read = failed(arguments.file.display());
    let mut file = File::open(&arguments.file).map_err(&read)?;
    lock::take(&file).map_err(&read)?;
    let work = Work::of(&file, into, rejected).map_err(&read)?;
    let path = progress::beside(&arguments.file, "progress");
    let bar = ProgressBar::new(work.size()).with_message("0");
    let style = ProgressStyle::with_template("importing [{bar:40}] {percent}%, line {msg}, {eta} left");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let (earlier, hash) = match arguments.from_start {
        true => (Earlier::Nothing, Sha256::new()),
        false => earlier(&mut file, &path, &work, db).await?,
    };
    if !matches!(earlier, Earlier::Mark(_)) {
        // Before anything else is done, so that no later run goes on from where this one did not stop.
        progress::remove(&path).map_err(failed(path.display()))?;
    }
    let (rejects, mark) = match earlier {
        Earlier::Mark(mark) => {
            eprintln!("going on after line {}, up to which an earlier import came (--from-start does not)", mark.line);
            let rejects = Rejects::after(rejected, mark.rejected_bytes, bar.clone()).map_err(|error| {
                let path = rejected.display();
                Failure::Other(format!("{path} is not as the earlier import left it ({error}): give --from-start"))
            })?;
            (rejects, mark)
        }
        Earlier::Other => {
            eprintln!(
                "{} is of another import, or lines or the store were changed since: starting at the first line",
                path.display()
            );
            (fresh(&bar)?, Mark::default())
        }
        Earlier::Nothing => (fresh(&bar)?, Mark::default()),
    };
    file.seek(SeekFrom::Start(mark.offset)).map_err(&read)?;
    let input = Box::new(BufReader::with_capacity(1 << 16, file));
    Ok(Desk { input, kept: Some((path, work)), rejects, mark, hash, bar })
}

/// The mark of an earlier run, if file and store are as they were at it, with the hash of what is before it.
async fn earlier(file: &mut File, path: &Path, work: &Work, db: Option<&Db>) -> Result<(Earlier, Sha256), Failure> {
    let earlier = progress::earlier(path, work).map_err(failed(path.display()))?;
    if let Earlier::Mark(mark) = &earlier {
        let hash = progress::hashed(file, mark.offset).map_err(failed("what is imported"))?;
        let holds = match (db, &mark.store) {
            (Some(db), Some(point)) => point.is_in(db).await.map_err(Failure::Store)?,
            // A server cannot be asked.
            (db, point) => db.is_none() && point.is_none(),
        };
        if holds && progress::hex(hash.clone()) == mark.hash {
            return Ok((earlier, hash));
        }
        return Ok((Earlier::Other, Sha256::new()));
    }
    Ok((earlier, Sha256::new()))
}

/// How to go on after a stop.
fn advice(arguments: &Arguments) -> &'static str {
    match (arguments.file.as_os_str() == "-", arguments.from_start) {
        (true, _) => "Give all lines again: those that are in already are not changed by that",
        (false, true) => "Give the same command without --from-start to go on",
        (false, false) => "Give the same command again to go on",
    }
}

/// Tells what became of the lines.
fn told(counts: &Counts, lines: u64, time: Duration) {
    for (kind, count) in counts {
        println!(
            "{kind}: {} made or changed, {} unchanged, {} rejected",
            count.changed, count.unchanged, count.rejected
        );
    }
    let seconds = time.as_secs_f64();
    println!("{lines} lines in {seconds:.1} s, {:.0} lines/s", lines as f64 / seconds.max(0.001));
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    #[test]
    fn what_is_said_after_a_stop_goes_on_in_every_mode() {
        let of = |words: &[&str]| advice(&Line::try_parse_from([&["import"], words].concat()).unwrap().arguments);
        assert!(of(&["f"]).starts_with("Give the same command again"));
        assert!(of(&["f", "--from-start"]).starts_with("Give the same command without --from-start"));
        assert!(of(&["-"]).starts_with("Give all lines again"));
        assert!(of(&["-", "--from-start"]).starts_with("Give all lines again"));
    }
}
