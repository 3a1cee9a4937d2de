//! GetScorecard: a scorecard of about 1.8 KB from the store, against stubs that answer the same bytes from memory.

use std::sync::Arc;

use coaching::pb::cresta::v1::coaching::GetScorecardRequest;
use coaching::store::Db;
use coaching::store::sled::{Options as SledOptions, SledEngine};

use http::HeaderValue;

use crate::generator::{Lines, Make, Protocol, Round, grpc, rest};
use crate::served::Child;
use crate::table::{Spread, Table, noise};
use crate::{Options, Result, world};

const CARDS: usize = 1_000;
const AGENTS: usize = 40;

pub(crate) async fn run(options: &Options) -> Result<()> {
    let folder = tempfile::tempdir_in(&options.folder)?;
    let store = folder.path().join("store");
    let names = seed(&store).await?;
    // Two processes cannot share a store; the quiet one has a copy, made while nobody has it open.
    let copy = folder.path().join("copy");
    seed_copy(&store, &copy)?;
    let real = Child::real(&options.program, &store, &[])?;
    let (other, quiet) = match &options.before {
        Some(before) => ("before", Child::real(before, &copy, &[])?),
        None => ("no log", Child::real(&options.program, &copy, &["--log", "info,access=off"])?),
    };

    println!(
        "\nget: GetScorecard of {CARDS} scorecards, {} rounds of {:?}, alternating",
        options.rounds, options.round
    );
    let mut table = Table::new(&[
        "",
        "calls",
        "stub /s",
        "real /s",
        "ratio min med max",
        other,
        "stub µs",
        "real µs",
        "cpu ratio",
        other,
        "p50 ms",
        "p99 ms",
    ]);
    let mut stubs = Vec::new();
    let kinds = [
        ("gRPC", Protocol::Grpc, "identity", [16, 64].as_slice()),
        ("gRPC, gzip offered", Protocol::Grpc, "identity, deflate, gzip", &[16]),
        ("REST", Protocol::Rest, "identity", &[16, 64]),
    ];
    for (kind, protocol, accepted, concurrency) in kinds {
        let plain = requests(protocol, &names, "identity");
        let answer = Lines::open(real.port, protocol, 1).await?.ask(plain(0)).await?;
        let same = Lines::open(quiet.port, protocol, 1).await?.ask(plain(0)).await?;
        if answer != same {
            return Err("the two servers answer different bytes".into());
        }
        let file = folder.path().join(format!("{protocol:?}"));
        let message = if protocol == Protocol::Grpc { answer.slice(5..) } else { answer.clone() };
        std::fs::write(&file, &message)?;
        let stub = if protocol == Protocol::Grpc { Child::grpc_stub(&file)? } else { Child::rest_stub(&file)? };
        if Lines::open(stub.port, protocol, 1).await?.ask(plain(0)).await? != answer {
            return Err("the stub answers other bytes than the server".into());
        }
        let make = requests(protocol, &names, accepted);
        for &calls in concurrency {
            let (stub, real, quiet) = rounds(options, protocol, calls, &make, [&stub, &real, &quiet]).await?;
            let ratio =
                |ours: &[Round], of: fn(&Round) -> f64| Spread::of(ours.iter().zip(&stub).map(|(a, b)| of(a) / of(b)));
            let median = |rounds: &[Round], of: fn(&Round) -> f64| Spread::of(rounds.iter().map(of)).median;
            let cpu: fn(&Round) -> f64 = Round::cpu_per_call;
            table.row([
                format!("{kind}, {} B", message.len()),
                calls.to_string(),
                format!("{:.0}", median(&stub, Round::per_second)),
                format!("{:.0}", median(&real, Round::per_second)),
                format!("{:.2}", ratio(&real, Round::per_second)),
                format!("{:.2}", ratio(&quiet, Round::per_second).median),
                format!("{:.1}", median(&stub, cpu)),
                format!("{:.1}", median(&real, cpu)),
                format!("{:.2}", 1.0 / ratio(&real, cpu).median),
                format!("{:.2}", 1.0 / ratio(&quiet, cpu).median),
                format!("{:.2}", median(&real, |round| round.percentile(50))),
                format!("{:.2}", median(&real, |round| round.percentile(99))),
            ]);
            stubs.push(Spread::of(stub.iter().map(Round::per_second)));
        }
    }
    table.print();
    println!(
        "  µs: the server's processor time for one call; cpu ratio: stub's over ours, without the generator's share"
    );
    if let Some(worst) = stubs.into_iter().max_by(|a, b| (a.max / a.min).total_cmp(&(b.max / b.min))) {
        noise("the stub", worst);
    }
    Ok(())
}

type Rounds = (Vec<Round>, Vec<Round>, Vec<Round>);

async fn rounds(
    options: &Options,
    protocol: Protocol,
    calls: usize,
    make: &Make,
    servers: [&Child; 3],
) -> Result<Rounds> {
    let mut lines = Vec::new();
    for server in servers {
        let mut line = Lines::open(server.port, protocol, calls).await?;
        line.run(None, options.round / 4, make).await?; // warm
        lines.push(line);
    }
    let mut all = [Vec::new(), Vec::new(), Vec::new()];
    for round in 0..options.rounds {
        for turn in 0..3 {
            let at = (round + turn) % 3; // nobody always comes first
            all[at].push(lines[at].run(Some(servers[at]), options.round, make).await?);
        }
    }
    Ok(all.into())
}

/// Requests of each name in turn. Libraries on gRPC's C core (Python, C++, Ruby, PHP) and Java offer gzip unasked.
fn requests(protocol: Protocol, names: &[String], accepted: &'static str) -> Make {
    let of = |name: &String| {
        let mut request = match protocol {
            Protocol::Grpc => grpc("GetScorecard", &GetScorecardRequest { name: name.clone(), ..Default::default() }),
            Protocol::Rest => rest(&format!("/v1/{name}")),
        };
        if accepted != "identity" {
            request.headers_mut().insert("grpc-accept-encoding", HeaderValue::from_static(accepted));
        }
        request
    };
    let requests: Vec<_> = names.iter().map(of).collect();
    Arc::new(move |number| requests[number as usize % requests.len()].clone())
}

async fn seed(store: &std::path::Path) -> Result<Vec<String>> {
    let db = Db::new(Arc::new(SledEngine::open(&SledOptions::new(store))?));
    let mut client = world::client(db.clone());
    world::prepare(&mut client).await?;
    let names = world::fill(&client, CARDS, AGENTS).await?;
    db.close().await?;
    Ok(names)
}

fn seed_copy(from: &std::path::Path, to: &std::path::Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            seed_copy(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
