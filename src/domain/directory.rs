//! What the records of the directory may say by themselves. `at` is the path of the record, such as `users[3]`.

use std::collections::HashSet;

use super::Faults;
use crate::error::FieldViolation;
use crate::pb::coaching::directory::v1::{Conversation, DirectoryUser};

/// The role of those whom quotas and audiences count.
pub const AGENT: &str = "agent";

const MAX_NAME: usize = 500;
const MAX_USERNAME: usize = 128;
const MAX_EMAIL: usize = 320;
const MAX_ROLE: usize = 64;
const MAX_ROLES: usize = 20;
const MAX_MEMBERSHIPS: usize = 100;
const MAX_MOMENTS: usize = 500;

/// All that is wrong with what a user says.
pub fn user(user: &DirectoryUser, at: &str) -> Vec<FieldViolation> {
    let mut faults = Faults::default();
    named(&mut faults, &user.name, at);
    faults.length(format!("{at}.displayName"), &user.display_name, MAX_NAME);
    faults.length(format!("{at}.fullName"), &user.full_name, MAX_NAME);
    unspaced(&mut faults, format!("{at}.username"), &user.username, MAX_USERNAME);
    unspaced(&mut faults, format!("{at}.email"), &user.email, MAX_EMAIL);
    if !user.email.is_empty() && !is_address(&user.email) {
        faults.add(format!("{at}.email"), "must have one @ with something on each side, or be empty");
    }
    for (i, role) in user.roles.iter().enumerate() {
        if role.trim().is_empty() {
            faults.add(format!("{at}.roles[{i}]"), "must not be empty");
        }
        faults.length(format!("{at}.roles[{i}]"), role.trim(), MAX_ROLE);
    }
    let roles: Vec<&str> = user.roles.iter().map(|role| role.trim()).collect();
    distinct(&mut faults, &format!("{at}.roles"), &roles, MAX_ROLES);
    distinct(&mut faults, &format!("{at}.groupNames"), &user.group_names, MAX_MEMBERSHIPS);
    distinct(&mut faults, &format!("{at}.teamNames"), &user.team_names, MAX_MEMBERSHIPS);
    faults.0
}

/// All that is wrong with what a group, a team or a usecase says.
pub fn circle(name: &str, display_name: &str, at: &str) -> Vec<FieldViolation> {
    let mut faults = Faults::default();
    named(&mut faults, name, at);
    faults.length(format!("{at}.displayName"), display_name, MAX_NAME);
    faults.0
}

/// All that is wrong with what a conversation says.
pub fn conversation(conversation: &Conversation, at: &str) -> Vec<FieldViolation> {
    let mut faults = Faults::default();
    named(&mut faults, &conversation.name, at);
    distinct(&mut faults, &format!("{at}.momentNames"), &conversation.moment_names, MAX_MOMENTS);
    faults.0
}

/// Later users with the username of an earlier one of the same batch. `field` is the path of the batch.
pub fn shared_usernames(users: &[DirectoryUser], field: &str) -> Vec<FieldViolation> {
    let mut faults = Faults::default();
    let mut first = std::collections::HashMap::new();
    for (i, user) in users.iter().enumerate().filter(|(_, user)| !user.username.is_empty()) {
        let of = *first.entry(folded(&user.username)).or_insert(i);
        if of != i {
            faults.add(format!("{field}[{i}].username"), format!("is the username of {field}[{of}] too"));
        }
    }
    faults.0
}

/// A username as it is compared: usernames that differ in case alone are the same. It is stored, so it folds letter by
/// letter, which no later version of Unicode changes for a letter that exists.
pub fn folded(username: &str) -> String {
    username.chars().flat_map(char::to_lowercase).collect()
}

/// Spells a user as it is stored.
pub fn align(user: &mut DirectoryUser) {
    for role in &mut user.roles {
        *role = role.trim().to_owned();
    }
}

/// The directory makes no ids: they are the operator's own.
fn named(faults: &mut Faults, name: &str, at: &str) {
    if name.is_empty() {
        faults.add(format!("{at}.name"), "is required");
    }
}

fn unspaced(faults: &mut Faults, field: String, text: &str, most: usize) {
    if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        faults.add(field, "must not have spaces or control characters");
    } else {
        faults.length(field, text, most);
    }
}

fn is_address(email: &str) -> bool {
    email.split_once('@').is_some_and(|(to, host)| !to.is_empty() && !host.is_empty() && !host.contains('@'))
}

fn distinct<T: AsRef<str>>(faults: &mut Faults, field: &str, items: &[T], most: usize) {
    if items.len() > most {
        faults.add(field, format!("has more than {most} items"));
    }
    let mut seen = HashSet::new();
    for (i, item) in items.iter().enumerate() {
        if !seen.insert(item.as_ref()) {
            faults.add(format!("{field}[{i}]"), "is there already: each at most once");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(faults: &[FieldViolation]) -> Vec<&str> {
        faults.iter().map(|fault| fault.field.as_str()).collect()
    }

    fn amir() -> DirectoryUser {
        DirectoryUser { name: "customers/c/users/amir".into(), ..DirectoryUser::default() }
    }

    #[test]
    fn an_address_has_one_at_with_something_on_each_side() {
        let wrong = |email: &str| !user(&DirectoryUser { email: email.into(), ..amir() }, "u").is_empty();
        for good in ["", "a@b", "amir+x@mail.example.org"] {
            assert!(!wrong(good), "{good:?}");
        }
        for bad in ["a", "@", "a@", "@b", "a@b@c", "a b@c", "a@b\n"] {
            assert!(wrong(bad), "{bad:?}");
        }
        assert!(!wrong(&format!("{}@b", "a".repeat(318))));
        assert!(wrong(&format!("{}@b", "a".repeat(319))));
    }

    #[test]
    fn everything_wrong_with_a_user_is_told_at_once() {
        let bad = DirectoryUser {
            username: "a b".into(),
            email: "nowhere".into(),
            display_name: "x".repeat(501),
            roles: vec!["agent".into(), " ".into(), " agent ".into(), "r".repeat(65)],
            group_names: vec!["g".into(), "g".into()],
            team_names: (0..101).map(|i| i.to_string()).collect(),
            ..DirectoryUser::default()
        };
        let expected = [
            "u.name",
            "u.displayName",
            "u.username",
            "u.email",
            "u.roles[1]",
            "u.roles[3]",
            "u.roles[2]",
            "u.groupNames[1]",
            "u.teamNames",
        ];
        assert_eq!(fields(&user(&bad, "u")), expected);
        assert!(user(&amir(), "u").is_empty());
    }

    #[test]
    fn usernames_are_the_same_whatever_their_case() {
        let of = |username: &str| DirectoryUser { username: username.into(), ..amir() };
        let batch = [of("Amir"), of(""), of("ÄNNE"), of("aMIR"), of(""), of("änne")];
        assert_eq!(fields(&shared_usernames(&batch, "users")), ["users[3].username", "users[5].username"]);
    }

    #[test]
    fn moments_of_a_conversation_are_distinct_and_few() {
        let with =
            |moments: Vec<String>| Conversation { name: "n".into(), moment_names: moments, ..Conversation::default() };
        let many = |n: usize| (0..n).map(|i| i.to_string()).collect::<Vec<_>>();
        assert!(conversation(&with(many(500)), "c").is_empty());
        assert_eq!(fields(&conversation(&with(many(501)), "c")), ["c.momentNames"]);
        assert_eq!(fields(&conversation(&with(vec!["m".into(), "m".into()]), "c")), ["c.momentNames[1]"]);
    }
}
