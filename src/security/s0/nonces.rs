//! Who may use which nonce of one pair of nodes (security sheet, A4). A nonce is good for one frame and for a short time;
//! that is all that keeps S0 from replays.

use std::time::Duration;

use crate::command::security::{Nonce, NonceId};
use crate::domain::time::Instant;
use crate::security::Fresh;

/// How long a nonce we gave can be used. Within the 3 to 20 s of the sheet; locks that beam and retry need seconds.
pub const LIFETIME: Duration = Duration::from_secs(10);
/// How long we hold a nonce we were given: as long as the strictest node keeps its own.
pub const HELD: Duration = Duration::from_secs(3);
/// How many a peer can have at once.
const LIVE: usize = 8;
/// Whoever asks for more than [`LIVE`] within this time gets none: anybody can ask in a node's name, and each answer costs
/// airtime.
const BURST: Duration = Duration::from_secs(1);

/// The nonces we gave to one peer, oldest first.
#[derive(Clone, Default, Debug)]
pub struct Issued {
    live: Vec<(Instant, Nonce)>,
}

impl Issued {
    /// A new nonce for the peer; `None` while it asks for too many.
    pub fn issue(&mut self, now: Instant, entropy: &mut impl Fresh) -> Option<Nonce> {
        self.expire(now);
        if self.live.len() >= LIVE {
            let (oldest, _) = self.live.first()?;
            if now.since(*oldest) < BURST {
                return None;
            }
            self.live.remove(0);
        }
        let nonce = fresh(entropy, |id| self.has(id));
        self.live.push((now, nonce.clone()));
        Some(nonce)
    }

    /// Takes the nonce that a frame names, if the peer still has it: it is used up, whatever becomes of the frame. Beside
    /// it: how many of those that are left are older.
    pub fn take(&mut self, id: NonceId, now: Instant) -> Option<(Nonce, Older)> {
        self.expire(now);
        let at = self.live.iter().position(|(_, nonce)| nonce.id() == id)?;
        Some((self.live.remove(at).1, Older(at)))
    }

    /// Takes back those that are older than the one the peer has used: it won't come back to them. A younger one may be on
    /// the air; a node that was kept waiting asks twice, and speaks under the second as soon as that is there. (Z-Wave JS
    /// takes back all of them, and loses what is said under the second.)
    pub fn revoke(&mut self, Older(older): Older) {
        self.live.drain(..older.min(self.live.len()));
    }

    /// Whether a live nonce has this first byte.
    pub fn has(&self, id: NonceId) -> bool {
        self.live.iter().any(|(_, nonce)| nonce.id() == id)
    }

    /// Forgets those that are too old.
    pub fn expire(&mut self, now: Instant) {
        self.live.retain(|(issued, _)| now.since(*issued) < LIFETIME);
    }
}

/// How many nonces are older than one that was taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Older(usize);

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
        assert_eq!(issued.take(nonces[0].id(), at(100)), Some((nonces[0].clone(), Older(0))));
        assert_eq!(issued.take(nonces[0].id(), at(100)), None);
    }

    #[test]
    fn a_frame_that_was_held_back_does_not_open_a_door_later() {
        let (mut issued, nonces) = issued(1, &mut Entropy::from_number(1));
        assert_eq!(issued.take(nonces[0].id(), at(10_000)), None);
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
