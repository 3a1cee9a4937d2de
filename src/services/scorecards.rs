//! Scorecards: how they are kept, and their methods beyond the standard ones.

use std::sync::Arc;

use super::forms::compiled;
use super::templates::{act, pinned};
use super::{history, scores, standing};
use crate::api::Ctx;
use crate::api::behavior::Fields;
use crate::api::caller::Caller;
use crate::api::resource::Resource;
use crate::api::standard::{load_for, save};
use crate::domain::audience::Membership;
use crate::domain::form::Form;
use crate::domain::lifecycle;
use crate::domain::scoring::{Mode, explanation, score};
use crate::error::Result;
use crate::names::without_revision;
use crate::pb::cresta::v1::coaching::*;
use crate::store::{Counted, Entries, Tag, Txn, tags};

pub mod calibrations;
pub(super) mod completed;
pub(super) mod counts;
pub(super) mod entries;
pub mod export;
mod filter;
pub mod list;

impl Resource for Scorecard {
    const TABLE: Tag = tags::SCORECARD;

    fn index(&self, entries: &mut Entries) {
        entries::write(self, entries);
    }

    fn count(&self, counted: &mut Counted) {
        counts::write(self, counted);
        scores::write(self, counted);
    }

    /// An agent knows of their own scorecards once they are submitted, but of no calibrations: those check graders.
    fn visible(&self, caller: &Caller) -> bool {
        !caller.is_agent()
            || (self.submit_time.is_some()
                && self.scorecard_type() != ScorecardType::Calibration
                && caller.is(&self.agent_user_name))
    }

    async fn readable(&self, ctx: &Ctx, txn: Option<&Txn>) -> Result<bool> {
        standing::sees(ctx, txn, &self.template_name).await
    }

    async fn writable(&self, ctx: &Ctx, txn: &Txn) -> Result<()> {
        standing::grade(ctx, txn, &self.template_name).await?;
        standing::coach(ctx, txn, &self.agent_user_name).await
    }

    async fn create(&mut self, ctx: &Ctx, txn: &Txn) -> Result<()> {
        let template = pinned(txn, "scorecard.templateName", &self.template_name).await?;
        let form = compiled(&template)?;
        let agent = standing::known(ctx, Some(txn), &self.agent_user_name).await?;
        // Where the directory has to know everybody, one whom it does not know is refused by the doorway, in better words.
        let membership = agent.as_ref().map_or(Membership::Unknown, Membership::Known);
        lifecycle::create(self, &template, &form, membership, &act(ctx, &ctx.shown_caller()))?;
        calibrations::settle(self, None, ctx, txn).await
    }

    /// A client that sends the template as it named it on create changes nothing, nor does one that sends back the scores
    /// that it read: what is output only in them was unset on the way in.
    fn align(&mut self, old: &Self) {
        if self.template_name == without_revision(&old.template_name) {
            self.template_name.clone_from(&old.template_name);
        }
        let mut settable = old.scores.clone();
        settable.iter_mut().for_each(Fields::clear_output_only);
        if self.scores == settable {
            self.scores.clone_from(&old.scores);
        }
    }

    async fn update(&mut self, ctx: &Ctx, txn: &Txn, old: &Self) -> Result<()> {
        let template = pinned(txn, "scorecard.templateName", &old.template_name).await?;
        let form = compiled(&template)?;
        lifecycle::update(old, self, &template, &form, &act(ctx, &ctx.shown_caller()))?;
        calibrations::settle(self, Some(old), ctx, txn).await
    }

    async fn delete(&self, ctx: &Ctx, txn: &Txn) -> Result<()> {
        calibrations::part(self, ctx, txn).await
    }
}

/// The form that this scorecard is filled in on.
async fn form_of(txn: &Txn, card: &Scorecard) -> Result<Arc<Form>> {
    compiled(&pinned(txn, "name", &card.template_name).await?)
}

/// GetScorecard, with the arithmetic of its score where that is asked for.
pub async fn get(ctx: Ctx, request: GetScorecardRequest) -> Result<GetScorecardResponse> {
    let mut card = history::read::<Scorecard>(&ctx, &request.name, request.read_time.as_ref()).await?;
    if request.explain {
        let template = super::templates::stored(ctx.db(), &card.template_name).await?;
        let form = compiled(&template)?;
        let mode = if card.submit_time.is_some() { Mode::Submitted } else { Mode::Draft };
        card.explanation = Some(explanation(&score(&form, &card.scores, mode), &form));
    }
    Ok(GetScorecardResponse { scorecard: Some(card) })
}

/// SubmitScorecard. Submitting what is submitted answers it as it is.
pub async fn submit(ctx: Ctx, txn: Txn, request: SubmitScorecardRequest) -> Result<SubmitScorecardResponse> {
    let mut card = load_for::<Scorecard, _>(&ctx, &txn, &request).await?;
    let form = form_of(&txn, &card).await?;
    if let Some(mut submitted) = lifecycle::submit(&card, &form, &act(&ctx, &ctx.shown_caller()))? {
        calibrations::settle(&mut submitted, Some(&card), &ctx, &txn).await?;
        card = submitted;
        save(&txn, &mut card).await?;
    }
    Ok(SubmitScorecardResponse { scorecard: Some(card) })
}

/// ResetScorecard: back to a draft with the machine's answers alone.
pub async fn reset(ctx: Ctx, txn: Txn, request: ResetScorecardRequest) -> Result<ResetScorecardResponse> {
    let old = load_for::<Scorecard, _>(&ctx, &txn, &request).await?;
    let form = form_of(&txn, &old).await?;
    let mut card = lifecycle::reset(&old, &form, &act(&ctx, &ctx.shown_caller()));
    calibrations::settle(&mut card, Some(&old), &ctx, &txn).await?;
    save(&txn, &mut card).await?;
    Ok(ResetScorecardResponse { scorecard: Some(card) })
}

/// AcknowledgeScorecard: the scored agent's own act. The operator of the machine may do it for them.
pub async fn acknowledge(
    ctx: Ctx,
    txn: Txn,
    request: AcknowledgeScorecardRequest,
) -> Result<AcknowledgeScorecardResponse> {
    let mut card = load_for::<Scorecard, _>(&ctx, &txn, &request).await?;
    let own = ctx.caller.user.is_none() || ctx.caller.is(&card.agent_user_name);
    let user = ctx.shown_caller();
    let comment = request.acknowledge_comment.as_deref().unwrap_or(&card.acknowledge_comment);
    if let Some(acknowledged) = lifecycle::acknowledge(&card, comment, &act(&ctx, &user), own)? {
        card = acknowledged;
        save(&txn, &mut card).await?;
    }
    Ok(AcknowledgeScorecardResponse { scorecard: Some(card) })
}
