//! How a node that was just added gets its S2 keys, on the including side (docs/protocol/security.md B4;
//! docs/protocol/gateway.md §6.3). Pure: frames, decisions and moments go in; frames, questions and the end come out.
//!
//! 1. [`KeyExchange::begin`] at once after the node was added; nothing else is said to it until the end.
//! 2. Drain [`KeyExchange::poll_output`] after each call; wake up at [`KeyExchange::poll_deadline`].
//! 3. At [`Output::Ask`] a person decides, and answers by [`KeyExchange::grant`] or [`KeyExchange::pin`], or stops it by
//!    [`KeyExchange::refuse`] or [`KeyExchange::cancel`]. With [`Known`] no PIN is asked for: the label was scanned before.
//! 4. [`Output::Ended`] comes once. After a success, [`KeyExchange::into_session`] is the session with the node.
//!
//! There is no way down: a failure never ends in fewer keys, or in S0. The node stays in the network without keys, and
//! has to be excluded (docs/protocol/security.md B5).
//!
//! A node whose last message is lost has all its keys and does not call again. It is asked under the highest of them, and its
//! answer is the proof that it is a member; without an answer the bootstrapping failed.
//!
//! What the sheets leave open: a KEX Fail is believed sealed and in clear. We seal it where the node has the temporary key
//! and a nonce is there, as Z-Wave JS does, and send it in clear otherwise, as the reference library does. After the PIN,
//! the node's echo is waited for thirty seconds (the reference library's TA3), since nodes repeat it every ten; ten seconds
//! everywhere else.

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

/// A nonce that does not come is asked for again after this, within the time of the step.
const NONCE_AGAIN: Duration = Duration::from_secs(3);

/// The first sixteen bytes of a device's public key. Its label says it in decimal; the first five digits are the PIN.
pub const DSK: usize = 16;

/// The five digits on the device's label that prove which device it is. Wiped on drop.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct DskPin([u8; 2]);

impl DskPin {
    /// The PIN with this number, 0–65535: the first group of the DSK.
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

/// What is known of a device before it joins: SmartStart, or a scanned label.
#[derive(Clone, PartialEq, Eq)]
pub struct Known {
    /// Its whole DSK; another device is refused.
    pub dsk: [u8; DSK],
}

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Known").finish_non_exhaustive()
    }
}

/// What a person decided.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Grant {
    /// The keys the device gets. None is "no": the exchange ends.
    pub keys: KeyMask,
    /// Client-side authentication, where the device asks for it. A device that is refused it has no PIN to show: "no" ends
    /// the exchange.
    pub client_side_authentication: bool,
}

/// What a person is asked.
#[derive(Clone, PartialEq, Eq)]
pub enum KeyQuestion {
    /// Which keys the device shall have. Answer: [`KeyExchange::grant`].
    Grant {
        /// Those that it asks for, and can be given here.
        requested: KeyMask,
        /// The device has no label, and wants our code to be typed into it.
        client_side_authentication: bool,
    },
    /// The PIN on its label. The rest of the DSK is for comparison. Answer: [`KeyExchange::pin`].
    Pin {
        /// The DSK; its first two bytes are what is asked for, and zero.
        dsk: [u8; DSK],
    },
    /// These two groups of five digits must be typed into the device. No answer: it goes on by itself.
    TypeIntoDevice {
        /// The first two groups of our own DSK.
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

/// What is to be done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Output {
    /// Send this to the node.
    Send(Body),
    /// Send this to the node before everything else: it waits for a nonce.
    Answer(Body),
    /// Ask a person.
    Ask(KeyQuestion),
    /// It ended.
    Ended(Result<Granted, Failure>),
}

/// A decision that does not fit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum KeyInputRejected {
    /// Nobody asked, or it was answered already.
    #[error("the device is not waiting for that")]
    NotAsked,
    /// Keys that the device did not ask for.
    #[error("the device did not ask for those keys")]
    NotRequested,
}

/// One bootstrapping.
#[derive(Debug)]
pub struct KeyExchange {
    state: State,
    /// When the state gives up; none after the end.
    deadline: Option<Instant>,
    line: Line,
}

