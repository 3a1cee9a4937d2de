//! Pages of ListScorecards out of a thousand scorecards, a hundred thousand and more: by each filter alone and by likely
//! combinations, the first page and the hundredth.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use coaching::pb::cresta::v1::coaching::*;
use prost::Message as _;

use crate::generator::{Lines, Make, Protocol, grpc};
use crate::served::Child;
use crate::table::{Spread, Table, noise};
use crate::{Options, Result, world, year};

const PAGE: i32 = 50;
/// The deep page.
const DEEP: usize = 100;
const SMALL: usize = 1_000;

type Change = fn(&mut ListScorecardsRequest);

/// What is asked for. Windows are of days of the year that the store holds.
const QUERIES: &[(&str, Change)] = &[
    ("nothing", |_| {}),
    ("agentUserName", |r| r.agent_user_name = world::agent_name(7)),
    ("templateName", |r| r.template_name = format!("{}@*", world::template_name(1))),
    ("coachingPlanNames", |r| r.coaching_plan_names = vec![year::plan(3)]),
    ("conversationNames", |r| r.conversation_names = vec![format!("{}/conversations/c-000000500", world::PARENT)]),
    ("processIds", |r| r.process_ids = vec![year::process(500)]),
    ("creatorUserNames, 1 of 40", |r| r.creator_user_names = vec![year::grader(3)]),
    ("submitterUserNames, 1 of 40", |r| r.submitter_user_names = vec![year::grader(3)]),
    ("usecaseNames, 1 of 3", |r| r.usecase_names = vec![year::usecase(1)]),
    ("scorecardTypes, 1 in 100", |r| r.scorecard_types = vec![ScorecardType::Calibration.into()]),
    ("submitted: false, 1 in 20", |r| r.submitted = Some(false)),
    ("acknowledged: true, 1 in 2", |r| r.acknowledged = Some(true)),
    ("submit time, a week", |r| window(r, 200, 207)),
    ("submit time, a week, by create time", |r| {
        window(r, 200, 207);
        r.set_order_by(ScorecardOrderBy::CreateTime);
    }),
    ("update time, a week", |r| {
        r.start_update_time = Some(year::at(year::BEGIN + 200 * year::DAY));
        r.end_update_time = Some(year::at(year::BEGIN + 207 * year::DAY));
    }),
    ("by update time", |r| r.set_order_by(ScorecardOrderBy::UpdateTime)),
    ("by submit time", |r| r.set_order_by(ScorecardOrderBy::SubmitTime)),
    ("by total score", |r| r.set_order_by(ScorecardOrderBy::TotalScore)),
    ("agent + submit time, 90 days", |r| {
        r.agent_user_name = world::agent_name(7);
        window(r, 200, 290);
    }),
    ("template + submit time, a week", |r| {
        r.template_name = format!("{}@*", world::template_name(1));
        window(r, 200, 207);
    }),
    ("usecase + submitted + 30 days", |r| {
        r.usecase_names = vec![year::usecase(1)];
        r.submitted = Some(true);
        window(r, 200, 230);
    }),
];

fn window(request: &mut ListScorecardsRequest, from: i64, until: i64) {
    request.start_submit_time = Some(year::at(year::BEGIN + from * year::DAY));
    request.end_submit_time = Some(year::at(year::BEGIN + until * year::DAY));
}

/// One query on one store: its requests, and what they answered.
struct Asked {
    first: Make,
    deep: Make,
    /// Which page the deep one is: the last, where there are fewer.
    page: usize,
    /// Scorecards on the first page, and on the deep one.
    items: [usize; 2],
}

