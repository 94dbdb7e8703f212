//! What a lock's notification means: Notification (0x71) events and the older Alarm types, in our words.
//!
//! Source: command-classes sheet, 0x71. Alarm v1 numbers are makers' own and collide, so only those that several makers
//! agree on are used.

use crate::command::notification::{self, NotificationType, access_control};
use crate::domain::event::{Action, EventReason, EventType, Method};

/// Something that happened at a lock, before anybody asked who it was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Happening {
    /// What.
    pub kind: EventType,
    /// What it did to the bolt.
    pub action: Option<Action>,
    /// By what means.
    pub method: Option<Method>,
    /// Which slot the lock named.
    pub slot: Option<u16>,
    /// Why it was refused.
    pub reason: Option<EventReason>,
}

/// What a notification says about the codes in the lock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CodeChange {
    /// A code was added or changed; `None`: the lock does not say where.
    Added(Option<u16>),
    /// A code was deleted.
    Deleted(Option<u16>),
    /// Every code was deleted.
    AllDeleted,
    /// A code was refused because another slot has it.
    Duplicate(Option<u16>),
}

/// A notification, understood.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Meaning {
    /// Somebody or something acted.
    Happened(Happening),
    /// The codes changed.
    Codes(CodeChange),
    /// Nothing we report.
    Other,
}

/// Understands a Notification Report (v2 and newer); `slot` is the user id in its parameters, if any.
pub fn notification(kind: NotificationType, event: notification::Event, slot: Option<u16>) -> Meaning {
    use EventType::{BatteryLow, CodeUsed, DoorClosed, DoorOpened, Jammed, KeypadLockedOut, Locked, Tampered, Unlocked};
    use NotificationType as Type;
    use access_control as door;
    use notification::Event as Told;
    let happened = |kind, action, method| Meaning::Happened(Happening { kind, action, method, slot, reason: None });
    let (lock, unlock) = (Some(Action::Lock), Some(Action::Unlock));
    match (kind, event) {
        (Type::ACCESS_CONTROL, event) => match event {
            door::MANUAL_LOCK => happened(Locked, lock, Some(Method::Manual)),
            door::MANUAL_UNLOCK => happened(Unlocked, unlock, Some(Method::Manual)),
            door::RF_LOCK => happened(Locked, lock, Some(Method::Remote)),
            door::RF_UNLOCK => happened(Unlocked, unlock, Some(Method::Remote)),
            // One-touch locking at the keypad names no user: nobody's code was used.
            door::KEYPAD_LOCK if slot.is_none_or(|slot| slot == 0) => happened(Locked, lock, Some(Method::Keypad)),
            door::KEYPAD_LOCK | door::CODE_LOCK => happened(CodeUsed, lock, Some(Method::Keypad)),
            door::KEYPAD_UNLOCK | door::CODE_UNLOCK => happened(CodeUsed, unlock, Some(Method::Keypad)),
            door::AUTO_LOCKED => happened(Locked, lock, Some(Method::Auto)),
            door::MANUAL_NOT_FULLY_LOCKED | door::RF_NOT_FULLY_LOCKED => happened(Jammed, None, None),
            door::AUTO_NOT_FULLY_LOCKED | door::JAMMED => happened(Jammed, None, None),
            door::ALL_CODES_DELETED => Meaning::Codes(CodeChange::AllDeleted),
            door::CODE_DELETED => Meaning::Codes(CodeChange::Deleted(slot)),
            door::CODE_ADDED => Meaning::Codes(CodeChange::Added(slot)),
            door::CODE_NOT_ADDED_DUPLICATE => Meaning::Codes(CodeChange::Duplicate(slot)),
            door::KEYPAD_DISABLED | door::TOO_MANY_ATTEMPTS => happened(KeypadLockedOut, None, Some(Method::Keypad)),
            door::DOOR_OPEN => happened(DoorOpened, None, None),
            door::DOOR_CLOSED => happened(DoorClosed, None, None),
            door::RF_UNLOCK_INVALID_CODE | door::RF_LOCK_INVALID_CODE => denied(EventReason::WrongCode, Method::Remote, None),
            door::INVALID_CREDENTIAL => denied(EventReason::WrongCode, Method::Keypad, None),
            door::DENIED_DISABLED => denied(EventReason::Disabled, Method::Keypad, slot),
            door::DENIED_SCHEDULE => denied(EventReason::OutOfSchedule, Method::Keypad, slot),
            _ => Meaning::Other,
        },
        (Type::HOME_SECURITY, Told::COVER_REMOVED) => happened(Tampered, None, None),
        (Type::HOME_SECURITY, Told::INVALID_CODE_TAMPER) => denied(EventReason::WrongCode, Method::Keypad, None),
        (Type::POWER_MANAGEMENT, Told::REPLACE_BATTERY_SOON | Told::REPLACE_BATTERY_NOW) => happened(BatteryLow, None, None),
        _ => Meaning::Other,
    }
}

