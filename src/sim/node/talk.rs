//! A node with security: what it lists unencrypted, under which class it accepts commands, and how it gets and loses
//! its keys. It behaves as certified nodes do: once it has keys, it only answers questions about its identity
//! unencrypted, and ignores commands below its highest class. Locks and keypads without keys are as silent; other nodes
//! accept any command.

use std::collections::VecDeque;

use crate::command::security::{CommandsSupportedReport, Security};
use crate::command::security_2::{self, Security2};
use crate::command::{ClassId, Command};
use crate::domain::entropy::Entropy;
use crate::domain::node::SecurityClass;
use crate::domain::time::{Deadline, Instant};
use crate::security::keys::KeyMask;

use super::secured::Secured;
use super::segments::{GAP, Segments};
use super::{Membership, Node, STAYS_AWAKE, Spoken};
use crate::sim::joiner::{Failure, Joined, Joiner, Place, Wishes};
use crate::sim::model::Kind;

/// Classes that a lock with security also supports unencrypted.
const IN_CLEAR: [ClassId; 5] =
    [ClassId::Z_WAVE_PLUS_INFO, ClassId::TRANSPORT_SERVICE, ClassId::SUPERVISION, ClassId::SECURITY, ClassId::SECURITY_2];

impl Node {
    /// The classes in its node information frame: all, or those that are supported unencrypted.
    pub fn listed(&self) -> Vec<ClassId> {
        let in_clear = |class: &ClassId| !self.insists_on_keys() || IN_CLEAR.contains(class);
        self.named_classes().filter(in_clear).collect()
    }

    /// The classes that it supports under its highest class only.
    pub fn secure_classes(&self) -> Vec<ClassId> {
        self.named_classes().filter(|class| !IN_CLEAR.contains(class)).collect()
    }

    /// The highest class it was granted.
    pub fn class(&self) -> SecurityClass {
        self.memory.membership.as_ref().map(Membership::class).unwrap_or_default()
    }

    /// It was added to a network, and key exchange begins.
    pub fn join(&mut self, wishes: Wishes, place: Place, now: Instant) {
        let entropy = Entropy::from_seed(self.entropy.bytes());
        self.become_member(place, Joined::nothing(), entropy.child("in clear"));
        self.joining = Some(Joiner::begin(wishes, place, now, entropy));
        self.joined = None;
        self.woke_at = Some(now);
        self.wake(now);
    }

    /// The result of its key exchange; `None` while it is under way, or if there was none.
    pub fn joined(&self) -> Option<Result<KeyMask, Failure>> {
        self.joined
    }

    /// It was excluded: network, keys and lifeline are forgotten, codes stay.
    pub fn forget(&mut self) {
        self.memory.membership = None;
        self.memory.lifeline.clear();
        self.memory.lifeline_points.clear();
        self.memory.wake_up = None;
        self.power_cut();
    }

    /// The first two groups of the controller's DSK are typed into it. `false`: it does not wait for them.
    pub fn type_dsk(&mut self, code: [u16; 2], now: Instant) -> bool {
        let typed = self.joining.as_mut().is_some_and(|joining| joining.type_code(code, now));
        self.go_on_joining(now);
        typed
    }

    pub(super) fn security_classes(&self) -> Vec<(ClassId, u8)> {
        let classes = [
            (self.has_security(), ClassId::TRANSPORT_SERVICE, 2),
            (self.model.has_s0(), ClassId::SECURITY, 1),
            (self.model.has_s2(), ClassId::SECURITY_2, 1),
        ];
        classes.into_iter().filter(|(has, ..)| *has).map(|(_, class, version)| (class, version)).collect()
    }

    /// Whether it accepts a command that was received under `under`.
    pub(super) fn listens(&self, command: &Command, under: SecurityClass) -> bool {
        if !self.insists_on_keys() {
            return true;
        }
        let class = self.class();
        under == class && class != SecurityClass::None || IN_CLEAR.contains(&command.class())
    }

    /// Queues a payload to be sent under a class at that time.
    pub(super) fn speak(&mut self, payload: Vec<u8>, under: SecurityClass, at: Instant) {
        match &mut self.secured {
            Some(secured) if under != SecurityClass::None => secured.say(payload, under, at),
            _ => self.says.push_back(Spoken { at, payload }),
        }
    }

    /// Sends what is due, encrypted.
    pub(super) fn speak_secured(&mut self, now: Instant) {
        let (Some(secured), Some(membership)) = (&mut self.secured, &self.memory.membership) else { return };
        for frame in secured.due(membership, now) {
            // It stays awake for the answer, which may be a nonce.
            self.awake_until = self.awake_until.max(now + STAYS_AWAKE);
            say_cut(&mut self.segments, &mut self.says, frame, now);
        }
    }

