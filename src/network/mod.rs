//! The Z-Wave network as one state machine: controller, nodes, queue.
//!
//! Pure: frames and time are inputs, frames and events are outputs. The contract of the loop:
//!
//! 1. call [`Network::handle`] with one input, or [`Network::handle_timeout`], or [`Network::submit`] with a job;
//! 2. drain [`Network::poll_output`] until it is `None`;
//! 3. call again at [`Network::poll_deadline`].
//!
//! | file | what |
//! | --- | --- |
//! | `api`, `jobs` | the types of the public interface, and those that the files below share |
//! | `start_up`, `controller` | start-up of the controller; its life cycle |
//! | `adopt` | takes over the network of another controller software |
//! | `queue`, `transmit` | what is sent next, and the result of a transmission |
//! | `exchange` | one host function: acknowledgement, response, callback |
//! | `receive`, `replies` | received commands, and which job they end |
//! | `secure`, `allowance` | S0 and S2: the class to send under and to accept; limit of Nonce Reports |
//! | `resealed` | detects a report that a node sent again because a frame could not be decrypted |
//! | `envelope` | Supervision, Multi Channel, CRC-16, Multi Command |
//! | `hub` | the hub as a node: what it announces and answers |
//! | `local_reset` | nodes that reported a factory reset |
//! | `segments`, `datagrams` | commands longer than a frame |
//! | `nodes` | reachability and pacing of one node |
//! | `members` | all nodes, and which are active |
//! | `last_hour` | sums over the last hour |
//! | `inclusion` | inclusion, exclusion, SmartStart, failed nodes |
//! | `interview` | the queries that make a node usable |
//! | `class_search` | the security class that a node was granted |
//!
//! While one node prepares its report, frames to other nodes are sent; each node has one command at a time.

mod adopt;
mod allowance;
mod api;
mod class_search;
mod controller;
mod datagrams;
mod envelope;
mod exchange;
mod hub;
pub mod inclusion;
mod interview;
mod jobs;
mod last_hour;
mod local_reset;
mod members;
mod nodes;
mod queue;
mod receive;
mod replies;
mod resealed;
mod secure;
mod segments;
mod start_up;
#[cfg(test)]
pub(crate) mod tests;
mod transmit;

use std::cmp::Reverse;
use std::collections::{BTreeSet, VecDeque};

use jiff::tz::TimeZone;

use crate::domain::entropy::Entropy;
use crate::domain::ids::{HomeId, NodeId};
use crate::domain::node::{InterviewStage, Joining, Node, WeakCodes, Weakness};
use crate::domain::time::{Deadline, Instant, Now, Timestamp};
use crate::security::keys::NetworkKeys;
use crate::serial::link::{SendFailure, SendId};
use crate::serial::{CallbackId, Frame, FunctionId, Message, NodeIdWidth};

pub use adopt::Adopted;
pub use api::{CannotInterview, InterviewTrouble, Interviewing};
pub use api::{ControllerInfo, ControllerStatus, Input, NetworkEvent, Options, Output, RadioUse, Reach, SoftReset};
use exchange::{Due, Ended, Exchange};
pub use hub::Blink;
use hub::Hub;
use inclusion::JoinState;
use jobs::{Carries, Operation, Requester, SendAs, Transaction, Transmission};
pub use jobs::{Completion, Job, JobId, Outcome, Priority};
use last_hour::LastHour;
use members::Members;
use nodes::NodeState;
use queue::Queue;
use secure::Keyring;
use start_up::{Controller, StartUp};

