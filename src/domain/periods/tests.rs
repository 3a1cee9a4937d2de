//! Calendars: daylight saving both ways, short months, odd zones, ends, offsets, and what is refused.

use proptest::prelude::*;

use super::*;

fn at(text: &str) -> Instant {
    instant(text.parse().unwrap())
}

fn config(frequency: Frequency, start: &str, zone: &str) -> EvaluationPeriodConfig {
    EvaluationPeriodConfig {
        frequency: frequency.into(),
        start_time: Some(at(start)),
        time_zone: zone.into(),
        ..Default::default()
    }
}

fn told(time: Option<Instant>) -> String {
    timestamp(&time.unwrap()).unwrap().to_string()
}

/// The instants that divide the periods, the last one's end included.
fn divided(config: &EvaluationPeriodConfig, now: &str) -> Vec<String> {
    let periods = Calendar::of(config, "c").unwrap().until_next(&at(now));
    let mut instants: Vec<_> = periods.iter().map(|period| told(period.period.start_time)).collect();
    instants.extend(periods.last().map(|last| told(last.period.end_time)));
    instants
}

#[track_caller]
fn refused(config: &EvaluationPeriodConfig) -> Vec<String> {
    Calendar::of(config, "c").unwrap_err().into_iter().map(|fault| fault.field).collect()
}

