//! The joining side of an S2 key exchange (docs/protocol/security.md B4; timers TB1–TB7). Each message is sent three
//! times within its step, and the echo every ten seconds, since the user may be looking for the PIN.

use std::collections::VecDeque;
use std::time::Duration;

use zeroize::Zeroizing;

use super::parts::{Failure, Fault, JoinStep, Place, Wishes, no_keys, with_key};
use crate::command::Command;
use crate::command::security_2::{
    Curves, FailType, KexFail, KexFlags, KexReport, KexSet, NetworkKeyGet, NetworkKeyReport, PublicKeyReport, Schemes, Security2,
    TransferEnd,
};
use crate::domain::time::{Deadline, Instant};
use crate::security::Fresh;
use crate::security::crypto::derive::{ExpandedKey, TempPrk};
use crate::security::crypto::x25519::{PrivateKey, PublicKey};
use crate::security::keys::{KeyId, KeyMask, NetworkKeys};
use crate::security::s2::{Addressing, FrameKey, Received, S2Context, Sealing, Session};

/// TB1: time-out for KEX Get.
const KEX_GET: Duration = Duration::from_secs(30);
/// TB2, TBI1: time-out for KEX Set, for the answer to the echo, and for the user.
const PERSON: Duration = Duration::from_secs(240);
/// TB3, TB6, TB7: time-out for everything without the user.
const STEP: Duration = Duration::from_secs(10);
/// TB5: pause between two echoes.
const ECHO_AGAIN: Duration = Duration::from_secs(10);
/// Pause between two transmissions of other messages, and their number.
const AGAIN: Duration = Duration::from_secs(3);
const TRANSMISSIONS: u8 = 3;

#[derive(Clone, PartialEq, Eq, Debug)]
enum State {
    AwaitGet,
    AwaitSet,
    AwaitTheirKey(KexSet),
    AwaitCode(KexSet, PublicKey),
    AwaitEcho(KexSet),
    /// A key was requested: the first of these.
    AwaitKey(Wanted),
    /// It arrived, and its verification was sent.
    AwaitConfirmation(Wanted),
    /// It has all keys: its last message may wait for a nonce.
    Finishing(KeyMask),
    Ended(Result<KeyMask, Failure>),
}

/// Keys that are still to be requested, the next one first.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Wanted {
    granted: KeyMask,
    next: KeyMask,
    then: VecDeque<KeyMask>,
}

#[derive(Clone, Debug)]
struct Said {
    step: JoinStep,
    /// `None` sends it in clear.
    protection: Option<FrameKey>,
    command: Zeroizing<Vec<u8>>,
    /// The peer could not decrypt it, and it was encrypted again once.
    resealed: bool,
    again: Instant,
    left: u8,
}

#[derive(Debug)]
pub(super) struct S2 {
    state: State,
    /// The time-out of the state.
    until: Instant,
    place: Place,
    session: Session,
    private: PrivateKey,
    fault: Option<Fault>,
    report: KexReport,
    has_temporary: bool,
    keys: NetworkKeys,
    last: Option<Said>,
    out: VecDeque<Vec<u8>>,
}

/// Context of every call.
struct Context<'a, F> {
    now: Instant,
    entropy: &'a mut F,
}

impl S2 {
    pub(super) fn begin(wishes: &Wishes, place: Place, now: Instant, entropy: &mut impl Fresh) -> Self {
        let csa = wishes.client_side_authentication;
        let session = Session::new(place.controller, KeyMask::NONE, entropy);
        Self {
            state: State::AwaitGet,
            until: now + KEX_GET,
            place,
            session,
            private: if csa { PrivateKey::from_bytes(entropy.fresh()) } else { wishes.private.clone() },
            fault: wishes.fault,
            report: KexReport {
                flags: KexFlags::granting(csa),
                schemes: Schemes::SCHEME_1,
                curves: Curves::CURVE25519,
                requested_keys: wishes.keys,
            },
            has_temporary: false,
            keys: no_keys(),
            last: None,
            out: VecDeque::new(),
        }
    }

