//! QA scores: means of what scorecards came to, by the weights of their templates.

use num_traits::Zero;

use super::exact::{self, Exact};
use crate::pb::cresta::v1::coaching::QaScoreConfig;
use crate::pb::cresta::v1::coaching::qa_score_basis::Method;

/// How many scorecards, and what they come to together, in billionths of a percentage point.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sum {
    /// How many.
    pub n: i64,
    /// Their sum.
    pub sum: i64,
}

impl Sum {
    /// Both together.
    pub fn and(self, other: Self) -> Self {
        Self { n: self.n.saturating_add(other.n), sum: self.sum.saturating_add(other.sum) }
    }

    /// What is left of it without the other.
    pub fn without(self, other: Self) -> Self {
        Self { n: self.n.saturating_sub(other.n), sum: self.sum.saturating_sub(other.sum) }
    }
}

/// A mean, exact, of at least one scorecard.
#[derive(Clone, Debug, PartialEq)]
pub struct Score {
    /// In percent.
    pub mean: Exact,
    /// How many scorecards it is of.
    pub n: i64,
    /// How they were brought to one number.
    pub method: Method,
}

/// What a scorecard on a template with this setting weighs against scorecards on others; none where it does not count.
pub fn weight(config: Option<QaScoreConfig>) -> Option<Exact> {
    let config = config.filter(|config| config.included)?;
    // A weight was checked when it was written.
    Some(
        config
            .weight
            .map_or_else(|| exact::whole(1), |weight| exact::amount(weight).unwrap_or_else(|_| exact::whole(1))),
    )
}

/// The mean of scorecards that all weigh the same; none of no scorecards.
pub fn alone(sum: Sum) -> Option<Score> {
    mean([(sum, &exact::whole(1))])
}

/// The mean over templates: each scorecard counts by the weight of its own. None where there is no scorecard. Zeros count.
/// Where all that count weigh the same it is the arithmetic mean.
pub fn mean<'a>(parts: impl IntoIterator<Item = (Sum, &'a Exact)>) -> Option<Score> {
    let (mut n, mut above, mut below) = (0_i64, Exact::zero(), Exact::zero());
    let (mut first, mut method) = (None, Method::Mean);
    for (part, weight) in parts {
        if part.n <= 0 {
            continue;
        }
        if *first.get_or_insert(weight) != weight {
            method = Method::WeightedMean;
        }
        n += part.n;
        above += weight * exact::whole(part.sum);
        below += weight * exact::whole(part.n);
    }
    (n > 0 && !below.is_zero()).then(|| Score { mean: above / below / exact::whole(1_000_000_000), n, method })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(n: i64, percent: i64) -> Sum {
        Sum { n, sum: n * percent * 1_000_000_000 }
    }

    #[test]
    fn scorecards_count_by_the_weight_of_their_template() {
        let (one, three) = (exact::whole(1), exact::whole(3));
        let got = mean([(part(2, 50), &one), (part(1, 100), &three), (part(0, 0), &three)]).unwrap();
        assert_eq!((got.mean, got.n, got.method), (exact::whole(80), 3, Method::WeightedMean));
    }

    #[test]
    fn zeros_count_and_nothing_is_no_zero() {
        let one = exact::whole(1);
        let got = mean([(part(1, 0), &one), (part(1, 100), &one)]).unwrap();
        assert_eq!((got.mean, got.n, got.method), (exact::whole(50), 2, Method::Mean));
        assert_eq!(mean([(part(3, 0), &one)]).unwrap().mean, exact::whole(0));
        assert_eq!(mean([(part(0, 0), &one)]), None);
    }

    #[test]
    fn equal_weights_weigh_nothing() {
        let three = exact::whole(3);
        let got = mean([(part(1, 40), &three), (part(1, 60), &three)]).unwrap();
        assert_eq!((got.mean, got.method), (exact::whole(50), Method::Mean));
    }

    #[test]
    fn only_templates_that_are_included_have_a_weight() {
        let config = |included, weight| Some(QaScoreConfig { included, weight });
        assert_eq!(weight(None), None);
        assert_eq!(weight(config(false, Some(2.0))), None);
        assert_eq!(weight(config(true, None)), Some(exact::whole(1)));
        assert_eq!(weight(config(true, Some(0.5))), Some(exact::whole(1) / exact::whole(2)));
    }
}
