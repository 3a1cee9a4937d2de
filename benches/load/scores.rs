//! What managers look at, out of a year of scorecards: overviews, progress and opportunities of one agent, of fifty and of
//! all, beside a plain Get and beside the least that a client would have to read to work an agent's score out alone.

use std::sync::Arc;

use coaching::pb::cresta::v1::coaching::*;
use prost::Message;

use crate::generator::{Lines, Make, Protocol, grpc};
use crate::served::Child;
use crate::table::{Spread, Table, noise};
use crate::{Options, Result, world, year};

/// Plans of one batch.
const BATCH: usize = 500;
/// The window: thirty days, and not at midnight, so that both of its ends are looked up.
const FROM: i64 = year::BEGIN + 200 * year::DAY + 34_567;
const UNTIL: i64 = year::BEGIN + 230 * year::DAY + 45_678;

pub(crate) async fn run(options: &Options) -> Result<()> {
    let temporary = tempfile::tempdir_in(&options.folder)?;
    let folder = options.keep.clone().unwrap_or_else(|| temporary.path().to_path_buf());
    let all = year::agents(options.cards);
    let round = options.round / 4;
    println!(
        "\nscores: of {} scorecards of {all} agents over gRPC, one client, {} rounds of {round:?}, alternating",
        options.cards, options.rounds
    );
    let child = Child::real(&options.program, &year::store(&folder, options.cards).await?, &[])?;
    let mut line = Lines::open(child.port, Protocol::Grpc, 1).await?;
    coach_everybody(&mut line, all).await?;

    let mut queries: Vec<(String, Make)> = vec![
        ("GetScorecard".into(), asking("GetScorecard", GetScorecardRequest { name: card(), ..Default::default() })),
        ("an agent's scorecards, to be added up".into(), asking("ListScorecards", scorecards())),
        ("GetTarget, of a criterion by everybody".into(), asking("GetTarget", target())),
    ];
    for agents in [1, 50, all] {
        queries.push((format!("overviews of {agents}"), asking("RetrieveCoachingOverviews", overviews(agents))));
    }
    queries.push((format!("50 overviews out of {all}"), asking("RetrieveCoachingOverviews", first_overviews())));
    for agents in [1, 50, all] {
        queries.push((format!("progress of {agents}"), asking("RetrieveCoachingProgresses", progresses(agents))));
    }
    for agents in [1, 50, all] {
        let what = format!("opportunities of {agents}, 7 days");
        queries.push((what, asking("SuggestCoachingOpportunities", opportunities(agents))));
    }
    let mut took = vec![[Vec::new(), Vec::new()]; queries.len()];
    for number in 0..=options.rounds {
        for (at, (_, make)) in queries.iter().enumerate() {
            let done = line.run(None, round, make).await?;
            // The first round warms.
            if number > 0 {
                took[at][0].push(done.percentile(50));
                took[at][1].push(done.percentile(99));
            }
        }
    }
    let base = took[0][0].clone();
    let mut table = Table::new(&["", "p50 ms", "p99 ms", "of a Get"]);
    for ((name, _), [middle, high]) in queries.iter().zip(&took) {
        let ratio = Spread::of(middle.iter().zip(&base).map(|(time, base)| time / base)).median;
        let time = |times: &[f64]| format!("{:.2}", Spread::of(times.iter().copied()).median);
        table.row(vec![name.clone(), time(middle), time(high), format!("{ratio:.1}")]);
    }
    table.print();
    noise("GetScorecard", Spread::of(base));
    println!("  server {}", child.memory()?);
    Ok(())
}

fn asking<Q: Message + Clone + Sync + Send + 'static>(rpc: &'static str, request: Q) -> Make {
    Arc::new(move |_| grpc(rpc, &request))
}

fn agents(count: usize) -> Vec<String> {
    (0..count.min(1_000)).map(world::agent_name).collect()
}

fn usecases() -> Vec<String> {
    (0..year::USECASES).map(year::usecase).collect()
}

fn card() -> String {
    format!("{}/scorecards/card-000000500", world::PARENT)
}

fn target_name() -> String {
    format!("{}/targets/empathy", world::PARENT)
}

fn target() -> GetTargetRequest {
    GetTargetRequest { name: target_name() }
}

/// A plan of each agent, with a criterion and a template to work on, and a target of everybody's.
async fn coach_everybody(line: &mut Lines, all: usize) -> Result<()> {
    let focus = |node: &str| FocusCriterion {
        scorecard_template_name: world::template_name(1),
        criterion_or_chapter_id: node.into(),
        ..Default::default()
    };
    let plan = |number: usize| CoachingPlan {
        name: format!("{}/coachingPlans/coached-{number:04}", world::PARENT),
        agent_user_name: world::agent_name(number),
        usecase_name: year::usecase(number),
        is_active: Some(true),
        start_time: Some(year::at(FROM)),
        focus_criteria: vec![focus("empathy"), focus("")],
        ..Default::default()
    };
    for from in (0..all).step_by(BATCH) {
        let coaching_plans = (from..(from + BATCH).min(all)).map(plan).collect();
        let request = BatchUpsertCoachingPlansRequest { parent: world::PARENT.into(), coaching_plans };
        line.ask(grpc("BatchUpsertCoachingPlans", &request)).await?;
    }
    let target = Target {
        name: target_name(),
        scorecard_template_name: world::template_name(1),
        criterion_or_chapter_id: "empathy".into(),
        usecase_name: year::usecase(0),
        target: Some(80.0),
        ..Default::default()
    };
    // A store that was kept has it already.
    let request = CreateTargetRequest { parent: world::PARENT.into(), target: Some(target) };
    let _ = line.ask(grpc("CreateTarget", &request)).await;
    Ok(())
}

fn scorecards() -> ListScorecardsRequest {
    ListScorecardsRequest {
        parent: world::PARENT.into(),
        agent_user_name: world::agent_name(7),
        start_submit_time: Some(year::at(FROM)),
        end_submit_time: Some(year::at(UNTIL)),
        page_size: 1_000,
        ..Default::default()
    }
}

fn overviews(count: usize) -> RetrieveCoachingOverviewsRequest {
    RetrieveCoachingOverviewsRequest {
        parent: world::PARENT.into(),
        agent_user_names: agents(count),
        start_time: Some(year::at(FROM)),
        end_time: Some(year::at(UNTIL)),
        page_size: 1_000,
        ..Default::default()
    }
}

fn first_overviews() -> RetrieveCoachingOverviewsRequest {
    RetrieveCoachingOverviewsRequest { agent_user_names: Vec::new(), page_size: 50, ..overviews(0) }
}

fn progresses(count: usize) -> RetrieveCoachingProgressesRequest {
    RetrieveCoachingProgressesRequest {
        parent: world::PARENT.into(),
        agent_user_names: agents(count),
        usecase_names: usecases(),
        end_time: Some(year::at(UNTIL)),
        page_size: 1_000,
        ..Default::default()
    }
}

fn opportunities(count: usize) -> SuggestCoachingOpportunitiesRequest {
    SuggestCoachingOpportunitiesRequest {
        parent: world::PARENT.into(),
        agent_user_names: agents(count),
        start_time: Some(year::at(UNTIL - 7 * year::DAY)),
        end_time: Some(year::at(UNTIL)),
        ..Default::default()
    }
}
