//! The nonces between two nodes (docs/protocol/security.md A4). A nonce is valid for one frame and for a short time;
//! this is the only protection of S0 against replays.

use std::time::Duration;

use crate::command::security::{Nonce, NonceId};
use crate::domain::time::Instant;
use crate::security::Fresh;

/// Lifetime of a nonce that we sent. Within the 3 to 20 s of docs/protocol/security.md A4; locks with beams and retries
/// need seconds.
pub const LIFETIME: Duration = Duration::from_secs(10);
/// How long we use a nonce that we received: as long as the strictest node accepts it.
pub const HELD: Duration = Duration::from_secs(3);
/// Maximum number of valid nonces per peer.
const LIVE: usize = 8;
/// A peer that requests more than [`LIVE`] within this time gets none: any sender can forge the request, and each
/// answer costs airtime.
const BURST: Duration = Duration::from_secs(1);

/// Failed frames per nonce. Each costs two block ciphers; a serial line carries some 3,000 frames in the lifetime of a
/// nonce, so a flood by radio does not reach the limit and cannot suppress the frame of the node itself.
const ATTEMPTS: u16 = 4_096;

/// The nonces sent to one peer, oldest first.
#[derive(Clone, Default, Debug)]
pub struct Issued {
    live: Vec<Given>,
}

/// A nonce that was sent.
#[derive(Clone, Debug)]
struct Given {
    at: Instant,
    nonce: Nonce,
    /// Frames that named it and failed authentication.
    failures: u16,
}

impl Issued {
    /// A new nonce for the peer; `None` if it requests too many.
    pub fn issue(&mut self, now: Instant, entropy: &mut impl Fresh) -> Option<Nonce> {
        self.expire(now);
        if self.live.len() >= LIVE {
            if now.since(self.live.first()?.at) < BURST {
                return None;
            }
            self.live.remove(0);
        }
        let nonce = fresh(entropy, |id| self.has(id));
        self.live.push(Given { at: now, nonce: nonce.clone(), failures: 0 });
        Some(nonce)
    }

    /// Decrypts a frame with the nonce that it names. Nonces are sent unencrypted, so any sender can name one: only a
    /// frame that `open` finds authentic uses it up, once. Older nonces are invalidated with it, because the peer does
    /// not use them any more. A younger one stays valid: a node that had to wait requests two, and uses the second as
    /// soon as it arrives. (Z-Wave JS invalidates all of them, and loses what is sent under the second.)
    pub fn open<T>(&mut self, id: NonceId, now: Instant, open: impl FnOnce(&Nonce) -> Option<T>) -> Result<T, NotOpened> {
        self.expire(now);
        let named = self.live.iter().position(|given| given.nonce.id() == id);
        let Some((at, given)) = named.and_then(|at| Some((at, self.live.get_mut(at)?))) else {
            return Err(NotOpened::NoSuchNonce);
        };
        if given.failures >= ATTEMPTS {
            return Err(NotOpened::NotAuthentic);
        }
        let Some(opened) = open(&given.nonce) else {
            given.failures += 1;
            return Err(NotOpened::NotAuthentic);
        };
        self.live.drain(..=at);
        Ok(opened)
    }

    /// Whether a valid nonce has this first byte.
    pub fn has(&self, id: NonceId) -> bool {
        self.live.iter().any(|given| given.nonce.id() == id)
    }

    pub fn expire(&mut self, now: Instant) {
        self.live.retain(|given| now.since(given.at) < LIFETIME);
    }
}

/// Why a frame was not decrypted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NotOpened {
    /// The nonce was used, is too old, or was never sent.
    NoSuchNonce,
    /// It was not made with the key.
    NotAuthentic,
}

/// The nonce that a peer sent.
#[derive(Clone, Default, Debug)]
pub enum Received {
    /// Neither available nor requested.
    #[default]
    None,
    /// Requested, and not arrived.
    Asked,
    /// Available, since that time.
    Held(Instant, Nonce),
}

impl Received {
    /// A nonce arrived. One that was not requested is dropped, and so is a second one: any sender can forge it to make
    /// the next frame fail. `false`: it was dropped.
    pub fn told(&mut self, nonce: Nonce, now: Instant) -> bool {
        let wanted = match self {
            Self::None => false,
            Self::Asked => true,
            Self::Held(since, _) => now.since(*since) >= HELD,
        };
        if wanted {
            *self = Self::Held(now, nonce);
        }
        wanted
    }

    /// Takes the nonce, if it is available and young enough.
    pub fn take(&mut self, now: Instant) -> Option<Nonce> {
        match std::mem::take(self) {
            Self::Held(since, nonce) if now.since(since) < HELD => Some(nonce),
            // A pending request stays pending.
            Self::Asked => {
                *self = Self::Asked;
                None
            }
            Self::Held(..) | Self::None => None,
        }
    }
}

