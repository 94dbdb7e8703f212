//! What happened at a door.

use serde::{Deserialize, Serialize};

use super::ids::{DeviceId, EventId, PersonId};
use super::time::Timestamp;

/// Kinds of events. The names are the contract's.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum EventType {
    /// A code was accepted.
    #[serde(rename = "code_used")]
    CodeUsed,
    /// A code was refused.
    #[serde(rename = "code_denied")]
    CodeDenied,
    /// Too many wrong codes: the keypad is dead for a while.
    #[serde(rename = "keypad_locked_out")]
    KeypadLockedOut,
    /// Locked without a code of ours.
    #[serde(rename = "locked")]
    Locked,
    /// Unlocked without a code of ours.
    #[serde(rename = "unlocked")]
    Unlocked,
    /// The bolt is stuck.
    #[serde(rename = "jammed")]
    Jammed,
    /// The cover was removed.
    #[serde(rename = "tampered")]
    Tampered,
    #[serde(rename = "door_opened")]
    DoorOpened,
    #[serde(rename = "door_closed")]
    DoorClosed,
    /// The door opened although it was locked.
    #[serde(rename = "forced_open")]
    ForcedOpen,
    #[serde(rename = "battery_low")]
    BatteryLow,
    /// A code of ours was changed or deleted at the lock.
    #[serde(rename = "code_changed_at_lock")]
    CodeChangedAtLock,
    /// A code that is not ours appeared.
    #[serde(rename = "foreign_code_added")]
    ForeignCodeAdded,
    /// All codes were erased at the lock.
    #[serde(rename = "codes_erased_at_lock")]
    CodesErasedAtLock,
}

/// What the event did to the door or the panel.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Action {
    /// The bolt was withdrawn.
    #[serde(rename = "unlock")]
    Unlock,
    /// The bolt was thrown.
    #[serde(rename = "lock")]
    Lock,
    /// A panel was disarmed.
    #[serde(rename = "disarm")]
    Disarm,
    /// A panel was armed.
    #[serde(rename = "arm")]
    Arm,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Method {
    /// A code at a keypad.
    #[serde(rename = "keypad")]
    Keypad,
    #[serde(rename = "rfid")]
    Rfid,
    /// Thumb turn or key.
    #[serde(rename = "manual")]
    Manual,
    #[serde(rename = "remote")]
    Remote,
    /// By the lock itself.
    #[serde(rename = "auto")]
    Auto,
}

/// Why nobody is named, or why a code was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum EventReason {
    /// The lock did not say which slot.
    #[serde(rename = "not_reported")]
    NotReported,
    /// The slot is not ours.
    #[serde(rename = "unmanaged_slot")]
    UnmanagedSlot,
    /// The code in the slot may have been changed at the lock.
    #[serde(rename = "slot_in_doubt")]
    SlotInDoubt,
    /// The lock's master code.
    #[serde(rename = "master_code")]
    MasterCode,
    #[serde(rename = "wrong_code")]
    WrongCode,
    /// A known code that is switched off.
    #[serde(rename = "disabled")]
    Disabled,
    /// A known code outside its hours.
    #[serde(rename = "out_of_schedule")]
    OutOfSchedule,
}

/// How much of a person leaves the hub with an event (`mqtt.publish_names`).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PublishNames {
    #[default]
    Name,
    Id,
    None,
}

/// A person as they were called when it happened.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PersonAtEvent {
    #[serde(rename = "id")]
    pub id: PersonId,
    /// Name at that time.
    #[serde(rename = "name")]
    pub name: String,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Event {
    /// Identity; sorts by time.
    #[serde(rename = "id")]
    pub id: EventId,
    #[serde(rename = "kind")]
    pub kind: EventType,
    #[serde(rename = "device")]
    pub device: DeviceId,
    /// Who, if it is known for certain. Never guessed.
    #[serde(rename = "person")]
    pub person: Option<PersonAtEvent>,
    #[serde(rename = "action")]
    pub action: Option<Action>,
    #[serde(rename = "method")]
    pub method: Option<Method>,
    /// Which slot of the lock, where one was named.
    #[serde(rename = "slot")]
    pub slot: Option<u16>,
    /// Whether the door let them.
    #[serde(rename = "allowed")]
    pub allowed: Option<bool>,
    /// Why nobody is named, or why it was refused.
    #[serde(rename = "reason")]
    pub reason: Option<EventReason>,
    /// When we heard of it.
    #[serde(rename = "at")]
    pub at: Timestamp,
    /// Who had the bolt moved, where it was through us: `uid 1000`, `mqtt`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(rename = "actor")]
    pub actor: Option<String>,
}
