//! Windows of time, cut into the whole periods that sums are kept for, and what is left at their ends.
//!
//! Periods are counted from the Unix epoch in UTC: hours, days, weeks of seven days, and quarters of thirteen such weeks. The
//! first week began on Thursday, 1970-01-01. They are on disk, in the terms of cells, so they never change.

/// A half-open window of instants, in microseconds since the epoch. [`i64::MIN`] as its start means from the beginning,
/// [`i64::MAX`] as its end for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Window {
    /// First instant in it.
    pub start: i64,
    /// First instant behind it.
    pub end: i64,
}

impl Window {
    /// Whether an instant is in it.
    pub fn holds(self, instant: i64) -> bool {
        self.start <= instant && instant < self.end
    }

    /// Whether no instant is in it.
    pub fn is_empty(self) -> bool {
        self.start >= self.end
    }

    /// Its two halves; the second has the odd microsecond. For windows with both ends.
    pub fn halves(self) -> (Self, Self) {
        let middle = self.start.midpoint(self.end).max(self.start);
        (Self { end: middle, ..self }, Self { start: middle, ..self })
    }
}

/// How long a period is. The numbers are on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Size {
    /// Seven days.
    Week = 1,
    /// A day of UTC.
    Day = 2,
    /// An hour.
    Hour = 3,
    /// Thirteen weeks.
    Quarter = 4,
}

impl Size {
    /// Its length in microseconds.
    pub const fn micros(self) -> i64 {
        match self {
            Self::Quarter => 13 * Self::Week.micros(),
            Self::Week => 7 * 24 * 3_600_000_000,
            Self::Day => 24 * 3_600_000_000,
            Self::Hour => 3_600_000_000,
        }
    }

    /// The number of the period that holds an instant.
    pub const fn of(self, instant: i64) -> i64 {
        instant.div_euclid(self.micros())
    }
}

/// Periods of one size in a row, by their numbers; half open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// Their size.
    pub size: Size,
    /// The first of them; [`i64::MIN`] for all there are before `until`.
    pub from: i64,
    /// The first behind them; [`i64::MAX`] for all there are.
    pub until: i64,
}

/// A window as whole periods and what is left of it: parts of periods of the smallest size, each within one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Split {
    /// Whole periods.
    pub whole: Vec<Stretch>,
    /// What is left.
    pub rest: Vec<Window>,
}

impl Split {
    /// All periods that have a part in the window: the whole ones, and those of this smallest size around what is left. Each
    /// once, neighbours of one size in one stretch.
    pub fn touched(&self, smallest: Size) -> Vec<Stretch> {
        let around = |rest: &Window| {
            let from = smallest.of(rest.start);
            Stretch { size: smallest, from, until: from + 1 }
        };
        let mut all: Vec<Stretch> = self.whole.iter().copied().chain(self.rest.iter().map(around)).collect();
        all.sort_unstable_by_key(|stretch| (stretch.size, stretch.from));
        all.dedup_by(|next, kept| {
            let neighbours = next.size == kept.size && next.from == kept.until;
            if neighbours {
                kept.until = next.until;
            }
            neighbours
        });
        all
    }
}

/// Cuts a window into the largest whole periods of these sizes, which are given largest first, each a multiple of the next.
pub fn split(window: Window, sizes: &[Size]) -> Split {
    let mut split = Split::default();
    cut(window, sizes, &mut split);
    split
}

