//! A year of a contact centre, put straight into a store: a million scorecards by calls would take an hour.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use coaching::pb::cresta::v1::coaching::*;
use coaching::pb::cresta::v1::user::User;
use coaching::store::memory::MemoryEngine;
use coaching::store::sled::{Options as SledOptions, SledEngine};
use coaching::store::{Db, Fault, Origin, set_layout};
use prost_types::Timestamp;

use crate::{Result, world};

/// Graders who create and submit.
pub(crate) const GRADERS: usize = 40;
/// Usecases.
pub(crate) const USECASES: usize = 3;
/// 2026-01-01T00:00:00Z.
pub(crate) const BEGIN: i64 = 1_767_225_600;
pub(crate) const DAY: i64 = 86_400;
/// Scorecards of one commit, and commits at a time.
const BATCH: usize = 100;
const AT_ONCE: usize = 8;

/// Agents of a centre with so many scorecards a year.
pub(crate) fn agents(cards: usize) -> usize {
    (cards / 1_000).max(10)
}

pub(crate) fn grader(number: usize) -> String {
    format!("customers/{}/users/grader-{:02}", world::CUSTOMER, number % GRADERS)
}

pub(crate) fn usecase(number: usize) -> String {
    format!("{}/usecases/u{}", world::PARENT, number % USECASES)
}

pub(crate) fn plan(number: usize) -> String {
    format!("{}/coachingPlans/plan-{number:06}", world::PARENT)
}

pub(crate) fn process(number: usize) -> String {
    format!("process-{number:08}")
}

pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp { seconds, nanos: 0 }
}

/// A scorecard of each template as the service answers it, submitted.
async fn samples() -> Result<Vec<Scorecard>> {
    let mut client = world::client(Db::new(Arc::new(MemoryEngine::new())));
    world::prepare(&mut client).await?;
    let mut samples = Vec::new();
    for number in 0..world::TEMPLATES * 4 {
        let made = client.create_scorecard(world::scorecard(number * 7, 10)).await?.into_inner();
        let name = made.scorecard.unwrap_or_default().name;
        let request = SubmitScorecardRequest { name, ..Default::default() };
        samples.extend(client.submit_scorecard(request).await?.into_inner().scorecard);
    }
    Ok(samples)
}

/// Scatters numbers, the same ones each time.
fn dice(number: usize, salt: usize) -> usize {
    let mut z = (number as u64).wrapping_add(salt as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z ^ (z >> 31)) as usize >> 1
}

/// The scorecard with this number of so many: one in twenty a draft, one in a hundred a calibration or of a process, one in
/// twenty in a plan of ten.
fn card(number: usize, of: usize, samples: &[Scorecard]) -> Scorecard {
    let user =
        |name: String| Some(User { user_id: coaching::names::last_segment(&name).into(), name, ..User::default() });
    let roll = |salt: usize, sides: usize| dice(number, salt) % sides;
    let mut card = samples[roll(1, samples.len())].clone();
    let create = BEGIN + (number as i64) * 364 * DAY / of as i64;
    let submit = create + 600 + roll(2, 90_000) as i64;
    card.name = format!("{}/scorecards/card-{number:09}", world::PARENT);
    card.agent_user_name = world::agent_name(roll(3, agents(of)));
    card.conversation_name = format!("{}/conversations/c-{number:09}", world::PARENT);
    card.usecase_name = usecase(roll(4, USECASES));
    card.creator = user(grader(roll(5, GRADERS)));
    card.updated_by.clone_from(&card.creator);
    card.create_time = Some(at(create));
    card.total_score_billionths = Some(roll(6, 1_000) as i64 * 100_000_000);
    card.total_score = roll(6, 1_000) as f32 / 10.0;
    if roll(7, 20) == 0 {
        card.submit_time = None;
        card.submitted_by = None;
        card.submission_source = 0;
        card.update_time = Some(at(create + 60));
    } else {
        card.submit_time = Some(at(submit));
        card.submitted_by = user(grader(roll(8, GRADERS)));
        let acknowledged = roll(9, 2) == 0;
        card.acknowledge_time = acknowledged.then(|| at(submit + 7_200));
        card.update_time = Some(at(if acknowledged { submit + 7_200 } else { submit }));
    }
    match roll(10, 100) {
        0 => card.set_scorecard_type(ScorecardType::Calibration),
        1 => card.process_id = process(number),
        _ => {}
    }
    if roll(11, 20) == 0 {
        card.coaching_plan_names = vec![plan(roll(12, (of / 200).max(1)))];
    }
    card
}

/// The store of a year with so many scorecards; made if it is not in this folder yet.
pub(crate) async fn store(folder: &Path, cards: usize) -> Result<PathBuf> {
    let store = folder.join(format!("year-{cards}"));
    if store.exists() {
        return Ok(store);
    }
    let (start, samples) = (Instant::now(), Arc::new(samples().await?));
    let draft = folder.join(format!("year-{cards}.new"));
    let db = Db::new(Arc::new(SledEngine::open(&SledOptions::new(&draft))?));
    // Or else the server would rebuild what it takes for the store of another version.
    set_layout(db.engine().as_ref(), &Origin::default(), coaching::services::layout()).await?;
    world::prepare(&mut world::client(db.clone())).await?;
    let tasks: Vec<_> = (0..AT_ONCE)
        .map(|first| {
            let (db, samples) = (db.clone(), samples.clone());
            tokio::spawn(async move {
                for from in (first * BATCH..cards).step_by(AT_ONCE * BATCH) {
                    let (samples, origin) = (&samples, Origin::default());
                    db.write(&origin, |txn| async move {
                        for number in from..(from + BATCH).min(cards) {
                            txn.save(&card(number, cards, samples)).await?;
                        }
                        Ok::<_, Fault>(())
                    })
                    .await?;
                }
                Ok::<_, Fault>(())
            })
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    db.close().await?;
    drop(db);
    std::fs::rename(&draft, &store)?;
    let seconds = start.elapsed().as_secs_f64();
    println!("  {cards} scorecards put in, in {seconds:.0} s, {:.0}/s", cards as f64 / seconds);
    Ok(store)
}
