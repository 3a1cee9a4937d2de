//! Whom and what a template is for.

use std::collections::HashSet;

use super::directory;
use crate::pb::coaching::directory::v1::DirectoryUser;
use crate::pb::cresta::v1::coaching::{Audience, Chapter, ScorecardTemplate};

/// What the directory says about an agent.
#[derive(Clone, Copy, Debug)]
pub enum Membership<'a> {
    /// Nothing, and it need not have everybody: the agent is one of those whom an audience of everyone holds.
    Unknown,
    /// Nothing, and it has everybody: such an agent is in no audience but by name.
    Absent,
    /// That this is the agent.
    Known(&'a DirectoryUser),
}

/// People whom an audience takes in together.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Circle {
    /// All who count: see [`counts`].
    Everyone,
    /// Those of the members of this group who count.
    Group(String),
    /// Those of the members of this team who count.
    Team(String),
}

/// Whom quotas and audiences count where nobody names them: active, with the role `agent`, no developer.
pub fn counts(user: &DirectoryUser) -> bool {
    user.deactivate_time.is_none() && !user.is_dev_user && user.roles.iter().any(|role| role == directory::AGENT)
}

/// The circles that the template's audience takes in, each once. An audience that names neither users nor groups nor
/// teams takes in everyone.
pub fn circles(template: &ScorecardTemplate) -> Vec<Circle> {
    let Some(audience) = &template.audience else { return vec![Circle::Everyone] };
    let groups = audience.groups.iter().cloned().map(Circle::Group);
    let mut circles: Vec<Circle> = groups.chain(audience.teams.iter().cloned().map(Circle::Team)).collect();
    circles.sort_unstable();
    circles.dedup();
    if circles.is_empty() && audience.users.is_empty() { vec![Circle::Everyone] } else { circles }
}

/// Whether the agent is in the template's audience. [`resolve`] gives just those of whom this is true, but for agents whom
/// the directory does not know: of them it gives those alone whom the audience names.
pub fn holds(template: &ScorecardTemplate, agent: &str, membership: Membership<'_>) -> bool {
    let named = |list: fn(&Audience) -> &[String]| {
        template.audience.as_ref().is_some_and(|audience| list(audience).iter().any(|name| name == agent))
    };
    let deactivated = matches!(membership, Membership::Known(user) if user.deactivate_time.is_some());
    if deactivated || named(|audience| &audience.excluded_users) {
        return false;
    }
    let within = |circle: Circle| match (circle, membership) {
        (_, Membership::Absent) => false,
        (circle, Membership::Unknown) => circle == Circle::Everyone,
        (Circle::Everyone, Membership::Known(user)) => counts(user),
        (Circle::Group(group), Membership::Known(user)) => counts(user) && user.group_names.contains(&group),
        (Circle::Team(team), Membership::Known(user)) => counts(user) && user.team_names.contains(&team),
    };
    named(|audience| &audience.users) || circles(template).into_iter().any(within)
}

/// The names of the users whom the template's audience holds, in order. `members` gives the names of those of a circle who
/// count, and `deactivated` says of a user named whether they are deactivated.
pub fn resolve<'a>(
    template: &'a ScorecardTemplate,
    members: impl Fn(&Circle) -> &'a [String],
    deactivated: impl Fn(&str) -> bool,
) -> Vec<&'a str> {
    let none = <&[String]>::default();
    let (users, excluded) =
        template.audience.as_ref().map_or((none, none), |audience| (&audience.users, &audience.excluded_users));
    let mut all: Vec<&str> = users.iter().map(String::as_str).filter(|name| !deactivated(name)).collect();
    for circle in circles(template) {
        all.extend(members(&circle).iter().map(String::as_str));
    }
    if !excluded.is_empty() {
        let excluded: HashSet<&str> = excluded.iter().map(String::as_str).collect();
        all.retain(|name| !excluded.contains(name));
    }
    all.sort_unstable();
    all.dedup();
    all
}

/// Whether the template serves a usecase; one that names none serves all.
pub fn serves(template: &ScorecardTemplate, usecase: &str) -> bool {
    template.usecase_names.is_empty() || template.usecase_names.iter().any(|name| name == usecase)
}

