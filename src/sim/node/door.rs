//! Door Lock version 4: a motor with a bolt, and no door sensor.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::command::Command;
use crate::command::codec::Transition;
use crate::command::door_lock::{
    CapabilitiesReport, Components, Condition, Configuration, DoorLock, Mode, OperationReport, Relock, Target,
};
use crate::domain::time::Instant;

use super::{Answer, Happening, Node};

/// How long the motor takes.
const MOTOR: Duration = Duration::from_millis(800);
/// "No time-out" in reports.
const NO_TIMEOUT: u8 = 0xFE;

pub(super) fn door_lock(lock: &mut Node, command: &Command, now: Instant) -> Option<Answer> {
    let Command::DoorLock(command) = command else { return None };
    let report = match command {
        DoorLock::OperationSet(set) => {
            let Some(locked) = set.mode.is_locked() else { return Some(Answer::Refused) };
            if lock.faults.jammed {
                lock.tell(Happening::Jammed, now + MOTOR);
                return Some(Answer::Done);
            }
            lock.memory.locked = locked;
            let report = Command::DoorLock(DoorLock::OperationReport(operation(locked)));
            lock.report(report, MOTOR, now);
            lock.tell(if locked { Happening::RemoteLock } else { Happening::RemoteUnlock }, now + MOTOR);
            return Some(Answer::Done);
        }
        DoorLock::OperationGet => DoorLock::OperationReport(operation(lock.memory.locked)),
        DoorLock::ConfigurationGet => DoorLock::ConfigurationReport(Configuration {
            operation_type: 1,
            outside_handles: 0,
            inside_handles: 0,
            timeout_minutes: NO_TIMEOUT,
            timeout_seconds: NO_TIMEOUT,
            v4: Some(Relock { auto_relock_time: 0, hold_and_release_time: 0, flags: 0 }),
        }),
        DoorLock::ConfigurationSet(_) => return Some(Answer::Done),
        DoorLock::CapabilitiesGet => DoorLock::CapabilitiesReport(CapabilitiesReport {
            operation_types: BTreeSet::from([1]),
            modes: vec![Mode::UNSECURED, Mode::SECURED],
            outside_handles: 0,
            inside_handles: 0,
            components: Components { bolt_supported: true, ..Components::default() },
            flags: 0,
        }),
        _ => return None,
    };
    Some(Answer::Reply(Command::DoorLock(report)))
}

fn operation(locked: bool) -> OperationReport {
    let mode = if locked { Mode::SECURED } else { Mode::UNSECURED };
    OperationReport {
        mode,
        outside_handles: 0,
        inside_handles: 0,
        condition: Condition(if locked { 0x00 } else { 0x02 }),
        timeout_minutes: NO_TIMEOUT,
        timeout_seconds: NO_TIMEOUT,
        target: Some(Target { target_mode: mode, duration: Transition::NONE }),
    }
}