#[test]
fn days_keep_to_midnight_when_clocks_go_forward_and_back() {
    let spring = config(Frequency::Daily, "2026-03-28T12:00:00Z", "Europe/Madrid");
    assert_eq!(
        divided(&spring, "2026-03-29T12:00:00Z"),
        ["2026-03-27T23:00:00Z", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z", "2026-03-30T22:00:00Z"]
    );
    let autumn = config(Frequency::Daily, "2026-11-01T00:00:00-04:00", "America/New_York");
    assert_eq!(
        divided(&autumn, "2026-11-01T12:00:00Z"),
        ["2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z", "2026-11-03T05:00:00Z"]
    );
}

#[test]
fn the_anchor_is_the_day_of_its_own_zone() {
    let east = config(Frequency::Weekly, "2026-03-01T20:00:00Z", "Asia/Tokyo");
    assert_eq!(divided(&east, "2026-03-02T09:00:00Z")[0], "2026-03-01T15:00:00Z", "the 2nd began there");
    let west = config(Frequency::Weekly, "2026-03-01T05:00:00Z", "America/Los_Angeles");
    assert_eq!(divided(&west, "2026-03-02T09:00:00Z")[0], "2026-02-28T08:00:00Z", "the 28th goes on there");
    let utc = config(Frequency::Biweekly, "2026-03-01T05:00:00Z", "");
    assert_eq!(
        divided(&utc, "2026-03-02T09:00:00Z"),
        ["2026-03-01T00:00:00Z", "2026-03-15T00:00:00Z", "2026-03-29T00:00:00Z"]
    );
}

#[test]
fn months_that_lack_the_anchors_day_begin_on_their_last_and_the_day_comes_back() {
    let monthly = config(Frequency::Monthly, "2024-01-31T00:00:00Z", "UTC");
    let expected = ["2024-01-31", "2024-02-29", "2024-03-31", "2024-04-30", "2024-05-31", "2024-06-30"];
    assert_eq!(divided(&monthly, "2024-05-10T00:00:00Z"), expected.map(|day| format!("{day}T00:00:00Z")));
    let quarterly = config(Frequency::Quarterly, "2025-11-30T00:00:00Z", "UTC");
    let expected = ["2025-11-30", "2026-02-28", "2026-05-30", "2026-08-30"];
    assert_eq!(divided(&quarterly, "2026-03-02T00:00:00Z"), expected.map(|day| format!("{day}T00:00:00Z")));
}

#[test]
fn a_leap_day_anchors_months_and_is_a_day_like_others() {
    let monthly = config(Frequency::Monthly, "2024-02-29T00:00:00Z", "UTC");
    let all = divided(&monthly, "2025-03-01T00:00:00Z");
    assert_eq!(all[12..14], ["2025-02-28T00:00:00Z", "2025-03-29T00:00:00Z"]);
    let daily = config(Frequency::Daily, "2024-02-28T00:00:00Z", "UTC");
    let expected = ["2024-02-28", "2024-02-29", "2024-03-01", "2024-03-02"];
    assert_eq!(divided(&daily, "2024-02-29T23:59:59Z"), expected.map(|day| format!("{day}T00:00:00Z")));
}

#[test]
fn where_the_clocks_skip_midnight_the_day_begins_with_the_skip() {
    // 00:00 to 01:00 at once, where summer time begins at midnight.
    let sao_paulo = config(Frequency::Daily, "2018-11-03T12:00:00Z", "America/Sao_Paulo");
    assert_eq!(
        divided(&sao_paulo, "2018-11-04T12:00:00Z"),
        ["2018-11-03T03:00:00Z", "2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z", "2018-11-06T02:00:00Z"]
    );
    let beirut = config(Frequency::Daily, "2026-03-29T12:00:00Z", "Asia/Beirut");
    assert_eq!(
        divided(&beirut, "2026-03-29T12:00:00Z"),
        ["2026-03-28T22:00:00Z", "2026-03-29T21:00:00Z", "2026-03-30T21:00:00Z"]
    );
    let cairo = config(Frequency::Daily, "2026-04-23T12:00:00Z", "Africa/Cairo");
    assert_eq!(
        divided(&cairo, "2026-04-23T12:00:00Z"),
        ["2026-04-22T22:00:00Z", "2026-04-23T22:00:00Z", "2026-04-24T21:00:00Z"]
    );
    // 23:30 to 00:30 at once: midnight lies inside the skip, and the day begins half an hour late.
    let toronto = TimeZoneDatabase::bundled().get("America/Toronto").unwrap();
    let skipped = jiff::civil::date(1919, 3, 31);
    assert_eq!(first_instant(&toronto, skipped).unwrap().to_string(), "1919-03-31T04:30:00Z");
}

#[test]
fn where_midnight_comes_twice_the_day_begins_with_the_first() {
    // Back from 01:00 to 00:00.
    let havana = config(Frequency::Daily, "2026-10-31T12:00:00Z", "America/Havana");
    assert_eq!(
        divided(&havana, "2026-11-01T12:00:00Z"),
        ["2026-10-31T04:00:00Z", "2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z", "2026-11-03T05:00:00Z"]
    );
    // Back from 00:01 to 23:01: the evening before comes once more, and midnight too.
    let st_johns = config(Frequency::Daily, "2008-11-01T12:00:00Z", "America/St_Johns");
    assert_eq!(
        divided(&st_johns, "2008-11-02T02:45:00Z"),
        ["2008-11-01T02:30:00Z", "2008-11-02T02:30:00Z", "2008-11-03T03:30:00Z", "2008-11-04T03:30:00Z"]
    );
}

#[test]
fn a_day_that_a_zone_skipped_is_no_period() {
    let apia = config(Frequency::Daily, "2011-12-29T12:00:00-10:00", "Pacific/Apia");
    let all = ["2011-12-29T10:00:00Z", "2011-12-30T10:00:00Z", "2011-12-31T10:00:00Z"];
    assert_eq!(divided(&apia, "2011-12-29T22:00:00Z"), all, "the 29th, then the 31st");
    assert_eq!(divided(&apia, "2011-12-30T10:00:00Z"), [&all[..], &["2012-01-01T10:00:00Z"]].concat());
}

#[test]
fn before_the_anchor_the_first_period_stands_alone() {
    let later = config(Frequency::Monthly, "2027-01-01T00:00:00Z", "UTC");
    assert_eq!(divided(&later, "2026-03-02T00:00:00Z"), ["2027-01-01T00:00:00Z", "2027-02-01T00:00:00Z"]);
    assert_eq!(Calendar::of(&later, "c").unwrap().holding(&at("2026-03-02T00:00:00Z")), None);
}

#[test]
fn no_period_begins_at_or_after_the_end() {
    let mut weekly = config(Frequency::Weekly, "2026-01-05T00:00:00Z", "UTC");
    for (end, starts) in [
        ("2026-01-19T00:00:00Z", &["2026-01-05T00:00:00Z", "2026-01-12T00:00:00Z", "2026-01-19T00:00:00Z"][..]),
        (
            "2026-01-19T00:00:01Z",
            &["2026-01-05T00:00:00Z", "2026-01-12T00:00:00Z", "2026-01-19T00:00:00Z", "2026-01-26T00:00:00Z"],
        ),
    ] {
        weekly.end_time = Some(at(end));
        assert_eq!(divided(&weekly, "2026-03-02T00:00:00Z"), starts);
    }
    let calendar = Calendar::of(&weekly, "c").unwrap();
    assert!(calendar.holding(&at("2026-01-25T23:59:59Z")).is_some(), "the last one keeps its length");
    assert_eq!(calendar.holding(&at("2026-01-26T00:00:00Z")), None);
}

#[test]
fn of_thousands_of_periods_the_newest_thousand_are_answered() {
    let daily = config(Frequency::Daily, "1970-01-01T00:00:00Z", "Europe/London");
    let all = Calendar::of(&daily, "c").unwrap().until_next(&at("2026-03-02T09:00:00Z"));
    assert_eq!(all.len(), MOST);
    assert_eq!(told(all[MOST - 1].period.start_time), "2026-03-03T00:00:00Z");
    let over = EvaluationPeriodConfig { end_time: Some(at("1980-01-01T00:00:00Z")), ..daily };
    let all = Calendar::of(&over, "c").unwrap().until_next(&at("2026-03-02T09:00:00Z"));
    assert_eq!((all.len(), told(all[MOST - 1].period.start_time).as_str()), (MOST, "1979-12-31T00:00:00Z"));
}

#[test]
fn windows_of_conversations_are_shifted_by_elapsed_time() {
    let mut weekly = config(Frequency::Weekly, "2026-03-23T12:00:00Z", "Europe/Madrid");
    let offset = |hours: i64| Some(Duration { seconds: hours * 3_600, nanos: 0 });
    weekly.override_time_range = Some(OverrideTimeRange { start_offset: offset(-7 * 24), end_offset: offset(-24) });
    let all = Calendar::of(&weekly, "c").unwrap().until_next(&at("2026-03-24T00:00:00Z"));
    let window = &all[1].conversations;
    assert_eq!(told(all[1].period.start_time), "2026-03-29T22:00:00Z");
    assert_eq!(told(window.start_time), "2026-03-22T22:00:00Z", "an hour before the midnight of that week");
    assert_eq!(told(window.end_time), "2026-04-04T22:00:00Z");
}

#[test]
fn what_does_not_hold_together_is_refused_field_by_field() {
    let sound = || config(Frequency::Daily, "2026-01-01T00:00:00Z", "UTC");
    assert_eq!(refused(&EvaluationPeriodConfig::default()), ["c.frequency", "c.startTime"]);
    let zones = ["Europe/Atlantis", "europe/madrid", "+02:00", "Etc/Unknown", "EST5EDT4", " UTC", &"x".repeat(1_000)];
    for zone in zones {
        let config = EvaluationPeriodConfig { time_zone: zone.into(), ..sound() };
        assert_eq!(refused(&config), ["c.timeZone"], "{zone}");
    }
    for zone in ["UTC", "Etc/UTC", "Etc/GMT+5", "America/Argentina/Buenos_Aires", "US/Pacific", "Europe/Kyiv", "GMT"] {
        assert!(Calendar::of(&EvaluationPeriodConfig { time_zone: zone.into(), ..sound() }, "c").is_ok(), "{zone}");
    }
    for start in ["1969-12-31T23:59:59Z", "3000-01-01T00:00:00Z"] {
        assert_eq!(refused(&config(Frequency::Daily, start, "UTC")), ["c.startTime"]);
    }
    for end in ["2026-01-01T00:00:00Z", "2025-01-01T00:00:00Z"] {
        assert_eq!(refused(&EvaluationPeriodConfig { end_time: Some(at(end)), ..sound() }), ["c.endTime"]);
    }
    assert_eq!(refused(&EvaluationPeriodConfig { frequency: 9, ..sound() }), ["c.frequency"]);
}

#[test]
fn offsets_must_leave_a_window_in_the_shortest_period() {
    let shifted = |frequency: Frequency, start: i64, end: i64| {
        let offset = |seconds| Some(Duration { seconds, nanos: 0 });
        EvaluationPeriodConfig {
            override_time_range: Some(OverrideTimeRange { start_offset: offset(start), end_offset: offset(end) }),
            ..config(frequency, "2026-01-01T00:00:00Z", "UTC")
        }
    };
    let hour = 3_600;
    for (frequency, hours) in
        [(Frequency::Daily, 12), (Frequency::Weekly, 144), (Frequency::Monthly, 648), (Frequency::Quarterly, 2_112)]
    {
        assert!(Calendar::of(&shifted(frequency, 0, 1 - hours * hour), "c").is_ok());
        assert_eq!(refused(&shifted(frequency, 0, -hours * hour)), ["c.overrideTimeRange.endOffset"]);
        assert_eq!(refused(&shifted(frequency, hours * hour, 0)), ["c.overrideTimeRange.endOffset"]);
    }
    let far = 366 * 24 * hour;
    assert!(Calendar::of(&shifted(Frequency::Daily, -far, far), "c").is_ok());
    let both = ["c.overrideTimeRange.startOffset", "c.overrideTimeRange.endOffset"];
    assert_eq!(refused(&shifted(Frequency::Daily, -far - 1, far + 1)), both);
    assert_eq!(refused(&shifted(Frequency::Daily, i64::MIN, i64::MAX)), both);
    for (seconds, nanos) in [(1, -1), (-1, 1), (0, 1_000_000_000), (0, i32::MIN)] {
        let mut mixed = shifted(Frequency::Daily, 0, 0);
        mixed.override_time_range.as_mut().unwrap().start_offset = Some(Duration { seconds, nanos });
        assert_eq!(refused(&mixed), both[..1]);
    }
}

/// What [`Step::shortest`] rests on.
#[test]
fn no_zone_has_moved_its_clocks_by_half_a_day_since_1970_but_by_whole_days() {
    let mut changes = 0;
    for name in TimeZoneDatabase::bundled().available() {
        let zone = ZONES.get(name.as_str()).unwrap();
        let mut offset = zone.to_offset(Timestamp::UNIX_EPOCH);
        let end: Timestamp = "2040-01-01T00:00:00Z".parse().unwrap();
        for change in zone.following(Timestamp::UNIX_EPOCH).take_while(|change| change.timestamp() < end) {
            let moved = change.offset().duration_since(offset).as_secs().abs();
            assert!(moved < 12 * 3_600 || (20 * 3_600..=25 * 3_600).contains(&moved), "{name:?}: {moved} s");
            offset = change.offset();
            changes += 1;
        }
    }
    assert!(changes > 10_000, "{changes}");
}

const FREQUENCIES: [Frequency; 5] =
    [Frequency::Daily, Frequency::Weekly, Frequency::Biweekly, Frequency::Monthly, Frequency::Quarterly];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn periods_are_contiguous_begin_days_and_now_lies_in_the_last_but_one(
        frequency in 0..FREQUENCIES.len(),
        zone in any::<prop::sample::Index>(),
        start in 0_i64..2_500_000_000,
        past in 0_i64..200_000_000,
    ) {
        let names: Vec<String> = ZONES.available().map(|name| name.to_string()).collect();
        let name = zone.get(&names);
        prop_assume!(name != "Etc/Unknown");
        let zone = ZONES.get(name).unwrap();
        let start_time = Instant { seconds: start, nanos: 0 };
        let config = EvaluationPeriodConfig {
            frequency: FREQUENCIES[frequency].into(),
            start_time: Some(start_time),
            time_zone: name.clone(),
            ..Default::default()
        };
        let now = Instant { seconds: start + past, nanos: 500 };
        let calendar = Calendar::of(&config, "c").unwrap();
        let all = calendar.until_next(&now);
        prop_assert!(all.len() >= 2 && all.len() <= MOST);

        let read = |time: &Option<Instant>| timestamp(&time.unwrap()).unwrap();
        let spans: Vec<(Timestamp, Timestamp)> =
            all.iter().map(|one| (read(&one.period.start_time), read(&one.period.end_time))).collect();
        for pair in spans.windows(2) {
            prop_assert_eq!(pair[0].1, pair[1].0, "no gap and no overlap in {}", name);
        }
        for (start, end) in &spans {
            prop_assert!(start < end);
            // A day begins where the date changes; only a clock that skips midnight shows another time then.
            let before = start.checked_sub(SignedDuration::from_nanos(1)).unwrap();
            let (day, eve) = (zone.to_datetime(*start), zone.to_datetime(before));
            prop_assert!(eve.date() < day.date(), "{} in {} begins no day", start, name);
            let skipped = zone.to_offset(before) != zone.to_offset(*start);
            prop_assert!(day.time() == Time::midnight() || skipped, "{} in {} is not midnight", day, name);
        }
        let held = spans[spans.len() - 2];
        let present = timestamp(&now).unwrap();
        prop_assert!(held.0 <= present && present < held.1);
        prop_assert_eq!(calendar.holding(&now), all.get(all.len() - 2).cloned());
        prop_assert!(all.iter().all(|one| one.period == one.conversations), "nothing is shifted");
        if all.len() < MOST {
            let first = spans[0];
            let anchor = timestamp(&start_time).unwrap();
            prop_assert!(first.0 <= anchor && anchor < spans[1].0, "the first holds the anchor");
        }
    }
}
