//! Whom and what a template is for.

use crate::pb::cresta::v1::coaching::{Chapter, ScorecardTemplate};

/// What the directory says about the agent, for audiences that name groups or teams.
#[derive(Clone, Copy, Debug)]
pub enum Membership<'a> {
    /// Nothing: an audience that names groups or teams is then taken to hold the agent, unless it leaves the agent out by
    /// name.
    Unknown,
    /// The names of the groups and teams that the agent is in.
    Known(&'a [String]),
}

/// Whether the agent is in the template's audience. An audience that names nobody holds everybody but those left out.
pub fn holds(template: &ScorecardTemplate, agent: &str, membership: Membership<'_>) -> bool {
    let Some(audience) = &template.audience else { return true };
    let names = |list: &[String], name: &str| list.iter().any(|listed| listed == name);
    let circles = || audience.groups.iter().chain(&audience.teams);
    let everyone = audience.users.is_empty() && circles().next().is_none();
    let in_circle = || match membership {
        Membership::Unknown => circles().next().is_some(),
        Membership::Known(circles_of_agent) => circles().any(|circle| names(circles_of_agent, circle)),
    };
    (everyone || names(&audience.users, agent) || in_circle()) && !names(&audience.excluded_users, agent)
}

/// Whether the template serves a usecase; one that names none serves all.
pub fn serves(template: &ScorecardTemplate, usecase: &str) -> bool {
    template.usecase_names.is_empty() || template.usecase_names.iter().any(|name| name == usecase)
}

/// Whether one of these moments triggers a criterion of the template.
pub fn triggered_by(template: &ScorecardTemplate, moments: &[String]) -> bool {
    fn any(chapters: &[Chapter], moments: &[String]) -> bool {
        chapters.iter().any(|chapter| {
            let mut triggers = chapter.criteria.iter().flat_map(|criterion| &criterion.triggers);
            triggers.any(|trigger| moments.contains(trigger)) || any(&chapter.chapters, moments)
        })
    }
    template.template.as_ref().is_some_and(|structure| any(&structure.chapters, moments))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pb::cresta::v1::coaching::{Audience, Criterion, TemplateStructure};

    fn template(users: &[&str], groups: &[&str], excluded: &[&str]) -> ScorecardTemplate {
        let owned = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect();
        let audience = Audience {
            users: owned(users),
            groups: owned(groups),
            excluded_users: owned(excluded),
            ..Default::default()
        };
        ScorecardTemplate { audience: Some(audience), ..Default::default() }
    }

    #[test]
    fn an_audience_of_nobody_is_everybody_but_those_left_out() {
        assert!(holds(&template(&[], &[], &[]), "ana", Membership::Unknown));
        assert!(!holds(&template(&[], &[], &["ana"]), "ana", Membership::Unknown));
        assert!(holds(&ScorecardTemplate::default(), "ana", Membership::Known(&[])));
    }

    #[test]
    fn users_and_members_of_groups_are_held_and_others_are_not() {
        let of_users = template(&["ana"], &[], &[]);
        assert!(holds(&of_users, "ana", Membership::Unknown));
        assert!(!holds(&of_users, "ben", Membership::Unknown));
        let of_groups = template(&[], &["blue"], &["cleo"]);
        let blue = ["blue".to_owned()];
        assert!(holds(&of_groups, "ana", Membership::Known(&blue)));
        assert!(!holds(&of_groups, "ana", Membership::Known(&[])));
        assert!(holds(&of_groups, "ana", Membership::Unknown));
        assert!(!holds(&of_groups, "cleo", Membership::Known(&blue)));
    }

    #[test]
    fn triggers_are_found_in_nested_chapters_too() {
        let criterion = Criterion { triggers: vec!["hold".into()], ..Default::default() };
        let inner = Chapter { criteria: vec![criterion], ..Default::default() };
        let outer = Chapter { chapters: vec![inner], ..Default::default() };
        let structure = TemplateStructure { chapters: vec![outer], scoring: None };
        let template = ScorecardTemplate { template: Some(structure), ..Default::default() };
        assert!(triggered_by(&template, &["other".into(), "hold".into()]));
        assert!(!triggered_by(&template, &["other".into()]));
    }
}
