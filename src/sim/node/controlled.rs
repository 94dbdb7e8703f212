//! What hands do to a lock beside typing a code: at its keypad without one, at its batteries.

use std::time::Duration;

use crate::command::Command;
use crate::command::battery::{self, Battery};
use crate::domain::time::Instant;

use super::{CodeTable, Happening, Node};

impl Node {
    /// Somebody locks at the keypad, as this user.
    pub fn keypad_lock(&mut self, user: Option<u16>, now: Instant) {
        self.operate(user, true, now);
    }

    /// Somebody unlocks at the keypad as this user, whether that has a code or not.
    pub fn keypad_unlock(&mut self, user: u16, now: Instant) {
        self.operate(Some(user), false, now);
    }

    /// Erases every code at the lock itself.
    pub fn erase_codes(&mut self, now: Instant) {
        self.memory.codes = CodeTable::new(self.model.slots);
        self.tell(Happening::AllCodesDeleted, now);
    }

    /// The battery has so many percent, and the lock reports it.
    pub fn charge(&mut self, percent: u8, now: Instant) {
        self.memory.battery = percent;
        let report = battery::Report { level: percent, flags: None, more_flags: None };
        self.report(Command::Battery(Battery::Report(report)), Duration::ZERO, now);
    }

    /// A bolt that is jammed stays where it is, and says so.
    fn operate(&mut self, user: Option<u16>, locked: bool, now: Instant) {
        let happening = match user {
            _ if self.faults.jammed => Happening::Jammed,
            user if locked => Happening::KeypadLock(user),
            user => Happening::KeypadUnlock(user.unwrap_or_default()),
        };
        if !self.faults.jammed {
            self.memory.locked = locked;
        }
        self.tell(happening, now);
    }
}
