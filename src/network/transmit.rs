//! From the queue to the radio, and the result of a transmission.

use std::time::Duration;

use super::datagrams::FRAME;
use super::envelope;
use super::exchange::{Awaits, Ended, Exchange};
use super::jobs::{Before, Carries, Completion, Operation, Outcome, Priority, Requester, Transaction, Transmission};
use super::nodes::AwaitingReply;
use super::queue::Eligible;
use super::secure::Protected;
use super::{Network, NetworkEvent, Owner, Reach};
use crate::command::security::Security;
use crate::command::security_2::Security2;
use crate::command::supervision::SessionId;
use crate::command::wake_up::WakeUp;
use crate::command::{ClassId, Command, Kind};
use crate::domain::ids::NodeId;
use crate::domain::node::{NodeProtocol, SecurityClass};
use crate::domain::time::Instant;
use crate::security::s2::VERIFY_DELIVERY;
use crate::serial::request::NodeCall;
use crate::serial::transmit::{SendData, SendDataCallback, TxOptions, TxStatus};
use crate::serial::{CallbackId, Frame, FunctionId, Message, Payload, Request};

/// The longest time that an answer or an operation waits behind a stuck transmission.
const MAX_WAIT_BEHIND_STUCK: Duration = Duration::from_millis(1500);
/// Pause after the controller accepted nothing, doubled each time (docs/protocol/serial-api.md §2).
const BUSY: Duration = Duration::from_millis(100);
/// Pause after the radio was jammed (docs/protocol/serial-api.md §4, 0x13: status 2).
const JAMMED: Duration = Duration::from_secs(1);
/// Number of retries while the controller is busy or the radio jammed.
const BUSY_TRIES: u8 = 5;
/// Pause before the last try on a node that does not acknowledge.
const LAST_TRY: Duration = Duration::from_secs(1);
/// Time that a lock without confirmations needs to store a code (docs/protocol/timing.md §5).
const STORING: Duration = Duration::from_secs(1);

impl Network {
    /// Passes the next transmission to the controller, if it is free.
    pub(super) fn transmit_next(&mut self) {
        let radio = self.radio_is();
        while self.exchange.is_none() && self.clock >= self.hold_until {
            let (nodes, now) = (&self.nodes, self.clock);
            // A node that prepares its report needs the channel in a moment, while a transmission to a failing node
            // blocks it for seconds.
            let is_wanted_soon = nodes.active().any(|state| state.awaiting_reply.is_some());
            // A beam blocks the channel for a second. So finish with the lock that is awake, and receive its reports,
            // before another one is woken: group by lock, not by command (docs/protocol/timing.md §2). Urgent
            // transactions, such as revocations, do not wait: a forged sender could make a lock seem awake without end.
            let one_listens = nodes.active().any(|state| state.holds_channel(now));
            let next = self.queue.next(now, |transaction| {
                if !radio.admits(transaction.priority) {
                    return Eligible::No;
                }
                let Some(state) = nodes.get(&transaction.node) else { return Eligible::Yes };
                let wakes = one_listens && transaction.priority > Priority::Revoke && state.needs_beam(now);
                match state.admits(transaction, now) {
                    Eligible::Yielding if is_wanted_soon && transaction.priority > Priority::Revoke => Eligible::No,
                    Eligible::Yes | Eligible::Yielding if wakes => Eligible::No,
                    Eligible::Yes if state.holds_channel(now) => Eligible::Listening,
                    verdict => verdict,
                }
            });
            let Some(transaction) = next else { return };
            self.make_room_for(&transaction);
            self.transmit(transaction);
        }
    }

    /// A revocation is sent although the lock reports that its bolt is still moving, which may take a minute or be
    /// wrong. The result of the operation is requested later, in the same session.
    fn make_room_for(&mut self, transaction: &Transaction) {
        let Some(state) = self.nodes.get_mut(&transaction.node) else { return };
        if transaction.priority != Priority::Revoke {
            return;
        }
        if let Some(AwaitingReply { transaction: mut moving, until, .. }) = state.awaiting_reply.take() {
            moving.not_before = until;
            self.queue.push_front(moving);
        }
    }