/// The session, and what is on its way over it.
#[derive(Debug)]
struct Line {
    session: Session,
    known: Option<Known>,
    private: PrivateKey,
    /// The last sealed command: said again once if the node could not open it, or asks again.
    last: Option<(FrameKey, Zeroizing<Vec<u8>>)>,
    /// It was said again.
    repeated: bool,
    /// It waits for a nonce, which is asked for again then.
    waits: Option<Instant>,
    outputs: VecDeque<Output>,
}

/// What the states are given beside their input.
struct Context<'a, F> {
    context: &'a S2Context<'a>,
    now: Instant,
    entropy: &'a mut F,
}

impl KeyExchange {
    /// Begins with the node `peer`.
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

    /// Takes in a Security 2 frame of the node. Frames to several nodes have no business here.
    pub fn receive(&mut self, context: &S2Context<'_>, frame: Security2, now: Instant, entropy: &mut impl Fresh) {
        // Nobody can open it yet: the node repeats it until the PIN is known.
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

    /// The keys that [`KeyQuestion::Grant`] is about, while it is open.
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

    /// Somebody wants it to end.
    pub fn cancel(&mut self, now: Instant) {
        self.refuse(Failure::Cancelled, now);
    }

    /// The device gets no keys.
    pub fn refuse(&mut self, why: Failure, now: Instant) {
        if !matches!(self.state, State::Ended) {
            let next = self.line.give_up(why);
            self.enter(next, now);
        }
    }

    /// Does what is due. Calling it early does no harm.
    pub fn handle_timeout(&mut self, context: &S2Context<'_>, now: Instant, entropy: &mut impl Fresh) {
        if self.deadline.is_some_and(|at| at <= now) {
            // Silence: the node has its own timers (docs/protocol/gateway.md §6.3).
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
        let gives_up = self.deadline.map(|at| Deadline { at, why: "S2 bootstrapping" });
        let asks = self.line.waits.map(|at| Deadline { at, why: "nonce for S2 bootstrapping" });
        Deadline::earliest(gives_up, asks)
    }

    /// What is to be done next; `None` when everything is said.
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
            // What repeats a step, or is passed over, gives no more time for it.
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
    /// Sends a command in clear.
    fn say(&mut self, command: Security2) {
        self.outputs.push_back(Output::Send(Body(Command::Security2(command).write())));
    }

    /// Sends a command sealed, as soon as there is a nonce.
    fn seal<F: Fresh>(&mut self, protection: FrameKey, command: Security2, cx: &mut Context<'_, F>) {
        self.last = Some((protection, Zeroizing::new(Command::Security2(command).write())));
        self.repeated = false;
        self.seal_last(cx);
    }

    /// Seals what was said last, or asks for the nonce again.
    fn seal_last<F: Fresh>(&mut self, cx: &mut Context<'_, F>) {
        self.waits = None;
        let Some((protection, command)) = &self.last else { return };
        match self.session.seal(cx.context, *protection, command, cx.now, cx.entropy) {
            Sealing::Frame(frame) => self.outputs.push_back(Output::Send(frame)),
            Sealing::NonceGet(frame) => {
                self.waits = Some(cx.now + NONCE_AGAIN);
                self.outputs.push_back(Output::Send(frame));
            }
            // The keys of a bootstrapping are there, and its commands short.
            Sealing::Impossible(_) => {}
        }
    }

    /// The node could not open what was said last, or asks for it again: once more.
    fn repeat<F: Fresh>(&mut self, cx: &mut Context<'_, F>) {
        if self.waits.is_some() || !std::mem::replace(&mut self.repeated, true) {
            self.seal_last(cx);
        }
    }

    /// Ends in failure, and tells the node if it can profit from it.
    fn give_up(&mut self, failure: Failure) -> State {
        if let Some(fail_type) = failure.fail_type() {
            self.say(Security2::KEXFail(KexFail { fail_type }));
        }
        self.end(Err(failure))
    }

    /// The same, where the node has the temporary key.
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
