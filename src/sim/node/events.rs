//! Unsolicited reports of a node: Notification version 8, or Alarm version 1 with the numbers of the maker.

use std::collections::BTreeSet;

use crate::command::Command;
use crate::command::notification::access_control as access;
use crate::command::notification::{
    Event, EventSupportedReport, Notification, NotificationType, Notified, Params, Report, Status, SupportedReport,
};
use crate::command::user_code::{self, ExtendedCode, ExtendedReport, UserCode, UserId, UserIdStatus};
use crate::command::user_credential::{CredentialType, Usage};
use crate::domain::pin::CodeText;
use crate::domain::time::Instant;

use super::{Answer, Node};
use crate::sim::model::{Kind, Model, UserShape};

/// An event that is reported to the lifeline or written to the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Happening {
    /// Unlocked with the code of this user id.
    KeypadUnlock(u16),
    /// Locked at the keypad, with a code or without.
    KeypadLock(Option<u16>),
    /// Locked by thumb turn or key.
    ManualLock,
    /// Unlocked by thumb turn or key.
    ManualUnlock,
    /// Locking by hand failed: the bolt did not move fully.
    ManualNotLocked,
    RemoteLock,
    RemoteUnlock,
    AutoLocked,
    /// The motor could not move the bolt.
    Jammed,
    Unjammed,
    /// A credential was presented, and was accepted or denied, as the event says.
    CredentialUsed {
        event: Event,
        user_id: u16,
        credential_type: CredentialType,
        slot: u16,
    },
    WrongCredential,
    /// A code was added.
    CodeAdded(u16),
    /// A code was deleted.
    CodeDeleted(u16),
    /// All codes were erased.
    AllCodesDeleted,
    /// A duplicate code was refused.
    DuplicateRefused(u16),
    /// A messaging code was typed.
    MessagingCode(u16),
    /// The admin code was changed at the lock.
    AdminCodeChanged,
    WrongCode,
    /// The keypad was disabled after too many wrong codes.
    KeypadDisabled,
    /// The configuration was changed by radio. Logged only.
    Configured,
    /// The batteries are low. Sent as Battery Report, and as an alarm if there is one.
    BatteryLow,
    /// The batteries were replaced. Sent as Battery Report.
    BatteryNew,
    /// A sensor is wet.
    Water,
    /// It is dry again.
    NoWater,
}

/// Notification type 5, water.
const WATER: NotificationType = NotificationType(5);
const WATER_LEAK: Event = Event(0x02);

impl Happening {
    /// Notification type and event (docs/protocol/command-classes.md 0x71); `None`: not reported.
    fn notification(self) -> Option<(NotificationType, Event)> {
        let event = match self {
            Self::KeypadUnlock(_) => access::KEYPAD_UNLOCK,
            Self::KeypadLock(_) => access::KEYPAD_LOCK,
            Self::ManualLock => access::MANUAL_LOCK,
            Self::ManualUnlock => access::MANUAL_UNLOCK,
            Self::ManualNotLocked => access::MANUAL_NOT_FULLY_LOCKED,
            Self::RemoteLock => access::RF_LOCK,
            Self::RemoteUnlock => access::RF_UNLOCK,
            Self::AutoLocked => access::AUTO_LOCKED,
            Self::Jammed => access::JAMMED,
            Self::Unjammed => access::IDLE,
            Self::CodeAdded(_) => access::CODE_ADDED,
            Self::CodeDeleted(_) => access::CODE_DELETED,
            Self::AllCodesDeleted => access::ALL_CODES_DELETED,
            Self::DuplicateRefused(_) => access::CODE_NOT_ADDED_DUPLICATE,
            Self::MessagingCode(_) => access::MESSAGING_CODE,
            Self::AdminCodeChanged => access::NEW_PROGRAM_CODE,
            Self::KeypadDisabled => access::KEYPAD_DISABLED,
            Self::CredentialUsed { event, .. } => event,
            Self::WrongCredential => access::INVALID_CREDENTIAL,
            Self::WrongCode => return Some((NotificationType::HOME_SECURITY, Event::INVALID_CODE_TAMPER)),
            Self::Water => return Some((WATER, WATER_LEAK)),
            Self::NoWater => return Some((WATER, Event::IDLE)),
            Self::Configured | Self::BatteryLow | Self::BatteryNew => return None,
        };
        Some((NotificationType::ACCESS_CONTROL, event))
    }

