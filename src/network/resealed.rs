//! What a node says again because we called for it. A node that is told that its frame could not be opened seals its last
//! word anew (security sheet, B7). When words cross on busy air it may be told so twice, and says one thing twice, under new
//! sequence numbers: under Supervision the session tells, and for a bare report only this does.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use crate::command::ClassId;
use crate::domain::time::Instant;

/// After a call, the word it is for is here within this.
const CALLED_FOR: Duration = Duration::from_secs(1);

/// What one node was called for, and what it said last.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Resealed {
    until: Instant,
    last: u64,
}

impl Resealed {
    /// The node was told that a frame could not be opened.
    pub(super) fn called(&mut self, now: Instant) {
        self.until = now + CALLED_FOR;
    }

    /// Takes in what opened. True if it is the report that came before, sealed anew.
    pub(super) fn repeats(&mut self, command: &[u8], now: Instant) -> bool {
        let mut hasher = DefaultHasher::new();
        command.hash(&mut hasher);
        let before = std::mem::replace(&mut self.last, hasher.finish());
        let is_report = command.first().is_some_and(|class| ClassId(u16::from(*class)) == ClassId::NOTIFICATION);
        is_report && self.last == before && now < self.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USED: &[u8] = &[0x71, 0x05, 0, 0, 0, 0xFF, 0x06, 0x06, 0x01, 0x01];
    const LOCKED: &[u8] = &[0x71, 0x05, 0, 0, 0, 0xFF, 0x06, 0x05, 0x01, 0x01];

    #[test]
    fn a_visit_that_was_called_for_twice_is_one_visit() {
        let mut resealed = Resealed::default();
        let at = |millis| Instant::from_millis(millis);
        resealed.called(at(5_000));
        assert!(!resealed.repeats(USED, at(5_050)));
        resealed.called(at(5_050));
        assert!(resealed.repeats(USED, at(5_200)));
        assert!(!resealed.repeats(LOCKED, at(5_250)), "another word is news");
        assert!(!resealed.repeats(USED, at(5_300)), "as it is after another");
        assert!(!resealed.repeats(USED, at(6_050)), "who comes again later came twice");
    }

    #[test]
    fn whoever_comes_twice_in_a_row_is_told_of_twice() {
        let mut resealed = Resealed::default();
        assert!(!resealed.repeats(USED, Instant::from_millis(9_000)));
        assert!(!resealed.repeats(USED, Instant::from_millis(9_020)), "nobody called for it");
    }
}
