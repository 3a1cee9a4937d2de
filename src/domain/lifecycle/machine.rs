//! Who may write a machine's values, and what becomes of people's answers beside them.

use std::collections::{HashMap, HashSet};

use prost_types::Timestamp;

use super::Act;
use crate::domain::Faults;
use crate::domain::answers::{self, Value};
use crate::pb::cresta::v1::coaching::{Score, Scorecard};

/// Settles the machine's values of a card against those stored in `old`; true when a machine scored anything anew.
///
/// A person cannot write them, or else could pass a grade of their own off as a machine's: what a person leaves out is
/// kept, and what differs is refused. A machine that scores anew leaves people's answers standing: where it sends a new
/// value alone, the person's answer stays, and an answer that merely showed its former value follows the new one.
pub(super) fn settle(old: &[Score], card: &mut Scorecard, act: &Act<'_>, time: Timestamp, faults: &mut Faults) -> bool {
    let stored: HashMap<&str, &Score> = old.iter().map(|score| (score.criterion_id.as_str(), score)).collect();
    if act.machine {
        return take(&stored, card, time);
    }
    keep(&stored, card, faults);
    false
}

fn take(stored: &HashMap<&str, &Score>, card: &mut Scorecard, time: Timestamp) -> bool {
    let mut changed = false;
    for score in &mut card.scores {
        let before = stored.get(score.criterion_id.as_str()).copied();
        let Some(ai) = &mut score.ai_value else { continue };
        let known = before.and_then(|before| before.ai_value.as_ref());
        if ai.score_time.is_none() {
            // Sent without a time, the same value as before was not scored anew.
            let same = known.filter(|known| {
                let mut untimed = (*known).clone();
                untimed.score_time = None;
                untimed == *ai
            });
            ai.score_time = same.map_or(Some(time), |known| known.score_time);
        }
        if known == Some(&*ai) {
            continue;
        }
        changed = true;
        let Some(before) = before else { continue };
        let (shown, shown_before) = (Value::from(&*score), Value::from(before));
        if answers::is_manual(before) && shown.is_none() {
            score.numeric_value = before.numeric_value;
            score.text_value.clone_from(&before.text_value);
            score.not_applicable = before.not_applicable;
        } else if !answers::is_manual(before) && shown == shown_before {
            answers::clear(score);
        }
    }
    left_out(stored, card, answers::is_manual, Score::clone);
    changed
}

/// Puts back what `part` says of the stored scores that the card leaves out and that are to be kept.
fn left_out(
    stored: &HashMap<&str, &Score>,
    card: &mut Scorecard,
    kept: impl Fn(&Score) -> bool,
    part: impl Fn(&Score) -> Score,
) {
    let sent: HashSet<String> = card.scores.iter().map(|score| score.criterion_id.clone()).collect();
    let missing = stored.values().filter(|before| kept(before) && !sent.contains(&before.criterion_id));
    card.scores.extend(missing.map(|before| part(before)));
}

fn keep(stored: &HashMap<&str, &Score>, card: &mut Scorecard, faults: &mut Faults) {
    for (i, score) in card.scores.iter_mut().enumerate() {
        let known = stored.get(score.criterion_id.as_str()).and_then(|before| before.ai_value.as_ref());
        match &score.ai_value {
            None => score.ai_value = known.cloned(),
            given if given.as_ref() == known => {}
            Some(_) => {
                let why = "only a machine writes it; send it back unchanged or leave it out";
                faults.add(format!("scorecard.scores[{i}].aiValue"), why);
            }
        }
    }
    let sent: HashSet<String> = card.scores.iter().map(|score| score.criterion_id.clone()).collect();
    let left_out = stored.values().filter(|before| before.ai_value.is_some() && !sent.contains(&before.criterion_id));
    card.scores.extend(left_out.map(|before| Score {
        criterion_id: before.criterion_id.clone(),
        ai_value: before.ai_value.clone(),
        ..Score::default()
    }));
}
