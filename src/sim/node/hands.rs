//! Actions of people at a node: typing, turning, programming, reset.

use std::time::Duration;

use super::credentials::Presented;
use super::{Answer, Entry, Happening, Memory, Node};
use crate::command::Command;
use crate::command::device_reset_locally::DeviceResetLocally;
use crate::command::user_code::{KeypadMode, UserIdStatus};
use crate::domain::pin::CodeText;
use crate::domain::time::{Deadline, Instant};

/// Number of wrong codes after which the keypad is disabled, and for how long.
pub(super) const WRONG_CODES: u8 = 5;
pub(super) const KEYPAD_DEAD: Duration = Duration::from_secs(30);
/// Time for the reports of a factory reset.
const SUPERVISION_TAIL: Duration = Duration::from_secs(1);

/// The result of typing a code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Typed {
    /// The door opened for this user id.
    Opened(u16),
    /// The code of this user id, but the bolt is jammed.
    Jammed(u16),
    /// The code of this user id, which is not allowed: disabled, outside its schedule, or without access.
    Denied(u16),
    /// A messaging code: it is reported and opens nothing.
    Message(u16),
    /// The admin code, which also re-enables the keypad.
    Admin,
    /// No slot has that code, or it is switched off.
    Wrong,
    /// The keypad accepts no codes: after too many wrong codes, because of its mode, or without power.
    KeypadDead,
}

impl Node {
    /// Types a code at the keypad.
    pub fn type_code(&mut self, code: &[u8], now: Instant) -> Typed {
        let mode = self.keypad_mode(now);
        if !self.has_power() || mode == KeypadMode::LOCKED_OUT || mode == KeypadMode::PRIVACY {
            return Typed::KeypadDead;
        }
        if self.model.credentials.is_some() {
            return self.type_pin(code, now);
        }
        if !self.memory.admin_code.is_empty() && self.memory.admin_code.reveal() == code {
            self.wrong_codes = 0;
            self.memory.keypad_mode = KeypadMode::NORMAL;
            return Typed::Admin;
        }
        if mode == KeypadMode::VACATION {
            return Typed::KeypadDead;
        }
        let owner = self.memory.codes.owner_of(code, self.model.quirks.five_buttons);
        let Some((user, status)) = owner else { return self.wrong_code(Happening::WrongCode, now) };
        match status {
            // Events with that reason carry credentials, which such a lock does not have.
            UserIdStatus::ENABLED | UserIdStatus::PASSAGE_MODE if self.is_out_of_schedule(user, now) => Typed::Denied(user),
            UserIdStatus::ENABLED | UserIdStatus::PASSAGE_MODE => {
                self.open(Happening::KeypadUnlock(user), user, status == UserIdStatus::PASSAGE_MODE, now)
            }
            UserIdStatus::MESSAGING => {
                self.wrong_codes = 0;
                self.happened(Happening::MessagingCode(user), now);
                Typed::Message(user)
            }
            _ => self.wrong_code(Happening::WrongCode, now),
        }
    }

    fn type_pin(&mut self, pin: &[u8], now: Instant) -> Typed {
        match self.credential_presented(pin) {
            Presented::Unknown => self.wrong_code(Happening::WrongCredential, now),
            Presented::Denied(user, happening) => {
                self.happened(happening, now);
                Typed::Denied(user)
            }
            Presented::Opens(user, happening) => {
                let typed = self.open(happening, user, false, now);
                if matches!(typed, Typed::Opened(_)) {
                    self.credential_used(user, now);
                }
                typed
            }
        }
    }

    /// Locks at the keypad, with the code of a user or with the lock button.
    pub fn keypad_lock(&mut self, user: Option<u16>, now: Instant) {
        if !self.has_power() {
            return;
        }
        if self.faults.jammed {
            self.jam(true);
            self.happened(Happening::Jammed, now);
            return;
        }
        self.moved(true, now);
        self.happened(Happening::KeypadLock(user), now);
    }