fn cut(window: Window, sizes: &[Size], into: &mut Split) {
    if window.is_empty() {
        return;
    }
    let Some((size, smaller)) = sizes.split_first() else { return into.rest.push(window) };
    let long = size.micros();
    // The first and the last boundary in the window.
    let from = if window.start == i64::MIN { i64::MIN } else { size.of(window.start - 1) + 1 };
    let until = if window.end == i64::MAX { i64::MAX } else { size.of(window.end) };
    if from > until {
        return cut(window, smaller, into);
    }
    if from != i64::MIN {
        cut(Window { end: from * long, ..window }, smaller, into);
    }
    if from < until {
        into.whole.push(Stretch { size: *size, from, until });
    }
    if until != i64::MAX {
        cut(Window { start: until * long, ..window }, smaller, into);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DAY: i64 = Size::Day.micros();
    const SIZES: [Size; 3] = [Size::Week, Size::Day, Size::Hour];
    const ALL: [Size; 4] = [Size::Quarter, Size::Week, Size::Day, Size::Hour];

    fn stretch(size: Size, from: i64, until: i64) -> Stretch {
        Stretch { size, from, until }
    }

    #[test]
    fn a_window_is_weeks_then_days_then_the_ends() {
        let window = Window { start: 5 * DAY + 1, end: 30 * DAY + 7 };
        let got = split(window, &SIZES[..2]);
        let whole = [stretch(Size::Day, 6, 7), stretch(Size::Week, 1, 4), stretch(Size::Day, 28, 30)];
        assert_eq!(got.whole, whole);
        let rest = [Window { start: 5 * DAY + 1, end: 6 * DAY }, Window { start: 30 * DAY, end: 30 * DAY + 7 }];
        assert_eq!(got.rest, rest);
    }

    #[test]
    fn the_days_around_the_ends_join_the_whole_days_beside_them() {
        let window = Window { start: 5 * DAY + 1, end: 30 * DAY + 7 };
        let touched = split(window, &SIZES[..2]).touched(Size::Day);
        assert_eq!(touched, [stretch(Size::Week, 1, 4), stretch(Size::Day, 5, 7), stretch(Size::Day, 28, 31)]);
        let across = split(Window { start: DAY - 5, end: DAY + 5 }, &SIZES[..2]).touched(Size::Day);
        assert_eq!(across, [stretch(Size::Day, 0, 2)]);
    }

    #[test]
    fn a_window_across_midnight_is_two_ends_and_one_within_a_day_is_one() {
        let (start, end) = (DAY - 5, DAY + 5);
        let got = split(Window { start, end }, &SIZES[..2]);
        assert_eq!(got.rest, [Window { start, end: DAY }, Window { start: DAY, end }]);
        assert_eq!(split(Window { start: 5, end: 9 }, &SIZES).rest, [Window { start: 5, end: 9 }]);
        assert_eq!(split(Window { start: 9, end: 9 }, &SIZES), Split::default());
    }

    #[test]
    fn open_ends_are_weeks() {
        let all = split(Window { start: i64::MIN, end: i64::MAX }, &SIZES);
        assert_eq!((all.whole, all.rest), (vec![stretch(Size::Week, i64::MIN, i64::MAX)], vec![]));
        let until = split(Window { start: i64::MIN, end: 8 * DAY }, &SIZES);
        assert_eq!(until.whole, [stretch(Size::Week, i64::MIN, 1), stretch(Size::Day, 7, 8)]);
    }

    proptest! {
        #[test]
        fn every_instant_of_a_window_is_in_one_part_and_no_other_is_in_any(
            start in -120 * DAY..40 * DAY, long in prop_oneof![0..40 * DAY, 0..300 * DAY], instants in prop::collection::vec(-130 * DAY..350 * DAY, 1..50),
            sizes in 1..=4_usize,
        ) {
            let window = Window { start, end: start + long };
            let got = split(window, &ALL[..sizes]);
            for instant in instants.into_iter().chain([start - 1, start, start + long - 1, start + long]) {
                let whole = got.whole.iter().filter(|stretch| (stretch.from..stretch.until).contains(&stretch.size.of(instant)));
                let parts = whole.count() + got.rest.iter().filter(|rest| rest.holds(instant)).count();
                prop_assert_eq!(parts, usize::from(window.holds(instant)), "{}", instant);
            }
            for rest in got.rest {
                let smallest = ALL[sizes - 1];
                prop_assert_eq!(smallest.of(rest.start), smallest.of(rest.end - 1));
            }
        }
    }
}
