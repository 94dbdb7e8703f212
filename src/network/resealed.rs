//! Detects reports that a node encrypted and sent again. A node that is told that its frame could not be decrypted
//! sends its last report again (docs/protocol/security.md B7). On a busy channel this may happen twice, or because of a
//! frame that another sender forged, and the same report then arrives twice under new sequence numbers. Under
//! Supervision the session id shows it; this file does it for reports without Supervision.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use crate::command::ClassId;
use crate::domain::time::Instant;

/// Counted from the first arrival: a later report is a new event. Repeats are at most two seconds apart, uses of a
/// keypad at least three.
const REPEATS: Duration = Duration::from_millis(2_100);

/// The last report of one node.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Resealed {
    last: Option<Told>,
}

/// The last command of a node, and when it first arrived.
#[derive(Clone, Copy, Debug)]
struct Told {
    hash: u64,
    at: Instant,
}

impl Resealed {
    /// Records a decrypted command. Returns whether it repeats the previous one. `under_new_nonce`: it was encrypted
    /// with a nonce that the node got after its previous frame. A frame that continues with the old nonce was not
    /// encrypted again, so it is new.
    pub(super) fn repeats(&mut self, command: &[u8], under_new_nonce: bool, now: Instant) -> bool {
        let mut hasher = DefaultHasher::new();
        command.hash(&mut hasher);
        let hash = hasher.finish();
        let is_report = command.first().is_some_and(|class| ClassId(u16::from(*class)) == ClassId::NOTIFICATION);
        let same = self.last.is_some_and(|last| last.hash == hash && now.since(last.at) < REPEATS);
        if is_report && under_new_nonce && same {
            // The time of the first arrival is kept: a chain of repeats must not extend the window.
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
    fn a_report_that_is_encrypted_again_twice_is_one_event() {
        let mut resealed = Resealed::default();
        let at = |millis| Instant::from_millis(millis);
        assert!(!resealed.repeats(USED, true, at(5_050)));
        assert!(resealed.repeats(USED, true, at(5_200)));
        assert!(resealed.repeats(USED, true, at(6_900)));
        assert!(!resealed.repeats(USED, true, at(7_150)), "who comes again later came twice");
        assert!(!resealed.repeats(LOCKED, true, at(7_250)), "another report is news");
        assert!(!resealed.repeats(USED, true, at(7_300)), "as it is after another");
    }

    #[test]
    fn two_uses_of_a_keypad_in_a_row_are_two_events() {
        let mut resealed = Resealed::default();
        assert!(!resealed.repeats(USED, false, Instant::from_millis(9_000)));
        assert!(!resealed.repeats(USED, false, Instant::from_millis(9_020)), "it goes on with the nonce before");
    }

    #[test]
    fn events_that_are_each_encrypted_again_are_all_delivered() {
        for first in [true, false] {
            let mut resealed = Resealed::default();
            let hidden = |millis| resealed.repeats(USED, first || millis > 0, Instant::from_millis(millis));
            assert_eq!((0..60_000_u64).step_by(3_000).map(hidden).filter(|hidden| *hidden).count(), 0);
        }
    }
}