    /// Unlocks at the keypad as this user, even without a code.
    pub fn keypad_unlock(&mut self, user: u16, now: Instant) -> Typed {
        if self.has_power() { self.open(Happening::KeypadUnlock(user), user, false, now) } else { Typed::KeypadDead }
    }

    /// Programs or deletes a code at the lock.
    pub fn program(&mut self, user: u16, code: Option<&[u8]>, now: Instant) {
        if !self.has_power() {
            return;
        }
        if self.model.credentials.is_some() {
            return self.program_credential(user, code, now);
        }
        let stored = match code {
            Some(code) => self.memory.codes.put(user, Entry::enabled(code)),
            None => self.memory.codes.remove(user),
        };
        if stored {
            self.happened(if code.is_some() { Happening::CodeAdded(user) } else { Happening::CodeDeleted(user) }, now);
        }
    }

    /// Deletes all codes at the lock.
    pub fn erase_codes(&mut self, now: Instant) {
        if self.has_power() {
            self.memory.codes.clear();
            self.happened(Happening::AllCodesDeleted, now);
        }
    }

    /// Changes the admin code at the lock; `None` disables it. `false`: it is no code, or the code of a user.
    pub fn program_admin(&mut self, code: Option<&[u8]>, now: Instant) -> bool {
        let code = CodeText::new(code.unwrap_or_default());
        let done = self.has_power() && matches!(self.set_admin_code(&code), Answer::Done);
        if done {
            self.happened(Happening::AdminCodeChanged, now);
        }
        done
    }

    /// Factory reset. It sends Device Reset Locally first and then leaves its network; the controller still lists it.
    pub fn factory_reset(&mut self, now: Instant) {
        if !self.has_power() || self.resets_at.is_some() {
            return;
        }
        if self.has_lifeline() {
            let under = self.class();
            let gone = Command::DeviceResetLocally(DeviceResetLocally::Notification);
            self.say(&gone, under, Duration::ZERO, now);
        }
        self.unanswered.clear();
        self.resets_at = Some(now + SUPERVISION_TAIL);
    }

    /// Whether it was reset and left its network.
    pub fn has_reset(&self) -> bool {
        self.has_reset
    }

    pub(super) fn reset_on_time(&mut self, now: Instant) {
        if self.resets_at.is_some_and(|at| at <= now) {
            let (battery, locked, serial) = (self.memory.battery, self.memory.locked, self.memory.serial);
            self.memory = Memory { battery, locked, serial, ..Memory::fresh(&self.model) };
            self.power_cut();
            self.has_reset = true;
        }
    }

    pub(super) fn reset_deadline(&self) -> Option<Deadline> {
        Some(Deadline { at: self.resets_at?, why: "a node resets itself" })
    }

    /// The keypad mode at the moment.
    pub fn keypad_mode(&self, now: Instant) -> KeypadMode {
        let locked_out = self.keypad_dead_until.is_some_and(|until| now < until);
        if locked_out { KeypadMode::LOCKED_OUT } else { self.memory.keypad_mode }
    }

    fn open(&mut self, told: Happening, user: u16, stays_open: bool, now: Instant) -> Typed {
        self.wrong_codes = 0;
        if self.faults.jammed {
            self.jam(false);
            self.happened(Happening::Jammed, now);
            return Typed::Jammed(user);
        }
        self.moved(false, now);
        if stays_open {
            self.hold_open();
        }
        self.happened(told, now);
        Typed::Opened(user)
    }

    fn wrong_code(&mut self, told: Happening, now: Instant) -> Typed {
        self.wrong_codes += 1;
        if self.wrong_codes < WRONG_CODES {
            self.happened(told, now);
            return Typed::Wrong;
        }
        self.wrong_codes = 0;
        self.keypad_dead_until = Some(now + KEYPAD_DEAD);
        self.happened(Happening::KeypadDisabled, now);
        Typed::KeypadDead
    }
}
