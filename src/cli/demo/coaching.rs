//! The demo's coaching: plans, their sessions, and what was said about them.

use tonic::Status;

use super::floors::Floor;
use super::grading::Graded;
use super::stage::{Stage, made};
use super::{DAY, Loaded};
use crate::clock::{Clock as _, Micros};
use crate::pb::coaching::access::v1::Role;
use crate::pb::cresta::v1::coaching::*;

/// The day on which plans begin, of the ninety.
const FIRST: i64 = 30;
/// The days on which plans have sessions.
const SESSIONS: [i64; 3] = [37, 51, 65];
/// Scorecards that are added to a plan, at most.
const ADDED: usize = 4;

/// What managers note, session by session.
const NOTES: [&str; 3] = [
    "Listened to two calls together. Opening is good; the recap is often left out. Agreed: recap before every goodbye.",
    "Recap is there in most calls now. Next: ask before putting the caller on hold.",
    "Went through the last scores. Keep going, and sit with a new colleague for an hour.",
];

/// One who is coached.
struct Coached<'a> {
    floor: &'a Floor,
    agent: &'static str,
    /// Midnight of the first of the ninety days.
    start: Micros,
    /// Minutes after nine at which the manager has time for this one.
    minute: i64,
    plan: String,
}

impl Coached<'_> {
    fn id(&self) -> String {
        format!("{}-{}", self.floor.template, self.agent)
    }

    fn time(&self, day: i64) -> Micros {
        Micros(self.start.0 + day * DAY + (9 * 60 + self.minute) * 60_000_000)
    }

    fn session(&self, number: usize) -> String {
        format!("{}/coachingSessions/{}-{}", self.floor.parent(), self.id(), number + 1)
    }

    fn manager_acts(&self, stage: &Stage) {
        stage.enter(self.floor.customer, self.floor.manager, Role::Manager);
    }

    fn agent_acts(&self, stage: &Stage) {
        stage.enter(self.floor.customer, self.agent, Role::Agent);
    }
}

/// Coaches those of a floor who have plans.
pub(super) async fn coach(
    stage: &mut Stage,
    floor: &Floor,
    start: Micros,
    graded: &[Graded],
    loaded: &mut Loaded,
) -> Result<(), Status> {
    for (number, agent) in floor.coached.iter().enumerate() {
        let plan = format!("{}/coachingPlans/{}-{agent}", floor.parent(), floor.template);
        let minute = i64::try_from(number).unwrap_or_default() * 30;
        let coached = Coached { floor, agent, start, minute, plan };
        make_plan(stage, &coached, number).await?;
        loaded.plans += 1;
        let own = graded.iter().filter(|card| card.agent == *agent && card.submitted && card.day >= FIRST);
        for card in own.take(ADDED) {
            stage.clock.set(coached.time(card.day + 1));
            let (name, scorecard_name) = (coached.plan.clone(), card.name.clone());
            let request = AddScorecardToCoachingPlanRequest { name, scorecard_name };
            stage.client.add_scorecard_to_coaching_plan(request).await?;
        }
        for (number, day) in SESSIONS.into_iter().enumerate() {
            stage.clock.set(coached.time(day));
            meet(stage, &coached, number).await?;
            loaded.sessions += 1;
        }
        loaded.comments += talk(stage, &coached).await?;
    }
    Ok(())
}

/// A plan with two things to work on. Every fourth is done.
async fn make_plan(stage: &mut Stage, coached: &Coached<'_>, number: usize) -> Result<(), Status> {
    let floor = coached.floor;
    let criteria: Vec<&Criterion> = floor.form.chapters.iter().flat_map(|chapter| &chapter.criteria).collect();
    let focus = [number % criteria.len().max(1), (number + 2) % criteria.len().max(1)];
    let focus = focus.into_iter().filter_map(|at| criteria.get(at)).map(|criterion| FocusCriterion {
        scorecard_template_name: floor.template_name(),
        criterion_or_chapter_id: criterion.id.clone(),
        ..Default::default()
    });
    let plan = CoachingPlan {
        name: coached.plan.clone(),
        display_name: format!("{} with {}", floor.title, coached.agent),
        start_time: Some(Micros(coached.start.0 + FIRST * DAY).timestamp()),
        end_time: Some(Micros(coached.start.0 + 2 * 90 * DAY).timestamp()),
        focus_criteria: focus.collect(),
        comment: "Ten minutes a week, one thing at a time.".into(),
        agent_user_name: floor.user(coached.agent),
        is_active: Some(number % 4 != 3),
        usecase_name: floor.usecase_name(),
        ..Default::default()
    };
    stage.clock.set(coached.time(FIRST));
    coached.manager_acts(stage);
    let request = CreateCoachingPlanRequest { parent: floor.parent(), coaching_plan: Some(plan) };
    made(stage.client.create_coaching_plan(request).await).map(drop)
}

/// A session: the first is acknowledged, the second is answered, and of the last the manager has notes alone.
async fn meet(stage: &mut Stage, coached: &Coached<'_>, number: usize) -> Result<(), Status> {
    let name = coached.session(number);
    let time = stage.clock.now().timestamp();
    let session = CoachingSession {
        name: name.clone(),
        coaching_plan_name: coached.plan.clone(),
        agent_user_name: coached.floor.user(coached.agent),
        usecase_name: coached.floor.usecase_name(),
        session_time: Some(time),
        meeting_notes: NOTES.get(number).copied().unwrap_or_default().into(),
        manager_submit_time: (number < 2).then_some(time),
        ..Default::default()
    };
    stage.minutes_pass(30);
    coached.manager_acts(stage);
    let request = CreateCoachingSessionRequest { parent: coached.floor.parent(), coaching_session: Some(session) };
    made(stage.client.create_coaching_session(request).await)?;
    if number < 2 {
        stage.minutes_pass(100);
        coached.agent_acts(stage);
        let request = AcknowledgeCoachingSessionRequest {
            coaching_session: name,
            agent_comment: Some("Thanks, that helps. I will try it this week.".into()),
            acknowledged: number == 0,
            submitted: true,
            ..Default::default()
        };
        stage.client.acknowledge_coaching_session(request).await?;
    }
    Ok(())
}

/// A question about what was noted in the first session, and the agent's answer. Answers how many comments that made.
async fn talk(stage: &mut Stage, coached: &Coached<'_>) -> Result<usize, Status> {
    let floor = coached.floor;
    let comment = |number: usize, message: &str, tagged: &str| CoachingComment {
        name: format!("{}/coachingComments/{}-{number}", floor.parent(), coached.id()),
        thread: coached.id(),
        coaching_plan_name: coached.plan.clone(),
        usecase_name: floor.usecase_name(),
        message: message.into(),
        tagged_users: vec![floor.user(tagged)],
        ..Default::default()
    };
    let mut question = comment(1, "How did the recap go since we met?", coached.agent);
    let quote = "Agreed: recap before every goodbye.".into();
    question.linked_session_notes = vec![LinkedSessionNote { coaching_session_name: coached.session(0), quote }];
    let answer = comment(2, "Better. I still forget it when the queue is long.", floor.manager);
    stage.clock.set(coached.time(FIRST + 14));
    for (number, comment) in [question, answer].into_iter().enumerate() {
        match number {
            0 => coached.manager_acts(stage),
            _ => coached.agent_acts(stage),
        }
        let request = CreateCoachingCommentRequest { parent: floor.parent(), coaching_comment: Some(comment) };
        made(stage.client.create_coaching_comment(request).await)?;
        stage.minutes_pass(45);
    }
    Ok(2)
}
