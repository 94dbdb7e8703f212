//! The nonces of multicast (MPAN; security sheet, B10), on the hearing side. A group of ours has no use: locks are spoken
//! to one by one.

use super::crypto::aes;
use super::crypto::derive::ExpandedKey;
use super::span::{Nonce, Protection, WINDOW};

/// A multicast group of one peer.
#[derive(Clone)]
pub(super) struct Group {
    protection: Protection,
    /// Counts up by one with each frame. A carry goes over all sixteen bytes, as in Z-Wave JS and the vectors; the C
    /// reference carries nowhere, and such a peer asks for a new state once in 256 frames.
    state: u128,
    /// The multicast was heard, and its single-cast follow-up was not.
    ahead: bool,
}

impl Group {
    /// The state that the peer told in a frame sealed with `protection`.
    pub(super) fn new(protection: Protection, state: u128) -> Self {
        Self { protection, state, ahead: false }
    }

    /// What its frames are sealed with.
    pub(super) fn protection(&self) -> Protection {
        self.protection
    }

    /// Tries the nonces that a multicast frame can have. If none opens it, nothing changes.
    pub(super) fn open<T>(&mut self, key: &ExpandedKey, mut attempt: impl FnMut(&Nonce) -> Option<T>) -> Option<T> {
        let mut state = self.state;
        for _ in 0..WINDOW {
            let opened = attempt(&nonce(key, state));
            state = state.wrapping_add(1);
            if opened.is_some() {
                (self.state, self.ahead) = (state, true);
                return opened;
            }
        }
        None
    }

    /// The follow-up came. It stands for one multicast; where that was missed, its nonce is passed over. Returns whether
    /// the multicast was heard, so that the command is not obeyed twice.
    pub(super) fn follow_up(&mut self) -> bool {
        if std::mem::take(&mut self.ahead) {
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