#[derive(Debug)]
pub struct Network {
    options: Options,
    keyring: Keyring,
    hub: Hub,
    entropy: Entropy,
    /// The network that `nodes` belong to.
    home: Option<HomeId>,
    /// The controller's own node id.
    own: NodeId,
    status: ControllerStatus,
    start_up: Option<StartUp>,
    /// A controller of another network, which is started and not used.
    stranger: Option<Box<Controller>>,
    /// Whether the next start-up may reset the controller: once after the daemon's start, and after the controller
    /// hung.
    may_reset: bool,
    functions: BTreeSet<FunctionId>,
    width: NodeIdWidth,
    nodes: Members,
    queue: Queue,
    /// The function under way, and its owner.
    exchange: Option<(Exchange, Owner)>,
    /// Nothing is sent before this time, because the controller was busy or the radio jammed.
    hold_until: Instant,
    /// Frames received before the controller was ready.
    early: VecDeque<(Instant, Message)>,
    outputs: VecDeque<Output>,
    airtime: LastHour,
    membership: JoinState,
    /// The monotonic time of the last call.
    clock: Instant,
    /// The wall clock time of the last call, for nodes that ask for it.
    time: Now,
    /// When the frame being handled was received.
    heard_at: Instant,
    last_send: u64,
    last_callback: CallbackId,
    last_job: u64,
}

/// Number of simultaneous interviews: enough to use the radio while nodes prepare their answers, and few enough that
/// the first of many new locks is ready soon.
const INTERVIEWS: usize = 3;

/// The owner of the function under way.
#[derive(Debug)]
enum Owner {
    StartUp,
    Node(Box<Transmission>),
    /// A segment of the datagram to this node.
    Segment(NodeId),
    /// An inclusion, exclusion or replacement.
    Change,
}

impl Network {
    /// A network with the `nodes` of the last run, which belong to `home` and use its `keys`. Sends nothing before
    /// [`Input::LinkUp`].
    pub fn new(nodes: Vec<Node>, home: Option<HomeId>, keys: NetworkKeys, options: Options, mut entropy: Entropy) -> Self {
        let nodes = nodes.into_iter().map(|node| NodeState::new(node, &mut entropy)).collect();
        Self {
            may_reset: options.soft_reset == SoftReset::Auto,
            options,
            keyring: Keyring::new(keys),
            hub: Hub::default(),
            entropy,
            home,
            own: NodeId(0),
            status: ControllerStatus::Absent { why: "the port was not opened yet".into() },
            start_up: None,
            stranger: None,
            functions: BTreeSet::new(),
            width: NodeIdWidth::Bits8,
            nodes,
            queue: Queue::default(),
            exchange: None,
            hold_until: Instant::ZERO,
            early: VecDeque::new(),
            outputs: VecDeque::new(),
            airtime: LastHour::default(),
            membership: JoinState::default(),
            clock: Instant::ZERO,
            heard_at: Instant::ZERO,
            time: Now { mono: Instant::ZERO, wall: Timestamp::default(), trusted: false },
            last_send: 0,
            last_callback: CallbackId::NONE,
            last_job: 0,
        }
    }

    pub fn handle(&mut self, input: Input, now: Now) {
        self.tick(now);
        match input {
            Input::LinkUp => self.link_up(),
            Input::LinkDown { why } => self.link_down(why),
            Input::LinkWaiting { why } => {
                self.stranger = None;
                self.status = ControllerStatus::Absent { why };
            }
            Input::Frame(frame) => self.frame(frame, now.mono),
            Input::Waited { frame, since } => self.frame(frame, since),
            Input::Sent(id) => {
                let ended = self.exchange.as_mut().and_then(|(exchange, _)| exchange.sent(id, now.mono));
                self.end_exchange(ended);
            }
            Input::Failed(id, SendFailure::Refused) => {
                let ended = self.exchange.as_ref().and_then(|(exchange, _)| exchange.failed(id));
                self.end_exchange(ended);
            }
            // The controller may have received it, but no answer will come.
            Input::Failed(id, SendFailure::NoAck | SendFailure::PortLost) => {
                if self.exchange.as_ref().is_some_and(|(exchange, _)| exchange.failed(id).is_some()) {
                    self.lose_exchange();
                }
            }
            Input::Unresponsive => self.controller_hangs("the controller acknowledges nothing"),
        }
        self.process_due();
    }

    /// Does what is due. It may be called early.
    pub fn handle_timeout(&mut self, now: Now) {
        self.tick(now);
        self.process_due();
    }

