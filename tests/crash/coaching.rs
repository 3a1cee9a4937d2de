//! A writer's plan, with scorecards that are added to it, sessions, and comments that link to their notes. One change often
//! touches several records; what is stored is read back as a whole, and must be what was before the call in flight or after.

use std::collections::BTreeSet;

use coaching::pb::cresta::v1::coaching::*;
use prost_types::{FieldMask, Timestamp};

use super::client::{Client, PARENT, answer, found};
use super::dice::Dice;
use state::{Comment, Op, Session, State};

mod state;

/// What tells the scorecards here from a writer's others.
pub(crate) const MARK: &str = "-of-plan-";

pub(crate) struct Coaching {
    writer: usize,
    state: State,
    pending: Option<Op>,
    changes: u32,
}

fn text(change: u32) -> String {
    format!("change {change}")
}

fn change_of(text: &str) -> u32 {
    text.strip_prefix("change ").unwrap_or_else(|| panic!("{text:?} was never sent")).parse().unwrap()
}

fn mask(paths: &[&str]) -> Option<FieldMask> {
    Some(FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() })
}

impl Coaching {
    pub(crate) fn new(writer: usize) -> Self {
        Self { writer, state: State::default(), pending: None, changes: 0 }
    }

    fn plan(&self) -> String {
        format!("{PARENT}/coachingPlans/w{}", self.writer)
    }

    fn card(&self, at: usize) -> String {
        format!("{PARENT}/scorecards/w{}{MARK}{at}", self.writer)
    }

    fn session(&self, at: usize) -> String {
        format!("{PARENT}/coachingSessions/w{}-{at}", self.writer)
    }

    fn comment(&self, at: usize) -> String {
        format!("{PARENT}/coachingComments/w{}-{at}", self.writer)
    }

    fn agent(&self) -> String {
        format!("customers/c/users/coached-{}", self.writer)
    }

    /// Names of what must be stored now: plan, sessions, comments.
    pub(crate) fn expected(&self) -> [Vec<String>; 3] {
        let places = |there: Vec<bool>| (0..there.len()).filter(move |at| there[*at]);
        let sessions = places(self.state.sessions.iter().map(Option::is_some).collect());
        let comments = places(self.state.comments.iter().map(Option::is_some).collect());
        let plan = self.state.plan.map(|_| self.plan());
        [
            plan.into_iter().collect(),
            sessions.map(|at| self.session(at)).collect(),
            comments.map(|at| self.comment(at)).collect(),
        ]
    }

    /// Makes one random call; false where no answer came.
    pub(crate) async fn change(&mut self, client: &mut Client, dice: &mut Dice, template: &str) -> bool {
        let op = self.choose(dice);
        let answered = self.call(client, &op, template).await;
        if answered.is_some() {
            self.state = self.state.after(&op);
        } else {
            self.pending = Some(op);
        }
        answered.is_some()
    }

    fn choose(&mut self, dice: &mut Dice) -> Op {
        self.changes += 1;
        let (state, change) = (&self.state, self.changes);
        if state.plan.is_none() {
            return Op::Plan(change);
        }
        match dice.below(10) {
            0 => Op::Plan(change),
            1..=3 => {
                let at = dice.pick(state.cards.len());
                match state.cards[at] {
                    None => Op::Card(at),
                    Some(false) => Op::Add(at),
                    Some(true) if dice.one_in(3) => Op::Delete(at),
                    Some(true) => Op::Remove(at),
                }
            }
            4..=6 => {
                let at = dice.pick(state.sessions.len());
                match (state.sessions[at].is_some(), dice.below(4)) {
                    (true, 0) => Op::Drop(at),
                    (true, 1) => Op::Acknowledge(at),
                    _ => Op::Session(at, change),
                }
            }
            _ => {
                let live = (0..state.sessions.len()).filter(|at| state.sessions[*at].is_some());
                Op::Comment(dice.pick(state.comments.len()), change, live.filter(|_| dice.one_in(2)).collect())
            }
        }
    }

