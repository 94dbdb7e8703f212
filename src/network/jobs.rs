//! What may be asked of a node, how it goes on its way, and how it can end. Words only: the other files act on them.

use std::fmt;

use crate::command::application_status::ApplicationStatus;
use crate::command::supervision::{Report, SessionId, Supervision};
use crate::command::{Body, Command};
use crate::domain::ids::NodeId;
use crate::domain::node::{Node, SecurityClass};
use crate::domain::time::Instant;

/// Identity of one job, unique until the daemon ends.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(pub u64);

impl fmt::Debug for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "job {}", self.0)
    }
}

/// One command for one node. It ends with exactly one [`Outcome`].
#[derive(Clone, PartialEq, Debug)]
pub struct Job {
    /// For whom.
    pub node: NodeId,
    /// How urgent.
    pub priority: Priority,
    /// What is sent, without any encapsulation.
    pub command: Command,
    /// What ends the job.
    pub expect: Completion,
    /// If it has not left by then, it ends as [`Outcome::Expired`].
    pub deadline: Option<Instant>,
}

/// Order of the queue; the first is the most urgent. Whether a job may go at all is another question (eligibility).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Priority {
    /// A nonce that a node waits for: it is worthless seconds later.
    Nonce,
    /// An answer to a node, Supervision Report above all: the node repeats itself until it comes.
    Reply,
    /// Somebody stands at the door: lock, unlock.
    Operate,
    /// A code that must stop working.
    Revoke,
    /// For a sleeper that is awake only now.
    Awake,
    /// A code that shall work.
    Write,
    /// Interview, inventory, checks.
    Background,
}

/// What ends a job.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Completion {
    /// A Set: goes out under Supervision if the node supports it, and ends with the Supervision Report; else with the
    /// acknowledgement.
    Supervised,
    /// A Get: ends with its Report.
    Reply,
    /// Ends with the acknowledgement.
    Nothing,
}

/// How a job ended.
#[derive(Clone, PartialEq, Debug)]
pub enum Outcome {
    /// The Report that was asked for.
    Reply(Command),
    /// Supervision: success. The node did it.
    Accepted,
    /// Supervision: the node refused it, or failed at it.
    Refused,
    /// The node does not have that command class; nothing was sent.
    Unsupported,
    /// The node acknowledged the frame, and no more than that could be learnt.
    Delivered,
    /// The node acknowledged the frame but never reported: the truth is unknown.
    NoReport,
    /// The node acknowledged that it was asked for a nonce and sent none: the command never left. (If an earlier try left, it
    /// ends as that one did.)
    NoNonce,
    /// The node did not acknowledge any try.
    NoAck,
    /// The controller was lost with the frame under way: the truth is unknown.
    ControllerGone,
    /// The controller could not send: radio jammed, or its queue stayed full.
    ControllerBusy,
    /// The job's deadline passed before it could leave. (If it left and is waiting for its next try, it ends as that try
    /// ended.)
    Expired,
    /// Taken back by [`super::Network::cancel`], or its node left the network, before it left.
    Cancelled,
}

impl Outcome {
    /// Whether the node was reached.
    pub fn proves_contact(&self) -> bool {
        match self {
            Self::Reply(_) | Self::Accepted | Self::Refused | Self::Delivered | Self::NoReport | Self::NoNonce => true,
            Self::Unsupported | Self::NoAck | Self::ControllerGone | Self::ControllerBusy | Self::Expired | Self::Cancelled => {
                false
            }
        }
    }
}

/// A job, or an errand of the network's own, on its way through queue and exchange.
#[derive(Clone, Debug)]
pub(super) struct Transaction {
    pub(super) id: JobId,
    pub(super) node: NodeId,
    pub(super) priority: Priority,
    pub(super) operation: Operation,
    pub(super) requester: Requester,
    pub(super) deadline: Option<Instant>,
    /// When it began to wait.
    pub(super) queued: Instant,
    /// Not eligible before.
    pub(super) not_before: Instant,
    /// Tries that the node did not acknowledge, or acknowledged and left without the report.
    pub(super) failures: u8,
    /// How the last try ended, if it may have reached the node all the same. The job can't end as "not sent" any more.
    pub(super) doubt: Option<Outcome>,
    /// A try was on the air as a whole, so that its answer may come late.
    pub(super) left: bool,
    /// How often it was stopped on the air for something more urgent.
    pub(super) preempted: u8,
    /// Tries that never reached the air: controller busy, radio jammed. Not the node's fault.
    pub(super) busy: u8,
    /// Under which security class it goes.
    pub(super) send_as: SendAs,
    /// It was sealed again already, because the node could not open it.
    pub(super) resealed: bool,
    /// It is sent again for that reason, and goes on with the turn that it had: once.
    pub(super) goes_on: bool,
    /// The Supervision session; a retransmission keeps it, so that the node can tell it from a new command.
    pub(super) session: Option<SessionId>,
}

impl Transaction {
    /// The class it goes under to `node`.
    pub(super) fn class_of(&self, node: &Node) -> SecurityClass {
        match (self.send_as, &self.operation) {
            (_, Operation::Probe(class)) => *class,
            (SendAs::Class(class), _) => class,
            (SendAs::Granted, _) => node.security,
        }
    }

