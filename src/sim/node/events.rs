//! What a lock tells on its own: Notification version 8, or Alarm version 1 with its maker's numbers.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::command::Command;
use crate::command::notification::access_control as access;
use crate::command::notification::{
    Event, EventSupportedReport, Notification, NotificationType, Notified, Params, Report, Status, SupportedReport,
};
use crate::command::user_code::{self, UserCode};
use crate::domain::time::Instant;

use super::{Answer, Node};

/// Something worth telling the lifeline.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Happening {
    /// Unlocked with the code of this user id.
    KeypadUnlock(u16),
    /// Locked at the keypad, by this user id or by the button that needs none.
    KeypadLock(Option<u16>),
    /// The bolt does not move.
    Jammed,
    /// Locked by thumb turn or key.
    ManualLock,
    /// Unlocked by thumb turn or key.
    ManualUnlock,
    /// Locked by radio.
    RemoteLock,
    /// Unlocked by radio.
    RemoteUnlock,
    /// A code was set.
    CodeAdded(u16),
    /// A code was taken out.
    CodeDeleted(u16),
    /// All codes were erased.
    AllCodesDeleted,
    /// Another slot has that code.
    DuplicateRefused(u16),
    /// A code nobody has.
    WrongCode,
    /// Too many of those: the keypad is dead for a while.
    KeypadDisabled,
}

impl Happening {
    /// Type and event of the standard (command-classes sheet, 0x71).
    fn notification(self) -> (NotificationType, Event) {
        let event = match self {
            Self::KeypadUnlock(_) => access::KEYPAD_UNLOCK,
            Self::KeypadLock(_) => access::KEYPAD_LOCK,
            Self::Jammed => access::JAMMED,
            Self::ManualLock => access::MANUAL_LOCK,
            Self::ManualUnlock => access::MANUAL_UNLOCK,
            Self::RemoteLock => access::RF_LOCK,
            Self::RemoteUnlock => access::RF_UNLOCK,
            Self::CodeAdded(_) => access::CODE_ADDED,
            Self::CodeDeleted(_) => access::CODE_DELETED,
            Self::AllCodesDeleted => access::ALL_CODES_DELETED,
            Self::DuplicateRefused(_) => access::CODE_NOT_ADDED_DUPLICATE,
            Self::KeypadDisabled => access::KEYPAD_DISABLED,
            Self::WrongCode => return (NotificationType::HOME_SECURITY, Event::INVALID_CODE_TAMPER),
        };
        (NotificationType::ACCESS_CONTROL, event)
    }

    /// Alarm type and level of Kwikset and early Yale locks (pains sheet §3.3).
    fn alarm(self) -> (u8, u16) {
        match self {
            Self::KeypadUnlock(user) => (0x13, user),
            Self::KeypadLock(user) => (0x12, user.unwrap_or_default()),
            Self::Jammed => (0x09, 0),
            Self::ManualLock => (0x15, 1),
            Self::ManualUnlock => (0x16, 1),
            Self::RemoteLock => (0x18, 1),
            Self::RemoteUnlock => (0x19, 1),
            Self::CodeAdded(user) => (0x70, user),
            Self::CodeDeleted(user) => (0x21, user),
            Self::AllCodesDeleted => (0x20, 0),
            Self::DuplicateRefused(user) => (0x71, user),
            Self::WrongCode | Self::KeypadDisabled => (0xA1, 1),
        }
    }

    fn user(self) -> Option<u16> {
        match self {
            Self::KeypadUnlock(user) | Self::CodeAdded(user) | Self::CodeDeleted(user) | Self::DuplicateRefused(user) => {
                Some(user)
            }
            Self::KeypadLock(user) => user,
            Self::Jammed
            | Self::ManualLock
            | Self::ManualUnlock
            | Self::RemoteLock
            | Self::RemoteUnlock
            | Self::AllCodesDeleted
            | Self::WrongCode
            | Self::KeypadDisabled => None,
        }
    }
}

/// Events this lock tells, as bits of Event Supported Report.
const ACCESS_EVENTS: [Event; 12] = [
    access::MANUAL_LOCK,
    access::MANUAL_UNLOCK,
    access::RF_LOCK,
    access::RF_UNLOCK,
    access::KEYPAD_LOCK,
    access::KEYPAD_UNLOCK,
    access::JAMMED,
    access::ALL_CODES_DELETED,
    access::CODE_DELETED,
    access::CODE_ADDED,
    access::CODE_NOT_ADDED_DUPLICATE,
    access::KEYPAD_DISABLED,
];

pub(super) fn notification(lock: &mut Node, command: &Command, _: Instant) -> Option<Answer> {
    let Command::Notification(command) = command else { return None };
    let reply = match command {
        Notification::Set(_) => return Some(Answer::Done),
        _ if lock.model.quirks.v1_alarms => return None,
        Notification::SupportedGet => {
            let types = [NotificationType::ACCESS_CONTROL, NotificationType::HOME_SECURITY];
            let types = types.iter().map(|kind| kind.0).collect();
            Notification::SupportedReport(SupportedReport { v1_alarm: false, types })
        }
        Notification::EventSupportedGet(get) => {
            let events = match get.kind {
                NotificationType::ACCESS_CONTROL => ACCESS_EVENTS.iter().map(|event| event.0).collect(),
                NotificationType::HOME_SECURITY => BTreeSet::from([Event::INVALID_CODE_TAMPER.0]),
                _ => BTreeSet::new(),
            };
            Notification::EventSupportedReport(EventSupportedReport { kind: get.kind, events })
        }
        // The lock pushes its events: nothing is ever pending.
        Notification::Get(get) => {
            let kind = get.kind.unwrap_or(NotificationType::ACCESS_CONTROL);
            let nothing = Report::of(kind, Event::UNKNOWN, Params::default());
            let notification = nothing.notification.map(|it| Notified { status: Status::NONE_PENDING, ..it });
            Notification::Report(Report { notification, ..nothing })
        }
        _ => return None,
    };
    Some(Answer::Reply(Command::Notification(reply)))
}

impl Node {
    /// Tells the lifeline what happened.
    pub(super) fn tell(&mut self, happening: Happening, now: Instant) {
        let report = if self.model.quirks.v1_alarms {
            let (v1_type, level) = happening.alarm();
            Report { v1_type, v1_level: u8::try_from(level).unwrap_or(u8::MAX), notification: None }
        } else {
            let (kind, event) = happening.notification();
            Report::of(kind, event, happening.user().map(|user| self.named(user)).unwrap_or_default())
        };
        self.report(Command::Notification(Notification::Report(report)), Duration::ZERO, now);
    }

    /// The user as an event's parameters: a User Code Report, as the standard wants it, or the bare id.
    fn named(&self, user: u16) -> Params {
        let user_id = u8::try_from(user).unwrap_or(u8::MAX);
        if self.model.quirks.bare_user_id {
            return Params::new([user_id]);
        }
        let (status, code) = self.shown(user);
        let report = user_code::Report { user_id, status, code };
        Params::new(Command::UserCode(UserCode::Report(report)).write())
    }
}
