//! Unsolicited frames of the controller, commands of nodes, and which job they end.

use std::time::Duration;

use super::envelope::{self, Opened, ROOT, Wrapping};
use super::exchange::{Awaits, Ended};
use super::jobs::{Answer, Carries, Completion, Operation, Outcome, Priority, Requester, SendAs, Transaction};
use super::nodes::{AwaitingReply, NodeState, NonceWait};
use super::{Interviewing, Network, NetworkEvent, Owner, hub, replies};
use crate::command::application_status::{ApplicationStatus, BusyStatus};
use crate::command::notification::Notification;
use crate::command::security::Security;
use crate::command::security_2::Security2;
use crate::command::supervision::{Get, SessionId, Status};
use crate::command::wake_up::WakeUp;
use crate::command::{Command, Kind};
use crate::domain::ids::NodeId;
use crate::domain::node::{InterviewStage, SecurityClass};
use crate::domain::time::Instant;
use crate::serial::node_info::{ApplicationUpdate, NodeInformation, UpdateStatus};
use crate::serial::transmit::ApplicationCommand;
use crate::serial::{Frame, FunctionId, Message};

/// Number of frames kept before the controller is ready; later ones are dropped.
const EARLY: usize = 256;
/// Maximum number of answers queued for one node.
const ANSWERS: usize = 8;
/// A node that is working on a command gets the time that it asks for plus this, at most [`LONGEST_WORK`]
/// (docs/protocol/timing.md §5).
const WORK_MARGIN: Duration = Duration::from_secs(5);
const LONGEST_WORK: Duration = Duration::from_secs(60);
/// Pause before a busy node is asked again.
const NODE_BUSY: Duration = Duration::from_secs(1);

/// How a payload was addressed and protected.
#[derive(Clone, Copy, Debug)]
struct Addressed {
    send_as: SecurityClass,
    multicast: bool,
}

impl Network {
    /// Handles a frame that was received at `at`.
    pub(super) fn frame(&mut self, frame: Frame, at: Instant) {
        self.heard_at = at;
        if let Some((exchange, _)) = &mut self.exchange
            && exchange.owns(&frame)
        {
            let ended = exchange.take(frame, self.clock);
            return self.end_exchange(ended);
        }
        match Message::parse(&frame, self.width()) {
            Ok(Message::SerialApiStarted(_)) => self.controller_started(),
            Ok(message) if self.is_ready() => self.unsolicited(message),
            Ok(message @ (Message::ApplicationCommand(_) | Message::ApplicationUpdate(_)))
                if self.start_up.is_some() && self.early.len() < EARLY =>
            {
                self.early.push_back((at, message));
            }
            Ok(_) => tracing::debug!(?frame, "unexpected frame"),
            Err(why) => tracing::debug!(?frame, %why, "unreadable frame"),
        }
    }

    pub(super) fn unsolicited(&mut self, message: Message) {
        match message {
            Message::ApplicationCommand(command) => self.application_command(&command),
            Message::ApplicationUpdate(update) => self.application_update(&update),
            Message::Inclusion(told) => self.inclusion_callback(told),
            Message::Callback { function: FunctionId::REPLACE_FAILED_NODE, callback, status: Some(status) } => {
                self.replacement_callback(callback, status);
            }
            _ => tracing::debug!("late answer"),
        }
    }

    fn application_command(&mut self, received: &ApplicationCommand) {
        let id = received.source;
        if received.rx.is_foreign() || !self.nodes.contains_key(&id) {
            return tracing::debug!(node = %id, "frame of an unknown node");
        }
        let Some(state) = self.nodes.get_mut(&id) else { return };
        // An unencrypted frame may be forged. A node with keys is alive when a frame decrypts under its class, or when
        // it acknowledges a frame.
        if state.has_keys() {
            state.note_heard(self.clock);
        } else {
            self.node_is_alive(id);
        }
        self.outermost(id, &received.payload, received.rx.is_multicast());
    }

    /// The node itself was heard: it is alive, and its interview continues.
    pub(super) fn node_is_alive(&mut self, id: NodeId) {
        self.heard(id);
        if let Some(state) = self.nodes.get_mut(&id) {
            state.interview.resume();
        }
    }

