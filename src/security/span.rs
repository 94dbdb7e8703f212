//! The nonces that two peers share (SPAN; docs/protocol/security.md B7). Both draw from one generator, whoever speaks:
//! each sealed frame takes one value, so a frame opens once, and what is lost leaves a gap that the other side steps
//! over.
//!
//! Frames that cross on the air have the same value: that is how S2 is. By one side a nonce never seals twice: the generator only moves on, and each new one is seeded with fresh entropy of ours, whatever
//! the peer, or somebody in its name, contributes. Nothing of this is stored, so a restart can't go back to an old one.

use std::fmt;
use std::time::Duration;

use super::Fresh;
use super::crypto::BLOCK;
use super::crypto::ccm::NONCE;
use super::crypto::ctr_drbg::CtrDrbg;
use super::crypto::derive::{EntropyInput, ExpandedKey, NoncePrk};
use crate::domain::node::SecurityClass;
use crate::domain::time::Instant;

/// So many values are tried before a frame is given up.
pub const WINDOW: usize = 5;
/// A frame that crossed one of ours on the air comes at most so long after ours was sealed: what Z-Wave JS allows, and
/// before it a beam of 1.1 s and what else was on the air, for which ours waited.
const COLLISION: Duration = Duration::from_millis(500 + 2_000);

/// What a frame is sealed with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FrameKey {
    /// The key that both sides agreed on for the time of the bootstrapping.
    Temporary,
    /// The network key of a class. For S0 this only verifies its transfer.
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
    /// The entropy we gave last and before, until the peer makes a generator of either: who asks again because our answer
    /// was slow may use the first that comes.
    given: [Option<EntropyInput>; 2],
    /// What the last one took the place of.
    replaced: Option<EntropyInput>,
    /// The generator. Still good for hearing the peer when the next frame of ours needs a new one.
    shared: Option<Shared>,
}

/// Where the nonce of our next frame comes from.
#[derive(Clone, Debug, Default)]
enum Next {
    /// The peer must be asked for its entropy.
    #[default]
    Ask,
    /// The peer gave its entropy: our next frame makes a generator of it.
    Theirs(EntropyInput),
    /// The generator.
    Shared,
}

#[derive(Clone, Debug)]
struct Shared {
    protection: FrameKey,
    generator: Generator,
    /// The value of our last frame, while the peer may have sealed one with it in the same moment.
    last: Option<(Nonce, Instant)>,
    /// We made it, and have not heard yet that the peer did, too.
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
    /// Fresh entropy for the peer: it asked, or sent what we could not open. From then on it may have forgotten the
    /// generator, so we don't seal with it any more.
    pub(super) fn give(&mut self, entropy: &mut impl Fresh) -> EntropyInput {
        let given = EntropyInput(entropy.fresh());
        let [last, before] = self.given;
        (self.given, self.replaced) = ([Some(given), last], before);
        if matches!(self.next, Next::Shared) {
            self.next = Next::Ask;
        }
        given
    }

    /// What was given last did not reach the peer: what was given before stays good.
    pub(super) fn withdraw(&mut self) {
        let [_, last] = self.given;
        self.given = [last, self.replaced.take()];
    }

    /// The peer gave its entropy, which is used once.
    pub(super) fn take(&mut self, theirs: EntropyInput) {
        self.next = Next::Theirs(theirs);
    }

    /// The nonce of our next frame, and the entropy to announce in it if the generator is new. `None`: the peer must be
    /// asked first.
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

    /// What the generator seals with, if there is one.
    pub(super) fn protection(&self) -> Option<FrameKey> {
        self.shared.as_ref().map(|shared| shared.protection)
    }

    /// Whether the peer was given entropy that it did not use yet.
    pub(super) fn has_given(&self) -> bool {
        self.given.iter().any(Option::is_some)
    }

    /// Tries the nonces that a frame without new entropy can have. If none opens it, nothing changes.
    ///
    /// `follows`: its sequence number is the one after the peer's last. Then both sides may have sealed with the same value
    /// at the same time.
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
        // Once: what comes under it later is a replay.
        shared.last = None;
        shared.announced = false;
        Some(opened)
    }

    /// Tries the nonces of a generator that the peer made of its entropy `theirs` and the one we gave, with each key that
    /// it may have. The key that fits is the generator's from then on.
    ///
    /// `yields`: if both sides announced a generator at the same time, ours is kept, and the peer's served for this frame.
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
                // Better than entropy that the peer gave before, and may have forgotten.
                self.next = Next::Shared;
            }
            Some((protection, opened))
        })
    }
}