pub(crate) async fn run(options: &Options) -> Result<()> {
    let temporary = tempfile::tempdir_in(&options.folder)?;
    let folder = options.keep.clone().unwrap_or_else(|| temporary.path().to_path_buf());
    let mut sizes = vec![SMALL, 100_000, options.cards];
    sizes.sort_unstable();
    sizes.dedup();
    sizes.retain(|size| *size <= options.cards);
    let round = options.round / 4;
    println!("\npages: of {PAGE} over gRPC, one client, {} rounds of {round:?}, alternating", options.rounds);
    let mut children = Vec::new();
    for size in &sizes {
        children.push(Child::real(&options.program, &year::store(&folder, *size).await?, &[])?);
    }
    let mut head = vec![String::new()];
    for size in &sizes {
        head.extend([format!("{size}: n"), "1st ms".into(), format!("{DEEP}th ms"), "ratios".into()]);
    }
    let mut table = Table::new(&head.iter().map(String::as_str).collect::<Vec<_>>());
    let mut rounds_of_small = Vec::new();
    for (name, change) in QUERIES {
        let mut lines = Vec::new();
        let mut asked = Vec::new();
        for child in &children {
            let mut line = Lines::open(child.port, Protocol::Grpc, 1).await?;
            asked.push(ask(&mut line, *change).await?);
            lines.push(line);
        }
        let mut took = vec![[Vec::new(), Vec::new()]; children.len()];
        for number in 0..=options.rounds {
            for (at, line) in lines.iter_mut().enumerate() {
                for (deep, make) in [&asked[at].first, &asked[at].deep].into_iter().enumerate() {
                    let done = line.run(None, round, make).await?;
                    // The first round warms.
                    if number > 0 {
                        took[at][deep].push(done.percentile(50));
                    }
                }
            }
        }
        let base = took[0][0].clone();
        let mut row = vec![(*name).to_owned()];
        for (at, asked) in asked.iter().enumerate() {
            let ratio = |times: &[f64]| Spread::of(times.iter().zip(&base).map(|(time, base)| time / base)).median;
            let time = |times: &[f64]| Spread::of(times.iter().copied()).median;
            let [first, deep] = &took[at];
            let page = if asked.page == DEEP { String::new() } else { format!(" ({})", asked.page) };
            row.push(format!("{}/{}", asked.items[0], asked.items[1]));
            row.push(format!("{:.2}", time(first)));
            row.push(format!("{:.2}{page}", time(deep)));
            row.push(format!("{:.2} {:.2}", ratio(first), ratio(deep)));
        }
        table.row(row);
        rounds_of_small.push(Spread::of(base));
    }
    table.print();
    if let Some(worst) = rounds_of_small.into_iter().max_by(|a, b| (a.max / a.min).total_cmp(&(b.max / b.min))) {
        noise("the small store", worst);
    }
    for (size, child) in sizes.iter().zip(&children) {
        let store = folder.join(format!("year-{size}"));
        let disk = disk_usage(&store)? as f64 / f64::from(1 << 20);
        println!("  {size}: {disk:.0} MiB on disk, server {}", child.memory()?);
    }
    Ok(())
}

/// Asks once for the first page, and walks to the deep one.
async fn ask(line: &mut Lines, change: Change) -> Result<Asked> {
    let mut request = ListScorecardsRequest { parent: world::PARENT.into(), page_size: PAGE, ..Default::default() };
    change(&mut request);
    let make = |request: &ListScorecardsRequest| -> Make {
        let request = request.clone();
        Arc::new(move |_| grpc("ListScorecards", &request))
    };
    let (first, mut page, mut items) = (make(&request), 1, [0; 2]);
    loop {
        let answer = message(line.ask(grpc("ListScorecards", &request)).await?)?;
        items[1] = answer.scorecards.len();
        if page == 1 {
            items[0] = items[1];
        }
        if answer.next_page_token.is_empty() || page == DEEP {
            return Ok(Asked { first, deep: make(&request), page, items });
        }
        request.page_token = answer.next_page_token;
        page += 1;
    }
}

/// The message in a gRPC frame.
fn message(framed: Bytes) -> Result<ListScorecardsResponse> {
    Ok(ListScorecardsResponse::decode(framed.get(5..).ok_or("no message")?)?)
}

fn disk_usage(folder: &Path) -> Result<u64> {
    let mut sum = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        sum += if entry.file_type()?.is_dir() { disk_usage(&entry.path())? } else { entry.metadata()?.len() };
    }
    Ok(sum)
}
