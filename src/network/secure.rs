//! Security policy for a node: the class that frames are sent under, and the minimum class accepted from it.
//!
//! Encrypting a command may need a nonce first. Then a Nonce Get is sent in its place, no other command is sent to the
//! node until the nonce arrives, and the command follows. The protocols S2 and S0 are in [`crate::security`]; this file
//! gives them transmissions and time-outs.

use std::time::Duration;

use super::datagrams::FRAME;
use super::jobs::{Carries, Completion, JobId, Operation, Outcome, Priority, Requester, SendAs, Transaction};
use super::nodes::{AwaitingReply, NodeState, NonceWait};
use super::{Network, NetworkEvent, Owner};
use crate::command::security::{NonceReport, Security};
use crate::command::security_2::Security2;
use crate::command::{ClassId, Command};
use crate::domain::ids::NodeId;
use crate::domain::node::{Joining, SecurityClass};
use crate::domain::time::Instant;
use crate::security::keys::{KeyId, NetworkKeys};
use crate::security::s0::S0Keys;
use crate::security::s0::peer::{self, Next, Peer, Refused, Said};
use crate::security::s2::{
    self, Addressing, FrameKey, Gave, NONCE_WAIT, NONCE_WAIT_FLIRS, Received, S2Context, Sealing, VERIFY_DELIVERY,
};

/// Time within which a node that requested a nonce sends its frame.
const NONCE_EXCHANGE: Duration = Duration::from_secs(3);
/// Upper limit for extensions of a reply time-out by Nonce Gets of the node, counted from the acknowledgement.
const LONGEST_NONCE_EXCHANGE: Duration = Duration::from_secs(10);
/// A Nonce Report that could not be sent within this time is useless (docs/protocol/security.md A4: 20 s for both
/// directions).
const NONCE_LEAVES: Duration = Duration::from_secs(10);
/// Number of undecryptable frames per hour that are worth no log line: a node that lost its state sends some.
const REJECTED_WORTH_A_LINE: u64 = 8;
/// Maximum number of Nonce Reports queued for one node.
const NONCES: usize = 2;

/// The keys of the network, derived for each class.
#[derive(Debug)]
pub(super) struct Keyring {
    pub(super) network: NetworkKeys,
    pub(super) s0: S0Keys,
}

impl Keyring {
    pub(super) fn new(network: NetworkKeys) -> Self {
        let s0 = S0Keys::of(network.network_key(KeyId::S0));
        Self { network, s0 }
    }
}

/// A command ready for transmission.
pub(super) enum Protected {
    Frame(Vec<u8>, Carries),
    /// It cannot be sent under that class.
    Impossible,
}

impl Network {
    /// Encrypts a command. `transaction` owns the node's nonces until its last frame was sent.
    pub(super) fn protect(&mut self, transaction: &Transaction, payload: Vec<u8>) -> Protected {
        let id = transaction.node;
        let (now, own) = (self.clock, self.own);
        let Some(home) = self.home else { return Protected::Impossible };
        let Some(state) = self.nodes.get_mut(&id) else { return Protected::Impossible };
        match transaction.class_of(&state.node) {
            SecurityClass::None => Protected::Frame(payload, Carries::Command),
            SecurityClass::S0 => {
                let Some(talk) = talk_with(&mut state.s0, id, own) else { return Protected::Impossible };
                if state.reserved != Some(transaction.id) {
                    talk.abandon();
                    if let Err(why) = talk.begin(&payload, FRAME) {
                        tracing::warn!(node = %id, %why, "a command cannot be sent under S0");
                        return Protected::Impossible;
                    }
                }
                state.reserved = Some(transaction.id);
                match talk.next(&self.keyring.s0, now, &mut self.entropy) {
                    Next::AskNonce => Protected::Frame(Command::Security(Security::NonceGet).write(), Carries::NonceGet),
                    Next::Send { payload, last: false } => Protected::Frame(payload, Carries::NonceGet),
                    Next::Send { payload, last: true } => {
                        state.reserved = None;
                        Protected::Frame(payload, Carries::Command)
                    }
                    Next::Idle => Protected::Impossible,
                }
            }
            class @ (SecurityClass::S2Unauthenticated | SecurityClass::S2Authenticated | SecurityClass::S2AccessControl) => {
                let context = S2Context { home, own, keys: &self.keyring.network };
                match state.s2.seal(&context, FrameKey::Class(class), &payload, now, &mut self.entropy) {
                    Sealing::Frame(frame) => {
                        state.reserved = None;
                        Protected::Frame(frame.0, Carries::Command)
                    }
                    Sealing::NonceGet(frame) => {
                        state.reserved = Some(transaction.id);
                        Protected::Frame(frame.0, Carries::NonceGet)
                    }
                    Sealing::Impossible(why) => {
                        tracing::warn!(node = %id, %why, "a command cannot be encrypted");
                        Protected::Impossible
                    }
                }
            }
        }
    }

