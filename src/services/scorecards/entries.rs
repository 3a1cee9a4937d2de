//! Index entries of scorecards, and what each of them keeps for filters.
//!
//! Entries are the price of a write, so there is one for each order over the whole profile, one by create time for each of
//! the narrow sets that people list (an agent's, a template's, a conversation's, a process's, a plan's), and one by submit
//! time for the two of them that grow without end. A narrow set in another order is gathered and sorted, which its size
//! allows.

use crate::names::{Name, last_segment, without_revision};
use crate::pb::cresta::v1::coaching::Scorecard;
use crate::services::filter::{hash, micros};
use crate::store::{Entries, IndexTag, tags};

/// What an entry keeps: enough for every filter and every order, in 70 bytes. Names are kept as hashes, so a record
/// that passes is compared again by its names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::services) struct Projection {
    pub(in crate::services) create: i64,
    pub(in crate::services) update: i64,
    /// Zero in a draft.
    pub(in crate::services) submit: i64,
    /// See [`score_key`].
    pub(in crate::services) score: i64,
    pub(in crate::services) acknowledged: bool,
    pub(in crate::services) kind: u8,
    pub(in crate::services) agent: u32,
    pub(in crate::services) template: u32,
    pub(in crate::services) revision: u32,
    pub(in crate::services) creator: u32,
    pub(in crate::services) submitter: u32,
    pub(in crate::services) usecase: u32,
    pub(in crate::services) conversation: u32,
    pub(in crate::services) process: u32,
}

const LONGS: usize = 4 * 8;
const FLAGS: usize = 2;
const HASHES: usize = 8 * 4;
/// Length of a projection in bytes.
pub(super) const LENGTH: usize = LONGS + FLAGS + HASHES;

impl Projection {
    /// What the entries of this scorecard keep.
    pub(super) fn of(card: &Scorecard) -> Self {
        let user = |user: &Option<crate::pb::cresta::v1::user::User>| user.as_ref().map_or(0, |user| hash(&user.name));
        Self {
            create: micros(card.create_time.as_ref()),
            update: micros(card.update_time.as_ref()),
            submit: micros(card.submit_time.as_ref()),
            score: score_key(card),
            acknowledged: card.acknowledge_time.is_some(),
            kind: u8::try_from(card.scorecard_type).unwrap_or_default(),
            agent: hash(&card.agent_user_name),
            template: hash(without_revision(&card.template_name)),
            revision: hash(&card.template_name),
            creator: user(&card.creator),
            submitter: user(&card.submitted_by),
            usecase: hash(&card.usecase_name),
            conversation: hash(&card.conversation_name),
            process: hash(&card.process_id),
        }
    }

    /// The stored form.
    pub(super) fn encode(&self) -> [u8; LENGTH] {
        let mut out = [0; LENGTH];
        for (slot, long) in out.chunks_exact_mut(8).zip([self.create, self.update, self.submit, self.score]) {
            slot.copy_from_slice(&long.to_be_bytes());
        }
        out[LONGS] = u8::from(self.acknowledged);
        out[LONGS + 1] = self.kind;
        let hashes = [
            self.agent,
            self.template,
            self.revision,
            self.creator,
            self.submitter,
            self.usecase,
            self.conversation,
            self.process,
        ];
        for (slot, hash) in out[LONGS + FLAGS..].chunks_exact_mut(4).zip(hashes) {
            slot.copy_from_slice(&hash.to_be_bytes());
        }
        out
    }

    /// Back from the stored form; none where it is not one.
    pub(in crate::services) fn decode(stored: &[u8]) -> Option<Self> {
        let stored: &[u8; LENGTH] = stored.try_into().ok()?;
        let long = |at: usize| stored[at * 8..].first_chunk().map_or(0, |bytes| i64::from_be_bytes(*bytes));
        let hash =
            |at: usize| stored[LONGS + FLAGS + at * 4..].first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes));
        Some(Self {
            create: long(0),
            update: long(1),
            submit: long(2),
            score: long(3),
            acknowledged: stored[LONGS] != 0,
            kind: stored[LONGS + 1],
            agent: hash(0),
            template: hash(1),
            revision: hash(2),
            creator: hash(3),
            submitter: hash(4),
            usecase: hash(5),
            conversation: hash(6),
            process: hash(7),
        })
    }
}

/// The entries of a scorecard.
pub(super) fn write(card: &Scorecard, entries: &mut Entries) {
    let Ok(name) = Name::parse("coaching.api/Scorecard", &card.name) else { return };
    let projection = Projection::of(card);
    let stored = projection.encode();
    let profile = name.profile;
    let mut all = |index: IndexTag, order: i64| entries.add(index, |terms| terms.str(profile).i64(order), &stored);
    all(tags::SCORECARD_BY_CREATE, projection.create);
    all(tags::SCORECARD_BY_UPDATE, projection.update);
    all(tags::SCORECARD_BY_SUBMIT, projection.submit);
    all(tags::SCORECARD_BY_SCORE, projection.score);
    let mut ordered = |index: IndexTag, of: &str, order: i64| {
        if !of.is_empty() {
            entries.add(index, |terms| terms.str(profile).str(of).i64(order), &stored);
        }
    };
    let (agent, template) = (last_segment(&card.agent_user_name), last_segment(without_revision(&card.template_name)));
    ordered(tags::SCORECARD_BY_AGENT_SUBMIT, agent, projection.submit);
    ordered(tags::SCORECARD_BY_TEMPLATE_SUBMIT, template, projection.submit);
    let mut set = |index: IndexTag, of: &str| ordered(index, of, projection.create);
    set(tags::SCORECARD_BY_AGENT, agent);
    set(tags::SCORECARD_BY_TEMPLATE, template);
    set(tags::SCORECARD_BY_CONVERSATION, last_segment(&card.conversation_name));
    // A process id is any text, so its hash stands in the key; the filter compares the text itself.
    if !card.process_id.is_empty() {
        set(tags::SCORECARD_BY_PROCESS, &process_term(&card.process_id));
    }
    for plan in &card.coaching_plan_names {
        set(tags::SCORECARD_BY_PLAN, last_segment(plan));
    }
}

/// What stands for a process in its index.
pub(super) fn process_term(process: &str) -> String {
    format!("{:08x}", hash(process))
}

/// Orders scorecards by their total. Nothing applicable is lower than any total.
pub(super) fn score_key(card: &Scorecard) -> i64 {
    card.total_score_billionths.unwrap_or(i64::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_projection_comes_back_as_it_was_stored() {
        let projection = Projection {
            create: 1,
            update: -2,
            submit: i64::MAX,
            score: i64::MIN,
            acknowledged: true,
            kind: 4,
            agent: 5,
            template: 6,
            revision: 7,
            creator: 8,
            submitter: 9,
            usecase: 10,
            conversation: 11,
            process: u32::MAX,
        };
        assert_eq!(Projection::decode(&projection.encode()), Some(projection));
        assert_eq!(Projection::decode(&[0; LENGTH - 1]), None);
    }
}
