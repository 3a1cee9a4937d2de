//! How many conversations of each agent were evaluated on a template in a window of time.
//!
//! Index entries tell it, one range of them for the whole audience. They hold names as hashes of 32 bits; where two names
//! may stand behind one, the records are read and tell.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::super::filter::{hash, micros, within};
use super::entries::Projection;
use crate::api::Ctx;
use crate::domain::lifecycle::counts;
use crate::error::Result;
use crate::names::last_segment;
use crate::pb::cresta::v1::coaching::{Scorecard, ScorecardTemplate, ScorecardType};
use crate::pb::cresta::v1::qa::EvaluationPeriod;
use crate::store::{IndexRange, Key, tags};

/// Entries that are read at a time.
const STRETCH: usize = 2_000;
/// Records that are read at a time.
const RECORDS: usize = 200;

/// For each of these agents, each named once and in order, how many conversations (or processes) have a scorecard on any revision of the
/// template that was submitted in the period: of this usecase, unless it is empty, and neither calibration nor appeal. Two
/// usecases, or an agent and somebody who is not among these, whose names have the same hash count as one.
pub(in crate::services) async fn count(
    ctx: &Ctx,
    template: &ScorecardTemplate,
    usecase: &str,
    period: &EvaluationPeriod,
    agents: &[String],
) -> Result<Vec<i32>> {
    let mut by_hash: HashMap<u32, Vec<usize>> = HashMap::new();
    for (at, agent) in agents.iter().enumerate() {
        by_hash.entry(hash(agent)).or_default().push(at);
    }
    let found = submitted(ctx, template, usecase, period, |agent| by_hash.contains_key(&agent)).await?;
    let mut done = vec![0; agents.len()];
    let mut doubtful = Vec::new();
    for ((agent, _, _), mut keys) in found {
        match by_hash.get(&agent).map(Vec::as_slice) {
            Some([one]) if keys.len() == 1 => done[*one] += 1,
            _ => doubtful.append(&mut keys),
        }
    }
    let mut seen = HashSet::new();
    for keys in doubtful.chunks(RECORDS) {
        for card in ctx.db().get_many::<Scorecard>(keys).await?.into_iter().flatten() {
            // It may have changed since its entry was read.
            let still = card.submit_time.is_some()
                && within(micros(card.submit_time.as_ref()), period.start_time.as_ref(), period.end_time.as_ref())
                && counts(&card)
                && (usecase.is_empty() || card.usecase_name == usecase);
            let agent = agents.binary_search(&card.agent_user_name);
            if let (true, Ok(agent)) = (still, agent)
                && seen.insert((agent, card.conversation_name, card.process_id))
            {
                done[agent] += 1;
            }
        }
    }
    Ok(done)
}

/// What was evaluated, by the hashes of agent, conversation and process, with the scorecards that say so.
async fn submitted(
    ctx: &Ctx,
    template: &ScorecardTemplate,
    usecase: &str,
    period: &EvaluationPeriod,
    wanted: impl Fn(u32) -> bool,
) -> Result<BTreeMap<(u32, u32, u32), Vec<Key>>> {
    // Drafts stand at zero.
    let (start, end) = (micros(period.start_time.as_ref()).max(1), micros(period.end_time.as_ref()));
    let mut range = IndexRange::all(&ctx.customer, tags::SCORECARD_BY_TEMPLATE_SUBMIT)
        .prefix(|terms| terms.str(&ctx.profile).str(last_segment(&template.name)))
        .from(|terms| terms.i64(start))
        .until(|terms| terms.i64(end));
    let left_out = [ScorecardType::Calibration, ScorecardType::Appeal].map(|kind| kind as u8);
    let usecase = (!usecase.is_empty()).then(|| hash(usecase));
    let mut all: BTreeMap<_, Vec<Key>> = BTreeMap::new();
    if start >= end {
        return Ok(all);
    }
    loop {
        let found = ctx.db().scan_index(&range, STRETCH, false).await?;
        range.after = found.position().or(range.after);
        for hit in found.hits {
            let Some(entry) = Projection::decode(&hit.projection) else { continue };
            if wanted(entry.agent)
                && !left_out.contains(&entry.kind)
                && usecase.is_none_or(|usecase| entry.usecase == usecase)
            {
                all.entry((entry.agent, entry.conversation, entry.process)).or_default().push(hit.key);
            }
        }
        if found.exhausted {
            return Ok(all);
        }
        // Short reads do not wait for anything, and a caller's deadline is seen only between waits.
        tokio::task::yield_now().await;
    }
}