/// Whether one of these moments triggers a criterion of the template.
pub fn triggered_by(template: &ScorecardTemplate, moments: &HashSet<&str>) -> bool {
    fn any(chapters: &[Chapter], moments: &HashSet<&str>) -> bool {
        chapters.iter().any(|chapter| {
            let mut triggers = chapter.criteria.iter().flat_map(|criterion| &criterion.triggers);
            triggers.any(|trigger| moments.contains(trigger.as_str())) || any(&chapter.chapters, moments)
        })
    }
    template.template.as_ref().is_some_and(|structure| any(&structure.chapters, moments))
}

#[cfg(test)]
mod tests {
    use prost_types::Timestamp;

    use super::*;
    use crate::pb::cresta::v1::coaching::{Criterion, TemplateStructure};

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

    fn agent(groups: &[&str]) -> DirectoryUser {
        DirectoryUser {
            roles: vec!["agent".into()],
            group_names: groups.iter().map(|group| (*group).to_owned()).collect(),
            ..Default::default()
        }
    }

    #[test]
    fn an_audience_of_nobody_is_every_agent_but_those_left_out() {
        let everyone = ScorecardTemplate::default();
        let (known, coach) = (agent(&[]), DirectoryUser::default());
        for template in [&everyone, &template(&[], &[], &[])] {
            assert!(holds(template, "ana", Membership::Unknown));
            assert!(!holds(template, "ana", Membership::Absent));
            assert!(holds(template, "ana", Membership::Known(&known)));
            assert!(!holds(template, "ana", Membership::Known(&coach)), "no agent");
            let developer = DirectoryUser { is_dev_user: true, ..known.clone() };
            assert!(!holds(template, "ana", Membership::Known(&developer)));
        }
        assert!(!holds(&template(&[], &[], &["ana"]), "ana", Membership::Unknown));
    }

    #[test]
    fn users_are_held_whatever_they_are_and_members_of_groups_if_they_count() {
        let of_users = template(&["ana"], &[], &[]);
        let odd = DirectoryUser { is_dev_user: true, ..Default::default() };
        assert!(holds(&of_users, "ana", Membership::Unknown) && holds(&of_users, "ana", Membership::Absent));
        assert!(holds(&of_users, "ana", Membership::Known(&odd)));
        assert!(
            !holds(&of_users, "ben", Membership::Unknown) && !holds(&of_users, "ben", Membership::Known(&agent(&[])))
        );
        let of_groups = template(&[], &["blue"], &["cleo"]);
        let blue = agent(&["blue"]);
        assert!(holds(&of_groups, "ana", Membership::Known(&blue)));
        assert!(!holds(&of_groups, "ana", Membership::Known(&agent(&["red"]))));
        assert!(!holds(&of_groups, "ana", Membership::Unknown));
        assert!(!holds(&of_groups, "cleo", Membership::Known(&blue)));
        let coach = DirectoryUser { roles: vec!["coach".into()], ..blue };
        assert!(!holds(&of_groups, "ana", Membership::Known(&coach)));
    }

    #[test]
    fn nobody_who_is_deactivated_is_held() {
        let gone = DirectoryUser { deactivate_time: Some(Timestamp::default()), ..agent(&["blue"]) };
        for template in [template(&[], &[], &[]), template(&["ana"], &[], &[]), template(&[], &["blue"], &[])] {
            assert!(!holds(&template, "ana", Membership::Known(&gone)));
        }
    }

    #[test]
    fn those_whom_an_audience_gives_are_in_order_and_each_once() {
        let of = template(&["dan", "ben", "gone"], &["blue", "blue", "red"], &["cleo"]);
        assert_eq!(circles(&of), [Circle::Group("blue".into()), Circle::Group("red".into())]);
        let (blue, red) = (["ana".to_owned(), "cleo".into()], ["ana".to_owned(), "ben".into()]);
        let members = |circle: &Circle| match circle {
            Circle::Group(name) if name == "blue" => &blue[..],
            _ => &red[..],
        };
        assert_eq!(resolve(&of, members, |name| name == "gone"), ["ana", "ben", "dan"]);
    }

    #[test]
    fn triggers_are_found_in_nested_chapters_too() {
        let criterion = Criterion { triggers: vec!["hold".into()], ..Default::default() };
        let inner = Chapter { criteria: vec![criterion], ..Default::default() };
        let outer = Chapter { chapters: vec![inner], ..Default::default() };
        let structure = TemplateStructure { chapters: vec![outer], scoring: None };
        let template = ScorecardTemplate { template: Some(structure), ..Default::default() };
        assert!(triggered_by(&template, &HashSet::from(["other", "hold"])));
        assert!(!triggered_by(&template, &HashSet::from(["other"])));
    }
}
