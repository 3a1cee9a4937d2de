//! The filters of ListScorecards, for index entries and for records.

use std::collections::HashSet;

use super::super::filter::{among, hash, hashes, micros, named, within};
use super::super::standing::Hidden;
use super::entries::Projection;
use crate::names::without_revision;
use crate::pb::cresta::v1::coaching::*;
use crate::store::{Direction, Hit};

/// The filters of a request, ready for entries and for records.
pub(super) struct Filter<'a> {
    pub(super) request: &'a ListScorecardsRequest,
    pub(super) order: ScorecardOrderBy,
    pub(super) direction: Direction,
    /// Name and revision that the template filter means; none for every revision or no such filter.
    revision: Option<String>,
    conversations: HashSet<u32>,
    processes: HashSet<u32>,
    creators: HashSet<u32>,
    submitters: HashSet<u32>,
    usecases: HashSet<u32>,
    hidden: Hidden,
}

impl<'a> Filter<'a> {
    /// The filters of this request, whose template filter means this revision; empty where it means every one. Scorecards
    /// on templates that are `hidden` pass none.
    pub(super) fn of(request: &'a ListScorecardsRequest, revision: &str, hidden: Hidden) -> Self {
        let submitted = request.start_submit_time.is_some() || request.end_submit_time.is_some();
        let updated = request.start_update_time.is_some() || request.end_update_time.is_some();
        let order = match request.order_by() {
            ScorecardOrderBy::Unspecified if submitted => ScorecardOrderBy::SubmitTime,
            ScorecardOrderBy::Unspecified if updated => ScorecardOrderBy::UpdateTime,
            ScorecardOrderBy::Unspecified => ScorecardOrderBy::CreateTime,
            order => order,
        };
        let direction = match request.order_direction() {
            OrderDirection::Asc => Direction::Forward,
            OrderDirection::Desc | OrderDirection::Unspecified => Direction::Backward,
        };
        let template = without_revision(&request.template_name);
        Self {
            request,
            order,
            direction,
            revision: (!revision.is_empty()).then(|| format!("{template}@{revision}")),
            conversations: hashes(&request.conversation_names),
            processes: hashes(&request.process_ids),
            creators: hashes(&request.creator_user_names),
            submitters: hashes(&request.submitter_user_names),
            usecases: hashes(&request.usecase_names),
            hidden,
        }
    }

    /// Whether an entry may be of a scorecard that is wanted.
    pub(super) fn passes(&self, hit: &Hit) -> bool {
        let Some(entry) = Projection::decode(&hit.projection) else { return true };
        let request = self.request;
        (request.agent_user_name.is_empty() || entry.agent == hash(&request.agent_user_name))
            && match &self.revision {
                Some(revision) => entry.revision == hash(revision),
                None => {
                    request.template_name.is_empty() || entry.template == hash(without_revision(&request.template_name))
                }
            }
            && !self.hidden.has_hash(entry.template)
            && self.passes_state(entry.submit, entry.update, entry.acknowledged, i32::from(entry.kind))
            && among(&self.conversations, &entry.conversation)
            && among(&self.processes, &entry.process)
            && among(&self.creators, &entry.creator)
            && among(&self.submitters, &entry.submitter)
            && among(&self.usecases, &entry.usecase)
    }

    fn passes_state(&self, submit: i64, update: i64, acknowledged: bool, kind: i32) -> bool {
        let request = self.request;
        let windowed = request.start_submit_time.is_some() || request.end_submit_time.is_some();
        let submitted = submit != 0;
        request.submitted.is_none_or(|wanted| wanted == submitted)
            && request.acknowledged.is_none_or(|wanted| wanted == acknowledged)
            && (request.scorecard_types.is_empty() || request.scorecard_types.contains(&kind))
            && (!windowed
                || submitted && within(submit, request.start_submit_time.as_ref(), request.end_submit_time.as_ref()))
            && within(update, request.start_update_time.as_ref(), request.end_update_time.as_ref())
    }

    /// Whether a scorecard is wanted, by its names themselves.
    pub(super) fn keeps(&self, card: &Scorecard) -> bool {
        let request = self.request;
        let user = |user: &Option<crate::pb::cresta::v1::user::User>| {
            user.as_ref().map(|user| user.name.clone()).unwrap_or_default()
        };
        (request.agent_user_name.is_empty() || card.agent_user_name == request.agent_user_name)
            && match &self.revision {
                Some(revision) => card.template_name == *revision,
                None => {
                    request.template_name.is_empty()
                        || without_revision(&card.template_name) == without_revision(&request.template_name)
                }
            }
            && !self.hidden.has(&card.template_name)
            && self.passes_state(
                micros(card.submit_time.as_ref()),
                micros(card.update_time.as_ref()),
                card.acknowledge_time.is_some(),
                card.scorecard_type,
            )
            && named(&request.conversation_names, &card.conversation_name)
            && named(&request.process_ids, &card.process_id)
            && named(&request.creator_user_names, &user(&card.creator))
            && named(&request.submitter_user_names, &user(&card.submitted_by))
            && named(&request.usecase_names, &card.usecase_name)
            && (request.coaching_plan_names.is_empty()
                || card.coaching_plan_names.iter().any(|plan| request.coaching_plan_names.contains(plan)))
    }
}
