//! Airtime for work that is not waited for.

use std::time::Duration;

use crate::domain::time::Instant;

/// Airtime for work that is not waited for.
pub(super) struct Pace {
    /// Milliseconds that an hour brings.
    hourly: u64,
    /// Milliseconds that may still be spent.
    left: u64,
    refilled: Instant,
    pub(super) next: Instant,
    /// Since when codes that somebody waits for have kept the inventory waiting.
    yielding: Option<Instant>,
}

impl Pace {
    /// Half of what a duty cycle of 1 % leaves in an hour (docs/protocol/timing.md §4).
    pub(super) const INVENTORY: u64 = 18_000;
    const GAP: Duration = Duration::from_millis(100);
    /// A code that was just changed is seldom the last one of its person or its import.
    const AFTER_CHANGE: Duration = Duration::from_secs(5);
    const LONGEST_YIELD: Duration = Duration::from_secs(600);

    pub(super) fn full(hourly: u64) -> Self {
        Self { hourly, left: hourly, refilled: Instant::ZERO, next: Instant::ZERO, yielding: None }
    }

    /// A code is being changed somewhere: the air is for it. The inventory waits, but not for ever.
    pub(super) fn give_way(&mut self, now: Instant) {
        let since = *self.yielding.get_or_insert(now);
        if now.since(since) < Self::LONGEST_YIELD {
            self.next = self.next.max(now + Self::AFTER_CHANGE);
        }
    }

    fn refill(&mut self, now: Instant) {
        let earned = u64::try_from(now.since(self.refilled).as_millis()).unwrap_or_default() * self.hourly / 3_600_000;
        if earned > 0 {
            self.left = (self.left + earned).min(self.hourly);
            self.refilled = now;
        }
    }

    pub(super) fn spend(&mut self, airtime: u64, now: Instant) {
        self.refill(now);
        self.yielding = None;
        let debt = airtime.saturating_sub(self.left);
        self.left = self.left.saturating_sub(airtime);
        self.next = now + Self::GAP.max(Duration::from_millis(debt * (3_600_000 / self.hourly)));
    }
}