    pub(super) fn receive(&mut self, frame: Security2, now: Instant, entropy: &mut impl Fresh) {
        let sealed = matches!(frame, Security2::MessageEncapsulation(_));
        if matches!(self.state, State::Ended(_)) || sealed && !self.has_temporary {
            return;
        }
        let context = S2Context { home: self.place.home, own: self.place.own, keys: &self.keys };
        let received = self.session.receive(&context, frame, Addressing::Single, now, entropy);
        let mut cx = Context { now, entropy };
        match received {
            Received::InClear(command) => self.in_clear(command, &mut cx),
            Received::Command(opened) => {
                if let Ok(Command::Security2(command)) = Command::parse(&opened.command) {
                    self.opened(opened.protection, command, &mut cx);
                }
            }
            Received::Answer { frame, .. } => self.out.push_back(frame.0),
            Received::Nonce => self.say_last(&mut cx),
            Received::Resync => {
                if self.last.as_mut().is_some_and(|last| !std::mem::replace(&mut last.resealed, true)) {
                    self.say_last(&mut cx);
                }
            }
            Received::Duplicate | Received::Ignored(_) => {}
        }
    }

    /// The user types the missing bytes of the controller's key.
    pub(super) fn type_code(&mut self, code: [u16; 2], now: Instant, entropy: &mut impl Fresh) -> bool {
        let State::AwaitCode(set, mut theirs) = self.state else { return false };
        theirs.0.iter_mut().zip(code.into_iter().flat_map(u16::to_be_bytes)).for_each(|(to, from)| *to = from);
        self.agree(set, &theirs, &mut Context { now, entropy });
        true
    }

    pub(super) fn handle_timeout(&mut self, now: Instant, entropy: &mut impl Fresh) {
        if matches!(self.state, State::Ended(_)) {
            return;
        }
        if self.until <= now {
            return self.end(Err(Failure::TooLate));
        }
        if let Some(last) = self.last.as_mut().filter(|last| last.left > 0 && last.again <= now) {
            last.left -= 1;
            last.resealed = false;
            last.again = now + pause(last.step);
            self.say_last(&mut Context { now, entropy });
        }
    }

    pub(super) fn poll_deadline(&self) -> Option<Deadline> {
        if matches!(self.state, State::Ended(_)) {
            return None;
        }
        let again = self.last.as_ref().filter(|last| last.left > 0);
        let again = again.map(|last| Deadline { at: last.again, why: "a joining device repeats itself" });
        Deadline::earliest(again, Some(Deadline { at: self.until, why: "a joining device gives up" }))
    }

