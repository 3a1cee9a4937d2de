//! Who may grade on a template, who may see its scorecards, and whose coach somebody is.

use crate::pb::cresta::v1::coaching::TemplatePermissions;

/// Whether these permissions narrow who sees scorecards.
pub fn narrow_viewing(permissions: &TemplatePermissions) -> bool {
    !permissions.viewer_users.is_empty() || !permissions.viewer_groups.is_empty()
}

/// Whether these permissions narrow who grades.
pub fn narrow_grading(permissions: &TemplatePermissions) -> bool {
    !permissions.grader_users.is_empty() || !permissions.grader_groups.is_empty()
}

/// Whether the user, who is in these groups, may see scorecards. Who is a grader by name or group may.
pub fn may_see(permissions: &TemplatePermissions, user: &str, groups: &[String]) -> bool {
    !narrow_viewing(permissions)
        || among(&permissions.viewer_users, &permissions.viewer_groups, user, groups)
        || is_grader(permissions, user, groups)
}

/// Whether the user, who is in these groups, may write scorecards. Who may not see them may not.
pub fn may_grade(permissions: &TemplatePermissions, user: &str, groups: &[String]) -> bool {
    may_see(permissions, user, groups) && (!narrow_grading(permissions) || is_grader(permissions, user, groups))
}

/// Whether two users with these groups are in one together.
pub fn share(groups: &[String], others: &[String]) -> bool {
    groups.iter().any(|group| others.contains(group))
}

fn is_grader(permissions: &TemplatePermissions, user: &str, groups: &[String]) -> bool {
    among(&permissions.grader_users, &permissions.grader_groups, user, groups)
}

fn among(users: &[String], circles: &[String], user: &str, groups: &[String]) -> bool {
    users.iter().any(|name| name == user) || share(circles, groups)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    /// What gail, who is in the group `north`, may do: see, and grade.
    fn gail(
        grader_users: &[&str],
        grader_groups: &[&str],
        viewer_users: &[&str],
        viewer_groups: &[&str],
    ) -> (bool, bool) {
        let permissions = TemplatePermissions {
            grader_users: list(grader_users),
            grader_groups: list(grader_groups),
            viewer_users: list(viewer_users),
            viewer_groups: list(viewer_groups),
        };
        let groups = list(&["north"]);
        (may_see(&permissions, "gail", &groups), may_grade(&permissions, "gail", &groups))
    }

    #[test]
    fn empty_lists_narrow_nothing() {
        assert_eq!(gail(&[], &[], &[], &[]), (true, true));
    }

    #[test]
    fn graders_grade_by_name_or_by_group_and_everybody_still_sees() {
        assert_eq!(gail(&["gail"], &[], &[], &[]), (true, true));
        assert_eq!(gail(&["otto"], &["north"], &[], &[]), (true, true));
        assert_eq!(gail(&["otto"], &["south"], &[], &[]), (true, false));
    }

    #[test]
    fn viewers_and_graders_see_and_who_sees_nothing_grades_nothing() {
        assert_eq!(gail(&[], &[], &["gail"], &[]), (true, true));
        assert_eq!(gail(&[], &[], &[], &["north"]), (true, true));
        assert_eq!(gail(&[], &[], &["otto"], &["south"]), (false, false));
        assert_eq!(gail(&["gail"], &[], &["otto"], &[]), (true, true));
        assert_eq!(gail(&["otto"], &[], &["gail"], &[]), (true, false));
    }
}
