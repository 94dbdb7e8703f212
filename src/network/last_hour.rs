//! Sums over the last hour. For transmissions: in Europe a controller may send for 1 % of an hour
//! (docs/protocol/timing.md §4), and one beam takes more than a second of it. For frames that fail authentication: many
//! in an hour are more than a bad radio link.

use std::collections::VecDeque;
use std::time::Duration;

use crate::domain::time::Instant;

/// The period of the duty cycle rule.
const HOUR: Duration = Duration::from_secs(3600);
/// Granularity: amounts within this time are added up and expire together.
const PART: Duration = Duration::from_secs(60);

/// The sum over the last hour, with a precision of a minute.
#[derive(Clone, Default, Debug)]
pub(super) struct LastHour {
    /// Start times and amounts, oldest first, at most 61.
    parts: VecDeque<(Instant, u64)>,
}

impl LastHour {
    pub(super) fn add(&mut self, amount: u64, now: Instant) {
        match self.parts.back_mut() {
            Some((began, sum)) if now.since(*began) < PART => *sum += amount,
            _ => self.parts.push_back((now, amount)),
        }
        while self.parts.front().is_some_and(|(began, _)| now.since(*began) >= HOUR + PART) {
            self.parts.pop_front();
        }
    }

    /// The sum of the hour before `now`, rounded up to whole minutes.
    pub(super) fn sum(&self, now: Instant) -> u64 {
        self.parts.iter().filter(|(began, _)| now.since(*began) < HOUR + PART).map(|(_, sum)| sum).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_of_beams_expires_neither_early_nor_late() {
        let mut airtime = LastHour::default();
        let at = |minute: u64| Instant::from_millis(minute * 60_000);
        for minute in 0..600 {
            airtime.add(1_100, at(minute));
            assert!(airtime.parts.len() <= 62);
        }
        let hour = airtime.sum(at(599));
        assert!((60 * 1_100..=62 * 1_100).contains(&hour), "{hour}");
        assert_eq!(airtime.sum(at(599 + 61)), 0);
    }
}
