//! What is on record of who did what. An act holds ids and numbers and no text from outside, so that no code and no PIN can
//! get into the audit.

use super::ids::{DeviceId, GrantId, NodeId, PersonId, ProvisioningId};
use super::node::SecurityClass;

/// Something that was done, and to what.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Act {
    /// The database was made.
    DatabaseMade,
    /// Keys for a new network were made.
    NetworkKeysMade,
    /// The database turned out to be an older copy; every slot is read again.
    OlderCopyFound,
    /// A person was added.
    PersonAdded(PersonId),
    /// A person, their code, or whether they are enabled was changed.
    PersonChanged(PersonId),
    /// A person was removed.
    PersonRemoved(PersonId),
    /// A device was granted to a person.
    Granted {
        person: PersonId,
        device: DeviceId,
        grant: GrantId,
    },
    /// A device was revoked from a person.
    Revoked {
        person: PersonId,
        device: DeviceId,
        /// The grant; `None`: there was none.
        grant: Option<GrantId>,
    },
    /// A grant ended with its device.
    GrantEnded {
        person: PersonId,
        device: DeviceId,
        grant: GrantId,
    },
    /// A code was refused because it is in use: the refusal tells that somebody has it. Holds for whom it was wanted, never
    /// who has it.
    CodeRefused(Option<PersonId>),
    /// A lock was told to lock.
    Locked(DeviceId),
    /// A lock was told to unlock.
    Unlocked(DeviceId),
    /// A device was renamed.
    DeviceRenamed(DeviceId),
    /// The lock of one device took the place of another's.
    DeviceReplaced {
        /// The device that lives on.
        device: DeviceId,
        /// The one that was merged into it.
        by: DeviceId,
    },
    /// A device was removed.
    DeviceRemoved(DeviceId),
    /// A lock gets codes although its security is too weak for doors.
    InsecureAllowed {
        device: DeviceId,
        /// What security it has.
        class: SecurityClass,
    },
    /// A node is interviewed again.
    NodeInterviewed(NodeId),
    InclusionBegan(JoinSecurity),
    ExclusionBegan,
    /// The removal of a failed node began.
    RemovalBegan(NodeId),
    /// The replacement of a failed node began.
    ReplacementBegan(NodeId, JoinSecurity),
    /// The PIN of a joining device was entered.
    PinEntered,
    /// A joining device was given keys of these classes.
    KeysGiven(Vec<SecurityClass>),
    /// An inclusion or exclusion was cancelled.
    ChangeCancelled,
    /// A device was put on the SmartStart list.
    DeviceExpected(ProvisioningId),
    /// A device was taken off the SmartStart list.
    DeviceUnexpected(ProvisioningId),
    /// A device of the SmartStart list asked to be included.
    ExpectedDeviceCalled(Option<ProvisioningId>),
    /// A node that came by SmartStart left, and its entry went with it.
    ExpectedDeviceLeft {
        entry: ProvisioningId,
        node: NodeId,
    },
    /// A network was taken over from another controller.
    NetworkImported {
        /// How many keys came along.
        keys: usize,
        /// How many locks and keypads.
        locks: usize,
        /// How many other nodes.
        others: usize,
        /// How many slots held a code.
        occupied_slots: usize,
    },
    /// The network keys were exported.
    NetworkKeysExported,
}

/// How a device was to be included.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum JoinSecurity {
    /// With the best that it has.
    Best,
    /// With S0 although it may have S2.
    S0Only,
    None,
}

/// Whom and what an act concerns: the audit can be asked for each.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Scope {
    pub person: Option<PersonId>,
    pub device: Option<DeviceId>,
    pub grant: Option<GrantId>,
}

impl Scope {
    fn person(person: PersonId) -> Self {
        Self { person: Some(person), ..Self::default() }
    }

    fn device(device: DeviceId) -> Self {
        Self { device: Some(device), ..Self::default() }
    }
}

