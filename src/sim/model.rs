//! What sort of lock a simulated lock is: abilities and quirks as data.

use std::time::Duration;

use crate::domain::node::{Beam, ProductIds};
use crate::security::keys::KeyMask;

/// A kind of lock.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Model {
    /// Which product it says it is.
    pub product: ProductIds,
    /// Firmware, `major.minor`.
    pub firmware: (u8, u8),
    /// How it listens; `None`: always.
    pub beam: Option<Beam>,
    /// Version of the User Code class: 1 or 2.
    pub user_code: u8,
    /// User ids 1 to this.
    pub slots: u16,
    /// Time between hearing a command and answering it.
    pub thinking: Duration,
    /// The keys that it asks for when it is included; none: it has no security.
    pub requests: KeyMask,
    /// What is odd about it.
    pub quirks: Quirks,
}

/// Oddities of real locks (pains sheet §3). All off: a lock by the book.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Quirks {
    /// Reads show stars instead of digits (Schlage).
    pub masks_codes: bool,
    /// A code another slot has is refused: by Supervision, and by the event "duplicate".
    pub refuses_duplicates: bool,
    /// Supervision is neither listed nor understood (most locks before 2016).
    pub no_supervision: bool,
    /// Events come as Alarm version 1 only: a type and the user as level (Kwikset, Yale before 2015).
    pub v1_alarms: bool,
    /// The event's parameter is the bare user id, not a User Code Report (Kwikset 916).
    pub bare_user_id: bool,
    /// A write by radio brings no "code added" event.
    pub silent_writes: bool,
    /// The answer reaches the host before the stick's callback of the question.
    pub answers_before_callback: bool,
    /// Every write is refused (flash worn out, programming disabled).
    pub refuses_writes: bool,
}

impl Model {
    /// A battery lock by the book with User Code version 2, 30 slots and Supervision.
    pub fn version_2() -> Self {
        Self {
            product: ProductIds { manufacturer: 0xFFFE, product_type: 1, product: 2 },
            firmware: (1, 4),
            beam: Some(Beam::Ms1000),
            user_code: 2,
            slots: 30,
            thinking: Duration::from_millis(30),
            requests: KeyMask::NONE,
            quirks: Quirks::default(),
        }
    }

    /// An older battery lock: User Code version 1, no Supervision, duplicates refused.
    pub fn version_1() -> Self {
        Self {
            product: ProductIds { manufacturer: 0xFFFE, product_type: 1, product: 1 },
            user_code: 1,
            quirks: Quirks { no_supervision: true, refuses_duplicates: true, ..Quirks::default() },
            ..Self::version_2()
        }
    }

    /// The same lock as it is sold today: S2 with all its classes, and S0.
    pub fn s2() -> Self {
        Self { requests: KeyMask::KNOWN, ..Self::version_2() }
    }

    /// The older lock with S0.
    pub fn s0() -> Self {
        Self { requests: KeyMask(0x80), ..Self::version_1() }
    }

    /// Whether it has Security 2.
    pub fn has_s2(&self) -> bool {
        !(self.requests & !KeyMask(0x80)).is_empty()
    }

    /// Whether it has Security.
    pub fn has_s0(&self) -> bool {
        self.requests.contains(KeyMask(0x80))
    }
}
