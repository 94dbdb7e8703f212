//! An S2 session with one peer (docs/protocol/security.md B6–B10): encrypts commands, decrypts frames, and keeps the
//! nonces of both sides in sync. Pure: the owner sends the frames, in the order in which they were made.
//!
//! 1. [`Session::seal`] a command. Without a nonce it returns a Nonce Get: send that, keep the command, and seal it
//!    again at [`Received::Nonce`]; give up after [`NONCE_WAIT`].
//! 2. Pass every Security 2 frame of the peer to [`Session::receive`]. [`Received::Answer`] is sent at once, before
//!    everything else.
//! 3. [`Received::Resync`] means that the peer could not decrypt the last frame: seal that command again, once. A Set
//!    without Supervision counts as delivered when [`VERIFY_DELIVERY`] passed without it, or when a frame of the peer
//!    decrypts.
//!
//! A retransmission by the radio is [`Received::Duplicate`], and is dropped without an answer. A peer that wants an
//! answer again encrypts its command again, which is a new frame here: Supervision detects such a repeat by its
//! session, and answers it again.
//!
//! Where sources disagree, a frame is accepted if it decrypts: the tag proves that a holder of the key made it. The
//! owner decides which class is accepted from which node: [`Opened::protection`] is the key that the frame was
//! encrypted with.

use std::collections::BTreeMap;
use std::time::Duration;

use zeroize::Zeroizing;

use super::Fresh;
use super::crypto::ccm::{self, TAG};
use super::crypto::derive::ExpandedKey;
use super::keys::{KeyId, KeyMask, NetworkKeys};
use super::mpan::Group;
use super::repeats::{Heard, Repeated};
pub use super::span::FrameKey;
use super::span::{Nonce, Span};
use crate::command::security_2::{
    Extension, Meaning, MessageEncapsulation, NonceGet, NonceReport, Place, Security2, SequenceNumber, extensions,
};
use crate::command::{Body, Command};
use crate::domain::ids::{HomeId, NodeId};
use crate::domain::node::SecurityClass;
use crate::domain::time::Instant;

/// Time-out for a nonce, for nodes that always listen (docs/protocol/security.md B9).
pub const NONCE_WAIT: Duration = Duration::from_secs(2);
/// Time-out for a nonce, for nodes that are woken by a beam.
pub const NONCE_WAIT_FLIRS: Duration = Duration::from_secs(5);
/// Time within which a peer reports that it could not decrypt a frame.
pub const VERIFY_DELIVERY: Duration = Duration::from_millis(500);

/// Maximum number of multicast groups per peer: each frame may announce another one, and memory is limited.
const GROUPS: usize = 16;

/// The context of a frame: data that are authenticated in addition to it.
#[derive(Clone, Copy, Debug)]
pub struct S2Context<'a> {
    pub home: HomeId,
    pub own: NodeId,
    /// The keys of the network.
    pub keys: &'a NetworkKeys,
}

/// How a frame was addressed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Addressing {
    /// Addressed to this node only.
    Single,
    /// To several nodes or all; never answered.
    Multicast,
}

/// Result of encrypting a command.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Sealing {
    /// The frame that carries the command.
    Frame(Body),
    /// A request for a nonce: send it and wait.
    NonceGet(Body),
    /// The command cannot be sent.
    Impossible(Unsealable),
}

/// Why a command cannot be encrypted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unsealable {
    /// No such key: "none" is no S2 class, and Long Range has fewer keys.
    #[error("there is no key for that class and this node")]
    NoKey,
    /// Too long for the length field.
    #[error("the command is too long to be encrypted")]
    TooLong,
}

