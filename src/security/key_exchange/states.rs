//! The states of a key exchange, each with exactly the data that it needs. Inputs consume them: a message that comes
//! too early or a second time leaves the state as it was.

use std::time::Duration;

use super::{Context, DSK, DskPin, Failure, FrameKey, Grant, Granted, KeyExchangeStep, KeyMask, KeyQuestion, Line, Output};
use crate::command::Body;
use crate::command::security_2::{
    Curves, KexFlags, KexReport, KexSet, NetworkKeyGet, NetworkKeyReport, PublicKeyReport, Schemes, Security2, TransferEnd,
};
use crate::domain::node::SecurityClass;
use crate::security::Fresh;
use crate::security::crypto::derive::{ExpandedKey, TempPrk};
use crate::security::crypto::x25519::PublicKey;
use crate::security::keys::KeyId;

/// Time-out for each message of the node (TA1, TA2, TA4, TA5).
const STEP: Duration = Duration::from_secs(10);
/// Time-out for the user (TAI1, TAI2).
const PERSON: Duration = Duration::from_secs(240);
/// How often a node whose last message is lost is asked under its key.
const PROOFS: u8 = 3;
/// Time-out for the echo once the PIN is known: nodes send it every ten seconds.
const ECHO: Duration = Duration::from_secs(30);

/// The state of a key exchange.
#[derive(Debug)]
pub(super) enum State {
    AwaitReport,
    AwaitGrant(AwaitGrant),
    AwaitPublicKey(AwaitPublicKey),
    AwaitPin(AwaitPin),
    AwaitEcho(AwaitEcho),
    AwaitKeyGet(AwaitKeyGet),
    AwaitVerify(AwaitVerify),
    AwaitProof(AwaitProof),
    Ended,
}

/// The user decides on the keys.
#[derive(Clone, Debug)]
pub(super) struct AwaitGrant {
    report: KexReport,
    offered: KeyMask,
}

/// Keys are granted, and the public key of the node is awaited.
#[derive(Clone, Debug)]
pub(super) struct AwaitPublicKey {
    agreed: Agreed,
}

/// The user reads the PIN.
#[derive(Clone, Debug)]
pub(super) struct AwaitPin {
    agreed: Agreed,
    theirs: PublicKey,
}

/// The encrypted echo of the granted keys is awaited.
#[derive(Clone, Debug)]
pub(super) struct AwaitEcho {
    agreed: Agreed,
    dsk: [u8; DSK],
    /// The user types the controller's code into the device.
    typing: bool,
}

/// The node requests its keys, one by one.
#[derive(Clone, Debug)]
pub(super) struct AwaitKeyGet {
    agreed: Agreed,
    dsk: [u8; DSK],
    verified: KeyMask,
    /// The class whose key was verified last.
    last: Option<SecurityClass>,
}

/// A key was sent, and its verification is awaited.
#[derive(Clone, Debug)]
pub(super) struct AwaitVerify {
    transfer: AwaitKeyGet,
    class: SecurityClass,
}

/// All keys are verified and the node's last message is missing: it is asked under the highest key.
#[derive(Clone, Debug)]
pub(super) struct AwaitProof {
    transfer: AwaitKeyGet,
    class: SecurityClass,
    asked: u8,
}

/// What both sides sent unencrypted, and repeat encrypted.
#[derive(Clone, Copy, Debug)]
struct Agreed {
    report: KexReport,
    set: KexSet,
}

impl State {
    pub(super) fn begin() -> Self {
        Self::AwaitReport
    }

    /// The time-out of this state.
    pub(super) fn patience(&self) -> Option<Duration> {
        match self {
            Self::AwaitGrant(_) | Self::AwaitPin(_) | Self::AwaitEcho(AwaitEcho { typing: true, .. }) => Some(PERSON),
            Self::AwaitEcho(_) => Some(ECHO),
            Self::AwaitReport | Self::AwaitPublicKey(_) | Self::AwaitKeyGet(_) | Self::AwaitVerify(_) | Self::AwaitProof(_) => {
                Some(STEP)
            }
            Self::Ended => None,
        }
    }

    pub(super) fn too_late<F: Fresh>(self, line: &mut Line, cx: &mut Context<'_, F>) -> Self {
        let failure = match self {
            // The node has given up, or it is a member and only its last message was lost.
            Self::AwaitKeyGet(state) if state.has_all() => return state.ask_for_proof(line, cx),
            Self::AwaitProof(state) if state.asked < PROOFS => return state.ask(line, cx),
            Self::AwaitReport => Failure::NoAnswer(KeyExchangeStep::KexReport),
            Self::AwaitPublicKey(_) => Failure::NoAnswer(KeyExchangeStep::PublicKey),
            Self::AwaitEcho(AwaitEcho { typing: false, .. }) => Failure::NoAnswer(KeyExchangeStep::Echo),
            Self::AwaitKeyGet(_) | Self::AwaitProof(_) => Failure::NoAnswer(KeyExchangeStep::KeyGet),
            Self::AwaitVerify(_) => Failure::NoAnswer(KeyExchangeStep::Verify),
            Self::AwaitGrant(_) | Self::AwaitPin(_) | Self::AwaitEcho(_) | Self::Ended => Failure::NobodyAnswered,
        };
        line.give_up(failure)
    }

