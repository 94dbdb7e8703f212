//! How many nonces a node is told that nobody waits for. Anybody can ask in a node's name, and each costs a beam at a
//! battery lock: one a second on average, and a few at once.

use std::time::Duration;

use crate::domain::time::Instant;

/// What is left of it for one node.
#[derive(Debug)]
pub(super) struct Allowance {
    left: u32,
    since: Instant,
}

impl Default for Allowance {
    fn default() -> Self {
        Self { left: Self::BURST, since: Instant::ZERO }
    }
}

impl Allowance {
    const BURST: u32 = 8;
    const EVERY: Duration = Duration::from_secs(1);

    /// Whether it may be told one more.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        let earned = now.since(self.since).as_secs().try_into().unwrap_or(Self::BURST);
        if self.left.saturating_add(earned) >= Self::BURST {
            (self.left, self.since) = (Self::BURST, now);
        } else {
            self.left += earned;
            self.since = self.since + Self::EVERY * earned;
        }
        let may = self.left > 0;
        self.left = self.left.saturating_sub(1);
        may
    }
}