    /// When to call [`Network::handle_timeout`], and why.
    pub fn poll_deadline(&self) -> Option<Deadline> {
        let at = |at: Instant, why: &'static str| Some(Deadline { at, why });
        let exchange = self.exchange.as_ref().and_then(|(exchange, _)| exchange.deadline());
        let start_up = self.start_up.as_ref().and_then(StartUp::deadline);
        let nodes = self.nodes.active().flat_map(NodeState::deadlines);
        let all = [
            exchange,
            start_up,
            self.change_deadline(),
            at(self.hold_until, "controller was busy"),
            self.preemption_at().and_then(|due| at(due, "wait behind a stuck transmission")),
        ];
        let others = self.nodes.active().filter_map(NodeState::sleeps_at).filter(|_| !self.queue.is_empty());
        let queued = self.queue.deadlines().map(|at| Deadline { at, why: "queue" });
        // Deadlines in the past have been handled, or wait for something other than time.
        all.into_iter()
            .flatten()
            .chain(nodes)
            .chain(others)
            .chain(queued)
            .filter(|deadline| deadline.at > self.clock)
            .min_by_key(|it| it.at)
    }

    /// The next output; `None` if there is none.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Queues a job. It always ends with a [`NetworkEvent::JobDone`].
    pub fn submit(&mut self, job: Job, now: Now) -> JobId {
        self.tick(now);
        let Job { node, priority, command, expect, deadline } = job;
        let class = command.class();
        let mut transaction = self.transaction(node, priority, Operation::Command { command, expect }, Requester::Caller);
        transaction.deadline = deadline;
        let id = transaction.id;
        match self.nodes.get(&node) {
            None => self.finish(transaction, Outcome::Cancelled),
            Some(state) if !state.supports(class) => self.finish(transaction, Outcome::Unsupported),
            Some(_) => self.queue.push(transaction),
        }
        self.process_due();
        id
    }

    /// A user's change concerns this node: try it now, even if it is considered dead.
    pub fn urge(&mut self, id: NodeId, now: Now) {
        self.tick(now);
        if let Some(state) = self.nodes.get_mut(&id) {
            state.urge(self.clock);
        }
        self.process_due();
    }

    /// Withdraws a job. If it is being sent, it continues to its outcome; if it waits for a retry, it ends with the
    /// outcome of the last try; otherwise it ends as [`Outcome::Cancelled`]. Returns whether it was withdrawn.
    pub fn cancel(&mut self, id: JobId) -> bool {
        let waiting = self.queue.remove(id);
        let was_waiting = waiting.is_some();
        if let Some(transaction) = waiting {
            self.finish(transaction, Outcome::Cancelled);
        }
        was_waiting
    }

    /// Whether the command of a job may have reached its node.
    pub fn has_left(&self, id: JobId) -> bool {
        let waits = |transaction: &Transaction| transaction.id == id && transaction.doubt.is_none();
        let asks_nonce = self.nodes.active().filter_map(|state| state.nonce.as_ref()).any(|wait| waits(&wait.transaction));
        let before_nonce = matches!(&self.exchange, Some((_, Owner::Node(transmission)))
            if transmission.carries == Carries::NonceGet && waits(&transmission.transaction));
        !asks_nonce && !before_nonce && !self.queue.iter().any(waits)
    }

    /// Starts a complete new interview. Known data stay in use meanwhile; [`Network::interviewing`] reports the
    /// progress.
    pub fn interview_again(&mut self, id: NodeId, now: Now) -> Result<(), CannotInterview> {
        self.tick(now);
        if !self.is_ready() {
            return Err(CannotInterview::NoController);
        }
        let state = self.nodes.get_mut(&id).ok_or(CannotInterview::UnknownNode(id))?;
        if state.node.joining != Joining::Done {
            return Err(CannotInterview::NotAMember(id));
        }
        state.interview_again();
        self.process_due();
        Ok(())
    }

    /// Progress of the requested interview of a node.
    pub fn interviewing(&self, id: NodeId) -> Interviewing {
        self.nodes.get(&id).map(|state| state.interview.repeated()).unwrap_or_default()
    }

    /// Why the interview of a node makes no progress.
    pub fn interview_trouble(&self, id: NodeId) -> Option<InterviewTrouble> {
        self.nodes.get(&id).and_then(|state| state.interview.trouble())
    }

