//! Two clocks that always travel together: monotonic for time-outs, wall for schedules and stamps.
//! Only `run/` reads them; everything else is given a [`Now`].

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A moment on the monotonic clock: milliseconds since the daemon started.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct Instant(u64);

impl Instant {
    /// The start of the daemon.
    pub const ZERO: Self = Self(0);

    /// The moment `millis` milliseconds after the start.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the start.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// How long ago `earlier` was; zero if it lies ahead.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, d: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(d.as_millis()).unwrap_or(u64::MAX)))
    }
}

/// A moment on the wall clock: milliseconds since 1970 in UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The moment `millis` milliseconds after 1970-01-01T00:00Z.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since 1970-01-01T00:00Z.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// The moment `age` before this one.
    pub fn before(self, age: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(age.as_millis()).unwrap_or(i64::MAX)))
    }

    /// RFC 3339 with the offset of `zone`, to the millisecond: `2026-11-23T18:04:05.123+01:00`.
    pub fn rfc3339(self, zone: &jiff::tz::TimeZone) -> String {
        let instant = jiff::Timestamp::from_millisecond(self.0).unwrap_or_default();
        instant.to_zoned(zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%.3f%:z").to_string()
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, d: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(d.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl Sub for Timestamp {
    type Output = Duration;

    /// How long after `earlier` this is; zero if it lies before.
    fn sub(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or_default())
    }
}

/// The time of one turn, read once from both clocks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Now {
    /// For time-outs and pacing.
    pub mono: Instant,
    /// For schedules, stamps and records.
    pub wall: Timestamp,
    /// The kernel reports the wall clock as synchronised, or an operator confirmed it.
    pub trusted: bool,
}

impl Now {
    /// The same clocks when the monotonic one stood at `at`, not later than now.
    pub fn back_to(self, at: Instant) -> Self {
        let at = at.min(self.mono);
        Self { mono: at, wall: self.wall.before(self.mono.since(at)), ..self }
    }
}

/// Names the time since the machine was switched on. While it stays the same, the wall clock went on without a gap.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BootId(pub String);

/// The next moment a machine wants to be woken, and why: logs and tests can say what the daemon waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Deadline {
    /// When to call `handle_timeout`.
    pub at: Instant,
    /// What will be due.
    pub why: &'static str,
}

impl Deadline {
    /// The earlier of two optional deadlines.
    pub fn earliest(a: Option<Self>, b: Option<Self>) -> Option<Self> {
        match (a, b) {
            (Some(a), Some(b)) => Some(if b.at < a.at { b } else { a }),
            (a, b) => a.or(b),
        }
    }
}

impl fmt::Display for Deadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {} ms", self.why, self.at.as_millis())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_carries_the_offset_of_the_home_and_its_milliseconds() {
        let zone = jiff::tz::TimeZone::fixed(jiff::tz::offset(1));
        assert_eq!(Timestamp::from_millis(1_795_453_445_123).rfc3339(&zone), "2026-11-23T18:04:05.123+01:00");
    }
}