    /// The node acknowledged the Nonce Get.
    pub(super) fn wait_for_nonce(&mut self, transaction: Transaction, came: bool) {
        let (id, now) = (transaction.node, self.clock);
        let Some(state) = self.nodes.get_mut(&id) else { return self.finish(transaction, Outcome::Cancelled) };
        if came {
            return self.queue.push_front(transaction);
        }
        let beamed = state.is_beamed();
        let wait = match transaction.class_of(&state.node) {
            SecurityClass::S0 => peer::nonce_wait(!beamed),
            _ if beamed => NONCE_WAIT_FLIRS,
            _ => NONCE_WAIT,
        };
        state.nonce = Some(NonceWait { transaction, until: now + wait });
    }

    /// The nonce arrived: the command that waited for it is sent, before anything else to its node.
    fn nonce_came(&mut self, id: NodeId) {
        if let Some((_, Owner::Node(transmission))) = &mut self.exchange
            && transmission.transaction.node == id
            && transmission.carries == Carries::NonceGet
        {
            transmission.nonce_came = true;
            return;
        }
        if let Some(NonceWait { transaction, .. }) = self.nodes.get_mut(&id).and_then(|state| state.nonce.take()) {
            self.queue.push_front(transaction);
        }
    }

    /// A transaction ended or starts over: it no longer owns its node's nonces.
    pub(super) fn release(&mut self, transaction: &Transaction) {
        if let Some(state) = self.nodes.get_mut(&transaction.node) {
            state.release_from(transaction.id);
        }
    }

    /// Handles missing nonces and second parts. A first part without its second is dropped. A nonce is requested again,
    /// or given up; in that case the command was never sent.
    pub(super) fn check_nonces(&mut self) {
        let now = self.clock;
        let mut overdue = Vec::new();
        self.nodes.for_each_active(|state| {
            if let Some(talk) = &mut state.s0 {
                talk.expire(now);
            }
            if let Some(wait) = state.nonce.take_if(|it| it.until <= now) {
                state.release();
                overdue.push(wait.transaction);
            }
        });
        for mut transaction in overdue {
            transaction.failures += 1;
            if transaction.failures < transaction.tries() {
                self.queue.push_front(transaction);
            } else {
                let outcome = transaction.doubt.take().unwrap_or(Outcome::NoNonce);
                self.finish(transaction, outcome);
            }
        }
    }

    /// The node could not decrypt the last frame: encrypt it again, once.
    fn resync(&mut self, id: NodeId) {
        self.tell(NetworkEvent::OutOfSync { node: id });
        let now = self.clock;
        let Some(state) = self.nodes.get_mut(&id) else { return };
        if let Some((_, Owner::Node(transmission))) = &mut self.exchange
            && transmission.transaction.node == id
            && transmission.carries == Carries::Command
            && transmission.transaction.class_of(&state.node) > SecurityClass::S0
        {
            transmission.resync = true;
            // While a command waits for its report, an answer of ours may be under way too, and the node does not say
            // which of the two it could not decrypt: both are encrypted again. The command keeps its session, so it is
            // not carried out twice.
            let is_open = |it: &mut AwaitingReply| !it.working && !it.transaction.resealed;
            if let Some(AwaitingReply { mut transaction, .. }) = state.awaiting_reply.take_if(is_open) {
                (transaction.resealed, transaction.goes_on) = (true, true);
                self.queue.push_front(transaction);
            }
            return;
        }
        // An answer that could not be decrypted did not arrive, so the node repeats its request.
        if let Some((mut answer, at)) = state.last_answer.take()
            && now.since(at) < VERIFY_DELIVERY
        {
            if let Some(session) = answer.answers() {
                state.sessions.not_answered(session);
            }
            answer.resealed = true;
            self.queue.push_front(*answer);
        }
        let Some(AwaitingReply { mut transaction, verifying, .. }) =
            state.awaiting_reply.take_if(|awaiting_reply| !awaiting_reply.transaction.resealed || awaiting_reply.verifying)
        else {
            return;
        };
        if transaction.resealed && verifying {
            return self.could_not_be_opened(transaction);
        }
        (transaction.resealed, transaction.goes_on) = (true, true);
        self.queue.push_front(transaction);
    }

