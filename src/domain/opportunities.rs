//! Where coaching would bring most: who stays behind what, by how much, and how often.

use super::scores::Sum;

/// Least gap worth telling, in billionths of a percentage point: the least that four decimals show.
const LEAST: i128 = 50_000;

/// Most opportunities of a type where the request leaves it open.
pub const DEFAULT_LIMIT: usize = 10;
/// Most opportunities of a type that a request can ask for.
pub const MAX_LIMIT: usize = 1_000;

/// The limit that a request's number means; none for a negative one.
pub fn limit(asked: i32) -> Option<usize> {
    match usize::try_from(asked).ok()? {
        0 => Some(DEFAULT_LIMIT),
        asked => Some(asked.min(MAX_LIMIT)),
    }
}

/// Gap times n, in billionths, of who stays behind; none who does not, or where either has no scorecards.
pub fn behind(own: Sum, reference: Sum) -> Option<i128> {
    if own.n <= 0 || reference.n <= 0 {
        return None;
    }
    let n = i128::from(own.n);
    let expected = i128::from(reference.sum) * n / i128::from(reference.n);
    let behind = expected - i128::from(own.sum);
    (behind >= LEAST * n).then_some(behind)
}

/// Keeps so many of those that weigh most, in constant memory. Of equal ones the first in the order of `T` are kept.
#[derive(Clone, Debug)]
pub struct Most<T> {
    limit: usize,
    kept: Vec<(i128, T)>,
}

impl<T: Ord> Most<T> {
    /// Keeps at most so many.
    pub fn new(limit: usize) -> Self {
        Self { limit, kept: Vec::new() }
    }

    /// One more, with its weight.
    pub fn add(&mut self, weight: i128, one: T) {
        self.kept.push((weight, one));
        if self.kept.len() > 2 * self.limit + 64 {
            self.settle();
        }
    }

    fn settle(&mut self) {
        self.kept.sort_by(|(a, x), (b, y)| b.cmp(a).then_with(|| x.cmp(y)));
        self.kept.truncate(self.limit);
    }

    /// What is kept, heaviest first.
    pub fn into_sorted(mut self) -> Vec<(i128, T)> {
        self.settle();
        self.kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(n: i64, percent: i64) -> Sum {
        Sum { n, sum: n * percent * 1_000_000_000 }
    }

    #[test]
    fn only_who_is_below_is_behind_by_gap_times_n() {
        assert_eq!(behind(sum(4, 60), sum(10, 75)), Some(60_000_000_000));
        assert_eq!(behind(sum(4, 75), sum(10, 75)), None);
        assert_eq!(behind(sum(4, 80), sum(10, 75)), None);
        assert_eq!(behind(sum(0, 0), sum(10, 75)), None);
        assert_eq!(behind(sum(1, 0), sum(0, 0)), None);
        assert_eq!(behind(sum(1, 0), Sum { n: 1, sum: 49_999 }), None, "a gap that shows as 0 is none");
    }

    #[test]
    fn limits_have_a_default_and_a_cap() {
        assert_eq!([limit(0), limit(3), limit(5_000), limit(-1)], [Some(10), Some(3), Some(1_000), None]);
    }

    #[test]
    fn the_heaviest_are_kept_and_equals_by_their_own_order() {
        let mut most = Most::new(3);
        for number in (0..500).rev() {
            most.add(i128::from(number % 7), number);
        }
        assert_eq!(most.into_sorted(), [(6, 6), (6, 13), (6, 20)]);
    }
}
