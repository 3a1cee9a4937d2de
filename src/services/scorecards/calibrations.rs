//! Calibrations: scorecards that are held against an agreed one.
//!
//! A transaction cannot scan, so a record of the agreed scorecard names its calibrations. It is read only where answers
//! change or a scorecard goes, and written only by calibrations, so scorecards that have none pay next to nothing.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use prost::Message;

use super::form_of;
use crate::api::Ctx;
use crate::api::behavior::Described as _;
use crate::api::resource::{self, Resource as _, decode, key_of};
use crate::api::standard::save;
use crate::domain::calibration::{self, Grading};
use crate::domain::form::Form;
use crate::error::{Error, FieldViolation, Result, reason};
use crate::names::Name;
use crate::pb::cresta::v1::coaching::{Scorecard, ScorecardType};
use crate::services::templates::act;
use crate::store::{Entries, Fault, Key, Record, Tag, Txn, tags};

/// Finishes a scorecard that is new or changed: where it is a calibration, links it to the agreed one that it names, and
/// no longer to the one that it named, and measures it; where its answers changed, measures anew what is held against it.
pub(super) async fn settle(card: &mut Scorecard, old: Option<&Scorecard>, ctx: &Ctx, txn: &Txn) -> Result<()> {
    if card.scorecard_type() == ScorecardType::Calibration {
        let former = old.map_or("", |old| &old.calibrated_scorecard_name);
        card.calibration_consistency_score = match agreed(card, former, ctx, txn).await? {
            None => 0.0,
            Some(agreed) => {
                calibration::comparable(card, &agreed)?;
                let (form, agreed_form) = (form_of(txn, card).await?, form_of(txn, &agreed).await?);
                calibration::shown(grading(&form, card), grading(&agreed_form, &agreed))
            }
        };
        if former != card.calibrated_scorecard_name {
            unlink(former, &card.name, txn).await?;
            link(&card.calibrated_scorecard_name, &card.name, txn).await?;
        }
    }
    match old {
        Some(old) if old.scores != card.scores => follow(card, ctx, txn).await,
        _ => Ok(()),
    }
}

/// Takes a scorecard that goes out of what it is held against, and out of what is held against it.
pub(super) async fn part(card: &Scorecard, ctx: &Ctx, txn: &Txn) -> Result<()> {
    if card.scorecard_type() == ScorecardType::Calibration {
        unlink(&card.calibrated_scorecard_name, &card.name, txn).await?;
    }
    let held = Calibrations::of(txn, &card.name).await?;
    let user = ctx.shown_caller();
    for calibration in held.load(txn).await? {
        save(txn, &mut calibration::release(&calibration, &act(ctx, &user))).await?;
    }
    if !held.names.is_empty() {
        txn.delete::<Calibrations>(&held.key()).await?;
    }
    Ok(())
}

/// The scorecard that a calibration is held against; none where it names none. One that is absent, or not for the caller
/// to know, is told by the field; the `former` one stays, whoever changes the calibration.
async fn agreed(card: &Scorecard, former: &str, ctx: &Ctx, txn: &Txn) -> Result<Option<Scorecard>> {
    let name = &card.calibrated_scorecard_name;
    if name.is_empty() {
        return Ok(None);
    }
    calibration::of_another(card)?;
    let field = "scorecard.calibratedScorecardName";
    let found = txn.get::<Scorecard>(&key_of::<Scorecard>(field, name)?).await?;
    if let Some(agreed) = found.filter(|agreed| agreed.visible(&ctx.caller))
        && (name == former || agreed.readable(ctx, Some(txn)).await?)
    {
        return Ok(Some(agreed));
    }
    let description = "no such scorecard: name one that is there, or none".to_owned();
    Err(Error::not_found(name).with_fields(vec![FieldViolation { field: field.to_owned(), description }]))
}

fn grading<'a>(form: &'a Form, card: &'a Scorecard) -> Grading<'a> {
    Grading { form, scores: &card.scores }
}

/// Measures anew what is held against this scorecard.
async fn follow(agreed: &Scorecard, ctx: &Ctx, txn: &Txn) -> Result<()> {
    let held = Calibrations::of(txn, &agreed.name).await?.load(txn).await?;
    if held.is_empty() {
        return Ok(());
    }
    let (user, agreed_form) = (ctx.shown_caller(), form_of(txn, agreed).await?);
    // Most are on the same revision.
    let mut forms: HashMap<String, Arc<Form>> = HashMap::from([(agreed.template_name.clone(), agreed_form.clone())]);
    for card in held {
        let form = match forms.get(&card.template_name) {
            Some(form) => form.clone(),
            None => {
                let form = form_of(txn, &card).await?;
                forms.insert(card.template_name.clone(), form.clone());
                form
            }
        };
        let percent = calibration::shown(grading(&form, &card), grading(&agreed_form, agreed));
        if let Some(mut followed) = calibration::follow(&card, percent, &act(ctx, &user)) {
            save(txn, &mut followed).await?;
        }
    }
    Ok(())
}

async fn link(agreed: &str, calibration: &str, txn: &Txn) -> Result<()> {
    if agreed.is_empty() {
        return Ok(());
    }
    let mut held = Calibrations::of(txn, agreed).await?;
    if held.names.len() >= calibration::MAX_CALIBRATIONS {
        let message = format!("{} calibrations are held against {agreed} already", calibration::MAX_CALIBRATIONS);
        return Err(Error::precondition(reason::TOO_MANY_LINKS, message).with("resource", agreed));
    }
    held.names.push(calibration.to_owned());
    Ok(txn.save(&held).await?)
}

async fn unlink(agreed: &str, calibration: &str, txn: &Txn) -> Result<()> {
    if agreed.is_empty() {
        return Ok(());
    }
    let mut held = Calibrations::of(txn, agreed).await?;
    held.names.retain(|name| name != calibration);
    if held.names.is_empty() {
        txn.delete::<Calibrations>(&held.key()).await?;
    } else {
        txn.save(&held).await?;
    }
    Ok(())
}

/// The calibrations that are held against a scorecard; there while there is one.
#[derive(Clone, PartialEq, Message)]
pub struct Calibrations {
    #[prost(string, tag = "1")]
    agreed: String,
    #[prost(string, repeated, tag = "2")]
    names: Vec<String>,
}

impl Calibrations {
    async fn of(txn: &Txn, agreed: &str) -> Result<Self> {
        let none = Self { agreed: agreed.to_owned(), names: Vec::new() };
        Ok(txn.get::<Self>(&none.key()).await?.unwrap_or(none))
    }

    /// The calibrations themselves.
    async fn load(&self, txn: &Txn) -> Result<Vec<Scorecard>> {
        let keys = self.names.iter().map(|name| key_of::<Scorecard>("name", name)).collect::<Result<Vec<_>>>()?;
        Ok(txn.get_many::<Scorecard>(&keys).await?.into_iter().flatten().collect())
    }
}

impl Record for Calibrations {
    const TAG: Tag = tags::SCORECARD_CALIBRATIONS;
    const HISTORY: bool = false; // each calibration's own history has it

    fn key(&self) -> Key {
        Name::parse(Scorecard::TYPE, &self.agreed)
            .map_or_else(|_| Key::new("", Self::TAG, ""), |name| resource::key(Self::TAG, &name))
    }
    fn encode(&self) -> Vec<u8> {
        self.encode_to_vec()
    }
    fn decode(body: Bytes) -> Result<Self, Fault> {
        decode(body)
    }
    fn entries(&self, _entries: &mut Entries) {}
}
