//! How many nonces a node is told that nobody waits for. Anybody can ask in a node's name, and each costs a beam at a
//! battery lock: one a second on average, and a few at once.

use std::time::Duration;

use crate::domain::time::Instant;

/// What is left of it for one node.
#[derive(Debug)]
pub(super) struct Allowance {
    burst: u32,
    every: Duration,
    left: u32,
    since: Instant,
}

impl Allowance {
    /// For a node that answers.
    pub(super) fn of_the_living() -> Self {
        Self::new(8, Duration::from_secs(1))
    }

    /// For a node that acknowledged nothing lately: enough for one that comes back to say so, and not enough for an attacker
    /// to keep us sending to a lock without batteries.
    pub(super) fn of_the_dead() -> Self {
        Self::new(4, Duration::from_secs(30))
    }

    fn new(burst: u32, every: Duration) -> Self {
        Self { burst, every, left: burst, since: Instant::ZERO }
    }

    /// Whether it may be told one more.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        let earned = now.since(self.since).as_secs() / self.every.as_secs().max(1);
        let earned = earned.try_into().unwrap_or(self.burst);
        if self.left.saturating_add(earned) >= self.burst {
            (self.left, self.since) = (self.burst, now);
        } else {
            self.left += earned;
            self.since = self.since + self.every * earned;
        }
        let may = self.left > 0;
        self.left = self.left.saturating_sub(1);
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(mut allowance: Allowance, minutes: u64) -> usize {
        (0..minutes * 600).filter(|n| allowance.take(Instant::from_millis(n * 100))).count()
    }

    #[test]
    fn nonces_asked_for_in_a_node_s_name_cost_a_bounded_airtime() {
        assert_eq!(told(Allowance::of_the_living(), 10), 8 + 599);
        assert_eq!(told(Allowance::of_the_dead(), 10), 4 + 19);
    }
}
