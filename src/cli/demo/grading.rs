//! The demo's scorecards.

use prost_types::Timestamp;
use tonic::Status;

use super::cast::{Dice, GRADERS, REMARKS, REPLIES};
use super::floors::Floor;
use super::stage::{Stage, made};
use super::{DAYS, Loaded};
use crate::clock::{Clock as _, Micros};
use crate::pb::coaching::access::v1::Role;
use crate::pb::coaching::directory::v1::Conversation;
use crate::pb::cresta::v1::coaching::*;

/// A scorecard, as far as what comes after it wants to know.
pub(super) struct Graded {
    pub(super) name: String,
    /// Id of the agent.
    pub(super) agent: &'static str,
    /// Of the ninety, from 0.
    pub(super) day: i64,
    pub(super) submitted: bool,
    /// What was scored, where that was a conversation.
    pub(super) conversation: Option<Conversation>,
}

/// One scorecard's life, as far as it gets.
pub(super) async fn grade(
    stage: &mut Stage,
    floor: &Floor,
    number: usize,
    day: i64,
    dice: &mut Dice,
    loaded: &mut Loaded,
) -> Result<Graded, Status> {
    let agent = dice.below(floor.agents.len());
    // Every agent has a level of their own, and most get better over the days.
    let skill = (0.55 + 0.4 * ((agent * 37 % 20) as f64 / 20.0) + 0.1 * day as f64 / DAYS as f64).min(0.97);
    let scores = answers(&floor.form, skill, dice);
    let grader = GRADERS[dice.below(GRADERS.len())];
    let remark = REMARKS[dice.below(REMARKS.len())];
    let (submits, acknowledges) = (dice.chance(0.88), dice.chance(0.6));
    let reply = REPLIES[dice.below(REPLIES.len())];

    let parent = floor.parent();
    let name = format!("{parent}/scorecards/{}-{:04}", floor.template, number + 1);
    let agent = floor.agents[agent];
    let happened: Timestamp = Micros(stage.clock.now().0 - 3_600_000_000).timestamp();
    let mut card = Scorecard {
        name: name.clone(),
        agent_user_name: floor.user(agent),
        template_name: floor.template_name(),
        usecase_name: floor.usecase_name(),
        comment: remark.into(),
        scores,
        ..Default::default()
    };
    if floor.process {
        card.process_id = format!("claim-{:05}", 10_000 + number);
        card.process_interaction_time = Some(happened);
    } else {
        card.conversation_name = format!("{parent}/conversations/{}-{:05}", floor.usecase, 10_000 + number);
    }
    let mut graded = Graded { name: name.clone(), agent, day, submitted: submits, conversation: None };
    if !floor.process {
        graded.conversation = Some(Conversation {
            name: card.conversation_name.clone(),
            agent_user_name: card.agent_user_name.clone(),
            usecase_name: card.usecase_name.clone(),
            conversation_time: Some(happened),
            ..Default::default()
        });
    }
    stage.enter(floor.customer, grader, Role::Grader);
    made(stage.client.create_scorecard(CreateScorecardRequest { parent, scorecard: Some(card) }).await)?;
    loaded.scorecards += 1;
    if !submits {
        return Ok(graded);
    }
    stage.minutes_pass(12);
    stage.client.submit_scorecard(SubmitScorecardRequest { name: name.clone(), etag: String::new() }).await?;
    loaded.submitted += 1;
    if acknowledges {
        stage.minutes_pass(90);
        stage.enter(floor.customer, agent, Role::Agent);
        let acknowledge_comment = Some(reply.into());
        stage
            .client
            .acknowledge_scorecard(AcknowledgeScorecardRequest { name, acknowledge_comment, etag: String::new() })
            .await?;
        loaded.acknowledged += 1;
    }
    Ok(graded)
}

/// Answers as an agent of this skill earns them.
fn answers(form: &TemplateStructure, skill: f64, dice: &mut Dice) -> Vec<Score> {
    let mut scores = Vec::new();
    for criterion in form.chapters.iter().flat_map(|chapter| &chapter.criteria) {
        let score =
            |value| Score { criterion_id: criterion.id.clone(), numeric_value: Some(value), ..Default::default() };
        let good = dice.chance(skill);
        if criterion.allow_not_applicable && dice.chance(0.3) {
            scores.push(Score { criterion_id: criterion.id.clone(), not_applicable: true, ..Default::default() });
            continue;
        }
        match &criterion.r#type {
            // An automatic fail is rare.
            Some(criterion::Type::YesNo(kind)) if kind.auto_fail => {
                scores.push(score(f32::from(u8::from(good || dice.chance(0.9)))))
            }
            Some(criterion::Type::YesNo(_)) => scores.push(score(f32::from(u8::from(good)))),
            Some(criterion::Type::Options(kind)) => {
                let best = kind.options.len().saturating_sub(1);
                let chosen = if good { best } else { dice.below(best.max(1)) };
                scores.push(score(kind.options.get(chosen).map_or(0.0, |option| option.value)));
            }
            Some(criterion::Type::Range(_)) => {
                let seconds = if good { dice.below(61) } else { 61 + dice.below(400) };
                scores.push(score(seconds as f32));
            }
            _ => {}
        }
    }
    scores
}
