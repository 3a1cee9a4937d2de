//! Evaluation periods: how a template's configuration cuts time.
//!
//! Everything goes by the calendar of the configured zone. A day begins with its first instant there, which is midnight
//! unless the clocks skip it; a period begins with a day, so the periods follow one another without gap or overlap
//! whatever daylight saving does. Period `n` is counted from the anchor and never from period `n - 1`: an anchor on the 31st
//! comes back to the 31st after every shorter month.

use std::sync::LazyLock;

use jiff::civil::{Date, Time};
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Span, Timestamp};
use prost_types::{Duration, Timestamp as Instant};

use super::Faults;
use crate::error::FieldViolation;
use crate::pb::cresta::v1::qa::evaluation_period_config::{Frequency, OverrideTimeRange};
use crate::pb::cresta::v1::qa::{EvaluationPeriod, EvaluationPeriodConfig};

/// Most periods of one answer, the newest of them all.
pub const MOST: usize = 1_000;

/// Seconds of the years 1970 to 2999, in which anchors lie: earlier, the zones' offsets are not known for certain.
const ANCHORS: std::ops::Range<i64> = 0..32_503_680_000;
/// Furthest that a window of conversations is shifted, in seconds: a leap year.
const FURTHEST: i64 = 366 * 86_400;
/// Longest name of a zone; those that there are have at most 32 bytes.
const ZONE_NAME: usize = 64;

/// The zones, as compiled in: the same on every machine.
static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// A period, and the window of the conversations to evaluate in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Period {
    /// The period itself.
    pub period: EvaluationPeriod,
    /// The window of conversations.
    pub conversations: EvaluationPeriod,
}

/// How many days or months a period has.
#[derive(Clone, Copy, Debug)]
enum Step {
    Days(i64),
    Months(i64),
}

impl Step {
    fn of(frequency: Frequency) -> Option<Self> {
        match frequency {
            Frequency::Unspecified => None,
            Frequency::Daily => Some(Self::Days(1)),
            Frequency::Weekly => Some(Self::Days(7)),
            Frequency::Biweekly => Some(Self::Days(14)),
            Frequency::Monthly => Some(Self::Months(1)),
            Frequency::Quarterly => Some(Self::Months(3)),
        }
    }

    /// No period is shorter, in hours. Since 1970 no day lost half of it (the most was in the Antarctic, where a station
    /// opened) but those that were skipped whole, and no longer stretch lost more than a day.
    fn shortest(self) -> i64 {
        match self {
            Self::Days(1) => 12,
            Self::Days(days) => (days - 1) * 24,
            Self::Months(1) => 27 * 24,
            Self::Months(_) => 88 * 24,
        }
    }

    /// About how many steps lie between two days; off by one at most.
    fn between(self, from: Date, to: Date) -> i64 {
        match self {
            Self::Days(days) => (to.duration_since(from).as_hours() / 24).div_euclid(days),
            Self::Months(months) => {
                let month = |date: Date| i64::from(date.year()) * 12 + i64::from(date.month());
                (month(to) - month(from)).div_euclid(months)
            }
        }
    }

    /// So many steps after a day; none where no calendar reaches. A month that lacks the day gives its last.
    fn after(self, from: Date, steps: i64) -> Option<Date> {
        let span = match self {
            Self::Days(days) => Span::new().try_days(days.checked_mul(steps)?),
            Self::Months(months) => Span::new().try_months(months.checked_mul(steps)?),
        };
        from.checked_add(span.ok()?).ok()
    }
}

/// A configuration that holds together.
#[derive(Clone, Debug)]
pub struct Calendar {
    zone: TimeZone,
    /// The day with which the first period begins.
    anchor: Date,
    step: Step,
    end: Option<Timestamp>,
    start_offset: SignedDuration,
    end_offset: SignedDuration,
}

impl Calendar {
    /// The calendar of a configuration, or all that is wrong with it, by paths that begin with `at`.
    pub fn of(config: &EvaluationPeriodConfig, at: &str) -> Result<Self, Vec<FieldViolation>> {
        let mut faults = Faults::default();
        match read(config, at, &mut faults) {
            Some(calendar) if faults.0.is_empty() => Ok(calendar),
            _ => Err(faults.0),
        }
    }