    /// The Supervision session of the node that it answers.
    pub(super) fn answers(&self) -> Option<SessionId> {
        match &self.operation {
            Operation::Command { command: Command::Supervision(Supervision::Report(report)), .. } => Some(report.session),
            _ => None,
        }
    }

    /// Whether it tells a node how its segments came in.
    pub(super) fn is_about_segments(&self) -> bool {
        matches!(self.operation, Operation::Command { command: Command::TransportService(_), .. })
    }

    /// How often it is tried on a node that answers nothing (docs/protocol/timing.md §5: at most 3).
    pub(super) fn tries(&self) -> u8 {
        if let Operation::Join { tries, .. } = self.operation {
            return tries;
        }
        match self.priority {
            Priority::Background => 2,
            Priority::Nonce | Priority::Reply => 1,
            Priority::Operate | Priority::Revoke | Priority::Awake | Priority::Write => 3,
        }
    }

    /// The whole command was on the air. From then on it can't end as "not sent", whatever puts it back into the queue: it ends
    /// as `doubt`, until a definite answer ends it. Questions change nothing, so their loss needs no doubt.
    pub(super) fn leaves(&mut self, doubt: Outcome) {
        self.left = true;
        if matches!(self.operation, Operation::Command { expect: Completion::Supervised | Completion::Nothing, .. }) {
            self.doubt = Some(doubt);
        }
    }

    /// Whether an answer to an earlier try may come.
    pub(super) fn may_be_answered(&self) -> bool {
        self.left || self.failures > 0
    }

    /// Whether it is a question.
    pub(super) fn expects_reply(&self) -> bool {
        matches!(self.operation, Operation::Command { expect: Completion::Reply, .. })
    }

    /// Whether it ends with something the node says.
    pub(super) fn expects_report(&self) -> bool {
        match self.operation {
            Operation::Command { expect: Completion::Reply, .. } | Operation::Probe(_) => true,
            Operation::Command { expect: Completion::Supervised, .. } => self.session.is_some(),
            Operation::Command { expect: Completion::Nothing, .. } => false,
            Operation::ProtocolInfo
            | Operation::NodeInfo
            | Operation::RemoveFailed
            | Operation::Join { .. }
            | Operation::ReturnRoute => false,
        }
    }
}

/// What a transaction does.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Operation {
    /// Sends a command.
    Command { command: Command, expect: Completion },
    /// Asks the controller, not the node: Get Node Protocol Info (docs/protocol/serial-api.md §4, 0x41).
    ProtocolInfo,
    /// Asks for the node information frame (0x60, answered by 0x49).
    NodeInfo,
    /// Asks for the classes that the node has under this class: whether it was granted it.
    Probe(SecurityClass),
    /// Asks the controller to forget a node that answers nothing: Remove Failed Node (0x61).
    RemoveFailed,
    /// A word to a device that joins, as it is.
    Join { payload: Body, tries: u8 },
    /// Tells the node its way to the controller: Assign SUC Return Route (0x51).
    ReturnRoute,
}

/// Who learns how a transaction ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Requester {
    /// The caller of `submit`.
    Caller,
    /// The interview of the node.
    Interview,
    /// Nobody: supervision answers, "go to sleep".
    Machine,
    /// The check whether a silent node is dead.
    Ping,
    /// The check whether a node that says it was reset is gone.
    LocalReset,
    /// The talk with a device that joins.
    Joining,
}

/// Under which class a command goes out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum SendAs {
    /// The one the node was granted.
    Granted,
    /// This one, whatever was granted: an answer goes back as the question came, and a class is tried out.
    Class(SecurityClass),
}

/// A transaction between queue and callback.
#[derive(Debug)]
pub(super) struct Transmission {
    pub(super) transaction: Transaction,
    /// The node's answer, where it came before the controller's callback.
    pub(super) early: Option<Answer>,
    /// It was stopped for something that could not wait.
    pub(super) preempted: bool,
    /// The controller was asked to stop it, for any reason.
    pub(super) aborted: bool,
    /// What is on the air of it.
    pub(super) carries: Carries,
    /// The nonce it asked for came before the controller's callback.
    pub(super) nonce_came: bool,
    /// The node said before the controller's callback that it could not open it.
    pub(super) resync: bool,
    /// Whether the node listened when it went out.
    pub(super) before: Before,
}

/// How a node was when a frame went out to it, as far as its last word tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Before {
    /// It was heard a moment ago.
    Listening,
    /// It was not heard for long.
    Asleep,
    /// Something in between.
    Unclear,
}

impl Transmission {
    pub(super) fn of(transaction: Transaction, carries: Carries) -> Self {
        Self {
            transaction,
            early: None,
            preempted: false,
            aborted: false,
            carries,
            nonce_came: false,
            resync: false,
            before: Before::Unclear,
        }
    }
}

/// What a transmission carries of its command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Carries {
    /// All of it, or its end.
    Command,
    /// Nothing yet: the node is asked for the nonce, or tells it because of a first part.
    NonceGet,
}

/// What ends, or prolongs, the wait for a node.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Answer {
    /// The report that was asked for, and the class it came under.
    Reply(Command, SecurityClass),
    /// What became of a supervised Set.
    Outcome(Report),
    /// The node has no time for it, or refuses.
    Status(ApplicationStatus),
}
