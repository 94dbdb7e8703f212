//! `/api/network/smartstart`.

use serde::{Deserialize, Serialize};

use super::open::Open;
use super::stamp::Stamp;
use crate::domain::ids::{NodeId, ProvisioningId, Slug};

/// A device whose label was scanned. Without the first group of its key, which is its PIN.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ProvisionedView {
    pub id: ProvisioningId,
    /// What it will be called.
    pub name: Option<String>,
    pub dsk_tail: String,
    /// `lock` or `device`.
    pub kind: String,
    pub model: String,
    pub long_range: bool,
    pub added_at: Stamp,
    pub state: Open<ProvisionedState>,
    pub node: Option<NodeId>,
    pub device: Option<Slug>,
    /// Why it could not be included.
    pub why: Option<String>,
}

/// How far it got.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProvisionedState {
    /// It did not call yet.
    Waiting,
    Included,
    /// It is tried again when it calls again.
    Failed,
}