/// The meaning of an S2 frame of the peer.
#[derive(Debug)]
pub enum Received {
    /// A command that was encrypted.
    Command(Opened),
    /// An unencrypted command of the key exchange.
    InClear(Security2),
    /// Send this at once: a nonce that the peer requested, or needs because its frame could not be decrypted.
    Answer {
        frame: Body,
        /// Why it is sent.
        why: Gave,
    },
    /// The requested nonce: the waiting command can be encrypted now.
    Nonce,
    /// The peer could not decrypt the last frame: encrypt the command again, once.
    Resync,
    /// A frame that arrived before. Nothing is done, and nothing is answered.
    Duplicate,
    /// Nothing has to be done.
    Ignored(Ignored),
}

/// Why a nonce is sent to the peer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Gave {
    Asked,
    /// A frame without a new SPAN could not be decrypted: the two sides are out of sync.
    OutOfSync,
    /// A frame that used our nonce could not be decrypted: it has another key, or was modified.
    WrongKey,
}

/// Why a frame is ignored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ignored {
    /// A multicast that cannot be decrypted, or of an unknown group.
    Multicast,
    /// It has an unknown critical extension (docs/protocol/security.md B6).
    CriticalExtension,
    /// Its encrypted extensions are longer than the frame.
    Malformed,
    /// A Nonce Report without a nonce, or with a used one.
    NoNonce,
}

#[derive(Debug)]
pub struct Opened {
    pub protection: FrameKey,
    /// The command, class byte first. Empty if the frame only has extensions.
    pub command: Zeroizing<Vec<u8>>,
    /// It was encrypted with entropy that the peer got after its previous frame: it requested it, or a frame in its
    /// name did not decrypt.
    pub under_new_nonce: bool,
    /// It was a multicast.
    pub multicast: bool,
    /// It repeats the command of a multicast that was decrypted before: do not process it again, but answer it now.
    pub repeats_multicast: bool,
    /// To be sent after the answer: multicasts of this peer cannot be decrypted.
    pub multicast_lost: Option<Body>,
}

/// An S2 session with one peer. It is not stored: after a restart both sides request new nonces.
#[derive(Clone, Debug)]
pub struct Session {
    peer: NodeId,
    /// The keys that its frames may be encrypted with, most likely first.
    candidates: Vec<FrameKey>,
    temporary: Option<ExpandedKey>,
    sequence: SequenceNumber,
    span: Span,
    /// A nonce was requested and has not arrived.
    asked: bool,
    heard: Heard,
    groups: BTreeMap<u8, Group>,
}

/// A frame that was decrypted with one nonce of one key.
struct Text {
    protection: FrameKey,
    under_new_nonce: bool,
    plain: Zeroizing<Vec<u8>>,
}

impl Session {
    /// A session with `peer`, which was granted `granted`; [`KeyMask::KNOWN`] if that is unknown.
    pub fn new(peer: NodeId, granted: KeyMask, entropy: &mut impl Fresh) -> Self {
        let [first] = entropy.fresh();
        let mut session = Self {
            peer,
            candidates: Vec::new(),
            temporary: None,
            sequence: SequenceNumber(first),
            span: Span::default(),
            asked: false,
            heard: Heard::default(),
            groups: BTreeMap::new(),
        };
        session.grant(granted);
        session
    }

    pub fn peer(&self) -> NodeId {
        self.peer
    }

    /// The peer was granted these classes; frames are tried from the highest to the lowest. Ends a key exchange: the
    /// temporary key is wiped, and nonces start over (docs/protocol/security.md B4, step 15).
    pub fn grant(&mut self, granted: KeyMask) {
        self.temporary = None;
        self.span = Span::default();
        self.asked = false;
        self.candidates = granted.classes().filter(|class| *class != SecurityClass::S0).map(FrameKey::Class).collect();
    }

    /// The temporary key of a key exchange: no other key decrypts frames until [`Session::expect`].
    pub fn set_temporary(&mut self, key: ExpandedKey) {
        self.temporary = Some(key);
        self.candidates = vec![FrameKey::Temporary];
    }

    /// During a key exchange, frames use the temporary key, or the key of `class` while it is being transferred.
    pub fn expect(&mut self, class: Option<SecurityClass>) {
        self.candidates = std::iter::once(FrameKey::Temporary).chain(class.map(FrameKey::Class)).collect();
    }

