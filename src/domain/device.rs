//! Things that accept credentials.

use serde::{Deserialize, Serialize};

use super::ids::{DeviceId, NodeId, Slug};
use super::time::Timestamp;

/// What a device is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum DeviceKind {
    /// A door lock with a keypad of its own.
    #[serde(rename = "lock")]
    Lock,
    /// A keypad that asks us.
    #[serde(rename = "keypad")]
    Keypad,
    #[serde(rename = "panel")]
    Panel,
}

/// Whether the bolt is thrown, as far as anybody knows.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub enum LockState {
    #[serde(rename = "locked")]
    Locked,
    #[serde(rename = "unlocked")]
    Unlocked,
    /// The bolt did not get where it should.
    #[serde(rename = "jammed")]
    Jammed,
    /// Not asked yet, or contradictory.
    #[default]
    #[serde(rename = "unknown")]
    Unknown,
}

/// How far the first look at a lock's slots got. Background, resumable, clears nothing.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct Inventory {
    /// The next slot to read; 0 = not begun.
    #[serde(rename = "next")]
    pub next: u16,
    /// Every slot is known.
    #[serde(rename = "done")]
    pub done: bool,
    /// When this look began: a slot seen since then is not read again.
    #[serde(rename = "began")]
    pub began: Timestamp,
}

/// What was learnt of how a lock reports its codes. Learnt from its own answers, never from one unasked report.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Habits {
    /// It reports by itself that a code was added or deleted also where we did it by radio.
    #[serde(rename = "echoes")]
    pub echoes: bool,
    /// It shows stars, or nothing, instead of a code.
    #[serde(rename = "masks")]
    pub masks: bool,
}

/// How far the slow check of a lock got.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct SlowCheck {
    /// When the last one began.
    #[serde(rename = "at")]
    pub at: Option<Timestamp>,
    /// The slot that the next one begins with; 0 = the first.
    #[serde(rename = "next")]
    pub next: u16,
    /// The lock's checksum when its slots were as they are believed to be; `None` after a change of ours.
    #[serde(rename = "sum")]
    pub sum: Option<u16>,
}

/// Something that accepts credentials.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Device {
    #[serde(rename = "id")]
    pub id: DeviceId,
    /// Its name in topics and commands.
    #[serde(rename = "slug")]
    pub slug: Slug,
    /// Names that it had, the latest last: a broker may still keep something under them.
    #[serde(default)]
    #[serde(rename = "former_slugs")]
    pub former_slugs: Vec<Slug>,
    /// Its name for people.
    #[serde(rename = "name")]
    pub name: String,
    #[serde(rename = "kind")]
    pub kind: DeviceKind,
    /// Where it is in the Z-Wave network; `None` once it left.
    #[serde(rename = "node")]
    pub node: Option<NodeId>,
    /// Battery level in percent; 0 when the lock warns and tells no level.
    #[serde(rename = "battery")]
    pub battery: Option<u8>,
    /// The lock warned of its battery, and did not take that back.
    #[serde(default)]
    #[serde(rename = "battery_low")]
    pub battery_low: bool,
    #[serde(rename = "lock_state")]
    pub lock_state: LockState,
    /// The door is open (where a sensor says so).
    #[serde(rename = "door_open")]
    pub door_open: Option<bool>,
    /// It keeps codes in slots. Rows older than this field are of locks that do.
    #[serde(default = "yes")]
    #[serde(rename = "takes_codes")]
    pub takes_codes: bool,
    #[serde(rename = "inventory")]
    pub inventory: Inventory,
    /// How it reports its codes.
    #[serde(default)]
    #[serde(rename = "habits")]
    pub habits: Habits,
    /// The slow check of its slots.
    #[serde(default)]
    #[serde(rename = "check")]
    pub check: SlowCheck,
    /// When the lock was last heard.
    #[serde(rename = "last_seen")]
    pub last_seen: Option<Timestamp>,
}

fn yes() -> bool {
    true
}
