//! What a lock's notification means: Notification (0x71) events and the older Alarm types, in our words.
//!
//! Source: docs/protocol/command-classes.md 0x71. Alarm v1 numbers are makers' own and collide, so only those that
//! several makers agree on are used.

use crate::command::notification::{self, NotificationType, Notified, access_control};
use crate::domain::event::{Action, EventReason, EventType, Method};

/// Something that happened at a lock, before anybody asked who it was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Happening {
    pub kind: EventType,
    /// What it did to the bolt.
    pub action: Option<Action>,
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

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Meaning {
    /// Somebody or something acted.
    Happened(Happening),
    Codes(CodeChange),
    /// A jam is over.
    JamEnded,
    Other,
}

/// Understands a Notification Report.
pub fn report(report: &notification::Report) -> (Meaning, Form) {
    match &report.notification {
        // Status 0: the type was switched off, and the fields of version 2 say nothing.
        Some(notified) if notified.status == notification::Status::ON => (notification(report, notified), Form::Notification),
        Some(_) if report.v1_type == 0 => (Meaning::Other, Form::Notification),
        Some(_) | None => (alarm_v1(report.v1_type, report.v1_level), Form::AlarmV1),
    }
}

/// In which form a lock reports.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// Type and event of the standard.
    Notification,
    /// A maker's type and level only.
    AlarmV1,
}

/// Understands the fields of version 2. The user is named by the parameters; by the old level only beside an old type that
/// means a user, since many locks fill the two old bytes with something else.
fn notification(report: &notification::Report, notified: &Notified) -> Meaning {
    if notified.kind == NotificationType::ACCESS_CONTROL && notified.event == notification::Event::IDLE {
        let ended = notified.params.reveal().first().map(|event| notification::Event(*event));
        return if ended.is_none_or(is_jam) { Meaning::JamEnded } else { Meaning::Other };
    }
    let level = alarm_user(report.v1_type, report.v1_level);
    let slot = notified.params.user_id().map(|user| user.number()).or(level);
    match event(notified.kind, notified.event, slot) {
        // Yale: locked by a touch outside, under the event of a lock by hand.
        Meaning::Happened(by_hand) if by_hand.method == Some(Method::Manual) && (report.v1_type, report.v1_level) == TOUCHED => {
            Meaning::Happened(Happening { method: Some(Method::Keypad), ..by_hand })
        }
        meaning => meaning,
    }
}

/// Alarm type and level of a lock that was locked by a touch at its keypad.
const TOUCHED: (u8, u8) = (21, 2);

/// Whether an event says that the bolt is stuck: its idle state then says that it no longer is.
fn is_jam(event: notification::Event) -> bool {
    use access_control as door;
    let not_fully = [door::MANUAL_NOT_FULLY_LOCKED, door::RF_NOT_FULLY_LOCKED, door::AUTO_NOT_FULLY_LOCKED];
    event == door::JAMMED || not_fully.contains(&event)
}

/// The user that an Alarm level names, beside a type whose level is a user. 0 and 0xFF are none.
fn alarm_user(kind: u8, level: u8) -> Option<u16> {
    let names_user = matches!(kind, 13 | 16 | 18 | 19 | 33 | 112 | 113 | 131 | 132 | 162);
    (names_user && level != 0 && level != 0xFF).then_some(u16::from(level))
}

