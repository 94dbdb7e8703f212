//! The nonces of multicast (MPAN; docs/protocol/security.md B10), on the hearing side. A group of ours has no use:
//! locks are spoken to one by one.

use std::time::Duration;

use zeroize::Zeroizing;

use super::crypto::aes;
use super::crypto::derive::ExpandedKey;
use super::span::{FrameKey, Nonce, WINDOW};
use crate::domain::time::Instant;

/// A follow-up comes right after its multicast, but for what is on the air in between.
const FOLLOWS: Duration = Duration::from_secs(2);

/// A multicast group of one peer.
#[derive(Clone)]
pub(super) struct Group {
    protection: FrameKey,
    /// Counts up by one with each frame. A carry goes over all sixteen bytes, as in Z-Wave JS and the vectors; the C
    /// reference carries nowhere, and such a peer asks for a new state once in 256 frames.
    state: u128,
    /// The multicast was heard, and its single-cast follow-up was not.
    ahead: Option<Ahead>,
}

/// A multicast that was opened.
#[derive(Clone)]
struct Ahead {
    at: Instant,
    plain: Zeroizing<Vec<u8>>,
}

impl Group {
    /// The state that the peer told in a frame sealed with `protection`.
    pub(super) fn new(protection: FrameKey, state: u128) -> Self {
        Self { protection, state, ahead: None }
    }

    /// What its frames are sealed with.
    pub(super) fn protection(&self) -> FrameKey {
        self.protection
    }

    /// Tries the nonces that a multicast frame can have. If none opens it, nothing changes.
    pub(super) fn open(
        &mut self,
        key: &ExpandedKey,
        now: Instant,
        mut attempt: impl FnMut(&Nonce) -> Option<Zeroizing<Vec<u8>>>,
    ) -> Option<Zeroizing<Vec<u8>>> {
        let mut state = self.state;
        for _ in 0..WINDOW {
            let opened = attempt(&nonce(key, state));
            state = state.wrapping_add(1);
            if let Some(plain) = opened {
                (self.state, self.ahead) = (state, Some(Ahead { at: now, plain: plain.clone() }));
                return Some(plain);
            }
        }
        None
    }

    /// The follow-up came. It stands for one multicast; where that was missed, its nonce is passed over. Returns whether
    /// the multicast was heard, so that the command is not obeyed twice: it says the same, soon after. Where the follow-up of an
    /// earlier multicast was lost, this one belongs to a multicast that was lost.
    pub(super) fn follow_up(&mut self, command: &[u8], now: Instant) -> bool {
        let ahead = self.ahead.take();
        if ahead.is_some_and(|ahead| ahead.plain.ends_with(command) && now.since(ahead.at) < FOLLOWS) {
            return true;
        }
        self.state = self.state.wrapping_add(1);
        false
    }
}

impl std::fmt::Debug for Group {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Group").field("protection", &self.protection).finish_non_exhaustive()
    }
}

fn nonce(key: &ExpandedKey, state: u128) -> Nonce {
    let [nonce @ .., _, _, _] = aes::ecb(&key.mpan, &state.to_be_bytes());
    Nonce(nonce)
}