    pub(super) fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.out.pop_front()
    }

    pub(super) fn ended(&self) -> Option<Result<KeyMask, Failure>> {
        match self.state {
            State::Ended(how) => Some(how),
            _ => None,
        }
    }

    /// The keys and the session.
    pub(super) fn into_parts(self) -> (NetworkKeys, Session) {
        (self.keys, self.session)
    }

    fn in_clear<F: Fresh>(&mut self, command: Security2, cx: &mut Context<'_, F>) {
        match (&self.state, command) {
            (_, Security2::KEXFail(fail)) => self.end(Err(Failure::Stopped(fail.fail_type))),
            (State::AwaitGet | State::AwaitSet, Security2::KEXGet) => {
                self.enter(State::AwaitSet, PERSON, cx.now);
                self.say(JoinStep::KexReport, None, Security2::KEXReport(self.report), cx);
                // The controller repeats its request if it missed this answer.
                self.last = None;
            }
            (State::AwaitSet, Security2::KEXSet(set)) => self.granted(set, cx),
            (State::AwaitTheirKey(set), Security2::PublicKeyReport(report)) if report.including_node => {
                let set = *set;
                if set.flags.client_side_authentication() {
                    self.last = None;
                    self.enter(State::AwaitCode(set, report.public_key), PERSON, cx.now);
                } else {
                    self.agree(set, &report.public_key, cx);
                }
            }
            // Messages that have to be encrypted are not accepted unencrypted.
            (State::AwaitEcho(_), Security2::KEXReport(_))
            | (State::AwaitKey(_), Security2::NetworkKeyReport(_))
            | (State::AwaitConfirmation(_), Security2::TransferEnd(_)) => self.refuse(FailType::AUTH, cx),
            _ => {}
        }
    }

    fn granted<F: Fresh>(&mut self, set: KexSet, cx: &mut Context<'_, F>) {
        let csa = self.report.flags.client_side_authentication();
        let is_lr = self.place.own.is_long_range();
        let refused = if set.flags.echo() {
            Some(FailType::AUTH)
        } else if set.scheme != Schemes::SCHEME_1 {
            Some(FailType::KEX_SCHEME)
        } else if set.curve != Curves::CURVE25519 {
            Some(FailType::KEX_CURVES)
        } else if !self.report.requested_keys.contains(set.granted_keys) || is_lr && set.granted_keys.is_empty() {
            Some(FailType::KEX_KEY)
        } else if set.flags.client_side_authentication() != csa {
            // Without client-side authentication this device cannot be identified, since it has no label.
            Some(FailType::CANCEL)
        } else {
            None
        };
        if let Some(fail_type) = refused {
            return self.refuse(fail_type, cx);
        }
        let mut public_key = self.private.public();
        if !csa && !(set.granted_keys & KeyMask::AUTHENTICATED).is_empty() {
            public_key.0.iter_mut().take(2).for_each(|byte| *byte = 0);
        }
        self.enter(State::AwaitTheirKey(set), STEP, cx.now);
        self.say(
            JoinStep::PublicKey,
            None,
            Security2::PublicKeyReport(PublicKeyReport { including_node: false, public_key }),
            cx,
        );
    }

    /// Both public keys are known: frames are encrypted from now on.
    fn agree<F: Fresh>(&mut self, set: KexSet, theirs: &PublicKey, cx: &mut Context<'_, F>) {
        let Some(shared) = self.private.agree(theirs) else { return self.refuse(FailType::DECRYPT, cx) };
        let prk = TempPrk::extract(&shared, theirs, &self.private.public());
        self.session.set_temporary(ExpandedKey::temporary(&prk));
        self.has_temporary = true;
        self.enter(State::AwaitEcho(set), PERSON, cx.now);
        let granted_keys = match self.fault {
            Some(Fault::WrongEcho(other)) => other,
            _ => set.granted_keys,
        };
        let echo = KexSet { flags: set.flags.echoed(), granted_keys, ..set };
        self.say(JoinStep::Echo, Some(FrameKey::Temporary), Security2::KEXSet(echo), cx);
    }

    fn opened<F: Fresh>(&mut self, protection: FrameKey, command: Security2, cx: &mut Context<'_, F>) {
        match (self.state.clone(), command) {
            (_, Security2::KEXFail(fail)) => self.end(Err(Failure::Stopped(fail.fail_type))),
            (
                State::AwaitEcho(_) | State::AwaitKey(_) | State::AwaitConfirmation(_),
                Security2::KEXReport(_) | Security2::NetworkKeyReport(_) | Security2::TransferEnd(_),
            ) if protection != FrameKey::Temporary => self.refuse(FailType::AUTH, cx),
            (State::AwaitEcho(set), Security2::KEXReport(report)) => {
                if report != (KexReport { flags: self.report.flags.echoed(), ..self.report }) {
                    return self.refuse(FailType::AUTH, cx);
                }
                let mut wanted: VecDeque<KeyMask> = set.granted_keys.classes().map(KeyMask::of).collect();
                if let Some(Fault::AsksFor(key)) = self.fault {
                    wanted.push_front(key);
                }
                self.ask(set.granted_keys, wanted, cx);
            }
            (State::AwaitKey(wanted), Security2::NetworkKeyReport(report)) => self.given(wanted, &report, cx),
            (State::AwaitConfirmation(wanted), Security2::TransferEnd(end)) => match end {
                TransferEnd::VERIFIED => self.ask(wanted.granted, wanted.then, cx),
                _ => self.refuse(FailType::AUTH, cx),
            },
            // A repeat of an earlier message.
            _ => {}
        }
    }

    /// Requests the next key, or sends Transfer End.
    fn ask<F: Fresh>(&mut self, granted: KeyMask, mut wanted: VecDeque<KeyMask>, cx: &mut Context<'_, F>) {
        let Some(next) = wanted.pop_front() else {
            self.enter(State::Finishing(granted), STEP, cx.now);
            return self.say(JoinStep::TransferEnd, Some(FrameKey::Temporary), Security2::TransferEnd(TransferEnd::COMPLETE), cx);
        };
        self.enter(State::AwaitKey(Wanted { granted, next, then: wanted }), STEP, cx.now);
        let get = NetworkKeyGet { requested_key: next };
        self.say(JoinStep::KeyGet, Some(FrameKey::Temporary), Security2::NetworkKeyGet(get), cx);
    }

    fn given<F: Fresh>(&mut self, wanted: Wanted, report: &NetworkKeyReport, cx: &mut Context<'_, F>) {
        let class = report.granted_key.single().filter(|_| report.granted_key == wanted.next);
        let id = class.and_then(|class| Some((class, KeyId::of(class, self.place.own)?)));
        let Some((class, id)) = id else { return self.refuse(FailType::KEY_REPORT, cx) };
        self.keys = with_key(&self.keys, id, &report.network_key);
        self.session.expect(Some(class));
        self.enter(State::AwaitConfirmation(wanted), STEP, cx.now);
        self.say(JoinStep::Verify, Some(FrameKey::Class(class)), Security2::NetworkKeyVerify, cx);
    }

    fn say<F: Fresh>(&mut self, step: JoinStep, protection: Option<FrameKey>, command: Security2, cx: &mut Context<'_, F>) {
        if let Some(Fault::Fails(at, fail_type)) = self.fault
            && at == step
        {
            return self.refuse(fail_type, cx);
        }
        let command = Zeroizing::new(Command::Security2(command).write());
        let left = if step == JoinStep::Echo { u8::MAX } else { TRANSMISSIONS - 1 };
        self.last = Some(Said { step, protection, command, resealed: false, again: cx.now + pause(step), left });
        self.say_last(cx);
    }

    /// Sends the last message, encrypted if required; or requests the nonce for it.
    fn say_last<F: Fresh>(&mut self, cx: &mut Context<'_, F>) {
        let Some(last) = self.last.clone() else { return };
        if self.fault.is_some_and(|fault| matches!(fault, Fault::Silent(at) if at == last.step)) {
            return self.end(Err(Failure::FellSilent));
        }
        let mut frame = match last.protection {
            None => last.command.to_vec(),
            Some(protection) => {
                let context = S2Context { home: self.place.home, own: self.place.own, keys: &self.keys };
                match self.session.seal(&context, protection, &last.command, cx.now, cx.entropy) {
                    Sealing::Frame(frame) => frame.0,
                    Sealing::NonceGet(frame) => return self.out.push_back(frame.0),
                    Sealing::Impossible(_) => return,
                }
            }
        };
        if self.fault == Some(Fault::Tampers(last.step))
            && let Some(byte) = frame.last_mut()
        {
            *byte ^= 1;
        }
        self.out.push_back(frame);
        if let State::Finishing(granted) = self.state {
            self.end(Ok(granted));
        }
    }

    /// Sends KEX Fail, encrypted if the controller can decrypt it (docs/protocol/security.md B5).
    fn refuse<F: Fresh>(&mut self, fail_type: FailType, cx: &mut Context<'_, F>) {
        let command = Command::Security2(Security2::KEXFail(KexFail { fail_type })).write();
        let context = S2Context { home: self.place.home, own: self.place.own, keys: &self.keys };
        let sealed = self.session.protection() == Some(FrameKey::Temporary);
        let frame = match sealed.then(|| self.session.seal(&context, FrameKey::Temporary, &command, cx.now, cx.entropy)) {
            Some(Sealing::Frame(frame)) => frame.0,
            _ => command,
        };
        self.out.push_back(frame);
        self.end(Err(Failure::Refused(fail_type)));
    }

    fn enter(&mut self, state: State, patience: Duration, now: Instant) {
        (self.state, self.until) = (state, now + patience);
    }

    fn end(&mut self, how: Result<KeyMask, Failure>) {
        self.last = None;
        self.session.grant(how.unwrap_or_default());
        self.state = State::Ended(how);
    }
}

fn pause(step: JoinStep) -> Duration {
    if step == JoinStep::Echo { ECHO_AGAIN } else { AGAIN }
}
