//! How far a QA score has moved towards its target.

use num_traits::{One, Zero};

use super::exact::{self, Exact};
use super::scores::Score;
use crate::pb::cresta::v1::coaching::coaching_progress::Trend;
use crate::pb::cresta::v1::coaching::qa_score_basis::Method;
use crate::pb::cresta::v1::coaching::{CoachingPlan, Target};

use super::plans::place;

/// What is known of one score that is worked on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measured {
    /// Percent to reach.
    pub target: Option<Exact>,
    /// The score before the plan began.
    pub baseline: Option<Score>,
    /// The score in the window.
    pub score: Option<Score>,
    /// The means of the first and the second half of the window.
    pub halves: (Option<Exact>, Option<Exact>),
}

impl Measured {
    /// Target less score, in percentage points; below 0 where the target is exceeded.
    pub fn gap(&self) -> Option<Exact> {
        Some(self.target.as_ref()? - &self.score.as_ref()?.mean)
    }

    /// Share of the gap before the plan that is closed now, from 0 to 1. 1 where the target is reached; 0 where it was reached
    /// before and is not now.
    pub fn progress(&self) -> Option<Exact> {
        let (target, before, now) = (self.target.as_ref()?, &self.baseline.as_ref()?.mean, &self.score.as_ref()?.mean);
        if now >= target {
            return Some(Exact::one());
        }
        if before >= target {
            return Some(Exact::zero());
        }
        Some(((now - before) / (target - before)).max(Exact::zero()))
    }

    /// Which way the score goes: a percentage point or more between the halves is a way.
    pub fn trend(&self) -> Trend {
        let (Some(first), Some(second)) = &self.halves else { return Trend::Unspecified };
        let (moved, point) = (second - first, Exact::one());
        if moved >= point {
            Trend::Up
        } else if moved <= -point {
            Trend::Down
        } else {
            Trend::Steady
        }
    }
}

/// All of them as one: each number is the mean over those that have it. Halves are those of what has both.
pub fn total<'a>(all: impl Iterator<Item = &'a Measured> + Clone) -> Measured {
    let both = all.clone().filter_map(|one| Some((one.halves.0.as_ref()?, one.halves.1.as_ref()?)));
    Measured {
        target: mean(all.clone().filter_map(|one| one.target.as_ref())),
        baseline: together(all.clone().filter_map(|one| one.baseline.as_ref())),
        score: together(all.filter_map(|one| one.score.as_ref())),
        halves: (mean(both.clone().map(|(first, _)| first)), mean(both.map(|(_, second)| second))),
    }
}

fn mean<'a>(values: impl Iterator<Item = &'a Exact>) -> Option<Exact> {
    let values: Vec<&Exact> = values.collect();
    let count = i64::try_from(values.len()).ok().filter(|count| *count > 0)?;
    Some(exact::sum(values) / exact::whole(count))
}

fn together<'a>(scores: impl Iterator<Item = &'a Score> + Clone) -> Option<Score> {
    let n = scores.clone().map(|score| score.n).sum();
    Some(Score { mean: mean(scores.map(|score| &score.mean))?, n, method: Method::Mean })
}

/// One thing that a plan works on, and the target that holds for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Worked<'a> {
    /// The template's name, without a revision.
    pub template: &'a str,
    /// Id of a chapter or criterion; empty for the whole template.
    pub node: &'a str,
    /// Name of it as the plan keeps it; empty where only a target names it.
    pub display_name: &'a str,
    /// The plan's target, else the organisation's.
    pub target: Option<&'a Target>,
}

