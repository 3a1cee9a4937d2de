//! How many conversations of each agent are to be evaluated in a period.

use std::collections::{HashMap, HashSet};

use super::Faults;
use crate::error::Error;
use crate::pb::cresta::v1::qa::TaskCompleteConfig;
use crate::pb::cresta::v1::qa::overridden_agent::Subject;

/// Most conversations of one agent in a period.
const MOST: i32 = 10_000;

/// Most agents and groups with numbers of their own.
const OVERRIDDEN: usize = 1_000;

/// What a configuration asks for.
#[derive(Clone, Debug, Default)]
pub struct Quotas<'a> {
    default: i32,
    users: HashMap<&'a str, i32>,
    groups: Vec<(&'a str, i32)>,
}

impl<'a> Quotas<'a> {
    /// The quotas of a configuration; none asks for nothing of anybody.
    pub fn of(config: Option<&'a TaskCompleteConfig>) -> Self {
        let Some(config) = config else { return Self::default() };
        let mut quotas = Self { default: config.evaluated_conversation_count_per_agent, ..Self::default() };
        for overridden in &config.overridden_agents {
            let count = overridden.evaluated_conversation_count;
            match &overridden.subject {
                Some(Subject::User(user)) => drop(quotas.users.insert(user, count)),
                Some(Subject::Group(group)) => quotas.groups.push((group, count)),
                None => {}
            }
        }
        quotas
    }

    /// The groups whose members matter with their numbers, in the configuration's order.
    pub fn groups(&self) -> impl Iterator<Item = (&'a str, i32)> {
        self.groups.iter().copied()
    }

    /// What is to be done for this agent: their own number, or else `of_groups`, which is the largest of their groups', or
    /// else the default.
    pub fn agent(&self, agent: &str, of_groups: Option<i32>) -> i32 {
        self.users.get(agent).copied().or(of_groups).unwrap_or(self.default)
    }
}

/// Refuses a configuration with any faults, by paths that begin with `at`.
///
/// # Errors
/// INVALID_ARGUMENT with all of them.
pub fn hold(config: &TaskCompleteConfig, at: &str) -> Result<(), Error> {
    let mut faults = Faults::default();
    check(config, at, &mut faults);
    if faults.0.is_empty() { Ok(()) } else { Err(Error::fields(faults.0)) }
}

/// Complains about a configuration.
pub(super) fn check(config: &TaskCompleteConfig, at: &str, faults: &mut Faults) {
    let number = |count: i32| (!(0..=MOST).contains(&count)).then(|| format!("{count} is not from 0 to {MOST}"));
    if let Some(why) = number(config.evaluated_conversation_count_per_agent) {
        faults.add(format!("{at}.evaluatedConversationCountPerAgent"), why);
    }
    if config.overridden_agents.len() > OVERRIDDEN {
        let count = config.overridden_agents.len();
        faults.add(format!("{at}.overriddenAgents"), format!("has {count} items: at most {OVERRIDDEN}"));
        return;
    }
    let mut named = HashSet::new();
    for (i, overridden) in config.overridden_agents.iter().enumerate() {
        let at = format!("{at}.overriddenAgents[{i}]");
        match &overridden.subject {
            Some(Subject::User(name) | Subject::Group(name)) if name.is_empty() => {
                faults.add(at.clone(), "must name a user or a group");
            }
            None => faults.add(at.clone(), "must name a user or a group"),
            Some(Subject::User(name)) if !named.insert(name) => {
                faults.add(format!("{at}.user"), "has another number above already");
            }
            Some(Subject::Group(name)) if !named.insert(name) => {
                faults.add(format!("{at}.group"), "has another number above already");
            }
            Some(_) => {}
        }
        if let Some(why) = number(overridden.evaluated_conversation_count) {
            faults.add(format!("{at}.evaluatedConversationCount"), why);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pb::cresta::v1::qa::OverriddenAgent;

    fn user(name: &str, count: i32) -> OverriddenAgent {
        OverriddenAgent { subject: Some(Subject::User(name.into())), evaluated_conversation_count: count }
    }

    fn group(name: &str, count: i32) -> OverriddenAgent {
        OverriddenAgent { subject: Some(Subject::Group(name.into())), evaluated_conversation_count: count }
    }

    fn config(default: i32, overridden_agents: Vec<OverriddenAgent>) -> TaskCompleteConfig {
        TaskCompleteConfig { evaluated_conversation_count_per_agent: default, overridden_agents }
    }

    #[test]
    fn a_users_number_beats_the_largest_of_the_groups_which_beats_the_default() {
        let config = config(5, vec![group("north", 7), group("south", 9), user("ana", 0)]);
        let quotas = Quotas::of(Some(&config));
        assert_eq!(quotas.groups().collect::<Vec<_>>(), [("north", 7), ("south", 9)]);
        assert_eq!(quotas.agent("ana", Some(9)), 0, "their own number, though it is the smallest");
        assert_eq!(quotas.agent("ben", Some(9)), 9);
        assert_eq!(quotas.agent("ben", None), 5);
        assert_eq!(Quotas::of(None).agent("ana", None), 0);
    }

    #[test]
    fn a_group_may_lower_the_default() {
        let config = config(5, vec![group("new", 1)]);
        assert_eq!(Quotas::of(Some(&config)).agent("ana", Some(1)), 1);
    }

    #[test]
    fn a_thousand_numbers_of_their_own_are_enough() {
        let users = |count: usize| (0..count).map(|i| user(&format!("u{i}"), 1)).collect();
        assert!(hold(&config(1, users(1_000)), "c").is_ok());
        let error = hold(&config(1, users(1_001)), "c").unwrap_err();
        assert_eq!(error.violations()[0].field, "c.overriddenAgents");
    }

    #[test]
    fn every_fault_of_a_configuration_is_told_by_its_place() {
        let nobody = OverriddenAgent { subject: None, evaluated_conversation_count: 1 };
        let all = vec![
            user("ana", -1),
            group("north", 10_001),
            nobody,
            user("ana", 1),
            group("north", 1),
            user("ben", 10_000),
        ];
        let error = hold(&config(-5, all), "c").unwrap_err();
        let fields: Vec<_> = error.violations().iter().map(|fault| fault.field.as_str()).collect();
        let expected = [
            "c.evaluatedConversationCountPerAgent",
            "c.overriddenAgents[0].evaluatedConversationCount",
            "c.overriddenAgents[1].evaluatedConversationCount",
            "c.overriddenAgents[2]",
            "c.overriddenAgents[3].user",
            "c.overriddenAgents[4].group",
        ];
        assert_eq!(fields, expected);
        assert!(hold(&config(10_000, vec![user("ana", 0), group("north", 10_000)]), "c").is_ok());
    }
}