    /// The node could not decrypt either of two transmissions: this is no delivery.
    pub(super) fn could_not_be_opened(&mut self, mut transaction: Transaction) {
        transaction.failures += 1;
        transaction.resealed = false;
        transaction.doubt = Some(Outcome::NoReport);
        if transaction.failures < transaction.tries() {
            self.queue.push_front(transaction);
        } else {
            self.finish(transaction, Outcome::NoReport);
        }
    }

    /// Handles an S2 frame.
    pub(super) fn receive_s2(&mut self, id: NodeId, said: Security2, multicast: bool) {
        let (now, own) = (self.clock, self.own);
        let Some(home) = self.home else { return };
        let Some(state) = self.nodes.get_mut(&id) else { return };
        if state.node.security_known && !state.node.classes.contains_key(&ClassId::SECURITY_2) {
            return tracing::debug!(node = %id, "S2 frame of a node without S2: dropped");
        }
        let to = if multicast { Addressing::Multicast } else { Addressing::Single };
        let context = S2Context { home, own, keys: &self.keyring.network };
        match state.s2.receive(&context, said, to, now, &mut self.entropy) {
            Received::Command(opened) => self.opened_s2(id, opened),
            Received::Answer { frame, why } => {
                let may = state.may_send_nonce(now);
                if why == Gave::WrongKey {
                    tracing::debug!(node = %id, "a frame could not be decrypted");
                }
                if !may {
                    // A flood of requests must not replace the entropy that was sent to the node.
                    state.s2.withdraw();
                    tracing::debug!(node = %id, "too many nonce requests: none sent");
                }
                if why != Gave::Asked {
                    self.rejected(id);
                }
                if may {
                    self.send_nonce(id, &frame.0);
                }
            }
            Received::Nonce => self.nonce_came(id),
            Received::Resync => self.resync(id),
            Received::InClear(command) => {
                tracing::debug!(node = %id, ?command, "a key exchange command without a key exchange");
            }
            Received::Duplicate => {}
            Received::Ignored(why) => tracing::debug!(node = %id, ?why, "an S2 frame was ignored"),
        }
    }

    fn opened_s2(&mut self, id: NodeId, opened: s2::Opened) {
        let class = match opened.protection {
            FrameKey::Class(class) => class,
            FrameKey::Temporary => return,
        };
        self.class_proven(id, class);
        let now = self.clock;
        let state = self.nodes.get_mut(&id);
        let again = state.is_some_and(|state| state.resealed.repeats(&opened.command, opened.under_new_nonce, now));
        if !opened.command.is_empty() && !opened.repeats_multicast && !again {
            self.unsealed(id, class, &opened.command, opened.multicast);
        }
        if let Some(lost) = opened.multicast_lost {
            self.send_nonce(id, &lost.0);
        }
    }

    /// A frame that decrypts under a class proves that the node was granted it, even if the interview could not find
    /// out.
    fn class_proven(&mut self, id: NodeId, class: SecurityClass) {
        let Some(state) = self.nodes.get_mut(&id) else { return };
        if class >= state.node.security {
            self.node_is_alive(id);
        }
        let Some(state) = self.nodes.get_mut(&id) else { return };
        // Nothing is sent to a node whose key exchange failed, whatever it sends.
        if state.node.security >= class || state.node.joining != Joining::Done {
            return;
        }
        if state.node.security_known {
            tracing::warn!(node = %id, before = ?state.node.security, ?class, "the node has a higher security class than assumed");
        }
        (state.node.security, state.node.security_known) = (class, true);
        state.interview.class_rose(&mut state.node);
        self.tell(NetworkEvent::NodeChanged(id));
    }

