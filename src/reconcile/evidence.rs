//! What one report may prove. Beliefs about slots, bolts and batteries change by this table only.
//!
//! A report counts only under the class that its node was granted, or above; the network drops the rest. A lock without
//! keys was granted none, so there a forged report is as good as the lock's own: the table never lets one unasked report
//! make a slot empty, free or ours.
//!
//! | report | slots | may prove | leaves in doubt |
//! | --- | --- | --- | --- |
//! | User Code Report, Extended User Code Report, asked for | those it shows, and the gaps up to its next user id | what is in the slot ([`super::observe`]) | stars: whether they are ours |
//! | the same with status 0xFE, asked for | the one asked for | nothing: neither free nor occupied | the slot: read again, with growing pauses |
//! | the same once more within [`ECHO`], or after its read was given up | those it shows | nothing | stars where ours was confirmed: ours is written once more; a late one: the slot is read again |
//! | User Code Checksum Report, asked for | all | that nothing changed since the sum was taken, or that no code is set | all, where it differs |
//! | Supervision Report, success | those of the frame | that the lock did it | nothing |
//! | Supervision Report, fail | those of the frame | that the frame as a whole was refused | what is there: one read |
//! | radio acknowledgement, or silence | those of the frame | nothing | what is there: one read |
//! | "code added" (0x0E, Alarm 13 and 112), unasked report of an occupied slot | the one it names | our own change, by [`unasked`], if its frame was acknowledged | everything else: the slot is read |
//! | "code deleted" (0x0D, Alarm 33), unasked report of an available slot | the one it names | our own removal, by [`unasked`], if its frame was acknowledged | everything else: the slot is read |
//! | unasked report with status 0xFE | the one it names | nothing | the slot is read |
//! | "all codes deleted" (0x0C, Alarm 32), report of user 0 with status 0 and no code bytes | all | that the lock says so (an event) | every slot is read before anything is written |
//! | report of user 0 with anything else in it | none | that a code was denied | nothing |
//! | "duplicate code" (0x0F, Alarm 113) | the one it names | why a write of ours that is not confirmed was refused | nothing |
//! | a code was used | the one it names | nothing about what is stored | a slot that was believed empty |
//! | a code was denied, keypad locked out | none | nothing about what is stored | nothing |
//! | Door Lock Operation Report, lock and unlock events, jam and its end | the bolt | by [`bolt`] | the bolt, after a jam ended |
//! | Battery Report | the battery | 0 to 100 and the warning 0xFF; other levels are reserved and prove nothing | nothing |

use std::time::Duration;

use crate::domain::device::LockState;
use crate::domain::slot::{Doing, Progress};

/// The first report after our own change of a slot is a lock's report of that change, if it comes within this and the lock
/// is known to send one.
pub const ECHO: Duration = Duration::from_secs(2);
/// A lock repeats what was not acknowledged, and busy air holds reports up: one of our own change may still come so late.
pub const LATE_ECHO: Duration = Duration::from_secs(60);

/// An unasked report about one slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SlotReport {
    /// A code was added there, or something is there.
    Occupied,
    /// The code was deleted there, or nothing is there.
    Empty,
    /// The lock does not say.
    NotAvailable,
}

/// Our own last change of a slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OwnChange {
    /// It put a code there; otherwise it took one out.
    pub wrote: bool,
    /// How long ago the frame ended.
    pub ago: Duration,
    /// A report about the slot came since.
    pub reported: bool,
}

/// What is known of a slot when an unasked report about it comes.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances {
    /// What is under way there.
    pub progress: Progress,
    /// The frame under way may have reached the lock.
    pub has_left: bool,
    /// A code of ours was confirmed there.
    pub is_confirmed: bool,
    /// The slot is known to be empty.
    pub is_empty: bool,
    /// Our own last change there whose frame ended.
    pub own: Option<OwnChange>,
    /// The one before that, or before the change that is under way.
    pub older: Option<OwnChange>,
    /// The daemon started so recently that reports of changes before the start may still come.
    pub just_started: bool,
    /// The lock is known to report our own changes.
    pub echoes: bool,
}

impl Circumstances {
    /// The first report within the time in which a lock reports our own change.
    pub fn is_first(&self) -> bool {
        let under_way = matches!(self.progress, Progress::Sending { .. }) && self.has_left;
        under_way || self.own.is_some_and(|own| !own.reported && own.ago < ECHO)
    }