    /// Whether encrypted frames of the node can be decrypted.
    pub(super) fn opens_sealed(&self) -> bool {
        matches!(self, Self::AwaitEcho(_) | Self::AwaitKeyGet(_) | Self::AwaitVerify(_) | Self::AwaitProof(_))
    }

    /// The node sent an unencrypted command.
    pub(super) fn in_clear<F: Fresh>(self, command: Security2, line: &mut Line, cx: &mut Context<'_, F>) -> Self {
        match (self, command) {
            (Self::Ended, _) => Self::Ended,
            (_, Security2::KEXFail(fail)) => line.end(Err(Failure::StoppedByNode(fail.fail_type))),
            (Self::AwaitReport, Security2::KEXReport(report)) => reported(report, line),
            (Self::AwaitPublicKey(state), Security2::PublicKeyReport(report)) if !report.including_node => {
                state.told(report.public_key, line)
            }
            // These must be encrypted, and their keys are available.
            (
                Self::AwaitEcho(_) | Self::AwaitKeyGet(_) | Self::AwaitVerify(_),
                Security2::KEXSet(_) | Security2::NetworkKeyGet(_) | Security2::NetworkKeyVerify | Security2::TransferEnd(_),
            ) => line.refuse(Failure::Tampered, cx),
            (state, _) => state,
        }
    }

    /// The node sent an encrypted command.
    pub(super) fn sealed<F: Fresh>(
        self,
        protection: FrameKey,
        command: Security2,
        line: &mut Line,
        cx: &mut Context<'_, F>,
    ) -> Self {
        match (self, command) {
            (_, Security2::KEXFail(fail)) => line.end(Err(Failure::StoppedByNode(fail.fail_type))),
            (Self::AwaitEcho(state), Security2::KEXSet(set)) => state.echoed(protection, set, line, cx),
            (Self::AwaitKeyGet(state), command) => state.sealed(protection, command, line, cx),
            (Self::AwaitVerify(state), command) => state.sealed(protection, command, line, cx),
            (Self::AwaitProof(state), Security2::CommandsSupportedReport(_)) if protection == FrameKey::Class(state.class) => {
                state.transfer.granted(line)
            }
            (state, _) => state,
        }
    }

    /// A frame of the node that used our nonce did not decrypt. `report` would give the node another nonce.
    pub(super) fn unopened(self, line: &mut Line, report: Body) -> Self {
        match self {
            Self::AwaitEcho(_) => line.give_up(Failure::WrongPin),
            Self::AwaitVerify(_) => line.give_up(Failure::NotVerified),
            state => {
                line.outputs.push_back(Output::Answer(report));
                state
            }
        }
    }
}

/// The KEX Report arrived.
fn reported(report: KexReport, line: &mut Line) -> State {
    let long_range = line.session.peer().is_long_range();
    let offered = possible(report.requested_keys, line);
    let wants_csa = report.flags.client_side_authentication();
    let refused = if report.flags.echo() {
        Some(Failure::Tampered)
    } else if report.schemes != Schemes::SCHEME_1 {
        Some(Failure::NoCommonScheme)
    } else if report.curves != Curves::CURVE25519 {
        Some(Failure::NoCommonCurve)
    } else if offered.is_empty() {
        Some(Failure::NoCommonKey)
    } else if wants_csa && (long_range || line.known.is_some()) {
        // The device makes a new key pair for this exchange, so no label shows its DSK.
        Some(Failure::ClientSideAuthenticationRefused)
    } else {
        None
    };
    if let Some(failure) = refused {
        return line.give_up(failure);
    }
    let state = AwaitGrant { report, offered };
    let question = KeyQuestion::Grant { requested: offered, client_side_authentication: wants_csa };
    line.outputs.push_back(Output::Ask(question));
    State::AwaitGrant(state)
}

/// The requested keys that exist for this node.
fn possible(requested: KeyMask, line: &Line) -> KeyMask {
    let possible = if line.session.peer().is_long_range() { KeyMask::LONG_RANGE } else { KeyMask::KNOWN };
    requested & possible
}

impl AwaitGrant {
    /// The keys that the node can be granted.
    pub(super) fn offered(&self) -> KeyMask {
        self.offered
    }

