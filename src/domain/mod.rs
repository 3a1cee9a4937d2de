//! The rules, as functions of values: the same input gives the same answer, at any time and on any machine.
//!
//! A template's structure is checked by [`lint`] when it is written and compiled to a [`form::Form`] when it is used.
//! [`answers`] says whether scores fit a form, [`scoring`] what they come to, and [`lifecycle`] and [`templates`] what
//! may happen to a resource next. Nothing here awaits, reads a store or asks the time: the caller brings all three.

/// Whether scores fit a form, what is missing, and the machine's answers beside people's.
pub mod answers;
/// Whom and what a template is for.
pub mod audience;
/// How far two gradings of the same thing agree.
pub mod calibration;
/// What a coaching comment may say, and what may happen to it.
pub mod comments;
/// Which criteria are asked, by the answers to earlier ones.
pub mod conditions;
/// CSV that spreadsheets read and do not run.
pub mod csv;
/// What the records of the directory may say.
pub mod directory;
/// Exact numbers, and the one place where they are rounded.
pub mod exact;
/// Scorecards as the rows of an export.
pub mod export;
/// What may happen to a template next.
pub mod templates;

#[cfg(test)]
mod fixtures;
/// A template's structure, compiled for use.
pub mod form;
/// What may happen to a scorecard next.
pub mod lifecycle;
/// All that is wrong with a template's structure.
pub mod lint;
/// Where coaching would bring most.
pub mod opportunities;
/// Coaching overviews as the rows of an export.
pub mod overviews;
/// How a template's configuration cuts time into evaluation periods.
pub mod periods;
/// Who may grade on a template, who may see its scorecards, and whose coach somebody is.
pub mod permissions;
/// What a coaching plan may say, and what may happen to it.
pub mod plans;
/// How far QA scores have moved towards their targets.
pub mod progress;
/// How many conversations of each agent are to be evaluated in a period.
pub mod quotas;
/// Revision ids, and names with and without them.
pub mod revision;
/// QA scores: means of what scorecards came to.
pub mod scores;
/// What answers come to.
pub mod scoring;
/// The two sides of a coaching session, and what may happen to each.
pub mod sessions;
/// What a target may be set on.
pub mod targets;
/// Windows of time as whole periods and their ends.
pub mod windows;

use crate::error::FieldViolation;

/// Most complaints in one answer: past them a list helps nobody, and could be made to fill the memory.
const MAX_FAULTS: usize = 1_000;

/// Collects complaints about fields, so that all are reported together, up to [`MAX_FAULTS`].
#[derive(Debug, Default)]
struct Faults(Vec<FieldViolation>);

impl Faults {
    fn add(&mut self, field: impl Into<String>, description: impl Into<String>) {
        if self.0.len() < MAX_FAULTS {
            self.0.push(FieldViolation { field: field.into(), description: description.into() });
        }
    }

    /// Complains unless `text` has at most `most` characters.
    fn length(&mut self, field: String, text: &str, most: usize) {
        // Bytes bound characters from above, so most texts are settled without counting.
        if text.len() > most && text.chars().count() > most {
            self.add(field, format!("is longer than {most} characters"));
        }
    }
}
