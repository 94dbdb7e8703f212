//! Who a slot is for, and what for.

use std::num::NonZeroU16;

use serde::Serialize;

/// A user of a lock: the number of a slot. Never 0, which means all.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(transparent)]
pub struct UserId(NonZeroU16);

impl UserId {
    /// The user `number`; `None` for 0.
    pub const fn new(number: u16) -> Option<Self> {
        match NonZeroU16::new(number) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// The number, from 1.
    pub const fn number(self) -> u16 {
        self.0.get()
    }
}

/// What a slot is for. Locks know more than the standard: Yale uses 4, 6 and 7 for its own kinds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(transparent)]
pub struct UserIdStatus(pub u8);

impl UserIdStatus {
    pub const AVAILABLE: Self = Self(0);
    /// A code that opens ("occupied" in version 1).
    pub const ENABLED: Self = Self(1);
    /// A code that does not open ("reserved by administrator" in version 1).
    pub const DISABLED: Self = Self(2);
    /// A code that only tells us (v2).
    pub const MESSAGING: Self = Self(3);
    /// A code that leaves the door open (v2).
    pub const PASSAGE_MODE: Self = Self(4);
    /// The lock has no such user, or refused the Set before.
    pub const STATUS_NOT_AVAILABLE: Self = Self(0xFE);
}
