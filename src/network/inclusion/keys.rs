//! The host's part of an inclusion: the key exchange, before any other command is sent to the device
//! (docs/protocol/security.md A6 and B4; docs/protocol/gateway.md §6.2, §6.3). The protocols are in
//! [`crate::security`]; this file connects them with transmissions, time-outs and the user.
//!
//! There is no downgrade: a device that lists S2 and fails at it does not get S0, and a lock without either is refused.
//! [`super::policy`] decides which keys a device gets.

use super::policy::{Brought, Decision, Wish, decide};
use super::{Ended, JoinQuestion, JoinSecurity, Newcomer, Phase, Progress, Reason, Task, Warning};
use crate::command::{Body, ClassId, Command};
use crate::domain::ids::NodeId;
use crate::domain::node::{Joining, SecurityClass};
use crate::domain::time::Deadline;
use crate::network::datagrams::FRAME;
use crate::network::jobs::{Operation, Outcome, Priority, Requester, SendAs};
use crate::network::{Network, NetworkEvent};
use crate::security::dsk::Dsk;
use crate::security::key_exchange::{self, Grant, KeyExchange, Known};
use crate::security::keys::{KeyId, KeyMask};
use crate::security::s0;
use crate::security::s2::S2Context;
use crate::serial::FunctionId;

/// Generic device class of locks (docs/protocol/serial-api.md §4).
const ENTRY_CONTROL: u8 = 0x40;
/// Tries for each S2 frame. S0 counts its own tries, since each needs a new nonce.
const S2_TRIES: u8 = 3;

/// A key exchange under way.
#[derive(Debug)]
pub(super) enum KeyTransfer {
    /// All S2 classes, and S0 if the device asks for it, too.
    S2(Box<KeyExchange>),
    S0(Box<s0::inclusion::Inclusion>),
}

impl KeyTransfer {
    pub(super) fn deadline(&self) -> Option<Deadline> {
        match self {
            Self::S2(exchange) => exchange.poll_deadline(),
            Self::S0(inclusion) => inclusion.poll_deadline(),
        }
    }
}

impl Network {
    /// Starts the key exchange with a device that the controller added, if the device supports what the terms require.
    pub(super) fn start_key_exchange(&mut self, newcomer: &Newcomer) {
        let (id, now) = (newcomer.node, self.clock);
        let Some(operation) = &mut self.membership.operation else { return };
        operation.is_lock = newcomer.is_lock();
        let lists = |class: ClassId| newcomer.info.as_ref().is_none_or(|info| info.supported.contains(&class));
        let demands_proof = operation.brought() != Brought::Nothing;
        let (protection, known) = match &operation.task {
            Task::Include(terms) | Task::ReplaceFailed(_, terms) => (terms.security, None),
            // Always S2, even if the node information does not list it (docs/protocol/gateway.md §6.5).
            Task::SmartStart { expected, .. } => (JoinSecurity::Best, Some(Known { dsk: *expected.dsk.reveal() })),
            Task::Exclude | Task::RemoveFailed(_) => return,
        };
        match protection {
            JoinSecurity::Best if known.is_some() || lists(ClassId::SECURITY_2) => {
                let exchange = KeyExchange::begin(id, known, now, &mut self.entropy);
                self.enter(Phase::Keys(id, KeyTransfer::S2(Box::new(exchange))), None);
                self.process_key_exchange();
            }
            // The node information is not encrypted: an attacker who removes S2 from it would get the S0 key, which is
            // sent under a known key.
            JoinSecurity::Best if demands_proof => self.end_change(Err(Reason::NoS2Offered)),
            JoinSecurity::Best | JoinSecurity::S0 if lists(ClassId::SECURITY) => self.begin_s0(id),
            JoinSecurity::Best | JoinSecurity::S0 if newcomer.is_lock() => self.end_change(Err(Reason::Insecure)),
            JoinSecurity::Best | JoinSecurity::S0 | JoinSecurity::Insecure => {
                self.receive_member(id, SecurityClass::None, protection == JoinSecurity::Insecure);
            }
        }
    }

    /// Whether key exchange with this node is under way, so that its S0 and S2 frames belong to it.
    pub(in crate::network) fn is_joining(&self, id: NodeId) -> bool {
        self.nodes.get(&id).is_some_and(|state| state.node.joining == Joining::UnderWay)
    }

