//! S2 key exchange with a node that was just added, on the including side (docs/protocol/security.md B4;
//! docs/protocol/gateway.md §6.3). Pure: frames, decisions and time are inputs; frames, questions and the result are
//! outputs.
//!
//! 1. [`KeyExchange::begin`] directly after the node was added; nothing else is sent to it until the end.
//! 2. Drain [`KeyExchange::poll_output`] after each call; call again at [`KeyExchange::poll_deadline`].
//! 3. At [`Output::Ask`] the user decides, by [`KeyExchange::grant`] or [`KeyExchange::pin`], or stops it by
//!    [`KeyExchange::refuse`] or [`KeyExchange::cancel`]. With [`Known`] no PIN is asked for, because the label was
//!    scanned before.
//! 4. [`Output::Ended`] is returned once. After a success, [`KeyExchange::into_session`] is the session with the node.
//!
//! There is no downgrade: a failure never ends in fewer keys, or in S0. The node stays in the network without keys, and
//! has to be excluded (docs/protocol/security.md B5).
//!
//! If the node's last message is lost, the node has all its keys and does not send again. So it is asked under the
//! highest key, and its answer proves that it is a member; without an answer the key exchange failed.
//!
//! Where sources disagree: a KEX Fail is accepted encrypted and unencrypted. We encrypt it if the node has the
//! temporary key and a nonce is available, as Z-Wave JS does, and send it unencrypted otherwise, as the reference
//! library does. After the PIN was entered, the node's echo is awaited for thirty seconds (TA3 in the reference
//! library), since nodes repeat it every ten; all other steps have ten seconds.

mod outcome;
mod states;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::Fresh;
use super::crypto::x25519::PrivateKey;
use super::keys::KeyMask;
use super::s2::{Addressing, FrameKey, Gave, Received, S2Context, Sealing, Session};
use crate::command::security_2::{FailType, KexFail, Security2};
use crate::command::{Body, Command};
use crate::domain::ids::NodeId;
use crate::domain::time::{Deadline, Instant};

pub use outcome::{Failure, Granted, KeyExchangeStep};
use states::State;

/// Pause before a missing nonce is requested again, within the time of the step.
const NONCE_AGAIN: Duration = Duration::from_secs(3);

/// Length of the DSK, the first sixteen bytes of a device's public key. Its label shows it in decimal; the first five
/// digits are the PIN.
pub const DSK: usize = 16;

/// The PIN: the first five digits on the device's label, which authenticate it. Wiped on drop.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct DskPin([u8; 2]);

impl DskPin {
    /// The PIN with this value, 0–65535: the first group of the DSK.
    pub const fn new(number: u16) -> Self {
        Self(number.to_be_bytes())
    }

    const fn bytes(&self) -> [u8; 2] {
        self.0
    }
}

impl fmt::Debug for DskPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("****")
    }
}

/// What is known about a device before it joins (SmartStart, or a scanned label).
#[derive(Clone, PartialEq, Eq)]
pub struct Known {
    /// Its complete DSK; another device is refused.
    pub dsk: [u8; DSK],
}

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Known").finish_non_exhaustive()
    }
}

/// A decision of the user.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Grant {
    /// The keys for the device. None means "no", and ends the exchange.
    pub keys: KeyMask,
    /// Client-side authentication, if the device requests it. A device that requests it has no PIN, so "no" ends the
    /// exchange.
    pub client_side_authentication: bool,
}

/// A question or an instruction for the user.
#[derive(Clone, PartialEq, Eq)]
pub enum KeyQuestion {
    /// Which keys the device gets. Answered by [`KeyExchange::grant`].
    Grant {
        /// The requested keys that can be granted.
        requested: KeyMask,
        /// The device has no label and wants the controller's code to be typed into it.
        client_side_authentication: bool,
    },
    /// The PIN on its label; the rest of the DSK is for comparison. Answered by [`KeyExchange::pin`].
    Pin {
        /// The DSK. Its first two bytes are zero, and are what is asked for.
        dsk: [u8; DSK],
    },
    /// Type these two groups of five digits into the device. No answer: the device continues by itself.
    TypeIntoDevice {
        /// The first two groups of the controller's DSK.
        code: [u16; 2],
    },
}

impl fmt::Debug for KeyQuestion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Grant { requested, client_side_authentication } => f
                .debug_struct("Grant")
                .field("requested", requested)
                .field("client_side_authentication", client_side_authentication)
                .finish(),
            Self::Pin { .. } => f.write_str("Pin(..)"),
            Self::TypeIntoDevice { .. } => f.write_str("TypeIntoDevice(..)"),
        }
    }
}

/// An output of the key exchange.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Output {
    /// Send this to the node.
    Send(Body),
    /// Send this to the node before everything else, because it waits for a nonce.
    Answer(Body),
    Ask(KeyQuestion),
    Ended(Result<Granted, Failure>),
}

