//! Power: batteries that each wake-up drains, and power cuts.

use super::{Answer, Happening, Node};
use crate::command::Command;
use crate::command::battery::{Battery, Report};
use crate::domain::time::Instant;

/// Below this percentage the low battery warning is sent (as most makers do).
const LOW: u8 = 15;
/// The level that stands for the warning (docs/protocol/command-classes.md 0x80).
const WARNING: u8 = 0xFF;
/// The level is reported whenever it has fallen by this percentage.
const STEP: u8 = 10;

/// The charge of the batteries, in millionths of a percent.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Charge(u32);

impl Charge {
    pub const FULL: Self = Self::of_percent(100);
    pub const EMPTY: Self = Self(0);

    /// A percentage; more than 100 count as 100.
    pub const fn of_percent(percent: u8) -> Self {
        Self(if percent > 100 { 100_000_000 } else { percent as u32 * 1_000_000 })
    }

    /// The percentage, rounded up: 0 is empty.
    pub fn percent(self) -> u8 {
        u8::try_from(self.0.div_ceil(1_000_000)).unwrap_or(u8::MAX)
    }

    fn is_low(self) -> bool {
        self.percent() < LOW
    }

    /// The level as in a Battery Report.
    fn level(self) -> u8 {
        if self.is_low() { WARNING } else { self.percent() }
    }

    /// The lifeline gets a report when this changes.
    fn step(self) -> (u8, bool) {
        (self.percent().div_ceil(STEP), self.is_low())
    }
}

pub(super) fn battery(node: &mut Node, command: &Command, _: Instant) -> Option<Answer> {
    let Command::Battery(Battery::Get) = command else { return None };
    Some(Answer::Reply(node.battery_report()))
}

impl Node {
    /// Its radio received a frame, and it stays awake for a while.
    pub fn wake(&mut self, now: Instant) {
        let slept = self.is_asleep(now);
        self.awake_until = self.awake_until.max(now + self.stays_awake());
        if slept {
            self.woke(now);
        }
    }

    /// A frame of its own was sent, possibly delayed: it stays awake for the answer, which may be a nonce.
    pub fn has_spoken(&mut self, ended: Instant) {
        self.awake_until = self.awake_until.max(ended + self.stays_awake());
    }

    /// Number of wake-ups, by a beam or to send something, since it was made. Kept in power cuts.
    pub fn wakeups(&self) -> u64 {
        self.wakeups
    }

    /// Whether it neither receives nor sends: out of range, or without power.
    pub fn is_gone(&self) -> bool {
        self.faults.gone || !self.has_power()
    }

    /// Whether it has power; without power only the bolt can be turned by hand.
    pub fn has_power(&self) -> bool {
        self.powered && (self.model.always_listens() || self.memory.battery > Charge::EMPTY)
    }

    /// Removes its batteries or unplugs it: everything outside its memory is lost.
    pub fn power_off(&mut self) {
        let (faults, wakeups) = (self.faults, self.wakeups);
        *self = Self::with_memory(self.model.clone(), self.memory.clone(), self.entropy.clone());
        (self.faults, self.wakeups, self.powered) = (faults, wakeups, false);
    }

    /// Inserts the same batteries again.
    pub fn power_on(&mut self) {
        self.powered = true;
    }

    /// Removes its batteries and inserts them again.
    pub fn power_cut(&mut self) {
        self.power_off();
        self.power_on();
    }

    /// Inserts other batteries. It reports the new level.
    pub fn change_batteries(&mut self, charge: Charge, now: Instant) {
        self.power_cut();
        self.write_down(Happening::BatteryNew, now);
        self.charge(charge, now);
    }

    /// Sets the charge of its batteries. It reports the level, unless they are empty.
    pub fn charge(&mut self, charge: Charge, now: Instant) {
        self.memory.battery = charge;
        if self.has_power() {
            let report = self.battery_report();
            self.report(report, now);
        }
    }

    /// Whether it can only be reached by a beam, or not at all.
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
