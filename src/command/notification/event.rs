//! Events and states by number; what a number means depends on the notification type.

use serde::Serialize;

/// An event or state of a type.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(transparent)]
pub struct Event(pub u8);

impl Event {
    /// A state is over; its number is the first parameter.
    pub const IDLE: Self = Self(0x00);
    /// Something of that type.
    pub const UNKNOWN: Self = Self(0xFE);
    /// Home Security: the cover was removed.
    pub const COVER_REMOVED: Self = Self(0x03);
    /// Home Security: tampering by wrong codes.
    pub const INVALID_CODE_TAMPER: Self = Self(0x04);
    /// Power Management: replace the battery soon.
    pub const REPLACE_BATTERY_SOON: Self = Self(0x0A);
    /// Power Management: replace the battery now.
    pub const REPLACE_BATTERY_NOW: Self = Self(0x0B);
}
