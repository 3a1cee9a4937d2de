//! Coaching overviews as the rows of an export.

use jiff::tz::{Offset, TimeZone};
use prost_types::{Duration, Timestamp};

use super::Faults;
use super::periods;
use crate::error::FieldViolation;
use crate::pb::cresta::v1::coaching::CoachingOverview;
use crate::pb::cresta::v1::coaching::qa_score_basis::Method;

/// The header row.
pub const COLUMNS: [&str; 13] = [
    "agent_user_name",
    "agent_display_name",
    "agent_email",
    "coaching_plan_names",
    "scorecard_count",
    "qa_score",
    "qa_score_n",
    "qa_score_method",
    "coaching_session_count",
    "last_session_time",
    "next_session_time",
    "unacknowledged_session_count",
    "open_comment_count",
];

/// Furthest that a zone lies from UTC, in seconds.
const FURTHEST: i64 = 18 * 3_600;

/// The zone that times are written in: the one of this name, or at this distance from UTC where there is no name.
pub fn zone(name: &str, offset: Option<&Duration>) -> Result<TimeZone, Vec<FieldViolation>> {
    let mut faults = Faults::default();
    let zone = match (name, offset) {
        ("", Some(offset)) => {
            let whole = offset.nanos == 0 && offset.seconds % 60 == 0 && offset.seconds.abs() <= FURTHEST;
            let seconds = i32::try_from(offset.seconds).ok().filter(|_| whole);
            let zone = seconds.and_then(|seconds| Offset::from_seconds(seconds).ok()).map(TimeZone::fixed);
            if zone.is_none() {
                faults.add("timeZoneOffset", "must be whole minutes, within 18 hours of UTC either way");
            }
            zone
        }
        (name, _) => periods::zone(name).map_err(|why| faults.add("timeZoneId", why)).ok(),
    };
    zone.ok_or(faults.0)
}

/// The row of an overview, whose agent has this name and address to show.
pub fn row(overview: &CoachingOverview, display_name: &str, email: &str, zone: &TimeZone) -> [String; COLUMNS.len()] {
    let basis = overview.qa_score_basis.unwrap_or_default();
    let method = match basis.method() {
        Method::Unspecified => "",
        Method::Mean => "MEAN",
        Method::WeightedMean => "WEIGHTED_MEAN",
    };
    let time = |time: &Option<Timestamp>| time.as_ref().map(|time| written(time, zone)).unwrap_or_default();
    [
        overview.agent.as_ref().map(|agent| agent.name.clone()).unwrap_or_default(),
        display_name.to_owned(),
        email.to_owned(),
        overview.coaching_plan_names.join(";"),
        overview.scorecard_count.to_string(),
        overview.qa_score.map(|score| score.to_string()).unwrap_or_default(),
        basis.scorecard_count.to_string(),
        method.to_owned(),
        overview.coaching_session_count.to_string(),
        time(&overview.last_session_time),
        time(&overview.next_session_time),
        overview.unacknowledged_session_count.to_string(),
        overview.open_comment_count.to_string(),
    ]
}

/// A time of RFC 3339, to the second, as clocks in the zone show it; in UTC where it is out of what a calendar holds.
fn written(time: &Timestamp, zone: &TimeZone) -> String {
    match jiff::Timestamp::new(time.seconds, 0) {
        Ok(at) => {
            let (civil, offset) = (zone.to_datetime(at), zone.to_offset(at).seconds());
            let distance = match offset {
                0 => "Z".to_owned(),
                offset => {
                    let (sign, minutes) = (if offset < 0 { '-' } else { '+' }, offset.abs() / 60);
                    format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)
                }
            };
            format!("{}{distance}", civil.strftime("%Y-%m-%dT%H:%M:%S"))
        }
        Err(_) => time.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64, zone: &TimeZone) -> String {
        written(&Timestamp { seconds, nanos: 5 }, zone)
    }

    #[test]
    fn times_are_those_that_clocks_in_the_zone_show() {
        let lima = zone("America/Lima", None).unwrap();
        assert_eq!(at(1_772_442_000, &lima), "2026-03-02T04:00:00-05:00");
        let offset = Duration { seconds: 19_800, nanos: 0 };
        assert_eq!(at(1_772_442_000, &zone("", Some(&offset)).unwrap()), "2026-03-02T14:30:00+05:30");
        assert_eq!(at(1_772_442_000, &zone("", None).unwrap()), "2026-03-02T09:00:00Z");
        let madrid = zone("Europe/Madrid", Some(&offset)).unwrap();
        assert_eq!(at(1_772_442_000, &madrid), "2026-03-02T10:00:00+01:00", "a name beats an offset");
    }

    #[test]
    fn zones_that_are_none_are_told_by_their_field() {
        let field = |name: &str, seconds, nanos| {
            zone(name, Some(&Duration { seconds, nanos })).unwrap_err().into_iter().map(|fault| fault.field).collect()
        };
        let got: Vec<Vec<String>> = vec![
            field("Atlantis", 0, 0),
            field("", 30, 0),
            field("", 64_860, 0),
            field("", -64_860, 0),
            field("", 0, 1),
        ];
        let offset = || vec!["timeZoneOffset".to_owned()];
        assert_eq!(got, [vec!["timeZoneId".to_owned()], offset(), offset(), offset(), offset()]);
    }
}
