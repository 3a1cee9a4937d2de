//! ListScorecards: a page of fifty out of a thousand scorecards, and out of a hundred times as many.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use coaching::pb::cresta::v1::coaching::{ListScorecardsRequest, ScorecardOrderBy};
use coaching::store::sled::{Options as SledOptions, SledEngine};
use coaching::store::{Db, Origin, set_layout};

use crate::generator::{Lines, Make, Protocol, Round, grpc};
use crate::served::Child;
use crate::table::{Spread, Table, noise};
use crate::{Options, Result, world};

const SMALL: usize = 1_000;
/// Few enough that every agent fills a page in the small store.
const AGENTS: usize = 16;
/// Pages of one client, one after another.
const PAGE: i32 = 50;

pub(crate) async fn run(options: &Options) -> Result<()> {
    let temporary = tempfile::tempdir_in(&options.folder)?;
    let folder = options.keep.clone().unwrap_or_else(|| temporary.path().to_path_buf());
    println!(
        "\nlist: pages of {PAGE} over gRPC, one client, {} rounds of {:?}, alternating",
        options.rounds,
        options.round / 4
    );
    let small = Child::real(&options.program, &filled(&folder, SMALL).await?, &[])?;
    let large = Child::real(&options.program, &filled(&folder, options.cards).await?, &[])?;

    let with = |change: fn(&mut ListScorecardsRequest, usize)| {
        let make: Make = Arc::new(move |number| {
            let mut request =
                ListScorecardsRequest { parent: world::PARENT.into(), page_size: PAGE, ..Default::default() };
            change(&mut request, number as usize);
            grpc("ListScorecards", &request)
        });
        make
    };
    let queries = [
        ("an agent's, newest first", with(|request, n| request.agent_user_name = world::agent_name(n % AGENTS))),
        ("everything, newest first", with(|_, _| {})),
        ("a template's, newest first", with(|request, n| request.template_name = world::template_name(n))),
        (
            "an agent's, by update time",
            with(|request, n| {
                request.agent_user_name = world::agent_name(n % AGENTS);
                request.set_order_by(ScorecardOrderBy::UpdateTime);
            }),
        ),
        (
            "a template's, by score",
            with(|request, n| {
                request.template_name = world::template_name(n);
                request.set_order_by(ScorecardOrderBy::TotalScore);
            }),
        ),
    ];
    let (few, many) = (format!("{SMALL} p50 ms"), format!("{} p50 ms", options.cards));
    let mut table =
        Table::new(&["", "KB", &few, &many, "ratio min med max", "p99 ms", "p99 ms", "server µs", "server µs"]);
    let mut noisy = Vec::new();
    for (name, make) in queries {
        let mut lines =
            [Lines::open(small.port, Protocol::Grpc, 1).await?, Lines::open(large.port, Protocol::Grpc, 1).await?];
        for line in &mut lines {
            line.run(None, options.round / 4, &make).await?; // warm
        }
        let mut all: [Vec<Round>; 2] = [Vec::new(), Vec::new()];
        for _ in 0..options.rounds {
            for (at, child) in [&small, &large].into_iter().enumerate() {
                all[at].push(lines[at].run(Some(child), options.round / 4, &make).await?);
            }
        }
        let p50 = |rounds: &[Round]| Spread::of(rounds.iter().map(|round| round.percentile(50)));
        let p99 =
            |rounds: &[Round]| format!("{:.2}", Spread::of(rounds.iter().map(|round| round.percentile(99))).median);
        let cpu = |rounds: &[Round]| format!("{:.0}", Spread::of(rounds.iter().map(Round::cpu_per_call)).median);
        let ratio = Spread::of(all[1].iter().zip(&all[0]).map(|(a, b)| a.percentile(50) / b.percentile(50)));
        let last = all[1].last().map_or(0, |round| round.bytes / round.took.len().max(1) as u64);
        table.row([
            name.to_owned(),
            (last / 1_000).to_string(),
            format!("{:.2}", p50(&all[0]).median),
            format!("{:.2}", p50(&all[1]).median),
            format!("{ratio:.2}"),
            p99(&all[0]),
            p99(&all[1]),
            cpu(&all[0]),
            cpu(&all[1]),
        ]);
        noisy.push(p50(&all[0]));
    }
    table.print();
    if let Some(worst) = noisy.into_iter().max_by(|a, b| (a.max / a.min).total_cmp(&(b.max / b.min))) {
        noise("the small store", worst);
    }
    Ok(())
}

/// A store with so many scorecards, made if it is not there.
async fn filled(folder: &Path, cards: usize) -> Result<PathBuf> {
    let store = folder.join(format!("list-{cards}"));
    if store.exists() {
        return Ok(store);
    }
    let start = Instant::now();
    let draft = folder.join(format!("list-{cards}.new"));
    let db = Db::new(Arc::new(SledEngine::open(&SledOptions::new(&draft))?));
    set_layout(db.engine().as_ref(), &Origin::default(), coaching::services::layout()).await?;
    let client = world::client(db.clone());
    world::prepare(&mut client.clone()).await?;
    world::fill(&client, cards, AGENTS).await?;
    db.close().await?;
    drop((client, db));
    std::fs::rename(&draft, &store)?;
    let seconds = start.elapsed().as_secs_f64();
    println!("  {cards} scorecards loaded in {seconds:.1} s, {:.0}/s", cards as f64 / seconds);
    Ok(store)
}
