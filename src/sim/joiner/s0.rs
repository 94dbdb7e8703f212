//! The joining side of S0 (docs/protocol/security.md A6): scheme, nonce, the key under the zero key, and its
//! verification.

use std::collections::VecDeque;
use std::time::Duration;

use zeroize::Zeroizing;

use super::parts::{Failure, Fault, JoinStep, Place, Wishes};
use crate::command::Command;
use crate::command::security::{Encapsulation, NonceReport, Schemes, Security};
use crate::domain::time::{Deadline, Instant};
use crate::security::Fresh;
use crate::security::crypto::Key;
use crate::security::keys::KeyMask;
use crate::security::s0::S0Keys;
use crate::security::s0::peer::{Next, Peer, Said};

/// Time-out for the first frame.
const SCHEME_GET: Duration = Duration::from_secs(30);
/// Time-out for the other frames.
const STEP: Duration = Duration::from_secs(10);
/// The maximum payload of a frame.
const ROOM: usize = 46;

#[derive(Debug)]
enum State {
    AwaitScheme,
    AwaitKey,
    /// It has the key, and requested the nonce for Network Key Verify.
    Proving(Key),
    Ended(Result<Key, Failure>),
}

/// The key transfer to one device.
#[derive(Debug)]
pub(super) struct S0 {
    state: State,
    until: Instant,
    peer: Peer,
    fault: Option<Fault>,
    out: VecDeque<Vec<u8>>,
}

impl S0 {
    /// `None` on Long Range, which has no S0.
    pub(super) fn begin(wishes: &Wishes, place: Place, now: Instant) -> Option<Self> {
        let peer = Peer::new(place.own, place.controller)?;
        Some(Self { state: State::AwaitScheme, until: now + SCHEME_GET, peer, fault: wishes.fault, out: VecDeque::new() })
    }

    pub(super) fn receive(&mut self, command: Security, now: Instant, entropy: &mut impl Fresh) {
        match command {
            _ if matches!(self.state, State::Ended(_)) => {}
            // A repeat, because the answer was lost.
            Security::SchemeGet(_) if matches!(self.state, State::AwaitScheme | State::AwaitKey) => {
                (self.state, self.until) = (State::AwaitKey, now + STEP);
                self.say(JoinStep::SchemeReport, Command::Security(Security::SchemeReport(Schemes::ZERO_KEY)).write());
            }
            Security::NonceGet => {
                if let Some(nonce) = self.peer.nonce_asked(now, entropy) {
                    self.say(JoinStep::KeyNonce, Command::Security(Security::NonceReport(NonceReport { nonce })).write());
                }
            }
            Security::NonceReport(report) if self.peer.nonce_told(report.nonce.clone(), now) => self.prove(now, entropy),
            Security::CommandEncapsulation(frame) => self.opened(&frame, false, now, entropy),
            Security::CommandEncapsulationNonceGet(frame) => self.opened(&frame, true, now, entropy),
            _ => {}
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if !matches!(self.state, State::Ended(_)) && self.until <= now {
            self.state = State::Ended(Err(Failure::TooLate));
        }
    }

    pub(super) fn poll_deadline(&self) -> Option<Deadline> {
        let waits = !matches!(self.state, State::Ended(_));
        waits.then_some(Deadline { at: self.until, why: "a joining device gives up" })
    }

    pub(super) fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.out.pop_front()
    }

    pub(super) fn ended(&self) -> Option<Result<KeyMask, Failure>> {
        match &self.state {
            State::Ended(how) => Some(how.as_ref().map(|_| KeyMask(0x80)).map_err(|why| *why)),
            _ => None,
        }
    }

    /// The key (zero if there is none), and the session.
    pub(super) fn into_parts(self) -> (Key, Peer) {
        let key = match self.state {
            State::Ended(Ok(key)) => key,
            _ => Key::from_bytes([0; 16]),
        };
        (key, self.peer)
    }

    fn opened(&mut self, frame: &Encapsulation, wants_nonce: bool, now: Instant, entropy: &mut impl Fresh) {
        let opened = self.peer.open(frame, wants_nonce, &S0Keys::temporary(), now, entropy);
        let nonce = opened.nonce.map(|nonce| Command::Security(Security::NonceReport(NonceReport { nonce })).write());
        self.out.extend(nonce);
        let Said::Command(command) = opened.said else { return };
        let Ok(Command::Security(Security::NetworkKeySet(set))) = Command::parse(&command) else { return };
        // A repeat, because the controller does not know that it arrived.
        if !matches!(self.state, State::AwaitKey | State::Proving(_)) {
            return;
        }
        self.peer.abandon();
        (self.state, self.until) = (State::Proving(set.key), now + STEP);
        let verify = Zeroizing::new(Command::Security(Security::NetworkKeyVerify).write());
        if self.peer.begin(&verify, ROOM).is_ok() {
            self.prove(now, entropy);
        }
    }

    /// Sends Network Key Verify under the new key.
    fn prove(&mut self, now: Instant, entropy: &mut impl Fresh) {
        let State::Proving(key) = &self.state else { return };
        let key = key.clone();
        match self.peer.next(&S0Keys::of(&key), now, entropy) {
            Next::AskNonce => self.say(JoinStep::KeyVerify, Command::Security(Security::NonceGet).write()),
            Next::Send { mut payload, .. } => {
                if self.fault == Some(Fault::Tampers(JoinStep::KeyVerify))
                    && let Some(byte) = payload.last_mut()
                {
                    *byte ^= 1;
                }
                self.out.push_back(payload);
                self.state = State::Ended(Ok(key));
            }
            Next::Idle => {}
        }
    }

    fn say(&mut self, step: JoinStep, frame: Vec<u8>) {
        if self.fault == Some(Fault::Silent(step)) {
            self.state = State::Ended(Err(Failure::FellSilent));
        } else {
            self.out.push_back(frame);
        }
    }
}
