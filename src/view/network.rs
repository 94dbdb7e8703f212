//! `/api/network`.

use serde::{Deserialize, Serialize};

use super::change::ChangeView;
use super::device::{RadioView, ReachView};
use super::open::Open;
use crate::domain::ids::{NodeId, Slug};
use crate::domain::node::{InterviewStage, Joining, SecurityClass};

/// The controller, its nodes, and the last change of who is in the network.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct NetworkView {
    pub controller: ControllerView,
    pub nodes: Vec<NodeView>,
    pub change: Option<ChangeView>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum ControllerView {
    Ready {
        /// `0x7e570001`.
        home_id: String,
        /// Its own node id.
        node: NodeId,
        /// As it names itself: `Z-Wave 7.17`.
        library: String,
        /// `major.minor`.
        firmware: String,
        manufacturer: u16,
        product_type: u16,
        product: u16,
        /// RF region by its number, where the controller tells it.
        region: Option<u8>,
    },
    /// It is being set up.
    Starting {
        step: String,
    },
    Absent {
        why: String,
    },
    /// A state of a later version.
    #[serde(other)]
    Unknown,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct NodeView {
    pub node: NodeId,
    /// Its device, where it is one.
    pub device: Option<Slug>,
    pub interview: Open<InterviewStage>,
    pub joining: Open<Joining>,
    pub security: Open<SecurityClass>,
    /// No higher class can turn up.
    pub class_settled: bool,
    /// An interview that somebody asked for goes on.
    pub interviewing: bool,
    /// Why its interview makes no progress.
    pub trouble: Option<String>,
    pub model: Option<String>,
    pub reach: Open<ReachView>,
    pub radio: RadioView,
}
