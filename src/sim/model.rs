//! What sort of lock a simulated lock is: abilities and quirks as data.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::command::user_credential::{
    CredentialAbility, CredentialCapabilitiesReport, CredentialType, UserCapabilitiesReport, UserType,
};
use crate::domain::node::{Beam, ProductIds};
use crate::security::keys::KeyMask;

use super::node::{CredentialAbilities, ScheduleSlots};

/// What a node is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Has a bolt and codes.
    Lock,
    /// Has keys and lights, and no codes.
    Keypad,
}

/// A kind of lock.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Model {
    /// What it is for.
    pub kind: Kind,
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
    /// Users with credentials, in place of user codes.
    pub credentials: Option<CredentialAbilities>,
    /// Schedules for its user codes (Schedule Entry Lock version 3).
    pub schedules: Option<ScheduleSlots>,
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
            kind: Kind::Lock,
            product: ProductIds { manufacturer: 0xFFFE, product_type: 1, product: 2 },
            firmware: (1, 4),
            beam: Some(Beam::Ms1000),
            user_code: 2,
            slots: 30,
            credentials: None,
            schedules: None,
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

    /// A lock of the next generation, with S2: 20 users with PINs, passwords and fingers.
    pub fn credential_lock() -> Self {
        Self {
            product: ProductIds { manufacturer: 0xFFFE, product_type: 1, product: 3 },
            credentials: Some(by_the_book()),
            ..Self::s2()
        }
    }

    /// A lock with S2 whose user codes have schedules.
    pub fn scheduled_lock() -> Self {
        let schedules = ScheduleSlots { week_day: 7, year_day: 3, daily: 2 };
        Self {
            product: ProductIds { manufacturer: 0xFFFE, product_type: 1, product: 4 },
            schedules: Some(schedules),
            ..Self::s2()
        }
    }

    /// A keypad of an alarm panel, with S2, on batteries.
    pub fn keypad() -> Self {
        Self { kind: Kind::Keypad, product: ProductIds { manufacturer: 0xFFFE, product_type: 2, product: 1 }, ..Self::s2() }
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

/// What the standard wants of a lock with credentials, and fingers that it learns and does not show.
fn by_the_book() -> CredentialAbilities {
    let pin = CredentialAbility {
        credential_type: CredentialType::PIN,
        supports_credential_learn: false,
        number_of_credential_slots: 20,
        min_credential_length: 4,
        max_credential_length: 10,
        credential_learn_recommended_timeout: 0,
        credential_learn_number_of_steps: 0,
        max_credential_hash_length: 0,
    };
    let password = CredentialAbility { credential_type: CredentialType::PASSWORD, max_credential_length: 32, ..pin };
    let finger = CredentialAbility {
        credential_type: CredentialType::FINGER,
        supports_credential_learn: true,
        max_credential_length: 64,
        credential_learn_recommended_timeout: 20,
        credential_learn_number_of_steps: 1,
        max_credential_hash_length: 16,
        ..pin
    };
    let types = [UserType::GENERAL, UserType::NON_ACCESS, UserType::DURESS, UserType::DISPOSABLE];
    CredentialAbilities {
        users: UserCapabilitiesReport {
            number_of_supported_users: 20,
            supported_credential_rules: BTreeSet::from([1, 2]),
            max_user_name_length: 32,
            supports_user_schedule: false,
            supports_all_users_checksum: true,
            supports_user_checksum: true,
            supported_user_name_encodings: BTreeSet::from([0, 2]),
            supported_user_types: types.iter().map(|kind| kind.0).collect(),
        },
        credentials: CredentialCapabilitiesReport {
            supports_credential_checksum: true,
            supports_admin_code: true,
            supports_admin_code_deactivation: true,
            credential_types: vec![pin, password, finger],
        },
    }
}
