//! What the wall clock is worth. A Raspberry Pi has no clock of its own: after a power cut it believes that it is still
//! the time of its last shutdown, until the network tells it better; and anybody can set a clock.
//!
//! - **Trust** comes from the kernel's word (or the operator's), and outlives it by a week: a clock that was
//!   right yesterday and was not set since is good to the minute.
//! - **The high-water time** is the latest trusted time, kept on disk: no untrusted clock is believed to be earlier.
//! - **A step** is what the wall clock did and the monotonic clock did not.

use std::time::Duration;

use crate::domain::batch::Write;
use crate::domain::time::{BootId, Deadline, Instant, Now, Timestamp};

/// So long after the kernel's last word a clock that was not set is still trusted: a quartz loses about a minute.
const TRUST_LASTS: Duration = Duration::from_secs(7 * 24 * 3600);
/// What is no drift any more.
const STEP: Duration = Duration::from_secs(300);
/// The high-water time goes to the disk with other changes, at most so often …
const NOTE_WITH_OTHERS: Duration = Duration::from_secs(15 * 60);
/// … and by itself, if there are none.
const NOTE_ALONE: Duration = Duration::from_secs(3600);

/// The wall clock was set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Step {
    /// By so many milliseconds; negative: back.
    pub by_millis: i64,
    /// The time after it.
    pub at: Timestamp,
    /// The clock was trusted before: setting it was no correction.
    pub was_trusted: bool,
}

/// When something about the clock could be written down.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Occasion {
    /// Something else is written anyway.
    WithOthers,
    Alone,
    Stopping,
}

/// Watches the wall clock.
#[derive(Clone, Debug)]
pub struct ClockWatch {
    /// The last trusted time and when that was: it can't be earlier than this, and what has gone since.
    floor: Option<(Timestamp, Instant)>,
    last: Option<Now>,
    /// When the clock was last known to be right.
    vouched: Option<Instant>,
    trusted: bool,
    steps: u64,
    step: Option<Step>,
    /// What is on the disk, and since when.
    noted: Option<Timestamp>,
    noted_at: Instant,
    boot: Option<BootId>,
    new_boot: bool,
}

impl ClockWatch {
    /// A watch that begins with what the store has, in the boot that the kernel names.
    pub fn new(high_water: Option<Timestamp>, noted_boot: Option<BootId>, boot: Option<BootId>) -> Self {
        Self {
            floor: high_water.map(|at| (at, Instant::ZERO)),
            last: None,
            vouched: None,
            trusted: false,
            steps: 0,
            step: None,
            noted: high_water,
            noted_at: Instant::ZERO,
            new_boot: boot.is_none() || boot != noted_boot,
            boot,
        }
    }

    /// The time of a turn, as it is to be believed.
    pub fn read(&mut self, now: Now) -> Now {
        self.notice_step(now);
        if now.trusted {
            self.vouched = Some(now.mono);
        }
        self.trusted = self.vouched.is_some_and(|at| now.mono.since(at) < TRUST_LASTS);
        self.last = Some(now);
        if self.trusted {
            self.floor = Some((now.wall, now.mono));
            return Now { trusted: true, ..now };
        }
        let floor = self.floor.map(|(wall, at)| wall + now.mono.since(at));
        Now { wall: floor.map_or(now.wall, |floor| floor.max(now.wall)), ..now }
    }

    fn notice_step(&mut self, now: Now) {
        let Some(last) = self.last else { return };
        let went = now.wall.as_millis().saturating_sub(last.wall.as_millis());
        let passed = i64::try_from(now.mono.since(last.mono).as_millis()).unwrap_or(i64::MAX);
        let by_millis = went.saturating_sub(passed);
        if u128::from(by_millis.unsigned_abs()) <= STEP.as_millis() {
            return;
        }
        let step = Step { by_millis, at: now.wall, was_trusted: self.trusted };
        if step.was_trusted {
            tracing::warn!(by_s = by_millis / 1000, "the wall clock was set although it was right; who did that?");
        } else {
            tracing::info!(by_s = by_millis / 1000, "the wall clock was set");
        }
        self.steps += 1;
        self.step = Some(step);
        self.vouched = None;
    }

    /// Whether what was stored before this start is as old as the wall clock says: it went on without a gap, or is right.
    pub fn tells_age_of_the_past(&self) -> bool {
        self.trusted || !self.new_boot
    }

    /// How often the clock was set since the start, and the last time.
    pub fn steps(&self) -> (u64, Option<Step>) {
        (self.steps, self.step)
    }