    fn transmit(&mut self, mut transaction: Transaction) {
        // Once: a node that stopped answering must not keep the channel.
        transaction.goes_on = false;
        self.last_callback = self.last_callback.next();
        let callback = self.last_callback;
        let Some(state) = self.nodes.get_mut(&transaction.node) else {
            return self.finish(transaction, Outcome::Cancelled);
        };
        let node = transaction.node;
        let payload = match &transaction.operation {
            Operation::ProtocolInfo | Operation::NodeInfo | Operation::RemoveFailed | Operation::ReturnRoute => None,
            Operation::Join { payload, .. } => Some(payload.0.clone()),
            Operation::Probe(class) => Some(commands_supported_get(*class).write()),
            Operation::Command { command, expect } => {
                let is_set = command.spec().is_some_and(|row| row.kind == Kind::Set);
                let supervised = *expect == Completion::Supervised && is_set && state.node.supervises();
                Some(if supervised {
                    let session = *transaction.session.get_or_insert_with(|| state.sessions.begin());
                    envelope::supervise(command.clone(), session).write()
                } else {
                    command.write()
                })
            }
        };
        let in_segments = state.supports(ClassId::TRANSPORT_SERVICE);
        let mut carries = Carries::Command;
        let (request, awaits) = match &transaction.operation {
            Operation::ProtocolInfo => (Request::GetNodeProtocolInfo { node }, Awaits::Response),
            Operation::NodeInfo => (Request::RequestNodeInfo { node }, Awaits::NodeInfo(node)),
            Operation::RemoveFailed => (Request::RemoveFailedNode(NodeCall { node, callback }), Awaits::Callback(callback)),
            Operation::ReturnRoute => (Request::AssignSucReturnRoute(NodeCall { node, callback }), Awaits::Callback(callback)),
            Operation::Probe(_) | Operation::Join { .. } | Operation::Command { .. } => {
                let payload = match self.protect(&transaction, payload.unwrap_or_default()) {
                    Protected::Frame(payload, what) => {
                        carries = what;
                        payload
                    }
                    Protected::Impossible => return self.finish(transaction, Outcome::Unsupported),
                };
                if payload.len() > FRAME && in_segments {
                    return self.send_in_segments(transaction, payload);
                }
                (self.send_data(node, payload, transaction.priority, callback), Awaits::Callback(callback))
            }
        };
        let frame = match request.write(self.width) {
            Ok(frame) => frame,
            Err(why) => {
                tracing::warn!(%node, %why, "a command cannot be sent");
                return self.finish(transaction, Outcome::Unsupported);
            }
        };
        if awaits != Awaits::Response
            && let Some(state) = self.nodes.get_mut(&node)
        {
            state.radio.frames += 1;
        }
        let function = frame.function;
        let send = self.send(frame);
        let before = self.nodes.get(&node).map_or(Before::Unclear, |state| state.before(self.clock));
        let transmission = Transmission { before, ..Transmission::of(transaction, carries) };
        self.exchange = Some((Exchange::new(send, function, awaits, self.clock), Owner::Node(Box::new(transmission))));
    }

    /// Send Data in the form that the controller supports; the bridge form if there is one
    /// (docs/protocol/serial-api.md §4, 0xA8).
    pub(super) fn send_data(&self, node: NodeId, payload: Vec<u8>, priority: Priority, callback: CallbackId) -> Request {
        let options = if priority == Priority::Nonce { TxOptions::NONCE } else { TxOptions::NORMAL };
        let send = SendData { node, data: Payload::from(payload), options, callback };
        if self.functions.contains(&FunctionId::SEND_DATA_BRIDGE) {
            Request::SendDataBridge { source: self.own, send }
        } else {
            Request::SendData(send)
        }
    }

