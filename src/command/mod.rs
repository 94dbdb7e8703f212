//! Command classes: one file each, plain structs with `parse` and `write`. Pure codecs: nothing here decrypts,
//! looks up nodes or logs.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The number of a command class; 0xF1 and above take two bytes on the wire.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ClassId(pub u16);

impl ClassId {
    /// Supervision.
    pub const SUPERVISION: Self = Self(0x6C);
    /// Door Lock.
    pub const DOOR_LOCK: Self = Self(0x62);
    /// User Code.
    pub const USER_CODE: Self = Self(0x63);
}

impl fmt::Debug for ClassId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "class 0x{:02x}", self.0)
    }
}
