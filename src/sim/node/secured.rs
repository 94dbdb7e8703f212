//! Encryption of a lock: commands wait in order until they are due and have a nonce.

use std::collections::VecDeque;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::command::Command;
use crate::command::security::{Encapsulation, Nonce, NonceReport, Security};
use crate::command::security_2::Security2;
use crate::domain::entropy::Entropy;
use crate::domain::ids::{HomeId, NodeId};
use crate::domain::node::SecurityClass;
use crate::domain::time::{Deadline, Instant};
use crate::security::keys::{KeyId, KeyMask, NetworkKeys};
use crate::security::s0::S0Keys;
use crate::security::s0::peer::{Next, Peer, Said};
use crate::security::s2::{Addressing, FrameKey, Received, S2Context, Sealing, Session};

/// Time-out for a nonce, and number of tries.
const NONCE_WAIT: Duration = Duration::from_secs(2);
const ASKS: u8 = 3;
/// Maximum payload of a frame.
const ROOM: usize = 46;

/// Network, node id and keys of a lock. Survives a power cut.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Membership {
    pub home: HomeId,
    pub own: NodeId,
    pub controller: NodeId,
    /// The granted classes; none means that it was included without security.
    pub granted: KeyMask,
    /// Their keys; the others are not used.
    pub keys: NetworkKeys,
}

impl Membership {
    /// The highest class it was granted.
    pub fn class(&self) -> SecurityClass {
        self.granted.classes().next().unwrap_or_default()
    }

    /// Whether it was granted this class.
    pub fn has(&self, class: SecurityClass) -> bool {
        self.granted.contains(KeyMask::of(class))
    }
}

/// A command that waits to be sent under a class.
#[derive(Clone, Debug)]
struct Waiting {
    at: Instant,
    under: SecurityClass,
    command: Zeroizing<Vec<u8>>,
}

/// The result of an encrypted frame of the controller.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// A nonce, to be sent at once.
    pub(super) answer: Option<Vec<u8>>,
    /// A command, and the class that it was received under.
    pub(super) command: Option<(SecurityClass, Zeroizing<Vec<u8>>)>,
}

/// The sessions with the controller under the keys of a [`Membership`]. Lost in a power cut.
#[derive(Debug)]
pub(super) struct Secured {
    entropy: Entropy,
    session: Session,
    peer: Option<Peer>,
    queue: VecDeque<Waiting>,
    /// Time-out for the nonce of the first command in the queue.
    nonce_until: Option<Instant>,
    asked: u8,
    /// The last S2 command, until it was encrypted again once.
    last: Option<Waiting>,
}

impl Secured {
    pub(super) fn new(membership: &Membership, entropy: Entropy) -> Self {
        Self::going_on(membership, None, None, entropy)
    }

    /// Sessions that continue those of the key exchange.
    pub(super) fn going_on(membership: &Membership, session: Option<Session>, peer: Option<Peer>, mut entropy: Entropy) -> Self {
        let &Membership { own, controller, granted, .. } = membership;
        let session = session.unwrap_or_else(|| Session::new(controller, granted, &mut entropy));
        let peer = peer.or_else(|| Peer::new(own, controller));
        Self { entropy, session, peer, queue: VecDeque::new(), nonce_until: None, asked: 0, last: None }
    }

    pub(super) fn say(&mut self, command: Vec<u8>, under: SecurityClass, at: Instant) {
        // Behind commands that are due at the same time, and never before the one that waits for its nonce.
        let place = self.queue.partition_point(|it| it.at <= at).max(usize::from(self.nonce_until.is_some()));
        self.queue.insert(place, Waiting { at, under, command: Zeroizing::new(command) });
    }

    /// How many commands wait.
    pub(super) fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// Drops all but the first commands.
    pub(super) fn keep(&mut self, waiting: usize) {
        self.queue.truncate(waiting);
    }

    /// The frames that are due.
    pub(super) fn due(&mut self, membership: &Membership, now: Instant) -> Vec<Vec<u8>> {
        if self.nonce_until.is_some_and(|until| until <= now) {
            self.nonce_until = None;
            if self.asked >= ASKS {
                self.next();
            }
        }
        let mut frames = Vec::new();
        while self.nonce_until.is_none()
            && let Some(first) = self.queue.front().filter(|it| it.at <= now).cloned()
        {
            match first.under {
                SecurityClass::None => self.next(),
                SecurityClass::S0 => frames.extend(self.seal_s0(membership, &first, now)),
                class => frames.extend(self.seal_s2(membership, class, &first, now)),
            }
        }
        frames
    }

