//! S0 key transfer to a node, on the including side (docs/protocol/security.md A6).
//!
//! | step | what | under |
//! | --- | --- | --- |
//! | 1–2 | Scheme Get, Scheme Report | clear |
//! | 3–4 | Nonce Get, Nonce Report, Network Key Set | the zero key: anyone who listens at this moment has the key |
//! | 5 | the node requests a nonce and sends Network Key Verify | the network key |
//! | 6 | a controller only: Scheme Inherit, Scheme Report | the network key |
//! | 7 | Commands Supported Get, Commands Supported Report | the network key |
//!
//! Each step has ten seconds, and a frame without acknowledgement is sent again within them. After step 6 the key is
//! granted: if the class list is missing, the interview requests it.

use std::fmt;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::command::security::{CommandsSupportedReport, Encapsulation, Nonce, NonceReport, Schemes, Security};
use crate::command::{ClassId, Command};
use crate::domain::ids::NodeId;
use crate::domain::time::{Deadline, Instant};
use crate::security::Fresh;
use crate::security::crypto::Key;

use super::S0Keys;
use super::peer::{CannotSend, Next, Peer, Refused, Said};

/// Time-out of each step.
const STEP: Duration = Duration::from_secs(10);
/// Number of retries of a frame that is not acknowledged.
const RETRIES: u8 = 2;

/// Key transfer to one node. Start it directly after the node was added, if it lists Security and not Security 2.
pub struct Inclusion {
    peer: Peer,
    network_key: Key,
    keys: S0Keys,
    joins_as_controller: bool,
    room: usize,
    step: S0Step,
    since: Instant,
    retries: u8,
    /// Something was encrypted with another key, by the node or by someone else.
    wrong_key: bool,
    classes: SecureClasses,
}

/// The state of the transfer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum S0Step {
    /// Waiting for the Scheme Report.
    Scheme,
    /// Waiting for a nonce to encrypt the key with.
    Key,
    /// The key was sent; waiting for Network Key Verify.
    Verify,
    /// A controller was told to inherit the scheme.
    Inherit,
    /// Waiting for the class list.
    Classes,
    /// The result was returned.
    Over,
}

impl fmt::Display for S0Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scheme => "agreeing on the scheme",
            Self::Key => "sending the key",
            Self::Verify => "waiting for the node to use the key",
            Self::Inherit => "telling the controller to inherit the scheme",
            Self::Classes => "asking for the secure classes",
            Self::Over => "having ended",
        })
    }
}

/// What to do after a call.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Turn {
    /// Payloads to send to the node, in this order.
    pub send: Vec<Vec<u8>>,
    pub outcome: Option<Result<Granted, NotGranted>>,
}

/// The node has the key and proved it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Granted {
    /// The classes that it supports under S0 only; `None` if it did not report them.
    pub classes: Option<SecureClasses>,
}

/// The classes that a node supports under S0 only.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct SecureClasses {
    pub supported: Vec<ClassId>,
    /// The classes that it controls.
    pub controlled: Vec<ClassId>,
}

/// Why the node has no key. It is in the network without security.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotGranted {
    /// Long Range has no S0.
    #[error("nodes of Long Range have no S0; exclude the device and include it with S2 by SmartStart")]
    LongRange,
    /// It did not answer within ten seconds.
    #[error("the node stopped answering while {0}; exclude the device, bring it near the controller and include it again")]
    Silent(S0Step),
    /// A frame was not acknowledged.
    #[error("the node could not be reached while {0}; exclude the device, bring it near the controller and include it again")]
    Unreachable(S0Step),
    /// The answer was not encrypted with the new key.
    #[error(
        "the node answered under another key than the one it was given; reset the device as its manual says, and include it again"
    )]
    WrongKey,
    /// The maximum payload of the controller is too short for the key.
    #[error("the controller cannot send frames of {needed} bytes, which the key transfer needs; use another controller")]
    NoRoom {
        /// Length of the payload in bytes.
        needed: usize,
    },
}