    /// Handles a payload from the radio, or reassembled from segments.
    pub(super) fn outermost(&mut self, id: NodeId, payload: &[u8], multicast: bool) {
        match read(id, payload) {
            None => {}
            // Segments and S0 frames by multicast are ignored: nobody could request what is missing.
            Some(Command::TransportService(_) | Command::Security(_)) if multicast => {}
            Some(Command::TransportService(segment)) => self.segment_heard(id, &segment),
            Some(said @ (Command::Security(_) | Command::Security2(_))) if !multicast && self.is_joining(id) => {
                self.receive_from_joiner(id, said);
            }
            Some(Command::Security(said)) => self.receive_s0(id, said),
            Some(Command::Security2(said)) => self.receive_s2(id, said, multicast),
            Some(command) => self.hear(id, Addressed { send_as: SecurityClass::None, multicast }, command),
        }
    }

    /// Handles what a node encrypted under that class.
    pub(super) fn unsealed(&mut self, id: NodeId, send_as: SecurityClass, payload: &[u8], multicast: bool) {
        if let Some(command) = read(id, payload) {
            self.hear(id, Addressed { send_as, multicast }, command);
        }
    }

    fn hear(&mut self, id: NodeId, addressed: Addressed, command: Command) {
        for (wrapping, opened) in envelope::open(command) {
            self.take_in(id, addressed, wrapping, opened);
        }
    }

    fn take_in(&mut self, id: NodeId, addressed: Addressed, wrapping: Wrapping, opened: Opened) {
        let now = self.clock;
        let Some(state) = self.nodes.get_mut(&id) else { return };
        // Commands below the granted class are not accepted (docs/protocol/gateway.md §2.2). Old nodes with S0 send
        // some reports unencrypted: those are passed on, but end no job.
        let granted = state.node.security;
        let trusted = addressed.send_as >= granted;
        match opened {
            Opened::Sealed(class) => tracing::debug!(node = %id, %class, "encapsulation in the wrong place: dropped"),
            Opened::Plain(command) if !trusted && addressed.send_as != SecurityClass::None && hub::asks_for_classes(&command) => {
                self.deliver(id, addressed, wrapping, command);
            }
            _ if !trusted && granted > SecurityClass::S0 => {
                tracing::debug!(node = %id, ?granted, send_as = ?addressed.send_as, "below the granted security class: dropped");
            }
            Opened::Outcome(report) if trusted && wrapping.endpoint() == ROOT => self.offer(id, Answer::Outcome(report)),
            Opened::Outcome(_) => tracing::debug!(node = %id, "Supervision Report below the granted class: dropped"),
            Opened::Plain(command) => {
                self.deliver(id, addressed, wrapping, command);
            }
            // An unencrypted report may be forged. It must not count as the original, because the encrypted one would
            // then be taken for a repeat.
            Opened::Supervised(_) if !trusted => {
                tracing::debug!(node = %id, "supervised command below the granted class: dropped");
            }
            // A Get that is answered by its report needs no Supervision Report (docs/protocol/gateway.md §2.2).
            Opened::Supervised(get) if is_question(&get.command) => {
                let session = get.session;
                if self.deliver(id, addressed, wrapping, *get.command) == Status::NO_SUPPORT {
                    self.tell_outcome(id, addressed, wrapping, session, Status::NO_SUPPORT);
                }
            }
            Opened::Supervised(get) => {
                let session = get.session;
                let status =
                    state.sessions.answered_before(&get, now).unwrap_or_else(|| self.carry_out(id, addressed, wrapping, get));
                self.tell_outcome(id, addressed, wrapping, session, status);
            }
        }
    }

    /// Processes a supervised frame that is not a repeat. If one of several commands fails, the failure is reported.
    fn carry_out(&mut self, id: NodeId, addressed: Addressed, wrapping: Wrapping, get: Get) -> Status {
        let mut all = Status::SUCCESS;
        for part in envelope::supervised((*get.command).clone()) {
            let understood = envelope::is_understood(&part);
            let did = self.deliver(id, addressed, wrapping, part);
            let did = if understood { did } else { Status::NO_SUPPORT };
            // Statuses in order of their number: no support, fail, success.
            all = Status(all.0.min(did.0));
        }
        if let Some(state) = self.nodes.get_mut(&id) {
            state.sessions.note(&get, all, self.clock);
        }
        all
    }

    fn tell_outcome(&mut self, id: NodeId, to: Addressed, wrapping: Wrapping, session: SessionId, status: Status) {
        if !to.multicast {
            self.answer(id, to.send_as, wrapping.around(envelope::outcome(session, status)));
        }
    }

