//! Nodes that sleep and wake by themselves: Wake Up version 2 (docs/protocol/command-classes.md 0x84). While asleep
//! they receive nothing.

use std::time::Duration;

use super::{Answer, Happening, Node, STAYS_AWAKE};
use crate::command::Command;
use crate::command::wake_up::{Interval, IntervalCapabilitiesReport, WakeUp};
use crate::domain::time::{Deadline, Instant};

/// Time after the last exchange until it goes to sleep by itself.
const AWAKE_TIME: Duration = Duration::from_secs(10);
/// Valid intervals in seconds.
const SHORTEST: u32 = 60;
const LONGEST: u32 = 86_400;
const STEP: u32 = 60;

pub(super) fn wake_up(node: &mut Node, command: &Command, now: Instant) -> Option<Answer> {
    let Command::WakeUp(command) = command else { return None };
    let report = match command {
        WakeUp::IntervalSet(to) => {
            let fits = (SHORTEST..=LONGEST).contains(&to.interval) && to.interval.is_multiple_of(STEP);
            // 0: it is only woken by its sensor.
            if !fits && to.interval != 0 {
                return Some(Answer::Refused);
            }
            node.memory.wake_up = Some(*to);
            node.woke_at = Some(now);
            return Some(Answer::Done);
        }
        WakeUp::NoMoreInformation => {
            node.awake_until = now;
            return Some(Answer::Done);
        }
        WakeUp::IntervalGet => WakeUp::IntervalReport(node.wake_up_interval()),
        WakeUp::IntervalCapabilitiesGet => WakeUp::IntervalCapabilitiesReport(IntervalCapabilitiesReport {
            min: SHORTEST,
            max: LONGEST,
            default: node.model.wake_up.unwrap_or_default(),
            step: STEP,
            flags: None,
        }),
        WakeUp::IntervalReport(_) | WakeUp::Notification | WakeUp::IntervalCapabilitiesReport(_) => return None,
    };
    Some(Answer::Reply(Command::WakeUp(report)))
}

impl Node {
    /// A sensor gets wet or dry, and wakes to report it.
    pub fn sense(&mut self, wet: bool, now: Instant) {
        if self.has_power() && self.memory.on != wet {
            self.memory.on = wet;
            self.happened(if wet { Happening::Water } else { Happening::NoWater }, now);
        }
    }

    /// Presses the button that wakes a sleeping node.
    pub fn wake_by_hand(&mut self, now: Instant) {
        if !self.has_power() || self.model.wake_up.is_none() {
            return;
        }
        self.woke_at = Some(now);
        self.wake(now);
        if self.has_lifeline() || self.wake_up_interval().target_node != 0 {
            let under = self.class();
            self.say(&Command::WakeUp(WakeUp::Notification), under, Duration::ZERO, now);
            let battery = self.battery_report();
            self.report(battery, now);
        }
    }

    /// Wakes up if the interval has passed.
    pub(super) fn wake_on_time(&mut self, now: Instant) {
        if self.wakes_at().is_some_and(|at| at <= now) {
            self.wake_by_hand(now);
        }
    }

    pub(super) fn wake_deadline(&self) -> Option<Deadline> {
        Some(Deadline { at: self.wakes_at()?, why: "a sleeping node wakes" })
    }

    /// How long it stays awake after a frame.
    pub(super) fn stays_awake(&self) -> Duration {
        if self.model.wake_up.is_some() { AWAKE_TIME } else { STAYS_AWAKE }
    }

    /// It wakes at power-up, and then by its interval. During key exchange it stays awake.
    fn wakes_at(&self) -> Option<Instant> {
        let default = self.model.wake_up.filter(|_| self.has_power() && self.joining.is_none())?;
        let seconds = self.memory.wake_up.map_or(default, |interval| interval.interval);
        match self.woke_at {
            None => Some(Instant::ZERO),
            Some(at) => (seconds > 0).then(|| at + Duration::from_secs(seconds.into())),
        }
    }

    fn wake_up_interval(&self) -> Interval {
        let interval = self.model.wake_up.unwrap_or_default();
        self.memory.wake_up.unwrap_or(Interval { interval, target_node: 0 })
    }
}
