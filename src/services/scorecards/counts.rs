//! What scorecards count for, and what the counts say.
//!
//! For each template one cell with its scorecards by their state, kept in the commits that change them: statistics are one
//! read, however many scorecards there are.

use super::super::filter::instant;
use super::super::scores;
use super::entries::Projection;
use crate::api::Ctx;
use crate::domain::exact;
use crate::domain::lifecycle::counts;
use crate::error::Result;
use crate::names::{Name, last_segment, without_revision};
use crate::pb::cresta::v1::coaching::{Scorecard, ScorecardTemplate, ScorecardTemplateStats, ScorecardType};
use crate::store::{Cell, Counted, IndexRange, Tally, tags};

/// Drafts, in the cell of a template.
const DRAFTS: u64 = 1;
/// Submitted scorecards.
const SUBMITTED: u64 = 2;
/// Acknowledged ones.
const ACKNOWLEDGED: u64 = 3;
/// Totals of submitted scorecards on which something is applicable, in billionths of a percentage point.
const TOTALS: u64 = 4;

/// Entries that are read at a time where the first few are of calibrations and appeals.
const STRETCH: usize = 2_000;

fn template_cell(customer: &str, profile: &str, template: &str) -> Cell {
    Cell::new(customer, tags::TEMPLATE_USE, |terms| terms.str(profile).str(template))
}

/// What a scorecard counts for.
pub(super) fn write(card: &Scorecard, counted: &mut Counted) {
    let Ok(name) = Name::parse("coaching.api/Scorecard", &card.name) else { return };
    if !counts(card) {
        return;
    }
    let template = last_segment(without_revision(&card.template_name));
    let mut count = |number, tally| counted.add(template_cell(name.customer, name.profile, template), number, tally);
    if card.submit_time.is_none() {
        return count(DRAFTS, Tally::one(0));
    }
    count(SUBMITTED, Tally::one(0));
    if card.acknowledge_time.is_some() {
        count(ACKNOWLEDGED, Tally::one(0));
    }
    if let Some(total) = card.total_score_billionths {
        count(TOTALS, Tally::one(scores::counted_total(total)));
    }
}

/// How these templates were used, in their order.
pub(in crate::services) async fn of_templates(
    ctx: &Ctx,
    templates: &[ScorecardTemplate],
) -> Result<Vec<ScorecardTemplateStats>> {
    let cells: Vec<Cell> = templates
        .iter()
        .map(|template| template_cell(&ctx.customer, &ctx.profile, last_segment(without_revision(&template.name))))
        .collect();
    let found = ctx.db().cells(&cells).await?;
    let mut all = Vec::with_capacity(templates.len());
    for (template, tallies) in templates.iter().zip(found) {
        let count = |number| i32::try_from(tallies.get(number).n).unwrap_or(i32::MAX);
        let (drafts, submitted, totals) = (count(DRAFTS), count(SUBMITTED), tallies.get(TOTALS));
        let last = if submitted > 0 { last_submit(ctx, &template.name).await? } else { None };
        all.push(ScorecardTemplateStats {
            scorecard_template_name: template.name.clone(),
            scorecard_count: drafts.saturating_add(submitted),
            submitted_scorecard_count: submitted,
            last_submit_time: last.map(instant),
            draft_scorecard_count: drafts,
            acknowledged_scorecard_count: count(ACKNOWLEDGED),
            mean_total_score: exact::mean(totals.sum, totals.n).map(|mean| exact::rounded_f32(&mean)),
            scored_scorecard_count: count(TOTALS),
        });
    }
    Ok(all)
}

/// The latest submit time of what counts on a template: the first such entry from the end of its index.
async fn last_submit(ctx: &Ctx, template: &str) -> Result<Option<i64>> {
    let id = last_segment(without_revision(template));
    let mut range = IndexRange::all(&ctx.customer, tags::SCORECARD_BY_TEMPLATE_SUBMIT)
        .prefix(|terms| terms.str(&ctx.profile).str(id))
        .backward();
    let left_out = [ScorecardType::Calibration, ScorecardType::Appeal].map(|kind| kind as u8);
    // As a rule the first entry is the one. Where many calibrations came last, long stretches leave other calls their turn.
    let mut stretch = 4;
    loop {
        let found = ctx.db().scan_index(&range, stretch, false).await?;
        stretch = STRETCH;
        let mut entries = found.hits.iter().filter_map(|hit| Projection::decode(&hit.projection));
        if let Some(last) = entries.find(|entry| entry.submit == 0 || !left_out.contains(&entry.kind)) {
            return Ok((last.submit != 0).then_some(last.submit));
        }
        if found.exhausted {
            return Ok(None);
        }
        range.after = found.position();
    }
}