    /// The exchange with the controller for a transaction ended.
    pub(super) fn transmitted(&mut self, mut transmission: Transmission, ended: Ended, spent: Duration) {
        if transmission.carries == Carries::Command && !matches!(ended, Ended::NotAccepted | Ended::NotSent) {
            let status = match &ended {
                Ended::Answered(Some(frame)) => match Message::parse(frame, self.width) {
                    Ok(Message::SendDataCallback(callback)) => Some(callback),
                    _ => None,
                },
                _ => None,
            };
            // A jammed controller reports FAIL with no time spent. An aborted transmission is reported as FAIL, too,
            // but with time spent.
            let stayed = status.is_some_and(|it| match it.status {
                TxStatus::NOT_IDLE => true,
                TxStatus::FAIL => !transmission.aborted && it.report.is_some_and(|report| report.ticks == 0),
                _ => false,
            });
            if !stayed {
                // Nothing better is known until the rest of this function decides.
                transmission.transaction.leaves(Outcome::ControllerGone);
            }
        }
        match (&transmission.transaction.operation, ended) {
            (Operation::RemoveFailed, ended) => self.removed_failed(transmission.transaction, &ended),
            // Reports arrive even without this route, by a search.
            (Operation::ReturnRoute, _) => self.finish(transmission.transaction, Outcome::Delivered),
            (_, Ended::NotAccepted) => self.controller_was_busy(transmission.transaction, BUSY),
            (_, Ended::NotSent) => self.controller_was_busy(transmission.transaction, BUSY),
            (Operation::ProtocolInfo, Ended::Answered(Some(frame))) => self.learn_protocol(transmission.transaction, &frame),
            (Operation::NodeInfo, Ended::Answered(_)) => self.acknowledged(transmission),
            (Operation::NodeInfo, Ended::Silent) => self.unacknowledged(transmission.transaction, spent),
            (Operation::ProtocolInfo, Ended::Answered(None) | Ended::Silent) => {
                self.finish(transmission.transaction, Outcome::ControllerBusy);
            }
            (Operation::Command { .. } | Operation::Probe(_) | Operation::Join { .. }, Ended::Answered(frame)) => {
                let message = frame.and_then(|frame| Message::parse(&frame, self.width).ok());
                let Some(Message::SendDataCallback(callback)) = message else {
                    return self.unacknowledged(transmission.transaction, spent);
                };
                self.called_back(transmission, &callback, spent);
            }
            // No callback after 65 seconds: such a controller hangs (docs/protocol/serial-api.md §1, timers).
            (Operation::Command { .. } | Operation::Probe(_) | Operation::Join { .. }, Ended::Silent) => {
                self.finish(transmission.transaction, Outcome::ControllerGone);
                self.controller_hangs("the controller did not report the result of a transmission");
            }
        }
    }

    fn called_back(&mut self, transmission: Transmission, callback: &SendDataCallback, spent: Duration) {
        if let Some(state) = self.nodes.get_mut(&transmission.transaction.node) {
            let took = state.count(callback.report.as_ref());
            self.airtime.add(took, self.clock);
            if callback.status == TxStatus::OK {
                state.learn_beams(transmission.before, spent);
            }
        }
        match callback.status {
            TxStatus::OK => self.acknowledged(transmission),
            // The node answered, so it received the frame: only its acknowledgement was lost.
            _ if transmission.early.is_some() || transmission.nonce_came => self.acknowledged(transmission),
            _ if transmission.preempted => {
                let mut transaction = transmission.transaction;
                transaction.preempted = transaction.preempted.saturating_add(1);
                self.release(&transaction);
                self.queue.push_front(transaction);
            }
            TxStatus::FAIL => self.controller_was_busy(transmission.transaction, JAMMED),
            TxStatus::NOT_IDLE => self.controller_was_busy(transmission.transaction, BUSY),
            _ => self.unacknowledged(transmission.transaction, spent),
        }
    }

