//! `/api/network/change`: an inclusion, an exclusion, and their kin.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::open::Open;
use super::stamp::Stamp;
use crate::domain::ids::{Generation, NodeId, Slug};
use crate::domain::node::SecurityClass;

/// The change that is under way, or was the last; `None`: there was none since the daemon started.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CurrentChange {
    pub change: Option<ChangeView>,
}

impl CurrentChange {
    /// The same without the code that a device waits for.
    pub fn without_code(mut self) -> Self {
        let question = self.change.as_mut().and_then(|change| change.question.as_mut());
        if let Some(QuestionView::TypeIntoDevice { code }) = question {
            *code = None;
        }
        self
    }
}

/// A change and how far it got.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ChangeView {
    /// Larger than that of every change before it, over restarts, too.
    pub id: Generation,
    pub kind: Open<ChangeKind>,
    pub state: Open<ChangeState>,
    pub since: Stamp,
    pub node: Option<NodeId>,
    pub device: Option<Slug>,
    pub question: Option<QuestionView>,
    pub security: Option<Open<SecurityClass>>,
    pub warning: Option<String>,
    pub why: Option<String>,
    /// What a person can do about that.
    pub advice: Option<String>,
    /// This node was left in the network without keys.
    pub left_node: Option<NodeId>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    Include,
    Exclude,
    RemoveFailed,
    ReplaceFailed,
    SmartStart,
}

impl ChangeKind {
    /// Whether a device comes into the network by it.
    pub fn joins(self) -> bool {
        match self {
            Self::Include | Self::ReplaceFailed | Self::SmartStart => true,
            Self::Exclude | Self::RemoveFailed => false,
        }
    }
}

/// How far a change got. In the order in which it gets there; `Failed` can follow each of the others.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeState {
    Starting,
    /// The controller listens: put the device into inclusion or exclusion mode now.
    Ready,
    Found,
    /// The controller lists it. It has no keys yet.
    Joined,
    /// A person is asked something.
    Asked,
    /// It gets its keys.
    Exchanging,
    Interviewing,
    Done,
    Failed,
}

/// The word that scripts know.
impl fmt::Display for ChangeState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// What a person is asked, or told to do.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum QuestionView {
    /// The five digits in front of its key.
    Pin {
        /// The other groups of its key, for comparison with the label.
        dsk_tail: String,
    },
    /// Which of these keys it may have.
    Keys { keys: Vec<Open<SecurityClass>>, warning: String },
    /// Type this into the device. No answer: it goes on by itself.
    TypeIntoDevice {
        /// Two groups of five digits. The broker is not told.
        #[serde(skip_serializing_if = "Option::is_none")]
        code: Option<String>,
    },
    /// A question of a later version.
    #[serde(other)]
    Unknown,
}

/// A change began, or takes the answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ChangeBegun {
    pub change: Generation,
}

/// A node is being interviewed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct InterviewBegun {
    pub node: NodeId,
}