    fn is_own_echo(&self, wrote: bool) -> bool {
        let same = match self.progress {
            Progress::Sending { doing } | Progress::Verifying { doing, .. } => matches!(doing, Doing::Write { .. }) == wrote,
            Progress::Idle | Progress::Doubted { .. } => self.own.is_some_and(|own| own.wrote == wrote),
            Progress::RowDoubted => false,
        };
        self.echoes && same && self.is_first()
    }

    /// Whether it reports our change before the last one: a code is cleared, and another written right after.
    fn is_older_echo(&self, wrote: bool) -> bool {
        let is_other_kind = match self.progress {
            Progress::Sending { doing } | Progress::Verifying { doing, .. } => matches!(doing, Doing::Write { .. }) != wrote,
            Progress::Idle | Progress::Doubted { .. } => self.own.is_some_and(|own| own.wrote != wrote),
            Progress::RowDoubted => false,
        };
        is_other_kind && self.older.is_some_and(|older| older.wrote == wrote && !older.reported && older.ago < ECHO)
    }

    fn may_be_late_echo(&self) -> bool {
        self.just_started || self.own.is_some_and(|own| own.wrote && own.ago < LATE_ECHO)
    }
}

/// What an unasked report about one slot proves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Proof {
    /// Nothing that was not known.
    Nothing,
    /// It is the lock's report of our own change.
    OwnEcho,
    /// The slot was changed at the lock before our frame left: the frame must not leave, and the slot is read.
    Overtaken,
    /// The lock reports something about the slot in the middle of our change: the outcome is read, and stars are not ours.
    Interrupted,
    /// The confirmed code may not be there any more: the slot is read.
    Doubt {
        /// Or it is a late report of our own last write.
        own_echo: bool,
        /// The code may have been deleted.
        deleted: bool,
    },
    /// What is in the slot is unknown: it is read.
    Unknown,
}

/// Weighs an unasked report about one slot.
pub fn unasked(report: SlotReport, at: &Circumstances) -> Proof {
    let wrote = report == SlotReport::Occupied;
    if report != SlotReport::NotAvailable && at.is_own_echo(wrote) {
        return Proof::OwnEcho;
    }
    if report != SlotReport::NotAvailable && at.is_older_echo(wrote) {
        return Proof::Nothing;
    }
    match at.progress {
        // It is read in any case.
        Progress::RowDoubted => Proof::Nothing,
        Progress::Sending { .. } if !at.has_left => Proof::Overtaken,
        Progress::Sending { .. } | Progress::Verifying { .. } => Proof::Interrupted,
        Progress::Idle | Progress::Doubted { .. } if at.is_confirmed => {
            // What was deleted left no other code: writing ours there again overwrites nothing. Whether it was deleted is
            // read.
            match report {
                SlotReport::Occupied => Proof::Doubt { own_echo: at.may_be_late_echo(), deleted: false },
                SlotReport::Empty | SlotReport::NotAvailable => Proof::Doubt { own_echo: true, deleted: true },
            }
        }
        Progress::Idle | Progress::Doubted { .. } if report == SlotReport::Empty && at.is_empty => Proof::Nothing,
        Progress::Idle | Progress::Doubted { .. } => Proof::Unknown,
    }
}

/// What a report may know of a bolt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BoltReport {
    Locked,
    Unlocked,
    /// It did not get where it should.
    Jammed,
    /// The jam is over; where the bolt is, is not said.
    JamEnded,
    /// The lock does not know where it is (mode 0xFE).
    Unknown,
}