    pub(super) fn decided(self, grant: Grant, line: &mut Line) -> State {
        let csa = self.report.flags.client_side_authentication();
        if grant.keys.is_empty() {
            return line.give_up(Failure::Cancelled);
        }
        if csa && !grant.client_side_authentication {
            return line.give_up(Failure::ClientSideAuthenticationRefused);
        }
        let set = KexSet {
            flags: KexFlags::granting(csa),
            scheme: Schemes::SCHEME_1,
            curve: Curves::CURVE25519,
            granted_keys: grant.keys,
        };
        line.say(Security2::KEXSet(set));
        State::AwaitPublicKey(AwaitPublicKey { agreed: Agreed { report: self.report, set } })
    }
}

impl AwaitPublicKey {
    /// The public key of the node arrived. Ours is sent at once, before the user enters the PIN.
    fn told(self, theirs: PublicKey, line: &mut Line) -> State {
        let agreed = self.agreed;
        let csa = agreed.set.flags.client_side_authentication();
        let is_blanked = !csa && !(agreed.set.granted_keys & KeyMask::AUTHENTICATED).is_empty();
        let whole = match &line.known {
            Some(known) => match completed(theirs, known.dsk, is_blanked) {
                Some(whole) => Some(whole),
                None => return line.give_up(Failure::OtherDevice),
            },
            None if is_blanked => None,
            None => Some(theirs),
        };

        let ours = line.private.public();
        let [first, second, third, fourth, rest @ ..] = ours.0;
        let mut shown = ours;
        if csa {
            let blanked = [0; 4].into_iter().chain(rest);
            shown.0.iter_mut().zip(blanked).for_each(|(to, from)| *to = from);
        }
        line.say(Security2::PublicKeyReport(PublicKeyReport { including_node: true, public_key: shown }));

        let Some(theirs) = whole else {
            let mut dsk = dsk_of(&theirs);
            dsk.iter_mut().take(2).for_each(|byte| *byte = 0);
            line.outputs.push_back(Output::Ask(KeyQuestion::Pin { dsk }));
            return State::AwaitPin(AwaitPin { agreed, theirs });
        };
        if csa {
            let code = [[first, second], [third, fourth]].map(u16::from_be_bytes);
            line.outputs.push_back(Output::Ask(KeyQuestion::TypeIntoDevice { code }));
        }
        agree(agreed, theirs, csa, line)
    }
}

impl AwaitPin {
    /// The user entered the PIN.
    pub(super) fn entered(self, pin: &DskPin, line: &mut Line) -> State {
        let mut theirs = self.theirs;
        theirs.0.iter_mut().zip(pin.bytes()).for_each(|(to, from)| *to = from);
        agree(self.agreed, theirs, false, line)
    }
}

/// The node's public key with its missing bytes; `None` if it belongs to another device.
fn completed(theirs: PublicKey, dsk: [u8; DSK], is_blanked: bool) -> Option<PublicKey> {
    let mut whole = theirs;
    if is_blanked {
        whole.0.iter_mut().zip(dsk).take(2).for_each(|(to, from)| *to = from);
    }
    (dsk_of(&whole) == dsk).then_some(whole)
}