    /// The periods from the first to the one after that which holds `now`, oldest first; of more than [`MOST`] the newest.
    /// Before the anchor it is the first alone, and where no period begins any more it ends with the last.
    pub fn until_next(&self, now: &Instant) -> Vec<Period> {
        let Some(now) = timestamp(now) else { return Vec::new() };
        let current = self.index(now);
        // What a zone skipped whole has no length and is no period.
        let next = (current.max(-1) + 1..).map_while(|n| self.start(n).map(|_| n)).take(4).find_map(|n| self.period(n));
        let earlier = (0..=current).rev().filter_map(|n| self.period(n));
        let mut newest: Vec<Period> = next.into_iter().chain(earlier).take(MOST).collect();
        newest.reverse();
        newest
    }

    /// The period that holds this instant.
    pub fn holding(&self, now: &Instant) -> Option<Period> {
        let now = timestamp(now)?;
        let n = self.index(now);
        // Past the configured end, the last one is over too.
        (n >= 0 && self.start(n + 1).is_some_and(|end| now < end)).then(|| self.period(n)).flatten()
    }

    /// The number of the last period that begins at or before `now` and begins at all; -1 before the first.
    fn index(&self, now: Timestamp) -> i64 {
        let last = self.end.and_then(|end| end.checked_sub(SignedDuration::from_nanos(1)).ok());
        let now = last.map_or(now, |last| now.min(last));
        let begun = |n: i64| self.start(n).is_some_and(|start| start <= now);
        let mut n = self.step.between(self.anchor, self.zone.to_datetime(now).date()).max(-1);
        while n >= 0 && !begun(n) {
            n -= 1;
        }
        while begun(n + 1) {
            n += 1;
        }
        n
    }

    /// Where period `n` begins, whether or not it is one.
    fn start(&self, n: i64) -> Option<Timestamp> {
        first_instant(&self.zone, self.step.after(self.anchor, n)?)
    }

    /// Period `n`, if there is one.
    fn period(&self, n: i64) -> Option<Period> {
        let (start, end) = (self.start(n)?, self.start(n + 1)?);
        let begins = self.end.is_none_or(|last| start < last);
        if !begins || start >= end {
            return None;
        }
        let shifted = [start.checked_add(self.start_offset).ok()?, end.checked_add(self.end_offset).ok()?];
        Some(Period { period: between(start, end), conversations: between(shifted[0], shifted[1]) })
    }
}

/// The first instant of a day in a zone. Of a midnight that comes twice it is the first, of one that the clocks skip it is
/// the instant of the skip, and of a day that they skip whole it is that of the next day.
fn first_instant(zone: &TimeZone, day: Date) -> Option<Timestamp> {
    let midnight = zone.to_ambiguous_timestamp(day.to_datetime(Time::midnight()));
    let skipped = matches!(midnight.offset(), AmbiguousOffset::Gap { .. });
    let instant = midnight.compatible().ok()?;
    if !skipped {
        return Some(instant);
    }
    // Read by the offset before the skip, midnight comes after it by as much as the skip began before midnight.
    let after = instant.checked_add(SignedDuration::from_secs(1)).ok()?;
    zone.preceding(after).next().map(|transition| transition.timestamp())
}

/// Complains about a configuration.
pub(super) fn check(config: &EvaluationPeriodConfig, at: &str, faults: &mut Faults) {
    read(config, at, faults);
}