    /// Answers a node, by a Supervision Report or a report. If too many answers are queued, this one is dropped: the
    /// node asks again.
    pub(super) fn answer(&mut self, id: NodeId, send_as: SecurityClass, command: Command) {
        // A segment request describes the present state. Sent late, it would make the node repeat segments of an old
        // datagram.
        if matches!(command, Command::TransportService(_)) {
            self.queue.take_if(|it| it.node == id && it.priority == Priority::Reply && it.is_about_segments());
        }
        let waiting = self.queue.iter().filter(|it| it.node == id && it.priority == Priority::Reply).count();
        if waiting < ANSWERS {
            let operation = Operation::Command { command, expect: Completion::Nothing };
            let mut answer = self.transaction(id, Priority::Reply, operation, Requester::Machine);
            answer.send_as = SendAs::Class(send_as);
            self.queue.push(answer);
        }
    }

    /// Handles a command without encapsulation: for the hub, or for the owner and the job that requested it. Returns
    /// the status for Supervision; a report always succeeds.
    fn deliver(&mut self, id: NodeId, addressed: Addressed, wrapping: Wrapping, command: Command) -> Status {
        let Some(state) = self.nodes.get_mut(&id) else { return Status::FAIL };
        let Addressed { send_as, multicast } = addressed;
        let trusted = send_as >= state.node.security;
        match command {
            Command::WakeUp(WakeUp::Notification) if !trusted => {
                state.hint(self.clock);
                return Status::SUCCESS;
            }
            Command::WakeUp(WakeUp::Notification) => {
                let news = state.mark_awake(self.clock);
                self.tell_reach(id, news);
                return Status::SUCCESS;
            }
            // A Get by broadcast or multicast is not answered: all nodes would answer at once
            // (docs/protocol/gateway.md §2.2).
            question if is_question(&question) => {
                match self.answer_for_hub(id, send_as, &question) {
                    Some(answer) if !multicast && wrapping.is_for_root() => {
                        self.answer(id, send_as, wrapping.around(answer));
                        return Status::SUCCESS;
                    }
                    _ => tracing::debug!(node = %id, command = %question, "a Get that is not answered"),
                }
                return Status::NO_SUPPORT;
            }
            Command::DeviceResetLocally(_) if trusted => {
                self.reset_locally(id);
                return Status::SUCCESS;
            }
            Command::ApplicationStatus(ref status) if trusted => {
                self.offer(id, Answer::Status(status.clone()));
            }
            // The lock reports the stored code while it is awake: the next code needs no beam.
            Command::Notification(Notification::Report(_)) if trusted => self.mark_ready(id),
            _ => {}
        }
        let is_set = command.spec().is_some_and(|row| row.kind == Kind::Set);
        if is_set
            && wrapping.is_for_root()
            && let Some(status) = self.set_hub(id, send_as, &command)
        {
            return status;
        }
        let (endpoint, security) = (wrapping.endpoint(), send_as);
        let at = self.heard_at;
        self.tell(NetworkEvent::Received { node: id, endpoint, command: command.clone(), security, multicast, at });
        if trusted && endpoint == ROOT {
            self.offer(id, Answer::Reply(command, send_as));
        }
        // The hub has nothing that a Set could change.
        if is_set { Status::NO_SUPPORT } else { Status::SUCCESS }
    }

    /// Offers an answer to the transaction that waits for it, whether it is still being transmitted or was
    /// acknowledged.
    fn offer(&mut self, id: NodeId, answer: Answer) {
        // As long as its command has not been sent, only an answer to an earlier try can end it.
        let ends_early = |it: &Transaction| it.may_be_answered() && !matches!(answer, Answer::Status(_)) && awaits(it, &answer);
        if let Some((_, Owner::Node(transmission))) = &mut self.exchange
            && transmission.transaction.node == id
            && match transmission.carries {
                Carries::Command => awaits(&transmission.transaction, &answer),
                Carries::NonceGet => ends_early(&transmission.transaction),
            }
        {
            transmission.early = Some(answer);
            return;
        }
        let asking = self.nodes.get_mut(&id).and_then(|state| state.nonce.take_if(|it| ends_early(&it.transaction)));
        if let Some(NonceWait { transaction, .. }) = asking {
            return self.settle(transaction, answer);
        }
        if let Some(datagram) = self.nodes.get_mut(&id).and_then(|state| state.datagram.as_mut())
            && awaits(datagram.transaction(), &answer)
        {
            datagram.early = Some(answer);
            return;
        }
        let awaiting_reply = self.nodes.get(&id).and_then(|state| state.awaiting_reply.as_ref());
        if awaiting_reply.is_some_and(|awaiting_reply| awaits(&awaiting_reply.transaction, &answer)) {
            self.answered(id, answer);
        } else if !matches!(answer, Answer::Status(_)) {
            self.offer_to_queue(id, answer);
        }
    }