fn event(kind: NotificationType, event: notification::Event, slot: Option<u16>) -> Meaning {
    use EventType::{BatteryLow, CodeUsed, DoorClosed, DoorOpened, Jammed, KeypadLockedOut, Locked, Tampered, Unlocked};
    use NotificationType as Type;
    use access_control as door;
    use notification::Event as Told;
    let happened = |kind, action, method| Meaning::Happened(Happening { kind, action, method, slot: None, reason: None });
    let used = |action| {
        let method = Some(Method::Keypad);
        Meaning::Happened(Happening { kind: CodeUsed, action, method, slot, reason: None })
    };
    let (lock, unlock) = (Some(Action::Lock), Some(Action::Unlock));
    match (kind, event) {
        (Type::ACCESS_CONTROL, event) => match event {
            door::MANUAL_LOCK => happened(Locked, lock, Some(Method::Manual)),
            door::MANUAL_UNLOCK => happened(Unlocked, unlock, Some(Method::Manual)),
            door::RF_LOCK => happened(Locked, lock, Some(Method::Remote)),
            door::RF_UNLOCK => happened(Unlocked, unlock, Some(Method::Remote)),
            // One-touch locking at the keypad names no user: nobody's code was used.
            door::KEYPAD_LOCK if slot.is_none() => happened(Locked, lock, Some(Method::Keypad)),
            door::KEYPAD_LOCK | door::CODE_LOCK => used(lock),
            door::KEYPAD_UNLOCK | door::CODE_UNLOCK => used(unlock),
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
    let slot = alarm_user(kind, level);
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
        super::event(NotificationType::ACCESS_CONTROL, event, slot)
    }

    fn of(payload: &[u8]) -> Meaning {
        use crate::command::Command;
        use crate::command::notification::Notification;
        let Ok(Command::Notification(Notification::Report(heard))) = Command::parse(payload) else { panic!("no report") };
        report(&heard).0
    }

    fn happening(payload: &[u8]) -> Happening {
        match of(payload) {
            Meaning::Happened(happening) => happening,
            other => panic!("{payload:02x?} means {other:?}"),
        }
    }

    #[test]
    fn a_level_that_is_no_user_names_nobody() {
        let by_radio = happening(&[0x71, 0x05, 0x18, 1, 0, 0xFF, 6, 3, 0]);
        assert_eq!((by_radio.kind, by_radio.method, by_radio.slot), (EventType::Locked, Some(Method::Remote), None));
        let by_hand = happening(&[0x71, 0x05, 0x15, 1, 0, 0xFF, 6, 1, 0]);
        assert_eq!((by_hand.method, by_hand.slot), (Some(Method::Manual), None));
        // The old bytes repeat type and event, as one lock sends them.
        let repeated = happening(&[0x71, 0x05, 6, 6, 0, 0xFF, 6, 6, 0]);
        assert_eq!((repeated.kind, repeated.slot), (EventType::CodeUsed, None));
        // Beside an old type that means a user, the level is one.
        assert_eq!(happening(&[0x71, 0x05, 0x13, 5, 0, 0xFF, 6, 6, 0]).slot, Some(5));
        assert_eq!(happening(&[0x71, 0x05, 0x13, 0xFF, 0, 0xFF, 6, 6, 0]).slot, None, "reserved");
        assert_eq!(of(&[0x71, 0x05, 0x21, 4, 0, 0xFF, 6, 13, 0]), Meaning::Codes(CodeChange::Deleted(Some(4))));
        assert_eq!(of(&[0x71, 0x05, 0x06, 4, 0, 0xFF, 6, 13, 0]), Meaning::Codes(CodeChange::Deleted(None)));
    }

    #[test]
    fn parameters_of_an_event_without_a_user_are_no_slot() {
        for event in [1, 2, 3, 4, 9, 11, 0x16, 0x17] {
            assert_eq!(happening(&[0x71, 0x05, 0, 0, 0, 0xFF, 6, event, 1, 3]).slot, None, "event {event}");
        }
    }

    #[test]
    fn a_touch_at_the_keypad_is_no_hand_on_the_thumb_turn_in_either_form() {
        for touched in [&[0x71, 0x05, 0x15, 2, 0, 0xFF, 6, 1, 0][..], &[0x71, 0x05, 0x15, 2]] {
            let locked = happening(touched);
            assert_eq!((locked.kind, locked.method, locked.slot), (EventType::Locked, Some(Method::Keypad), None));
        }
    }

    #[test]
    fn only_the_idle_state_of_a_jam_ends_it() {
        for ended in [&[0x71, 0x05, 0, 0, 0, 0xFF, 6, 0, 1, 11][..], &[0x71, 0x05, 0, 0, 0, 0xFF, 6, 0, 0]] {
            assert_eq!(of(ended), Meaning::JamEnded);
        }
        assert_eq!(of(&[0x71, 0x05, 0, 0, 0, 0xFF, 6, 0, 1, 0x16]), Meaning::Other, "the door's state");
        assert_eq!(of(&[0x71, 0x05, 0, 0, 0, 0xFF, 7, 0, 1, 3]), Meaning::Other, "another type's");
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