    /// A joining device sent a frame that belongs to the key exchange.
    pub(in crate::network) fn receive_from_joiner(&mut self, id: NodeId, said: Command) {
        let (now, own) = (self.clock, self.own);
        let Some(operation) = &mut self.membership.operation else { return };
        let Phase::Keys(node, talk) = &mut operation.phase else { return };
        if *node != id {
            return;
        }
        match (talk, said) {
            (KeyTransfer::S2(exchange), Command::Security2(said)) => {
                let Some(home) = self.home else { return };
                let context = S2Context { home, own, keys: &self.keyring.network };
                exchange.receive(&context, said, now, &mut self.entropy);
                self.process_key_exchange();
            }
            (KeyTransfer::S0(inclusion), Command::Security(said)) => {
                let turn = inclusion.receive(said, now, &mut self.entropy);
                self.take_s0_turn(id, turn);
            }
            (KeyTransfer::S2(_) | KeyTransfer::S0(_), _) => {}
        }
    }

    /// Result of a transmission of the key exchange.
    pub(in crate::network) fn joiner_frame_sent(&mut self, id: NodeId, outcome: &Outcome) {
        let now = self.clock;
        if *outcome == Outcome::Delivered {
            return;
        }
        let Some(operation) = &mut self.membership.operation else { return };
        let Phase::Keys(node, talk) = &mut operation.phase else { return };
        // S2 ignores the result, since its steps have their own time-outs.
        if let KeyTransfer::S0(inclusion) = talk
            && *node == id
        {
            let turn = inclusion.not_delivered(now, &mut self.entropy);
            self.take_s0_turn(id, turn);
        }
    }

    pub(super) fn check_keys(&mut self) {
        let (now, own) = (self.clock, self.own);
        let Some(operation) = &mut self.membership.operation else { return };
        let Phase::Keys(id, talk) = &mut operation.phase else { return };
        let id = *id;
        if talk.deadline().is_none_or(|deadline| deadline.at > now) {
            return;
        }
        match talk {
            KeyTransfer::S2(exchange) => {
                let Some(home) = self.home else { return };
                let context = S2Context { home, own, keys: &self.keyring.network };
                exchange.handle_timeout(&context, now, &mut self.entropy);
                self.process_key_exchange();
            }
            KeyTransfer::S0(inclusion) => {
                let turn = inclusion.handle_timeout(now);
                self.take_s0_turn(id, turn);
            }
        }
    }

    /// Processes the outputs of the S2 key exchange.
    pub(super) fn process_key_exchange(&mut self) {
        loop {
            let Some(operation) = &mut self.membership.operation else { return };
            let given = match &operation.task {
                Task::Include(terms) | Task::ReplaceFailed(_, terms) => terms.pin.clone(),
                Task::SmartStart { .. } | Task::Exclude | Task::RemoveFailed(_) => None,
            };
            let (brought, is_lock) = (operation.brought(), operation.is_lock);
            let Phase::Keys(id, KeyTransfer::S2(exchange)) = &mut operation.phase else { return };
            let id = *id;
            let Some(output) = exchange.poll_output() else { return };
            match output {
                key_exchange::Output::Send(body) => self.say_to_joiner(id, body, Priority::Reply, S2_TRIES),
                key_exchange::Output::Answer(body) => self.say_to_joiner(id, body, Priority::Nonce, 1),
                key_exchange::Output::Ask(key_exchange::KeyQuestion::Grant { requested, client_side_authentication }) => {
                    let decision = decide(Wish { keys: requested, client_side_authentication, is_lock }, brought);
                    match decision {
                        Decision::Grant(keys) => {
                            if let Err(why) = exchange.grant(Grant { keys, client_side_authentication }, self.clock) {
                                tracing::warn!(node = %id, %why, "the requested keys cannot be granted");
                            }
                        }
                        Decision::Refuse(why) => exchange.refuse(why, self.clock),
                        Decision::Ask(requested) => {
                            let is_enough = requested.classes().any(SecurityClass::is_for_doors);
                            let question = JoinQuestion::Keys { requested, for_door: is_lock && !is_enough };
                            self.tell(NetworkEvent::Change(Progress::Asked(question)));
                        }
                    }
                }
                key_exchange::Output::Ask(key_exchange::KeyQuestion::Pin { dsk }) => match given {
                    Some(pin) => {
                        if exchange.pin(&pin, self.clock).is_ok() {
                            self.tell(NetworkEvent::Change(Progress::Exchanging));
                        }
                    }
                    None => {
                        let question = JoinQuestion::Pin { tail: Dsk::new(dsk).tail() };
                        self.tell(NetworkEvent::Change(Progress::Asked(question)));
                    }
                },
                key_exchange::Output::Ask(key_exchange::KeyQuestion::TypeIntoDevice { code }) => {
                    self.tell(NetworkEvent::Change(Progress::Asked(JoinQuestion::TypeIntoDevice { code })));
                }
                key_exchange::Output::Ended(Err(failure)) => return self.end_change(Err(Reason::S2(failure))),
                key_exchange::Output::Ended(Ok(granted)) => return self.s2_keys_are_there(id, granted.keys),
            }
        }
    }

