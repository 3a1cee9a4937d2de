//! What submitted scorecards come to, as cells: for each agent by quarter, week and day, for everybody by week, day and hour.
//!
//! | kind | terms |
//! |---|---|
//! | totals | profile, agent, size, period, template, usecase |
//! | nodes | profile, agent, template, size, period, usecase, revision |
//!
//! Totals are for all that an agent's scorecards come to; nodes, of which the one with the empty id is the whole template, for
//! single things. "Everybody" is the agent with the empty id. Ids stand in the terms in full, so nothing collides and a cell is bounded by
//! what one form holds: a cell of nodes is one revision's. Whether a template counts, and its weight, is no part of them:
//! that may change at any time, and is asked when they are read.

use crate::domain::lifecycle::counts;
use crate::domain::windows::{Size, Stretch};
use crate::names::{Name, last_segment, without_revision};
use crate::pb::cresta::v1::coaching::Scorecard;
use crate::services::filter::micros;
use crate::store::{Cell, CellRange, Counted, Tally, TallyTag, tags, tuple};

/// In a cell of totals: submitted scorecards.
pub(super) const COUNT: u64 = 1;
/// In a cell of totals: those on which something is applicable, and their totals.
pub(super) const TOTAL: u64 = 2;

/// The agent that stands for everybody.
pub(in crate::services) const EVERYBODY: &str = "";

/// The largest value that counts, in billionths: 10,000 percent. An uncapped bonus can make totals of any size, and a few of
/// those would fill 64 bits.
const MOST: i64 = 10_000 * 1_000_000_000;

/// The periods that sums of this agent are kept for, largest first. An agent's are asked for from the beginning, of many
/// agents at once, so there are long ones; everybody's are many a day, so there are short ones, and little is left at the
/// ends of a window.
pub(super) fn sizes(agent: &str) -> &'static [Size] {
    if agent == EVERYBODY { &[Size::Week, Size::Day, Size::Hour] } else { &[Size::Quarter, Size::Week, Size::Day] }
}

/// The smallest of them.
pub(super) fn smallest(agent: &str) -> Size {
    sizes(agent).last().copied().unwrap_or(Size::Day)
}

/// What stands for a chapter or a criterion in a cell of nodes: FNV-1a in 64 bits, of its id. It is on disk and never
/// changes.
pub(super) fn node_number(id: &str) -> u64 {
    id.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// A total as it counts.
pub(in crate::services) fn counted_total(billionths: i64) -> i64 {
    billionths.clamp(-MOST, MOST)
}

/// A percentage of 4 decimals, in billionths.
fn counted_percentage(percentage: f32) -> i64 {
    counted_total(((f64::from(percentage) * 10_000.0).round() as i64).saturating_mul(100_000))
}

/// The node that is the whole template.
pub(super) const WHOLE: &str = "";

/// What a submitted scorecard and its chapters and criteria came to, in billionths: those that were scored.
pub(super) fn nodes(card: &Scorecard) -> impl Iterator<Item = (u64, i64)> {
    // Where nothing is applicable the scorecard counts for nothing.
    let total = card.total_score_billionths;
    let chapters = card.chapter_scores.iter().map(|chapter| (&chapter.chapter_id, chapter.percentage));
    let criteria = card.scores.iter().filter_map(|score| Some((&score.criterion_id, score.percentage?)));
    let nodes = chapters.filter(|(_, percentage)| *percentage >= 0.0).chain(criteria);
    let nodes = nodes.filter(move |_| total.is_some());
    let whole = total.map(|total| (node_number(WHOLE), counted_total(total)));
    nodes.map(|(id, percentage)| (node_number(id), counted_percentage(percentage))).chain(whole)
}

/// What a scorecard counts for.
pub(in crate::services) fn write(card: &Scorecard, counted: &mut Counted) {
    let Ok(name) = Name::parse("coaching.api/Scorecard", &card.name) else { return };
    if card.submit_time.is_none() || !counts(card) {
        return;
    }
    let submitted = micros(card.submit_time.as_ref());
    let template = last_segment(without_revision(&card.template_name));
    let revision = card.template_name.rsplit_once('@').map_or("", |(_, revision)| revision);
    let usecase = last_segment(&card.usecase_name);
    let nodes: Vec<(u64, i64)> = nodes(card).collect();
    for agent in [EVERYBODY, last_segment(&card.agent_user_name)] {
        for size in sizes(agent) {
            let period = size.of(submitted);
            let totals = Cell::new(name.customer, tags::SCORE_TOTALS, |terms| {
                terms.str(name.profile).str(agent).u8(*size as u8).i64(period).str(template).str(usecase)
            });
            if let Some(total) = card.total_score_billionths {
                counted.add(totals.clone(), TOTAL, Tally::one(counted_total(total)));
            }
            counted.add(totals, COUNT, Tally::one(0));
            if nodes.is_empty() {
                continue;
            }
            let cell = Cell::new(name.customer, tags::SCORE_NODES, |terms| {
                let of = terms.str(name.profile).str(agent).str(template);
                of.u8(*size as u8).i64(period).str(usecase).str(revision)
            });
            for (number, billionths) in &nodes {
                counted.add(cell.clone(), *number, Tally::one(*billionths));
            }
        }
    }
}

/// The cells of a stretch, behind what the prefix, a tuple, names.
pub(super) fn range(customer: &str, tag: TallyTag, prefix: &[u8], stretch: Stretch) -> CellRange {
    let at = |period: i64| tuple(|terms| terms.i64(period));
    let Stretch { size, from, until } = stretch;
    CellRange {
        of: Some((customer.to_owned().into(), tag)),
        prefix: tuple(|terms| terms.encoded(prefix).u8(size as u8)),
        start: (from != i64::MIN).then(|| at(from)),
        end: (until != i64::MAX).then(|| at(until)),
        after: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_for_a_node_on_disk_never_changes() {
        assert_eq!(node_number(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(node_number("a"), 0xaf63_dc4c_8601_ec8c);
    }

    #[test]
    fn percentages_are_their_four_decimals() {
        for (percentage, billionths) in
            [(0.0, 0), (100.0, 100_000_000_000), (33.3333, 33_333_300_000), (0.0001, 100_000)]
        {
            assert_eq!(counted_percentage(percentage), billionths);
        }
        assert_eq!(counted_percentage(f32::MAX), MOST);
    }
}
