//! Who may use which nonce of one pair of nodes (docs/protocol/security.md A4). A nonce is good for one frame and for a
//! short time; that is all that keeps S0 from replays.

use std::time::Duration;

use crate::command::security::{Nonce, NonceId};
use crate::domain::time::Instant;
use crate::security::Fresh;

/// How long a nonce we gave can be used. Within the 3 to 20 s of docs/protocol/security.md A4; locks that beam and retry need seconds.
pub const LIFETIME: Duration = Duration::from_secs(10);
/// How long we hold a nonce we were given: as long as the strictest node keeps its own.
pub const HELD: Duration = Duration::from_secs(3);
/// How many a peer can have at once.
const LIVE: usize = 8;
/// Whoever asks for more than [`LIVE`] within this time gets none: anybody can ask in a node's name, and each answer costs
/// airtime.
const BURST: Duration = Duration::from_secs(1);

/// So many frames may fail under one nonce. Each costs two block ciphers; a serial line carries some 3,000 frames in the
/// life of a nonce, so a flood over the air does not get there and can't hide the frame of the node itself.
const ATTEMPTS: u16 = 4_096;

/// The nonces we gave to one peer, oldest first.
#[derive(Clone, Default, Debug)]
pub struct Issued {
    live: Vec<Given>,
}

/// A nonce that was given.
#[derive(Clone, Debug)]
struct Given {
    at: Instant,
    nonce: Nonce,
    /// Frames that named it and were not authentic.
    failures: u16,
}

impl Issued {
    /// A new nonce for the peer; `None` while it asks for too many.
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

    /// Opens a frame with the nonce that it names. Nonces are sent in clear, so any sender can name one: only a frame that
    /// `open` finds authentic uses it up, once. Older nonces are taken back with it: the peer won't come back to them. A
    /// younger one may be on the air; a node that was kept waiting asks twice, and speaks under the second as soon as that is
    /// there. (Z-Wave JS takes back all of them, and loses what is said under the second.)
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

    /// Whether a live nonce has this first byte.
    pub fn has(&self, id: NonceId) -> bool {
        self.live.iter().any(|given| given.nonce.id() == id)
    }

    /// Forgets those that are too old.
    pub fn expire(&mut self, now: Instant) {
        self.live.retain(|given| now.since(given.at) < LIFETIME);
    }
}

/// Why a frame was not opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NotOpened {
    /// The nonce that it names was used, is too old, or was never given.
    NoSuchNonce,
    /// It was not made with the key.
    NotAuthentic,
}

/// The nonce that a peer gave us.
#[derive(Clone, Default, Debug)]
pub enum Received {
    /// Neither there nor asked for.
    #[default]
    None,
    /// We asked, and nothing came yet.
    Asked,
    /// It is there, since then.
    Held(Instant, Nonce),
}

impl Received {
    /// The peer told a nonce. One that nobody asked for is dropped, and so is a second one: anybody could have sent it, to
    /// spoil the next frame. `false`: it was dropped.
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

    /// Takes the nonce, if it is there and young enough.
    pub fn take(&mut self, now: Instant) -> Option<Nonce> {
        match std::mem::take(self) {
            Self::Held(since, nonce) if now.since(since) < HELD => Some(nonce),
            // What is asked for stays asked for.
            Self::Asked => {
                *self = Self::Asked;
                None
            }
            Self::Held(..) | Self::None => None,
        }
    }
}

/// A nonce whose first byte is none of those that are taken.
pub fn fresh(entropy: &mut impl Fresh, taken: impl Fn(NonceId) -> bool) -> Nonce {
    let mut nonce = Nonce(entropy.fresh());
    // Fewer than 256 are taken, so one step at a time finds a free one; the other seven bytes are random in any case.
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
    fn a_nonce_that_nobody_asked_for_does_not_spoil_the_next_frame() {
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
