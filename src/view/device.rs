//! `/api/devices`.

use serde::{Deserialize, Serialize};

use super::open::Open;
use super::stamp::Stamp;
use crate::domain::device::{DeviceKind, LockState};
use crate::domain::ids::{DeviceId, NodeId, Slug};
use crate::domain::node::SecurityClass;

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DeviceView {
    pub id: DeviceId,
    /// Its name in topics and commands.
    pub slug: Slug,
    /// Its name for people.
    pub name: String,
    pub kind: Open<DeviceKind>,
    /// `None`: it left the network.
    pub node: Option<NodeId>,
    pub security: Option<Open<SecurityClass>>,
    /// An operator decided that it gets codes although its security is not good enough for a door.
    pub insecure: bool,
    /// What is weak about how it is protected, as a sentence.
    pub weakness: Option<String>,
    pub gets_codes: bool,
    /// Manufacturer, product type and product, each four hex digits: `0129:8107:1000`.
    pub model: Option<String>,
    pub battery: Option<u8>,
    pub lock_state: Open<LockState>,
    pub door_open: Option<bool>,
    /// `None`: it left the network.
    pub reach: Option<Open<ReachView>>,
    pub last_seen: Option<Stamp>,
    pub slots: SlotsView,
    pub inventory: InventoryView,
    pub sync: SyncView,
    pub radio: RadioView,
}

/// Whether a node can be reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReachView {
    /// Nothing was sent or heard since the start.
    Unknown,
    Alive,
    /// Until its next Wake Up Notification.
    Asleep,
    /// It acknowledges nothing; it is tried again.
    Dead,
}

/// How many slots of a lock are whose.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SlotsView {
    /// As many as the lock has; 0 until it says.
    pub total: u16,
    pub managed: usize,
    pub foreign: usize,
    /// Those known to be empty.
    pub free: usize,
}

/// How far the look at every slot got.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct InventoryView {
    pub done: bool,
    /// The slot to be read next; 0: it has not begun.
    pub next: u16,
}

/// How many grants of a device are not where they should be.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SyncView {
    pub pending: usize,
    /// They need a person.
    pub failed: usize,
}

/// What a node cost since the daemon started.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RadioView {
    pub frames: u64,
    /// Transmissions that woke it by a beam.
    pub wakeups: u64,
    /// Beams and repeats included.
    pub airtime_ms: u64,
}
