//! A change of the network that is followed from its begin to its end.

use crate::domain::ids::{DeviceId, Generation, NodeId, ProvisioningId};
use crate::domain::node::SecurityClass;
use crate::domain::time::Timestamp;
use crate::network::inclusion::{Failed, JoinQuestion, Warning};
use crate::view::{ChangeKind, ChangeState};

/// One change and how far it got.
pub(in crate::bridge) struct Following {
    /// Its number: larger than that of every change before it, over restarts, too.
    pub(super) id: Generation,
    pub(super) kind: ChangeKind,
    pub(super) step: Step,
    /// Since when it is at that step.
    pub(super) since: Timestamp,
    pub(super) name: Option<String>,
    /// The entry of the list that it is about (SmartStart).
    pub(super) entry: Option<ProvisioningId>,
    pub(super) node: Option<NodeId>,
    pub(super) device: Option<DeviceId>,
    pub(super) security: Option<SecurityClass>,
    pub(super) warning: Option<Warning>,
    /// The device in the place of a failed one was given a fresh start.
    pub(super) started_over: bool,
}

/// How far a change got: what the network says, and after that the interview.
pub(super) enum Step {
    Starting,
    Ready,
    Found,
    Joined,
    Asked(JoinQuestion),
    Exchanging,
    Interviewing,
    Done,
    Failed(Failure),
}

pub(super) struct Failure {
    pub(super) why: String,
    pub(super) advice: &'static str,
    pub(super) left: Option<NodeId>,
}

impl From<Failed> for Failure {
    fn from(failed: Failed) -> Self {
        Self { why: failed.why.to_string(), advice: failed.why.advice(), left: failed.left }
    }
}

impl Following {
    pub(super) fn is_over(&self) -> bool {
        matches!(self.step, Step::Done | Step::Failed(_))
    }
}

impl Step {
    pub(super) fn state(&self) -> ChangeState {
        match self {
            Self::Starting => ChangeState::Starting,
            Self::Ready => ChangeState::Ready,
            Self::Found => ChangeState::Found,
            Self::Joined => ChangeState::Joined,
            Self::Asked(_) => ChangeState::Asked,
            Self::Exchanging => ChangeState::Exchanging,
            Self::Interviewing => ChangeState::Interviewing,
            Self::Done => ChangeState::Done,
            Self::Failed(_) => ChangeState::Failed,
        }
    }
}
