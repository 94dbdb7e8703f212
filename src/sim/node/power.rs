//! What keeps a node going: batteries that every wake-up takes something out of, and hands that take them out.

use super::{Answer, Happening, Node};
use crate::command::Command;
use crate::command::battery::{Battery, Report};
use crate::domain::time::Instant;

/// Below this it warns (the value of most makers).
const LOW: u8 = 15;
/// The level that stands for the warning (docs/protocol/command-classes.md 0x80).
const WARNING: u8 = 0xFF;
/// It tells its level whenever it has fallen by so many percent.
const STEP: u8 = 10;

/// What is left in the batteries, in millionths of a percent.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Charge(u32);

impl Charge {
    pub const FULL: Self = Self::of_percent(100);
    pub const EMPTY: Self = Self(0);

    /// So many percent; more than 100 are 100.
    pub const fn of_percent(percent: u8) -> Self {
        Self(if percent > 100 { 100_000_000 } else { percent as u32 * 1_000_000 })
    }

    /// The percent that have begun: 0 is empty.
    pub fn percent(self) -> u8 {
        u8::try_from(self.0.div_ceil(1_000_000)).unwrap_or(u8::MAX)
    }

    fn is_low(self) -> bool {
        self.percent() < LOW
    }

    /// As a report has it.
    fn level(self) -> u8 {
        if self.is_low() { WARNING } else { self.percent() }
    }

    /// The lifeline hears of it when this changes.
    fn step(self) -> (u8, bool) {
        (self.percent().div_ceil(STEP), self.is_low())
    }
}

pub(super) fn battery(node: &mut Node, command: &Command, _: Instant) -> Option<Answer> {
    let Command::Battery(Battery::Get) = command else { return None };
    Some(Answer::Reply(node.battery_report()))
}

impl Node {
    /// Its radio got a frame, and listens on for a while.
    pub fn wake(&mut self, now: Instant) {
        let slept = self.is_asleep(now);
        self.awake_until = self.awake_until.max(now + self.stays_awake());
        if slept {
            self.woke(now);
        }
    }

    /// A frame of its own has left, which may have waited for the air: it listens on for what that calls for, a nonce first.
    pub fn has_spoken(&mut self, ended: Instant) {
        self.awake_until = self.awake_until.max(ended + self.stays_awake());
    }

    /// How often it woke up, by a beam or to say something, since it was made. Power cuts do not forget it.
    pub fn wakeups(&self) -> u64 {
        self.wakeups
    }

    /// Whether nothing reaches it and it says nothing: out of range, dead, or without batteries.
    pub fn is_gone(&self) -> bool {
        self.faults.gone || !self.has_power()
    }

    /// Whether it has power; a lock without it does nothing but turn by hand.
    pub fn has_power(&self) -> bool {
        self.powered && (self.model.always_listens() || self.memory.battery > Charge::EMPTY)
    }

    /// Takes its batteries out, or pulls the plug: what is not in its memory is lost.
    pub fn power_off(&mut self) {
        let (faults, wakeups) = (self.faults, self.wakeups);
        *self = Self::with_memory(self.model.clone(), self.memory.clone(), self.entropy.clone());
        (self.faults, self.wakeups, self.powered) = (faults, wakeups, false);
    }

    /// Puts the same batteries in again.
    pub fn power_on(&mut self) {
        self.powered = true;
    }

    /// Takes its batteries out and puts them in again.
    pub fn power_cut(&mut self) {
        self.power_off();
        self.power_on();
    }

    /// Puts other batteries in. It tells the new level.
    pub fn change_batteries(&mut self, charge: Charge, now: Instant) {
        self.power_cut();
        self.write_down(Happening::BatteryNew, now);
        self.charge(charge, now);
    }

    /// The batteries that are in have so much left from now on. It tells the level, if they are not dead.
    pub fn charge(&mut self, charge: Charge, now: Instant) {
        self.memory.battery = charge;
        if self.has_power() {
            let report = self.battery_report();
            self.report(report, now);
        }
    }

    /// Whether only a beam reaches it, or nothing.
    pub(super) fn is_asleep(&self, now: Instant) -> bool {
        !self.model.always_listens() && now >= self.awake_until
    }

    fn woke(&mut self, now: Instant) {
        self.wakeups += 1;
        let before = self.memory.battery;
        self.memory.battery = Charge(before.0.saturating_sub(self.model.wakeup_cost));
        if self.memory.battery.is_low() && !before.is_low() {
            self.happened(Happening::BatteryLow, now);
        }
        if self.memory.battery.step() != before.step() && self.has_power() {
            let report = self.battery_report();
            self.report(report, now);
        }
    }

    pub(super) fn battery_report(&self) -> Command {
        let report = Report { level: self.memory.battery.level(), flags: None, more_flags: None };
        Command::Battery(Battery::Report(report))
    }
}
