//! The bolt and its motor: it moves for a while, may jam, and may lock again by itself.

use std::time::Duration;

use super::parts::{Bolt, Move};
use super::{Answer, Happening, Node};
use crate::command::Command;
use crate::command::codec::Transition;
use crate::command::door_lock::DoorLock;
use crate::command::supervision::{self, SessionId, Status, Supervision};
use crate::domain::node::SecurityClass;
use crate::domain::time::{Deadline, Instant};

impl Node {
    /// Turns the bolt by hand, which works without power, too.
    pub fn turn_bolt(&mut self, locked: bool, now: Instant) {
        if locked && self.faults.jammed {
            self.happened(Happening::ManualNotLocked, now);
            return;
        }
        self.moved(locked, now);
        self.happened(if locked { Happening::ManualLock } else { Happening::ManualUnlock }, now);
    }

    /// When it locks again by itself.
    pub fn relocks_at(&self) -> Option<Instant> {
        self.bolt.relock_at
    }

    /// Starts the motor because of a command.
    pub(super) fn drive_by_radio(&mut self, locked: bool, now: Instant) -> Answer {
        self.drive(locked, true, now);
        Answer::Working(self.model.motor)
    }

    /// Sets the Supervision session that waits for the end of the movement.
    pub(super) fn inform(&mut self, session: SessionId, under: SecurityClass) {
        if let Some(moving) = &mut self.bolt.moving {
            moving.informs = Some((session, under));
        }
    }

    /// The position that the bolt moves to, or has.
    pub(super) fn bolt_target(&self) -> bool {
        self.bolt.moving.map(|moving| moving.locked).or(self.bolt.stuck).unwrap_or(self.memory.locked)
    }

    /// The remaining time of the movement.
    pub(super) fn bolt_duration(&self, now: Instant) -> Transition {
        self.bolt.moving.map_or(Transition::NONE, |moving| seconds(moving.done.since(now)))
    }

    /// The bolt has reached its position.
    pub(super) fn moved(&mut self, locked: bool, now: Instant) {
        self.memory.locked = locked;
        let freed = self.bolt.stuck.is_some();
        self.bolt = Bolt { moving: None, stuck: None, relock_at: self.relock_time(locked).map(|after| now + after) };
        if freed {
            self.happened(Happening::Unjammed, now);
        }
    }

    pub(super) fn jam(&mut self, locked: bool) {
        self.bolt = Bolt { moving: None, stuck: Some(locked), relock_at: None };
    }

    /// The lock stays unlocked.
    pub(super) fn hold_open(&mut self) {
        self.bolt.relock_at = None;
    }

    pub(super) fn bolt_timeout(&mut self, now: Instant) {
        if let Some(moving) = self.bolt.moving.filter(|moving| moving.done <= now) {
            self.arrive(moving, now);
        }
        if self.bolt.relock_at.is_some_and(|at| at <= now) {
            self.drive(true, false, now);
        }
    }

    pub(super) fn bolt_deadline(&self) -> Option<Deadline> {
        let moves = self.bolt.moving.map(|moving| Deadline { at: moving.done, why: "a bolt is on its way" });
        let relocks = self.bolt.relock_at.map(|at| Deadline { at, why: "a bolt is thrown by itself" });
        Deadline::earliest(moves, relocks).filter(|_| self.has_power())
    }

    fn drive(&mut self, locked: bool, by_radio: bool, now: Instant) {
        self.bolt.relock_at = None;
        self.bolt.moving = Some(Move { locked, done: now + self.model.motor, by_radio, informs: None });
    }

    fn arrive(&mut self, Move { locked, by_radio, informs, .. }: Move, now: Instant) {
        let jammed = self.faults.jammed;
        if jammed {
            self.jam(locked);
        } else {
            self.moved(locked, now);
        }
        if let Some((session, under)) = informs {
            let report = supervision::Report::final_of(session, if jammed { Status::FAIL } else { Status::SUCCESS });
            self.told_at_last(report);
            self.say(&Command::Supervision(Supervision::Report(report)), under, Duration::ZERO, now);
        }
        if by_radio {
            let report = Command::DoorLock(DoorLock::OperationReport(self.operation(now)));
            self.report(report, now);
        }
        let happening = match (jammed, by_radio, locked) {
            (true, ..) => Happening::Jammed,
            (false, false, _) => Happening::AutoLocked,
            (false, true, true) => Happening::RemoteLock,
            (false, true, false) => Happening::RemoteUnlock,
        };
        self.happened(happening, now);
    }
}

/// A duration for reports; short ones are rounded up to a second.
pub(super) fn seconds(time: Duration) -> Transition {
    Transition(u8::try_from(time.as_millis().div_ceil(1_000)).unwrap_or(127).min(127))
}
