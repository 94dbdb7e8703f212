//! What the controller says unasked, what nodes say, and which job that ends.

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

/// What nodes said before the controller was set up: so much is kept, the newest is dropped.
const EARLY: usize = 256;
/// So many answers wait for one node, at most.
const ANSWERS: usize = 8;
/// A node that works on it is given what it asks for and this, but no more than [`LONGEST_WORK`]
/// (docs/protocol/timing.md §5).
const WORK_MARGIN: Duration = Duration::from_secs(5);
const LONGEST_WORK: Duration = Duration::from_secs(60);
/// A node that is busy is asked again after this.
const NODE_BUSY: Duration = Duration::from_secs(1);

/// How a payload was addressed and protected.
#[derive(Clone, Copy, Debug)]
struct Addressed {
    send_as: SecurityClass,
    multicast: bool,
}

impl Network {
    /// A frame that came at that time.
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
            Ok(_) => tracing::debug!(?frame, "nobody waits for this frame"),
            Err(why) => tracing::debug!(?frame, %why, "a frame that can't be read"),
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
            _ => tracing::debug!("an answer that nobody waits for any more"),
        }
    }

    fn application_command(&mut self, received: &ApplicationCommand) {
        let id = received.source;
        if received.rx.is_foreign() || !self.nodes.contains_key(&id) {
            return tracing::debug!(node = %id, "a frame of a stranger");
        }
        let Some(state) = self.nodes.get_mut(&id) else { return };
        // A frame in clear may be forged. A node with keys is alive when something opens under its class, or when it
        // acknowledges a frame of ours.
        if state.has_keys() {
            state.sounds(self.clock);
        } else {
            self.lives(id);
        }
        self.outermost(id, &received.payload, received.rx.is_multicast());
    }

    /// The node itself spoke: it is there, and is asked what it left unanswered.
    pub(super) fn lives(&mut self, id: NodeId) {
        self.heard(id);
        if let Some(state) = self.nodes.get_mut(&id) {
            state.interview.resume();
        }
    }

    /// What came over the air, or was put together of segments.
    pub(super) fn outermost(&mut self, id: NodeId, payload: &[u8], multicast: bool) {
        match read(id, payload) {
            None => {}
            // Segments, and S0, for several nodes at once are nobody's: nobody could ask for what is missing.
            Some(Command::TransportService(_) | Command::Security(_)) if multicast => {}
            Some(Command::TransportService(segment)) => self.segment_heard(id, &segment),
            Some(said @ (Command::Security(_) | Command::Security2(_))) if !multicast && self.is_joining(id) => {
                self.joiner_said(id, said);
            }
            Some(Command::Security(said)) => self.hear_s0(id, said),
            Some(Command::Security2(said)) => self.hear_s2(id, said, multicast),
            Some(command) => self.hear(id, Addressed { send_as: SecurityClass::None, multicast }, command),
        }
    }

    /// What a node sealed under that class.
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
        // Nobody is believed at a lower class than the one granted (docs/protocol/gateway.md §2.2). Old nodes under S0
        // do send some reports in clear: those are told, but end no job.
        let granted = state.node.security;
        let trusted = addressed.send_as >= granted;
        match opened {
            Opened::Sealed(class) => tracing::debug!(node = %id, %class, "an encapsulation where none belongs: dropped"),
            Opened::Plain(command) if !trusted && addressed.send_as != SecurityClass::None && hub::asks_for_classes(&command) => {
                self.deliver(id, addressed, wrapping, command);
            }
            _ if !trusted && granted > SecurityClass::S0 => {
                tracing::debug!(node = %id, ?granted, send_as = ?addressed.send_as, "below the class the node was granted: dropped");
            }
            Opened::Outcome(report) if trusted && wrapping.endpoint() == ROOT => self.offer(id, Answer::Outcome(report)),
            Opened::Outcome(_) => tracing::debug!(node = %id, "an outcome that is not for us to believe: dropped"),
            Opened::Plain(command) => {
                self.deliver(id, addressed, wrapping, command);
            }
            // In clear, anybody may say it: it must not pass for the original of what comes sealed.
            Opened::Supervised(_) if !trusted => tracing::debug!(node = %id, "supervised, below its class: dropped"),
            // A question that gets its report needs no second answer (docs/protocol/gateway.md §2.2).
            Opened::Supervised(get) if is_question(&get.command) => {
                let session = get.session;
                if self.deliver(id, addressed, wrapping, *get.command) == Status::NO_SUPPORT {
                    self.tell_outcome(id, addressed, wrapping, session, Status::NO_SUPPORT);
                }
            }
            Opened::Supervised(get) => {
                let session = get.session;
                let status =
                    state.sessions.told_before(&get, now).unwrap_or_else(|| self.carry_out(id, addressed, wrapping, get));
                self.tell_outcome(id, addressed, wrapping, session, status);
            }
        }
    }

    /// Does what a supervised frame says, for the first time. Of several commands, one that fails is told.
    fn carry_out(&mut self, id: NodeId, addressed: Addressed, wrapping: Wrapping, get: Get) -> Status {
        let mut all = Status::SUCCESS;
        for part in envelope::supervised((*get.command).clone()) {
            let understood = envelope::is_understood(&part);
            let did = self.deliver(id, addressed, wrapping, part);
            let did = if understood { did } else { Status::NO_SUPPORT };
            // By number: no support, failed, done.
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

    /// Answers a node: that its supervised report arrived, or what it asked. A node that wants more of them than can be
    /// sent asks again.
    pub(super) fn answer(&mut self, id: NodeId, send_as: SecurityClass, command: Command) {
        // What is said of segments is how it stands now. Said late as well, it would be answered by segments of long ago.
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

    /// A command without its encapsulation: for the hub, or for the owner and the job that asked for it. What became of it:
    /// a report always arrives.
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
                let news = state.woke(self.clock);
                self.tell_reach(id, news);
                return Status::SUCCESS;
            }
            // An answer to broadcast or multicast helps nobody, and many would give it at once
            // (docs/protocol/gateway.md §2.2).
            question if is_question(&question) => {
                match self.ask_hub(id, send_as, &question) {
                    Some(answer) if !multicast && wrapping.is_for_root() => {
                        self.answer(id, send_as, wrapping.around(answer));
                        return Status::SUCCESS;
                    }
                    _ => tracing::debug!(node = %id, command = %question, "a question that is not answered"),
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
            // It tells of what it stored, while it listens: the next code needs no beam of its own.
            Command::Notification(Notification::Report(_)) if trusted => self.has_time(id),
            _ => {}
        }
        let is_set = command.spec().is_some_and(|row| row.kind == Kind::Set);
        if is_set
            && wrapping.is_for_root()
            && let Some(status) = self.tell_hub(id, send_as, &command)
        {
            return status;
        }
        let (endpoint, security) = (wrapping.endpoint(), send_as);
        let at = self.heard_at;
        self.tell(NetworkEvent::Received { node: id, endpoint, command: command.clone(), security, multicast, at });
        if trusted && endpoint == ROOT {
            self.offer(id, Answer::Reply(command, send_as));
        }
        // Nothing that a Set could set is here.
        if is_set { Status::NO_SUPPORT } else { Status::SUCCESS }
    }

    /// Gives an answer to the transaction that waits for it: on the air still, or acknowledged already.
    fn offer(&mut self, id: NodeId, answer: Answer) {
        // Its command has not left yet: only an answer to an earlier try can end it.
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

    /// A report may come so late that its transaction waits for its next try already.
    fn offer_to_queue(&mut self, id: NodeId, answer: Answer) {
        let late = |it: &Transaction| it.node == id && it.may_be_answered() && awaits(it, &answer);
        let Some(found) = self.queue.iter().find(|transaction| late(transaction)).map(|transaction| transaction.id) else {
            return;
        };
        if let Some(transaction) = self.queue.remove(found) {
            self.settle(transaction, answer);
        }
    }

    /// The transaction the node thinks about got its answer.
    pub(super) fn answered(&mut self, id: NodeId, answer: Answer) {
        let now = self.clock;
        let Some(state) = self.nodes.get_mut(&id) else { return };
        let Some(AwaitingReply { transaction, since, .. }) = state.awaiting_reply.take() else { return };
        state.reported_after(now.since(since));
        self.settle(transaction, answer);
    }

    /// It has time to speak again, so it is through with what it stored.
    fn has_time(&mut self, id: NodeId) {
        if let Some(state) = self.nodes.get_mut(&id) {
            state.pace_until = state.pace_until.min(self.clock);
        }
    }

    pub(super) fn settle(&mut self, mut transaction: Transaction, answer: Answer) {
        let (id, now) = (transaction.node, self.clock);
        self.release(&transaction);
        let report = match answer {
            Answer::Reply(command, _) => {
                self.has_time(id);
                return self.finish(transaction, Outcome::Reply(command));
            }
            Answer::Status(status) => return self.put_off(transaction, &status),
            Answer::Outcome(report) => report,
        };
        match report.status {
            Status::SUCCESS => self.finish(transaction, Outcome::Accepted),
            Status::WORKING => {
                let work = report.duration.time().unwrap_or(LONGEST_WORK) + WORK_MARGIN;
                self.works_on(transaction, now + work.min(LONGEST_WORK));
            }
            // "Not this command" or "no Supervision": either way it goes bare from now on
            // (docs/protocol/command-classes.md 0x6C). The node did nothing, but an earlier try may have: the doubt
            // stays.
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
                // The same session would get the same answer again.
                transaction.session = None;
                self.queue.push_front(transaction);
            }
            _ => self.finish(transaction, Outcome::Refused),
        }
    }

    /// The node took a command and will say later how it went.
    fn works_on(&mut self, mut transaction: Transaction, until: Instant) {
        let (id, now) = (transaction.node, self.clock);
        let on_air = self.on_air() == Some(id);
        let Some(state) = self.nodes.get_mut(&id) else { return self.finish(transaction, Outcome::Cancelled) };
        if on_air || state.has_under_way() {
            // It said so late, and another command took its place: it is asked for again, in the same session.
            transaction.not_before = until;
            return self.queue.push_front(transaction);
        }
        state.awaiting_reply = Some(AwaitingReply { transaction, since: now, until, working: true, verifying: false });
    }

    /// The node has no time for a command, or refuses it (docs/protocol/command-classes.md 0x22).
    fn put_off(&mut self, mut transaction: Transaction, status: &ApplicationStatus) {
        let now = self.clock;
        let busy = match status {
            ApplicationStatus::RejectedRequest(_) => return self.finish(transaction, Outcome::Refused),
            ApplicationStatus::Busy(busy) => busy,
        };
        if busy.status == BusyStatus::REQUEST_QUEUED {
            return self.works_on(transaction, now + LONGEST_WORK);
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
            _ => tracing::debug!(node = %id, status = ?update.status, "an update that concerns nobody"),
        }
    }

    /// Ends the request for a node information frame, if that is what is under way. Controllers often don't say whose failed.
    fn end_node_info(&mut self, id: Option<NodeId>, ended: Ended) {
        let awaited = self.exchange.as_ref().map(|(exchange, _)| exchange.awaits());
        if let Some(Awaits::NodeInfo(asked)) = awaited
            && id.is_none_or(|id| id == asked)
        {
            self.end_exchange(Some(ended));
        }
    }

    /// A node information frame also says that its sender listens now. It is always in clear.
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
            state.sleeps() && state.woke(now)
        };
        // Later frames add nothing: after the interview the list is what the node's security class says. Nothing is taken
        // away: the frame is in clear, and what the node has under its keys is not in it.
        if state.node.stage < InterviewStage::NodeInfo || state.interview.repeated() == Interviewing::UnderWay {
            for class in &info.supported {
                state.node.classes.entry(*class).or_default();
            }
        }
        self.tell_reach(id, news);
        self.end_node_info(Some(id), Ended::Answered(None));
        // It may come after the controller gave the request up, or without one.
        let asked = |it: &Transaction| it.node == id && it.operation == Operation::NodeInfo;
        for transaction in self.queue.take_if(asked) {
            self.finish(transaction, Outcome::Delivered);
        }
        self.interview(id, |state| state.interview.skip_node_info(&mut state.node));
    }
}

fn read(id: NodeId, payload: &[u8]) -> Option<Command> {
    Command::parse(payload).inspect_err(|why| tracing::debug!(node = %id, %why, "a command that can't be read")).ok()
}

/// Whether `answer` is what `transaction` waits for.
fn awaits(transaction: &Transaction, answer: &Answer) -> bool {
    match (&transaction.operation, answer) {
        (Operation::Command { command, expect: Completion::Reply }, Answer::Reply(told, _)) => replies::answers(command, told),
        (Operation::Command { expect: Completion::Supervised, .. }, Answer::Outcome(report)) => {
            transaction.session == Some(report.session)
        }
        // Only who has the key of a class was granted it.
        (Operation::Probe(class), Answer::Reply(told, send_as)) => class == send_as && lists_classes(told),
        // It names no command: it means the last one that has an answer.
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
