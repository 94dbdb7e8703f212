//! What the reconciler keeps in memory of each lock: retries and jobs in flight. Nothing here survives a restart.

use std::collections::{BTreeMap, BTreeSet};

use super::checks::{CheckSettings, Checks, Run};
use super::pace::Pace;
use crate::domain::entropy::Entropy;
use crate::domain::grant::Reason;
use crate::domain::ids::{DeviceId, GrantId};
use crate::domain::pin::{Fingerprint, Pin};
use crate::domain::slot::{Slot, SlotKey};
use crate::domain::time::{Instant, Now, Timestamp};
use crate::network::JobId;
use crate::reconcile::evidence::SlotReport;
use std::time::Duration;

/// Something a lock revealed that people want to hear of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Finding {
    /// A code of ours is gone, or another is in its place.
    ChangedAtLock(SlotKey),
    /// A code that is not ours appeared.
    Foreign(SlotKey),
}

/// Patience with every lock.
pub struct Sync {
    pub(super) locks: BTreeMap<DeviceId, Patience>,
    pub(super) jobs: BTreeMap<JobId, (DeviceId, Task)>,
    pub(super) entropy: Entropy,
    pub(super) pace: Pace,
    pub(super) checks: Checks,
    pub(super) check_settings: CheckSettings,
    /// When the first turn was, which may be long after the clock began: a store that comes back brings a new start.
    pub(super) began: Option<Instant>,
}

/// Patience with one lock.
#[derive(Default)]
pub(super) struct Patience {
    /// One step at a time.
    pub(super) busy: Option<JobId>,
    /// Jobs in a row that the lock did not acknowledge.
    pub(super) failures: u32,
    pub(super) parked: Option<Retry>,
    /// It left the last job unanswered, and is tried again then, or just now.
    pub(super) unreachable: Option<Retry>,
    pub(super) slots: BTreeMap<u16, SlotPatience>,
    pub(super) no_slot: BTreeSet<GrantId>,
    /// It may remember a Supervision session of an earlier life of the daemon.
    pub(super) remembers_sessions: bool,
    /// It acknowledges supervised writes and answers none of them.
    pub(super) mute_supervision: bool,
    /// Writes of ours that a report followed at once.
    pub(super) echoes: u8,
    /// Writes of ours since the last of those that had to be read because no report came.
    pub(super) unreported: u8,
    /// Slots that we changed ourselves.
    pub(super) own: BTreeMap<u16, OwnChange>,
    /// Slots without a code of ours that may have been changed at the lock: each is read once to find out.
    pub(super) recheck: BTreeSet<u16>,
    /// When a report last asked for a look at a slot, and how often in a row one did.
    pub(super) looks: BTreeMap<u16, (Instant, u32)>,
    /// What the last look showed of which slots, and when. Fingerprints, so that no code stays in memory.
    pub(super) answered: Option<(Vec<(u16, Fingerprint)>, Instant)>,
    /// The last read that was given up without an answer, of which slot and when.
    pub(super) given_up: Option<(u16, Instant)>,
    /// The slot that is being read was reported on since the question left.
    pub(super) reported_in_read: bool,
    /// The answer to the last read did not count for that reason.
    pub(super) read_again: bool,
    /// When it reported that every code was erased, and the slots that were not read since.
    pub(super) erased: Option<(Instant, BTreeSet<u16>)>,
    /// Its inventory waits for airtime.
    pub(super) pacing: bool,
    /// Its slow check is due, or under way.
    pub(super) check_due: bool,
    pub(super) checking: Option<Run>,
    /// Slots 1 to this exist, as far as is known.
    pub(super) users: u16,
    /// It did not answer the question that also tells the next taken slot.
    pub(super) cannot_walk: bool,
}

/// Our own last change of a slot, which the lock may still report.
#[derive(Clone, Copy)]
pub(super) struct OwnChange {
    /// When its frame ended.
    pub(super) at: Instant,
    /// It put a code there.
    pub(super) wrote: bool,
    /// A report about the slot came since.
    pub(super) reported: bool,
    /// When the one before it ended, if that was of the other kind and is not reported yet.
    pub(super) older: Option<Instant>,
    /// It was made because of a doubt.
    pub(super) settled: bool,
    /// So many in a row were, and each was followed by a report that was not expected.
    pub(super) settles: u32,
}

#[derive(Default)]
pub(super) struct SlotPatience {
    pub(super) failures: u32,
    pub(super) retry: Option<Retry>,
    /// The lock refused the last write, and for this reason if it said so.
    pub(super) refused: Option<Reason>,
    /// The lock reported that it did what is under way.
    pub(super) told: bool,
    /// A report came that may have been that one, from a lock that is not known to send one.
    pub(super) reported: bool,
    /// A report of an older change of ours in this slot may still come.
    pub(super) echo: bool,
    /// The lock reported something of this slot in the middle of our change.
    pub(super) interrupted: bool,
    /// The next write, or the one under way, is made because of a doubt.
    pub(super) settling: bool,
    /// It reported that before our frame left, which was taken back.
    pub(super) overtaken: Option<SlotReport>,
    /// It was looked at right after the last write, and did not have it yet: a second look decides.
    pub(super) too_early: bool,
    /// Looks in a row that the lock left unanswered.
    pub(super) silences: u32,
    /// The last write was acknowledged, and its Supervision Report did not come.
    pub(super) unanswered: bool,
    /// It was in a frame of several codes that the lock refused as a whole: it goes alone.
    pub(super) alone: bool,
}

#[derive(Clone, Copy)]
pub(super) struct Retry {
    pub(super) at: Instant,
    pub(super) wall: Timestamp,
}

impl Retry {
    pub(super) fn after(delay: Duration, now: Now) -> Self {
        Self { at: now.mono + delay, wall: now.wall + delay }
    }
}

pub(super) enum Task {
    Change(Vec<Change>),
    /// The answer to a read.
    Look {
        slot: u16,
    },
    /// The same, for the inventory that began then.
    Survey {
        slot: u16,
        began: Timestamp,
        airtime_before: u64,
    },
    Checksum {
        began: Timestamp,
        airtime_before: u64,
    },
    /// The same for the slow check.
    CheckLook {
        slot: u16,
        airtime_before: u64,
    },
    CheckSum {
        airtime_before: u64,
    },
}

/// One slot in a frame that changes slots.
pub(super) struct Change {
    /// As it was: a frame that never left changed nothing.
    pub(super) before: Slot,
    /// The code it gets; `None` clears.
    pub(super) pin: Option<Pin>,
}

impl Sync {
    /// Whether a lock can have such a slot. Reports of others are outside data that must not grow our tables.
    pub(super) fn exists(&self, key: SlotKey) -> bool {
        let users = self.locks.get(&key.device).map_or(0, |patience| patience.users);
        users == 0 || key.index <= users
    }

    pub(super) fn tries(&mut self, key: SlotKey) -> &mut SlotPatience {
        self.locks.entry(key.device).or_default().slots.entry(key.index).or_default()
    }
}