    /// Nothing was transmitted, which says nothing about the node.
    fn controller_was_busy(&mut self, mut transaction: Transaction, pause: Duration) {
        self.release(&transaction);
        if transaction.busy == BUSY_TRIES {
            return self.finish(transaction, Outcome::ControllerBusy);
        }
        let pause = if pause == BUSY { BUSY * (1 << transaction.busy) } else { pause };
        transaction.busy += 1;
        self.hold_until = self.clock + pause;
        self.queue.push_front(transaction);
    }

    pub(super) fn acknowledged(&mut self, transmission: Transmission) {
        let Transmission { mut transaction, early, carries, nonce_came, resync, .. } = transmission;
        let (id, now) = (transaction.node, self.clock);
        self.heard(id);
        if carries == Carries::NonceGet {
            // This answers the previous try, so nothing is left to send.
            if let Some(answer) = early {
                return self.settle(transaction, answer);
            }
            return self.wait_for_nonce(transaction, nonce_came);
        }
        transaction.leaves(Outcome::NoReport);
        if let Some(session) = transaction.answers() {
            self.answer_arrived(id, session);
        }
        if resync && !transaction.resealed {
            (transaction.resealed, transaction.goes_on) = (true, true);
            return self.queue.push_front(transaction);
        }
        if resync && !transaction.expects_report() {
            return self.could_not_be_opened(transaction);
        }
        let Some(state) = self.nodes.get_mut(&id) else { return self.finish(transaction, Outcome::Cancelled) };
        if transaction.expects_report() {
            let until = now + state.report_timeout(transaction.failures);
            state.awaiting_reply = Some(AwaitingReply { transaction, since: now, until, working: false, verifying: false });
            if let Some(answer) = early {
                self.answered(id, answer);
            }
            return;
        }
        // The acknowledgement proves that the frame arrived, not that it could be decrypted.
        if transaction.requester != Requester::Machine && transaction.class_of(&state.node) > SecurityClass::S0 {
            let until = now + VERIFY_DELIVERY;
            state.awaiting_reply = Some(AwaitingReply { transaction, since: now, until, working: false, verifying: true });
            return;
        }
        let is_answer = transaction.priority == Priority::Reply;
        if is_answer && transaction.class_of(&state.node) > SecurityClass::S0 && !transaction.resealed {
            state.last_answer = Some((Box::new(transaction.clone()), now));
        }
        self.delivered(transaction);
    }

    fn answer_arrived(&mut self, id: NodeId, session: SessionId) {
        if let Some(state) = self.nodes.get_mut(&id) {
            state.sessions.answered(session);
        }
    }

    /// A command without a report was delivered.
    fn delivered(&mut self, transaction: Transaction) {
        let (id, now) = (transaction.node, self.clock);
        let Some(state) = self.nodes.get_mut(&id) else { return self.finish(transaction, Outcome::Cancelled) };
        if let Operation::Command { command, expect } = &transaction.operation {
            // An operation stores nothing, so no pause is needed before the next code.
            if *expect == Completion::Supervised && transaction.priority != Priority::Operate {
                state.pace_until = now + STORING;
            }
            if *command == Command::WakeUp(WakeUp::NoMoreInformation) {
                self.mark_asleep(id);
            }
        }
        self.finish(transaction, Outcome::Delivered);
    }