    fn s2_keys_are_there(&mut self, id: NodeId, keys: KeyMask) {
        let Some(operation) = &mut self.membership.operation else { return };
        let phase = std::mem::replace(&mut operation.phase, Phase::Looking);
        if let (Phase::Keys(_, KeyTransfer::S2(exchange)), Some(state)) = (phase, self.nodes.get_mut(&id)) {
            state.s2 = exchange.into_session();
        }
        self.receive_member(id, keys.classes().next().unwrap_or_default(), false);
    }

    fn begin_s0(&mut self, id: NodeId) {
        let key = self.keyring.network.network_key(KeyId::S0);
        match s0::inclusion::Inclusion::begin(self.own, id, key, false, FRAME, self.clock) {
            Ok((inclusion, first)) => {
                self.enter(Phase::Keys(id, KeyTransfer::S0(Box::new(inclusion))), None);
                self.say_to_joiner(id, Body(first), Priority::Reply, 1);
            }
            Err(why) => self.end_change(Err(Reason::S0(why))),
        }
    }

    fn take_s0_turn(&mut self, id: NodeId, turn: s0::inclusion::Turn) {
        for payload in turn.send {
            self.say_to_joiner(id, Body(payload), Priority::Reply, 1);
        }
        match turn.outcome {
            None => {}
            Some(Err(why)) => self.end_change(Err(Reason::S0(why))),
            Some(Ok(_)) => self.receive_member(id, SecurityClass::S0, false),
        }
    }

    fn say_to_joiner(&mut self, id: NodeId, payload: Body, priority: Priority, tries: u8) {
        let mut word = self.transaction(id, priority, Operation::Join { payload, tries }, Requester::Joining);
        word.send_as = SendAs::Class(SecurityClass::None);
        self.queue.push(word);
    }

    /// The device is a member: it has its keys, or is accepted without. Its interview follows.
    fn receive_member(&mut self, id: NodeId, security: SecurityClass, insecure_allowed: bool) {
        let Some(state) = self.nodes.get_mut(&id) else { return self.end_change(Err(Reason::ControllerFailed)) };
        let operation = self.membership.operation.as_ref();
        let is_lock = operation.is_some_and(|operation| operation.is_lock);
        // A user who was asked, and granted a lock keys below the minimum for doors, has decided that.
        let insecure_allowed = insecure_allowed || operation.is_some_and(|operation| operation.answered.is_some());
        if is_lock && !security.is_for_doors() && !insecure_allowed {
            return self.end_change(Err(Reason::Insecure));
        }
        state.node.security = security;
        state.node.security_known = true;
        state.node.class_settled = true;
        state.node.joining = Joining::Done;
        state.node.insecure_allowed = insecure_allowed;
        self.tell(NetworkEvent::NodeChanged(id));
        // With a return route (0x51) its reports need no route search. Long Range has no routes.
        if !id.is_long_range() && self.functions.contains(&FunctionId::ASSIGN_SUC_RETURN_ROUTE) {
            let route = self.transaction(id, Priority::Background, Operation::ReturnRoute, Requester::Machine);
            self.queue.push(route);
        }
        let warning = match security {
            SecurityClass::None => Some(Warning::Insecure),
            SecurityClass::S0 => Some(Warning::OnlyS0),
            _ if is_lock && !security.is_for_doors() => Some(Warning::BelowAccessControl),
            _ => None,
        };
        self.end_change(Ok(Ended::Included { node: id, security, warning }));
    }
}

impl Newcomer {
    /// Whether it is a lock according to its unencrypted node information. Without that information it may be one.
    pub(super) fn is_lock(&self) -> bool {
        let classes = [ClassId::DOOR_LOCK, ClassId::USER_CODE, ClassId::USER_CREDENTIAL];
        self.info
            .as_ref()
            .is_none_or(|info| info.generic == ENTRY_CONTROL || info.supported.iter().any(|class| classes.contains(class)))
    }
}
