//! What hands do to a lock beside typing a code: at its keypad without one, at its batteries, at its reset button.

use std::time::Duration;

use crate::command::Command;
use crate::command::battery::{self, Battery};
use crate::domain::time::Instant;

use super::{CodeTable, Happening, Node};

impl Node {
    /// The keypad moves the bolt for this user id, whether that has a code or not; a bolt that is jammed says so.
    pub fn operate(&mut self, user: u16, locked: bool, now: Instant) {
        if self.faults.jammed {
            self.tell(Happening::Jammed, now);
            return;
        }
        self.memory.locked = locked;
        self.tell(if locked { Happening::KeypadLock(user) } else { Happening::KeypadUnlock(user) }, now);
    }

    /// The bolt jams, which it tells; or somebody frees it.
    pub fn jam(&mut self, jammed: bool, now: Instant) {
        self.faults.jammed = jammed;
        if jammed {
            self.tell(Happening::Jammed, now);
        }
    }

    /// Erases every code at the lock itself.
    pub fn erase(&mut self, now: Instant) {
        self.memory.codes = CodeTable::new(self.model.slots);
        self.tell(Happening::AllCodesDeleted, now);
    }

    /// The battery has so many percent, and the lock reports it.
    pub fn charge(&mut self, percent: u8, now: Instant) {
        self.memory.battery = percent;
        let report = battery::Report { level: percent, flags: None, more_flags: None };
        self.report(Command::Battery(Battery::Report(report)), Duration::ZERO, now);
    }
}