fn dsk_of(key: &PublicKey) -> [u8; DSK] {
    let [dsk @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = key.0;
    dsk
}

/// Both public keys are known: frames are encrypted from now on.
fn agree(agreed: Agreed, theirs: PublicKey, typing: bool, line: &mut Line) -> State {
    let Some(shared) = line.private.agree(&theirs) else { return line.give_up(Failure::BadPublicKey) };
    let prk = TempPrk::extract(&shared, &line.private.public(), &theirs);
    line.session.set_temporary(ExpandedKey::temporary(&prk));
    State::AwaitEcho(AwaitEcho { agreed, dsk: dsk_of(&theirs), typing })
}

impl AwaitEcho {
    /// The node repeated the granted keys, which proves that nobody modified them.
    fn echoed<F: Fresh>(self, protection: FrameKey, set: KexSet, line: &mut Line, cx: &mut Context<'_, F>) -> State {
        let agreed = self.agreed;
        if protection != FrameKey::Temporary || set != agreed.set_echo() {
            return line.refuse(Failure::Tampered, cx);
        }
        line.seal(FrameKey::Temporary, Security2::KEXReport(agreed.report_echo()), cx);
        State::AwaitKeyGet(AwaitKeyGet { agreed, dsk: self.dsk, verified: KeyMask::NONE, last: None })
    }
}

impl Agreed {
    fn set_echo(&self) -> KexSet {
        KexSet { flags: self.set.flags.echoed(), ..self.set }
    }

    fn report_echo(&self) -> KexReport {
        KexReport { flags: self.report.flags.echoed(), ..self.report }
    }
}

impl AwaitKeyGet {
    fn sealed<F: Fresh>(self, protection: FrameKey, command: Security2, line: &mut Line, cx: &mut Context<'_, F>) -> State {
        match command {
            // The node did not receive our answer.
            Security2::KEXSet(set) if self.verified.is_empty() && set == self.agreed.set_echo() => {
                line.seal(FrameKey::Temporary, Security2::KEXReport(self.agreed.report_echo()), cx);
                State::AwaitKeyGet(self)
            }
            Security2::NetworkKeyVerify if self.last.is_some_and(|class| protection == FrameKey::Class(class)) => {
                line.seal(FrameKey::Temporary, Security2::TransferEnd(TransferEnd::VERIFIED), cx);
                State::AwaitKeyGet(self)
            }
            Security2::KEXSet(_) | Security2::NetworkKeyVerify => line.refuse(Failure::Tampered, cx),
            Security2::NetworkKeyGet(_) | Security2::TransferEnd(_) if protection != FrameKey::Temporary => {
                line.refuse(Failure::Tampered, cx)
            }
            Security2::NetworkKeyGet(get) => self.asked(get, line, cx),
            Security2::TransferEnd(TransferEnd::COMPLETE) => self.completed(line, cx),
            Security2::TransferEnd(_) => line.refuse(Failure::Tampered, cx),
            _ => State::AwaitKeyGet(self),
        }
    }

    /// The node requests a key.
    fn asked<F: Fresh>(self, get: NetworkKeyGet, line: &mut Line, cx: &mut Context<'_, F>) -> State {
        let granted = self.agreed.set.granted_keys;
        let class = get.requested_key.single().filter(|_| granted.contains(get.requested_key));
        let key = class.and_then(|class| Some((class, KeyId::of(class, line.session.peer())?)));
        let Some((class, key)) = key else { return line.refuse(Failure::NotGranted, cx) };
        let network_key = cx.context.keys.network_key(key).clone();
        let report = NetworkKeyReport { granted_key: get.requested_key, network_key };
        line.session.expect(Some(class));
        line.seal(FrameKey::Temporary, Security2::NetworkKeyReport(report), cx);
        State::AwaitVerify(AwaitVerify { transfer: self, class })
    }

    /// The node has ended the transfer; it must have all keys that it was granted.
    fn completed<F: Fresh>(self, line: &mut Line, cx: &mut Context<'_, F>) -> State {
        if self.has_all() { self.granted(line) } else { line.refuse(Failure::KeysNotTaken, cx) }
    }

    fn has_all(&self) -> bool {
        self.verified == self.agreed.set.granted_keys
    }

    fn ask_for_proof<F: Fresh>(self, line: &mut Line, cx: &mut Context<'_, F>) -> State {
        let Some(class) = self.verified.classes().next() else { return line.give_up(Failure::KeysNotTaken) };
        // A member has wiped the temporary key and its nonces.
        line.session.grant(KeyMask::of(class));
        AwaitProof { transfer: self, class, asked: 0 }.ask(line, cx)
    }

    fn granted(self, line: &mut Line) -> State {
        let withheld = possible(self.agreed.report.requested_keys, line) & !self.verified;
        line.end(Ok(Granted { keys: self.verified, withheld, dsk: self.dsk }))
    }
}

impl AwaitProof {
    fn ask<F: Fresh>(self, line: &mut Line, cx: &mut Context<'_, F>) -> State {
        line.seal(FrameKey::Class(self.class), Security2::CommandsSupportedGet, cx);
        State::AwaitProof(Self { asked: self.asked + 1, ..self })
    }
}

impl AwaitVerify {
    fn sealed<F: Fresh>(self, protection: FrameKey, command: Security2, line: &mut Line, cx: &mut Context<'_, F>) -> State {
        let Self { mut transfer, class } = self;
        match command {
            Security2::NetworkKeyVerify if protection == FrameKey::Class(class) => {
                transfer.verified = transfer.verified | KeyMask::of(class);
                transfer.last = Some(class);
                line.seal(FrameKey::Temporary, Security2::TransferEnd(TransferEnd::VERIFIED), cx);
                State::AwaitKeyGet(transfer)
            }
            // The node did not receive the key.
            Security2::NetworkKeyGet(get) if protection == FrameKey::Temporary && get.requested_key == KeyMask::of(class) => {
                transfer.asked(get, line, cx)
            }
            Security2::NetworkKeyVerify | Security2::NetworkKeyGet(_) | Security2::TransferEnd(_) | Security2::KEXSet(_) => {
                line.refuse(Failure::Tampered, cx)
            }
            _ => State::AwaitVerify(Self { transfer, class }),
        }
    }
}