    /// The last [`Received::Answer`] is not sent: the nonce sent before stays valid.
    pub fn withdraw(&mut self) {
        self.span.withdraw();
    }

    /// Stops waiting for the requested nonce. A later Nonce Report means that the peer could not decrypt something.
    pub fn stop_asking(&mut self) {
        self.asked = false;
    }

    /// The key that the next frame would use, if both sides are in sync.
    pub fn protection(&self) -> Option<FrameKey> {
        self.span.protection()
    }

    /// Encrypts a command, or returns the Nonce Get that is needed first.
    pub fn seal(
        &mut self,
        context: &S2Context<'_>,
        protection: FrameKey,
        command: &[u8],
        now: Instant,
        entropy: &mut impl Fresh,
    ) -> Sealing {
        let Some(key) = key(context, self.peer, self.temporary.as_ref(), protection) else {
            return Sealing::Impossible(Unsealable::NoKey);
        };
        if !fits(command) {
            return Sealing::Impossible(Unsealable::TooLong);
        }
        let Some((nonce, announced)) = self.span.seal(protection, key, now, entropy) else {
            self.asked = true;
            let sequence = self.next_sequence();
            return Sealing::NonceGet(frame(Security2::NonceGet(NonceGet { sequence })));
        };
        // The peer's own frame may have provided what was requested: a later Nonce Report is about this frame.
        self.asked = false;
        let mut encapsulation = MessageEncapsulation {
            sequence: take_sequence(&mut self.sequence),
            reserved: 0,
            extensions: announced.map(Extension::span).into_iter().collect(),
            has_encrypted_extension: false,
            sealed: Body::default(),
        };
        let aad = authenticated(context.home, context.own, Receiver::Node(self.peer), &encapsulation, command.len() + TAG);
        match ccm::seal(&key.ccm, &nonce.0, &aad, command) {
            Some(sealed) => {
                encapsulation.sealed = Body(sealed);
                Sealing::Frame(frame(Security2::MessageEncapsulation(encapsulation)))
            }
            None => Sealing::Impossible(Unsealable::TooLong),
        }
    }

    /// Handles a frame of the peer.
    pub fn receive(
        &mut self,
        context: &S2Context<'_>,
        received: Security2,
        to: Addressing,
        now: Instant,
        entropy: &mut impl Fresh,
    ) -> Received {
        match received {
            Security2::MessageEncapsulation(frame) if to == Addressing::Multicast => self.open_multicast(context, &frame, now),
            Security2::MessageEncapsulation(frame) => self.open(context, &frame, now, entropy),
            _ if to == Addressing::Multicast => Received::Ignored(Ignored::Multicast),
            Security2::NonceGet(NonceGet { sequence }) => {
                if !self.heard.is_new_question(sequence, now) {
                    return Received::Duplicate;
                }
                self.give(Gave::Asked, entropy)
            }
            Security2::NonceReport(report) => self.take_nonce(report),
            other => Received::InClear(other),
        }
    }

    fn take_nonce(&mut self, report: NonceReport) -> Received {
        let entropy = match self.heard.entropy(&report) {
            Ok(Some(entropy)) => entropy,
            Ok(None) => return Received::Ignored(Ignored::NoNonce),
            Err(Repeated) => return Received::Duplicate,
        };
        self.span.take(entropy);
        if std::mem::take(&mut self.asked) { Received::Nonce } else { Received::Resync }
    }

    fn give(&mut self, why: Gave, entropy: &mut impl Fresh) -> Received {
        let report =
            NonceReport { sequence: self.next_sequence(), entropy: Some(self.span.give(entropy)), multicast_out_of_sync: false };
        Received::Answer { frame: frame(Security2::NonceReport(report)), why }
    }

