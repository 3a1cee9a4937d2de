//! Every number that names a table or an index on disk. A number is never reused: a retired one stays in the list.
//!
//! Tables and indexes are numbered apart. Whoever adds one takes the next free number and adds it to `ALL`, which the
//! `tags!` macro does; a test checks that no number stands for two things.

/// Number of a table on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(pub u16);

/// Number of an index on disk. An index belongs to one table: its entries are told apart by the id alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IndexTag(pub u16);

/// Number of a kind of tally cells on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TallyTag(pub u16);

macro_rules! tags {
    ($kind:ident, $all:ident, $($(#[$doc:meta])* $name:ident = $number:literal;)*) => {
        $($(#[$doc])* pub const $name: $kind = $kind($number);)*
        /// All of them with their names, retired ones too.
        pub const $all: &[($kind, &str)] = &[$(($name, stringify!($name)),)*];
    };
}

tags! { Tag, TABLES,
    /// Scorecard templates.
    SCORECARD_TEMPLATE = 1;
    /// Frozen revisions of templates.
    TEMPLATE_REVISION = 2;
    /// Scorecards.
    SCORECARD = 3;
    /// Targets.
    TARGET = 4;
    /// One record for each thing that may have one target only: its existence is the uniqueness.
    TARGET_SLOT = 5;
    /// Answers kept for repeated requests.
    IDEMPOTENCY_KEY = 6;
    /// Coaching plans.
    COACHING_PLAN = 7;
    /// Coaching sessions.
    COACHING_SESSION = 8;
    /// Coaching comments.
    COACHING_COMMENT = 9;
    /// People of the directory.
    USER = 10;
    /// Groups of the directory.
    GROUP = 11;
    /// Teams of the directory.
    TEAM = 12;
    /// Use cases of the directory.
    USECASE = 13;
    /// Conversations.
    CONVERSATION = 14;
    /// Long-running jobs.
    JOB = 15;
    /// One record for each thread of comments: whose it is.
    COACHING_THREAD = 16;
    /// The comments that link to a session.
    COACHING_SESSION_LINKING = 17;
    /// One record for each username of a customer: its existence is the uniqueness.
    USERNAME = 18;
    /// The calibrations that are held against a scorecard.
    SCORECARD_CALIBRATIONS = 21;
}

tags! { IndexTag, INDEXES,
    /// Scorecards of a profile by create time.
    SCORECARD_BY_CREATE = 1;
    /// Scorecards of a profile by update time.
    SCORECARD_BY_UPDATE = 2;
    /// Scorecards of a profile by submit time; drafts at zero.
    SCORECARD_BY_SUBMIT = 3;
    /// Scorecards of a profile by exact total.
    SCORECARD_BY_SCORE = 4;
    /// Scorecards of an agent by create time.
    SCORECARD_BY_AGENT = 5;
    /// Scorecards on a template by create time.
    SCORECARD_BY_TEMPLATE = 6;
    /// Scorecards of a conversation by create time.
    SCORECARD_BY_CONVERSATION = 7;
    /// Scorecards of a process by create time.
    SCORECARD_BY_PROCESS = 8;
    /// Scorecards of a coaching plan by create time.
    SCORECARD_BY_PLAN = 9;
    /// Templates of a profile by title.
    TEMPLATE_BY_TITLE = 10;
    /// Revisions of a template, latest first.
    TEMPLATE_REVISION_BY_NUMBER = 11;
    /// Targets of a profile, latest made first.
    TARGET_BY_CREATE = 12;
    /// Answers kept for repeated requests, by when they expire.
    IDEMPOTENCY_KEY_BY_EXPIRY = 13;
    /// Coaching plans of a profile by create time.
    COACHING_PLAN_BY_CREATE = 14;
    /// Coaching plans of an agent by create time.
    COACHING_PLAN_BY_AGENT = 15;
    /// Coaching sessions of a profile by session time; those without one at the beginning.
    COACHING_SESSION_BY_TIME = 16;
    /// Coaching sessions of an agent by session time.
    COACHING_SESSION_BY_AGENT = 17;
    /// Coaching sessions of a plan by session time.
    COACHING_SESSION_BY_PLAN = 18;
    /// Coaching comments of a profile by create time.
    COACHING_COMMENT_BY_CREATE = 19;
    /// Coaching comments of a thread by create time.
    COACHING_COMMENT_BY_THREAD = 20;
    /// Coaching comments on a plan by create time.
    COACHING_COMMENT_BY_PLAN = 21;
    /// Coaching comments on an agent's plans by create time.
    COACHING_COMMENT_BY_AGENT = 22;
    /// Users of a customer by name.
    USER_BY_NAME = 23;
    /// Users of a group by name.
    USER_BY_GROUP = 24;
    /// Users of a team by name.
    USER_BY_TEAM = 25;
    /// Users with a role by name.
    USER_BY_ROLE = 26;
    /// Groups of a customer by name.
    GROUP_BY_NAME = 27;
    /// Teams of a customer by name.
    TEAM_BY_NAME = 28;
    /// Usecases of a profile by name.
    USECASE_BY_NAME = 29;
    /// Conversations of a profile by conversation time.
    CONVERSATION_BY_TIME = 30;
    /// Conversations of an agent by conversation time.
    CONVERSATION_BY_AGENT = 31;
    /// Scorecards on a template by submit time; drafts at zero.
    SCORECARD_BY_TEMPLATE_SUBMIT = 33;
    /// Scorecards of an agent by submit time; drafts at zero.
    SCORECARD_BY_AGENT_SUBMIT = 34;
    /// Templates of a profile that restrict who sees their scorecards, by id.
    TEMPLATE_RESTRICTED = 35;
    /// Targets of a plan; those of the organisation under no plan.
    TARGET_BY_PLAN = 41;
}

tags! { TallyTag, TALLIES,
    /// How a template is used: its scorecards by their state.
    TEMPLATE_USE = 1;
    /// What scorecards of an agent, or of everybody, come to in a period.
    SCORE_TOTALS = 2;
    /// The same for chapters and criteria.
    SCORE_NODES = 3;
    /// Sessions of an agent by their state.
    SESSION_STATE = 4;
    /// Threads on an agent's plans in which the agent wrote last.
    THREAD_STATE = 5;
    /// How many users of a customer quotas and audiences count.
    AGENT_COUNT = 10;
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_number_stands_for_two_things_and_none_is_zero() {
        let tables: BTreeSet<_> = TABLES.iter().map(|(tag, _)| tag.0).collect();
        let indexes: BTreeSet<_> = INDEXES.iter().map(|(tag, _)| tag.0).collect();
        assert_eq!(tables.len(), TABLES.len());
        assert_eq!(indexes.len(), INDEXES.len());
        let tallies: BTreeSet<_> = TALLIES.iter().map(|(tag, _)| tag.0).collect();
        assert_eq!(tallies.len(), TALLIES.len());
        assert!(!tables.contains(&0) && !indexes.contains(&0) && !tallies.contains(&0));
    }
}