    /// Handles an S0 frame.
    pub(super) fn receive_s0(&mut self, id: NodeId, said: Security) {
        let (now, own) = (self.clock, self.own);
        let Some(state) = self.nodes.get_mut(&id) else { return };
        let speaks = state.node.classes.contains_key(&ClassId::SECURITY) && state.node.security <= SecurityClass::S0;
        if !speaks {
            return tracing::debug!(node = %id, "S0 frame of a node without S0: dropped");
        }
        let Some(talk) = talk_with(&mut state.s0, id, own) else { return };
        let (opened, wants) = match said {
            Security::NonceGet => {
                // Checked before a nonce is made: nonces that are not sent must not replace those that were.
                if !state.may_send_nonce(now) {
                    return tracing::debug!(node = %id, "too many nonce requests: none sent");
                }
                let Some(talk) = &mut state.s0 else { return };
                let Some(nonce) = talk.nonce_asked(now, &mut self.entropy) else {
                    return tracing::debug!(node = %id, "too many nonce requests: none sent");
                };
                // The report that we wait for is encrypted with this nonce.
                state.extend_reply_wait(now);
                return self.send_nonce(id, &Command::Security(Security::NonceReport(NonceReport { nonce })).write());
            }
            Security::NonceReport(report) => {
                if talk.nonce_told(report.nonce, now) {
                    self.nonce_came(id);
                }
                return;
            }
            Security::CommandEncapsulation(frame) => (talk.open(&frame, false, &self.keyring.s0, now, &mut self.entropy), false),
            Security::CommandEncapsulationNonceGet(frame) => {
                (talk.open(&frame, true, &self.keyring.s0, now, &mut self.entropy), true)
            }
            other => return tracing::debug!(node = %id, command = ?other.number(), "an S0 command without a key transfer"),
        };
        if let Some(nonce) = opened.nonce {
            self.send_nonce(id, &Command::Security(Security::NonceReport(NonceReport { nonce })).write());
        }
        match opened.said {
            Said::Command(command) => {
                self.class_proven(id, SecurityClass::S0);
                self.unsealed(id, SecurityClass::S0, &command, false);
            }
            Said::FirstPart => self.class_proven(id, SecurityClass::S0),
            Said::Nothing(why) => {
                tracing::debug!(node = %id, %why, wants, "an S0 frame was not accepted");
                if why == Refused::NotAuthentic {
                    self.rejected(id);
                }
            }
        }
    }

    /// A frame in the node's name failed authentication. A few are bad radio or a restart; many are forged.
    fn rejected(&mut self, id: NodeId) {
        let now = self.clock;
        let Some(state) = self.nodes.get_mut(&id) else { return };
        state.radio.rejected += 1;
        state.rejected.add(1, now);
        let count = state.radio.rejected;
        if count >= REJECTED_WORTH_A_LINE && count.is_power_of_two() {
            tracing::warn!(
                node = %id, count, "frames in this node's name fail authentication: someone else may be sending them, or the \
                 node has other keys"
            );
        }
    }

    /// Number of frames in the node's name that failed authentication in the last hour.
    pub fn rejected_lately(&self, id: NodeId, now: Instant) -> u64 {
        self.nodes.get(&id).map(|state| state.rejected.sum(now)).unwrap_or_default()
    }

    /// Sends a nonce to a node, unencrypted and before everything else. The caller has checked the allowance.
    fn send_nonce(&mut self, id: NodeId, frame: &[u8]) {
        let Ok(command) = Command::parse(frame) else { return };
        let now = self.clock;
        // Under S2 only the latest entropy is valid; under S0 the last two nonces are, for a node that asks again while
        // the first is on its way.
        let keep = if command.class() == ClassId::SECURITY_2 { 0 } else { NONCES - 1 };
        let waiting: Vec<JobId> =
            self.queue.iter().filter(|it| it.node == id && it.priority == Priority::Nonce).map(|it| it.id).collect();
        for old in waiting.iter().take(waiting.len().saturating_sub(keep)) {
            self.queue.remove(*old);
        }
        let operation = Operation::Command { command, expect: Completion::Nothing };
        let mut nonce = self.transaction(id, Priority::Nonce, operation, Requester::Machine);
        nonce.send_as = SendAs::Class(SecurityClass::None);
        nonce.deadline = Some(now + NONCE_LEAVES);
        self.queue.push(nonce);
    }
}

/// The S0 peer of a node, created at the first use. `None` on Long Range.
fn talk_with(talk: &mut Option<Peer>, node: NodeId, own: NodeId) -> Option<&mut Peer> {
    if talk.is_none() {
        *talk = Peer::new(own, node);
    }
    talk.as_mut()
}

impl NodeState {
    /// Nobody owns the node's nonces any more.
    pub(super) fn release(&mut self) {
        self.reserved = None;
        self.s2.stop_asking();
        if let Some(talk) = &mut self.s0 {
            talk.abandon();
        }
    }

    /// The same, if this transaction owned them.
    pub(super) fn release_from(&mut self, id: JobId) {
        if self.reserved == Some(id) {
            self.release();
        }
    }

    /// An S0 node requests the nonce for the report that we wait for. Any sender can forge that request, so the
    /// extension of the time-out is limited.
    fn extend_reply_wait(&mut self, now: Instant) {
        let Some(awaiting_reply) = &mut self.awaiting_reply else { return };
        if awaiting_reply.transaction.class_of(&self.node) == SecurityClass::S0 {
            let longest = awaiting_reply.since + LONGEST_NONCE_EXCHANGE;
            awaiting_reply.until = awaiting_reply.until.max((now + NONCE_EXCHANGE).min(longest));
        }
    }
}