impl Act {
    /// How the act is spelled in the database and in the API. A word here never changes.
    pub fn word(&self) -> &'static str {
        match self {
            Self::DatabaseMade => "database_made",
            Self::NetworkKeysMade => "network_keys_made",
            Self::OlderCopyFound => "older_copy_found",
            Self::PersonAdded(_) => "person_added",
            Self::PersonChanged(_) => "person_changed",
            Self::PersonRemoved(_) => "person_removed",
            Self::Granted { .. } => "granted",
            Self::Revoked { .. } => "revoked",
            Self::GrantEnded { .. } => "grant_ended",
            Self::CodeRefused(_) => "code_refused",
            Self::Locked(_) => "locked",
            Self::Unlocked(_) => "unlocked",
            Self::DeviceRenamed(_) => "device_renamed",
            Self::DeviceReplaced { .. } => "device_replaced",
            Self::DeviceRemoved(_) => "device_removed",
            Self::InsecureAllowed { .. } => "insecure_allowed",
            Self::NodeInterviewed(_) => "node_interviewed",
            Self::InclusionBegan(_) => "inclusion_began",
            Self::ExclusionBegan => "exclusion_began",
            Self::RemovalBegan(_) => "removal_began",
            Self::ReplacementBegan(..) => "replacement_began",
            Self::PinEntered => "pin_entered",
            Self::KeysGiven(_) => "keys_given",
            Self::ChangeCancelled => "change_cancelled",
            Self::DeviceExpected(_) => "device_expected",
            Self::DeviceUnexpected(_) => "device_unexpected",
            Self::ExpectedDeviceCalled(_) => "expected_device_called",
            Self::ExpectedDeviceLeft { .. } => "expected_device_left",
            Self::NetworkImported { .. } => "network_imported",
            Self::NetworkKeysExported => "network_keys_exported",
        }
    }

    /// Whom and what it concerns.
    pub fn scope(&self) -> Scope {
        match *self {
            Self::PersonAdded(person) | Self::PersonChanged(person) | Self::PersonRemoved(person) => Scope::person(person),
            Self::Granted { person, device, grant } | Self::GrantEnded { person, device, grant } => {
                Scope { person: Some(person), device: Some(device), grant: Some(grant) }
            }
            Self::Revoked { person, device, grant } => Scope { person: Some(person), device: Some(device), grant },
            Self::CodeRefused(person) => Scope { person, ..Scope::default() },
            Self::Locked(device)
            | Self::Unlocked(device)
            | Self::DeviceRenamed(device)
            | Self::DeviceReplaced { device, .. }
            | Self::DeviceRemoved(device)
            | Self::InsecureAllowed { device, .. } => Scope::device(device),
            Self::DatabaseMade
            | Self::NetworkKeysMade
            | Self::OlderCopyFound
            | Self::NodeInterviewed(_)
            | Self::InclusionBegan(_)
            | Self::ExclusionBegan
            | Self::RemovalBegan(_)
            | Self::ReplacementBegan(..)
            | Self::PinEntered
            | Self::KeysGiven(_)
            | Self::ChangeCancelled
            | Self::DeviceExpected(_)
            | Self::DeviceUnexpected(_)
            | Self::ExpectedDeviceCalled(_)
            | Self::ExpectedDeviceLeft { .. }
            | Self::NetworkImported { .. }
            | Self::NetworkKeysExported => Scope::default(),
        }
    }

    /// What else is to be told of it, for people.
    pub fn detail(&self) -> Option<String> {
        match self {
            Self::DeviceReplaced { by, .. } => Some(format!("by the lock of device {by}")),
            Self::InsecureAllowed { class, .. } => Some(class_name(*class).to_owned()),
            Self::NodeInterviewed(node) | Self::RemovalBegan(node) => Some(format!("node {node}")),
            Self::InclusionBegan(security) => security.detail().map(str::to_owned),
            Self::ReplacementBegan(node, security) => Some(match security.detail() {
                Some(security) => format!("node {node}, {security}"),
                None => format!("node {node}"),
            }),
            Self::KeysGiven(classes) if classes.is_empty() => Some("none".to_owned()),
            Self::KeysGiven(classes) => Some(classes.iter().map(|class| class_name(*class)).collect::<Vec<_>>().join(", ")),
            Self::DeviceExpected(entry) | Self::DeviceUnexpected(entry) => Some(format!("entry {entry}")),
            Self::ExpectedDeviceCalled(entry) => entry.map(|entry| format!("entry {entry}")),
            Self::ExpectedDeviceLeft { entry, node } => Some(format!("entry {entry}, node {node}")),
            Self::NetworkImported { keys, locks, others, occupied_slots } => {
                Some(format!("{keys} keys, {locks} locks, {others} other nodes, {occupied_slots} occupied slots"))
            }
            Self::DatabaseMade
            | Self::NetworkKeysMade
            | Self::OlderCopyFound
            | Self::PersonAdded(_)
            | Self::PersonChanged(_)
            | Self::PersonRemoved(_)
            | Self::Granted { .. }
            | Self::Revoked { .. }
            | Self::GrantEnded { .. }
            | Self::CodeRefused(_)
            | Self::Locked(_)
            | Self::Unlocked(_)
            | Self::DeviceRenamed(_)
            | Self::DeviceRemoved(_)
            | Self::ExclusionBegan
            | Self::PinEntered
            | Self::ChangeCancelled
            | Self::NetworkKeysExported => None,
        }
    }
}

impl JoinSecurity {
    fn detail(self) -> Option<&'static str> {
        match self {
            Self::Best => None,
            Self::S0Only => Some("S0 only"),
            Self::None => Some("without security"),
        }
    }
}

/// The class as people know it.
fn class_name(class: SecurityClass) -> &'static str {
    match class {
        SecurityClass::None => "without security",
        SecurityClass::S0 => "S0",
        SecurityClass::S2Unauthenticated => "S2 Unauthenticated",
        SecurityClass::S2Authenticated => "S2 Authenticated",
        SecurityClass::S2AccessControl => "S2 Access Control",
    }
}