    /// When something is due.
    pub(super) fn poll_deadline(&self) -> Option<Deadline> {
        let at = self.nonce_until.or_else(|| self.queue.front().map(|it| it.at))?;
        Some(Deadline { at, why: "a lock says something under its keys" })
    }

    /// A Security 2 frame.
    pub(super) fn hear_s2(&mut self, membership: &Membership, frame: Security2, now: Instant) -> Heard {
        let context = S2Context { home: membership.home, own: membership.own, keys: &membership.keys };
        match self.session.receive(&context, frame, Addressing::Single, now, &mut self.entropy) {
            Received::Command(opened) => match opened.protection {
                FrameKey::Class(class) => Heard { command: Some((class, opened.command)), answer: None },
                FrameKey::Temporary => Heard::default(),
            },
            Received::Answer { frame, .. } => Heard { answer: Some(frame.0), command: None },
            Received::Nonce => {
                self.nonce_until = None;
                Heard::default()
            }
            Received::Resync => {
                if let Some(last) = self.last.take() {
                    self.queue.push_front(Waiting { at: now, ..last });
                    self.nonce_until = None;
                }
                Heard::default()
            }
            // The key exchange is over, or has not begun.
            Received::InClear(_) | Received::Duplicate | Received::Ignored(_) => Heard::default(),
        }
    }

    pub(super) fn hear_s0(&mut self, membership: &Membership, frame: Security, now: Instant) -> Heard {
        let Some(peer) = self.peer.as_mut().filter(|_| membership.has(SecurityClass::S0)) else { return Heard::default() };
        match frame {
            Security::NonceGet => {
                let answer = peer.nonce_asked(now, &mut self.entropy).map(nonce_report);
                Heard { answer, command: None }
            }
            Security::NonceReport(report) => {
                if peer.nonce_told(report.nonce, now) {
                    self.nonce_until = None;
                }
                Heard::default()
            }
            Security::CommandEncapsulation(frame) => self.open_s0(membership, &frame, false, now),
            Security::CommandEncapsulationNonceGet(frame) => self.open_s0(membership, &frame, true, now),
            _ => Heard::default(),
        }
    }

    fn open_s0(&mut self, membership: &Membership, frame: &Encapsulation, wants_nonce: bool, now: Instant) -> Heard {
        let Some(peer) = &mut self.peer else { return Heard::default() };
        let opened = peer.open(frame, wants_nonce, &s0_keys(membership), now, &mut self.entropy);
        let command = match opened.said {
            Said::Command(command) => Some((SecurityClass::S0, command)),
            Said::FirstPart | Said::Nothing(_) => None,
        };
        Heard { answer: opened.nonce.map(nonce_report), command }
    }

    fn seal_s2(&mut self, membership: &Membership, class: SecurityClass, first: &Waiting, now: Instant) -> Option<Vec<u8>> {
        let context = S2Context { home: membership.home, own: membership.own, keys: &membership.keys };
        match self.session.seal(&context, FrameKey::Class(class), &first.command, now, &mut self.entropy) {
            Sealing::Frame(frame) => {
                self.last = Some(first.clone());
                self.next();
                Some(frame.0)
            }
            Sealing::NonceGet(frame) => {
                self.wait(now);
                Some(frame.0)
            }
            Sealing::Impossible(_) => {
                self.next();
                None
            }
        }
    }

    fn seal_s0(&mut self, membership: &Membership, first: &Waiting, now: Instant) -> Option<Vec<u8>> {
        let Some(peer) = &mut self.peer else {
            self.next();
            return None;
        };
        if !peer.is_busy() && peer.begin(&first.command, ROOM).is_err() {
            self.next();
            return None;
        }
        match peer.next(&s0_keys(membership), now, &mut self.entropy) {
            Next::AskNonce => {
                self.wait(now);
                Some(Command::Security(Security::NonceGet).write())
            }
            // The controller sends the nonce for the second part because of the first.
            Next::Send { payload, last: false } => {
                self.wait(now);
                Some(payload)
            }
            Next::Send { payload, last: true } => {
                self.next();
                Some(payload)
            }
            Next::Idle => {
                self.next();
                None
            }
        }
    }

    fn wait(&mut self, now: Instant) {
        self.asked += 1;
        self.nonce_until = Some(now + NONCE_WAIT);
    }

    /// The first command in the queue was sent or given up.
    fn next(&mut self) {
        self.queue.pop_front();
        self.asked = 0;
        if let Some(peer) = &mut self.peer {
            peer.abandon();
        }
    }
}

fn s0_keys(membership: &Membership) -> S0Keys {
    S0Keys::of(membership.keys.network_key(KeyId::S0))
}

fn nonce_report(nonce: Nonce) -> Vec<u8> {
    Command::Security(Security::NonceReport(NonceReport { nonce })).write()
}