/// Understands an Alarm Report of version 1: a maker's type, and a level that is mostly the slot.
pub fn alarm_v1(kind: u8, level: u8) -> Meaning {
    use EventType::{BatteryLow, CodeUsed, Jammed, Locked, Unlocked};
    let slot = (level != 0).then_some(u16::from(level));
    let happened = |kind, action, method, slot| Meaning::Happened(Happening { kind, action, method, slot, reason: None });
    let (lock, unlock) = (Some(Action::Lock), Some(Action::Unlock));
    match kind {
        16 | 19 => happened(CodeUsed, unlock, Some(Method::Keypad), slot),
        // Level 0: the lock button was pressed, no code.
        18 if level == 0 => happened(Locked, lock, Some(Method::Keypad), None),
        18 => happened(CodeUsed, lock, Some(Method::Keypad), slot),
        21 => happened(Locked, lock, Some(if level == 2 { Method::Keypad } else { Method::Manual }), None),
        22 => happened(Unlocked, unlock, Some(Method::Manual), None),
        24 => happened(Locked, lock, Some(Method::Remote), None),
        25 => happened(Unlocked, unlock, Some(Method::Remote), None),
        27 => happened(Locked, lock, Some(Method::Auto), None),
        9 | 17 | 23 | 26 => happened(Jammed, None, None, None),
        167..=169 => happened(BatteryLow, None, None, None),
        13 | 112 => Meaning::Codes(CodeChange::Added(slot)),
        113 => Meaning::Codes(CodeChange::Duplicate(slot)),
        33 => Meaning::Codes(CodeChange::Deleted(slot)),
        32 => Meaning::Codes(CodeChange::AllDeleted),
        132 | 162 => denied(EventReason::OutOfSchedule, Method::Keypad, slot),
        131 => denied(EventReason::Disabled, Method::Keypad, slot),
        _ => Meaning::Other,
    }
}

fn denied(reason: EventReason, method: Method, slot: Option<u16>) -> Meaning {
    Meaning::Happened(Happening { kind: EventType::CodeDenied, action: None, method: Some(method), slot, reason: Some(reason) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used(meaning: Meaning) -> Option<(Action, u16)> {
        match meaning {
            Meaning::Happened(h) if h.kind == EventType::CodeUsed => Some((h.action?, h.slot?)),
            _ => None,
        }
    }

    fn access(event: notification::Event, slot: Option<u16>) -> Meaning {
        notification(NotificationType::ACCESS_CONTROL, event, slot)
    }

    #[test]
    fn the_same_keypad_unlock_is_understood_in_both_forms() {
        assert_eq!(used(access(access_control::KEYPAD_UNLOCK, Some(5))), Some((Action::Unlock, 5)));
        assert_eq!(used(alarm_v1(19, 5)), Some((Action::Unlock, 5)));
        assert_eq!(used(alarm_v1(16, 5)), Some((Action::Unlock, 5)));
    }

    #[test]
    fn the_lock_button_is_nobody_s_code() {
        assert_eq!(used(access(access_control::KEYPAD_LOCK, None)), None);
        assert_eq!(used(alarm_v1(18, 0)), None);
        assert_eq!(used(alarm_v1(18, 3)), Some((Action::Lock, 3)));
    }

    #[test]
    fn an_unknown_event_is_not_taken_for_a_visit() {
        for event in 0x34..=0xFF {
            assert_eq!(access(notification::Event(event), Some(1)), Meaning::Other);
        }
    }
}
