//! `coaching verify`: the full check of a store, while no server has it open, and its rebuild.

use indicatif::ProgressBar;

use super::Failure;
use super::serve::open;
use crate::config::Settings;
use crate::services::{RECORDS, layout};
use crate::store::{self, Db, Layout, Origin, ScanRange};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Make indexes and counts anew from the records first; records stay as they are
    #[arg(long)]
    rebuild: bool,
    #[command(flatten)]
    _settings: Settings,
}

pub(super) fn run(arguments: &Arguments, settings: &Settings) -> Result<(), Failure> {
    let settings = Settings { create_store: false, ..settings.clone() };
    super::block_on(async {
        let db = open(&settings).await?;
        if arguments.rebuild {
            rebuild(&db).await?;
        }
        let report = store::verify(db.engine().as_ref(), RECORDS).await.map_err(Failure::Store)?;
        db.close().await.map_err(Failure::Store)?;
        println!(
            "{} records, {} index entries and {} cells of counts read",
            report.records, report.entries, report.cells
        );
        if report.is_clean() {
            println!("all of them are whole, and the indexes and counts are those of the records");
            return Ok(());
        }
        for problem in &report.problems {
            println!("- {problem}");
        }
        let more = if report.problem_count > report.problems.len() as u64 { ", the first of them above" } else { "" };
        let remedy = if arguments.rebuild {
            "Keep a copy of the folder, then restore the last copy that was taken while the server was stopped"
        } else {
            "Where only index entries, counts or cells are named, `coaching verify --rebuild` makes them anew from the records. \
             Otherwise keep a copy of the folder, then restore the last copy that was taken while the server was stopped"
        };
        Err(Failure::Damaged(format!("{} problems found{more}. {remedy}", report.problem_count)))
    })
}

fn origin() -> Origin {
    Origin {
        actor: "coaching verify --rebuild".into(),
        rpc: "rebuild".into(),
        at_us: crate::clock::Clock::now(&crate::clock::SystemClock::default()).0,
        ..Origin::default()
    }
}

/// Sees to it before a store is used that its indexes and counts are those of this program: a store that another version
/// wrote, or whose rebuild was cut off, is rebuilt. One where that fails is used all the same, with a warning, because its
/// records are whole; listings may miss some of them and counts may be wrong until it is mended.
pub(super) async fn settle(db: &Db) {
    let engine = db.engine().as_ref();
    let settled = async {
        match store::layout_of(engine).await? {
            Layout::Noted(noted) if noted == layout() => Ok(()),
            Layout::Unnoted if engine.scan(&ScanRange::default(), 1).await?.is_empty() => {
                store::set_layout(engine, &origin(), layout()).await
            }
            found => {
                tracing::warn!(?found, "the store's indexes and counts are of another version: they are made anew");
                let done = store::rebuild(engine, RECORDS, layout(), &origin(), progress()).await?;
                tracing::info!(?done, "indexes and counts are made anew");
                Ok(())
            }
        }
    };
    if let Err(fault) = settled.await {
        tracing::error!(%fault, "indexes and counts could not be made anew, so listings and counts may be wrong: see `coaching verify`");
    }
}

/// Logs every hundred thousand records.
fn progress() -> impl FnMut(u64) {
    let mut next = 100_000;
    move |records| {
        if records >= next {
            tracing::info!(records, "rebuilding");
            next = records + 100_000;
        }
    }
}

/// Makes indexes and counts anew, and says what changed.
async fn rebuild(db: &Db) -> Result<(), Failure> {
    let bar = ProgressBar::new_spinner().with_message("rebuilding");
    let told = |records| bar.set_message(format!("rebuilding: {records} records read"));
    let done =
        store::rebuild(db.engine().as_ref(), RECORDS, layout(), &origin(), told).await.map_err(Failure::Store)?;
    bar.finish_and_clear();
    println!(
        "rebuilt from {} records: {} index entries added, {} removed, {} cells of counts written",
        done.records, done.added, done.removed, done.cells
    );
    Ok(())
}
