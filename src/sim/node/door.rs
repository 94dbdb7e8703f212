//! Door Lock version 4: a motor with a bolt, no door sensor, and no handles (docs/protocol/command-classes.md 0x62).

use std::collections::BTreeSet;
use std::time::Duration;

use crate::command::Command;
use crate::command::door_lock::{
    CapabilitiesReport, Components, Condition, Configuration, DoorLock, Mode, OperationReport, Relock, Target,
};
use crate::domain::time::Instant;

use super::{Answer, Happening, Node};

/// "No time-out" in reports.
const NO_TIMEOUT: u8 = 0xFE;
/// Operation types: constant, and timed.
const CONSTANT: u8 = 1;
const TIMED: u8 = 2;
/// Flag: it can lock again by itself.
const AUTO_RELOCK: u8 = 0x08;

/// The factory configuration: it stays unlocked until it is locked.
pub(super) const FROM_THE_FACTORY: Configuration = Configuration {
    operation_type: CONSTANT,
    outside_handles: 0,
    inside_handles: 0,
    timeout_minutes: NO_TIMEOUT,
    timeout_seconds: NO_TIMEOUT,
    v4: Some(Relock { auto_relock_time: 0, hold_and_release_time: 0, flags: 0 }),
};

pub(super) fn door_lock(node: &mut Node, command: &Command, now: Instant) -> Option<Answer> {
    let Command::DoorLock(command) = command else { return None };
    let report = match command {
        DoorLock::OperationSet(set) => {
            let timed = node.memory.door.operation_type == TIMED;
            return Some(match set.mode {
                Mode::SECURED => node.drive_by_radio(true, now),
                Mode::UNSECURED => node.drive_by_radio(false, now),
                Mode::UNSECURED_WITH_TIMEOUT if timed => node.drive_by_radio(false, now),
                _ => Answer::Refused,
            });
        }
        DoorLock::OperationGet => DoorLock::OperationReport(node.operation(now)),
        DoorLock::ConfigurationGet => DoorLock::ConfigurationReport(node.memory.door),
        DoorLock::ConfigurationSet(to) => return Some(node.configure(to, now)),
        DoorLock::CapabilitiesGet => DoorLock::CapabilitiesReport(CapabilitiesReport {
            operation_types: BTreeSet::from([CONSTANT, TIMED]),
            modes: vec![Mode::UNSECURED, Mode::UNSECURED_WITH_TIMEOUT, Mode::SECURED],
            outside_handles: 0,
            inside_handles: 0,
            components: Components { bolt_supported: true, ..Components::default() },
            flags: AUTO_RELOCK,
        }),
        DoorLock::OperationReport(_) | DoorLock::ConfigurationReport(_) | DoorLock::CapabilitiesReport(_) => return None,
    };
    Some(Answer::Reply(Command::DoorLock(report)))
}

impl Node {
    /// The state of the bolt. A jammed bolt is in no mode.
    pub(super) fn operation(&self, now: Instant) -> OperationReport {
        let timed = self.memory.door.operation_type == TIMED;
        let mode_of = |locked: bool| match locked {
            true => Mode::SECURED,
            false if timed => Mode::UNSECURED_WITH_TIMEOUT,
            false => Mode::UNSECURED,
        };
        let left = self.relocks_at().filter(|_| timed && !self.memory.locked).map(|at| at.since(now).as_secs());
        let part = |seconds: u64| u8::try_from(seconds).unwrap_or(NO_TIMEOUT);
        OperationReport {
            mode: if self.bolt.stuck.is_some() { Mode::UNKNOWN } else { mode_of(self.memory.locked) },
            outside_handles: 0,
            inside_handles: 0,
            condition: Condition(if self.memory.locked { 0x00 } else { 0x02 }),
            timeout_minutes: left.map_or(NO_TIMEOUT, |left| part(left / 60)),
            timeout_seconds: left.map_or(NO_TIMEOUT, |left| part(left % 60)),
            target: Some(Target { target_mode: mode_of(self.bolt_target()), duration: self.bolt_duration(now) }),
        }
    }

    /// Time until the bolt locks again by itself.
    pub(super) fn relock_time(&self, locked: bool) -> Option<Duration> {
        let door = self.memory.door;
        let seconds = match door.operation_type {
            TIMED => u64::from(door.timeout_minutes) * 60 + u64::from(door.timeout_seconds),
            _ => door.v4.map_or(0, |v4| v4.auto_relock_time.into()),
        };
        (!locked && seconds > 0).then(|| Duration::from_secs(seconds))
    }

    fn configure(&mut self, to: &Configuration, now: Instant) -> Answer {
        let fits = match to.operation_type {
            CONSTANT => true,
            TIMED => to.timeout_minutes <= 253 && to.timeout_seconds <= 59,
            _ => false,
        };
        // It has no handles, no hold and release, and no twist assist.
        let v4 = to.v4.or(self.memory.door.v4).unwrap_or(NOTHING);
        if !fits {
            return Answer::Refused;
        }
        let (minutes, seconds) =
            if to.operation_type == TIMED { (to.timeout_minutes, to.timeout_seconds) } else { (NO_TIMEOUT, NO_TIMEOUT) };
        self.memory.door = Configuration {
            operation_type: to.operation_type,
            timeout_minutes: minutes,
            timeout_seconds: seconds,
            v4: Some(Relock { auto_relock_time: v4.auto_relock_time, ..NOTHING }),
            ..FROM_THE_FACTORY
        };
        self.write_down(Happening::Configured, now);
        Answer::Done
    }
}

const NOTHING: Relock = Relock { auto_relock_time: 0, hold_and_release_time: 0, flags: 0 };
