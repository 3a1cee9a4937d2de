//! Resource names, taken apart and put together by the patterns that the descriptors give (AIP-122).

use std::fmt;

/// Resource type and name pattern of everything that has a name, from `google.api.resource`.
const PATTERNS: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/patterns.rs"));

/// Type of scorecard templates, the one kind whose names may carry `@{revision}`.
pub const TEMPLATE: &str = "coaching.api/ScorecardTemplate";

/// Longest id in bytes.
pub const ID_MAX: usize = 128;

/// A name taken apart. Parts are borrowed from the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name<'a> {
    /// Id of the customer: the tenant.
    pub customer: &'a str,
    /// Id of the profile; empty for what belongs to the customer as a whole.
    pub profile: &'a str,
    /// Id of the thing itself; empty where the name is a parent's.
    pub id: &'a str,
    /// What follows `@` in a template's name: a revision, or `*` for every one.
    pub revision: Option<&'a str>,
}

/// Why a text is not the name it should be; the text tells the form that is expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadName(String);

impl fmt::Display for BadName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'a> Name<'a> {
    /// Takes apart a name of this resource type, such as `coaching.api/Scorecard`.
    pub fn parse(kind: &str, text: &'a str) -> Result<Self, BadName> {
        let pattern = pattern(kind)?;
        let mut name = Self::matching(pattern, text, kind == TEMPLATE)?;
        if let Some((id, revision)) = name.id.split_once('@') {
            name.id = id;
            name.revision = Some(revision);
        }
        Ok(name)
    }

    /// Takes apart the name of a parent under which resources of this type live.
    pub fn parse_parent(kind: &str, text: &'a str) -> Result<Self, BadName> {
        let pattern = pattern(kind)?;
        let parent = pattern.rsplitn(3, '/').nth(2).unwrap_or_default();
        let mut name = Self::matching(parent, text, false)?;
        // The last variable of a parent is the customer or the profile, not an id of a thing in it.
        name.id = "";
        Ok(name)
    }

    fn matching(pattern: &str, text: &'a str, revisions: bool) -> Result<Self, BadName> {
        let bad = || BadName(format!("must have the form {pattern}"));
        let mut name = Name { customer: "", profile: "", id: "", revision: None };
        let mut parts = text.split('/');
        for expected in pattern.split('/') {
            let part = parts.next().ok_or_else(bad)?;
            if !expected.starts_with('{') {
                if part != expected {
                    return Err(bad());
                }
                continue;
            }
            let checked = match part.split_once('@') {
                Some((id, revision)) if revisions && expected == "{scorecard_template}" => {
                    if !is_revision(revision) {
                        return Err(BadName(format!(
                            "{revision:?} is no revision: it must be 8 hexadecimal digits in lower case, or * for every revision"
                        )));
                    }
                    id
                }
                _ => part,
            };
            if !is_id(checked) {
                return Err(BadName(format!(
                    "{checked:?} is no id: it must have 1 to {ID_MAX} of the characters A-Z a-z 0-9 . _ ~ - in the form {pattern}"
                )));
            }
            match expected {
                "{customer}" => name.customer = part,
                "{profile}" => name.profile = part,
                _ => name.id = part,
            }
        }
        if parts.next().is_some() { Err(bad()) } else { Ok(name) }
    }

    /// The parent's name.
    pub fn parent(&self) -> String {
        if self.profile.is_empty() {
            format!("customers/{}", self.customer)
        } else {
            format!("customers/{}/profiles/{}", self.customer, self.profile)
        }
    }
}

/// Customer and profile at the head of any name or parent, whatever follows; none where it does not begin so.
pub fn scope(text: &str) -> Option<(&str, &str)> {
    let mut parts = text.split('/');
    let customer = match (parts.next(), parts.next()) {
        (Some("customers"), Some(customer)) if is_id(customer) => customer,
        _ => return None,
    };
    match (parts.next(), parts.next()) {
        (Some("profiles"), Some(profile)) if is_id(profile) => Some((customer, profile)),
        _ => Some((customer, "")),
    }
}

/// The id at the end of any name, for showing.
pub fn last_segment(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// A template's name without `@{revision}`.
pub fn without_revision(name: &str) -> &str {
    name.split_once('@').map_or(name, |(base, _)| base)
}

/// Whether this can be an id: `[A-Za-z0-9._~-]{1,128}`, and not a path segment that clients would resolve away.
pub fn is_id(text: &str) -> bool {
    (1..=ID_MAX).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'~' | b'-'))
        && text != "."
        && text != ".."
}

fn is_revision(text: &str) -> bool {
    text == "*" || (text.len() == 8 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')))
}

fn pattern(kind: &str) -> Result<&'static str, BadName> {
    PATTERNS
        .iter()
        .find(|(known, _)| *known == kind)
        .map(|(_, pattern)| *pattern)
        .ok_or_else(|| BadName(format!("{kind} is no type of resource")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CARD: &str = "coaching.api/Scorecard";

    #[test]
    fn a_name_is_taken_apart_by_its_pattern() {
        let name = Name::parse(CARD, "customers/c/profiles/p/scorecards/s-1~2.3_4").unwrap();
        assert_eq!((name.customer, name.profile, name.id, name.revision), ("c", "p", "s-1~2.3_4", None));
        assert_eq!(name.parent(), "customers/c/profiles/p");
    }

    #[test]
    fn a_template_may_carry_a_revision_and_nothing_else_may() {
        let name = Name::parse(TEMPLATE, "customers/c/profiles/p/scorecardTemplates/t@0123abcd").unwrap();
        assert_eq!((name.id, name.revision), ("t", Some("0123abcd")));
        let every = Name::parse(TEMPLATE, "customers/c/profiles/p/scorecardTemplates/t@*").unwrap();
        assert_eq!(every.revision, Some("*"));
        assert!(Name::parse(TEMPLATE, "customers/c/profiles/p/scorecardTemplates/t@XYZ").is_err());
        assert!(Name::parse(CARD, "customers/c/profiles/p/scorecards/s@0123abcd").is_err());
    }

    #[test]
    fn a_parent_is_taken_apart() {
        let parent = Name::parse_parent(CARD, "customers/c/profiles/p").unwrap();
        assert_eq!((parent.customer, parent.profile, parent.id), ("c", "p", ""));
    }

    #[test]
    fn what_is_not_a_name_is_refused_with_the_form_expected() {
        for bad in [
            "",
            "customers/c/profiles/p/scorecards",
            "customers/c/profiles/p/scorecards/",
            "customers/c/profiles/p/scorecards/a/b",
            "customers/c/profiles/p/targets/s",
            "customers/c/profiles/p/scorecards/a b",
            "customers/c/profiles/p/scorecards/..",
            "customers//profiles/p/scorecards/a",
            "/customers/c/profiles/p/scorecards/a",
        ] {
            let error = Name::parse(CARD, bad).unwrap_err().to_string();
            assert!(error.contains("customers/{customer}/profiles/{profile}/scorecards/{scorecard}"), "{bad}: {error}");
        }
        assert!(Name::parse(CARD, &format!("customers/c/profiles/p/scorecards/{}", "x".repeat(129))).is_err());
    }
}