/// What a plan works on, each once: its focus criteria in their order, then what else its own targets are on. Targets are those of
/// `usecases`; of several on one thing, that of the plan's usecase holds, or else that of the usecase named first.
pub fn worked_on<'a>(
    plan: &'a CoachingPlan,
    own: &'a [Target],
    organisation: &'a [Target],
    usecases: &[String],
) -> Vec<Worked<'a>> {
    let rank = |target: &Target| match usecases.iter().position(|usecase| *usecase == target.usecase_name) {
        Some(_) if target.usecase_name == plan.usecase_name => Some(0),
        Some(at) => Some(at + 1),
        None => None,
    };
    let on = |target: &'a Target| (&*target.scorecard_template_name, &*target.criterion_or_chapter_id);
    let best = |targets: &'a [Target], wanted: (&str, &str)| {
        let fitting = targets.iter().filter(|target| on(target) == wanted);
        fitting
            .filter_map(|target| Some((rank(target)?, target)))
            .min_by_key(|(rank, _)| *rank)
            .map(|(_, target)| target)
    };
    let focused = plan.focus_criteria.iter().map(|focus| (place(focus), &*focus.display_name));
    let mut others: Vec<_> =
        own.iter().filter(|target| rank(target).is_some()).map(|target| (on(target), "")).collect();
    others.sort_unstable();
    let mut worked: Vec<Worked<'a>> = Vec::new();
    for ((template, node), display_name) in focused.chain(others) {
        if worked.iter().all(|one| (one.template, one.node) != (template, node)) {
            let target = best(own, (template, node)).or_else(|| best(organisation, (template, node)));
            worked.push(Worked { template, node, display_name, target });
        }
    }
    worked
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pb::cresta::v1::coaching::FocusCriterion;

    fn score(percent: i64, n: i64) -> Option<Score> {
        Some(Score { mean: exact::whole(percent), n, method: Method::Mean })
    }

    fn measured(target: i64, baseline: i64, now: i64) -> Measured {
        Measured {
            target: Some(exact::whole(target)),
            baseline: score(baseline, 2),
            score: score(now, 3),
            ..Measured::default()
        }
    }

    #[test]
    fn progress_is_the_share_of_the_gap_that_is_closed() {
        let half = exact::whole(1) / exact::whole(2);
        for (target, baseline, now, progress) in [
            (80, 60, 70, half),
            (80, 60, 60, exact::whole(0)),
            (80, 60, 50, exact::whole(0)),
            (80, 60, 80, exact::whole(1)),
            (80, 60, 95, exact::whole(1)),
            (80, 90, 85, exact::whole(1)),
            (80, 90, 70, exact::whole(0)),
            (80, 80, 79, exact::whole(0)),
        ] {
            assert_eq!(measured(target, baseline, now).progress(), Some(progress), "{target} {baseline} {now}");
        }
        assert_eq!(measured(80, 60, 70).gap(), Some(exact::whole(10)));
        assert_eq!(measured(80, 60, 95).gap(), Some(exact::whole(-15)));
    }

    #[test]
    fn what_is_not_known_makes_nothing_up() {
        let whole = measured(80, 60, 70);
        assert_eq!(Measured { baseline: None, ..whole.clone() }.progress(), None);
        assert_eq!(Measured { target: None, ..whole.clone() }.gap(), None);
        assert_eq!(Measured { score: None, ..whole.clone() }.gap(), None);
        assert_eq!(whole.trend(), Trend::Unspecified);
    }

    #[test]
    fn a_trend_takes_a_whole_percentage_point() {
        let tenth = |number: i64| Some(exact::whole(number) / exact::whole(10));
        for (first, second, trend) in
            [(500, 510, Trend::Up), (500, 509, Trend::Steady), (500, 491, Trend::Steady), (500, 490, Trend::Down)]
        {
            let halves = (tenth(first), tenth(second));
            assert_eq!(Measured { halves, ..Measured::default() }.trend(), trend);
        }
    }

    #[test]
    fn a_total_is_the_mean_over_those_that_have_a_number() {
        let one = Measured { halves: (Some(exact::whole(10)), Some(exact::whole(30))), ..measured(80, 60, 70) };
        let other =
            Measured { target: None, baseline: None, score: score(90, 1), halves: (Some(exact::whole(90)), None) };
        let got = total([&one, &other, &Measured::default()].into_iter());
        assert_eq!(got.target, Some(exact::whole(80)));
        assert_eq!(got.baseline, score(60, 2));
        assert_eq!(got.score, score(80, 4));
        assert_eq!(got.trend(), Trend::Up);
        assert_eq!(total([].into_iter()), Measured::default());
    }

    #[test]
    fn a_plans_target_beats_the_organisations_and_each_thing_is_worked_on_once() {
        let target = |name: &str, node: &str, usecase: &str| Target {
            name: name.into(),
            scorecard_template_name: "t".into(),
            criterion_or_chapter_id: node.into(),
            usecase_name: usecase.into(),
            ..Target::default()
        };
        let focus = |node: &str| FocusCriterion {
            scorecard_template_name: "t".into(),
            criterion_or_chapter_id: node.into(),
            display_name: node.to_uppercase(),
        };
        let plan = CoachingPlan {
            usecase_name: "sales".into(),
            focus_criteria: vec![focus("q"), focus("c"), focus("x")],
            ..CoachingPlan::default()
        };
        let own = [target("own-q", "q", "support"), target("own-z", "z", "sales"), target("gone", "y", "other")];
        let organisation =
            [target("all-q", "q", "sales"), target("c-support", "c", "support"), target("c-sales", "c", "sales")];
        let usecases = ["support".to_owned(), "sales".to_owned()];
        let got: Vec<(&str, &str, Option<&str>)> = worked_on(&plan, &own, &organisation, &usecases)
            .into_iter()
            .map(|one| (one.node, one.display_name, one.target.map(|target| &*target.name)))
            .collect();
        assert_eq!(
            got,
            [("q", "Q", Some("own-q")), ("c", "C", Some("c-sales")), ("x", "X", None), ("z", "", Some("own-z"))]
        );
    }
}