    fn open(
        &mut self,
        context: &S2Context<'_>,
        frame: &MessageEncapsulation,
        now: Instant,
        entropy: &mut impl Fresh,
    ) -> Received {
        let follows = self.heard.is_next(frame.sequence);
        // This includes frames that could not be decrypted, since they were answered.
        if !self.heard.is_new(frame) {
            return Received::Duplicate;
        }
        let aad = authenticated(context.home, self.peer, Receiver::Node(context.own), frame, frame.sealed.0.len());
        let attempt = |key: &ExpandedKey, nonce: &Nonce| ccm::open(&key.ccm, &nonce.0, &aad, &frame.sealed.0);
        let announced = frame.meanings().find_map(|meaning| match meaning {
            Meaning::Span(entropy) => Some(entropy),
            _ => None,
        });
        let answers_ours = announced.is_some() && self.span.has_given();
        let text = match announced {
            Some(theirs) => {
                let yields = context.own < self.peer;
                let (peer, temporary) = (self.peer, self.temporary.as_ref());
                let keys = self.candidates.iter().filter_map(|it| Some((*it, key(context, peer, temporary, *it)?)));
                self.span.open_new(&theirs, keys, yields, attempt)
            }
            None => self.span.protection().and_then(|protection| {
                let key = key(context, self.peer, self.temporary.as_ref(), protection)?;
                self.span.open(follows, now, |nonce| attempt(key, nonce)).map(|plain| (protection, plain))
            }),
        };
        let Some((protection, plain)) = text else {
            return self.give(if answers_ours { Gave::WrongKey } else { Gave::OutOfSync }, entropy);
        };
        self.heard.opened(frame.sequence);
        self.unpack(frame, Text { protection, under_new_nonce: announced.is_some(), plain }, now)
    }

    /// Removes encrypted extensions from a single-cast command and applies all extensions.
    fn unpack(&mut self, frame: &MessageEncapsulation, text: Text, now: Instant) -> Received {
        let (mut meanings, command) = match meanings(frame, &text.plain) {
            Ok(unpacked) => unpacked,
            Err(why) => return Received::Ignored(why),
        };
        let (mut repeats_multicast, mut lost) = (false, false);
        for meaning in meanings.drain(..) {
            match meaning {
                Meaning::Mpan { group, state } if self.groups.len() < GROUPS || self.groups.contains_key(&group) => {
                    self.groups.insert(group, Group::new(text.protection, state));
                }
                Meaning::Group(group) => match self.groups.get_mut(&group) {
                    Some(group) => repeats_multicast = group.follow_up(&command, now),
                    None => lost = true,
                },
                // The hub sends no multicast, so it has no groups that the peer could have lost.
                Meaning::Mpan { .. } | Meaning::MulticastOutOfSync => {}
                Meaning::Span(_) | Meaning::Nothing | Meaning::Forbids => {}
            }
        }
        let multicast_lost = lost.then(|| {
            let report = NonceReport { sequence: self.next_sequence(), entropy: None, multicast_out_of_sync: true };
            self::frame(Security2::NonceReport(report))
        });
        let Text { protection, under_new_nonce, .. } = text;
        Received::Command(Opened { protection, command, under_new_nonce, multicast: false, repeats_multicast, multicast_lost })
    }

    fn open_multicast(&mut self, context: &S2Context<'_>, frame: &MessageEncapsulation, now: Instant) -> Received {
        let failed = Received::Ignored(Ignored::Multicast);
        let Some(id) = frame.meanings().find_map(|meaning| match meaning {
            Meaning::Group(id) => Some(id),
            _ => None,
        }) else {
            return failed;
        };
        let aad = authenticated(context.home, self.peer, Receiver::Group(id), frame, frame.sealed.0.len());
        let Some(protection) = self.groups.get(&id).map(Group::protection) else { return failed };
        let Some(key) = key(context, self.peer, self.temporary.as_ref(), protection) else { return failed };
        let attempt = |nonce: &Nonce| ccm::open(&key.ccm, &nonce.0, &aad, &frame.sealed.0);
        let Some(plain) = self.groups.get_mut(&id).and_then(|group| group.open(key, now, attempt)) else {
            // What cannot be decrypted is requested again at the follow-up. Duplicates end here, too, and do not change
            // the state.
            return failed;
        };
        match meanings(frame, &plain) {
            Ok((_, command)) => Received::Command(Opened {
                protection,
                command,
                under_new_nonce: false,
                multicast: true,
                repeats_multicast: false,
                multicast_lost: None,
            }),
            Err(why) => Received::Ignored(why),
        }
    }