/// Where a bolt is after a report: a report changes only what it knows, and a jam ends with its own end or with a known bolt.
pub fn bolt(before: LockState, report: BoltReport) -> LockState {
    match (report, before) {
        (BoltReport::Locked, _) => LockState::Locked,
        (BoltReport::Unlocked, _) => LockState::Unlocked,
        (BoltReport::Jammed, _) | (BoltReport::Unknown, LockState::Jammed) => LockState::Jammed,
        (BoltReport::JamEnded, LockState::Jammed) => LockState::Unknown,
        (BoltReport::JamEnded, other) => other,
        (BoltReport::Unknown, _) => LockState::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::Generation;

    const WRITE: Doing = Doing::Write { generation: Generation(1), was_empty: false };
    const CLEAR: Doing = Doing::Clear { generation: Generation(1) };

    fn at_rest() -> Circumstances {
        Circumstances {
            progress: Progress::Idle,
            has_left: false,
            is_confirmed: true,
            is_empty: false,
            own: None,
            older: None,
            just_started: false,
            echoes: true,
        }
    }

    fn wrote(ago: u64, reported: bool) -> Option<OwnChange> {
        Some(OwnChange { wrote: true, ago: Duration::from_millis(ago), reported })
    }

    fn added(at: &Circumstances) -> Proof {
        unasked(SlotReport::Occupied, at)
    }

    #[test]
    fn the_first_report_after_our_write_costs_no_frame_at_a_lock_that_is_known_to_send_one() {
        assert_eq!(added(&Circumstances { own: wrote(300, false), ..at_rest() }), Proof::OwnEcho);
        for odd in [
            Circumstances { own: wrote(300, true), ..at_rest() },
            Circumstances { own: wrote(2_000, false), ..at_rest() },
            Circumstances { own: wrote(300, false), echoes: false, ..at_rest() },
        ] {
            assert_eq!(added(&odd), Proof::Doubt { own_echo: true, deleted: false }, "{odd:?}");
        }
    }

    #[test]
    fn a_code_programmed_over_ours_is_never_taken_for_our_own_write() {
        for own in [None, wrote(60_000, false), wrote(60_000, true)] {
            let doubt = Proof::Doubt { own_echo: false, deleted: false };
            assert_eq!(added(&Circumstances { own, ..at_rest() }), doubt, "{own:?}");
        }
        // A start settles nothing, either: it may be late, and is looked at.
        let late = Proof::Doubt { own_echo: true, deleted: false };
        assert_eq!(added(&Circumstances { just_started: true, ..at_rest() }), late);
    }

    #[test]
    fn a_report_from_before_our_frame_left_does_not_confirm_it() {
        let waiting = Circumstances { progress: Progress::Sending { doing: WRITE }, has_left: false, ..at_rest() };
        assert_eq!(added(&waiting), Proof::Overtaken);
        assert_eq!(added(&Circumstances { has_left: true, ..waiting }), Proof::OwnEcho);
        assert_eq!(added(&Circumstances { has_left: true, echoes: false, ..waiting }), Proof::Interrupted);
        let clearing = Circumstances { progress: Progress::Sending { doing: CLEAR }, has_left: true, ..at_rest() };
        assert_eq!(added(&clearing), Proof::Interrupted, "another's code, in the middle of a removal");
        assert_eq!(unasked(SlotReport::Empty, &clearing), Proof::OwnEcho);
    }

    #[test]
    fn the_report_of_a_clear_that_comes_in_the_middle_of_the_write_after_it_is_no_other_hand() {
        let older = Some(OwnChange { wrote: false, ago: Duration::from_millis(150), reported: false });
        for progress in [Progress::Sending { doing: WRITE }, Progress::Verifying { doing: WRITE, acked: true }] {
            let writing = Circumstances { progress, has_left: true, older, ..at_rest() };
            assert_eq!(unasked(SlotReport::Empty, &writing), Proof::Nothing);
            assert_eq!(unasked(SlotReport::Empty, &Circumstances { older: None, ..writing }), Proof::Interrupted);
        }
    }

    #[test]
    fn no_single_report_makes_a_slot_empty_free_or_ours() {
        let nobody_s = Circumstances { is_confirmed: false, ..at_rest() };
        let free = Circumstances { is_empty: true, ..nobody_s };
        for report in [SlotReport::Occupied, SlotReport::Empty, SlotReport::NotAvailable] {
            assert_eq!(unasked(report, &nobody_s), Proof::Unknown, "{report:?}");
        }
        assert_eq!(added(&free), Proof::Unknown);
        assert_eq!(unasked(SlotReport::NotAvailable, &free), Proof::Unknown);
        assert_eq!(unasked(SlotReport::Empty, &free), Proof::Nothing);
        assert_eq!(unasked(SlotReport::Empty, &at_rest()), Proof::Doubt { own_echo: true, deleted: true });
    }

    #[test]
    fn a_jam_ends_with_its_end_or_with_a_known_bolt_and_with_nothing_else() {
        use BoltReport as Report;
        assert_eq!(bolt(LockState::Jammed, Report::Unknown), LockState::Jammed);
        assert_eq!(bolt(LockState::Jammed, Report::JamEnded), LockState::Unknown);
        assert_eq!(bolt(LockState::Jammed, Report::Locked), LockState::Locked);
        assert_eq!(bolt(LockState::Locked, Report::JamEnded), LockState::Locked);
        assert_eq!(bolt(LockState::Locked, Report::Unknown), LockState::Unknown);
        assert_eq!(bolt(LockState::Unlocked, Report::Jammed), LockState::Jammed);
    }
}
