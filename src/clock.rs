//! Time and identity, behind traits, so that tests and the demo own both.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use prost_types::Timestamp;

/// An instant in whole microseconds since the Unix epoch (UTC): what is stored, compared and ordered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Micros(pub i64);

impl Micros {
    /// The same instant as protobuf writes it.
    pub fn timestamp(self) -> Timestamp {
        Timestamp { seconds: self.0.div_euclid(1_000_000), nanos: (self.0.rem_euclid(1_000_000) * 1_000) as i32 }
    }

    /// A protobuf timestamp, cut to microseconds; saturates far outside the years that protobuf allows.
    pub fn of(time: &Timestamp) -> Self {
        Self(time.seconds.saturating_mul(1_000_000).saturating_add(i64::from(time.nanos) / 1_000))
    }
}

/// Where "now" comes from.
pub trait Clock: Send + Sync + 'static {
    /// The present instant, UTC.
    fn now(&self) -> Micros;
}

/// Where new ids come from.
pub trait Ids: Send + Sync + 'static {
    /// A new id, unique for ever, that sorts by the time given.
    fn next(&self, now: Micros) -> String;
}

/// The machine's clock, which never shows an earlier time than it showed before in this process.
#[derive(Debug, Default)]
pub struct SystemClock {
    last: AtomicI64,
}

impl Clock for SystemClock {
    fn now(&self) -> Micros {
        let wall = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |d| i64::try_from(d.as_micros()).unwrap_or(i64::MAX));
        Micros(self.last.fetch_max(wall, Ordering::Relaxed).max(wall))
    }
}

/// UUID version 7 (RFC 9562): a millisecond time, then random bits.
#[derive(Debug, Default)]
pub struct UuidV7;

impl Ids for UuidV7 {
    fn next(&self, now: Micros) -> String {
        let seconds = u64::try_from(now.0.div_euclid(1_000_000)).unwrap_or(0);
        let nanos = (now.0.rem_euclid(1_000_000) * 1_000) as u32;
        uuid::Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, seconds, nanos)).to_string()
    }
}

/// A clock that stands still until it is told to move, for tests and for the demo's ninety days.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that shows this instant.
    pub fn at(now: Micros) -> Self {
        Self(AtomicI64::new(now.0))
    }

    /// Moves the clock to this instant, also backwards.
    pub fn set(&self, now: Micros) {
        self.0.store(now.0, Ordering::SeqCst);
    }

    /// Moves the clock on by so many microseconds.
    pub fn advance(&self, micros: i64) {
        self.0.fetch_add(micros, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Micros {
        Micros(self.0.load(Ordering::SeqCst))
    }
}

/// Ids that count up from one, for tests: `id-000001`.
#[derive(Debug, Default)]
pub struct CountingIds(AtomicI64);

impl Ids for CountingIds {
    fn next(&self, _now: Micros) -> String {
        format!("id-{:06}", self.0.fetch_add(1, Ordering::SeqCst) + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_round_trip_before_and_after_the_epoch() {
        for micros in [-1, 0, 1, 1_700_000_000_123_456, -62_135_596_800_000_000] {
            assert_eq!(Micros::of(&Micros(micros).timestamp()), Micros(micros));
        }
        assert_eq!(Micros(-1).timestamp(), Timestamp { seconds: -1, nanos: 999_999_000 });
    }

    #[test]
    fn ids_sort_by_time() {
        let earlier = UuidV7.next(Micros(1_000_000_000_000));
        let later = UuidV7.next(Micros(1_000_000_002_000));
        assert!(earlier < later);
    }
}