    /// Locks that held codes before a minimum class was introduced may keep them. Every other node is subject to the
    /// rule.
    pub fn judge_weak_codes(&mut self, holds_codes: impl Fn(NodeId) -> bool) {
        let unjudged: Vec<NodeId> =
            self.nodes.values().filter(|it| it.node.weak_codes == WeakCodes::Unjudged).map(|it| it.node.id).collect();
        for id in unjudged {
            let Some(state) = self.nodes.get_mut(&id) else { continue };
            let keeps = state.node.weakness() == Some(Weakness::BelowAccessControl) && holds_codes(id);
            state.node.weak_codes = if keeps { WeakCodes::Kept } else { WeakCodes::Refused };
            self.tell(NetworkEvent::NodeChanged(id));
        }
    }

    /// Changes the time zone of the home.
    pub fn set_zone(&mut self, zone: TimeZone) {
        self.options.zone = zone;
    }

    pub fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(&id).map(|state| &state.node)
    }

    /// All nodes by id, without the controller.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.nodes.values().map(|state| &state.node)
    }

    /// Whether a node can be reached.
    pub fn reach(&self, id: NodeId) -> Reach {
        self.nodes.get(&id).map_or(Reach::Unknown, |state| state.reach)
    }

    /// When a dead node is tried again by itself. Until then everything but an operation waits. `None`: it is not dead.
    pub fn next_try(&self, id: NodeId) -> Option<Timestamp> {
        let state = self.nodes.get(&id).filter(|state| state.reach == Reach::Dead)?;
        Some(self.time.wall + state.pause_left(self.clock))
    }

    /// Radio use of a node.
    pub fn radio(&self, id: NodeId) -> RadioUse {
        self.nodes.get(&id).map(|state| state.radio).unwrap_or_default()
    }

    /// Whether a frame to the node would be received now without a beam.
    pub fn listens(&self, id: NodeId) -> bool {
        self.nodes.get(&id).is_some_and(|state| state.is_awake(self.clock) && !state.needs_beam(self.clock))
    }

    /// Number of commands queued for a node.
    pub fn queued(&self, id: NodeId) -> usize {
        self.queue.iter().filter(|transaction| transaction.node == id).count()
    }

    /// Milliseconds of transmission in the last hour, as far as the controller reported them.
    pub fn airtime_last_hour(&self, now: Instant) -> u64 {
        self.airtime.sum(now)
    }

    pub fn controller(&self) -> &ControllerStatus {
        &self.status
    }

    fn tick(&mut self, now: Now) {
        self.clock = now.mono;
        self.time = now;
    }

    /// Does everything that is due. The order matters: each step may make a later one due.
    fn process_due(&mut self) {
        self.check_exchange();
        self.check_reports();
        self.check_nonces();
        self.check_datagrams();
        self.expire_jobs();
        self.go_on_with_start_up();
        if self.is_ready() {
            self.check_sleepers();
            self.probe_dead_nodes();
            self.go_on_with_interviews();
            self.process_change();
            self.transmit_next_segment();
            self.transmit_next();
        }
        self.nodes.rest(self.clock);
    }

    fn is_ready(&self) -> bool {
        matches!(self.status, ControllerStatus::Ready(_))
    }

    fn check_exchange(&mut self) {
        let preempts = self.preemption_at().is_some_and(|due| due <= self.clock);
        let Some((exchange, owner)) = &mut self.exchange else { return };
        if let (true, Owner::Node(transmission)) = (preempts, owner) {
            exchange.abort();
            transmission.preempted = true;
            self.send(Frame::request(FunctionId::SEND_DATA_ABORT, Vec::new()));
            return;
        }
        match exchange.due(self.clock) {
            None => {}
            Some(Due::Abort) => {
                self.send(Frame::request(FunctionId::SEND_DATA_ABORT, Vec::new()));
            }
            Some(Due::End(ended)) => self.end_exchange(Some(ended)),
        }
    }

    fn end_exchange(&mut self, ended: Option<Ended>) {
        let Some(ended) = ended else { return };
        match self.exchange.take() {
            None => {}
            Some((_, Owner::StartUp)) => self.start_up_answered(ended),
            Some((_, Owner::Segment(id))) => self.segment_went(id, &ended),
            Some((_, Owner::Change)) => self.ordered(&ended),
            Some((exchange, Owner::Node(mut transmission))) => {
                let spent = self.clock.since(exchange.started());
                transmission.aborted = exchange.was_aborted();
                self.transmitted(*transmission, ended, spent);
            }
        }
    }

    /// Passes a frame to the link.
    fn send(&mut self, frame: Frame) -> SendId {
        self.last_send += 1;
        let id = SendId(self.last_send);
        self.outputs.push_back(Output::Send { id, frame });
        id
    }

    fn tell(&mut self, event: NetworkEvent) {
        self.outputs.push_back(Output::Event(event));
    }

    fn transaction(&mut self, node: NodeId, priority: Priority, operation: Operation, requester: Requester) -> Transaction {
        self.last_job += 1;
        Transaction {
            id: JobId(self.last_job),
            node,
            priority,
            operation,
            requester,
            deadline: None,
            queued: self.clock,
            not_before: Instant::ZERO,
            failures: 0,
            doubt: None,
            left: false,
            preempted: 0,
            busy: 0,
            send_as: SendAs::Granted,
            resealed: false,
            goes_on: false,
            session: None,
        }
    }

    /// Ends a transaction and notifies its requester.
    fn finish(&mut self, transaction: Transaction, outcome: Outcome) {
        self.release(&transaction);
        let Transaction { id, node, requester, doubt, .. } = transaction;
        let outcome = match (outcome, doubt) {
            // These outcomes mean "not sent", which is wrong if an earlier try was sent.
            (
                Outcome::Expired | Outcome::Cancelled | Outcome::ControllerBusy | Outcome::NoNonce | Outcome::Unsupported,
                Some(doubt),
            ) => doubt,
            (outcome, _) => outcome,
        };
        match requester {
            Requester::Caller => self.tell(NetworkEvent::JobDone { id, node, outcome }),
            Requester::Interview => {
                let (own, now) = (self.own, self.clock);
                self.interview(node, |state| state.interview.settle(&mut state.node, &outcome, own, now));
            }
            // With any outcome: a node is only suspected while a ping is under way.
            Requester::Ping => {
                if let Some(state) = self.nodes.get_mut(&node) {
                    state.suspect = false;
                }
            }
            Requester::LocalReset => self.failed_node_checked(node, &outcome),
            Requester::Joining => self.joiner_frame_sent(node, &outcome),
            Requester::Machine => {}
        }
    }

    fn go_on_with_interviews(&mut self) {
        let (own, now) = (self.own, self.clock);
        let (asking, mut open): (Vec<&NodeState>, Vec<&NodeState>) =
            self.nodes.active().filter(|state| state.may_be_interviewed(now)).partition(|state| state.interview.is_asking());
        let mut free = INTERVIEWS.saturating_sub(asking.iter().filter(|state| state.is_awake(now)).count());
        // The interview closest to its end continues first.
        open.sort_by_key(|state| Reverse(state.node.stage));
        let open: Vec<(NodeId, bool)> = open.iter().map(|state| (state.node.id, state.is_awake(now))).collect();
        for (id, awake) in open {
            if awake && free == 0 {
                continue;
            }
            let mut operation = None;
            self.interview(id, |state| operation = state.interview.next(&mut state.node, own, now));
            if let Some(operation) = operation {
                let question = self.transaction(id, Priority::Background, operation, Requester::Interview);
                self.queue.push(question);
                free -= usize::from(awake);
            }
        }
    }

    /// Performs a step of an interview, and emits an event if stored data changed.
    fn interview(&mut self, id: NodeId, step: impl FnOnce(&mut NodeState)) {
        let Some(state) = self.nodes.get_mut(&id) else { return };
        let before = state.node.clone();
        step(state);
        let usable = before.stage < InterviewStage::Capabilities && state.node.stage >= InterviewStage::Capabilities;
        if before != state.node {
            self.tell(NetworkEvent::NodeChanged(id));
        }
        if usable {
            self.tell(NetworkEvent::Interviewed(id));
        }
    }

    fn expire_jobs(&mut self) {
        let now = self.clock;
        for transaction in self.queue.expired(now) {
            self.finish(transaction, Outcome::Expired);
        }
    }
}
