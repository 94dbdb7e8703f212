//! The nonces shared by two peers (SPAN; docs/protocol/security.md B7). Both use one generator: each encrypted frame
//! takes one value, whichever side sends it, so a frame decrypts once, and a lost frame leaves a gap that the other
//! side skips.
//!
//! Frames that both sides send at the same time use the same value; this is a property of S2. One side never uses a
//! nonce twice: the generator only advances, and each new one is seeded with new entropy of ours, whatever the peer or
//! a forged frame contributes. Nothing is stored, so a restart cannot return to an old generator.

use std::fmt;
use std::time::Duration;

use super::Fresh;
use super::crypto::BLOCK;
use super::crypto::ccm::NONCE;
use super::crypto::ctr_drbg::CtrDrbg;
use super::crypto::derive::{EntropyInput, ExpandedKey, NoncePrk};
use crate::domain::node::SecurityClass;
use crate::domain::time::Instant;

/// Number of values that are tried for a frame.
pub const WINDOW: usize = 5;
/// Maximum age of our last frame when a frame arrives that uses the same value: the 500 ms of Z-Wave JS, and before it
/// a beam of 1.1 s and other transmissions that ours waited for.
const COLLISION: Duration = Duration::from_millis(500 + 2_000);

/// The key of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FrameKey {
    /// The temporary key of a key exchange.
    Temporary,
    /// The network key of a class. For S0 it only verifies the key transfer.
    Class(SecurityClass),
}

/// A nonce, for one frame.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Nonce(pub(super) [u8; NONCE]);

impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Nonce(..)")
    }
}

/// The nonces shared with one peer.
#[derive(Clone, Debug, Default)]
pub(super) struct Span {
    next: Next,
    /// The entropy that we sent last and before, until the peer uses one of them: a peer that asks again because our
    /// answer was slow may use the first that arrives.
    given: [Option<EntropyInput>; 2],
    /// What the last one replaced.
    replaced: Option<EntropyInput>,
    /// The generator. It still decrypts frames of the peer if our own next frame needs a new one.
    shared: Option<Shared>,
}

/// Where the nonce of our next frame comes from.
#[derive(Clone, Debug, Default)]
enum Next {
    /// The entropy of the peer has to be requested.
    #[default]
    Ask,
    /// The peer sent its entropy: our next frame starts a generator with it.
    Theirs(EntropyInput),
    Shared,
}

#[derive(Clone, Debug)]
struct Shared {
    protection: FrameKey,
    generator: Generator,
    /// The value of our last frame, while the peer may have sent a frame with the same value.
    last: Option<(Nonce, Instant)>,
    /// We started the generator, and nothing proves yet that the peer did.
    announced: bool,
}

#[derive(Clone, Debug)]
struct Generator(CtrDrbg);

impl Generator {
    fn new(key: &ExpandedKey, sender: &EntropyInput, receiver: &EntropyInput) -> Self {
        let mixed = NoncePrk::extract(sender, receiver).mixed_entropy();
        Self(CtrDrbg::new(mixed.reveal(), key.personalization.reveal()))
    }

    fn draw(&mut self) -> Nonce {
        let mut block = [0; BLOCK];
        self.0.generate(&mut block);
        let [nonce @ .., _, _, _] = block;
        Nonce(nonce)
    }
}

impl Span {
    /// New entropy for the peer, because it asked or its frame could not be decrypted. From then on it may have dropped
    /// the generator, so we do not encrypt with it any more.
    pub(super) fn give(&mut self, entropy: &mut impl Fresh) -> EntropyInput {
        let given = EntropyInput(entropy.fresh());
        let [last, before] = self.given;
        (self.given, self.replaced) = ([Some(given), last], before);
        if matches!(self.next, Next::Shared) {
            self.next = Next::Ask;
        }
        given
    }