/// A nonce whose first byte is not in use.
pub fn fresh(entropy: &mut impl Fresh, taken: impl Fn(NonceId) -> bool) -> Nonce {
    let mut nonce = Nonce(entropy.fresh());
    // Fewer than 256 are in use, so counting up finds a free one; the other seven bytes are random anyway.
    for _ in 0..=u8::MAX {
        if !taken(nonce.id()) {
            break;
        }
        let [first, ..] = &mut nonce.0;
        *first = first.wrapping_add(1);
    }
    nonce
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::entropy::Entropy;

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    fn issued(count: u64, entropy: &mut Entropy) -> (Issued, Vec<Nonce>) {
        let mut issued = Issued::default();
        let nonces = (0..count).map(|n| issued.issue(at(n * 10), entropy).unwrap()).collect();
        (issued, nonces)
    }

    #[test]
    fn a_frame_that_is_sent_twice_opens_once() {
        let (mut issued, nonces) = issued(2, &mut Entropy::from_number(1));
        let open = |nonce: &Nonce| Some(nonce.clone());
        assert_eq!(issued.open(nonces[0].id(), at(100), open), Ok(nonces[0].clone()));
        assert_eq!(issued.open(nonces[0].id(), at(100), open), Err(NotOpened::NoSuchNonce));
        assert!(issued.has(nonces[1].id()), "the younger one is still good");
    }

    #[test]
    fn an_older_nonce_is_taken_back_when_a_younger_one_is_used() {
        let (mut issued, nonces) = issued(3, &mut Entropy::from_number(1));
        assert!(issued.open(nonces[1].id(), at(100), |_| Some(())).is_ok());
        assert_eq!([0, 1, 2].map(|n| issued.has(nonces[n].id())), [false, false, true]);
    }

    #[test]
    fn rubbish_under_an_overheard_nonce_does_not_use_it_up() {
        let (mut issued, nonces) = issued(2, &mut Entropy::from_number(1));
        for _ in 0..3_000 {
            assert_eq!(issued.open::<()>(nonces[1].id(), at(100), |_| None), Err(NotOpened::NotAuthentic));
        }
        assert!(issued.has(nonces[0].id()), "rubbish takes no other nonce back either");
        assert!(issued.open(nonces[1].id(), at(100), |_| Some(())).is_ok());
    }

    #[test]
    fn rubbish_under_one_nonce_costs_no_more_than_a_bounded_time() {
        let (mut issued, nonces) = issued(1, &mut Entropy::from_number(1));
        let mut tried = 0_u32;
        for _ in 0..10_000 {
            let _ = issued.open::<()>(nonces[0].id(), at(100), |_| {
                tried += 1;
                None
            });
        }
        assert_eq!(tried, u32::from(ATTEMPTS));
    }

    #[test]
    fn a_frame_that_was_held_back_does_not_open_a_door_later() {
        let (mut issued, nonces) = issued(1, &mut Entropy::from_number(1));
        assert_eq!(issued.open(nonces[0].id(), at(10_000), |_| Some(())), Err(NotOpened::NoSuchNonce));
        let mut received = Received::Asked;
        assert!(received.told(nonces[0].clone(), at(0)));
        assert_eq!(received.take(at(3_000)), None, "the peer may have forgotten it");
    }

    #[test]
    fn a_flood_of_nonce_gets_costs_neither_memory_nor_all_the_airtime() {
        let mut entropy = Entropy::from_number(1);
        let mut issued = Issued::default();
        let answered = (0..1_000).filter(|n| issued.issue(at(*n), &mut entropy).is_some()).count();
        assert_eq!(answered, LIVE);
        assert!(issued.live.len() <= LIVE);
        let nonce = issued.issue(at(1_001), &mut entropy).expect("the node itself gets one a second later");
        assert!(issued.has(nonce.id()));
    }

    #[test]
    fn an_unsolicited_nonce_does_not_break_the_next_frame() {
        let nonce = Nonce([7; 8]);
        let mut received = Received::None;
        assert!(!received.told(nonce.clone(), at(0)));
        assert_eq!(received.take(at(0)), None);
        received = Received::Asked;
        assert_eq!(received.take(at(0)), None);
        assert!(received.told(nonce.clone(), at(0)), "a look at an empty hand is not a withdrawal");
        assert!(!received.told(Nonce([8; 8]), at(5)), "the first one counts");
        assert_eq!(received.take(at(10)), Some(nonce));
        assert_eq!(received.take(at(10)), None, "used once");
    }

    proptest! {
        #[test]
        fn two_live_nonces_never_have_the_same_first_byte(seed in any::<u64>()) {
            let (_, nonces) = issued(LIVE as u64, &mut Entropy::from_number(seed));
            let ids: std::collections::BTreeSet<_> = nonces.iter().map(Nonce::id).collect();
            prop_assert_eq!(ids.len(), LIVE);
        }

        #[test]
        fn a_fresh_nonce_is_found_where_one_is_left(seed in any::<u64>(), left in any::<u8>()) {
            prop_assert_eq!(fresh(&mut Entropy::from_number(seed), |id| id.0 != left).id(), NonceId(left));
        }
    }
}