    async fn call(&self, client: &mut Client, op: &Op, template: &str) -> Option<()> {
        let (parent, plan) = (PARENT.to_owned(), self.plan());
        match op {
            Op::Plan(change) => {
                let coaching_plan = Some(CoachingPlan {
                    name: plan,
                    agent_user_name: self.agent(),
                    is_active: Some(true),
                    comment: text(*change),
                    ..Default::default()
                });
                if self.state.plan.is_some() {
                    let request = UpdateCoachingPlanRequest { coaching_plan, update_mask: mask(&["comment"]) };
                    return answer(client.update_coaching_plan(request).await).map(drop);
                }
                answer(client.create_coaching_plan(CreateCoachingPlanRequest { parent, coaching_plan }).await).map(drop)
            }
            Op::Card(at) => {
                let scorecard = Some(Scorecard {
                    name: self.card(*at),
                    template_name: template.to_owned(),
                    agent_user_name: self.agent(),
                    conversation_name: format!("{PARENT}/conversations/plan-{}-{at}", self.writer),
                    ..Default::default()
                });
                answer(client.create_scorecard(CreateScorecardRequest { parent, scorecard }).await).map(drop)
            }
            Op::Add(at) => {
                let request = AddScorecardToCoachingPlanRequest { name: plan, scorecard_name: self.card(*at) };
                answer(client.add_scorecard_to_coaching_plan(request).await).map(drop)
            }
            Op::Remove(at) => {
                let request = RemoveScorecardFromCoachingPlanRequest { name: plan, scorecard_name: self.card(*at) };
                answer(client.remove_scorecard_from_coaching_plan(request).await).map(drop)
            }
            Op::Delete(at) => {
                let request = DeleteScorecardRequest { name: self.card(*at), ..Default::default() };
                answer(client.delete_scorecard(request).await).map(drop)
            }
            Op::Session(at, change) => {
                let coaching_session = Some(CoachingSession {
                    name: self.session(*at),
                    coaching_plan_name: plan,
                    session_time: Some(Timestamp { seconds: 1_772_000_000 + i64::from(*change), nanos: 0 }),
                    meeting_notes: text(*change),
                    ..Default::default()
                });
                if self.state.sessions[*at].is_some() {
                    let update_mask = mask(&["meeting_notes", "session_time"]);
                    let request = UpdateCoachingSessionRequest { coaching_session, update_mask };
                    return answer(client.update_coaching_session(request).await).map(drop);
                }
                let request = CreateCoachingSessionRequest { parent, coaching_session };
                answer(client.create_coaching_session(request).await).map(drop)
            }
            Op::Acknowledge(at) => {
                let (coaching_session, acknowledged) = (self.session(*at), true);
                let request =
                    AcknowledgeCoachingSessionRequest { coaching_session, acknowledged, ..Default::default() };
                answer(client.acknowledge_coaching_session(request).await).map(drop)
            }
            Op::Drop(at) => {
                let request = DeleteCoachingSessionRequest { name: self.session(*at), ..Default::default() };
                answer(client.delete_coaching_session(request).await).map(drop)
            }
            Op::Comment(at, change, links) => {
                let link =
                    |at: &usize| LinkedSessionNote { coaching_session_name: self.session(*at), quote: String::new() };
                let coaching_comment = Some(CoachingComment {
                    name: self.comment(*at),
                    thread: format!("w{}", self.writer),
                    coaching_plan_name: plan,
                    message: text(*change),
                    linked_session_notes: links.iter().map(link).collect(),
                    ..Default::default()
                });
                if self.state.comments[*at].is_some() {
                    let update_mask = mask(&["message", "linked_session_notes"]);
                    let request = UpdateCoachingCommentRequest { coaching_comment, update_mask };
                    return answer(client.update_coaching_comment(request).await).map(drop);
                }
                let request = CreateCoachingCommentRequest { parent, coaching_comment };
                answer(client.create_coaching_comment(request).await).map(drop)
            }
        }
    }

    pub(crate) async fn check(&mut self, client: &mut Client) -> Option<bool> {
        let stored = self.stored(client).await;
        let pending = self.pending.take();
        let took_effect = stored != self.state;
        if took_effect {
            let op = pending.as_ref().unwrap_or_else(|| panic!("{:?} became {stored:?}", self.state));
            assert_eq!(stored, self.state.after(op), "{:?}, {op:?} was in flight", self.state);
            self.state = stored;
        }
        pending.map(|_| took_effect)
    }

    /// All of it, by listings; scorecards from both sides. That these have what reading one by one finds, `verify` says.
    async fn stored(&self, client: &mut Client) -> State {
        let mut state = State::default();
        let request = GetCoachingPlanRequest { name: self.plan(), ..Default::default() };
        let plan = found(client.get_coaching_plan(request).await).and_then(|got| got.coaching_plan);
        state.plan = plan.as_ref().map(|plan| change_of(&plan.comment));
        for session in plan.map(|plan| plan.coaching_sessions).unwrap_or_default() {
            let (at, change) = (place(&session.name, |at| self.session(at)), change_of(&session.meeting_notes));
            assert_eq!(session.session_time.unwrap().seconds, 1_772_000_000 + i64::from(change), "half a change");
            state.sessions[at] = Some(Session { change, acknowledged: session.acknowledge_time.is_some() });
        }
        let (parent, page_size) = (PARENT.to_owned(), 1_000);
        let thread_ids = vec![format!("w{}", self.writer)];
        let request =
            ListCoachingCommentsRequest { parent: parent.clone(), page_size, thread_ids, ..Default::default() };
        let comments = client.list_coaching_comments(request).await.unwrap().into_inner().coaching_comments;
        for comment in comments {
            let names = comment.linked_session_notes.iter().map(|note| &note.coaching_session_name);
            let links: Vec<usize> = names.map(|name| place(name, |at| self.session(at))).collect();
            assert!(links.iter().all(|at| state.sessions[*at].is_some()), "a link leads nowhere: {comment:?}");
            let at = place(&comment.name, |at| self.comment(at));
            state.comments[at] = Some(Comment { change: change_of(&comment.message), links });
        }
        let request = ListScorecardsRequest {
            parent: parent.clone(),
            page_size,
            agent_user_name: self.agent(),
            ..Default::default()
        };
        for card in client.list_scorecards(request).await.unwrap().into_inner().scorecards {
            state.cards[place(&card.name, |at| self.card(at))] = Some(!card.coaching_plan_names.is_empty());
        }
        let coaching_plan_names = vec![self.plan()];
        let request = ListScorecardsRequest { parent, page_size, coaching_plan_names, ..Default::default() };
        let listed = client.list_scorecards(request).await.unwrap().into_inner().scorecards;
        let listed: BTreeSet<String> = listed.into_iter().map(|card| card.name).collect();
        let added = (0..state.cards.len()).filter(|at| state.cards[*at] == Some(true));
        assert_eq!(listed, added.map(|at| self.card(at)).collect(), "scorecards of {}", self.plan());
        state
    }
}

/// The place of what has this name.
#[track_caller]
fn place(name: &str, of: impl Fn(usize) -> String) -> usize {
    (0..4).find(|at| of(*at) == name).unwrap_or_else(|| panic!("{name} was never made"))
}
