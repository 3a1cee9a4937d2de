//! Load: what the service costs beside the least that could do the same, in one run on one machine.
//!
//! `cargo bench --bench load -- [get|create|list|pages|scores|all] [options]`; see [`USAGE`].
//!
//! Absolute numbers are this machine's. Read the ratios: whatever is compared takes turns in short rounds, so that what
//! disturbs the machine disturbs both, and each round's ratio stands for itself. `docs/performance.md` says what is
//! measured, what is not, and how to read it.
//!
//! Servers run in processes of their own (this program again, see [`served`]): in one process, the generator and the
//! server would share a scheduler and steal each other's tasks, which no deployment does.

use std::path::PathBuf;
use std::time::Duration;

mod bare;
mod create;
mod generator;
mod get;
mod list;
mod pages;
mod scores;
mod served;
mod table;
mod world;
mod year;

/// Whatever goes wrong ends the run and is printed.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// What the command line says.
#[derive(Clone, Debug)]
struct Options {
    /// Length of a round.
    round: Duration,
    rounds: usize,
    /// Where stores are made; on the disk that is to be measured.
    folder: PathBuf,
    /// Stores of `list`, `pages` and `scores` stay here and are used again.
    keep: Option<PathBuf>,
    /// Scorecards of the larger store of `list`.
    cards: usize,
    /// The program that is measured.
    program: PathBuf,
    /// An earlier build of it, measured beside it.
    before: Option<PathBuf>,
}

const USAGE: &str = "get, create, list, pages, scores or all (which leaves pages and scores out), and then
  --seconds N      length of a round (1)
  --rounds N       rounds (5)
  --folder DIR     where stores are made: on the disk that is to be measured
  --keep DIR       where the stores of `list` and `pages` are kept and found again
  --cards N        scorecards of the largest store of `list` and `pages` (100000)
  --program FILE   the program to measure (the one just built)
  --before FILE    an earlier build to measure beside it, in the place of the second column of ratios";

fn main() -> Result<()> {
    let mut args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    if args.first().is_some_and(|arg| arg == "serve") {
        return served::child(&args[1..]);
    }
    let mut options = Options {
        round: Duration::from_secs(1),
        rounds: 5,
        folder: env!("CARGO_TARGET_TMPDIR").into(),
        keep: None,
        cards: 100_000,
        program: env!("CARGO_BIN_EXE_coaching").into(),
        before: None,
    };
    let mut part = "all".to_owned();
    args.reverse();
    while let Some(arg) = args.pop() {
        let mut value = || args.pop().ok_or_else(|| format!("{arg} needs a value"));
        match arg.as_str() {
            "get" | "create" | "list" | "pages" | "scores" | "all" => part = arg,
            "--seconds" => options.round = Duration::from_secs_f64(value()?.parse()?),
            "--rounds" => options.rounds = value()?.parse::<usize>()?.max(1),
            "--folder" => options.folder = value()?.into(),
            "--keep" => options.keep = Some(value()?.into()),
            "--program" => options.program = value()?.into(),
            "--before" => options.before = Some(value()?.into()),
            "--cards" => options.cards = value()?.parse::<usize>()?.max(2_000),
            _ => return Err(format!("{arg}: {USAGE}").into()),
        }
    }
    table::machine();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        if matches!(part.as_str(), "get" | "all") {
            get::run(&options).await?;
        }
        if matches!(part.as_str(), "create" | "all") {
            create::run(&options).await?;
        }
        if matches!(part.as_str(), "list" | "all") {
            list::run(&options).await?;
        }
        if part == "pages" {
            pages::run(&options).await?;
        }
        if part == "scores" {
            scores::run(&options).await?;
        }
        Ok(())
    })
}
