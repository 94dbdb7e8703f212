//! The nonces of multicast (MPAN; docs/protocol/security.md B10), for the receiving side only: the hub sends no
//! multicast.

use std::time::Duration;

use zeroize::Zeroizing;

use super::crypto::aes;
use super::crypto::derive::ExpandedKey;
use super::span::{FrameKey, Nonce, WINDOW};
use crate::domain::time::Instant;

/// Maximum time between a multicast and its follow-up, with other transmissions in between.
const FOLLOWS: Duration = Duration::from_secs(2);

/// A multicast group of one peer.
#[derive(Clone)]
pub(super) struct Group {
    protection: FrameKey,
    /// Incremented with each frame. The carry goes over all sixteen bytes, as in Z-Wave JS and the vectors. The
    /// reference library has no carry; such a peer requests a new state once in 256 frames.
    state: u128,
    /// A multicast was received whose follow-up has not arrived.
    ahead: Option<Ahead>,
}

/// A multicast that was decrypted.
#[derive(Clone)]
struct Ahead {
    at: Instant,
    plain: Zeroizing<Vec<u8>>,
}

impl Group {
    /// The state that the peer sent in a frame encrypted with `protection`.
    pub(super) fn new(protection: FrameKey, state: u128) -> Self {
        Self { protection, state, ahead: None }
    }

    /// The key of its frames.
    pub(super) fn protection(&self) -> FrameKey {
        self.protection
    }

    /// Tries the nonces that a multicast frame can have. If none decrypts it, nothing changes.
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

    /// Handles a follow-up. It stands for one multicast; if that was missed, its nonce is skipped. Returns whether the
    /// multicast was received, so that the command is not processed twice: it has the same content and arrives soon
    /// after. If the follow-up of an earlier multicast was lost, this one belongs to a multicast that was lost.
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