    /// Alarm type and level of Kwikset and early Yale locks (docs/protocol/locks.md §3.3); `None`: no number.
    fn alarm(self) -> Option<(u8, u16)> {
        Some(match self {
            Self::KeypadUnlock(user) => (0x13, user),
            Self::KeypadLock(user) => (0x12, user.unwrap_or_default()),
            Self::ManualLock => (0x15, 1),
            Self::ManualUnlock => (0x16, 1),
            Self::ManualNotLocked | Self::Jammed => (0x09, 0),
            Self::RemoteLock => (0x18, 1),
            Self::RemoteUnlock => (0x19, 1),
            Self::AutoLocked => (0x1B, 1),
            Self::CodeAdded(user) => (0x70, user),
            Self::CodeDeleted(user) => (0x21, user),
            Self::AllCodesDeleted => (0x20, 0),
            Self::DuplicateRefused(user) => (0x71, user),
            Self::AdminCodeChanged => (0x70, 0),
            Self::CredentialUsed { user_id, .. } => (0x13, user_id),
            Self::WrongCode | Self::WrongCredential | Self::KeypadDisabled => (0xA1, 1),
            Self::BatteryLow => (0xA7, 0),
            Self::Unjammed | Self::MessagingCode(_) | Self::Configured | Self::BatteryNew | Self::Water | Self::NoWater => {
                return None;
            }
        })
    }

    /// Its number in Door Lock Logging (docs/protocol/command-classes.md 0x4C); `None`: not logged.
    pub(super) fn logged(self) -> Option<u8> {
        Some(match self {
            Self::KeypadLock(Some(_)) => 1,
            Self::KeypadUnlock(_) | Self::CredentialUsed { event: access::CREDENTIAL_UNLOCK, .. } => 2,
            Self::KeypadLock(None) => 3,
            Self::WrongCode | Self::WrongCredential => 7,
            Self::ManualLock => 8,
            Self::ManualUnlock => 9,
            Self::AutoLocked => 10,
            Self::RemoteLock => 14,
            Self::RemoteUnlock => 15,
            Self::CodeAdded(_) => 23,
            Self::CodeDeleted(_) => 24,
            Self::AllCodesDeleted => 25,
            Self::AdminCodeChanged => 26,
            Self::Configured => 29,
            Self::BatteryLow => 30,
            Self::BatteryNew => 31,
            Self::ManualNotLocked
            | Self::Jammed
            | Self::Unjammed
            | Self::DuplicateRefused(_)
            | Self::MessagingCode(_)
            | Self::KeypadDisabled
            | Self::CredentialUsed { .. }
            | Self::Water
            | Self::NoWater => return None,
        })
    }

    /// The user id of the event.
    pub(super) fn user(self) -> Option<u16> {
        match self {
            Self::KeypadUnlock(user)
            | Self::KeypadLock(Some(user))
            | Self::CodeAdded(user)
            | Self::CodeDeleted(user)
            | Self::DuplicateRefused(user)
            | Self::MessagingCode(user) => Some(user),
            _ => None,
        }
    }

    /// The state that it ends.
    fn ended(self) -> Option<Event> {
        match self {
            Self::Unjammed => Some(access::JAMMED),
            Self::NoWater => Some(WATER_LEAK),
            _ => None,
        }
    }
}

/// Events of a lock, as in Event Supported Report.
const ACCESS_EVENTS: [Event; 9] = [
    access::MANUAL_LOCK,
    access::MANUAL_UNLOCK,
    access::RF_LOCK,
    access::RF_UNLOCK,
    access::KEYPAD_LOCK,
    access::MANUAL_NOT_FULLY_LOCKED,
    access::AUTO_LOCKED,
    access::JAMMED,
    access::KEYPAD_DISABLED,
];

/// Events of a lock with user codes.
const CODE_EVENTS: [Event; 7] = [
    access::KEYPAD_UNLOCK,
    access::ALL_CODES_DELETED,
    access::CODE_DELETED,
    access::CODE_ADDED,
    access::CODE_NOT_ADDED_DUPLICATE,
    access::NEW_PROGRAM_CODE,
    access::MESSAGING_CODE,
];

/// Events of a lock with credentials.
const CREDENTIAL_EVENTS: [Event; 5] = [
    access::CREDENTIAL_UNLOCK,
    access::DENIED_DISABLED,
    access::DENIED_NOT_ENOUGH,
    access::INVALID_CREDENTIAL,
    access::NON_ACCESS_CREDENTIAL,
];

/// The notification types of a kind of node, with their events.
fn types(model: &Model) -> Vec<(NotificationType, BTreeSet<u8>)> {
    let own = if model.credentials.is_some() { &CREDENTIAL_EVENTS[..] } else { &CODE_EVENTS };
    match model.kind {
        Kind::Lock => vec![
            (NotificationType::ACCESS_CONTROL, ACCESS_EVENTS.iter().chain(own).map(|event| event.0).collect()),
            (NotificationType::HOME_SECURITY, BTreeSet::from([Event::INVALID_CODE_TAMPER.0])),
        ],
        Kind::Sensor => vec![(WATER, BTreeSet::from([WATER_LEAK.0]))],
        Kind::Keypad | Kind::Switch => Vec::new(),
    }
}

