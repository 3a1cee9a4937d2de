//! CreateScorecard, answered when it is on the disk: over gRPC, and the service alone, beside bare sled.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use coaching::store::Db;
use coaching::store::sled::{Options as SledOptions, SledEngine};

use crate::bare::{Bare, Shape};
use crate::generator::{Lines, Make, Protocol, Round, grpc};
use crate::served::Child;
use crate::table::{Spread, Table, noise};
use crate::{Options, Result, world};

const AGENTS: usize = 40;

pub(crate) async fn run(options: &Options) -> Result<()> {
    let folder = tempfile::tempdir_in(&options.folder)?;
    let at = |name: &str| folder.path().join(name);
    let shape = Shape::of_a_create(&at("shape")).await?;
    println!(
        "\ncreate: durable CreateScorecard ({}), {} rounds of {:?}, alternating, stores in {}",
        shape.describe(),
        options.rounds,
        options.round,
        options.folder.display()
    );
    let mut bare = Bare::open(&at("bare"), shape)?;
    let server = Child::real(&options.program, &prepared(&at("served")).await?, &[])?;
    let before = match &options.before {
        Some(before) => Some(Child::real(before, &prepared(&at("before")).await?, &[])?),
        None => None,
    };
    let db = Db::new(Arc::new(SledEngine::open(&SledOptions::new(prepared(&at("alone")).await?))?));
    let alone = world::client(db.clone());

    let made = AtomicU64::new(0);
    let make: Make = Arc::new(move |_| {
        let number = made.fetch_add(1, Ordering::Relaxed);
        grpc("CreateScorecard", &world::scorecard(number as usize, AGENTS))
    });
    let mut numbers = 1_000_000;
    let other = if before.is_some() { "before /s" } else { "service alone /s" };
    let mut table = Table::new(&[
        "clients",
        "bare sled /s",
        "gRPC /s",
        "ratio min med max",
        other,
        "ratio min med max",
        "bare p50 p99 ms",
        "gRPC p50 p99 ms",
    ]);
    let mut bares = Vec::new();
    for clients in [1, 16, 64] {
        let mut lines = Lines::open(server.port, Protocol::Grpc, clients).await?;
        lines.run(None, options.round / 4, &make).await?; // warm
        let mut earlier = match &before {
            Some(before) => Some(Lines::open(before.port, Protocol::Grpc, clients).await?),
            None => None,
        };
        bare.run(clients as u64, options.round / 4).await?;
        let (mut all, mut sled, mut inside) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..options.rounds {
            all.push(lines.run(Some(&server), options.round, &make).await?);
            sled.push(bare.run(clients as u64, options.round).await?);
            inside.push(match &mut earlier {
                Some(earlier) => earlier.run(before.as_ref(), options.round, &make).await?,
                None => in_process(&alone, &mut numbers, clients, options.round).await?,
            });
        }
        let ratio = |ours: &[Round]| Spread::of(ours.iter().zip(&sled).map(|(a, b)| a.per_second() / b.per_second()));
        let median = |rounds: &[Round], of: &dyn Fn(&Round) -> f64| Spread::of(rounds.iter().map(of)).median;
        let times = |rounds: &[Round]| {
            format!(
                "{:.2} {:.2}",
                median(rounds, &|round| round.percentile(50)),
                median(rounds, &|round| round.percentile(99))
            )
        };
        table.row([
            clients.to_string(),
            format!("{:.0}", median(&sled, &Round::per_second)),
            format!("{:.0}", median(&all, &Round::per_second)),
            format!("{:.2}", ratio(&all)),
            format!("{:.0}", median(&inside, &Round::per_second)),
            format!("{:.2}", ratio(&inside)),
            times(&sled),
            times(&all),
        ]);
        bares.push(Spread::of(sled.iter().map(Round::per_second)));
    }
    table.print();
    if before.is_none() {
        println!(
            "  service alone: the same calls in this process, without sockets, HTTP/2 and the generator's requests"
        );
    }
    if let Some(worst) = bares.into_iter().max_by(|a, b| (a.max / a.min).total_cmp(&(b.max / b.min))) {
        noise("bare sled", worst);
    }
    Ok(db.close().await?)
}

/// A new store with templates.
async fn prepared(folder: &Path) -> Result<PathBuf> {
    let db = Db::new(Arc::new(SledEngine::open(&SledOptions::new(folder))?));
    world::prepare(&mut world::client(db.clone())).await?;
    db.close().await?;
    Ok(folder.to_path_buf())
}

async fn in_process(client: &world::Client, numbers: &mut usize, callers: usize, time: Duration) -> Result<Round> {
    let start = Instant::now();
    let end = start + time;
    let tasks: Vec<_> = (0..callers)
        .map(|caller| {
            let (mut client, first) = (client.clone(), *numbers + caller);
            tokio::spawn(async move {
                let mut took = Vec::new();
                for number in (first..).step_by(callers) {
                    let begun = Instant::now();
                    if begun >= end {
                        break;
                    }
                    client.create_scorecard(world::scorecard(number, AGENTS)).await?;
                    took.push(u32::try_from(begun.elapsed().as_micros()).unwrap_or(u32::MAX));
                }
                Ok::<_, tonic::Status>(took)
            })
        })
        .collect();
    let mut took = Vec::new();
    for task in tasks {
        took.extend(task.await??);
    }
    took.sort_unstable();
    *numbers += took.len() * 2 + callers;
    Ok(Round { seconds: start.elapsed().as_secs_f64(), took, bytes: 0, cpu: Duration::ZERO })
}