    fn next_sequence(&mut self) -> SequenceNumber {
        take_sequence(&mut self.sequence)
    }
}

fn take_sequence(next: &mut SequenceNumber) -> SequenceNumber {
    let sequence = *next;
    *next = sequence.next();
    sequence
}

/// Returns a reference and borrows as little of the session as possible, so that keys are not copied.
fn key<'k>(
    context: &S2Context<'k>,
    peer: NodeId,
    temporary: Option<&'k ExpandedKey>,
    protection: FrameKey,
) -> Option<&'k ExpandedKey> {
    // Keys depend on the node that is not the controller; for Long Range both sides use the same.
    let node = if context.own.is_long_range() { context.own } else { peer };
    match protection {
        FrameKey::Temporary => temporary,
        FrameKey::Class(class) => KeyId::of(class, node).map(|id| context.keys.expanded(id)),
    }
}

/// All extensions of a decrypted frame, and the command after them.
fn meanings(frame: &MessageEncapsulation, plain: &[u8]) -> Result<(Vec<Meaning>, Zeroizing<Vec<u8>>), Ignored> {
    let mut meanings: Vec<Meaning> = frame.meanings().collect();
    let mut command = plain;
    if frame.has_encrypted_extension {
        let (sealed, rest) = extensions(plain).ok_or(Ignored::Malformed)?;
        meanings.extend(sealed.iter().map(|extension| extension.meaning(Place::Encrypted)));
        command = rest;
    }
    if meanings.contains(&Meaning::Forbids) {
        return Err(Ignored::CriticalExtension);
    }
    Ok((meanings, Zeroizing::new(command.to_vec())))
}

/// The receiver of a frame.
#[derive(Clone, Copy)]
enum Receiver {
    Node(NodeId),
    Group(u8),
}

/// Class, command, sequence number and flags.
const HEAD: usize = 4;
/// Length of the SPAN extension.
const SPAN_EXTENSION: usize = 18;

/// Whether the length of the whole frame fits into the two bytes of the authenticated data.
fn fits(command: &[u8]) -> bool {
    HEAD + SPAN_EXTENSION + command.len() + TAG <= usize::from(u16::MAX)
}

/// The additional authenticated data (docs/protocol/security.md B6): sender, receiver, home id, length of the whole
/// frame, and everything before the ciphertext. Ids have two bytes if either of them needs it.
fn authenticated(home: HomeId, sender: NodeId, receiver: Receiver, frame: &MessageEncapsulation, sealed: usize) -> Vec<u8> {
    let mut header = Vec::new();
    frame.write_header(&mut header);
    let wide = sender.is_long_range() || matches!(receiver, Receiver::Node(node) if node.is_long_range());
    let mut aad = Vec::with_capacity(10 + header.len());
    let mut put = |node: NodeId| {
        let [high, low] = node.0.to_be_bytes();
        if wide {
            aad.push(high);
        }
        aad.push(low);
    };
    put(sender);
    match receiver {
        Receiver::Node(node) => put(node),
        Receiver::Group(group) => aad.push(group),
    }
    aad.extend(home.0.to_be_bytes());
    // Valid frames are much shorter; a longer one does not decrypt.
    let length = u16::try_from(2 + header.len() + sealed).unwrap_or(u16::MAX);
    aad.extend(length.to_be_bytes());
    aad.extend(header);
    aad
}

fn frame(command: Security2) -> Body {
    Body(Command::Security2(command).write())
}

#[cfg(test)]
mod tests;
