//! S2 with one peer (docs/protocol/security.md B6–B10): seals what is said to it, opens what it says, and keeps both
//! sides' nonces together. Pure: whoever owns it sends the frames, in the order in which they were made, and waits.
//!
//! 1. [`Session::seal`] a command. If there is no nonce, it gives a Nonce Get instead: send that, keep the command, and seal
//!    it again at [`Received::Nonce`]; give up after a while ([`NONCE_WAIT`]).
//! 2. [`Session::receive`] whatever Security 2 frame the peer sends. [`Received::Answer`] goes out at once, before
//!    everything else.
//! 3. At [`Received::Resync`] the peer could not open what was sent last: seal that command again, once. A Set without
//!    Supervision counts as delivered when [`VERIFY_DELIVERY`] passed without it, or when the peer says anything that opens.
//!
//! A repeat of the radio is [`Received::Duplicate`], and dropped without a word. A peer that wants an answer again seals its
//! command again, which is a new frame here: Supervision tells such a repeat by its session, and answers it again.
//!
//! Where the sheet has a doubt, the frame is believed if it opens: the tag says that a holder of the key made it. Who is
//! believed at which class is for the owner to say: [`Opened::protection`] is what the frame was sealed with.

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

/// How long a nonce is waited for: a node that listens has it in no time, one that is woken by a beam needs longer
/// (docs/protocol/security.md B9).
pub const NONCE_WAIT: Duration = Duration::from_secs(2);
/// The same, for a node that is woken by a beam.
pub const NONCE_WAIT_FLIRS: Duration = Duration::from_secs(5);
/// A peer that could not open a frame says so within this.
pub const VERIFY_DELIVERY: Duration = Duration::from_millis(500);

/// So many multicast groups of a peer are kept: each that tells of one may fill memory with them.
const GROUPS: usize = 16;

/// Where a frame travels: what is authenticated with it beside its own bytes.
#[derive(Clone, Copy, Debug)]
pub struct S2Context<'a> {
    /// The network.
    pub home: HomeId,
    /// Our own node.
    pub own: NodeId,
    /// The keys of the network.
    pub keys: &'a NetworkKeys,
}

/// For whom a frame was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Addressing {
    /// For us.
    Single,
    /// For several nodes, or all: never answered.
    Multicast,
}

/// What became of a command that should go out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Sealing {
    /// Send this: it carries the command.
    Frame(Body),
    /// Send this and wait: it asks for a nonce.
    NonceGet(Body),
    /// It can't be sent.
    Impossible(Unsealable),
}

/// Why a command can't be sealed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unsealable {
    /// There is no such key: in clear is no S2 class, and Long Range does not have all of them.
    #[error("there is no key for that class and this node")]
    NoKey,
    /// Longer than the frame can count.
    #[error("the command is too long to be sealed")]
    TooLong,
}

/// What a Security 2 frame of the peer means.
#[derive(Debug)]
pub enum Received {
    /// A command that was sealed.
    Command(Opened),
    /// A command of the bootstrapping, in clear.
    InClear(Security2),
    /// Send this at once: a nonce that the peer asked for, or needs because we could not open its frame.
    Answer {
        /// The frame.
        frame: Body,
        /// Why the peer needs it.
        why: Gave,
    },
    /// The nonce we asked for: what waits can be sealed now.
    Nonce,
    /// The peer could not open what we sent last: seal it again, once.
    Resync,
    /// Heard before: a frame that arrived twice. Nobody answers, nothing happens.
    Duplicate,
    /// Nothing is to be done.
    Ignored(Ignored),
}

/// Why the peer is given a nonce.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Gave {
    /// It asked.
    Asked,
    /// A frame could not be opened, and did not announce a new nonce: sides drifted apart.
    OutOfSync,
    /// A frame that used the nonce we gave could not be opened: another key, or it was changed.
    WrongKey,
}

/// Why a frame is of no use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ignored {
    /// A multicast that does not open, or is of a group nobody knows.
    Multicast,
    /// It carries an extension that is critical and unknown (docs/protocol/security.md B6).
    CriticalExtension,
    /// Its sealed extensions run over the end.
    Malformed,
    /// A Nonce Report without a nonce, or with one that was used.
    NoNonce,
}

/// A command that was sealed.
#[derive(Debug)]
pub struct Opened {
    /// With what.
    pub protection: FrameKey,
    /// The command, class byte first. Empty in a frame that only carries extensions.
    pub command: Zeroizing<Vec<u8>>,
    /// It is sealed with entropy that the peer was given since its frame before: it asked, or a frame in its name did not
    /// open.
    pub under_new_nonce: bool,
    /// It came to several nodes at once.
    pub multicast: bool,
    /// It came to several nodes before, and was opened then: obey it once, answer it now.
    pub repeats_multicast: bool,
    /// Send this when the command was answered: multicast of this peer can't be opened.
    pub multicast_lost: Option<Body>,
}

