//! Jobs, transactions and outcomes: the types that the files of this folder share.

use std::fmt;

use crate::command::application_status::ApplicationStatus;
use crate::command::supervision::{Report, SessionId, Supervision};
use crate::command::{Body, Command};
use crate::domain::ids::NodeId;
use crate::domain::node::{Node, SecurityClass};
use crate::domain::time::Instant;

/// Identifies a job, unique until the daemon ends.
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
    pub node: NodeId,
    pub priority: Priority,
    /// The command, without encapsulation.
    pub command: Command,
    /// What ends the job.
    pub expect: Completion,
    /// If it was not sent by then, it ends as [`Outcome::Expired`].
    pub deadline: Option<Instant>,
}

/// Order of the queue, most urgent first. Whether a job may be sent at all is decided separately (eligibility).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Priority {
    /// A Nonce Report that a node waits for: useless after seconds.
    Nonce,
    /// An answer to a node, such as a Supervision Report: the node repeats its request until it arrives.
    Reply,
    /// Lock or unlock: a person is waiting at the door.
    Operate,
    /// Removal of a code.
    Revoke,
    /// For a sleeping node that is awake at the moment.
    Awake,
    Write,
    Background,
}

/// What ends a job.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Completion {
    /// A Set. Sent under Supervision if the node supports it, and completed by the Supervision Report; otherwise by the
    /// acknowledgement.
    Supervised,
    /// A Get, completed by its Report.
    Reply,
    /// Completed by the acknowledgement.
    Nothing,
}

/// How a job ended.
#[derive(Clone, PartialEq, Debug)]
pub enum Outcome {
    Reply(Command),
    /// A Supervision Report with success.
    Accepted,
    /// Supervision Report: the node refused or failed.
    Refused,
    /// The node does not support the command class; nothing was sent.
    Unsupported,
    /// The node acknowledged the frame. Nothing more can be learnt.
    Delivered,
    /// The node acknowledged the frame but sent no report: unknown whether it was carried out.
    NoReport,
    /// The node acknowledged the Nonce Get but sent no nonce, so the command was not sent. (If an earlier try was sent,
    /// the job ends with the outcome of that try.)
    NoNonce,
    /// No try was acknowledged.
    NoAck,
    /// The controller was lost during the transmission: unknown whether it was carried out.
    ControllerGone,
    /// The controller could not transmit: the radio was jammed, or its queue stayed full.
    ControllerBusy,
    /// The deadline passed before it could be sent. (If it was sent and waits for a retry, it ends with the outcome of
    /// the last try.)
    Expired,
    /// Withdrawn by [`super::Network::cancel`], or its node left the network, before it was sent.
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

/// A job, or an operation of the network itself, in the queue or under way.
#[derive(Clone, Debug)]
pub(super) struct Transaction {
    pub(super) id: JobId,
    pub(super) node: NodeId,
    pub(super) priority: Priority,
    pub(super) operation: Operation,
    pub(super) requester: Requester,
    pub(super) deadline: Option<Instant>,
    /// When it was queued.
    pub(super) queued: Instant,
    /// Earliest time at which it may be sent.
    pub(super) not_before: Instant,
    /// Tries that were not acknowledged, or that were acknowledged and got no report.
    pub(super) failures: u8,
    /// The outcome of the last try, if that try may have reached the node. The job can no longer end as "not sent".
    pub(super) doubt: Option<Outcome>,
    /// A try was transmitted completely, so its answer may arrive late.
    pub(super) left: bool,
    /// How often its transmission was stopped for something more urgent.
    pub(super) preempted: u8,
    /// Tries that were not transmitted because the controller was busy or the radio jammed. They do not count against
    /// the node.
    pub(super) busy: u8,
    /// The security class to send it under.
    pub(super) send_as: SendAs,
    /// It was encrypted again once, because the node could not decrypt it.
    pub(super) resealed: bool,
    /// It is sent again for that reason and keeps its turn, once.
    pub(super) goes_on: bool,
    /// The Supervision session. A retransmission keeps it, so that the node can tell it from a new command.
    pub(super) session: Option<SessionId>,
}

impl Transaction {
    /// The class that it is sent under.
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

