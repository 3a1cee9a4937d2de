//! Update masks (AIP-134, AIP-161).

use prost_types::FieldMask;

use super::behavior::Fields;
use crate::error::{Error, FieldViolation, Result, reason};

/// Copies from `sent` to `merged` what the mask names. No mask, or an empty one, names every field that is set in
/// `sent`; `*` names all of them, set or not. Output-only fields, `name` and `etag` are never copied.
pub fn merge<R: Fields>(merged: &mut R, sent: &R, mask: Option<&FieldMask>) -> Result<()> {
    let paths: Vec<&str> = match mask {
        Some(mask) if mask.paths.iter().any(|path| path == "*") => {
            if mask.paths.len() > 1 {
                return Err(Error::field("updateMask", "`*` stands alone").because(reason::INVALID_MASK));
            }
            let mut paths = sent.populated();
            paths.extend(merged.populated());
            paths
        }
        Some(mask) if !mask.paths.is_empty() => mask.paths.iter().map(String::as_str).collect(),
        _ => sent.populated(),
    };
    let mut unknown = Vec::new();
    for path in paths {
        if matches!(path, "name" | "etag") {
            continue;
        }
        let parts: Vec<&str> = path.split('.').collect();
        if !merged.copy_path(sent, &parts) {
            unknown.push(FieldViolation {
                field: "updateMask".into(),
                description: format!("{path:?} is no field that can be updated"),
            });
        }
    }
    if unknown.is_empty() { Ok(()) } else { Err(Error::fields(unknown).because(reason::INVALID_MASK)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pb::cresta::v1::coaching::{Audience, Scorecard, ScorecardTemplate, TemplateStructure};

    fn mask(paths: &[&str]) -> Option<FieldMask> {
        Some(FieldMask { paths: paths.iter().map(|p| (*p).to_owned()).collect() })
    }

    #[test]
    fn without_a_mask_the_fields_sent_are_taken_and_the_rest_stays() {
        let mut merged = Scorecard { comment: "old".into(), usecase_name: "u".into(), ..Default::default() };
        merge(&mut merged, &Scorecard { comment: "new".into(), ..Default::default() }, None).unwrap();
        assert_eq!((merged.comment.as_str(), merged.usecase_name.as_str()), ("new", "u"));
    }

    #[test]
    fn a_mask_clears_what_it_names_and_is_not_sent() {
        let mut merged = Scorecard { comment: "old".into(), usecase_name: "u".into(), ..Default::default() };
        merge(&mut merged, &Scorecard::default(), mask(&["comment"]).as_ref()).unwrap();
        assert_eq!((merged.comment.as_str(), merged.usecase_name.as_str()), ("", "u"));
    }

    #[test]
    fn a_star_replaces_everything_that_callers_may_set() {
        let mut merged =
            Scorecard { comment: "old".into(), usecase_name: "u".into(), total_score: 5.0, ..Default::default() };
        merge(&mut merged, &Scorecard { comment: "new".into(), ..Default::default() }, mask(&["*"]).as_ref()).unwrap();
        assert_eq!((merged.comment.as_str(), merged.usecase_name.as_str(), merged.total_score), ("new", "", 5.0));
    }

    #[test]
    fn output_only_fields_in_a_mask_are_ignored_and_unknown_ones_refused() {
        let mut merged = Scorecard { total_score: 5.0, ..Default::default() };
        merge(&mut merged, &Scorecard::default(), mask(&["total_score", "submit_time"]).as_ref()).unwrap();
        assert_eq!(merged.total_score, 5.0);
        let error = merge(&mut merged, &Scorecard::default(), mask(&["nonsense", "scores.x"]).as_ref()).unwrap_err();
        assert_eq!(error.violations().len(), 2);
        assert_eq!(error.reason(), reason::INVALID_MASK);
    }

    #[test]
    fn a_path_reaches_into_a_message_in_either_spelling() {
        let mut merged = ScorecardTemplate {
            audience: Some(Audience { users: vec!["a".into()], groups: vec!["g".into()], ..Default::default() }),
            template: Some(TemplateStructure::default()),
            ..Default::default()
        };
        merge(&mut merged, &ScorecardTemplate::default(), mask(&["audience.users"]).as_ref()).unwrap();
        assert_eq!(merged.audience.as_ref().map(|a| (a.users.len(), a.groups.len())), Some((0, 1)));
        merge(&mut merged, &ScorecardTemplate::default(), mask(&["audience.excludedUsers"]).as_ref()).unwrap();
    }
}
