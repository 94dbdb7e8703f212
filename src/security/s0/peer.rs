//! The S0 session with one node: which frames to send for a command, and what a received frame contains. The caller
//! sends the frames, asks what is next, and passes in what was received.
//!
//! ```text
//! begin(command) ─ next() ─ AskNonce ─ … nonce_told() ─ next() ─ Send(last: true)
//!                                                              └ Send(last: false) ─ … nonce_told() ─ next() ─ Send(last: true)
//! ```
//!
//! A command that is too long for one frame is sent in two; the node sends the nonce for the second because the first
//! is a 0xC1 frame (docs/protocol/security.md A3).

use std::fmt;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::command::security::{Encapsulation, Nonce, OVERHEAD};
use crate::domain::ids::NodeId;
use crate::domain::time::{Deadline, Instant};
use crate::security::Fresh;

use super::nonces::{Issued, NotOpened, Received, fresh};
use super::{Address, Control, Counter, Header, Part, S0Keys, open, payload, seal};

/// Time-out for the second part of a command.
const REASSEMBLY: Duration = Duration::from_secs(10);

/// Time-out for a nonce after the node acknowledged the Nonce Get (docs/protocol/security.md A4).
pub fn nonce_wait(listening: bool) -> Duration {
    if listening { Duration::from_secs(3) } else { Duration::from_secs(10) }
}

/// The session with one node. It is lost at a restart, which costs a Nonce Get.
#[derive(Debug)]
pub struct Peer {
    own: Address,
    peer: Address,
    issued: Issued,
    received: Received,
    counter: Counter,
    sending: Option<Sending>,
    first_part: Option<FirstPart>,
}

/// A command under way: the remaining frames.
struct Sending {
    /// The last element is the next frame.
    parts: Vec<(Control, Zeroizing<Vec<u8>>)>,
}

/// The first part of a received command.
struct FirstPart {
    counter: Counter,
    plain: Zeroizing<Vec<u8>>,
    came: Instant,
}

/// What to do for the command under way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Next {
    /// Send a Nonce Get unencrypted, and call again when the nonce arrived.
    AskNonce,
    Send {
        /// A Message Encapsulation, class byte first.
        payload: Vec<u8>,
        /// The whole command is sent with it. Otherwise the node sends a nonce next.
        last: bool,
    },
    /// No command is under way.
    Idle,
}

/// Why a command cannot be sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CannotSend {
    /// Another command is under way: S0 nodes cannot handle two.
    #[error("another command to this node is under way; send this one after it")]
    Busy,
    /// Too long for two frames.
    #[error("the command has {len} bytes and S0 takes {max} at most; send less at once")]
    TooLong {
        /// Its length in bytes.
        len: usize,
        /// Maximum length in bytes.
        max: usize,
    },
}

/// The content of a frame, and what to send at once because of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Opened {
    pub said: Said,
    /// It requested a nonce: send this one before anything else.
    pub nonce: Option<Nonce>,
}

/// The content of a frame.
#[derive(Clone, PartialEq, Eq)]
pub enum Said {
    /// A whole command from a holder of the key.
    Command(Zeroizing<Vec<u8>>),
    /// The first part of one.
    FirstPart,
    /// The frame was not accepted.
    Nothing(Refused),
}

/// Omits the command, which may contain a code.
impl fmt::Debug for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command(command) => write!(f, "Command({} bytes)", command.len()),
            Self::FirstPart => f.write_str("FirstPart"),
            Self::Nothing(why) => write!(f, "Nothing({why:?})"),
        }
    }
}

/// Why a frame was not accepted, for logs. The node will send it again by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refused {
    /// A repeat, or too late.
    #[error("its nonce was used, is too old, or was never sent")]
    NoSuchNonce,
    /// Wrong key, or modified.
    #[error("it was not encrypted with the network key; if this continues, exclude the device and include it again")]
    NotAuthentic,
    /// A second part without its first, or of another command.
    #[error("it is the second part of a command whose first part is missing")]
    NoFirstPart,
    /// No command in it.
    #[error("it contains no command")]
    Empty,
    /// Nonces are requested and sent unencrypted only.
    #[error("it contains a request for a nonce, which is never encrypted")]
    NonceInside,
}

impl Peer {
    /// The session between this controller and a node; `None` on Long Range.
    pub fn new(own: NodeId, peer: NodeId) -> Option<Self> {
        let (own, peer) = (Address::of(own)?, Address::of(peer)?);
        Some(Self {
            own,
            peer,
            issued: Issued::default(),
            received: Received::None,
            counter: Counter::default(),
            sending: None,
            first_part: None,
        })
    }

    /// The node requested a nonce: send this one at once, before everything else, without retries. `None`: it requests
    /// too many.
    pub fn nonce_asked(&mut self, now: Instant, entropy: &mut impl Fresh) -> Option<Nonce> {
        self.issued.issue(now, entropy)
    }