impl Inclusion {
    /// Starts: send the payload and report back what happens. `room` is the maximum payload of a frame in bytes.
    pub fn begin(
        own: NodeId,
        node: NodeId,
        network_key: &Key,
        joins_as_controller: bool,
        room: usize,
        now: Instant,
    ) -> Result<(Self, Vec<u8>), NotGranted> {
        let inclusion = Self {
            peer: Peer::new(own, node).ok_or(NotGranted::LongRange)?,
            network_key: network_key.clone(),
            keys: S0Keys::of(network_key),
            joins_as_controller,
            room,
            step: S0Step::Scheme,
            since: now,
            retries: 0,
            wrong_key: false,
            classes: SecureClasses::default(),
        };
        Ok((inclusion, scheme_get()))
    }

    /// When to call [`Self::handle_timeout`].
    pub fn poll_deadline(&self) -> Option<Deadline> {
        (self.step != S0Step::Over).then(|| Deadline { at: self.since + STEP, why: "S0 inclusion step" })
    }

    /// Handles a Security command of the node. Others are ignored.
    pub fn receive(&mut self, said: Security, now: Instant, entropy: &mut impl Fresh) -> Turn {
        match said {
            _ if self.step == S0Step::Over => Turn::default(),
            Security::SchemeReport(_) if self.step == S0Step::Scheme => self.enter(S0Step::Key, now, entropy),
            Security::NonceGet => Turn::sending(self.peer.nonce_asked(now, entropy).map(nonce_report)),
            Security::NonceReport(report) if self.peer.nonce_told(report.nonce.clone(), now) => self.go_on(now, entropy),
            Security::CommandEncapsulation(frame) => self.opened(&frame, false, now, entropy),
            Security::CommandEncapsulationNonceGet(frame) => self.opened(&frame, true, now, entropy),
            // Unencrypted, anyone could have sent it.
            _ => Turn::default(),
        }
    }

    /// The last payload was not acknowledged.
    pub fn not_delivered(&mut self, now: Instant, entropy: &mut impl Fresh) -> Turn {
        if self.step == S0Step::Over {
            return Turn::default();
        }
        self.retries += 1;
        if self.retries > RETRIES {
            return self.fail(NotGranted::Unreachable(self.step));
        }
        self.peer.abandon();
        match self.step {
            S0Step::Scheme => Turn::sending(Some(scheme_get())),
            // The node may have used up the nonce with this frame, so a new one is requested.
            S0Step::Verify => {
                self.step = S0Step::Key;
                self.send_command(now, entropy)
            }
            S0Step::Key | S0Step::Inherit | S0Step::Classes => self.send_command(now, entropy),
            S0Step::Over => Turn::default(),
        }
    }

    /// Checks the time-out of the step.
    pub fn handle_timeout(&mut self, now: Instant) -> Turn {
        if self.step == S0Step::Over || now.since(self.since) < STEP {
            return Turn::default();
        }
        match self.step {
            S0Step::Classes => self.succeed(None),
            S0Step::Verify if self.wrong_key => self.fail(NotGranted::WrongKey),
            step => self.fail(NotGranted::Silent(step)),
        }
    }

    fn opened(&mut self, frame: &Encapsulation, wants_nonce: bool, now: Instant, entropy: &mut impl Fresh) -> Turn {
        let opened = self.peer.open(frame, wants_nonce, &self.keys, now, entropy);
        let mut turn = Turn::sending(opened.nonce.map(nonce_report));
        self.wrong_key |= opened.said == Said::Nothing(Refused::NotAuthentic);
        let Said::Command(command) = opened.said else { return turn };
        let Ok(Command::Security(command)) = Command::parse(&command) else { return turn };
        turn.append(match (self.step, command) {
            (S0Step::Verify, Security::NetworkKeyVerify) if self.joins_as_controller => self.enter(S0Step::Inherit, now, entropy),
            (S0Step::Verify, Security::NetworkKeyVerify) | (S0Step::Inherit, Security::SchemeReport(_)) => {
                self.enter(S0Step::Classes, now, entropy)
            }
            (S0Step::Classes, Security::CommandsSupportedReport(report)) => self.listed(report, now),
            _ => Turn::default(),
        });
        turn
    }

