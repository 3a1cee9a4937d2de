//! Why a criterion counts as it does, in a few words.

use std::fmt;

/// Why a criterion counts as it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // the words below say it
pub enum Reason {
    Answered,
    AutoFail,
    Bonus,
    BonusAddsNothing,
    BonusNotGiven,
    Dropped,
    DroppedInChapter,
    FullCredit,
    LeftOutOfPreview,
    NotAsked,
    NotScored,
    UnansweredCountsZero,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reason::Answered => "answered",
            Reason::AutoFail => "answered with an automatic fail",
            Reason::Bonus => "bonus: adds to what was earned only",
            Reason::BonusAddsNothing => "bonus: this template lets bonuses add nothing",
            Reason::BonusNotGiven => "bonus not given: adds nothing",
            Reason::Dropped => "not applicable: its weight goes to the others",
            Reason::DroppedInChapter => "not applicable: its weight goes to the rest of the chapter",
            Reason::FullCredit => "not applicable: counts as fully earned",
            Reason::LeftOutOfPreview => "not answered yet: left out of the preview",
            Reason::NotAsked => "not asked, by the answers to earlier questions",
            Reason::NotScored => "not scored",
            Reason::UnansweredCountsZero => "not answered: counts as 0",
        })
    }
}
