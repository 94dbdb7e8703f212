//! When each lock is checked, and the check of one lock that is under way.

use std::collections::BTreeMap;
use std::time::Duration;

use super::pace::Pace;
use crate::domain::ids::DeviceId;
use crate::domain::time::{Deadline, Instant};

/// How often a lock is checked, and what that may cost it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CheckSettings {
    /// From one check of a lock to its next.
    pub interval: Duration,
    /// Frames to one lock in one check.
    pub frames: u32,
}

impl Default for CheckSettings {
    fn default() -> Self {
        Self { interval: Duration::from_secs(24 * 3600), frames: 100 }
    }
}

/// A tenth of what a duty cycle of 1 % allows in an hour (docs/protocol/timing.md §4).
const HOURLY: u64 = 3_600;
/// A lock that is busy, asleep or away when its check is due is tried again after this.
pub(super) const LATER: Duration = Duration::from_secs(600);

/// When each lock is checked.
pub(super) struct Checks {
    pub(super) due: BTreeMap<DeviceId, Instant>,
    pub(super) pace: Pace,
}

/// The check of one lock that is under way.
#[derive(Clone, Copy)]
pub(super) struct Run {
    /// Frames to the lock when it began.
    pub(super) frames: u64,
    /// The first slot that was read: a round ends there.
    pub(super) first: Option<u16>,
}

impl Checks {
    pub(super) fn new() -> Self {
        Self { due: BTreeMap::new(), pace: Pace::full(HOURLY) }
    }

    pub(super) fn deadline(&self) -> Option<Deadline> {
        self.due.values().min().map(|at| Deadline { at: *at, why: "a lock is checked" })
    }

    /// Locks whose check is due. They are due again a while later, in case it can't begin.
    pub(super) fn take_due(&mut self, now: Instant) -> Vec<DeviceId> {
        let due: Vec<DeviceId> = self.due.iter().filter(|(_, at)| **at <= now).map(|(id, _)| *id).collect();
        for id in &due {
            self.due.insert(*id, now + LATER);
        }
        due
    }

    pub(super) fn forget(&mut self, device: DeviceId) {
        self.due.remove(&device);
    }
}