/// A decision that was not accepted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum KeyInputRejected {
    /// No question is open.
    #[error("the device is not waiting for that")]
    NotAsked,
    /// Keys that the device did not request.
    #[error("the device did not ask for those keys")]
    NotRequested,
}

#[derive(Debug)]
pub struct KeyExchange {
    state: State,
    /// The time-out of the state; none after the end.
    deadline: Option<Instant>,
    line: Line,
}

/// The session, and the messages under way.
#[derive(Debug)]
struct Line {
    session: Session,
    known: Option<Known>,
    private: PrivateKey,
    /// The last encrypted command, which is sent again once if the node could not decrypt it or asks again.
    last: Option<(FrameKey, Zeroizing<Vec<u8>>)>,
    /// It was sent again.
    repeated: bool,
    /// It waits for a nonce, which is requested again at this time.
    waits: Option<Instant>,
    outputs: VecDeque<Output>,
}

/// Context that the states need in addition to their input.
struct Context<'a, F> {
    context: &'a S2Context<'a>,
    now: Instant,
    entropy: &'a mut F,
}

impl KeyExchange {
    /// Starts the key exchange with node `peer`.
    pub fn begin(peer: NodeId, known: Option<Known>, now: Instant, entropy: &mut impl Fresh) -> Self {
        let line = Line {
            session: Session::new(peer, KeyMask::NONE, entropy),
            known,
            private: PrivateKey::from_bytes(entropy.fresh()),
            last: None,
            repeated: false,
            waits: None,
            outputs: VecDeque::new(),
        };
        let mut exchange = Self { state: State::begin(), deadline: None, line };
        exchange.line.say(Security2::KEXGet);
        exchange.deadline = exchange.state.patience().map(|patience| now + patience);
        exchange
    }

    /// Handles an S2 frame of the node. Multicasts must not be passed.
    pub fn receive(&mut self, context: &S2Context<'_>, frame: Security2, now: Instant, entropy: &mut impl Fresh) {
        // It cannot be decrypted yet: the node repeats it until the PIN is known.
        let sealed = matches!(frame, Security2::MessageEncapsulation(_));
        if sealed && !self.state.opens_sealed() || matches!(self.state, State::Ended) {
            return;
        }
        let received = self.line.session.receive(context, frame, Addressing::Single, now, entropy);
        let mut cx = Context { context, now, entropy };
        match received {
            Received::InClear(command) => self.advance(&mut cx, |state, line, cx| state.in_clear(command, line, cx)),
            Received::Command(opened) => {
                if let Ok(Command::Security2(command)) = Command::parse(&opened.command) {
                    self.advance(&mut cx, |state, line, cx| state.sealed(opened.protection, command, line, cx));
                }
            }
            // A member has no other key, and a node that still has the temporary one would answer a nonce with the same frame.
            Received::Answer { why: Gave::WrongKey | Gave::OutOfSync, .. } if matches!(self.state, State::AwaitProof(_)) => {
                self.line.session.withdraw();
            }
            Received::Answer { why: Gave::WrongKey, frame } => {
                self.advance(&mut cx, |state, line, _| state.unopened(line, frame));
            }
            Received::Answer { frame, .. } => self.line.outputs.push_back(Output::Answer(frame)),
            Received::Nonce => self.line.seal_last(&mut cx),
            Received::Resync => self.line.repeat(&mut cx),
            Received::Duplicate | Received::Ignored(_) => {}
        }
    }

    /// The answer to [`KeyQuestion::Grant`].
    pub fn grant(&mut self, grant: Grant, now: Instant) -> Result<(), KeyInputRejected> {
        let State::AwaitGrant(state) = &self.state else { return Err(KeyInputRejected::NotAsked) };
        if !state.offered().contains(grant.keys) {
            return Err(KeyInputRejected::NotRequested);
        }
        let state = state.clone();
        let next = state.decided(grant, &mut self.line);
        self.enter(next, now);
        Ok(())
    }

    /// The keys that [`KeyQuestion::Grant`] is about, while that question is open.
    pub fn offered(&self) -> Option<KeyMask> {
        match &self.state {
            State::AwaitGrant(state) => Some(state.offered()),
            _ => None,
        }
    }

    /// The answer to [`KeyQuestion::Pin`].
    pub fn pin(&mut self, pin: &DskPin, now: Instant) -> Result<(), KeyInputRejected> {
        let State::AwaitPin(state) = &self.state else { return Err(KeyInputRejected::NotAsked) };
        let state = state.clone();
        let next = state.entered(pin, &mut self.line);
        self.enter(next, now);
        Ok(())
    }

    pub fn cancel(&mut self, now: Instant) {
        self.refuse(Failure::Cancelled, now);
    }

    /// Ends the exchange without keys.
    pub fn refuse(&mut self, why: Failure, now: Instant) {
        if !matches!(self.state, State::Ended) {
            let next = self.line.give_up(why);
            self.enter(next, now);
        }
    }

