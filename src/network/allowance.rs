//! Rate limit for Nonce Reports. Any sender can request a nonce in a node's name, and each report costs a beam to a
//! battery lock. One per second on average, with a small burst.

use std::time::Duration;

use crate::domain::time::Instant;

/// Remaining reports for one node.
#[derive(Debug)]
pub(super) struct Allowance {
    burst: u32,
    every: Duration,
    left: u32,
    since: Instant,
}

impl Allowance {
    /// Limit for a node that answers.
    pub(super) fn for_live_node() -> Self {
        Self::new(8, Duration::from_secs(1))
    }

    /// Limit for a node that acknowledged nothing lately: enough for a node that comes back, and too little for an
    /// attacker who wants the controller to keep transmitting to a lock without batteries.
    pub(super) fn for_dead_node() -> Self {
        Self::new(4, Duration::from_secs(30))
    }

    fn new(burst: u32, every: Duration) -> Self {
        Self { burst, every, left: burst, since: Instant::ZERO }
    }

    /// Takes one report from the allowance; `false` if none is left.
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
        assert_eq!(told(Allowance::for_live_node(), 10), 8 + 599);
        assert_eq!(told(Allowance::for_dead_node(), 10), 4 + 19);
    }
}