pub(super) fn notification(node: &mut Node, command: &Command, _: Instant) -> Option<Answer> {
    let Command::Notification(command) = command else { return None };
    let types = types(&node.model);
    let reply = match command {
        Notification::Set(set) => {
            let known = types.iter().any(|(kind, _)| *kind == set.kind);
            return Some(if known { Answer::Done } else { Answer::Refused });
        }
        _ if node.model.quirks.v1_alarms => return None,
        Notification::SupportedGet => {
            let types = types.iter().map(|(kind, _)| kind.0).collect();
            Notification::SupportedReport(SupportedReport { v1_alarm: node.model.quirks.both_alarms, types })
        }
        Notification::EventSupportedGet(get) => {
            let events = types.into_iter().find(|(kind, _)| *kind == get.kind).map(|(_, events)| events);
            Notification::EventSupportedReport(EventSupportedReport { kind: get.kind, events: events.unwrap_or_default() })
        }
        Notification::Get(get) => {
            let kind = get.kind.or_else(|| types.first().map(|(kind, _)| *kind))?;
            Notification::Report(node.state_of(kind))
        }
        Notification::Report(_) | Notification::SupportedReport(_) | Notification::EventSupportedReport(_) => return None,
    };
    Some(Answer::Reply(Command::Notification(reply)))
}

impl Node {
    /// Logs an event and reports it to the lifeline.
    pub(super) fn happened(&mut self, happening: Happening, now: Instant) {
        if !self.has_power() {
            return;
        }
        self.write_down(happening, now);
        self.tell(happening, now);
    }

    /// Reports an event to the lifeline, in the form of the model.
    pub(super) fn tell(&mut self, happening: Happening, now: Instant) {
        let quirks = self.model.quirks;
        if happening == Happening::AllCodesDeleted && quirks.tells_erasure_by_report {
            let (status, code) = (UserIdStatus::AVAILABLE, CodeText::new([0; 4]));
            let erased = user_code::Report { user_id: 0, status, code };
            return self.report(Command::UserCode(UserCode::Report(erased)), now);
        }
        let alarm = happening.alarm().filter(|_| quirks.v1_alarms || quirks.both_alarms);
        let alarm = alarm.map(|(v1_type, level)| Report {
            v1_type,
            v1_level: u8::try_from(level).unwrap_or(u8::MAX),
            notification: None,
        });
        let event = happening.notification().filter(|_| !quirks.v1_alarms);
        let event = event.map(|(kind, event)| {
            let ended = happening.ended().map(|event| Params::new([event.0]));
            let usage = match happening {
                Happening::CredentialUsed { user_id, credential_type, slot, .. } => {
                    Some(Params::new(Usage { user_id, credentials: vec![(credential_type, slot)] }.write()))
                }
                _ => None,
            };
            let params = ended.or(usage).or_else(|| happening.user().map(|user| self.named(user)));
            Report::of(kind, event, params.unwrap_or_default())
        });
        for report in alarm.into_iter().chain(event) {
            for _ in 0..=u8::from(quirks.tells_twice) {
                self.report(Command::Notification(Notification::Report(report.clone())), now);
            }
        }
    }

    /// The state for a Notification Get. A lock pushes its events, so none is ever pending.
    fn state_of(&self, kind: NotificationType) -> Report {
        if kind == WATER && self.model.kind == Kind::Sensor {
            return Report::of(WATER, if self.memory.on { WATER_LEAK } else { Event::IDLE }, Params::default());
        }
        let nothing = Report::of(kind, Event::UNKNOWN, Params::default());
        let notification = nothing.notification.map(|it| Notified { status: Status::NONE_PENDING, ..it });
        Report { notification, ..nothing }
    }

    /// The user as event parameters.
    fn named(&self, user: u16) -> Params {
        let user_id = u8::try_from(user).unwrap_or(u8::MAX);
        let (status, code) = self.shown(user);
        let report = user_code::Report { user_id, status, code: code.clone() };
        let report = Command::UserCode(UserCode::Report(report)).write();
        let cut = |len: usize| Params::new(report.get(..len).unwrap_or(&report));
        match self.model.quirks.user_shape {
            UserShape::Report => Params::new(report),
            UserShape::NoCode => cut(4),
            UserShape::NoStatus => cut(3),
            UserShape::Extended => {
                let codes = UserId::new(user).map(|user| ExtendedCode::new(user, status, code)).into_iter().collect();
                let report = ExtendedReport { codes, next_user_id: 0 };
                Params::new(Command::UserCode(UserCode::ExtendedUserCodeReport(report)).write())
            }
            UserShape::Bare => Params::new([user_id]),
            UserShape::Offset(offset) => Params::new([user_id.wrapping_add(offset)]),
            UserShape::Decimal => Params::new([((user_id / 10 % 10) << 4) | (user_id % 10)]),
            UserShape::Nobody => Params::default(),
        }
    }
}