/// Reads a configuration, and complains about all that is wrong with it; none where too much of it is.
fn read(config: &EvaluationPeriodConfig, at: &str, faults: &mut Faults) -> Option<Calendar> {
    let step = Frequency::try_from(config.frequency).ok().and_then(Step::of);
    if step.is_none() {
        faults.add(format!("{at}.frequency"), "is required: daily, weekly, biweekly, monthly or quarterly");
    }
    let zone = zone(&config.time_zone).map_err(|why| faults.add(format!("{at}.timeZone"), why)).ok();
    let anchor = match &config.start_time {
        None => Err("is required: the first period begins with its day".to_owned()),
        Some(time) if !ANCHORS.contains(&time.seconds) => Err("must be a time from 1970 to 2999".to_owned()),
        Some(time) => timestamp(time).ok_or_else(|| "is no time".to_owned()),
    };
    let anchor = anchor.map_err(|why| faults.add(format!("{at}.startTime"), why)).ok();
    let end = config.end_time.as_ref().map(|time| {
        let end = timestamp(time);
        // What is no time is complained of with the shape of the request; far past the calendar it is no end.
        if let (Some(end), Some(anchor)) = (end, anchor)
            && end <= anchor
        {
            faults.add(format!("{at}.endTime"), "must be after startTime");
        }
        end
    });
    let (start_offset, end_offset) = offsets(config.override_time_range.as_ref(), step, at, faults)?;
    let (zone, step, anchor) = (zone?, step?, anchor?);
    let anchor = zone.to_datetime(anchor).date();
    Some(Calendar { zone, anchor, step, end: end.flatten(), start_offset, end_offset })
}

/// The zone of this name; empty means UTC.
pub(super) fn zone(name: &str) -> Result<TimeZone, String> {
    if name.is_empty() {
        return Ok(TimeZone::UTC);
    }
    let unknown = || "is no IANA time zone: send a name such as Europe/Madrid, or none for UTC".to_owned();
    if name.len() > ZONE_NAME {
        return Err(unknown());
    }
    let zone = ZONES.get(name).map_err(|_| unknown())?;
    match zone.iana_name() {
        _ if zone.is_unknown() => Err(unknown()),
        // Elsewhere names of zones have one spelling.
        Some(spelled) if spelled != name && spelled.eq_ignore_ascii_case(name) => Err(format!("is spelled {spelled}")),
        _ => Ok(zone),
    }
}

/// By how much the window of conversations is shifted at its start and at its end.
fn offsets(
    range: Option<&OverrideTimeRange>,
    step: Option<Step>,
    at: &str,
    faults: &mut Faults,
) -> Option<(SignedDuration, SignedDuration)> {
    let at = format!("{at}.overrideTimeRange");
    let mut read = |field: &str, offset: Option<&Duration>| match offset.map(shift) {
        None => Some(SignedDuration::ZERO),
        Some(Some(shift)) => Some(shift),
        Some(None) => {
            faults.add(format!("{at}.{field}"), "must be a duration of at most 366 days either way");
            None
        }
    };
    let start = read("startOffset", range.and_then(|range| range.start_offset.as_ref()));
    let end = read("endOffset", range.and_then(|range| range.end_offset.as_ref()));
    let (start, end) = (start?, end?);
    if let Some(hours) = step.map(Step::shortest)
        && end.checked_sub(start)?.checked_add(SignedDuration::from_hours(hours))? <= SignedDuration::ZERO
    {
        let why = format!(
            "turns the window of conversations around in a short period: it may lie less than {hours} hours before \
             startOffset"
        );
        faults.add(format!("{at}.endOffset"), why);
    }
    Some((start, end))
}

fn shift(duration: &Duration) -> Option<SignedDuration> {
    let (seconds, nanos) = (duration.seconds, duration.nanos);
    let sound = nanos.unsigned_abs() < 1_000_000_000 && (seconds == 0 || nanos == 0 || (seconds < 0) == (nanos < 0));
    let shift = sound.then(|| SignedDuration::new(seconds, nanos))?;
    let furthest = SignedDuration::from_secs(FURTHEST);
    (-furthest..=furthest).contains(&shift).then_some(shift)
}

fn timestamp(time: &Instant) -> Option<Timestamp> {
    Timestamp::new(time.seconds, time.nanos).ok()
}

fn instant(time: Timestamp) -> Instant {
    let (seconds, nanos) = (time.as_second(), time.subsec_nanosecond());
    // Before the epoch both count downwards there.
    if nanos < 0 { Instant { seconds: seconds - 1, nanos: nanos + 1_000_000_000 } } else { Instant { seconds, nanos } }
}

fn between(start: Timestamp, end: Timestamp) -> EvaluationPeriod {
    EvaluationPeriod { start_time: Some(instant(start)), end_time: Some(instant(end)) }
}

#[cfg(test)]
mod tests;