    /// The node did not acknowledge.
    fn unacknowledged(&mut self, mut transaction: Transaction, spent: Duration) {
        let (id, now) = (transaction.node, self.clock);
        let Some(state) = self.nodes.get_mut(&id) else { return self.finish(transaction, Outcome::Cancelled) };
        if transaction.requester == Requester::LocalReset {
            let news = state.mark_dead(now, &mut self.entropy);
            self.tell_reach(id, news);
            return self.finish(transaction, Outcome::NoAck);
        }
        if state.sleeps() {
            // A sleeping node that does not acknowledge has not failed: it went back to sleep, and will send a Wake Up
            // Notification.
            state.release_from(transaction.id);
            if transaction.requester != Requester::Machine {
                self.queue.push_front(transaction);
            }
            return self.mark_asleep(id);
        }
        state.failed(spent, now);
        state.release_from(transaction.id);
        transaction.failures += 1;
        // Also if only the Nonce Get was sent: the outcome of a node that does not answer is the same.
        transaction.doubt = Some(Outcome::NoAck);
        match transaction.requester {
            // A node repeats its request if it missed the answer.
            Requester::Machine => return,
            // Whether a joining device is still there is decided by the time-outs of the key exchange.
            Requester::Joining if transaction.failures < transaction.tries() => return self.queue.push_front(transaction),
            Requester::Joining => return self.finish(transaction, Outcome::NoAck),
            Requester::Caller | Requester::Interview if state.reach != Reach::Dead => {}
            Requester::Caller | Requester::Interview | Requester::Ping | Requester::LocalReset => {
                let news = state.mark_dead(now, &mut self.entropy);
                self.tell_reach(id, news);
                return self.finish(transaction, Outcome::NoAck);
            }
        }
        if transaction.failures < transaction.tries() {
            if transaction.failures + 1 == transaction.tries() {
                transaction.not_before = now + LAST_TRY;
            }
            return self.queue.push_front(transaction);
        }
        if !state.suspect {
            state.suspect = true;
            let ping = Operation::Command { command: Command::NoOperation, expect: Completion::Nothing };
            let ping = self.transaction(id, Priority::Revoke, ping, Requester::Ping);
            // First in the queue: others wait for its result, possibly a revocation.
            self.queue.push_front(ping);
        }
        self.finish(transaction, Outcome::NoAck);
    }

    /// Overdue reports: send the command again, or give up.
    pub(super) fn check_reports(&mut self) {
        let now = self.clock;
        let mut overdue = Vec::new();
        self.nodes.for_each_active(|state| overdue.extend(state.awaiting_reply.take_if(|it| it.until <= now)));
        for AwaitingReply { mut transaction, since, working, verifying, .. } in overdue {
            if verifying {
                self.delivered(transaction);
                continue;
            }
            if let Some(state) = self.nodes.get_mut(&transaction.node) {
                state.failed(now.since(since), now);
            }
            transaction.failures += 1;
            transaction.resealed = false;
            transaction.doubt = Some(Outcome::NoReport);
            if working || transaction.failures >= transaction.tries() {
                self.finish(transaction, Outcome::NoReport);
            } else {
                self.queue.push_front(transaction);
            }
        }
    }

    /// Sends idle sleeping nodes to sleep, and notes those whose awake time has ended.
    pub(super) fn check_sleepers(&mut self) {
        let now = self.clock;
        let awake_time_is_over: Vec<NodeId> =
            self.nodes.active().filter(|state| state.awake_time_is_over(now)).map(|state| state.node.id).collect();
        for id in awake_time_is_over {
            self.mark_asleep(id);
        }
        let idle: Vec<NodeId> = self.nodes.active().filter(|state| state.is_idle(now)).map(|state| state.node.id).collect();
        for id in idle {
            if !self.queue.waits_for(id) && self.on_air() != Some(id) {
                let command = Command::WakeUp(WakeUp::NoMoreInformation);
                let operation = Operation::Command { command, expect: Completion::Nothing };
                let transaction = self.transaction(id, Priority::Awake, operation, Requester::Machine);
                self.queue.push(transaction);
            }
        }
    }

    /// Tries dead nodes again when their pause is over and no transmission to them is queued.
    pub(super) fn probe_dead_nodes(&mut self) {
        let now = self.clock;
        let due: Vec<NodeId> =
            self.nodes.active().filter(|state| state.is_worth_a_ping(now)).map(|state| state.node.id).collect();
        for id in due {
            if !self.queue.waits_for(id) && self.on_air() != Some(id) {
                let operation = Operation::Command { command: Command::NoOperation, expect: Completion::Nothing };
                let ping = self.transaction(id, Priority::Background, operation, Requester::Ping);
                self.queue.push(ping);
            }
        }
    }