    /// What of this is to be written down on this occasion.
    pub fn note(&mut self, occasion: Occasion, now: Now) -> Vec<Write> {
        let rest = match occasion {
            Occasion::Stopping => Duration::ZERO,
            Occasion::WithOthers if self.noted.is_none() => Duration::ZERO,
            Occasion::WithOthers => NOTE_WITH_OTHERS,
            Occasion::Alone => NOTE_ALONE,
        };
        let mut writes = Vec::new();
        if occasion != Occasion::Alone && self.new_boot {
            writes.extend(self.boot.take().map(Write::Boot));
        }
        if self.trusted && now.mono.since(self.noted_at) >= rest {
            self.noted_at = now.mono;
            if self.noted.is_none_or(|noted| noted < now.wall) {
                self.noted = Some(now.wall);
                writes.push(Write::HighWater(now.wall));
            }
        }
        writes
    }

    /// When the time is to be kept although nothing else is.
    pub fn deadline(&self) -> Option<Deadline> {
        self.trusted.then_some(Deadline { at: self.noted_at + NOTE_ALONE, why: "the high-water time is kept" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3_600_000;
    const TEN: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    fn at(mono: u64, wall: Timestamp, trusted: bool) -> Now {
        Now { mono: Instant::from_millis(mono), wall, trusted }
    }

    fn boot(name: &str) -> Option<BootId> {
        Some(BootId(name.into()))
    }

    fn back(time: Timestamp, millis: u64) -> Timestamp {
        Timestamp::from_millis(time.as_millis() - i64::try_from(millis).unwrap())
    }

    #[test]
    fn a_saved_clock_does_not_turn_time_back() {
        let mut watch = ClockWatch::new(Some(TEN), boot("a"), boot("b"));
        let believed = watch.read(at(0, back(TEN, HOUR), false));
        assert_eq!((believed.wall, believed.trusted), (TEN, false));
        let later = watch.read(at(HOUR, TEN, false));
        assert_eq!(later.wall, TEN + Duration::from_millis(HOUR), "what has gone since the start counts");
        assert!(!watch.tells_age_of_the_past(), "nobody knows for how long the power was off");
        let synchronised = watch.read(at(HOUR + 1, TEN + Duration::from_secs(86_400), true));
        assert_eq!(synchronised.wall, TEN + Duration::from_secs(86_400));
        assert!(synchronised.trusted && watch.tells_age_of_the_past());
    }

    #[test]
    fn a_restart_without_a_power_cut_knows_how_old_things_are() {
        let watch = ClockWatch::new(None, boot("a"), boot("a"));
        assert!(watch.tells_age_of_the_past());
        assert!(!ClockWatch::new(None, None, None).tells_age_of_the_past(), "a kernel that names no boot proves nothing");
    }

    #[test]
    fn a_clock_that_is_set_although_it_was_right_is_noticed_and_believed_no_more() {
        let mut watch = ClockWatch::new(None, None, boot("a"));
        watch.read(at(0, TEN, true));
        assert!(watch.read(at(1000, TEN + Duration::from_secs(1), false)).trusted, "the kernel lost its source: still right");
        let stepped = watch.read(at(2000, back(TEN, HOUR), false));
        assert!(!stepped.trusted);
        assert_eq!(stepped.wall, TEN + Duration::from_secs(2), "set back by an hour, and not believed");
        let (steps, step) = watch.steps();
        assert_eq!((steps, step.map(|step| step.was_trusted)), (1, Some(true)));
        assert_eq!(step.map(|step| step.by_millis / 1000), Some(-3602));
    }

    #[test]
    fn a_slow_clock_is_no_step() {
        let mut watch = ClockWatch::new(None, None, boot("a"));
        for n in 0..10_000 {
            // A tenth too slow, looked at every minute.
            watch.read(at(n * 60_000, TEN + Duration::from_millis(n * 54_000), false));
        }
        assert_eq!(watch.steps().0, 0);
    }

    #[test]
    fn trust_ends_when_nobody_vouched_for_a_week() {
        let mut watch = ClockWatch::new(None, None, boot("a"));
        watch.read(at(0, TEN, true));
        let day = 24 * HOUR;
        for n in 1..=8 {
            let now = watch.read(at(n * day, TEN + Duration::from_millis(n * day), false));
            assert_eq!(now.trusted, n < 7, "day {n}");
        }
    }

    #[test]
    fn the_high_water_time_costs_a_write_an_hour_at_most_when_nothing_happens() {
        let mut watch = ClockWatch::new(None, None, boot("a"));
        let mut writes = 0;
        for minute in 0..=600_u64 {
            let now = watch.read(at(minute * 60_000, TEN + Duration::from_secs(minute * 60), true));
            writes += watch.note(Occasion::Alone, now).len();
            assert!(watch.deadline().is_some_and(|due| due.at > now.mono), "wakes up for ever");
        }
        assert_eq!(writes, 10);
    }

    #[test]
    fn a_clock_that_is_far_ahead_and_not_trusted_leaves_no_mark() {
        let mut watch = ClockWatch::new(Some(TEN), None, boot("a"));
        let now = watch.read(at(0, TEN + Duration::from_secs(1_000_000_000), false));
        assert_eq!(watch.note(Occasion::Stopping, now), [Write::Boot(BootId("a".into()))]);
    }
}