    /// A nonce arrived. `false` if none was requested: then there is nothing to continue.
    pub fn nonce_told(&mut self, nonce: Nonce, now: Instant) -> bool {
        self.received.told(nonce, now)
    }

    /// Whether a command is under way.
    pub fn is_busy(&self) -> bool {
        self.sending.is_some()
    }

    /// Starts sending a command. `room` is the maximum payload of a frame in bytes.
    pub fn begin(&mut self, command: &[u8], room: usize) -> Result<(), CannotSend> {
        if self.is_busy() {
            return Err(CannotSend::Busy);
        }
        let part = room.saturating_sub(OVERHEAD);
        let parts = match command.split_at_checked(part) {
            None | Some((_, [])) => vec![(Control::WHOLE, Zeroizing::new(command.to_vec()))],
            Some((first, second)) if second.len() <= part => {
                self.counter = self.counter.next();
                let [first, second] = [first, second].map(|part| Zeroizing::new(part.to_vec()));
                vec![(Control::second(self.counter), second), (Control::first(self.counter), first)]
            }
            Some(_) => return Err(CannotSend::TooLong { len: command.len(), max: 2 * part }),
        };
        self.sending = Some(Sending { parts });
        Ok(())
    }

    /// What to do next for the command under way.
    pub fn next(&mut self, keys: &S0Keys, now: Instant, entropy: &mut impl Fresh) -> Next {
        let Some(Sending { parts }) = &mut self.sending else { return Next::Idle };
        let Some(theirs) = self.received.take(now) else {
            self.received = Received::Asked;
            return Next::AskNonce;
        };
        let Some((control, plain)) = parts.pop() else { return Next::Idle };
        let last = parts.is_empty();
        if last {
            self.sending = None;
        } else {
            self.received = Received::Asked;
        }
        // Neither one of ours nor the one that it answers (docs/protocol/security.md A3), because the node might
        // confuse them.
        let ours = fresh(entropy, |id| id == theirs.id() || self.issued.has(id));
        let header = Header { from: self.own, to: self.peer, wants_nonce: !last };
        let frame = seal(keys, header, ours, &theirs, control, &plain);
        Next::Send { payload: payload(header, frame), last }
    }

    /// Gives up the command under way: a frame was not acknowledged, or a nonce did not arrive.
    pub fn abandon(&mut self) {
        self.sending = None;
        self.received = Received::None;
    }

    /// Handles a Message Encapsulation. `wants_nonce`: its command was 0xC1.
    pub fn open(
        &mut self,
        frame: &Encapsulation,
        wants_nonce: bool,
        keys: &S0Keys,
        now: Instant,
        entropy: &mut impl Fresh,
    ) -> Opened {
        let header = Header { from: self.peer, to: self.own, wants_nonce };
        let nothing = |why| Opened { said: Said::Nothing(why), nonce: None };
        let opened = self.issued.open(frame.receiver_nonce_id, now, |ours| open(keys, header, ours, frame));
        let (control, plain) = match opened {
            Ok(opened) => opened,
            Err(NotOpened::NoSuchNonce) => return nothing(Refused::NoSuchNonce),
            Err(NotOpened::NotAuthentic) => return nothing(Refused::NotAuthentic),
        };
        let said = self.read(control, plain, now);
        // A request for a nonce is answered, whatever the command is.
        let nonce = if wants_nonce { self.issued.issue(now, entropy) } else { None };
        Opened { said, nonce }
    }

    fn read(&mut self, control: Control, plain: Zeroizing<Vec<u8>>, now: Instant) -> Said {
        let command = match control.part() {
            Part::Whole => plain,
            Part::First(counter) => {
                self.first_part = Some(FirstPart { counter, plain, came: now });
                return Said::FirstPart;
            }
            Part::Second(counter) => match self.first_part.take() {
                Some(first) if first.counter == counter && now.since(first.came) < REASSEMBLY => {
                    Zeroizing::new([first.plain.as_slice(), &plain].concat())
                }
                Some(_) | None => return Said::Nothing(Refused::NoFirstPart),
            },
        };
        match **command {
            [] => Said::Nothing(Refused::Empty),
            [0x98, 0x40 | 0x80, ..] => Said::Nothing(Refused::NonceInside),
            _ => Said::Command(command),
        }
    }

    /// When to drop a first part without a second: it may contain half of a code.
    pub fn deadline(&self) -> Option<Deadline> {
        self.first_part.as_ref().map(|first| Deadline { at: first.came + REASSEMBLY, why: "second part of an S0 command" })
    }

    /// Drops expired nonces, and an expired first part.
    pub fn expire(&mut self, now: Instant) {
        self.issued.expire(now);
        self.first_part = self.first_part.take().filter(|first| now.since(first.came) < REASSEMBLY);
    }
}

impl fmt::Debug for Sending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} frames left", self.parts.len())
    }
}

impl fmt::Debug for FirstPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}, {} bytes", self.counter, self.plain.len())
    }
}