    /// When the transmission under way has to be aborted for what waits behind it: an answer, an operation at another
    /// door, or a revocation. A successful transmission ends earlier; the controller only spends many seconds on a node
    /// that it cannot reach. Operations and revocations are aborted, too, but a flood of one must not starve the other:
    /// an operation does not abort a revocation, and each gets twice the time after it was aborted, so that a slow lock
    /// is reached in the end.
    pub(super) fn preemption_at(&self) -> Option<Instant> {
        let (exchange, Owner::Node(transmission)) = self.exchange.as_ref()? else { return None };
        let on_air = &transmission.transaction;
        if !exchange.may_abort() || on_air.priority <= Priority::Reply {
            return None;
        }
        let may_go = |waiting: &Transaction| {
            let state = self.nodes.get(&waiting.node).filter(|_| on_air.node != waiting.node);
            let verdict = state.map(|state| state.admits(waiting, self.clock));
            waiting.not_before <= self.clock && matches!(verdict, Some(Eligible::Yes | Eligible::Due))
        };
        let presses = |waiting: &&Transaction| match waiting.priority {
            Priority::Nonce | Priority::Reply => true,
            Priority::Operate => on_air.priority > Priority::Revoke && may_go(waiting),
            Priority::Revoke => on_air.priority != Priority::Revoke && may_go(waiting),
            Priority::Awake | Priority::Write | Priority::Background => false,
        };
        let since = |waiting: &Transaction| waiting.queued.max(exchange.started());
        let report_timeout = match on_air.priority {
            Priority::Operate => MAX_WAIT_BEHIND_STUCK * if on_air.preempted == 0 { 2 } else { 4 },
            Priority::Revoke => MAX_WAIT_BEHIND_STUCK * (1 << on_air.preempted.min(2)),
            _ => MAX_WAIT_BEHIND_STUCK,
        };
        self.queue.pressing().filter(presses).map(|waiting| since(waiting) + report_timeout).min()
    }

    fn learn_protocol(&mut self, transaction: Transaction, frame: &Frame) {
        let id = transaction.node;
        match (Message::parse(frame, self.width), self.nodes.get_mut(&id)) {
            (Ok(Message::NodeProtocolInfo(info)), Some(state)) if info.exists() => {
                state.node.protocol = Some(NodeProtocol::from(&info));
                if state.sleeps() && state.reach == Reach::Unknown {
                    self.mark_asleep(id);
                }
                self.finish(transaction, Outcome::Delivered);
            }
            _ => self.finish(transaction, Outcome::ControllerBusy),
        }
    }

    fn mark_asleep(&mut self, id: NodeId) {
        let Some(state) = self.nodes.get_mut(&id) else { return };
        let news = state.mark_asleep();
        self.tell_reach(id, news);
    }

    /// The node was heard: it is alive, and what waited for that may be sent.
    pub(super) fn heard(&mut self, id: NodeId) {
        let Some(state) = self.nodes.get_mut(&id) else { return };
        let was_suspect = state.suspect;
        let news = state.mark_alive(self.clock);
        self.tell_reach(id, news);
        if was_suspect {
            self.tell(NetworkEvent::FoundAlive { node: id });
            for ping in self.queue.take_if(|transaction| transaction.node == id && transaction.requester == Requester::Ping) {
                self.release(&ping);
            }
        }
    }

    pub(super) fn tell_reach(&mut self, id: NodeId, news: bool) {
        if news {
            let reach = self.reach(id);
            self.tell(NetworkEvent::ReachChanged { node: id, reach });
        }
    }

    pub(super) fn on_air(&self) -> Option<NodeId> {
        match &self.exchange {
            Some((_, Owner::Node(transmission))) => Some(transmission.transaction.node),
            Some((_, Owner::Segment(id))) => Some(*id),
            Some((_, Owner::StartUp | Owner::Change)) | None => None,
        }
    }
}

/// The Get that asks for the class list under `class`.
fn commands_supported_get(class: SecurityClass) -> Command {
    match class {
        SecurityClass::S0 | SecurityClass::None => Command::Security(Security::CommandsSupportedGet),
        _ => Command::Security2(Security2::CommandsSupportedGet),
    }
}