    /// Does what is due. It may be called early.
    pub fn handle_timeout(&mut self, context: &S2Context<'_>, now: Instant, entropy: &mut impl Fresh) {
        if self.deadline.is_some_and(|at| at <= now) {
            // No message to the node, which has its own time-outs (docs/protocol/gateway.md §6.3).
            let before = std::mem::replace(&mut self.state, State::Ended);
            let next = before.too_late(&mut self.line, &mut Context { context, now, entropy });
            return self.enter(next, now);
        }
        if self.line.waits.is_some_and(|at| at <= now) {
            self.line.seal_last(&mut Context { context, now, entropy });
        }
    }

    /// When to call [`KeyExchange::handle_timeout`], and why.
    pub fn poll_deadline(&self) -> Option<Deadline> {
        let gives_up = self.deadline.map(|at| Deadline { at, why: "S2 key exchange" });
        let asks = self.line.waits.map(|at| Deadline { at, why: "nonce for S2 key exchange" });
        Deadline::earliest(gives_up, asks)
    }

    /// The next output; `None` if there is none.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.line.outputs.pop_front()
    }

    /// The session with the node, after a success.
    pub fn into_session(self) -> Session {
        self.line.session
    }

    fn advance<F: Fresh>(&mut self, cx: &mut Context<'_, F>, step: impl FnOnce(State, &mut Line, &mut Context<'_, F>) -> State) {
        let before = std::mem::replace(&mut self.state, State::Ended);
        let kind = std::mem::discriminant(&before);
        let next = step(before, &mut self.line, cx);
        if std::mem::discriminant(&next) == kind {
            // A repeated or ignored message does not extend the time-out.
            self.state = next;
        } else {
            self.enter(next, cx.now);
        }
    }

    fn enter(&mut self, next: State, now: Instant) {
        self.deadline = next.patience().map(|patience| now + patience);
        if matches!(next, State::Ended) {
            self.line.last = None;
            self.line.waits = None;
        }
        self.state = next;
    }
}

impl Line {
    /// Sends a command unencrypted.
    fn say(&mut self, command: Security2) {
        self.outputs.push_back(Output::Send(Body(Command::Security2(command).write())));
    }

    /// Sends a command encrypted, as soon as there is a nonce.
    fn seal<F: Fresh>(&mut self, protection: FrameKey, command: Security2, cx: &mut Context<'_, F>) {
        self.last = Some((protection, Zeroizing::new(Command::Security2(command).write())));
        self.repeated = false;
        self.seal_last(cx);
    }

    /// Encrypts the last command, or requests the nonce again.
    fn seal_last<F: Fresh>(&mut self, cx: &mut Context<'_, F>) {
        self.waits = None;
        let Some((protection, command)) = &self.last else { return };
        match self.session.seal(cx.context, *protection, command, cx.now, cx.entropy) {
            Sealing::Frame(frame) => self.outputs.push_back(Output::Send(frame)),
            Sealing::NonceGet(frame) => {
                self.waits = Some(cx.now + NONCE_AGAIN);
                self.outputs.push_back(Output::Send(frame));
            }
            // The keys of a key exchange are available, and its commands are short.
            Sealing::Impossible(_) => {}
        }
    }

    /// The node could not decrypt the last command, or asks for it again: send it once more.
    fn repeat<F: Fresh>(&mut self, cx: &mut Context<'_, F>) {
        if self.waits.is_some() || !std::mem::replace(&mut self.repeated, true) {
            self.seal_last(cx);
        }
    }

    /// Ends with a failure, and reports it to the node if that helps.
    fn give_up(&mut self, failure: Failure) -> State {
        if let Some(fail_type) = failure.fail_type() {
            self.say(Security2::KEXFail(KexFail { fail_type }));
        }
        self.end(Err(failure))
    }

    /// The same, if the node has the temporary key.
    fn refuse<F: Fresh>(&mut self, failure: Failure, cx: &mut Context<'_, F>) -> State {
        let sealed = [FailType::AUTH, FailType::KEY_GET, FailType::KEY_VERIFY];
        if let Some(fail_type) = failure.fail_type().filter(|it| sealed.contains(it))
            && self.session.protection() == Some(FrameKey::Temporary)
        {
            let command = Command::Security2(Security2::KEXFail(KexFail { fail_type })).write();
            if let Sealing::Frame(frame) = self.session.seal(cx.context, FrameKey::Temporary, &command, cx.now, cx.entropy) {
                self.outputs.push_back(Output::Send(frame));
                return self.end(Err(failure));
            }
        }
        self.give_up(failure)
    }

    fn end(&mut self, how: Result<Granted, Failure>) -> State {
        self.session.grant(how.as_ref().map_or(KeyMask::NONE, |granted| granted.keys));
        self.outputs.push_back(Output::Ended(how));
        State::Ended
    }
}