/// S2 with one peer. Not stored: after a restart, peers ask for nonces and are asked.
#[derive(Clone, Debug)]
pub struct Session {
    peer: NodeId,
    /// What its frames may be sealed with, the likeliest first.
    candidates: Vec<FrameKey>,
    temporary: Option<ExpandedKey>,
    sequence: SequenceNumber,
    span: Span,
    /// A nonce was asked for and did not come yet.
    asked: bool,
    heard: Heard,
    groups: BTreeMap<u8, Group>,
}

/// A frame, opened with one nonce of one key.
struct Text {
    protection: FrameKey,
    under_new_nonce: bool,
    plain: Zeroizing<Vec<u8>>,
}

impl Session {
    /// A session with `peer`, which was granted `granted`. Where that is not known: [`KeyMask::KNOWN`].
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

    /// The peer.
    pub fn peer(&self) -> NodeId {
        self.peer
    }

    /// The peer was granted these classes; frames are tried from the highest to the lowest. Ends a bootstrapping: the
    /// temporary key is wiped, and nonces begin anew (docs/protocol/security.md B4, step 15).
    pub fn grant(&mut self, granted: KeyMask) {
        self.temporary = None;
        self.span = Span::default();
        self.asked = false;
        self.candidates = granted.classes().filter(|class| *class != SecurityClass::S0).map(FrameKey::Class).collect();
    }

    /// The key of a bootstrapping: nothing else opens frames until [`Session::expect`] says so.
    pub fn set_temporary(&mut self, key: ExpandedKey) {
        self.temporary = Some(key);
        self.candidates = vec![FrameKey::Temporary];
    }

    /// During a bootstrapping, frames come under the temporary key, and under that of `class` while it is exchanged.
    pub fn expect(&mut self, class: Option<SecurityClass>) {
        self.candidates = std::iter::once(FrameKey::Temporary).chain(class.map(FrameKey::Class)).collect();
    }

    /// The last [`Received::Answer`] is not sent: what the peer was sent before is valid instead.
    pub fn withdraw(&mut self) {
        self.span.withdraw();
    }

    /// The nonce that was asked for is waited for no more: one that comes later says that the peer could not open something.
    pub fn stop_asking(&mut self) {
        self.asked = false;
    }

    /// What the next frame would be sealed with, if the peer and we agree still.
    pub fn protection(&self) -> Option<FrameKey> {
        self.span.protection()
    }

    /// Seals a command, or asks for the nonce that this needs.
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
        // The peer's own frame may have brought what was asked for: a Nonce Report from now on is about this frame.
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

    /// Takes in a frame of the peer.
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
        // Also one that could not be opened: the answer to it is on its way.
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

    /// Takes sealed extensions off a single-cast command, and does what extensions say.
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
                // We have no groups of our own that the peer could have lost.
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
            // What can't be opened is asked for anew at the follow-up. Duplicates end here, too, and cost the state nothing.
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

/// The key itself, and no copy of it: so it takes of a session only what it needs.
fn key<'k>(
    context: &S2Context<'k>,
    peer: NodeId,
    temporary: Option<&'k ExpandedKey>,
    protection: FrameKey,
) -> Option<&'k ExpandedKey> {
    // The node is the one that is not the controller: a Long Range node's keys are those of both sides.
    let node = if context.own.is_long_range() { context.own } else { peer };
    match protection {
        FrameKey::Temporary => temporary,
        FrameKey::Class(class) => KeyId::of(class, node).map(|id| context.keys.expanded(id)),
    }
}

/// What all extensions of an opened frame mean, and the command behind them.
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

/// Who is to hear a frame.
#[derive(Clone, Copy)]
enum Receiver {
    Node(NodeId),
    Group(u8),
}

/// Class, command, sequence number and flags.
const HEAD: usize = 4;
/// The extension that announces entropy.
const SPAN_EXTENSION: usize = 18;

/// Whether the length of the whole frame fits into the two bytes that it is authenticated with.
fn fits(command: &[u8]) -> bool {
    HEAD + SPAN_EXTENSION + command.len() + TAG <= usize::from(u16::MAX)
}

/// What is authenticated beside the command (docs/protocol/security.md B6): sender, receiver, home, length of the whole
/// frame, and all that stands before the ciphertext. Ids have two bytes as soon as one of them needs them.
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
    // Frames are shorter by far; a longer one does not open.
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