    /// A report may arrive so late that its transaction is queued for its next try.
    fn offer_to_queue(&mut self, id: NodeId, answer: Answer) {
        let late = |it: &Transaction| it.node == id && it.may_be_answered() && awaits(it, &answer);
        let Some(found) = self.queue.iter().find(|transaction| late(transaction)).map(|transaction| transaction.id) else {
            return;
        };
        if let Some(transaction) = self.queue.remove(found) {
            self.settle(transaction, answer);
        }
    }

    /// The transaction that waits for a report got its answer.
    pub(super) fn answered(&mut self, id: NodeId, answer: Answer) {
        let now = self.clock;
        let Some(state) = self.nodes.get_mut(&id) else { return };
        let Some(AwaitingReply { transaction, since, .. }) = state.awaiting_reply.take() else { return };
        state.reported_after(now.since(since));
        self.settle(transaction, answer);
    }

    /// The lock sends again, so it has finished storing.
    fn mark_ready(&mut self, id: NodeId) {
        if let Some(state) = self.nodes.get_mut(&id) {
            state.pace_until = state.pace_until.min(self.clock);
        }
    }

    pub(super) fn settle(&mut self, mut transaction: Transaction, answer: Answer) {
        let (id, now) = (transaction.node, self.clock);
        self.release(&transaction);
        let report = match answer {
            Answer::Reply(command, _) => {
                self.mark_ready(id);
                return self.finish(transaction, Outcome::Reply(command));
            }
            Answer::Status(status) => return self.put_off(transaction, &status),
            Answer::Outcome(report) => report,
        };
        match report.status {
            Status::SUCCESS => self.finish(transaction, Outcome::Accepted),
            Status::WORKING => {
                let work = report.duration.time().unwrap_or(LONGEST_WORK) + WORK_MARGIN;
                self.mark_working(transaction, now + work.min(LONGEST_WORK));
            }
            // No support, for this command or for Supervision: send it without from now on
            // (docs/protocol/command-classes.md 0x6C). The node did not process this try, but an earlier one may have
            // been: `doubt` stays.
            Status::NO_SUPPORT => {
                let Some(state) = self.nodes.get_mut(&id) else { return self.finish(transaction, Outcome::Cancelled) };
                state.node.supervision_refused = true;
                transaction.session = None;
                self.queue.push_front(transaction);
                self.tell(NetworkEvent::NodeChanged(id));
            }
            Status::BUSY if transaction.failures + 1 < transaction.tries() => {
                transaction.failures += 1;
                transaction.not_before = now + NODE_BUSY;
                // In the same session the node would repeat the same answer.
                transaction.session = None;
                self.queue.push_front(transaction);
            }
            _ => self.finish(transaction, Outcome::Refused),
        }
    }

    /// The node is working on the command and will report later.
    fn mark_working(&mut self, mut transaction: Transaction, until: Instant) {
        let (id, now) = (transaction.node, self.clock);
        let on_air = self.on_air() == Some(id);
        let Some(state) = self.nodes.get_mut(&id) else { return self.finish(transaction, Outcome::Cancelled) };
        if on_air || state.has_under_way() {
            // This report arrived late, and another command is under way: the command is sent again in the same
            // session.
            transaction.not_before = until;
            return self.queue.push_front(transaction);
        }
        state.awaiting_reply = Some(AwaitingReply { transaction, since: now, until, working: true, verifying: false });
    }

    /// The node is busy or refuses a command (docs/protocol/command-classes.md 0x22).
    fn put_off(&mut self, mut transaction: Transaction, status: &ApplicationStatus) {
        let now = self.clock;
        let busy = match status {
            ApplicationStatus::RejectedRequest(_) => return self.finish(transaction, Outcome::Refused),
            ApplicationStatus::Busy(busy) => busy,
        };
        if busy.status == BusyStatus::REQUEST_QUEUED {
            return self.mark_working(transaction, now + LONGEST_WORK);
        }
        transaction.failures += 1;
        if transaction.failures >= transaction.tries() {
            return self.finish(transaction, Outcome::NoReport);
        }
        let wait = if busy.status == BusyStatus::TRY_AGAIN_IN_WAIT_TIME {
            Duration::from_secs(busy.wait_time.into())
        } else {
            NODE_BUSY
        };
        transaction.not_before = now + wait.clamp(NODE_BUSY, LONGEST_WORK);
        self.queue.push_front(transaction);
    }