    /// The last entropy was not sent: the entropy before stays valid.
    pub(super) fn withdraw(&mut self) {
        let [_, last] = self.given;
        self.given = [last, self.replaced.take()];
    }

    /// The peer sent its entropy, which is used once.
    pub(super) fn take(&mut self, theirs: EntropyInput) {
        self.next = Next::Theirs(theirs);
    }

    /// The nonce of our next frame, and the entropy to announce in it if the generator is new. `None`: the peer's
    /// entropy has to be requested first.
    pub(super) fn seal(
        &mut self,
        protection: FrameKey,
        key: &ExpandedKey,
        now: Instant,
        entropy: &mut impl Fresh,
    ) -> Option<(Nonce, Option<EntropyInput>)> {
        match (&self.next, &mut self.shared) {
            (Next::Theirs(theirs), shared) => {
                let ours = EntropyInput(entropy.fresh());
                let mut generator = Generator::new(key, &ours, theirs);
                let nonce = generator.draw();
                *shared = Some(Shared { protection, generator, last: Some((nonce, now)), announced: true });
                self.next = Next::Shared;
                Some((nonce, Some(ours)))
            }
            (Next::Shared, Some(shared)) if shared.protection == protection => {
                let nonce = shared.generator.draw();
                shared.last = Some((nonce, now));
                Some((nonce, None))
            }
            _ => None,
        }
    }

    /// The key of the generator, if there is one.
    pub(super) fn protection(&self) -> Option<FrameKey> {
        self.shared.as_ref().map(|shared| shared.protection)
    }

    /// Whether the peer has entropy of ours that it did not use yet.
    pub(super) fn has_given(&self) -> bool {
        self.given.iter().any(Option::is_some)
    }

    /// Tries the nonces that a frame without new entropy can have. If none decrypts it, nothing changes. `follows`: its
    /// sequence number directly follows the peer's last. Then both sides may have used the same value at the same time.
    pub(super) fn open<T>(&mut self, follows: bool, now: Instant, mut attempt: impl FnMut(&Nonce) -> Option<T>) -> Option<T> {
        let shared = self.shared.as_mut()?;
        let mut generator = shared.generator.clone();
        for _ in 0..WINDOW {
            if let Some(opened) = attempt(&generator.draw()) {
                shared.generator = generator;
                shared.announced = false;
                return Some(opened);
            }
        }
        let (nonce, sealed) = shared.last.filter(|_| follows)?;
        let opened = attempt(&nonce).filter(|_| now.since(sealed) <= COLLISION)?;
        // Only once: another frame with this value is a replay.
        shared.last = None;
        shared.announced = false;
        Some(opened)
    }

    /// Tries the generators that the peer can have started from its entropy `theirs` and ours, with each possible key.
    /// The key that fits belongs to the generator from then on. `yields`: if both sides started a generator at the same
    /// time, ours is kept, and the peer's is used for this frame only.
    pub(super) fn open_new<'k, T>(
        &mut self,
        theirs: &EntropyInput,
        keys: impl IntoIterator<Item = (FrameKey, &'k ExpandedKey)>,
        yields: bool,
        mut attempt: impl FnMut(&ExpandedKey, &Nonce) -> Option<T>,
    ) -> Option<(FrameKey, T)> {
        let given = self.given;
        keys.into_iter().find_map(|(protection, key)| {
            let (generator, opened) = given.iter().flatten().find_map(|ours| {
                let mut generator = Generator::new(key, theirs, ours);
                let opened = attempt(key, &generator.draw())?;
                Some((generator, opened))
            })?;
            self.given = [None; 2];
            let crossed = matches!(self.next, Next::Shared) && self.shared.as_ref().is_some_and(|shared| shared.announced);
            if !(crossed && yields) {
                self.shared = Some(Shared { protection, generator, last: None, announced: false });
                // Preferred over entropy that the peer sent before, and may have dropped.
                self.next = Next::Shared;
            }
            Some((protection, opened))
        })
    }
}