    /// Handles a frame of an encapsulating class.
    pub(super) fn hear_secured(&mut self, command: Command, now: Instant) {
        if let Some(joining) = self.joining.as_mut().filter(|_| !matches!(command, Command::TransportService(_))) {
            joining.receive(command, now);
            return self.go_on_joining(now);
        }
        let (Some(secured), Some(membership)) = (&mut self.secured, &self.memory.membership) else { return };
        let heard = match command {
            Command::TransportService(said) => {
                let heard = self.segments.hear(&said);
                let at = (0..).map(|n| now + GAP * n);
                self.says.extend(heard.frames.into_iter().zip(at).map(|(payload, at)| Spoken { at, payload }));
                if let Some(Ok(command)) = heard.datagram.map(|datagram| Command::parse(&datagram)) {
                    match command {
                        Command::TransportService(_) => {}
                        Command::Security(_) | Command::Security2(_) => self.hear_secured(command, now),
                        command => self.take_in(command, SecurityClass::None, now),
                    }
                }
                return;
            }
            Command::Security(frame) => secured.hear_s0(membership, frame, now),
            Command::Security2(frame) => secured.hear_s2(membership, frame, now),
            _ => return,
        };
        self.says.extend(heard.answer.map(|payload| Spoken { at: now, payload }));
        let Some((under, command)) = heard.command else { return };
        let Ok(command) = Command::parse(&command) else { return };
        match self.supported_at(under, &command) {
            Some(report) => self.say(&report, under, self.model.thinking, now),
            None => self.take_in(command, under, now),
        }
    }

    /// The class list under a class: complete under the highest, empty under other granted classes.
    fn supported_at(&self, under: SecurityClass, command: &Command) -> Option<Command> {
        let supported = if under == self.class() { self.secure_classes() } else { Vec::new() };
        match command {
            Command::Security(Security::CommandsSupportedGet) if under == SecurityClass::S0 => {
                let report = CommandsSupportedReport { supported, ..CommandsSupportedReport::default() };
                Some(Command::Security(Security::CommandsSupportedReport(report)))
            }
            Command::Security2(Security2::CommandsSupportedGet) if under > SecurityClass::S0 => {
                let report = security_2::CommandsSupportedReport { supported, controlled: Vec::new() };
                Some(Command::Security2(Security2::CommandsSupportedReport(report)))
            }
            _ => None,
        }
    }

    /// Processes the result of the key exchange.
    pub(super) fn go_on_joining(&mut self, now: Instant) {
        let Some(joining) = self.joining.as_mut() else { return };
        joining.handle_timeout(now);
        while let Some(payload) = joining.poll_transmit() {
            self.awake_until = self.awake_until.max(now + STAYS_AWAKE);
            self.says.push_back(Spoken { at: now + self.model.thinking, payload });
        }
        self.joined = joining.ended();
        let Some(how) = self.joined else { return };
        let (Some(membership), Some(joining)) = (self.memory.membership.clone(), self.joining.take()) else { return };
        if how.is_ok() {
            let (joined, entropy) = joining.into_joined();
            let place = Place { home: membership.home, own: membership.own, controller: membership.controller };
            self.become_member(place, joined, entropy);
        }
    }

    pub(super) fn talk_deadline(&self) -> Option<Deadline> {
        let joining = self.joining.as_ref().and_then(Joiner::poll_deadline);
        Deadline::earliest(joining, self.secured.as_ref().and_then(Secured::poll_deadline))
    }

    fn become_member(&mut self, place: Place, joined: Joined, entropy: Entropy) {
        let Place { home, own, controller } = place;
        let membership = Membership { home, own, controller, granted: joined.granted, keys: joined.keys };
        self.secured = Some(Secured::going_on(&membership, joined.session, joined.peer, entropy));
        self.memory.membership = Some(membership);
    }

    fn insists_on_keys(&self) -> bool {
        let guards_doors = matches!(self.model.kind, Kind::Lock | Kind::Keypad);
        self.has_security() && (guards_doors || self.class() != SecurityClass::None)
    }

    fn has_security(&self) -> bool {
        self.model.has_s0() || self.model.has_s2()
    }
}

/// Sends a payload, in segments if it is too long.
fn say_cut(segments: &mut Segments, says: &mut VecDeque<Spoken>, frame: Vec<u8>, now: Instant) {
    let frames = segments.cut(frame);
    says.extend(frames.into_iter().zip(0..).map(|(payload, n)| Spoken { at: now + GAP * n, payload }));
}