    /// Whether it is a control command of Transport Service.
    pub(super) fn is_about_segments(&self) -> bool {
        matches!(self.operation, Operation::Command { command: Command::TransportService(_), .. })
    }

    /// Number of tries on a node that does not acknowledge (docs/protocol/timing.md §5: at most 3).
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

    /// The whole command was transmitted. From then on the job cannot end as "not sent", even if it is queued again: it
    /// ends as `doubt` until a definite answer arrives. A Get changes nothing, so its loss needs no such record.
    pub(super) fn leaves(&mut self, doubt: Outcome) {
        self.left = true;
        if matches!(self.operation, Operation::Command { expect: Completion::Supervised | Completion::Nothing, .. }) {
            self.doubt = Some(doubt);
        }
    }

    /// Whether an answer to an earlier try may arrive.
    pub(super) fn may_be_answered(&self) -> bool {
        self.left || self.failures > 0
    }

    /// Whether it is a Get.
    pub(super) fn expects_reply(&self) -> bool {
        matches!(self.operation, Operation::Command { expect: Completion::Reply, .. })
    }

    /// Whether it is completed by a report of the node.
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
    Command {
        command: Command,
        expect: Completion,
    },
    /// Asks the controller, not the node: Get Node Protocol Info (docs/protocol/serial-api.md §4, 0x41).
    ProtocolInfo,
    /// Requests the node information frame (0x60, answered by 0x49).
    NodeInfo,
    /// Asks for the class list under this security class, to find out whether it was granted.
    Probe(SecurityClass),
    /// Asks the controller to remove a failed node: Remove Failed Node (0x61).
    RemoveFailed,
    /// A frame to a joining device, sent as it is.
    Join {
        payload: Body,
        tries: u8,
    },
    /// Assigns the return route to the controller: Assign SUC Return Route (0x51).
    ReturnRoute,
}

/// Who gets the outcome of a transaction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Requester {
    /// The caller of `submit`.
    Caller,
    /// The interview of the node.
    Interview,
    /// Nobody: Supervision Reports and other answers of the network itself.
    Machine,
    /// The check whether a silent node is dead.
    Ping,
    /// The check whether a node that reported a reset is gone.
    LocalReset,
    /// The key exchange with a joining device.
    Joining,
}

/// The security class to send a command under.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum SendAs {
    /// The class that the node was granted.
    Granted,
    /// This class, whatever was granted: for answers, which use the class of the request, and for the class search.
    Class(SecurityClass),
}

/// A transaction between queue and callback.
#[derive(Debug)]
pub(super) struct Transmission {
    pub(super) transaction: Transaction,
    /// The answer of the node, if it arrived before the callback of the controller.
    pub(super) early: Option<Answer>,
    /// It was stopped for something more urgent.
    pub(super) preempted: bool,
    /// The controller was told to abort it, for any reason.
    pub(super) aborted: bool,
    /// What the frame under way contains.
    pub(super) carries: Carries,
    /// The requested nonce arrived before the callback of the controller.
    pub(super) nonce_came: bool,
    /// Before the callback, the node reported that it could not decrypt it.
    pub(super) resync: bool,
    /// The presumed state of the receiver when the frame was sent.
    pub(super) before: Before,
}

/// The presumed state of a node when a frame is sent to it, from the time since it was last heard.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Before {
    /// Heard a moment ago.
    Listening,
    /// Not heard for a long time.
    Asleep,
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

/// What a transmission contains of its command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Carries {
    /// The whole command, or its last part.
    Command,
    /// Nothing yet: the frame requests the nonce, or is a first part that makes the node send one.
    NonceGet,
}

/// What ends or extends the wait for a node.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Answer {
    /// The requested report, and the class that it was received under.
    Reply(Command, SecurityClass),
    /// The Supervision Report to a Set.
    Outcome(Report),
    /// Application Status: the node is busy or refuses.
    Status(ApplicationStatus),
}
