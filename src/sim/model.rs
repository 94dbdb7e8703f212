//! Models of nodes: abilities and quirks as data.

mod quirks;

use std::collections::BTreeSet;
use std::time::Duration;

use crate::command::user_credential::{
    CredentialAbility, CredentialCapabilitiesReport, CredentialType, UserCapabilitiesReport, UserType,
};
use crate::domain::node::{Beam, ProductIds};
use crate::security::keys::KeyMask;

use super::node::{CredentialAbilities, ScheduleSlots};

pub use quirks::{Quirks, UserShape};

/// A make of node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Model {
    /// Its purpose, which decides its command classes.
    pub kind: Kind,
    /// Its generation, which decides the versions of the classes.
    pub generation: Generation,
    /// The product ids that it reports.
    pub product: ProductIds,
    /// Firmware version as (major, minor).
    pub firmware: (u8, u8),
    /// Its beam interval; `None`: it always listens, or only while it is awake.
    pub beam: Option<Beam>,
    /// The default wake-up interval in seconds; `None`: it does not sleep.
    pub wake_up: Option<u32>,
    /// Version of the User Code class: 1 or 2.
    pub user_code: u8,
    /// User ids 1 to this.
    pub slots: u16,
    /// Users with credentials, in place of user codes.
    pub credentials: Option<CredentialAbilities>,
    /// Schedules for its user codes (Schedule Entry Lock version 3).
    pub schedules: Option<ScheduleSlots>,
    /// Time from a command to its answer.
    pub thinking: Duration,
    /// Time of the motor from one end to the other.
    pub motor: Duration,
    /// Battery cost of a wake-up, in millionths of a percent.
    pub wakeup_cost: u32,
    /// The keys that it requests; none means no security.
    pub requests: KeyMask,
    /// Deviations from the standard.
    pub quirks: Quirks,
}

/// The purpose of a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A door lock with a keypad of its own.
    Lock,
    /// A keypad without a lock: the host checks the codes.
    Keypad,
    /// A plug with a switch.
    Switch,
    /// A sensor for water on the floor, which sleeps.
    Sensor,
}

/// The generation of a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Generation {
    /// A chip of the 500 series, with the classes required before 2019.
    Series500,
    /// A chip of the 700 series, certified for Z-Wave Plus v2.
    Series700,
}

/// The device classes a node names in its node information frame (docs/protocol/serial-api.md §4, 0x49).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DeviceClass {
    /// 4: an end node that routes.
    pub basic: u8,
    pub generic: u8,
    /// The specific device class.
    pub specific: u8,
}

impl Kind {
    pub fn device_class(self) -> DeviceClass {
        let (generic, specific) = match self {
            // Entry control: a door lock with keypad, and a keypad.
            Self::Lock => (0x40, 0x03),
            Self::Keypad => (0x40, 0x0B),
            // Binary switch: one for mains.
            Self::Switch => (0x10, 0x01),
            // Notification sensor.
            Self::Sensor => (0x07, 0x01),
        };
        DeviceClass { basic: 0x04, generic, specific }
    }

    /// Its icon; 0 means none (docs/protocol/command-classes.md 0x5E).
    pub fn icon(self) -> u16 {
        match self {
            Self::Lock => 0x0300,
            Self::Keypad => 0,
            Self::Switch => 0x0700,
            Self::Sensor => 0x0C00,
        }
    }
}

impl Model {
    /// A battery lock that follows the standard, with User Code version 2, 30 slots and Supervision, without security.
    pub fn version_2() -> Self {
        Self {
            kind: Kind::Lock,
            generation: Generation::Series700,
            product: ProductIds { manufacturer: 0xFFFE, product_type: 1, product: 2 },
            firmware: (1, 4),
            beam: Some(Beam::Ms1000),
            wake_up: None,
            user_code: 2,
            slots: 30,
            credentials: None,
            schedules: None,
            thinking: Duration::from_millis(30),
            motor: Duration::from_millis(2_000),
            // The batteries last for twenty thousand wake-ups: a year and more.
            wakeup_cost: 5_000,
            requests: KeyMask::NONE,
            quirks: Quirks::default(),
        }
    }

    /// An older battery lock: User Code version 1, no Supervision, duplicates refused.
    pub fn version_1() -> Self {
        Self {
            generation: Generation::Series500,
            product: ProductIds { manufacturer: 0xFFFE, product_type: 1, product: 1 },
            user_code: 1,
            quirks: Quirks { no_supervision: true, refuses_duplicates: true, ..Quirks::default() },
            ..Self::version_2()
        }
    }

    /// The same lock with S2 (all classes) and S0.
    pub fn s2() -> Self {
        Self { requests: KeyMask::KNOWN, ..Self::version_2() }
    }

    /// The older lock with S0.
    pub fn s0() -> Self {
        Self { requests: KeyMask(0x80), ..Self::version_1() }
    }

    pub fn plug() -> Self {
        Self {
            kind: Kind::Switch,
            product: ProductIds { manufacturer: 0xFFFE, product_type: 2, product: 1 },
            beam: None,
            requests: KeyMask(0x03),
            ..Self::version_2()
        }
    }

    /// A water sensor: awake for a few seconds each hour, and when it gets wet.
    pub fn sensor() -> Self {
        Self {
            kind: Kind::Sensor,
            product: ProductIds { manufacturer: 0xFFFE, product_type: 3, product: 1 },
            beam: None,
            wake_up: Some(3_600),
            requests: KeyMask(0x03),
            ..Self::version_2()
        }
    }

    /// A lock with User Credential and S2: 20 users with PINs, passwords and fingers.
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
        Self { kind: Kind::Keypad, product: ProductIds { manufacturer: 0xFFFE, product_type: 4, product: 1 }, ..Self::s2() }
    }

    /// Whether it receives frames at any time without a beam.
    pub fn always_listens(&self) -> bool {
        self.beam.is_none() && self.wake_up.is_none()
    }

    /// Whether it was certified for Z-Wave Plus v2.
    pub fn is_modern(&self) -> bool {
        self.generation == Generation::Series700
    }

    /// Whether it supports S2.
    pub fn has_s2(&self) -> bool {
        !(self.requests & !KeyMask(0x80)).is_empty()
    }

    /// Whether it supports S0.
    pub fn has_s0(&self) -> bool {
        self.requests.contains(KeyMask(0x80))
    }
}

/// The capabilities that the standard asks for, with fingers that are learnt and cannot be read back.
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
