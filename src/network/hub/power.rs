//! Powerlevel of the hub (docs/protocol/command-classes.md 0x73; docs/protocol/gateway.md §2.3).
//!
//! The value is kept, counted down and reported, as in Z-Wave JS, but the radio keeps its normal power: a lock that
//! cannot be reached for four minutes is worse than a wrong figure in an installer's tool. Test frames are refused,
//! because any node could make the hub send thousands of them to a battery lock.

use std::time::Duration;

use crate::command::powerlevel::{Level, PowerLevel, Powerlevel, TestNodeReport, TestStatus};
use crate::command::supervision::Status;
use crate::domain::time::Instant;

/// A power level and the end of its time.
#[derive(Default, Debug)]
pub(super) struct Power {
    set: Option<(PowerLevel, Instant)>,
}

impl Power {
    pub(super) fn answer(&self, asked: &Powerlevel, now: Instant) -> Option<Powerlevel> {
        match asked {
            Powerlevel::Get => Some(Powerlevel::Report(self.level(now))),
            // There was no test: the same answer as Z-Wave JS gives.
            Powerlevel::TestNodeGet => Some(Powerlevel::TestNodeReport(TestNodeReport {
                test_node_id: 0,
                status: TestStatus::SUCCESS,
                acknowledged_frames: 0,
            })),
            _ => None,
        }
    }

    pub(super) fn set(&mut self, told: &Powerlevel, now: Instant) -> Option<Status> {
        match told {
            Powerlevel::Set(level) if level.power_level > PowerLevel::LOWEST => Some(Status::FAIL),
            Powerlevel::Set(Level { power_level, timeout }) => {
                let lasts = *power_level != PowerLevel::NORMAL && *timeout > 0;
                self.set = lasts.then_some((*power_level, now + Duration::from_secs((*timeout).into())));
                Some(Status::SUCCESS)
            }
            Powerlevel::TestNodeSet(_) => Some(Status::FAIL),
            _ => None,
        }
    }

    /// The level and the remaining seconds, rounded up, so that 0 means over.
    fn level(&self, now: Instant) -> Level {
        match self.set {
            Some((power_level, until)) if now < until => {
                let left = until.since(now).as_millis().div_ceil(1000);
                Level { power_level, timeout: u8::try_from(left).unwrap_or(u8::MAX) }
            }
            _ => Level { power_level: PowerLevel::NORMAL, timeout: 0 },
        }
    }
}