    fn application_update(&mut self, update: &ApplicationUpdate) {
        let id = update.node;
        match update.status {
            UpdateStatus::NODE_INFO_RECEIVED => {
                let Some(info) = &update.info else { return };
                self.node_information(id, info);
            }
            UpdateStatus::NODE_INFO_REQUEST_FAILED => self.end_node_info(Some(id).filter(|id| id.0 != 0), Ended::Silent),
            UpdateStatus::NODE_ADDED => self.add_node(id),
            UpdateStatus::NODE_REMOVED => self.remove_node(id),
            UpdateStatus::SMART_START_PRIME | UpdateStatus::SMART_START_PRIME_LONG_RANGE => self.device_calls(update),
            _ => tracing::debug!(node = %id, status = ?update.status, "application update ignored"),
        }
    }

    /// Ends the request for a node information frame, if one is under way. Controllers often do not say which node
    /// failed.
    fn end_node_info(&mut self, id: Option<NodeId>, ended: Ended) {
        let awaited = self.exchange.as_ref().map(|(exchange, _)| exchange.awaits());
        if let Some(Awaits::NodeInfo(asked)) = awaited
            && id.is_none_or(|id| id == asked)
        {
            self.end_exchange(Some(ended));
        }
    }

    /// Handles a node information frame, which also means that its sender is awake. It is never encrypted.
    fn node_information(&mut self, id: NodeId, info: &NodeInformation) {
        let now = self.clock;
        let has_keys = self.nodes.get(&id).is_some_and(NodeState::has_keys);
        if !has_keys {
            self.heard(id);
        }
        let Some(state) = self.nodes.get_mut(&id) else { return };
        let news = if has_keys {
            state.hint(now);
            false
        } else {
            state.sleeps() && state.mark_awake(now)
        };
        // Later frames are ignored: after the interview the class list under the security class counts, and an
        // unencrypted frame must not remove anything from it.
        if state.node.stage < InterviewStage::NodeInfo || state.interview.repeated() == Interviewing::UnderWay {
            for class in &info.supported {
                state.node.classes.entry(*class).or_default();
            }
        }
        self.tell_reach(id, news);
        self.end_node_info(Some(id), Ended::Answered(None));
        // It may arrive after the controller gave up the request, or unsolicited.
        let asked = |it: &Transaction| it.node == id && it.operation == Operation::NodeInfo;
        for transaction in self.queue.take_if(asked) {
            self.finish(transaction, Outcome::Delivered);
        }
        self.interview(id, |state| state.interview.skip_node_info(&mut state.node));
    }
}

fn read(id: NodeId, payload: &[u8]) -> Option<Command> {
    Command::parse(payload).inspect_err(|why| tracing::debug!(node = %id, %why, "unreadable command")).ok()
}

/// Whether `answer` completes `transaction`.
fn awaits(transaction: &Transaction, answer: &Answer) -> bool {
    match (&transaction.operation, answer) {
        (Operation::Command { command, expect: Completion::Reply }, Answer::Reply(told, _)) => replies::answers(command, told),
        (Operation::Command { expect: Completion::Supervised, .. }, Answer::Outcome(report)) => {
            transaction.session == Some(report.session)
        }
        // Only an answer encrypted with the key of the class proves that it was granted.
        (Operation::Probe(class), Answer::Reply(told, send_as)) => class == send_as && lists_classes(told),
        // Application Status names no command: it is about the last one that expects an answer.
        (Operation::Command { .. }, Answer::Status(_)) => transaction.expects_report(),
        (Operation::Command { .. } | Operation::Probe(_), _) => false,
        (
            Operation::ProtocolInfo
            | Operation::NodeInfo
            | Operation::RemoveFailed
            | Operation::Join { .. }
            | Operation::ReturnRoute,
            _,
        ) => false,
    }
}

fn lists_classes(command: &Command) -> bool {
    let s2 = matches!(command, Command::Security2(Security2::CommandsSupportedReport(_)));
    s2 || matches!(command, Command::Security(Security::CommandsSupportedReport(_)))
}

fn is_question(command: &Command) -> bool {
    command.spec().is_some_and(|row| matches!(row.kind, Kind::Get { .. }))
}
