//! `coaching demo`: a believable small contact centre, the same every time, loaded through the public API.
//!
//! The gRPC service is called in process over the store, with a clock that walks through the ninety days, so that
//! creation and submission times are those of the past. What exists already is left as it is, so an interrupted load is
//! finished by running it again.

use indicatif::{ProgressBar, ProgressStyle};
use prost_types::Timestamp;
use tonic::Status;

use super::Failure;
use crate::clock::{Clock as _, Micros, SystemClock};
use crate::config::Settings;
use crate::store::Db;
use cast::{AGENTS, Dice};
use stage::Stage;

mod cast;
mod coaching;
mod directory;
mod floors;
mod forms;
mod grading;
mod stage;

/// Arguments of `coaching demo`.
#[derive(clap::Args)]
pub struct Arguments {
    /// Serve the API when the demo is loaded
    #[arg(long)]
    serve: bool,
    /// Day on which the ninety days end; today where it is left out. The same day gives the same records
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
    until: Option<Micros>,
    #[command(flatten)]
    _settings: Settings,
}

/// Midnight UTC of a day written `YYYY-MM-DD`.
fn day(text: &str) -> Result<Micros, String> {
    let time = format!("{text}T00:00:00Z").parse::<Timestamp>();
    time.map(|time| Micros::of(&time)).map_err(|_| "must be a day such as 2026-06-30".to_owned())
}

pub(super) fn run(arguments: &Arguments, settings: &Settings) -> Result<(), Failure> {
    let now = SystemClock::default().now();
    let until = arguments.until.unwrap_or(Micros(now.0 - now.0.rem_euclid(DAY)));
    if arguments.serve {
        return super::serve::run(settings, async |db| load_with_bar(db.clone(), until).await);
    }
    super::block_on(async {
        let db = super::serve::open(settings).await?;
        load_with_bar(db.clone(), until).await?;
        db.close().await.map_err(Failure::Store)?;
        println!("Serve it with: coaching serve --data {}", settings.data.display());
        Ok(())
    })
}

/// Loads the demo and tells what there is to look at.
async fn load_with_bar(db: Db, until: Micros) -> Result<(), Failure> {
    let loaded =
        load(db, until, &bar()).await.map_err(|status| Failure::Other(format!("the demo stopped: {status}")))?;
    println!(
        "{} templates, {} agents, {} targets, {} scorecards ({} submitted, {} acknowledged) in customers/acme and customers/globex",
        loaded.templates, loaded.agents, loaded.targets, loaded.scorecards, loaded.submitted, loaded.acknowledged
    );
    println!(
        "{} coaching plans, {} sessions, {} comments; {} users and {} conversations in the directory",
        loaded.plans, loaded.sessions, loaded.comments, loaded.users, loaded.conversations
    );
    Ok(())
}

const SEED: u64 = 20_260_101;
const DAYS: i64 = 90;
const DAY: i64 = 24 * 3_600 * 1_000_000;
/// Scorecards in all.
pub const SCORECARDS: usize = 2_000;

/// What was loaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// Templates, over both customers.
    pub templates: usize,
    /// Agents, over both customers.
    pub agents: usize,
    /// Scorecards, drafts included.
    pub scorecards: usize,
    /// Of these, submitted.
    pub submitted: usize,
    /// Of these, acknowledged.
    pub acknowledged: usize,
    /// Targets.
    pub targets: usize,
    /// Users in the directory, over both customers.
    pub users: usize,
    /// Conversations in the directory.
    pub conversations: usize,
    /// Coaching plans.
    pub plans: usize,
    /// Coaching sessions, all of them of plans.
    pub sessions: usize,
    /// Coaching comments.
    pub comments: usize,
}

/// Loads the demo, whose ninety days end at `until`. The same `until` gives the same records.
pub async fn load(db: Db, until: Micros, bar: &ProgressBar) -> Result<Loaded, Status> {
    let start = Micros(until.0 - DAYS * DAY);
    let mut stage = Stage::new(db, start);
    let mut dice = Dice::new(SEED);
    let mut loaded = Loaded { agents: AGENTS.len(), ..Loaded::default() };
    let floors = floors::floors();
    directory::people(&mut stage, &floors, &mut loaded).await?;
    for floor in &floors {
        floors::prepare(&mut stage, floor, &mut loaded).await?;
    }
    bar.set_length(SCORECARDS as u64);
    for floor in &floors {
        let mut graded = Vec::with_capacity(floor.scorecards);
        for number in 0..floor.scorecards {
            // Evenly over the days, within a shift from 8 to 18 o'clock.
            let day =
                i64::try_from(number).unwrap_or_default() * DAYS / i64::try_from(floor.scorecards.max(1)).unwrap_or(1);
            let minute = 8 * 60 + dice.below(10 * 60);
            stage.clock.set(Micros(start.0 + day * DAY + i64::try_from(minute).unwrap_or_default() * 60_000_000));
            graded.push(grading::grade(&mut stage, floor, number, day, &mut dice, &mut loaded).await?);
            bar.inc(1);
        }
        stage.clock.set(until);
        directory::conversations(&mut stage, floor, &mut graded, &mut loaded).await?;
        coaching::coach(&mut stage, floor, start, &graded, &mut loaded).await?;
    }
    bar.finish();
    Ok(loaded)
}

/// A progress bar for [`load`].
pub fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("loading the demo [{bar:40}] {pos}/{len} scorecards, {eta} left");
    ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