    fn listed(&mut self, report: CommandsSupportedReport, now: Instant) -> Turn {
        self.classes.supported.extend(report.supported);
        self.classes.controlled.extend(report.controlled.into_iter().flatten());
        if report.reports_to_follow > 0 {
            self.since = now;
            return Turn::default();
        }
        let classes = std::mem::take(&mut self.classes);
        self.succeed(Some(classes))
    }

    fn enter(&mut self, step: S0Step, now: Instant, entropy: &mut impl Fresh) -> Turn {
        (self.step, self.since, self.retries) = (step, now, 0);
        self.peer.abandon();
        self.send_command(now, entropy)
    }

    /// Starts sending the command of this step.
    fn send_command(&mut self, now: Instant, entropy: &mut impl Fresh) -> Turn {
        let command = match self.step {
            S0Step::Key => {
                let mut command = Zeroizing::new(Vec::with_capacity(18));
                command.extend([0x98, 0x06]);
                command.extend(self.network_key.reveal());
                command
            }
            S0Step::Inherit => security(Security::SchemeInherit(Schemes::ZERO_KEY)),
            S0Step::Classes => security(Security::CommandsSupportedGet),
            S0Step::Scheme | S0Step::Verify | S0Step::Over => return Turn::default(),
        };
        match self.peer.begin(&command, self.room) {
            Ok(()) => self.go_on(now, entropy),
            Err(CannotSend::TooLong { len, .. }) => self.fail(NotGranted::NoRoom { needed: len }),
            // Whatever was under way was abandoned at the beginning of the step.
            Err(CannotSend::Busy) => Turn::default(),
        }
    }

    fn go_on(&mut self, now: Instant, entropy: &mut impl Fresh) -> Turn {
        let temporary = S0Keys::temporary();
        let keys = if self.step == S0Step::Key { &temporary } else { &self.keys };
        match self.peer.next(keys, now, entropy) {
            Next::AskNonce => Turn::sending(Some(Command::Security(Security::NonceGet).write())),
            Next::Send { payload, last } => {
                if last && self.step == S0Step::Key {
                    self.step = S0Step::Verify;
                    if self.retries == 0 {
                        self.since = now;
                    }
                }
                Turn::sending(Some(payload))
            }
            Next::Idle => Turn::default(),
        }
    }

    fn succeed(&mut self, classes: Option<SecureClasses>) -> Turn {
        self.step = S0Step::Over;
        Turn { send: Vec::new(), outcome: Some(Ok(Granted { classes })) }
    }

    fn fail(&mut self, why: NotGranted) -> Turn {
        self.step = S0Step::Over;
        Turn { send: Vec::new(), outcome: Some(Err(why)) }
    }
}

impl Turn {
    fn sending(payload: Option<Vec<u8>>) -> Self {
        Self { send: payload.into_iter().collect(), outcome: None }
    }

    fn append(&mut self, later: Self) {
        self.send.extend(later.send);
        self.outcome = self.outcome.take().or(later.outcome);
    }
}

impl fmt::Debug for Inclusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inclusion").field("peer", &self.peer).field("step", &self.step).field("since", &self.since).finish()
    }
}

fn scheme_get() -> Vec<u8> {
    Command::Security(Security::SchemeGet(Schemes::ZERO_KEY)).write()
}

fn nonce_report(nonce: Nonce) -> Vec<u8> {
    Command::Security(Security::NonceReport(NonceReport { nonce })).write()
}

fn security(command: Security) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(Command::Security(command).write())
}

#[cfg(test)]
mod tests;
