//! What happened at a door.

use serde::{Deserialize, Serialize};

use super::ids::{DeviceId, EventId, PersonId};
use super::time::Timestamp;

/// Kinds of events. The names are the contract's.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventType {
    /// A code was accepted.
    CodeUsed,
    /// A code was refused.
    CodeDenied,
    /// Too many wrong codes: the keypad is dead for a while.
    KeypadLockedOut,
    /// Locked without a code of ours.
    Locked,
    /// Unlocked without a code of ours.
    Unlocked,
    /// The bolt is stuck.
    Jammed,
    /// The cover was removed.
    Tampered,
    /// The door opened.
    DoorOpened,
    /// The door closed.
    DoorClosed,
    /// The door opened although it was locked.
    ForcedOpen,
    /// Replace the battery.
    BatteryLow,
    /// A code of ours was changed or deleted at the lock.
    CodeChangedAtLock,
    /// A code that is not ours appeared.
    ForeignCodeAdded,
    /// All codes were erased at the lock.
    CodesErasedAtLock,
}

/// What the event did to the door or the panel.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// The bolt was withdrawn.
    Unlock,
    /// The bolt was thrown.
    Lock,
    /// A panel was disarmed.
    Disarm,
    /// A panel was armed.
    Arm,
}

/// By what means.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// A code at a keypad.
    Keypad,
    /// A tag.
    Rfid,
    /// Thumb turn or key.
    Manual,
    /// By radio.
    Remote,
    /// By the lock itself.
    Auto,
}

/// Why nobody is named, or why a code was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventReason {
    /// The lock did not say which slot.
    NotReported,
    /// The slot is not ours.
    UnmanagedSlot,
    /// The code in the slot may have been changed at the lock.
    SlotInDoubt,
    /// The lock's master code.
    MasterCode,
    /// A wrong code.
    WrongCode,
    /// A known code that is switched off.
    Disabled,
    /// A known code outside its hours.
    OutOfSchedule,
}

/// How much of a person leaves the hub with an event (`mqtt.publish_names`).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PublishNames {
    /// Id and name.
    #[default]
    Name,
    /// The id only.
    Id,
    /// Nothing.
    None,
}

/// A person as they were called when it happened.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PersonAtEvent {
    /// Identity.
    pub id: PersonId,
    /// Name at that time.
    pub name: String,
}

/// One event.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Event {
    /// Identity; sorts by time.
    pub id: EventId,
    /// What kind.
    pub kind: EventType,
    /// Where.
    pub device: DeviceId,
    /// Who, if it is known for certain. Never guessed.
    pub person: Option<PersonAtEvent>,
    /// What it did.
    pub action: Option<Action>,
    /// How.
    pub method: Option<Method>,
    /// Which slot of the lock, where one was named.
    pub slot: Option<u16>,
    /// Whether the door let them.
    pub allowed: Option<bool>,
    /// Why nobody is named, or why it was refused.
    pub reason: Option<EventReason>,
    /// When we heard of it.
    pub at: Timestamp,
    /// Who had the bolt moved, where it was through us: `uid 1000`, `mqtt`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
}
