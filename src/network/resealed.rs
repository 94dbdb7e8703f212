//! What a node says again because we called for it. A node that is told that its frame could not be opened seals its last
//! word anew (security sheet, B7). When words cross on busy air it may be told so twice, and says one thing twice, under new
//! sequence numbers: under Supervision the session tells, and for a bare report only this does.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use crate::command::ClassId;
use crate::domain::time::Instant;

/// After a call, the word it is for is here within this.
const CALLED_FOR: Duration = Duration::from_secs(1);
/// Counted from the first time a report was told: what comes later is another visit. Repeats are two seconds apart at most,
/// visits three at least.
const REPEATS: Duration = Duration::from_millis(2_100);

/// What one node was called for, and what it said last.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Resealed {
    until: Instant,
    /// Calls that nothing answered yet. Each is answered by one frame: more frames than calls are more than one visit.
    calls: u8,
    last: Option<Told>,
}

/// The last command of a node, and when it was told.
#[derive(Clone, Copy, Debug)]
struct Told {
    hash: u64,
    at: Instant,
}

impl Resealed {
    /// The node was told that a frame could not be opened.
    pub(super) fn called(&mut self, now: Instant) {
        self.calls = if now < self.until { self.calls.saturating_add(1) } else { 1 };
        self.until = now + CALLED_FOR;
    }

    /// Takes in what opened. True if it is the report that came before, sealed anew.
    pub(super) fn repeats(&mut self, command: &[u8], now: Instant) -> bool {
        let called = self.calls > 0 && now < self.until;
        self.calls = self.calls.saturating_sub(1);
        let mut hasher = DefaultHasher::new();
        command.hash(&mut hasher);
        let hash = hasher.finish();
        let is_report = command.first().is_some_and(|class| ClassId(u16::from(*class)) == ClassId::NOTIFICATION);
        let same = self.last.is_some_and(|last| last.hash == hash && now.since(last.at) < REPEATS);
        if is_report && called && same {
            // The time stays that of the first: a chain of repeats must not extend the window.
            return true;
        }
        self.last = Some(Told { hash, at: now });
        false
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

    #[test]
    fn a_neighbour_who_forges_frames_hides_no_visit() {
        for every in [50, 300, 800] {
            let mut resealed = Resealed::default();
            let mut hidden = 0;
            for millis in (0..60_000_u64).step_by(50) {
                if millis % every == 0 {
                    resealed.called(Instant::from_millis(millis));
                }
                if millis % 3_000 == 0 {
                    hidden += usize::from(resealed.repeats(USED, Instant::from_millis(millis)));
                }
            }
            assert_eq!(hidden, 0, "a forged frame each {every} ms");
        }
    }

    #[test]
    fn a_frame_lost_minutes_ago_does_not_hide_the_next_visit() {
        let mut resealed = Resealed::default();
        assert!(!resealed.repeats(USED, Instant::from_millis(1_000)));
        resealed.called(Instant::from_millis(300_000));
        assert!(!resealed.repeats(USED, Instant::from_millis(300_050)));
    }

    #[test]
    fn one_call_explains_one_repeat() {
        let mut resealed = Resealed::default();
        let at = |millis| Instant::from_millis(millis);
        assert!(!resealed.repeats(USED, at(1_000)));
        resealed.called(at(1_010));
        assert!(resealed.repeats(USED, at(1_100)));
        assert!(!resealed.repeats(USED, at(1_200)), "nobody called for this one");
    }
}
